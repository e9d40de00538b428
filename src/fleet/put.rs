//! What goes up: changes, signed to follow a list.

use super::list::List;
use super::row::{
    Commit, Hash, Kind, MAX_COMMIT_ROWS, Mark, Position, Revision, Row, RowId, Standing,
};
use super::signing::Signer;
use super::wire::{self, Frame};

/// What one put brings at most, so that it fits into what carries it.
const MAX_PUT_BYTES: usize = 2 << 20;
/// A row on its way without its body.
const MAX_BARE_ROW_BYTES: usize = 128;

/// A change that is to go up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub id: RowId,
    pub kind: Kind,
    pub standing: Standing,
    /// Sealed.
    pub body: Vec<u8>,
}

impl Change {
    /// With another standing it has nothing more to say.
    pub(super) fn shut_as(&mut self, standing: Standing) {
        if self.standing != standing {
            (self.standing, self.body) = (standing, Vec::new());
        }
    }
}

/// Rows and the commit that closes them, to be stored as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    pub rows: Vec<Row>,
    pub commit: Commit,
}

pub(super) fn row(change: &Change, revision: Revision, signer: RowId) -> Row {
    Row {
        id: change.id,
        revision,
        kind: change.kind,
        standing: change.standing,
        body: change.body.clone(),
        signer,
        signature: [0; 64],
    }
}

pub(super) fn hash(list: &List, change: &Change, revision: Revision, signer: RowId) -> Hash {
    list.root().hash(&row(change, revision, signer))
}

/// The commit that brings these rows to follow a list.
pub(super) fn seal(
    list: &List,
    rows: Vec<Row>,
    mark: Mark,
    at_s: i64,
    signer: &Signer,
) -> Option<Put> {
    let base = list.position();
    let mut commit = Commit {
        base,
        position: Position {
            revision: base.revision.after(rows.len().max(1) as u64)?,
            mark,
        },
        digest: list.digest_after(&rows),
        at_s,
        signer: signer.id(),
        signature: [0; 64],
    };
    signer.sign_commit(list.root(), &mut commit);
    Some(Put { rows, commit })
}

/// As many as one put brings; the rest goes up next.
pub(super) fn fit(changes: &mut Vec<Change>) {
    changes.truncate(MAX_COMMIT_ROWS);
    let mut bytes = 0;
    let fits = changes.iter().take_while(|change| {
        bytes += MAX_BARE_ROW_BYTES + change.body.len();
        bytes <= MAX_PUT_BYTES
    });
    let fits = fits.count();
    changes.truncate(fits);
}

impl Put {
    /// As it is sent.
    pub(super) fn message(self) -> Vec<u8> {
        let rows = self.rows.into_iter().map(Frame::Row);
        let frames: Vec<Frame> = rows.chain([Frame::Commit(self.commit)]).collect();
        wire::message(&frames)
    }

    /// Rows that somebody who holds a key wants to follow a list, signed. `mark` and `at_s` as
    /// for `Door::put`; nothing where the counter is at its end.
    pub fn sign(
        list: &List,
        changes: &[Change],
        mark: Mark,
        at_s: i64,
        signer: &Signer,
    ) -> Option<Self> {
        let mut rows = Vec::new();
        for (change, ordinal) in changes.iter().zip(1..) {
            let revision = list.position().revision.after(ordinal)?;
            let mut row = row(change, revision, signer.id());
            signer.sign_row(list.root(), &mut row);
            rows.push(row);
        }
        seal(list, rows, mark, at_s, signer)
    }
}
