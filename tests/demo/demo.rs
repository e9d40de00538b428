//! `make demo`: the daemon's real job on recorded scenes, and a check that it did it.
//!
//! Enrols two people from photos, lets `doorward run` watch a listed person, an
//! empty wall and a stranger, then reads the audit log back. Exits with 1 if the
//! wrong people were let in or the relay did not do what the configuration says.

mod hands;
mod scene;
mod scenes;
mod tiles;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use scenes::scenes;
use serde_json::Value;

const LISTED: &str = "Barack Obama";
const LISTED_TOO: &str = "Eileen Collins";

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

const CONFIG: &str = "config/demo.toml";

impl Doorward {
    /// A command as it has to be typed in the project's folder.
    fn typed(&self, config: &str, arguments: &[&str]) -> String {
        let program = self.program.strip_prefix(&self.project);
        let program = program.unwrap_or(&self.program).display().to_string();
        let words = [&[program.as_str(), "--config", config][..], arguments].concat();
        let words: Vec<String> = words.into_iter().map(shell_word).collect();
        words.join(" ")
    }

    fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.project)
            .args(["--config", CONFIG])
            .args(arguments);
        command
    }

    /// Runs a command of the real program, and shows it and what it prints.
    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        println!("\n$ {}", self.typed(CONFIG, arguments));
        let status = self.prepared(arguments).status()?;
        ensure!(
            status.success(),
            "doorward {} ended with {status}",
            arguments.join(" ")
        );
        Ok(())
    }

    /// What a command prints for programs, a value a line.
    fn json(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        let output = self.prepared(arguments).output()?;
        ensure!(
            output.status.success(),
            "doorward {} ended with {}",
            arguments.join(" "),
            output.status
        );
        String::from_utf8(output.stdout)?
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@,:=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What an earlier demo left; what people put beside it stays.
fn clear(folder: &Path) -> std::io::Result<()> {
    let own = [
        "scenes",
        "scenes.jpg",
        "doorward.db",
        "doorward.db-wal",
        "doorward.db-shm",
        "relay",
        "door",
        "panel",
    ];
    for name in own {
        let path = folder.join(name);
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else if path.exists() {
            std::fs::remove_file(path)?;
        }
    }
    // For the whitelist of whoever goes on with a camera.
    std::fs::create_dir_all(folder.join("mine"))
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
    clear(&folder)?;
    println!("Recording {} scenes into demo/scenes ...", scenes().len());
    for scene in scenes() {
        scene.render(
            &doorward.project.join("tests/photos"),
            &folder.join("scenes"),
        )?;
    }

    println!("\nTwo people are put on the whitelist:");
    doorward.run(&[
        "enroll",
        LISTED,
        "tests/photos/barack-obama/01.jpg",
        "tests/photos/barack-obama/02.jpg",
    ])?;
    doorward.run(&["enroll", LISTED_TOO, "tests/photos/eileen-collins/01.jpg"])?;
    doorward.run(&["people", "list"])?;
    println!(
        "\nThe door is guarded until the recording ends, some 17 seconds. Whoever is let in opens \
         the door;\nsomebody leaves by the exit button; at the end the door is forced:"
    );
    let hands = hands::at(&folder);
    doorward.run(&["run"])?;
    hands
        .join()
        .map_err(|_| anyhow::anyhow!("nobody was at the door"))??;
    println!("\nWhat happened is on record:");
    doorward.run(&["events"])?;
    doorward.run(&["events", "--verify"])?;
    let records = doorward.json(&["events", "--json", "--limit", "1000"])?;
    report(&doorward, &records)?;
    tiles::draw(&doorward, &records, &folder)?;
    println!("The picture demo/scenes.jpg shows each scene and what was decided.");
    next_steps(&doorward);
    Ok(())
}

/// How to go on with one's own face.
fn next_steps(doorward: &Doorward) {
    let two = |config: &str| {
        for arguments in [&["enroll", "Your Name", "--camera"][..], &["run"]] {
            println!("  {}", doorward.typed(config, arguments));
        }
    };
    println!(
        "\nNow with your own face; all of it stays in demo/mine, and the door is a file there."
    );
    println!(
        "\nWith your webcam, /dev/video0 (another one: camera.device in config/webcam.toml):\n"
    );
    println!("  {}", doorward.typed("config/webcam.toml", &["try"]));
    two("config/webcam.toml");
    println!("\n  `try` shows live what the camera makes of you; Ctrl-C ends it, and `run`.");
    println!(
        "\nOr with a clip of 5 to 10 seconds of you, and nobody else, looking into the camera and\nmoving a little, as people do at a door. It stands for the camera then. (ffmpeg: sudo apt\ninstall ffmpeg.)\n"
    );
    println!(
        "  ffmpeg -i YOUR_CLIP.mp4 -an -vf scale=640:-2,fps=15 -q:v 3 -y demo/mine/clip.mjpeg"
    );
    two("config/clip.toml");
    println!("  {}", doorward.typed("config/clip.toml", &["events"]));
    println!(
        "\n  `run` ends with the clip. `events` shows what was decided: `granted Your Name` is the\n  door opened for you. With a clip of somebody else, made and run alike, it says `denied`.\n  rm -r demo/mine begins again."
    );
    println!("\nA real door: \"Install\" in README.md.");
}

/// What one scene led to.
#[derive(Default)]
struct Outcome {
    who: String,
    /// The frame that decided, below `demo/scenes`.
    frame: Option<String>,
    score: Option<f64>,
    threshold: Option<f64>,
    decision: &'static str,
    /// Its code, of a denial.
    reason: Option<String>,
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
            outcome.frame = Some(origin.into());
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
                outcome.decision = match event["reason"].as_str() {
                    Some("frozen_face") => "denied: a picture",
                    _ => "denied",
                };
                outcome.reason = event["reason"].as_str().map(str::to_owned);
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
        "decided after"
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
            "6-photo" => {
                if !outcome.grants.is_empty() || outcome.reason.as_deref() != Some("frozen_face") {
                    faults.push(format!(
                        "{}: a photo on a stand must be denied as one",
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
    let count = |kind: &str| {
        let of = records.iter().filter(|r| r["event"]["kind"] == kind);
        of.count()
    };
    // For the grant and for the exit button, each time on record before; somebody went through.
    for (kind, times) in [
        ("unlocked", 2),
        ("rex", 1),
        ("access_taken", 2),
        ("forced_open", 1),
    ] {
        if count(kind) != times {
            faults.push(format!("{} x {kind}, not {times}", count(kind)));
        }
    }
    let level = std::fs::read_to_string(&config.relay.state_file)?;
    if level.trim() != "released" {
        faults.push(format!("the relay was left {:?}", level.trim()));
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    println!(
        "\nms a frame: what the networks took for the frame that decided; decided after: from when \
         that frame was\ntaken until the decision. A score at the threshold or above it is a match."
    );
    println!(
        "\nOne listed person let in once, a stranger and a photo denied, one exit, a forced door told \
         of, the\nrelay locked again: as it should be."
    );
    Ok(())
}
