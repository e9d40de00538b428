//! What is said where something is one, forbidden or damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use support::Need;
use support::site::{Site, said};

const PHOTO: &str = "grace-hopper/01.jpg";
/// Nobody's number on every system.
const NOBODY: u32 = 65534;
const THINGS: [&str; 11] = [
    "photos",
    "people",
    "templates",
    "events",
    "pictures",
    "frames",
    "faces",
    "threads",
    "persons",
    "pairs",
    "strangers",
];

/// `1 photos`, but not `1 in 1000 strangers` or `21 photos`.
fn wrong_number(said: &str) -> Option<String> {
    let words: Vec<&str> = said
        .split(|c: char| !c.is_alphanumeric() && c != '.')
        .collect();
    let pair = words
        .windows(2)
        .find(|w| w[0] == "1" && THINGS.contains(&w[1]))?;
    Some(pair.join(" "))
}

#[test]
fn one_of_a_thing_is_not_many() {
    let site = Site::new().frames(PHOTO, 1).enrolled("Grace", &[PHOTO]);
    let backup = site.at("one.db").display().to_string();
    let commands: &[&[&str]] = &[
        &["check"],
        &["people", "list"],
        &["people", "show", "Grace"],
        &["people", "audit"],
        &["people", "migrate"],
        &["threshold"],
        &["threshold", "--people", "1"],
        &["backup", &backup],
        &["restore", &backup],
        &["run"],
        &["people", "remove", "Grace"],
        &["events"],
        &["events", "--verify"],
    ];
    for command in commands {
        let said = said(&site.run(command));
        assert_eq!(wrong_number(&said), None, "{command:?}: {said}");
    }
    assert_eq!(wrong_number("a, 1 photos"), Some("1 photos".into()));
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn who_may_not_is_told_of_sudo() {
    if !rustix::process::geteuid().is_root() {
        return support::lacks(Need::Root, "only root can be somebody else");
    }
    let site = Site::new().frames(PHOTO, 1).enrolled("Grace", &[PHOTO]);
    mode(&site.at("."), 0o755);
    let as_nobody = |arguments: &[&str]| {
        let output = site.command(arguments).uid(NOBODY).gid(NOBODY).output();
        output.map(|output| said(&output))
    };
    match as_nobody(&["--version"]) {
        Err(error) => return support::lacks(Need::Root, &format!("as another user: {error}")),
        Ok(said) => assert!(said.starts_with("doorward"), "{said}"),
    }
    let told_of = |arguments: &[&str], file: &str| {
        let said = as_nobody(arguments).unwrap();
        let line = said
            .lines()
            .find(|l| l.contains(file) && l.contains("ermission denied"));
        let line = line.unwrap_or_else(|| panic!("{arguments:?}: {said}"));
        assert!(line.contains("sudo"), "{line}");
    };
    told_of(&["people", "list"], "doorward.db");
    told_of(&["check"], "doorward.db");
    mode(&site.config(), 0o600);
    told_of(&["people", "list"], "doorward.toml");
    told_of(&["check"], "doorward.toml");
}

#[test]
fn a_damaged_database_leads_to_the_command_that_takes_a_backup() {
    let site = Site::new().frames(PHOTO, 1).enrolled("Grace", &[PHOTO]);
    let path = site.at("doorward.db");
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0x55;
    }
    std::fs::write(&path, bytes).unwrap();
    for command in [&["check"][..], &["people", "list"]] {
        let said = said(&site.run(command));
        assert!(
            said.contains("doorward restore FILE"),
            "{command:?}: {said}"
        );
    }
}

#[test]
fn the_systems_errors_are_said_in_words() {
    let site = Site::new().enrolled("Grace", &[PHOTO]);
    let at = |name: &str| site.at(name).display().to_string();
    std::fs::write(site.at("there.db"), "kept").unwrap();
    std::fs::write(site.at("key"), "a long passphrase of several words").unwrap();
    let (there, nowhere, beneath) = (at("there.db"), at("no/where.db"), at("there.db/below.db"));
    let (key, folder) = (at("key"), at("."));
    let lost = Site::new().set("camera.replay.path", "\"/nowhere/clip.y4m\"");
    let exists = "is there already";
    let cases: &[(&Site, &[&str], &str)] = &[
        (&site, &["backup", &there], exists),
        (&site, &["backup", &folder], exists),
        (&site, &["backup", &nowhere], "its folder does not exist"),
        (
            &site,
            &["backup", &beneath],
            "it names a file where a folder has to be",
        ),
        (&site, &["restore", &nowhere], "its folder does not exist"),
        (
            &site,
            &["people", "export", "--passphrase-file", &key, &there],
            exists,
        ),
        (
            &site,
            &["people", "export", "--passphrase-file", &key, &nowhere],
            "there is no such file",
        ),
        (
            &site,
            &["people", "import", "--passphrase-file", &key, &nowhere],
            "there is no such file",
        ),
        (
            &site,
            &["people", "import", "--passphrase-file", &nowhere, &there],
            "there is no such file",
        ),
        (&site, &["identify", &nowhere], "there is no such file"),
        (&site, &["evaluate", &nowhere], "there is no such file"),
        (&site, &["pad-test", &nowhere], "there is no such file"),
        (
            &site,
            &["generate", "man", &beneath],
            "where a folder has to be",
        ),
        (&lost, &["check"], "there is no such file"),
        (&lost, &["run"], "there is no such file"),
    ];
    for (site, command, words) in cases {
        for json in [&[][..], &["--json"]] {
            // What has no result has no JSON either.
            if !json.is_empty() && ["run", "generate"].contains(&command[0]) {
                continue;
            }
            let output = site.run(&[command, json].concat());
            let said = said(&output);
            assert_ne!(output.status.code(), Some(0), "{command:?}: {said}");
            assert!(said.contains(words), "{command:?} {json:?}: {said}");
            assert!(!said.contains("os error"), "{command:?} {json:?}: {said}");
        }
    }
    assert_eq!(
        std::fs::read_to_string(site.at("there.db")).unwrap(),
        "kept"
    );
}

#[test]
fn an_empty_whitelist_says_what_to_do() {
    let site = Site::new().frames(PHOTO, 1);
    for command in [&["run"][..], &["status"], &["events"]] {
        let said = said(&site.run(command));
        assert!(
            said.contains("nobody is listed")
                && said.contains("`doorward enroll \"NAME\" PHOTO...`"),
            "{command:?}: {said}"
        );
    }
}
