//! What one receiver was told and is still to be told: pure, a step for whatever happens.
//!
//! The record itself is the buffer. Not more than [`MAX_WAITING_EVENTS`] are held here; when they
//! are too many the connection to the daemon ends, and once they are told it begins again
//! at the last of them. So nothing is lost however long a receiver is away, each event is told
//! in its turn and at least once, and memory stays what it is.

use std::collections::VecDeque;
use std::time::Duration;

use super::cursor::Cursor;
use super::outgoing::Outgoing;

/// Events that wait here for a receiver.
pub(super) const MAX_WAITING_EVENTS: usize = 64;
/// From one try to reach the daemon to the next.
const CONNECT_INTERVAL: Duration = Duration::from_secs(1);
/// The daemon is said to be gone once it was for so long; a restart takes less.
pub(super) const MIN_GONE: Duration = Duration::from_secs(5);
/// From one failed delivery to the next try: at first, and at most.
const MIN_RETRY_INTERVAL: Duration = Duration::from_secs(1);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(300);
/// How often the cursor is kept, at most: each time writes to a card.
const KEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What happens. Times count from any moment on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    /// The daemon answers, and its record reaches so far.
    Answers(Cursor),
    /// A record came.
    Record(Box<Outgoing>),
    /// The daemon says that its record does not reach to where it was to begin.
    NoSuchRecord,
    /// The connection is gone, or could not be made.
    Gone,
    /// The receiver took what it was told last.
    Taken,
    /// It did not.
    NotTaken,
    /// Time went by.
    Tick,
    /// The process ends.
    End,
}

/// What is to be done then.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Connect to the daemon and watch from after this record; from now on, where it is nothing.
    Connect(Option<u64>),
    /// End the connection.
    HangUp,
    /// Tell the receiver; [`Input::Taken`] or [`Input::NotTaken`] comes of it.
    Deliver(Box<Outgoing>),
    /// Write down what was told.
    Keep(Cursor),
    /// Say so, to people and to the receiver where it has a place for that.
    Say(Notice),
}

/// What there is to say beside events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// The daemon does not answer any more.
    DaemonGone,
    DaemonBack,
    /// The record is another one than before; it is told from its beginning.
    AnotherRecord,
    /// These records were deleted before they could be told.
    Missed {
        first: u64,
        last: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Until when nothing is tried.
    Down(Duration),
    Connecting,
    Up,
}

/// The state.
#[derive(Debug)]
pub(super) struct Outbox {
    /// The last one that was told; nothing before the first connection of all.
    told: Option<Cursor>,
    kept: Option<Cursor>,
    keep_at: Duration,
    link: Link,
    waiting: VecDeque<Outgoing>,
    /// How many of them are of a record that is another by now.
    of_before: usize,
    /// The number of the last that came.
    seen: u64,
    /// Whether the first record that comes has to be the one that was told last.
    compares: bool,
    in_flight: bool,
    retry_at: Duration,
    failures: u32,
    /// Since when no daemon answers.
    gone_since: Option<Duration>,
    said_gone: bool,
}

impl Outbox {
    /// From what was told before.
    pub(super) fn new(told: Option<Cursor>, now: Duration) -> Self {
        Self {
            kept: told.clone(),
            told,
            keep_at: now,
            link: Link::Down(now),
            waiting: VecDeque::new(),
            of_before: 0,
            seen: 0,
            compares: false,
            in_flight: false,
            retry_at: now,
            failures: 0,
            gone_since: Some(now),
            said_gone: false,
        }
    }

    /// How many wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When [`Input::Tick`] would do something, if nothing else happens.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let link = match self.link {
            Link::Down(until) if self.has_room() => Some(until),
            _ => None,
        };
        let gone = self.gone_since.filter(|_| !self.said_gone);
        let retry = (!self.in_flight && !self.waiting.is_empty()).then_some(self.retry_at);
        let keep = (self.kept != self.told).then_some(self.keep_at);
        let all = [link, gone.map(|since| since + MIN_GONE), retry, keep];
        all.into_iter().flatten().min()
    }

    pub(super) fn step(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Answers(head) => self.answers(head, &mut effects),
            Input::Record(event) => self.came(*event, now, &mut effects),
            Input::NoSuchRecord if matches!(self.link, Link::Down(_)) => {}
            Input::NoSuchRecord => self.begin_anew(now, &mut effects),
            Input::Gone => {
                self.link = Link::Down(now + CONNECT_INTERVAL);
                self.gone_since.get_or_insert(now);
            }
            Input::Taken if self.in_flight => {
                self.in_flight = false;
                self.failures = 0;
                self.retry_at = now;
                let event = self.waiting.pop_front();
                match self.of_before.checked_sub(1) {
                    Some(left) => self.of_before = left,
                    None => self.told = event.map(|event| event.cursor).or(self.told.take()),
                }
            }
            Input::NotTaken if self.in_flight => {
                self.in_flight = false;
                let doubled = MIN_RETRY_INTERVAL.saturating_mul(1 << self.failures.min(16));
                self.retry_at = now + doubled.min(MAX_RETRY_INTERVAL);
                self.failures = self.failures.saturating_add(1);
            }
            Input::Taken | Input::NotTaken | Input::Tick => {}
            Input::End => {
                self.keep(now, true, &mut effects);
                return effects;
            }
        }
        self.go_on(now, &mut effects);
        effects
    }

    fn answers(&mut self, head: Cursor, effects: &mut Vec<Effect>) {
        if self.link != Link::Connecting {
            return;
        }
        self.link = Link::Up;
        self.gone_since = None;
        if std::mem::take(&mut self.said_gone) {
            effects.push(Effect::Say(Notice::DaemonBack));
        }
        if self.told.is_none() {
            // Nothing that was before is told.
            self.seen = head.number;
            self.told = Some(head);
        }
    }

    fn came(&mut self, event: Outgoing, now: Duration, effects: &mut Vec<Effect>) {
        let number = event.cursor.number;
        if self.link != Link::Up {
            return;
        }
        if std::mem::take(&mut self.compares) && number == self.seen {
            if self.last() != Some(&event.cursor) {
                self.begin_anew(now, effects);
            }
            return;
        }
        // What came already comes again after a connection that was lost.
        if number <= self.seen {
            return;
        }
        if number > self.seen + 1 {
            let (first, last) = (self.seen + 1, number - 1);
            effects.push(Effect::Say(Notice::Missed { first, last }));
        }
        self.seen = number;
        self.waiting.push_back(event);
        if self.waiting.len() >= MAX_WAITING_EVENTS {
            self.link = Link::Down(now);
            effects.push(Effect::HangUp);
        }
    }

    /// What waits of the old record is told still.
    fn begin_anew(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.link = Link::Down(now);
        self.compares = false;
        self.seen = 0;
        self.of_before = self.waiting.len();
        self.told = Some(Cursor::start());
        effects.push(Effect::HangUp);
        effects.push(Effect::Say(Notice::AnotherRecord));
    }

    /// Below half, so that the connection is not made anew for each event.
    fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING_EVENTS / 2
    }

    fn go_on(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Link::Down(until) = self.link
            && until <= now
            && self.has_room()
        {
            self.link = Link::Connecting;
            effects.push(Effect::Connect(self.since()));
        }
        if let Some(since) = self.gone_since
            && !self.said_gone
            && now >= since + MIN_GONE
        {
            self.said_gone = true;
            effects.push(Effect::Say(Notice::DaemonGone));
        }
        if !self.in_flight
            && self.retry_at <= now
            && let Some(event) = self.waiting.front()
        {
            self.in_flight = true;
            effects.push(Effect::Deliver(Box::new(event.clone())));
        }
        self.keep(now, false, effects);
    }

    /// One before the last that came, so that it comes again and can be compared.
    fn since(&mut self) -> Option<u64> {
        self.seen = self.last()?.number;
        self.compares = self.seen > 0;
        Some(self.seen.saturating_sub(1))
    }

    /// The last that came of this record, or was told.
    fn last(&self) -> Option<&Cursor> {
        let waiting = self.waiting.back();
        let of_this = waiting.filter(|_| self.waiting.len() > self.of_before);
        of_this.map(|event| &event.cursor).or(self.told.as_ref())
    }

    fn keep(&mut self, now: Duration, at_once: bool, effects: &mut Vec<Effect>) {
        if self.kept == self.told || (now < self.keep_at && !at_once) {
            return;
        }
        self.kept = self.told.clone();
        self.keep_at = now + KEEP_INTERVAL;
        effects.extend(self.told.clone().map(Effect::Keep));
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
