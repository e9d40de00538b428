//! `doorward relay`: the installer's hand on the strike, and what systemd runs
//! after the daemon ended, however it ended.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Subcommand;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{actor, start_stderr_log};
use crate::audit::{Kind, Log, NewEvent};
use crate::config::Config;
use crate::database::Database;
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
            record_by_hand(path, &relay.describe(), ms)?;
            // Ctrl-C ends the pulse early, not the program with the strike open.
            let stop = Arc::new(AtomicBool::new(false));
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                signal_hook::flag::register(signal, Arc::clone(&stop))
                    .context("cannot listen to signals; the relay was not moved")?;
            }
            relay.set(true)?;
            let until = Instant::now() + Duration::from_millis(ms);
            while Instant::now() < until && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        relay.set(false)?;
        println!("locked: {}", relay.describe());
        Ok(ExitCode::SUCCESS)
    }
}

/// A door that opens by hand is on record like any other, before it does.
fn record_by_hand(path: &Path, relay: &str, ms: u64) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    let event = NewEvent::new(Kind::RelayByHand)
        .actor(actor())
        .detail("relay", relay)
        .detail("pulse_ms", ms);
    Database::open(&config.whitelist.database)
        .map_err(anyhow::Error::from)
        .and_then(|db| Ok(Log::new(db).append(jiff::Timestamp::now().as_millisecond(), &event)?))
        .context("the relay was not moved, because that cannot be put on record")?;
    Ok(())
}
