//! The door thread: drives the door's state machine and the relay. It waits for
//! nobody: not for a disk, a camera or a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::events;
use super::heartbeat::Heartbeat;
use super::record_queue::RecordQueue;
use crate::door::{Door, Effect, Effects, Input, RelayCommand, Report};
use crate::guardian::{BootTime, Hold, HoldError, LeaseError, Refusal};
use crate::person::PersonId;
use crate::whitelist::Snapshot;

/// How long the thread sleeps at most, so that its heartbeat stays fresh.
const MAX_ORDER_WAIT: Duration = Duration::from_millis(200);

/// How often the guardian of a locked door is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A relay that refuses for so long is not tried again by this process: it ends, and
/// whoever starts it anew opens the relay anew. A chip that was plugged out and in has
/// other handles, and the old ones refuse for ever.
const MAX_RELEASE_WAIT: Duration = Duration::from_secs(3);

/// What the door is told. The channel holds nothing: an order is taken by a door
/// that is awake, or it fails.
#[derive(Debug)]
pub enum Order {
    /// A grant that is on record.
    Open {
        /// Its number there.
        grant: u64,
        /// Whom it is for.
        person: PersonId,
    },
    /// Lock for good, and say when the relay was told.
    Stop(Sender<()>),
    /// The length of pulses from now on.
    Pulse(Duration),
}

/// The door thread's things.
pub(crate) struct Doorkeeper {
    pub door: Door,
    pub hold: Hold,
    pub orders: Receiver<Order>,
    pub queue: RecordQueue,
    pub heartbeat: Heartbeat,
    /// Whether the relay is known to be released.
    pub locked: Arc<AtomicBool>,
    /// Whether it is unlocked for somebody.
    pub open: Arc<AtomicBool>,
    /// Who is listed; nothing while it cannot be read.
    pub whitelist: Arc<ArcSwapOption<Snapshot>>,
    pub progress: Progress,
}

/// What the door thread remembers between two steps.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Whom it was opened for last.
    opened_for: Option<PersonId>,
    /// When the door wants to be called again.
    wake_at: Option<Instant>,
    /// Since when the relay is energised.
    energised_at: Option<Instant>,
    /// Since when the relay does not do as it is told.
    refusing_since: Option<Instant>,
    /// When the guardian was asked last whether it is there.
    probed_at: Option<Instant>,
}

impl Doorkeeper {
    /// Runs until nobody can order anything any more, then locks; or until the relay
    /// has refused for too long, which ends the daemon.
    pub fn run(mut self) {
        let first = self.door.start(Instant::now());
        self.follow(first);
        loop {
            self.heartbeat.beat();
            let now = Instant::now();
            if let Some(since) = self.progress.refusing_since
                && now.saturating_duration_since(since) > MAX_RELEASE_WAIT
            {
                log::error!("the relay does not come back; it is opened anew by the next start");
                return;
            }
            // Its line was released by hand; without it nothing opens any more.
            if self.hold.is_lost() && self.door.is_locked() {
                log::error!("the relay guardian is lost; the next start has another");
                return;
            }
            let patience = self.progress.wake_at.map_or(MAX_ORDER_WAIT, |at| {
                at.saturating_duration_since(now).min(MAX_ORDER_WAIT)
            });
            let (input, done) = match self.orders.recv_timeout(patience) {
                Ok(Order::Open { grant, person }) => {
                    self.progress.opened_for = Some(person);
                    (Input::Grant { id: grant }, None)
                }
                Ok(Order::Stop(done)) => (Input::Stop, Some(done)),
                Ok(Order::Pulse(pulse)) => {
                    self.door.set_pulse(Instant::now(), pulse);
                    (Input::Tick, None)
                }
                Err(RecvTimeoutError::Timeout) if self.is_revoked() => (Input::Revoke, None),
                Err(RecvTimeoutError::Timeout) => (Input::Tick, None),
                // Whoever stops the daemon in good order has had it locked before.
                Err(RecvTimeoutError::Disconnected) if self.door.is_stopped() => return,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let effects = self.door.step(Instant::now(), input);
            self.follow(effects);
            if let Some(input) = self.renew() {
                let effects = self.door.step(Instant::now(), input);
                self.follow(effects);
            }
            self.probe();
            if let Some(done) = done {
                // Nobody waiting any more is not the door's business.
                let _ = done.try_send(());
            }
        }
        let last = self.door.step(Instant::now(), Input::Stop);
        self.follow(last);
    }

    /// Whether the door is open for somebody who may not pass any more.
    fn is_revoked(&self) -> bool {
        let may_pass = |person| {
            let whitelist = self.whitelist.load();
            whitelist
                .as_ref()
                .is_some_and(|w| w.directory.is_enabled(person))
        };
        self.door.is_open() && !self.progress.opened_for.is_some_and(may_pass)
    }

    /// Does what the door asks for, and tells the other threads where it stands then.
    fn follow(&mut self, effects: Effects) {
        self.carry_out(effects);
        self.locked.store(self.door.is_locked(), Ordering::Release);
        self.open.store(self.door.is_open(), Ordering::Release);
    }

    fn carry_out(&mut self, effects: Effects) {
        self.progress.wake_at = effects.wake_at;
        for effect in effects.iter() {
            match effect {
                Effect::Report(report) => self.report(report),
                Effect::Relay(command) => {
                    let ok = self.move_relay(command);
                    let done = Input::RelayDone { command, ok };
                    let effects = self.door.step(Instant::now(), done);
                    // Ends: a release that fails asks for a pause.
                    self.carry_out(effects);
                }
            }
        }
    }

    /// Whether the relay did as it was told.
    fn move_relay(&mut self, command: RelayCommand) -> bool {
        if command == RelayCommand::Energise {
            self.locked.store(false, Ordering::Release);
            // From here on it may be energised.
            self.progress.energised_at.get_or_insert_with(Instant::now);
        }
        let result = match (command, self.door.open_until()) {
            (RelayCommand::Energise, Some(until)) => {
                let pulse = until.saturating_duration_since(Instant::now());
                self.hold.open(BootTime::now().after(pulse))
            }
            (RelayCommand::Energise | RelayCommand::Release, _) => self.hold.lock(),
        };
        let refusing_since = &mut self.progress.refusing_since;
        match &result {
            Ok(()) => *refusing_since = None,
            // Ten times a second the same is no news.
            Err(error) if refusing_since.is_none() => {
                log::error!("relay: {error}");
                *refusing_since = Some(Instant::now());
            }
            Err(_) => {}
        }
        result.is_ok()
    }

    /// Keeps the lease alive while the door is unlocked; gives what the door has to know if
    /// the guardian thinks otherwise.
    fn renew(&mut self) -> Option<Input> {
        let until = self.door.open_until()?;
        match self.hold.renew() {
            Ok(()) => None,
            // The guardian's clock was the first to see the end.
            Err(HoldError::Lease(LeaseError::Refused(Refusal::NoLease)))
                if until.saturating_duration_since(Instant::now()) <= MAX_ORDER_WAIT =>
            {
                Some(Input::Tick)
            }
            // Ended by the cap, by a signal, or by a sleep of the machine; or it is gone.
            Err(_) => Some(Input::RelayDone {
                command: RelayCommand::Energise,
                ok: false,
            }),
        }
    }

    /// Finds out that the guardian of a locked door is gone before somebody waits there, and
    /// has the line released anew then.
    fn probe(&mut self) {
        let is_due = |at: Instant| at.elapsed() >= PROBE_INTERVAL;
        if !self.door.is_locked() || !self.progress.probed_at.is_none_or(is_due) {
            return;
        }
        self.progress.probed_at = Some(Instant::now());
        if self.progress.refusing_since.is_some() || self.hold.probe().is_err() {
            self.move_relay(RelayCommand::Release);
        }
    }

    fn report(&mut self, report: Report) {
        let energised_for = match report {
            Report::Locked { .. } => self.progress.energised_at.take().map(|at| at.elapsed()),
            _ => None,
        };
        let relay = self.hold.describe();
        self.queue
            .happened(events::of_report(report, energised_for, relay));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::record::{Event, NotOpened};

    /// What goes on record for one input, as far as it withdraws a grant.
    fn withdrawn(door: &mut Door, input: Input) -> Option<(Option<u64>, NotOpened)> {
        let now = Instant::now();
        let effects = door.step(now, input);
        effects.iter().find_map(|effect| match effect {
            Effect::Report(report) => match events::of_report(report, None, "line 1".into()) {
                Event::GrantWithdrawn { reason, grant, .. } => Some((grant, reason)),
                _ => None,
            },
            Effect::Relay(_) => None,
        })
    }

    #[test]
    fn a_grant_that_a_faulted_or_stopping_door_does_not_open_for_is_withdrawn() {
        let mut door = Door::new(Duration::from_secs(3));
        let _ = door.start(Instant::now());
        let release = |ok| Input::RelayDone {
            command: RelayCommand::Release,
            ok,
        };
        let because = |grant, reason| Some((Some(grant), reason));
        assert_eq!(withdrawn(&mut door, release(false)), None);
        assert_eq!(
            withdrawn(&mut door, Input::Grant { id: 1 }),
            because(1, NotOpened::RelayFault)
        );
        assert_eq!(withdrawn(&mut door, release(true)), None);
        assert_eq!(withdrawn(&mut door, Input::Grant { id: 2 }), None);
        assert_eq!(withdrawn(&mut door, Input::Stop), None);
        assert_eq!(
            withdrawn(&mut door, Input::Grant { id: 3 }),
            because(3, NotOpened::Stopping)
        );
    }
}
