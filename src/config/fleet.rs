//! `[fleet]`: the fleet that the door belongs to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::anchor;
use super::section::{Section, choice, defaults, text};

const DAY_S: u64 = 86_400;
/// The longest lease that ends.
const MAX_LEASE_S: u64 = 3_650 * DAY_S;

/// `[fleet]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fleet {
    /// The daemon's keys, as `doorward fleet join` makes them; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// Whose data goes up to the list.
    pub share: FleetShare,
    pub lease: FleetLease,
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
            lease: section.section("lease", "fleet.lease", FleetLease::read),
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

/// `[fleet.lease]`: how long whoever the list has is let in after the newest commit of another door.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetLease {
    pub guests: LeaseLimit,
    /// Everybody else.
    pub residents: LeaseLimit,
    /// Of groups by their names. Where several hold for a person, the shortest does.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, LeaseLimit>,
}

impl FleetLease {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let guests = LeaseLimit(Some(7 * DAY_S));
        Self {
            guests: section.lease("guests", guests),
            residents: section.lease("residents", LeaseLimit::NEVER),
            group: section.tables(
                "group",
                "fleet.lease.group",
                "fleet.lease.group.NAME",
                |one| one.lease("ends", LeaseLimit::NEVER),
            ),
        }
    }

    /// For a person; nothing where it never ends.
    pub fn limit<'a>(
        &self,
        is_guest: bool,
        groups: impl IntoIterator<Item = &'a str>,
    ) -> Option<Duration> {
        let first = match is_guest {
            true => self.guests,
            false => self.residents,
        };
        let groups = groups.into_iter().filter_map(|name| self.group.get(name));
        let all = std::iter::once(&first).chain(groups);
        all.filter_map(|limit| limit.0)
            .min()
            .map(Duration::from_secs)
    }
}

/// In seconds; nothing where it never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseLimit(Option<u64>);

impl LeaseLimit {
    const NEVER: Self = Self(None);

    /// Nothing where it never ends.
    pub fn ends(self) -> Option<Duration> {
        self.0.map(Duration::from_secs)
    }

    fn parse(text: &str) -> Option<Self> {
        if text == "never" {
            return Some(Self::NEVER);
        }
        let (number, unit_s) = [("d", DAY_S), ("h", 3600), ("m", 60)]
            .into_iter()
            .find_map(|(unit, unit_s)| Some((text.strip_suffix(unit)?, unit_s)))?;
        let seconds = number.parse::<u32>().ok().map(|n| u64::from(n) * unit_s)?;
        (60..=MAX_LEASE_S)
            .contains(&seconds)
            .then_some(Self(Some(seconds)))
    }
}

/// As it is written in the file.
impl fmt::Display for LeaseLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("never"),
            Some(s) if s % DAY_S == 0 => write!(f, "{}d", s / DAY_S),
            Some(s) if s % 3600 == 0 => write!(f, "{}h", s / 3600),
            Some(s) => write!(f, "{}m", s / 60),
        }
    }
}

impl Serialize for LeaseLimit {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Section<'_, '_> {
    fn lease(&mut self, key: &'static str, default: LeaseLimit) -> LeaseLimit {
        let needed =
            "\"never\", or a time of 1 minute to 3650 days such as \"7d\", \"12h\" or \"30m\"";
        self.read(key, default, |value| {
            LeaseLimit::parse(&text(value, needed)?).ok_or_else(|| format!("is not {needed}"))
        })
    }
}
