//! Templates for another network, from the photos that were kept.

use image::ImageFormat;

use super::photo::{self, PhotoError};
use crate::database::Database;
use crate::person::PersonId;
use crate::verbs::{Migration, Remade, Reply, Verb, VerbError};
use crate::vision::{Vision, VisionError};
use crate::whitelist::{self, KeptPhoto, WhitelistError};

/// What became of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    pub person: PersonId,
    /// The person's name.
    pub name: String,
    /// Templates that were made.
    pub made: usize,
    /// Kept photos that gave none.
    pub failed: usize,
    /// Whether anything matches the person now.
    pub ready: bool,
}

/// Why not everybody was looked at. Who was looked at before has the new templates.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A kept photo is none.
    #[error(
        "{name}, {photo}: the kept photo in the database is damaged ({reason}); `sudo doorward restore FILE` takes the people of a backup, or remove {name} and enroll again"
    )]
    Damaged {
        name: String,
        /// The file it came from, or `camera`.
        photo: String,
        /// What is wrong with it.
        reason: image::ImageError,
    },
    /// A network failed.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The whitelist cannot be read.
    #[error(transparent)]
    Whitelist(#[from] WhitelistError),
    /// The whitelist was not changed.
    #[error(transparent)]
    Verb(#[from] VerbError),
}

/// Makes templates for `vision` of every kept photo whose template is another network's,
/// person by person, each whole or not at all; `does` does what changes the database.
///
/// # Errors
/// [`MigrateError`]
pub fn migrate(
    database: &Database,
    vision: &mut Vision,
    mut does: impl FnMut(Verb) -> Result<Reply, VerbError>,
) -> Result<Vec<Migrated>, MigrateError> {
    let model = vision.version().clone();
    let mut kept = whitelist::kept_photos(database, &model)?;
    let mut outcomes = Vec::new();
    for person in whitelist::people(database)? {
        let (own, rest): (Vec<KeptPhoto>, _) =
            kept.into_iter().partition(|k| k.person == person.id);
        kept = rest;
        let all = own.len();
        let mut made = Vec::new();
        for photo in own {
            let image = image::load_from_memory_with_format(&photo.photo, ImageFormat::Png);
            let image = image.map_err(|reason| MigrateError::Damaged {
                name: person.name.clone(),
                photo: photo.source.clone(),
                reason,
            })?;
            match photo::examine(&image.to_rgb8(), vision) {
                Ok(examined) => made.push(Remade {
                    template: photo.template(),
                    values: examined.embedding.as_slice().into(),
                }),
                Err(PhotoError::Vision(error @ VisionError::Inference { .. })) => {
                    return Err(error.into());
                }
                Err(_) => {}
            }
        }
        let count = made.len();
        if count > 0 {
            does(Verb::Migrate(Migration {
                person: person.id,
                model: model.clone(),
                made,
            }))?;
        }
        let templates = whitelist::templates_of(database, person.id)?;
        outcomes.push(Migrated {
            person: person.id,
            ready: templates.iter().any(|t| t.model == model),
            failed: all - count,
            made: count,
            name: person.name,
        });
    }
    Ok(outcomes)
}
