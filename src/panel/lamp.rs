//! When an output is lit: by its signals, its pattern and its cap. A lamp here is also a
//! buzzer, a siren or a relay.

use std::time::Duration;

use super::core::Client;
use crate::config::Signals;
use crate::config::{Output, Pattern};
use crate::guardian::BootTime;

/// Half of a blink.
const BLINK_HALF: Duration = Duration::from_millis(500);
/// A beep, and from one to the next.
const BEEP: Duration = Duration::from_millis(100);
const BEEP_PERIOD: Duration = Duration::from_secs(1);
/// How long an installer lights one.
pub(crate) const TRIAL: Duration = Duration::from_secs(1);

/// Dark for less, it is lit in a row: otherwise whoever says every two seconds anew that a
/// signal holds would have a siren sound for ever.
pub(crate) const MIN_DARK_TIME: Duration = Duration::from_secs(1);

/// One output.
#[derive(Debug)]
pub(super) struct Lamp {
    signals: Signals,
    pattern: Pattern,
    pulse: Duration,
    cap: Option<Duration>,
    /// Those of its signals that hold.
    held: Signals,
    /// When the newest of them began.
    newest: BootTime,
    /// Who tries it out, until when.
    trial: Option<(Client, BootTime)>,
    /// Since when any signal holds or anybody tries it out, in a row.
    since: BootTime,
    /// Since when not.
    rests_since: Option<BootTime>,
    lit: bool,
}

impl Lamp {
    pub(super) fn new(output: &Output, now: BootTime) -> Self {
        Self {
            signals: output.signals.iter().copied().collect(),
            pattern: output.pattern,
            pulse: Duration::from_millis(output.pulse_ms),
            cap: (output.max_on_ms > 0).then(|| Duration::from_millis(output.max_on_ms)),
            held: Signals::NONE,
            newest: now,
            trial: None,
            since: now,
            rests_since: Some(BootTime::from_ms(0)),
            lit: false,
        }
    }

    /// These signals hold from now on.
    pub(super) fn show(&mut self, now: BootTime, all: Signals) {
        let held = all.both(self.signals);
        if !held.is_none() {
            self.begin(now);
        }
        if !held.without(self.held).is_none() {
            self.newest = now;
        }
        self.held = held;
    }

    /// Lit for a moment, for whoever tests it.
    pub(super) fn try_out(&mut self, now: BootTime, by: Client) {
        self.begin(now);
        self.trial = Some((by, now.after(TRIAL)));
    }

    fn begin(&mut self, now: BootTime) {
        let rested = self.rests_since.take();
        if rested.is_some_and(|since| now >= since.after(MIN_DARK_TIME)) {
            self.since = now;
        }
    }

    /// Whoever tried it out is gone.
    pub(super) fn gone(&mut self, client: Client) {
        self.trial.take_if(|(by, _)| *by == client);
    }

    /// Dark, whatever holds.
    pub(super) fn end(&mut self) {
        (self.held, self.trial) = (Signals::NONE, None);
    }

    pub(super) fn is_lit(&self) -> bool {
        self.lit
    }

    /// Whether it is to be lit, if that is another than before.
    pub(super) fn settle(&mut self, now: BootTime) -> Option<bool> {
        self.trial.take_if(|(_, until)| now >= *until);
        if self.held.is_none() && self.trial.is_none() {
            self.rests_since.get_or_insert(now);
        }
        let lit = self.look(now).0;
        let changed = lit != self.lit;
        self.lit = lit;
        changed.then_some(lit)
    }

    /// Whether it is to be lit, and when that may change.
    fn look(&self, now: BootTime) -> (bool, Option<BootTime>) {
        let end = self.cap.map(|cap| self.since.after(cap));
        let trial = self.trial.map(|(_, until)| until);
        if end.is_some_and(|end| now >= end) {
            return (false, trial);
        }
        let (lit, next) = self.phase(now);
        let nexts = next.into_iter().chain(end).chain(trial);
        match self.held.is_none() && trial.is_none() {
            true => (false, None),
            false => (lit || trial.is_some(), nexts.min()),
        }
    }

    /// Whether its pattern is lit, and when that changes.
    fn phase(&self, now: BootTime) -> (bool, Option<BootTime>) {
        if self.held.is_none() {
            return (false, None);
        }
        let cycle = |lit: Duration, period: Duration| {
            let (lit, period) = (ms(lit), ms(period));
            let gone = now.as_ms().saturating_sub(self.since.as_ms());
            let begun = now.as_ms() - gone % period;
            match gone % period < lit {
                true => (true, Some(BootTime::from_ms(begun.saturating_add(lit)))),
                false => (false, Some(BootTime::from_ms(begun.saturating_add(period)))),
            }
        };
        match self.pattern {
            Pattern::Steady => (true, None),
            Pattern::Blink => cycle(BLINK_HALF, BLINK_HALF * 2),
            Pattern::Beep => cycle(BEEP, BEEP_PERIOD),
            Pattern::Pulse => {
                let end = self.newest.after(self.pulse);
                (now < end, (now < end).then_some(end))
            }
        }
    }

    /// When to settle.
    pub(super) fn wake_at(&self, now: BootTime) -> Option<BootTime> {
        self.look(now).1
    }
}

fn ms(time: Duration) -> u64 {
    time.as_millis() as u64
}
