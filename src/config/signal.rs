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
}

impl Signal {
    /// All of them, in the order of their meaning.
    pub const ALL: [Self; 11] = [
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
    ];
}
