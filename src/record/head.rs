//! A head: which record was the newest at some moment, and its hash. Kept outside of the
//! database it shows what the chain alone cannot: that all of it was written anew, or that
//! its end was cut off.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::chain::{Hash, hexadecimal};
use super::signing::NotedHead;

/// What every exported head has in the journal's field `MESSAGE_ID`.
pub const HEAD_MESSAGE_ID: &str = "5d1c7a0e6f0b4c5f9b1d0a7e3c92d48f";
/// What every exported head's message begins with.
const HEAD_MESSAGE: &str = "record head ";

/// Number and hash of a record; 0 and zeroes where there is none yet. As text `ID:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub id: u64,
    pub(super) hash: Hash,
}

impl Head {
    /// The hash in hexadecimal.
    pub(crate) fn hash(&self) -> String {
        hexadecimal(&self.hash)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, hexadecimal(&self.hash))
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "no head; write ID:HASH as `doorward events --verify` prints it";
        let (id, hash) = text.trim().split_once(':').ok_or(WRONG)?;
        let digits = hash.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(WRONG);
        }
        let mut head = Self {
            id: id.parse().map_err(|_| WRONG)?,
            hash: Hash::default(),
        };
        for (byte, pair) in head.hash.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| WRONG)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| WRONG)?;
        }
        Ok(head)
    }
}

impl NotedHead {
    /// The line that goes to the journal.
    pub(crate) fn message(&self, database: &str) -> String {
        let head = self.head;
        match &self.signature {
            Some(signature) => format!("{HEAD_MESSAGE}{head} signed {signature} of {database}"),
            None => format!("{HEAD_MESSAGE}{head} of {database}"),
        }
    }

    /// The head that such a line tells of this database.
    pub(crate) fn from_message(message: &str, database: &str) -> Option<Self> {
        let (head, of) = message.strip_prefix(HEAD_MESSAGE)?.split_once(" of ")?;
        let (head, signature) = match head.split_once(" signed ") {
            Some((head, signature)) => (head, Some(signature.parse().ok()?)),
            None => (head, None),
        };
        let head = head.parse().ok().filter(|_| of == database)?;
        Some(Self { head, signature })
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
