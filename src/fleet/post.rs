//! The end of whoever has the network and no key of the list: events that go up from a file of
//! its own, and errands that are carried as they are.

use std::path::Path;
use std::time::Duration;

use super::client::{Client, ClientError};
use super::kept::Kept;
use super::keys::LinkKeys;
use super::outbox::{Fault, Outbox};
use super::session::{SessionError, push};

/// A request that somebody else made, and whose answer somebody else reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// What is new; the hub waits so long for it.
    List(Duration),
    /// To have rows stored.
    Put,
}

/// Brings requests to a hub.
pub struct Carrier(Client);

impl Carrier {
    /// # Errors
    /// [`ClientError`]
    pub fn new(keys: &LinkKeys) -> Result<Self, ClientError> {
        Ok(Self(Client::new(&keys.hub, &keys.identity())?))
    }

    /// The hub's answer, byte for byte.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn carry(&mut self, errand: Errand, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.0.carry(errand, body).await
    }
}

/// A door's events on their way up.
pub struct Post {
    client: Client,
    kept: Kept,
    outbox: Outbox,
}

impl Post {
    /// With what is kept at `path`.
    ///
    /// # Errors
    /// [`SessionError`], as for all of these.
    pub fn open(keys: &LinkKeys, path: &Path) -> Result<Self, SessionError> {
        let kept = Kept::open(path)?;
        Ok(Self {
            client: Client::new(&keys.hub, &keys.identity())?,
            outbox: kept.outbox()?,
            kept,
        })
    }

    /// Whether it was taken already.
    pub fn has_event(&self, body: &[u8]) -> Result<bool, SessionError> {
        Ok(self.kept.has_event(body)?)
    }

    /// Something happened here. False if it is too long or too many wait.
    pub fn event(&mut self, body: &[u8]) -> Result<bool, SessionError> {
        Ok(self.kept.event(&mut self.outbox, body)?)
    }

    /// Pushes all that waits; gives what the hub says against it.
    pub async fn push(&mut self) -> Result<Option<Fault>, SessionError> {
        push(&mut self.client, &mut self.kept, &mut self.outbox).await
    }
}
