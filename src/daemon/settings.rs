//! What of the configuration may change under a running daemon, and how its words are the
//! libraries'.

use crate::config::{self, Config};

/// The level as the `log` crate calls it.
pub fn level(level: config::LogLevel) -> log::LevelFilter {
    match level {
        config::LogLevel::Error => log::LevelFilter::Error,
        config::LogLevel::Warn => log::LevelFilter::Warn,
        config::LogLevel::Info => log::LevelFilter::Info,
        config::LogLevel::Debug => log::LevelFilter::Debug,
    }
}

/// Sections and keys that changed and cannot change under a running daemon.
pub(super) fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    [
        (old.camera != new.camera, "camera"),
        (old.models != new.models, "models"),
        (old.vision != new.vision, "vision"),
        (old.liveness != new.liveness, "liveness"),
        (old.relay != new.relay, "relay"),
        (old.panel != new.panel, "panel"),
        (old.whitelist != new.whitelist, "whitelist"),
        (old.daemon.door != new.daemon.door, "daemon.door"),
        (old.fleet != new.fleet, "fleet"),
    ]
    .into_iter()
    .filter(|(changed, _)| *changed)
    .map(|(_, section)| section.to_owned())
    .collect()
}
