//! Which records are asked for, and reading them.

use rusqlite::types::Value as Sql;
use rusqlite::{Row, params_from_iter};

use super::about::About;
use super::body::Record;
use super::event::Kind;
use super::log::{RecordError, integer, unsigned};
use super::names::Opener;
use crate::database::Database;

#[derive(Debug, Clone, Default)]
pub struct Query {
    /// From this time on, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
    /// After this record.
    pub after_id: Option<u64>,
    /// Of these kinds; all if empty.
    pub kinds: Vec<Kind>,
    /// About this person.
    pub about: Option<About>,
    /// The newest so many.
    pub limit: Option<u32>,
}

/// Records of a database, oldest first, as [`Log::records`].
///
/// # Errors
/// [`RecordError`]
pub(crate) fn newest(database: &Database, query: &Query) -> Result<Vec<Record>, RecordError> {
    select(database, query, "DESC", query.limit.map_or(-1, i64::from))
}

/// The oldest of them.
///
/// # Errors
/// [`RecordError`]
pub(crate) fn oldest(
    database: &Database,
    query: &Query,
    records: u32,
) -> Result<Vec<Record>, RecordError> {
    select(database, query, "ASC", records.into())
}

fn select(
    database: &Database,
    query: &Query,
    order: &str,
    limit: i64,
) -> Result<Vec<Record>, RecordError> {
    let (condition, values) = query.condition();
    let sql = format!(
        "SELECT * FROM (SELECT id, body, hash FROM records WHERE {condition} ORDER BY id {order} LIMIT {limit}) ORDER BY id"
    );
    database.read(|connection, fail| {
        let mut statement = connection.prepare(&sql).map_err(fail)?;
        let mut rows = statement.query(params_from_iter(values)).map_err(fail)?;
        let mut names = Opener::new(connection, fail);
        let mut records = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            records.push(record(row, &mut names)?);
        }
        Ok(records)
    })
}

impl Query {
    /// As SQL, and the values in it.
    pub(super) fn condition(&self) -> (String, Vec<Sql>) {
        let (mut terms, mut values) = (vec!["1".to_owned()], Vec::new());
        let mut term = |text: &str, value: Sql| {
            values.push(value);
            terms.push(format!("{text} ?{}", values.len()));
        };
        if let Some(since) = self.since_ms {
            term("at_ms >=", since.into());
        }
        if let Some(until) = self.until_ms {
            term("at_ms <", until.into());
        }
        if let Some(after) = self.after_id {
            term("id >", integer(after).into());
        }
        terms.extend(self.about.map(About::condition));
        if !self.kinds.is_empty() {
            // Names of our own, without a quote in them.
            let kinds: Vec<_> = self.kinds.iter().map(|k| format!("'{k}'")).collect();
            terms.push(format!("kind IN ({})", kinds.join(", ")));
        }
        (terms.join(" AND "), values)
    }
}

fn record(row: &Row<'_>, names: &mut Opener<'_>) -> Result<Record, RecordError> {
    let id = row.get(0).map(unsigned).unwrap_or(0);
    let body = row.get_ref(1).ok().and_then(|body| body.as_bytes().ok());
    let hash = row.get(2).unwrap_or_default();
    let record = match body {
        Some(body) => Record::read_named(id, body, hash, names)?,
        None => None,
    };
    record.ok_or(RecordError::Tampered {
        id,
        what: "holds what no doorward writes",
    })
}
