//! What people may ask for: to be forgotten, and to see what is kept of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use doorward::cohort::Score;
use doorward::database::Database;
use doorward::embedding::{Embedding, ModelVersion};
use doorward::person::PersonId;
use doorward::record::{
    Consent, DenialReason, Denied, Event, FrameRef, GrantReason, Granted, Kind, PersonRef,
    Recognition, Stamp,
};
use doorward::seal::PictureKey;
use doorward::verbs::{CardWords, Given, PinWord, Verb, execute};
use doorward::whitelist::{self, NewTemplate};
use serde_json::{Value, json};
use support::origin;
use support::seal::opened;
use support::site::{Site, said};

const PHOTO: &str = "grace-hopper/01.jpg";

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..bytes).map(|_| random.u8(..)).collect()
}

/// A vector and a photo that nobody else has.
fn template(person: u64, n: u64) -> NewTemplate {
    let mut random = fastrand::Rng::with_seed(100 * person + n);
    let mut values: Vec<f32> = (0..256).map(|_| random.f32() - 0.5).collect();
    let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v /= norm);
    let photo = [&b"\x89PNG\r\n\x1a\n"[..], &noise(100 * person + n, 3000)].concat();
    NewTemplate {
        embedding: Embedding::new(&ModelVersion::new("a@1"), values).unwrap(),
        source: format!("{person}-{n}.jpg"),
        photo: Some(photo),
    }
}

fn recognition(id: i64, name: &str) -> Recognition {
    Recognition {
        person: PersonRef::new(PersonId(id), name),
        score: Score::new(0.8),
        threshold: Score::new(0.7),
        frames: 3,
        model: ModelVersion::new("a@1"),
        frame: FrameRef {
            name: "1".into(),
            vision_ms: 1.0,
            age_ms: 1.0,
        },
    }
}

fn granted(id: i64, name: &str, with: Option<PersonRef>) -> Event {
    Event::Granted(Granted {
        reason: GrantReason::Recognised,
        recognition: recognition(id, name),
        factors: Vec::new(),
        challenge: None,
        with,
        cues: None,
    })
}

fn stranger_like(id: i64, name: &str) -> Event {
    let Recognition {
        person,
        score,
        threshold,
        frames,
        model,
        frame,
    } = recognition(id, name);
    Event::Denied(Denied {
        reason: DenialReason::NotListed,
        person: Some(person),
        score: Some(score),
        threshold: Some(threshold),
        frames,
        model,
        frame,
        measured: None,
        challenge: None,
        cues: None,
        left_out: None,
    })
}

/// Ada Lovelace (#1) and Grace (#2) with all that people can have; the events that have a
/// picture, by whose name they have.
fn site() -> (Site, BTreeMap<&'static str, Vec<u64>>) {
    let site = Site::new();
    let path = site.at("doorward.db");
    let mut db = Database::open(&path).unwrap();
    for (n, name) in [(1, "Ada Lovelace"), (2, "Grace")] {
        let templates = [template(n, 0), template(n, 1)];
        let id = whitelist::enroll(&mut db, name, &templates, &origin()).unwrap();
        let person = format!("{id}");
        let consent = Consent::new("2026-03-01".parse().unwrap(), Some("entry by face"));
        for verb in [
            Verb::SetPin {
                person: person.clone(),
                pin: PinWord::new("471148"),
                duress: false,
            },
            Verb::AddCard {
                person: person.clone(),
                card: CardWords {
                    number: 34560 + n,
                    facility: Some(12),
                    format: None,
                },
            },
            Verb::NoteConsent {
                people: vec![person.clone()],
                consent: consent.unwrap(),
            },
            Verb::JoinGroup {
                people: vec![person],
                group: "staff".into(),
            },
        ] {
            execute(&mut db, Given::by(&origin()), verb).unwrap();
        }
    }
    drop(db);
    let mut log = site.log();
    let grace = PersonRef::new(PersonId(2), "Grace");
    let mut pictures = BTreeMap::<_, Vec<u64>>::new();
    std::fs::create_dir(site.at("pictures")).unwrap();
    let key = picture_key(&path);
    for (whose, event) in [
        ("Ada", granted(1, "Ada Lovelace", None)),
        ("Ada", granted(1, "Ada Lovelace", Some(grace))),
        ("like Ada", stranger_like(1, "Ada Lovelace")),
        ("Grace", granted(2, "Grace", None)),
    ] {
        let id = log.append(&Stamp::now(), &event).unwrap();
        let picture = site.at("pictures").join(format!("{id}.sealed"));
        std::fs::write(picture, key.seal(id, &noise(id, 2000)).unwrap()).unwrap();
        pictures.entry(whose).or_default().push(id);
    }
    (site, pictures)
}

fn picture_key(database: &Path) -> PictureKey {
    let sql = "SELECT opened('sealing.pictures_key', pictures_key, 1) FROM sealing";
    let key: Vec<u8> = opened(database)
        .query_row(sql, [], |row| row.get(0))
        .unwrap();
    PictureKey::from_bytes(&key).unwrap()
}

fn json_of(site: &Site, words: &[&str]) -> Value {
    let output = site.run(&[words, &["--json"]].concat());
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn pictures_left(site: &Site) -> Vec<u64> {
    let entries = std::fs::read_dir(site.at("pictures")).unwrap();
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.split_once('.').unwrap().0.parse().unwrap()
    };
    let mut left: Vec<u64> = entries.map(number).collect();
    left.sort_unstable();
    left
}

/// Whether any file of the door has these bytes.
fn is_anywhere(folder: &Path, needle: &[u8]) -> bool {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path)
                .unwrap()
                .windows(needle.len())
                .any(|window| window == needle)
            {
                return true;
            }
        }
    }
    false
}

/// What the database has of a person, sealed as it is, and what it is in clear.
fn needles(site: &Site, person: i64) -> Vec<Vec<u8>> {
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    let mut needles = Vec::new();
    for sql in [
        "SELECT name FROM people WHERE id = ?1",
        "SELECT vector FROM templates WHERE person = ?1",
        "SELECT photo FROM templates WHERE person = ?1",
        "SELECT source FROM templates WHERE person = ?1",
        "SELECT hash FROM pins WHERE person = ?1",
        "SELECT card FROM cards WHERE person = ?1",
        "SELECT purpose FROM consents WHERE person = ?1",
        "SELECT key FROM name_keys WHERE person = ?1",
    ] {
        let mut statement = raw.prepare(sql).unwrap();
        let rows = statement.query_map([person], |row| row.get::<_, Vec<u8>>(0));
        let before = needles.len();
        needles.extend(rows.unwrap().map(|bytes| bytes.unwrap()[..32].to_vec()));
        assert!(needles.len() > before, "{sql}");
    }
    // Else nothing would be looked for.
    for needle in &needles {
        assert!(is_anywhere(&site.at(""), needle));
    }
    for n in 0..2 {
        let template = template(person as u64, n);
        let vector = template.embedding.as_slice().iter();
        let vector: Vec<u8> = vector.flat_map(|v| v.to_le_bytes()).collect();
        needles.push(vector[512..544].to_vec());
        needles.push(template.photo.unwrap()[100..132].to_vec());
    }
    needles.push(b"Lovelace".to_vec());
    needles
}

#[test]
fn who_is_erased_is_nowhere_in_the_files() {
    let (site, pictures) = site();
    let needles = needles(&site, 1);
    let all = json_of(&site, &["people", "erase", "Ada Lovelace", "--yes"]);
    assert_eq!(all["erased"], true);
    assert_eq!(
        all["people"],
        json!([{ "person_id": 1, "named_in_events": 0 }])
    );
    assert_eq!(pictures_left(&site), pictures["Grace"]);
    for needle in &needles {
        assert!(!is_anywhere(&site.at(""), needle), "{needle:?}");
    }
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    for table in [
        "templates",
        "pins",
        "cards",
        "consents",
        "memberships",
        "passages",
    ] {
        let sql = format!("SELECT count(*) FROM {table} WHERE person = 1");
        let rows: i64 = raw.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    // The record says so, without the name, and verifies.
    let (id, event) = site.events().pop().unwrap();
    assert_eq!(event.kind(), Kind::Erased);
    let body: String = raw
        .query_row(
            "SELECT body FROM records WHERE id = ?1",
            [id as i64],
            |row| row.get(0),
        )
        .unwrap();
    assert!(
        !body.contains("Ada") && body.contains(r#""person":{"id":1}"#),
        "{body}"
    );
    site.log().verify(&[]).unwrap();
    let told = said(&site.run(&["events", "--limit", "1000"]));
    assert!(
        told.contains("erased #1") && !told.contains("Ada"),
        "{told}"
    );
    assert!(told.contains("Grace"), "{told}");
    // Nobody has the number again.
    site.run(&["people", "list"]);
    let mut db = Database::open(&site.at("doorward.db")).unwrap();
    let zoe = whitelist::enroll(&mut db, "Zoe", &[template(3, 0)], &origin()).unwrap();
    assert_eq!(zoe, PersonId(3));
}

#[test]
fn who_was_removed_before_can_be_erased_and_who_never_was_not() {
    let (site, _) = site();
    json_of(&site, &["people", "remove", "Ada Lovelace", "--yes"]);
    json_of(&site, &["people", "erase", "#1", "--yes"]);
    assert_eq!(site.count(Kind::Removed), 1);
    assert_eq!(site.count(Kind::Erased), 1);
    let told = site.fails(&["people", "erase", "Nobody", "#2", "--yes"]);
    assert!(told.contains("nobody is or was called"), "{told}");
    let told = site.fails(&["people", "erase", "Grace"]);
    assert!(told.contains("add --yes"), "{told}");
    assert_eq!(site.count(Kind::Erased), 1);
}

#[test]
fn no_backup_brings_back_who_was_erased_since() {
    let (site, _) = site();
    let needles = needles(&site, 1);
    let backup = site.at("backup.db");
    let backup = backup.to_str().unwrap();
    json_of(&site, &["backup", backup]);
    json_of(&site, &["people", "erase", "Ada Lovelace", "--yes"]);
    json_of(&site, &["people", "remove", "Grace", "--yes"]);
    json_of(&site, &["restore", backup]);
    let people = json_of(&site, &["people", "list"]);
    let people = people["people"].as_array().unwrap();
    assert_eq!(people.len(), 1);
    assert_eq!(people[0]["name"], "Grace");
    let (_, event) = site.events().pop().unwrap();
    assert!(
        matches!(event, Event::Restored { people: 1, .. }),
        "{event}"
    );
    std::fs::remove_file(backup).unwrap();
    json_of(&site, &["people", "erase"]);
    for needle in &needles {
        assert!(!is_anywhere(&site.at(""), needle), "{needle:?}");
    }
    let told = said(&site.run(&["events", "--limit", "1000"]));
    assert!(!told.contains("Ada"), "{told}");
}

/// As a kill between the two leaves it.
#[test]
fn pictures_of_who_was_removed_go_when_the_daemon_starts() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .frames(PHOTO, 1)
        .enrolled("Grace", &[PHOTO]);
    let mut db = Database::open(&site.at("doorward.db")).unwrap();
    let ada = whitelist::enroll(&mut db, "Ada", &[template(1, 0)], &origin()).unwrap();
    drop(db);
    let mut log = site.log();
    let of_ada = log
        .append(&Stamp::now(), &granted(ada.0, "Ada", None))
        .unwrap();
    let of_grace = log
        .append(&Stamp::now(), &granted(1, "Grace", None))
        .unwrap();
    drop(log);
    std::fs::create_dir(site.at("pictures")).unwrap();
    for id in [of_ada, of_grace] {
        // Of an earlier doorward, which did not seal them, and of this one.
        for ending in ["jpg", "sealed"] {
            let picture = site.at("pictures").join(format!("{id}.{ending}"));
            std::fs::write(picture, noise(id, 2000)).unwrap();
        }
    }
    let mut db = Database::open(&site.at("doorward.db")).unwrap();
    whitelist::remove(&mut db, &[ada], &origin()).unwrap();
    drop(db);
    assert_eq!(pictures_left(&site), [of_ada, of_ada, of_grace, of_grace]);
    let _daemon = site.start();
    site.await_events(Kind::Started, 1);
    assert!(pictures_left(&site).iter().all(|id| *id == of_grace));
}

/// The same where no daemon starts.
#[test]
fn pictures_of_who_was_removed_go_by_erase() {
    let (site, pictures) = site();
    let mut db = Database::open(&site.at("doorward.db")).unwrap();
    whitelist::remove(&mut db, &[PersonId(1)], &origin()).unwrap();
    drop(db);
    json_of(&site, &["people", "erase"]);
    assert_eq!(pictures_left(&site), pictures["Grace"]);
}

fn unzipped(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(File::open(file).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for n in 0..archive.len() {
        let mut entry = archive.by_index(n).unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o600);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.name().unwrap().into_owned(), bytes);
    }
    files
}

#[test]
fn a_disclosure_has_all_of_one_person_and_nothing_of_others() {
    let (site, pictures) = site();
    let file = site.at("ada.zip");
    let done = json_of(
        &site,
        &["people", "disclose", "Ada Lovelace", file.to_str().unwrap()],
    );
    assert_eq!(done["templates"], 2);
    assert_eq!(done["pictures"], 2);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let files = unzipped(&file);
    let told: Value = serde_json::from_slice(&files["person.json"]).unwrap();
    let person = &told["person"];
    assert_eq!(person["name"], "Ada Lovelace");
    assert_eq!(person["groups"], json!(["staff"]));
    assert_eq!(person["consent"]["purpose"], "entry by face");
    assert_eq!(told["factors"]["pin"], true, "{}", told["factors"]);
    let templates = person["templates"].as_array().unwrap();
    for (n, kept) in (0..).zip(templates) {
        let template = template(1, n);
        let vector = template.embedding.as_slice().iter();
        let vector: Vec<u8> = vector.flat_map(|v| v.to_le_bytes()).collect();
        use base64::Engine as _;
        let written = base64::engine::general_purpose::STANDARD.encode(vector);
        assert_eq!(kept["vector"], written);
        assert_eq!(kept["model"], "a@1");
        assert_eq!(
            files[kept["photo"].as_str().unwrap()],
            template.photo.unwrap()
        );
    }
    // Every event that names the person; pictures where it is the person's own.
    let events = told["events"].as_array().unwrap();
    let with_picture: Vec<u64> = events
        .iter()
        .filter(|event| event.get("picture").is_some())
        .map(|event| event["id"].as_u64().unwrap())
        .collect();
    assert_eq!(with_picture, pictures["Ada"]);
    let numbers: Vec<u64> = events.iter().map(|e| e["id"].as_u64().unwrap()).collect();
    assert!(numbers.contains(&pictures["like Ada"][0]));
    for id in &pictures["Ada"] {
        assert_eq!(files[&format!("faces/event-{id}.jpg")], noise(*id, 2000));
    }
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        assert!(
            !text.contains("Grace") && !text.contains("471148"),
            "{name}"
        );
    }
    let (_, event) = site.events().pop().unwrap();
    let Event::Disclosed(disclosed) = event else {
        panic!("{event}");
    };
    assert_eq!(disclosed.events, events.len() as u64);
    // Grace came with Ada once, and is told of it without a name.
    let file = site.at("grace.zip");
    json_of(&site, &["people", "disclose", "#2", file.to_str().unwrap()]);
    let files = unzipped(&file);
    let told: Value = serde_json::from_slice(&files["person.json"]).unwrap();
    assert!(!told.to_string().contains("Lovelace"));
    let events = told["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["id"] == pictures["Ada"][1]));
}

#[test]
fn a_disclosure_takes_nothing_s_place_and_leaves_nothing_half() {
    let (site, _) = site();
    let file = site.at("ada.zip");
    std::fs::write(&file, "mine").unwrap();
    let file = file.to_str().unwrap();
    let told = site.fails(&["people", "disclose", "Ada Lovelace", file]);
    assert!(told.contains("cannot write"), "{told}");
    assert_eq!(std::fs::read(file).unwrap(), b"mine");
    let other = site.at("nobody.zip");
    site.fails(&["people", "disclose", "Nobody", other.to_str().unwrap()]);
    assert!(!other.exists());
    assert_eq!(site.count(Kind::Disclosed), 0);
    // Of somebody who was removed there is what the record has.
    json_of(&site, &["people", "remove", "Ada Lovelace", "--yes"]);
    let file = site.at("gone.zip");
    let done = json_of(&site, &["people", "disclose", "#1", file.to_str().unwrap()]);
    assert_eq!(done["templates"], 0);
    assert!(done["events"].as_u64().unwrap() > 3);
}
