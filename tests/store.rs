//! People, templates and events in the database, by its public doors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};

use doorward::audit::{AuditError, Kind, Log, NewEvent, Query};
use doorward::database::{Database, DatabaseError};
use doorward::embedding::{Embedding, ModelVersion};
use doorward::person::PersonId;
use doorward::whitelist::{self, NewTemplate, WhitelistError};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

const DAY_MS: i64 = 86_400_000;

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        Self {
            _folder: folder,
            path,
        }
    }

    fn open(&self) -> Database {
        Database::open(&self.path).unwrap()
    }

    fn log(&self) -> Log {
        Log::new(self.open())
    }

    /// Around doorward's back, without what guards the events.
    fn tamper(&self, sql: &str) -> usize {
        let raw = Connection::open(&self.path).unwrap();
        raw.execute_batch("DROP TRIGGER events_stay; DROP TRIGGER events_stay_as_they_are;")
            .unwrap();
        raw.execute(sql, []).unwrap()
    }
}

fn model(name: &str) -> ModelVersion {
    ModelVersion::new(name)
}

fn template(values: &[f32]) -> NewTemplate {
    NewTemplate {
        embedding: Embedding::new(&model("m"), values.to_vec()).unwrap(),
        source: "photo.jpg".into(),
        photo: None,
    }
}

fn kinds(log: &Log) -> Vec<Kind> {
    let events = log.events(&Query::default()).unwrap();
    events.into_iter().map(|e| e.says.kind).collect()
}

#[test]
fn every_change_of_the_whitelist_is_on_record() {
    let place = Place::new();
    let mut db = place.open();
    let before = whitelist::revision(&db).unwrap();
    let id = whitelist::enroll(&mut db, " Ada Lovelace ", &[template(&[1.0, 0.0])], "eve").unwrap();
    // The same person in another case of letters gets more templates.
    let again =
        whitelist::enroll(&mut db, "ADA lovelace", &[template(&[0.0, 1.0])], "eve").unwrap();
    assert_eq!(id, again);
    assert!(whitelist::revision(&db).unwrap() > before);
    whitelist::set_enabled(&mut db, id, false, "eve").unwrap();
    whitelist::set_enabled(&mut db, id, true, "eve").unwrap();
    whitelist::rename(&mut db, id, "Ada King", "eve").unwrap();
    let person = whitelist::find(&db, "ada king").unwrap();
    assert_eq!((person.id, person.templates, person.enabled), (id, 2, true));
    assert_eq!(whitelist::find(&db, &id.to_string()).unwrap(), person);
    whitelist::remove(&mut db, id, "eve").unwrap();
    assert!(whitelist::people(&db).unwrap().is_empty());
    // A number is not given again.
    let other = whitelist::enroll(&mut db, "Grace", &[template(&[1.0, 0.0])], "eve").unwrap();
    assert_ne!(other, id);

    let log = Log::new(db);
    assert_eq!(
        kinds(&log),
        [
            Kind::Enrolled,
            Kind::Enrolled,
            Kind::Disabled,
            Kind::Enabled,
            Kind::Renamed,
            Kind::Removed,
            Kind::Enrolled
        ]
    );
    let events = log.events(&Query::default()).unwrap();
    assert!(
        events
            .iter()
            .all(|e| e.says.actor.as_deref() == Some("eve"))
    );
    assert_eq!(log.verify().unwrap().events, 7);
}

#[test]
fn names_that_would_confuse_are_refused() {
    let place = Place::new();
    let mut db = place.open();
    let faces = [template(&[1.0])];
    for name in ["", "  ", "#3", "a\nb", "tab\there", &"x".repeat(101)] {
        let error = whitelist::enroll(&mut db, name, &faces, "eve").unwrap_err();
        assert!(
            matches!(error, WhitelistError::Name { .. }),
            "{name:?}: {error}"
        );
    }
    for name in ["O'Neil; DROP TABLE people", "Zoë", "李小龍", "🙂"] {
        let id = whitelist::enroll(&mut db, name, &faces, "eve").unwrap();
        assert_eq!(whitelist::find(&db, name).unwrap().id, id);
    }
    whitelist::enroll(&mut db, "Ada", &faces, "eve").unwrap();
    let id = whitelist::find(&db, "zoË").unwrap().id;
    let error = whitelist::rename(&mut db, id, "ADA", "eve").unwrap_err();
    assert!(matches!(error, WhitelistError::Taken(_)));
    assert!(matches!(
        whitelist::find(&db, "nobody"),
        Err(WhitelistError::Unknown(_))
    ));
    assert!(matches!(
        whitelist::enroll(&mut db, "Bob", &[], "eve"),
        Err(WhitelistError::NoTemplates(_))
    ));
}

#[test]
fn a_damaged_template_is_not_passed_over() {
    for vector in ["x'0000803f00'", "x'0000c07f'", "x'00000000'", "x''"] {
        let place = Place::new();
        let mut db = place.open();
        whitelist::enroll(&mut db, "Ada", &[template(&[1.0])], "eve").unwrap();
        place.tamper(&format!("UPDATE templates SET vector = {vector}"));
        let error = support::snapshot(&db, &model("m")).unwrap_err();
        assert!(error.to_string().contains("Ada"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_was_written_reads_back_and_verifies(
        events in prop::collection::vec(("\\PC{0,20}", any::<i32>(), -1.0f32..1.0, any::<bool>()), 1..20),
        victim in any::<prop::sample::Index>(),
        change in 0usize..6,
    ) {
        let place = Place::new();
        let mut log = place.log();
        let mut written = Vec::new();
        for (text, at, score, person) in events {
            let mut event = NewEvent::new(Kind::Refused).score(score).why(&text).detail("frame", text.clone());
            if person {
                event = event.person(PersonId(3), text).model(&model("m")).frames(2).threshold(0.7);
            }
            let id = log.append(i64::from(at), &event).unwrap();
            written.push((id, i64::from(at), event));
        }
        let read: Vec<_> = log.events(&Query::default()).unwrap().into_iter().map(|e| (e.id, e.at_ms, e.says)).collect();
        prop_assert_eq!(&read, &written);
        prop_assert_eq!(log.verify().unwrap().events, written.len() as u64);

        let victim = written[victim.index(written.len())].0;
        let last = written.len() as u64;
        let changed = place.tamper(&format!("{} WHERE id = {victim}", [
            "UPDATE events SET at_ms = at_ms + 1",
            "UPDATE events SET score = coalesce(score, 0) + 0.25",
            "UPDATE events SET why = why || ' '",
            "UPDATE events SET actor = 'mallory'",
            "UPDATE events SET kind = 'granted'",
            "DELETE FROM events",
        ][change]));
        prop_assert_eq!(changed, 1);
        match log.verify() {
            Err(AuditError::Tampered { id, .. }) => prop_assert!(id == victim || id == victim + 1),
            // What a chain alone cannot show, and says so: its end was cut off.
            Ok(_) => prop_assert!(change == 5 && victim == last),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

#[test]
fn events_cannot_be_changed_or_deleted_by_mistake() {
    let place = Place::new();
    place
        .log()
        .append(1, &NewEvent::new(Kind::Started))
        .unwrap();
    let raw = Connection::open(&place.path).unwrap();
    for sql in ["UPDATE events SET at_ms = 2", "DELETE FROM events"] {
        let error = raw.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("events are never"), "{error}");
    }
}

#[test]
fn old_events_go_and_the_chain_still_holds() {
    let place = Place::new();
    let mut log = place.log();
    for day in 0..10 {
        log.append(day * DAY_MS, &NewEvent::new(Kind::Refused))
            .unwrap();
    }
    let now = 10 * DAY_MS;
    assert_eq!(log.prune(now, 400, 1_000_000).unwrap(), 0);
    assert_eq!(log.prune(now, 6, 1_000_000).unwrap(), 4);
    let verified = log.verify().unwrap();
    assert_eq!(
        (verified.first, verified.last, verified.events),
        (Some(5), Some(11), 7)
    );
    assert_eq!(kinds(&log).last(), Some(&Kind::Pruned));
    assert_eq!(log.prune(now, 400, 3).unwrap(), 4);
    assert_eq!(log.verify().unwrap().last, Some(12));
    place.tamper("DELETE FROM events WHERE id = 9");
    assert!(log.verify().is_err());
}

#[test]
fn two_writers_keep_one_chain() {
    let place = Place::new();
    drop(place.open());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut log = place.log();
                for n in 0..50 {
                    log.append(n, &NewEvent::new(Kind::Refused)).unwrap();
                }
            });
        }
    });
    assert_eq!(place.log().verify().unwrap().events, 100);
}

#[test]
fn events_are_found_by_time_kind_person_and_number() {
    let place = Place::new();
    let mut log = place.log();
    for n in 0..10i64 {
        let kind = if n % 2 == 0 {
            Kind::Granted
        } else {
            Kind::Refused
        };
        let event = NewEvent::new(kind).person(PersonId(n), format!("Person {}", n % 3));
        log.append(n * 1000, &event).unwrap();
    }
    let ids =
        |query: Query| -> Vec<u64> { log.events(&query).unwrap().iter().map(|e| e.id).collect() };
    let all = Query::default;
    assert_eq!(
        ids(Query {
            since_ms: Some(3000),
            until_ms: Some(5000),
            ..all()
        }),
        [4, 5]
    );
    assert_eq!(
        ids(Query {
            kinds: vec![Kind::Granted],
            limit: Some(2),
            ..all()
        }),
        [7, 9]
    );
    assert_eq!(
        ids(Query {
            person: Some("PERSON 2".into()),
            ..all()
        }),
        [3, 6, 9]
    );
    assert_eq!(
        ids(Query {
            after_id: Some(8),
            ..all()
        }),
        [9, 10]
    );
}

fn opened(path: &Path) -> DatabaseError {
    Database::open(path).unwrap_err()
}

#[test]
fn what_is_not_our_database_is_left_as_it_is() {
    let place = Place::new();
    let text =
        "this is a shopping list, long enough to be taken for a page of something ".repeat(20);
    std::fs::write(&place.path, &text).unwrap();
    assert!(matches!(
        opened(&place.path),
        DatabaseError::NotADatabase { .. }
    ));
    assert_eq!(std::fs::read_to_string(&place.path).unwrap(), text);

    let place = Place::new();
    Connection::open(&place.path)
        .unwrap()
        .execute_batch("CREATE TABLE bookmarks (url TEXT)")
        .unwrap();
    assert!(matches!(
        opened(&place.path),
        DatabaseError::OtherApplication { .. }
    ));

    let place = Place::new();
    drop(place.open());
    Connection::open(&place.path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert!(matches!(
        opened(&place.path),
        DatabaseError::FutureVersion { found: 99, .. }
    ));

    let place = Place::new();
    assert!(matches!(
        Database::open_existing(&place.path),
        Err(DatabaseError::Missing { .. })
    ));
    assert!(matches!(
        opened(place.path.parent().unwrap()),
        DatabaseError::NotADatabase { .. }
    ));
    assert!(matches!(
        opened(&place.path.join("no/such/folder.db")),
        DatabaseError::Open { .. }
    ));
}

#[test]
fn a_cut_off_database_is_told_apart() {
    let place = Place::new();
    let mut db = place.open();
    for n in 0..200 {
        whitelist::enroll(&mut db, &format!("p{n}"), &[template(&[1.0; 128])], "eve").unwrap();
    }
    drop(db);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&place.path)
        .unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length / 2).unwrap();
    let found = Database::open(&place.path).and_then(|db| db.integrity_check());
    let error = found.unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mut log = place.log();
    log.append(1, &NewEvent::new(Kind::Started)).unwrap();
    let folder = place.path.parent().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.path());
    }
}
