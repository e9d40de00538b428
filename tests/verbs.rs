//! Commands do the same and say the same, whether they have the database to themselves or a
//! daemon has it and does it for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write as _;
use std::process::{Output, Stdio};

use doorward::record::{Kind, Query};
use rustix::process::Signal;
use serde_json::Value;
use support::site::{Daemon, Site, photo_path, said};

const OBAMA: [&str; 3] = [
    "barack-obama/01.jpg",
    "barack-obama/02.jpg",
    "barack-obama/03.jpg",
];

/// Each command, and what it reads from standard input.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["people", "list"], ""),
    (&["people", "show", "Grace"], ""),
    (&["people", "show", "Nobody"], ""),
    (&["people", "rename", "Grace", "Grace Hopper", "--json"], ""),
    (&["people", "rename", "Barack Obama", "Grace Hopper"], ""),
    (&["people", "rename", "Grace", "Grace B. Hopper"], ""),
    (&["people", "disable", "#1", "#2"], ""),
    (&["people", "enable", "#1", "--json"], ""),
    (&["people", "enable", "Nobody"], ""),
    (&["people", "enable", "#2"], ""),
    (&["people", "group", "add", "#1", "#2", "staff"], ""),
    (&["people", "group", "add", "#1", "staff"], ""),
    (&["people", "group", "add", "#1", "Not A Group"], ""),
    (&["people", "group", "remove", "#1", "staff", "--json"], ""),
    (
        &[
            "people",
            "valid",
            "#1",
            "--from",
            "2026-01-01",
            "--until",
            "2099-01-01",
        ],
        "",
    ),
    (&["people", "valid", "#1", "--json"], ""),
    (&["people", "entries", "#1", "7"], ""),
    (&["people", "entries", "#1", "any", "--json"], ""),
    (&["people", "add-guest", "#2", "--until", "2099-01-01"], ""),
    (
        &["people", "add-guest", "Nobody", "--until", "2099-01-01"],
        "",
    ),
    (&["people", "consent", "#1", "#2", "--on", "2026-03-01"], ""),
    (
        &[
            "people",
            "consent",
            "#1",
            "--purpose",
            "entry by face",
            "--json",
        ],
        "",
    ),
    (&["people", "list", "--without-consent"], ""),
    (&["people", "consent", "#2", "--withdraw"], ""),
    (&["people", "consent", "#2", "--withdraw"], ""),
    (&["people", "consent", "Nobody"], ""),
    (&["people", "enable", "#2"], ""),
    (&["people", "pin", "#1"], "471148\n"),
    (&["people", "pin", "#1", "--duress", "--json"], "930571\n"),
    (&["people", "pin", "#1", "--duress"], "471148\n"),
    (&["people", "pin", "#1"], "1234\n"),
    (&["people", "pin", "#1", "--remove"], ""),
    (&["people", "pin", "#1", "--remove"], ""),
    (&["people", "card", "#1", "--facility", "17", "1234"], ""),
    (&["people", "card", "#2", "--facility", "17", "1234"], ""),
    (&["people", "card", "#2", "99"], ""),
    (
        &["people", "card", "#2", "--facility", "17", "5678", "--json"],
        "",
    ),
    (&["people", "lost-card", "1234"], ""),
    (&["people", "lost-card", "1234"], ""),
    (&["people", "lost-card", "4321"], ""),
    (&["people", "card", "#2", "--remove", "1234"], ""),
    (&["people", "card", "#2", "--remove", "5678"], ""),
    (&["people", "show", "#1", "--json"], ""),
    (&["people", "forget-template", "#1", "3"], ""),
    (&["people", "forget-template", "#1", "9"], ""),
    (
        &[
            "people",
            "export",
            "--passphrase-file",
            "SITE/secret",
            "SITE/people.age",
        ],
        "",
    ),
    (
        &[
            "people",
            "import",
            "--passphrase-file",
            "SITE/secret",
            "SITE/people.age",
        ],
        "",
    ),
    (
        &[
            "people",
            "import",
            "--replace",
            "--passphrase-file",
            "SITE/secret",
            "SITE/people.age",
        ],
        "",
    ),
    (
        &[
            "people",
            "import",
            "--skip-existing",
            "--json",
            "--passphrase-file",
            "SITE/secret",
            "SITE/people.age",
        ],
        "",
    ),
    (
        &[
            "enroll",
            "Grace Hopper",
            "PHOTOS/grace-hopper/01.jpg",
            "--json",
        ],
        "",
    ),
    (
        &["enroll", "Ada Example", "PHOTOS/eileen-collins/01.jpg"],
        "",
    ),
    (&["enroll", "Ada Example", "SITE/secret"], ""),
    (&["people", "list", "--json"], ""),
    (&["people", "forget-photos"], ""),
    (&["backup", "SITE/backup.db"], ""),
    (&["mode", "lockdown", "--reason", "a test"], ""),
    (&["mode"], ""),
    (&["mode", "normal", "--json"], ""),
    (&["people", "remove", "--yes", "#1", "Ada Example"], ""),
    (&["people", "remove", "--yes", "#1"], ""),
    (&["people", "remove", "--yes", "--json", "Grace Hopper"], ""),
    (&["people", "erase"], ""),
    (&["people", "list"], ""),
];

fn site() -> Site {
    let site = Site::new()
        .set("whitelist.keep_photos", true)
        .set("camera.replay.repeat", true)
        .frames("eileen-collins/01.jpg", 1)
        .enrolled("Barack Obama", &OBAMA)
        .enrolled("Grace", &["grace-hopper/01.jpg"]);
    std::fs::write(site.at("secret"), "correct horse battery staple\n").unwrap();
    site
}

fn run(site: &Site, (words, input): &(&[&str], &str)) -> Output {
    let folder = site.at("");
    let folder = folder.to_str().unwrap().trim_end_matches('/');
    let photos = photo_path("");
    let photos = photos.to_str().unwrap().trim_end_matches('/');
    let words: Vec<String> = words
        .iter()
        .map(|word| word.replace("SITE", folder).replace("PHOTOS", photos))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = site.command(&words);
    if input.is_empty() {
        return command.output().unwrap();
    }
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// A number is a number, a folder a folder, and a key a key.
fn plain(site: &Site, text: &str) -> String {
    let text = text.replace(site.at("").to_str().unwrap().trim_end_matches('/'), "SITE");
    let key = support::seal::keys(&site.at("doorward.db")).id();
    let text = text.replace(&key.to_string(), "KEY");
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if plain.ends_with('0') => {}
            '0'..='9' => plain.push('0'),
            c => plain.push(c),
        }
    }
    plain
}

/// What was put on record of what people did, without times, numbers and what only the
/// environment says.
fn acts(site: &Site) -> Vec<String> {
    let records = site.log().records(&Query::default()).unwrap();
    let mut acts = Vec::new();
    for record in records {
        let mut event = record.to_json()["event"].clone();
        let Some(actor) = event.get_mut("actor").and_then(Value::as_object_mut) else {
            continue;
        };
        actor.remove("claimed");
        for changes in ["hash", "up_to"] {
            event.as_object_mut().unwrap().remove(changes);
        }
        acts.push(plain(site, &event.to_string()));
    }
    acts
}

fn guarded() -> (Site, Daemon) {
    let site = site();
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    (site, daemon)
}

#[test]
fn every_verb_does_and_says_the_same_with_a_daemon_and_without() {
    let alone = site();
    let (beside, daemon) = guarded();
    for command in COMMANDS {
        let (one, other) = (run(&alone, command), run(&beside, command));
        let words = command.0.join(" ");
        let told = |site: &Site, bytes: &[u8]| {
            let text = plain(site, &String::from_utf8_lossy(bytes));
            // That is so for one of them.
            let lines = text.lines().filter(|line| !line.contains("nothing guards"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&alone, &one.stdout),
            told(&beside, &other.stdout),
            "{words}"
        );
        assert_eq!(
            told(&alone, &one.stderr),
            told(&beside, &other.stderr),
            "{words}"
        );
        assert_eq!(
            one.status.code(),
            other.status.code(),
            "{words}: {}",
            said(&one)
        );
    }
    assert_eq!(acts(&alone), acts(&beside));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    for site in [alone, beside] {
        site.log().verify(&[]).unwrap();
    }
}

#[test]
fn a_daemon_that_does_not_answer_keeps_others_from_writing() {
    let (site, daemon) = guarded();
    daemon.signal(Signal::STOP);
    let said = site.fails(&["people", "disable", "#1"]);
    assert!(said.contains("does not answer"), "{said}");
    assert_eq!(site.count(Kind::Disabled), 0);
    // Looking is free.
    assert!(site.run(&["people", "list"]).status.success());
    daemon.signal(Signal::CONT);
    assert!(site.run(&["people", "disable", "#1"]).status.success());
    assert_eq!(site.count(Kind::Disabled), 1);
    // Nobody else guards with it meanwhile.
    let refused = site.fails(&["run"]);
    assert!(
        refused.contains("guards a door") || refused.contains("held"),
        "{refused}"
    );
}

#[test]
fn what_is_changed_holds_at_once() {
    let (site, daemon) = guarded();
    site.await_events(Kind::WhitelistLoaded, 1);
    for n in 2..5 {
        let group = format!("group-{n}");
        let output = site.run(&["people", "group", "add", "#1", &group]);
        assert!(output.status.success(), "{}", said(&output));
        site.await_events(Kind::WhitelistLoaded, n);
    }
    daemon.signal(Signal::KILL);
    daemon.end();
    // Whoever dies gives the database away.
    let output = site.run(&["people", "group", "remove", "#1", "group-2"]);
    assert!(output.status.success(), "{}", said(&output));
    site.log().verify(&[]).unwrap();
}

#[test]
fn commands_wait_for_each_other() {
    let site = site();
    let groups: Vec<String> = (0..12).map(|n| format!("group-{n}")).collect();
    let start = |group| {
        let mut command = site.command(&["people", "group", "add", "#1", group]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let started: Vec<_> = groups.iter().map(|group| start(group)).collect();
    for child in started {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    assert_eq!(site.count(Kind::GroupJoined), groups.len());
}
