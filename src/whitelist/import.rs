//! People taken over from another whitelist: all of them, or none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::consent;
use super::error::WhitelistError;
use super::portable::{PortableError, PortablePerson, PortableTemplate, Reader};
use super::sealed_rows::{TemplateRow, VECTOR, add_person, add_template, set_name};
use super::standing::Standing;
use super::store::{Fail, check_name, fold, from_bytes, select, skeleton};
use crate::database::{Database, DatabaseError};
use crate::embedding::ModelVersion;
use crate::person::PersonId;
use crate::record::{Event, Origin, PersonRef, Stamp, append_within};
use crate::shown::{Quoted, is_unsafe};

const MAX_TEMPLATE_VALUES: usize = 4096;
const MAX_MODEL_CHARS: usize = 200;
const MAX_SOURCE_CHARS: usize = 4096;
const MAX_PHOTO_BYTES: usize = 16 << 20;
/// People who are told by name where there are many.
const MAX_TOLD: usize = 10;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What becomes of somebody whose name is on the whitelist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// Nobody is taken over.
    Refuse,
    /// The entry stays as it is.
    Skip,
    /// The entry keeps its number, PIN and cards, and else becomes that of the file.
    Replace,
}

/// How people of a file come in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub existing: Existing,
    /// Whether somebody without consent, in the file or here, is refused.
    pub require_consent: bool,
}

/// Why nobody was taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] PortableError),
    #[error(
        "{} on the whitelist already; --skip-existing leaves them as they are, --replace takes them from the file",
        are_told(.0)
    )]
    Exist(Vec<(PersonId, String)>),
    #[error("{} is in the file twice", Quoted(.0))]
    Twice(String),
    #[error("{} and {} of the file look alike; rename one of them where they come from", Quoted(.0), Quoted(.1))]
    Alike(String, String),
    #[error(transparent)]
    Whitelist(#[from] WhitelistError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Somebody who was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub id: PersonId,
    pub name: String,
    pub enabled: bool,
    pub templates: u64,
    /// How many templates the entry had that this one took the place of.
    pub replaced: Option<u64>,
}

/// What was taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    pub taken: Vec<Taken>,
    /// Who stayed as they were.
    pub skipped: Vec<(PersonId, String)>,
    /// Templates of each model version.
    pub templates: BTreeMap<String, u64>,
    /// What the file tells of people that this program does not know.
    pub unknown: BTreeSet<String>,
}

/// Takes over everybody of a text that [`super::export`] wrote; `file` is for the record.
///
/// # Errors
/// [`ImportError`]; the whitelist is as it was.
pub fn import(
    database: &mut Database,
    from: impl BufRead,
    how: Arrival,
    file: &str,
    origin: &Origin,
) -> Result<Imported, ImportError> {
    let mut reader = Reader::begin(from)?;
    database.transaction(|c, fail| {
        let mut names = Names::read(c, fail)?;
        let mut imported = Imported::default();
        let mut refused = Vec::new();
        let mut sizes = Sizes::default();
        while let Some(person) = reader.next()? {
            let (name, templates) = checked(&person, &reader)?;
            let asked = Asked::of(&person).map_err(|why| reader.damaged(why))?;
            for template in &templates {
                let size = template.vector.len();
                if sizes
                    .of(c, fail, template.model)?
                    .is_some_and(|n| n != size)
                {
                    let why = "a template has another size than those of its model version here";
                    return Err(reader.damaged(why).into());
                }
                sizes.known.insert(template.model.as_str().to_owned(), size);
            }
            let old = names.take(&name)?;
            match (&old, how.existing) {
                (Some(old), Existing::Refuse) => {
                    refused.push((old.id, old.name.clone()));
                    continue;
                }
                (Some(old), Existing::Skip) => {
                    imported.skipped.push((old.id, old.name.clone()));
                    continue;
                }
                // Whatever follows would be undone.
                _ if !refused.is_empty() => continue,
                _ => {}
            }
            let id = put(c, fail, &name, &person, old.as_ref().map(|old| old.id))?;
            for template in &templates {
                add_template(c, fail, id, &template.row())?;
                let of_model = template.model.as_str().to_owned();
                *imported.templates.entry(of_model).or_default() += 1;
            }
            let before = old.as_ref().map(|old| old.standing.clone());
            let consent = person.consent.as_ref();
            let taken = Taken {
                id,
                enabled: person.enabled,
                templates: templates.len() as u64,
                replaced: old.map(|old| old.templates),
                name,
            };
            let named = PersonRef::new(id, taken.name.clone());
            let event = Event::Imported {
                person: named.clone(),
                file: file.to_owned(),
                enabled: taken.enabled,
                templates: taken.templates,
                replaced: taken.replaced,
                actor: origin.actor.clone(),
            };
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
            asked.put(c, fail, &named, &before.unwrap_or_default(), origin)?;
            consent::bring(c, fail, &named, consent, how.require_consent, origin)?;
            imported.taken.push(taken);
        }
        if !refused.is_empty() {
            return Err(ImportError::Exist(refused));
        }
        imported.unknown = std::mem::take(&mut reader.unknown);
        Ok(imported)
    })
}

/// A template as it is stored.
struct Stored<'p> {
    model: &'p ModelVersion,
    vector: Vec<u8>,
    source: &'p str,
    made_at_ms: i64,
    photo: Option<Vec<u8>>,
}

impl Stored<'_> {
    fn row(&self) -> TemplateRow<'_> {
        TemplateRow {
            model: self.model.as_str(),
            vector: &self.vector,
            source: self.source,
            created_at_ms: self.made_at_ms,
            photo: self.photo.as_deref(),
        }
    }
}

/// Name and templates of somebody, if all of it may be stored.
fn checked<'p, R: BufRead>(
    person: &'p PortablePerson,
    reader: &Reader<R>,
) -> Result<(String, Vec<Stored<'p>>), ImportError> {
    let name = check_name(&person.name)?;
    let mut templates = Vec::new();
    for template in &person.templates {
        let stored = stored(template);
        templates.push(stored.map_err(|why| reader.damaged(why))?);
    }
    Ok((name, templates))
}

fn stored(template: &PortableTemplate) -> Result<Stored<'_>, &'static str> {
    let is_text = |text: &str, most: usize| {
        !text.is_empty() && text.chars().count() <= most && !text.contains(is_unsafe)
    };
    if !is_text(template.model.as_str(), MAX_MODEL_CHARS) {
        return Err("a template has no model version");
    }
    if template.source.chars().count() > MAX_SOURCE_CHARS {
        return Err("a template's source is no file's name");
    }
    let vector = template
        .vector()
        .filter(|bytes| bytes.len() <= MAX_TEMPLATE_VALUES * 4)
        .filter(|bytes| from_bytes(&template.model, bytes).is_some())
        .ok_or("a template is no vector of length 1")?;
    let is_picture = |bytes: &Vec<u8>| bytes.starts_with(PNG) && bytes.len() <= MAX_PHOTO_BYTES;
    let photo = template
        .photo()
        .filter(|photo| photo.as_ref().is_none_or(is_picture))
        .ok_or("a photo is no PNG")?;
    Ok(Stored {
        model: &template.model,
        vector,
        source: &template.source,
        made_at_ms: template.made_at.as_millisecond(),
        photo,
    })
}

/// Puts somebody on the whitelist, or in the place of an entry.
fn put(
    c: &Connection,
    fail: Fail<'_>,
    name: &str,
    person: &PortablePerson,
    old: Option<PersonId>,
) -> Result<PersonId, DatabaseError> {
    let at_ms = person.enrolled_at.as_millisecond();
    let id = match old {
        None => add_person(c, fail, name, at_ms)?,
        Some(id) => {
            c.execute("DELETE FROM templates WHERE person = ?1", [id.0])
                .map_err(fail)?;
            set_name(c, fail, id, name)?;
            id
        }
    };
    c.execute(
        "UPDATE people SET enabled = ?1, created_at_ms = ?2 WHERE id = ?3",
        params![person.enabled, at_ms, id.0],
    )
    .map_err(fail)?;
    Ok(id)
}

/// Who is called what, on the whitelist and in the file so far.
struct Names {
    /// By the name in lower case.
    listed: HashMap<String, Old>,
    /// By what the name looks like.
    shapes: HashMap<String, (PersonId, String)>,
    in_file: BTreeSet<String>,
}

/// Somebody who was there before.
#[derive(Debug, Clone)]
struct Old {
    id: PersonId,
    name: String,
    templates: u64,
    standing: Standing,
}

/// Somebody of the file has no number yet when another looks the same.
const NO_NUMBER: PersonId = PersonId(0);

impl Names {
    fn read(c: &Connection, fail: Fail<'_>) -> Result<Self, WhitelistError> {
        let people = select(c, fail, "1 = ?1", &1i64)?;
        let shape = |p: &super::Person| (skeleton(&p.name), (p.id, p.name.clone()));
        let old = |p: super::Person| {
            let old = Old {
                id: p.id,
                templates: p.templates as u64,
                standing: p.standing,
                name: p.name,
            };
            (fold(&old.name), old)
        };
        Ok(Self {
            shapes: people.iter().map(shape).collect(),
            listed: people.into_iter().map(old).collect(),
            in_file: BTreeSet::new(),
        })
    }

    /// Takes a name for somebody of the file; gives whose it is on the whitelist.
    fn take(&mut self, name: &str) -> Result<Option<Old>, ImportError> {
        let folded = fold(name);
        let old = self.listed.get(&folded).cloned();
        if !self.in_file.insert(folded.clone()) {
            return Err(ImportError::Twice(name.to_owned()));
        }
        let seen = (old.as_ref().map_or(NO_NUMBER, |o| o.id), name.to_owned());
        let other = self.shapes.insert(skeleton(name), seen);
        match other.filter(|(_, other)| fold(other) != folded) {
            Some((NO_NUMBER, other)) => Err(ImportError::Alike(name.to_owned(), other)),
            Some((id, other)) => Err(WhitelistError::LooksLike {
                name: name.to_owned(),
                other,
                id,
            }
            .into()),
            None => Ok(old),
        }
    }
}

/// In bytes, the templates of each model version; others could not be compared with them.
#[derive(Default)]
pub(super) struct Sizes {
    known: HashMap<String, usize>,
}

impl Sizes {
    pub(super) fn of(
        &self,
        c: &Connection,
        fail: Fail<'_>,
        model: &ModelVersion,
    ) -> Result<Option<usize>, DatabaseError> {
        if let Some(known) = self.known.get(model.as_str()) {
            return Ok(Some(*known));
        }
        let stored: Option<i64> = c
            .query_row(
                &format!("SELECT length({VECTOR}) FROM templates WHERE model = ?1 LIMIT 1"),
                [model.as_str()],
                |row| row.get(0),
            )
            .optional()
            .map_err(fail)?;
        Ok(stored.and_then(|length| usize::try_from(length).ok()))
    }
}

/// `Ada (#3) and Zoe (#4) are`
fn are_told(people: &[(PersonId, String)]) -> String {
    let told: Vec<String> = people
        .iter()
        .take(MAX_TOLD)
        .map(|(id, name)| format!("{} ({id})", Quoted(name)))
        .collect();
    let more = people.len() - told.len();
    match (&told[..], more) {
        ([one], 0) => format!("{one} is"),
        (some, 0) => format!("{} are", some.join(", ")),
        (some, more) => format!("{} and {more} more are", some.join(", ")),
    }
}
