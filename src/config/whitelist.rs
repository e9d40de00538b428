//! `[whitelist]`: where people and events are kept.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::anchor;
use super::section::{Section, defaults};

/// `[whitelist]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Whitelist {
    /// SQLite file with people, templates and events.
    pub database: PathBuf,
    /// Whether the pictures templates are made from are kept in it.
    pub keep_photos: bool,
    /// Whether nobody is enrolled whose consent is not noted.
    pub require_consent: bool,
    /// Who was not let in for so many days is disabled; 0: nobody.
    pub unused_days: u32,
}

impl Whitelist {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            database: section.path("database", "/var/lib/doorward/doorward.db"),
            keep_photos: section.flag("keep_photos", false),
            require_consent: section.flag("require_consent", false),
            unused_days: section.whole("unused_days", 0, 0..=3650, "days"),
        }
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        anchor(&mut self.database, folder);
    }
}

impl Default for Whitelist {
    fn default() -> Self {
        defaults(Self::read)
    }
}
