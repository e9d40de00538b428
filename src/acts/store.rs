//! Acts in the database: the newest of each, with its event.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::database::{Database, DatabaseError};
use crate::record::{
    DoorMode, Event, ModeSet, Origin, Stamp, append_within, believes_clock, find, first_kept,
};

type Fail<'f> = &'f dyn Fn(rusqlite::Error) -> DatabaseError;

/// A mode, as it was ordered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeAct {
    /// Number of its event.
    pub record: u64,
    pub mode: DoorMode,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// How long that was when it was ordered.
    pub lasts_ms: Option<u64>,
    /// When it was ordered.
    pub set: Stamp,
}

/// An unlocking for one pulse, as it was ordered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlockAct {
    /// Number of its event.
    pub record: u64,
    pub set: Stamp,
}

/// The newest of each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acts {
    pub mode: Option<ModeAct>,
    pub unlock: Option<UnlockAct>,
}

/// Why nobody knows what was ordered.
#[derive(Debug, thiserror::Error)]
pub enum ActsError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Somebody changed a row, or the record has an act that the rows do not have.
    #[error(
        "the database {0} has an act at the door (mode or unlocking) otherwise than its event says: somebody changed it past doorward; keep it as evidence, and set the mode anew by `doorward mode`"
    )]
    Unrecorded(PathBuf),
}

/// Orders a mode; gives what was written.
///
/// # Errors
/// [`DatabaseError`]; nothing was ordered.
pub fn set_mode(
    database: &mut Database,
    mode: DoorMode,
    until_ms: Option<i64>,
    purpose: Option<String>,
    origin: &Origin,
) -> Result<ModeAct, DatabaseError> {
    let set = Stamp::now();
    database.transaction(|connection, fail| {
        let (act, _) = set_mode_within(connection, fail, set, (mode, until_ms), purpose, origin)?;
        Ok(act)
    })
}

/// The same in somebody else's transaction; gives the event too.
///
/// # Errors
/// [`DatabaseError`]; the transaction has to be rolled back.
pub(crate) fn set_mode_within(
    connection: &Connection,
    fail: Fail<'_>,
    set: Stamp,
    (mode, until_ms): (DoorMode, Option<i64>),
    purpose: Option<String>,
    origin: &Origin,
) -> Result<(ModeAct, Event), DatabaseError> {
    let lasts_ms =
        until_ms.map(|until| u64::try_from(until.saturating_sub(set.at_ms)).unwrap_or(0));
    let event = Event::ModeSet(ModeSet {
        mode,
        until_ms,
        lasts_ms,
        purpose,
        actor: origin.actor.clone(),
    });
    let record = append_within(connection, fail, &set, &origin.door, &event)?.id;
    let act = ModeAct {
        record,
        mode,
        until_ms,
        lasts_ms,
        set,
    };
    keep(connection, fail, "mode", record, Some(&act), &act.set)?;
    Ok((act, event))
}

/// The lockdown in force, in somebody else's transaction.
///
/// # Errors
/// [`DatabaseError`]
pub(crate) fn lockdown_within(
    connection: &Connection,
    fail: Fail<'_>,
    synchronised: impl FnOnce() -> bool,
) -> Result<Option<ModeAct>, DatabaseError> {
    match locked_down(connection, fail, synchronised)? {
        true => Ok(rows(connection, fail)?.and_then(|rows| rows.mode)),
        false => Ok(None),
    }
}

/// Orders an unlocking for one pulse; gives the number of its event.
///
/// # Errors
/// [`DatabaseError`]; nothing was ordered.
pub fn ask_unlock(
    database: &mut Database,
    purpose: Option<String>,
    origin: &Origin,
) -> Result<u64, DatabaseError> {
    let set = Stamp::now();
    database.transaction(|connection, fail| {
        Ok(ask_unlock_within(connection, fail, &set, purpose, origin)?.0)
    })
}

/// The same in somebody else's transaction; gives the event too.
///
/// # Errors
/// [`DatabaseError`]; the transaction has to be rolled back.
pub(crate) fn ask_unlock_within(
    connection: &Connection,
    fail: Fail<'_>,
    set: &Stamp,
    purpose: Option<String>,
    origin: &Origin,
) -> Result<(u64, Event), DatabaseError> {
    let event = Event::UnlockAsked {
        purpose,
        actor: origin.actor.clone(),
    };
    let record = append_within(connection, fail, set, &origin.door, &event)?.id;
    keep(connection, fail, "unlock", record, None, set)?;
    Ok((record, event))
}

fn keep(
    connection: &Connection,
    fail: Fail<'_>,
    what: &str,
    record: u64,
    mode: Option<&ModeAct>,
    set: &Stamp,
) -> Result<(), DatabaseError> {
    connection
        .execute(
            "INSERT OR REPLACE INTO acts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                what,
                integer(record),
                mode.map(|act| act.mode.code()),
                mode.and_then(|act| act.until_ms),
                mode.and_then(|act| act.lasts_ms).map(integer),
                set.at_ms,
                set.boot,
                integer(set.uptime_ms)
            ],
        )
        .map(|_| ())
        .map_err(fail)
}

/// What was ordered last.
///
/// # Errors
/// [`ActsError`]; with [`ActsError::Unrecorded`] a row is not what its event says.
pub fn read(database: &Database) -> Result<Acts, ActsError> {
    database.read(|connection, fail| {
        let unrecorded = || ActsError::Unrecorded(database.path().into());
        let rows = rows(connection, fail)?.ok_or_else(unrecorded)?;
        if !are_recorded(connection, fail, &rows)? {
            return Err(unrecorded());
        }
        Ok(rows)
    })
}

/// Whether the door is locked down at this moment, for a transaction that is to write a grant.
///
/// # Errors
/// [`DatabaseError`]
pub fn locked_down(
    connection: &Connection,
    fail: Fail<'_>,
    synchronised: impl FnOnce() -> bool,
) -> Result<bool, DatabaseError> {
    // What cannot be read is no lockdown: the daemon ends because of it, a second later at most.
    let mode = rows(connection, fail)?.and_then(|rows| rows.mode);
    let Some(act) = mode.filter(|act| act.mode == DoorMode::Lockdown) else {
        return Ok(false);
    };
    let now = Stamp::now();
    let sure = believes_clock(connection, fail, &now, synchronised())?;
    Ok(matches!(
        act.standing(&now, sure),
        super::Standing::InForce(_)
    ))
}

/// Nothing for rows that no doorward writes.
fn rows(connection: &Connection, fail: Fail<'_>) -> Result<Option<Acts>, DatabaseError> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM acts")
        .map_err(fail)?;
    let mut rows = statement.query([]).map_err(fail)?;
    let mut acts = Acts::default();
    while let Some(row) = rows.next().map_err(fail)? {
        let what: String = row.get(0).map_err(fail)?;
        let record = unsigned(row.get(1).map_err(fail)?);
        let set = stamp(row).map_err(fail)?;
        if what == "unlock" {
            acts.unlock = Some(UnlockAct { record, set });
            continue;
        }
        let code: Option<String> = row.get(2).map_err(fail)?;
        let mode = DoorMode::ALL
            .iter()
            .find(|mode| Some(mode.code()) == code.as_deref());
        let Some(mode) = mode else { return Ok(None) };
        acts.mode = Some(ModeAct {
            record,
            mode: *mode,
            until_ms: row.get(3).map_err(fail)?,
            lasts_ms: row.get::<_, Option<i64>>(4).map_err(fail)?.map(unsigned),
            set,
        });
    }
    Ok(Some(acts))
}

fn stamp(row: &Row<'_>) -> rusqlite::Result<Stamp> {
    Ok(Stamp {
        at_ms: row.get(5)?,
        boot: row.get(6)?,
        uptime_ms: unsigned(row.get(7)?),
    })
}

/// Whether each row is what its event says, and no event is newer.
fn are_recorded(
    connection: &Connection,
    fail: Fail<'_>,
    acts: &Acts,
) -> Result<bool, DatabaseError> {
    let mode = acts.mode.as_ref();
    let unlock = acts.unlock.as_ref();
    if newest(connection, fail, "mode_set")? > mode.map(|act| act.record)
        || newest(connection, fail, "unlock_asked")? > unlock.map(|act| act.record)
    {
        return Ok(false);
    }
    if let Some(act) = mode {
        let says = |event: &Event| match event {
            Event::ModeSet(set) => {
                (set.mode, set.until_ms, set.lasts_ms) == (act.mode, act.until_ms, act.lasts_ms)
            }
            _ => false,
        };
        if !is_recorded(connection, fail, act.record, &act.set, says)? {
            return Ok(false);
        }
    }
    let asked = |event: &Event| matches!(event, Event::UnlockAsked { .. });
    match unlock {
        Some(act) => is_recorded(connection, fail, act.record, &act.set, asked),
        None => Ok(true),
    }
}

fn is_recorded(
    connection: &Connection,
    fail: Fail<'_>,
    record: u64,
    set: &Stamp,
    says: impl FnOnce(&Event) -> bool,
) -> Result<bool, DatabaseError> {
    match find(connection, fail, record)? {
        Some(found) => Ok(found.stamp().as_ref() == Some(set) && found.event().is_some_and(says)),
        // Its time was over.
        None => Ok(record < first_kept(connection, fail)?),
    }
}

fn newest(
    connection: &Connection,
    fail: Fail<'_>,
    kind: &str,
) -> Result<Option<u64>, DatabaseError> {
    // The first term is that of the index.
    let sql = "SELECT id FROM records WHERE kind IN ('mode_set', 'unlock_asked') AND kind = ?1 \
               ORDER BY id DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(fail)?;
    let id = statement.query_row([kind], |row| row.get(0)).optional();
    Ok(id.map_err(fail)?.map(unsigned))
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::record::{Actor, Log};

    fn origin() -> Origin {
        Origin {
            door: Default::default(),
            actor: Actor {
                uid: 0,
                login_uid: None,
                claimed: None,
            },
        }
    }

    #[test]
    fn an_act_is_a_row_and_an_event_and_a_row_that_is_otherwise_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        let mut database = Database::open(&path).unwrap();
        assert_eq!(read(&database).unwrap(), Acts::default());
        let unlock = ask_unlock(&mut database, Some("parcel".into()), &origin()).unwrap();
        let until = Some(Stamp::now().at_ms + 60_000);
        let hold = set_mode(&mut database, DoorMode::Hold, until, None, &origin()).unwrap();
        let acts = read(&database).unwrap();
        assert_eq!(acts.unlock.unwrap().record, unlock);
        assert_eq!(acts.mode, Some(hold.clone()));
        assert!(hold.lasts_ms.unwrap() <= 60_000);
        let log = Log::new(Database::open(&path).unwrap(), Default::default());
        log.verify(&[]).unwrap();

        let raw = rusqlite::Connection::open(&path).unwrap();
        for (change, back) in [
            (
                "UPDATE acts SET until_ms = until_ms + 1 WHERE what = 'mode'",
                "until_ms = until_ms - 1 WHERE what = 'mode'",
            ),
            (
                "UPDATE acts SET lasts_ms = lasts_ms + 1 WHERE what = 'mode'",
                "lasts_ms = lasts_ms - 1 WHERE what = 'mode'",
            ),
            (
                "UPDATE acts SET mode = 'normal' WHERE what = 'mode'",
                "mode = 'hold' WHERE what = 'mode'",
            ),
            (
                "UPDATE acts SET mode = 'ajar' WHERE what = 'mode'",
                "mode = 'hold' WHERE what = 'mode'",
            ),
            (
                "UPDATE acts SET uptime_ms = uptime_ms + 1",
                "uptime_ms = uptime_ms - 1",
            ),
            ("UPDATE acts SET record = record + 1", "record = record - 1"),
            (
                "UPDATE acts SET record = 0",
                "record = CASE what WHEN 'mode' THEN 2 ELSE 1 END",
            ),
        ] {
            raw.execute(change, []).unwrap();
            assert!(
                matches!(read(&database), Err(ActsError::Unrecorded(_))),
                "{change}"
            );
            raw.execute(&format!("UPDATE acts SET {back}"), []).unwrap();
            read(&database).unwrap();
        }
        raw.execute("DELETE FROM acts", []).unwrap();
        assert!(matches!(read(&database), Err(ActsError::Unrecorded(_))));
        set_mode(&mut database, DoorMode::Lockdown, None, None, &origin()).unwrap();
        // An unlocking is missing still.
        assert!(matches!(read(&database), Err(ActsError::Unrecorded(_))));
        ask_unlock(&mut database, None, &origin()).unwrap();
        read(&database).unwrap();
        let locked: Result<bool, DatabaseError> =
            database.read(|connection, fail| locked_down(connection, fail, || false));
        assert!(locked.unwrap());
    }
}
