//! People and templates in the database, and the database itself, by their public doors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};

use doorward::database::{Database, DatabaseError};
use doorward::embedding::{Embedding, ModelVersion};
use doorward::record::{Actor, Event, Kind, Log, PersonRef, Query, Stamp, StopReason};
use doorward::whitelist::{self, NewTemplate, WhitelistError};
use rusqlite::Connection;
use support::origin;
use tempfile::TempDir;

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
        Log::new(self.open(), Default::default())
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

#[test]
fn every_change_of_the_whitelist_is_on_record() {
    let place = Place::new();
    let mut db = place.open();
    let before = whitelist::revision(&db).unwrap();
    let id = whitelist::enroll(
        &mut db,
        " Ada Lovelace ",
        &[template(&[1.0, 0.0])],
        &origin(),
    )
    .unwrap();
    // The same person in another case of letters gets more templates.
    let again =
        whitelist::enroll(&mut db, "ADA lovelace", &[template(&[0.0, 1.0])], &origin()).unwrap();
    assert_eq!(id, again);
    assert!(whitelist::revision(&db).unwrap() > before);
    whitelist::set_enabled(&mut db, &[id], false, &origin()).unwrap();
    whitelist::set_enabled(&mut db, &[id], true, &origin()).unwrap();
    whitelist::rename(&mut db, id, "Ada King", &origin()).unwrap();
    let person = whitelist::find(&db, "ada king").unwrap();
    assert_eq!((person.id, person.templates, person.enabled), (id, 2, true));
    assert_eq!(whitelist::find(&db, &id.to_string()).unwrap(), person);
    whitelist::remove(&mut db, &[id], &origin()).unwrap();
    assert!(whitelist::people(&db).unwrap().is_empty());
    // A number is not given again.
    let other = whitelist::enroll(&mut db, "Grace", &[template(&[1.0, 0.0])], &origin()).unwrap();
    assert_ne!(other, id);

    let log = Log::new(db, Default::default());
    let records = log.records(&Query::default()).unwrap();
    let events: Vec<_> = records.iter().filter_map(|r| r.event()).collect();
    let kinds: Vec<_> = events.iter().map(|e| e.kind()).collect();
    assert_eq!(
        kinds,
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
    let by_eve = |actor: &Actor| *actor == origin().actor;
    assert!(events.iter().all(|event| match event {
        Event::Enrolled { actor, .. } | Event::Disabled { actor, .. } => by_eve(actor),
        Event::Enabled { actor, .. } | Event::Removed { actor, .. } => by_eve(actor),
        Event::Renamed {
            actor,
            before,
            person: PersonRef { name, .. },
        } => by_eve(actor) && (before.as_str(), name.as_str()) == ("Ada Lovelace", "Ada King"),
        _ => false,
    }));
    assert_eq!(log.verify(&[]).unwrap().events, 7);
}

#[test]
fn groups_validity_and_entries_are_on_record_too() {
    let place = Place::new();
    let mut db = place.open();
    let ada = whitelist::enroll(&mut db, "Ada", &[template(&[1.0])], &origin()).unwrap();
    let revision = |db: &Database| whitelist::revision(db).unwrap();
    let mut last = revision(&db);
    let mut changed = |db: &Database| {
        let now = revision(db);
        now > std::mem::replace(&mut last, now)
    };
    whitelist::add_to_group(&mut db, &[ada], "staff", &origin()).unwrap();
    assert!(changed(&db));
    // All or none: nothing of it is there, and nothing on record.
    let again = whitelist::add_to_group(&mut db, &[ada], "staff", &origin());
    assert!(again.is_err() && !changed(&db));
    for name in ["everybody", "guests", "Staff", "", "a b"] {
        assert!(whitelist::add_to_group(&mut db, &[ada], name, &origin()).is_err());
    }
    whitelist::set_validity(&mut db, ada, Some(1), Some(2), &origin()).unwrap();
    assert!(changed(&db));
    assert!(whitelist::set_validity(&mut db, ada, Some(2), Some(2), &origin()).is_err());
    whitelist::set_entries(&mut db, ada, Some(3), &origin()).unwrap();
    assert!(changed(&db));
    whitelist::set_guest(&mut db, ada, 9, &origin()).unwrap();
    assert!(changed(&db));
    // A guest's validity ends.
    assert!(whitelist::set_validity(&mut db, ada, None, None, &origin()).is_err());
    let standing = whitelist::find(&db, "Ada").unwrap().standing;
    assert!(standing.is_guest);
    assert_eq!(
        standing.valid_from_ms.zip(standing.valid_until_ms),
        Some((1, 9))
    );
    assert_eq!(standing.entries.map(|entries| entries.left()), Some(3));
    assert_eq!(standing.groups.len(), 1);
    whitelist::remove_from_group(&mut db, &[ada], "staff", &origin()).unwrap();
    assert!(changed(&db));
    assert!(whitelist::remove_from_group(&mut db, &[ada], "staff", &origin()).is_err());
    let faces = [template(&[0.5])];
    whitelist::enroll_until(&mut db, "Grace", &faces, Some(7), &origin()).unwrap();
    assert!(whitelist::find(&db, "Grace").unwrap().standing.is_guest);

    let log = Log::new(db, Default::default());
    let records = log.records(&Query::default()).unwrap();
    let kinds: Vec<_> = records
        .iter()
        .filter_map(|r| Some(r.event()?.kind()))
        .collect();
    assert_eq!(
        kinds,
        [
            Kind::Enrolled,
            Kind::GroupJoined,
            Kind::ValidityChanged,
            Kind::EntriesChanged,
            Kind::GuestUntil,
            Kind::GroupLeft,
            Kind::Enrolled,
            Kind::GuestUntil,
        ]
    );
}

#[test]
fn names_that_would_confuse_are_refused() {
    let place = Place::new();
    let mut db = place.open();
    let faces = [template(&[1.0])];
    for name in ["", "  ", "#3", "a\nb", "tab\there", &"x".repeat(101)] {
        let error = whitelist::enroll(&mut db, name, &faces, &origin()).unwrap_err();
        assert!(
            matches!(error, WhitelistError::Name { .. }),
            "{name:?}: {error}"
        );
    }
    for name in ["O'Neil; DROP TABLE people", "Zoë", "李小龍", "🙂"] {
        let id = whitelist::enroll(&mut db, name, &faces, &origin()).unwrap();
        assert_eq!(whitelist::find(&db, name).unwrap().id, id);
    }
    whitelist::enroll(&mut db, "Ada", &faces, &origin()).unwrap();
    let id = whitelist::find(&db, "zoË").unwrap().id;
    let error = whitelist::rename(&mut db, id, "ADA", &origin()).unwrap_err();
    assert!(matches!(error, WhitelistError::Taken(_)));
    // The first letter is Cyrillic.
    for alike in ["\u{410}da", "\u{430}DA"] {
        let error = whitelist::enroll(&mut db, alike, &faces, &origin()).unwrap_err();
        assert!(matches!(error, WhitelistError::LooksLike { .. }), "{error}");
        let error = whitelist::rename(&mut db, id, alike, &origin()).unwrap_err();
        assert!(matches!(error, WhitelistError::LooksLike { .. }), "{error}");
    }
    let ada = whitelist::find(&db, "ada").unwrap().id;
    whitelist::rename(&mut db, ada, "ADA", &origin()).unwrap();
    // Composed or not, in any case of letters.
    let jose = whitelist::enroll(&mut db, "Jose\u{301}", &faces, &origin()).unwrap();
    assert_eq!(whitelist::find(&db, "JOSÉ").unwrap().id, jose);
    assert!(matches!(
        whitelist::find(&db, "nobody"),
        Err(WhitelistError::Unknown { .. })
    ));
    assert!(matches!(
        whitelist::enroll(&mut db, "Bob", &[], &origin()),
        Err(WhitelistError::NoTemplates(_))
    ));
}

#[test]
fn a_damaged_template_is_not_passed_over() {
    for vector in ["x'0000803f00'", "x'0000c07f'", "x'00000000'", "x''"] {
        let place = Place::new();
        let mut db = place.open();
        whitelist::enroll(&mut db, "Ada", &[template(&[1.0])], &origin()).unwrap();
        let raw = Connection::open(&place.path).unwrap();
        raw.execute(&format!("UPDATE templates SET vector = {vector}"), [])
            .unwrap();
        let error = support::snapshot(&db, &model("m")).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("row 1 of templates in"), "{told}");
        assert!(told.contains("was changed by somebody else"), "{told}");
    }
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
        whitelist::enroll(
            &mut db,
            &format!("p{n}"),
            &[template(&[1.0; 128])],
            &origin(),
        )
        .unwrap();
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
    let event = Event::Stopped {
        reason: StopReason::Asked,
        frames: None,
    };
    log.append(&Stamp::now(), &event).unwrap();
    let folder = place.path.parent().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.path());
    }
}

/// Every 16 bytes of the database's files.
fn pieces(folder: &Path) -> std::collections::HashSet<[u8; 16]> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path());
    let named = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("doorward.db")
    };
    let bytes = files.filter(named).map(|path| std::fs::read(path).unwrap());
    bytes
        .flat_map(|bytes| {
            bytes
                .windows(16)
                .map(|w| w.try_into().unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn what_is_removed_is_gone_from_the_files_byte_for_byte() {
    let place = Place::new();
    let folder = place.path.parent().unwrap();
    let mut db = place.open();
    let mut random = fastrand::Rng::with_seed(7);
    let mut plain = Vec::new();
    let everybody: Vec<_> = (0..40)
        .map(|n| {
            let values: Vec<f32> = (0..256).map(|_| random.f32() - 0.5).collect();
            let mut template = template(&values);
            let photo: Vec<u8> = (0..random.usize(500..12_000))
                .map(|_| random.u8(..))
                .collect();
            template.photo = Some(photo.clone());
            let vector = template.embedding.as_slice().iter();
            let vector: Vec<u8> = vector.flat_map(|v| v.to_le_bytes()).collect();
            let id = whitelist::enroll(&mut db, &format!("p{n}"), &[template], &origin()).unwrap();
            let raw = Connection::open(&place.path).unwrap();
            let sealed: (Vec<u8>, Vec<u8>) = raw
                .query_row(
                    "SELECT vector, photo FROM templates WHERE person = ?1",
                    [id.0],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .unwrap();
            plain.extend([vector, photo].concat());
            (id, sealed.0, sealed.1)
        })
        .collect();
    let there = |bytes: &[u8]| {
        let pieces = pieces(folder);
        bytes
            .chunks_exact(16)
            .filter(|chunk| pieces.contains(*chunk))
            .count()
    };
    assert!(there(&everybody[0].1) > 50 && there(&everybody[0].2) > 20);
    // Nothing of it ever lies there otherwise than sealed.
    assert_eq!(there(&plain), 0);
    let (mut gone, mut stay) = (Vec::new(), Vec::new());
    for (n, person) in everybody.into_iter().enumerate() {
        if n % 3 == 2 {
            stay.push(person)
        } else {
            gone.push(person)
        }
    }
    random.shuffle(&mut gone);
    // Somebody who reads meanwhile keeps the pages of before in the -wal.
    let raw = Connection::open(&place.path).unwrap();
    raw.execute_batch("BEGIN; SELECT count(*) FROM people")
        .unwrap();
    for (id, ..) in &gone {
        whitelist::remove(&mut db, &[*id], &origin()).unwrap();
    }
    assert!(!db.erase().unwrap());
    raw.execute_batch("COMMIT").unwrap();
    assert!(db.erase().unwrap());
    let left: Vec<u8> = gone
        .iter()
        .flat_map(|(_, vector, _)| vector.clone())
        .collect();
    assert_eq!(there(&left), 0);
    let left: Vec<u8> = gone
        .iter()
        .flat_map(|(.., photo)| photo[..photo.len() / 16 * 16].to_vec())
        .collect();
    assert_eq!(there(&left), 0);

    // Photos alone go too; then nothing is on record of a second time.
    let photos = whitelist::count_photos(&db).unwrap();
    assert_eq!(photos as usize, stay.len());
    assert_eq!(
        whitelist::forget_photos(&mut db, &origin()).unwrap(),
        photos
    );
    assert_eq!(whitelist::forget_photos(&mut db, &origin()).unwrap(), 0);
    assert!(db.erase().unwrap());
    let left: Vec<u8> = stay
        .iter()
        .flat_map(|(.., photo)| photo[..photo.len() / 16 * 16].to_vec())
        .collect();
    assert_eq!(there(&left), 0);
    let vectors: Vec<u8> = stay
        .iter()
        .flat_map(|(_, vector, _)| vector.clone())
        .collect();
    assert!(there(&vectors) > 50 * stay.len());
    let log = Log::new(db, Default::default());
    let query = Query {
        kinds: vec![Kind::PhotosForgotten],
        ..Query::default()
    };
    assert_eq!(log.records(&query).unwrap().len(), 1);
    log.verify(&[]).unwrap();
}
