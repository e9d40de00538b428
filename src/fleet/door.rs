//! The door's end: what it asks a hub for, what it makes of the answers, and who is kept shut.
//!
//! What holds for any hub and any order of answers (`properties.rs`):
//!
//! 1. the list that counts is one that somebody of the fleet signed as a whole; what does not
//!    fit is refused, and the last good list stays;
//! 2. whoever this door heard to be disabled or removed does not pass until a newer row enables
//!    the person, also where the hub forgot it;
//! 3. of two changes that knew nothing of each other the one that disables wins.

use std::collections::BTreeMap;

use super::list::{List, Refusal, Staged};
use super::put::{Change, Put, hash, row, seal};
use super::row::{Commit, Kind, MAX_COMMIT_ROWS, Mark, Position, Revision, Row, RowId, Standing};
use super::signing::Signer;

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
/// answer and what [`Door::shut`] and [`Door::changes`] say then are kept in one transaction.
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
    #[error("a change of row {0} was dropped, because somebody disabled or removed it meanwhile")]
    Overruled(RowId),
    #[error("a change of row {0} was dropped, because doors would refuse it: {1}")]
    NotAllowed(RowId, Refusal),
    #[error("the hub refused a commit that this door would take")]
    PutRefused,
}

/// Somebody who is kept shut whatever the list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shut {
    pub kind: Kind,
    pub standing: Standing,
    /// While a list is on its way: until a row newer than this enables it. Without one, until
    /// the hub's list has it shut, which this door sees to.
    pub newer_than: Option<Revision>,
}

#[derive(Debug)]
struct Incoming {
    staged: Staged,
    position: Position,
}

/// A door's list and what it has in hand.
#[derive(Debug)]
pub struct Door {
    list: List,
    signer: Option<Signer>,
    incoming: Option<Incoming>,
    shut: BTreeMap<RowId, Shut>,
    changes: Vec<Change>,
    /// Rows of the newest put, whose answer is not here yet.
    asked: BTreeMap<RowId, Revision>,
    /// Rows that the hub says are stored.
    stored: BTreeMap<RowId, Revision>,
}

impl Door {
    /// With a list that was kept. Rows that were kept beside it are to be forgotten first.
    pub fn new(list: List, signer: Option<Signer>) -> Self {
        Self {
            list,
            signer,
            incoming: None,
            shut: BTreeMap::new(),
            changes: Vec::new(),
            asked: BTreeMap::new(),
            stored: BTreeMap::new(),
        }
    }

    /// What was kept besides.
    #[must_use]
    pub fn with(mut self, shut: BTreeMap<RowId, Shut>, changes: Vec<Change>) -> Self {
        (self.shut, self.changes) = (shut, changes);
        self.forget_incoming();
        self
    }

    /// What was heard of a list that is not fetched to its end is not known to be in the history
    /// that comes next, so its revisions say nothing any more.
    fn forget_incoming(&mut self) -> Option<Incoming> {
        for shut in self.shut.values_mut() {
            shut.newer_than = None;
        }
        self.incoming.take()
    }

    pub fn list(&self) -> &List {
        &self.list
    }

    pub(super) fn into_list(self) -> List {
        self.list
    }

    pub fn shut(&self) -> &BTreeMap<RowId, Shut> {
        &self.shut
    }

    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether the list has the row, enabled, and nothing that was heard since speaks against it.
    pub fn is_enabled(&self, id: RowId) -> bool {
        let listed = self.list.get(id);
        listed.is_some_and(|row| !row.standing.is_shut()) && !self.shut.contains_key(&id)
    }

    /// What to ask the hub for: everything after this.
    pub fn asks(&self) -> Position {
        let incoming = self.incoming.as_ref();
        incoming.map_or(self.list.position(), |incoming| incoming.position)
    }

    /// Whether a part of a list is here and the rest is to be asked for.
    pub fn is_fetching(&self) -> bool {
        self.incoming.is_some()
    }

    /// Takes an answer of the hub.
    pub fn take(&mut self, answer: Answer) -> Vec<Effect> {
        match answer {
            Answer::Page(rows, position) => self.page(rows, position),
            Answer::Commit(commit) => self.commit(commit),
            Answer::Differs => self.differs(),
            Answer::Stored => {
                self.stored.append(&mut self.asked);
                Vec::new()
            }
            Answer::Late => {
                self.asked.clear();
                Vec::new()
            }
            Answer::Refused => {
                self.asked.clear();
                vec![Effect::Tell(Notice::PutRefused)]
            }
        }
    }

    fn refuse(&mut self, why: Refusal) -> Vec<Effect> {
        self.forget_incoming();
        vec![Effect::Unstage, Effect::Tell(Notice::Refused(why))]
    }

    fn page(&mut self, rows: Vec<Row>, position: Position) -> Vec<Effect> {
        let mut incoming = self.incoming.take().unwrap_or_else(|| Incoming {
            staged: Staged::new(&self.list, false),
            position: self.list.position(),
        });
        let last = rows.last().map(|row| row.revision);
        if last > Some(position.revision) || position.revision < incoming.position.revision {
            return self.refuse(Refusal::OtherCommit(position.revision));
        }
        for row in &rows {
            if let Err(why) = self.list.stage(&mut incoming.staged, row) {
                return self.refuse(why);
            }
            // Whoever signed it, the person is to be kept out from now on, and not only from
            // when the rest of the list is here.
            let known = self.list.get(row.id).map(|known| known.revision);
            if row.standing.is_shut() && known < Some(row.revision) {
                self.shut.entry(row.id).or_insert(Shut {
                    kind: row.kind,
                    standing: row.standing,
                    newer_than: Some(row.revision),
                });
            }
        }
        incoming.position = position;
        self.incoming = Some(incoming);
        vec![Effect::Stage(rows)]
    }

    fn commit(&mut self, commit: Commit) -> Vec<Effect> {
        let here = self.list.position();
        let incoming = self.incoming.take().unwrap_or_else(|| Incoming {
            staged: Staged::new(&self.list, false),
            position: here,
        });
        let is_whole = incoming.staged.is_whole;
        if !is_whole && commit.position == here {
            return Vec::new();
        }
        let revision = commit.position.revision;
        let is_older = !is_whole && revision <= here.revision;
        let is_other = incoming.position != commit.position && incoming.position != here;
        if is_older || is_other {
            return self.refuse(Refusal::OtherCommit(revision));
        }
        if let Err(why) = self.list.closes(&incoming.staged, &commit) {
            return self.refuse(why);
        }
        let is_gone = |id: &RowId| !incoming.staged.rows().contains_key(id);
        let lost = self.list.rows().iter();
        let lost = lost.filter(|(id, row)| is_whole && !row.standing.is_shut() && is_gone(id));
        let lost = lost.count();
        self.list.settle(incoming.staged, commit.position);
        self.compare();
        self.forget_incoming();
        let mut effects = vec![Effect::Settle { commit, is_whole }];
        if lost > 0 {
            effects.push(Effect::Tell(Notice::Lost(lost)));
        }
        effects
    }

    /// What the new list makes of who is kept shut, and of changes that it has.
    fn compare(&mut self) {
        let list = &self.list;
        self.shut.retain(|id, shut| match list.get(*id) {
            Some(row) if row.standing.is_shut() => false,
            Some(row) => shut.newer_than.is_none_or(|newer| row.revision <= newer),
            None => true,
        });
        let Some(signer) = self.signer.as_ref().map(Signer::id) else {
            return;
        };
        // A change that was stored is done, also where somebody has changed the same since.
        let stored = std::mem::take(&mut self.stored);
        self.changes.retain(|change| {
            list.get(change.id).is_none_or(|row| {
                let mine = hash(list, change, row.revision, signer);
                let is_past = stored.get(&change.id).is_some_and(|at| row.revision >= *at);
                row.hash != mine && !is_past
            })
        });
    }

    fn differs(&mut self) -> Vec<Effect> {
        let was = self.forget_incoming();
        let here = self.list.position();
        if here == Position::START && was.is_none() {
            return Vec::new();
        }
        let mut effects = vec![Effect::Unstage];
        // A list that was being fetched may differ, and this door's own not.
        let asked = was.map_or(here, |incoming| incoming.position);
        if asked != here {
            return effects;
        }
        effects.push(Effect::Tell(Notice::Restored(here)));
        self.stored.clear();
        for (id, row) in self.list.rows() {
            // Whoever enables somebody here has seen what this door knows.
            let is_enabled = self.changes.iter().any(|change| {
                change.id == *id && !change.standing.is_shut() && change.seen >= row.revision
            });
            if row.standing.is_shut() && !is_enabled {
                let shut = Shut {
                    kind: row.kind,
                    standing: row.standing,
                    newer_than: None,
                };
                self.shut.insert(*id, shut);
            }
        }
        self.incoming = Some(Incoming {
            staged: Staged::new(&self.list, true),
            position: Position::START,
        });
        effects
    }

    /// Somebody here changes something. What disables acts at once, and goes up when it can.
    pub fn change(&mut self, change: Change) {
        if change.standing.is_shut() {
            let shut = Shut {
                kind: change.kind,
                standing: change.standing,
                newer_than: None,
            };
            self.shut.insert(change.id, shut);
        } else {
            // Whoever enables it here knows what this door knows.
            self.shut.remove(&change.id);
        }
        self.stored.remove(&change.id);
        self.asked.remove(&change.id);
        self.changes.retain(|other| other.id != change.id);
        self.changes.push(change);
    }

    /// What has to go up, signed to follow the list as it is here; nothing while the list is on
    /// its way. `at_s`: seconds since 1970.
    pub fn put(&mut self, mark: Mark, at_s: i64) -> (Option<Put>, Vec<Notice>) {
        let mut notices = Vec::new();
        // Nor before the list has this door.
        if self.incoming.is_some() || !self.may_sign() {
            return (None, notices);
        }
        let Some(signer) = self.signer.take() else {
            return (None, notices);
        };
        let mut due = self.due(&mut notices);
        due.truncate(MAX_COMMIT_ROWS);
        let mut rows = Vec::new();
        let mut staged = Staged::new(&self.list, false);
        let base = self.list.position();
        for change in due {
            let Some(revision) = base.revision.after(rows.len() as u64 + 1) else {
                break;
            };
            let id = change.id;
            let mut row = row(&change, revision, signer.id());
            signer.sign_row(self.list.root(), &mut row);
            match self.list.stage(&mut staged, &row) {
                Ok(()) => rows.push(row),
                Err(why) => {
                    self.changes.retain(|change| change.id != id);
                    notices.push(Notice::NotAllowed(id, why));
                }
            }
        }
        let put = (!rows.is_empty()).then(|| seal(&self.list, rows, mark, at_s, &signer));
        self.signer = Some(signer);
        let put = put.flatten();
        let rows = put.iter().flat_map(|put| &put.rows);
        self.asked = rows.map(|row| (row.id, row.revision)).collect();
        (put, notices)
    }

    /// Whether commits of this door are any as far as its list goes.
    fn may_sign(&self) -> bool {
        let signer = self.signer.as_ref().map(Signer::id);
        signer == Some(RowId::ROOT)
            || self
                .list
                .doors()
                .any(|(id, _, revoked)| Some(id) == signer && revoked.is_none())
    }

    /// A commit without rows: that the list is still this one, for those whose lease counts.
    pub fn pulse(&self, mark: Mark, at_s: i64) -> Option<Put> {
        let may = self.incoming.is_none() && self.may_sign();
        let signer = self.signer.as_ref().filter(|_| may)?;
        seal(&self.list, Vec::new(), mark, at_s, signer)
    }

    fn due(&mut self, notices: &mut Vec<Notice>) -> Vec<Change> {
        let list = &self.list;
        self.changes.retain(|change| {
            let is_overruled = change.standing == Standing::Enabled
                && list
                    .get(change.id)
                    .is_some_and(|row| row.standing.is_shut() && row.revision > change.seen);
            if is_overruled {
                notices.push(Notice::Overruled(change.id));
            }
            !is_overruled
        });
        let mut due = self.changes.clone();
        due.retain(|change| !self.stored.contains_key(&change.id));
        for (id, shut) in &self.shut {
            let is_fixed = matches!(shut.kind, Kind::Door | Kind::Revocation);
            let is_due = due.iter().any(|change| change.id == *id);
            let is_stored = self.stored.contains_key(id);
            if shut.newer_than.is_some() || is_fixed || is_due || is_stored {
                continue;
            }
            due.push(Change {
                id: *id,
                kind: shut.kind,
                standing: shut.standing,
                body: Vec::new(),
                seen: Revision(0),
            });
        }
        due
    }
}
