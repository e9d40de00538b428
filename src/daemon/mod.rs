//! The wiring: threads, channels, signals, the watchdog, and the order in which
//! things start and stop.
//!
//! ```text
//! capture ─ mailbox ─► judge ─ queue ─► recorder ─ orders ─► doorkeeper ─► guardian ─► relay
//! ```
//!
//! The relay is opened, and thereby locked, before anything else is tried, and
//! released before anything else is stopped. A thread that ends, hangs or panics
//! ends the daemon with the door locked; systemd starts it again.

pub(crate) mod access_rules;
mod acts_watch;
mod admission;
mod asks;
mod bell;
mod capture;
mod challenge_events;
mod challenger;
mod control;
mod desk;
#[cfg(test)]
mod desk_tests;
mod door_events;
mod doorkeeper;
mod ending;
mod error;
mod events;
#[cfg(feature = "fleet")]
mod fleet;
#[cfg(not(feature = "fleet"))]
#[path = "no_fleet.rs"]
mod fleet;
mod head_note;
mod heartbeat;
mod judge;
mod leftovers;
mod lockout_rows;
pub(crate) mod looks;
pub(crate) mod mailbox;
pub(crate) mod mapping_file;
mod news;
mod outlook;
mod panel_link;
mod parts;
pub(crate) mod pictures;
mod pin_checker;
mod poke;
mod readings;
mod record_queue;
mod recorder;
mod reload;
mod remembered;
mod roster;
mod service;
mod settings;
mod sight;
pub(crate) mod status;
pub(crate) mod strict;
mod strike;
mod tally;
mod threads;
mod timing;
mod verb_desk;
mod verb_line;
mod verbs_done;
mod viewfinder;
mod whitelist_watch;

pub use self::access_rules::RulesFault;
#[cfg(fuzzing)]
pub use self::control::fuzz as fuzz_control;
pub use self::error::{DaemonError, Fault};
pub(crate) use self::events::denial_reason as events_reason;
pub use self::fleet::FleetKeysError;
pub use self::mapping_file::MappingError;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::access_rules::SharedLaw;
use self::acts_watch::ActsWatch;
use self::asks::Asks;
use self::bell::Bell;
use self::challenger::Challenger;
use self::control::Control;
use self::desk::DeskSettings;
use self::doorkeeper::{Doorkeeper, Order, Progress};
use self::ending::End;
use self::error::of_a_thread;
use self::heartbeat::Heartbeats;
use self::judge::Judge;
use self::mailbox::{Mailbox, RecordingEnd};
use self::outlook::Outlook;
use self::panel_link::PanelLink;
use self::parts::{Parts, Second};
use self::pictures::Pictures;
use self::poke::Poke;
use self::record_queue::{Queued, RecordQueue};
use self::recorder::Recorder;
use self::remembered::Remembered;
use self::roster::{Looks, Roster};
use self::service::notify;
pub use self::settings::level;
use self::sight::Sight;
use self::threads::Threads;
use self::verb_desk::VerbDesk;
use self::viewfinder::Viewfinder;
use self::whitelist_watch::WhitelistWatch;
use crate::config::{self, Config};
use crate::database::{Database, Writing};
use crate::door::{self, Door};
use crate::guardian::{self, Given, Hold};
use crate::liveness::Checks;
use crate::record::{Bent, Event, Log, Part, Stamp, WhichCamera};

/// How often signals and threads are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// How often whitelist and acts are compared with the record while nobody changes them: who
/// does so past the daemon is found out.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long a part may take to stop.
const MAX_STOP_WAIT: Duration = Duration::from_secs(3);

/// Guards the door until SIGTERM, SIGINT or the end of a recording; SIGHUP reads `path` again.
///
/// # Errors
/// [`DaemonError`]; the relay is released, unless the error says otherwise.
pub fn run(path: &Path, config: Config) -> Result<(), DaemonError> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|source| DaemonError::System {
            what: "listening to signals",
            source,
        })?;
    // Before anything is done that it says.
    strict::configuration(path, &config)?;
    let note = guardian::note_path(path)?;
    let hold = Hold::take(Given {
        line: config.relay.clone(),
        cap: Duration::from_millis(config.door.max_open_ms),
        note: note.clone(),
    })?;
    log::info!("relay: {}, locked", hold.describe());
    // Until this process ends nobody else writes.
    let _writing = Writing::take(&config.whitelist.database, true)?;
    let database = Database::open(&config.whitelist.database)?;
    let mut log = Log::new(database, config.daemon.door.clone());
    let remembered = Remembered::of(&note, &log)?;
    leftovers::forget(log.database());
    let files = log.guard()?;
    let (queue, incoming) = RecordQueue::channel();
    let parts = match Parts::open(&config, files, &queue) {
        Ok(parts) => parts,
        Err(error) => {
            // The record says why the door stayed locked; the journal does in any case.
            let event = events::of_failure(&error);
            let id = log.append(&Stamp::now(), &event)?;
            recorder::tell(id, &event);
            return Err(error);
        }
    };
    let event = Event::Started {
        version: env!("CARGO_PKG_VERSION").into(),
        model: parts.vision.version().clone(),
        models: parts.vision.set().into(),
        relay: hold.describe(),
    };
    let id = log.append(&Stamp::now(), &event)?;
    recorder::tell(id, &event);

    let (mut guard, threads) = Guard::start(
        path,
        config,
        hold,
        (log, remembered),
        parts,
        queue,
        incoming,
    )?;
    notify(&[NotifyState::Ready, NotifyState::Status("guarding the door")]);
    let end = guard.watch(&mut signals, &threads);
    guard.stop(threads, end)
}

/// Everything the main thread keeps an eye on.
struct Guard {
    path: PathBuf,
    config: Config,
    rules: Arc<ArcSwap<config::Access>>,
    factors: Arc<ArcSwap<DeskSettings>>,
    law: SharedLaw,
    retention: Arc<ArcSwap<config::Audit>>,
    queue: RecordQueue,
    orders: crossbeam_channel::Sender<Order>,
    mailbox: Arc<Mailbox>,
    heartbeats: Heartbeats,
    whitelist_watch: WhitelistWatch,
    acts_watch: ActsWatch,
    looks: Looks,
    panel_link: PanelLink,
    /// Nothing in the end.
    control: Option<Control>,
    strict: Arc<AtomicBool>,
    poke: Poke,
    locked: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    stop_scribe: Arc<AtomicBool>,
    bent: Arc<OnceLock<Bent>>,
}

impl Guard {
    fn start(
        path: &Path,
        config: Config,
        hold: Hold,
        (log, remembered): (Log, Remembered),
        parts: Parts,
        queue: RecordQueue,
        incoming: crossbeam_channel::Receiver<Queued>,
    ) -> Result<(Self, Threads), DaemonError> {
        let Parts {
            vision,
            whitelist,
            whitelist_watch,
            acts_watch,
            mode,
            rules: access_rules,
            lockouts,
            credentials,
            panel,
            camera,
            second,
            fleet_keys,
        } = parts;
        let law = SharedLaw::new(access_rules, &config, &log, &queue);
        let sight = Arc::<Sight>::default();
        let factors = Arc::new(ArcSwap::from_pointee(DeskSettings::of(&config)));
        let (panel_link, panel) =
            PanelLink::start(panel, Arc::clone(&sight)).map_err(of_a_thread)?;
        let desk = parts::desk(
            lockouts,
            credentials,
            Arc::clone(&factors),
            panel.desk,
            (law.clone(), queue.clone()),
        )?;
        let (orders, taken_orders) = crossbeam_channel::bounded(0);
        let mut heartbeats = Heartbeats::new();
        let mailbox = Arc::new(Mailbox::default());
        let rules = Arc::new(ArcSwap::from_pointee(config.access.clone()));
        let retention = Arc::new(ArcSwap::from_pointee(config.audit.clone()));
        let (locked, open, stop, stop_scribe) =
            <(Arc<AtomicBool>, Arc<AtomicBool>, Arc<_>, Arc<_>)>::default();
        let bent = Arc::<OnceLock<Bent>>::default();
        let (bell, woken) = Bell::pair().map_err(of_a_thread)?;
        let poke = Poke::of_this_thread();
        let (to_recorder, asks) =
            Asks::channel(bell.clone(), poke.clone(), config.whitelist.clone());
        let (roster, looks) = Roster::pair(poke.clone());
        looks.found(whitelist_watch.revision());
        let verbs = VerbDesk::start(
            config.whitelist.database.clone(),
            asks.for_verbs(),
            bell.clone(),
        )
        .map_err(of_a_thread)?;
        let fleet = (queue.clone(), bell.clone(), asks.for_verbs(), law.clone());
        let fleet = fleet::FleetDesk::start(&config, fleet_keys, fleet)?;
        let outlook = Arc::<Outlook>::default();
        let viewfinder = Arc::new(Viewfinder::new(bell.clone()));
        let doorkeeper = Doorkeeper {
            door: Door::new(door::Settings::of(&config.door)),
            hold,
            orders: taken_orders,
            readings: panel.readings,
            sight: Arc::clone(&sight),
            signals: panel.door_signals,
            first: mode,
            queue: queue.clone(),
            heartbeat: heartbeats.add(Part::Door),
            locked: Arc::clone(&locked),
            open: Arc::clone(&open),
            outlook: Arc::clone(&outlook),
            whitelist: Arc::clone(&whitelist),
            progress: Progress::default(),
        };
        let status = status::start(path, &camera, second.as_ref(), &whitelist);
        let strict = Arc::new(AtomicBool::new(config.daemon.strict_modes));
        let given = control::Given {
            config: path.to_owned(),
            note: guardian::note_path(path)?,
            door: config.daemon.door.clone(),
            database: config.whitelist.database.clone(),
            strict: Arc::clone(&strict),
            recorder: to_recorder,
            verbs,
            fleet,
            poke: poke.clone(),
            queue: queue.clone(),
            status: status.now(),
            whitelist: Arc::clone(&whitelist),
            outlook,
            viewfinder: Arc::clone(&viewfinder),
            bell: bell.clone(),
            enrol: control::EnrolGiven::of(&config, &rules),
        };
        let recorder = Recorder {
            pictures: Pictures::open(log.database())?,
            log,
            remembered,
            queue: queue.clone(),
            incoming,
            asks,
            door: orders.clone(),
            retention: Arc::clone(&retention),
            law: law.clone(),
            roster,
            heartbeat: heartbeats.add(Part::Audit),
            bent: Arc::clone(&bent),
            status,
            stop: Arc::clone(&stop_scribe),
        };
        let challenger = Challenger::new(
            config.liveness.clone(),
            desk.signals.clone(),
            Arc::clone(&sight),
        );
        let judge = Judge {
            vision,
            settings: config.vision.clone(),
            checks: Checks::new(&config.liveness, &config.camera),
            second: second.as_ref().map(Second::eye),
            open,
            rules: Arc::clone(&rules),
            law: law.clone(),
            retention: Arc::clone(&retention),
            whitelist,
            mailbox: Arc::clone(&mailbox),
            queue: queue.clone(),
            desk,
            challenger,
            sight,
            viewfinder,
            heartbeat: heartbeats.add(Part::Vision),
            stop: Arc::clone(&stop),
        };
        let shared = capture::Shared {
            rules: Arc::clone(&rules),
            queue: queue.clone(),
            stop: Arc::clone(&stop),
        };
        let beat = heartbeats.add(Part::Camera);
        let first = shared.capture(WhichCamera::Colour, &config.camera, &mailbox, beat);
        let second = second.map(|second| second.start(&shared, heartbeats.add(Part::Infrared)));
        // If a later one cannot be started, dropping the channels ends the earlier ones, the door locked.
        let threads = Threads::start(doorkeeper, recorder, judge, (first, camera), second)
            .map_err(of_a_thread)?;
        let guard = Self {
            path: path.to_owned(),
            config,
            rules,
            factors,
            law,
            retention,
            queue,
            orders,
            mailbox,
            heartbeats,
            whitelist_watch,
            acts_watch,
            looks,
            panel_link,
            control: Some(Control::start(given, bell, woken)),
            strict,
            poke,
            locked,
            stop,
            stop_scribe,
            bent,
        };
        Ok((guard, threads))
    }

    fn watch(&mut self, signals: &mut Signals, threads: &Threads) -> End {
        let mut look_at = Instant::now() + LOOK_INTERVAL;
        loop {
            for signal in signals.pending() {
                if signal == SIGHUP {
                    self.reload();
                    if let Err(error) = self.refresh(true) {
                        return End::Fault(error.into());
                    }
                } else {
                    return End::Asked;
                }
            }
            if let Some(bent) = self.bent.get() {
                return End::Fault(bent.clone().into());
            }
            let is_asked = self.poke.take_reload();
            if is_asked {
                self.reload();
            }
            if self.poke.take_changed() || is_asked || Instant::now() >= look_at {
                let waiting = self.looks.waiting();
                if let Err(error) = self.refresh(is_asked) {
                    return End::Fault(error.into());
                }
                for one in waiting {
                    let _ = one.try_send(());
                }
                look_at = Instant::now() + LOOK_INTERVAL;
            }
            if let Some(part) = threads.ended(&self.mailbox) {
                return End::Fault(Fault::Ended(part));
            }
            let limit = Duration::from_millis(self.config.daemon.hang_ms);
            if let Some((part, age)) = self.heartbeats.stale(limit) {
                return End::Fault(Fault::Hung {
                    part,
                    age_ms: age.as_millis() as u64,
                });
            }
            let over = self.mailbox.end() == RecordingEnd::Seen;
            // What the last frames led to may still be on its way to the door.
            if over && self.queue.settle(WATCH_INTERVAL) && self.locked.load(Ordering::Acquire) {
                return End::RecordingOver;
            }
            // Reached only while every part makes progress.
            notify(&[NotifyState::Watchdog]);
            std::thread::park_timeout(WATCH_INTERVAL);
        }
    }

    /// Reads what administrators may have changed in the database.
    fn refresh(&mut self, force: bool) -> Result<(), Bent> {
        let looked = self.whitelist_watch.refresh(force, &self.queue);
        let revision = looked.as_ref().ok().and(self.whitelist_watch.revision());
        self.looks.found(revision);
        looked?;
        self.acts_watch.refresh(&self.orders, &self.queue)
    }
}
