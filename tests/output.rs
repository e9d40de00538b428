//! What commands print for programs and for people: JSON with the same names everywhere, and
//! colours where somebody sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::process::Output;

use doorward::cohort::Score;
use doorward::embedding::ModelVersion;
use doorward::person::PersonId;
use doorward::record::{
    CameraLoss, DenialReason, Denied, Event, FrameRef, GrantReason, Granted, PersonRef,
    Recognition, Stamp, Unusable, WhichCamera,
};
use serde_json::Value;
use support::pty::Pty;
use support::site::{Site, photo_path, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];

fn model() -> ModelVersion {
    ModelVersion::new("made-up@00000000")
}

fn frame() -> FrameRef {
    FrameRef {
        name: "7".into(),
        vision_ms: 40.0,
        age_ms: 60.0,
    }
}

/// A site with two people, and a day on record.
fn site() -> Site {
    let site = Site::new()
        .with("TZ", "UTC")
        .frames("grace-hopper/01.jpg", 3)
        .enrolled("Barack", &OBAMA)
        .enrolled("Grace", &["grace-hopper/01.jpg"]);
    let mut log = site.log();
    for event in [
        Event::Granted(Granted {
            factors: Vec::new(),
            challenge: None,
            with: None,
            cues: None,
            reason: GrantReason::Recognised,
            recognition: Recognition {
                person: PersonRef::new(PersonId(1), "Barack"),
                score: Score::new(0.875),
                threshold: Score::new(0.5),
                frames: 3,
                model: model(),
                frame: frame(),
            },
        }),
        Event::Denied(Denied {
            reason: DenialReason::NotListed,
            person: Some(PersonRef::new(PersonId(2), "Grace")),
            score: Some(Score::new(0.25)),
            threshold: Some(Score::new(0.5)),
            frames: 4,
            model: model(),
            frame: frame(),
            measured: None,
            challenge: None,
            cues: None,
            left_out: None,
        }),
        Event::CannotJudge {
            reason: Unusable::Dark,
            model: model(),
            frame: frame(),
            left_out: None,
        },
        Event::CameraLost {
            which: WhichCamera::Colour,
            reason: CameraLoss::Unplugged,
            message: "it was unplugged".into(),
        },
    ] {
        log.append(&Stamp::now(), &event).unwrap();
    }
    drop(log);
    site
}

/// Each command with a result, run in this order at one door: `PHOTO` and `OTHER` stand for
/// photos, `FOLDER` for one with photos of people, and a name with a dot for a file of the
/// site. With the code each ends with.
const COMMANDS: &[(&str, i32)] = &[
    ("bench compare figures.json figures.json", 0),
    ("check", ANY),
    ("compare PHOTO OTHER", 1),
    ("enroll Joe JOE", 0),
    ("enroll --from FOLDER", 1),
    ("evaluate FOLDER", 0),
    ("events", 0),
    ("events --summary", 0),
    ("events --verify", 0),
    ("identify PHOTO", 0),
    ("identify PHOTO OTHER", 0),
    ("people list", 0),
    ("people show Barack", 0),
    ("people audit", 0),
    ("people migrate", 0),
    ("people rename Joe Joseph", 0),
    ("people disable Barack Grace", 0),
    ("people enable Barack", 0),
    ("people add-guest --until 8h Joseph", 0),
    ("people valid Barack --until 30d", 0),
    ("people entries Barack 5", 0),
    ("people group add Barack Grace staff", 0),
    ("people group remove Grace staff", 0),
    ("people consent Barack --on 2026-09-01", 0),
    ("people disclose Barack barack.zip", 0),
    ("people pin Barack", 0),
    ("people card Barack 12345 --facility 12", 0),
    ("people lost-card 12345 --facility 12", 0),
    ("people card Barack --remove 12345 --facility 12", 0),
    ("people pin --remove Barack", 0),
    ("access check", 0),
    ("access explain Barack", ANY),
    ("people forget-template Barack 2", 0),
    ("people forget-photos", 0),
    ("people export --passphrase-file words.txt people.age", 0),
    (
        "people import --passphrase-file words.txt --replace people.age",
        0,
    ),
    ("people remove --yes Joseph", 0),
    ("mode", 0),
    ("mode hold --until 2h", 0),
    ("mode office --until 2h", 0),
    ("mode lockdown --reason drill", 0),
    ("mode normal", 0),
    ("unlock", 1),
    ("people erase", 0),
    ("backup copy.db", 0),
    ("restore copy.db", 0),
    ("rekey", 0),
    ("relay pulse --ms 50", 0),
    ("relay lock", 0),
    ("snapshot shot.jpg", 0),
    ("status", 1),
    ("threshold", 0),
    ("try --seconds 2", 0),
    #[cfg(feature = "fleet")]
    (
        "fleet init --hub localhost:7443 --founder founder.json --keys hub.json",
        0,
    ),
    #[cfg(feature = "web")]
    ("web add-user ada --role viewer --generate --totp", 0),
    #[cfg(feature = "web")]
    ("web users", 0),
    #[cfg(feature = "web")]
    ("web certificate", 0),
    #[cfg(feature = "web")]
    ("web remove-user ada", 0),
];

/// What this machine is like decides.
const ANY: i32 = -1;

/// Commands that are walked elsewhere or give no result: what runs until it is stopped, what
/// takes minutes (`tests/evaluate.rs` has the two that learn) or many visits (`tests/cli.rs`), and what needs a panel
/// (`tests/panel.rs` has it), two cameras (`tests/infrared.rs`), a network or clips of its own
/// (`tests/pad.rs`), a hub (`tests/fleet.rs`) or a broker (`tests/bridge.rs`).
const OTHERS: [&str; 20] = [
    "bridge-remove",
    "fleet-invite",
    "fleet-join",
    "fleet-revoke",
    "fleet-status",
    "fleet-sync",
    "fleet-backup",
    "fleet-verify",
    "calibrate-liveness",
    "run",
    "watch",
    "bench",
    "calibrate",
    "train",
    "panel-watch",
    "panel-show",
    "panel-test",
    "infrared-map",
    "pad-import",
    "pad-test",
];

fn words(site: &Site, line: &str) -> Vec<String> {
    let photo = |name: &str| photo_path(name).display().to_string();
    let word = |word: &str| match word {
        "PHOTO" => photo(OBAMA[0]),
        "OTHER" => photo("grace-hopper/01.jpg"),
        "JOE" => photo("joe-biden/01.jpg"),
        "FOLDER" => site.at("people").display().to_string(),
        file if file.contains('.') => site.at(file).display().to_string(),
        word => word.to_owned(),
    };
    line.split_whitespace().map(word).collect()
}

/// Names that several commands share, and what each must be. What stands in an event is as it
/// is stored.
fn check_names(command: &str, path: &str, value: &Value) {
    let fail = |what: &str| panic!("doorward {command} --json: {path}: {what}: {value}");
    match value {
        Value::Array(items) => {
            for item in items {
                check_names(command, path, item);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                let place = format!("{path}.{key}");
                if key == "event" {
                    continue;
                }
                let is_time = |value: &Value| {
                    value.is_null()
                        || value.as_str().is_some_and(|text| {
                            text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
                        })
                };
                let is_number = |value: &Value| value.is_null() || value.is_i64() || value.is_u64();
                match key.as_str() {
                    "at" | "since" | "first" | "last" if !is_time(value) && !value.is_u64() => {
                        fail(&format!("{place} is no time"));
                    }
                    key if key.ends_with("_at") && !is_time(value) => {
                        fail(&format!("{place} is no time"));
                    }
                    "person_id" | "nearest_id" if !is_number(value) => {
                        fail(&format!("{place} is no number"));
                    }
                    "score" | "threshold"
                        if !value.is_null() && !value.is_number() && !value.is_object() =>
                    {
                        fail(&format!("{place} is no score"));
                    }
                    "name" if !fields.contains_key("person_id") => {
                        fail("somebody has a name and no person_id");
                    }
                    "time" | "similarity" | "confidence" | "person" if value.is_string() => {
                        fail(&format!("{place} is called otherwise elsewhere"));
                    }
                    _ => {}
                }
                check_names(command, &place, value);
            }
        }
        _ => {}
    }
}

fn is_json(text: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(text).into_iter();
    values
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_command_speaks_json_with_the_same_names() {
    let site = site();
    let cache = site.at("cache");
    let site = site.with("XDG_CACHE_HOME", cache);
    std::fs::write(site.at("words.txt"), "correct horse battery\n").unwrap();
    std::fs::write(site.at("pin.txt"), "739154\n").unwrap();
    std::fs::write(site.at("figures.json"), "{\"frame_ms\": 12.5}").unwrap();
    for person in ["eileen-collins", "joe-biden"] {
        let folder = site.at("people").join(person);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(
            photo_path(&format!("{person}/01.jpg")),
            folder.join("1.jpg"),
        )
        .unwrap();
    }
    let mut ran = BTreeSet::new();
    for (line, code) in COMMANDS {
        let mut words = words(&site, line);
        words.push("--json".into());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // Only `people pin` reads it.
        let pin = std::fs::File::open(site.at("pin.txt")).unwrap();
        let output = site.command(&words).stdin(pin).output().unwrap();
        assert!(
            output.status.code() == Some(*code) || *code == ANY,
            "{line}: {} {}",
            output.status,
            said(&output)
        );
        let stdout = String::from_utf8(output.stdout).unwrap();
        let results = is_json(&stdout);
        assert!(!results.is_empty(), "{line} prints nothing");
        for result in &results {
            assert!(result.is_object(), "{line}: {result}");
            // Figures of data sets, not of the people of a whitelist.
            if !line.starts_with("evaluate") {
                check_names(line, "", result);
            }
        }
        for remark in is_json(&String::from_utf8(output.stderr).unwrap()) {
            assert!(remark["note"].is_string(), "{line}: {remark}");
        }
        ran.insert(*line);
    }
    // The pages of all commands that there are.
    let pages = site.at("man");
    let output = site.run(&["generate", "man", pages.to_str().unwrap()]);
    assert!(output.status.success());
    for page in std::fs::read_dir(&pages).unwrap() {
        let path = page.unwrap().path();
        // The others are of files.
        if path.extension().unwrap() != "1" {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some(command) = name.strip_prefix("doorward-") else {
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let is_group = [
            "access",
            "bridge",
            "fleet",
            "infrared",
            "panel",
            "people",
            "people-group",
            "relay",
            "web",
        ]
        .contains(&command);
        if is_group {
            continue;
        }
        let has_json = text.contains("\\-\\-json");
        if matches!(command, "run" | "fleet-serve") {
            assert!(!has_json);
            continue;
        }
        assert!(has_json, "{name} has no --json");
        let walked = ran.iter().any(|line| {
            let words: Vec<&str> = line.split_whitespace().take(3).collect();
            (1..=words.len()).any(|depth| words[..depth].join("-") == command)
        });
        assert!(
            walked || OTHERS.contains(&command),
            "{name} is not walked here: give it a line in COMMANDS"
        );
    }
}

#[test]
fn what_is_wrong_is_told_as_json_too() {
    let site = site();
    for (line, code) in [
        ("backup doorward.db", 3),
        ("enroll Zoe none.jpg", 3),
        ("enroll", 2),
        ("identify PHOTO OTHER --annotate out.jpg", 2),
        ("people disable Nobody", 3),
        ("people export Nobody x.age --passphrase-file none.txt", 3),
        ("people import none.age --passphrase-file none.txt", 3),
        ("people remove Grace", 2),
        ("people rename Grace #5", 3),
        ("relay pulse --ms 7", 2),
        ("restore none.db", 3),
    ] {
        let mut words = words(&site, line);
        words.push("--json".into());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = site.run(&words);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}: {}",
            said(&output)
        );
        assert!(output.stdout.is_empty(), "{line}: {}", said(&output));
        let stderr = String::from_utf8(output.stderr).unwrap();
        let errors: Vec<Value> = is_json(&stderr)
            .into_iter()
            .filter(|told| told.get("note").is_none())
            .collect();
        assert_eq!(errors.len(), 1, "{line}: {stderr}");
        assert!(errors[0]["error"].is_string(), "{line}: {stderr}");
    }
    assert!(!site.at("out.jpg").exists());
}

#[test]
fn a_face_that_is_known_has_a_number() {
    let site = site();
    let photo = photo_path(OBAMA[0]).display().to_string();
    let output = site.run(&["identify", "--json", &photo]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let face = &found["faces"][0];
    assert_eq!(
        (&face["name"], &face["person_id"]),
        (&"Barack".into(), &1.into())
    );
    assert_eq!(face["score"], face["nearest"]["score"]);
    assert_eq!(face["nearest"]["person_id"], 1);
}

/// A command, and words that have a colour in what it says.
type Coloured = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";
const FAULT: &str = "\u{1b}[1m\u{1b}[31m";

#[test]
fn colours_are_where_somebody_sees_them() {
    let site = site();
    assert!(site.run(&["people", "disable", "Grace"]).status.success());
    let plain = |output: Output, line: &[&str]| {
        let said = said(&output);
        assert!(!said.contains('\u{1b}'), "{line:?}: {said:?}");
        said
    };
    let all: [Coloured; 5] = [
        (
            &["events"],
            &[
                (GREEN, "granted"),
                (RED, "denied"),
                (YELLOW, "cannot_judge"),
                (FAULT, "camera_lost"),
            ],
        ),
        (
            &["events", "--summary"],
            &[(GREEN, "granted"), (RED, "refused"), (FAULT, "fault")],
        ),
        (
            &["people", "list"],
            &[(GREEN, "enabled"), (YELLOW, "DISABLED")],
        ),
        (&["status"], &[(FAULT, "NO, nothing")]),
        (&["check"], &[(GREEN, "ok")]),
    ];
    let terminal = |line: &[&str], variables: &[(&str, &str)]| {
        let mut command = site.command(line);
        // A build server counts as somebody who sees colours.
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm");
        command.envs(variables.iter().copied());
        Pty::start(command).end().0
    };
    for (line, wanted) in all {
        let piped = plain(site.run(line), line);
        for (_, word) in wanted {
            assert!(piped.contains(word), "{line:?}: {piped}");
        }
        let always = site.run(&[line, &["--color", "always"]].concat());
        for shown in [said(&always), terminal(line, &[])] {
            for (colour, word) in wanted {
                assert!(
                    shown.contains(&format!("{colour}{word}")),
                    "{line:?} {word}: {shown:?}"
                );
            }
        }
    }
    let line: &[&str] = &["people", "list"];
    for variables in [[("NO_COLOR", "1")], [("CLICOLOR", "0")], [("TERM", "dumb")]] {
        let shown = terminal(line, &variables);
        assert!(shown.contains("DISABLED"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{variables:?}: {shown:?}");
    }
    let shown = terminal(&["people", "list", "--color", "never"], &[]);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    // What programs read has none.
    for line in [
        &["people", "list", "--json", "--color", "always"][..],
        &["events", "--csv", "--color", "always"],
        &["events", "--json", "--color", "always"],
    ] {
        plain(site.run(line), line);
    }
}
