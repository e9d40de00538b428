//! `doorward relay`: the installer's hand on the strike, and what systemd runs
//! after the daemon ended, however it ended.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::clerk::{self, Clerk};
use super::{Exit, Format, print_json, start_stderr_log};
use crate::config::{self, Config, Driver};
use crate::door::relay;
use crate::guardian::{self, BootTime, Given, HeldLine, Hold, ServiceFolder};
use crate::verbs::Verb;

/// How often a pulse by hand renews its lease.
const RENEW_INTERVAL: Duration = Duration::from_millis(200);

/// What to do with the relay.
#[derive(Debug, Subcommand)]
pub enum Relay {
    /// Energise the relay for a moment, then lock
    Pulse {
        /// How long, in milliseconds
        #[arg(long, value_name = "MS", default_value_t = 1000,
              value_parser = clap::value_parser!(u64).range(50..=10_000))]
        ms: u64,
        #[command(flatten)]
        format: Format,
    },
    /// Make sure that the relay is locked
    ///
    /// The service runs this after the daemon has ended, because on some boards a
    /// line keeps its level when the process that held it dies. It releases the line that
    /// was driven last, whatever the configuration says or whether it can be read at all,
    /// and then the one in [relay].
    Lock(#[command(flatten)] Format),
}

impl Relay {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        match self {
            Self::Lock(format) => lock(path, format),
            Self::Pulse { ms, format } => pulse(path, ms, format),
        }
    }
}

/// Releases the lines that guardians drive or drove last, before the configuration is looked
/// at, and then the configured one.
fn lock(path: &Path, format: Format) -> anyhow::Result<ExitCode> {
    let mut locking = Locking::default();
    let looked = lock_each(path, &mut locking);
    if format.json {
        let lines = locking.told.iter();
        let lines = lines.map(|(line, how)| json!({ "relay": line, "known_from": how.code() }));
        print_json(&json!({ "locked": lines.collect::<Vec<_>>() }))?;
    } else {
        for (line, how) in &locking.told {
            println!("locked: {line}{}", how.words());
        }
    }
    looked?;
    match locking.trouble {
        Some(error) => Err(error),
        None => Ok(Exit::Done.into()),
    }
}

fn lock_each(path: &Path, locking: &mut Locking) -> anyhow::Result<()> {
    let packaged = ServiceFolder::default_one();
    locking.service(&packaged);
    for note in guardian::note_paths(path) {
        locking.note(&note);
    }
    let configured = Config::load_relay(path);
    let own = configured.as_ref().ok().map(ServiceFolder::of);
    if let Some(own) = own.filter(|own| *own != packaged) {
        locking.service(&own);
    }
    match configured {
        Ok(line) if locking.released.contains(&line) => {}
        Ok(line) => {
            let relay = relay::open(&line)?;
            locking
                .told
                .push((relay.describe(), KnownFrom::Configuration));
        }
        // What was driven is released; what a file that cannot be read means, nobody knows.
        Err(error) if !locking.released.is_empty() => {
            log::warn!("the configured line was not looked at: {error}");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// How a line that was released is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KnownFrom {
    Guardian,
    Note,
    Configuration,
}

impl KnownFrom {
    fn code(self) -> &'static str {
        match self {
            Self::Guardian => "guardian",
            Self::Note => "note",
            Self::Configuration => "configuration",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Guardian => ", by its guardian",
            Self::Note => ", driven last",
            Self::Configuration => "",
        }
    }
}

/// What `relay lock` has done so far.
#[derive(Default)]
struct Locking {
    released: Vec<config::Relay>,
    /// What there is to say of them.
    told: Vec<(String, KnownFrom)>,
    trouble: Option<anyhow::Error>,
}

impl Locking {
    /// Has a guardian that runs release its line; one that does not has left a note.
    fn service(&mut self, folder: &ServiceFolder) {
        if let Some(held) = folder.lock() {
            let line = relay::describe(&held.relay);
            self.told.push((line, KnownFrom::Guardian));
            self.released.push(held.relay);
        } else {
            self.note(&folder.note());
        }
    }

    fn note(&mut self, note: &Path) {
        match HeldLine::read(note) {
            // The service's user may write the note, and root would make the file it names.
            Ok(Some(held)) if is_simulated_and_gone(&held) => {}
            Ok(Some(held)) if self.released.contains(&held.relay) => {}
            Ok(Some(held)) => match relay::open(&held.relay) {
                Ok(relay) => {
                    self.told.push((relay.describe(), KnownFrom::Note));
                    self.released.push(held.relay);
                }
                Err(error) => self.trouble = Some(error.into()),
            },
            Ok(None) => {}
            Err(error) => self.trouble = Some(error.into()),
        }
    }
}

fn is_simulated_and_gone(held: &HeldLine) -> bool {
    held.relay.driver == Driver::Simulated && !held.relay.state_file.exists()
}

fn pulse(path: &Path, ms: u64, format: Format) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    clerk::meet(path, &config);
    // Taking hold of the line releases it.
    let mut hold = Hold::take(Given {
        line: config.relay.clone(),
        cap: Duration::from_millis(config.door.max_open_ms),
        note: guardian::note_path(path)?,
    })?;
    record_by_hand(&config, &hold.describe(), ms)?;
    // Ctrl-C ends the pulse early. Whatever else ends or stops this program ends its
    // lease, and the guardian releases the line.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("cannot listen to signals; the relay was not moved")?;
    }
    let until = BootTime::now().after(Duration::from_millis(ms));
    hold.open(until)?;
    while BootTime::now() < until && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(until.duration_since(BootTime::now()).min(RENEW_INTERVAL));
        if BootTime::now() < until {
            hold.renew()?;
        }
    }
    hold.lock()?;
    let relay = hold.describe();
    if format.json {
        print_json(&json!({ "relay": relay, "pulse_ms": ms, "locked": true }))?;
    } else {
        println!("locked: {relay}");
    }
    Ok(Exit::Done.into())
}

/// A door that opens by hand is on record like any other, before it does.
fn record_by_hand(config: &Config, relay: &str, ms: u64) -> anyhow::Result<()> {
    let noted = Verb::NoteRelayByHand {
        relay: relay.to_owned(),
        pulse_ms: ms,
    };
    Clerk::new(config)
        .does(noted, None)
        .context("the relay was not moved, because that cannot be put on record")?;
    Ok(())
}
