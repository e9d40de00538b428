//! What becomes of an unlocking that was ordered, by what is on record after it.

use crate::record::{By, Event, NotOpened, RelayCommand};

/// What became of an unlocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Unlocked { pulse_ms: u64 },
    NotOpened(NotOpened),
    RelayFault(RelayCommand),
}

impl Outcome {
    /// What an event says of the act with this number; nothing if it is about something else.
    pub fn of(event: &Event, act: u64) -> Option<Self> {
        match event {
            Event::Unlocked {
                by: By::Act(by),
                pulse_ms,
            } if *by == act => Some(Self::Unlocked {
                pulse_ms: *pulse_ms,
            }),
            Event::NotOpened {
                by: By::Act(by),
                reason,
            } if *by == act => Some(Self::NotOpened(*reason)),
            Event::RelayFault {
                by: Some(By::Act(by)),
                command,
                ..
            } if *by == act => Some(Self::RelayFault(*command)),
            _ => None,
        }
    }
}
