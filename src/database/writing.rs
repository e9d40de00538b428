//! Who may write a database: one process at a time, by a lock on a file beside it.
//!
//! The lock is not on the database itself, whose locks are SQLite's and would go with the
//! first descriptor of it that is closed. The kernel knows whose it is, and takes it back
//! from a process that dies. Two bytes of the file are locked: the first by whoever
//! writes, the second by a daemon too.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};

use super::{Database, DatabaseError, MIGRATIONS, at_open};
use crate::files;

/// What the lock's file is called beside its database.
const ENDING: &str = "-lock";
/// Longer than a command writes.
pub(crate) const MAX_WRITER_WAIT: Duration = Duration::from_secs(10);
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// What of the lock's file is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Writer = 0,
    Guard = 1,
}

/// Another process that may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub pid: i32,
    /// It is a daemon, which does not give it away.
    pub guards: bool,
}

/// The right to write a database, which ends with this.
#[derive(Debug)]
pub(crate) struct Writing {
    lock: PathBuf,
}

/// The locks of this process, each with its file, which must be closed last: closing any
/// descriptor of it gives the lock away.
static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Held {
    lock: PathBuf,
    _file: File,
    times: usize,
}

fn held() -> MutexGuard<'static, Vec<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writing {
    /// Takes the right, if no other process has it; within this one it may be taken again.
    ///
    /// # Errors
    /// [`DatabaseError`] if the lock's file cannot be used.
    pub(crate) fn try_take(
        database: &Path,
        guards: bool,
    ) -> Result<Result<Self, Holder>, DatabaseError> {
        let refused = |error: io::Error| at_open(database, &error);
        let lock = lock_of(database).map_err(refused)?;
        let mut all = held();
        if let Some(own) = all.iter_mut().find(|held| held.lock == lock) {
            own.times += 1;
            return Ok(Ok(Self { lock }));
        }
        let file = files::create_or_keep(&lock).map_err(refused)?;
        if !set(&file, Byte::Writer).map_err(refused)? {
            // It may be gone again by now: then the next try has it.
            let holder = asked(&file).map_err(refused)?;
            return Ok(Err(holder.unwrap_or(Holder {
                pid: 0,
                guards: false,
            })));
        }
        if guards {
            set(&file, Byte::Guard).map_err(refused)?;
        }
        all.push(Held {
            lock: lock.clone(),
            _file: file,
            times: 1,
        });
        Ok(Ok(Self { lock }))
    }

    /// Takes the right, waiting for a command that has it, and not for a daemon.
    ///
    /// # Errors
    /// [`DatabaseError::Held`], [`DatabaseError::Guarded`] and others.
    pub(crate) fn take(database: &Path, guards: bool) -> Result<Self, DatabaseError> {
        let until = Instant::now() + MAX_WRITER_WAIT;
        loop {
            let holder = match Self::try_take(database, guards)? {
                Ok(writing) => return Ok(writing),
                Err(holder) => holder,
            };
            let path = database.to_path_buf();
            let pid = holder.pid;
            if holder.guards {
                return Err(DatabaseError::Guarded { path, pid });
            }
            if Instant::now() >= until {
                return Err(DatabaseError::Held { path, pid });
            }
            std::thread::sleep(RETRY_INTERVAL);
        }
    }

    /// The other process that may write now.
    pub(crate) fn holder(database: &Path) -> Option<Holder> {
        let lock = lock_of(database).ok()?;
        // Opening and closing it here would give an own lock away.
        let all = held();
        if all.iter().any(|held| held.lock == lock) {
            return None;
        }
        let file = files::open(&lock, files::Kind::Note).ok()?;
        asked(&file).ok().flatten()
    }
}

impl Database {
    /// The right to bring it up to date; nothing if somebody else did so meanwhile.
    pub(super) fn first_to_write(&self) -> Result<Option<Writing>, DatabaseError> {
        let until = Instant::now() + MAX_WRITER_WAIT;
        loop {
            let holder = match Writing::try_take(&self.path, false)? {
                Ok(writing) => return Ok(Some(writing)),
                Err(holder) => holder,
            };
            if self.version()? == MIGRATIONS.len() as i64 {
                return Ok(None);
            }
            if Instant::now() >= until {
                let (path, pid) = (self.path.clone(), holder.pid);
                return Err(match holder.guards {
                    true => DatabaseError::Guarded { path, pid },
                    false => DatabaseError::Held { path, pid },
                });
            }
            std::thread::sleep(RETRY_INTERVAL);
        }
    }
}

impl Database {
    /// Whether another process may write it now.
    pub(super) fn may_not_write(&self) -> Result<bool, DatabaseError> {
        Ok(Writing::try_take(&self.path, false)?.is_err())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut all = held();
        for own in all.iter_mut().filter(|held| held.lock == self.lock) {
            own.times -= 1;
        }
        all.retain(|held| held.times > 0);
    }
}

/// Without links, so that one database has one lock.
fn lock_of(database: &Path) -> io::Result<PathBuf> {
    let mut name = files::without_links(database)?.into_os_string();
    name.push(ENDING);
    Ok(name.into())
}

/// Locks a byte until the file is closed; false if another process has it.
fn set(file: &File, byte: Byte) -> io::Result<bool> {
    // SAFETY: all members are numbers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = byte as libc::off_t;
    lock.l_len = 1;
    // SAFETY: the descriptor is open, and `lock` lives as long as the call.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EAGAIN) => Ok(false),
        _ => Err(error),
    }
}

/// Who has the lock.
fn asked(file: &File) -> io::Result<Option<Holder>> {
    let owner = |byte: Byte| {
        let mut lock = Flock::from(FlockType::WriteLock);
        lock.offset_type = FlockOffsetType::Set;
        lock.start = byte as u64;
        lock.length = 1;
        Ok::<_, io::Error>(fcntl_getlk(file, &lock)?.map(|found| found.pid))
    };
    let Some(writer) = owner(Byte::Writer)? else {
        return Ok(None);
    };
    Ok(Some(Holder {
        // Nothing where it is in a namespace that is not seen from here.
        pid: writer.map_or(0, |pid| pid.as_raw_nonzero().get()),
        guards: owner(Byte::Guard)?.is_some(),
    }))
}
