//! People on their way from one whitelist to another, in a file that a passphrase opens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use doorward::database::Database;
use doorward::embedding::{Embedding, ModelVersion};
use doorward::record::{Event, Kind};
use doorward::whitelist::{self, NewTemplate};
use serde_json::{Value, json};
use support::origin;
use support::pty::Pty;
use support::site::{Site, said};

const PASSPHRASE: &str = "correct horse battery";

fn template(model: &str, turn: usize, photo: bool) -> NewTemplate {
    let mut values = vec![0.25; 16];
    values[turn] = 1.0 / 3.0;
    let png = || b"\x89PNG\r\n\x1a\n and the rest".to_vec();
    NewTemplate {
        embedding: Embedding::new(&ModelVersion::new(model), values).unwrap(),
        source: format!("photos/{turn}.jpg"),
        photo: photo.then(png),
    }
}

fn site(people: &[&str]) -> Site {
    let site = Site::new();
    let mut database = Database::open(&site.at("doorward.db")).unwrap();
    for (n, name) in people.iter().enumerate() {
        let templates = [template("a@1", n, true), template("a@1", n + 1, false)];
        whitelist::enroll(&mut database, name, &templates, &origin()).unwrap();
        whitelist::enroll(&mut database, name, &[template("b@2", n, false)], &origin()).unwrap();
    }
    std::fs::write(site.at("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
    site
}

/// Runs `doorward people …` with the passphrase of the site's own file.
fn people(site: &Site, verb: &str, words: &[&str]) -> Output {
    let passphrase = site.at("passphrase");
    let passphrase = passphrase.to_str().unwrap();
    let all = ["people", verb, "--passphrase-file", passphrase];
    site.run(&[&all, words].concat())
}

fn code(output: &Output) -> i32 {
    output
        .status
        .code()
        .unwrap_or_else(|| panic!("{}", said(output)))
}

fn exported(site: &Site, words: &[&str]) -> std::path::PathBuf {
    let file = site.at("people.age");
    let output = people(site, "export", &[words, &[file.to_str().unwrap()]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    file
}

/// People and templates as they are stored, but for their numbers.
fn stored(site: &Site) -> Vec<String> {
    let raw = support::seal::opened(&site.at("doorward.db"));
    let mut statement = raw
        .prepare(
            "SELECT CAST(opened('people.name', p.name, p.id) AS TEXT) || '|' ||
                    p.enabled || '|' || p.created_at_ms || '|' || t.model || '|' ||
                    hex(opened('templates.vector', t.vector, t.id, t.person, t.model)) || '|' ||
                    CAST(opened('templates.source', t.source, t.id, t.person) AS TEXT) || '|' ||
                    t.created_at_ms || '|' ||
                    ifnull(hex(opened('templates.photo', t.photo, t.id, t.person)), 'none')
             FROM people p JOIN templates t ON t.person = p.id ORDER BY 1",
        )
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What rules ask of each person, as `people show` tells it, without the number.
fn asked(site: &Site, person: &str) -> Value {
    let shown = site.run(&["people", "show", person, "--json"]);
    assert_eq!(code(&shown), 0, "{}", said(&shown));
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let names = [
        "groups",
        "guest",
        "valid_from",
        "valid_until",
        "entries",
        "entries_left",
    ];
    let asked = names.map(|name| (name.to_owned(), shown["person"][name].clone()));
    Value::Object(asked.into_iter().collect())
}

/// What the file holds, as `age --decrypt` would give it.
fn plain(file: &Path) -> String {
    let identity = age::scrypt::Identity::new(PASSPHRASE.to_owned().into());
    let sealed = std::fs::read(file).unwrap();
    let decryptor = age::Decryptor::new(&sealed[..]).unwrap();
    let mut text = String::new();
    decryptor
        .decrypt(std::iter::once(&identity as _))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// A file as `age --passphrase` makes it.
fn seal(file: &Path, text: &str) {
    let mut recipient = age::scrypt::Recipient::new(PASSPHRASE.to_owned().into());
    recipient.set_work_factor(10);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let mut writer = encryptor
        .wrap_output(std::fs::File::create(file).unwrap())
        .unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap();
}

#[test]
fn the_whole_whitelist_arrives_as_it_was_and_is_on_record() {
    let from = site(&["Ada Lovelace", "Zoë", "李小龍"]);
    assert_eq!(code(&from.run(&["people", "disable", "Zoë"])), 0);
    let file = exported(&from, &[]);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(3).any(|w| w == b"Ada"), "in clear");
    let (_, event) = from.first(Kind::Exported);
    assert!(
        matches!(
            &event,
            Event::Exported {
                people: 3,
                templates: 9,
                person: None,
                ..
            }
        ),
        "{event}"
    );
    // Nothing is written over.
    let output = people(&from, "export", &[file.to_str().unwrap()]);
    assert_eq!(code(&output), 3);
    assert!(said(&output).contains("cannot write"), "{}", said(&output));
    assert_eq!(std::fs::read(&file).unwrap(), bytes);

    let to = site(&[]);
    let output = people(&to, "import", &["--json", file.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["people"][1]["name"], "Zoë");
    assert_eq!(told["people"][1]["enabled"], false);
    assert_eq!(told["templates"], 9);
    assert_eq!(told["templates_of_other_models"], 9);
    assert!(said(&output).contains("match nobody"), "{}", said(&output));
    assert_eq!(stored(&to), stored(&from));
    assert_eq!(to.count(Kind::Imported), 3);
    assert_eq!(code(&to.run(&["events", "--verify"])), 0);
    // Also where there was no database.
    let new = Site::new();
    std::fs::copy(to.at("passphrase"), new.at("passphrase")).unwrap();
    let output = people(&new, "import", &[file.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(stored(&new), stored(&from));
}

#[test]
fn some_people_are_written_and_a_forgotten_file_is_not_everybody() {
    let from = site(&["Ada", "Zoe", "Grace"]);
    let file = exported(&from, &["Grace", "#1", "ada"]);
    let text = plain(&file);
    let names: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["person"]["name"].clone())
        .filter(|name| !name.is_null())
        .collect();
    assert_eq!(names, ["Grace", "Ada"]);
    assert_eq!(from.count(Kind::Exported), 2);
    let events = from.run(&["events", "--person", "Grace", "--kind", "exported"]);
    assert!(said(&events).contains("Grace (#3) with 3 templates to"));
    let output = people(&from, "export", &["Ada"]);
    assert_eq!(code(&output), 2, "{}", said(&output));
    let output = people(&from, "export", &["Nobody", "x.age"]);
    assert_eq!(code(&output), 3, "{}", said(&output));
    std::fs::write(from.at("passphrase"), "short\n").unwrap();
    let short = from.at("short.age");
    let output = people(&from, "export", &[short.to_str().unwrap()]);
    assert_eq!(code(&output), 3);
    assert!(said(&output).contains("fewer than 10"), "{}", said(&output));
    assert!(!short.exists());
}

#[test]
fn who_is_there_already_is_refused_skipped_or_replaced() {
    let from = site(&["Ada", "Zoe", "Grace"]);
    let file = exported(&from, &[]);
    let file = file.to_str().unwrap();
    let to = site(&["Hedy", "ADA", "Grace"]);
    let before = stored(&to);
    let output = people(&to, "import", &[file]);
    assert_eq!(code(&output), 3);
    let told = said(&output);
    assert!(
        told.contains("\"ADA\" (#2), \"Grace\" (#3) are on the whitelist already"),
        "{told}"
    );
    assert_eq!((stored(&to), to.count(Kind::Imported)), (before.clone(), 0));
    let output = people(&to, "import", &["--skip-existing", file]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(
        said(&output).contains("1 person with 3 templates"),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("2 people were left as before"));
    let (_, event) = to.first(Kind::Imported);
    assert!(
        matches!(&event, Event::Imported { replaced: None, .. }),
        "{event}"
    );
    let output = people(&to, "import", &["--replace", file]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(said(&output).contains("3 in the place of who was there"));
    // The number stays.
    let ada = to.run(&["people", "show", "#2", "--json"]);
    let ada: Value = serde_json::from_slice(&ada.stdout).unwrap();
    assert_eq!(ada["person"]["name"], "Ada");
    let of = |rows: Vec<String>| -> Vec<String> {
        rows.into_iter()
            .filter(|row| !row.starts_with("Hedy"))
            .collect()
    };
    assert_eq!(of(stored(&to)), stored(&from));
    // Somebody who only looks the same.
    let greek = site(&["\u{391}da"]);
    let output = people(&greek, "import", &["--replace", file]);
    assert_eq!(code(&output), 3);
    assert!(said(&output).contains("looks like"), "{}", said(&output));
}

#[test]
fn whoever_travels_is_let_in_no_more_often_there() {
    let from = site(&["Ada", "Guest", "Zoe"]);
    for line in [
        "people group add Ada Zoe staff",
        "people group add Ada night-shift",
        "people valid Ada --from 2026-01-05T08:00 --until 2099-12-31T18:00",
        "people entries Ada 3",
        "people add-guest Guest --until 2099-05-01T12:00",
        "people card Zoe 4711 --facility 12",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let output = from.run(&words);
        assert_eq!(code(&output), 0, "{line}: {}", said(&output));
    }
    // One entry is used up.
    let raw = rusqlite::Connection::open(from.at("doorward.db")).unwrap();
    raw.execute(
        "INSERT INTO passages (person, record, at_ms, is_sure, uptime_ms, direction)
         VALUES (1, 1000, 0, 1, 0, 'in')",
        [],
    )
    .unwrap();
    drop(raw);
    assert_eq!(asked(&from, "Ada")["entries_left"], 2);
    let file = from.at("people.age");
    let file = file.to_str().unwrap();
    let output = people(&from, "export", &[file]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let told = said(&output);
    assert!(told.contains("1 person has a PIN or a card"), "{told}");
    let text = plain(Path::new(file));
    assert!(!text.contains("4711"), "{text}");
    let ada: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(ada["person"]["groups"], json!(["night-shift", "staff"]));
    assert_eq!(ada["person"]["entries"], 2);
    assert!(ada["person"]["valid_from"].as_str().unwrap().ends_with('Z'));

    let to = site(&["Zoe", "Ada"]);
    for line in [
        "people group add Ada visitors",
        "people entries Ada 9",
        "people card Zoe 815 --facility 12",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(code(&to.run(&words)), 0, "{line}");
    }
    let output = people(&to, "import", &["--replace", file]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    // What is left becomes what there is.
    let mut expected = asked(&from, "Ada");
    expected["entries"] = json!(2);
    assert_eq!(asked(&to, "Ada"), expected);
    for person in ["Guest", "Zoe"] {
        assert_eq!(asked(&to, person), asked(&from, person));
    }
    assert_eq!(asked(&to, "Guest")["guest"], true);
    // The door's own.
    let zoe = to.run(&["people", "show", "Zoe"]);
    assert!(said(&zoe).contains("815"), "{}", said(&zoe));
    for (kind, count) in [
        (Kind::GroupLeft, 1),
        (Kind::GroupJoined, 1 + 3),
        (Kind::EntriesChanged, 1 + 1),
        (Kind::GuestUntil, 1),
        (Kind::ValidityChanged, 1),
    ] {
        assert_eq!(to.count(kind), count, "{kind:?}");
    }
    assert_eq!(code(&to.run(&["events", "--verify"])), 0);
}

#[test]
fn what_cannot_be_taken_over_is_said_and_nothing_of_it_is() {
    let from = site(&["Ada", "Zoe"]);
    let file = exported(&from, &[]);
    let whole = std::fs::read(&file).unwrap();
    let text = plain(&file);
    let lines: Vec<&str> = text.lines().collect();
    let to = site(&["Hedy"]);
    let before = stored(&to);
    let refused = |why: &str| {
        let output = people(&to, "import", &[file.to_str().unwrap()]);
        let told = said(&output);
        assert_eq!(code(&output), 3, "{why}: {told}");
        assert_eq!(told.trim_end().lines().count(), 1, "{told}");
        assert!(told.contains("nobody was taken over"), "{told}");
        assert!(told.contains(why), "{why}: {told}");
        assert_eq!((stored(&to), to.count(Kind::Imported)), (before.clone(), 0));
    };
    std::fs::write(to.at("passphrase"), "another passphrase").unwrap();
    refused("the passphrase is not the one");
    std::fs::write(to.at("passphrase"), PASSPHRASE).unwrap();
    std::fs::write(&file, &whole[..50]).unwrap();
    refused("cut off");
    std::fs::write(&file, &whole[..whole.len() - 7]).unwrap();
    refused("cut off, or was changed");
    std::fs::write(&file, &text).unwrap();
    refused("no sealed file");
    let sealed = |lines: &[&str]| seal(&file, &(lines.join("\n") + "\n"));
    sealed(&["some words"]);
    refused("no file that `doorward people export` wrote");
    sealed(&[&lines[0].replace("\"version\":1", "\"version\":2,\"more\":[]")]);
    refused("it has version 2");
    sealed(&lines[..2]);
    refused("cut off");
    sealed(&[lines[0], lines[1], lines[3]]);
    refused("line 3 is damaged: it counts other people");
    sealed(&[lines[0], lines[1], lines[1], lines[3]]);
    refused("\"Ada\" is in the file twice");
    let person = |change: &dyn Fn(&mut Value)| {
        let mut line: Value = serde_json::from_str(lines[1]).unwrap();
        change(&mut line["person"]);
        line.to_string()
    };
    for (why, line) in [
        (
            "line 2 is damaged",
            person(&|p| p["enabled"] = json!("yes")),
        ),
        (
            "cannot be a name",
            person(&|p| p["name"] = json!("\u{202e}adA")),
        ),
        (
            "no vector",
            person(&|p| p["templates"][0]["vector"] = json!("AAAAAA==")),
        ),
        (
            "no PNG",
            person(&|p| p["templates"][0]["photo"] = json!("AAAA")),
        ),
        // It would make all of its model version useless.
        (
            "another size",
            person(&|p| p["templates"][1]["vector"] = json!("AACAPw==")),
        ),
        (
            "line 2 is damaged",
            person(&|p| p["enrolled_at"] = json!("yesterday")),
        ),
        (
            "a group's name is none",
            person(&|p| p["groups"] = json!(["staff", "everybody"])),
        ),
        (
            "a validity ends before it begins",
            person(&|p| {
                p["valid_from"] = json!("2026-02-01T00:00:00Z");
                p["valid_until"] = json!("2026-01-01T00:00:00Z");
            }),
        ),
        (
            "a guest's validity has no end",
            person(&|p| p["guest"] = json!(true)),
        ),
        (
            "nobody has so many entries",
            person(&|p| p["entries"] = json!(1_000_001)),
        ),
    ] {
        sealed(&[lines[0], &line, lines[2], lines[3]]);
        refused(why);
    }
    // A newer doorward knows more of people.
    let more = person(&|p| {
        p["favourite_colour"] = json!("green");
        p["templates"][0]["mood"] = json!({ "is": 1 });
    });
    sealed(&[
        lines[0],
        "{\"club\":{\"name\":\"chess\"}}",
        &more,
        lines[2],
        lines[3],
    ]);
    let output = people(&to, "import", &[file.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(
        said(&output).contains("left out: club, favourite_colour, mood"),
        "{}",
        said(&output)
    );
}

/// What a new column holds would be lost on the way: src/whitelist/export.rs and import.rs
/// have to learn it (and portable.rs says when that makes another version), then this list.
#[test]
fn every_column_of_people_and_templates_travels() {
    let site = site(&["Ada"]);
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    for (table, known) in [
        (
            "people",
            &[
                "id",
                "name_hash",
                "enabled",
                "created_at_ms",
                "guest",
                "valid_from_ms",
                "valid_until_ms",
                "entries",
                "entries_from",
                "name",
            ][..],
        ),
        ("memberships", &["person", "name"]),
        (
            "templates",
            &[
                "id",
                "person",
                "model",
                "vector",
                "created_at_ms",
                "photo",
                "source",
            ],
        ),
    ] {
        let mut statement = raw
            .prepare("SELECT name FROM pragma_table_info(?1)")
            .unwrap();
        let columns: Vec<String> = statement
            .query_map([table], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(columns, known, "{table}");
    }
}

#[test]
fn the_passphrase_comes_from_a_terminal_that_does_not_show_it() {
    let from = site(&["Ada"]);
    let file = from.at("people.age");
    let path = file.to_str().unwrap();
    let ask = |answers: [&str; 2]| {
        let mut pty = Pty::start(from.command(&["people", "export", path]));
        pty.await_shown("Passphrase to seal");
        pty.type_line(answers[0]);
        pty.await_shown("again");
        pty.type_line(answers[1]);
        pty.end()
    };
    let (shown, status) = ask([PASSPHRASE, "correct horse batter"]);
    assert_eq!(status.code(), Some(3), "{shown}");
    assert!(shown.contains("not the same") && !file.exists(), "{shown}");
    let (shown, status) = ask([PASSPHRASE, PASSPHRASE]);
    assert_eq!(status.code(), Some(0), "{shown}");
    assert!(!shown.contains("horse"), "{shown}");
    let to = site(&[]);
    let mut pty = Pty::start(to.command(&["people", "import", path]));
    pty.await_shown("Passphrase: ");
    pty.type_line(PASSPHRASE);
    let (shown, status) = pty.end();
    assert_eq!(status.code(), Some(0), "{shown}");
    assert_eq!(stored(&to), stored(&from));
    // From standard input, and where nobody can be asked.
    let again = from.at("again.age");
    let words = [
        "people",
        "export",
        "--passphrase-file",
        "-",
        again.to_str().unwrap(),
    ];
    let mut child = from
        .command(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{PASSPHRASE}\r").unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(plain(&again).contains("Ada"));
    let mut nobody = from.command(&["people", "export", "other.age"]);
    // SAFETY: may be called between fork and exec.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(&mut nobody, || {
            libc::setsid();
            Ok(())
        });
    }
    let output = nobody.output().unwrap();
    assert_eq!(code(&output), 2, "{}", said(&output));
    assert!(
        said(&output).contains("--passphrase-file"),
        "{}",
        said(&output)
    );
}
