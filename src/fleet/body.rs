//! What rows say, sealed: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce, under a
//! key that only doors have, bound to the row's id and kind. Moved to another row it does not open.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::row::{Hash, Kind, RowId};
use super::session::random;

/// The first byte of a body: how the rest is to be read.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
/// A body is as long as a multiple of this, so that its length tells little of a name.
const PAD_BYTES: usize = 128;

/// The fleet's key, for each of its purposes.
pub struct Sealing {
    bodies: XChaCha20Poly1305,
    digests: Zeroizing<[u8; 32]>,
}

fn derive(key: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    // 32 bytes are one block of SHA-256, which HKDF always gives.
    let expanded = Hkdf::<Sha256>::new(None, key).expand(purpose, &mut *derived);
    debug_assert!(expanded.is_ok(), "one block");
    derived
}

impl Sealing {
    pub fn new(key: &[u8; 32]) -> Self {
        let bodies = derive(key, b"doorward fleet 1 bodies");
        Self {
            bodies: XChaCha20Poly1305::new((&*bodies).into()),
            digests: derive(key, b"doorward fleet 1 digests"),
        }
    }

    fn place(id: RowId, kind: Kind) -> Vec<u8> {
        let mut place = b"doorward fleet body 1\0".to_vec();
        place.extend_from_slice(&id.0);
        place.push(kind.code());
        place
    }

    /// Text that belongs to this row, sealed; nothing without random numbers.
    pub fn seal(&self, id: RowId, kind: Kind, text: &str) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = random().ok()?;
        let mut padded = Zeroizing::new(text.as_bytes().to_vec());
        // White space at the end of JSON says nothing.
        let length = padded.len().next_multiple_of(PAD_BYTES);
        padded.resize(length, b' ');
        let payload = Payload {
            msg: &padded,
            aad: &Self::place(id, kind),
        };
        let sealed = self
            .bodies
            .encrypt(XNonce::from_slice(&nonce), payload)
            .ok()?;
        let mut body = vec![VERSION];
        body.extend_from_slice(&nonce);
        body.extend_from_slice(&sealed);
        Some(body)
    }

    /// What was sealed for this row; nothing if anything of it is another.
    pub fn open(&self, id: RowId, kind: Kind, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (version, rest) = body.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        if *version != VERSION {
            return None;
        }
        let payload = Payload {
            msg: sealed,
            aad: &Self::place(id, kind),
        };
        let opened = self.bodies.decrypt(XNonce::from_slice(nonce), payload);
        opened.ok().map(Zeroizing::new)
    }

    /// HMAC-SHA256, by which two texts are compared without keeping one.
    pub fn digest(&self, text: &[u8]) -> Hash {
        // A shorter key than a block is one with zeros behind it (RFC 2104).
        let mut block = Zeroizing::new([0; 64]);
        block
            .iter_mut()
            .zip(self.digests.iter())
            .for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It opens in its own row, under its own key, unchanged, and nowhere else.
        #[test]
        fn a_body_opens_where_it_belongs(text in "[a-z \"{}]{0,300}", flip in any::<prop::sample::Index>(), id: [u8; 16]) {
            let sealing = Sealing::new(&[7; 32]);
            let row = RowId(id);
            let body = sealing.seal(row, Kind::Person, &text).unwrap();
            let opened = sealing.open(row, Kind::Person, &body).unwrap();
            prop_assert!(opened.starts_with(text.as_bytes()));
            prop_assert_eq!(opened.len() % PAD_BYTES, 0);
            prop_assert!(sealing.open(row, Kind::Template, &body).is_none());
            prop_assert!(sealing.open(RowId([9; 16]), Kind::Person, &body).is_none() || id == [9; 16]);
            prop_assert!(Sealing::new(&[8; 32]).open(row, Kind::Person, &body).is_none());
            let mut changed = body;
            let place = flip.index(changed.len());
            changed[place] ^= 1;
            prop_assert!(sealing.open(row, Kind::Person, &changed).is_none());
        }
    }
}
