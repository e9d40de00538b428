//! `[daemon]`: the process itself.

use serde::Serialize;

use super::door_name::DoorName;
use super::section::{Section, choice, defaults};

/// `[daemon]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Daemon {
    /// What the door is called in records.
    pub door: DoorName,
    /// A part without progress for this long is a fault: the door is locked and the process ends.
    pub hang_ms: u64,
    /// How much is logged.
    pub log: LogLevel,
    /// Whether configuration, models and runtime that others can write are refused.
    pub strict_modes: bool,
}

choice! {
    /// How much is logged.
    pub enum LogLevel {
        /// Faults only.
        Error = "error",
        /// What needs an administrator.
        Warn = "warn",
        /// Decisions and changes of state.
        Info = "info",
        /// Every judged frame.
        Debug = "debug",
    }
}

impl Daemon {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            door: section.door_name("door"),
            hang_ms: section.whole("hang_ms", 4000, 1_000..=60_000, "milliseconds"),
            log: section.choice("log", LogLevel::Info),
            strict_modes: section.flag("strict_modes", true),
        }
    }
}

impl Default for Daemon {
    fn default() -> Self {
        defaults(Self::read)
    }
}
