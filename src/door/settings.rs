//! What `[door]` says, as the machine takes it.

use std::time::Duration;

use crate::config::{self, DoorKind, Relock};

/// How one door behaves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    pub kind: DoorKind,
    /// How long a grant, REX or an unlocking energises the strike.
    pub pulse: Duration,
    /// How long a mode does so in a row.
    pub max_open: Duration,
    /// What else ends a pulse.
    pub relock: Relock,
    /// After how long an open leaf is an alarm; never if zero.
    pub held_open: Duration,
    /// How long before that it is told.
    pub pre_alarm: Duration,
    /// Whether REX energises the strike; if not, it only lets the leaf open without alarm.
    pub rex_unlocks: bool,
    /// Whether a press restarts the pulse of a door that is unlocked.
    pub rex_extends: bool,
    /// Whether REX works while the door is locked down.
    pub rex_in_lockdown: bool,
    /// How long after REX the leaf may open by the handle.
    pub rex_shunt: Duration,
    /// Whether the strike stays released unless the other door is closed.
    pub interlock: bool,
    /// How many people may wait for a turnstile.
    pub queue_len: usize,
    /// How long each of them may.
    pub queue_wait: Duration,
}

impl Settings {
    /// What a configuration says.
    pub fn of(door: &config::Door) -> Self {
        let ms = Duration::from_millis;
        let (held_open, pre_alarm) = (ms(door.held_open_ms), ms(door.pre_alarm_ms));
        Self {
            kind: door.kind,
            pulse: ms(door.pulse_ms),
            max_open: ms(door.max_open_ms),
            relock: door.relock,
            held_open,
            // The default one would begin before a door that may be open for less.
            pre_alarm: match pre_alarm > held_open {
                true => held_open / 2,
                false => pre_alarm,
            },
            rex_unlocks: door.rex_unlocks,
            rex_extends: door.rex_extends,
            rex_in_lockdown: door.rex_in_lockdown,
            rex_shunt: ms(door.rex_shunt_ms),
            interlock: door.interlock,
            queue_len: door.queue_len as usize,
            queue_wait: ms(door.queue_ms),
        }
    }
}
