//! What somebody with access to the database may try, and where it shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use doorward::record::{Event, HEAD_MESSAGE_ID, Head, Kind, Log, RecordError, Stamp};
use doorward::whitelist;
use rusqlite::Connection;
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use support::site::{Site, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";

/// Around doorward's back, without what guards the records.
fn raw(database: &Path) -> Connection {
    let raw = Connection::open(database).unwrap();
    raw.execute_batch(
        "DROP TRIGGER IF EXISTS records_stay; DROP TRIGGER IF EXISTS records_stay_as_they_are;",
    )
    .unwrap();
    raw
}

/// Another text in every body, and all hashes made anew, as whoever knows the code can.
fn rewrite(database: &Path, text: &str, other: &str) {
    let raw = raw(database);
    let mut rows = raw.prepare("SELECT body FROM records ORDER BY id").unwrap();
    let bodies: Vec<String> = rows
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut hash: [u8; 32] = [0; 32];
    for (id, body) in (1i64..).zip(bodies) {
        let body = body.replace(text, other);
        hash = Sha256::digest([&hash[..], &id.to_le_bytes(), body.as_bytes()].concat()).into();
        raw.execute(
            "UPDATE records SET body = ?2, hash = ?3 WHERE id = ?1",
            rusqlite::params![id, body, hash],
        )
        .unwrap();
    }
}

fn lost(records: u64) -> Event {
    Event::RecordsLost { records }
}

/// A database with five records, and the heads after each.
fn five() -> (Site, Vec<Head>) {
    let site = Site::new();
    let path = site.at("doorward.db");
    let mut log = Log::new(
        doorward::database::Database::open(&path).unwrap(),
        Default::default(),
    );
    let heads = (1..=5).map(|n| {
        log.append(&Stamp::now(), &lost(n)).unwrap();
        log.head().unwrap()
    });
    let heads = heads.collect();
    (site, heads)
}

fn tampered(site: &Site, noted: &[Head]) -> u64 {
    match site.log().verify(noted) {
        Err(RecordError::Tampered { id, .. }) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn first_records_cannot_go_by_moving_the_anchor() {
    let (site, heads) = five();
    let database = raw(&site.at("doorward.db"));
    database
        .execute_batch(
            "UPDATE anchor SET (id, hash) = (SELECT id, hash FROM records WHERE id = 2);
             DELETE FROM records WHERE id <= 2;",
        )
        .unwrap();
    assert_eq!(tampered(&site, &[]), 3);
    // Nor all of them.
    database
        .execute_batch(
            "UPDATE anchor SET (id, hash) = (SELECT id, hash FROM records WHERE id = 5);
             DELETE FROM records;",
        )
        .unwrap();
    assert_eq!(tampered(&site, &[]), 6);
    database
        .execute_batch("UPDATE anchor SET (id, hash) = (0, zeroblob(32))")
        .unwrap();
    assert_eq!(tampered(&site, &heads[4..]), 5);
}

#[test]
fn a_noted_head_shows_a_chain_that_was_made_anew_or_cut_off() {
    let (site, heads) = five();
    assert_eq!(site.log().verify(&heads).unwrap().heads, 5);
    let path = site.at("doorward.db");
    raw(&path)
        .execute("DELETE FROM records WHERE id = 5", [])
        .unwrap();
    site.log().verify(&heads[..4]).unwrap();
    assert_eq!(tampered(&site, &heads), 5);
    rewrite(&path, "\"records\":2", "\"records\":7");
    // It is a chain as any other, but not the one whose heads were noted.
    site.log().verify(&heads[..1]).unwrap();
    assert_eq!(tampered(&site, &heads[..2]), 2);
}

#[test]
fn the_head_that_verify_prints_is_checked_when_it_is_given_again() {
    let (site, _) = five();
    let output = site.run(&["events", "--verify", "--json"]);
    let verified: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let head = verified["head"].as_str().unwrap().to_owned();
    let records = site.run(&["events", "--json", "-n", "1"]);
    let newest: serde_json::Value = serde_json::from_slice(&records.stdout).unwrap();
    let of_newest = format!("{}:{}", newest["id"], newest["hash"].as_str().unwrap());
    assert_eq!(head, of_newest);
    let again = site.run(&["events", "--verify", "--head", &head]);
    assert!(again.status.success(), "{}", said(&again));
    assert!(said(&again).contains(&head), "{}", said(&again));
    rewrite(&site.at("doorward.db"), "\"records\":1", "\"records\":9");
    assert!(site.run(&["events", "--verify"]).status.success());
    let said = site.fails(&["events", "--verify", "--head", &head]);
    assert!(said.contains("record 5"), "{said}");
    let said = site.fails(&["events", "--verify", "--head", "12"]);
    assert!(said.contains("ID:HASH"), "{said}");
}

/// A journal that has these lines as messages, of this user.
fn journal(site: &Site, lines: &[String]) {
    let uid = rustix::process::getuid().as_raw().to_string();
    let entries: String = lines
        .iter()
        .map(|line| serde_json::json!({ "MESSAGE": line, "_UID": uid }).to_string() + "\n")
        .collect();
    std::fs::write(site.at("entries"), entries).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *MESSAGE_ID={HEAD_MESSAGE_ID}*) cat {} ;; *) exit 1 ;; esac\n",
        site.at("entries").display()
    );
    std::fs::create_dir_all(site.at("bin")).unwrap();
    let program = site.at("bin/journalctl");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn by_journal(site: &Site) -> std::process::Output {
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", site.at("bin").display());
    let mut command = site.command(&["events", "--verify", "--journal"]);
    command.env("PATH", path).output().unwrap()
}

#[test]
fn the_daemon_tells_the_journal_its_head_and_verify_checks_all_of_them() {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 4);
    let (code, log) = site.start().end();
    assert_eq!(code, Some(0), "{log}");
    let heads: Vec<String> = log
        .lines()
        .filter_map(|line| line.find("record head ").map(|at| line[at..].to_owned()))
        .collect();
    // When it started and after its last word.
    assert_eq!(heads.len(), 2, "{log}");
    assert!(heads[1].contains(&site.log().head().unwrap().to_string()));
    journal(&site, &heads);
    let output = by_journal(&site);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("2 noted heads are as they were"));

    rewrite(
        &site.at("doorward.db"),
        "\"door\":\"door\"",
        "\"door\":\"back\"",
    );
    assert!(site.run(&["events", "--verify"]).status.success());
    let output = by_journal(&site);
    assert!(!output.status.success());
    assert!(said(&output).contains("written anew"), "{}", said(&output));

    // No head at all is no proof, nor is that of another database or user.
    journal(&site, &[heads[0].replace("doorward.db", "other.db")]);
    let output = by_journal(&site);
    assert!(!output.status.success());
    assert!(said(&output).contains("has no head"), "{}", said(&output));
}

/// A door that one person may pass, with that person in view again and again.
fn guarded() -> Site {
    Site::new()
        .set("camera.replay.repeat", true)
        .set("access.cooldown_ms", 0)
        .set("access.absence_ms", 0)
        .set("door.pulse_ms", 100)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 3)
}

fn truncate_wal(site: &Site) {
    let raw = Connection::open(site.at("doorward.db")).unwrap();
    let busy: i64 = raw
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
}

/// The daemon ends with the door locked, and says what to do.
fn ends_locked(site: &Site, daemon: support::site::Daemon) -> String {
    let (code, log) = daemon.end();
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("doorward restore"), "{log}");
    assert_eq!(site.level().as_deref(), Some("released"));
    log
}

fn people(site: &Site) -> usize {
    let database = doorward::database::Database::open_existing(&site.at("doorward.db")).unwrap();
    whitelist::people(&database).unwrap().len()
}

#[test]
fn an_older_copy_over_the_database_lets_no_removed_person_in() {
    // Under what the daemon wrote since, and in the place of all of it.
    for all in [false, true] {
        let site = guarded();
        std::fs::copy(site.at("doorward.db"), site.at("old.db")).unwrap();
        assert!(
            site.run(&["people", "remove", "--yes", "#1"])
                .status
                .success()
        );
        let daemon = site.start();
        site.await_events(Kind::Denied, 1);
        if all {
            truncate_wal(&site);
        }
        std::fs::copy(site.at("old.db"), site.at("doorward.db")).unwrap();
        let log = ends_locked(&site, daemon);
        assert!(!log.contains(": granted"), "{log}");
        // Nor by a new start, as systemd tries at once.
        let refused = site.fails(&["run"]);
        assert!(refused.contains("doorward restore"), "{refused}");
    }
}

#[test]
fn a_removal_counts_and_stays_when_the_log_of_the_database_was_deleted() {
    let site = guarded();
    let daemon = site.start();
    site.await_events(Kind::Granted, 1);
    std::fs::remove_file(site.at("doorward.db-wal")).unwrap();
    std::fs::remove_file(site.at("doorward.db-shm")).unwrap();
    let removed = site.run(&["people", "remove", "--yes", "#1"]);
    let log = ends_locked(&site, daemon);
    assert!(log.contains("moved, deleted or replaced"), "{log}");
    assert!(removed.status.success(), "{}", said(&removed));
    assert_eq!(people(&site), 0);
    assert_eq!(site.count(Kind::Removed), 1);
    // What the daemon wrote before is lost, and it does not go on as if nothing had been.
    let refused = site.fails(&["run"]);
    assert!(refused.contains("before it failed"), "{refused}");
    let note = refused.split_once("remove ").unwrap().1;
    std::fs::remove_file(note.split_once(" to guard").unwrap().0).unwrap();
    let daemon = site.start();
    site.await_events(Kind::Denied, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(site.count(Kind::Granted), 0);
}

#[test]
fn a_database_that_was_moved_gets_no_grant_that_nobody_would_find() {
    let site = guarded();
    let daemon = site.start();
    site.await_events(Kind::Granted, 1);
    std::fs::rename(site.at("doorward.db"), site.at("away.db")).unwrap();
    ends_locked(&site, daemon);
    // SQLite made no new one of that name either.
    assert!(!site.at("doorward.db").exists());
}

#[test]
fn a_change_past_the_record_locks() {
    let site = guarded();
    assert!(site.run(&["people", "disable", "#1"]).status.success());
    let daemon = site.start();
    site.await_events(Kind::Denied, 1);
    let raw = Connection::open(site.at("doorward.db")).unwrap();
    raw.execute("UPDATE people SET enabled = 1", []).unwrap();
    let log = ends_locked(&site, daemon);
    assert!(log.contains("no event says who"), "{log}");
    // The files are the same, so that this can be said in them.
    assert_eq!(site.count(Kind::Fault), 1);
}

#[test]
fn what_sqlite_and_administrators_may_do_goes_on() {
    let site = guarded();
    let daemon = site.start();
    site.await_events(Kind::Granted, 1);
    let raw = Connection::open(site.at("doorward.db")).unwrap();
    raw.execute_batch("VACUUM").unwrap();
    truncate_wal(&site);
    for change in [
        ["people", "rename", "#1", "Barack"].as_slice(),
        &["people", "disable", "#1"],
        &["people", "enable", "#1"],
    ] {
        let output = site.run(change);
        assert!(output.status.success(), "{}", said(&output));
    }
    let mut copy = Connection::open(site.at("copy.db")).unwrap();
    rusqlite::backup::Backup::new(&raw, &mut copy)
        .unwrap()
        .run_to_completion(5, std::time::Duration::ZERO, None)
        .unwrap();
    let enabled = site.log().head().unwrap().id;
    site.await_events(Kind::WhitelistLoaded, 2);
    let granted = site.count(Kind::Granted);
    site.await_events(Kind::Granted, granted + 1);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(site.log().head().unwrap().id > enabled);
    site.log().verify(&[]).unwrap();
}

#[test]
fn a_backup_and_a_restore_are_on_record_and_the_record_goes_on() {
    let site = guarded();
    let backup = site.at("backup.db").display().to_string();
    let output = site.run(&["backup", &backup]);
    assert!(output.status.success(), "{}", said(&output));
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    assert!(site.fails(&["backup", &backup]).contains("already"));
    assert!(
        site.run(&["people", "remove", "--yes", "#1"])
            .status
            .success()
    );
    let noted = site.log().head().unwrap();

    let daemon = site.start();
    site.await_events(Kind::Denied, 1);
    let refused = site.fails(&["restore", &backup]);
    assert!(refused.contains("systemctl stop"), "{refused}");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));

    let output = site.run(&["restore", &backup]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(people(&site), 1);
    assert_eq!(site.log().verify(&[noted]).unwrap().heads, 1);
    let (_, Event::BackedUp { up_to, hash, .. }) = site.first(Kind::BackedUp) else {
        panic!("{:?}", site.kinds())
    };
    let (
        _,
        Event::Restored {
            up_to: of,
            hash: with,
            people: 1,
            ..
        },
    ) = site.first(Kind::Restored)
    else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!((of, with), (up_to, hash));
    assert!(!site.at("doorward.db-restore").exists());
    // Nor is a number given to somebody else.
    let site = site.enrolled("Grace Hopper", &["grace-hopper/01.jpg"]);
    assert_eq!(site.log().head().unwrap().id, site.records().len() as u64);
    assert!(said(&site.run(&["people", "list"])).contains("#2"));

    // On a new card there is only the backup.
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::rename(
            site.at(&format!("doorward.db{ending}")),
            site.at(&format!("away.db{ending}")),
        );
    }
    let output = site.run(&["restore", &backup]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(site.log().verify(&[]).unwrap().last, Some(2));
    // What was noted in between is not in that record, and this can be seen.
    assert_eq!(tampered(&site, &[noted]), noted.id);
}

#[test]
fn what_is_no_backup_of_this_database_is_not_restored() {
    let site = guarded();
    let other = guarded();
    let backup = site.at("backup.db").display().to_string();
    assert!(other.run(&["backup", &backup]).status.success());
    let key = other.at("doorward.db-key").display().to_string();
    let restore = ["restore", &backup, "--key", &key];
    let refused = site.fails(&restore);
    assert!(refused.contains("does not go back"), "{refused}");
    rewrite(Path::new(&backup), "\"door\":\"door\"", "\"door\":\"back\"");
    raw(Path::new(&backup))
        .execute("UPDATE records SET hash = zeroblob(32)", [])
        .unwrap();
    let refused = site.fails(&restore);
    assert!(refused.contains("tampered"), "{refused}");
    for content in ["", "a shopping list, which is no database"] {
        std::fs::write(&backup, content).unwrap();
        let refused = site.fails(&restore);
        assert!(refused.contains("backup.db"), "{refused}");
    }
    assert_eq!(people(&site), 1);
    site.log().verify(&[]).unwrap();
}

#[test]
fn a_removed_person_is_said_to_be_gone_only_when_the_files_have_nothing_left() {
    let site = guarded()
        .set("whitelist.keep_photos", true)
        .enrolled("Grace Hopper", &["grace-hopper/01.jpg"]);
    let warned = site.set("whitelist.keep_photos", false);
    let output = warned.run(&["people", "list"]);
    assert!(said(&output).contains("forget-photos"), "{}", said(&output));
    let raw = Connection::open(warned.at("doorward.db")).unwrap();
    raw.execute_batch("BEGIN; SELECT count(*) FROM people")
        .unwrap();
    let refused = warned.fails(&["people", "remove", "--yes", "#2"]);
    assert!(refused.contains("NOT YET gone"), "{refused}");
    assert!(!refused.contains("are gone\n"), "{refused}");
    raw.execute_batch("COMMIT").unwrap();
    let output = warned.run(&["people", "erase"]);
    assert!(said(&output).contains("are gone"), "{}", said(&output));
    let wal = std::fs::metadata(warned.at("doorward.db-wal")).unwrap();
    assert_eq!(wal.len(), 0);
    // The daemon, which always has it open, is no such reader.
    let daemon = warned.start();
    warned.await_events(Kind::Granted, 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.id())).unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size"));
    assert_eq!(core.unwrap().split_whitespace().nth(4), Some("0"));
    let output = warned.run(&["people", "remove", "--yes", "#1"]);
    assert!(said(&output).contains("are gone"), "{}", said(&output));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}
