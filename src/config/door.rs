//! `[door]`: how long the door stays unlocked.

use serde::Serialize;

use super::section::{Section, defaults};

/// `[door]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Door {
    /// How long a grant energises the relay.
    pub pulse_ms: u64,
}

impl Door {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            pulse_ms: section.whole("pulse_ms", 3000, 100..=30_000, "milliseconds"),
        }
    }
}

impl Default for Door {
    fn default() -> Self {
        defaults(Self::read)
    }
}
