#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;

use super::window::{MOST_FRAMES, MOST_VOTES};
use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn policy() -> Policy {
    Policy {
        threshold: 0.75,
        frames: 3,
        window: ms(1000),
        cooldown: ms(2000),
        max_frame_age: ms(500),
    }
}

/// Seen on a track of its own.
fn face(person: i64, score: f32) -> Judgement {
    on_track(person as u64, person, score)
}

fn on_track(track: u64, person: i64, score: f32) -> Judgement {
    Judgement::Nearest(Some(Candidate {
        track,
        person: PersonId(person),
        score,
        enabled: true,
    }))
}

fn disabled(person: i64, score: f32) -> Judgement {
    Judgement::Nearest(Some(Candidate {
        track: person as u64,
        person: PersonId(person),
        score,
        enabled: false,
    }))
}

fn frame(taken_at: Instant, faces: &[Judgement]) -> Input {
    Input::Frame(Sighting {
        taken_at,
        faces: faces.to_vec(),
    })
}

/// A door that is shown one frame every 100 ms, each judged 50 ms after it was taken.
struct Scene {
    access: Access,
    now: Instant,
}

impl Scene {
    fn new(policy: Policy) -> Self {
        Self {
            access: Access::new(policy),
            now: Instant::now() + ms(10_000),
        }
    }

    fn show(&mut self, faces: &[Judgement]) -> Vec<Decision> {
        self.now += ms(100);
        let input = frame(self.now - ms(50), faces);
        self.access.step(self.now, input)
    }

    fn show_all<'a>(&mut self, frames: impl IntoIterator<Item = &'a [Judgement]>) -> Vec<Decision> {
        frames.into_iter().flat_map(|f| self.show(f)).collect()
    }

    fn tell(&mut self, input: Input) {
        assert!(self.access.step(self.now, input).is_empty());
    }
}

fn grant(person: i64, score: f32, frames: usize) -> Decision {
    Decision::Grant {
        track: person as u64,
        person: PersonId(person),
        score,
        threshold: 0.75,
        frames,
    }
}

#[test]
fn the_third_agreeing_frame_grants_with_the_score_of_all_together() {
    let mut scene = Scene::new(policy());
    assert!(scene.show(&[face(1, 0.9)]).is_empty());
    assert!(scene.show(&[face(1, 0.5)]).is_empty());
    assert_eq!(scene.show(&[face(1, 0.8)]), [grant(1, 0.8, 3)]);
}

#[test]
fn frames_of_another_face_or_for_another_person_do_not_count() {
    let mut scene = Scene::new(policy());
    assert!(scene.show_all([&[on_track(1, 1, 0.9)][..]; 2]).is_empty());
    assert!(scene.show_all([&[on_track(2, 1, 0.9)][..]; 2]).is_empty());
    assert!(scene.show(&[on_track(2, 3, 0.9)]).is_empty());
    assert_eq!(scene.show(&[on_track(1, 1, 0.9)]), [grant(1, 0.9, 3)]);
}

#[test]
fn a_face_that_is_only_followed_decides_nothing() {
    let mut scene = Scene::new(policy());
    assert!(scene.show_all([&[face(1, 0.9)][..]; 2]).is_empty());
    assert!(scene.show_all([&[Judgement::Followed][..]; 5]).is_empty());
    assert_eq!(scene.show(&[face(1, 0.9)]), [grant(1, 0.9, 3)]);
}

#[test]
fn two_people_side_by_side_are_granted_in_one_frame() {
    let mut scene = Scene::new(policy());
    let both: &[Judgement] = &[face(1, 0.9), face(2, 0.8)];
    assert_eq!(
        scene.show_all([both; 3]),
        [grant(1, 0.9, 3), grant(2, 0.8, 3)]
    );
}

#[test]
fn two_faces_like_one_person_are_one_grant() {
    let mut scene = Scene::new(policy());
    let twins: &[Judgement] = &[on_track(1, 1, 0.8), on_track(2, 1, 0.9)];
    assert!(scene.show_all([twins; 2]).is_empty());
    assert_eq!(scene.show(twins), [grant(1, 0.8, 3)]);
}

#[test]
fn a_person_who_stays_is_granted_again_only_after_the_cooldown() {
    let mut scene = Scene::new(policy());
    let mut granted_at = Vec::new();
    for tick in 0..60 {
        if !scene.show(&[face(1, 0.9)]).is_empty() {
            granted_at.push(tick);
        }
    }
    assert_eq!(granted_at, [2, 22, 42]);
}

#[test]
fn without_a_cooldown_each_grant_still_takes_its_own_frames() {
    let mut scene = Scene::new(Policy {
        cooldown: Duration::ZERO,
        ..policy()
    });
    let grants = scene.show_all([&[face(1, 0.9)][..]; 7]);
    assert_eq!(grants, [grant(1, 0.9, 3), grant(1, 0.9, 3)]);
}

#[test]
fn a_stranger_is_refused_once_a_cooldown_and_names_the_nearest_miss() {
    let mut scene = Scene::new(policy());
    let decisions = scene.show_all(
        [face(1, 0.3), face(2, 0.6), face(1, f32::NAN), face(1, 0.2)]
            .iter()
            .map(std::slice::from_ref),
    );
    assert_eq!(
        decisions,
        [Decision::Refuse {
            why: Refusal::NotListed,
            nearest: Some(Candidate {
                track: 2,
                person: PersonId(2),
                score: 0.6,
                enabled: true,
            }),
            threshold: 0.75,
            frames: 3,
        }]
    );
    let later = scene.show_all([&[face(1, 0.2)][..]; 40]);
    assert_eq!(later.len(), 2, "{later:?}");
}

#[test]
fn a_listed_person_coming_nearer_or_turning_away_is_not_refused() {
    let mut scene = Scene::new(policy());
    let approach = [0.4, 0.6, 0.8, 0.7, 0.82, 0.85, 0.3, 0.2, 0.2, 0.3, 0.1];
    let decisions: Vec<Decision> = approach
        .iter()
        .flat_map(|&score| scene.show(&[face(1, score)]))
        .collect();
    assert_eq!(decisions, [grant(1, 0.8, 3)]);
}

#[test]
fn a_refused_stranger_does_not_delay_a_listed_person() {
    let mut scene = Scene::new(policy());
    assert_eq!(scene.show_all([&[on_track(5, 1, 0.2)][..]; 3]).len(), 1);
    let both: &[Judgement] = &[face(2, 0.2), face(1, 0.9)];
    assert_eq!(scene.show_all([both; 3]), [grant(1, 0.9, 3)]);
}

#[test]
fn a_disabled_person_is_refused_by_name() {
    let mut scene = Scene::new(policy());
    let decisions = scene.show_all([&[disabled(4, 0.9)][..]; 10]);
    assert_eq!(
        decisions,
        [Decision::Refuse {
            why: Refusal::Disabled,
            nearest: Some(Candidate {
                track: 4,
                person: PersonId(4),
                score: 0.9,
                enabled: false,
            }),
            threshold: 0.75,
            frames: 3,
        }]
    );
}

#[test]
fn an_empty_whitelist_refuses_everybody() {
    let mut scene = Scene::new(policy());
    let decisions = scene.show_all([&[Judgement::Nearest(None)][..]; 3]);
    assert!(matches!(
        decisions[..],
        [Decision::Refuse {
            why: Refusal::EmptyWhitelist,
            nearest: None,
            frames: 3,
            ..
        }]
    ));
}

#[test]
fn unusable_faces_are_reported_as_such_and_never_as_a_refusal() {
    let mut scene = Scene::new(policy());
    let dark: &[Judgement] = &[Judgement::Unusable(Unusable::Dark)];
    let blurred: &[Judgement] = &[Judgement::Unusable(Unusable::Blurred)];
    let decisions = scene.show_all([blurred, dark, dark, dark, dark, blurred, dark]);
    assert_eq!(
        decisions,
        [Decision::CannotJudge {
            why: Unusable::Dark
        }]
    );
    // One usable face makes a frame usable.
    let mixed: &[Judgement] = &[Judgement::Unusable(Unusable::Dark), face(1, 0.2)];
    assert!(matches!(
        scene.show_all([mixed; 3])[..],
        [Decision::Refuse {
            why: Refusal::NotListed,
            ..
        }]
    ));
}

#[test]
fn an_empty_scene_decides_nothing() {
    let mut scene = Scene::new(policy());
    assert!(scene.show_all([&[][..]; 50]).is_empty());
}

#[test]
fn votes_do_not_survive_a_loss_or_a_change() {
    for event in [
        Input::CameraLost,
        Input::GalleryChanged,
        Input::PolicyChanged(policy()),
    ] {
        let mut scene = Scene::new(policy());
        assert!(scene.show_all([&[face(1, 0.9)][..]; 2]).is_empty());
        scene.tell(event.clone());
        // Taken before the event, judged after it.
        let late = frame(scene.now - ms(10), &[face(1, 0.9)]);
        assert!(scene.access.step(scene.now + ms(20), late).is_empty());
        assert!(
            scene.show_all([&[face(1, 0.9)][..]; 2]).is_empty(),
            "{event:?}"
        );
        assert_eq!(scene.show(&[face(1, 0.9)]), [grant(1, 0.9, 3)], "{event:?}");
    }
}

#[test]
fn a_frame_shown_twice_counts_once() {
    let mut scene = Scene::new(policy());
    let input = frame(scene.now, &[face(1, 0.9)]);
    for _ in 0..10 {
        assert!(scene.access.step(scene.now, input.clone()).is_empty());
    }
}

// What follows says the rules a second time, as a search over the whole log.

#[derive(Debug, Clone)]
enum Event {
    Frame { age_ms: i64, faces: Vec<Judgement> },
    CameraLost,
    GalleryChanged,
    Policy { threshold: f32, frames: usize },
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

fn judgements() -> impl Strategy<Value = Judgement> {
    prop_oneof![
        10 => (0..2u64, 1..4i64, scores(), prop::bool::weighted(0.85)).prop_map(|(track, person, score, enabled)| {
            Judgement::Nearest(Some(Candidate { track, person: PersonId(person), score, enabled }))
        }),
        1 => Just(Judgement::Followed),
        1 => Just(Judgement::Nearest(None)),
        2 => Just(Judgement::Unusable(Unusable::Blurred)),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        30 => (
            prop_oneof![6 => 0..300i64, 1 => 450..700i64, 1 => -200..0i64],
            vec(judgements(), 0..4),
        ).prop_map(|(age_ms, faces)| Event::Frame { age_ms, faces }),
        1 => Just(Event::CameraLost),
        1 => Just(Event::GalleryChanged),
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
    /// Who is barred in this frame.
    barred: Vec<PersonId>,
    /// Who reaches the threshold, on which face, in the order of the faces.
    passing: Vec<(PersonId, u64)>,
}

fn near(faces: &[Judgement]) -> impl Iterator<Item = &Candidate> {
    faces.iter().filter_map(|f| match f {
        Judgement::Nearest(Some(candidate)) => Some(candidate),
        _ => None,
    })
}

/// As the order of votes: a face's first claim to a person fixes its place.
fn reaching(faces: &[Judgement], threshold: f32) -> Vec<(PersonId, u64)> {
    let mut places: Vec<(PersonId, u64)> = Vec::new();
    for c in near(faces) {
        if !places.contains(&(c.person, c.track)) {
            places.push((c.person, c.track));
        }
    }
    places.retain(|place| {
        near(faces).any(|c| (c.person, c.track) == *place && c.score < 2.0 && c.score >= threshold)
            && !near(faces).any(|c| c.person == place.0 && !c.enabled)
    });
    places
}

fn passing(faces: &[Judgement], threshold: f32) -> Vec<PersonId> {
    let over = |enabled: bool| {
        faces.iter().filter_map(move |f| match f {
            Judgement::Nearest(Some(c))
                if c.enabled == enabled && c.score < 2.0 && c.score >= threshold =>
            {
                Some(c.person)
            }
            _ => None,
        })
    };
    let barred: Vec<PersonId> = over(false).collect();
    let mut people: Vec<PersonId> = over(true).filter(|p| !barred.contains(p)).collect();
    people.sort();
    people.dedup();
    people
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
        // Person, when, and how many frames had been counted by then.
        let mut grants: Vec<(PersonId, Instant, usize)> = Vec::new();
        // A cool-down that was over at some frame is over, even if time went back after it.
        let mut latest = base;

        for (dt, event) in log {
            clock += dt;
            let now = at(clock);
            let mut expected = Vec::new();
            let input = match event {
                Event::CameraLost => Input::CameraLost,
                Event::GalleryChanged => Input::GalleryChanged,
                Event::Policy { threshold, frames } => {
                    rules = Policy { threshold, frames, ..rules };
                    Input::PolicyChanged(rules.clone())
                }
                Event::Frame { age_ms, faces } => {
                    let taken_at = at(clock - age_ms);
                    let valid = (0..=500).contains(&age_ms)
                        && last_reset.is_none_or(|r| r < taken_at)
                        && counted.iter().all(|c| c.taken_at < taken_at);
                    if valid {
                        latest = latest.max(now);
                        counted.push(Counted {
                            taken_at,
                            era,
                            near: near(&faces).map(|c| (c.person, c.track)).collect(),
                            barred: near(&faces).filter(|c| !c.enabled).map(|c| c.person).collect(),
                            passing: reaching(&faces, rules.threshold),
                        });
                        for &(person, track) in &counted[counted.len() - 1].passing {
                            if expected.iter().any(|&(p, _)| p == person) {
                                continue;
                            }
                            let cooling = grants
                                .iter()
                                .any(|&(p, when, _)| p == person && latest < when + rules.cooldown);
                            let used = grants.iter().rev().find(|g| g.0 == person).map_or(0, |g| g.2);
                            let agreeing = counted[used..]
                                .iter()
                                .filter(|c| c.era == era)
                                .filter(|c| taken_at - c.taken_at <= rules.window)
                                .filter(|c| c.near.contains(&(person, track)))
                                .filter(|c| !c.barred.contains(&person))
                                .count();
                            if !cooling && agreeing >= rules.frames.max(1) {
                                expected.push((person, agreeing));
                            }
                        }
                        for &(person, _) in &expected {
                            grants.push((person, now, counted.len()));
                        }
                        expected.sort();
                    }
                    frame(taken_at, &faces)
                }
            };
            if !matches!(input, Input::Frame(_)) {
                era += 1;
                last_reset = Some(last_reset.map_or(now, |r| r.max(now)));
            }
            let mut given: Vec<(PersonId, usize)> = access
                .step(now, input)
                .into_iter()
                .filter_map(|d| match d {
                    Decision::Grant { person, score, threshold, frames, .. } => {
                        assert!(score >= threshold && threshold == rules.threshold);
                        Some((person, frames))
                    }
                    _ => None,
                })
                .collect();
            given.sort();
            prop_assert_eq!(given, expected);
        }
    }

    /// A refusal needs its frames too, and is not repeated within the cool-down.
    #[test]
    fn refusals_are_founded_and_not_repeated(log in vec((1..160i64, events()), 1..80)) {
        let rules = policy();
        let mut access = Access::new(rules.clone());
        let mut now = Instant::now() + ms(10_000);
        let mut seen: Vec<(Instant, Vec<Judgement>)> = Vec::new();
        let mut said: Vec<(Refusal, Instant)> = Vec::new();
        for (dt, event) in log {
            now += ms(dt as u64);
            let input = match event {
                Event::Frame { faces, .. } => {
                    seen.push((now, faces.clone()));
                    frame(now, &faces)
                }
                Event::CameraLost => Input::CameraLost,
                Event::GalleryChanged | Event::Policy { .. } => Input::GalleryChanged,
            };
            if !matches!(input, Input::Frame(_)) {
                seen.clear();
            }
            for decision in access.step(now, input) {
                let Decision::Refuse { why, .. } = decision else { continue };
                prop_assert!(!said.iter().any(|s| s.0 == why && now - s.1 < rules.cooldown));
                said.push((why, now));
                let recent: Vec<_> = seen
                    .iter()
                    .filter(|s| now - s.0 <= rules.window)
                    .map(|s| &s.1)
                    .collect();
                let founded = recent
                    .iter()
                    .filter(|faces| faces.iter().any(|f| match (why, f) {
                        (Refusal::EmptyWhitelist, Judgement::Nearest(None)) => true,
                        (Refusal::NotListed, Judgement::Nearest(Some(c))) => {
                            !(0.75..2.0).contains(&c.score)
                        }
                        (Refusal::Disabled, Judgement::Nearest(Some(c))) => !c.enabled,
                        _ => false,
                    }))
                    .count();
                prop_assert!(founded >= rules.frames);
                if why == Refusal::NotListed {
                    prop_assert!(recent.iter().all(|faces| passing(faces, 0.75).is_empty()));
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
        steps in vec((any::<i64>(), any::<i64>(), vec((any::<i64>(), any::<f32>(), any::<bool>()), 0..3)), 0..20),
    ) {
        let mut access = Access::new(Policy { threshold, frames, window, cooldown, max_frame_age });
        let base = Instant::now();
        let shift = |by: i64| {
            let by_abs = Duration::from_micros(by.unsigned_abs());
            if by < 0 { base.checked_sub(by_abs) } else { base.checked_add(by_abs) }.unwrap_or(base)
        };
        for (now, taken_at, faces) in steps {
            let (now, taken_at) = (shift(now), shift(taken_at));
            let faces: Vec<Judgement> = faces
                .into_iter()
                .map(|(p, score, enabled)| {
                    Judgement::Nearest(Some(Candidate { track: 0, person: PersonId(p % 2), score, enabled }))
                })
                .collect();
            let decisions = access.step(now, frame(taken_at, &faces));
            let fresh = taken_at <= now && now - taken_at <= max_frame_age;
            prop_assert!(fresh || decisions.is_empty());
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
    let mut now = Instant::now();
    let mut granted = 0;
    for round in 0..200 {
        now += ms(1);
        let faces: Vec<Judgement> = (0..100).map(|i| face(round * 100 + i, 0.9)).collect();
        granted += access.step(now, frame(now, &faces)).len();
    }
    for _ in 0..300 {
        now += ms(1);
        access.step(now, frame(now, &[face(1, 0.1), disabled(2, 0.9)]));
        now += ms(1);
        access.step(now, frame(now, &[Judgement::Nearest(None)]));
        now += ms(1);
        access.step(now, frame(now, &[Judgement::Unusable(Unusable::Dark)]));
    }
    let (frames, votes) = access.window.size();
    assert!(
        frames <= MOST_FRAMES && votes <= MOST_VOTES,
        "{frames} {votes}"
    );
    assert_eq!(granted, super::quiet::MOST);
    assert!(access.quiet.len() <= super::quiet::MOST + 4);
}
