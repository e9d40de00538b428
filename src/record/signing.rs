//! Signatures of heads (Ed25519, RFC 8032). Whoever can write the database can make the whole
//! record anew, and its heads with it; a signature takes the key too. What is signed is a head,
//! and so all that the chain has up to it.
//!
//! A key that takes the place of another is handed over: both sign that. Who trusts one of them
//! can so trust heads that the other signed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::head::Head;

/// What is signed begins with what it is.
const HEAD_WORDS: &[u8] = b"doorward 1 head of the record\0";
const HANDOVER_WORDS: &[u8] = b"doorward 1 key of heads handed over\0";
/// What the text of a public key begins with, so that it is told from other texts.
const PREFIX: &str = "doorward-heads-1:";

/// The key that signs heads. Erased from memory when it is dropped.
pub struct HeadKey(SigningKey);

/// What its signatures are checked with. As text `doorward-heads-1:` and base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// Of a head, or of a handover. As text base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HeadSignature([u8; 64]);

/// A head as it was noted elsewhere, with its signature if it has one. As text `ID:HASH`, or
/// `ID:HASH:SIGNATURE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotedHead {
    pub head: Head,
    pub signature: Option<HeadSignature>,
}

/// That one key took the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    pub before: PublicKey,
    pub after: PublicKey,
    pub by_before: HeadSignature,
    pub by_after: HeadSignature,
}

impl HeadKey {
    /// From 32 bytes that nobody else knows.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub fn sign(&self, head: Head) -> HeadSignature {
        HeadSignature(self.0.sign(&of_head(head)).to_bytes())
    }

    /// To the key that takes its place.
    pub fn hand_over(&self, to: &Self) -> Handover {
        let (before, after) = (self.public(), to.public());
        let words = of_handover(before, after);
        Handover {
            before,
            after,
            by_before: HeadSignature(self.0.sign(&words).to_bytes()),
            by_after: HeadSignature(to.0.sign(&words).to_bytes()),
        }
    }
}

/// Heads are signed with another key from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadKeyNamed {
    /// The public one, as text.
    pub key: String,
    /// The one before, where it was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Nothing of it.
impl fmt::Debug for HeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeadKey({})", self.public())
    }
}

fn of_head(head: Head) -> Vec<u8> {
    [HEAD_WORDS, &head.id.to_le_bytes(), &head.hash].concat()
}

fn of_handover(before: PublicKey, after: PublicKey) -> Vec<u8> {
    [HANDOVER_WORDS, &before.0, &after.0].concat()
}

impl PublicKey {
    /// Nothing for what is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 32] = bytes.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(|_| Self(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it signed this head.
    pub fn signed(&self, head: Head, signature: &HeadSignature) -> bool {
        self.verifies(&of_head(head), signature)
    }

    fn verifies(&self, words: &[u8], signature: &HeadSignature) -> bool {
        let signature = Signature::from_bytes(&signature.0);
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(words, &signature).is_ok())
    }
}

impl HeadSignature {
    /// Nothing for what is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// All keys that can be trusted if one can: those it was handed over from or to, and so on.
/// A key vouches for the one after it, and for the one before.
pub fn trusted(key: PublicKey, handovers: &[Handover]) -> BTreeSet<PublicKey> {
    let mut trusted = BTreeSet::from([key]);
    loop {
        let before = trusted.len();
        for one in handovers {
            let words = of_handover(one.before, one.after);
            if trusted.contains(&one.before) && one.before.verifies(&words, &one.by_before) {
                trusted.insert(one.after);
            }
            if trusted.contains(&one.after) && one.after.verifies(&words, &one.by_after) {
                trusted.insert(one.before);
            }
        }
        if trusted.len() == before {
            return trusted;
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HeadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl fmt::Debug for HeadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "no public key of heads; `doorward events --public-key` prints it, doorward-heads-1: and 43 characters";
        let text = text.trim().strip_prefix(PREFIX).ok_or(WRONG)?;
        let bytes = BASE64.decode(text).map_err(|_| WRONG)?;
        Self::from_bytes(&bytes).ok_or(WRONG)
    }
}

impl FromStr for HeadSignature {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "no signature of a head; it is 86 characters of base64";
        let bytes = BASE64.decode(text.trim()).map_err(|_| WRONG)?;
        Self::from_bytes(&bytes).ok_or(WRONG)
    }
}

impl From<Head> for NotedHead {
    fn from(head: Head) -> Self {
        Self {
            head,
            signature: None,
        }
    }
}

impl fmt::Display for NotedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.head)?;
        match &self.signature {
            Some(signature) => write!(f, ":{signature}"),
            None => Ok(()),
        }
    }
}

impl FromStr for NotedHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (head, signature) = match text.match_indices(':').nth(1) {
            Some((at, _)) => {
                let (head, rest) = text.split_at(at);
                (head, Some(rest.trim_start_matches(':').parse()?))
            }
            None => (text, None),
        };
        Ok(Self {
            head: head.parse()?,
            signature,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn key(seed: u8) -> HeadKey {
        HeadKey::from_seed(&[seed; 32])
    }

    fn head(id: u64, byte: u8) -> Head {
        Head {
            id,
            hash: [byte; 32],
        }
    }

    proptest! {
        // Each takes a tenth of a second where nothing is optimised.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_signature_is_of_one_head_by_one_key(
            (a, b) in (any::<u8>(), any::<u8>()),
            (id, other) in (any::<u64>(), any::<u64>()),
            (hash, changed) in (any::<u8>(), any::<u8>()),
            flip in 0..512usize,
        ) {
            let signature = key(a).sign(head(id, hash));
            let public = key(a).public();
            prop_assert!(public.signed(head(id, hash), &signature));
            prop_assert_eq!(key(b).public().signed(head(id, hash), &signature), a == b);
            prop_assert_eq!(public.signed(head(other, hash), &signature), id == other);
            prop_assert_eq!(public.signed(head(id, changed), &signature), hash == changed);
            let mut bent = signature;
            bent.0[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(!public.signed(head(id, hash), &bent));
            // As text and back.
            let noted = NotedHead { head: head(id, hash), signature: Some(signature) };
            prop_assert_eq!(noted.to_string().parse::<NotedHead>(), Ok(noted));
            prop_assert_eq!(public.to_string().parse::<PublicKey>(), Ok(public));
        }

        #[test]
        fn no_key_is_trusted_that_was_not_handed_over(
            links in prop::collection::vec((0..6u8, 0..6u8, any::<bool>()), 0..8),
            from in 0..6u8,
        ) {
            // A forged one is signed by keys that somebody else made up.
            let handovers: Vec<Handover> = links.iter().map(|&(before, after, is_forged)| {
                let honest = key(before).hand_over(&key(after));
                let forged = key(before + 100).hand_over(&key(after + 100));
                match is_forged {
                    false => honest,
                    true => Handover {
                        by_before: forged.by_before,
                        by_after: forged.by_after,
                        ..honest
                    },
                }
            }).collect();
            let mut reached = BTreeSet::from([from]);
            for _ in 0..6 {
                for &(before, after, is_forged) in &links {
                    if !is_forged && (reached.contains(&before) || reached.contains(&after)) {
                        reached.extend([before, after]);
                    }
                }
            }
            let reached: BTreeSet<PublicKey> = reached.iter().map(|n| key(*n).public()).collect();
            prop_assert_eq!(trusted(key(from).public(), &handovers), reached);
        }
    }

    #[test]
    fn what_is_no_key_or_head_is_none() {
        for text in [
            "",
            "doorward-heads-1:",
            "doorward-heads-1:AAAA",
            "12:ab",
            "1",
        ] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
            assert!(text.parse::<NotedHead>().is_err(), "{text}");
        }
        let head = format!("12:{}", "ab".repeat(32));
        assert!(head.parse::<NotedHead>().unwrap().signature.is_none());
        assert!(format!("{head}:").parse::<NotedHead>().is_err());
        assert!(format!("{head}:AAAA").parse::<NotedHead>().is_err());
    }
}
