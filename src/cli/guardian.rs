//! `doorward guardian`: the process that owns the relay's line.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::start_stderr_log;
use crate::door::relay;
use crate::guardian::{self, HeldLine};

/// Owns the relay's line for the process that started it, over standard input.
#[derive(Debug, Args)]
pub(crate) struct Guardian {
    /// Where to keep the note of the line that is driven
    #[arg(long, value_name = "FILE")]
    held: PathBuf,
    /// The line, as a [relay] section
    #[arg(long, value_name = "TOML")]
    line: String,
    /// Longest opening in a row
    #[arg(long, value_name = "MS")]
    max_open_ms: u64,
}

impl Guardian {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let held = HeldLine::parse(&self.line).map_err(anyhow::Error::msg)?;
        let parent = parent()?;
        // Opening releases it.
        let relay = relay::open(&held.relay)?;
        // On disk before the line can be energised for the first time.
        held.write(&self.held)?;
        guardian::serve(relay, Duration::from_millis(self.max_open_ms), parent)?;
        // Known to be released: nothing is left to recover.
        let _ = std::fs::remove_file(&self.held);
        Ok(ExitCode::SUCCESS)
    }
}

fn parent() -> anyhow::Result<UnixStream> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
    let stream = UnixStream::from(stdin);
    if stream.peer_addr().is_err() {
        bail!(
            "standard input is no socket: `doorward run` and `doorward relay` start the guardian"
        );
    }
    Ok(stream)
}
