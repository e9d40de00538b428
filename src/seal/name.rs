//! Names in the record. A record is never written anew, so a name in it is sealed under a key
//! of its person: without that row of the database nobody reads the name again, and the chain
//! of the record still holds.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

use super::{NONCE_BYTES, NoRandom, Place, SEAL_BYTES, keyed_hash, open_with, random, seal_with};

/// What a sealed name begins with. No name does: `#` is how numbers of people start.
const MARK: &str = "#sealed:";

/// One person's key for the names in the record.
pub struct NameKey {
    key: Zeroizing<[u8; 32]>,
    cipher: XChaCha20Poly1305,
}

impl NameKey {
    /// # Errors
    /// [`NoRandom`]
    pub fn generate() -> Result<Self, NoRandom> {
        Ok(Self::new(Zeroizing::new(random()?)))
    }

    /// Nothing for what is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(Zeroizing::new(bytes.try_into().ok()?)))
    }

    fn new(key: Zeroizing<[u8; 32]>) -> Self {
        // One key for the nonce, and another for what it is used with.
        let of_cipher = keyed_hash(&key, &Place::new("record.name cipher"), &[]);
        let of_cipher = Zeroizing::new(of_cipher);
        let cipher = XChaCha20Poly1305::new((&*of_cipher).into());
        Self { key, cipher }
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// The text that stands for a name of this person. The same name gives the same text, so
    /// that records of one name can be counted without opening each: the nonce is a keyed hash
    /// of the name.
    ///
    /// # Errors
    /// [`NoRandom`]
    pub fn seal(&self, person: i64, name: &str) -> Result<String, NoRandom> {
        let place = place(person);
        let hash = keyed_hash(&self.key, &place, name.as_bytes());
        let mut nonce = [0; NONCE_BYTES];
        nonce.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        let sealed = seal_with(&self.cipher, nonce, &place, name.as_bytes())?;
        Ok(MARK.to_owned() + &BASE64.encode(sealed))
    }

    /// The name; nothing if it is another person's, another key's or no sealed name.
    pub fn open(&self, person: i64, text: &str) -> Option<String> {
        let sealed = BASE64.decode(text.strip_prefix(MARK)?).ok()?;
        let name = open_with(&self.cipher, &place(person), &sealed)?;
        String::from_utf8(name.to_vec()).ok()
    }

    /// Whether a text stands for a sealed name.
    pub fn is_sealed(text: &str) -> bool {
        let least = SEAL_BYTES * 4 / 3;
        text.strip_prefix(MARK)
            .is_some_and(|rest| rest.len() >= least)
    }
}

fn place(person: i64) -> Place {
    Place::new("record.name").number(person)
}

/// Nothing of it.
impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameKey")
    }
}
