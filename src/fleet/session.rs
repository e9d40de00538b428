//! A door's end with its disk and its connection, as the process with the network runs it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::answer::{Effect, Notice};
use super::client::{Client, ClientError};
use super::door::Door;
use super::kept::Kept;
use super::keys::{DoorKeys, KeysError, LinkKeys, ListKeys};
use super::list::{List, Refusal};
use super::outbox::{Fault, Outbox};
use super::put::Change;
use super::row::{Mark, RowId};
use super::signing::Root;
use super::store::StoreError;

/// Events in one request.
const MAX_PUSH: u64 = 500;
/// Pages and requests in one turn, so that a hub that never ends cannot hold the door up.
const MAX_TURN_REQUESTS: usize = 2_000;

/// Why a turn came to nothing. The list that was kept stays, and what goes up waits.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("no random numbers: {0}")]
    Random(std::io::Error),
    #[error("the hub's list is refused: {0}")]
    Refused(Refusal),
    #[error("the hub's list did not end after {MAX_TURN_REQUESTS} pages")]
    Endless,
}

/// What somebody has to hear of after a turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Told {
    #[error(transparent)]
    Notice(Notice),
    #[error(transparent)]
    Fault(Fault),
}

/// A door of the fleet.
pub struct Session {
    client: Client,
    kept: Kept,
    door: Door,
    outbox: Outbox,
}

/// Random bytes of the kernel's.
pub(super) fn random<const N: usize>() -> Result<[u8; N], std::io::Error> {
    let mut bytes = [0; N];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    match got == N {
        true => Ok(bytes),
        false => Err(std::io::ErrorKind::Interrupted.into()),
    }
}

impl RowId {
    /// One that no row has; nothing without random numbers.
    pub fn draw() -> Option<Self> {
        random().ok().map(Self)
    }
}

/// Seconds since 1970 by this machine's clock.
pub(super) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

impl Session {
    /// With what is kept at `path`.
    ///
    /// # Errors
    /// [`SessionError`], as for all of these.
    pub fn open(keys: &DoorKeys, path: &Path) -> Result<Self, SessionError> {
        let (list, link) = keys.split();
        Self::with(&list, &link, path)
    }

    /// The same with both halves of the keys.
    pub fn with(keys: &ListKeys, link: &LinkKeys, path: &Path) -> Result<Self, SessionError> {
        let kept = Kept::open(path)?;
        let door = kept.door(keys.root()?, Some(keys.signer()?))?;
        Ok(Self {
            client: Client::new(&link.hub, &link.identity())?,
            outbox: kept.outbox()?,
            kept,
            door,
        })
    }

    pub fn door(&self) -> &Door {
        &self.door
    }

    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Somebody here changes something; what disables acts at once. It goes up in a turn.
    pub fn change(&mut self, change: Change) -> Result<(), SessionError> {
        self.door.change(change);
        Ok(self.kept.keep(&self.door, &[])?)
    }

    /// Something happened here. False if it is too long or too many wait.
    pub fn event(&mut self, body: &[u8]) -> Result<bool, SessionError> {
        Ok(self.kept.event(&mut self.outbox, body)?)
    }

    /// Says all that is to be said, and hears all that is new; waits for up to `wait` for
    /// something new.
    pub async fn turn(&mut self, wait: Duration) -> Result<Vec<Told>, SessionError> {
        let mut told = Vec::new();
        self.push(&mut told).await?;
        self.fetch(Duration::ZERO, &mut told).await?;
        let wait = match self.put(&mut told).await? {
            true => Duration::ZERO,
            false => wait,
        };
        self.fetch(wait, &mut told).await?;
        Ok(told)
    }

    async fn fetch(
        &mut self,
        mut wait: Duration,
        told: &mut Vec<Told>,
    ) -> Result<(), SessionError> {
        for _ in 0..MAX_TURN_REQUESTS {
            let answers = self.client.list(self.door.asks(), wait).await?;
            // What has begun to come is fetched to its end.
            wait = Duration::ZERO;
            for answer in answers {
                let effects = self.kept.take(&mut self.door, answer)?;
                told.extend(notices_of(&effects));
                if matches!(effects[..], [.., Effect::Tell(Notice::Refused(_))]) {
                    return Ok(());
                }
            }
            if !self.door.is_fetching() {
                return Ok(());
            }
        }
        Err(SessionError::Endless)
    }

    async fn push(&mut self, told: &mut Vec<Told>) -> Result<(), SessionError> {
        let fault = push(&mut self.client, &mut self.kept, &mut self.outbox).await?;
        told.extend(fault.map(Told::Fault));
        Ok(())
    }

    /// Whether anything was put.
    async fn put(&mut self, told: &mut Vec<Told>) -> Result<bool, SessionError> {
        let mark = Mark(random().map_err(SessionError::Random)?);
        let (put, notices) = self.door.put(mark, now_s());
        told.extend(notices.into_iter().map(Told::Notice));
        let has_put = put.is_some();
        if let Some(put) = put {
            let answer = self.client.put(put).await?;
            let effects = self.kept.take(&mut self.door, answer)?;
            told.extend(notices_of(&effects));
        } else {
            self.kept.keep(&self.door, &[])?;
        }
        Ok(has_put)
    }
}

/// Pushes all that waits; gives what the hub says against it.
pub(super) async fn push(
    client: &mut Client,
    kept: &mut Kept,
    outbox: &mut Outbox,
) -> Result<Option<Fault>, SessionError> {
    loop {
        let (first, count) = outbox.due(MAX_PUSH);
        let bodies = kept.bodies(first, count)?;
        let before = *outbox;
        let said = client.push(outbox.life(), first, bodies).await?;
        if let Err(fault) = outbox.answer(said) {
            return Ok(Some(fault));
        }
        if *outbox == before {
            return Ok(None);
        }
        kept.answered(outbox)?;
    }
}

fn notices_of(effects: &[Effect]) -> impl Iterator<Item = Told> + '_ {
    effects.iter().filter_map(|effect| match effect {
        Effect::Tell(notice) => Some(Told::Notice(*notice)),
        _ => None,
    })
}

/// A hub's list, verified from its beginning.
///
/// # Errors
/// [`SessionError`]
pub async fn fetch(client: &mut Client, root: Root) -> Result<List, SessionError> {
    let mut door = Door::new(List::new(root), None);
    for _ in 0..MAX_TURN_REQUESTS {
        for answer in client.list(door.asks(), Duration::ZERO).await? {
            for effect in door.take(answer) {
                if let Effect::Tell(Notice::Refused(why)) = effect {
                    return Err(SessionError::Refused(why));
                }
            }
        }
        if !door.is_fetching() {
            return Ok(door.into_list());
        }
    }
    Err(SessionError::Endless)
}
