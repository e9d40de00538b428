//! What the list consists of: rows, and commits that put them there.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The longest body of a row: a template and its seal.
pub const MAX_BODY_BYTES: usize = 8 * 1024;
/// Rows that one commit may bring.
pub const MAX_COMMIT_ROWS: usize = 5_000;
/// The longest name of a door.
const MAX_DOOR_NAME_BYTES: usize = 32;

/// SHA-256.
pub type Hash = [u8; 32];

/// A row's name for ever: drawn at random, so that two doors that know nothing of each other
/// never give the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub [u8; 16]);

impl RowId {
    /// Who founded the fleet, as a signer; no row has it.
    pub const ROOT: Self = Self([0; 16]);
}

/// The number of a change: one counter for a hub, and no number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// The number so many changes later; nothing past what a database can count.
    pub fn after(self, changes: u64) -> Option<Self> {
        let sum = self.0.checked_add(changes)?;
        (sum <= i64::MAX as u64).then_some(Self(sum))
    }
}

/// Of a [`Mark`].
pub(super) const MARK_BYTES: usize = 16;

/// What a commit drew at random: two histories have no mark in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mark(pub [u8; MARK_BYTES]);

/// How far a list is, and in which history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Position {
    pub revision: Revision,
    pub mark: Mark,
}

impl Position {
    /// Before the first commit.
    pub const START: Self = Self {
        revision: Revision(0),
        mark: Mark([0; 16]),
    };
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A door that belongs to the fleet; its body is a [`DoorCard`], in clear. It never changes.
    Door,
    /// That a door belongs to it no more; the body is the door's row id. It never changes.
    Revocation,
    Person,
    Template,
    Group,
    Rule,
    Guest,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Door,
        Self::Revocation,
        Self::Person,
        Self::Template,
        Self::Group,
        Self::Rule,
        Self::Guest,
    ];

    /// As it is signed, sent and stored.
    pub fn code(self) -> u8 {
        match self {
            Self::Door => 1,
            Self::Revocation => 2,
            Self::Person => 3,
            Self::Template => 4,
            Self::Group => 5,
            Self::Rule => 6,
            Self::Guest => 7,
        }
    }

    pub fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Whether what a row is about counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Enabled,
    Disabled,
    /// Gone; the row stays without what it said, so that every door hears of it.
    Removed,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Enabled, Self::Disabled, Self::Removed];

    pub fn code(self) -> u8 {
        match self {
            Self::Enabled => 1,
            Self::Disabled => 2,
            Self::Removed => 3,
        }
    }

    pub fn of(code: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.code() == code)
    }

    pub fn is_shut(self) -> bool {
        self != Self::Enabled
    }
}

/// One row as somebody signed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    pub id: RowId,
    pub revision: Revision,
    pub kind: Kind,
    pub standing: Standing,
    /// Sealed, but for a door's and a revocation's. Where it was removed, or disabled by a door
    /// that knew no more of it, the commit's mark.
    pub body: Vec<u8>,
    /// The row of the door that signed it, or [`RowId::ROOT`].
    pub signer: RowId,
    /// Ed25519, over [`Row::signed_bytes`].
    pub signature: [u8; 64],
}

impl Row {
    /// What its signature is over: everything but the signature, bound to one fleet.
    pub fn signed_bytes(&self, root: &[u8; 32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(b"doorward fleet row 1\0");
        bytes.extend_from_slice(root);
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&self.revision.0.to_be_bytes());
        bytes.extend_from_slice(&[self.kind.code(), self.standing.code()]);
        bytes.extend_from_slice(&self.signer.0);
        bytes.extend_from_slice(&Sha256::digest(&self.body));
        bytes
    }
}

/// Ends a batch: from `base` on, these rows and no others, and what the whole list is then.
#[derive(Clone, PartialEq, Eq)]
pub struct Commit {
    pub base: Position,
    pub position: Position,
    /// Over all rows of the list as it is after this ([`super::List::digest`]).
    pub digest: Hash,
    /// Seconds since 1970 by the signer's clock.
    pub at_s: i64,
    pub signer: RowId,
    pub signature: [u8; 64],
}

impl Commit {
    pub fn signed_bytes(&self, root: &[u8; 32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(192);
        bytes.extend_from_slice(b"doorward fleet commit 1\0");
        bytes.extend_from_slice(root);
        for position in [self.base, self.position] {
            bytes.extend_from_slice(&position.revision.0.to_be_bytes());
            bytes.extend_from_slice(&position.mark.0);
        }
        bytes.extend_from_slice(&self.digest);
        bytes.extend_from_slice(&self.at_s.to_be_bytes());
        bytes.extend_from_slice(&self.signer.0);
        bytes
    }
}

/// What a door may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// That somebody is disabled or removed, and nothing else.
    Disable,
    /// People, templates, groups, rules and guests; not doors.
    Enrol,
}

/// What the fleet knows of a door: the body of its row. The root signs it; a door with another
/// key is another row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorCard {
    /// `[a-z0-9_-]`, 1 to 32 of them.
    pub name: String,
    pub right: Right,
    /// Ed25519.
    pub key: [u8; 32],
    /// SHA-256 of its certificate.
    pub certificate: Hash,
}

impl DoorCard {
    /// Whether a text may be a door's name.
    pub fn is_name(name: &str) -> bool {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        (1..=MAX_DOOR_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
    }

    pub fn encode(&self) -> Vec<u8> {
        let right = match self.right {
            Right::Disable => 1,
            Right::Enrol => 2,
        };
        let mut bytes = vec![1, right];
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&self.certificate);
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let ([1, right], rest) = bytes.split_first_chunk::<2>()? else {
            return None;
        };
        let right = match right {
            1 => Right::Disable,
            2 => Right::Enrol,
            _ => return None,
        };
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (certificate, name) = rest.split_first_chunk::<32>()?;
        let name = std::str::from_utf8(name).ok()?;
        Self::is_name(name).then(|| Self {
            name: name.to_owned(),
            right,
            key: *key,
            certificate: *certificate,
        })
    }
}

fn hexadecimal(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0[..4], f)
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0[..4], f)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Without what is in it.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("id", &self.id)
            .field("revision", &self.revision.0)
            .field("kind", &self.kind)
            .field("standing", &self.standing)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("base", &self.base)
            .field("position", &self.position)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
