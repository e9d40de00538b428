//! The door's end of a fleet: events go up to the hub, and the list comes down as sealed rows that
//! nobody opens here.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::feed::{NotTaken, Receiver};
use super::outgoing::Outgoing;
use crate::config;
use crate::files::{self, Kind};
use crate::fleet::{DoorKeys, Session, SessionError};
use crate::ipc::State;

/// From one turn with the hub to the next, and after one that came to nothing.
const TURN_INTERVAL: Duration = Duration::from_secs(2);
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// Why a door cannot be one of a fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("cannot read {}, which fleet.keys names: {source}; `doorward fleet join` makes it", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}, which fleet.keys names, is not the file that `doorward fleet join` makes: {source}", path.display())]
    Wrong {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("no thread for the fleet: {0}")]
    Runtime(std::io::Error),
}

/// This door in its fleet.
pub(super) struct Fleet {
    runtime: Runtime,
    session: Session,
    next_at: Instant,
    is_reached: bool,
}

impl Fleet {
    /// As it is configured; nothing where it has no keys. What it keeps is in `folder`.
    ///
    /// # Errors
    /// [`FleetError`]
    pub(super) fn new(
        fleet: &config::BridgeFleet,
        folder: &std::path::Path,
    ) -> Result<Option<Self>, FleetError> {
        let Some(path) = &fleet.keys else {
            return Ok(None);
        };
        let text = files::read_text(path, Kind::Note).map_err(|source| FleetError::Read {
            path: path.clone(),
            source,
        })?;
        let text = zeroize::Zeroizing::new(text);
        let keys: DoorKeys = serde_json::from_str(&text).map_err(|source| FleetError::Wrong {
            path: path.clone(),
            source,
        })?;
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Some(Self {
            runtime: runtime.map_err(FleetError::Runtime)?,
            session: Session::open(&keys, &folder.join("fleet.db"))?,
            next_at: Instant::now(),
            is_reached: true,
        }))
    }
}

impl Receiver for Fleet {
    /// Kept on the disk, and so told: it goes up with the next turn.
    fn deliver(&mut self, event: &Outgoing) -> Result<(), NotTaken> {
        let body = serde_json::Value::Object(event.body(false)).to_string();
        // One that was kept before the bridge could note so comes again.
        let kept = self.session.kept().newest();
        let is_kept = kept.map(|kept| kept.as_deref() == Some(body.as_bytes()));
        let is_kept = is_kept.map_err(|error| NotTaken(error.to_string()))?;
        if is_kept {
            return Ok(());
        }
        match self.session.event(body.as_bytes()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotTaken(
                "as many events wait for the hub as are kept".into(),
            )),
            Err(error) => Err(NotTaken(error.to_string())),
        }
    }

    fn now(&mut self, _: Option<&State>) {
        self.turn();
    }

    fn turn(&mut self) {
        if Instant::now() < self.next_at {
            return;
        }
        let turned = self.runtime.block_on(self.session.turn(Duration::ZERO));
        let wait = match &turned {
            Ok(_) => TURN_INTERVAL,
            Err(_) => RETRY_INTERVAL,
        };
        self.next_at = Instant::now() + wait;
        match turned {
            Ok(told) => {
                if !self.is_reached {
                    log::info!("fleet: the hub answers again");
                }
                self.is_reached = true;
                for one in told {
                    log::warn!("fleet: {one}");
                }
            }
            Err(error) => {
                if self.is_reached {
                    log::warn!("fleet: {error}; the door goes on with what it has");
                }
                self.is_reached = false;
            }
        }
    }
}
