//! The command line at its daily work: who came, who is listed, and what a command ends with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::Output;

use doorward::cohort::Score;
use doorward::embedding::ModelVersion;
use doorward::person::PersonId;
use doorward::record::{
    CameraLoss, Cues, DenialReason, Denied, Event, FrameRef, GrantReason, Granted, PersonRef,
    Recognition, Stamp, WhichCamera,
};
use doorward::whitelist::{self, NewTemplate};
use serde_json::Value;
use support::origin;
use support::site::{Site, said};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A site with a whitelist made up: no network runs for it.
fn listed(names: &[&str]) -> Site {
    let site = Site::new().with("TZ", "UTC");
    let mut database = doorward::database::Database::open(&site.at("doorward.db")).unwrap();
    for (n, name) in names.iter().enumerate() {
        let templates: Vec<NewTemplate> = (0..2).map(|turn| template(n, turn)).collect();
        whitelist::enroll(&mut database, name, &templates, &origin()).unwrap();
    }
    site
}

fn template(person: usize, turn: usize) -> NewTemplate {
    let mut values = vec![0.0; 8];
    values[person % 8] = 1.0;
    values[(person + 1) % 8] = 0.1 * turn as f32;
    let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let values = values.into_iter().map(|v| v / norm).collect();
    let model = ModelVersion::new("made-up@00000000");
    NewTemplate {
        embedding: doorward::embedding::Embedding::new(&model, values).unwrap(),
        source: format!("{turn}.jpg"),
        photo: None,
    }
}

fn frame() -> FrameRef {
    FrameRef {
        name: "7".into(),
        vision_ms: 40.0,
        age_ms: 60.0,
    }
}

fn granted(id: i64, name: &str) -> Event {
    Event::Granted(Granted {
        reason: GrantReason::Recognised,
        recognition: Recognition {
            person: PersonRef::new(PersonId(id), name),
            score: Score::new(0.875),
            threshold: Score::new(0.5),
            frames: 3,
            model: ModelVersion::new("made-up@00000000"),
            frame: frame(),
        },
        with: None,
        cues: None,
        factors: Vec::new(),
        challenge: None,
    })
}

/// A stranger whom somebody was nearest to.
fn refused(id: i64, name: &str) -> Event {
    Event::Denied(Denied {
        reason: DenialReason::NotListed,
        person: Some(PersonRef::new(PersonId(id), name)),
        score: Some(Score::new(0.25)),
        threshold: Some(Score::new(0.5)),
        frames: 4,
        model: ModelVersion::new("made-up@00000000"),
        frame: frame(),
        measured: None,
        challenge: None,
        cues: None,
        left_out: std::num::NonZeroU32::new(2),
    })
}

fn happened(site: &Site, at_ms: i64, event: &Event) {
    let stamp = Stamp {
        at_ms,
        ..Stamp::now()
    };
    site.log().append(&stamp, event).unwrap();
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output))
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

fn code(output: &Output) -> i32 {
    output
        .status
        .code()
        .unwrap_or_else(|| panic!("{}", said(output)))
}

#[test]
fn a_number_a_name_and_a_former_name_mean_one_person_everywhere() {
    let site = listed(&["Ada Lovelace", "Zoe", "Grace", "2"]);
    assert_eq!(
        code(&site.run(&["people", "rename", "Ada Lovelace", "Ada King"])),
        0
    );
    happened(&site, 1, &granted(1, "Ada Lovelace"));
    happened(&site, 2, &granted(1, "Ada King"));
    happened(&site, 3, &refused(1, "Ada King"));
    let events = |arguments: &[&str]| {
        let output = site.run(&[&["events", "--json", "--person"], arguments].concat());
        assert_eq!(code(&output), 0, "{}", said(&output));
        let lines: Vec<Value> = stdout(&output)
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        lines
    };
    let kinds = |events: Vec<Value>| -> Vec<String> {
        events
            .iter()
            .map(|e| e["event"]["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    for word in ["#1", "1", "Ada King", "ada king", "ADA LOVELACE"] {
        let found = events(&[word]);
        assert!(found.iter().all(|e| e["person_id"] == 1), "{found:#?}");
        assert_eq!(
            kinds(found),
            ["enrolled", "renamed", "granted", "granted"],
            "{word}"
        );
        let shown = json(&site.run(&["people", "show", "--json", word]));
        assert_eq!(shown["person"]["person_id"], 1, "{word}");
        assert_eq!(shown["person"]["name"], "Ada King");
        assert!(
            shown["person"]["enrolled_at"]
                .as_str()
                .unwrap()
                .ends_with('Z')
        );
    }
    let with_strangers = events(&["Ada King", "--nearest"]);
    let stranger = with_strangers.last().unwrap();
    assert_eq!(stranger["nearest_id"], 1);
    assert_eq!(stranger["score"], 0.25);
    assert_eq!(stranger["person_id"], Value::Null);
    // A number that is a name too, of another.
    for command in [["people", "show", "2"], ["events", "--person", "2"]] {
        let output = site.run(&command);
        assert_eq!(code(&output), 3);
        let told = stderr(&output);
        assert!(told.contains("\"#2\" (Zoe) or \"#4\" (2)"), "{told}");
    }
    // Misspelt, and nobody at all.
    for command in [
        ["people", "disable", "Ada Kign"],
        ["events", "--person", "ada kign"],
    ] {
        let output = site.run(&command);
        assert_eq!((code(&output), stdout(&output)), (3, String::new()));
        assert!(
            stderr(&output).contains("did you mean \"Ada King\""),
            "{}",
            stderr(&output)
        );
    }
    // Who was removed still has a past, and nothing else.
    assert_eq!(code(&site.run(&["people", "remove", "--yes", "Grace"])), 0);
    assert_eq!(kinds(events(&["grace"])), ["enrolled", "removed"]);
    let output = site.run(&["people", "show", "Grace"]);
    assert_eq!(code(&output), 3);
    assert!(
        stderr(&output).contains("is not on the whitelist any more"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn enrolling_by_number_or_former_name_adds_to_that_person() {
    let photo = |name: &str| support::site::photo_path(name).display().to_string();
    let site = Site::new().enrolled("Barack Obama", &["barack-obama/01.jpg"]);
    assert_eq!(code(&site.run(&["people", "rename", "#1", "Barack"])), 0);
    let enroll = |word: &str, picture: &str| site.run(&["enroll", word, &photo(picture)]);
    let output = enroll("barack obama", "barack-obama/02.jpg");
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(
        stdout(&output).contains("Barack (#1) is enrolled"),
        "{}",
        said(&output)
    );
    assert!(
        stderr(&output).contains("is now called Barack (#1)"),
        "{}",
        said(&output)
    );
    let output = enroll("#1", "barack-obama/01.jpg");
    assert!(
        stderr(&output).contains("enrolled already"),
        "{}",
        said(&output)
    );
    for word in ["#9", "9"] {
        let output = enroll(word, "grace-hopper/01.jpg");
        assert_eq!(code(&output), 3, "{}", said(&output));
    }
    let output = site.run(&["enroll", "--is-a-name", "9", &photo("grace-hopper/01.jpg")]);
    assert!(
        stdout(&output).contains("9 (#2) is enrolled"),
        "{}",
        said(&output)
    );
}

#[test]
fn what_is_not_shown_is_told_and_programs_get_all() {
    let site = listed(&["Ada"]);
    for n in 0..120 {
        happened(&site, n, &granted(1, "Ada"));
    }
    let output = site.run(&["events"]);
    assert_eq!((code(&output), stdout(&output).lines().count()), (0, 100));
    let told = stderr(&output);
    assert!(
        told.contains("showing the last 100 of 121 events; --limit 121"),
        "{told}"
    );
    for (arguments, lines) in [
        (&["--limit", "121"][..], 121),
        (&["--json"], 121),
        (&["--csv"], 122),
        (&["--json", "-n", "5"], 5),
        (&["--until", "2000-01-01", "--limit", "120"], 120),
    ] {
        let output = site.run(&[&["events"], arguments].concat());
        assert_eq!(stdout(&output).lines().count(), lines, "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
    let csv = stdout(&site.run(&["events", "--csv", "-n", "1"]));
    let wanted = "id,at,door,kind,reason,person_id,name,nearest_id,nearest,score,threshold\n\
                  121,1970-01-01T00:00:00.119Z,door,granted,recognised,1,Ada,,,0.875,0.500\n";
    assert_eq!(csv, wanted);
}

#[test]
fn a_day_is_summed_up_by_person() {
    let site = listed(&["Ada", "李小龍"]);
    let day = 20_000 * DAY_MS;
    let hour = 3600 * 1000;
    happened(&site, day + 8 * hour, &granted(1, "Ada"));
    happened(&site, day + 9 * hour, &granted(2, "李小龍"));
    happened(&site, day + 12 * hour, &refused(1, "Ada"));
    happened(&site, day + 17 * hour, &granted(1, "Ada"));
    let lost = Event::CameraLost {
        which: WhichCamera::Colour,
        reason: CameraLoss::Unplugged,
        message: "gone".into(),
    };
    happened(&site, day + 18 * hour, &lost);
    happened(&site, day + DAY_MS, &granted(1, "Ada"));
    let all = [
        "events",
        "--summary",
        "--since",
        "2024-10-01",
        "--until",
        "2024-10-06",
    ];
    let output = site.run(&all);
    let text = stdout(&output);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().map(words).collect();
    assert_eq!(
        lines,
        [
            "day who first last count",
            "2024-10-04 granted Ada (#1) 08:00:00 17:00:00 2",
            "granted 李小龍 (#2) 09:00:00 09:00:00 1",
            "refused 12:00:00 12:00:00 3",
            "fault 18:00:00 18:00:00 1",
            "2024-10-05 granted Ada (#1) 00:00:00 00:00:00 1",
        ]
    );
    let days = json(&site.run(&[&all[..], &["--json"]].concat()));
    let first = &days["days"][0];
    assert_eq!(first["day"], "2024-10-04");
    assert_eq!(first["people"][0]["first"], "2024-10-04T08:00:00.000Z");
    assert_eq!(
        (&first["refused"], &first["faults"]),
        (&3.into(), &1.into())
    );
    let csv = stdout(&site.run(&[&all[..], &["--csv"]].concat()));
    assert!(
        csv.contains("\n2024-10-04,granted,2,李小龍,2024-10-04T09:00:00.000Z,"),
        "{csv}"
    );
}

#[test]
fn who_was_not_let_in_for_long_is_listed() {
    let site = listed(&["Ada", "Zoe", "Grace"]);
    let now = Stamp::now().at_ms;
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    // Grace is new.
    raw.execute("UPDATE people SET created_at_ms = 0 WHERE id < 3", [])
        .unwrap();
    drop(raw);
    happened(&site, now - 100 * DAY_MS, &granted(2, "Zoe"));
    happened(&site, now - 10 * DAY_MS, &granted(1, "Ada"));
    let people = json(&site.run(&["people", "list", "--json", "--unused", "90d"]));
    assert_eq!(people["people"].as_array().unwrap().len(), 1, "{people}");
    assert_eq!(people["people"][0]["name"], "Zoe");
    assert!(people["people"][0]["last_granted_at"].is_string());
    let table = stdout(&site.run(&["people", "list"]));
    assert!(
        table.contains("let in last") && table.contains("never"),
        "{table}"
    );
}

#[test]
fn several_people_are_changed_together_or_not_at_all() {
    let site = listed(&["Ada", "Zoe", "Grace"]);
    let enabled = || {
        let people = json(&site.run(&["people", "list", "--json"]));
        let of = people["people"].as_array().unwrap().iter();
        of.filter(|p| p["enabled"] == true).count()
    };
    assert_eq!(
        code(&site.run(&["people", "disable", "Ada", "Nobody", "Zoe"])),
        3
    );
    assert_eq!(enabled(), 3);
    let output = site.run(&["people", "disable", "Ada", "#1", "3"]);
    assert!(
        stdout(&output).contains("Ada (#1), Grace (#3) are not let in"),
        "{}",
        said(&output)
    );
    assert_eq!(enabled(), 1);
    assert_eq!(code(&site.run(&["people", "enable", "Ada", "Grace"])), 0);
    assert_eq!(enabled(), 3);
    // Nobody to ask.
    let output = site.run(&["people", "remove", "Ada", "Zoe"]);
    assert_eq!(code(&output), 2, "{}", said(&output));
    assert!(stderr(&output).contains("add --yes"), "{}", stderr(&output));
    assert_eq!(enabled(), 3);
    assert_eq!(
        code(&site.run(&["people", "remove", "--yes", "Ada", "Zoe"])),
        0
    );
    assert_eq!(enabled(), 1);
}

#[test]
fn one_template_is_forgotten_but_not_the_last() {
    let site = listed(&["Ada"]);
    let shown = stdout(&site.run(&["people", "show", "Ada"]));
    assert!(
        shown
            .lines()
            .any(|l| l.starts_with("2 ") && l.contains("1.jpg")),
        "{shown}"
    );
    assert_eq!(
        code(&site.run(&["people", "forget-template", "Ada", "3"])),
        3
    );
    assert_eq!(
        code(&site.run(&["people", "forget-template", "Ada", "0"])),
        2
    );
    let output = site.run(&["people", "forget-template", "Ada", "1"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let shown = json(&site.run(&["people", "show", "--json", "Ada"]));
    assert_eq!(shown["templates"][0]["source"], "1.jpg");
    assert_eq!(shown["templates"][0]["number"], 1);
    let output = site.run(&["people", "forget-template", "Ada", "1"]);
    assert_eq!(code(&output), 3);
    assert!(
        stderr(&output).contains("only template"),
        "{}",
        stderr(&output)
    );
    let last = site.events().pop().unwrap().1;
    assert!(matches!(last, Event::TemplateForgotten { source, .. } if source == "0.jpg"));
    assert_eq!(code(&site.run(&["events", "--verify"])), 0);
}

/// What a command ends with; `PHOTO` stands for a photo and `OUT` for a file that is not there.
const TABLE: &[(&str, i32)] = &[
    // Done.
    ("backup OUT", 0),
    ("compare PHOTO PHOTO", 0),
    ("events", 0),
    ("events --person Ada", 0),
    ("events --verify", 0),
    ("events --summary --since yesterday --until today", 0),
    ("generate completions bash", 0),
    ("help people", 0),
    ("identify PHOTO", 0),
    ("people audit", 0),
    ("people disable Ada", 0),
    ("people enable Ada Zoe", 0),
    ("people erase", 0),
    ("people forget-photos", 0),
    ("people forget-template Ada 2", 0),
    ("people list", 0),
    ("people rename Zoe Zoë", 0),
    ("people remove --yes Zoë", 0),
    ("people show Ada", 0),
    ("relay lock", 0),
    ("relay pulse --ms 50", 0),
    ("threshold", 0),
    ("--version", 0),
    // The answer is no, or something is to be acted on.
    ("compare PHOTO OTHER", 1),
    ("status", 1),
    ("people migrate", 1),
    // Usage.
    ("", 2),
    ("compare PHOTO", 2),
    ("enroll Ada", 2),
    ("events --since tomorrow", 2),
    ("events --kind opened", 2),
    ("people remove Ada", 2),
    ("panel", 2),
    ("panel test", 2),
    // It cannot be done.
    ("backup doorward.db", 3),
    ("calibrate OUT --out OUT", 3),
    ("compare PHOTO OUT", 3),
    ("enroll Ada OUT", 3),
    ("evaluate OUT", 3),
    ("events --person Nobody", 3),
    ("identify OUT", 3),
    ("people forget-template Ada 1", 3),
    ("panel watch", 3),
    ("panel test siren", 3),
    ("people rename Ada #5", 3),
    ("people show Nobody", 3),
    ("restore OUT", 3),
    ("train OUT", 3),
    // There is nothing to play.
    ("run", 3),
];

fn arguments(site: &Site, line: &str) -> Vec<String> {
    let photo = |name: &str| support::site::photo_path(name).display().to_string();
    let out = site.at("out");
    let _ = std::fs::remove_file(&out);
    let word = |word: &str| match word {
        "PHOTO" => photo("barack-obama/01.jpg"),
        "OTHER" => photo("grace-hopper/01.jpg"),
        "OUT" => out.display().to_string(),
        "doorward.db" => site.at("doorward.db").display().to_string(),
        word => word.to_owned(),
    };
    line.split_whitespace().map(word).collect()
}

#[test]
fn every_command_ends_with_the_code_its_man_page_says() {
    let site = listed(&["Ada", "Zoe"]);
    let run = |line: &str| {
        let arguments = arguments(&site, line);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = site.run(&words);
        assert!(
            !said(&output).contains("panicked"),
            "{line}: {}",
            said(&output)
        );
        output
    };
    for (line, code) in TABLE {
        let output = run(line);
        assert_eq!(
            output.status.code(),
            Some(*code),
            "doorward {line}: {}",
            said(&output)
        );
        assert!(
            *code < 2 || stdout(&output).is_empty(),
            "doorward {line}: {}",
            said(&output)
        );
    }
    let pages = site.at("man");
    let output = site.run(&["generate", "man", pages.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let mut seen = 0;
    for page in std::fs::read_dir(&pages).unwrap() {
        let page = page.unwrap().path();
        let name = page.file_stem().unwrap().to_str().unwrap().to_owned();
        if page.extension().unwrap() != "1" {
            continue;
        }
        let text = std::fs::read_to_string(&page).unwrap();
        assert_eq!(text.matches("EXIT STATUS").count(), 1, "{name}");
        for code in 0..4 {
            assert!(text.contains(&format!("\n\\fB{code}\\fR\n")), "{name}");
        }
        // An option that there is not, for each command.
        let command = name.trim_start_matches("doorward").trim_start_matches('-');
        let line = match command {
            "people-forget-photos" => "people forget-photos".to_owned(),
            "people-forget-template" => "people forget-template".to_owned(),
            other => other.replace('-', " "),
        };
        let output = run(&format!("{line} --no-such-option"));
        assert_eq!(
            output.status.code(),
            Some(2),
            "doorward {line}: {}",
            said(&output)
        );
        seen += 1;
    }
    assert!(seen > 15, "{seen} pages");
    // A configuration that is not there.
    std::fs::rename(site.config(), site.at("config.bak")).unwrap();
    for line in [
        "people list",
        "events",
        "run",
        "relay lock",
        "relay pulse",
        "threshold",
        "bench",
    ] {
        let output = run(line);
        assert_eq!(
            output.status.code(),
            Some(3),
            "doorward {line}: {}",
            said(&output)
        );
    }
    assert_eq!(run("check").status.code(), Some(1));
    std::fs::rename(site.at("config.bak"), site.config()).unwrap();
    // A record that was changed is an answer.
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    raw.execute_batch(
        "DROP TRIGGER records_stay_as_they_are;
         UPDATE records SET body = replace(body, 'sealed', 'sea1ed') WHERE id = 1;",
    )
    .unwrap();
    drop(raw);
    let output = run("events --verify --json");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let error: Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert!(
        error["error"].as_str().unwrap().contains("tampered"),
        "{error}"
    );
}

#[test]
fn errors_are_json_where_that_was_asked_for() {
    let site = listed(&["Ada"]);
    for (arguments, code) in [
        (&["people", "show", "Eve", "--json"][..], 3),
        (&["events", "--json", "--since", "tomorrow"], 2),
        (&["compare", "--json", "no.jpg", "no.jpg"], 3),
    ] {
        let output = site.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        let error: Value =
            serde_json::from_str(&stderr(&output)).unwrap_or_else(|_| panic!("{}", said(&output)));
        assert!(error["error"].is_string(), "{error}");
    }
}

#[test]
fn output_that_cannot_be_written_is_told_after_the_act() {
    let site = listed(&["Ada", "Zoe"]);
    for (line, told) in [
        ("people disable Ada", true),
        ("people list --json", true),
        ("events", true),
        ("relay pulse --ms 50", true),
        ("generate completions bash", true),
        ("--help", false),
    ] {
        let arguments = arguments(&site, line);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = site.command(&words).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{line}: {}", said(&output));
        let error = stderr(&output);
        assert!(!error.contains("panicked"), "{line}: {error}");
        assert!(
            !told || error.contains("cannot be written: the disk is full"),
            "{line}: {error}"
        );
        // Nowhere to complain either.
        let full = || {
            std::fs::File::options()
                .write(true)
                .open("/dev/full")
                .unwrap()
        };
        let status = site.command(&words).stdout(full()).stderr(full()).status();
        assert_eq!(status.unwrap().code(), Some(3), "{line}");
    }
    let people = json(&site.run(&["people", "list", "--json"]));
    assert_eq!(people["people"][0]["enabled"], false);
    assert_eq!(site.level().as_deref(), Some("released"));
    // A reader that has gone.
    for line in [["events", "--json"], ["relay", "pulse"]] {
        let mut child = site
            .command(&line)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(stderr(&output), "", "{line:?}");
        assert!(
            matches!(output.status.code(), None | Some(0)),
            "{line:?}: {}",
            output.status
        );
    }
}

#[test]
fn the_status_says_whether_the_door_is_guarded_and_what_fails() {
    let site = listed(&["Ada", "Zoe"]).set("camera.replay.repeat", true);
    let site = site.frames("grace-hopper/01.jpg", 4);
    assert_eq!(code(&site.run(&["people", "disable", "Zoe"])), 0);
    happened(&site, 5000, &granted(1, "Ada"));
    let output = site.run(&["status"]);
    assert_eq!(code(&output), 1);
    assert!(
        stdout(&output).contains("NO, nothing guards"),
        "{}",
        said(&output)
    );
    let daemon = site.start();
    let until = |wanted: i32| {
        let start = std::time::Instant::now();
        loop {
            let output = site.run(&["status", "--json"]);
            if code(&output) == wanted {
                return json(&output);
            }
            assert!(start.elapsed().as_secs() < 30, "{}", said(&output));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    let status = until(0);
    assert_eq!(status["guarding"], true);
    assert_eq!(status["pid"], daemon.id());
    assert_eq!(
        (&status["people"], &status["disabled"]),
        (&2.into(), &1.into())
    );
    assert_eq!(status["last_grant"]["person_id"], 1);
    assert_eq!(status["last_grant"]["score"], 0.875);
    assert_eq!(status["last_grant"]["at"], "1970-01-01T00:00:05.000Z");
    assert!(status["threshold"].as_f64().unwrap() > 0.0);
    assert!(status["camera"].is_string());
    let text = stdout(&site.run(&["status"]));
    assert!(
        text.contains("yes, since") && text.contains("none now"),
        "{text}"
    );
    // A fault, for as long as it lasts.
    let good = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), "no TOML").unwrap();
    daemon.signal(rustix::process::Signal::HUP);
    daemon.await_said("config_rejected");
    std::fs::write(site.config(), good).unwrap();
    let status = until(1);
    assert_eq!(status["guarding"], true);
    assert_eq!(status["faults"][0]["kind"], "config_rejected");
    daemon.signal(rustix::process::Signal::HUP);
    assert_eq!(until(0)["faults"], serde_json::json!([]));
    // However it ended.
    daemon.signal(rustix::process::Signal::KILL);
    daemon.end();
    let status = json(&site.run(&["status", "--json"]));
    assert_eq!(status["guarding"], false);
}

#[test]
fn coupling_is_learned_from_visits_on_record() {
    let site = listed(&["Ada", "Zoe"]).set("liveness.learn_coupling", true);
    let now = Stamp::now().at_ms;
    let visit = |n: usize, coupling: Option<f32>| {
        let Event::Granted(granted) = granted(1 + n as i64 % 2, ["Ada", "Zoe"][n % 2]) else {
            panic!()
        };
        let cues = Some(Cues {
            movement: Some(0.02),
            coupling,
        });
        happened(
            &site,
            now - 60_000 * n as i64,
            &Event::Granted(Granted { cues, ..granted }),
        );
    };
    for n in 0..20 {
        visit(n, Some(0.01 * n as f32));
    }
    // One before a plain wall, one from the day before yesterday, and a photo.
    visit(20, None);
    visit(3000, Some(0.8));
    let Event::Denied(denied) = refused(1, "Ada") else {
        panic!()
    };
    let reason = DenialReason::FrozenFace;
    happened(&site, now, &Event::Denied(Denied { reason, ..denied }));

    let text = site.fails(&["calibrate-liveness"]);
    assert!(
        text.contains("at least 30 visits") && text.contains("there are 20"),
        "{text}"
    );
    for n in 21..60 {
        visit(n, Some(0.2));
    }
    visit(60, Some(0.62));
    let output = site.run(&["calibrate-liveness", "--refuse-one-in", "50", "--json"]);
    let learned = json(&output);
    assert_eq!(learned["visits"], 61);
    assert_eq!(learned["measured"], 60);
    assert_eq!(learned["refused_as_artefacts"], 1);
    assert_eq!(
        learned["max_coupling"]
            .as_f64()
            .map(|v| (v * 100.0).round()),
        Some(22.0)
    );
    let would_refuse = learned["would_refuse"].as_array().unwrap();
    assert_eq!(would_refuse.len(), 1, "{learned}");
    assert_eq!(would_refuse[0]["name"], "Ada");
    // By default nobody of so few may be refused; and nothing is written unless that is asked.
    let before = std::fs::read_to_string(site.config()).unwrap();
    let text = stdout(&site.run(&["calibrate-liveness"]));
    assert!(text.contains("max_coupling = 0.64"), "{text}");
    assert_eq!(std::fs::read_to_string(site.config()).unwrap(), before);
    let output = site.run(&["calibrate-liveness", "--write"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let after = std::fs::read_to_string(site.config()).unwrap();
    assert!(after.contains("learn_coupling = false"), "{after}");
    assert!(after.contains("max_coupling = 0.64"), "{after}");
    assert_ne!(after, before);
}
