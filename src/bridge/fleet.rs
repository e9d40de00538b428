//! The door's end of a fleet, as far as it has a network: events go up to the hub, and requests
//! that the daemon made are carried there and their answers back, as they are. Nobody here opens
//! or signs a row.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::{Builder, Runtime};

use super::feed::{NotTaken, Receiver};
use super::outgoing::Outgoing;
use crate::config;
use crate::files::{self, Kind};
use crate::fleet::{Carrier, ClientError, Errand, LinkKeys, Post, SessionError};
use crate::ipc::{self, Ask, FleetErrand, FleetTaken, FleetWhat, State};

/// From one push of events to the next, and after one that came to nothing.
const TURN_INTERVAL: Duration = Duration::from_secs(2);
const RETRY_INTERVAL: Duration = Duration::from_secs(30);
/// After an errand that came to nothing.
const ERRAND_INTERVAL: Duration = Duration::from_secs(5);
/// How often it is looked whether it is the end.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Of an answer, in one line of the control socket.
const MAX_PIECE_BYTES: usize = 512 * 1024;
/// How long the daemon may take for a piece: the newest one is a commit over a whole list.
const MAX_DAEMON_WAIT: Duration = Duration::from_secs(60);

/// Why a door cannot be one of a fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("cannot read {}, which fleet.link in bridge.toml names: {source}; `doorward fleet join` makes it", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}, which fleet.link in bridge.toml names, is not the bridge's file that `doorward fleet join` makes: {source}", path.display())]
    Wrong {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("no thread for the fleet: {0}")]
    Thread(std::io::Error),
}

/// The bridge's keys; nothing where it is in no fleet.
///
/// # Errors
/// [`FleetError`]
pub(super) fn keys(fleet: &config::BridgeFleet) -> Result<Option<LinkKeys>, FleetError> {
    let Some(path) = &fleet.link else {
        return Ok(None);
    };
    let text = files::read_text(path, Kind::Note).map_err(|source| FleetError::Read {
        path: path.clone(),
        source,
    })?;
    let text = zeroize::Zeroizing::new(text);
    let keys = serde_json::from_str(&text).map_err(|source| FleetError::Wrong {
        path: path.clone(),
        source,
    })?;
    Ok(Some(keys))
}

fn runtime() -> Result<Runtime, FleetError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(FleetError::Thread)
}

/// This door's events on their way up.
pub(super) struct Fleet {
    runtime: Runtime,
    post: Post,
    next_at: Instant,
    is_reached: bool,
}

impl Fleet {
    /// What it keeps is in `folder`.
    ///
    /// # Errors
    /// [`FleetError`]
    pub(super) fn new(keys: &LinkKeys, folder: &Path) -> Result<Self, FleetError> {
        Ok(Self {
            runtime: runtime()?,
            post: Post::open(keys, &folder.join("fleet.db"))?,
            next_at: Instant::now(),
            is_reached: true,
        })
    }
}

impl Receiver for Fleet {
    /// Kept on the disk, and so told: it goes up with the next turn.
    fn deliver(&mut self, event: &Outgoing) -> Result<(), NotTaken> {
        let body = serde_json::Value::Object(event.body(false)).to_string();
        // What was kept before the bridge could note so comes again.
        let is_kept = self.post.has_event(body.as_bytes());
        if is_kept.map_err(|error| NotTaken(error.to_string()))? {
            return Ok(());
        }
        match self.post.event(body.as_bytes()) {
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
        let pushed = self.runtime.block_on(self.post.push());
        let wait = match &pushed {
            Ok(_) => TURN_INTERVAL,
            Err(_) => RETRY_INTERVAL,
        };
        self.next_at = Instant::now() + wait;
        match pushed {
            Ok(fault) => {
                if !self.is_reached {
                    log::info!("fleet: the hub answers again");
                }
                self.is_reached = true;
                if let Some(fault) = fault {
                    log::warn!("fleet: {fault}");
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

/// Carries the daemon's errands.
pub(super) struct Errands {
    /// Of the daemon, whose socket is found by it.
    config: PathBuf,
    runtime: Runtime,
    carrier: Carrier,
    stop: Arc<AtomicBool>,
    /// What was said last of why they come to nothing.
    said: Option<String>,
}

impl Errands {
    /// # Errors
    /// [`FleetError`]
    pub(super) fn new(
        keys: &LinkKeys,
        config: PathBuf,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, FleetError> {
        Ok(Self {
            config,
            runtime: runtime()?,
            carrier: Carrier::new(keys)?,
            stop: Arc::clone(stop),
            said: None,
        })
    }

    /// Until it is told to end.
    pub(super) fn run(mut self) {
        let mut daemon = None;
        while !self.stop.load(Ordering::Acquire) {
            match self.errand(&mut daemon) {
                Ok(()) if self.said.take().is_some() => log::info!("fleet: the list goes on"),
                Ok(()) => continue,
                Err(why) => {
                    if self.said.as_ref() != Some(&why) {
                        log::warn!("fleet: the list stays as it is: {why}");
                    }
                    self.said = Some(why);
                }
            }
            let until = Instant::now() + ERRAND_INTERVAL;
            while Instant::now() < until && !self.stop.load(Ordering::Acquire) {
                std::thread::sleep(LOOK_INTERVAL);
            }
        }
    }

    fn errand(&mut self, daemon: &mut Option<ipc::Client>) -> Result<(), String> {
        let mut asked = match daemon.take() {
            Some(client) => client,
            None => match ipc::Client::connect(&self.config) {
                Ok(Some(client)) => client,
                Ok(None) => return Err("nothing guards the door".into()),
                Err(error) => return Err(error.to_string()),
            },
        };
        let told = |error: ipc::ClientError| error.to_string();
        let wanted = asked.ask::<FleetErrand>(Ask::FleetAsk {}, MAX_DAEMON_WAIT);
        let wanted = wanted.map_err(told)?;
        let errand = match wanted.what {
            FleetWhat::List => Errand::List(Duration::from_secs(wanted.wait_s.into())),
            FleetWhat::Put => Errand::Put,
        };
        let body = STANDARD.decode(&wanted.body);
        let body = body.map_err(|_| "the daemon's errand is no Base64".to_owned())?;
        let errand_number = wanted.errand;
        match self.runtime.block_on(self.carrier.carry(errand, body)) {
            Ok(answer) => {
                let mut pieces = answer.chunks(MAX_PIECE_BYTES).peekable();
                while let Some(piece) = pieces.next() {
                    let take = Ask::FleetTake {
                        errand: errand_number,
                        piece: STANDARD.encode(piece),
                        ends: pieces.peek().is_none(),
                    };
                    asked
                        .ask::<FleetTaken>(take, MAX_DAEMON_WAIT)
                        .map_err(told)?;
                }
                *daemon = Some(asked);
                Ok(())
            }
            Err(error) => {
                let why = error.to_string();
                let missed = Ask::FleetMissed {
                    errand: errand_number,
                    why: why.clone(),
                };
                asked
                    .ask::<FleetTaken>(missed, MAX_DAEMON_WAIT)
                    .map_err(told)?;
                *daemon = Some(asked);
                Err(why)
            }
        }
    }
}
