//! Which signals hold at one time.

use crate::config::Signal;

/// A set of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Signals(u16);

impl Signals {
    pub fn has(self, signal: Signal) -> bool {
        self.0 & bit(signal) != 0
    }

    /// In the order of [`Signal::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::ALL
            .into_iter()
            .filter(move |signal| self.has(*signal))
    }

    /// With this signal if `holds`.
    #[must_use]
    pub(super) fn with(self, signal: Signal, holds: bool) -> Self {
        match holds {
            true => Self(self.0 | bit(signal)),
            false => self,
        }
    }
}

fn bit(signal: Signal) -> u16 {
    1 << (signal as u16)
}
