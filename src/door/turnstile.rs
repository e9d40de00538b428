//! A turnstile: one pulse a person, the next one waits, and the rotor says who went.

use std::time::{Duration, Instant};

use super::effect::{Alarm, By, Effects, Report};
use super::leaf::MAX_CONTACT_DELAY;
use super::reason::NotOpened;
use super::settings::Settings;
use super::view::InView;
use crate::config::MAX_QUEUE_PEOPLE;

/// A rotor that was forced is told for so long: nothing says when that is over.
const FORCED_TIME: Duration = Duration::from_secs(10);

/// Between two people the strike is released for so long, so that the rotor stops.
const MIN_TURN_GAP: Duration = Duration::from_millis(500);

/// Which way a person goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    In,
    Out,
}

impl Way {
    /// The way of somebody the turnstile is unlocked for.
    fn of(by: By) -> Self {
        match by {
            By::Grant(_) | By::Act(_) => Self::In,
            By::Rex(_) => Self::Out,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Waiting {
    by: By,
    until: Instant,
}

/// Who goes, and who waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Turnstile {
    /// Whom it is unlocked for, and until when the rotor turns for them; nothing before the
    /// relay has moved.
    current: Option<(By, Option<Instant>)>,
    queue: [Option<Waiting>; MAX_QUEUE_PEOPLE as usize],
    /// When the next one may go.
    free_at: Option<Instant>,
    forced_at: Option<Instant>,
}

impl Turnstile {
    fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    pub(super) fn is_forced(&self) -> bool {
        self.forced_at.is_some()
    }

    /// Whether this record is somebody's who waits.
    pub(super) fn has(&self, by: By) -> bool {
        self.queue.iter().flatten().any(|waiting| waiting.by == by)
    }

    /// Has somebody wait.
    pub(super) fn wait(&mut self, now: Instant, by: By, settings: &Settings) -> bool {
        let places = self.queue.iter_mut().take(settings.queue_len);
        let free = places.into_iter().find(|place| place.is_none());
        let (Some(free), Some(until)) = (free, now.checked_add(settings.queue_wait)) else {
            return false;
        };
        *free = Some(Waiting { by, until });
        true
    }

    /// Whether somebody who comes has to wait.
    pub(super) fn has_to_wait(&self, now: Instant) -> bool {
        self.is_busy() || self.free_at.is_some_and(|at| now < at) || self.queue[0].is_some()
    }

    /// Who is next, if nobody goes.
    pub(super) fn next(&self, now: Instant) -> Option<By> {
        let rests = self.is_busy() || self.free_at.is_some_and(|at| now < at);
        let first = self.queue.iter().flatten().next();
        first.filter(|_| !rests).map(|waiting| waiting.by)
    }

    /// The strike was released.
    pub(super) fn locked(&mut self, now: Instant) {
        self.free_at = now.checked_add(MIN_TURN_GAP);
    }

    /// Somebody goes, when the relay has moved.
    pub(super) fn let_go(&mut self, by: By) {
        self.drop_one(by);
        self.current = Some((by, None));
    }

    /// The relay has moved.
    pub(super) fn unlocked(&mut self, by: By, until: Instant) {
        let until = until.checked_add(MAX_CONTACT_DELAY).unwrap_or(until);
        self.current = Some((by, Some(until)));
    }

    /// It was locked before its time, or never unlocked for them.
    pub(super) fn cut(&mut self, by: By) {
        self.current.take_if(|(current, _)| *current == by);
    }

    /// Removes somebody who waits.
    pub(super) fn drop_one(&mut self, by: By) -> bool {
        let place = self.queue.iter_mut();
        let found = place.into_iter().find(|w| w.is_some_and(|w| w.by == by));
        let was = found.and_then(Option::take).is_some();
        self.close_up();
        was
    }

    /// Nobody waits any more.
    pub(super) fn empty(&mut self, reason: NotOpened, out: &mut Effects) {
        for waiting in &mut self.queue {
            if let Some(Waiting { by, .. }) = waiting.take() {
                out.say(Report::NotOpened { by, reason });
            }
        }
    }

    /// The rotor turned; whether it was for whom it is unlocked, so that it is to be locked.
    pub(super) fn turned(
        &mut self,
        now: Instant,
        way: Option<Way>,
        free: bool,
        view: InView,
        out: &mut Effects,
    ) -> bool {
        if let Some((by, Some(until))) = self.current
            && now < until
        {
            self.current = None;
            out.say(match way.is_none_or(|way| way == Way::of(by)) {
                true => Report::Taken { by, view },
                false => Report::OtherWay { by, view },
            });
            return true;
        }
        if !free {
            self.forced_at = Some(now);
            out.say(Report::ForcedOpen { view });
        }
        false
    }

    /// What the time alone brings.
    pub(super) fn on_time(&mut self, now: Instant, free: bool, view: InView, out: &mut Effects) {
        if let Some((by, Some(until))) = self.current
            && until <= now
        {
            self.current = None;
            if !free {
                out.say(Report::NotTaken { by, view });
            }
        }
        for waiting in &mut self.queue {
            if let Some(Waiting { by, .. }) = waiting.take_if(|waiting| waiting.until <= now) {
                let reason = NotOpened::QueueExpired;
                out.say(Report::NotOpened { by, reason });
            }
        }
        self.close_up();
        if let Some(since) = self.forced_at
            && now.saturating_duration_since(since) >= FORCED_TIME
        {
            self.forced_at = None;
            out.say(Report::AlarmEnded {
                alarm: Alarm::ForcedOpen,
                lasted: now.saturating_duration_since(since),
            });
        }
    }

    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let current = self.current.and_then(|(_, until)| until);
        let waiting = self.queue.iter().flatten().map(|waiting| waiting.until);
        let forced = self.forced_at.and_then(|at| at.checked_add(FORCED_TIME));
        let next = self
            .free_at
            .filter(|at| self.queue[0].is_some() && *at > now);
        waiting.chain(current).chain(forced).chain(next).min()
    }

    /// Who is first stands first.
    fn close_up(&mut self) {
        let mut places = [None; MAX_QUEUE_PEOPLE as usize];
        for (place, waiting) in places.iter_mut().zip(self.queue.iter().flatten()) {
            *place = Some(*waiting);
        }
        self.queue = places;
    }
}
