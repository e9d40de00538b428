//! Company and anti-passback over anything that may happen, against what has to hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{face, frame, ms, policy};
use super::*;
use crate::config::RuleFile;
use crate::whitelist::{Direction, Group, Listed, Passage, Standing};

const WITHIN: Duration = Duration::from_secs(5);

fn rules(text: &str) -> Rules {
    let file = RuleFile {
        path: "one.toml".into(),
        text: Ok(text.to_owned()),
    };
    Rules::parse(&[file], jiff::tz::db()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Number and groups of each person.
const PEOPLE: [(i64, &[&str]); 6] = [
    (1, &["a"]),
    (2, &["a"]),
    (3, &["b"]),
    (4, &["b"]),
    (5, &[]),
    (6, &["a", "b"]),
];

fn is_in(person: i64, group: &str) -> bool {
    PEOPLE
        .iter()
        .any(|(id, groups)| *id == person && groups.contains(&group))
}

fn everybody() -> Directory {
    Directory::new(PEOPLE.iter().map(|(id, groups)| Listed {
        standing: Standing {
            groups: groups.iter().filter_map(|name| Group::new(name)).collect(),
            ..Standing::default()
        },
        ..Listed::new(PersonId(*id), format!("Person {id}"), true)
    }))
}

/// Who is in view next, after how many milliseconds, and whether all is forgotten before.
type Step = (u64, Vec<i64>, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![8 => 1..400u64, 2 => 400..7000u64];
    let seen = prop_oneof![
        3 => Just(Vec::new()),
        7 => prop::sample::subsequence((1..7).collect::<Vec<i64>>(), 1..4),
    ];
    vec((wait, seen, prop::bool::weighted(0.05)), 1..80)
}

/// Grants, each with the time, the person and the companion.
fn grants(rules: &Rules, steps: &[Step]) -> Vec<(Instant, i64, Option<i64>)> {
    let everybody = everybody();
    let mut access = Access::new(Policy {
        frames: 2,
        cooldown: ms(0),
        ..policy()
    });
    let mut now = Instant::now() + ms(10_000);
    access.step(now, Input::RulesChanged(Arc::new(rules.clone())));
    let mut granted = Vec::new();
    for (wait, seen, lost) in steps {
        now += ms(*wait);
        if *lost {
            access.step(now, Input::CameraLost);
            now += ms(1);
        }
        let faces: Vec<FaceResult> = seen.iter().map(|id| face(*id, 0.9)).collect();
        for decision in access.step(now, frame(&everybody, now, &faces)) {
            if let Decision::Grant(grant) = decision {
                let companion = grant.companion().map(|c| c.person.0);
                granted.push((now, grant.person().0, companion));
            }
        }
    }
    granted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// A two-person rule grants only two people of its groups, who were both seen within the
    /// time and neither of whom passed since.
    #[test]
    fn two_people_are_two_and_pass_once(steps in steps()) {
        let text = "[[rule]]\nname = \"vault\"\ngroups = [\"a\"]\nsecond_person = \"b\"\nwithin = \"5s\"\n";
        let granted = grants(&rules(text), &steps);
        let mut passed: Vec<(i64, Instant)> = Vec::new();
        // When everybody was seen, by the times at which something was granted.
        for (at, person, companion) in &granted {
            let companion = companion.expect("somebody alone");
            let (one, two) = (*person, companion);
            prop_assert!(one != two);
            let pair = is_in(one, "a") && is_in(two, "b") || is_in(one, "b") && is_in(two, "a");
            prop_assert!(pair);
            for who in [one, two] {
                // Whoever passed has gone before coming back.
                let last = passed.iter().rev().find(|(id, _)| *id == who);
                prop_assert!(last.is_none_or(|(_, last)| *at >= *last + ms(350)));
            }
            passed.extend([(one, *at), (two, *at)]);
        }
        // And the companion was in view within the time: seen by replaying who was.
        let mut clock = Duration::ZERO;
        let mut seen: Vec<(Duration, i64)> = Vec::new();
        let mut at_step = Vec::new();
        for (wait, in_view, lost) in &steps {
            clock += ms(*wait + u64::from(*lost));
            seen.extend(in_view.iter().map(|id| (clock, *id)));
            at_step.push(clock);
        }
        if let Some((first, ..)) = granted.first() {
            let candidates: Vec<Duration> = at_step;
            for (at, _, companion) in &granted {
                let after = *at - *first;
                let companion = companion.unwrap();
                let is_seen = candidates.iter().any(|base| {
                    let at = *base + after;
                    seen.iter().any(|(when, id)| *id == companion && *when <= at && at - *when <= WITHIN)
                });
                prop_assert!(is_seen);
            }
        }
    }

    /// Whoever needs an escort passes only after one was granted, within the time.
    #[test]
    fn nobody_passes_before_the_escort(steps in steps()) {
        let text = "[[rule]]\nname = \"staff\"\ngroups = [\"b\"]\n\
            [[rule]]\nname = \"visitors\"\ngroups = [\"a\"]\nescort = \"b\"\nwithin = \"5s\"\n";
        let granted = grants(&rules(text), &steps);
        for (place, (at, person, companion)) in granted.iter().enumerate() {
            if is_in(*person, "b") {
                prop_assert_eq!(*companion, None);
                continue;
            }
            prop_assert!(is_in(*person, "a"));
            let before = granted[..place].iter().rev();
            let escort = before.clone().find(|(_, id, _)| Some(*id) == *companion);
            let (then, escort, _) = escort.expect("an escort who was not granted");
            prop_assert!(is_in(*escort, "b") && escort != person);
            prop_assert!(*at - *then <= WITHIN);
        }
    }
}

#[test]
fn two_who_come_together_pass_by_one_grant_and_whoever_is_alone_is_told_once() {
    let text =
        "[[rule]]\nname = \"vault\"\ngroups = [\"a\"]\nsecond_person = \"b\"\nwithin = \"5s\"\n";
    let both = |ids: &[i64]| (100, ids.to_vec(), false);
    let steps: Vec<Step> = (0..20).map(|_| both(&[1, 3])).collect();
    assert_eq!(grants(&rules(text), &steps).len(), 1);

    let everybody = everybody();
    let mut access = Access::new(policy());
    let mut now = Instant::now() + ms(10_000);
    access.step(now, Input::RulesChanged(Arc::new(rules(text))));
    let mut told = Vec::new();
    let mut show = |now: Instant, ids: &[i64]| {
        let faces: Vec<FaceResult> = ids.iter().map(|id| face(*id, 0.9)).collect();
        told.extend(access.step(now, frame(&everybody, now, &faces)));
    };
    for _ in 0..20 {
        now += ms(100);
        show(now, &[1]);
    }
    for _ in 0..20 {
        now += ms(100);
        show(now, &[1, 3]);
    }
    let reasons: Vec<_> = told
        .iter()
        .map(|decision| match decision {
            Decision::Deny(denial) => Err(denial.reason),
            Decision::Grant(grant) => Ok(grant.people().map(|id| id.0).collect::<Vec<_>>()),
            Decision::CannotJudge { .. } => panic!("a face that can be judged"),
            Decision::Need { .. } | Decision::Challenge(_) => panic!("nothing else is asked for"),
        })
        .collect();
    assert_eq!(
        reasons,
        [Err(DenialReason::CompanionMissing), Ok(vec![3, 1])]
    );
}

/// What happens at a gate.
#[derive(Debug, Clone)]
enum Event {
    Asks(Direction),
    Waits(u64),
    Boots,
    /// To this time, while it is not believed.
    ClockJumps(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let way = prop_oneof![Just(Direction::In), Just(Direction::Out)];
    let event = prop_oneof![
        6 => way.prop_map(Event::Asks),
        4 => (1..400_000u64).prop_map(Event::Waits),
        1 => Just(Event::Boots),
        1 => (0..4_000_000_000_000i64).prop_map(Event::ClockJumps),
    ];
    vec(event, 1..80)
}

/// Grants of one person at two gates that share the passages: the true time and the way.
fn passages(mode: &str, events: &[Event]) -> Vec<(u64, Direction)> {
    let gate = |way: &str| {
        rules(&format!(
            "time_zone = \"UTC\"\n[passback]\n{mode}\ndirection = \"{way}\"\n"
        ))
    };
    let (inward, outward) = (gate("in"), gate("out"));
    let (mut truth, mut boot, mut booted) = (1_800_000_000_000u64, 0, 1_800_000_000_000u64);
    let mut off: Option<i64> = None;
    let mut passed: Option<Passage> = None;
    let mut granted = Vec::new();
    for (record, event) in (1..).zip(events) {
        match event {
            Event::Waits(time) => truth += time,
            Event::Boots => {
                boot += 1;
                booted = truth;
            }
            // It is set right again at the next boot only if the next jump says so.
            Event::ClockJumps(to) => off = off.is_none().then_some(*to),
            Event::Asks(way) => {
                let name = format!("boot {boot}");
                let wall = Wall {
                    at_ms: off.unwrap_or(truth as i64),
                    is_believed: off.is_none(),
                    boot: Some(&name),
                    uptime_ms: truth - booted,
                };
                let ada = Listed {
                    standing: Standing {
                        passed: passed.clone(),
                        ..Standing::default()
                    },
                    ..Listed::new(PersonId(1), "Ada", true)
                };
                let directory = Directory::new([ada]);
                let now = Instant::now();
                let claim = Claim {
                    person: PersonId(1),
                    track: 1,
                    score: Score::new(0.9),
                    threshold: Score::new(0.5),
                    frames: 3,
                    made_at: now,
                };
                let asking = Asking {
                    now,
                    wall,
                    factors: Factors::default(),
                    companions: &[],
                };
                let rules = if *way == Direction::In {
                    &inward
                } else {
                    &outward
                };
                if authorise(&directory, rules, &claim, &asking).is_ok() {
                    granted.push((truth, *way));
                    passed = Some(Passage {
                        record,
                        at_ms: wall.at_ms,
                        is_sure: wall.is_believed,
                        boot: Some(name.clone()),
                        uptime_ms: wall.uptime_ms,
                        direction: *way,
                    });
                }
            }
        }
    }
    granted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Timed: nobody goes one way twice in a row before the time is over, however often the
    /// machine boots and whatever a clock that is not believed shows.
    #[test]
    fn nobody_passes_twice_within_the_time(events in events()) {
        let granted = passages("mode = \"timed\"\nwithin = \"2m\"", &events);
        for pair in granted.windows(2) {
            prop_assert!(pair[0].1 != pair[1].1 || pair[1].0 - pair[0].0 >= 120_000);
        }
    }

    /// Hard: nobody goes one way twice in a row without having come back, but for the hour at
    /// which everybody counts as back.
    #[test]
    fn nobody_goes_in_twice_without_coming_back(events in events()) {
        let granted = passages("mode = \"hard\"\nreset = \"04:00\"", &events);
        for pair in granted.windows(2) {
            // Days that begin at four.
            let day = |at: u64| (at - 4 * 3_600_000) / 86_400_000;
            prop_assert!(pair[0].1 != pair[1].1 || day(pair[1].0) > day(pair[0].0));
        }
    }
}
