//! `make demo`: the daemon's real job on recorded scenes, and a check that it did it.
//!
//! Enrols two people from photos, lets `doorward run` watch a listed person, an
//! empty wall and a stranger, then reads the audit log back. Exits with 1 if the
//! wrong people were let in or the relay did not do what the configuration says.

mod scene;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use scene::{Person, Scene};
use serde_json::Value;

const LISTED: &str = "Barack Obama";
const LISTED_TOO: &str = "Eileen Collins";

fn scenes() -> Vec<Scene> {
    let empty = |name| Scene {
        name,
        person: None,
        frames: 30,
    };
    vec![
        empty("1-nobody"),
        Scene {
            name: "2-listed-person",
            person: Some(Person {
                photo: "barack-obama/03.jpg",
                centre: (433.0, 241.0),
                face_px: 152.0,
            }),
            frames: 45,
        },
        empty("3-nobody"),
        Scene {
            name: "4-stranger",
            person: Some(Person {
                photo: "grace-hopper/01.jpg",
                centre: (256.0, 225.0),
                face_px: 184.0,
            }),
            frames: 45,
        },
        empty("5-nobody"),
    ]
}

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Doorward {
    program: PathBuf,
    project: PathBuf,
}

impl Doorward {
    /// Starts a command of the real program with the demo's configuration.
    fn command(&self, arguments: &[&str]) -> Command {
        println!("\n$ doorward {}", arguments.join(" "));
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.project)
            .env("DOORWARD_CONFIG", "config/demo.toml")
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let status = self.command(arguments).status()?;
        ensure!(
            status.success(),
            "doorward {} ended with {status}",
            arguments.join(" ")
        );
        Ok(())
    }

    fn records(&self) -> anyhow::Result<Vec<Value>> {
        let output = self
            .command(&["events", "--json", "--limit", "1000"])
            .output()?;
        ensure!(
            output.status.success(),
            "doorward events ended with {}",
            output.status
        );
        String::from_utf8(output.stdout)?
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }
}

fn demo() -> anyhow::Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
    let program = std::env::current_exe()?
        .ancestors()
        .nth(2)
        .context("where the program was built")?
        .join("doorward");
    ensure!(
        program.exists(),
        "{} is missing: run `make demo`",
        program.display()
    );
    let doorward = Doorward { program, project };
    let folder = doorward.project.join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    println!("Recording {} scenes into demo/scenes ...", scenes().len());
    for scene in scenes() {
        scene.render(
            &doorward.project.join("tests/photos"),
            &folder.join("scenes"),
        )?;
    }

    doorward.run(&[
        "enroll",
        LISTED,
        "tests/photos/barack-obama/01.jpg",
        "tests/photos/barack-obama/02.jpg",
    ])?;
    doorward.run(&["enroll", LISTED_TOO, "tests/photos/eileen-collins/01.jpg"])?;
    doorward.run(&["people", "list"])?;
    doorward.run(&["run"])?;
    let records = doorward.records()?;
    doorward.run(&["events", "--verify"])?;
    doorward.run(&[
        "identify",
        "demo/scenes/2-listed-person/040.jpg",
        "--annotate",
        "demo/annotated.png",
    ])?;
    report(&doorward, &records)
}

/// What one scene led to.
#[derive(Default)]
struct Outcome {
    who: String,
    score: Option<f64>,
    threshold: Option<f64>,
    decision: &'static str,
    grants: Vec<String>,
    denials: usize,
    pulse_ms: Option<u64>,
    frame_ms: Option<f64>,
    delay_ms: Option<f64>,
}

impl Outcome {
    fn of(scene: &str, records: &[Value]) -> Self {
        let mut outcome = Self {
            who: "-".into(),
            decision: "nothing to decide",
            ..Self::default()
        };
        for record in records {
            let event = &record["event"];
            let kind = event["kind"].as_str().unwrap_or_default();
            let origin = event["frame"]["name"].as_str().unwrap_or_default();
            if !origin.starts_with(scene) || !matches!(kind, "granted" | "denied") {
                continue;
            }
            outcome.who = event["person"]["name"]
                .as_str()
                .unwrap_or("nobody listed")
                .into();
            outcome.score = event["score"].as_f64();
            outcome.threshold = event["threshold"].as_f64();
            outcome.frame_ms = event["frame"]["vision_ms"].as_f64();
            outcome.delay_ms = event["frame"]["age_ms"].as_f64();
            if kind == "granted" {
                outcome.decision = "granted";
                outcome.grants.push(outcome.who.clone());
                outcome.pulse_ms = records
                    .iter()
                    .map(|r| &r["event"])
                    .find(|e| e["kind"] == "locked" && e["by"]["grant"] == record["id"])
                    .and_then(|e| e["energised_ms"].as_u64());
            } else {
                outcome.decision = "denied";
                outcome.denials += 1;
            }
        }
        outcome
    }
}

fn report(doorward: &Doorward, records: &[Value]) -> anyhow::Result<()> {
    let config = doorward::config::Config::load(&doorward.project.join("config/demo.toml"))?;
    println!(
        "\n{:<17} {:<17} {:>6} {:>10} {:<18} {:>12} {:>13} {:>14}",
        "scene",
        "nearest person",
        "score",
        "threshold",
        "decision",
        "relay pulse",
        "ms a frame",
        "frame to word"
    );
    let mut faults = Vec::new();
    for scene in scenes() {
        let outcome = Outcome::of(scene.name, records);
        let number =
            |v: Option<f64>, digits: usize| v.map_or("-".into(), |v| format!("{v:.digits$}"));
        println!(
            "{:<17} {:<17} {:>6} {:>10} {:<18} {:>12} {:>13} {:>14}",
            scene.name,
            outcome.who,
            number(outcome.score, 3),
            number(outcome.threshold, 3),
            outcome.decision,
            outcome
                .pulse_ms
                .map_or("none".into(), |ms| format!("{ms} ms")),
            number(outcome.frame_ms, 1),
            outcome
                .delay_ms
                .map_or("-".into(), |ms| format!("{ms:.0} ms")),
        );
        match scene.name {
            "2-listed-person" => {
                if outcome.grants != [LISTED] {
                    faults.push(format!(
                        "{}: granted {:?}, not {LISTED} once",
                        scene.name, outcome.grants
                    ));
                }
                // A pulse may end late by a scheduler's whim, never early, never long.
                match outcome.pulse_ms {
                    Some(ms) if ms.abs_diff(config.door.pulse_ms) <= 250 => {}
                    other => faults.push(format!(
                        "{}: the relay was on for {other:?} ms, the configuration says {}",
                        scene.name, config.door.pulse_ms
                    )),
                }
            }
            "4-stranger" => {
                if !outcome.grants.is_empty() || outcome.denials == 0 {
                    faults.push(format!(
                        "{}: a stranger must be denied and not granted",
                        scene.name
                    ));
                }
            }
            _ => {
                if !outcome.grants.is_empty() || outcome.denials > 0 {
                    faults.push(format!("{}: a decision about nobody", scene.name));
                }
            }
        }
    }
    let unlocked = records
        .iter()
        .filter(|r| r["event"]["kind"] == "unlocked")
        .count();
    if unlocked != 1 {
        faults.push(format!(
            "the relay was energised {unlocked} times, not once"
        ));
    }
    let level = std::fs::read_to_string(&config.relay.state_file)?;
    if level.trim() != "released" {
        faults.push(format!("the relay was left {:?}", level.trim()));
    }
    println!(
        "\nThe annotated picture is demo/annotated.png; the audit log is in demo/doorward.db."
    );
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    println!(
        "One listed person let in once, a stranger denied, the relay locked again: as it should be."
    );
    Ok(())
}
