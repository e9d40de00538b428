//! The lock: when the strike is energised and when it is released.

use std::time::{Duration, Instant};

use super::effect::{By, Effects, RelayCommand, Report};
use super::reason::{LockCause, NotOpened};

/// How long to wait before a relay that could not be released is tried again.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// What the lock is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Unlock for so long; begins anew if it is unlocked already.
    Open { by: By, pulse: Duration },
    /// Lock at once, if it is unlocked.
    Lock(LockCause),
    /// Lock at once and for good.
    Stop,
    /// What became of a relay command.
    RelayDone { command: RelayCommand, ok: bool },
    /// Time has passed.
    Tick,
}

/// Where the lock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// A release was confirmed.
    Locked,
    /// The relay was told to energise.
    Unlocked {
        /// When that ends.
        until: Instant,
        /// On whose account.
        by: By,
        /// How long it was asked for.
        pulse: Duration,
    },
    /// The relay was told to release and has not confirmed it; the line counts as energised.
    Releasing {
        /// Whose pulse ends.
        by: Option<By>,
        /// What ended it.
        cause: LockCause,
        /// Whether the relay has refused: the lock is faulted.
        faulted: bool,
    },
}

/// The lock of one door.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lock {
    state: State,
    stopping: bool,
    /// The time of the last step.
    clock: Option<Instant>,
}

impl Lock {
    /// Until the first release is confirmed it honours nothing: the line may have been
    /// left energised.
    pub(super) fn new() -> Self {
        Self {
            state: State::Releasing {
                by: None,
                cause: LockCause::Started,
                faulted: false,
            },
            stopping: false,
            clock: None,
        }
    }

    /// The first effects: release the relay.
    pub(super) fn start(&mut self, now: Instant) -> Effects {
        self.clock = Some(now);
        self.lock(now, LockCause::Started)
    }

    /// What runs lasts no longer than this from `now`. A step has to follow.
    pub(super) fn shorten(&mut self, now: Instant, pulse: Duration) {
        if let (State::Unlocked { until, .. }, Some(end)) =
            (&mut self.state, now.checked_add(pulse))
        {
            *until = end.min(*until);
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// On whose account it is unlocked.
    pub(super) fn unlocked_by(&self) -> Option<By> {
        match self.state {
            State::Unlocked { by, .. } => Some(by),
            State::Locked | State::Releasing { .. } => None,
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        self.state == State::Locked
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Unlocked { .. })
    }

    pub(super) fn open_until(&self) -> Option<Instant> {
        match self.state {
            State::Unlocked { until, .. } => Some(until),
            State::Locked | State::Releasing { .. } => None,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopping && self.is_locked()
    }

    /// Takes one order at the time `now`.
    pub(super) fn step(&mut self, now: Instant, order: Order) -> Effects {
        let backwards = self.clock.is_some_and(|clock| now < clock);
        self.clock = Some(now);
        if backwards && self.is_open() {
            match order {
                Order::Open { by, .. } => {
                    let reason = NotOpened::ClockWentBack;
                    return self
                        .lock(now, LockCause::ClockWentBack)
                        .report(Report::NotOpened { by, reason });
                }
                Order::RelayDone { ok: true, .. } | Order::Tick => {
                    return self.lock(now, LockCause::ClockWentBack);
                }
                // These lock on their own account.
                Order::Lock(_) | Order::Stop | Order::RelayDone { ok: false, .. } => {}
            }
        }
        match order {
            Order::Open { by, pulse } => self.open(now, by, pulse),
            Order::Lock(cause) if self.is_open() => self.lock(now, cause),
            Order::Lock(_) => self.on_time(now),
            Order::Stop => {
                self.stopping = true;
                self.lock(now, LockCause::Stopping)
            }
            Order::RelayDone { command, ok: true } => self.done(now, command),
            Order::RelayDone { command, ok: false } => self.failed(now, command),
            Order::Tick => self.on_time(now),
        }
    }

    fn open(&mut self, now: Instant, by: By, pulse: Duration) -> Effects {
        let reason = match self.state {
            _ if self.stopping => NotOpened::Stopping,
            State::Releasing { faulted: true, .. } => NotOpened::RelayFault,
            State::Releasing { .. } => NotOpened::Releasing,
            State::Locked | State::Unlocked { .. } => match now.checked_add(pulse) {
                Some(until) => {
                    self.state = State::Unlocked { until, by, pulse };
                    return Effects::wake(Some(until)).relay(RelayCommand::Energise);
                }
                // A pulse whose end the clock cannot express would never end.
                None => NotOpened::NoEnd,
            },
        };
        self.on_time(now).report(Report::NotOpened { by, reason })
    }

    /// Tells the relay to release, whatever it is believed to do now.
    fn lock(&mut self, now: Instant, cause: LockCause) -> Effects {
        let by = match self.state {
            State::Locked => None,
            State::Unlocked { by, .. } => Some(by),
            State::Releasing { .. } => return release(now),
        };
        self.state = State::Releasing {
            by,
            cause,
            faulted: false,
        };
        release(now)
    }

    fn done(&mut self, now: Instant, command: RelayCommand) -> Effects {
        match (command, self.state) {
            (RelayCommand::Energise, State::Unlocked { until, by, pulse }) if now < until => {
                self.on_time(now).report(Report::Unlocked { by, pulse })
            }
            (RelayCommand::Energise, State::Unlocked { .. }) => self.on_time(now),
            (RelayCommand::Release, State::Releasing { by, cause, faulted }) => {
                self.state = State::Locked;
                let cause = if faulted {
                    LockCause::RelayFault
                } else {
                    cause
                };
                Effects::default().report(Report::Locked { by, cause })
            }
            // Energised when nothing asked for it any more: an answer that came late.
            (RelayCommand::Energise, _) => self.lock(now, LockCause::RelayFault),
            // A release asked for twice.
            (RelayCommand::Release, _) => self.on_time(now),
        }
    }

    /// A command that failed may have moved the line all the same.
    fn failed(&mut self, now: Instant, command: RelayCommand) -> Effects {
        let (by, known) = match self.state {
            State::Locked => (None, false),
            State::Unlocked { by, .. } => (Some(by), false),
            State::Releasing { by, faulted, .. } => (by, faulted),
        };
        self.state = State::Releasing {
            by,
            cause: LockCause::RelayFault,
            faulted: true,
        };
        let effects = match command {
            RelayCommand::Energise => release(now),
            // A release that just failed is tried again after a pause.
            RelayCommand::Release => Effects::wake(now.checked_add(RETRY_INTERVAL)),
        };
        if known {
            effects
        } else {
            effects.report(Report::Fault { by, command })
        }
    }

    /// What the time alone demands.
    fn on_time(&mut self, now: Instant) -> Effects {
        match self.state {
            State::Locked => Effects::default(),
            State::Unlocked { until, .. } if now < until => Effects::wake(Some(until)),
            State::Unlocked { .. } => self.lock(now, LockCause::PulseEnded),
            State::Releasing { cause, .. } => self.lock(now, cause),
        }
    }
}

/// A release, tried again if it is not confirmed.
fn release(now: Instant) -> Effects {
    Effects::wake(now.checked_add(RETRY_INTERVAL)).relay(RelayCommand::Release)
}
