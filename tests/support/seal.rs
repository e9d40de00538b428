//! What lies sealed in a database, opened past doorward's own statements: by the key in its
//! file and the rows as they are.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use doorward::seal::{KeyId, Keys, NameKey, Place, Sources};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

/// The key of a database.
pub fn keys(database: &Path) -> Keys {
    let raw = Connection::open(database).unwrap();
    let id: Vec<u8> = raw
        .query_row("SELECT key_id FROM sealing", [], |row| row.get(0))
        .unwrap();
    let wanted = KeyId::from_bytes(&id).unwrap();
    Sources::with(None, database).find(wanted).unwrap().0
}

/// The database with functions as `src/database/sealing.rs` has them: `opened(what, sealed,
/// part, …)`, `seal(what, plain, part, …)` and `look_up(what, text)`, each of which gives a BLOB.
pub fn opened(database: &Path) -> Connection {
    let raw = Connection::open(database).unwrap();
    let function = |name: &str, work: fn(&Keys, &Context<'_>) -> Option<Vec<u8>>| {
        let keys = keys(database);
        let called = move |c: &mut Context<'_>| Ok(work(&keys, c));
        raw.create_scalar_function(name, -1, FunctionFlags::SQLITE_UTF8, called)
            .unwrap();
    };
    function("opened", |keys, c| {
        let sealed = c.get_raw(1).as_blob_or_null().unwrap()?;
        let plain = keys.open(&place(c), sealed).expect("it opens");
        Some(plain.to_vec())
    });
    function("seal", |keys, c| {
        let plain = c.get_raw(1).as_bytes_or_null().unwrap()?;
        Some(keys.seal(&place(c), plain).unwrap())
    });
    function("look_up", |keys, c| {
        let text = c.get_raw(1).as_bytes().unwrap();
        Some(keys.look_up(&place(c), text).to_vec())
    });
    raw
}

/// The column, and the parts behind the second argument.
fn place(c: &Context<'_>) -> Place {
    let place = Place::new(c.get_raw(0).as_str().unwrap());
    (2..c.len()).fold(place, |place, at| match c.get_raw(at) {
        ValueRef::Integer(number) => place.number(number),
        ValueRef::Text(text) => place.text(std::str::from_utf8(text).unwrap()),
        ValueRef::Blob(bytes) => place.blob(bytes),
        other => panic!("{other:?}"),
    })
}

/// The bodies of the record as they are stored, but with the names that they stand for.
pub fn named_bodies(database: &Path) -> Vec<String> {
    let raw = opened(database);
    let mut rows = raw
        .prepare(
            "SELECT person, opened('name_keys.key', key, person) FROM name_keys WHERE key NOT NULL",
        )
        .unwrap();
    let keys: Vec<(i64, NameKey)> = rows
        .query_map([], |row| {
            let key: Vec<u8> = row.get(1)?;
            Ok((row.get(0)?, NameKey::from_bytes(&key).unwrap()))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let name = |text: &str| {
        let mut names = keys
            .iter()
            .filter_map(|(person, key)| key.open(*person, text));
        names.next().expect("somebody's name")
    };
    let mut bodies = raw.prepare("SELECT body FROM records ORDER BY id").unwrap();
    let bodies = bodies.query_map([], |row| row.get::<_, String>(0)).unwrap();
    bodies
        .map(|body| {
            let mut body = body.unwrap();
            while let Some(at) = body.find("\"#sealed:") {
                let end = at + 1 + body[at + 1..].find('"').unwrap() + 1;
                let text: String = serde_json::from_str(&body[at..end]).unwrap();
                let name = serde_json::to_string(&name(&text)).unwrap();
                body.replace_range(at..end, &name);
            }
            body
        })
        .collect()
}
