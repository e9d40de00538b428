//! The machine of one door: from what happens to the strike, the signals and the record.

use std::time::{Duration, Instant};

use super::effect::{Alarm, By, Effect, Effects, Report};
use super::leaf::{Contact, Leaf, Moved};
use super::lock::{Lock, Order, State};
use super::mode::Modes;
use super::reason::{LockCause, NotOpened};
use super::rex::Rex;
use super::settings::Settings;
use super::turnstile::Turnstile;
use super::view::InView;
use super::{Input, Reading};
use crate::config::Signals;
use crate::config::{DoorKind, Relock};

/// How long it is shown that somebody was refused.
const REFUSED_TIME: Duration = Duration::from_secs(3);

/// One door.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Door {
    settings: Settings,
    pub(super) lock: Lock,
    pub(super) modes: Modes,
    pub(super) leaf: Leaf,
    pub(super) turnstile: Turnstile,
    rex: Rex,
    other: Contact,
    pub(super) tampered_at: Option<Instant>,
    inputs_lost: bool,
    pub(super) view: InView,
    pub(super) refused_until: Option<Instant>,
    /// Whether a mode had it unlocked at the last step.
    was_free: bool,
    signals: Signals,
}

impl Door {
    /// Until the first release is confirmed it honours nothing: the line may have been left
    /// energised.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            lock: Lock::new(),
            modes: Modes::normal(),
            leaf: Leaf::default(),
            turnstile: Turnstile::default(),
            rex: Rex::default(),
            other: Contact::default(),
            tampered_at: None,
            inputs_lost: false,
            view: InView::default(),
            refused_until: None,
            was_free: false,
            signals: Signals::default(),
        }
    }

    /// The first effects: release the relay.
    pub fn start(&mut self, now: Instant) -> Effects {
        self.lock.start(now)
    }

    /// Takes one input at the time `now`.
    pub fn step(&mut self, now: Instant, input: Input) -> Effects {
        let mut out = Effects::default();
        self.on_time(now, &mut out);
        let order = self.take(now, input, &mut out).unwrap_or(Order::Tick);
        let mut done = self.give(now, order, &mut out);
        if let Some(cause) = self.has_to_lock() {
            done = self.give(now, Order::Lock(cause), &mut out);
        } else if done.command().is_none()
            && let Some(order) = self.has_to_open(now)
        {
            done = self.give(now, order, &mut out);
        }
        self.note_free(now);
        let signals = self.signals_now(now);
        if std::mem::replace(&mut self.signals, signals) != signals {
            out.push(Effect::Signals(signals));
        }
        out.wake_at = done.wake_at;
        for at in [
            self.modes.wake_at(now),
            self.leaf.wake_at(&self.settings),
            self.turnstile.wake_at(now),
            self.refused_until,
        ] {
            out.wake_by(at);
        }
        match done.command() {
            Some(command) => out.relay(command),
            None => out,
        }
    }

    /// What the input itself asks of the lock.
    fn take(&mut self, now: Instant, input: Input, out: &mut Effects) -> Option<Order> {
        match input {
            Input::Open(by) => match self.open(now, by) {
                Ok(order) => return order,
                Err(reason) => self.not_opened(now, by, reason, out),
            },
            Input::Revoke(by) => {
                if self.lock.unlocked_by() == Some(by) {
                    return Some(Order::Lock(LockCause::Revoked));
                }
                if self.turnstile.drop_one(by) {
                    let reason = NotOpened::Revoked;
                    out.say(Report::NotOpened { by, reason });
                }
            }
            Input::Stop => {
                self.turnstile.empty(NotOpened::Stopping, out);
                return Some(Order::Stop);
            }
            Input::RelayDone { command, ok } => return Some(Order::RelayDone { command, ok }),
            Input::Reading(reading) => return self.read(now, reading, out),
            Input::View(view) => self.view = view,
            Input::Refused => self.refused_until = now.checked_add(REFUSED_TIME),
            Input::Mode { mode, act, until } => {
                self.modes.set(mode, act, until);
                if self.modes.is_lockdown() {
                    self.turnstile.empty(NotOpened::LockedDown, out);
                }
            }
            Input::ModeOver(reason) => {
                if let Some(report) = self.modes.end(reason) {
                    out.say(report);
                }
            }
            Input::Tick => {}
        }
        None
    }

    fn read(&mut self, now: Instant, reading: Reading, out: &mut Effects) -> Option<Order> {
        let free = self.modes.is_free();
        match reading {
            Reading::Contact(contact) => return self.contact(now, contact, out),
            Reading::Rex(pressed) => {
                if self.rex.take(pressed) {
                    self.pressed(now, out);
                }
            }
            Reading::Tamper(true) => {
                if self.tampered_at.is_none() {
                    self.tampered_at = Some(now);
                    out.say(Report::Tampered);
                }
            }
            Reading::Tamper(false) => {
                if let Some(since) = self.tampered_at.take() {
                    let lasted = now.saturating_duration_since(since);
                    let alarm = Alarm::Tamper;
                    out.say(Report::AlarmEnded { alarm, lasted });
                }
            }
            Reading::Rotor(way) => {
                let passed = self.turnstile.turned(now, way, free, self.view, out);
                // What a mode unlocks is not one person's.
                if passed && !free {
                    return Some(Order::Lock(LockCause::Passed));
                }
            }
            Reading::OtherDoor(contact) => self.other = contact,
            Reading::Lost => {
                if !std::mem::replace(&mut self.inputs_lost, true) {
                    out.say(Report::InputsLost);
                }
                self.rex.lost();
                self.other = Contact::Unknown;
                return self.contact(now, Contact::Unknown, out);
            }
            Reading::Back => {
                if std::mem::take(&mut self.inputs_lost) {
                    out.say(Report::InputsBack);
                }
            }
        }
        None
    }

    fn contact(&mut self, now: Instant, contact: Contact, out: &mut Effects) -> Option<Order> {
        let free = self.modes.is_free();
        let moved = self.leaf.take(now, contact, free, self.view, out);
        let cause = match (moved, self.settings.relock) {
            (Moved::Opened, Relock::OnOpen) => LockCause::LeafOpened,
            (Moved::Closed, Relock::OnClose) if self.leaf.is_taken() => LockCause::LeafClosed,
            _ => return None,
        };
        let is_pulse = self.lock.is_open() && !free && self.settings.kind == DoorKind::Door;
        is_pulse.then_some(Order::Lock(cause))
    }

    /// REX was pressed.
    fn pressed(&mut self, now: Instant, out: &mut Effects) {
        if !self.settings.rex_unlocks {
            self.leaf.shunt(now.checked_add(self.settings.rex_shunt));
        } else if let Err(reason) = self.may_open(By::Rex(0)) {
            // The door that is held open is open for whoever leaves, too.
            if reason != NotOpened::HeldOpen && self.rex.refuse(now) {
                out.say(Report::RexRefused { reason });
            }
        } else if (self.settings.rex_extends || self.is_pulse_free()) && self.rex.ask(now) {
            out.push(Effect::AskRex);
        }
    }

    /// Whether a pulse more restarts none that runs: at a turnstile the next person waits.
    fn is_pulse_free(&self) -> bool {
        !self.lock.is_open() || self.settings.kind == DoorKind::Turnstile
    }

    fn open(&mut self, now: Instant, by: By) -> Result<Option<Order>, NotOpened> {
        let asked = match by {
            By::Rex(_) => self.rex.answered(now),
            By::Grant(_) | By::Act(_) => true,
        };
        if !self.lock.is_stopping() {
            self.may_open(by)?;
            if !asked {
                return Err(NotOpened::TooLate);
            }
        }
        if self.settings.kind == DoorKind::Turnstile && !self.lock.is_stopping() {
            if self.turnstile.has_to_wait(now) {
                let waits = self.turnstile.wait(now, by, &self.settings);
                return if waits {
                    Ok(None)
                } else {
                    Err(NotOpened::QueueFull)
                };
            }
            self.turnstile.let_go(by);
        }
        Ok(Some(self.pulse(by)))
    }

    fn pulse(&self, by: By) -> Order {
        let pulse = self.settings.pulse;
        Order::Open { by, pulse }
    }

    /// Whether anything but the lock itself keeps the door locked for them.
    fn may_open(&self, by: By) -> Result<(), NotOpened> {
        if let Some(reason) = self.barred(by) {
            return Err(reason);
        }
        if self.modes.is_free() {
            return Err(NotOpened::HeldOpen);
        }
        Ok(())
    }

    /// What keeps the strike released, or has it released if it is not.
    fn barred(&self, by: By) -> Option<NotOpened> {
        let exempt = matches!(by, By::Rex(_)) && self.settings.rex_in_lockdown;
        if self.modes.is_lockdown() && !exempt {
            Some(NotOpened::LockedDown)
        } else if self.settings.interlock && self.other != Contact::Closed {
            Some(NotOpened::OtherDoorOpen)
        } else {
            None
        }
    }

    fn not_opened(&mut self, now: Instant, by: By, reason: NotOpened, out: &mut Effects) {
        // Who stands before a door that is unlocked anyway was not refused.
        if matches!(by, By::Grant(_)) && reason != NotOpened::HeldOpen {
            self.refused_until = now.checked_add(REFUSED_TIME);
        }
        out.say(Report::NotOpened { by, reason });
    }

    /// What locks a door that is unlocked, whatever it was unlocked for.
    fn has_to_lock(&self) -> Option<LockCause> {
        let by = self.lock.unlocked_by()?;
        match self.barred(by) {
            Some(NotOpened::LockedDown) => Some(LockCause::LockedDown),
            Some(_) => Some(LockCause::OtherDoorOpen),
            None => self.modes.is_over(by).then_some(LockCause::ModeEnded),
        }
    }

    /// What is due without an input: the mode's opening, or the next one at the turnstile.
    fn has_to_open(&mut self, now: Instant) -> Option<Order> {
        if self.lock.is_stopping() || matches!(self.lock.state(), State::Releasing { .. }) {
            return None;
        }
        if let Some(by) = self.modes.account() {
            let can = self.lock.unlocked_by() != Some(by) && self.barred(by).is_none();
            let pulse = self.modes.wants(now, self.settings.max_open);
            return pulse.filter(|_| can).map(|pulse| Order::Open { by, pulse });
        }
        let by = self.turnstile.next(now)?;
        if self.lock.is_open() || self.barred(by).is_some() {
            return None;
        }
        self.turnstile.let_go(by);
        Some(self.pulse(by))
    }

    /// Gives the lock an order, and draws what follows from what it did.
    fn give(&mut self, now: Instant, order: Order, out: &mut Effects) -> Effects {
        let done = self.lock.step(now, order);
        for report in done.reports() {
            let told = match report {
                Report::Unlocked { by, .. } => self.unlocked(now, by),
                Report::Locked {
                    by: Some(by),
                    cause,
                } => self.locked(now, by, cause),
                Report::NotOpened { by, .. } => {
                    self.turnstile.cut(by);
                    true
                }
                _ => true,
            };
            if told {
                out.say(match report {
                    // Its end and the mode's are one.
                    Report::Locked {
                        by: Some(by),
                        cause: LockCause::PulseEnded,
                    } if self.modes.is_mode(by) => {
                        let cause = LockCause::ModeEnded;
                        Report::Locked {
                            by: Some(by),
                            cause,
                        }
                    }
                    report => report,
                });
            }
            if let Report::Unlocked { by, .. } = report
                && let Some(report) = self.modes.granted(by)
            {
                out.say(report);
            }
        }
        done
    }

    /// The strike is energised; whether that is to be told.
    fn unlocked(&mut self, now: Instant, by: By) -> bool {
        if self.modes.account() == Some(by) {
            return self.modes.unlocked();
        }
        self.refused_until = None;
        if let Some(until) = self.lock.open_until() {
            match self.settings.kind {
                DoorKind::Door => self.leaf.unlocked(now, by, until),
                DoorKind::Turnstile => self.turnstile.unlocked(by, until),
            }
        }
        true
    }

    /// The strike is released; whether that is to be told.
    fn locked(&mut self, now: Instant, by: By, cause: LockCause) -> bool {
        if self.modes.account() == Some(by) {
            if cause == LockCause::PulseEnded {
                self.modes.rest(now);
                return false;
            }
            self.modes.locked(now, cause == LockCause::RelayFault);
            return true;
        }
        self.turnstile.locked(now);
        match cause {
            LockCause::PulseEnded | LockCause::LeafOpened | LockCause::LeafClosed => {}
            _ => {
                self.leaf.cut(now);
                self.turnstile.cut(by);
            }
        }
        true
    }

    fn on_time(&mut self, now: Instant, out: &mut Effects) {
        if let Some(report) = self.modes.on_time(now) {
            out.say(report);
        }
        self.note_free(now);
        let (view, free) = (self.view, self.modes.is_free());
        self.leaf.on_time(now, &self.settings, free, view, out);
        self.turnstile.on_time(now, free, view, out);
        self.refused_until.take_if(|until| *until <= now);
    }

    fn note_free(&mut self, now: Instant) {
        let free = self.modes.is_free();
        if std::mem::replace(&mut self.was_free, free) != free {
            self.leaf.set_free(now, free);
        }
    }

    #[cfg(test)]
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Other settings from now on; a pulse that runs lasts no longer than theirs from `now`. A
    /// step has to follow.
    pub(crate) fn set(&mut self, now: Instant, settings: Settings) {
        let is_mode = self.modes.account().is_some();
        self.lock.shorten(
            now,
            match is_mode {
                true => settings.max_open,
                false => settings.pulse,
            },
        );
        self.settings = settings;
    }
}
