//! `[door]`: how long the door stays unlocked.

use serde::Serialize;

use super::file::File;
use super::section::{Section, defaults};

/// `[door]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Door {
    /// How long a grant energises the relay.
    pub pulse_ms: u64,
    /// The relay is never energised for longer in a row, whatever asks for it.
    pub max_open_ms: u64,
}

impl Door {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            pulse_ms: section.whole("pulse_ms", 3000, 100..=30_000, "milliseconds"),
            max_open_ms: section.whole("max_open_ms", 30_000, 1_000..=600_000, "milliseconds"),
        }
    }

    pub(super) fn cross_check(&self, file: &mut File<'_>) {
        file.cross_check(
            &[("door", "pulse_ms"), ("door", "max_open_ms")],
            self.pulse_ms <= self.max_open_ms,
            || {
                format!(
                    "door.pulse_ms = {} is longer than door.max_open_ms = {}, which would end \
                     every pulse early; lower pulse_ms or raise max_open_ms",
                    self.pulse_ms, self.max_open_ms
                )
            },
        );
    }
}

impl Default for Door {
    fn default() -> Self {
        defaults(Self::read)
    }
}
