//! A file that stands for a line, for trials and tests.
//!
//! It behaves like the worst line there is: it keeps its level when the process
//! that drove it dies, as under Raspberry Pi kernels. The content is one line,
//! `energised` or `released`, padded to one width and overwritten in place by a
//! single `pwrite`. That is why a process killed at any instant leaves one of the
//! two, and why releasing needs no disk space and no second file: a replacement by
//! rename would need both, and would leave the lock on a file that is gone.
//!
//! Like a GPIO line the file has one holder at a time, by `flock(2)`, which ends
//! with the process however that ends. A file that is taken away is a line that is
//! gone: the holder's next command fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Relay, RelayError, action};
use crate::gpio::LineError;

const ENERGISED: &[u8; 10] = b"energised\n";
const RELEASED: &[u8; 10] = b"released \n";
/// More than a state with any line ending takes.
const MAX_LEVEL_BYTES: u64 = 16;
const CHOOSE_ANOTHER: &str = "set relay.state_file to a file that the daemon may write";

/// A simulated relay.
#[derive(Debug)]
pub struct Simulated {
    file: File,
    path: PathBuf,
}

impl Simulated {
    /// Takes hold of the file, created with its folder if missing, and releases.
    ///
    /// # Errors
    /// [`LineError::Busy`] if another process has it, [`RelayError::NotAState`]
    /// if it holds anything else, [`LineError::Permission`], [`LineError::Io`].
    pub fn open(path: &Path) -> Result<Self, RelayError> {
        let failed = |error| io_error(path, "opened", error);
        // Before opening: to open a FIFO or a device can already do something.
        if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
            return Err(RelayError::NotAState {
                path: path.to_owned(),
                found: "no ordinary file",
            });
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(failed)?;
        parse(&file, path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LineError::held_by_doorward(place(path)).into());
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        let mut relay = Self {
            file,
            path: path.to_owned(),
        };
        relay.set(false)?;
        Ok(relay)
    }

    /// Whether the path still leads to the file that is held.
    fn is_in_place(&self) -> io::Result<()> {
        let (held, there) = (self.file.metadata()?, fs::metadata(&self.path)?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            Ok(())
        } else {
            Err(io::Error::other("another file has taken its place"))
        }
    }
}

impl Relay for Simulated {
    fn set(&mut self, energised: bool) -> Result<(), RelayError> {
        let record = if energised { ENERGISED } else { RELEASED };
        self.is_in_place()
            .and_then(|()| self.file.write_all_at(record, 0))
            .map_err(|error| io_error(&self.path, action(energised), error))
    }

    fn describe(&self) -> String {
        place(&self.path)
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Err(error) = self.set(false) {
            log::error!("{error}");
        }
        // Closing alone would leave the lock with a child process being started just now.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Whether the line at `path` is energised, whoever holds it. A line that was
/// never driven is not.
///
/// # Errors
/// [`RelayError::NotAState`], [`LineError::Permission`], [`LineError::Io`].
pub fn is_energised(path: &Path) -> Result<bool, RelayError> {
    let file = File::open(path).map_err(|error| io_error(path, "read", error))?;
    parse(&file, path)
}

fn parse(file: &File, path: &Path) -> Result<bool, RelayError> {
    let mut text = Vec::new();
    file.take(MAX_LEVEL_BYTES)
        .read_to_end(&mut text)
        .map_err(|error| io_error(path, "read", error))?;
    match text.trim_ascii() {
        b"energised" => Ok(true),
        // Empty: killed between creating the file and its first record.
        b"released" | b"" => Ok(false),
        _ => Err(RelayError::NotAState {
            path: path.to_owned(),
            found: "a file with other content",
        }),
    }
}

fn place(path: &Path) -> String {
    format!("the simulated relay {}", path.display())
}

fn io_error(path: &Path, action: &'static str, error: io::Error) -> RelayError {
    let place = place(path);
    RelayError::Line(if error.kind() == io::ErrorKind::PermissionDenied {
        LineError::Permission {
            place,
            fix: "run as the daemon's user or as root, or set relay.state_file to a file that the \
                  daemon may write"
                .into(),
        }
    } else {
        LineError::Io {
            place,
            action,
            reason: error.to_string(),
            fix: CHOOSE_ANOTHER.into(),
        }
    })
}
