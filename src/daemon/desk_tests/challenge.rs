//! The same where a challenge comes first.

use std::time::Duration;

use super::{ADA, Scene, claim, frame, kinds};
use crate::access::{Access, Input, Policy, Subject};
use crate::cohort::Score;
use crate::config::{self, Demand, Signal};
use crate::daemon::challenge_events::of_failed_challenge;
use crate::daemon::desk::{DeskSettings, clocks};
use crate::daemon::lockout_rows;
use crate::database::Database;
use crate::liveness::{Checks, Failed, Failure, Passed, Step};
use crate::record::{DenialReason, Event, Factor, Kind};

impl Scene {
    /// Everybody has to pass a challenge here.
    fn challenges(mut self) -> Self {
        let checks = Checks {
            challenge: true,
            ..Checks::default()
        };
        let policy = Policy::new(&config::Access::default(), checks, Score::new(0.7));
        self.access = Access::new(policy);
        let access = &mut self.access;
        let rules = &mut |now, input: Input<'_>| access.step(now, input);
        self.desk.begin(clocks(), rules);
        self
    }

    fn passes(&mut self) {
        let took = Duration::from_millis(1830);
        let passed = Passed { steps: 2, took };
        let access = &mut self.access;
        let rules = &mut |now, input: Input<'_>| access.step(now, input);
        self.desk
            .challenge_passed(&claim(), passed, frame(), rules, &self.directory);
    }

    /// Whether it is asked for a challenge, which it fails then.
    fn fails(&mut self) -> bool {
        let failed = Failed {
            failure: Failure::Flat,
            asked: Step::LookUp,
            number: 1,
            steps: 2,
            after: Duration::from_millis(640),
            shown: 0.21,
            depth: Some(0.02),
        };
        let access = &mut self.access;
        let rules = &mut |now, input: Input<'_>| access.step(now, input);
        let may = self.desk.may_challenge(&claim(), rules, &self.directory);
        if may {
            let event = of_failed_challenge(&failed, &claim(), &self.directory, frame());
            self.desk
                .challenge_failed(&claim(), event, rules, &self.directory);
        }
        may
    }
}

#[test]
fn a_challenge_comes_before_the_pin_and_failures_begin_a_pause() {
    let mut settings = DeskSettings::default();
    settings.factors.demand = Demand::Pin;
    settings.lockout.person = 3;
    let mut scene = Scene::new(settings.clone()).challenges();
    scene.passes();
    assert_eq!(scene.desk.gate.awaited(), Some(ADA));
    // Nobody is asked twice meanwhile.
    assert!(!scene.fails());
    scene.types("471148");
    scene.until_queued(2);
    let (events, opened) = scene.record();
    assert_eq!(kinds(&events), [Kind::FactorAccepted, Kind::Granted]);
    let (id, Event::Granted(granted)) = events.last().unwrap() else {
        panic!("no grant")
    };
    assert_eq!(
        (&opened[..], &granted.factors[..]),
        (&[*id][..], &[Factor::Pin][..])
    );
    assert_eq!(granted.challenge.unwrap().ms, 1830);

    let mut scene = Scene::new(settings).challenges();
    // A PIN alone is no challenge.
    scene.types("471148");
    scene.turn();
    let asked = [(); 4].map(|()| scene.fails());
    assert_eq!(asked, [true, true, true, false]);
    let (events, opened) = scene.record();
    assert!(opened.is_empty());
    let [denied, began, refused] = [Kind::Denied, Kind::LockoutBegan, Kind::FactorRefused];
    assert_eq!(kinds(&events), [denied, denied, denied, began, refused]);
    let first = events.iter().find_map(|(_, event)| match event {
        Event::Denied(denied) => Some(denied),
        _ => None,
    });
    let first = first.expect("a denial");
    assert_eq!(first.reason, DenialReason::ChallengeFlat);
    assert_eq!(first.challenge.unwrap().after_ms, 640);
    let database = Database::open(&scene.path).unwrap();
    let kept = lockout_rows::read(&database, &Default::default()).unwrap();
    assert_eq!((kept.len(), kept[0].0), (1, Subject::Challenges(ADA)));
    assert!(scene.lit().contains(&(Signal::Refused, true)));
}
