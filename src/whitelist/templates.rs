//! What is kept of a person's pictures, and forgetting one of them.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::error::WhitelistError;
use super::sealed_rows::SOURCE;
use super::store::{Fail, Person, by_id};
use crate::database::Database;
use crate::embedding::ModelVersion;
use crate::person::PersonId;
use crate::record::{Event, Origin, PersonRef, Stamp, append_within};

/// What is kept of one picture of a person. The vector stays in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub model: ModelVersion,
    /// The photo it was made from, or `camera`.
    pub source: String,
    /// When, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// Forgets one template of a person, the `number`th from 1 on in the order of
/// [`templates_of`]; gives what it was.
///
/// # Errors
/// [`WhitelistError::LastTemplate`], [`WhitelistError::NoSuchTemplate`] and others; nothing
/// was forgotten.
pub fn forget_template(
    database: &mut Database,
    id: PersonId,
    number: usize,
    origin: &Origin,
) -> Result<Template, WhitelistError> {
    database.transaction(|c, fail| {
        let Person { name, .. } = by_id(c, fail, id)?;
        let mut templates = templates_within(c, fail, id)?;
        let count = templates.len();
        let place = number.checked_sub(1).filter(|place| *place < count);
        let Some(place) = place else {
            return Err(WhitelistError::NoSuchTemplate {
                name,
                templates: count,
                asked: number,
            });
        };
        if count == 1 {
            return Err(WhitelistError::LastTemplate { name });
        }
        let (row, template) = templates.swap_remove(place);
        c.execute("DELETE FROM templates WHERE id = ?1", [row])
            .map_err(fail)?;
        let event = Event::TemplateForgotten {
            person: PersonRef::new(id, name),
            model: template.model.clone(),
            source: template.source.clone(),
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        Ok(template)
    })
}

/// A person's templates, oldest first.
///
/// # Errors
/// [`WhitelistError::Database`]
pub fn templates_of(database: &Database, id: PersonId) -> Result<Vec<Template>, WhitelistError> {
    let templates = database.read(|c, fail| templates_within(c, fail, id))?;
    Ok(templates
        .into_iter()
        .map(|(_, template)| template)
        .collect())
}

/// With their rows.
fn templates_within(
    c: &Connection,
    fail: Fail<'_>,
    id: PersonId,
) -> Result<Vec<(i64, Template)>, WhitelistError> {
    let mut statement = c
        .prepare(&format!(
            "SELECT id, model, {SOURCE}, created_at_ms FROM templates WHERE person = ?1 ORDER BY id"
        ))
        .map_err(fail)?;
    let templates = statement
        .query_map([id.0], |row| {
            let template = Template {
                model: ModelVersion::new(row.get::<_, String>(1)?),
                source: row.get(2)?,
                created_at_ms: row.get(3)?,
            };
            Ok((row.get(0)?, template))
        })
        .and_then(Iterator::collect)
        .map_err(fail)?;
    Ok(templates)
}
