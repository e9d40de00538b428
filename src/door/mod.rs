//! The door: locked, except between a grant and the end of its pulse.
//!
//! [`Door`] is a pure machine. It is told the time and what happened, and says what is
//! to be done and when it wants to be called again. It knows neither faces nor people.
//! `lock` decides when the strike moves, [`relay`] has what moves it.
//!
//! Whoever drives it keeps to four rules:
//!
//! 1. call [`Door::start`] first;
//! 2. carry out [`Effects`] in their order, a [`Effect::Relay`] at once; tell its outcome
//!    with [`Input::RelayDone`] before anything else; that gives effects of its own;
//! 3. call again with [`Input::Tick`] no later than [`Effects::wake_at`], the one
//!    given last;
//! 4. write a grant down before giving it to the door.
//!
//! If these are broken, or the relay does not do as it is told, the machine takes
//! the line for energised until a release has been confirmed.

mod effect;
mod lock;
#[cfg(test)]
mod properties;
mod reason;
pub mod relay;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use effect::{By, Effect, Effects, MAX_EFFECTS, RelayCommand, Report};
pub use reason::{LockCause, NotOpened};

use lock::{Lock, Order};

/// What happens to the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Somebody may pass; restarts the pulse if the door is unlocked already.
    Grant {
        /// The audit record that says who and why, already on disk.
        id: u64,
    },
    /// Whoever it was opened for may not pass any more: lock at once.
    Revoke,
    /// Lock at once and for good.
    Stop,
    /// What became of a relay command.
    RelayDone {
        command: RelayCommand,
        /// Whether the driver carried it out.
        ok: bool,
    },
    /// Time has passed.
    Tick,
}

/// One door.
#[derive(Debug)]
pub struct Door {
    lock: Lock,
}

impl Door {
    /// A door that a grant unlocks for `pulse`. Until the first release is
    /// confirmed it honours nothing: the line may have been left energised.
    pub fn new(pulse: Duration) -> Self {
        Self {
            lock: Lock::new(pulse),
        }
    }

    /// The first effects: release the relay.
    pub fn start(&mut self, now: Instant) -> Effects {
        self.lock.start(now)
    }

    /// Takes one input at the time `now`.
    pub fn step(&mut self, now: Instant, input: Input) -> Effects {
        let order = match input {
            Input::Grant { id } => Order::Open(By::Grant(id)),
            Input::Revoke => Order::Revoke,
            Input::Stop => Order::Stop,
            Input::RelayDone { command, ok } => Order::RelayDone { command, ok },
            Input::Tick => Order::Tick,
        };
        self.lock.step(now, order)
    }

    /// The length of pulses from now on; one that runs lasts no longer than it from `now`. A
    /// step has to follow.
    pub(crate) fn set_pulse(&mut self, now: Instant, pulse: Duration) {
        self.lock.set_pulse(now, pulse);
    }

    /// Whether the relay is known to be released.
    pub(crate) fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// Whether it is unlocked for somebody.
    pub(crate) fn is_open(&self) -> bool {
        self.lock.is_open()
    }

    /// When the pulse ends, while it is unlocked for somebody.
    pub(crate) fn open_until(&self) -> Option<Instant> {
        self.lock.open_until()
    }

    /// Whether it was told to stop and the relay is known to be released.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock.is_stopped()
    }
}
