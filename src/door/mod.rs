//! The door: locked, except for whom it is unlocked, and what its leaf does meanwhile.
//!
//! [`Door`] is a pure machine. It is told the time and what happened, and says what is
//! to be done and when it wants to be called again. Of people it knows a number at most,
//! of faces nothing. `lock` decides when the strike moves; `leaf`, `turnstile`, `rex` and
//! `mode` what that is for; [`relay`] has what moves it.
//!
//! Whoever drives it keeps to four rules:
//!
//! 1. call [`Door::start`] first;
//! 2. carry out [`Effects`] in their order, a [`Effect::Relay`] at once; tell its outcome
//!    with [`Input::RelayDone`] before anything else; that gives effects of its own;
//! 3. call again with [`Input::Tick`] no later than [`Effects::wake_at`], the one
//!    given last;
//! 4. write down a grant, an act, or what [`Effect::AskRex`] asks for, before giving it to
//!    the door; give each once.
//!
//! If these are broken, or the relay does not do as it is told, the machine takes
//! the line for energised until a release has been confirmed.

mod effect;
mod leaf;
mod lock;
mod machine;
mod mode;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
mod reason;
pub mod relay;
mod rex;
#[cfg(test)]
mod scenarios;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod turnstile;
mod view;

pub use crate::config::Signals;
pub use effect::{Alarm, By, Effect, Effects, HeldStage, MAX_EFFECTS, RelayCommand, Report};
pub use leaf::Contact;
pub use machine::Door;
#[cfg(test)]
pub(crate) use mode::REST;
pub use mode::{Mode, ModeEnd};
pub use reason::{LockCause, NotOpened};
pub use settings::Settings;
pub use state::Condition;
pub use turnstile::Way;
pub use view::InView;

use std::time::Instant;

/// What happens to the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Somebody may pass, by an audit record that is already on disk. Restarts the pulse if a
    /// door is unlocked already; has to wait if a turnstile is.
    Open(By),
    /// Whoever it was opened for, or waits, may not pass any more: lock at once.
    Revoke(By),
    /// Lock at once and for good.
    Stop,
    /// What became of a relay command.
    RelayDone {
        command: RelayCommand,
        /// Whether the driver carried it out.
        ok: bool,
    },
    /// One of the door's inputs has changed.
    Reading(Reading),
    /// Recognition sees something else.
    View(InView),
    /// Somebody was refused just now.
    Refused,
    /// An administrator ordered a mode; the same act again has another end.
    Mode {
        mode: Mode,
        /// The audit record of the act.
        act: u64,
        /// When it ends; a mode that unlocks has an end.
        until: Option<Instant>,
    },
    /// The mode's time is over, by clocks that the door does not have.
    ModeOver(ModeEnd),
    /// Time has passed.
    Tick,
}

/// What the door's inputs say, debounced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The door's own contact.
    Contact(Contact),
    /// Whether the request to exit is pressed.
    Rex(bool),
    /// Whether a cover is open or a line cut.
    Tamper(bool),
    /// The rotor of a turnstile turned once; which way, if it tells.
    Rotor(Option<Way>),
    /// The contact of the other door of an interlock.
    OtherDoor(Contact),
    /// Nothing is known of any of them any more.
    Lost,
    /// They are there again, and each is told anew.
    Back,
}
