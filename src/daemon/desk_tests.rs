//! From keys and cards to the record and the door, with a real database and real hashing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod challenge;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::access_rules::SharedLaw;
use super::asks::Asks;
use super::desk::{Desk, DeskSettings, Reading, clocks};
use super::doorkeeper::Order;
use super::events::DecidedAt;
use super::heartbeat::Heartbeats;
use super::lockout_rows;
use super::parts::desk;
use super::pictures::Pictures;
use super::record_queue::{Queued, RecordQueue};
use super::recorder::Recorder;
use super::remembered::Remembered;
use super::status::StatusTeller;
use crate::access::{Access, Claim, FactorKind, Factors, Input, Key, Policy, Rules, Subject};
use crate::cohort::Score;
use crate::config::{self, CardAlone, Signal};
use crate::database::Database;
use crate::door::By;
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;
use crate::record::{
    Actor, DenialReason, Event, Factor, FrameRef, Kind, Log, NotOpened, Origin, Part, Query,
};
use crate::whitelist::{
    self, Card, CardFormat, Credentials, Directory, Listed, NewTemplate, Pin, lose_card,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn origin() -> Origin {
    Origin {
        door: Default::default(),
        actor: Actor {
            uid: 0,
            login_uid: None,
            claimed: None,
        },
    }
}

fn card() -> Card {
    Card::new(CardFormat::new("w26").unwrap(), Some(1), 4711).unwrap()
}

fn claim() -> Claim {
    Claim {
        person: ADA,
        track: 7,
        score: Score::new(0.9),
        threshold: Score::new(0.7),
        frames: 3,
        made_at: clocks().at,
    }
}

fn frame() -> DecidedAt {
    DecidedAt {
        frame: FrameRef {
            name: "7".into(),
            vision_ms: 1.0,
            age_ms: 1.0,
        },
        model: ModelVersion::new("m"),
        cues: None,
    }
}

/// Ada, with the PIN 471148, the duress PIN 471149 and a card, at a desk.
struct Scene {
    _folder: tempfile::TempDir,
    path: PathBuf,
    desk: Desk,
    access: Access,
    said: Sender<Reading>,
    lit: Receiver<(Signal, bool)>,
    queue: RecordQueue,
    incoming: Receiver<Queued>,
    directory: Directory,
}

const ADA: PersonId = PersonId(1);

impl Scene {
    fn new(settings: DeskSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        let mut database = Database::open(&path).unwrap();
        let template = NewTemplate {
            embedding: Embedding::new(&ModelVersion::new("m"), vec![1.0]).unwrap(),
            source: "photo.jpg".into(),
            photo: None,
        };
        let db = &mut database;
        whitelist::enroll(db, "Ada", &[template], &origin()).unwrap();
        for (pin, duress) in [("471148", false), ("471149", true)] {
            whitelist::set_pin(db, ADA, &Pin::new(pin).unwrap(), duress, &origin()).unwrap();
        }
        whitelist::add_card(db, ADA, &card(), &origin()).unwrap();
        let (said, readings) = bounded(64);
        let (signals, lit) = unbounded();
        let (queue, incoming) = RecordQueue::channel();
        let credentials = Credentials::load(&database).unwrap();
        let lockouts = lockout_rows::read(&database, &Default::default()).unwrap();
        let desk = desk(
            lockouts,
            Arc::new(ArcSwap::from_pointee(credentials)),
            Arc::new(ArcSwap::from_pointee(settings)),
            (readings, signals),
            (SharedLaw::of(Rules::default()), queue.clone()),
        );
        Self {
            path,
            _folder: folder,
            desk: desk.unwrap(),
            access: Access::new(Policy::new(
                &config::Access::default(),
                Default::default(),
                Score::new(0.7),
            )),
            said,
            lit,
            queue,
            incoming,
            directory: Directory::new([Listed::new(ADA, "Ada", true)]),
        }
    }

    fn turn(&mut self) {
        let access = &mut self.access;
        let rules = &mut |now, input: Input<'_>| access.step(now, input);
        self.desk.turn(0, rules, &self.directory);
    }

    fn face(&mut self) {
        let access = &mut self.access;
        let rules = &mut |now, input: Input<'_>| access.step(now, input);
        self.desk.needed(
            (&claim()).into(),
            FactorKind::Any,
            (Factors::default(), frame()),
            rules,
            &self.directory,
        );
    }

    fn camera_lost(&mut self) {
        let access = &mut self.access;
        let rules = &mut |now, input: Input<'_>| access.step(now, input);
        self.desk.camera(true, rules, &self.directory);
    }

    fn types(&mut self, pin: &str) {
        for digit in pin.bytes() {
            self.said
                .send(Reading::Key(Key::Digit(digit - b'0')))
                .unwrap();
        }
        self.said.send(Reading::Key(Key::Enter)).unwrap();
    }

    /// Turns until the queue has so many more things in it.
    fn until_queued(&mut self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.incoming.len() < count {
            self.turn();
            assert!(Instant::now() < until, "{} queued", self.incoming.len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the recorder does about it: events after those of the people, and the orders to
    /// the door.
    fn record(&mut self) -> (Vec<(u64, Event)>, Vec<u64>) {
        let (door, orders) = bounded(4);
        let log = self.log();
        let before = log.head().unwrap().id;
        Recorder {
            remembered: Remembered::of(&self.path, &log).unwrap(),
            pictures: Pictures::open(log.database()).unwrap(),
            log,
            law: SharedLaw::of(Rules::default()),
            queue: self.queue.clone(),
            incoming: self.incoming.clone(),
            asks: Asks::of_nobody(),
            door,
            retention: Arc::new(ArcSwap::from_pointee(config::Audit::default())),
            heartbeat: Heartbeats::new().add(Part::Audit),
            bent: Arc::default(),
            status: StatusTeller::to_nobody(),
            roster: crate::daemon::roster::Roster::trusting(),
            stop: Arc::new(true.into()),
        }
        .run();
        let query = Query {
            after_id: Some(before),
            ..Query::default()
        };
        let records = self.log().records(&query).unwrap();
        let events = records.iter().map(|r| (r.id, r.event().unwrap().clone()));
        let grants = orders.try_iter().map(|order| match order {
            Order::Open {
                by: By::Grant(grant),
                ..
            } => grant,
            _ => panic!("another order"),
        });
        (events.collect(), grants.collect())
    }

    fn log(&self) -> Log {
        Log::new(Database::open(&self.path).unwrap(), Default::default())
    }

    fn lit(&self) -> Vec<(Signal, bool)> {
        self.lit.try_iter().collect()
    }
}

/// But for the key of heads, which is on record once, with the first of them.
fn kinds(events: &[(u64, Event)]) -> Vec<Kind> {
    let kinds = events.iter().map(|(_, event)| event.kind());
    kinds.filter(|kind| *kind != Kind::HeadKey).collect()
}

#[test]
fn a_face_and_a_pin_open_the_door_and_duress_looks_the_same_there() {
    let mut seen = Vec::new();
    for pin in ["471148", "471149"] {
        let mut scene = Scene::new(DeskSettings::default());
        scene.face();
        assert_eq!(scene.desk.gate.awaited(), Some(ADA));
        scene.types(pin);
        let is_duress = pin == "471149";
        scene.until_queued(if is_duress { 3 } else { 2 });
        let (events, opened) = scene.record();
        let mut expected = vec![Kind::FactorAccepted, Kind::Duress, Kind::Granted];
        expected.retain(|kind| is_duress || *kind != Kind::Duress);
        assert_eq!(kinds(&events), expected);
        let (id, Event::Granted(granted)) = events.last().unwrap() else {
            panic!("no grant")
        };
        assert_eq!(opened, [*id]);
        assert_eq!(granted.factors, [Factor::Pin]);
        assert_eq!(granted.recognition.person.name, "Ada");
        seen.push(scene.lit());
    }
    let asked = [(Signal::EnterFactor, true), (Signal::EnterFactor, false)];
    assert_eq!(seen[0], asked);
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn wrong_pins_are_on_record_with_what_they_count_for() {
    let mut settings = DeskSettings::default();
    settings.lockout.person = 3;
    let mut scene = Scene::new(settings.clone());
    scene.face();
    for wrong in 1..=3usize {
        scene.types("081508");
        // The last one begins a pause and ends the waiting.
        scene.until_queued(if wrong < 3 { wrong } else { 5 });
    }
    let (events, opened) = scene.record();
    assert!(opened.is_empty());
    let refused = Kind::FactorRefused;
    let began = Kind::LockoutBegan;
    assert_eq!(kinds(&events), [refused, refused, refused, began, refused]);
    let reasons: Vec<DenialReason> = events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::FactorRefused { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    let (wrong, locked) = (DenialReason::WrongPin, DenialReason::LockedOut);
    assert_eq!(reasons, [wrong, wrong, wrong, locked]);
    // Kept beside the refusal, and found by the next daemon.
    let database = Database::open(&scene.path).unwrap();
    let kept = lockout_rows::read(&database, &Default::default()).unwrap();
    let subjects: Vec<Subject> = kept.iter().map(|(subject, _)| *subject).collect();
    assert_eq!(subjects, [Subject::Factors, Subject::Person(ADA)]);
    // Another door of the same database is another door's matter.
    let other = config::DoorName::new("back").unwrap();
    assert_eq!(lockout_rows::read(&database, &other).unwrap(), []);
    // Who is removed takes it along.
    let mut database = database;
    whitelist::remove(&mut database, &[ADA], &origin()).unwrap();
    let kept = lockout_rows::read(&database, &Default::default()).unwrap();
    assert_eq!(kept.len(), 1);
}

#[test]
fn a_card_opens_without_a_camera_only_where_that_is_wanted_and_only_while_it_is_theirs() {
    let mut wanted = DeskSettings::default();
    wanted.factors.card_alone = CardAlone::CameraLost;
    for (settings, lost_meanwhile) in [
        (DeskSettings::default(), false),
        (wanted.clone(), false),
        (wanted, true),
    ] {
        let is_wanted = settings.factors.card_alone == CardAlone::CameraLost;
        let mut scene = Scene::new(settings);
        scene.camera_lost();
        scene.said.send(Reading::Card(card())).unwrap();
        scene.until_queued(if is_wanted { 2 } else { 1 });
        if lost_meanwhile {
            let mut database = Database::open(&scene.path).unwrap();
            let kept = whitelist::find_card(&database, 4711, None, None).unwrap();
            lose_card(&mut database, &kept, &origin()).unwrap();
        }
        let (events, opened) = scene.record();
        match (is_wanted, lost_meanwhile) {
            (false, _) => {
                assert_eq!(kinds(&events), [Kind::FactorRefused]);
                assert!(opened.is_empty());
            }
            (true, false) => {
                let (id, granted) = events.last().unwrap();
                let Event::GrantedByCard {
                    person, factors, ..
                } = granted
                else {
                    panic!("no grant")
                };
                assert_eq!((person.id, &factors[..]), (ADA, &[Factor::Card][..]));
                assert_eq!(opened, [*id]);
                let told = scene.log().records(&Query::default()).unwrap();
                assert!(!told.last().unwrap().to_json().to_string().contains("score"));
            }
            (true, true) => {
                assert!(opened.is_empty());
                let (_, Event::GrantWithdrawn { reason, .. }) = events.last().unwrap() else {
                    panic!("not withdrawn")
                };
                assert_eq!(*reason, NotOpened::NoCard);
            }
        }
    }
}

#[test]
fn what_the_panel_said_before_it_was_lost_counts_no_more() {
    let mut scene = Scene::new(DeskSettings::default());
    scene.types("471148");
    scene.said.send(Reading::Lost).unwrap();
    scene.turn();
    scene.face();
    scene.turn();
    assert_eq!(scene.desk.gate.awaited(), Some(ADA));
    assert_eq!(kinds(&scene.record().0), []);
}
