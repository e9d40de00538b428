//! Where the door stands, for whoever drives it and for whoever stands before it.

use std::time::Instant;

use super::effect::{Alarm, By};
use super::leaf::Contact;
use super::lock::State;
use super::machine::Door;
use super::mode::Mode;
use super::view::InView;
use crate::config::Signal;
use crate::config::Signals;

/// Where the door stands, in the field's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// The strike is released, and the leaf is not known to be open.
    Locked,
    /// The strike is energised, and the leaf is not known to be open.
    Unlocked,
    /// The leaf is open for somebody, or was when that was known first.
    Open,
    /// It will be called held open soon.
    PreAlarm,
    HeldOpen,
    ForcedOpen,
}

impl Door {
    /// What is shown and sounded now.
    pub(super) fn signals_now(&self, now: Instant) -> Signals {
        let faulted = matches!(self.lock.state(), State::Releasing { faulted: true, .. });
        let sees = self.view != InView::NotLooking;
        let alarm = self.leaf.alarm();
        let refused = self.refused_until.is_some_and(|until| now < until);
        Signals::default()
            .with_if(Signal::Ready, sees && !faulted && !self.lock.is_stopping())
            .with_if(Signal::LookHere, self.view == InView::UnknownFace)
            .with_if(Signal::Granted, self.lock.is_open())
            .with_if(Signal::Refused, refused)
            .with_if(Signal::PreAlarm, self.leaf.is_warned())
            .with_if(Signal::HeldOpen, alarm == Some(Alarm::HeldOpen))
            .with_if(
                Signal::ForcedOpen,
                alarm == Some(Alarm::ForcedOpen) || self.turnstile.is_forced(),
            )
            .with_if(Signal::Tamper, self.tampered_at.is_some())
            .with_if(Signal::LockedDown, self.modes.is_lockdown())
    }

    /// Where it stands.
    pub fn condition(&self) -> Condition {
        let is_open = self.leaf.contact() == Contact::Open;
        match self.leaf.alarm() {
            Some(Alarm::ForcedOpen) => Condition::ForcedOpen,
            Some(_) => Condition::HeldOpen,
            None if self.turnstile.is_forced() => Condition::ForcedOpen,
            None if self.leaf.is_warned() => Condition::PreAlarm,
            None if is_open => Condition::Open,
            None if self.lock.is_open() => Condition::Unlocked,
            None => Condition::Locked,
        }
    }

    /// The mode in force.
    pub fn mode(&self) -> Mode {
        self.modes.mode()
    }

    /// Whether the relay is known to be released.
    pub(crate) fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// Whether it is unlocked for somebody.
    pub(crate) fn is_open(&self) -> bool {
        self.lock.is_open()
    }

    /// Whether this account may still have it unlocked, now or when its turn comes.
    pub(crate) fn concerns(&self, by: By) -> bool {
        self.lock.unlocked_by() == Some(by) || self.turnstile.has(by)
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
