//! What locked the door, and why it was not opened. How it is told is the record's matter.

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
    /// The person it was opened for may not pass any more.
    Revoked,
    /// The daemon stops; nothing opens the door any more.
    Stopping,
    /// The leaf opened, and `door.relock` says that this ends the pulse.
    LeafOpened,
    /// The leaf closed behind somebody, and `door.relock` says that this ends the pulse.
    LeafClosed,
    /// The rotor turned once.
    Passed,
    /// The door is locked down.
    LockedDown,
    /// The other door of the interlock is not known to be closed.
    OtherDoorOpen,
    /// The mode that held it unlocked is over.
    ModeEnded,
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
    /// The door is locked down.
    LockedDown,
    /// The other door of the interlock is not known to be closed.
    OtherDoorOpen,
    /// It is unlocked already, by a mode.
    HeldOpen,
    /// The answer came when whoever asked may be gone, or nobody asked.
    TooLate,
    /// As many people as may wait for the turnstile do.
    QueueFull,
    /// The turnstile was not free in time.
    QueueExpired,
    /// Who waited for the turnstile may not pass any more.
    Revoked,
}
