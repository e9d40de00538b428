//! Event pictures, each in a file of its own that opens as the picture of its event alone.

use std::fmt;

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

use super::{NoRandom, Place, open_with, random, seal_with};

/// What event pictures are sealed with. It is kept sealed in the database, and stays when the
/// master key changes.
pub struct PictureKey(XChaCha20Poly1305);

impl PictureKey {
    /// Nothing for what is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.try_into().ok()?);
        Some(Self(XChaCha20Poly1305::new((&*key).into())))
    }

    /// # Errors
    /// [`NoRandom`]
    pub fn seal(&self, event: u64, picture: &[u8]) -> Result<Vec<u8>, NoRandom> {
        seal_with(&self.0, random()?, &place(event), picture)
    }

    /// Nothing for what is not the picture of this event, as it was sealed.
    pub fn open(&self, event: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        open_with(&self.0, &place(event), sealed).map(|picture| picture.to_vec())
    }
}

fn place(event: u64) -> Place {
    Place::new("pictures").number(event.cast_signed())
}

/// Nothing of it.
impl fmt::Debug for PictureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PictureKey")
    }
}
