//! What the thread of the fleet's list tells whoever admits people: since when there is no news.

#[cfg(feature = "fleet")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "fleet")]
use arc_swap::ArcSwapOption;

use crate::access::Wall;
#[cfg(feature = "fleet")]
use crate::fleet;

/// The newest that another door signed. Nothing until the thread has read what is kept; and where
/// that thread ends, what it said last grows old.
#[derive(Debug, Clone, Default)]
pub(crate) struct News {
    #[cfg(feature = "fleet")]
    heard: Arc<ArcSwapOption<fleet::Lease>>,
}

#[cfg(feature = "fleet")]
impl News {
    pub(crate) fn tell(&self, lease: Option<fleet::Lease>) {
        self.heard.store(lease.map(Arc::new));
    }

    /// How old it is; nothing where that cannot be told.
    pub(crate) fn age(&self, wall: &Wall<'_>) -> Option<Duration> {
        self.heard.load().as_ref()?.age(&moment(wall)?)
    }
}

/// Nothing where nobody knows which boot it is.
#[cfg(feature = "fleet")]
pub(crate) fn moment(wall: &Wall<'_>) -> Option<fleet::Moment> {
    let boot: String = wall.boot?.chars().filter(|c| *c != '-').collect();
    Some(fleet::Moment {
        boot: u128::from_str_radix(&boot, 16).ok()?,
        uptime: Duration::from_millis(wall.uptime_ms),
        clock_s: wall.is_believed.then(|| wall.at_ms.div_euclid(1000)),
    })
}

#[cfg(not(feature = "fleet"))]
impl News {
    /// A daemon without fleets hears nothing.
    pub(crate) fn age(&self, _: &Wall<'_>) -> Option<Duration> {
        None
    }
}

impl News {
    pub(crate) fn is_over(&self, limit: Duration, wall: &Wall<'_>) -> bool {
        self.age(wall).is_none_or(|age| age > limit)
    }
}
