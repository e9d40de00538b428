//! The door: locked, except between a grant and the end of its pulse.
//!
//! [`Door`] is a pure machine. It is told the time and what happened, and says
//! what the relay is to do, what to report and when it wants to be called again.
//! It knows neither faces nor people. [`relay`] has what moves the strike.
//!
//! Whoever drives it keeps to four rules:
//!
//! 1. call [`Door::start`] first;
//! 2. carry out [`Actions::relay`] at once and report the outcome with
//!    [`Input::RelayDone`] before anything else; that gives actions of its own;
//! 3. call again with [`Input::Tick`] no later than [`Actions::wake_at`], the one
//!    given last;
//! 4. write a grant down before giving it to the door.
//!
//! If these are broken, or the relay does not do as it is told, the machine takes
//! the line for energised until a release has been confirmed.

pub mod relay;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

/// How long to wait before a relay that could not be released is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// What the relay is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayCommand {
    /// Unlock the strike.
    Energise,
    /// Lock it.
    Release,
}

impl RelayCommand {
    /// What to give to [`relay::Relay::set`].
    pub fn energised(self) -> bool {
        self == Self::Energise
    }
}

/// On whose account the door opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// A grant, by the number of its audit record.
    Grant(u64),
    /// A person at the command line.
    Hand,
}

/// Why the door was locked, or stays locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The machine was started.
    Started,
    /// The pulse is over.
    PulseEnded,
    /// Somebody ordered it.
    Ordered,
    /// Another part of the daemon failed.
    Fault,
    /// The relay did not do as it was told.
    RelayFault,
    /// Time ran backwards during a pulse, so that its end could not be told.
    ClockWentBack,
    /// The daemon stops; nothing opens the door any more.
    Stopping,
}

/// What happens to the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Somebody may pass; restarts the pulse if the door is unlocked already.
    Grant {
        /// The audit record that says who and why, already on disk.
        id: u64,
    },
    /// One pulse by hand.
    Pulse,
    /// Lock at once. [`Why::Stopping`] is final.
    LockNow(Why),
    /// What became of a relay command.
    RelayDone {
        /// The command.
        command: RelayCommand,
        /// Whether the driver carried it out.
        ok: bool,
    },
    /// Time has passed.
    Tick,
}

/// Something worth writing down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The relay is energised. Also said when a further grant restarts the pulse.
    Unlocked {
        /// On whose account.
        by: By,
        /// When the pulse ends.
        until: Instant,
    },
    /// The relay is released.
    Locked {
        /// Whose pulse that was; nobody's if the door was locked already.
        by: Option<By>,
        /// What ended it.
        why: Why,
    },
    /// The relay refused a command; said once, until [`Report::Locked`] ends it.
    Fault {
        /// Whose pulse it was to be or was.
        by: Option<By>,
        /// What the relay did not do.
        command: RelayCommand,
    },
    /// The door stays locked in spite of a grant.
    NotOpened {
        /// Whose.
        by: By,
        /// Why.
        why: Why,
    },
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Actions {
    /// A command for the relay.
    pub relay: Option<RelayCommand>,
    /// Something for the log.
    pub report: Option<Report>,
    /// When to call again if nothing happens before.
    pub wake_at: Option<Instant>,
}

/// Where the door stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A release was confirmed.
    Locked,
    /// The relay was told to energise.
    Unlocked {
        /// When that ends.
        until: Instant,
        /// On whose account.
        by: By,
    },
    /// The relay was told to release and has not confirmed it; the line counts as energised.
    Releasing {
        /// Whose pulse ends.
        by: Option<By>,
        /// What ended it.
        why: Why,
        /// Whether the relay has refused: the door is faulted.
        faulted: bool,
    },
}

/// One door.
#[derive(Debug)]
pub struct Door {
    pulse: Duration,
    state: State,
    stopping: bool,
    /// The time of the last step.
    clock: Option<Instant>,
}

impl Door {
    /// A door that a grant unlocks for `pulse`. Until the first release is
    /// confirmed it honours nothing: the line may have been left energised.
    pub fn new(pulse: Duration) -> Self {
        Self {
            pulse,
            state: State::Releasing {
                by: None,
                why: Why::Started,
                faulted: false,
            },
            stopping: false,
            clock: None,
        }
    }

    /// The first actions: release the relay.
    pub fn start(&mut self, now: Instant) -> Actions {
        self.step(now, Input::LockNow(Why::Started))
    }

    /// The length of pulses from now on; one that runs is not changed.
    pub fn set_pulse(&mut self, pulse: Duration) {
        self.pulse = pulse;
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it was told to stop and the relay is known to be released.
    pub fn is_stopped(&self) -> bool {
        self.stopping && self.state == State::Locked
    }

    /// Takes one input at the time `now`.
    pub fn step(&mut self, now: Instant, input: Input) -> Actions {
        let backwards = self.clock.is_some_and(|clock| now < clock);
        self.clock = Some(now);
        if backwards && matches!(self.state, State::Unlocked { .. }) {
            let report = match input {
                Input::Grant { id } => Some(By::Grant(id)),
                Input::Pulse => Some(By::Hand),
                // These lock on their own account.
                Input::LockNow(_) | Input::RelayDone { ok: false, .. } => {
                    return self.take(now, input);
                }
                Input::RelayDone { ok: true, .. } | Input::Tick => None,
            }
            .map(|by| Report::NotOpened {
                by,
                why: Why::ClockWentBack,
            });
            return Actions {
                report,
                ..self.lock(now, Why::ClockWentBack)
            };
        }
        self.take(now, input)
    }

    fn take(&mut self, now: Instant, input: Input) -> Actions {
        match input {
            Input::Grant { id } => self.open(now, By::Grant(id)),
            Input::Pulse => self.open(now, By::Hand),
            Input::LockNow(why) => {
                self.stopping |= why == Why::Stopping;
                self.lock(now, why)
            }
            Input::RelayDone { command, ok: true } => self.done(now, command),
            Input::RelayDone { command, ok: false } => self.failed(now, command),
            Input::Tick => self.on_time(now),
        }
    }

    fn open(&mut self, now: Instant, by: By) -> Actions {
        let refused = match self.state {
            _ if self.stopping => Some(Why::Stopping),
            State::Releasing { faulted: true, .. } => Some(Why::RelayFault),
            State::Releasing { why, .. } => Some(why),
            State::Locked | State::Unlocked { .. } => None,
        };
        // A pulse whose end the clock cannot express would never end.
        let until = now.checked_add(self.pulse);
        match (refused, until) {
            (None, Some(until)) => {
                self.state = State::Unlocked { until, by };
                Actions {
                    relay: Some(RelayCommand::Energise),
                    report: None,
                    wake_at: Some(until),
                }
            }
            (refused, _) => Actions {
                report: Some(Report::NotOpened {
                    by,
                    why: refused.unwrap_or(Why::Fault),
                }),
                ..self.on_time(now)
            },
        }
    }

    /// Tells the relay to release, whatever it is believed to do now.
    fn lock(&mut self, now: Instant, why: Why) -> Actions {
        self.state = match self.state {
            State::Locked => State::Releasing {
                by: None,
                why,
                faulted: false,
            },
            State::Unlocked { by, .. } => State::Releasing {
                by: Some(by),
                why,
                faulted: false,
            },
            releasing @ State::Releasing { .. } => releasing,
        };
        Actions {
            relay: Some(RelayCommand::Release),
            report: None,
            wake_at: now.checked_add(RETRY),
        }
    }

    fn done(&mut self, now: Instant, command: RelayCommand) -> Actions {
        match (command, self.state) {
            (RelayCommand::Energise, State::Unlocked { until, by }) => Actions {
                report: (now < until).then_some(Report::Unlocked { by, until }),
                ..self.on_time(now)
            },
            (RelayCommand::Release, State::Releasing { by, why, faulted }) => {
                self.state = State::Locked;
                let why = if faulted { Why::RelayFault } else { why };
                Actions {
                    report: Some(Report::Locked { by, why }),
                    ..Actions::default()
                }
            }
            // Energised when nothing asked for it any more: an answer that came late.
            (RelayCommand::Energise, _) => self.lock(now, Why::RelayFault),
            // A release asked for twice.
            (RelayCommand::Release, _) => self.on_time(now),
        }
    }

    /// A command that failed may have moved the line all the same.
    fn failed(&mut self, now: Instant, command: RelayCommand) -> Actions {
        let (by, known) = match self.state {
            State::Locked => (None, false),
            State::Unlocked { by, .. } => (Some(by), false),
            State::Releasing { by, faulted, .. } => (by, faulted),
        };
        self.state = State::Releasing {
            by,
            why: Why::RelayFault,
            faulted: true,
        };
        Actions {
            // A release that just failed is tried again after a pause.
            relay: (command == RelayCommand::Energise).then_some(RelayCommand::Release),
            report: (!known).then_some(Report::Fault { by, command }),
            wake_at: now.checked_add(RETRY),
        }
    }

    /// What the time alone demands.
    fn on_time(&mut self, now: Instant) -> Actions {
        match self.state {
            State::Locked => Actions::default(),
            State::Unlocked { until, .. } if now < until => Actions {
                wake_at: Some(until),
                ..Actions::default()
            },
            State::Unlocked { .. } => self.lock(now, Why::PulseEnded),
            State::Releasing { why, .. } => self.lock(now, why),
        }
    }
}
