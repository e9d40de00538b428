//! `[audit]`: how long events are kept.

use serde::Serialize;

use super::section::{Section, choice, defaults};

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Events older than this are deleted.
    pub keep_days: u32,
    /// More events than this are not kept: the oldest go first.
    pub keep_events: u64,
    /// Of which decisions the face is kept.
    pub pictures: Pictures,
    /// Pictures older than this are deleted.
    pub picture_days: u32,
    /// More than this of them are not kept, in megabytes: the oldest go first.
    pub max_pictures_mb: u32,
}

choice! {
    /// Of which decisions the face is kept.
    pub enum Pictures {
        /// Of none.
        None = "none",
        /// Of those that let nobody in.
        Refused = "refused",
        /// Of those too that let somebody in.
        All = "all",
    }
}

impl Audit {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            keep_days: section.whole("keep_days", 400, 1..=3650, "days"),
            keep_events: section.whole("keep_events", 1_000_000, 1_000..=100_000_000, "events"),
            pictures: section.choice("pictures", Pictures::None),
            picture_days: section.whole("picture_days", 7, 1..=365, "days"),
            max_pictures_mb: section.whole("max_pictures_mb", 100, 1..=10_000, "megabytes"),
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        defaults(Self::read)
    }
}
