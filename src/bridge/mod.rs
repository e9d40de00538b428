//! The bridge: `doorward bridge`, the only process at a door with a network. It is a client of the
//! control socket, tells others what happens at the door, and has neither camera, GPIO,
//! database nor key.
//!
//! ```text
//! daemon ─► feed (threads) ─► outbox (pure: what is still to be told) ─► receivers:
//!             │                  │                                          metrics_file (Prometheus)
//!           cursor             outgoing (what an event says outside)        mqtt/ (and commands from there)
//!           (on disk)                                                       webhook, hooks
//! ```
//!
//! Each receiver has a feed, a cursor and a connection to the daemon of its own, so that a slow
//! one holds up nobody. The record is the buffer.

mod cursor;
mod endpoint;
mod feed;
#[cfg(feature = "fleet")]
mod fleet;
mod fuzzing;
mod hooks;
mod metrics;
mod metrics_file;
mod mqtt;
mod notice;
mod outbox;
mod outgoing;
mod secret;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use crate::config::{self, DoorName};
pub use cursor::CursorError;
use cursor::CursorFile;
use feed::{Feed, Receiver};
#[cfg(feature = "fleet")]
pub use fleet::FleetError;
pub use fuzzing::{fuzz_answer, fuzz_command};
use hooks::Hooks;
use metrics_file::MetricsFile;
use mqtt::Mqtt;
pub use mqtt::{OptionsError, RemoveError, remove};
pub use secret::SecretError;
use webhook::Webhook;
pub use webhook::WebhookError;

/// What it needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration of the daemon, whose socket is found by it.
    pub config: PathBuf,
    pub door: DoorName,
    pub bridge: config::Bridge,
    /// Whether the wall's clock is believed whatever is known of it.
    pub trusts_clock: bool,
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    #[error("{} switches nothing on: write metrics.file, mqtt.broker, a section [webhooks.…] hooks.programs or fleet.link, as it explains", .0.display())]
    NothingOn(PathBuf),
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error("metrics.listen = \"{address}\" cannot be listened at: {source}; choose another port")]
    Listen {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Mqtt(#[from] OptionsError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[cfg(feature = "fleet")]
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[cfg(not(feature = "fleet"))]
    #[error(
        "fleet.link is set, and this doorward was built without fleets: remove it, or install the package"
    )]
    NoFleet,
    #[error("the system gives no thread: {0}")]
    Thread(std::io::Error),
}

/// Everything that runs.
#[derive(Debug)]
pub struct Bridge {
    parts: Vec<String>,
    threads: Vec<JoinHandle<()>>,
}

impl Bridge {
    /// Starts each part that is on; all end after `stop` is set.
    ///
    /// # Errors
    /// [`BridgeError`]
    pub fn start(settings: &Settings, stop: &Arc<AtomicBool>) -> Result<Self, BridgeError> {
        let mut bridge = Self {
            parts: Vec::new(),
            threads: Vec::new(),
        };
        let on = &settings.bridge;
        if on.metrics.file.is_some() || on.metrics.listen.is_some() {
            let numbers = MetricsFile::new(
                &on.metrics,
                &settings.door.to_string(),
                settings.config.clone(),
            );
            if let Some(address) = on.metrics.address() {
                endpoint::serve(address, numbers.text(), Arc::clone(stop))?;
            }
            bridge.feed("metrics", settings, stop, numbers)?;
        }
        if let Some(broker) = &on.mqtt.broker {
            let mqtt = Mqtt::start(settings, broker)?;
            bridge.feed("mqtt", settings, stop, mqtt)?;
        }
        let door = settings.door.to_string();
        for (name, webhook) in &on.webhooks {
            if let Some(webhook) = Webhook::new(name, webhook, &door)? {
                bridge.feed(&format!("webhooks.{name}"), settings, stop, webhook)?;
            }
        }
        if !on.hooks.programs.is_empty() {
            let hooks = Hooks::new(&on.hooks, &door);
            bridge.feed("hooks", settings, stop, hooks)?;
        }
        #[cfg(not(feature = "fleet"))]
        if on.fleet.link.is_some() {
            return Err(BridgeError::NoFleet);
        }
        #[cfg(feature = "fleet")]
        if let Some(keys) = fleet::keys(&on.fleet)? {
            let errands = fleet::Errands::new(&keys, settings.config.clone(), stop)?;
            let post = fleet::Fleet::new(&keys, &on.process.folder)?;
            bridge.feed("fleet", settings, stop, post)?;
            let thread = std::thread::Builder::new().name("errands".into());
            let thread = thread.spawn(move || errands.run());
            bridge.threads.push(thread.map_err(BridgeError::Thread)?);
        }
        match bridge.parts[..] {
            [] => Err(BridgeError::NothingOn(config::Bridge::path(
                &settings.config,
            ))),
            _ => Ok(bridge),
        }
    }

    /// What is on.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Waits until all of them ended.
    pub fn join(self) {
        for thread in self.threads {
            let _ = thread.join();
        }
    }

    fn feed(
        &mut self,
        name: &str,
        settings: &Settings,
        stop: &Arc<AtomicBool>,
        receiver: impl Receiver,
    ) -> Result<(), BridgeError> {
        let file = CursorFile::new(&settings.bridge.process.folder, name);
        let feed = Feed {
            config: settings.config.clone(),
            name: name.to_owned(),
            told: file.read()?,
            file,
            stop: Arc::clone(stop),
        };
        let thread = std::thread::Builder::new().name(name.into());
        let thread = thread.spawn(move || feed.run(receiver));
        self.threads.push(thread.map_err(BridgeError::Thread)?);
        self.parts.push(name.to_owned());
        Ok(())
    }
}
