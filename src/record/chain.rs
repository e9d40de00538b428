//! The hash chain: each record's hash covers its own body, its number and the hash
//! before it, so that nothing can be changed, removed or put in between without
//! every later hash being wrong (as in Schneier and Kelsey, "Secure audit logs to
//! support computer forensics", 1999).
//!
//! What a chain alone cannot show is that its newest records were cut off, or that
//! all of it was written anew: a head that is kept somewhere else shows that (`head.rs`).

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// SHA-256.
pub(super) type Hash = [u8; 32];

/// The hash of a record: SHA-256 of the hash before, the number in 8 bytes little-endian
/// and the bytes of the body. A record of format 0 is hashed as it was when it was written.
pub(super) fn hash(previous: &Hash, id: i64, body: &[u8]) -> Hash {
    if let Some(row) = Format0::read(body) {
        return row.hash(previous, id);
    }
    let mut sha = Sha256::new();
    sha.update(previous);
    sha.update(id.to_le_bytes());
    sha.update(body);
    sha.finalize().into()
}

pub(super) fn hexadecimal(hash: &Hash) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A record from before there were bodies: a row of columns, each of which was hashed. The
/// migration put the columns into a body and kept the hash, so that a head that was noted
/// before it still proves something after it.
#[derive(Deserialize)]
struct Format0 {
    format: u32,
    at_ms: i64,
    event: Map<String, Value>,
}

impl Format0 {
    fn read(body: &[u8]) -> Option<Self> {
        let row: Self = serde_json::from_slice(body).ok()?;
        (row.format == 0).then_some(row)
    }

    /// SHA-256 of the hash before and of every column as a type letter, its length in
    /// 8 bytes and its bytes. Numbers little-endian.
    fn hash(&self, previous: &Hash, id: i64) -> Hash {
        let mut sha = Sha256::new();
        sha.update(previous);
        let mut add = |letter: u8, bytes: &[u8]| {
            sha.update([letter]);
            sha.update((bytes.len() as u64).to_le_bytes());
            sha.update(bytes);
        };
        add(b'i', &id.to_le_bytes());
        add(b'i', &self.at_ms.to_le_bytes());
        for (column, letter) in [
            ("kind", b't'),
            ("person_id", b'i'),
            ("person", b't'),
            ("score", b'r'),
            ("threshold", b'r'),
            ("model", b't'),
            ("frames", b'i'),
            ("why", b't'),
            ("detail", b't'),
            ("actor", b't'),
        ] {
            match self.event.get(column).unwrap_or(&Value::Null) {
                Value::Null => add(b'n', &[]),
                value if letter == b'r' => add(b'r', &real(value).to_le_bytes()),
                Value::String(text) => add(b't', text.as_bytes()),
                // Nothing else is a number: what is no integer was not written by a doorward.
                number => add(b'i', &number.as_i64().unwrap_or(0).to_le_bytes()),
            }
        }
        sha.finalize().into()
    }
}

/// All scores were written as f32; the way through decimal digits is exact for those. JSON
/// has no infinity: the migration wrote a text.
fn real(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => f64::from(value.as_f64().unwrap_or(f64::NAN) as f32),
    }
}
