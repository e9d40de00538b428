//! What the door shows and sounds: the signals an output can be lit for.

use serde::{Deserialize, Serialize};

/// What people at the door are told by lights, buzzer and siren. Several hold at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The daemon guards the door and the camera sees.
    Ready,
    /// A face is in view and is not judged yet.
    LookHere,
    /// A second factor is awaited.
    EnterFactor,
    /// The door is unlocked for somebody.
    Granted,
    /// Somebody was refused just now.
    Refused,
    /// Too many were refused: nobody is judged for a while.
    LockedOut,
    /// The door will be called held open soon.
    PreAlarm,
    /// The door is held open too long.
    HeldOpen,
    /// The door was opened without grant, exit button or act.
    ForcedOpen,
    /// A cover was opened or a line cut.
    Tamper,
    /// Locked down by an authorised act.
    LockedDown,
    /// Turn the head to your left.
    PromptLeft,
    /// Turn the head to your right.
    PromptRight,
    /// Come closer.
    PromptCloser,
    /// Look at the light above the camera.
    PromptLight,
    /// A challenge was not passed just now.
    ChallengeFailed,
}

impl Signal {
    /// All of them, in the order of their meaning.
    pub const ALL: [Self; 16] = [
        Self::Ready,
        Self::LookHere,
        Self::EnterFactor,
        Self::Granted,
        Self::Refused,
        Self::LockedOut,
        Self::PreAlarm,
        Self::HeldOpen,
        Self::ForcedOpen,
        Self::Tamper,
        Self::LockedDown,
        Self::PromptLeft,
        Self::PromptRight,
        Self::PromptCloser,
        Self::PromptLight,
        Self::ChallengeFailed,
    ];
}

/// Several signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Signals(u32);

impl Signals {
    /// None.
    pub const NONE: Self = Self(0);

    /// Also that one.
    #[must_use]
    pub fn with(self, signal: Signal) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// Also that one, if `holds`.
    #[must_use]
    pub(crate) fn with_if(self, signal: Signal, holds: bool) -> Self {
        if holds { self.with(signal) } else { self }
    }

    /// Whether it holds.
    pub fn has(self, signal: Signal) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    /// In the order of [`Signal::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::ALL
            .into_iter()
            .filter(move |signal| self.has(*signal))
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that hold here and did not there.
    pub(crate) fn without(self, before: Self) -> Self {
        Self(self.0 & !before.0)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn as_bits(self) -> u32 {
        self.0
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    fn bit(signal: Signal) -> u32 {
        1 << signal as u32
    }
}

impl FromIterator<Signal> for Signals {
    fn from_iter<T: IntoIterator<Item = Signal>>(signals: T) -> Self {
        signals.into_iter().fold(Self::NONE, Self::with)
    }
}
