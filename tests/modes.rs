//! What administrators order of a guarded door: modes and unlocking, by the real program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use doorward::record::{By, DoorMode, Event, Kind, LockCause, ModeEnd, ModeSet, NotOpened};
use rustix::process::Signal;
use support::site::{Site, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const NOBODY: &str = "scenes-free/brick.jpg";

/// A door before which nobody stands, for as long as the test likes.
fn guarded() -> Site {
    Site::new()
        .set("camera.replay.repeat", true)
        .set("camera.max_identical_frames", 0)
        .frames(NOBODY, 3)
}

fn ordered(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn await_level(site: &Site, level: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while site.level().as_deref() != Some(level) {
        assert!(Instant::now() < until, "not {level}: {:#?}", site.events());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_door_is_held_open_over_a_restart_until_an_act_ends_it() {
    let site = guarded();
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    let told = ordered(
        &site,
        &["mode", "hold", "--until", "1h", "--reason", "open day"],
    );
    assert!(told.contains("held open until"), "{told}");
    await_level(&site, "energised");
    site.await_events(Kind::Unlocked, 1);
    let (act, Event::ModeSet(set)) = site.first(Kind::ModeSet) else {
        panic!()
    };
    assert_eq!(
        (set.mode, set.purpose.as_deref()),
        (DoorMode::Hold, Some("open day"))
    );
    let (unlocked, Event::Unlocked { by, .. }) = site.first(Kind::Unlocked) else {
        panic!()
    };
    assert!(by == By::Act(act) && act < unlocked);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(site.level().as_deref(), Some("released"));
    assert!(ordered(&site, &["mode"]).contains("held open until"));

    let daemon = site.start();
    await_level(&site, "energised");
    site.await_events(Kind::Unlocked, 2);
    ordered(&site, &["mode", "normal"]);
    // It would be seen a second later anyway.
    daemon.signal(Signal::HUP);
    await_level(&site, "released");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    let over = |(_, event): (u64, Event)| matches!(event, Event::Locked { reason: LockCause::ModeEnded, by: Some(By::Act(by)), .. } if by == act);
    assert!(site.events().into_iter().any(over));
    assert!(ordered(&site, &["mode"]).starts_with("normal"));
    site.log().verify(&[]).unwrap();
}

#[test]
fn a_mode_ends_by_itself_and_that_is_on_record() {
    let site = guarded();
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    ordered(&site, &["mode", "hold", "--until", "3s"]);
    site.await_events(Kind::ModeEnded, 1);
    let (_, Event::ModeEnded { mode, reason, .. }) = site.first(Kind::ModeEnded) else {
        panic!()
    };
    assert_eq!((mode, reason), (DoorMode::Hold, ModeEnd::Expired));
    await_level(&site, "released");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn an_administrator_unlocks_once_and_a_restart_does_not_do_it_again() {
    let site = guarded();
    let alone = site.run(&["unlock"]);
    assert_eq!(alone.status.code(), Some(1), "{}", said(&alone));
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    let told = ordered(&site, &["unlock", "--json", "--reason", "parcel"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["unlocked"], &told["pulse_ms"]),
        (&true.into(), &300.into())
    );
    let (act, asked) = site.first(Kind::UnlockAsked);
    assert!(matches!(asked, Event::UnlockAsked { purpose: Some(text), .. } if text == "parcel"));
    let (unlocked, Event::Unlocked { by, .. }) = site.first(Kind::Unlocked) else {
        panic!()
    };
    assert!(by == By::Act(act) && act < unlocked);
    assert_eq!(told["event"], act);
    await_level(&site, "released");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));

    let daemon = site.start();
    site.await_events(Kind::Started, 2);
    ordered(&site, &["mode", "lockdown"]);
    let refused = site.run(&["unlock"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("locked down"), "{}", said(&refused));
    let refused = site.run(&["unlock", "--json"]);
    assert_eq!(refused.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(
        (&told["unlocked"], &told["reason"]),
        (&false.into(), &"locked_down".into())
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(site.count(Kind::Unlocked), 1);
}

#[test]
fn nobody_is_let_in_while_the_door_is_locked_down() {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 6);
    // Before the daemon runs, so that it is in force from the first moment on.
    ordered(
        &site,
        &["mode", "lockdown", "--reason", "alarm in the yard"],
    );
    let (code, log) = site.start().end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(site.count(Kind::Unlocked), 0);
    assert_eq!(site.count(Kind::Granted), 0);
    let (_, Event::GrantWithdrawn { reason, grant, .. }) = site.first(Kind::GrantWithdrawn) else {
        panic!()
    };
    assert_eq!((reason, grant), (NotOpened::LockedDown, None));
}

#[test]
fn office_hours_begin_with_the_first_listed_person() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(NOBODY, 3);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    ordered(&site, &["mode", "office", "--until", "1h"]);
    assert_eq!(site.count(Kind::Unlocked), 0);
    site.show(PROBE);
    site.await_events(Kind::OfficeOpened, 1);
    site.await_events(Kind::Unlocked, 2);
    await_level(&site, "energised");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(site.level().as_deref(), Some("released"));
}

#[test]
fn a_mode_that_was_written_past_doorward_ends_the_daemon_locked() {
    let site = guarded();
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    ordered(&site, &["mode", "hold", "--until", "1h"]);
    await_level(&site, "energised");
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    raw.execute(
        "UPDATE acts SET until_ms = until_ms + 86400000, lasts_ms = lasts_ms + 86400000",
        [],
    )
    .unwrap();
    drop(raw);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("past doorward"), "{log}");
    assert_eq!(site.level().as_deref(), Some("released"));
    assert!(site.fails(&["mode"]).contains("past doorward"));
}

#[test]
fn what_is_ordered_needs_an_end_that_is_to_come() {
    let site = Site::new();
    assert!(site.fails(&["mode", "hold"]).contains("--until"));
    assert!(
        site.fails(&["mode", "office", "--until", "2020-01-01"])
            .contains("is past")
    );
    assert!(
        site.fails(&["mode", "hold", "--until", "soon"])
            .contains("is no time")
    );
    assert!(ordered(&site, &["mode"]).starts_with("normal"));
    let told = ordered(&site, &["mode", "lockdown", "--until", "tomorrow 07:00"]);
    assert!(told.contains("locked down until"), "{told}");
    let json = ordered(&site, &["mode", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["mode"], "lockdown");
    assert!(matches!(
        site.first(Kind::ModeSet).1,
        Event::ModeSet(ModeSet {
            mode: DoorMode::Lockdown,
            until_ms: Some(_),
            lasts_ms: Some(_),
            ..
        })
    ));
}
