//! Who signed what: Ed25519 (RFC 8032), with the strict check that leaves one signature for one
//! message and key.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::row::{Commit, Hash, Row, RowId};

/// The public key of whoever founded the fleet; it names the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root(pub [u8; 32]);

impl Root {
    /// Whether the key with this public half signed the row for this fleet.
    pub(super) fn signed_row(&self, row: &Row, key: &[u8; 32]) -> bool {
        verify(key, &row.signed_bytes(&self.0), &row.signature)
    }

    pub(super) fn signed_commit(&self, commit: &Commit, key: &[u8; 32]) -> bool {
        verify(key, &commit.signed_bytes(&self.0), &commit.signature)
    }

    /// What the list's digest is made of: a row as it was signed.
    pub(super) fn hash(&self, row: &Row) -> Hash {
        Sha256::digest(row.signed_bytes(&self.0)).into()
    }
}

fn verify(key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(bytes, &Signature::from_bytes(signature))
            .is_ok()
    })
}

/// Somebody who signs: a door, or the root. The key is wiped when it goes.
pub struct Signer {
    id: RowId,
    key: SigningKey,
}

impl Signer {
    /// A door with its secret key, 32 random bytes.
    pub fn new(id: RowId, secret: &[u8; 32]) -> Self {
        Self {
            id,
            key: SigningKey::from_bytes(secret),
        }
    }

    pub fn root(secret: &[u8; 32]) -> Self {
        Self::new(RowId::ROOT, secret)
    }

    pub fn id(&self) -> RowId {
        self.id
    }

    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    pub fn sign_row(&self, root: &Root, row: &mut Row) {
        row.signer = self.id;
        row.signature = self.key.sign(&row.signed_bytes(&root.0)).to_bytes();
    }

    pub fn sign_commit(&self, root: &Root, commit: &mut Commit) {
        commit.signer = self.id;
        commit.signature = self.key.sign(&commit.signed_bytes(&root.0)).to_bytes();
    }
}

/// Nothing of the key.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
