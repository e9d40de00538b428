//! Sealing what lies on the card: rows of the database, names in the record and event pictures
//! are unreadable, and cannot be exchanged for each other, without one key of 32 bytes.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce of 24 bytes. What is
//! sealed is bound to its [`Place`]: moved to another row it does not open. From the master
//! key each purpose has a key of its own (HKDF-SHA256, RFC 5869). Pure but for random numbers;
//! where the key lies is told in `source.rs`.

mod key;
mod name;
mod picture;
mod place;
mod source;

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::key::{BadKey, KeyId, MasterKey};
pub use self::name::NameKey;
pub use self::picture::PictureKey;
pub use self::place::Place;
pub use self::source::{
    CREDENTIAL, CREDENTIALS_VARIABLE, KeyError, KeyPlace, Sources, beside, next_beside,
};
pub(crate) use self::source::{read_file, write_new};

/// The first byte of what is sealed: how the rest is to be read.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// What sealing adds to a text or vector.
pub const SEAL_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

type SubKey = Zeroizing<[u8; 32]>;

/// What a key derived from the master is for. The words are part of the derivation and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Rows of the database.
    Rows,
    /// Finding a row by what is sealed in it.
    LookUp,
    /// Signing heads of the record.
    Heads,
    /// Telling whether it is the key.
    Id,
}

impl Purpose {
    fn info(self) -> &'static [u8] {
        match self {
            Self::Rows => b"doorward 1 rows",
            Self::LookUp => b"doorward 1 look-up",
            Self::Heads => b"doorward 1 heads",
            Self::Id => b"doorward 1 id",
        }
    }
}

/// The system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers, without which nothing can be sealed")]
pub struct NoRandom;

/// The master key and what follows from it, in memory.
pub struct Keys {
    master: MasterKey,
    id: KeyId,
    rows: XChaCha20Poly1305,
    look_up: SubKey,
}

impl Keys {
    pub fn new(master: MasterKey) -> Self {
        let rows = derive(master.bytes(), Purpose::Rows);
        let id = derive(master.bytes(), Purpose::Id);
        Self {
            id: KeyId::of(&id),
            rows: XChaCha20Poly1305::new((&*rows).into()),
            look_up: derive(master.bytes(), Purpose::LookUp),
            master,
        }
    }

    /// Which key it is; says nothing of the key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn master(&self) -> &MasterKey {
        &self.master
    }

    /// A key for one purpose, erased from memory when it is dropped.
    pub fn sub_key(&self, purpose: Purpose) -> SubKey {
        derive(self.master.bytes(), purpose)
    }

    /// Seals what belongs to this place and no other.
    ///
    /// # Errors
    /// [`NoRandom`]
    pub fn seal(&self, place: &Place, plain: &[u8]) -> Result<Vec<u8>, NoRandom> {
        seal_with(&self.rows, random()?, place, plain)
    }

    /// What was sealed for this place; nothing if anything of it or the place is another, or
    /// the key is.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open_with(&self.rows, place, sealed)
    }

    /// HMAC-SHA256 by which a row is found again, of a text that belongs to this place.
    pub fn look_up(&self, place: &Place, text: &[u8]) -> [u8; 32] {
        keyed_hash(&self.look_up, place, text)
    }
}

/// Nothing of it.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}

fn derive(master: &[u8; 32], purpose: Purpose) -> SubKey {
    let mut key = Zeroizing::new([0; 32]);
    // 32 bytes are one block of SHA-256, which HKDF always gives.
    let expanded = Hkdf::<Sha256>::new(None, master).expand(purpose.info(), &mut *key);
    debug_assert!(expanded.is_ok(), "one block");
    key
}

fn keyed_hash(key: &[u8; 32], place: &Place, text: &[u8]) -> [u8; 32] {
    // A shorter key than a block is one with zeros behind it (RFC 2104).
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(place.bytes());
    mac.update(&(text.len() as u64).to_le_bytes());
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn seal_with(
    cipher: &XChaCha20Poly1305,
    nonce: [u8; NONCE_BYTES],
    place: &Place,
    plain: &[u8],
) -> Result<Vec<u8>, NoRandom> {
    let payload = Payload {
        msg: plain,
        aad: place.bytes(),
    };
    // It fails for more than 256 GiB alone, which no row has.
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| NoRandom)?;
    let mut all = Vec::with_capacity(SEAL_BYTES + plain.len());
    all.push(VERSION);
    all.extend_from_slice(&nonce);
    all.extend_from_slice(&sealed);
    Ok(all)
}

fn open_with(
    cipher: &XChaCha20Poly1305,
    place: &Place,
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (&version, rest) = sealed.split_first()?;
    let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>()?;
    if version != VERSION {
        return None;
    }
    let payload = Payload {
        msg: text,
        aad: place.bytes(),
    };
    cipher
        .decrypt(&XNonce::from(*nonce), payload)
        .ok()
        .map(Zeroizing::new)
}

/// So many random bytes.
fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    use rustix::rand::{GetRandomFlags, getrandom};
    let mut bytes = [0; N];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(0) => return Err(NoRandom),
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(NoRandom),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
