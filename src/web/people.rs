//! People, as the socket tells of them, and what is asked about them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::door::{self, Door, Failure};
use super::happening::{Happening, shown};

/// Somebody on the whitelist.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Person {
    pub id: i64,
    pub name: String,
    pub enabled: bool,
    pub created_at_ms: i64,
    pub templates: usize,
    /// How many photos are kept.
    #[serde(default)]
    pub photos: usize,
    #[serde(default)]
    pub standing: Standing,
    #[serde(default)]
    pub last_granted_ms: Option<i64>,
    #[serde(default)]
    pub consent: Option<Consent>,
}

/// That the person agreed to be recognised.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Consent {
    /// `2026-09-01`
    pub day: String,
    #[serde(default)]
    pub purpose: Option<String>,
}

/// What access rules ask of a person.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Standing {
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub is_guest: bool,
    #[serde(default)]
    pub valid_from_ms: Option<i64>,
    #[serde(default)]
    pub valid_until_ms: Option<i64>,
}

impl Person {
    /// As a person is named over the socket.
    pub(super) fn word(&self) -> String {
        word(self.id)
    }

    /// Whether the time this person may pass is over.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        self.standing
            .valid_until_ms
            .is_some_and(|until| until <= now_ms)
    }
}

/// `#3`
pub(super) fn word(id: i64) -> String {
    format!("#{id}")
}

/// The picture of somebody that was kept last, as PNG; nothing if none is.
///
/// # Errors
/// [`Failure`]
pub(super) async fn face(
    door: &dyn Door,
    account: &str,
    id: i64,
) -> Result<Option<Vec<u8>>, Failure> {
    let verb = json!({ "verb": "face", "person": word(id) });
    let face: Face = door::people(door, Some(account), verb).await?;
    Ok(face.png.and_then(|png| STANDARD.decode(png).ok()))
}

/// The face that was kept of an event, as JPEG; nothing if none was.
///
/// # Errors
/// [`Failure`]
pub(super) async fn picture(
    door: &dyn Door,
    account: &str,
    event: u64,
) -> Result<Option<Vec<u8>>, Failure> {
    let verb = json!({ "verb": "picture", "event": event });
    let picture: Picture = door::people(door, Some(account), verb).await?;
    Ok(picture.jpeg.and_then(|jpeg| STANDARD.decode(jpeg).ok()))
}

#[derive(Deserialize)]
struct Picture {
    #[serde(default)]
    jpeg: Option<String>,
}

#[derive(Deserialize)]
struct Face {
    #[serde(default)]
    png: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    people: Vec<Person>,
}

#[derive(Deserialize)]
struct One {
    person: Person,
}

#[derive(Deserialize)]
struct Records {
    records: Vec<Value>,
}

/// Everybody, by name.
///
/// # Errors
/// [`Failure`]
pub(super) async fn all(door: &dyn Door, account: &str) -> Result<Vec<Person>, Failure> {
    let verb = json!({ "verb": "people" });
    let mut listed: Listed = door::people(door, Some(account), verb).await?;
    listed.people.iter_mut().for_each(make_safe);
    listed
        .people
        .sort_by_key(|person| person.name.to_lowercase());
    Ok(listed.people)
}

fn make_safe(person: &mut Person) {
    person.name = shown(&person.name);
    if let Some(consent) = &mut person.consent {
        consent.day = shown(&consent.day);
        consent.purpose = consent.purpose.as_deref().map(shown);
    }
    for group in &mut person.standing.groups {
        *group = shown(group);
    }
}

/// One person.
///
/// # Errors
/// [`Failure`]
pub(super) async fn one(door: &dyn Door, account: &str, id: i64) -> Result<Person, Failure> {
    let verb = json!({ "verb": "person", "person": word(id) });
    let mut one: One = door::people(door, Some(account), verb).await?;
    make_safe(&mut one.person);
    Ok(one.person)
}

/// Which records are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
    pub after_id: Option<u64>,
    pub person: Option<i64>,
}

/// Records that one answer of the socket has.
const PAGE_RECORDS: usize = 1000;

/// What happened, oldest first, at most so many; and whether there is more.
///
/// # Errors
/// [`Failure`]
pub(super) async fn happened(
    door: &dyn Door,
    account: &str,
    mut asked: Asked,
    most: usize,
) -> Result<(Vec<Happening>, bool), Failure> {
    let mut all = Vec::new();
    asked.after_id = asked.after_id.or(Some(0));
    loop {
        let verb = json!({
            "verb": "events",
            "since_ms": asked.since_ms,
            "until_ms": asked.until_ms,
            "after_id": asked.after_id,
            "person": asked.person.map(word),
            "limit": PAGE_RECORDS,
        });
        let page: Records = door::people(door, Some(account), verb).await?;
        let is_last = page.records.len() < PAGE_RECORDS;
        let before = asked.after_id;
        for record in &page.records {
            if let Some(id) = record.get("id").and_then(Value::as_u64) {
                asked.after_id = asked.after_id.max(Some(id));
            }
            all.extend(Happening::read(record));
        }
        if all.len() >= most {
            let is_more = !is_last || all.len() > most;
            all.truncate(most);
            return Ok((all, is_more));
        }
        if is_last || asked.after_id == before {
            return Ok((all, false));
        }
    }
}
