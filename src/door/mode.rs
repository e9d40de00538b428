//! Modes: what holds until an administrator or the time ends it.

use std::time::{Duration, Instant};

use super::effect::{By, Report};

/// After its longest opening in a row the strike rests for so long before a mode has it
/// energised again. The guardian rests for less.
pub(crate) const REST: Duration = Duration::from_millis(1500);
/// A relay that does not energise for a mode is tried again after twice the time, up to this.
const MAX_REST: Duration = Duration::from_secs(60);

/// What an administrator has ordered of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Grants, REX and unlocking open it.
    Normal,
    /// Nothing does, unless REX is allowed to.
    LockedDown,
    /// It is unlocked.
    HeldOpen,
    /// It is unlocked from the first grant on.
    OfficeHours,
}

/// What ended a mode without an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModeEnd {
    /// Its time is over.
    Expired,
    /// The machine was started anew, and its clock is not believed: nobody knows whether the
    /// time is over.
    ClockUnknown,
}

/// The mode in force.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Modes {
    mode: Mode,
    /// The record of the act.
    act: u64,
    /// When it ends.
    until: Option<Instant>,
    /// Whether somebody has opened the office hours.
    opened: bool,
    /// The strike is not energised by the mode before.
    rest_until: Option<Instant>,
    /// How often in a row the relay did not energise for the mode.
    faults: u32,
    /// Whether it is on record that the mode has the door unlocked.
    said: bool,
    /// The last act of a mode that had it unlocked.
    held_by: Option<By>,
}

impl Modes {
    pub(super) fn normal() -> Self {
        Self {
            mode: Mode::Normal,
            act: 0,
            until: None,
            opened: false,
            rest_until: None,
            faults: 0,
            said: false,
            held_by: None,
        }
    }

    /// Takes an act; the same one again changes only its end. One that has the door unlocked
    /// needs an end.
    pub(super) fn set(&mut self, mode: Mode, act: u64, until: Option<Instant>) {
        let unlocks = matches!(mode, Mode::HeldOpen | Mode::OfficeHours);
        let held_by = self.account().or(self.held_by);
        // Nothing has no end.
        let until = until.filter(|_| mode != Mode::Normal);
        if unlocks && until.is_none() {
            *self = Self::normal();
            self.held_by = held_by;
        } else if (self.mode, self.act) == (mode, act) {
            self.until = until;
        } else {
            *self = Self {
                mode,
                act,
                until,
                held_by,
                ..Self::normal()
            };
        }
    }

    /// Ends what is in force.
    pub(super) fn end(&mut self, reason: ModeEnd) -> Option<Report> {
        let Self { mode, act, .. } = *self;
        if mode == Mode::Normal {
            return None;
        }
        let held_by = self.account().or(self.held_by);
        *self = Self::normal();
        self.held_by = held_by;
        Some(Report::ModeEnded { mode, act, reason })
    }

    /// Ends it when its time is over.
    pub(super) fn on_time(&mut self, now: Instant) -> Option<Report> {
        let over = self.until.is_some_and(|until| until <= now);
        if over {
            self.end(ModeEnd::Expired)
        } else {
            None
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether this is a mode's act, of the one in force or the one before.
    pub(super) fn is_mode(&self, by: By) -> bool {
        self.account() == Some(by) || self.held_by == Some(by)
    }

    /// Whether this is the act of a mode that is over.
    pub(super) fn is_over(&self, by: By) -> bool {
        self.is_mode(by) && self.account() != Some(by)
    }

    pub(super) fn is_lockdown(&self) -> bool {
        self.mode == Mode::LockedDown
    }

    /// Whether it has the door unlocked, be it that the strike rests.
    pub(super) fn is_free(&self) -> bool {
        match self.mode {
            Mode::HeldOpen => true,
            Mode::OfficeHours => self.opened,
            Mode::Normal | Mode::LockedDown => false,
        }
    }

    /// On whose account the mode has it unlocked.
    pub(super) fn account(&self) -> Option<By> {
        self.is_free().then_some(By::Act(self.act))
    }

    /// How long to energise now on the mode's account.
    pub(super) fn wants(&self, now: Instant, max_open: Duration) -> Option<Duration> {
        let rests = self.rest_until.is_some_and(|until| now < until);
        let left = self.until?.checked_duration_since(now)?;
        (self.is_free() && !rests && !left.is_zero()).then(|| left.min(max_open))
    }

    /// The first grant of the office hours.
    pub(super) fn granted(&mut self, by: By) -> Option<Report> {
        if self.mode != Mode::OfficeHours || self.opened || !matches!(by, By::Grant(_)) {
            return None;
        }
        self.opened = true;
        Some(Report::OfficeOpened { act: self.act, by })
    }

    /// The strike is energised for the mode; whether that is news.
    pub(super) fn unlocked(&mut self) -> bool {
        self.faults = 0;
        !std::mem::replace(&mut self.said, true)
    }

    /// The strike rests after its longest opening.
    pub(super) fn rest(&mut self, now: Instant) {
        self.rest_until = now.checked_add(REST);
    }

    /// The strike was released for another reason.
    pub(super) fn locked(&mut self, now: Instant, faulted: bool) {
        self.said = false;
        if faulted {
            let longer = REST.saturating_mul(1 << self.faults.min(6)).min(MAX_REST);
            self.faults = self.faults.saturating_add(1);
            self.rest_until = now.checked_add(longer);
        }
    }

    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let rest = self.rest_until.filter(|at| self.is_free() && *at > now);
        match (self.until, rest) {
            (Some(until), Some(rest)) => Some(until.min(rest)),
            (until, rest) => until.or(rest),
        }
    }
}
