//! The door thread: drives the door's state machine and the relay. It waits for
//! nobody: not for a disk, a camera or a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, RecvError, Select, Sender};

use super::door_events::{self, Beside};
use super::heartbeat::Heartbeat;
use super::outlook::Outlook;
use super::readings::Readings;
use super::record_queue::RecordQueue;
use super::sight::Sight;
use super::strike::Strike;
use crate::config::{MAX_QUEUE_PEOPLE, Signal};
use crate::door::{
    By, Door, Effect, Effects, InView, Input, RelayCommand, Report, Settings, Signals,
};
use crate::guardian::{BootTime, HoldError, LeaseError, Refusal};
use crate::person::PersonId;
use crate::record::Event;
use crate::whitelist::Snapshot;

/// How long the thread sleeps at most, so that its heartbeat stays fresh.
const MAX_ORDER_WAIT: Duration = Duration::from_millis(200);

/// How often the guardian of a locked door is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A relay that refuses for so long is not tried again by this process: it ends, and
/// whoever starts it anew opens the relay anew. A chip that was plugged out and in has
/// other handles, and the old ones refuse for ever.
const MAX_RELEASE_WAIT: Duration = Duration::from_secs(3);

/// People whose right may end while the door is unlocked for them or they wait, at most.
const MAX_WATCHED_PEOPLE: usize = MAX_QUEUE_PEOPLE as usize + 1;

/// What the door is told. The channel holds nothing: an order is taken by a door
/// that is awake, or it fails.
#[derive(Debug)]
pub enum Order {
    /// What is on record opens the door.
    Open {
        /// By which record.
        by: By,
        /// Whom it is for, if that is somebody of the whitelist.
        person: Option<PersonId>,
    },
    /// An administrator's mode, or the end of one.
    Mode(Input),
    /// Lock for good, and say when the relay was told.
    Stop(Sender<()>),
    /// How the door behaves from now on.
    Settings(Settings),
}

/// The door thread's things.
pub(crate) struct Doorkeeper<S> {
    pub door: Door,
    pub hold: S,
    pub orders: Receiver<Order>,
    pub readings: Readings,
    pub queue: RecordQueue,
    pub heartbeat: Heartbeat,
    /// Who is in view.
    pub sight: Arc<Sight>,
    /// Told which signals hold; never waits.
    pub signals: Box<dyn FnMut(Signals) + Send>,
    /// The mode that was in force before.
    pub first: Option<Input>,
    /// Whether the relay is known to be released.
    pub locked: Arc<AtomicBool>,
    /// Whether it is unlocked for somebody.
    pub open: Arc<AtomicBool>,
    /// Where it stands, for whoever asks.
    pub outlook: Arc<Outlook>,
    /// Who is listed; nothing while it cannot be read.
    pub whitelist: Arc<ArcSwapOption<Snapshot>>,
    pub progress: Progress,
}

/// What the door thread remembers between two steps.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// For whom it is unlocked, or who waits.
    opened_for: [Option<(By, PersonId)>; MAX_WATCHED_PEOPLE],
    /// Who was in view.
    view: InView,
    /// Whether the infrared camera was lost.
    is_half_blind: bool,
    /// What holds by the door.
    signals: Signals,
    /// When the door wants to be called again.
    wake_at: Option<Instant>,
    /// Since when the relay is energised.
    energised_at: Option<Instant>,
    /// Since when the relay does not do as it is told.
    refusing_since: Option<Instant>,
    /// When the guardian was asked last whether it is there.
    probed_at: Option<Instant>,
}

/// What the door thread hears.
enum Heard {
    Order(Order),
    Input(Input),
    /// Nobody can order anything any more.
    Gone,
}

impl<S: Strike> Doorkeeper<S> {
    /// Runs until nobody can order anything any more, then locks; or until the relay
    /// has refused for too long, which ends the daemon.
    pub fn run(mut self) {
        let first = self.door.start(Instant::now());
        self.follow(first);
        if let Some(mode) = self.first.take() {
            self.step(mode);
        }
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
            let heard = self.hear(patience);
            self.look();
            let (input, done) = match heard {
                Heard::Order(Order::Open { by, person }) => {
                    self.remember(by, person);
                    (Input::Open(by), None)
                }
                Heard::Order(Order::Mode(input)) | Heard::Input(input) => (input, None),
                Heard::Order(Order::Stop(done)) => (Input::Stop, Some(done)),
                Heard::Order(Order::Settings(settings)) => {
                    self.door.set(Instant::now(), settings);
                    (Input::Tick, None)
                }
                // Whoever stops the daemon in good order has had it locked before.
                Heard::Gone if self.door.is_stopped() => return,
                Heard::Gone => break,
            };
            self.step(input);
            while let Some(by) = self.revoked() {
                self.step(Input::Revoke(by));
            }
            if let Some(input) = self.renew() {
                self.step(input);
            }
            self.probe();
            if let Some(done) = done {
                // Nobody waiting any more is not the door's business.
                let _ = done.try_send(());
            }
        }
        self.step(Input::Stop);
    }

    /// Waits for an order or a reading; a tick if there is none.
    fn hear(&mut self, patience: Duration) -> Heard {
        let mut select = Select::new();
        let orders = select.recv(&self.orders);
        let readings = select.recv(self.readings.receiver());
        match select.select_timeout(patience) {
            Err(_) => return Heard::Input(Input::Tick),
            Ok(ready) if ready.index() == orders => {
                return match ready.recv(&self.orders) {
                    Ok(order) => Heard::Order(order),
                    Err(RecvError) => Heard::Gone,
                };
            }
            Ok(ready) => {
                debug_assert_eq!(ready.index(), readings);
                if let Ok(reading) = ready.recv(self.readings.receiver()) {
                    return Heard::Input(Input::Reading(reading));
                }
            }
        }
        let lost = self.readings.take().map(Input::Reading);
        Heard::Input(lost.unwrap_or(Input::Tick))
    }

    fn step(&mut self, input: Input) {
        let effects = self.door.step(Instant::now(), input);
        self.follow(effects);
    }

    /// What the vision thread has told since.
    fn look(&mut self) {
        let view = self.sight.view();
        if std::mem::replace(&mut self.progress.view, view) != view {
            self.step(Input::View(view));
        }
        if self.sight.take_refused() {
            self.step(Input::Refused);
        }
        let is_half_blind = self.sight.is_half_blind();
        if std::mem::replace(&mut self.progress.is_half_blind, is_half_blind) != is_half_blind {
            self.show(self.progress.signals);
        }
    }

    /// A door that lets nobody in is not ready.
    fn show(&mut self, signals: Signals) {
        self.progress.signals = signals;
        let not_so = Signals::NONE.with_if(Signal::Ready, self.progress.is_half_blind);
        (self.signals)(signals.without(not_so));
    }

    /// Whose right is watched from now on.
    fn remember(&mut self, by: By, person: Option<PersonId>) {
        let Some(person) = person else { return };
        let Self { door, progress, .. } = self;
        for place in &mut progress.opened_for {
            place.take_if(|(by, _)| !door.concerns(*by));
        }
        let free = progress.opened_for.iter_mut().find(|place| place.is_none());
        // The door has no more places than there are here.
        if let Some(free) = free {
            *free = Some((by, person));
        }
    }

    /// Somebody for whom the door is unlocked, or who waits, and who may not pass any more.
    fn revoked(&mut self) -> Option<By> {
        let Self {
            door,
            progress,
            whitelist,
            ..
        } = self;
        if progress.opened_for.iter().all(Option::is_none) {
            return None;
        }
        let whitelist = whitelist.load();
        let may_pass = |person| {
            let listed = whitelist.as_ref();
            listed.is_some_and(|w| w.directory.is_enabled(person))
        };
        for place in &mut progress.opened_for {
            place.take_if(|(by, _)| !door.concerns(*by));
        }
        let mut places = progress.opened_for.iter_mut();
        let place = places.find(|place| place.is_some_and(|(_, person)| !may_pass(person)))?;
        place.take().map(|(by, _)| by)
    }

    /// Does what the door asks for, and tells the other threads where it stands then.
    fn follow(&mut self, effects: Effects) {
        self.carry_out(effects);
        self.locked.store(self.door.is_locked(), Ordering::Release);
        self.open.store(self.door.is_open(), Ordering::Release);
        self.outlook.show(&self.door);
    }

    fn carry_out(&mut self, effects: Effects) {
        self.progress.wake_at = effects.wake_at;
        for effect in effects.iter() {
            match effect {
                Effect::Report(report) => self.report(report),
                Effect::AskRex => self.ask_rex(),
                Effect::Signals(signals) => self.show(signals),
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
        let whitelist = self.whitelist.load();
        let beside = Beside {
            energised: energised_for,
            relay: self.hold.describe(),
            directory: whitelist.as_ref().map(|w| &w.directory),
        };
        self.queue.happened(door_events::of_report(report, beside));
    }

    /// Has the recorder write down that somebody inside asks; it comes back as an order.
    fn ask_rex(&mut self) {
        let whitelist = self.whitelist.load();
        let directory = whitelist.as_ref().map(|w| &w.directory);
        let view = door_events::of_view(self.progress.view, directory);
        self.queue.rex(Event::Rex(view));
    }
}

#[cfg(test)]
#[path = "doorkeeper_tests.rs"]
mod tests;
