//! A process that is killed while it changes the database: it opens, nothing is half done,
//! nothing that was removed remains, and the record verifies. 12 kills by default;
//! `DOORWARD_KILLS=100` for more. What lies sealed in the files is known from before the kill.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use doorward::database::Database;
use doorward::embedding::ModelVersion;
use doorward::person::PersonId;
use doorward::record::{Event, Log, Query};
use doorward::verbs::{Enrolment, FaceOf, Given, Reply, Verb, execute};
use doorward::whitelist::{self, Existing, Whom};
use support::origin;

const PLACE: &str = "DOORWARD_KILL_PLACE";
const TASK: &str = "DOORWARD_KILL_TASK";
/// Templates of everybody.
const FACES: usize = 3;
const TASKS: [&str; 6] = ["enroll", "remove", "erase", "import", "restore", "rekey"];

/// Vectors and a photo that nobody else has.
fn faces(name: &str) -> Vec<FaceOf> {
    let seed = name.bytes().fold(7u64, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut random = fastrand::Rng::with_seed(seed);
    (0..FACES)
        .map(|n| {
            let mut values: Vec<f32> = (0..256).map(|_| random.f32() - 0.5).collect();
            let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
            values.iter_mut().for_each(|v| *v /= norm);
            let mut photo = b"\x89PNG\r\n\x1a\n".to_vec();
            photo.extend((0..3000).map(|_| random.u8(..)));
            FaceOf {
                values,
                source: format!("{n}.jpg"),
                photo: Some(photo),
            }
        })
        .collect()
}

fn enrolment(name: &str) -> Verb {
    Verb::Enroll(Enrolment {
        name: name.into(),
        model: ModelVersion::new("m"),
        faces: faces(name),
        guest_until_ms: None,
        consent: None,
    })
}

fn does(db: &mut Database, verb: Verb) -> Reply {
    execute(db, Given::by(&origin()), verb).unwrap()
}

fn names(from: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{from} {n}")).collect()
}

/// A folder with what a task begins with.
fn prepare(folder: &Path, task: &str) {
    let path = folder.join("doorward.db");
    let mut db = Database::open(&path).unwrap();
    match task {
        "remove" | "erase" | "rekey" => names("listed", 12).iter().for_each(|name| {
            does(&mut db, enrolment(name));
        }),
        "import" => {
            // Everybody of the file, and half of them are there already.
            names("moved", 10).iter().for_each(|name| {
                does(&mut db, enrolment(name));
            });
            let mut text = Vec::new();
            whitelist::export(&db, Whom::Everybody, &mut text).unwrap();
            std::fs::write(folder.join("people"), text).unwrap();
            let people = names("moved", 10).split_off(5);
            does(&mut db, Verb::Remove { people });
        }
        "restore" => {
            names("kept", 6).iter().for_each(|name| {
                does(&mut db, enrolment(name));
            });
            does(&mut db, Verb::Erase {});
            std::fs::copy(&path, folder.join("backup.db")).unwrap();
            let people = names("kept", 3);
            does(&mut db, Verb::Remove { people });
            names("later", 6).iter().for_each(|name| {
                does(&mut db, enrolment(name));
            });
        }
        _ => {}
    }
    does(&mut db, Verb::Erase {});
}

/// Who begins, says so, works until killed, and tells what is done.
#[test]
#[ignore = "is started by the test below, to be killed"]
fn somebody_who_is_killed() {
    let (Ok(place), Ok(task)) = (std::env::var(PLACE), std::env::var(TASK)) else {
        return;
    };
    let folder = PathBuf::from(place);
    let path = folder.join("doorward.db");
    let say = |words: &str| {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "\n{words}").unwrap();
        stdout.flush().unwrap();
    };
    let mut db = Database::open(&path).unwrap();
    say("begins");
    match task.as_str() {
        "enroll" => names("new", 200).iter().for_each(|name| {
            does(&mut db, enrolment(name));
            say(&format!("listed {name}"));
        }),
        "remove" | "erase" => names("listed", 12).iter().for_each(|name| {
            let people = vec![name.clone()];
            let verb = match task.as_str() {
                "erase" => Verb::ErasePeople { people },
                _ => Verb::Remove { people },
            };
            does(&mut db, verb);
            if does(&mut db, Verb::Erase {}) == (Reply::Erased { gone: true }) {
                say(&format!("gone {name}"));
            }
        }),
        "import" => {
            for _ in 0..20 {
                let text = std::fs::read(folder.join("people")).unwrap();
                let (origin, mut text) = (origin(), BufReader::new(&text[..]));
                let given = Given {
                    text: Some(&mut text),
                    ..Given::by(&origin)
                };
                let existing = Existing::Replace;
                let file = "people".into();
                execute(&mut db, given, Verb::Import { existing, file }).unwrap();
                say("listed moved 9");
            }
        }
        "restore" => {
            drop(db);
            whitelist::restore(&folder.join("backup.db"), &path, None, &origin()).unwrap();
            say("listed kept 0");
        }
        "rekey" => {
            for _ in 0..20 {
                let rekeyed = whitelist::rekey(&mut db, &origin(), &|| false).unwrap();
                say(&format!("key {}", rekeyed.now));
            }
        }
        other => panic!("{other}"),
    }
}

/// What a killed process said of whom.
fn killed(folder: &Path, task: &str, after: Duration) -> Vec<(String, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "somebody_who_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(PLACE, folder)
        .env(TASK, task)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begins = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line == "begins");
    assert!(lines.any(|line| begins(&line)), "it never began");
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = lines.map_while(Result::ok).filter_map(|line| {
        let (what, whom) = line.split_once(' ')?;
        let known = matches!(what, "listed" | "gone" | "key");
        known.then(|| (what.to_owned(), whom.to_owned()))
    });
    said.collect()
}

/// Pieces of what is kept of people, and whose they are.
type Needles = BTreeMap<[u8; 16], String>;

/// Of these bytes, but for how they begin.
fn pieces(needles: &mut Needles, name: &str, bytes: &[u8]) {
    for place in [48, 160, 320, 640, 1000] {
        needles.insert(bytes[place..place + 16].try_into().unwrap(), name.into());
    }
}

/// In clear, of everybody there ever is.
fn in_clear() -> Needles {
    let mut needles = Needles::new();
    for name in everybody() {
        for face in faces(&name) {
            let vector: Vec<u8> = face.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            pieces(&mut needles, &name, &vector);
            pieces(&mut needles, &name, &face.photo.unwrap());
        }
    }
    needles
}

/// As they lie sealed in a database now.
fn sealed(folder: &Path, task: &str) -> Needles {
    let raw = support::seal::opened(&folder.join("doorward.db"));
    let mut rows = raw
        .prepare(
            "SELECT CAST(opened('people.name', p.name, p.id) AS TEXT), t.vector, t.photo, k.key \
             FROM people p JOIN templates t ON t.person = p.id JOIN name_keys k ON k.person = p.id",
        )
        .unwrap();
    let mut needles = Needles::new();
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let name: String = row.get(0).unwrap();
        for column in [1, 2] {
            pieces(
                &mut needles,
                &name,
                row.get_ref(column).unwrap().as_blob().unwrap(),
            );
        }
        // What opens the names in the record: it may stay of the removed, not of the erased.
        if task == "erase" {
            let key = row.get_ref(3).unwrap().as_blob().unwrap();
            needles.insert(key[32..48].try_into().unwrap(), name);
        }
    }
    needles
}

/// Whose pieces are in a database's files.
fn found<'n>(folder: &Path, needles: &'n Needles) -> BTreeSet<&'n str> {
    let firsts: HashSet<u8> = needles.keys().map(|needle| needle[0]).collect();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with("doorward.db")
        {
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let windows = bytes.windows(16).filter(|w| firsts.contains(&w[0]));
        found.extend(windows.filter_map(|w| needles.get(w).map(String::as_str)));
    }
    found
}

fn everybody() -> Vec<String> {
    ["new", "listed", "moved", "kept", "later"]
        .iter()
        .flat_map(|from| names(from, if *from == "new" { 200 } else { 12 }))
        .collect()
}

/// What may be said after a kill: `before` is what lay sealed before it.
fn check(folder: &Path, task: &str, said: &[(String, String)], before: &Needles) {
    let whom = |what: &str| -> BTreeSet<&String> {
        let of = said.iter().filter(|(said, _)| said == what);
        of.map(|(_, whom)| whom).collect()
    };
    // What was said to be gone is, before anybody opens anything.
    let of = |people: &dyn Fn(&String) -> bool| -> Needles {
        let some = before.iter().filter(|(_, name)| people(name));
        some.map(|(piece, name)| (*piece, name.clone())).collect()
    };
    let gone = of(&|name| whom("gone").contains(name));
    assert_eq!(found(folder, &gone), BTreeSet::new(), "{task}");

    let path = folder.join("doorward.db");
    let mut db = Database::open(&path).unwrap();
    db.integrity_check().unwrap();
    // One key is left, and it is the one that fits.
    assert!(!doorward::seal::next_beside(&path).exists(), "{task}");
    let key = support::seal::keys(&path).id().to_string();
    let people = whitelist::people(&db).unwrap();
    assert!(people.iter().all(|person| person.templates == FACES));
    let listed: BTreeSet<&String> = people.iter().map(|person| &person.name).collect();
    assert!(whom("listed").is_subset(&listed), "{task}: {listed:?}");
    assert!(whom("gone").is_disjoint(&listed), "{task}: {listed:?}");
    let count = |from: &str| listed.iter().filter(|name| name.starts_with(from)).count();
    match task {
        // All of a file, or nothing of it.
        "import" => assert!(matches!(count("moved"), 5 | 10), "{listed:?}"),
        "restore" => assert!(matches!((count("kept"), count("later")), (3, 6) | (6, 0))),
        _ => {}
    }
    does(&mut db, Verb::Erase {});
    let gone = of(&|name| !listed.contains(name));
    assert_eq!(found(folder, &gone), BTreeSet::new(), "{task}");
    assert_eq!(found(folder, &in_clear()), BTreeSet::new(), "{task}");

    let log = Log::new(db, Default::default());
    log.verify(&[]).unwrap();
    // Each of those who are there, and who are not, by the record alone.
    let mut by_record: BTreeSet<PersonId> = BTreeSet::new();
    let (mut last_key, mut named) = (None, BTreeMap::new());
    for record in log.records(&Query::default()).unwrap() {
        match record.event().unwrap() {
            Event::Enrolled { person, .. } | Event::Imported { person, .. } => {
                by_record.insert(person.id);
                named.insert(person.id, person.name.clone());
            }
            Event::Removed { person, .. } => assert!(by_record.remove(&person.id)),
            Event::Erased(erased) => {
                assert!(by_record.remove(&erased.person.id));
                let name = named.remove(&erased.person.id).unwrap();
                assert!(!name.contains("listed"), "{name} is read in the record");
            }
            Event::Rekeyed(change) => last_key = Some(change.now.clone()),
            Event::HeadKey(_) => {}
            Event::Restored { .. } => by_record = (1..=6).map(PersonId).collect(),
            other => panic!("{other}"),
        }
    }
    let numbers: BTreeSet<PersonId> = people.iter().map(|person| person.id).collect();
    assert_eq!(by_record, numbers, "{task}");
    for person in &people {
        let name = named.get(&person.id);
        assert!(name.is_none_or(|name| *name == person.name), "{name:?}");
    }
    assert!(last_key.is_none_or(|last| last == key), "{task}");
}

#[test]
fn killed_at_any_moment_nothing_is_half_done_and_nothing_removed_remains() {
    let kills = std::env::var("DOORWARD_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(17);
    let mut interrupted = 0;
    for n in 0..kills {
        let task = TASKS[n % TASKS.len()];
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path(), task);
        let after = Duration::from_micros(random.u64(0..60_000));
        let before = sealed(folder.path(), task);
        let said = killed(folder.path(), task, after);
        check(folder.path(), task, &said, &before);
        let most = [200, 12, 12, 20, 1, 20][n % TASKS.len()];
        interrupted += u32::from(said.len() < most);
    }
    // Else nothing was tried.
    assert!(interrupted > 0);
}
