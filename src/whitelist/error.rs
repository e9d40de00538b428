//! Why the whitelist cannot be read or changed.

use crate::database::DatabaseError;
use crate::shown::Quoted;

/// Why the whitelist could not be read or changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WhitelistError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A name that cannot be used.
    #[error("{} cannot be a name: {why}", Quoted(name))]
    Name {
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody is called that.
    #[error("nobody on the whitelist is called {}; `doorward people list` shows everybody", Quoted(.0))]
    Unknown(String),
    /// Somebody is called that already.
    #[error("{} is on the whitelist already; choose another name", Quoted(.0))]
    Taken(String),
    /// Nothing to enroll.
    #[error("there is no template to enroll {} with; give at least one photo", Quoted(.0))]
    NoTemplates(String),
    /// Templates that cannot be compared with each other.
    #[error(
        "the templates for \"{0}\" were made by several model versions; make all of them by one"
    )]
    SeveralModels(String),
    /// A stored template is not one.
    #[error(
        "template {template} of {name} in the database is damaged; put a backup in its place, or remove {name} and enroll again"
    )]
    DamagedTemplate {
        name: String,
        /// Its row.
        template: i64,
    },
}
