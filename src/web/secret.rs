//! Random tokens, and comparing without telling where things differ.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest as _, Sha256};

const TOKEN_BYTES: usize = 32;

/// The machine gives no random numbers: nothing secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine gives no random numbers; start it again")]
pub struct NoRandom;

/// Fills it with random bytes.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), NoRandom> {
    match getrandom(&mut *bytes, GetRandomFlags::empty()) {
        Ok(filled) if filled == bytes.len() => Ok(()),
        _ => Err(NoRandom),
    }
}

/// 256 random bits, as text for a cookie or a form.
pub(super) fn token() -> Result<String, NoRandom> {
    let mut bytes = [0; TOKEN_BYTES];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A token as it is looked up: who reads it in a core file has no session.
pub(super) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    is_same_bytes(&digest(a), &digest(b))
}

/// Of equal length, in a time that does not tell where they differ.
pub(super) fn is_same_bytes(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y));
    a.len() == b.len() && black_box(differing) == 0
}
