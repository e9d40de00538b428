//! The other end of the socket: where a panel that is a service is found, and how one is
//! started as a child process where there is none.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::wire::{MAX_LINE_BYTES, Request, VERSION, Word};
use crate::config::{self, Config, PanelDriver};
use crate::guardian::end;

/// Who may hear readings and show signals: the socket's owner and group.
const SOCKET_MODE: u32 = 0o660;
/// How long a service or a child that starts is waited for.
const MAX_START_WAIT: Duration = Duration::from_secs(5);
/// How often it is looked for then.
const START_POLL: Duration = Duration::from_millis(50);
/// How long a child may take to make its outputs dark.
const MAX_END_WAIT: Duration = Duration::from_secs(2);

/// A panel's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PanelFolder(PathBuf);

/// Why there is no panel to talk to.
#[derive(Debug, thiserror::Error)]
pub enum PanelError {
    /// The service does not run, or this user may not ask it.
    #[error(
        "the panel of {} does not answer: `systemctl status doorward-panel` says why, and who may ask it is in the group doorward", folder.display()
    )]
    Silent { folder: PathBuf },
    /// The service was started with another configuration.
    #[error(
        "the panel was started with another [panel] than the configuration has now: restart it with `sudo systemctl restart doorward-panel`"
    )]
    Another,
    /// What it drives cannot be used.
    #[error("{0}")]
    Failed(String),
    /// It could not be started.
    #[error("the panel cannot be started: {0}")]
    NotStarted(String),
    /// Too many are connected to it.
    #[error("too many programs are connected to the panel; end one of them")]
    Crowded,
    /// Something else answers.
    #[error("what answers instead of the panel does not speak its language; reinstall doorward")]
    NotAPanel,
    /// The connection ended.
    #[error("the panel is gone")]
    Gone,
}

#[derive(Serialize)]
struct Whole<'c> {
    panel: &'c config::Panel,
}

fn to_toml(panel: &config::Panel) -> Result<String, PanelError> {
    toml::to_string(&Whole { panel }).map_err(|e| PanelError::NotStarted(e.to_string()))
}

/// From the text that [`Connection::open`] gives a child.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn from_toml(text: &str) -> Result<config::Panel, String> {
    let config = Config::parse(text, Path::new("the panel")).map_err(|error| error.to_string())?;
    Ok(config.panel)
}

/// Tells configurations apart.
pub(crate) fn fingerprint(panel: &config::Panel) -> Result<String, PanelError> {
    let hash = Sha256::digest(to_toml(panel)?.as_bytes());
    Ok(hash.iter().take(8).map(|b| format!("{b:02x}")).collect())
}

impl PanelFolder {
    /// The one that `panel.folder` names.
    pub(crate) fn of(panel: &config::Panel) -> Self {
        Self(panel.folder.clone())
    }

    fn socket(&self) -> PathBuf {
        self.0.join("panel.sock")
    }

    /// Its socket, for the owner and the group; one that a dead panel left is replaced.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn listen(&self) -> io::Result<UnixListener> {
        self.forget_socket();
        let listener = UnixListener::bind(self.socket())?;
        fs::set_permissions(self.socket(), fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(listener)
    }

    /// Removes the socket.
    pub(crate) fn forget_socket(&self) {
        let _ = fs::remove_file(self.socket());
    }

    /// Where it is, for a person.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether the service, where there is one, is to drive this panel. Its folder comes and
    /// goes with it.
    fn is_meant_for(&self, panel: &config::Panel) -> bool {
        let is_own =
            panel.driver == PanelDriver::Simulated && !panel.state_dir.starts_with(&self.0);
        !is_own && self.0.is_dir()
    }
}

/// A connection to a panel, and the child where it is one. Dropping it makes dark what was
/// shown by it, and ends the child.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    begun: Vec<u8>,
    /// Lines that were read and not given yet, the next last.
    lines: Vec<Vec<u8>>,
    child: Option<Child>,
}

impl Connection {
    /// Finds the panel that is a service and has this configuration, or else starts one of
    /// one's own. Returns when it has said who it is; how things are follows.
    ///
    /// # Errors
    /// [`PanelError`]
    pub(crate) fn open(panel: &config::Panel) -> Result<Self, PanelError> {
        let folder = PanelFolder::of(panel);
        let until = Instant::now() + MAX_START_WAIT;
        loop {
            let found = Self::find(&folder, panel);
            match found {
                Ok(connection) => return Ok(connection),
                Err(PanelError::Silent { .. }) if !folder.is_meant_for(panel) => {
                    return Self::start(panel);
                }
                Err(PanelError::Another) if panel.driver == PanelDriver::Simulated => {
                    return Self::start(panel);
                }
                Err(_) if Instant::now() < until => std::thread::sleep(START_POLL),
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`Connection::open`], without waiting for a service that starts.
    ///
    /// # Errors
    /// [`PanelError`]
    pub(super) fn reopen(&self, panel: &config::Panel) -> Result<Self, PanelError> {
        match self.child {
            Some(_) => Self::start(panel),
            None => Self::find(&PanelFolder::of(panel), panel),
        }
    }

    fn find(folder: &PanelFolder, panel: &config::Panel) -> Result<Self, PanelError> {
        let silent = || PanelError::Silent {
            folder: folder.0.clone(),
        };
        let stream = UnixStream::connect(folder.socket()).map_err(|_| silent())?;
        let mut connection = Self::over(stream, None);
        connection.greet(panel).map_err(|error| match error {
            PanelError::Gone => silent(),
            error => error,
        })?;
        Ok(connection)
    }

    fn start(panel: &config::Panel) -> Result<Self, PanelError> {
        let failed = |error: io::Error| PanelError::NotStarted(error.to_string());
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let child = Command::new("/proc/self/exe")
            .arg("panel")
            .args(["--child", &to_toml(panel)?])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            // The watchdog and the state of the service are the daemon's to tell.
            .env_remove("NOTIFY_SOCKET")
            // Ctrl-C and Ctrl-Z of a terminal are for this process alone.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let mut connection = Self::over(ours, Some(child));
        connection.greet(panel)?;
        Ok(connection)
    }

    fn over(stream: UnixStream, child: Option<Child>) -> Self {
        Self {
            stream,
            begun: Vec::new(),
            lines: Vec::new(),
            child,
        }
    }

    fn greet(&mut self, panel: &config::Panel) -> Result<(), PanelError> {
        match self.word(MAX_START_WAIT)?.ok_or(PanelError::Gone)? {
            Word::Panel { version, .. } if version != VERSION => Err(PanelError::NotAPanel),
            Word::Panel { configuration, .. } => match configuration == fingerprint(panel)? {
                true => Ok(()),
                false => Err(PanelError::Another),
            },
            Word::Failed(why) => Err(PanelError::Failed(why)),
            Word::Crowded => Err(PanelError::Crowded),
            _ => Err(PanelError::NotAPanel),
        }
    }

    /// The next word; nothing if none comes within `patience`.
    ///
    /// # Errors
    /// [`PanelError::Gone`], [`PanelError::NotAPanel`]
    pub(crate) fn word(&mut self, patience: Duration) -> Result<Option<Word>, PanelError> {
        let until = Instant::now() + patience;
        loop {
            if let Some(line) = self.lines.pop() {
                return Word::parse(&line).map(Some).ok_or(PanelError::NotAPanel);
            }
            let left = until.saturating_duration_since(Instant::now());
            // A timeout of zero would wait for ever.
            let left = left.max(Duration::from_millis(1));
            self.stream
                .set_read_timeout(Some(left))
                .map_err(|_| PanelError::Gone)?;
            let mut bytes = [0; MAX_LINE_BYTES];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(PanelError::Gone),
                Ok(read) => self.take(bytes.get(..read).unwrap_or_default())?,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return Err(PanelError::Gone),
            }
            if self.lines.is_empty() && Instant::now() >= until {
                return Ok(None);
            }
        }
    }

    /// Whether a word is there that needs no waiting.
    pub(super) fn has_word(&self) -> bool {
        !self.lines.is_empty()
    }

    pub(super) fn watched(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), PanelError> {
        let mut lines = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => lines.push(std::mem::take(&mut self.begun)),
                _ if self.begun.len() < MAX_LINE_BYTES => self.begun.push(byte),
                _ => return Err(PanelError::NotAPanel),
            }
        }
        lines.reverse();
        lines.append(&mut self.lines);
        self.lines = lines;
        Ok(())
    }

    /// Asks; never waits, for the panel takes everything at once.
    ///
    /// # Errors
    /// [`PanelError::Gone`], also if it does not take it.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<(), PanelError> {
        let line = request.line();
        // Only a panel that hangs makes this wait.
        let patience = Some(Duration::from_millis(100));
        let sent = self.stream.set_write_timeout(patience);
        let sent = sent.and_then(|()| self.stream.write_all(line.as_bytes()));
        sent.map_err(|_| PanelError::Gone)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else {
            return;
        };
        // It ends by itself then, dark.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        end(child, MAX_END_WAIT);
    }
}
