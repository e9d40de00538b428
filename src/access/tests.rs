#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::whitelist::Listed;

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn policy() -> Policy {
    Policy {
        checks: Default::default(),
        threshold: Score::new(0.75),
        frames: 3,
        window: ms(1000),
        cooldown: ms(2000),
        absence: ms(350),
        max_frame_age: ms(500),
    }
}

/// Seen on a track of its own.
pub(super) fn face(person: i64, score: f32) -> FaceResult {
    on_track(person as u64, person, score)
}

pub(super) fn on_track(track: u64, person: i64, score: f32) -> FaceResult {
    FaceResult::Nearest(Some(candidate(track, person, score)))
}

pub(super) fn flawed(flaw: Flaw) -> FaceResult {
    FaceResult::Flawed { track: 8, flaw }
}

pub(super) fn candidate(track: u64, person: i64, score: f32) -> Candidate {
    Candidate {
        track,
        person: PersonId(person),
        score: Score::new(score),
    }
}

/// People by number, and whether each is enabled.
pub(super) fn directory(people: impl IntoIterator<Item = (i64, bool)>) -> Directory {
    let listed = |(id, enabled)| Listed::new(PersonId(id), format!("Person {id}"), enabled);
    Directory::new(people.into_iter().map(listed))
}

pub(super) fn frame<'a>(
    directory: &'a Directory,
    taken_at: Instant,
    faces: &[FaceResult],
) -> Input<'a> {
    let sighting = FrameResult {
        taken_at,
        faces: faces.to_vec(),
    };
    Input::Frame {
        sighting,
        directory,
        wall: Wall::UNKNOWN,
    }
}

/// A door that is shown one frame every 100 ms, each judged 50 ms after it was taken.
struct Scene {
    access: Access,
    directory: Directory,
    now: Instant,
}

impl Scene {
    fn new(policy: Policy) -> Self {
        Self {
            access: Access::new(policy),
            directory: directory([(1, true), (2, true), (3, true), (4, false)]),
            now: Instant::now() + ms(10_000),
        }
    }

    fn show(&mut self, faces: &[FaceResult]) -> Vec<Decision> {
        self.now += ms(100);
        let input = frame(&self.directory, self.now - ms(50), faces);
        self.access.step(self.now, input)
    }

    fn show_all<'a>(
        &mut self,
        frames: impl IntoIterator<Item = &'a [FaceResult]>,
    ) -> Vec<Decision> {
        frames.into_iter().flat_map(|f| self.show(f)).collect()
    }

    fn tell(&mut self, input: Input<'_>) {
        assert!(self.access.step(self.now, input).is_empty());
    }
}

/// Person, score and frames of each grant; whatever else was decided is in the way.
fn grants(decisions: &[Decision]) -> Vec<(i64, f32, usize)> {
    decisions
        .iter()
        .map(|decision| match decision {
            Decision::Grant(grant) => {
                let claim = grant.basis().face().unwrap();
                assert_eq!(claim.person, grant.person());
                (claim.person.0, claim.score.value(), claim.frames)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_third_agreeing_frame_grants_with_the_score_of_all_together() {
    let mut scene = Scene::new(policy());
    assert!(scene.show(&[face(1, 0.9)]).is_empty());
    assert!(scene.show(&[face(1, 0.5)]).is_empty());
    assert_eq!(grants(&scene.show(&[face(1, 0.8)])), [(1, 0.8, 3)]);
}

#[test]
fn frames_of_another_face_or_for_another_person_do_not_count() {
    let mut scene = Scene::new(policy());
    assert!(scene.show_all([&[on_track(1, 1, 0.9)][..]; 2]).is_empty());
    assert!(scene.show_all([&[on_track(2, 1, 0.9)][..]; 2]).is_empty());
    assert!(scene.show(&[on_track(2, 3, 0.9)]).is_empty());
    assert_eq!(grants(&scene.show(&[on_track(1, 1, 0.9)])), [(1, 0.9, 3)]);
}

#[test]
fn a_face_that_is_only_followed_decides_nothing() {
    let mut scene = Scene::new(policy());
    assert!(scene.show_all([&[face(1, 0.9)][..]; 2]).is_empty());
    assert!(
        scene
            .show_all([&[FaceResult::Followed { track: 1 }][..]; 5])
            .is_empty()
    );
    assert_eq!(grants(&scene.show(&[face(1, 0.9)])), [(1, 0.9, 3)]);
}

#[test]
fn two_people_side_by_side_are_granted_in_one_frame() {
    let mut scene = Scene::new(policy());
    let both: &[FaceResult] = &[face(1, 0.9), face(2, 0.8)];
    assert_eq!(
        grants(&scene.show_all([both; 3])),
        [(1, 0.9, 3), (2, 0.8, 3)]
    );
}

#[test]
fn two_faces_like_one_person_are_one_grant() {
    let mut scene = Scene::new(policy());
    let twins: &[FaceResult] = &[on_track(1, 1, 0.8), on_track(2, 1, 0.9)];
    assert!(scene.show_all([twins; 2]).is_empty());
    assert_eq!(grants(&scene.show(twins)), [(1, 0.8, 3)]);
}

#[test]
fn a_person_who_stays_is_granted_once_and_again_after_being_away_and_the_cooldown() {
    let mut scene = Scene::new(policy());
    let here: &[FaceResult] = &[face(1, 0.9)];
    let followed: &[FaceResult] = &[FaceResult::Followed { track: 1 }];
    let other_track: &[FaceResult] = &[on_track(7, 1, 0.8)];
    let weak: &[FaceResult] = &[face(1, 0.5)];
    assert_eq!(grants(&scene.show_all([here; 3])), [(1, 0.9, 3)]);
    for seen in [here, followed, other_track, here, weak] {
        assert!(scene.show_all([seen; 30]).is_empty());
    }
    // Away for less than it takes.
    assert!(scene.show_all([&[][..]; 2]).is_empty());
    assert!(scene.show_all([here; 30]).is_empty());
    assert!(scene.show_all([&[][..]; 3]).is_empty());
    assert_eq!(scene.show(here).len(), 1);
    // Away for long enough, but within the cool-down.
    assert!(scene.show_all([&[][..]; 5]).is_empty());
    assert!(scene.show_all([here; 8]).is_empty());
}

#[test]
fn while_nobody_looks_whoever_is_there_stays() {
    let mut scene = Scene::new(policy());
    let here: &[FaceResult] = &[face(1, 0.9)];
    assert_eq!(scene.show_all([here; 3]).len(), 1);
    for _ in 0..100 {
        scene.now += ms(100);
        scene.tell(Input::Unwatched);
    }
    assert!(scene.show_all([here; 50]).is_empty());
}

#[test]
fn without_a_cooldown_each_grant_still_takes_its_own_frames() {
    let mut scene = Scene::new(Policy {
        cooldown: Duration::ZERO,
        absence: Duration::ZERO,
        ..policy()
    });
    let decisions = scene.show_all([&[face(1, 0.9)][..]; 7]);
    assert_eq!(grants(&decisions), [(1, 0.9, 3), (1, 0.9, 3)]);
}

#[test]
fn a_stranger_is_denied_once_a_cooldown_and_names_the_nearest_miss() {
    let mut scene = Scene::new(policy());
    let decisions = scene.show_all(
        [face(1, 0.3), face(2, 0.6), face(1, f32::NAN), face(1, 0.2)]
            .iter()
            .map(std::slice::from_ref),
    );
    assert_eq!(
        decisions,
        [Decision::Deny(Denial {
            reason: DenialReason::NotListed,
            nearest: Some(candidate(2, 2, 0.6)),
            threshold: Score::new(0.75),
            frames: 3,
            cue: None,
            left_out: 0,
        })]
    );
    // While they stay.
    let later = scene.show_all([&[face(1, 0.2), face(2, 0.3)][..]; 60]);
    assert_eq!(later, []);
}

#[test]
fn strangers_one_after_another_are_denied_ever_less_often_and_counted() {
    let mut scene = Scene::new(policy());
    let mut said = Vec::new();
    for tick in 0..600 {
        // Another face every half a second.
        for decision in scene.show(&[on_track(tick / 5, 1, 0.2)]) {
            let Decision::Deny(denial) = decision else {
                panic!("{decision:?}")
            };
            said.push((tick / 10, denial.left_out));
        }
    }
    assert_eq!(said, [(0, 0), (2, 3), (6, 7), (14, 15), (30, 31)]);
    assert_eq!(scene.show_all([&[][..]; 1500]), []);
    let again = scene.show_all([&[on_track(900, 1, 0.2)][..]; 3]);
    assert!(matches!(
        again[..],
        [Decision::Deny(Denial { left_out: 0, .. })]
    ));
}

#[test]
fn a_listed_person_coming_nearer_or_turning_away_is_not_denied() {
    let mut scene = Scene::new(policy());
    let approach = [0.4, 0.6, 0.8, 0.7, 0.82, 0.85, 0.3, 0.2, 0.2, 0.3, 0.1];
    let decisions: Vec<Decision> = approach
        .iter()
        .flat_map(|&score| scene.show(&[face(1, score)]))
        .collect();
    assert_eq!(grants(&decisions), [(1, 0.8, 3)]);
}

#[test]
fn a_denied_stranger_does_not_delay_a_listed_person() {
    let mut scene = Scene::new(policy());
    assert_eq!(scene.show_all([&[on_track(5, 1, 0.2)][..]; 3]).len(), 1);
    let both: &[FaceResult] = &[face(2, 0.2), face(1, 0.9)];
    assert_eq!(grants(&scene.show_all([both; 3])), [(1, 0.9, 3)]);
}

#[test]
fn a_disabled_person_is_denied_by_name() {
    let mut scene = Scene::new(policy());
    let decisions = scene.show_all([&[face(4, 0.9)][..]; 10]);
    assert_eq!(
        decisions,
        [Decision::Deny(Denial {
            reason: DenialReason::Disabled,
            nearest: Some(candidate(4, 4, 0.9)),
            threshold: Score::new(0.75),
            frames: 3,
            cue: None,
            left_out: 0,
        })]
    );
}

#[test]
fn an_empty_whitelist_denies_everybody() {
    let mut scene = Scene::new(policy());
    let decisions = scene.show_all([&[FaceResult::Nearest(None)][..]; 3]);
    assert!(matches!(
        decisions[..],
        [Decision::Deny(Denial {
            reason: DenialReason::EmptyWhitelist,
            nearest: None,
            frames: 3,
            ..
        })]
    ));
}

#[test]
fn unusable_faces_are_reported_as_such_and_never_as_a_denial() {
    let mut scene = Scene::new(policy());
    let dark: &[FaceResult] = &[flawed(Flaw::Dark)];
    let blurred: &[FaceResult] = &[flawed(Flaw::Blurred)];
    let decisions = scene.show_all([blurred, dark, dark, dark, dark, blurred, dark]);
    assert_eq!(
        decisions,
        [Decision::CannotJudge {
            flaw: Flaw::Dark,
            left_out: 0
        }]
    );
    // One usable face makes a frame usable.
    let mixed: &[FaceResult] = &[flawed(Flaw::Dark), face(1, 0.2)];
    assert!(matches!(
        scene.show_all([mixed; 3])[..],
        [Decision::Deny(Denial {
            reason: DenialReason::NotListed,
            ..
        })]
    ));
}

#[test]
fn an_empty_scene_decides_nothing() {
    let mut scene = Scene::new(policy());
    assert!(scene.show_all([&[][..]; 50]).is_empty());
}

#[test]
fn a_face_that_is_not_enough_is_not_granted_by_itself() {
    let mut scene = Scene::new(policy());
    let kind = FactorKind::Pin;
    scene.tell(Input::Terms(Terms::Factor(kind)));
    let decisions = scene.show_all([&[face(1, 0.9)][..]; 4]);
    let [
        Decision::Need {
            basis: Basis::Face(claim),
            kind: FactorKind::Pin,
        },
    ] = decisions[..]
    else {
        panic!("{}", decisions.len())
    };
    scene.tell(Input::Unmet(claim));
    assert_eq!(scene.show_all([&[face(1, 0.9)][..]; 9]), []);
    scene.tell(Input::Terms(Terms::LockedOut));
    let locked = scene.show_all([&[face(1, 0.9)][..]; 9]);
    let [Decision::Deny(denial)] = locked[..] else {
        panic!("{}", locked.len())
    };
    assert_eq!(denial.reason, DenialReason::LockedOut);
}

#[test]
fn votes_do_not_survive_a_loss_or_a_change() {
    for event in [
        Input::CameraLost,
        Input::WhitelistChanged,
        Input::PolicyChanged(policy()),
    ] {
        let mut scene = Scene::new(policy());
        assert!(scene.show_all([&[face(1, 0.9)][..]; 2]).is_empty());
        scene.tell(event.clone());
        // Taken before the event, judged after it.
        let late = frame(&scene.directory, scene.now - ms(10), &[face(1, 0.9)]);
        assert!(scene.access.step(scene.now + ms(20), late).is_empty());
        assert!(
            scene.show_all([&[face(1, 0.9)][..]; 2]).is_empty(),
            "{event:?}"
        );
        assert_eq!(
            grants(&scene.show(&[face(1, 0.9)])),
            [(1, 0.9, 3)],
            "{event:?}"
        );
    }
}

#[test]
fn a_frame_shown_twice_counts_once() {
    let mut scene = Scene::new(policy());
    let input = frame(&scene.directory, scene.now, &[face(1, 0.9)]);
    for _ in 0..10 {
        assert!(scene.access.step(scene.now, input.clone()).is_empty());
    }
}
