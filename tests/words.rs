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
