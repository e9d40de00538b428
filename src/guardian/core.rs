//! What the line does, from what was asked and what time it is.

use std::time::Duration;

use super::boottime::BootTime;

/// A lease that is not renewed for so long is dead: its client hangs or was stopped.
pub(crate) const MAX_RENEWAL_GAP: Duration = Duration::from_millis(1000);
/// After the cap has ended an opening, none is granted for so long.
pub(crate) const MIN_CLOSED_TIME: Duration = Duration::from_millis(1000);
/// A line that could not be released is tried again after this.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// Clients that hold a lease at one time, at most.
pub(crate) const MAX_LEASES_COUNT: usize = 8;

/// A connection, by a number that is not used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Client(pub u64);

/// What happens to the guardian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A client wants the line energised until then; a second time it moves its own deadline.
    Open(Client, BootTime),
    /// A client is alive and still wants what it asked for.
    Renew(Client),
    /// A client wants the line released, whoever opened it.
    Lock(Client),
    /// A client's connection ended.
    Gone(Client),
    /// The line did, or did not do, what the last [`Effect::Line`] said.
    LineDone {
        /// Whether the driver carried it out.
        ok: bool,
    },
    /// The process is to end.
    Stop,
    /// Time has passed.
    Tick,
}

/// What the line is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Energise: unlock the strike.
    Energise,
    /// Release: lock it.
    Release,
}

/// Why a line is not energised for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The deadline is past.
    Late,
    /// The line rests after the cap has ended an opening.
    Resting,
    /// The line does not do as it is told.
    LineFault,
    /// The guardian ends.
    Stopping,
    /// Too many clients hold a lease.
    Crowded,
    /// Whoever renews holds no lease (any more).
    NoLease,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Move the line now and report with [`Input::LineDone`] before anything else.
    Line(Command),
    /// The line is energised for this client until then.
    Opened(Client, BootTime),
    /// The client's lease lives on until then.
    Renewed(Client, BootTime),
    /// The line is known to be released; asked for by this client.
    Locked(Client),
    /// It is not energised for this client.
    Refused(Client, Refusal),
}

/// The effects of one input, at most [`Effects::MAX_COUNT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Effects {
    effects: [Option<Effect>; Self::MAX_COUNT],
}

impl Effects {
    /// One input moves the line once and answers each client once.
    pub(crate) const MAX_COUNT: usize = MAX_LEASES_COUNT + 2;

    fn push(&mut self, effect: Effect) {
        if let Some(free) = self.effects.iter_mut().find(|e| e.is_none()) {
            *free = Some(effect);
        }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Effect> + '_ {
        self.effects.iter().copied().flatten()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lease {
    client: Client,
    until: BootTime,
    renewed_at: BootTime,
    /// Not answered yet: the line has still to move.
    asked: bool,
}

impl Lease {
    fn dies_at(&self) -> BootTime {
        self.until.min(self.renewed_at.after(MAX_RENEWAL_GAP))
    }
}

/// Where the line is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// A release was confirmed.
    Released,
    /// Told to energise at that instant; the line counts as energised.
    Energised { since: BootTime },
    /// Told to release and not confirmed yet, or refused; the line counts as energised.
    Releasing { retry_at: BootTime, faulted: bool },
}

/// One line. Its size is bounded whatever it is asked.
#[derive(Debug)]
pub(crate) struct Core {
    cap: Duration,
    leases: Vec<Lease>,
    /// Whoever waits to hear that the line is released.
    waiting: Vec<Client>,
    line: Line,
    rest_until: Option<BootTime>,
    stopping: bool,
    clock: BootTime,
}

impl Core {
    /// A guardian of a line that was released just now, and is never energised for longer
    /// than `cap` in a row.
    pub fn new(cap: Duration, now: BootTime) -> Self {
        Self {
            cap,
            leases: Vec::with_capacity(MAX_LEASES_COUNT),
            waiting: Vec::with_capacity(MAX_LEASES_COUNT),
            line: Line::Released,
            rest_until: None,
            stopping: false,
            clock: now,
        }
    }

    /// Whether the line may be energised, as far as is known.
    #[cfg(test)]
    pub fn is_energised(&self) -> bool {
        self.line != Line::Released
    }

    /// Whether it was told to stop and the line is released.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopping && self.line == Line::Released
    }

    /// Whether the line refuses to be released.
    #[cfg(test)]
    pub(crate) fn is_faulted(&self) -> bool {
        matches!(self.line, Line::Releasing { faulted: true, .. })
    }

    /// When to call [`Core::step`] with [`Input::Tick`] if nothing happens before.
    pub(crate) fn wake_at(&self) -> Option<BootTime> {
        match self.line {
            Line::Released => None,
            Line::Releasing { retry_at, .. } => Some(retry_at),
            Line::Energised { since } => {
                let cap = since.after(self.cap);
                // The line stays as long as the longest lease lives.
                Some(
                    self.leases
                        .iter()
                        .map(Lease::dies_at)
                        .max()
                        .map_or(cap, |end| end.min(cap)),
                )
            }
        }
    }

    /// Takes one input at the time `now`.
    pub fn step(&mut self, now: BootTime, input: Input) -> Effects {
        let mut effects = Effects::default();
        if now < self.clock {
            self.leases.clear();
        }
        self.clock = now;
        self.leases.retain(|lease| now < lease.dies_at());
        if let Line::Energised { since } = self.line
            && now >= since.after(self.cap)
        {
            self.leases.clear();
            self.rest_until = Some(now.after(MIN_CLOSED_TIME));
        }
        match input {
            Input::Open(client, until) => self.open(now, client, until, &mut effects),
            Input::Renew(client) => match self.leases.iter_mut().find(|l| l.client == client) {
                Some(lease) => {
                    lease.renewed_at = now;
                    effects.push(Effect::Renewed(client, lease.until));
                }
                None => effects.push(Effect::Refused(client, Refusal::NoLease)),
            },
            Input::Lock(client) => {
                self.leases.clear();
                if self.line == Line::Released {
                    effects.push(Effect::Locked(client));
                } else if self.waiting.len() < MAX_LEASES_COUNT && !self.waiting.contains(&client) {
                    self.waiting.push(client);
                }
            }
            Input::Gone(client) => {
                self.leases.retain(|lease| lease.client != client);
                self.waiting.retain(|waiting| *waiting != client);
            }
            Input::LineDone { ok } => return self.moved(now, ok),
            Input::Stop => {
                self.stopping = true;
                self.leases.clear();
            }
            Input::Tick => {}
        }
        self.settle(now, &mut effects);
        effects
    }

    fn open(&mut self, now: BootTime, client: Client, until: BootTime, effects: &mut Effects) {
        let known = self.leases.iter().any(|lease| lease.client == client);
        let resting = self.rest_until.is_some_and(|end| now < end);
        let refusal = if self.stopping {
            Some(Refusal::Stopping)
        } else if until <= now {
            Some(Refusal::Late)
        } else if resting {
            Some(Refusal::Resting)
        } else if matches!(self.line, Line::Releasing { .. }) {
            Some(Refusal::LineFault)
        } else if !known && self.leases.len() >= MAX_LEASES_COUNT {
            Some(Refusal::Crowded)
        } else {
            None
        };
        // A new wish takes the place of the old one, also if it is not granted.
        self.leases.retain(|lease| lease.client != client);
        if let Some(refusal) = refusal {
            effects.push(Effect::Refused(client, refusal));
            return;
        }
        self.rest_until = None;
        let asked = self.line == Line::Released;
        self.leases.push(Lease {
            client,
            until,
            renewed_at: now,
            asked,
        });
        if !asked {
            effects.push(Effect::Opened(client, until));
        }
    }

    /// Moves the line to where the leases want it.
    fn settle(&mut self, now: BootTime, effects: &mut Effects) {
        let wanted = !self.leases.is_empty();
        match self.line {
            Line::Released if wanted => {
                self.line = Line::Energised { since: now };
                effects.push(Effect::Line(Command::Energise));
            }
            Line::Energised { .. } if !wanted => self.release(now, false, effects),
            Line::Releasing { retry_at, faulted } if now >= retry_at => {
                self.release(now, faulted, effects);
            }
            Line::Released | Line::Energised { .. } | Line::Releasing { .. } => {}
        }
    }

    fn release(&mut self, now: BootTime, faulted: bool, effects: &mut Effects) {
        let retry_at = now.after(RETRY_INTERVAL);
        self.line = Line::Releasing { retry_at, faulted };
        effects.push(Effect::Line(Command::Release));
    }

    fn moved(&mut self, now: BootTime, ok: bool) -> Effects {
        let mut effects = Effects::default();
        match (self.line, ok) {
            (Line::Energised { .. }, true) => {
                for lease in &mut self.leases {
                    if std::mem::take(&mut lease.asked) {
                        effects.push(Effect::Opened(lease.client, lease.until));
                    }
                }
                self.settle(now, &mut effects);
            }
            // It may have moved all the same.
            (Line::Energised { .. }, false) => {
                for lease in self.leases.drain(..) {
                    effects.push(Effect::Refused(lease.client, Refusal::LineFault));
                }
                self.release(now, true, &mut effects);
            }
            (Line::Releasing { .. }, true) => {
                self.line = Line::Released;
                for client in self.waiting.drain(..) {
                    effects.push(Effect::Locked(client));
                }
                self.settle(now, &mut effects);
            }
            (Line::Releasing { .. }, false) => {
                self.line = Line::Releasing {
                    retry_at: now.after(RETRY_INTERVAL),
                    faulted: true,
                };
            }
            (Line::Released, _) => {}
        }
        effects
    }
}
