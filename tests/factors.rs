//! PINs and cards, given out and taken away by the command line and kept in the database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use doorward::database::Database;
use doorward::embedding::{Embedding, ModelVersion};
use doorward::person::PersonId;
use doorward::record::{DenialReason, Event, Kind};
use doorward::whitelist::{self, Card, CardFormat, NewTemplate, Pin, WhitelistError};
use rustix::process::Signal;
use support::origin;
use support::site::{Site, said};

/// A site with people on it who have no photos.
fn site(names: &[&str]) -> Site {
    let site = Site::new();
    let mut db = Database::open(&site.at("doorward.db")).unwrap();
    for name in names {
        let template = NewTemplate {
            embedding: Embedding::new(&ModelVersion::new("m"), vec![1.0]).unwrap(),
            source: "photo.jpg".into(),
            photo: None,
        };
        whitelist::enroll(&mut db, name, &[template], &origin()).unwrap();
    }
    site
}

fn typed(site: &Site, arguments: &[&str], line: &str) -> Output {
    let mut child = site
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn w26(facility: u32, number: u64) -> Card {
    Card::new(CardFormat::new("w26").unwrap(), Some(facility), number).unwrap()
}

/// All bytes of the database's files.
fn files(database: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for ending in ["", "-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        all.extend(std::fs::read(name).unwrap_or_default());
    }
    all
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_pin_is_set_by_a_line_and_shown_by_nobody() {
    let site = site(&["Ada", "Zoe"]);
    let set = typed(&site, &["people", "pin", "Ada"], "471148\n");
    assert!(set.status.success(), "{}", said(&set));
    let set = typed(&site, &["people", "pin", "ada", "--duress"], "471149");
    assert!(set.status.success(), "{}", said(&set));
    let shown = said(&site.run(&["people", "show", "Ada"]));
    assert!(shown.contains("has a PIN and a duress PIN"), "{shown}");
    let json = site.run(&["people", "show", "Ada", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["factors"]["pin"], true);
    assert_eq!(json["factors"]["duress_pin"], true);
    let kinds: Vec<Kind> = site.kinds().into_iter().rev().take(2).collect();
    assert_eq!(kinds, [Kind::PinSet, Kind::PinSet]);
    let bytes = files(&site.at("doorward.db"));
    assert!(!holds(&bytes, b"471148") && !holds(&bytes, b"471149"));

    let gone = site.run(&["people", "pin", "Ada", "--remove", "--duress"]);
    assert!(gone.status.success(), "{}", said(&gone));
    let gone = site.run(&["people", "pin", "Ada", "--remove"]);
    assert!(gone.status.success(), "{}", said(&gone));
    assert!(
        site.fails(&["people", "pin", "Ada", "--remove"])
            .contains("no such PIN")
    );
    let shown = said(&site.run(&["people", "show", "Ada"]));
    assert!(!shown.contains("PIN"), "{shown}");
}

#[test]
fn pins_that_are_none_are_refused_and_change_nothing() {
    let site = site(&["Ada"]);
    let before = site.kinds();
    for (line, why) in [
        ("1234\n", "one of the first that somebody tries"),
        ("0000\n", "one digit again and again"),
        ("121212\n", "a few digits again and again"),
        ("123\n", "4 to 12 digits"),
        ("1234567890123\n", "4 to 12 digits"),
        ("secret\n", "only digits"),
    ] {
        let refused = typed(&site, &["people", "pin", "Ada"], line);
        assert_eq!(refused.status.code(), Some(3), "{line}");
        assert!(said(&refused).contains(why), "{line}: {}", said(&refused));
        assert!(!said(&refused).contains(line.trim()), "{}", said(&refused));
    }
    assert_eq!(
        typed(&site, &["people", "pin", "Ada"], "").status.code(),
        Some(2)
    );
    let early = typed(&site, &["people", "pin", "Ada", "--duress"], "471148\n");
    assert!(said(&early).contains("no such PIN"), "{}", said(&early));
    assert_eq!(site.kinds(), before);
    assert!(
        typed(&site, &["people", "pin", "Ada"], "471148\n")
            .status
            .success()
    );
    let same = typed(&site, &["people", "pin", "Ada", "--duress"], "471148\n");
    assert!(
        said(&same).contains("two different ones"),
        "{}",
        said(&same)
    );
    // And the other way round.
    assert!(
        typed(&site, &["people", "pin", "Ada", "--duress"], "471149\n")
            .status
            .success()
    );
    let same = typed(&site, &["people", "pin", "Ada"], "471149\n");
    assert!(
        said(&same).contains("two different ones"),
        "{}",
        said(&same)
    );
}

#[test]
fn a_card_is_one_persons_and_a_lost_one_says_whose_it_was() {
    let site = site(&["Ada", "Zoe"]);
    let run = |arguments: &[&str]| {
        let output = site.run(arguments);
        (output.status.code(), said(&output))
    };
    let given = run(&["people", "card", "Ada", "34567", "--facility", "12"]);
    assert_eq!(given.0, Some(0), "{}", given.1);
    let taken = run(&["people", "card", "Zoe", "34567", "--facility", "12"]);
    assert!(
        taken.0 == Some(3) && taken.1.contains("is Ada's (#1)"),
        "{}",
        taken.1
    );
    // Of another facility it is another card.
    assert_eq!(
        run(&["people", "card", "Zoe", "34567", "--facility", "13"]).0,
        Some(0)
    );
    for (arguments, why) in [
        (&["people", "card", "Ada", "5"][..], "has a facility code"),
        (
            &["people", "card", "Ada", "65536", "--facility", "1"],
            "a number of at most 65535",
        ),
        (
            &["people", "card", "Ada", "5", "--facility", "256"],
            "a facility code of at most 255",
        ),
        (
            &[
                "people",
                "card",
                "Ada",
                "5",
                "--facility",
                "1",
                "--format",
                "w37",
            ],
            "no facility code",
        ),
        (&["people", "card", "Ada"], "required"),
        (
            &["people", "card", "Ada", "5", "--format", "W 26"],
            "no name of 1 to 16",
        ),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.0, Some(2), "{arguments:?} {}", refused.1);
        assert!(refused.1.contains(why), "{arguments:?}: {}", refused.1);
    }
    let which = run(&["people", "lost-card", "34567"]);
    assert!(
        which.0 == Some(3) && which.1.contains("several cards"),
        "{}",
        which.1
    );
    let lost = run(&["people", "lost-card", "34567", "--facility", "12"]);
    assert!(
        lost.0 == Some(0) && lost.1.contains("was Ada's (#1)"),
        "{}",
        lost.1
    );
    let again = run(&["people", "lost-card", "34567", "--facility", "12"]);
    assert!(
        again.0 == Some(0) && again.1.contains("lost already"),
        "{}",
        again.1
    );
    assert_eq!(site.count(Kind::CardLost), 1);
    assert!(
        run(&["people", "show", "Ada"])
            .1
            .contains("w26 12,34567, LOST")
    );
    assert!(
        run(&["people", "lost-card", "9"])
            .1
            .contains("nobody has a card")
    );
    // The record has four digits of it.
    let events = site.run(&["events", "--json"]);
    let text = String::from_utf8_lossy(&events.stdout).into_owned();
    assert!(text.contains("4567") && !text.contains("34567"), "{text}");
    let other = run(&[
        "people",
        "card",
        "Ada",
        "--remove",
        "34567",
        "--facility",
        "13",
    ]);
    assert!(other.1.contains("is not Ada's"), "{}", other.1);
    let gone = run(&[
        "people",
        "card",
        "Ada",
        "--remove",
        "34567",
        "--facility",
        "12",
    ]);
    assert_eq!(gone.0, Some(0), "{}", gone.1);
    assert_eq!(
        run(&["people", "card", "Zoe", "34567", "--facility", "12"]).0,
        Some(0)
    );
}

#[test]
fn every_change_of_a_factor_is_on_record_without_a_secret() {
    let site = site(&["Ada"]);
    let path = site.at("doorward.db");
    let mut db = Database::open(&path).unwrap();
    let (ada, before) = (PersonId(1), whitelist::revision(&db).unwrap());
    let card = w26(12, 34567);
    let pin = Pin::new("471148").unwrap();
    whitelist::set_pin(&mut db, ada, &pin, false, &origin()).unwrap();
    whitelist::set_pin(&mut db, ada, &Pin::new("471149").unwrap(), true, &origin()).unwrap();
    whitelist::add_card(&mut db, ada, &card, &origin()).unwrap();
    let kept = whitelist::find_card(&db, 34567, None, None).unwrap();
    whitelist::lose_card(&mut db, &kept, &origin()).unwrap();
    whitelist::remove_card(&mut db, &kept, &origin()).unwrap();
    whitelist::remove_pin(&mut db, ada, true, &origin()).unwrap();
    whitelist::remove_pin(&mut db, ada, false, &origin()).unwrap();
    // Counted, so that a daemon sees each.
    assert!(whitelist::revision(&db).unwrap() >= before + 7);
    let refused = whitelist::remove_card(&mut db, &kept, &origin()).unwrap_err();
    assert!(matches!(refused, WhitelistError::NoSuchCard { .. }));
    let kinds: Vec<Kind> = site.kinds().split_off(1);
    assert_eq!(
        kinds,
        [
            Kind::PinSet,
            Kind::PinSet,
            Kind::CardAdded,
            Kind::CardLost,
            Kind::CardRemoved,
            Kind::PinRemoved,
            Kind::PinRemoved
        ]
    );
    for record in site.records() {
        let told = format!("{record} {}", record.to_json());
        assert!(!told.contains("4711") && !told.contains("34567"), "{told}");
    }
    site.log().verify(&[]).unwrap();
}

#[test]
fn who_is_removed_takes_pins_and_cards_along_byte_for_byte() {
    let site = site(&["Ada", "Zoe"]);
    let path = site.at("doorward.db");
    let mut db = Database::open(&path).unwrap();
    whitelist::set_pin(
        &mut db,
        PersonId(1),
        &Pin::new("471148").unwrap(),
        false,
        &origin(),
    )
    .unwrap();
    whitelist::add_card(&mut db, PersonId(1), &w26(12, 34567), &origin()).unwrap();
    drop(db);
    let raw = rusqlite::Connection::open(&path).unwrap();
    let (salt, hash): (Vec<u8>, Vec<u8>) = raw
        .query_row("SELECT salt, hash FROM pins", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    drop(raw);
    assert!(holds(&files(&path), &hash));
    let removed = site.run(&["people", "remove", "Ada", "--yes"]);
    assert!(removed.status.success(), "{}", said(&removed));
    let bytes = files(&path);
    assert!(!holds(&bytes, &hash) && !holds(&bytes, &salt));
    let raw = rusqlite::Connection::open(&path).unwrap();
    let cards: i64 = raw
        .query_row("SELECT count(*) FROM cards", [], |row| row.get(0))
        .unwrap();
    assert_eq!(cards, 0);
}

#[test]
fn a_backup_brings_pins_and_cards_back() {
    let site = site(&["Ada"]);
    let path = site.at("doorward.db");
    let mut db = Database::open(&path).unwrap();
    let pin = Pin::new("471148").unwrap();
    whitelist::set_pin(&mut db, PersonId(1), &pin, false, &origin()).unwrap();
    whitelist::add_card(&mut db, PersonId(1), &w26(12, 34567), &origin()).unwrap();
    let before = whitelist::factors_of(&db, PersonId(1)).unwrap();
    drop(db);
    let copy = site.at("copy.db").display().to_string();
    assert!(site.run(&["backup", &copy]).status.success());
    assert!(
        site.run(&["people", "remove", "Ada", "--yes"])
            .status
            .success()
    );
    let back = site.run(&["restore", &copy]);
    assert!(back.status.success(), "{}", said(&back));
    let db = Database::open(&path).unwrap();
    assert_eq!(whitelist::factors_of(&db, PersonId(1)).unwrap(), before);
    assert!(before.has_pin && before.cards.len() == 1);
}

/// A daemon that guards sees a hash that somebody with the key put there past doorward, and ends.
#[test]
fn a_pin_or_card_that_no_event_names_is_tampering() {
    const PHOTO: &str = "grace-hopper/01.jpg";
    for sql in [
        "UPDATE pins SET hash = \
         seal('pins.hash', zeroblob(32), person, memory_kib, passes, lanes, salt)",
        "UPDATE pins SET duress = \
         seal('pins.duress', zeroblob(32), person, memory_kib, passes, lanes, salt)",
        "UPDATE cards SET lost = 0",
        "INSERT INTO cards SELECT hash, seal('cards.card', 'w26 1 99', hash, 1), 1, 0, 0 \
         FROM (SELECT look_up('cards.card', 'w26 1 99') AS hash)",
    ] {
        let site = Site::new()
            .set("camera.replay.repeat", true)
            .set("camera.replay.pace", "\"real-time\"")
            .enrolled("Grace", &[PHOTO])
            .frames("scenes-free/brick.jpg", 3);
        let path = site.at("doorward.db");
        let mut db = Database::open(&path).unwrap();
        let pin = Pin::new("471148").unwrap();
        whitelist::set_pin(&mut db, PersonId(1), &pin, false, &origin()).unwrap();
        whitelist::add_card(&mut db, PersonId(1), &w26(12, 34567), &origin()).unwrap();
        let kept = whitelist::find_card(&db, 34567, None, None).unwrap();
        whitelist::lose_card(&mut db, &kept, &origin()).unwrap();
        drop(db);
        let daemon = site.start();
        site.await_events(Kind::WhitelistLoaded, 1);
        daemon.await_said("whitelist_loaded");
        // What is on record changes nothing.
        assert!(
            typed(&site, &["people", "pin", "Grace"], "581937\n")
                .status
                .success()
        );
        site.await_events(Kind::WhitelistLoaded, 2);
        let raw = support::seal::opened(&path);
        raw.execute(sql, []).unwrap();
        drop(raw);
        let (code, log) = daemon.end();
        assert_eq!(code, Some(3), "{sql}: {log}");
        assert!(log.contains("no event says who did it"), "{sql}: {log}");
        let faults = |(_, event): &(u64, Event)| event.kind() == Kind::Fault;
        assert!(site.events().iter().any(faults));
    }
}

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const STRANGER: &str = "grace-hopper/01.jpg";

#[test]
fn where_a_pin_is_asked_for_a_face_alone_opens_nothing() {
    let site = Site::new()
        .set("factors.demand", "\"pin\"")
        .set("factors.within_ms", 2000)
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 6);
    let daemon = site.start();
    site.await_events(Kind::FactorRefused, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    let check = said(&site.run(&["check"]));
    assert!(check.contains("which Barack Obama cannot give"), "{check}");
    let (_, Event::FactorRefused { reason, person, .. }) = site.first(Kind::FactorRefused) else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(reason, DenialReason::FactorNeeded);
    assert_eq!(person.unwrap().name, "Barack Obama");
    assert_eq!(site.count(Kind::Granted) + site.count(Kind::Unlocked), 0);
}

/// The pause is neither forgotten by a new start nor by another configuration.
#[test]
fn a_pause_outlives_the_daemon_and_its_configuration() {
    let site = Site::new()
        .set("lockout.faces", 1)
        .set("lockout.pause_s", 3600)
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(STRANGER, 6);
    let locked_out = |(_, event): &(u64, Event)| match event {
        Event::Denied(denied) => denied.reason == DenialReason::LockedOut,
        _ => false,
    };
    let daemon = site.start();
    site.await_events(Kind::LockoutBegan, 1);
    site.show(PROBE);
    site.await_events(Kind::Denied, 2);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(site.events().iter().filter(|e| locked_out(e)).count(), 1);

    let site = site.set("lockout.faces", 0).set("lockout.pause_s", 5);
    let daemon = site.start();
    site.await_events(Kind::Denied, 3);
    daemon.signal(Signal::HUP);
    site.await_events(Kind::ConfigReloaded, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(site.events().iter().filter(|e| locked_out(e)).count(), 2);
    assert_eq!(site.count(Kind::Granted), 0);
    assert_eq!(site.count(Kind::LockoutBegan), 1);
    assert_eq!(site.count(Kind::LockoutEnded), 0);
}
