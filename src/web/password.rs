//! Passwords: what may be one, and how one is kept and checked.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::secret::{self, NoRandom};

/// Fewest characters of a password.
pub const MIN_PASSWORD_CHARS: usize = 10;
/// Most bytes of one.
pub const MAX_PASSWORD_BYTES: usize = 256;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Argon2id with 19 MiB, two passes and one lane: the first choice of OWASP's Password Storage
/// Cheat Sheet.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Nothing in the accounts file may ask for more.
const MAX_MEMORY_KIB: u32 = 4 * MEMORY_KIB;
const MAX_PASSES: u32 = 4 * PASSES;
/// Letters and digits that nobody takes for another.
const READABLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Why something cannot be a password, or cannot be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has at least {MIN_PASSWORD_CHARS} characters; take a few words")]
    Short,
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    Long,
    #[error("that password is one of the first that somebody tries; take a few words")]
    Trivial,
    #[error("a password cannot be hashed: the machine has not enough memory")]
    Memory,
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// A random password, in groups that can be read aloud.
///
/// # Errors
/// `NoRandom`
pub fn generate() -> Result<String, NoRandom> {
    let mut bytes = [0; 20];
    secret::fill(&mut bytes)?;
    let letter = |b: &u8| char::from(READABLE.get(usize::from(b & 31)).copied().unwrap_or(b'x'));
    let groups: Vec<String> = bytes
        .chunks(5)
        .map(|group| group.iter().map(letter).collect())
        .collect();
    Ok(groups.join("-"))
}

/// Whether it may be the password of an account.
///
/// # Errors
/// [`PasswordError`]
pub fn check(password: &str, account: &str) -> Result<(), PasswordError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::Long);
    }
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(PasswordError::Short);
    }
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    let lower = password.to_lowercase();
    let begins = [
        "password",
        "passwort",
        "doorward",
        "1234567890",
        "qwertyuiop",
    ];
    let has_name = lower.contains(&account.to_lowercase()) && lower.len() < account.len() + 8;
    if different.len() < 5 || begins.iter().any(|b| lower.starts_with(b)) || has_name {
        return Err(PasswordError::Trivial);
    }
    Ok(())
}

/// What is kept of a password, in the PHC string format.
///
/// # Errors
/// [`PasswordError`]
pub fn keep(password: &str) -> Result<String, PasswordError> {
    let mut salt = [0; SALT_BYTES];
    secret::fill(&mut salt)?;
    let hash = hash(password, &salt, MEMORY_KIB, PASSES).ok_or(PasswordError::Memory)?;
    Ok(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${}${}",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(hash)
    ))
}

/// A hash as it stands in the accounts file, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Kept {
    memory_kib: u32,
    passes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Kept {
    /// `None` if it is no such string or asks for more than is bounded.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$').skip(1);
        let (kind, version, cost) = (parts.next()?, parts.next()?, parts.next()?);
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let mut costs = cost.split(',');
        let memory_kib = costs.next()?.strip_prefix("m=")?.parse().ok()?;
        let passes = costs.next()?.strip_prefix("t=")?.parse().ok()?;
        let is_known = kind == "argon2id" && version == "v=19" && costs.next() == Some("p=1");
        let is_bounded = (8..=MAX_MEMORY_KIB).contains(&memory_kib)
            && (1..=MAX_PASSES).contains(&passes)
            && (8..=64).contains(&salt.len())
            && hash.len() == HASH_BYTES;
        (is_known && is_bounded && parts.next().is_none()).then_some(Self {
            memory_kib,
            passes,
            salt,
            hash,
        })
    }

    /// Of no password, to be compared in the time that a real one takes.
    pub(super) fn nobody() -> Self {
        Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt: vec![0; SALT_BYTES],
            hash: vec![0; HASH_BYTES],
        }
    }

    /// Whether it is this password. Takes a tenth of a second and 19 MiB.
    pub(super) fn is(&self, password: &str) -> bool {
        password.len() <= MAX_PASSWORD_BYTES
            && hash(password, &self.salt, self.memory_kib, self.passes)
                .is_some_and(|found| secret::is_same_bytes(&found, &self.hash))
    }
}

fn hash(password: &str, salt: &[u8], memory_kib: u32, passes: u32) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(memory_kib, passes, 1, Some(HASH_BYTES)).ok()?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; HASH_BYTES];
    argon
        .hash_password_into(password.as_bytes(), salt, &mut out)
        .ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_is_kept_as_a_hash_and_found_again() {
        let password = generate().unwrap();
        check(&password, "ada").unwrap();
        let kept = keep(&password).unwrap();
        assert!(!kept.contains(&password));
        let kept = Kept::parse(&kept).unwrap();
        assert!(kept.is(&password));
        assert!(!kept.is("another password"));
        assert!(!kept.is(&"x".repeat(MAX_PASSWORD_BYTES + 1)));
        assert!(!Kept::nobody().is(""));
    }

    #[test]
    fn what_everybody_tries_first_is_no_password() {
        for wrong in [
            "",
            "short",
            "aaaaaaaaaaaa",
            "password123",
            "ada1234567",
            "1212121212",
        ] {
            assert!(check(wrong, "ada").is_err(), "{wrong}");
        }
        assert!(check("correct horse battery", "ada").is_ok());
    }

    #[test]
    fn a_hash_asks_for_bounded_work() {
        for wrong in [
            "",
            "plain",
            "$argon2id$v=19$m=4000000,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
            "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        ] {
            assert!(Kept::parse(wrong).is_none(), "{wrong}");
        }
    }
}
