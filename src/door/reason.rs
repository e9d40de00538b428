//! What locked the door, and why it was not opened.

use std::fmt;

/// What locked the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockCause {
    /// The lock was started.
    Started,
    /// The pulse is over.
    PulseEnded,
    /// The relay did not do as it was told.
    RelayFault,
    /// Time ran backwards during a pulse, so that its end could not be told.
    ClockWentBack,
    /// The daemon stops; nothing opens the door any more.
    Stopping,
}

impl fmt::Display for LockCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "the daemon started",
            Self::PulseEnded => "the pulse is over",
            Self::RelayFault => "the relay did not do as it was told",
            Self::ClockWentBack => "the clock went back",
            Self::Stopping => "the daemon stops",
        })
    }
}

/// Why a door that was asked to open stayed locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotOpened {
    /// The relay was told to release and has not confirmed it yet.
    Releasing,
    /// The relay was told to release and refused.
    RelayFault,
    /// Time ran backwards during the pulse before.
    ClockWentBack,
    /// The pulse would end after the last time that the clock can tell.
    NoEnd,
    /// The daemon stops; nothing opens the door any more.
    Stopping,
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Releasing => "the relay has not confirmed yet that it is released",
            Self::RelayFault => "the relay did not do as it was told",
            Self::ClockWentBack => "the clock went back",
            Self::NoEnd => "the pulse is too long for the clock; set door.pulse_ms to less",
            Self::Stopping => "the daemon stops",
        })
    }
}
