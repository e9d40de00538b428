//! Pictures that templates were made from, where an administrator has them kept: a new
//! network can then make new templates of them.

use super::error::WhitelistError;
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
            .prepare(
                "SELECT id, person, source, photo FROM templates \
                 WHERE model <> ?1 AND photo IS NOT NULL ORDER BY person, id",
            )
            .map_err(fail)?;
        let photos = statement
            .query_map([model.as_str()], |row| {
                Ok(KeptPhoto {
                    template: row.get(0)?,
                    person: PersonId(row.get(1)?),
                    source: row.get(2)?,
                    photo: row.get(3)?,
                })
            })
            .and_then(Iterator::collect)
            .map_err(fail)?;
        Ok(photos)
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
