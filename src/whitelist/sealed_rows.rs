//! What of a person stands sealed in rows, and the statements that write and read it. Each
//! value is bound to its row, its person and, for a vector, its model version.

use rusqlite::{Connection, params};

use super::store::{Fail, fold};
use crate::database::DatabaseError;
use crate::person::PersonId;

/// The name in a row of `people p`.
pub(super) const NAME: &str = "opened_text('people.name', p.name, p.id)";
/// A condition on rows of `people p` by the folded name `?1`.
pub(super) const HAS_NAME: &str = "p.name_hash = hex(look_up('people.name', ?1))";
/// The vector, the source and the photo in a row of `templates`.
pub(super) const VECTOR: &str = "opened('templates.vector', vector, id, person, model)";
pub(super) const SOURCE: &str = "opened_text('templates.source', source, id, person)";
pub(super) const PHOTO: &str = "opened('templates.photo', photo, id, person)";

/// A template as it is stored.
#[derive(Debug)]
pub(super) struct TemplateRow<'t> {
    pub(super) model: &'t str,
    pub(super) vector: &'t [u8],
    pub(super) source: &'t str,
    pub(super) created_at_ms: i64,
    pub(super) photo: Option<&'t [u8]>,
}

/// Puts somebody on the whitelist, without templates.
pub(super) fn add_person(
    c: &Connection,
    fail: Fail<'_>,
    name: &str,
    created_at_ms: i64,
) -> Result<PersonId, DatabaseError> {
    c.prepare_cached(
        "INSERT INTO people (name_hash, created_at_ms) \
         VALUES (hex(look_up('people.name', ?1)), ?2)",
    )
    .and_then(|mut insert| insert.execute(params![fold(name), created_at_ms]))
    .map_err(fail)?;
    let id = PersonId(c.last_insert_rowid());
    set_name(c, fail, id, name)?;
    Ok(id)
}

pub(super) fn set_name(
    c: &Connection,
    fail: Fail<'_>,
    id: PersonId,
    name: &str,
) -> Result<(), DatabaseError> {
    c.prepare_cached(
        "UPDATE people SET name = seal('people.name', ?2, id), \
         name_hash = hex(look_up('people.name', ?3)) WHERE id = ?1",
    )
    .and_then(|mut update| update.execute(params![id.0, name, fold(name)]))
    .map(|_| ())
    .map_err(fail)
}

pub(super) fn add_template(
    c: &Connection,
    fail: Fail<'_>,
    person: PersonId,
    row: &TemplateRow<'_>,
) -> Result<(), DatabaseError> {
    c.prepare_cached(
        "INSERT INTO templates (id, person, model, vector, source, created_at_ms, photo) \
         SELECT id, ?1, ?2, seal('templates.vector', ?3, id, ?1, ?2), \
             seal('templates.source', ?4, id, ?1), ?5, seal('templates.photo', ?6, id, ?1) \
         FROM (SELECT coalesce(max(id), 0) + 1 AS id FROM templates)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            person.0,
            row.model,
            row.vector,
            row.source,
            row.created_at_ms,
            row.photo
        ])
    })
    .map(|_| ())
    .map_err(fail)
}
