//! The audit record: what is stored, byte for byte, and that nobody can bend it unseen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::num::NonZeroU32;
use std::path::PathBuf;

use doorward::cohort::Score;
use doorward::database::Database;
use doorward::embedding::ModelVersion;
use doorward::person::PersonId;
use doorward::record::{
    About, Actor, Alarm, AlarmEnded, By, CameraLoss, CardRef, ChallengeFailed, ChallengePassed,
    ChallengeStep, ConfigFault, Content, ControlAct, ControlAsked, ControlRefusal, ControlRefused,
    Cues, DenialReason, Denied, Disclosed, DoorMode, Erased, Event, Factor, FaultReason, FleetAct,
    FleetChanged, FleetFault, FleetNoticed, FrameCounts, FrameRef, GrantReason, Granted,
    HeadKeyNamed, HeldOpen, HeldStage, InView, InfraredMapped, Keep, KeyChange, Kind, LockCause,
    LockoutCause, Log, MAX_BATCH_RECORDS, ModeEnd, ModeSet, Nameless, NotOpened, PadKind,
    PadTested, Part, Passage, PersonRef, Query, Recognition, Record, RecordError, RelayCommand,
    Stamp, StopReason, TemplateSource, Unusable, UnusedDisabled, UnusedSoon, View, WhichCamera,
    WhitelistFault,
};
use proptest::prelude::*;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use support::{origin, project};
use tempfile::TempDir;

const DAY_MS: i64 = 86_400_000;
/// The newest in `version-2.sql`: the hash is as the program that wrote it printed it.
const HEAD_OF_VERSION_2: &str =
    "24:b24da3bd2142bd9324e56364c2d2886de8023d56d83e2cb989863041e3979b30";

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        Self {
            _folder: folder,
            path,
        }
    }

    /// With what an earlier version left.
    fn of_version_2() -> Self {
        let place = Self::new();
        let sql = project().join("tests/golden/record/version-2.sql");
        let sql = std::fs::read_to_string(sql).unwrap();
        place.raw().execute_batch(&sql).unwrap();
        place
    }

    fn log(&self) -> Log {
        Log::new(Database::open(&self.path).unwrap(), Default::default())
    }

    fn raw(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    /// Around doorward's back, without what guards the records.
    fn tamper(&self, sql: &str) -> usize {
        let raw = self.raw();
        raw.execute_batch(
            "DROP TRIGGER IF EXISTS records_stay; DROP TRIGGER IF EXISTS records_stay_as_they_are;",
        )
        .unwrap();
        raw.execute(sql, []).unwrap()
    }

    fn bodies(&self) -> Vec<String> {
        let raw = self.raw();
        let mut rows = raw.prepare("SELECT body FROM records ORDER BY id").unwrap();
        let bodies = rows.query_map([], |row| row.get(0)).unwrap();
        bodies.map(Result::unwrap).collect()
    }
}

fn stamp(at_ms: i64) -> Stamp {
    Stamp {
        at_ms,
        boot: None,
        uptime_ms: 0,
    }
}

fn keep(days: u32, records: u64) -> Keep {
    Keep { days, records }
}

fn model() -> ModelVersion {
    ModelVersion::new("sface-int8@1f2e3d4c")
}

fn ada() -> PersonRef {
    PersonRef {
        id: PersonId(3),
        name: "Ada \"Zoë\" O'Neil".into(),
    }
}

fn frame() -> FrameRef {
    FrameRef {
        name: "frames/0003.jpg".into(),
        vision_ms: 41.3,
        age_ms: 60.0,
    }
}

fn recognition(person: PersonRef) -> Recognition {
    Recognition {
        person,
        score: Score::new(0.871),
        threshold: Score::new(0.7),
        frames: 3,
        model: model(),
        frame: frame(),
    }
}

fn granted(person: PersonRef) -> Granted {
    Granted {
        reason: GrantReason::Recognised,
        recognition: recognition(person),
        with: None,
        factors: Vec::new(),
        challenge: None,
        cues: None,
    }
}

fn denied(reason: DenialReason, person: Option<PersonRef>) -> Denied {
    Denied {
        reason,
        person,
        score: Some(Score::new(0.25)),
        threshold: Some(Score::new(0.7)),
        frames: 4,
        model: model(),
        frame: frame(),
        measured: None,
        challenge: None,
        cues: None,
        left_out: None,
    }
}

fn stranger() -> Event {
    Event::Denied(denied(DenialReason::NotListed, None))
}

/// Every kind, every reason of each, every field that can be left out both ways.
fn one_of_each() -> Vec<Event> {
    let actor = || origin().actor;
    let message = || "what it said: \"no\"\nand why".to_owned();
    let mut events = vec![
        Event::Started {
            version: "0.1.0".into(),
            model: model(),
            models: "int8".into(),
            relay: "GPIO line 17 of gpiochip0, active high".into(),
        },
        Event::Stopped {
            reason: StopReason::Asked,
            frames: Some(FrameCounts {
                seen: 9,
                left_out: 4,
                dropped: 2,
                p50_ms: Some(40.5),
                p95_ms: Some(61.0),
            }),
        },
        Event::ConfigReloaded {
            file: "/etc/doorward/doorward.toml".into(),
            restart_for: Vec::new(),
        },
        Event::ConfigReloaded {
            file: "/etc/doorward/doorward.toml".into(),
            restart_for: vec!["camera".into(), "relay".into()],
        },
        Event::WhitelistLoaded {
            model: model(),
            people: 2,
            templates: 5,
            templates_of_other_models: 1,
        },
        Event::CameraBack {
            which: WhichCamera::Colour,
            camera: "/dev/video0, 640x480 YUYV".into(),
        },
        Event::Unlocked {
            by: By::Grant(17),
            pulse_ms: 3000,
        },
        Event::Locked {
            reason: LockCause::PulseEnded,
            by: Some(By::Grant(17)),
            energised_ms: Some(3001),
        },
        Event::RecordsLost { records: 7 },
        Event::RelayByHand {
            relay: "GPIO line 17 of gpiochip0, active high".into(),
            pulse_ms: 1000,
            actor: Actor {
                uid: 0,
                login_uid: Some(1000),
                claimed: None,
            },
        },
        Event::Renamed {
            person: ada(),
            before: "Ada".into(),
            actor: actor(),
        },
        Event::Enabled {
            person: ada(),
            actor: actor(),
        },
        Event::Disabled {
            person: ada(),
            actor: actor(),
        },
        Event::Removed {
            person: ada(),
            templates: 5,
            actor: actor(),
        },
        Event::Pruned {
            records: 40,
            up_to: 40,
            hash: "00".repeat(32),
        },
        Event::GrantWithdrawn {
            reason: NotOpened::Disabled,
            grant: None,
            recognition: Some(recognition(ada())),
        },
        Event::Denied(Denied {
            score: None,
            threshold: None,
            measured: None,
            left_out: std::num::NonZeroU32::new(12),
            ..denied(DenialReason::EmptyWhitelist, None)
        }),
    ];
    for &reason in StopReason::ALL {
        events.push(Event::Stopped {
            reason,
            frames: None,
        });
    }
    for &reason in ConfigFault::ALL {
        events.push(Event::ConfigRejected {
            reason,
            file: "/etc/doorward/doorward.toml".into(),
            message: message(),
        });
    }
    for &reason in WhitelistFault::ALL {
        events.push(Event::WhitelistUnreadable {
            reason,
            message: message(),
        });
    }
    for &reason in CameraLoss::ALL {
        events.push(Event::CameraLost {
            which: WhichCamera::Colour,
            reason,
            message: message(),
        });
    }
    // The other one has a kind of its own.
    for &reason in GrantReason::ALL.iter().filter(|r| **r != GrantReason::Card) {
        events.push(Event::Granted(Granted {
            reason,
            ..granted(ada())
        }));
    }
    for &reason in NotOpened::ALL {
        events.push(Event::GrantWithdrawn {
            reason,
            grant: Some(17),
            recognition: None,
        });
    }
    for &reason in DenialReason::ALL {
        events.push(Event::Denied(denied(reason, Some(ada()))));
    }
    for &reason in Unusable::ALL {
        events.push(Event::CannotJudge {
            reason,
            model: model(),
            frame: frame(),
            left_out: None,
        });
    }
    for &reason in LockCause::ALL {
        events.push(Event::Locked {
            reason,
            by: None,
            energised_ms: None,
        });
    }
    for &command in RelayCommand::ALL {
        events.push(Event::RelayFault {
            command,
            relay: "GPIO line 17 of gpiochip0, active high".into(),
            by: None,
        });
    }
    for &reason in FaultReason::ALL {
        events.push(Event::Fault {
            reason,
            part: None,
            message: Some(message()),
        });
    }
    for &part in Part::ALL.iter().filter(|p| **p != Part::Control) {
        events.push(Event::Fault {
            reason: FaultReason::PartHung,
            part: Some(part),
            message: None,
        });
    }
    for &source in TemplateSource::ALL {
        events.push(Event::Enrolled {
            person: ada(),
            model: model(),
            templates: 2,
            source,
            actor: actor(),
        });
    }
    events.extend([
        Event::BackedUp {
            file: "/media/backup/door.db".into(),
            up_to: 40,
            hash: "00".repeat(32),
            actor: actor(),
        },
        Event::Restored {
            file: "/media/backup/door.db".into(),
            up_to: 40,
            hash: "00".repeat(32),
            people: 2,
            actor: actor(),
        },
        Event::PhotosForgotten {
            photos: 9,
            actor: actor(),
        },
        Event::TemplateForgotten {
            person: ada(),
            model: model(),
            source: "photos/ada.jpg".into(),
            actor: actor(),
        },
        Event::Granted(Granted {
            with: Some(PersonRef::new(PersonId(4), "Grace")),
            ..granted(ada())
        }),
        Event::Granted(Granted {
            cues: Some(Cues {
                movement: Some(0.0412),
                coupling: Some(0.07),
            }),
            ..granted(ada())
        }),
        Event::Denied(Denied {
            measured: Some(0.0021),
            cues: Some(Cues {
                movement: Some(0.0021),
                coupling: None,
            }),
            ..denied(DenialReason::FrozenFace, Some(ada()))
        }),
        Event::GroupJoined {
            person: ada(),
            group: "staff".into(),
            actor: actor(),
        },
        Event::GroupLeft {
            person: ada(),
            group: "staff".into(),
            actor: actor(),
        },
        Event::ValidityChanged {
            person: ada(),
            from_ms: Some(1_767_225_600_000),
            until_ms: Some(1_769_904_000_000),
            actor: actor(),
        },
        Event::ValidityChanged {
            person: ada(),
            from_ms: None,
            until_ms: None,
            actor: actor(),
        },
        Event::EntriesChanged {
            person: ada(),
            entries: Some(5),
            actor: actor(),
        },
        Event::EntriesChanged {
            person: ada(),
            entries: None,
            actor: actor(),
        },
        Event::GuestUntil {
            person: ada(),
            until_ms: 1_769_904_000_000,
            actor: actor(),
        },
        Event::RulesLoaded {
            folder: "/etc/doorward/access.d".into(),
            files: 2,
            rules: 7,
        },
        Event::Exported {
            file: "/home/ada/people.age".into(),
            person: None,
            people: 2,
            templates: 5,
            actor: actor(),
        },
        Event::Exported {
            file: "/home/ada/ada.age".into(),
            person: Some(ada()),
            people: 1,
            templates: 2,
            actor: actor(),
        },
        Event::Imported {
            person: ada(),
            file: "/home/ada/people.age".into(),
            enabled: true,
            templates: 2,
            replaced: None,
            actor: actor(),
        },
        Event::Imported {
            person: ada(),
            file: "/home/ada/people.age".into(),
            enabled: false,
            templates: 2,
            replaced: Some(3),
            actor: actor(),
        },
    ]);
    for &reason in ConfigFault::ALL {
        events.push(Event::RulesRejected {
            reason,
            folder: "/etc/doorward/access.d".into(),
            message: message(),
        });
    }
    events.extend(at_the_door());
    events.extend(factors_and_lockouts());
    events.extend(challenges());
    events.extend(at_the_control_socket());
    events.extend(of_the_infrared_camera());
    events.extend(what_the_law_asks());
    events
}

/// What people agreed to, and what they asked for.
fn what_the_law_asks() -> Vec<Event> {
    let actor = || origin().actor;
    let day = jiff::civil::date(2026, 9, 1);
    let given = |purpose: Option<&str>| Event::ConsentGiven {
        person: ada(),
        day,
        purpose: purpose.map(str::to_owned),
        actor: actor(),
    };
    vec![
        given(None),
        given(Some("entry by face: \"main door\"")),
        Event::ConsentWithdrawn {
            person: ada(),
            actor: actor(),
        },
        Event::Erased(Erased {
            person: Nameless { id: PersonId(3) },
            templates: 5,
            actor: actor(),
        }),
        Event::UnusedSoon(UnusedSoon {
            person: ada(),
            since_ms: 1_767_225_600_000,
            from_ms: 1_769_904_000_000,
        }),
        Event::UnusedDisabled(UnusedDisabled {
            person: ada(),
            since_ms: 1_767_225_600_000,
            days: 90,
        }),
        Event::HeadKey(HeadKeyNamed {
            key: "doorward-heads-1:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg".into(),
            before: None,
        }),
        Event::HeadKey(HeadKeyNamed {
            key: "doorward-heads-1:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg".into(),
            before: Some("doorward-heads-1:6kptdYjIYcZ8wVTzZtI4dnwEwmhcVUUcOB2v+OGWkhI".into()),
        }),
        Event::Disclosed(Disclosed {
            person: ada(),
            file: "/home/ada/ada.zip".into(),
            templates: 5,
            events: 812,
            pictures: 1,
            actor: actor(),
        }),
    ]
}

/// What was asked for at the control socket, and what was refused.
fn at_the_control_socket() -> Vec<Event> {
    let actor = || origin().actor;
    let mut events: Vec<Event> = ControlAct::ALL
        .iter()
        .map(|&act| {
            let actor = actor();
            Event::ControlAsked(ControlAsked { act, actor })
        })
        .collect();
    events.extend((0..).zip(ControlRefusal::ALL).map(|(n, &reason)| {
        Event::ControlRefused(ControlRefused {
            reason,
            act: ControlAct::Unlock,
            actor: actor(),
            left_out: NonZeroU32::new(n * 12),
        })
    }));
    events.push(Event::RolesRejected {
        reason: ConfigFault::Invalid,
        file: "/etc/doorward/roles.toml".into(),
        message: "/etc/doorward/roles.toml:3: unknown field `users`".into(),
    });
    events.push(Event::Fault {
        reason: FaultReason::PartEnded,
        part: Some(Part::Control),
        message: None,
    });
    events
}

/// What faces that were asked for movements bring.
fn challenges() -> Vec<Event> {
    let passed = Event::Granted(Granted {
        challenge: Some(ChallengePassed { steps: 2, ms: 1830 }),
        ..granted(ada())
    });
    let failed = |(n, &asked): (usize, &ChallengeStep)| {
        Event::Denied(Denied {
            challenge: Some(ChallengeFailed {
                asked,
                step: 1,
                steps: 2,
                after_ms: 640,
                shown: 0.21,
                depth: (n != 2).then_some(0.021),
            }),
            ..denied(DenialReason::ChallengeFlat, Some(ada()))
        })
    };
    let failed = ChallengeStep::ALL.iter().enumerate().map(failed);
    std::iter::once(passed).chain(failed).collect()
}

/// What a second camera brings.
fn of_the_infrared_camera() -> [Event; 4] {
    let which = WhichCamera::Infrared;
    [
        Event::CameraLost {
            which,
            reason: CameraLoss::Stalled,
            message: "no frame".into(),
        },
        Event::CameraBack {
            which,
            camera: "/dev/video2, 640x360 GREY".into(),
        },
        Event::Denied(Denied {
            measured: Some(0.125),
            ..denied(DenialReason::InfraredDark, Some(ada()))
        }),
        Event::InfraredMapped(InfraredMapped {
            file: "/var/lib/doorward/infrared.toml".into(),
            hash: "ab".repeat(32),
            pairs: 61,
            residual: 0.03125,
            actor: origin().actor,
        }),
    ]
}

/// What contact, exit button, modes and the like bring.
fn at_the_door() -> Vec<Event> {
    let actor = || origin().actor;
    let view = |in_view| View {
        in_view,
        person: (in_view == InView::Listed).then(ada),
    };
    let passage = |by, in_view| Passage {
        by,
        view: view(in_view),
    };
    let mut events: Vec<Event> = InView::ALL
        .iter()
        .map(|seen| Event::Rex(view(*seen)))
        .collect();
    events.extend([
        Event::RexRefused {
            reason: NotOpened::LockedDown,
        },
        Event::NotOpened {
            by: By::Rex(17),
            reason: NotOpened::TooLate,
        },
        Event::NotOpened {
            by: By::Act(17),
            reason: NotOpened::OtherDoorOpen,
        },
        Event::AccessTaken(passage(By::Grant(17), InView::Listed)),
        Event::TakenAgain(passage(By::Rex(17), InView::Nobody)),
        Event::AccessNotTaken(passage(By::Act(17), InView::UnknownFace)),
        Event::OtherWay(passage(By::Grant(17), InView::Nobody)),
        Event::Exit(view(InView::Nobody)),
        Event::ForcedOpen(view(InView::UnknownFace)),
        Event::Tamper,
        Event::InputsLost,
        Event::InputsBack,
        Event::OfficeOpened {
            act: 16,
            by: By::Grant(17),
        },
        Event::UnlockAsked {
            purpose: None,
            actor: actor(),
        },
        Event::UnlockAsked {
            purpose: Some("a parcel: \"big\"".into()),
            actor: actor(),
        },
    ]);
    events.extend(HeldStage::ALL.iter().map(|&stage| {
        Event::HeldOpen(HeldOpen {
            stage,
            open_ms: 30_000,
            view: view(InView::Nobody),
        })
    }));
    events.extend(Alarm::ALL.iter().map(|&alarm| {
        Event::AlarmEnded(AlarmEnded {
            alarm,
            lasted_ms: 1500,
        })
    }));
    for (n, &mode) in DoorMode::ALL.iter().enumerate() {
        events.push(Event::ModeSet(ModeSet {
            mode,
            until_ms: (n > 0).then_some(1_767_229_200_123),
            lasts_ms: (n > 0).then_some(3_600_000),
            purpose: (n > 1).then(|| "delivery".into()),
            actor: actor(),
        }));
    }
    events.extend(ModeEnd::ALL.iter().map(|&reason| Event::ModeEnded {
        mode: DoorMode::Hold,
        act: 16,
        reason,
    }));
    events
}

fn factors_and_lockouts() -> Vec<Event> {
    let (person, actor) = (ada, || origin().actor);
    let card = || CardRef {
        format: "w26".into(),
        last4: "4711".into(),
    };
    let mut events = vec![
        Event::Granted(Granted {
            factors: vec![Factor::Card, Factor::Pin],
            ..granted(ada())
        }),
        Event::GrantedByCard {
            reason: GrantReason::Card,
            person: person(),
            card: card(),
            factors: vec![Factor::Card],
        },
        Event::FactorRefused {
            reason: DenialReason::WrongPin,
            person: Some(person()),
            card: None,
        },
        Event::FactorRefused {
            reason: DenialReason::CardUnknown,
            person: None,
            card: Some(card()),
        },
        Event::Duress { person: person() },
    ];
    for &factor in Factor::ALL {
        events.push(Event::FactorAccepted {
            factor,
            person: person(),
            card: (factor == Factor::Card).then(card),
        });
    }
    for &reason in LockoutCause::ALL {
        let person = (reason == LockoutCause::Person).then(person);
        events.push(Event::LockoutBegan {
            reason,
            person: person.clone(),
            pause_ms: 60_000,
        });
        events.push(Event::LockoutEnded { reason, person });
    }
    for duress in [false, true] {
        let (person, actor) = (person(), actor());
        events.push(Event::PinSet {
            person: person.clone(),
            duress,
            actor: actor.clone(),
        });
        events.push(Event::PinRemoved {
            person,
            duress,
            actor,
        });
    }
    let (person, card, actor) = (person(), card(), actor());
    events.extend([
        Event::CardAdded {
            person: person.clone(),
            card: card.clone(),
            actor: actor.clone(),
        },
        Event::CardRemoved {
            person: person.clone(),
            card: card.clone(),
            actor: actor.clone(),
        },
        Event::CardLost {
            person,
            card,
            actor: actor.clone(),
        },
        Event::PadTested(PadTested {
            presented: [("bona_fide", 20, 19, 1), ("photo_in_hand", 20, 9, 0)]
                .map(|(kind, tries, accepted, no_response)| PadKind {
                    kind: kind.into(),
                    tries,
                    accepted,
                    no_response,
                })
                .into(),
            checks: vec!["frozen_face".into(), "network".into()],
            models_sha256: "11".repeat(32),
            config_sha256: "22".repeat(32),
            report_sha256: "33".repeat(32),
            actor: actor.clone(),
        }),
        Event::Rekeyed(KeyChange {
            before: "44a8f41c3b8f3af3".into(),
            now: "0f1e2d3c4b5a6978".into(),
            actor,
        }),
    ]);
    for act in FleetAct::ALL {
        events.push(Event::FleetChanged(FleetChanged {
            act: *act,
            person: PersonRef::new(PersonId(7), "Ada Example"),
            revision: 41,
            signer: "back".into(),
        }));
    }
    for reason in FleetFault::ALL {
        events.push(Event::FleetNoticed(FleetNoticed {
            reason: *reason,
            message: "what it said".into(),
        }));
    }
    events
}

/// What is stored today is read in ten years, and its hash is of these bytes. A line that is
/// not as here would be another format: leave the fields as they are, or add one that is
/// left out where it says nothing, and lines that show it.
#[test]
fn what_is_stored_is_what_was_always_stored() {
    let place = Place::new();
    let mut log = place.log();
    let events = one_of_each();
    for kind in Kind::ALL {
        assert!(events.iter().any(|e| e.kind() == *kind), "no {kind} here");
    }
    for (n, event) in events.iter().enumerate() {
        let stamp = Stamp {
            at_ms: 1_767_225_600_123,
            boot: (n > 0).then(|| "6d0e4b9c-3f0c-4f0a-9c0e-0a1b2c3d4e5f".into()),
            uptime_ms: 8123,
        };
        log.append(&stamp, event).unwrap();
    }
    // With names in place of the texts that stand for them, which no two databases share.
    let stored = support::seal::named_bodies(&place.path);
    let golden = project().join("tests/golden/record/bodies.jsonl");
    let golden = std::fs::read_to_string(&golden).unwrap_or_default();
    let now = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bodies.jsonl");
    std::fs::write(&now, stored.join("\n") + "\n").unwrap();
    for (line, body) in golden.lines().zip(&stored) {
        assert_eq!(body, line, "all that is written now: {}", now.display());
    }
    assert_eq!(golden.lines().count(), stored.len(), "{}", now.display());

    // The hash is of the hash before, the number and these bytes.
    let bytes = place.bodies();
    let head = (1u64..).zip(&bytes).fold([0; 32], |before, (id, body)| {
        let parts = [&before[..], &id.to_le_bytes(), body.as_bytes()];
        Sha256::digest(parts.concat()).into()
    });
    let written = log.head().unwrap().to_string();
    assert_eq!(written, format!("{}:{}", stored.len(), hexadecimal(head)));

    // And it reads back, and is told without Rust's own names.
    let records = log.records(&Query::default()).unwrap();
    for (record, event) in records.iter().zip(&events) {
        assert_eq!(record.event(), Some(event));
        assert_eq!(record.door, Some(Default::default()));
        assert_eq!(record.to_json()["event"]["kind"], event.kind().as_str());
        assert!(event.to_string().starts_with(event.kind().as_str()));
    }
}

fn hexadecimal(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A newer doorward wrote them, and this one was installed again.
#[test]
fn what_is_not_known_is_not_taken_for_tampering() {
    let place = Place::new();
    let mut log = place.log();
    log.append(&stamp(1), &stranger()).unwrap();
    drop(log);
    let mut head: [u8; 32] = Sha256::digest(
        [
            &[0; 32][..],
            &1u64.to_le_bytes(),
            place.bodies()[0].as_bytes(),
        ]
        .concat(),
    )
    .into();
    let bodies = [
        // Another kind, another format, more in the envelope.
        r#"{"format":2,"at_ms":2,"site":"north","door":"DOOR 2","event":{"kind":"forced_open","by":{"x":[1]}}}"#,
        // Another reason.
        r#"{"format":1,"at_ms":3,"uptime_ms":1,"door":"door","event":{"kind":"locked","reason":"tamper"}}"#,
        // A field more: still the event that it is.
        r#"{"format":1,"at_ms":4,"uptime_ms":1,"door":"door","event":{"kind":"records_lost","records":2,"since":9}}"#,
    ];
    for (id, body) in (2u64..).zip(bodies) {
        head = Sha256::digest([&head[..], &id.to_le_bytes(), body.as_bytes()].concat()).into();
        place
            .raw()
            .execute(
                "INSERT INTO records (id, body, hash) VALUES (?1, ?2, ?3)",
                rusqlite::params![id.cast_signed(), body, head],
            )
            .unwrap();
    }
    let mut log = place.log();
    let id = log.append(&stamp(5), &stranger()).unwrap();
    assert_eq!(log.verify(&[]).unwrap().events, id);
    let records = log.records(&Query::default()).unwrap();
    let unknown = |record: &Record| match &record.content {
        Content::Unknown(unknown) => unknown.kind.clone(),
        Content::Known(event) => panic!("{event}"),
    };
    assert_eq!(unknown(&records[1]), "forced_open");
    assert_eq!(unknown(&records[2]), "locked");
    assert_eq!(records[1].to_json()["site"], "north");
    assert!(records[1].to_string().contains("forced_open"));
    assert_eq!(records[3].event(), Some(&Event::RecordsLost { records: 2 }));
}

#[test]
fn a_new_column_leaves_old_records_as_they_are() {
    let place = Place::new();
    let mut log = place.log();
    log.append(&stamp(1), &stranger()).unwrap();
    drop(log);
    place
        .raw()
        .execute_batch("ALTER TABLE records ADD COLUMN picture BLOB DEFAULT x'00'")
        .unwrap();
    let mut log = place.log();
    log.append(&stamp(2), &stranger()).unwrap();
    assert_eq!(log.verify(&[]).unwrap().events, 2);
    assert_eq!(log.records(&Query::default()).unwrap().len(), 2);
}

#[test]
fn records_of_an_earlier_version_still_verify() {
    let place = Place::of_version_2();
    let mut log = place.log();
    let verified = log.verify(&[]).unwrap();
    assert_eq!((verified.first, verified.last), (Some(3), Some(24)));
    assert_eq!(verified.head.to_string(), HEAD_OF_VERSION_2);
    let noted = HEAD_OF_VERSION_2.parse().unwrap();
    assert_eq!(log.verify(&[noted]).unwrap().heads, 1);
    let of = |query: Query| log.records(&query).unwrap();
    let all = of(Query::default());
    // Told as far as it goes, and found as before.
    assert!(all.iter().all(|r| r.event().is_none() && r.door.is_none()));
    let grant = of(Query {
        kinds: vec![Kind::Granted],
        about: Some(About {
            person: PersonId(8),
            nearest: false,
            with: false,
        }),
        since_ms: Some(1_767_226_088_008),
        ..Query::default()
    });
    assert_eq!(grant.iter().map(|r| r.id).collect::<Vec<_>>(), [9]);
    assert!(grant[0].to_string().contains("score 0.395"), "{}", grant[0]);
    log.append(&stamp(1), &stranger()).unwrap();
    assert_eq!(log.verify(&[]).unwrap().last, Some(25));
    assert_eq!(log.prune(&stamp(1), true, keep(400, 5)).unwrap(), 19);
    log.verify(&[]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_column_of_an_earlier_version_can_be_changed(
        victim in 3u64..=23,
        member in prop::sample::select(vec![
            "kind", "person_id", "person", "score", "threshold", "model", "frames", "why", "detail", "actor",
        ]),
    ) {
        let place = Place::of_version_2();
        drop(place.log());
        let value = match member {
            "person_id" | "frames" => "99",
            "score" | "threshold" => "0.123",
            _ => "'other'",
        };
        place.tamper(&format!(
            "UPDATE records SET body = json_set(body, '$.event.{member}', {value}) WHERE id = {victim}"
        ));
        let tampered = matches!(place.log().verify(&[]), Err(RecordError::Tampered { id, .. }) if id == victim);
        prop_assert!(tampered);
    }

    #[test]
    fn whatever_was_written_reads_back_and_verifies(
        events in prop::collection::vec(("\\PC{0,20}", any::<i32>(), -1.0f32..1.5, any::<bool>(), any::<u64>()), 1..20),
        victim in any::<prop::sample::Index>(),
        change in 0usize..8,
    ) {
        let place = Place::new();
        let mut log = place.log();
        let mut written = Vec::new();
        for (text, at, score, person, number) in events {
            let name = text.clone();
            let person = person.then_some(PersonRef { id: PersonId(3), name });
            let denied = Denied {
                score: Some(Score::new(score)),
                frame: FrameRef { name: text, vision_ms: score, age_ms: 0.0 },
                ..denied(DenialReason::NotListed, person)
            };
            let stamp = Stamp { at_ms: at.into(), boot: None, uptime_ms: number };
            let event = Event::Denied(denied);
            let id = log.append(&stamp, &event).unwrap();
            written.push((id, i64::from(at), event));
        }
        let read: Vec<_> = log.records(&Query::default()).unwrap().into_iter()
            .map(|r| (r.id, r.at_ms, r.event().unwrap().clone()))
            .collect();
        prop_assert_eq!(&read, &written);
        prop_assert_eq!(log.verify(&[]).unwrap().events, written.len() as u64);

        let victim = written[victim.index(written.len())].0;
        let last = written.len() as u64;
        let changed = place.tamper(&format!("{} WHERE id = {victim}", [
            "UPDATE records SET body = json_set(body, '$.at_ms', at_ms + 1)",
            "UPDATE records SET body = json_set(body, '$.event.score', 0.123)",
            "UPDATE records SET body = json_set(body, '$.event.kind', 'granted')",
            "UPDATE records SET body = json_set(body, '$.format', 0)",
            "UPDATE records SET body = body || ' '",
            "UPDATE records SET body = 'not JSON'",
            "UPDATE records SET hash = zeroblob(32)",
            "DELETE FROM records",
        ][change]));
        prop_assert_eq!(changed, 1);
        match log.verify(&[]) {
            Err(RecordError::Tampered { id, .. }) => prop_assert!(id == victim || id == victim + 1),
            // What a chain alone cannot show, and says so: its end was cut off.
            Ok(_) => prop_assert!(change == 7 && victim == last),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

#[test]
fn records_cannot_be_changed_or_deleted_by_mistake() {
    let place = Place::new();
    place.log().append(&stamp(1), &stranger()).unwrap();
    for sql in ["UPDATE records SET body = '{}'", "DELETE FROM records"] {
        let error = place.raw().execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("records are never"), "{error}");
    }
}

#[test]
fn old_records_go_and_the_chain_still_holds() {
    let place = Place::new();
    let mut log = place.log();
    for day in 0..10 {
        log.append(&stamp(day * DAY_MS), &stranger()).unwrap();
    }
    let now = stamp(10 * DAY_MS);
    assert_eq!(log.prune(&now, true, keep(400, 1_000_000)).unwrap(), 0);
    let hash_of_4 = log.records(&Query::default()).unwrap()[3].to_json()["hash"].clone();
    assert_eq!(log.prune(&now, true, keep(6, 1_000_000)).unwrap(), 4);
    let verified = log.verify(&[]).unwrap();
    assert_eq!(
        (verified.first, verified.last, verified.events),
        (Some(5), Some(11), 7)
    );
    let records = log.records(&Query::default()).unwrap();
    let pruned = Event::Pruned {
        records: 4,
        up_to: 4,
        hash: hash_of_4.as_str().unwrap().into(),
    };
    assert_eq!(records.last().unwrap().event(), Some(&pruned));
    assert_eq!(log.prune(&now, true, keep(400, 3)).unwrap(), 5);
    assert_eq!(log.verify(&[]).unwrap().last, Some(12));
    place.tamper("DELETE FROM records WHERE id = 11");
    assert!(log.verify(&[]).is_err());
}

fn booted(boot: &str, at_ms: i64, uptime_ms: i64) -> Stamp {
    Stamp {
        at_ms,
        boot: Some(boot.into()),
        uptime_ms: uptime_ms.cast_unsigned(),
    }
}

#[test]
fn a_clock_that_is_wrong_at_boot_deletes_nothing() {
    let place = Place::new();
    let mut log = place.log();
    for day in 0..10 {
        let stamp = booted("one", day * DAY_MS, day * DAY_MS);
        log.append(&stamp, &stranger()).unwrap();
    }
    let ahead = 402 * DAY_MS;
    let started = booted("two", 10 * DAY_MS + ahead, 1000);
    log.append(&started, &stranger()).unwrap();
    let year = keep(400, 1_000_000);
    // At once, and however long it stays wrong.
    for up in [1200, DAY_MS, 50 * DAY_MS] {
        let now = booted("two", 10 * DAY_MS + ahead + up, up);
        assert_eq!(log.prune(&now, false, year).unwrap(), 0, "{up}");
    }
    // When it is set right, the stamp from the future keeps nothing back.
    let now = booted("two", 409 * DAY_MS, 50 * DAY_MS);
    assert_eq!(log.prune(&now, true, year).unwrap(), 9);
    log.verify(&[]).unwrap();
}

#[test]
fn a_clock_that_goes_on_as_uptime_says_needs_no_network() {
    let place = Place::new();
    let mut log = place.log();
    log.append(&booted("one", 0, 0), &stranger()).unwrap();
    log.append(&booted("one", 9 * DAY_MS, 9 * DAY_MS), &stranger())
        .unwrap();
    log.append(&booted("two", 9 * DAY_MS + 60_000, 1000), &stranger())
        .unwrap();
    let now = |up| booted("two", 9 * DAY_MS + 60_000 + up, 1000 + up);
    let five = keep(5, 1_000_000);
    assert_eq!(log.prune(&now(1000), false, five).unwrap(), 0);
    assert_eq!(log.prune(&now(DAY_MS), false, five).unwrap(), 1);
    log.verify(&[]).unwrap();
}

#[test]
fn many_records_go_in_batches() {
    let place = Place::new();
    let mut log = place.log();
    for n in 0..1200 {
        log.append(&stamp(n), &stranger()).unwrap();
    }
    let batches: Vec<u64> = std::iter::from_fn(|| {
        let pruned = log.prune(&stamp(9 * DAY_MS), true, keep(1, 1_000_000));
        Some(pruned.unwrap()).filter(|records| *records > 0)
    })
    .collect();
    // The last stays: the newest always does, and then it has no old one after it.
    assert_eq!(batches, [MAX_BATCH_RECORDS, MAX_BATCH_RECORDS, 200]);
    let verified = log.verify(&[]).unwrap();
    assert_eq!((verified.first, verified.last), (Some(1201), Some(1203)));
}

#[test]
fn two_writers_keep_one_chain() {
    let place = Place::new();
    drop(place.log());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut log = place.log();
                for n in 0..50 {
                    log.append(&stamp(n), &stranger()).unwrap();
                }
            });
        }
    });
    assert_eq!(place.log().verify(&[]).unwrap().events, 100);
}

#[test]
fn records_are_found_by_time_kind_person_and_number() {
    let place = Place::new();
    let mut log = place.log();
    for n in 0..10i64 {
        let person = PersonRef {
            id: PersonId(n % 3),
            name: format!("Person {n}"),
        };
        let event = match n {
            7 => Event::Denied(denied(DenialReason::NotListed, Some(person))),
            n if n % 2 == 0 => Event::Granted(granted(person)),
            _ => Event::Denied(denied(DenialReason::Disabled, Some(person))),
        };
        log.append(&stamp(n * 1000), &event).unwrap();
    }
    let withdrawn = Event::GrantWithdrawn {
        reason: NotOpened::DoorBusy,
        grant: Some(5),
        recognition: None,
    };
    log.append(&stamp(10_000), &withdrawn).unwrap();
    let ids =
        |query: Query| -> Vec<u64> { log.records(&query).unwrap().iter().map(|r| r.id).collect() };
    let all = Query::default;
    assert_eq!(
        ids(Query {
            since_ms: Some(3000),
            until_ms: Some(5000),
            ..all()
        }),
        [4, 5]
    );
    assert_eq!(
        ids(Query {
            kinds: vec![Kind::Granted],
            limit: Some(2),
            ..all()
        }),
        [7, 9]
    );
    let about = |nearest| Query {
        about: Some(About {
            person: PersonId(1),
            nearest,
            with: false,
        }),
        ..all()
    };
    // Under whatever name, and with what became of a grant; not who only resembled the person.
    assert_eq!(ids(about(false)), [2, 5, 11]);
    assert_eq!(ids(about(true)), [2, 5, 8, 11]);
    let limited = Query {
        limit: Some(1),
        ..about(true)
    };
    assert_eq!(log.count(&limited).unwrap(), 4);
    let page = log.page(&about(true), 2).unwrap();
    assert_eq!(page.iter().map(|r| r.id).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(
        ids(Query {
            after_id: Some(8),
            ..all()
        }),
        [9, 10, 11]
    );
}

/// Order never has to depend on a clock that somebody can set.
#[test]
fn the_clocks_of_one_boot_only_go_forward() {
    let (one, other) = (Stamp::now(), Stamp::now());
    assert_eq!(one.boot, other.boot);
    assert_eq!(one.boot.as_deref().map(str::len), Some(36));
    assert!(0 < one.uptime_ms && one.uptime_ms <= other.uptime_ms);
}
