//! The door's end: what it asks a hub for, what it makes of the answers, and who is kept shut.
//!
//! What holds for any hub and any order of answers (`properties.rs`):
//!
//! 1. the list that counts is one that somebody of the fleet signed as a whole; what does not
//!    fit is refused, and the last good list stays;
//! 2. whoever this door heard to be disabled or removed does not pass until a newer row enables
//!    the person, also where the hub forgot it;
//! 3. of two changes that knew nothing of each other the one that disables wins, and of two that
//!    enable the first at the hub.

use std::collections::BTreeMap;

use super::answer::{Answer, Effect, Notice};
use super::list::{List, Refusal, Staged};
use super::put::{Change, Put, fit, hash, row, seal};
use super::row::{Commit, Hash, Kind, Mark, Position, Revision, Row, RowId, Standing};
use super::signing::Signer;

/// Somebody who is kept shut whatever the list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shut {
    pub kind: Kind,
    pub standing: Standing,
    /// While a list is on its way: until a row newer than this enables it. Without one, until
    /// the hub's list has it shut, which this door sees to.
    pub newer_than: Option<Revision>,
    /// The row that shut it in the history before: one that is shut by another row may have been
    /// enabled over that one, so this door shuts it once more.
    pub before: Option<Hash>,
}

/// A change that is to go up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub change: Change,
    /// Of the row that this door's list had when the change was made. Revisions of two histories
    /// of a hub cannot be compared; rows can.
    pub seen: Option<Hash>,
    /// Whether the newest put has it.
    pub is_put: bool,
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
    pub(super) signer: Option<Signer>,
    incoming: Option<Incoming>,
    shut: BTreeMap<RowId, Shut>,
    changes: Vec<Pending>,
    /// The newest put, whose answer is not here yet.
    asked: Option<Put>,
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
            asked: None,
        }
    }

    /// What was kept besides.
    #[must_use]
    pub fn with(mut self, shut: BTreeMap<RowId, Shut>, changes: Vec<Pending>) -> Self {
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

    /// Back to an older list, because the newer one could not be kept. Whoever was shut then or
    /// was to be shut since stays out.
    pub(super) fn go_back(&mut self, list: List, shut: BTreeMap<RowId, Shut>) {
        self.list = list;
        self.asked = None;
        for (id, one) in shut {
            self.shut.entry(id).or_insert(one);
        }
        self.forget_incoming();
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

    pub fn changes(&self) -> &[Pending] {
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
            Answer::Stored => self.stored(),
            Answer::Late => {
                self.asked = None;
                Vec::new()
            }
            Answer::Refused => {
                self.asked = None;
                vec![Effect::Tell(Notice::PutRefused)]
            }
        }
    }

    /// What was put counts here at once, so that the door asks for what comes after it, and a hub
    /// that has lost it is noticed.
    fn stored(&mut self) -> Vec<Effect> {
        let put = self.asked.take().filter(|_| self.incoming.is_none());
        let Some(Put { rows, commit }) = put.filter(|put| put.commit.base == self.list.position())
        else {
            return Vec::new();
        };
        if let Err(why) = self.list.follow(&rows, &commit) {
            return vec![Effect::Tell(Notice::Refused(why))];
        }
        self.compare(&rows);
        let is_whole = false;
        vec![
            Effect::Unstage,
            Effect::Stage(rows),
            Effect::Settle { commit, is_whole },
        ]
    }

    fn refuse(&mut self, why: Refusal) -> Vec<Effect> {
        self.forget_incoming();
        vec![Effect::Unstage, Effect::Tell(Notice::Refused(why))]
    }

    fn page(&mut self, rows: Vec<Row>, position: Position) -> Vec<Effect> {
        let begins = self.incoming.is_none();
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
            // Revisions of another history say nothing of what is known here.
            let known = self.list.get(row.id).map(|known| known.revision);
            let is_news = incoming.staged.is_whole || known < Some(row.revision);
            if row.standing.is_shut() && is_news {
                self.shut.entry(row.id).or_insert(Shut {
                    kind: row.kind,
                    standing: row.standing,
                    newer_than: Some(row.revision),
                    before: None,
                });
            }
        }
        incoming.position = position;
        self.incoming = Some(incoming);
        // What a disk still has of another list would count with this one.
        let begin = begins.then_some(Effect::Unstage);
        begin.into_iter().chain([Effect::Stage(rows)]).collect()
    }

    fn commit(&mut self, commit: Commit) -> Vec<Effect> {
        let here = self.list.position();
        let begins = self.incoming.is_none();
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
        // One that was stored and whose answer was lost may be here.
        let asked = self.asked.take();
        self.compare(asked.as_ref().map_or(&[], |put| &put.rows));
        self.asked = asked;
        self.forget_incoming();
        let begin = begins.then_some(Effect::Unstage);
        let is_whole = is_whole || here == Position::START;
        let settle = Effect::Settle { commit, is_whole };
        let mut effects: Vec<Effect> = begin.into_iter().chain([settle]).collect();
        if lost > 0 {
            effects.push(Effect::Tell(Notice::Lost(lost)));
        }
        effects
    }

    /// What the new list makes of who is kept shut, and of changes that it has; `asked`: rows of
    /// the newest put.
    fn compare(&mut self, asked: &[Row]) {
        let list = &self.list;
        let signer = self.signer.as_ref().map(Signer::id);
        let asked = asked.iter().map(|row| (row.id, list.root().hash(row)));
        let asked: BTreeMap<RowId, Hash> = asked.collect();
        self.changes.retain_mut(|pending| {
            let change = &pending.change;
            let Some(row) = list.get(change.id) else {
                return true;
            };
            let is_asked = asked.get(&change.id) == Some(&row.hash);
            // Changed since it was put; and what was put is what that change was made over.
            if is_asked && !pending.is_put {
                pending.seen = Some(row.hash);
                return true;
            }
            // A row that is alike and not this change's enables no less; but somebody may have
            // enabled the person over one that shuts, and not over this one.
            let is_alike = signer.is_some_and(|signer| {
                !change.standing.is_shut() && row.hash == hash(list, change, row.revision, signer)
            });
            !is_asked && !is_alike
        });
        let changes = &self.changes;
        self.shut.retain(|id, shut| match list.get(*id) {
            // Disabled here once more, and not yet there.
            Some(row) if row.standing.is_shut() => {
                let is_own = asked.get(id) == Some(&row.hash);
                !is_own && shut.before.is_some_and(|before| before != row.hash)
                    || changes
                        .iter()
                        .any(|Pending { change, .. }| change.id == *id && change.standing.is_shut())
            }
            Some(row) => shut.newer_than.is_none_or(|newer| row.revision <= newer),
            None => true,
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
        for (id, row) in self.list.rows() {
            // Whoever enables somebody here has seen what this door knows.
            let is_enabled = self.changes.iter().any(|Pending { change, seen, .. }| {
                change.id == *id && !change.standing.is_shut() && *seen == Some(row.hash)
            });
            if row.standing.is_shut() && !is_enabled {
                let shut = Shut {
                    kind: row.kind,
                    standing: row.standing,
                    newer_than: None,
                    before: Some(row.hash),
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
                before: None,
            };
            self.shut.insert(change.id, shut);
        } else {
            // Whoever enables it here knows what this door knows.
            self.shut.remove(&change.id);
        }
        let seen = self.list.get(change.id).map(|row| row.hash);
        self.changes.retain(|other| other.change.id != change.id);
        let is_put = false;
        self.changes.push(Pending {
            change,
            seen,
            is_put,
        });
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
        fit(&mut due);
        let mut rows = Vec::new();
        let mut staged = Staged::new(&self.list, false);
        let base = self.list.position();
        for change in due {
            let Some(revision) = base.revision.after(rows.len() as u64 + 1) else {
                break;
            };
            let id = change.id;
            let mut row = row(&change, revision, signer.id());
            // No two rows are the same, whatever history they are in.
            if row.body.is_empty() {
                row.body = mark.0.to_vec();
            }
            signer.sign_row(self.list.root(), &mut row);
            match self.list.stage(&mut staged, &row) {
                Ok(()) => rows.push(row),
                Err(why) => {
                    self.changes.retain(|pending| pending.change.id != id);
                    notices.push(Notice::NotAllowed(id, why));
                }
            }
        }
        let put = (!rows.is_empty()).then(|| seal(&self.list, rows, mark, at_s, &signer));
        self.signer = Some(signer);
        let put = put.flatten();
        self.asked.clone_from(&put);
        for pending in &mut self.changes {
            let rows = put.iter().flat_map(|put| &put.rows);
            pending.is_put = rows.into_iter().any(|row| row.id == pending.change.id);
        }
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
    pub fn pulse(&mut self, mark: Mark, at_s: i64) -> Option<Put> {
        let may = self.incoming.is_none() && self.asked.is_none() && self.may_sign();
        let signer = self.signer.as_ref().filter(|_| may)?;
        self.asked = seal(&self.list, Vec::new(), mark, at_s, signer);
        self.asked.clone()
    }

    fn due(&mut self, notices: &mut Vec<Notice>) -> Vec<Change> {
        let list = &self.list;
        self.shut
            .retain(|id, shut| shut.newer_than.is_some() || !list.is_gone(*id, shut.standing));
        let shut = &self.shut;
        self.changes.retain(|Pending { change, seen, .. }| {
            // Who is kept shut was heard of after the change.
            let is_other = list.get(change.id).map(|row| row.hash) != *seen;
            let is_overruled = list.is_gone(change.id, change.standing)
                || change.standing == Standing::Enabled
                    && (is_other || shut.contains_key(&change.id));
            if is_overruled {
                notices.push(Notice::Overruled(change.id));
            }
            !is_overruled
        });
        let pending = self.changes.iter();
        let mut due: Vec<Change> = pending.map(|pending| pending.change.clone()).collect();
        for (id, shut) in &self.shut {
            let is_fixed = matches!(shut.kind, Kind::Door | Kind::Revocation);
            let is_due = due.iter().any(|change| change.id == *id);
            if shut.newer_than.is_some() || is_fixed || is_due {
                continue;
            }
            due.push(Change {
                id: *id,
                kind: shut.kind,
                standing: shut.standing,
                body: Vec::new(),
            });
        }
        due
    }
}
