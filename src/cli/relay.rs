//! `doorward relay`: the installer's hand on the strike, and what systemd runs
//! after the daemon ended, however it ended.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;

use super::start_stderr_log;
use crate::config::Config;
use crate::door::relay;

/// What to do with the relay.
#[derive(Debug, Subcommand)]
pub enum Relay {
    /// Energise the relay for a moment, then lock
    Pulse {
        /// How long, in milliseconds
        #[arg(long, value_name = "MS", default_value_t = 1000,
              value_parser = clap::value_parser!(u64).range(50..=10_000))]
        ms: u64,
    },
    /// Make sure that the relay is locked
    ///
    /// The service runs this after the daemon has ended, because on some boards a
    /// line keeps its level when the process that held it dies. It reads only the
    /// [relay] section, so a mistake elsewhere in the configuration does not keep
    /// the door unlocked.
    Lock,
}

impl Relay {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let config = Config::load_relay(path)?;
        // Opening drives the line to the locked level.
        let mut relay = relay::open(&config)?;
        if let Self::Pulse { ms } = self {
            record_by_hand(path, ms)?;
            relay.set(true)?;
            std::thread::sleep(Duration::from_millis(ms));
        }
        relay.set(false)?;
        println!("locked: {}", relay.describe());
        Ok(ExitCode::SUCCESS)
    }
}

/// A door that opens by hand is on record like any other.
fn record_by_hand(path: &Path, ms: u64) -> anyhow::Result<()> {
    let _ = (path, ms);
    Err(anyhow::anyhow!("to be written")).context("relay pulse")
}
