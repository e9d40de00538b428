//! `doorward run`: the daemon in the foreground, as systemd wants it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use super::log_queue::LogQueue;
use super::{Exit, sentence, stderr_log};
use crate::config::Config;
use crate::daemon::{self, DaemonError};

pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    start_log(&config)?;
    leave_no_core();
    match daemon::run(path, config) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error @ (DaemonError::Fault(_) | DaemonError::NotLocked(_))) => {
            log::error!("{}", sentence(&error.into()));
            leave(Exit::Cannot)
        }
        Err(error) => {
            let error = error.into();
            log::error!("{}; the door stays locked", sentence(&error));
            Ok(Exit::Cannot.into())
        }
    }
}

/// A core file would hold everybody's templates and the last pictures.
fn leave_no_core() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let left = setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = left {
        log::warn!("a crash may leave a core file with templates in it: {error}");
    }
}

/// Ends at once. A thread that hangs in a library would hang that library's own
/// clean-up too, and the door has been locked already.
fn leave(exit: Exit) -> ! {
    log::logger().flush();
    // SAFETY: _exit has no preconditions; nothing of ours waits to be flushed.
    unsafe { libc::_exit(exit as i32) }
}

/// To the journal under systemd, to standard error otherwise.
fn start_log(config: &Config) -> anyhow::Result<()> {
    let level = daemon::level(config.daemon.log);
    let queue = if systemd_journal_logger::connected_to_journal() {
        systemd_journal_logger::JournalLog::new().and_then(LogQueue::new)
    } else {
        LogQueue::new(stderr_log())
    };
    log::set_boxed_logger(Box::new(queue.context("cannot start the log")?))?;
    log::set_max_level(level);
    Ok(())
}
