//! The real program guards a simulated door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use doorward::database::Database;
use doorward::record::{
    By, CameraLoss, ConfigFault, DenialReason, Event, FaultReason, GrantReason, Kind, LockCause,
    Record, WhitelistFault,
};
use doorward::whitelist;
use rustix::process::Signal;
use support::site::{Site, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const STRANGER: &str = "grace-hopper/01.jpg";
const NOBODY: &str = "scenes-free/brick.jpg";

#[test]
fn a_listed_person_is_let_in_once_and_on_record_before_the_door_moves() {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 6);
    let (code, log) = site.start().end();
    assert_eq!(code, Some(0), "{log}");
    let kinds = site.kinds();
    let at = |kind| kinds.iter().position(|k| *k == kind);
    assert!(at(Kind::Granted).unwrap() < at(Kind::Unlocked).unwrap());
    assert_eq!(site.count(Kind::Granted), 1);
    assert_eq!(site.count(Kind::Unlocked), 1);
    // As it is configured, however long the relay took to answer.
    assert!(matches!(
        site.first(Kind::Unlocked).1,
        Event::Unlocked { pulse_ms: 300, .. }
    ));

    let (id, Event::Granted(grant)) = site.first(Kind::Granted) else {
        panic!("{kinds:?}")
    };
    assert_eq!(grant.reason, GrantReason::Recognised);
    let grant = grant.recognition;
    assert_eq!(grant.person.name, "Barack Obama");
    assert!(grant.score >= grant.threshold);
    assert_eq!(grant.frames, 3);
    let energised_ms = site
        .events()
        .into_iter()
        .find_map(|(_, event)| match event {
            Event::Locked {
                reason: LockCause::PulseEnded,
                by: Some(By::Grant(grant)),
                energised_ms,
            } if grant == id => energised_ms,
            _ => None,
        });
    assert!(energised_ms.unwrap() >= 300);
    assert_eq!(kinds.last(), Some(&Kind::Stopped));
    assert_eq!(site.level().as_deref(), Some("released"));
    site.log().verify(&[]).unwrap();
}

#[test]
fn strangers_and_empty_scenes_move_nothing() {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(NOBODY, 5)
        .frames(STRANGER, 8)
        .frames(NOBODY, 5);
    assert_eq!(site.start().end().0, Some(0));
    assert_eq!(site.count(Kind::Unlocked), 0);
    assert_eq!(site.count(Kind::Granted), 0);
    assert_eq!(site.count(Kind::Denied), 1);
    let (_, Event::Denied(denied)) = site.first(Kind::Denied) else {
        panic!("{:?}", site.kinds())
    };
    assert!(denied.score.unwrap() < denied.threshold.unwrap());
    assert!(denied.frame.name.contains("frames/"));
}

#[test]
fn nobody_gets_in_by_an_empty_whitelist() {
    let site = Site::new().frames(PROBE, 6);
    assert_eq!(site.start().end().0, Some(0));
    assert_eq!(
        (site.count(Kind::Denied), site.count(Kind::Granted)),
        (1, 0)
    );
}

#[test]
fn what_an_administrator_changes_counts_at_once() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.cooldown_ms", 0)
        .set("access.absence_ms", 0)
        .set("door.pulse_ms", 100)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 3);
    let daemon = site.start();
    site.await_events(Kind::Granted, 2);
    assert!(
        site.run(&["people", "disable", "barack obama"])
            .status
            .success()
    );
    let disabled_at = site.log().head().unwrap().id;
    site.await_events(Kind::Denied, 1);
    let late = site
        .events()
        .into_iter()
        .filter(|(id, _)| *id > disabled_at);
    assert_eq!(late.filter(|(_, e)| e.kind() == Kind::Granted).count(), 0);
    let granted = site.count(Kind::Granted);
    assert!(site.run(&["people", "enable", "#1"]).status.success());
    site.await_events(Kind::Granted, granted + 1);
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(site.kinds().last(), Some(&Kind::Stopped));
    assert_eq!(site.level().as_deref(), Some("released"));
}

#[test]
fn a_new_configuration_counts_and_a_wrong_one_does_not() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.cooldown_ms", 0)
        .set("access.threshold", 1.5)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 3);
    let daemon = site.start();
    site.await_events(Kind::Denied, 1);
    std::fs::write(site.config(), "[access]\nthreshold = 7\n").unwrap();
    daemon.signal(Signal::HUP);
    site.await_events(Kind::ConfigRejected, 1);
    let (
        _,
        Event::ConfigRejected {
            reason, message, ..
        },
    ) = site.first(Kind::ConfigRejected)
    else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(reason, ConfigFault::Invalid);
    assert!(message.contains("doorward.toml:2:13"), "{message}");
    site.await_events(Kind::Denied, site.count(Kind::Denied) + 1);
    assert_eq!(site.count(Kind::Granted), 0);
    let site = site.set("access.threshold", 0.7);
    daemon.signal(Signal::HUP);
    site.await_events(Kind::Granted, 1);
    assert_eq!(site.count(Kind::ConfigReloaded), 1);
    daemon.signal(Signal::INT);
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn a_grant_that_cannot_be_put_on_record_opens_nothing() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(NOBODY, 6);
    let daemon = site.start();
    site.await_events(Kind::WhitelistLoaded, 1);
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    site.show(PROBE);
    daemon.await_said("the grant cannot be put on record");
    daemon.signal(Signal::INT);
    let (code, log) = daemon.end();
    raw.execute_batch("ROLLBACK").unwrap();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("the door stays locked, the grant cannot be put on record"),
        "{log}"
    );
    assert!(log.contains("in use by another program"), "{log}");
    assert_eq!(
        (site.count(Kind::Granted), site.count(Kind::Unlocked)),
        (0, 0)
    );
}

#[test]
fn a_whitelist_that_is_damaged_while_guarding_lets_nobody_in() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.cooldown_ms", 0)
        .set("door.pulse_ms", 100)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 3);
    let daemon = site.start();
    site.await_events(Kind::Granted, 1);
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    raw.execute("UPDATE templates SET vector = x'00'", [])
        .unwrap();
    site.await_events(Kind::WhitelistUnreadable, 1);
    let (unreadable, Event::WhitelistUnreadable { reason, message }) =
        site.first(Kind::WhitelistUnreadable)
    else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(reason, WhitelistFault::Changed);
    assert!(message.contains("row 1 of templates"), "{message}");
    std::thread::sleep(Duration::from_millis(500));
    // One that was decided in the same moment may stand right behind it.
    let after = unreadable + 2;
    let late = site.events().into_iter().filter(|(id, _)| *id > after);
    assert_eq!(late.filter(|(_, e)| e.kind() == Kind::Granted).count(), 0);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn a_database_that_is_replaced_ends_the_daemon_locked() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(NOBODY, 3);
    let daemon = site.start();
    site.await_events(Kind::WhitelistLoaded, 1);
    std::fs::rename(site.at("doorward.db"), site.at("old.db")).unwrap();
    let (code, log) = daemon.end();
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("moved, deleted or replaced"), "{log}");
    assert_eq!(site.level().as_deref(), Some("released"));
}

#[test]
fn a_camera_that_is_not_there_is_reported_and_waited_for() {
    let site = Site::new()
        .set("camera.source", "\"v4l2\"")
        .set("camera.device", "\"/dev/no-such-camera\"")
        .enrolled("Barack Obama", &OBAMA);
    let daemon = site.start();
    site.await_events(Kind::CameraLost, 1);
    let (
        _,
        Event::CameraLost {
            reason, message, ..
        },
    ) = site.first(Kind::CameraLost)
    else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(reason, CameraLoss::NotFound);
    assert!(
        message.contains("there is no camera at /dev/no-such-camera"),
        "{message}"
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(site.count(Kind::CameraLost), 1);
}

#[test]
fn spoilt_pictures_of_a_recording_are_left_out() {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 6);
    std::fs::write(site.at("frames/0001.jpg"), b"not a picture").unwrap();
    std::fs::write(site.at("frames/0002.jpg"), b"").unwrap();
    let (code, log) = site.start().end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("frames/0001.jpg"), "{log}");
    assert_eq!(site.count(Kind::Granted), 1);
}

#[test]
fn the_relay_by_hand_is_on_record_and_locks_by_a_broken_configuration() {
    let site = Site::new();
    let output = site.run(&["relay", "pulse", "--ms", "50"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(site.kinds(), [Kind::RelayByHand]);
    assert_eq!(site.level().as_deref(), Some("released"));
    std::fs::write(site.at("relay"), "energised\n").unwrap();
    let broken = std::fs::read_to_string(site.config()).unwrap() + "access.threshold = \"high\"\n";
    std::fs::write(site.config(), broken).unwrap();
    assert!(!site.run(&["relay", "pulse"]).status.success());
    std::fs::write(site.at("relay"), "energised\n").unwrap();
    let output = site.run(&["relay", "lock"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(site.level().as_deref(), Some("released"));
}

/// kill -9 at any moment: what was acknowledged is on record, the database is
/// whole, and what systemd runs afterwards locks the line.
#[test]
fn killed_at_any_moment_nothing_is_lost_and_the_line_can_be_locked() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.cooldown_ms", 0)
        .set("door.pulse_ms", 150)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 4);
    // DOORWARD_SEED=… has the same moments again.
    let seed = std::env::var("DOORWARD_SEED")
        .ok()
        .map(|s| s.parse().unwrap());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) | 1);
    eprintln!("DOORWARD_SEED={seed}");
    let mut random = seed;
    let (mut acknowledged, mut while_open, mut while_locked) = (0, 0, 0);
    // How long this machine takes until the door opens; the moments lie around that.
    let mut opens_after = Duration::ZERO;
    let mut round = 0;
    // More than the 50 only until both kinds of moments were met.
    while round < 50 || (round < 300 && (while_open == 0 || while_locked == 0)) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (daemon, started) = (site.start(), Instant::now());
        if round == 0 {
            site.await_events(Kind::Unlocked, 1);
            opens_after = started.elapsed();
        } else {
            let last = opens_after.as_millis() as u64 * 3 / 2 + 200;
            std::thread::sleep(Duration::from_millis(random % last));
        }
        daemon.signal(Signal::KILL);
        let (code, log) = daemon.end();
        assert_eq!(code, None, "it ended by itself in round {round}: {log}");

        let output = site.run(&["relay", "lock"]);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(site.level().as_deref(), Some("released"), "round {round}");

        let database = Database::open_existing(&site.at("doorward.db")).unwrap();
        database.integrity_check().unwrap();
        whitelist::people(&database).unwrap();
        site.log().verify(&[]).unwrap();
        let records = site.records();
        let last = |kinds: [Kind; 2]| {
            let of_these = |r: &Record| r.event().is_some_and(|e| kinds.contains(&e.kind()));
            records.iter().rposition(of_these)
        };
        if last([Kind::Granted, Kind::Unlocked]) > last([Kind::Locked, Kind::Started]) {
            while_open += 1;
        } else {
            while_locked += 1;
        }
        // "… event 12: granted …" is said after the event is on the disk.
        for line in log
            .lines()
            .filter_map(|l| l.split_once(" event "))
            .map(|l| l.1)
        {
            let Some((id, text)) = line.split_once(": ") else {
                continue;
            };
            let id: u64 = id.parse().unwrap();
            let record = records.iter().find(|r| r.id == id);
            let record = record.unwrap_or_else(|| panic!("event {id} is lost: {line}"));
            assert!(text.starts_with(record.kind()), "{line}: {record}");
            acknowledged += 1;
        }
        round += 1;
    }
    eprintln!(
        "{round} kills, {while_open} of them between a grant and its end: {acknowledged} \
         acknowledged events, all on record"
    );
    assert!(while_open > 0, "never killed between a grant and its end");
    assert!(while_locked > 0, "never killed while the door was locked");
    assert!(acknowledged > 50);
}

#[test]
fn templates_of_another_network_open_nothing_until_they_are_made_anew() {
    let other = "[\"facenet128-int8\"]";
    let site = Site::new()
        .set("models.choose", other)
        .enrolled("Grace Hopper", &[STRANGER])
        .set("whitelist.keep_photos", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 6);
    // The network the photos were enrolled with knows him; the default one must not guess.
    let (code, log) = site.start().end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(site.count(Kind::Granted), 1, "{log}");
    let site = site.set("models.choose", "[]");
    assert_eq!(site.start().end().0, Some(0));
    assert_eq!(site.count(Kind::Granted), 1);
    assert_eq!(site.count(Kind::Denied), 1);

    let output = site.run(&["people", "migrate"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    let row = |name: &str| table.lines().find(|l| l.contains(name)).unwrap().to_owned();
    assert!(row("Barack Obama").contains("2 made anew"), "{table}");
    assert!(
        row("Grace Hopper").contains("MUST BE ENROLLED AGAIN"),
        "{table}"
    );
    assert!(table.contains("1 of 2 must come again"), "{table}");
    assert_eq!(site.start().end().0, Some(0));
    assert_eq!(site.count(Kind::Granted), 2);
    // A second time there is nothing to do, and removing the person removes the photos.
    let again = String::from_utf8(site.run(&["people", "migrate"]).stdout).unwrap();
    assert!(again.contains("was ready"), "{again}");
    assert!(
        site.run(&["people", "remove", "--yes", "#2"])
            .status
            .success()
    );
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    let kept: i64 = raw
        .query_row(
            "SELECT count(*) FROM templates WHERE photo IS NOT NULL",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(kept, 0);
}

#[test]
fn a_frozen_picture_lets_nobody_in_and_is_told() {
    let site = Site::new()
        .set("camera.max_identical_frames", 40)
        .enrolled("Barack Obama", &OBAMA)
        .stills(PROBE, 60);
    let daemon = site.start();
    site.await_events(Kind::CameraLost, 1);
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    let (
        _,
        Event::CameraLost {
            reason, message, ..
        },
    ) = site.first(Kind::CameraLost)
    else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(reason, CameraLoss::Frozen);
    assert!(message.contains("40 pictures in a row"), "{message}");
    assert_eq!(site.count(Kind::Granted), 0);
    // The same person before a camera that lives.
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 4);
    let (code, log) = site.start().end();
    assert_eq!((code, site.count(Kind::Granted)), (Some(0), 1), "{log}");
}

#[test]
fn who_stays_is_let_in_once() {
    let site = Site::new()
        .set("access.cooldown_ms", 0)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 30);
    let (code, log) = site.start().end();
    assert_eq!((code, site.count(Kind::Granted)), (Some(0), 1), "{log}");
}

#[test]
fn an_opening_ends_when_the_person_may_not_pass_any_more() {
    let site = Site::new()
        .set("door.pulse_ms", 25_000)
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 4);
    let daemon = site.start();
    site.await_events(Kind::Unlocked, 1);
    assert!(
        site.run(&["people", "disable", "#1"]).status.success(),
        "the person cannot be disabled"
    );
    // The first was that of the start.
    site.await_events(Kind::Locked, 2);
    let locks: Vec<Event> = site.events().into_iter().map(|(_, event)| event).collect();
    let revoked = locks.iter().any(|event| {
        matches!(event, Event::Locked { reason: LockCause::Revoked, energised_ms: Some(ms), .. }
            if *ms < 20_000)
    });
    assert!(revoked, "{:?}", site.kinds());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn faces_that_are_seen_too_seldom_to_be_followed_are_told() {
    let site = Site::new()
        .set("camera.replay.pace", "\"real-time\"")
        .set("camera.replay.fps", 1)
        .set("camera.replay.repeat", true)
        .set("camera.stall_ms", 5000)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 12);
    let daemon = site.start();
    site.await_events(Kind::Fault, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    let (
        _,
        Event::Fault {
            reason, message, ..
        },
    ) = site.first(Kind::Fault)
    else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(reason, FaultReason::TooSlow);
    let message = message.unwrap();
    assert!(message.contains("700 ms is the most"), "{message}");
    assert_eq!(site.count(Kind::Granted), 0);
}

#[test]
fn a_photo_on_a_stand_is_refused_and_a_head_is_not() {
    let door = || {
        Site::new()
            .set("camera.replay.pace", "\"real-time\"")
            .set("camera.replay.fps", 5)
            .set("camera.replay.repeat", true)
            .enrolled("Barack Obama", &OBAMA)
    };
    let refused = |site: Site| {
        let daemon = site.start();
        site.await_events(Kind::Denied, 1);
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end().0, Some(0));
        assert_eq!(site.count(Kind::Granted), 0);
        let (_, Event::Denied(denied)) = site.first(Kind::Denied) else {
            panic!("{:?}", site.kinds())
        };
        denied
    };
    // A camera that gives the very same pixels is no better than a photo.
    for site in [door().on_a_stand(PROBE, 12), door().stills(PROBE, 12)] {
        let denied = refused(site);
        assert_eq!(denied.reason, DenialReason::FrozenFace);
        assert_eq!(denied.person.unwrap().name, "Barack Obama");
        assert!(denied.measured.is_some_and(|movement| movement < 0.0047));
        assert!(denied.cues.unwrap().movement.is_some());
    }

    let head = door().frames(PROBE, 12);
    let daemon = head.start();
    head.await_events(Kind::Granted, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    let (_, Event::Granted(granted)) = head.first(Kind::Granted) else {
        panic!("{:?}", head.kinds())
    };
    let movement = granted.cues.unwrap().movement;
    assert!(movement.is_some_and(|m| m > 0.0047), "{movement:?}");
    // A door that leaves it off lets the photo pass, and says nothing of movements.
    let off = door()
        .set("liveness.frozen_face", false)
        .on_a_stand(PROBE, 12);
    let daemon = off.start();
    off.await_events(Kind::Granted, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    let (_, Event::Granted(granted)) = off.first(Kind::Granted) else {
        panic!("{:?}", off.kinds())
    };
    assert_eq!(granted.cues, None);
}
