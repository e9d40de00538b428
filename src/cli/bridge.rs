//! `doorward bridge`: tells other systems what happens at the door.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Exit;
use super::{Format, print_json, start_stderr_log};
use crate::bridge::{self, Settings};
use crate::config::{self, ClockTrust, Config};
use crate::trust;

/// How often it is looked whether it is the end.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// The bridge.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Without a command it tells what bridge.toml, beside the configuration, switches on, as doorward-bridge.service does.\nWithout that file it tells nobody anything."
)]
pub(crate) struct Bridge {
    #[command(subcommand)]
    command: Option<BridgeCommand>,
}

/// What is done about it.
#[derive(Debug, Subcommand)]
enum BridgeCommand {
    /// Have the broker forget this door, and Home Assistant with it; stop the bridge before
    Remove(#[command(flatten)] Format),
}

impl Bridge {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        if let Some(BridgeCommand::Remove(format)) = self.command {
            start_stderr_log(log::LevelFilter::Warn);
            return remove(&settings(path)?, format);
        }
        start_stderr_log(log::LevelFilter::Info);
        let settings = settings(path)?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&stop))
                .context("signals cannot be heard")?;
        }
        let bridge = bridge::Bridge::start(&settings, &stop)?;
        log::info!("telling: {}", bridge.parts().join(", "));
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        while !stop.load(Ordering::Acquire) {
            std::thread::sleep(LOOK_INTERVAL);
        }
        bridge.join();
        Ok(Exit::Done.into())
    }
}

fn remove(settings: &Settings, format: Format) -> anyhow::Result<ExitCode> {
    let topics = bridge::remove(settings)?;
    match format.json {
        true => print_json(&json!({ "removed": topics }))?,
        false => println!("the broker keeps nothing of {} any more", settings.door),
    }
    Ok(Exit::Done.into())
}

/// What the two files say.
fn settings(path: &Path) -> anyhow::Result<Settings> {
    // Whoever could write the file could have the door told to anybody.
    let runner = rustix::process::geteuid().as_raw();
    let config = Config::load(path)?;
    let file = config::Bridge::path(path);
    let bridge = config::Bridge::load(&file)?;
    let programs = bridge
        .hooks
        .programs
        .iter()
        .map(std::path::PathBuf::as_path);
    for path in [path, &file].into_iter().chain(programs) {
        let exposed = trust::exposed(path, runner).unwrap_or_default();
        if config.daemon.strict_modes
            && let Some(exposed) = exposed.iter().find(|one| one.is_grave())
        {
            bail!("{exposed}");
        }
    }
    // Handed on, and this process may be somewhere else than whoever wrote it.
    let whole =
        std::path::absolute(path).with_context(|| format!("no place: {}", path.display()))?;
    Ok(Settings {
        config: whole,
        door: config.daemon.door,
        trusts_clock: config.access.clock == ClockTrust::Trusted,
        bridge,
    })
}
