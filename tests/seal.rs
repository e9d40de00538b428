//! What lies on the card: nothing of a person in clear, nothing that can be exchanged, nothing
//! that opens without the key, and a door that stays locked where it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use doorward::database::{Database, DatabaseError};
use doorward::embedding::{Embedding, ModelVersion};
use doorward::person::PersonId;
use doorward::record::{self, Event, Kind, Log, Query};
use doorward::seal::{self, KeyError, MasterKey};
use doorward::whitelist::{
    self, Card, CardFormat, NewTemplate, Pin, RestoreError, WhitelistError, Who,
};
use rusqlite::Connection;
use support::origin;
use support::site::{Site, said};
use tempfile::TempDir;

const OBAMA: [&str; 1] = ["barack-obama/01.jpg"];
const PROBE: &str = "barack-obama/02.jpg";

struct Place {
    folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        Self { folder, path }
    }

    fn open(&self) -> Database {
        Database::open(&self.path).unwrap()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn raw(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    /// What the record says, one line an event.
    fn told(&self) -> Vec<String> {
        let log = Log::new(self.open(), Default::default());
        log.verify(&[]).unwrap();
        let records = log.records(&Query::default()).unwrap();
        records
            .iter()
            .map(|record| record.event().unwrap().to_string())
            .collect()
    }

    /// A copy of all of it in one file, as a backup is.
    fn copied(&self, name: &str) -> PathBuf {
        assert!(self.open().erase().unwrap());
        let copy = self.at(name);
        std::fs::copy(&self.path, &copy).unwrap();
        copy
    }
}

fn model() -> ModelVersion {
    ModelVersion::new("m")
}

/// Values that nobody else has.
fn values(seed: u64) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..128).map(|_| random.f32() - 0.5).collect()
}

fn template(seed: u64) -> NewTemplate {
    let mut random = fastrand::Rng::with_seed(seed);
    NewTemplate {
        embedding: Embedding::new(&model(), values(seed)).unwrap(),
        source: format!("portrait-number-{seed}.jpg"),
        photo: Some((0..4000).map(|_| random.u8(..)).collect()),
    }
}

fn card(number: u64) -> Card {
    Card::new(CardFormat::new("w26").unwrap(), Some(12), number).unwrap()
}

/// Ada with all that anybody can have, and Zoe.
fn two_people(db: &mut Database) -> (PersonId, PersonId) {
    let ada = whitelist::enroll(db, "Augusta Ada Byron", &[template(1)], &origin()).unwrap();
    let zoe = whitelist::enroll(db, "Zoë Example", &[template(2)], &origin()).unwrap();
    let pin = |digits| Pin::new(digits).unwrap();
    whitelist::set_pin(db, ada, &pin("471148"), false, &origin()).unwrap();
    whitelist::set_pin(db, ada, &pin("581937"), true, &origin()).unwrap();
    whitelist::set_pin(db, zoe, &pin("471148"), false, &origin()).unwrap();
    whitelist::add_card(db, ada, &card(34567), &origin()).unwrap();
    whitelist::add_card(db, zoe, &card(34568), &origin()).unwrap();
    whitelist::rename(db, ada, "Augusta Ada King", &origin()).unwrap();
    (ada, zoe)
}

/// All that there is of people, as it is read.
fn everything(db: &Database) -> String {
    let people = whitelist::people(db).unwrap();
    let factors: Vec<_> = people
        .iter()
        .map(|person| whitelist::factors_of(db, person.id).unwrap())
        .collect();
    let faces: Vec<_> = people
        .iter()
        .map(|person| whitelist::embeddings_of(db, &model(), person.id).unwrap())
        .collect();
    let other = ModelVersion::new("other");
    let photos = whitelist::kept_photos(db, &other).unwrap();
    serde_json::to_string(&(people, factors)).unwrap()
        + &faces
            .iter()
            .flatten()
            .map(|face| face.as_slice().iter().sum::<f32>().to_string())
            .collect::<String>()
        + &photos
            .iter()
            .map(|kept| format!("{} {:x?}", kept.source, &kept.photo[..20]))
            .collect::<String>()
}

/// Which of these lie in some file beside the database, or in it.
fn found<'n>(folder: &Path, needles: &'n [(&str, Vec<u8>)]) -> Vec<&'n str> {
    let files = std::fs::read_dir(folder).unwrap();
    let bytes: Vec<Vec<u8>> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    let lies = |needle: &[u8]| {
        let mut files = bytes.iter();
        files.any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    let found = needles.iter().filter(|(_, needle)| lies(needle));
    found.map(|(what, _)| *what).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// What must never lie in clear.
fn secrets() -> Vec<(&'static str, Vec<u8>)> {
    let face = template(1);
    vec![
        ("name", b"Augusta".to_vec()),
        ("folded name", b"augusta".to_vec()),
        ("last name", b"King".to_vec()),
        ("other name", "Zoë".as_bytes().to_vec()),
        ("source", b"portrait-number".to_vec()),
        ("vector", bytes(&face.embedding.as_slice()[40..48])),
        ("photo", face.photo.unwrap()[400..420].to_vec()),
        ("card", b"w26 12 34567".to_vec()),
        ("card's number", b"34567".to_vec()),
    ]
}

#[test]
fn nothing_of_a_person_lies_in_clear() {
    let place = Place::new();
    let mut db = place.open();
    let (ada, _) = two_people(&mut db);
    // In the `-wal`, and in the file.
    assert_eq!(found(place.folder.path(), &secrets()), [""; 0]);
    assert!(db.erase().unwrap());
    assert_eq!(found(place.folder.path(), &secrets()), [""; 0]);
    let person = whitelist::find(&db, "augusta ada KING").unwrap();
    assert_eq!((person.id, person.name.as_str()), (ada, "Augusta Ada King"));
    drop(db);
    let told = place.told().join("\n");
    assert!(
        told.contains("renamed Augusta Ada King (#1), before Augusta Ada Byron"),
        "{told}"
    );
    // Who has the key has all of it, and it is for its owner alone.
    let key = seal::beside(&place.path);
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Around doorward's back.
fn exchanged(sql: &str) -> (WhitelistError, String) {
    let place = Place::new();
    let mut db = place.open();
    two_people(&mut db);
    let changed = place.raw().execute_batch(sql);
    changed.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let read = || {
        support::snapshot(&db, &model())?;
        whitelist::Credentials::load(&db)?;
        whitelist::kept_photos(&db, &ModelVersion::new("other"))?;
        for person in [PersonId(1), PersonId(2)] {
            whitelist::templates_of(&db, person)?;
        }
        Ok::<_, WhitelistError>(())
    };
    let error = read().expect_err(sql);
    let told = error.to_string();
    (error, told)
}

#[test]
fn a_row_that_was_changed_or_exchanged_lets_nobody_in() {
    let swap = |table: &str, column: &str| {
        format!(
            "CREATE TABLE other AS SELECT * FROM {table}; UPDATE {table} SET {column} = \
             (SELECT {column} FROM other o WHERE o.rowid = 3 - {table}.rowid) ; DROP TABLE other;"
        )
    };
    for (sql, named) in [
        // One person's face for another's.
        (swap("templates", "vector"), "row 1 of templates"),
        (swap("templates", "photo"), "row 1 of templates"),
        (swap("templates", "source"), "row 1 of templates"),
        (swap("people", "name"), "row 1 of people"),
        (swap("pins", "hash"), "row 1 of pins"),
        // A row that says it is another's.
        (
            "UPDATE templates SET person = 2".into(),
            "row 1 of templates",
        ),
        (
            "UPDATE templates SET id = id + 4".into(),
            "row 5 of templates",
        ),
        ("UPDATE pins SET passes = 1".into(), "row 1 of pins"),
        ("UPDATE cards SET person = 3 - person".into(), " of cards"),
        // Cut, longer, another version, in clear.
        (
            "UPDATE templates SET vector = substr(vector, 1, 60)".into(),
            "row 1 of templates",
        ),
        (
            "UPDATE templates SET vector = CAST(vector || x'00' AS BLOB)".into(),
            "row 1 of templates",
        ),
        (
            "UPDATE templates SET vector = CAST(x'02' || substr(vector, 2) AS BLOB)".into(),
            "row 1 of templates",
        ),
        (
            "UPDATE people SET name = CAST('Eve' AS BLOB)".into(),
            "row 1 of people",
        ),
        ("UPDATE people SET name = x''".into(), "row 1 of people"),
        ("UPDATE cards SET card = zeroblob(60)".into(), " of cards"),
        (
            "UPDATE pins SET duress = zeroblob(73) WHERE duress NOT NULL".into(),
            "row 1 of pins",
        ),
    ] {
        let (error, told) = exchanged(&sql);
        let changed = matches!(
            error,
            WhitelistError::Database(DatabaseError::Changed { .. })
        );
        assert!(changed, "{sql}: {told}");
        assert!(
            told.contains(named) && told.contains("doorward.db was changed"),
            "{sql}: {told}"
        );
    }
    // A model version that another network gave is another as well; nobody asks for that one.
    let place = Place::new();
    let mut db = place.open();
    two_people(&mut db);
    let sql = "UPDATE templates SET model = 'n'";
    place.raw().execute(sql, []).unwrap();
    let error = support::snapshot(&db, &ModelVersion::new("n")).unwrap_err();
    assert!(error.to_string().contains("row 1 of templates"), "{error}");
}

#[test]
fn without_the_right_key_the_daemon_lets_nobody_in_and_says_why() {
    let another = MasterKey::generate().unwrap().to_text();
    for (change, said_of_it) in [
        ("none", "the key of the database is missing"),
        ("another", "and the database is sealed with key"),
        ("open", "can use (mode 644)"),
        ("cut", "a key has 64 hexadecimal digits"),
    ] {
        let site = Site::new()
            .enrolled("Barack Obama", &OBAMA)
            .frames(PROBE, 5);
        let path = seal::beside(&site.at("doorward.db"));
        let text = std::fs::read_to_string(&path).unwrap();
        match change {
            "none" => std::fs::remove_file(&path).unwrap(),
            "another" => std::fs::write(&path, &*another).unwrap(),
            "cut" => std::fs::write(&path, &text[..40]).unwrap(),
            _ => {
                let open = std::fs::Permissions::from_mode(0o644);
                std::fs::set_permissions(&path, open).unwrap();
            }
        }
        let (code, log) = site.start().end();
        assert_eq!(code, Some(3), "{change}: {log}");
        assert!(log.contains(said_of_it), "{change}: {log}");
        assert_eq!(site.count(Kind::Granted), 0, "{change}");
        // The record verifies without it, and tells numbers.
        assert!(site.run(&["events", "--verify"]).status.success());
        let told = said(&site.run(&["events", "--kind", "enrolled"]));
        assert!(
            told.contains("(sealed) (#1)") && !told.contains("Barack"),
            "{told}"
        );
        // Nothing was lost.
        std::fs::write(&path, &text).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
        let (code, log) = site.start().end();
        assert_eq!(
            (code, site.count(Kind::Granted)),
            (Some(0), 1),
            "{change}: {log}"
        );
    }
}

#[test]
fn systemd_may_keep_the_key_and_a_change_of_keys_says_what_is_to_be_done() {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 5);
    let key = seal::beside(&site.at("doorward.db"));
    let folder = site.at("credentials");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(&key, folder.join(seal::CREDENTIAL)).unwrap();
    let site = site.with(seal::CREDENTIALS_VARIABLE, &folder);
    let (code, log) = site.start().end();
    assert_eq!((code, site.count(Kind::Granted)), (Some(0), 1), "{log}");
    let checked = said(&site.run(&["check"]));
    assert!(checked.contains("which systemd hands over"), "{checked}");
    assert!(!key.exists(), "a key was made beside the data");

    let output = site.run(&["rekey", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["was_credential"], true);
    assert_eq!(told["file"], key.display().to_string());
    assert_eq!(
        told["key"],
        support::seal::keys(&site.at("doorward.db"))
            .id()
            .to_string()
    );
    let (_, Event::Rekeyed(change)) = site.first(Kind::Rekeyed) else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(
        (told["before"].as_str(), told["key"].as_str()),
        (Some(&*change.before), Some(&*change.now))
    );
    // The one that systemd still has is another by now, and stands in nobody's way.
    let (code, log) = site.start().end();
    assert_eq!((code, site.count(Kind::Granted)), (Some(0), 2), "{log}");
    // Back by the command line, with the key of before.
    let backup = site.at("backup.db").display().to_string();
    assert!(site.run(&["backup", &backup]).status.success());
    assert!(site.run(&["rekey"]).status.success());
    let refused = site.fails(&["restore", &backup]);
    assert!(refused.contains("--key KEYFILE"), "{refused}");
}

#[test]
fn a_backup_is_useless_without_its_key_and_comes_back_with_it() {
    let place = Place::new();
    let mut db = place.open();
    two_people(&mut db);
    let before = everything(&db);
    drop(db);
    let backup = place.copied("backup");
    let key = place.at("key");
    std::fs::copy(seal::beside(&place.path), &key).unwrap();
    let wrong = place.at("wrong");
    std::fs::write(&wrong, &*MasterKey::generate().unwrap().to_text()).unwrap();

    let elsewhere = Place::new();
    let restore = |key: Option<&Path>| whitelist::restore(&backup, &elsewhere.path, key, &origin());
    let refused = restore(None).unwrap_err();
    assert!(matches!(refused, RestoreError::NoKey { .. }), "{refused}");
    let refused = restore(Some(&wrong)).unwrap_err();
    assert!(
        matches!(refused, RestoreError::OtherKey { .. }),
        "{refused}"
    );
    let refused = restore(Some(&backup)).unwrap_err();
    assert!(refused.to_string().contains("cannot be read"), "{refused}");
    assert_eq!(
        std::fs::read_dir(elsewhere.folder.path()).unwrap().count(),
        1,
        "the lock alone"
    );
    restore(Some(&key)).unwrap();
    assert_eq!(everything(&elsewhere.open()), before);

    // After a change of keys it is sealed with the one of now.
    whitelist::rekey(&mut place.open(), &origin(), &|| false).unwrap();
    let mut db = place.open();
    whitelist::remove(&mut db, &[PersonId(2)], &origin()).unwrap();
    drop(db);
    let restore = |key: Option<&Path>| whitelist::restore(&backup, &place.path, key, &origin());
    let refused = restore(None).unwrap_err();
    assert!(matches!(refused, RestoreError::NoKey { .. }), "{refused}");
    restore(Some(&key)).unwrap();
    assert_eq!(everything(&place.open()), before);
    let own = support::seal::keys(&place.path).id();
    assert_ne!(own, support::seal::keys(&elsewhere.path).id());

    // Its own key is lost: it goes on with that of the backup.
    std::fs::remove_file(seal::beside(&place.path)).unwrap();
    let error = place.open().need_key().unwrap_err();
    assert!(
        matches!(error, DatabaseError::Key(KeyError::Missing { .. })),
        "{error}"
    );
    restore(Some(&key)).unwrap();
    assert_eq!(everything(&place.open()), before);
    assert_eq!(
        support::seal::keys(&place.path).id(),
        support::seal::keys(&elsewhere.path).id()
    );

    // A backup in which a row was exchanged is not brought back, wherever it goes.
    let raw = Connection::open(&backup).unwrap();
    raw.execute("UPDATE templates SET person = 3 - person", [])
        .unwrap();
    drop(raw);
    let third = Place::new();
    for to in [&place.path, &third.path] {
        let refused = whitelist::restore(&backup, to, Some(&key), &origin()).unwrap_err();
        let told = refused.to_string();
        assert!(
            told.contains("of templates") && told.contains("was changed"),
            "{told}"
        );
    }
    assert_eq!(everything(&place.open()), before);
    assert!(!third.path.exists());
}

#[test]
fn another_key_seals_everything_anew() {
    let place = Place::new();
    let mut db = place.open();
    two_people(&mut db);
    let before = everything(&db);
    let told = place.told();
    drop(db);
    let raw = |sql: &str| -> Vec<Vec<u8>> {
        let raw = place.raw();
        let mut rows = raw.prepare(sql).unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let rows = "SELECT vector FROM templates UNION ALL SELECT photo FROM templates \
                UNION ALL SELECT name FROM people UNION ALL SELECT hash FROM pins \
                UNION ALL SELECT card FROM cards UNION ALL SELECT key FROM name_keys";
    let sealed = raw(rows);
    let old = std::fs::read_to_string(seal::beside(&place.path)).unwrap();
    let done = whitelist::rekey(&mut place.open(), &origin(), &|| false).unwrap();
    let new = std::fs::read_to_string(seal::beside(&place.path)).unwrap();
    assert!(!seal::next_beside(&place.path).exists());
    assert_ne!(done.before, done.now);
    assert_eq!(support::seal::keys(&place.path).id(), done.now);
    let db = place.open();
    assert_eq!(everything(&db), before);
    assert_eq!(
        whitelist::find(&db, "AUGUSTA ada king").unwrap().id,
        PersonId(1)
    );
    assert_eq!(
        whitelist::find_card(&db, 34567, None, None).unwrap().person,
        PersonId(1)
    );
    let again = place.told();
    assert_eq!(again[..told.len()], told[..]);
    let now = done.now.to_string();
    let told_since = &again[told.len()..];
    assert!(
        told_since.iter().any(|line| line.contains(&now)),
        "{again:?}"
    );
    // Nothing is left that the old key opens.
    assert!(db.erase().unwrap());
    drop(db);
    let needles: Vec<(&str, Vec<u8>)> = sealed
        .iter()
        .map(|bytes| ("sealed before", bytes[20..40].to_vec()))
        .collect();
    assert_eq!(found(place.folder.path(), &needles), [""; 0]);
    std::fs::write(seal::beside(&place.path), &old).unwrap();
    let error = place.open().need_key().unwrap_err();
    assert!(
        matches!(error, DatabaseError::Key(KeyError::Wrong { .. })),
        "{error}"
    );

    // The power went before the change was done, and after.
    std::fs::write(seal::beside(&place.path), &new).unwrap();
    let next = seal::next_beside(&place.path);
    let put = |path: &Path, text: &str| {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    put(&next, &old);
    assert_eq!(everything(&place.open()), before);
    assert!(!next.exists());
    put(&next, &new);
    put(&seal::beside(&place.path), &old);
    assert_eq!(everything(&place.open()), before);
    assert!(!next.exists());
    assert_eq!(
        std::fs::read_to_string(seal::beside(&place.path)).unwrap(),
        new
    );
}

#[test]
fn a_name_that_is_forgotten_is_gone_and_the_record_verifies() {
    let place = Place::new();
    let mut db = place.open();
    let (ada, zoe) = two_people(&mut db);
    let who =
        |db: &Database, word: &str| -> Result<Who, WhitelistError> { whitelist::resolve(db, word) };
    whitelist::remove(&mut db, &[ada], &origin()).unwrap();
    // Who was removed is still known by name.
    assert_eq!(who(&db, "Augusta Ada Byron").unwrap().id, ada);
    let sealed: Vec<u8> = place
        .raw()
        .query_row("SELECT key FROM name_keys WHERE person = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    record::forget_names(&mut db, ada).unwrap();
    assert!(db.erase().unwrap());
    let needles = [("name key", sealed[25..57].to_vec())];
    assert_eq!(found(place.folder.path(), &needles), [""; 0]);
    assert!(who(&db, "Augusta Ada Byron").is_err());
    assert_eq!(who(&db, "#1").unwrap().name, "(erased)");
    assert_eq!(who(&db, "Zoë Example").unwrap().id, zoe);
    // An event that was on its way does not name the person either.
    let late = Event::Enabled {
        person: record::PersonRef::new(ada, "Augusta Ada King"),
        actor: origin().actor,
    };
    let mut log = Log::new(db, Default::default());
    log.append(&record::Stamp::now(), &late).unwrap();
    drop(log);
    assert_eq!(found(place.folder.path(), &secrets()), [""; 0]);
    let told = place.told().join("\n");
    assert!(told.contains("enrolled (erased) (#1)"), "{told}");
    assert!(told.contains("enabled (erased) (#1)"), "{told}");
    assert!(told.contains("Zoë Example (#2)"), "{told}");
    assert!(!told.contains("Augusta"), "{told}");
}

/// Six steps of the database, as an older doorward left it.
const BEFORE: [&str; 6] = [
    include_str!("../src/database/v1.sql"),
    include_str!("../src/database/v2.sql"),
    include_str!("../src/database/v3.sql"),
    include_str!("../src/database/v4.sql"),
    include_str!("../src/database/v5.sql"),
    include_str!("../src/database/v6.sql"),
];

#[test]
fn what_lay_in_clear_is_sealed_and_gone() {
    let place = Place::new();
    let raw = place.raw();
    raw.pragma_update(None, "journal_mode", "WAL").unwrap();
    BEFORE
        .iter()
        .for_each(|step| raw.execute_batch(step).unwrap());
    raw.pragma_update(None, "application_id", 0x646f_6f72)
        .unwrap();
    raw.pragma_update(None, "user_version", 6).unwrap();
    let mut plain: Vec<(&str, Vec<u8>)> = vec![
        ("name", b"Ada 1".to_vec()),
        ("folded name", b"ada 1".to_vec()),
        ("source", b"portrait".to_vec()),
        ("hash of a PIN", vec![0xa5; 32]),
    ];
    for id in 1..=40i64 {
        let face = template(id.cast_unsigned());
        let (vector, photo) = (bytes(face.embedding.as_slice()), face.photo.unwrap());
        raw.execute(
            "INSERT INTO people (id, name, folded, created_at_ms) VALUES (?1, ?2, ?3, 0)",
            (id, format!("Ada {id}"), format!("ada {id}")),
        )
        .unwrap();
        raw.execute(
            "INSERT INTO templates (person, model, vector, source, created_at_ms, photo) \
             VALUES (?1, 'm', ?2, ?3, 0, ?4)",
            (id, &vector, &face.source, &photo),
        )
        .unwrap();
        plain.push(("vector", vector[160..192].to_vec()));
        plain.push(("photo", photo[1000..1032].to_vec()));
    }
    raw.execute_batch(
        "INSERT INTO pins VALUES (1, 19456, 2, 1, zeroblob(16), zeroblob(32), NULL);
         INSERT INTO cards VALUES ('w26', 12, 34567, 2, 1, 5), ('w37', -1, 99999, 3, 0, 6);
         DELETE FROM people WHERE id = 40;",
    )
    .unwrap();
    raw.execute("UPDATE pins SET hash = ?1", [vec![0xa5u8; 32]])
        .unwrap();
    assert!(found(place.folder.path(), &plain).len() > 80);
    drop(raw);
    let db = place.open();
    assert_eq!(found(place.folder.path(), &plain), [""; 0]);
    drop(db);
    assert_eq!(found(place.folder.path(), &plain), [""; 0]);

    let db = place.open();
    db.integrity_check().unwrap();
    let people = whitelist::people(&db).unwrap();
    assert_eq!(people.len(), 39);
    assert_eq!(whitelist::find(&db, "ADA 7").unwrap().id, PersonId(7));
    let face = whitelist::embeddings_of(&db, &model(), PersonId(7)).unwrap();
    assert_eq!(face, [template(7).embedding]);
    assert!(whitelist::factors_of(&db, PersonId(1)).unwrap().has_pin);
    let lost = whitelist::find_card(&db, 34567, None, None).unwrap();
    assert_eq!(
        (lost.card, lost.person, lost.lost),
        (card(34567), PersonId(2), true)
    );
    let other = whitelist::find_card(&db, 99999, None, None).unwrap();
    assert_eq!(
        (other.person, other.card.facility(), other.lost),
        (PersonId(3), None, false)
    );
    whitelist::Credentials::load(&db).unwrap();
    let photos = whitelist::kept_photos(&db, &ModelVersion::new("n")).unwrap();
    assert_eq!(photos.len(), 39);
    assert_eq!(Some(&photos[6].photo), template(7).photo.as_ref());
}

/// A daemon before an empty scene, with a listed person. One frame decides.
fn guarding() -> (Site, support::site::Daemon) {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.absence_ms", 0)
        .set("access.frames", 1)
        .set("liveness.frozen_face", false)
        .enrolled("Barack Obama", &OBAMA)
        .frames("scenes-free/brick.jpg", 5);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    (site, daemon)
}

#[test]
fn a_daemon_that_guards_takes_another_key_and_goes_on() {
    let (site, daemon) = guarding();
    let path = site.at("doorward.db");
    // A reader that had the key of before.
    let reader = Database::open_existing(&path).unwrap();
    let before = whitelist::people(&reader).unwrap();
    for times in 1..=2 {
        let old = support::seal::keys(&path).id();
        let output = site.run(&["rekey", "--json"]);
        assert!(output.status.success(), "{}", said(&output));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let now = support::seal::keys(&path).id();
        assert_ne!(now, old);
        assert_eq!(told["before"], old.to_string());
        assert_eq!(told["key"], now.to_string());
        assert_eq!(told["erased"], true);
        assert!(!seal::next_beside(&path).exists());
        assert_eq!(site.count(Kind::Rekeyed), times);
        assert_eq!(whitelist::people(&reader).unwrap(), before);
        // Looks, changes, names and heads by the new one.
        let shown = said(&site.run(&["people", "show", "Barack Obama"]));
        assert!(shown.contains("#1"), "{shown}");
        assert!(
            site.run(&["people", "group", "add", "#1", "staff"])
                .status
                .success()
        );
        assert!(
            site.run(&["people", "group", "remove", "#1", "staff"])
                .status
                .success()
        );
        let told = said(&site.run(&["events", "--kind", "group_left"]));
        assert!(told.contains("Barack Obama"), "{told}");
    }
    drop(reader);
    site.show(PROBE);
    site.await_events(Kind::Granted, 1);
    daemon.signal(rustix::process::Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    site.log().verify(&[]).unwrap();
    let (_, Event::Rekeyed(change)) = site.first(Kind::Rekeyed) else {
        panic!("{:?}", site.kinds());
    };
    assert_eq!(change.actor.uid, rustix::process::getuid().as_raw());
    // And by whoever starts next.
    let daemon = site.start();
    site.await_events(Kind::Granted, 2);
    drop(daemon);
}

#[test]
fn while_a_daemon_guards_looks_need_no_key_of_their_own() {
    let (site, daemon) = guarding();
    let key = seal::beside(&site.at("doorward.db"));
    let away = site.at("away");
    // The daemon opens what it looks with once.
    assert!(site.run(&["people", "list"]).status.success());
    std::fs::rename(&key, &away).unwrap();
    for words in [&["people", "list"][..], &["people", "show", "#1"]] {
        let told = said(&site.run(words));
        assert!(told.contains("Barack Obama"), "{words:?}: {told}");
    }
    drop(daemon);
    let told = site.fails(&["people", "list"]);
    assert!(
        told.contains("the key of the database is missing"),
        "{told}"
    );
    std::fs::rename(&away, &key).unwrap();
    assert!(said(&site.run(&["people", "list"])).contains("Barack Obama"));
}

#[test]
fn a_daemon_that_is_killed_while_it_takes_another_key_leaves_one_that_fits() {
    let kills = std::env::var("DOORWARD_KILLS").map_or(3, |kills| kills.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(5);
    let (site, mut daemon) = guarding();
    let path = site.at("doorward.db");
    for n in 1..=kills {
        let mut command = site.command(&["rekey"]);
        command.stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        let mut command = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(random.u64(0..400)));
        daemon.signal(rustix::process::Signal::KILL);
        let _ = daemon.end();
        // It may do it itself, when the daemon is gone before it began.
        command.wait().unwrap();
        let db = Database::open(&path).unwrap();
        db.integrity_check().unwrap();
        assert!(!seal::next_beside(&path).exists(), "{n}");
        assert_eq!(whitelist::people(&db).unwrap()[0].name, "Barack Obama");
        let log = Log::new(db, Default::default());
        log.verify(&[]).unwrap();
        let records = log.records(&Query::default()).unwrap();
        let last = records
            .iter()
            .rev()
            .find_map(|record| match record.event() {
                Some(Event::Rekeyed(change)) => Some(change.now.clone()),
                _ => None,
            });
        let key = support::seal::keys(&path).id().to_string();
        assert!(last.is_none_or(|last| last == key), "{n}");
        drop(log);
        daemon = site.start();
        site.await_events(Kind::Started, 1 + n);
    }
    site.show(PROBE);
    site.await_events(Kind::Granted, 1);
}
