//! What a hub says to a door, and what the door makes of it.

use super::list::Refusal;
use super::row::{Commit, Position, Row, RowId};

/// What a hub said, frame by frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These rows, and all others up to the position are known already.
    Page(Vec<Row>, Position),
    /// The last page was the end of the list, and this is its commit.
    Commit(Commit),
    /// It has another history.
    Differs,
    /// What was put is stored.
    Stored,
    /// Another commit came first: ask, then put anew.
    Late,
    /// The hub's list does not let the commit follow.
    Refused,
}

/// What is to be done, in this order, and before the next answer is taken. The effects of one
/// answer, and what [`super::Door::shut`] and [`super::Door::changes`] say then, are kept in one
/// transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Keep rows beside the list.
    Stage(Vec<Row>),
    /// Forget all rows that are kept beside it.
    Unstage,
    /// The rows beside the list count now; where it is whole, no others do.
    Settle {
        commit: Commit,
        is_whole: bool,
    },
    Tell(Notice),
}

/// What somebody has to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    #[error(
        "the hub has another history than this door at revision {}: it was restored from an older backup or exchanged; everybody known as disabled stays out while the list is fetched anew", .0.revision
    )]
    Restored(Position),
    #[error("the hub's answer was refused and the last good list stays: {0}")]
    Refused(Refusal),
    #[error(
        "{0} rows of this door's list are not in the hub's any more: enrol them again, or restore a newer backup"
    )]
    Lost(usize),
    #[error(
        "a change of row {0} was dropped, because it was made over another row than the hub has: look at it as it is now, and change it again"
    )]
    Overruled(RowId),
    #[error("a change of row {0} was dropped, because doors would refuse it: {1}")]
    NotAllowed(RowId, Refusal),
    #[error("the hub refused a commit that this door would take")]
    PutRefused,
}
