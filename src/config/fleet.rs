//! `[fleet]`: the fleet that the door belongs to.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::anchor;
use super::section::{Section, choice, defaults};

/// `[fleet]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fleet {
    /// The daemon's keys, as `doorward fleet join` makes them; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// Whose data goes up to the list.
    pub share: FleetShare,
}

choice! {
    /// Whose data goes up, of the people who were enrolled here.
    #[derive(Default)]
    pub enum FleetShare {
        /// Whoever is enrolled after the door joined.
        #[default]
        New = "new",
        All = "all",
        /// Nobody; the list's people come here all the same.
        None = "none",
    }
}

impl Fleet {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            keys: section.some_path("keys"),
            share: section.choice("share", FleetShare::New),
        }
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        if let Some(keys) = &mut self.keys {
            anchor(keys, folder);
        }
    }
}

impl Default for Fleet {
    fn default() -> Self {
        defaults(Self::read)
    }
}
