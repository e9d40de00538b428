//! What the door thread tells in passing of where the door stands. Nobody waits, and nothing
//! is allocated.

use std::sync::atomic::{AtomicU8, Ordering};

use super::door_events::of_mode;
use crate::door::{self, Door};
use crate::ipc::Condition;
use crate::record::DoorMode;

/// Where the door stands; locked and normal until it is told.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// Places in [`Condition::ALL`] and [`DoorMode::ALL`].
    condition: AtomicU8,
    mode: AtomicU8,
}

impl Outlook {
    pub(crate) fn show(&self, door: &Door) {
        let (condition, mode) = (of_condition(door.condition()), of_mode(door.mode()));
        let place = Condition::ALL.iter().position(|one| *one == condition);
        self.condition.store(code(place), Ordering::Relaxed);
        let place = DoorMode::ALL.iter().position(|one| *one == mode);
        self.mode.store(code(place), Ordering::Relaxed);
    }

    pub(crate) fn condition(&self) -> Condition {
        let place = usize::from(self.condition.load(Ordering::Relaxed));
        Condition::ALL
            .get(place)
            .copied()
            .unwrap_or(Condition::Locked)
    }

    pub(crate) fn mode(&self) -> DoorMode {
        let place = usize::from(self.mode.load(Ordering::Relaxed));
        DoorMode::ALL
            .get(place)
            .copied()
            .unwrap_or(DoorMode::Normal)
    }
}

fn code(place: Option<usize>) -> u8 {
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

fn of_condition(condition: door::Condition) -> Condition {
    match condition {
        door::Condition::Locked => Condition::Locked,
        door::Condition::Unlocked => Condition::Unlocked,
        door::Condition::Open => Condition::Open,
        door::Condition::PreAlarm => Condition::PreAlarm,
        door::Condition::HeldOpen => Condition::HeldOpen,
        door::Condition::ForcedOpen => Condition::ForcedOpen,
    }
}
