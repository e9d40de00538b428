//! PINs: what may be one, and how one is kept and checked.
//!
//! A PIN has few digits: no hash keeps it from somebody who has the database, and what keeps
//! it from somebody at the door is the lockout. The hash makes guessing from a stolen card cost
//! something, and keeps PINs that people use elsewhere too from being read there.

use std::fmt;
use std::hint::black_box;

use argon2::{Algorithm, Argon2, Params, Version};
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::{Zeroize, Zeroizing};

/// Fewest digits of a PIN.
pub const MIN_PIN_DIGITS: usize = 4;
/// Most digits of a PIN, and of what is remembered of typing.
pub const MAX_PIN_DIGITS: usize = 12;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Nothing that lies in the database may ask for more: four times what is written there now.
const MAX_MEMORY_KIB: u32 = 4 * Cost::NOW.memory_kib;
const MAX_PASSES: u32 = 4 * Cost::NOW.passes;

/// What was typed: digits, erased from memory when they are dropped.
pub struct Digits {
    /// In one place, which is erased: moving this leaves no copy behind.
    typed: Box<[u8; MAX_PIN_DIGITS]>,
    length: usize,
    /// More were typed than a PIN has: it is none, whatever the first are.
    too_many: bool,
}

impl Digits {
    /// None yet.
    pub fn new() -> Self {
        Self {
            typed: Box::new([0; MAX_PIN_DIGITS]),
            length: 0,
            too_many: false,
        }
    }

    /// Adds a digit, 0 to 9; what is none makes all of it no PIN, as one too many does.
    pub fn push(&mut self, digit: u8) {
        match self.typed.get_mut(self.length) {
            Some(place) if digit < 10 => {
                *place = b'0' + digit;
                self.length += 1;
            }
            _ => self.too_many = true,
        }
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.length == 0 && !self.too_many
    }

    /// How many are remembered, at most [`MAX_PIN_DIGITS`].
    pub fn len(&self) -> usize {
        self.length
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        let more = if self.too_many { "+" } else { "" };
        String::from_utf8_lossy(self.as_bytes()).into_owned() + more
    }

    fn as_bytes(&self) -> &[u8] {
        self.typed.get(..self.length).unwrap_or_default()
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Digits {
    fn drop(&mut self) {
        self.typed.zeroize();
        self.length = 0;
    }
}

/// Not the digits.
impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("digits")
    }
}

/// Why something cannot be a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    #[error("a PIN has only digits, 0 to 9")]
    NotDigits,
    #[error("a PIN has 4 to 12 digits")]
    Length,
    #[error("that PIN is one of the first that somebody tries ({0}); choose another")]
    Trivial(&'static str),
}

/// What may be somebody's PIN.
#[derive(Debug)]
pub struct Pin(Digits);

impl Pin {
    /// # Errors
    /// [`PinError`]
    pub fn new(text: &str) -> Result<Self, PinError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PinError::NotDigits);
        }
        if !(MIN_PIN_DIGITS..=MAX_PIN_DIGITS).contains(&text.len()) {
            return Err(PinError::Length);
        }
        if let Some(why) = trivial(text.as_bytes()) {
            return Err(PinError::Trivial(why));
        }
        let mut digits = Digits::new();
        for byte in text.bytes() {
            digits.push(byte - b'0');
        }
        Ok(Self(digits))
    }
}

/// What makes a PIN one that is tried first.
fn trivial(pin: &[u8]) -> Option<&'static str> {
    let steps = |by: u8| {
        let mut pairs = pin.windows(2);
        // 0 follows 9, as on a telephone, and 9 comes before 0.
        pairs.all(|pair| matches!(pair, [a, b] if (a - b'0' + by) % 10 == b - b'0'))
    };
    if steps(0) {
        return Some("one digit again and again");
    }
    if steps(1) || steps(9) {
        return Some("digits in a row");
    }
    let repeats = |length: usize| {
        let parts = pin.chunks(length);
        pin.len().is_multiple_of(length)
            && parts.clone().all(|part| Some(part) == pin.get(..length))
    };
    if (2..=pin.len() / 2).any(repeats) {
        return Some("a few digits again and again");
    }
    if matches!(pin, b"2580" | b"0852") {
        return Some("the middle of the keypad");
    }
    None
}

/// What checking a PIN costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// Argon2id with 19 MiB, two passes and one lane: the first choice of OWASP's Password
    /// Storage Cheat Sheet. RFC 9106 (section 4) recommends 64 MiB and three passes, which take
    /// longer on a Raspberry Pi 4 than somebody at a door waits.
    pub(crate) const NOW: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };

    /// Whether checking it takes bounded memory and time.
    fn is_bounded(self) -> bool {
        self.memory_kib <= MAX_MEMORY_KIB && self.passes <= MAX_PASSES && self.lanes == 1
    }
}

type Hash = [u8; HASH_BYTES];

/// A person's PIN as it is kept. Both hashes have one salt, so that checking what was typed is
/// one computation, whichever of the two it is, or none.
#[derive(Clone)]
pub struct PinRecord {
    pub(super) cost: Cost,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) hash: Hash,
    /// Of the duress PIN.
    pub(super) duress: Option<Hash>,
}

/// Not the hashes.
impl fmt::Debug for PinRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PIN record")
    }
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinOutcome {
    /// It is the person's PIN.
    Right,
    /// It is the PIN that the person gives when forced to.
    Duress,
    Wrong,
}

/// The hashing failed: no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PIN cannot be hashed: the machine has not enough memory, or no random numbers")]
pub struct CannotHash;

impl PinRecord {
    /// Of somebody who had none, or whose salt need not stay.
    ///
    /// # Errors
    /// [`CannotHash`]
    pub(super) fn new(pin: &Pin) -> Result<Self, CannotHash> {
        let mut salt = [0; SALT_BYTES];
        let filled = getrandom(&mut salt, GetRandomFlags::empty()).map_err(|_| CannotHash)?;
        if filled != SALT_BYTES {
            return Err(CannotHash);
        }
        Ok(Self {
            cost: Cost::NOW,
            salt,
            hash: hash(Cost::NOW, &salt, &pin.0)?,
            duress: None,
        })
    }

    /// What this PIN is here.
    pub(super) fn hash_of(&self, pin: &Pin) -> Result<Hash, CannotHash> {
        hash(self.cost, &self.salt, &pin.0)
    }
}

/// What was typed, for a person with this record. Somebody without a record costs as much time
/// as somebody with one, and has no right PIN.
///
/// # Errors
/// [`CannotHash`]
pub fn check_pin(record: Option<&PinRecord>, typed: &Digits) -> Result<PinOutcome, CannotHash> {
    let nobody = PinRecord {
        cost: Cost::NOW,
        salt: [0; SALT_BYTES],
        hash: [0; HASH_BYTES],
        duress: None,
    };
    let of = record.unwrap_or(&nobody);
    let found = Zeroizing::new(hash(of.cost, &of.salt, typed)?);
    let right = same(&found, &of.hash);
    let duress = same(&found, of.duress.as_ref().unwrap_or(&nobody.hash)) & of.duress.is_some();
    let may_be = record.is_some() & !typed.too_many;
    Ok(match (may_be & right, may_be & duress) {
        (true, _) => PinOutcome::Right,
        (_, true) => PinOutcome::Duress,
        _ => PinOutcome::Wrong,
    })
}

fn hash(cost: Cost, salt: &[u8], digits: &Digits) -> Result<Hash, CannotHash> {
    if !cost.is_bounded() {
        return Err(CannotHash);
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH_BYTES));
    let argon = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        params.map_err(|_| CannotHash)?,
    );
    let mut out = [0; HASH_BYTES];
    argon
        .hash_password_into(digits.as_bytes(), salt, &mut out)
        .map_err(|_| CannotHash)?;
    Ok(out)
}

/// In a time that does not tell where they differ.
fn same(a: &Hash, b: &Hash) -> bool {
    let differing = a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y));
    black_box(differing) == 0
}

pub(super) fn is_same(a: &Hash, b: &Hash) -> bool {
    same(a, b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn typed(text: &str) -> Digits {
        let mut digits = Digits::new();
        text.bytes().for_each(|byte| digits.push(byte - b'0'));
        digits
    }

    #[test]
    fn what_everybody_tries_first_is_no_pin() {
        for trivial in [
            "0000",
            "9999",
            "1234",
            "4321",
            "7890",
            "0987",
            "123456",
            "9876543210",
            "1212",
            "123123",
            "2580",
            "111111111111",
        ] {
            let refused = Pin::new(trivial).unwrap_err();
            assert!(matches!(refused, PinError::Trivial(_)), "{trivial}");
        }
        for none in ["", "12a4", " 4711", "-471", "４７１１", "4711 "] {
            assert_eq!(Pin::new(none).unwrap_err(), PinError::NotDigits, "{none}");
        }
        for length in ["471", "4711471147110"] {
            assert_eq!(Pin::new(length).unwrap_err(), PinError::Length, "{length}");
        }
        for good in ["4711", "1357", "471148", "002581470369"] {
            assert!(Pin::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_pin_is_right_for_its_person_only_and_duress_is_told() {
        let mut ada = PinRecord::new(&Pin::new("4711").unwrap()).unwrap();
        let zoe = PinRecord::new(&Pin::new("4711").unwrap()).unwrap();
        assert_ne!(ada.hash, zoe.hash);
        ada.duress = Some(ada.hash_of(&Pin::new("4712").unwrap()).unwrap());
        let check = |record, text| check_pin(record, &typed(text)).unwrap();
        assert_eq!(check(Some(&ada), "4711"), PinOutcome::Right);
        assert_eq!(check(Some(&ada), "4712"), PinOutcome::Duress);
        assert_eq!(check(Some(&zoe), "4712"), PinOutcome::Wrong);
        for wrong in ["", "471", "47110", "0000", "471100000000000"] {
            assert_eq!(check(Some(&ada), wrong), PinOutcome::Wrong, "{wrong}");
        }
        assert_eq!(check(None, "4711"), PinOutcome::Wrong);
    }

    #[test]
    fn digits_are_bounded_and_one_too_many_is_no_pin() {
        let digits = typed("471147114711");
        assert_eq!(digits.len(), MAX_PIN_DIGITS);
        let record = PinRecord::new(&Pin::new("471147114712").unwrap()).unwrap();
        let more = typed("4711471147123");
        assert_eq!(more.len(), MAX_PIN_DIGITS);
        assert_eq!(check_pin(Some(&record), &more), Ok(PinOutcome::Wrong));
        assert!(!format!("{digits:?} {record:?}").contains("4711"));
    }

    #[test]
    fn what_lies_in_the_database_cannot_ask_for_all_memory() {
        let mut record = PinRecord::new(&Pin::new("4711").unwrap()).unwrap();
        record.cost.memory_kib = u32::MAX;
        assert_eq!(check_pin(Some(&record), &typed("4711")), Err(CannotHash));
    }
}
