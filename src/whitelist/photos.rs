//! Pictures that templates were made from, where an administrator has them kept: a new
//! network can then make new templates of them.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::WhitelistError;
use super::sealed_rows::{PHOTO, SOURCE};
use super::store::{NewTemplate, by_id, insert};
use crate::database::Database;
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;
use crate::record::{Event, Origin, PersonRef, Stamp, TemplateSource, append_within};

/// A kept picture whose template is of another model version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPhoto {
    /// The template that was made from it.
    template: i64,
    pub person: PersonId,
    /// The file it came from, or `camera`.
    pub source: String,
    /// As PNG.
    pub photo: Vec<u8>,
}

impl KeptPhoto {
    /// The row of the template that was made from it.
    pub(crate) fn template(&self) -> i64 {
        self.template
    }
}

/// The kept pictures of templates that `model` did not make.
///
/// # Errors
/// [`WhitelistError::Database`]
pub fn kept_photos(
    database: &Database,
    model: &ModelVersion,
) -> Result<Vec<KeptPhoto>, WhitelistError> {
    database.read(|c, fail| {
        let mut statement = c
            .prepare(&format!(
                "SELECT id, person, {SOURCE}, {PHOTO} FROM templates \
                 WHERE model <> ?1 AND photo IS NOT NULL ORDER BY person, id"
            ))
            .map_err(fail)?;
        let photos = statement
            .query_map([model.as_str()], kept)
            .and_then(Iterator::collect)
            .map_err(fail)?;
        Ok(photos)
    })
}

/// The same of one person.
///
/// # Errors
/// [`WhitelistError::Database`]
pub(crate) fn kept_photos_of(
    database: &Database,
    model: &ModelVersion,
    person: PersonId,
) -> Result<Vec<KeptPhoto>, WhitelistError> {
    database.read(|c, fail| {
        let sql = format!(
            "SELECT id, person, {SOURCE}, {PHOTO} FROM templates \
             WHERE model <> ?1 AND photo IS NOT NULL AND person = ?2 ORDER BY id"
        );
        let mut statement = c.prepare(&sql).map_err(fail)?;
        let photos = statement
            .query_map(params![model.as_str(), person.0], kept)
            .and_then(Iterator::collect)
            .map_err(fail)?;
        Ok(photos)
    })
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptPhoto> {
    Ok(KeptPhoto {
        template: row.get(0)?,
        person: PersonId(row.get(1)?),
        source: row.get(2)?,
        photo: row.get(3)?,
    })
}

/// The picture of a person that was kept last, as PNG; nothing if none is.
///
/// # Errors
/// [`WhitelistError::Database`]
pub(crate) fn newest_photo_of(
    database: &Database,
    person: PersonId,
) -> Result<Option<Vec<u8>>, WhitelistError> {
    database.read(|c, fail| {
        let sql = format!(
            "SELECT {PHOTO} FROM templates \
             WHERE photo IS NOT NULL AND person = ?1 ORDER BY id DESC LIMIT 1"
        );
        let photo = c.query_row(&sql, [person.0], |row| row.get(0)).optional();
        Ok(photo.map_err(fail)?)
    })
}

/// Puts new templates of a person's kept pictures beside the old ones, and the pictures
/// with the new ones.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn migrate(
    database: &mut Database,
    person: PersonId,
    made: &[(KeptPhoto, Embedding)],
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let Some((_, first)) = made.first() else {
        return Ok(());
    };
    let model = first.model();
    let stamp = Stamp::now();
    database.transaction(|c, fail| {
        let found = by_id(c, fail, person)?;
        for (kept, embedding) in made {
            let template = NewTemplate {
                embedding: embedding.clone(),
                source: kept.source.clone(),
                photo: Some(kept.photo.clone()),
            };
            insert(c, fail, person, &template, stamp.at_ms)?;
            c.execute(
                "UPDATE templates SET photo = NULL WHERE id = ?1 AND person = ?2",
                [kept.template, person.0],
            )
            .map_err(fail)?;
        }
        let event = Event::Enrolled {
            person: PersonRef::new(person, found.name),
            model: model.clone(),
            templates: made.len() as u64,
            source: TemplateSource::KeptPhotos,
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &stamp, &origin.door, &event)?;
        Ok(())
    })
}

/// How many pictures are kept, of all model versions.
///
/// # Errors
/// [`WhitelistError::Database`]
pub fn count_photos(database: &Database) -> Result<u64, WhitelistError> {
    database.read(|c, fail| Ok(count(c).map_err(fail)?))
}

/// Forgets all kept pictures; the templates stay. Gives how many there were.
///
/// # Errors
/// [`WhitelistError`]; nothing was forgotten.
pub fn forget_photos(database: &mut Database, origin: &Origin) -> Result<u64, WhitelistError> {
    database.transaction(|c, fail| {
        let photos = count(c).map_err(fail)?;
        if photos > 0 {
            c.execute(
                "UPDATE templates SET photo = NULL WHERE photo IS NOT NULL",
                [],
            )
            .map_err(fail)?;
            let event = Event::PhotosForgotten {
                photos,
                actor: origin.actor.clone(),
            };
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        }
        Ok(photos)
    })
}

fn count(c: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM templates WHERE photo IS NOT NULL";
    c.query_row(sql, [], |row| row.get::<_, u32>(0).map(u64::from))
}
