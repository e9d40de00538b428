//! The guardian that runs as a service of its own: where its socket and its note are, and
//! whether it drives a given line.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::client::Lease;
use super::held::HeldLine;
use crate::config::{self, Driver};
use crate::door::relay;

/// Who may ask for the door: the socket's owner and group.
const SOCKET_MODE: u32 = 0o660;

/// How long a service that starts, or starts again, is waited for.
const MAX_START_WAIT: Duration = Duration::from_secs(5);
/// How often it is looked for then.
const START_POLL: Duration = Duration::from_millis(50);

/// A guardian's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFolder(PathBuf);

/// Why the service does not drive a line.
#[derive(Debug, thiserror::Error)]
pub enum NoService {
    /// It drives another.
    #[error(
        "the relay guardian drives {theirs}, and [relay] says {ours}: restart it with `sudo systemctl restart doorward-relay`"
    )]
    AnotherLine { theirs: String, ours: String },
    /// It does not run, or this user may not ask it.
    #[error(
        "the relay guardian of {} does not answer: `systemctl status doorward-relay` says why, and who may ask it is in the group doorward", folder.display()
    )]
    Silent { folder: PathBuf },
}

impl ServiceFolder {
    /// The one that `relay.guardian` names.
    pub fn of(line: &config::Relay) -> Self {
        Self(line.guardian.clone())
    }

    /// The one of the package.
    pub fn default_one() -> Self {
        Self::of(&config::Relay::default())
    }

    /// The note of its line.
    pub fn note(&self) -> PathBuf {
        self.0.join("line.toml")
    }

    fn socket(&self) -> PathBuf {
        self.0.join("guardian.sock")
    }

    /// Its socket, for the owner and the group; one that a dead guardian left is replaced.
    ///
    /// # Errors
    /// What the system said.
    pub fn listen(&self) -> io::Result<UnixListener> {
        self.forget_socket();
        let listener = UnixListener::bind(self.socket())?;
        fs::set_permissions(self.socket(), fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(listener)
    }

    /// Removes the socket.
    pub fn forget_socket(&self) {
        let _ = fs::remove_file(self.socket());
    }

    /// Where it is, for a person.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Has it release its line, whoever holds it open; gives the line, or nothing if it does not
    /// run or does not do it.
    pub fn lock(&self) -> Option<HeldLine> {
        self.connect()?.lock().ok()?;
        HeldLine::read(&self.note()).ok()?
    }

    /// A connection to it; `None` if none runs here, or this user may not ask it.
    pub(crate) fn connect(&self) -> Option<Lease> {
        UnixStream::connect(self.socket()).ok().map(Lease::over)
    }

    /// A connection to it, if it runs and drives this very line, or nothing where the line is
    /// somebody's own: then there is no such service here, or the line is another, simulated
    /// one. A service that starts is waited for.
    ///
    /// # Errors
    /// [`NoService`]
    pub(crate) fn await_for(&self, line: &config::Relay) -> Result<Option<Lease>, NoService> {
        let until = Instant::now() + MAX_START_WAIT;
        loop {
            match self.find(line) {
                Ok(lease) => return Ok(Some(lease)),
                Err(NoService::Silent { .. }) if !self.is_meant_for(line) => return Ok(None),
                Err(NoService::AnotherLine { .. }) if line.driver == Driver::Simulated => {
                    return Ok(None);
                }
                Err(_) if Instant::now() < until => std::thread::sleep(START_POLL),
                Err(error) => return Err(error),
            }
        }
    }

    /// A connection to it, if it runs and drives this very line.
    ///
    /// # Errors
    /// [`NoService`]
    pub(crate) fn find(&self, line: &config::Relay) -> Result<Lease, NoService> {
        let silent = || NoService::Silent {
            folder: self.0.clone(),
        };
        let lease = self.connect().ok_or_else(silent)?;
        match HeldLine::read(&self.note()) {
            Ok(Some(held)) if held.relay == *line => Ok(lease),
            Ok(Some(held)) => Err(NoService::AnotherLine {
                theirs: relay::describe(&held.relay),
                ours: relay::describe(line),
            }),
            Ok(None) | Err(_) => Err(silent()),
        }
    }

    /// Whether the service, where there is one, is to drive this line. Its folder comes and
    /// goes with it.
    fn is_meant_for(&self, line: &config::Relay) -> bool {
        let is_own = line.driver == Driver::Simulated && !line.state_file.starts_with(&self.0);
        !is_own && self.0.is_dir()
    }
}
