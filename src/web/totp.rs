//! Codes of an authenticator app: TOTP by RFC 6238 (HMAC-SHA-1, six digits, thirty seconds),
//! which is what every such app can do.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::secret::{self, NoRandom};

/// Seconds a code is for.
const STEP_S: u64 = 30;
const DIGITS: usize = 6;
/// Steps before and after now that are taken too: phones' clocks are not right.
const SKEW_STEPS: u64 = 1;
/// What RFC 4226 recommends.
const KEY_BYTES: usize = 20;
/// Longest key that is taken.
const MAX_KEY_BYTES: usize = 64;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What phone and page share.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpKey(Vec<u8>);

/// Not the key.
impl std::fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TOTP key")
    }
}

impl TotpKey {
    /// A new one.
    ///
    /// # Errors
    /// `NoRandom`
    pub fn make() -> Result<Self, NoRandom> {
        let mut bytes = vec![0; KEY_BYTES];
        secret::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Of base32, as apps show it; `None` if it is none or too short to be a secret.
    pub fn of_base32(text: &str) -> Option<Self> {
        let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
        for letter in text.bytes().filter(|b| !matches!(b, b' ' | b'=')) {
            let letter = letter.to_ascii_uppercase();
            let value = BASE32.iter().position(|b| *b == letter)?;
            bits = (bits << 5) | u32::try_from(value).ok()?;
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
            }
        }
        (KEY_BYTES / 2..=MAX_KEY_BYTES)
            .contains(&bytes.len())
            .then_some(Self(bytes))
    }

    /// As apps take it.
    pub fn base32(&self) -> String {
        let (mut bits, mut count, mut text) = (0_u32, 0, String::new());
        let mut push = |index: u32| {
            let letter = BASE32.get(index as usize & 31).copied().unwrap_or(b'A');
            text.push(char::from(letter));
        };
        for byte in &self.0 {
            bits = (bits << 8) | u32::from(*byte);
            count += 8;
            while count >= 5 {
                count -= 5;
                push(bits >> count);
            }
        }
        if count > 0 {
            push(bits << (5 - count));
        }
        text
    }

    /// The code of a step.
    pub fn code(&self, step: u64) -> String {
        // A key of any length is taken.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let offset = usize::from(hash.last().copied().unwrap_or(0) & 0xf);
        let part = hash.get(offset..offset + 4).unwrap_or_default();
        let number = part
            .iter()
            .fold(0_u32, |all, byte| (all << 8) | u32::from(*byte))
            & 0x7fff_ffff;
        format!("{:0width$}", number % 1_000_000, width = DIGITS)
    }

    /// Which step a code is of, if it is one of around `now_s` and later than `after`, the step
    /// that was used last: a code that was looked at is of no use again.
    pub(super) fn step_of(&self, code: &str, now_s: u64, after: Option<u64>) -> Option<u64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let now = step_at(now_s);
        let steps = now.saturating_sub(SKEW_STEPS)..=now.saturating_add(SKEW_STEPS);
        let mut found = None;
        for step in steps {
            if secret::is_same(&self.code(step), &code) && after.is_none_or(|last| step > last) {
                found = Some(step);
            }
        }
        found
    }
}

/// The step of a moment, in seconds since 1970.
pub fn step_at(now_s: u64) -> u64 {
    now_s / STEP_S
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 6238, appendix B, the last six digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let key = TotpKey(b"12345678901234567890".to_vec());
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(key.code(step_at(seconds)), code, "{seconds}");
        }
        assert_eq!(key.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(TotpKey::of_base32(&key.base32()), Some(key));
    }

    #[test]
    fn a_code_counts_once_and_only_around_its_time() {
        let key = TotpKey::make().unwrap();
        let now = 1_700_000_000;
        let code = key.code(step_at(now));
        let step = key.step_of(&code, now, None).unwrap();
        assert_eq!(key.step_of(&code, now, Some(step)), None);
        assert_eq!(key.step_of(&code, now + 30, None), Some(step));
        assert_eq!(key.step_of(&code, now + 90, None), None);
        assert_eq!(key.step_of("", now, None), None);
        assert_eq!(TotpKey::of_base32(&key.base32()), Some(key));
        for none in ["", "AAAA", "no base32!", &"A".repeat(200)] {
            assert_eq!(TotpKey::of_base32(none), None, "{none}");
        }
    }
}
