//! The one configuration file. Each section has a file of its own here, with its keys,
//! their defaults and ranges, and what must hold between them.
//!
//! A file is accepted whole or not at all. Every key has a default, and
//! `config/doorward.toml` shows each of them with its meaning; a test keeps the
//! two equal. An unknown key, a wrong type or a value out of range is refused
//! with the line and column it stands at, because a misspelt safety setting that
//! is silently ignored is a door that opens.

mod access;
mod audit;
mod bridge;
mod bridge_address;
mod camera;
mod daemon;
mod door;
mod door_name;
mod explain;
mod factors;
mod file;
mod fleet;
mod infrared;
mod liveness;
mod lockout;
mod mistake;
mod models;
mod panel;
mod panel_wiring;
mod relay;
mod rule_files;
mod section;
mod signal;
mod syntax;
mod vision;
mod web;
mod whitelist;

use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::de::DeTable;

pub use access::{Access, ClockTrust};
pub use audit::{Audit, Pictures};
pub use bridge::{
    Bridge, BridgeFleet, Hooks, MAX_HOOKS_COUNT, MAX_WEBHOOKS_COUNT, Metrics, Mqtt, Webhook,
};
pub use bridge_address::Broker;
pub use camera::{Camera, Format, Pace, Replay, Rotation, Source};
pub use daemon::{Daemon, LogLevel};
pub use door::{Door, DoorKind, MAX_QUEUE_PEOPLE, Relock};
pub use door_name::DoorName;
pub use factors::{CardAlone, Demand, Factors};
pub use fleet::{Fleet, FleetLease, FleetShare, LeaseLimit};
pub use infrared::Infrared;
pub use liveness::{Challenge, Liveness};
pub use lockout::Lockout;
pub use mistake::{ConfigError, Mistake, Place};
pub use models::{Accelerator, Models, Precision};
pub use panel::{Panel, PanelDriver};
pub use panel_wiring::{Input, Output, Pattern, Typist, Wiegand, WiegandFormat};
pub use relay::{Bias, Drive, Driver, Level, Line, Relay};
pub(crate) use rule_files::read_rules;
pub use rule_files::{RuleFile, RulesError};
pub use signal::{Signal, Signals};
pub use vision::Vision;
pub use web::Web;
pub use whitelist::Whitelist;

// What other TOML files that people write are read by.
pub(crate) use mistake::{any_of, lines, nearest};
pub(crate) use section::{kind, quoted};
pub(crate) use syntax::Syntax;

use crate::files::{self, Kind};

use door::Wired;
use file::File;
use syntax::is_in;

/// Where the configuration is looked for when nothing else is said.
pub(crate) const DEFAULT_PATH: &str = "/etc/doorward/doorward.toml";

/// Everything an administrator can set.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Config {
    /// Where pictures come from.
    pub camera: Camera,
    /// Which networks run, and on what.
    pub models: Models,
    /// What counts as a face worth judging.
    pub vision: Vision,
    /// What a face is looked at for before it counts as a person's.
    pub liveness: Liveness,
    /// When a judged face opens the door.
    pub access: Access,
    /// How long the door stays unlocked.
    pub door: Door,
    /// The output that moves the strike.
    pub relay: Relay,
    /// Where people and events are kept.
    pub whitelist: Whitelist,
    /// How long events are kept.
    pub audit: Audit,
    /// The process itself.
    pub daemon: Daemon,
    /// What is at the door besides strike and camera.
    pub panel: Panel,
    /// What is asked for besides the face.
    pub factors: Factors,
    /// Pauses after too many refusals.
    pub lockout: Lockout,
    /// The local page.
    pub web: Web,
    /// The fleet that the door belongs to.
    pub fleet: Fleet,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// Relative paths in it are taken from the folder the file is in.
    ///
    /// # Errors
    /// [`ConfigError`] if it cannot be read, or with all that is wrong in it: text that is
    /// not TOML, unknown keys, values of a wrong type or out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut config = Self::parse(&text(path)?, path)?;
        let folder = &folder_of(path);
        config.camera.anchor(folder);
        config.access.anchor(folder);
        config.models.anchor(folder);
        config.relay.anchor(folder);
        config.whitelist.anchor(folder);
        config.panel.anchor(folder);
        config.web.anchor(folder);
        config.fleet.anchor(folder);
        Ok(config)
    }

    /// Checks a configuration text; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`Config::load`], without the reading.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let syntax = Syntax::new(text);
        let root = syntax.root();
        let mut file = File::new(&syntax.text, root.get_ref());
        let config = Self::read(&mut file);
        config.camera.cross_check(&mut file);
        config.vision.cross_check(&config.camera, &mut file);
        config.access.cross_check(&config.camera, &mut file);
        config.door.cross_check(&mut file);
        config
            .door
            .cross_check_inputs(Wired::by(&config.panel), &mut file);
        config.relay.cross_check(&mut file);
        config.panel.cross_check(&config.relay, &mut file);
        config.lockout.cross_check(&mut file);
        config.web.cross_check(&mut file);
        refuse_any(path, syntax.with(file.mistakes()))?;
        Ok(config)
    }

    /// Reads only `[relay]`, so that a door can be locked by a file that is
    /// wrong in any other section.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read, is wrong in `[relay]`, or if it has
    /// no `[relay]` and is wrong anywhere: that may be what hides it.
    pub fn load_relay(path: &Path) -> Result<Relay, ConfigError> {
        let text = text(path)?;
        let syntax = Syntax::new(&text);
        let root = syntax.root();
        let mut file = File::new(&syntax.text, root.get_ref());
        let mut relay = Self::read(&mut file).relay;
        let found = file.has("relay");
        let mut mistakes = syntax.with(file.mistakes());
        mistakes.retain(|mistake| !found || is_in(&text, "relay", mistake.place));
        refuse_any(path, mistakes)?;
        relay.anchor(&folder_of(path));
        Ok(relay)
    }

    /// `[relay]` and `[door]` alone, past mistakes in other sections: all that the relay
    /// guardian needs.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn load_strike(path: &Path) -> Result<(Relay, Door), ConfigError> {
        let text = text(path)?;
        let syntax = Syntax::new(&text);
        let root = syntax.root();
        let mut file = File::new(&syntax.text, root.get_ref());
        let Self {
            mut relay, door, ..
        } = Self::read(&mut file);
        // It is to hold the line, and not only to release it.
        relay.cross_check(&mut file);
        door.cross_check(&mut file);
        let found = file.has("relay");
        let mut mistakes = syntax.with(file.mistakes());
        let is_strike = |place| {
            ["relay", "door"]
                .iter()
                .any(|name| is_in(&text, name, place))
        };
        mistakes.retain(|mistake| !found || is_strike(mistake.place));
        refuse_any(path, mistakes)?;
        relay.anchor(&folder_of(path));
        Ok((relay, door))
    }

    /// The file that says this.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut file = toml::Table::try_from(self)?;
        // What a threshold of one's own leaves aside must not stand beside it.
        if self.access.threshold.is_some()
            && let Some(access) = file.get_mut("access").and_then(toml::Value::as_table_mut)
        {
            access.remove("false_accept");
            access.remove("min_threshold");
        }
        toml::to_string(&file)
    }

    /// Every key there is, as `section.key`, in the order of the sections here.
    pub fn keys() -> Vec<String> {
        let nothing = DeTable::new();
        let mut file = File::new("", &nothing);
        Self::read(&mut file);
        file.keys().collect()
    }

    fn read(file: &mut File<'_>) -> Self {
        Self {
            camera: file.section("camera", Camera::read),
            models: file.section("models", Models::read),
            vision: file.section("vision", Vision::read),
            liveness: file.section("liveness", Liveness::read),
            access: file.section("access", Access::read),
            door: file.section("door", Door::read),
            relay: file.section("relay", Relay::read),
            whitelist: file.section("whitelist", Whitelist::read),
            audit: file.section("audit", Audit::read),
            daemon: file.section("daemon", Daemon::read),
            panel: file.section("panel", Panel::read),
            factors: file.section("factors", Factors::read),
            lockout: file.section("lockout", Lockout::read),
            web: file.section("web", Web::read),
            fleet: file.section("fleet", Fleet::read),
        }
    }
}

/// The folder of a file as an absolute path: a process that is handed the configuration may
/// be somewhere else.
fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let here = std::env::current_dir().unwrap_or_default();
    here.join(folder)
}

fn refuse_any(path: &Path, mistakes: Vec<Mistake>) -> Result<(), ConfigError> {
    if mistakes.is_empty() {
        return Ok(());
    }
    Err(ConfigError::Invalid {
        path: path.to_owned(),
        mistakes,
    })
}

fn anchor(path: &mut PathBuf, folder: &Path) {
    if path.is_relative() {
        *path = folder.join(&*path);
    }
}

fn text(path: &Path) -> Result<String, ConfigError> {
    let bytes = files::read(path, Kind::Configuration).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    syntax::decode(bytes).map_err(|mistake| ConfigError::Invalid {
        path: path.to_owned(),
        mistakes: vec![mistake],
    })
}
