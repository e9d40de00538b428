//! The whitelist as it is at one moment: who is listed, and whose faces are whose.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::directory::{Directory, Listed};
use super::error::WhitelistError;
use super::matcher::{Matcher, NotComparable, Templates};
use super::sealed_rows::NAME;
use super::standing;
use super::store::{self, Fail};
use crate::database::{Database, DatabaseError};
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;
use crate::risk::ThresholdRequest;
use crate::scoring::Scoring;

/// What was read together and holds together.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Who is listed, and who of them may pass.
    pub directory: Directory,
    /// Whose face it is.
    pub matcher: Matcher,
}

impl Snapshot {
    /// Everybody on the whitelist, and the templates of `model`.
    ///
    /// # Errors
    /// [`WhitelistError::DamagedTemplate`] for a row that is no template: a matcher that
    /// silently lacks somebody is not the whitelist.
    pub fn load(
        database: &Database,
        model: &ModelVersion,
        scoring: &Arc<Scoring>,
        asked: ThresholdRequest,
    ) -> Result<Self, WhitelistError> {
        let (directory, templates) = store::load(database, model)?;
        Ok(Self {
            directory,
            matcher: Matcher::new(&templates, Arc::clone(scoring), asked),
        })
    }

    /// A whitelist with nobody on it.
    pub fn empty(model: &ModelVersion, scoring: &Arc<Scoring>, asked: ThresholdRequest) -> Self {
        Self {
            directory: Directory::default(),
            matcher: Matcher::new(&Templates::none(model), Arc::clone(scoring), asked),
        }
    }

    /// One of people with one template each, numbered from 1, all enabled, without a
    /// database: for measurements.
    ///
    /// # Errors
    /// [`NotComparable`] if a template is not of `model`, or not of the size of the others.
    pub fn of(
        model: &ModelVersion,
        scoring: &Arc<Scoring>,
        asked: ThresholdRequest,
        people: impl IntoIterator<Item = (String, Embedding)>,
    ) -> Result<Self, NotComparable> {
        let mut templates = Templates::none(model);
        let mut listed = Vec::new();
        for (number, (name, template)) in (1..).zip(people) {
            let id = PersonId(number);
            templates.add(id, template)?;
            listed.push(Listed::new(id, name, true));
        }
        Ok(Self {
            directory: Directory::new(listed),
            matcher: Matcher::new(&templates, Arc::clone(scoring), asked),
        })
    }
}

/// These people as the directory has them, without those who are not listed; in somebody
/// else's transaction.
pub(crate) fn directory_of(
    connection: &Connection,
    fail: Fail<'_>,
    people: impl IntoIterator<Item = PersonId>,
) -> Result<Directory, DatabaseError> {
    let mut all = Vec::new();
    for person in people {
        let listed = connection
            .query_row(
                &format!("SELECT {NAME}, p.enabled FROM people p WHERE p.id = ?1"),
                [person.0],
                |row| Ok(Listed::new(person, row.get::<_, String>(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(fail)?;
        let Some(listed) = listed else { continue };
        let standing = standing::read(connection, fail, Some(person))?.remove(&person);
        all.push(Listed {
            standing: standing.unwrap_or_default(),
            ..listed
        });
    }
    Ok(Directory::new(all))
}

/// A person's embeddings by one model version.
///
/// # Errors
/// As [`Snapshot::load`].
pub fn embeddings_of(
    database: &Database,
    model: &ModelVersion,
    person: PersonId,
) -> Result<Vec<Embedding>, WhitelistError> {
    Ok(store::load(database, model)?.1.of(person).to_vec())
}

/// The embeddings by one model version of each of these people, in their order.
///
/// # Errors
/// As [`Snapshot::load`].
pub(crate) fn embeddings_of_each(
    database: &Database,
    model: &ModelVersion,
    people: impl Iterator<Item = PersonId>,
) -> Result<Vec<Vec<Embedding>>, WhitelistError> {
    let templates = store::load(database, model)?.1;
    Ok(people.map(|person| templates.of(person).to_vec()).collect())
}
