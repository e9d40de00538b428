//! The daemon's and the command line's hold on the strike: a guardian of their own, started
//! as a child process.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::boottime::BootTime;
use super::client::{Lease, LeaseError};
use super::held::HeldLine;
use crate::config;
use crate::door::relay::{self, RelayError};

/// How long a guardian of one's own may take to open the line and to end.
const MAX_START_WAIT: Duration = Duration::from_secs(5);

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
    /// The guardian could not be started.
    #[error("the relay guardian cannot be started: {0}")]
    NotStarted(String),
}

/// A hold on the strike. Dropping it locks.
#[derive(Debug)]
pub struct Hold {
    given: Given,
    lease: Option<Lease>,
    child: Option<Child>,
}

impl Hold {
    /// Starts a guardian and has it release the line.
    ///
    /// # Errors
    /// [`HoldError`]; a line that cannot be used is told as its driver tells it.
    pub fn take(given: Given) -> Result<Self, HoldError> {
        // Opened and given back: what is wrong with it is said here, and it is released.
        drop(relay::open(&given.line)?);
        let mut hold = Self {
            given,
            lease: None,
            child: None,
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
        self.connected()?.open(until).map_err(HoldError::from)
    }

    /// Keeps it energised.
    ///
    /// # Errors
    /// [`HoldError`]; the line is then released or on its way there.
    pub(crate) fn renew(&mut self) -> Result<(), HoldError> {
        self.connected()?.renew().map_err(HoldError::from)
    }

    /// Releases, and returns when the line is known to be released, also where the
    /// guardian is gone or hangs.
    ///
    /// # Errors
    /// [`HoldError`]; the line may then be energised.
    pub fn lock(&mut self) -> Result<(), HoldError> {
        let first = match self.connected().map(Lease::lock) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => HoldError::from(error),
            Err(error) => error,
        };
        // Once: the line may be tried again and again.
        if self.child.is_some() {
            log::error!("{first}; its line is released by hand");
        }
        self.end_child(Duration::ZERO);
        drop(relay::open(&self.given.line)?);
        Ok(())
    }

    /// Whether the guardian died or hung. The line was released then, and this hold opens
    /// nothing any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lease.is_none()
    }

    fn connected(&mut self) -> Result<&mut Lease, HoldError> {
        self.lease
            .as_mut()
            .ok_or(HoldError::Lease(LeaseError::Gone))
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
        self.child = Some(child);
        self.lease = Some(Lease::over(ours));
        self.await_child()
    }

    /// The first answer may take as long as opening the line.
    fn await_child(&mut self) -> Result<(), HoldError> {
        let until = Instant::now() + MAX_START_WAIT;
        loop {
            match self.connected()?.lock() {
                Ok(()) => return Ok(()),
                Err(LeaseError::Silent) if Instant::now() < until => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends the child, which locks; after `patience` without asking.
    fn end_child(&mut self, patience: Duration) {
        self.lease = None;
        let Some(mut child) = self.child.take() else {
            return;
        };
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = kill_process(Pid::from_child(&child), Signal::KILL);
        let _ = child.wait();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.lease.is_some()
            && let Err(error) = self.lock()
        {
            log::error!("{error}");
        }
        self.end_child(MAX_START_WAIT);
    }
}
