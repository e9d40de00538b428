//! The list by its rows' headers: which row and which commit may follow. Door and hub ask the
//! same code, so that a hub takes nothing that its doors would refuse.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::row::{
    Commit, DoorCard, Hash, Kind, MARK_BYTES, MAX_BODY_BYTES, MAX_COMMIT_ROWS, Position, Revision,
    Right, Row, RowId, Standing,
};
use super::signing::Root;

/// Why a row or a commit was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("row {0} comes again with revision {1}, which is not newer than the one known")]
    Replayed(RowId, Revision),
    #[error("row {0} of revision {1} is out of order")]
    OutOfOrder(RowId, Revision),
    #[error("row {0} became another kind of row")]
    OtherKind(RowId),
    #[error("row {0} changes what never changes: a door, or that it was revoked")]
    Fixed(RowId),
    #[error("the body of row {0} is not what its kind has")]
    Body(RowId),
    #[error("row {0} is signed by {1}, which no row of a door names")]
    UnknownSigner(RowId, RowId),
    #[error("row {0} is signed by {1}, which was revoked before")]
    RevokedSigner(RowId, RowId),
    #[error("row {0} is signed by {1}, which may not sign such a row")]
    NoRight(RowId, RowId),
    #[error("the signature of row {0} is wrong: the row was changed, or made by somebody else")]
    RowSignature(RowId),
    #[error("revision {0} is closed by a commit that is another's")]
    OtherCommit(Revision),
    #[error("the commit of revision {0} is signed by {1}, which does not belong to the fleet")]
    CommitSigner(Revision, RowId),
    #[error("the signature of the commit of revision {0} is wrong")]
    CommitSignature(Revision),
    #[error("rows up to revision {0} are missing or were changed: the list is not what was signed")]
    Digest(Revision),
    #[error("a commit brings {0} rows; {MAX_COMMIT_ROWS} are the most")]
    TooMany(usize),
    #[error("the list is at another revision")]
    Elsewhere,
}

/// A row without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub revision: Revision,
    pub kind: Kind,
    pub standing: Standing,
    /// Of the row as it was signed.
    pub hash: Hash,
}

/// A door of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    card: DoorCard,
    revoked: Option<Revision>,
}

/// All rows' headers, and how far they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    root: Root,
    rows: BTreeMap<RowId, Listed>,
    members: BTreeMap<RowId, Member>,
    position: Position,
}

/// Rows that were checked and do not count yet.
#[derive(Debug, Clone)]
pub(super) struct Staged {
    /// Whether they are the whole list, or come on top of one.
    pub(super) is_whole: bool,
    rows: BTreeMap<RowId, Listed>,
    members: BTreeMap<RowId, Member>,
    last: Revision,
}

impl Staged {
    /// Nothing yet, on top of a list or, as a whole one, beside it.
    pub(super) fn new(list: &List, is_whole: bool) -> Self {
        Self {
            is_whole,
            rows: BTreeMap::new(),
            members: BTreeMap::new(),
            last: match is_whole {
                true => Revision(0),
                false => list.position.revision,
            },
        }
    }

    pub(super) fn rows(&self) -> &BTreeMap<RowId, Listed> {
        &self.rows
    }
}

impl List {
    pub fn new(root: Root) -> Self {
        Self {
            root,
            rows: BTreeMap::new(),
            members: BTreeMap::new(),
            position: Position::START,
        }
    }

    /// One that was kept, row by row; whoever kept it is believed.
    pub fn load(root: Root, rows: impl IntoIterator<Item = Row>, position: Position) -> Self {
        let mut list = Self::new(root);
        let mut rows: Vec<Row> = rows.into_iter().collect();
        rows.sort_by_key(|row| row.revision);
        let mut staged = Staged::new(&list, true);
        for row in &rows {
            list.note(&mut staged, row);
        }
        list.settle(staged, position);
        list
    }

    pub fn root(&self) -> &Root {
        &self.root
    }

    pub fn position(&self) -> Position {
        self.position
    }

    pub fn rows(&self) -> &BTreeMap<RowId, Listed> {
        &self.rows
    }

    pub fn get(&self, id: RowId) -> Option<&Listed> {
        self.rows.get(&id)
    }

    /// How to keep somebody out: whoever was removed is removed once more, and not put back.
    pub(super) fn shutting(&self, id: RowId, standing: Standing) -> Standing {
        match self.get(id).map(|row| row.standing) {
            Some(Standing::Removed) if standing.is_shut() => Standing::Removed,
            _ => standing,
        }
    }

    /// The doors that belong to the fleet, and those that did: the card, and when it was revoked.
    pub fn doors(&self) -> impl Iterator<Item = (RowId, &DoorCard, Option<Revision>)> {
        let all = self.members.iter();
        all.map(|(id, member)| (*id, &member.card, member.revoked))
    }

    /// Whose certificate this is, if that door belongs to the fleet now.
    pub fn door_of(&self, certificate: &Hash) -> Option<(RowId, &DoorCard)> {
        let found = self.members.iter().find(|(_, member)| {
            member.revoked.is_none() && member.card.certificate == *certificate
        });
        found.map(|(id, member)| (*id, &member.card))
    }

    /// SHA-256 over all rows in the order of their ids: each id and the row's hash.
    pub fn digest(&self) -> Hash {
        self.digest_with(&Staged::new(self, false))
    }

    pub(super) fn digest_with(&self, staged: &Staged) -> Hash {
        let mut sha = Sha256::new();
        let mut take = |id: &RowId, row: &Listed| {
            sha.update(id.0);
            sha.update(row.hash);
        };
        let mut new = staged.rows.iter().peekable();
        let kept = self.rows.iter().take_while(|_| !staged.is_whole);
        for (id, row) in kept {
            while let Some((earlier, row)) = new.next_if(|(other, _)| *other < id) {
                take(earlier, row);
            }
            match new.next_if(|(other, _)| *other == id) {
                Some((_, replaced)) => take(id, replaced),
                None => take(id, row),
            }
        }
        new.for_each(|(id, row)| take(id, row));
        sha.finalize().into()
    }

    fn known<'a>(&'a self, staged: &'a Staged, id: RowId) -> Option<&'a Listed> {
        let kept = || self.rows.get(&id).filter(|_| !staged.is_whole);
        staged.rows.get(&id).or_else(kept)
    }

    fn member<'a>(&'a self, staged: &'a Staged, id: RowId) -> Option<&'a Member> {
        let kept = || self.members.get(&id).filter(|_| !staged.is_whole);
        staged.members.get(&id).or_else(kept)
    }

    /// Checks a row and puts it on the stage.
    ///
    /// # Errors
    /// [`Refusal`]; the stage is as it was.
    pub(super) fn stage(&self, staged: &mut Staged, row: &Row) -> Result<(), Refusal> {
        let id = row.id;
        if row.revision <= staged.last {
            return Err(Refusal::OutOfOrder(id, row.revision));
        }
        let fixed = |kind| matches!(kind, Kind::Door | Kind::Revocation);
        if let Some(known) = self.known(staged, id) {
            if row.revision <= known.revision {
                return Err(Refusal::Replayed(id, row.revision));
            }
            if row.kind != known.kind {
                return Err(Refusal::OtherKind(id));
            }
            if fixed(row.kind) {
                return Err(Refusal::Fixed(id));
            }
        }
        let fits = match row.kind {
            Kind::Door => {
                row.standing == Standing::Enabled
                    && id != RowId::ROOT
                    && DoorCard::decode(&row.body).is_some()
            }
            Kind::Revocation => {
                let door = row.body.as_slice().try_into().map(RowId);
                row.standing == Standing::Enabled
                    && door.is_ok_and(|door| self.member(staged, door).is_some())
            }
            // Whoever only heard of a person can disable it without knowing more.
            _ => match row.standing {
                Standing::Enabled => !row.body.is_empty(),
                Standing::Disabled => true,
                Standing::Removed => row.body.len() <= MARK_BYTES,
            },
        };
        if !fits || row.body.len() > MAX_BODY_BYTES {
            return Err(Refusal::Body(id));
        }
        let key = self.signer(staged, row)?;
        if !self.root.signed_row(row, &key) {
            return Err(Refusal::RowSignature(id));
        }
        self.note(staged, row);
        Ok(())
    }

    /// The key that has to have signed a row.
    fn signer(&self, staged: &Staged, row: &Row) -> Result<[u8; 32], Refusal> {
        let (id, signer) = (row.id, row.signer);
        if signer == RowId::ROOT {
            return Ok(self.root.0);
        }
        let member = self.member(staged, signer);
        let member = member.ok_or(Refusal::UnknownSigner(id, signer))?;
        // What this list knows of a revocation outlives a hub that forgot it.
        let known = self.members.get(&signer).and_then(|known| known.revoked);
        if member.revoked.is_some() || known.is_some_and(|revoked| row.revision >= revoked) {
            return Err(Refusal::RevokedSigner(id, signer));
        }
        let may = match (row.kind, member.card.right) {
            (Kind::Door | Kind::Revocation, _) => false,
            (_, Right::Enrol) => true,
            (_, Right::Disable) => row.standing.is_shut(),
        };
        match may {
            true => Ok(member.card.key),
            false => Err(Refusal::NoRight(id, signer)),
        }
    }

    fn note(&self, staged: &mut Staged, row: &Row) {
        let listed = Listed {
            revision: row.revision,
            kind: row.kind,
            standing: row.standing,
            hash: self.root.hash(row),
        };
        staged.last = row.revision;
        staged.rows.insert(row.id, listed);
        match row.kind {
            Kind::Door => {
                if let Some(card) = DoorCard::decode(&row.body) {
                    let revoked = None;
                    staged.members.insert(row.id, Member { card, revoked });
                }
            }
            Kind::Revocation => {
                let door = row.body.as_slice().try_into().map(RowId);
                let member = door.ok().and_then(|door| {
                    let member = self.member(staged, door)?;
                    Some((door, member.clone()))
                });
                if let Some((door, mut member)) = member {
                    member.revoked.get_or_insert(row.revision);
                    staged.members.insert(door, member);
                }
            }
            _ => {}
        }
    }

    /// Whether a commit closes what is staged.
    ///
    /// # Errors
    /// [`Refusal`]
    pub(super) fn closes(&self, staged: &Staged, commit: &Commit) -> Result<(), Refusal> {
        let revision = commit.position.revision;
        if staged.last > revision || commit.base.revision >= revision {
            return Err(Refusal::OtherCommit(revision));
        }
        let unknown = Refusal::CommitSigner(revision, commit.signer);
        let key = if commit.signer == RowId::ROOT {
            self.root.0
        } else {
            let member = self.member(staged, commit.signer).ok_or(unknown)?;
            let known = self.members.get(&commit.signer);
            if member.revoked.is_some() || known.is_some_and(|known| known.revoked.is_some()) {
                return Err(unknown);
            }
            member.card.key
        };
        if !self.root.signed_commit(commit, &key) {
            return Err(Refusal::CommitSignature(revision));
        }
        match self.digest_with(staged) == commit.digest {
            true => Ok(()),
            false => Err(Refusal::Digest(revision)),
        }
    }

    /// What is staged counts from now on.
    pub(super) fn settle(&mut self, staged: Staged, position: Position) {
        if staged.is_whole {
            let before = std::mem::replace(&mut self.members, staged.members);
            for (id, known) in before {
                if let Some(member) = self.members.get_mut(&id) {
                    member.revoked = member.revoked.or(known.revoked);
                }
            }
            self.rows = staged.rows;
        } else {
            self.rows.extend(staged.rows);
            self.members.extend(staged.members);
        }
        self.position = position;
    }

    /// Whether a commit with these rows may follow here, as a hub asks before it stores them;
    /// if so, they count.
    ///
    /// # Errors
    /// [`Refusal`]; the list is as it was.
    pub fn follow(&mut self, rows: &[Row], commit: &Commit) -> Result<(), Refusal> {
        if rows.len() > MAX_COMMIT_ROWS {
            return Err(Refusal::TooMany(rows.len()));
        }
        if commit.base != self.position {
            return Err(Refusal::Elsewhere);
        }
        let end = self.position.revision.after(rows.len().max(1) as u64);
        if end != Some(commit.position.revision) {
            return Err(Refusal::OtherCommit(commit.position.revision));
        }
        let mut staged = Staged::new(self, false);
        for row in rows {
            if Some(row.revision) != staged.last.after(1) {
                return Err(Refusal::OutOfOrder(row.id, row.revision));
            }
            self.stage(&mut staged, row)?;
        }
        self.closes(&staged, commit)?;
        self.settle(staged, commit.position);
        Ok(())
    }

    /// The digest after these rows, for whoever signs a commit that brings them.
    pub(super) fn digest_after(&self, rows: &[Row]) -> Hash {
        let mut staged = Staged::new(self, false);
        for row in rows {
            self.note(&mut staged, row);
        }
        self.digest_with(&staged)
    }
}
