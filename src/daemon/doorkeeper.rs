//! The door thread: drives the door's state machine and the relay. It waits for
//! nobody: not for a disk, a camera or a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::heartbeat::Heartbeat;
use super::notes::Notes;
use crate::audit::{Kind, NewEvent};
use crate::door::relay::Relay;
use crate::door::{Actions, By, Door, Input, RelayCommand, Report, State, Why};

/// How long the thread sleeps at most, so that its heartbeat stays fresh.
const PATIENCE: Duration = Duration::from_millis(200);

/// A relay that refuses for so long is not tried again by this process: it ends, and
/// whoever starts it anew opens the relay anew. A chip that was plugged out and in has
/// other handles, and the old ones refuse for ever.
const GIVE_UP: Duration = Duration::from_secs(3);

/// What the door is told. The channel holds nothing: an order is taken by a door
/// that is awake, or it fails.
#[derive(Debug)]
pub enum Order {
    /// A grant that is on record.
    Open {
        /// Its number there.
        grant: u64,
    },
    /// Lock, and say when the relay has.
    Lock(Why, Sender<()>),
    /// The length of pulses from now on.
    Pulse(Duration),
}

/// The door thread's things.
pub struct Doorkeeper {
    pub door: Door,
    pub relay: Box<dyn Relay>,
    pub orders: Receiver<Order>,
    pub notes: Notes,
    pub heartbeat: Heartbeat,
    /// Whether the relay is known to be released.
    pub locked: Arc<AtomicBool>,
    /// Whether it is unlocked for somebody.
    pub open: Arc<AtomicBool>,
    /// Since when the relay does not do as it is told.
    pub refusing_since: Option<Instant>,
}

impl Doorkeeper {
    /// Runs until nobody can order anything any more, then locks; or until the relay
    /// has refused for too long, which ends the daemon.
    pub fn run(mut self) {
        let mut energised_at = None;
        let now = Instant::now();
        let first = self.door.start(now);
        let mut wake_at = self.carry_out(first, &mut energised_at);
        loop {
            self.heartbeat.beat();
            let now = Instant::now();
            if let Some(since) = self.refusing_since
                && now.saturating_duration_since(since) > GIVE_UP
            {
                log::error!("the relay does not come back; it is opened anew by the next start");
                return;
            }
            let patience = wake_at.map_or(PATIENCE, |at: Instant| {
                at.saturating_duration_since(now).min(PATIENCE)
            });
            let (input, done) = match self.orders.recv_timeout(patience) {
                Ok(Order::Open { grant }) => (Input::Grant { id: grant }, None),
                Ok(Order::Lock(why, done)) => (Input::LockNow(why), Some(done)),
                Ok(Order::Pulse(pulse)) => {
                    self.door.set_pulse(pulse);
                    (Input::Tick, None)
                }
                Err(RecvTimeoutError::Timeout) => (Input::Tick, None),
                // Whoever stops the daemon in good order has had it locked before.
                Err(RecvTimeoutError::Disconnected) if self.door.is_stopped() => return,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let actions = self.door.step(Instant::now(), input);
            wake_at = self.carry_out(actions, &mut energised_at);
            if let Some(done) = done {
                // Nobody waiting any more is not the door's business.
                let _ = done.try_send(());
            }
        }
        let last = self
            .door
            .step(Instant::now(), Input::LockNow(Why::Stopping));
        self.carry_out(last, &mut energised_at);
    }

    /// Does what the machine asks for until it asks for nothing; gives the time of its next call.
    fn carry_out(
        &mut self,
        mut actions: Actions,
        energised_at: &mut Option<Instant>,
    ) -> Option<Instant> {
        loop {
            if let Some(report) = actions.report {
                self.report(report, energised_at);
            }
            let Some(command) = actions.relay else {
                let state = self.door.state();
                self.locked.store(state == State::Locked, Ordering::Release);
                self.open
                    .store(matches!(state, State::Unlocked { .. }), Ordering::Release);
                return actions.wake_at;
            };
            if command == RelayCommand::Energise {
                self.locked.store(false, Ordering::Release);
            }
            let result = self.relay.set(command.energised());
            match &result {
                Ok(()) => self.refusing_since = None,
                // Ten times a second the same is no news.
                Err(error) if self.refusing_since.is_none() => {
                    log::error!("relay: {error}");
                    self.refusing_since = Some(Instant::now());
                }
                Err(_) => {}
            }
            let ok = result.is_ok();
            actions = self
                .door
                .step(Instant::now(), Input::RelayDone { command, ok });
        }
    }

    fn report(&self, report: Report, energised_at: &mut Option<Instant>) {
        let event = match report {
            Report::Unlocked { by, until } => {
                let now = Instant::now();
                energised_at.get_or_insert(now);
                let pulse_ms = until.saturating_duration_since(now).as_millis() as u64;
                on_account(NewEvent::new(Kind::Unlocked), Some(by)).detail("pulse_ms", pulse_ms)
            }
            Report::Locked { by, why } => {
                let event = on_account(NewEvent::new(Kind::Locked), by).why(reason(why));
                match energised_at.take() {
                    Some(at) => event.detail("energised_ms", at.elapsed().as_millis() as u64),
                    None => event,
                }
            }
            Report::Fault { by, command } => on_account(NewEvent::new(Kind::RelayFault), by)
                .why(match command {
                    RelayCommand::Energise => "the relay could not be energised; the door stays locked",
                    RelayCommand::Release => {
                        "the relay could not be released: THE DOOR MAY BE UNLOCKED; tried again ten times a second for 3 seconds, then by a new start"
                    }
                })
                .detail("relay", self.relay.describe()),
            Report::NotOpened { by, why } => {
                on_account(NewEvent::new(Kind::GrantWithdrawn), Some(by)).why(reason(why))
            }
        };
        self.notes.happened(event);
    }
}

fn on_account(event: NewEvent, by: Option<By>) -> NewEvent {
    match by {
        Some(By::Grant(id)) => event.detail("grant", id),
        Some(By::Hand) => event.detail("by", "hand"),
        None => event,
    }
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Started => "the daemon started",
        Why::PulseEnded => "the pulse is over",
        Why::Ordered => "it was ordered",
        Why::Fault => "another part of the daemon failed",
        Why::RelayFault => "the relay did not do as it was told",
        Why::ClockWentBack => "the clock went back",
        Why::Stopping => "the daemon stops",
    }
}
