//! The whitelist in the database. Every change is an administrator's act and is on
//! record in the same transaction: there is no change without an event, and no
//! event without its change.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::consent;
use super::directory::{Directory, Listed};
use super::error::WhitelistError;
use super::matcher::Templates;
use super::rights;
use super::sealed_rows::{HAS_NAME, NAME, TemplateRow, VECTOR, add_person, add_template, set_name};
use super::standing::{self, Standing};
use super::terms::Terms;
use crate::database::{Database, DatabaseError};
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;
use crate::record::{Consent, Event, Origin, PersonRef, Stamp, TemplateSource, append_within};
use crate::shown;

const MAX_NAME_CHARS: usize = 100;

pub(super) type Fail<'f> = &'f dyn Fn(rusqlite::Error) -> DatabaseError;

/// Somebody on the whitelist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Number, never given to anybody else.
    pub id: PersonId,
    /// Name, unique in any case of letters.
    pub name: String,
    /// Whether the person is let in.
    pub enabled: bool,
    /// When the person was enrolled, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// How many templates there are, of all model versions.
    pub templates: usize,
    /// How many of them have the photo that they were made from.
    #[serde(default)]
    pub photos: usize,
    /// What access rules ask of the person.
    pub standing: Standing,
    /// Nothing if none is noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// A template to be kept.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    pub embedding: Embedding,
    /// The photo it was made from, or `camera`.
    pub source: String,
    /// The picture itself, as PNG, if it is to be kept.
    pub photo: Option<Vec<u8>>,
}

/// A name as it is kept: composed (NFC), without blanks around it.
///
/// # Errors
/// [`WhitelistError::Name`] if it is empty, longer than 100 characters, starts
/// with `#` as numbers do, or has a control or invisible character in it.
pub fn check_name(name: &str) -> Result<String, WhitelistError> {
    // One name, however its accents are typed.
    let composed: String = name.trim().nfc().collect();
    let trimmed = composed.as_str();
    let why = if trimmed.is_empty() {
        "it is empty"
    } else if trimmed.chars().count() > MAX_NAME_CHARS {
        "it has more than 100 characters"
    } else if trimmed.contains(shown::is_unsafe) {
        "it has a character in it that cannot be seen"
    } else if trimmed.starts_with('#') {
        "# is how numbers of people start"
    } else {
        return Ok(trimmed.to_owned());
    };
    Err(WhitelistError::Name {
        name: name.to_owned(),
        why,
    })
}

/// Adds templates to a person, who is put on the whitelist if nobody has that name yet.
///
/// # Errors
/// [`WhitelistError`]; nobody was enrolled.
pub fn enroll(
    database: &mut Database,
    name: &str,
    templates: &[NewTemplate],
    origin: &Origin,
) -> Result<PersonId, WhitelistError> {
    enroll_on(database, name, templates, &Terms::default(), origin)
}

/// The same on these terms.
///
/// # Errors
/// [`WhitelistError`]; nobody was enrolled.
pub fn enroll_on(
    database: &mut Database,
    name: &str,
    templates: &[NewTemplate],
    terms: &Terms,
    origin: &Origin,
) -> Result<PersonId, WhitelistError> {
    let name = check_name(name)?;
    let model = match templates {
        [] => return Err(WhitelistError::NoTemplates(name)),
        [first, ..] => first.embedding.model(),
    };
    if templates.iter().any(|t| t.embedding.model() != model) {
        return Err(WhitelistError::SeveralModels(name));
    }
    let stamp = Stamp::now();
    database.transaction(|c, fail| {
        let known = by_name(c, fail, &name)?;
        let (id, name) = match known {
            Some(person) => (person.id, person.name),
            None => {
                refuse_look_alike(c, fail, &name, None)?;
                (add_person(c, fail, &name, stamp.at_ms)?, name)
            }
        };
        for template in templates {
            insert(c, fail, id, template, stamp.at_ms)?;
        }
        let person = PersonRef::new(id, name);
        let event = Event::Enrolled {
            person: person.clone(),
            model: model.clone(),
            templates: templates.len() as u64,
            source: TemplateSource::Pictures,
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &stamp, &origin.door, &event)?;
        if let Some(until_ms) = terms.guest_until_ms {
            rights::make_guest(c, fail, id, until_ms, origin)?;
        }
        let consent = terms.consent.as_ref();
        consent::bring(c, fail, &person, consent, terms.require_consent, origin)?;
        Ok(id)
    })
}

pub(super) fn insert(
    c: &Connection,
    fail: Fail<'_>,
    person: PersonId,
    template: &NewTemplate,
    now: i64,
) -> Result<(), DatabaseError> {
    let row = TemplateRow {
        model: template.embedding.model().as_str(),
        vector: &Zeroizing::new(to_bytes(&template.embedding)),
        source: &template.source,
        created_at_ms: now,
        photo: template.photo.as_deref(),
    };
    add_template(c, fail, person, &row)
}

/// Everybody, by number.
///
/// # Errors
/// [`WhitelistError::Database`]
pub fn people(database: &Database) -> Result<Vec<Person>, WhitelistError> {
    database.read(|c, fail| select(c, fail, "1 = ?1", &1i64))
}

/// Somebody by name in any case of letters; nothing if nobody has it.
///
/// # Errors
/// [`WhitelistError::Database`]
pub fn find_by_name(database: &Database, name: &str) -> Result<Option<Person>, WhitelistError> {
    database.read(|c, fail| by_name(c, fail, name))
}

/// Gives somebody another name.
///
/// # Errors
/// [`WhitelistError`]; the name is as it was.
pub fn rename(
    database: &mut Database,
    id: PersonId,
    name: &str,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let name = check_name(name)?;
    database.transaction(|c, fail| {
        let person = by_id(c, fail, id)?;
        if by_name(c, fail, &name)?.is_some_and(|other| other.id != id) {
            return Err(WhitelistError::Taken(name));
        }
        refuse_look_alike(c, fail, &name, Some(id))?;
        set_name(c, fail, id, &name)?;
        let event = Event::Renamed {
            person: PersonRef::new(id, name),
            before: person.name,
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        Ok(())
    })
}

/// Lets people in from now on, or not: all of them or none.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn set_enabled(
    database: &mut Database,
    people: &[PersonId],
    enabled: bool,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| {
        for id in people {
            let person = PersonRef::new(*id, by_id(c, fail, *id)?.name);
            c.execute(
                "UPDATE people SET enabled = ?2 WHERE id = ?1",
                params![id.0, enabled],
            )
            .map_err(fail)?;
            let actor = origin.actor.clone();
            let event = if enabled {
                Event::Enabled { person, actor }
            } else {
                Event::Disabled { person, actor }
            };
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        }
        Ok(())
    })
}

/// Forgets people and all their templates: all of them or none. Events keep the names.
///
/// # Errors
/// [`WhitelistError`]; nothing was removed.
pub fn remove(
    database: &mut Database,
    people: &[PersonId],
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| {
        for id in people {
            let person = by_id(c, fail, *id)?;
            c.execute("DELETE FROM people WHERE id = ?1", [id.0])
                .map_err(fail)?;
            let event = Event::Removed {
                person: PersonRef::new(*id, person.name),
                templates: person.templates as u64,
                actor: origin.actor.clone(),
            };
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        }
        Ok(())
    })
}

/// Counts the changes there ever were: if it is the same, the whitelist is.
///
/// # Errors
/// [`WhitelistError::Database`]
pub fn revision(database: &Database) -> Result<u64, WhitelistError> {
    database.read(|c, fail| Ok(revision_within(c, fail)?))
}

pub(super) fn revision_within(c: &Connection, fail: Fail<'_>) -> Result<u64, DatabaseError> {
    c.query_row(
        "SELECT value FROM meta WHERE key = 'whitelist_revision'",
        [],
        |row| row.get::<_, i64>(0),
    )
    .map(i64::cast_unsigned)
    .map_err(fail)
}

/// Everybody, and the templates that embeddings of `model` can be compared with.
///
/// # Errors
/// [`WhitelistError::DamagedTemplate`] for a row that is no template.
pub(super) fn load(
    database: &Database,
    model: &ModelVersion,
) -> Result<(Directory, Templates), WhitelistError> {
    database.read(|c, fail| {
        let people = select(c, fail, "1 = ?1", &1i64)?;
        let all: usize = people.iter().map(|p| p.templates).sum();
        let mut statement = c
            .prepare(&format!(
                "SELECT id, person, {VECTOR} FROM templates WHERE model = ?1 ORDER BY person, id"
            ))
            .map_err(fail)?;
        let rows: Vec<(i64, i64, Vec<u8>)> = statement
            .query_map([model.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .and_then(Iterator::collect)
            .map_err(fail)?;
        let directory = Directory::new(people.into_iter().map(|p| Listed {
            id: p.id,
            name: p.name,
            enabled: p.enabled,
            standing: p.standing,
        }));
        let mut templates = Templates::none(model);
        templates.leave_out(all.saturating_sub(rows.len()));
        for (template, person, bytes) in rows {
            let person = PersonId(person);
            let added = from_bytes(model, &bytes)
                .filter(|_| directory.get(person).is_some())
                .is_some_and(|embedding| templates.add(person, embedding).is_ok());
            if !added {
                return Err(WhitelistError::DamagedTemplate {
                    name: match directory.get(person) {
                        Some(listed) => listed.name.clone(),
                        None => format!("person {person}"),
                    },
                    template,
                });
            }
        }
        Ok((directory, templates))
    })
}

pub(super) fn select(
    c: &Connection,
    fail: Fail<'_>,
    term: &str,
    value: &dyn rusqlite::ToSql,
) -> Result<Vec<Person>, WhitelistError> {
    let mut statement = c
        .prepare(&format!(
            "SELECT p.id, {NAME}, p.enabled, p.created_at_ms, (SELECT count(*) FROM templates t WHERE t.person = p.id),
             (SELECT count(t.photo) FROM templates t WHERE t.person = p.id)
             FROM people p WHERE {term} ORDER BY p.id"
        ))
        .map_err(fail)?;
    let mut people: Vec<Person> = statement
        .query_map([value], |row| {
            Ok(Person {
                standing: Standing::default(),
                consent: None,
                id: PersonId(row.get(0)?),
                name: row.get(1)?,
                enabled: row.get(2)?,
                created_at_ms: row.get(3)?,
                templates: row.get::<_, u32>(4)? as usize,
                photos: row.get::<_, u32>(5)? as usize,
            })
        })
        .and_then(Iterator::collect)
        .map_err(fail)?;
    let only = match &people[..] {
        [] => return Ok(people),
        [one] => Some(one.id),
        _ => None,
    };
    let mut standings = standing::read(c, fail, only)?;
    let mut consents = consent::read(c, fail, only)?;
    for person in &mut people {
        person.standing = standings.remove(&person.id).unwrap_or_default();
        person.consent = consents.remove(&person.id);
    }
    Ok(people)
}

pub(super) fn by_name(
    c: &Connection,
    fail: Fail<'_>,
    name: &str,
) -> Result<Option<Person>, WhitelistError> {
    Ok(select(c, fail, HAS_NAME, &fold(name))?.pop())
}

pub(super) fn by_id(
    c: &Connection,
    fail: Fail<'_>,
    id: PersonId,
) -> Result<Person, WhitelistError> {
    select(c, fail, "p.id = ?1", &id.0)?
        .pop()
        .ok_or_else(|| WhitelistError::Unknown {
            word: id.to_string(),
            like: Vec::new(),
        })
}

/// Two people whose names look the same, as with letters of another script, cannot be told
/// apart in a list or in the record.
pub(super) fn refuse_look_alike(
    c: &Connection,
    fail: Fail<'_>,
    name: &str,
    of: Option<PersonId>,
) -> Result<(), WhitelistError> {
    let shape = skeleton(name);
    let others = select(c, fail, "1 = ?1", &1i64)?;
    let same = |other: &Person| Some(other.id) != of && skeleton(&other.name) == shape;
    match others.into_iter().find(same) {
        Some(other) => Err(WhitelistError::LooksLike {
            name: name.to_owned(),
            other: other.name,
            id: other.id,
        }),
        None => Ok(()),
    }
}

/// What a name looks like, in any case of letters (UTS #39, section 4).
pub(super) fn skeleton(name: &str) -> String {
    unicode_security::skeleton(&fold(name)).collect()
}

/// Unicode's lower case, which SQLite's own comparison does not know.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn to_bytes(embedding: &Embedding) -> Vec<u8> {
    let values = embedding.as_slice().iter();
    values.flat_map(|v| v.to_le_bytes()).collect()
}

/// `None` unless it is what [`to_bytes`] made: whole numbers of f32, of length 1.
pub(super) fn from_bytes(model: &ModelVersion, bytes: &[u8]) -> Option<Embedding> {
    let (values, rest) = bytes.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let norm: f64 = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let whole = rest.is_empty() && (norm - 1.0).abs() < 1e-3;
    whole.then(|| Embedding::new(model, values).ok()).flatten()
}
