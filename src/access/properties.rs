//! The rules a second time, as a search over everything that happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;

use super::cooldowns::{MAX_COOLDOWNS, MAX_DENIED_TRACKS};
use super::tests::{directory, face, flawed, frame, ms, on_track, policy};
use super::window::{MAX_FRAMES, MAX_VOTES};
use super::*;

#[derive(Debug, Clone)]
enum Event {
    Frame {
        age_ms: i64,
        faces: Vec<FaceResult>,
    },
    CameraLost,
    Unwatched,
    /// To these people, and whether each is enabled.
    WhitelistChanged(Vec<(i64, bool)>),
    Policy {
        threshold: f32,
        frames: usize,
    },
}

fn scores() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => Just(0.9f32),
        3 => Just(0.75f32),
        3 => 0.0..1.0f32,
        1 => Just(0.749_999_94f32),
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
    ]
}

fn unproven(track: u64, person: i64, score: f32) -> FaceResult {
    match on_track(track, person, score) {
        FaceResult::Nearest(Some(candidate)) => FaceResult::Unproven(candidate),
        other => other,
    }
}

fn artefact(track: u64, person: i64, score: f32) -> FaceResult {
    let cue = crate::liveness::Cue::Frozen { movement: 0.001 };
    match on_track(track, person, score) {
        FaceResult::Nearest(Some(candidate)) => FaceResult::Artefact { candidate, cue },
        other => other,
    }
}

fn judgements() -> impl Strategy<Value = FaceResult> {
    prop_oneof![
        10 => (0..2u64, 1..4i64, scores()).prop_map(|(track, person, score)| on_track(track, person, score)),
        2 => (0..2u64, 1..4i64, scores()).prop_map(|(track, person, score)| unproven(track, person, score)),
        1 => (0..2u64, 1..4i64, scores()).prop_map(|(track, person, score)| artefact(track, person, score)),
        1 => (0..2u64).prop_map(|track| FaceResult::Followed { track }),
        1 => Just(FaceResult::Nearest(None)),
        2 => (0..2u64).prop_map(|track| FaceResult::Flawed { track, flaw: Flaw::Blurred }),
    ]
}

/// Three people, of whom now and then one is disabled or not listed.
fn people() -> impl Strategy<Value = Vec<(i64, bool)>> {
    let each = || prop_oneof![6 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)];
    [each(), each(), each()].prop_map(|states| {
        let people = (1..).zip(states);
        people
            .filter_map(|(id, state)| Some((id, state?)))
            .collect()
    })
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        30 => (
            prop_oneof![6 => 0..300i64, 1 => 450..700i64, 1 => -200..0i64],
            vec(judgements(), 0..4),
        ).prop_map(|(age_ms, faces)| Event::Frame { age_ms, faces }),
        1 => Just(Event::CameraLost),
        2 => Just(Event::Unwatched),
        2 => people().prop_map(Event::WhitelistChanged),
        1 => (0.5..1.0f32, 0..5usize).prop_map(|(threshold, frames)| Event::Policy { threshold, frames }),
    ]
}

/// A frame that counts, as the oracle sees it.
struct Counted {
    taken_at: Instant,
    /// Since which loss or change: only equal eras count together.
    era: usize,
    /// Whom each face is nearest to.
    near: Vec<(PersonId, u64)>,
    /// Who may pass and reaches the threshold, on which face, in the order of the faces.
    passing: Vec<(PersonId, u64)>,
}

fn near(faces: &[FaceResult]) -> impl Iterator<Item = &Candidate> {
    faces.iter().filter_map(|f| match f {
        FaceResult::Nearest(Some(candidate))
        | FaceResult::Unproven(candidate)
        | FaceResult::Artefact { candidate, .. } => Some(candidate),
        _ => None,
    })
}

/// As the order of votes: a face's first claim to a person fixes its place.
fn reaching(faces: &[FaceResult], threshold: f32, directory: &Directory) -> Vec<(PersonId, u64)> {
    let mut places: Vec<(PersonId, u64)> = Vec::new();
    for c in near(faces) {
        if !places.contains(&(c.person, c.track)) {
            places.push((c.person, c.track));
        }
    }
    places.retain(|place| {
        let lives = |face: &FaceResult| matches!(face, FaceResult::Nearest(Some(c)) if (c.person, c.track) == *place);
        near(faces).any(|c| (c.person, c.track) == *place && reaches(c, threshold))
            && faces.iter().any(lives)
            && directory.is_enabled(place.0)
    });
    places
}

fn reaches(candidate: &Candidate, threshold: f32) -> bool {
    let score = candidate.score.value();
    score < 2.0 && score >= threshold
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Grants are exactly those that a search over everything that happened finds.
    #[test]
    fn grants_are_exactly_those_the_log_justifies(
        log in vec((-40..160i64, events()), 1..80),
    ) {
        let base = Instant::now() + ms(100_000);
        let mut clock = 0i64;
        let at = |offset: i64| base + ms((50_000 + offset) as u64);

        let mut rules = policy();
        let mut access = Access::new(rules.clone());
        let mut era = 0;
        let mut last_reset: Option<Instant> = None;
        let mut counted: Vec<Counted> = Vec::new();
        let mut listed = directory([(1, true), (2, true), (3, false)]);
        // Person, when, and how many frames had been counted by then.
        let mut grants: Vec<(PersonId, Instant, usize)> = Vec::new();
        // Whose grant still stands in the way of the next one: person, end of the cool-down,
        // track and time of the last sight.
        let mut cooling: Vec<(PersonId, Instant, u64, Instant)> = Vec::new();

        for (dt, event) in log {
            clock += dt;
            let now = at(clock);
            let mut expected = Vec::new();
            let input = match event {
                Event::CameraLost => Input::CameraLost,
                Event::Unwatched => {
                    for (.., seen) in &mut cooling {
                        if now.saturating_duration_since(*seen) < rules.absence {
                            *seen = now;
                        }
                    }
                    Input::Unwatched
                }
                Event::WhitelistChanged(people) => {
                    listed = directory(people);
                    Input::WhitelistChanged
                }
                Event::Policy { threshold, frames } => {
                    let threshold = Score::new(threshold);
                    rules = Policy { threshold, frames, ..rules };
                    Input::PolicyChanged(rules.clone())
                }
                Event::Frame { age_ms, faces } => {
                    let taken_at = at(clock - age_ms);
                    let valid = (0..=500).contains(&age_ms)
                        && last_reset.is_none_or(|r| r < taken_at)
                        && counted.iter().all(|c| c.taken_at < taken_at);
                    if valid {
                        cooling.retain(|&(_, end, _, seen)| {
                            now < end || now.saturating_duration_since(seen) < rules.absence
                        });
                        for face in &faces {
                            let recognised = near(std::slice::from_ref(face))
                                .find(|c| reaches(c, rules.threshold.value()))
                                .map(|c| c.person);
                            let track = match face {
                                FaceResult::Followed { track } | FaceResult::Flawed { track, .. } => *track,
                                FaceResult::Nearest(Some(c)) | FaceResult::Unproven(c) => c.track,
                                FaceResult::Artefact { candidate, .. } => candidate.track,
                                FaceResult::Nearest(None) => continue,
                            };
                            for (person, _, last, seen) in &mut cooling {
                                if recognised.map_or(*last == track, |r| r == *person) {
                                    (*last, *seen) = (track, now);
                                }
                            }
                        }
                        counted.push(Counted {
                            taken_at,
                            era,
                            near: near(&faces).map(|c| (c.person, c.track)).collect(),
                            passing: reaching(&faces, rules.threshold.value(), &listed),
                        });
                        for &(person, track) in &counted[counted.len() - 1].passing {
                            if expected.iter().any(|&(p, _)| p == person) {
                                continue;
                            }
                            let cools = cooling.iter().any(|c| c.0 == person);
                            let used = grants.iter().rev().find(|g| g.0 == person).map_or(0, |g| g.2);
                            let agreeing = counted[used..]
                                .iter()
                                .filter(|c| c.era == era)
                                .filter(|c| taken_at - c.taken_at <= rules.window)
                                .filter(|c| c.near.contains(&(person, track)))
                                .count();
                            if !cools && agreeing >= rules.frames.max(1) {
                                expected.push((person, agreeing));
                                cooling.push((person, now + rules.cooldown, track, now));
                            }
                        }
                        for &(person, _) in &expected {
                            grants.push((person, now, counted.len()));
                        }
                        expected.sort();
                    }
                    frame(&listed, taken_at, &faces)
                }
            };
            if !matches!(input, Input::Frame { .. } | Input::Unwatched) {
                era += 1;
                last_reset = Some(last_reset.map_or(now, |r| r.max(now)));
            }
            let mut given: Vec<(PersonId, usize)> = access
                .step(now, input)
                .into_iter()
                .filter_map(|d| match d {
                    Decision::Grant(grant) => {
                        let claim = *grant.basis().face().unwrap();
                        assert!(claim.score >= claim.threshold && claim.threshold == rules.threshold);
                        assert_eq!(claim.made_at, now);
                        Some((claim.person, claim.frames))
                    }
                    _ => None,
                })
                .collect();
            given.sort();
            prop_assert_eq!(given, expected);
        }
    }

    /// A denial needs its frames too, and is not repeated within the cool-down.
    #[test]
    fn denials_are_founded_and_not_repeated(log in vec((1..160i64, events()), 1..80)) {
        let rules = policy();
        let mut access = Access::new(rules.clone());
        let mut now = Instant::now() + ms(10_000);
        let mut seen: Vec<(Instant, Vec<FaceResult>)> = Vec::new();
        let mut said: Vec<(DenialReason, Instant)> = Vec::new();
        let mut listed = directory([(1, true), (2, true), (3, false)]);
        for (dt, event) in log {
            now += ms(dt as u64);
            let input = match event {
                Event::Frame { faces, .. } => {
                    seen.push((now, faces.clone()));
                    frame(&listed, now, &faces)
                }
                Event::Unwatched => continue,
                Event::CameraLost | Event::Policy { .. } => Input::CameraLost,
                Event::WhitelistChanged(people) => {
                    listed = directory(people);
                    Input::WhitelistChanged
                }
            };
            if !matches!(input, Input::Frame { .. }) {
                seen.clear();
            }
            for decision in access.step(now, input) {
                let Decision::Deny(Denial { reason, nearest, .. }) = decision else { continue };
                prop_assert!(!said.iter().any(|s| s.0 == reason && now - s.1 < rules.cooldown));
                said.push((reason, now));
                let recent: Vec<_> = seen
                    .iter()
                    .filter(|s| now - s.0 <= rules.window)
                    .map(|s| &s.1)
                    .collect();
                let claimed = |c: &Candidate| nearest.is_some_and(|n| n.person == c.person && n.track == c.track);
                let state = |c: &Candidate| listed.get(c.person).map(|p| p.enabled);
                let founded = recent
                    .iter()
                    .filter(|faces| faces.iter().any(|f| match (reason, f.candidate()) {
                        (DenialReason::EmptyWhitelist, None) => matches!(f, FaceResult::Nearest(None)),
                        (DenialReason::NotListed, Some(c)) => !reaches(&c, 0.75),
                        (DenialReason::Disabled, Some(c)) => claimed(&c) && state(&c) == Some(false),
                        (DenialReason::Removed, Some(c)) => claimed(&c) && state(&c).is_none(),
                        (DenialReason::FrozenFace, Some(c)) => {
                            matches!(f, FaceResult::Artefact { .. })
                                && nearest.is_some_and(|n| n.track == c.track)
                                && reaches(&c, 0.75)
                        }
                        _ => false,
                    }))
                    .count();
                prop_assert!(founded >= rules.frames);
                if reason == DenialReason::NotListed {
                    let recognised = recent.iter().any(|faces| near(faces).any(|c| reaches(c, 0.75)));
                    prop_assert!(!recognised);
                }
            }
        }
    }

    /// Nothing panics and nothing is granted without a fresh frame, at any times and limits.
    #[test]
    fn no_time_or_limit_breaks_it(
        window in any::<Duration>(),
        cooldown in any::<Duration>(),
        max_frame_age in any::<Duration>(),
        frames in any::<usize>(),
        threshold in any::<f32>(),
        enabled in any::<(bool, bool)>(),
        steps in vec((any::<i64>(), any::<i64>(), vec((0..3i64, any::<f32>()), 0..3)), 0..20),
    ) {
        let threshold = Score::new(threshold);
        let listed = directory([(0, enabled.0), (1, enabled.1)]);
        let mut access = Access::new(Policy { checks: Default::default(), threshold, frames, window, cooldown, absence: cooldown, max_frame_age });
        let base = Instant::now();
        let shift = |by: i64| {
            let by_abs = Duration::from_micros(by.unsigned_abs());
            if by < 0 { base.checked_sub(by_abs) } else { base.checked_add(by_abs) }.unwrap_or(base)
        };
        for (now, taken_at, faces) in steps {
            let (now, taken_at) = (shift(now), shift(taken_at));
            let faces: Vec<FaceResult> =
                faces.into_iter().map(|(p, score)| on_track(0, p, score)).collect();
            let decisions = access.step(now, frame(&listed, taken_at, &faces));
            let fresh = taken_at <= now && now - taken_at <= max_frame_age;
            prop_assert!(fresh || decisions.is_empty());
            for decision in decisions {
                if let Decision::Grant(grant) = decision {
                    prop_assert!(listed.is_enabled(grant.person()));
                }
            }
        }
    }
}

#[test]
fn its_size_is_bounded_whatever_it_is_fed() {
    let mut access = Access::new(Policy {
        frames: 1,
        window: Duration::MAX,
        cooldown: Duration::MAX,
        ..policy()
    });
    let everybody = directory((0..20_000).map(|id| (id, true)).chain([(-2, false)]));
    let mut now = Instant::now();
    let mut granted = 0;
    for round in 0..200 {
        now += ms(1);
        let faces: Vec<FaceResult> = (0..100).map(|i| face(round * 100 + i, 0.9)).collect();
        granted += access.step(now, frame(&everybody, now, &faces)).len();
    }
    for _ in 0..300 {
        now += ms(1);
        access.step(now, frame(&everybody, now, &[face(1, 0.1), face(-2, 0.9)]));
        now += ms(1);
        access.step(now, frame(&everybody, now, &[FaceResult::Nearest(None)]));
        now += ms(1);
        access.step(now, frame(&everybody, now, &[flawed(Flaw::Dark)]));
    }
    let (frames, votes) = access.window.size();
    assert!(
        frames <= MAX_FRAMES && votes <= MAX_VOTES,
        "{frames} {votes}"
    );
    assert_eq!(granted, MAX_COOLDOWNS);
    let [granted, said, denied] = access.cooldowns.len();
    assert!(granted <= MAX_COOLDOWNS && said <= 6 && denied <= MAX_DENIED_TRACKS);
}
