//! What access rules ask of a person besides the face: groups, validity, entries, and where
//! the person passed last. Read together with the directory.

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use super::store::Fail;
use crate::database::DatabaseError;
use crate::person::PersonId;

/// Longest name of a group.
const MAX_GROUP_NAME_CHARS: usize = 63;
/// Names that rules have for people whom nobody puts in a group.
pub const RESERVED_GROUPS: [&str; 2] = ["everybody", "guests"];

/// A group's name: 1 to 63 of a to z, 0 to 9, _ and -.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Group(String);

impl Group {
    /// `None` if it is no name of a group.
    pub fn new(name: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let is_name = (1..=MAX_GROUP_NAME_CHARS).contains(&name.len()) && name.chars().all(fits);
        is_name.then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of [`RESERVED_GROUPS`].
    pub fn is_reserved(&self) -> bool {
        RESERVED_GROUPS.contains(&self.as_str())
    }
}

impl TryFrom<String> for Group {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or("no name of a group")
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.0
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way somebody passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    #[default]
    In,
    Out,
}

impl Direction {
    /// As stored and as written in rule files.
    pub fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::In, Self::Out].into_iter().find(|d| d.name() == name)
    }
}

/// A grant that somebody passed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The number of the grant's record.
    pub record: u64,
    /// By the wall's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether that clock was believed.
    pub is_sure: bool,
    /// The start of the machine that `uptime_ms` counts from.
    pub boot: Option<String>,
    pub uptime_ms: u64,
    pub direction: Direction,
}

/// How often somebody may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// In all.
    pub most: u32,
    /// So often the person did.
    pub used: u32,
}

impl Entries {
    pub fn left(self) -> u32 {
        self.most.saturating_sub(self.used)
    }
}

/// What rules ask of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// In order, each once.
    pub groups: Vec<Group>,
    /// A guest's validity ends.
    pub is_guest: bool,
    /// From this moment on, in milliseconds since 1970.
    pub valid_from_ms: Option<i64>,
    /// Before this moment.
    pub valid_until_ms: Option<i64>,
    /// Nothing: as often as the person likes.
    pub entries: Option<Entries>,
    /// The newest.
    pub passed: Option<Passage>,
}

impl Standing {
    /// Whether the person is in a group, also one of [`RESERVED_GROUPS`].
    pub fn is_in(&self, group: &Group) -> bool {
        match group.as_str() {
            "everybody" => true,
            "guests" => self.is_guest,
            _ => self.groups.binary_search(group).is_ok(),
        }
    }
}

/// The standing of one person, or of everybody.
pub(super) fn read(
    c: &Connection,
    fail: Fail<'_>,
    person: Option<PersonId>,
) -> Result<BTreeMap<PersonId, Standing>, DatabaseError> {
    let mut all = BTreeMap::<PersonId, Standing>::new();
    let mut each =
        |sql: &str,
         column: &str,
         row: &mut dyn FnMut(&mut Standing, &rusqlite::Row<'_>) -> rusqlite::Result<()>| {
            let term = if person.is_some() {
                format!("{column} = ?1")
            } else {
                "1".into()
            };
            let mut statement = c.prepare(&sql.replace("TERM", &term))?;
            let mut rows = statement.query(params_from_iter(person.map(|p| p.0)))?;
            while let Some(found) = rows.next()? {
                row(all.entry(PersonId(found.get(0)?)).or_default(), found)?;
            }
            Ok::<_, rusqlite::Error>(())
        };
    each(
        "SELECT p.id, guest, valid_from_ms, valid_until_ms, entries,
                (SELECT count(*) FROM passages g WHERE g.person = p.id AND g.record > p.entries_from AND g.direction = 'in')
         FROM people p WHERE TERM",
        "p.id",
        &mut |standing, row| {
            standing.is_guest = row.get(1)?;
            standing.valid_from_ms = row.get(2)?;
            standing.valid_until_ms = row.get(3)?;
            let used = row.get(5)?;
            standing.entries = row.get::<_, Option<u32>>(4)?.map(|most| Entries { most, used });
            Ok(())
        },
    )
    .map_err(fail)?;
    each(
        "SELECT person, name FROM memberships WHERE TERM ORDER BY person, name",
        "person",
        &mut |standing, row| {
            // What is no name is in no rule either.
            standing
                .groups
                .extend(Group::new(&row.get::<_, String>(1)?));
            Ok(())
        },
    )
    .map_err(fail)?;
    each(
        "SELECT person, max(record), at_ms, boot, uptime_ms, direction, is_sure FROM passages WHERE TERM GROUP BY person",
        "person",
        &mut |standing, row| {
            standing.passed = Some(Passage {
                record: row.get::<_, i64>(1)?.cast_unsigned(),
                at_ms: row.get(2)?,
                is_sure: row.get(6)?,
                boot: row.get(3)?,
                uptime_ms: row.get::<_, i64>(4)?.cast_unsigned(),
                direction: Direction::named(&row.get::<_, String>(5)?).unwrap_or_default(),
            });
            Ok(())
        },
    )
    .map_err(fail)?;
    Ok(all)
}
