//! The door's leaf, as its contact sees it: who opened it, for how long, and without whom.

use std::time::{Duration, Instant};

use super::effect::{Alarm, By, Effects, HeldStage, Report};
use super::settings::Settings;
use super::view::InView;

/// From an opening of the leaf to its contact's word, at most: so long after the strike is
/// released it still counts for whom it was unlocked.
pub(super) const MAX_CONTACT_DELAY: Duration = Duration::from_millis(500);

/// What a contact says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Contact {
    /// There is none, or it is lost.
    #[default]
    Unknown,
    Closed,
    Open,
}

/// What a new word of the contact means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Not,
    Opened,
    Closed,
}

/// Somebody for whom the door was unlocked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pass {
    by: By,
    /// Until when the leaf opens for them.
    until: Instant,
    openings: u32,
    /// Whether the contact has told that the leaf was closed, all the time.
    watched: bool,
}

/// The leaf.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Leaf {
    contact: Contact,
    /// The last that was known.
    known: Contact,
    pass: Option<Pass>,
    /// Until when the handle may open it.
    shunt_until: Option<Instant>,
    /// From when on it is open for too long, if it is open for somebody.
    held_from: Option<Instant>,
    /// Whether the pre-alarm was told.
    warned: bool,
    alarm: Option<(Alarm, Instant)>,
}

impl Leaf {
    pub(super) fn contact(&self) -> Contact {
        self.contact
    }

    pub(super) fn alarm(&self) -> Option<Alarm> {
        self.alarm.map(|(alarm, _)| alarm)
    }

    pub(super) fn is_warned(&self) -> bool {
        self.warned && self.alarm.is_none()
    }

    /// Whether the leaf has opened for whom the door is unlocked.
    pub(super) fn is_taken(&self) -> bool {
        self.pass.as_ref().is_some_and(|pass| pass.openings > 0)
    }

    /// The door was unlocked for somebody, until then.
    pub(super) fn unlocked(&mut self, now: Instant, by: By, until: Instant) {
        self.pass = Some(Pass {
            by,
            until: until.checked_add(MAX_CONTACT_DELAY).unwrap_or(until),
            openings: 0,
            watched: self.contact == Contact::Closed,
        });
        // Somebody else passes an open door.
        if self.held_from.is_some() && self.alarm.is_none() {
            self.held_from = Some(now);
            self.warned = false;
        }
    }

    /// The door was locked before its time.
    pub(super) fn cut(&mut self, now: Instant) {
        if let (Some(pass), Some(end)) = (&mut self.pass, now.checked_add(MAX_CONTACT_DELAY)) {
            pass.until = pass.until.min(end);
        }
    }

    /// The handle may open it until then.
    pub(super) fn shunt(&mut self, until: Option<Instant>) {
        self.shunt_until = until;
    }

    /// The door is unlocked by a mode from now on, or not any more.
    pub(super) fn set_free(&mut self, now: Instant, free: bool) {
        self.warned = false;
        let is_open = self.contact == Contact::Open && self.alarm.is_none();
        self.held_from = (is_open && !free).then_some(now);
    }

    /// Takes what the contact says; `free`: a mode has the door unlocked.
    pub(super) fn take(
        &mut self,
        now: Instant,
        contact: Contact,
        free: bool,
        view: InView,
        out: &mut Effects,
    ) -> Moved {
        if contact == self.contact {
            return Moved::Not;
        }
        self.contact = contact;
        let before = self.known;
        match contact {
            Contact::Unknown => {
                if let Some(pass) = &mut self.pass {
                    pass.watched = false;
                }
                Moved::Not
            }
            Contact::Closed => {
                self.known = contact;
                self.held_from = None;
                self.warned = false;
                if let Some((alarm, since)) = self.alarm.take() {
                    let lasted = now.saturating_duration_since(since);
                    out.say(Report::AlarmEnded { alarm, lasted });
                }
                Moved::Closed
            }
            Contact::Open => {
                self.known = contact;
                // Open before it was lost: nothing has happened that is known of.
                if before != Contact::Open {
                    self.open(now, before, free, view, out);
                }
                Moved::Opened
            }
        }
    }

    fn open(&mut self, now: Instant, before: Contact, free: bool, view: InView, out: &mut Effects) {
        match &mut self.pass {
            Some(pass) if now < pass.until => {
                let by = pass.by;
                out.say(match pass.openings {
                    0 => Report::Taken { by, view },
                    _ => Report::TakenAgain { by, view },
                });
                pass.openings = pass.openings.saturating_add(1);
            }
            _ if free => {}
            _ if self.shunt_until.is_some_and(|until| now < until) => {
                out.say(Report::Exit { view });
            }
            // What it was before nobody knows.
            _ if before == Contact::Unknown => {}
            _ => {
                self.alarm = Some((Alarm::ForcedOpen, now));
                out.say(Report::ForcedOpen { view });
            }
        }
        if !free && self.alarm.is_none() {
            self.held_from = Some(now);
        }
    }

    /// What the time alone brings.
    pub(super) fn on_time(
        &mut self,
        now: Instant,
        settings: &Settings,
        free: bool,
        view: InView,
        out: &mut Effects,
    ) {
        if let Some(pass) = self.pass.take_if(|pass| pass.until <= now)
            && pass.openings == 0
            && pass.watched
            && !free
        {
            out.say(Report::NotTaken { by: pass.by, view });
        }
        self.shunt_until.take_if(|until| *until <= now);
        let Some(from) = self.held_from.filter(|_| self.contact == Contact::Open) else {
            return;
        };
        let (warn, alarm) = held(from, settings);
        let open = now.saturating_duration_since(from);
        if alarm.is_some_and(|at| at <= now) && self.alarm.is_none() {
            self.alarm = Some((Alarm::HeldOpen, now));
            self.held_from = None;
            let stage = HeldStage::Alarm;
            out.say(Report::HeldOpen { stage, open, view });
        } else if warn.is_some_and(|at| at <= now) && !self.warned {
            self.warned = true;
            let stage = HeldStage::PreAlarm;
            out.say(Report::HeldOpen { stage, open, view });
        }
    }

    pub(super) fn wake_at(&self, settings: &Settings) -> Option<Instant> {
        let pass = self.pass.as_ref().map(|pass| pass.until);
        let from = self.held_from.filter(|_| self.contact == Contact::Open);
        let held = from.and_then(|from| match held(from, settings) {
            (Some(warn), _) if !self.warned => Some(warn),
            (_, alarm) => alarm,
        });
        [pass, held, self.shunt_until].into_iter().flatten().min()
    }
}

/// When a leaf that is open from then on is told, and when it is an alarm.
fn held(from: Instant, settings: &Settings) -> (Option<Instant>, Option<Instant>) {
    let Settings {
        held_open,
        pre_alarm,
        ..
    } = *settings;
    if held_open.is_zero() {
        return (None, None);
    }
    let warn = (!pre_alarm.is_zero()).then(|| held_open.saturating_sub(pre_alarm));
    (
        warn.and_then(|after| from.checked_add(after)),
        from.checked_add(held_open),
    )
}
