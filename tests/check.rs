//! `doorward check`: that it only looks, and whether the door could open for nobody or for
//! anybody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use doorward::database::Database;
use support::Need;
use support::site::{Site, said};

const OBAMA: [&str; 3] = [
    "barack-obama/01.jpg",
    "barack-obama/02.jpg",
    "barack-obama/03.jpg",
];
const ROOM: &str = "scenes-free/brick.jpg";

/// A site on a machine whose clock and services are well, whatever this one's are.
fn site() -> Site {
    use std::io::Write as _;
    let site = Site::new().frames(ROOM, 3);
    let tools = site.at("tools");
    std::fs::create_dir(&tools).unwrap();
    for (name, says) in [
        ("systemctl", "[ $1 = is-enabled ] && echo enabled"),
        ("timedatectl", "echo yes"),
    ] {
        let mut file = std::fs::OpenOptions::new();
        let mut file = file
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o755)
            .open(tools.join(name))
            .unwrap();
        writeln!(file, "#!/bin/sh\n{says}").unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    site.with("PATH", format!("{}:{path}", tools.display()))
}

/// A door with four people, and nobody before its camera.
fn door() -> Site {
    site()
        .enrolled("Barack", &OBAMA)
        .enrolled("Eileen", &["eileen-collins/01.jpg"])
        .enrolled("Grace", &["grace-hopper/01.jpg"])
        .enrolled("Joe", &["joe-biden/01.jpg"])
}

fn check(site: &Site) -> (Option<i32>, String) {
    let output = site.run(&["check"]);
    (output.status.code(), said(&output))
}

#[test]
fn the_lock_at_boot_is_not_judged_where_there_is_no_systemd() {
    let site = site();
    std::fs::remove_file(site.at("tools/systemctl")).unwrap();
    let tools = site.at("tools");
    let site = site.with("PATH", tools);
    let (_, said) = check(&site);
    assert!(
        said.contains("?     lock at boot   not checked: no systemd"),
        "{said}"
    );
    assert!(!said.contains("WRONG lock"), "{said}");
}

/// Each file below a folder, with all that would tell that it was touched.
fn listing(folder: &Path) -> BTreeMap<String, (u64, u64, i64, i64, u32)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = std::fs::symlink_metadata(&path).unwrap();
            let seen = (
                about.ino(),
                about.len(),
                about.mtime(),
                about.mtime_nsec(),
                about.mode(),
            );
            all.insert(path.display().to_string(), seen);
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    all
}

#[test]
fn all_is_well_with_nobody_before_the_camera_and_nothing_is_written() {
    // The choice of networks is measured, and not noted.
    let site = door().set("models.precision", "\"auto\"");
    let cache = format!("{:?}", site.at("networks.toml").display().to_string());
    let site = site.set("models.cache", cache);
    let _ = std::fs::remove_file(site.at("relay"));
    let before = listing(&site.at("."));
    let (code, said) = check(&site);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        !said.contains("WRONG") && said.contains("none in view"),
        "{said}"
    );
    assert!(said.contains("4 people and 6 templates"), "{said}");
    assert!(said.contains("ok    threshold"), "{said}");
    assert_eq!(listing(&site.at(".")), before);

    // Beside somebody who has the database open, too.
    let database = Database::open_existing(&site.at("doorward.db")).unwrap();
    assert!(site.at("doorward.db-wal").exists());
    let beside = listing(&site.at("."));
    let (code, said) = check(&site);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(listing(&site.at(".")), beside);
    drop(database);
}

#[test]
fn a_folder_that_cannot_be_written_is_looked_at_all_the_same() {
    let site = door();
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-ec"])
        .arg("mount --bind \"$SITE\" \"$SITE\"; mount -o remount,ro,bind \"$SITE\"; $DOORWARD check || true")
        .env("SITE", site.at("."))
        .env("DOORWARD", env!("CARGO_BIN_EXE_doorward"))
        .env("DOORWARD_CONFIG", site.config())
        .output();
    let said = match output {
        Ok(output) => said(&output),
        Err(error) => return support::lacks(Need::Namespace, &format!("unshare: {error}")),
    };
    if said.contains("unshare") || said.contains("mount:") {
        return support::lacks(Need::Namespace, &said);
    }
    assert!(said.contains("4 people and 6 templates"), "{said}");
    // And it is told what that means for the door.
    assert!(
        said.contains("WRONG disk") && said.contains("read-only"),
        "{said}"
    );
}

#[test]
fn a_door_that_could_open_for_nobody_or_for_anybody_is_wrong() {
    let settings: &[(&str, &str, &str)] = &[
        ("access.threshold", "0.2", "ANYBODY could be let in"),
        ("access.threshold", "0.45", ""),
        (
            "access.threshold",
            "0.99",
            "NOBODY could be let in: of 3 photos on the list 0 reach 0.990",
        ),
        (
            "access.threshold",
            "1.2",
            "NOBODY could be let in: a listed person's own template reaches 1.000",
        ),
        (
            "access.false_accept",
            "\"1 in 10000000 strangers\"",
            "backed by data down to",
        ),
        (
            "vision.region",
            "[0.4, 0.4, 0.5, 0.5]",
            "nobody could be let in: vision.region is",
        ),
    ];
    let mut site = door();
    for (key, value, expected) in settings {
        site = site.set(key, value);
        let (code, said) = check(&site);
        match *expected {
            "" => assert_eq!(code, Some(0), "{key} = {value}: {said}"),
            _ => {
                assert_eq!(code, Some(1), "{key} = {value}: {said}");
                assert!(said.contains(expected), "{key} = {value}: {said}");
            }
        }
        site = site.unset(key);
    }
}

#[test]
fn a_whitelist_that_lets_nobody_in_is_wrong_and_says_what_to_do() {
    let site = site().enrolled("Barack", &OBAMA);
    let wrong = |words: &[&str]| {
        let (code, said) = check(&site);
        assert_eq!(code, Some(1), "{said}");
        for word in words {
            assert!(said.contains(word), "{said}\nlacks {word}");
        }
    };
    assert!(site.run(&["people", "disable", "Barack"]).status.success());
    wrong(&["1 person is listed, all disabled", "people enable NAME"]);
    assert!(site.run(&["people", "enable", "Barack"]).status.success());
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(site.at("doorward.db"), mode).unwrap();
    };
    mode(0o644);
    wrong(&["can be read by others: sudo chmod 600"]);
    mode(0o600);
    // Other networks than those of now made the templates.
    rusqlite::Connection::open(site.at("doorward.db"))
        .unwrap()
        .execute("UPDATE templates SET model = 'other'", [])
        .unwrap();
    wrong(&["nobody has a template of these networks", "people migrate"]);
    std::fs::remove_file(site.at("doorward.db")).unwrap();
    wrong(&["there is no database", "doorward enroll NAME PHOTO"]);
    // It would have been easy to make one.
    assert!(!site.at("doorward.db").exists());
}

#[test]
fn each_mistake_of_the_configuration_is_a_line() {
    let site = site().set("access.frames", "0").set("door.pulse_ms", "1");
    let (code, said) = check(&site);
    assert_eq!(code, Some(1), "{said}");
    let lines = said
        .lines()
        .filter(|l| l.starts_with("WRONG configuration"));
    assert_eq!(lines.count(), 2, "{said}");
}
