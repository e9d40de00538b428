#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::JoinHandle;

use super::super::access_rules::SharedLaw;
use super::super::asks::Asks;
use super::super::heartbeat::Heartbeats;
use super::super::pictures::Pictures;
use super::super::recorder::Recorder;
use super::super::remembered::Remembered;
use super::super::status::StatusTeller;
use super::*;
use crate::access::Rules;
use crate::config::{self, Signal};
use crate::database::Database;
use crate::door::{Contact, Mode, REST, Reading};
use crate::guardian::MIN_CLOSED_TIME;
use crate::record::{self, Log, NotOpened, Part, Query};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the strike did, each with the newest record at that moment.
type Moves = Arc<Mutex<Vec<(bool, u64)>>>;

/// A strike of which is known what was on disk when it moved.
struct TestStrike {
    path: PathBuf,
    moves: Moves,
}

impl TestStrike {
    fn moved(&self, energised: bool) {
        let head = log(&self.path).head().unwrap().id;
        self.moves.lock().unwrap().push((energised, head));
    }
}

impl Strike for TestStrike {
    fn open(&mut self, _until: BootTime) -> Result<(), HoldError> {
        self.moved(true);
        Ok(())
    }

    fn renew(&mut self) -> Result<(), HoldError> {
        Ok(())
    }

    fn lock(&mut self) -> Result<(), HoldError> {
        self.moved(false);
        Ok(())
    }

    fn probe(&mut self) -> Result<(), HoldError> {
        Ok(())
    }

    fn is_lost(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "line 1".into()
    }
}

fn log(path: &std::path::Path) -> Log {
    Log::new(Database::open_existing(path).unwrap(), Default::default())
}

/// A door and its recorder as the daemon runs them, with inputs and strike of a test.
struct Site {
    _folder: tempfile::TempDir,
    path: PathBuf,
    moves: Moves,
    signals: Arc<Mutex<Vec<Signals>>>,
    sight: Arc<Sight>,
    inputs: Option<Sender<Reading>>,
    orders: Sender<Order>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Site {
    fn new(door: config::Door) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        drop(Database::open(&path).unwrap());
        let (queue, incoming) = RecordQueue::channel();
        let (orders, taken) = crossbeam_channel::bounded(0);
        let (inputs, readings) = Readings::channel();
        let mut heartbeats = Heartbeats::new();
        let (moves, signals) = (Moves::default(), Arc::<Mutex<Vec<Signals>>>::default());
        let (sight, stop) = (Arc::<Sight>::default(), Arc::<AtomicBool>::default());
        let lit = Arc::clone(&signals);
        let doorkeeper = Doorkeeper {
            door: Door::new(Settings::of(&door)),
            hold: TestStrike {
                path: path.clone(),
                moves: Arc::clone(&moves),
            },
            orders: taken,
            readings,
            queue: queue.clone(),
            heartbeat: heartbeats.add(Part::Door),
            sight: Arc::clone(&sight),
            signals: Box::new(move |set| lit.lock().unwrap().push(set)),
            first: None,
            locked: Arc::default(),
            open: Arc::default(),
            outlook: Arc::default(),
            whitelist: Arc::default(),
            progress: Progress::default(),
        };
        let log = log(&path);
        let recorder = Recorder {
            remembered: Remembered::of(&path, &log).unwrap(),
            pictures: Pictures::open(log.database()).unwrap(),
            log,
            law: SharedLaw::of(Rules::default()),
            queue,
            incoming,
            asks: Asks::of_nobody(),
            door: orders.clone(),
            retention: Arc::new(arc_swap::ArcSwap::from_pointee(config::Audit::default())),
            heartbeat: heartbeats.add(Part::Audit),
            bent: Arc::default(),
            status: StatusTeller::to_nobody(),
            roster: crate::daemon::roster::Roster::trusting(),
            stop: Arc::clone(&stop),
        };
        let site = Self {
            _folder: folder,
            path,
            moves,
            signals,
            sight,
            inputs: Some(inputs),
            orders,
            stop,
            threads: vec![
                std::thread::spawn(|| doorkeeper.run()),
                std::thread::spawn(|| drop(recorder.run())),
            ],
        };
        site.await_events("it locks", 1);
        site
    }

    fn tell(&self, reading: Reading) {
        self.inputs.as_ref().unwrap().send(reading).unwrap();
    }

    fn order(&self, order: Order) {
        self.orders.send_timeout(order, PATIENCE).unwrap();
    }

    fn events(&self) -> Vec<(u64, Event)> {
        let records = log(&self.path).records(&Query::default()).unwrap();
        let known = records
            .into_iter()
            .map(|r| (r.id, r.event().unwrap().clone()));
        known.collect()
    }

    fn await_events(&self, what: &str, count: usize) {
        self.await_so(what, |events| events.len() >= count);
    }

    fn await_so(&self, what: &str, so: impl Fn(&[(u64, Event)]) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !so(&self.events()) {
            assert!(
                Instant::now() < until,
                "not so: {what}: {:#?}",
                self.events()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The newest record when the strike was energised, each time.
    fn energised(&self) -> Vec<u64> {
        let moves = self.moves.lock().unwrap();
        moves
            .iter()
            .filter(|(up, _)| *up)
            .map(|(_, head)| *head)
            .collect()
    }

    fn end(mut self) -> Vec<(u64, Event)> {
        let (done, here) = crossbeam_channel::bounded(1);
        self.order(Order::Stop(done));
        here.recv_timeout(PATIENCE).unwrap();
        self.stop.store(true, Ordering::Release);
        let (gone, _) = crossbeam_channel::bounded(0);
        self.orders = gone;
        for thread in std::mem::take(&mut self.threads) {
            thread.join().unwrap();
        }
        self.events()
    }
}

fn quick() -> config::Door {
    config::Door {
        pulse_ms: 200,
        ..config::Door::default()
    }
}

#[test]
fn a_rex_is_on_record_before_the_strike_moves_and_opens_once() {
    let site = Site::new(quick());
    site.sight.show(InView::Nobody);
    site.tell(Reading::Contact(Contact::Closed));
    site.tell(Reading::Rex(false));
    site.tell(Reading::Rex(true));
    let pulse_over = |events: &[(u64, Event)]| {
        let is_over = |(_, event): &(u64, Event)| {
            matches!(
                event,
                Event::Locked {
                    reason: record::LockCause::PulseEnded,
                    ..
                }
            )
        };
        events.iter().any(is_over)
    };
    site.await_so("the pulse is over", pulse_over);
    let energised = site.energised();
    let lit = site.signals.lock().unwrap().clone();
    let events = site.end();
    let rex = events
        .iter()
        .find(|(_, event)| matches!(event, Event::Rex(_)));
    let (id, Event::Rex(view)) = rex.unwrap() else {
        panic!()
    };
    assert_eq!(view.in_view, record::InView::Nobody);
    assert_eq!(energised, [*id]);
    let by = record::By::Rex(*id);
    let unlocked = Event::Unlocked { by, pulse_ms: 200 };
    assert!(
        events.iter().any(|(_, event)| *event == unlocked),
        "{events:#?}"
    );
    assert!(lit.iter().any(|set| set.has(Signal::Granted)));
    assert!(!lit.last().unwrap().has(Signal::Granted));
}

#[test]
fn a_request_that_cannot_be_put_on_record_opens_nothing() {
    let site = Site::new(quick());
    let raw = rusqlite::Connection::open(&site.path).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER no_more BEFORE INSERT ON records BEGIN SELECT raise(ABORT, 'full'); END;",
    )
    .unwrap();
    site.tell(Reading::Rex(false));
    site.tell(Reading::Rex(true));
    // A second press is after the first was answered, or never will be.
    std::thread::sleep(Duration::from_millis(300));
    raw.execute_batch("DROP TRIGGER no_more").unwrap();
    assert_eq!(site.energised(), [0u64; 0]);
    let events = site.end();
    assert!(
        !events
            .iter()
            .any(|(_, e)| matches!(e, Event::Rex(_) | Event::Unlocked { .. }))
    );
}

#[test]
fn inputs_whose_reader_is_gone_are_lost_and_a_forced_door_says_who_was_there() {
    let mut site = Site::new(quick());
    site.sight.show(InView::UnknownFace);
    site.tell(Reading::Contact(Contact::Closed));
    site.tell(Reading::Contact(Contact::Open));
    let forced = |(_, event): &(u64, Event)| matches!(event, Event::ForcedOpen(view) if view.in_view == record::InView::UnknownFace);
    site.await_so("forced open", |events| events.iter().any(forced));
    site.inputs = None;
    let lost = |(_, event): &(u64, Event)| matches!(event, Event::InputsLost);
    site.await_so("inputs are lost", |events| events.iter().any(lost));
    assert!(site.energised().is_empty());
    site.end();
}

#[test]
fn a_mode_holds_the_door_open_and_a_lockdown_locks_it() {
    let site = Site::new(quick());
    let until = Instant::now().checked_add(Duration::from_secs(3600));
    let (mode, act) = (Mode::HeldOpen, 1);
    site.order(Order::Mode(Input::Mode { mode, act, until }));
    let unlocked = |(_, event): &(u64, Event)| matches!(event, Event::Unlocked { .. });
    site.await_so("held open", |events| events.iter().any(unlocked));
    let (mode, act, until) = (Mode::LockedDown, 2, None);
    site.order(Order::Mode(Input::Mode { mode, act, until }));
    let (by, person) = (By::Act(3), None);
    site.order(Order::Open { by, person });
    let refused = |(_, event): &(u64, Event)| {
        matches!(
            event,
            Event::NotOpened {
                by: record::By::Act(3),
                reason: record::NotOpened::LockedDown
            }
        )
    };
    site.await_so("not opened", |events| events.iter().any(refused));
    assert_eq!(site.energised().len(), 1);
    site.end();
}

/// The door's own rest is longer than the guardian's, which refuses meanwhile.
#[test]
fn a_mode_opens_again_after_the_guardian_has_rested() {
    assert!(REST > MIN_CLOSED_TIME);
}

/// What goes on record for one input, as far as it withdraws a grant.
fn withdrawn(door: &mut Door, input: Input) -> Option<(Option<u64>, NotOpened)> {
    let now = Instant::now();
    let effects = door.step(now, input);
    effects.iter().find_map(|effect| {
        let Effect::Report(report) = effect else {
            return None;
        };
        let beside = Beside {
            energised: None,
            relay: "line 1".into(),
            directory: None,
        };
        match door_events::of_report(report, beside) {
            Event::GrantWithdrawn { reason, grant, .. } => Some((grant, reason)),
            _ => None,
        }
    })
}

#[test]
fn a_grant_that_a_faulted_or_stopping_door_does_not_open_for_is_withdrawn() {
    let mut door = Door::new(Settings::of(&config::Door::default()));
    let _ = door.start(Instant::now());
    let release = |ok| Input::RelayDone {
        command: RelayCommand::Release,
        ok,
    };
    let grant = |id| Input::Open(By::Grant(id));
    let because = |grant, reason| Some((Some(grant), reason));
    assert_eq!(withdrawn(&mut door, release(false)), None);
    assert_eq!(
        withdrawn(&mut door, grant(1)),
        because(1, NotOpened::RelayFault)
    );
    assert_eq!(withdrawn(&mut door, release(true)), None);
    assert_eq!(withdrawn(&mut door, grant(2)), None);
    assert_eq!(withdrawn(&mut door, Input::Stop), None);
    assert_eq!(
        withdrawn(&mut door, grant(3)),
        because(3, NotOpened::Stopping)
    );
}
