//! `[audit]`: how long events are kept.

use serde::Serialize;

use super::section::{Section, defaults};

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Events older than this are deleted.
    pub keep_days: u32,
    /// More events than this are not kept: the oldest go first.
    pub keep_events: u64,
}

impl Audit {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            keep_days: section.whole("keep_days", 400, 1..=3650, "days"),
            keep_events: section.whole("keep_events", 1_000_000, 1_000..=100_000_000, "events"),
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        defaults(Self::read)
    }
}
