//! The master key: 32 random bytes, and the text it is kept as.

use std::fmt;

use zeroize::Zeroizing;

use super::{NoRandom, random};

/// What the text of a key begins with, so that it is told from other texts.
const PREFIX: &str = "doorward-key-1:";
const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("it does not begin with {PREFIX}, as keys of doorward do")]
    Prefix,
    #[error("after {PREFIX} it has {0} characters, and a key has 64 hexadecimal digits")]
    Length(usize),
    #[error("after {PREFIX} it has something else than hexadecimal digits")]
    Digits,
}

/// The key that all others are derived from. In one place, which is erased.
pub struct MasterKey(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl MasterKey {
    /// # Errors
    /// [`NoRandom`]
    pub fn generate() -> Result<Self, NoRandom> {
        let mut key = Self(Box::default());
        *key.0 = Zeroizing::new(random()?);
        Ok(key)
    }

    /// From its text, with or without a line's end.
    ///
    /// # Errors
    /// [`BadKey`]
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let digits = text.trim_end().strip_prefix(PREFIX).ok_or(BadKey::Prefix)?;
        let count = digits.chars().count();
        if count != 2 * KEY_BYTES {
            return Err(BadKey::Length(count));
        }
        let mut key = Self(Box::default());
        for (byte, pair) in key.0.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let digit = |at: usize| pair.get(at).and_then(|d| char::from(*d).to_digit(16));
            let (high, low) = digit(0).zip(digit(1)).ok_or(BadKey::Digits)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(key)
    }

    /// Its text, a line.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Long enough from the beginning, so that no copy is left behind.
        let mut text = String::with_capacity(PREFIX.len() + 2 * KEY_BYTES + 1);
        text.push_str(PREFIX);
        for byte in self.0.iter() {
            for half in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(half.into(), 16));
            }
        }
        text.push('\n');
        Zeroizing::new(text)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// Nothing of it.
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Which key it is, as people and the database know it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; ID_BYTES]);

impl KeyId {
    pub(super) fn of(derived: &[u8; 32]) -> Self {
        let mut id = [0; ID_BYTES];
        id.iter_mut()
            .zip(derived)
            .for_each(|(to, from)| *to = *from);
        Self(id)
    }

    /// Nothing for what is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
