#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::super::access_rules::SharedLaw;
use super::super::asks::Asks;
use super::super::status::StatusTeller;
use super::*;
use crate::access::{Claim, Factors, MAX_CLAIM_AGE, Rules, Wall};
use crate::cohort::Score;
use crate::config;
use crate::daemon::events::{DecidedAt, of_grant};
use crate::daemon::heartbeat::Heartbeats;
use crate::daemon::news::News;
use crate::daemon::pictures::Pictures;
use crate::daemon::record_queue::RecordQueue;
use crate::daemon::recorder::Recorder;
use crate::daemon::remembered::Remembered;
use crate::database::Database;
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;
use crate::record::{Actor, FrameRef, Granted, Kind, Origin, Part, Query, Record};
use crate::whitelist::{Directory, Listed, NewTemplate};

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

/// A whitelist with Ada on it, a record, and a grant for Ada that was just decided.
struct Site {
    _folder: tempfile::TempDir,
    path: PathBuf,
    ada: PersonId,
    grant: Grant,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        let model = ModelVersion::new("m");
        let template = NewTemplate {
            embedding: Embedding::new(&model, vec![1.0]).unwrap(),
            source: "photo.jpg".into(),
            photo: None,
        };
        let mut database = Database::open(&path).unwrap();
        let ada = whitelist::enroll(&mut database, "Ada", &[template], &origin()).unwrap();
        let now = Instant::now();
        let claim = Claim {
            person: ada,
            track: 1,
            score: Score::new(0.9),
            threshold: Score::new(0.7),
            frames: 3,
            made_at: now,
        };
        let directory = Directory::new([Listed::new(ada, "Ada", true)]);
        let asking = Asking {
            now,
            wall: Wall::UNKNOWN,
            factors: Factors::default(),
            companions: &[],
        };
        Self {
            grant: authorise(&directory, &Rules::default(), &claim, &asking).unwrap(),
            _folder: folder,
            path,
            ada,
        }
    }

    fn open(&self) -> Database {
        Database::open(&self.path).unwrap()
    }

    fn granted(&self) -> Granted {
        let frame = FrameRef {
            name: "7".into(),
            vision_ms: 1.0,
            age_ms: 1.0,
        };
        let ada = Directory::new([Listed::new(self.ada, "Ada", true)]);
        let claim = self.grant.basis().face().unwrap();
        let at = DecidedAt {
            frame,
            model: ModelVersion::new("m"),
            cues: None,
        };
        of_grant(&self.grant, claim, &ada, at)
    }

    /// What the recorder does about the grant with a door at the other end of `door`.
    fn recorder(&self, door: Sender<Order>) {
        self.recorder_by(Rules::default(), door);
    }

    fn recorder_by(&self, rules: Rules, door: Sender<Order>) {
        let (queue, incoming) = RecordQueue::channel();
        queue.grant(Event::Granted(self.granted()), self.grant, None);
        let log = self.log();
        Recorder {
            remembered: Remembered::of(&self.path, &log).unwrap(),
            log,
            queue,
            incoming,
            asks: Asks::of_nobody(),
            door,
            retention: Arc::new(arc_swap::ArcSwap::from_pointee(config::Audit::default())),
            law: SharedLaw::of(rules),
            pictures: Pictures::beside(&self.path),
            heartbeat: Heartbeats::new().add(Part::Audit),
            bent: Arc::default(),
            status: StatusTeller::to_nobody(),
            roster: crate::daemon::roster::Roster::trusting(),
            stop: Arc::new(true.into()),
        }
        .run();
    }

    /// What becomes of the grant without rules.
    fn admit(
        &self,
        log: &mut Log,
        door: &Sender<Order>,
        clock: impl Fn() -> Instant,
    ) -> Result<Admission, RecordError> {
        let (rules, stamp) = (Rules::default(), Stamp::now());
        let law = Law {
            rules: &rules,
            stamp: &stamp,
            trusts_clock: false,
            synchronised: false,
            lease: &config::Fleet::default().lease,
            news: &News::default(),
        };
        let mut event = Event::Granted(self.granted());
        admit(log, door, &stamp, &mut event, &self.grant, law, clock)
    }

    fn log(&self) -> Log {
        Log::new(self.open(), Default::default())
    }

    fn records(&self, kind: Kind) -> Vec<Record> {
        let query = Query {
            kinds: vec![kind],
            ..Query::default()
        };
        self.log().records(&query).unwrap()
    }
}

/// A door that takes one order at once, as one does that is awake.
fn awake() -> (Sender<Order>, Receiver<Order>) {
    crossbeam_channel::bounded(1)
}

fn orders(door: &Receiver<Order>) -> Vec<u64> {
    door.try_iter()
        .map(|order| match order {
            Order::Open {
                by: By::Grant(grant),
                ..
            } => grant,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_grant_is_on_record_and_then_with_the_door() {
    let site = Site::new();
    let (door, heard) = awake();
    site.recorder(door);
    let granted = site.records(Kind::Granted);
    assert_eq!(orders(&heard), [granted[0].id]);
    assert_eq!(granted.len(), 1);
    assert!(site.records(Kind::GrantWithdrawn).is_empty());
}

#[test]
fn a_person_disabled_or_removed_since_the_decision_is_not_let_in() {
    type Change = fn(&mut Database, PersonId);
    let disable: Change = |db, id| whitelist::set_enabled(db, &[id], false, &origin()).unwrap();
    let remove: Change = |db, id| whitelist::remove(db, &[id], &origin()).unwrap();
    for (change, reason) in [(disable, NotOpened::Disabled), (remove, NotOpened::Removed)] {
        let site = Site::new();
        change(&mut site.open(), site.ada);
        let (door, heard) = awake();
        site.recorder(door);
        assert!(orders(&heard).is_empty());
        assert!(site.records(Kind::Granted).is_empty());
        let [withdrawn] = &site.records(Kind::GrantWithdrawn)[..] else {
            panic!("{reason:?}")
        };
        let expected = Event::GrantWithdrawn {
            reason,
            grant: None,
            recognition: Some(site.granted().recognition),
        };
        assert_eq!(withdrawn.event(), Some(&expected));
    }
}

#[test]
fn a_door_that_is_busy_or_gone_does_not_open_later() {
    let (busy, _never_taken) = crossbeam_channel::bounded(0);
    let (gone, _) = crossbeam_channel::bounded(0);
    for door in [busy, gone] {
        let site = Site::new();
        site.recorder(door);
        let granted = site.records(Kind::Granted);
        let [withdrawn] = &site.records(Kind::GrantWithdrawn)[..] else {
            panic!()
        };
        let expected = Event::GrantWithdrawn {
            reason: NotOpened::DoorBusy,
            grant: Some(granted[0].id),
            recognition: None,
        };
        assert_eq!(withdrawn.event(), Some(&expected));
    }
}

/// What only the database knows counts where the grant is written.
#[test]
fn entries_are_counted_where_the_grant_is_written() {
    let site = Site::new();
    whitelist::set_entries(&mut site.open(), site.ada, Some(1), &origin()).unwrap();
    let left = || {
        let ada = whitelist::find(&site.open(), "Ada").unwrap();
        ada.standing.entries.unwrap().left()
    };
    // Nobody entered by a grant that the door did not take.
    let (busy, _never_taken) = crossbeam_channel::bounded(0);
    site.recorder(busy);
    assert_eq!((site.records(Kind::GrantWithdrawn).len(), left()), (1, 1));
    let (door, heard) = awake();
    site.recorder(door);
    assert_eq!((orders(&heard).len(), left()), (1, 0));
    let (door, heard) = awake();
    site.recorder(door);
    assert!(orders(&heard).is_empty());
    let [denied] = &site.records(Kind::Denied)[..] else {
        panic!()
    };
    assert_eq!(denied.subject().reason.as_deref(), Some("no_entries_left"));
    assert_eq!(site.records(Kind::Granted).len(), 2);
}

#[test]
fn who_passes_twice_is_denied_or_told_of() {
    for (mode, granted, denied) in [
        ("mode = \"timed\"\nwithin = \"10m\"", 1, 1),
        ("mode = \"soft\"", 2, 0),
    ] {
        let site = Site::new();
        for _ in 0..2 {
            let text = Ok(format!("[passback]\n{mode}\n"));
            let path = "access.d/door.toml".into();
            let file = config::RuleFile { path, text };
            let rules = Rules::parse(&[file], jiff::tz::db()).unwrap();
            site.recorder_by(rules, awake().0);
        }
        let grants = site.records(Kind::Granted);
        assert_eq!(
            (grants.len(), site.records(Kind::Denied).len()),
            (granted, denied)
        );
        let second = grants.get(1).map(|record| record.subject().reason.unwrap());
        assert!(second.is_none_or(|reason| reason == "passed_back"));
    }
}

#[test]
fn a_grant_that_is_too_old_opens_nothing() {
    let late = MAX_CLAIM_AGE + Duration::from_millis(1);
    // Before it is written, and while it is.
    for (first, then, reason) in [
        (late, late, NotOpened::Expired),
        (Duration::ZERO, late, NotOpened::TooLate),
    ] {
        let site = Site::new();
        let (door, heard) = awake();
        let asked = Cell::new(0);
        let clock = || {
            let age = if asked.replace(asked.get() + 1) == 0 {
                first
            } else {
                then
            };
            site.grant.basis().face().unwrap().made_at + age
        };
        let became = site.admit(&mut site.log(), &door, clock).unwrap();
        let written = site.records(Kind::Granted).first().map(|e| e.id);
        assert_eq!(written.is_some(), reason == NotOpened::TooLate);
        let grant = written;
        assert_eq!(became, Admission::Withdrawn { grant, reason });
        assert!(orders(&heard).is_empty());
    }
}

/// In the moment of the grant, not only when somebody looks.
#[test]
fn a_grant_into_a_database_that_is_another_opens_nothing() {
    type Attack = fn(&Site);
    let ended = |site: &Site, ending: &str| {
        let mut name = site.path.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let copied = |site: &Site| std::fs::copy(site.path.with_extension("old"), &site.path);
    let attacks: [Attack; 4] = [
        |site| std::fs::rename(&site.path, site.path.with_extension("away")).unwrap(),
        |site| std::fs::remove_file(site.path.with_extension("db-wal")).unwrap(),
        |site| std::fs::remove_file(site.path.with_extension("db-shm")).unwrap(),
        |_| {},
    ];
    for (number, attack) in attacks.into_iter().enumerate() {
        let site = Site::new();
        std::fs::copy(&site.path, site.path.with_extension("old")).unwrap();
        let mut log = site.log();
        log.guard().unwrap();
        let stopped = Event::RecordsLost { records: 1 };
        log.append(&Stamp::now(), &stopped).unwrap();
        if number == 3 {
            // All is in the database's own file, and that is an older one then.
            let raw = rusqlite::Connection::open(&site.path).unwrap();
            raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .unwrap();
            copied(&site).unwrap();
        }
        attack(&site);
        assert!(number == 3 || !ended(&site, ["", "-wal", "-shm"][number]).exists());
        let (door, heard) = awake();
        let became = site.admit(&mut log, &door, Instant::now);
        assert!(matches!(became, Err(RecordError::Bent(_))), "{number}");
        assert!(orders(&heard).is_empty());
    }
}
