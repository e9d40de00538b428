//! People and templates that are rows of a fleet's list: what is known of them here, and what the
//! list is to change about them. `fleet_steps.rs` does it.

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::WhitelistError;
use super::sealed_rows::VECTOR;
use super::standing::Group;
use super::store::{Fail, select};
use crate::database::{Database, DatabaseError};
use crate::embedding::ModelVersion;
use crate::person::PersonId;
use crate::record::Consent;

/// A row's id in the list.
pub type FleetId = [u8; 16];
/// SHA-256, keyed or of a row as it was signed.
pub type FleetHash = [u8; 32];

/// Nothing was agreed on yet.
pub(crate) const NOTHING_SAID: FleetHash = [0; 32];

/// A row of the list, as it is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FleetRow {
    pub row: FleetId,
    pub person: PersonId,
    /// Nothing for a person's own row.
    pub template: Option<i64>,
    /// What row and database agree on.
    pub said: FleetHash,
    /// The list's row that was taken last.
    pub seen: Option<FleetHash>,
}

/// What travels of a person besides templates. PINs, cards and passages are of the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetPerson {
    pub name: String,
    pub created_at_ms: i64,
    /// In order, each once.
    pub groups: Vec<Group>,
    pub is_guest: bool,
    pub valid_from_ms: Option<i64>,
    pub valid_until_ms: Option<i64>,
    /// In all, at each door.
    pub entries: Option<u32>,
    pub consent: Option<Consent>,
}

/// What travels of a template.
#[derive(Clone, PartialEq, Eq)]
pub struct FleetTemplate {
    pub model: ModelVersion,
    /// Little-endian f32.
    pub vector: Zeroizing<Vec<u8>>,
    pub made_at_ms: i64,
}

/// Without the face.
impl fmt::Debug for FleetTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a template of {}", self.model)
    }
}

/// Somebody on the whitelist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FleetListed {
    pub is_enabled: bool,
    pub person: FleetPerson,
    /// By their numbers in the database.
    pub templates: BTreeMap<i64, FleetTemplate>,
}

/// All that is known here, read together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FleetView {
    /// The whitelist's.
    pub revision: u64,
    pub rows: BTreeMap<FleetId, FleetRow>,
    pub people: BTreeMap<PersonId, FleetListed>,
    /// Whom an administrator removed, of those who have rows; true for those who were erased.
    pub removed: BTreeMap<PersonId, bool>,
    /// People with higher numbers came after the door had joined; nothing before that is noted.
    pub since: Option<PersonId>,
}

/// Which row said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetBy {
    pub revision: u64,
    /// The door's name in the fleet.
    pub signer: String,
}

/// One step of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetStep {
    /// Who is listed now was listed before the door joined.
    Join,
    /// A row is going to be put up for a person, or for one of the templates.
    Adopt {
        row: FleetId,
        person: PersonId,
        template: Option<i64>,
    },
    /// That was put up.
    Said { row: FleetId, said: FleetHash },
    /// The list has what is here.
    Seen { row: FleetId, seen: FleetHash },
    /// The list knows that this is gone here.
    Forget { row: FleetId },
    /// A person is as the list has it.
    Person {
        row: FleetId,
        said: FleetHash,
        seen: FleetHash,
        is_enabled: bool,
        person: FleetPerson,
        by: FleetBy,
    },
    /// A person is let in no more, whatever else.
    Shut {
        row: FleetId,
        said: FleetHash,
        seen: Option<FleetHash>,
        by: FleetBy,
    },
    /// A person is listed no more.
    Remove {
        row: FleetId,
        /// With all that can be forgotten.
        is_erased: bool,
        by: FleetBy,
    },
    /// A person has a template.
    Template {
        row: FleetId,
        of: FleetId,
        said: FleetHash,
        seen: FleetHash,
        template: FleetTemplate,
        by: FleetBy,
    },
    /// A person has a template no more.
    ForgetTemplate { row: FleetId, by: FleetBy },
}

/// Steps of a list at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetBatch {
    pub revision: u64,
    pub steps: Vec<FleetStep>,
}

/// Reads what is known.
///
/// # Errors
/// [`WhitelistError::Database`]
pub(crate) fn fleet_view(database: &Database) -> Result<FleetView, WhitelistError> {
    database.read(|c, fail| {
        let mut view = FleetView {
            revision: super::store::revision_within(c, fail)?,
            since: number(c, fail, "fleet_since")?.map(PersonId),
            ..FleetView::default()
        };
        let mut statement = c
            .prepare("SELECT row, person, template, said, seen FROM fleet_rows")
            .map_err(fail)?;
        let rows = statement.query_map([], |row| {
            Ok(FleetRow {
                row: row.get(0)?,
                person: PersonId(row.get(1)?),
                template: row.get(2)?,
                said: row.get(3)?,
                seen: row.get(4)?,
            })
        });
        let rows: Vec<FleetRow> = rows.and_then(Iterator::collect).map_err(fail)?;
        view.rows = rows.into_iter().map(|row| (row.row, row)).collect();
        for person in select(c, fail, "1 = ?1", &1i64)? {
            let standing = person.standing;
            let listed = FleetListed {
                is_enabled: person.enabled,
                person: FleetPerson {
                    name: person.name,
                    created_at_ms: person.created_at_ms,
                    groups: standing.groups,
                    is_guest: standing.is_guest,
                    valid_from_ms: standing.valid_from_ms,
                    valid_until_ms: standing.valid_until_ms,
                    entries: standing.entries.map(|entries| entries.most),
                    consent: person.consent,
                },
                templates: BTreeMap::new(),
            };
            view.people.insert(person.id, listed);
        }
        let sql = format!("SELECT id, person, model, created_at_ms, {VECTOR} FROM templates");
        let mut statement = c.prepare(&sql).map_err(fail)?;
        let mut rows = statement.query([]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            let read = |row: &rusqlite::Row<'_>| {
                let template = FleetTemplate {
                    model: ModelVersion::new(row.get::<_, String>(2)?),
                    made_at_ms: row.get(3)?,
                    vector: Zeroizing::new(row.get(4)?),
                };
                Ok((row.get(0)?, PersonId(row.get(1)?), template))
            };
            let (id, person, template): (i64, PersonId, FleetTemplate) = read(row).map_err(fail)?;
            if let Some(listed) = view.people.get_mut(&person) {
                listed.templates.insert(id, template);
            }
        }
        let gone: Vec<PersonId> = {
            let mine = view.rows.values().filter(|row| row.template.is_none());
            let gone = mine.filter(|row| !view.people.contains_key(&row.person));
            gone.map(|row| row.person).collect()
        };
        for person in gone {
            if let Some(is_erased) = removed(c, fail, person)? {
                view.removed.insert(person, is_erased);
            }
        }
        Ok(view)
    })
}

/// Whether the fleet's list has somebody; in somebody else's transaction.
pub(crate) fn is_of_fleet(
    c: &Connection,
    fail: Fail<'_>,
    person: PersonId,
) -> Result<bool, DatabaseError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM fleet_rows WHERE person = ?1)";
    let mut statement = c.prepare_cached(sql).map_err(fail)?;
    statement
        .query_row([person.0], |row| row.get(0))
        .map_err(fail)
}

/// Whether the record has that somebody was removed, and erased. Somebody who is not listed for
/// another reason, such as a restored backup, was not removed by anybody.
fn removed(
    c: &Connection,
    fail: Fail<'_>,
    person: PersonId,
) -> Result<Option<bool>, DatabaseError> {
    let sql = "SELECT kind = 'erased' FROM records WHERE kind IN ('removed', 'erased') \
        AND CASE WHEN json_valid(body) THEN coalesce(body ->> '$.event.person.id', body ->> '$.event.person') END = ?1 \
        ORDER BY id DESC LIMIT 1";
    let found = c.query_row(sql, [person.0], |row| row.get(0)).optional();
    found.map_err(fail)
}

fn number(c: &Connection, fail: Fail<'_>, key: &str) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let found = c.query_row(sql, [key], |row| row.get(0)).optional();
    found.map_err(fail)
}
