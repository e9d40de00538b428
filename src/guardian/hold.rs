//! The daemon's and the command line's hold on the strike: over the guardian that is a
//! service, or over one of their own, started as a child process.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::boottime::BootTime;
use super::client::{Lease, LeaseError};
use super::framing::end;
use super::held::HeldLine;
use super::service::{NoService, ServiceFolder};
use crate::config;
use crate::door::relay::{self, RelayError};

/// How long a guardian of one's own may take to open the line.
const MAX_START_WAIT: Duration = Duration::from_secs(10);
/// How long it may take to end.
const MAX_END_WAIT: Duration = Duration::from_secs(5);

/// What a guardian is given.
#[derive(Debug, Clone)]
pub struct Given {
    /// The line; paths in it are absolute.
    pub line: config::Relay,
    /// Longest opening in a row.
    pub cap: Duration,
    /// Where it keeps the note of its line.
    pub note: PathBuf,
}

/// Why there is no hold on the strike.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The guardian did not do as it was asked.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The line cannot be opened.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The guardian is a service, and not there for this line.
    #[error(transparent)]
    NoService(#[from] NoService),
    /// The guardian could not be started.
    #[error("the relay guardian cannot be started: {0}")]
    NotStarted(String),
}

/// A hold on the strike. Dropping it locks.
#[derive(Debug)]
pub struct Hold {
    given: Given,
    lease: Option<Lease>,
    keeper: Keeper,
}

/// Who owns the line.
#[derive(Debug)]
enum Keeper {
    /// A child process; nothing once it was ended.
    Child(Option<Child>),
    /// A service, which comes back when it dies.
    Service(ServiceFolder),
}

impl Hold {
    /// Finds the guardian that is a service, or else starts one, and has it release the line.
    ///
    /// # Errors
    /// [`HoldError`]; a line that cannot be used is told as its driver tells it.
    pub fn take(given: Given) -> Result<Self, HoldError> {
        let service = ServiceFolder::of(&given.line);
        if let Some(lease) = service.await_for(&given.line)? {
            let mut hold = Self {
                given,
                lease: Some(lease),
                keeper: Keeper::Service(service),
            };
            hold.lock()?;
            return Ok(hold);
        }
        // Opened and given back: what is wrong with it is said here, and it is released.
        drop(relay::open(&given.line)?);
        let mut hold = Self {
            given,
            lease: None,
            keeper: Keeper::Child(None),
        };
        hold.start()?;
        Ok(hold)
    }

    /// What it holds, for a person.
    pub fn describe(&self) -> String {
        relay::describe(&self.given.line)
    }

    /// Energises until then; to be renewed at least once a second.
    ///
    /// # Errors
    /// [`HoldError`]; the line is then released or on its way there.
    pub fn open(&mut self, until: BootTime) -> Result<(), HoldError> {
        self.ask(|lease| lease.open(until))
    }

    /// Keeps it energised.
    ///
    /// # Errors
    /// [`HoldError`]; the line is then released or on its way there.
    pub(crate) fn renew(&mut self) -> Result<(), HoldError> {
        self.ask(Lease::renew)
    }

    /// Releases, and returns when the line is known to be released, also where a guardian
    /// of one's own is gone or hangs.
    ///
    /// # Errors
    /// [`HoldError`]; the line may then be energised.
    pub fn lock(&mut self) -> Result<(), HoldError> {
        let Err(first) = self.ask(Lease::lock) else {
            return Ok(());
        };
        match &self.keeper {
            // One that was started again since has released the line as it opened it.
            Keeper::Service(_) => self.ask(Lease::lock),
            Keeper::Child(child) => {
                // Once: the line may be tried again and again.
                if child.is_some() {
                    log::error!("{first}; its line is released by hand");
                }
                self.end_child(Duration::ZERO);
                drop(relay::open(&self.given.line)?);
                Ok(())
            }
        }
    }

    /// Asks the guardian whether it is there; moves nothing.
    ///
    /// # Errors
    /// [`HoldError`] if it does not answer.
    pub(crate) fn probe(&mut self) -> Result<(), HoldError> {
        match self.ask(Lease::renew) {
            Err(HoldError::Lease(LeaseError::Refused(_))) => Ok(()),
            answer => answer,
        }
    }

    /// Whether a guardian of one's own died or hung. The line was released then, and this
    /// hold opens nothing any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lease.is_none() && matches!(self.keeper, Keeper::Child(_))
    }

    fn ask(
        &mut self,
        request: impl FnOnce(&mut Lease) -> Result<(), LeaseError>,
    ) -> Result<(), HoldError> {
        if self.lease.is_none()
            && let Keeper::Service(folder) = &self.keeper
        {
            self.lease = Some(folder.find(&self.given.line)?);
        }
        let lease = self.lease.as_mut().ok_or(LeaseError::Gone)?;
        let answer = request(lease);
        let connected = matches!(answer, Ok(()) | Err(LeaseError::Refused(_)));
        if !connected && matches!(self.keeper, Keeper::Service(_)) {
            // The end of the connection ends the lease.
            self.lease = None;
        }
        Ok(answer?)
    }

    fn start(&mut self) -> Result<(), HoldError> {
        let failed = |error: std::io::Error| HoldError::NotStarted(error.to_string());
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let held = HeldLine {
            relay: self.given.line.clone(),
        };
        let line = held.text().map_err(HoldError::NotStarted)?;
        let child = Command::new("/proc/self/exe")
            .arg("guardian")
            .args(["--line", &line])
            .args(["--max-open-ms", &self.given.cap.as_millis().to_string()])
            .arg("--held")
            .arg(&self.given.note)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            // The watchdog and the state of the service are the daemon's to tell.
            .env_remove("NOTIFY_SOCKET")
            // Ctrl-C and Ctrl-Z of a terminal are for this process alone.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        self.keeper = Keeper::Child(Some(child));
        self.lease = Some(Lease::over(ours));
        // Asked once: a second answer would be taken for the one to the next request.
        self.ask(|lease| lease.lock_within(MAX_START_WAIT))
    }

    /// Ends the child, which locks; after `patience` without asking.
    fn end_child(&mut self, patience: Duration) {
        self.lease = None;
        let Keeper::Child(child) = &mut self.keeper else {
            return;
        };
        if let Some(child) = child.take() {
            end(child, patience);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.lease.is_some()
            && let Err(error) = self.lock()
        {
            log::error!("{error}");
        }
        self.end_child(MAX_END_WAIT);
    }
}
