//! The vision thread: looks at the newest frame, asks the whitelist who it shows,
//! and the access rules what follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use image::RgbImage;

use super::access_rules::SharedLaw;
use super::challenger::Challenger;
use super::desk::{self, Desk};
use super::events::{self, DecidedAt};
use super::heartbeat::Heartbeat;
use super::mailbox::{Item, Mailbox};
use super::pictures;
use super::record_queue::RecordQueue;
use super::sight::{Onlooker, Sight};
use super::timing::Timing;
use super::viewfinder::Viewfinder;
use crate::access::{Decision, Factors, Input, Policy};
use crate::camera::Frame;
use crate::cohort::Score;
use crate::config;
use crate::embedding::ModelVersion;
use crate::liveness::{Checks, SecondEye};
use crate::recognise::{FaceReport, FrameUse, MAX_KEPT_FRAMES, Recogniser, Seen};
use crate::record::{Event, FaultReason, FrameRef};
use crate::vision::{Vision, VisionError};
use crate::whitelist::{Directory, Snapshot};

/// How long one wait for a frame may take, so that a stop is seen in time.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// The vision thread's things.
pub(crate) struct Judge {
    pub vision: Vision,
    pub settings: config::Vision,
    /// What a face is looked at for.
    pub checks: Checks,
    /// Whether the door is open: then nobody needs to be looked at.
    pub open: Arc<AtomicBool>,
    /// From which, with the whitelist, the policy follows.
    pub rules: Arc<ArcSwap<config::Access>>,
    /// Who may pass when, and what the clocks say.
    pub law: SharedLaw,
    /// Which faces are kept.
    pub retention: Arc<ArcSwap<config::Audit>>,
    /// Nothing while the whitelist cannot be read: then nobody is judged.
    pub whitelist: Arc<ArcSwapOption<Snapshot>>,
    pub mailbox: Arc<Mailbox>,
    /// The infrared camera's frames, where there is one.
    pub second: Option<SecondFrames>,
    pub queue: RecordQueue,
    /// Where the door thread sees who is in view.
    pub sight: Arc<Sight>,
    /// Where whoever asks sees what the camera does.
    pub viewfinder: Arc<Viewfinder>,
    /// Keypad and card reader.
    pub desk: Desk,
    /// What faces are asked for.
    pub challenger: Challenger,
    pub heartbeat: Heartbeat,
    pub stop: Arc<AtomicBool>,
}

/// The infrared camera's frames, and what is asked of them.
pub(crate) struct SecondFrames {
    pub settings: SecondEye,
    pub mailbox: Arc<Mailbox>,
}

impl SecondFrames {
    /// Hands over what has come since.
    fn hand_over(&self, recogniser: &mut Recogniser, sight: &Sight) {
        for _ in 0..MAX_KEPT_FRAMES {
            match self.mailbox.take(Duration::ZERO) {
                Some(Item::Frame(frame)) => {
                    sight.infrared(true);
                    recogniser.give_infrared(frame);
                }
                Some(Item::Lost | Item::Ended) => {
                    sight.infrared(false);
                    recogniser.infrared_lost();
                    return;
                }
                None => return,
            }
        }
    }
}

impl Judge {
    /// Runs until the daemon stops or the recording is over; gives the time each frame took.
    ///
    /// # Errors
    /// [`VisionError`] if a network fails: what it would say next cannot be trusted.
    pub fn run(self) -> Result<Timing, VisionError> {
        let mut timing = Timing::default();
        let mut rules = self.rules.load_full();
        let mut whitelist = self.whitelist.load_full();
        let first = policy(&rules, self.checks, whitelist.as_deref(), &self.queue);
        let mut threshold = first.threshold;
        let mut onlooker = Onlooker::default();
        let second = self.second.as_ref();
        let mut recogniser = Recogniser::new(self.vision, &self.settings, first)
            .with_second_eye(second.map(|second| second.settings));
        let mut access_rules = self.law.rules.load_full();
        recogniser.set_access_rules(Instant::now(), Arc::clone(&access_rules));
        let model = recogniser.vision().version().clone();
        let (mut desk, mut challenger) = (self.desk, self.challenger);
        desk.begin(desk::clocks(), &mut |now, input| {
            recogniser.tell(now, input)
        });
        let nobody = Directory::default();
        while !self.stop.load(Ordering::Relaxed) {
            self.heartbeat.beat();
            let item = self.mailbox.take(MAX_WAIT);
            if let Some(second) = second {
                second.hand_over(&mut recogniser, &self.sight);
            }
            let (new_rules, new_whitelist) = (self.rules.load_full(), self.whitelist.load_full());
            let other_whitelist = !same(whitelist.as_ref(), new_whitelist.as_ref());
            if other_whitelist {
                recogniser.whitelist_changed(Instant::now());
                whitelist = new_whitelist;
            }
            let new_access_rules = self.law.rules.load();
            if !Arc::ptr_eq(&access_rules, &new_access_rules) {
                access_rules = Arc::clone(&new_access_rules);
                recogniser.set_access_rules(Instant::now(), Arc::clone(&access_rules));
            }
            let directory = whitelist.as_ref().map_or(&nobody, |w| &w.directory);
            if other_whitelist {
                let rules = &mut |now, input: Input<'_>| recogniser.tell(now, input);
                desk.whitelist_changed(rules, directory);
            }
            let is_lost = match &item {
                Some(Item::Frame(_)) => Some(false),
                Some(Item::Lost) => Some(true),
                Some(Item::Ended) | None => None,
            };
            let refused = recogniser.refused();
            let tell = &mut |now, input: Input<'_>| recogniser.tell(now, input);
            if let Some(is_lost) = is_lost {
                desk.camera(is_lost, tell, directory);
            }
            desk.turn(refused, tell, directory);
            // The threshold follows from the risk and from how many people are listed.
            if other_whitelist || !Arc::ptr_eq(&rules, &new_rules) {
                rules = new_rules;
                let policy = policy(&rules, self.checks, whitelist.as_deref(), &self.queue);
                threshold = policy.threshold;
                recogniser.set_policy(Instant::now(), policy);
            }
            match (item, &whitelist) {
                (None, _) | (Some(Item::Frame(_)), None) => {
                    let open = self.open.load(Ordering::Acquire);
                    challenger.turn(&mut recogniser, (&mut desk, directory), open);
                }
                (Some(Item::Lost), _) => {
                    self.sight.show(onlooker.lost());
                    self.viewfinder.lost();
                    recogniser.camera_lost(Instant::now());
                }
                (Some(Item::Ended), _) => {
                    self.sight.show(onlooker.lost());
                    self.heartbeat.retire();
                    break;
                }
                (Some(Item::Frame(mut frame)), Some(whitelist)) => {
                    let open = self.open.load(Ordering::Acquire);
                    let start = Instant::now();
                    let clock = || self.law.moment();
                    let outcome = recogniser.look(&mut frame, whitelist, open, clock)?;
                    if let Some(view) = onlooker.look(&outcome.seen, open, threshold) {
                        self.sight.show(view);
                    }
                    if let Some(seldom) = outcome.too_seldom {
                        let vision = start.elapsed();
                        self.queue
                            .happened(events::of_seldom_frames(seldom, vision));
                    }
                    challenger.turn(&mut recogniser, (&mut desk, directory), open);
                    if self.viewfinder.is_due() {
                        let (picture, faces) = match &outcome.seen {
                            Seen::Nothing => (frame.to_rgb(), Vec::new()),
                            Seen::Faces(faces) => (recogniser.picture().clone(), faces.clone()),
                        };
                        let whitelist = Arc::clone(whitelist);
                        let faces = (faces, self.sight.asked());
                        self.viewfinder.show(picture, faces, threshold, whitelist);
                    }
                    let Seen::Faces(faces) = outcome.seen else {
                        timing.left_out();
                        self.viewfinder.tally.left_out();
                        continue;
                    };
                    let now = Instant::now();
                    timing.add(now - start);
                    self.viewfinder.tally.judged();
                    self.viewfinder.tally.dropped(self.mailbox.dropped());
                    let judged = Judged {
                        frame: &frame,
                        vision: now - start,
                        age: now.saturating_duration_since(frame.at),
                        whitelist,
                        model: &model,
                    };
                    log::debug!("{}", judged.describe(&faces));
                    let wanted = self.retention.load().pictures;
                    for decision in outcome.decisions {
                        let tell = &mut |now, input: Input<'_>| recogniser.tell(now, input);
                        match decision {
                            Decision::Need { basis, kind } => {
                                let track = basis.face().map(|claim| claim.track);
                                let given = (Factors::default(), judged.decided_at(track, &faces));
                                desk.needed(basis, kind, given, tell, directory);
                                continue;
                            }
                            Decision::Challenge(claim) => {
                                let at = || judged.decided_at(Some(claim.track), &faces);
                                let desk = (&mut desk, directory);
                                challenger.ask(&claim, at, &mut recogniser, desk);
                                continue;
                            }
                            Decision::Grant(grant) => {
                                desk.claimed(grant.person(), tell, directory);
                            }
                            Decision::Deny(_) => self.sight.refused(),
                            Decision::CannotJudge { .. } => {}
                        }
                        let face = pictures::face_of(&decision, &faces, wanted);
                        let picture =
                            face.and_then(|face| pictures::crop(recogniser.picture(), face.rect));
                        judged.record(decision, &faces, picture, &self.queue);
                    }
                }
            }
        }
        Ok(timing)
    }
}

/// The rules with their threshold. Where none follows from the risk, none can be
/// reached: nobody is let in, and it says why.
fn policy(
    rules: &config::Access,
    checks: Checks,
    whitelist: Option<&Snapshot>,
    queue: &RecordQueue,
) -> Policy {
    let Some(snapshot) = whitelist else {
        return Policy::new(rules, checks, Score::new(f32::INFINITY));
    };
    match snapshot.matcher.threshold() {
        Ok(threshold) => {
            log::info!(
                "threshold {:.3} with {} listed, {}",
                threshold.score,
                snapshot.matcher.comparisons(),
                threshold.from
            );
            Policy::new(rules, checks, threshold.score)
        }
        Err(error) => {
            queue.happened(Event::Fault {
                reason: FaultReason::NoThreshold,
                part: None,
                message: Some(error.to_string()),
            });
            Policy::new(rules, checks, Score::new(f32::INFINITY))
        }
    }
}

/// A frame that was judged, and by what.
struct Judged<'a> {
    frame: &'a Frame,
    /// How long it took.
    vision: Duration,
    /// How old it was then.
    age: Duration,
    whitelist: &'a Snapshot,
    model: &'a ModelVersion,
}

impl Judged<'_> {
    /// For the debug log.
    fn describe(&self, faces: &[FaceReport]) -> String {
        let each: Vec<String> = faces.iter().map(|face| self.face(face)).collect();
        format!(
            "frame {}: {:.1} ms, {}",
            name(self.frame),
            self.vision.as_secs_f64() * 1000.0,
            if each.is_empty() {
                "nobody".into()
            } else {
                each.join(", ")
            }
        )
    }

    fn face(&self, face: &FaceReport) -> String {
        match (face.frame_use, face.identity) {
            (FrameUse::Flawed(flaw), _) => flaw.to_string(),
            (FrameUse::Skipped, _) => "followed".into(),
            (FrameUse::Compared, None) => "a face".into(),
            (FrameUse::Compared, Some(found)) => {
                let name = self.whitelist.directory.name_of(found.person);
                format!("{name} {:.3}", found.score)
            }
        }
    }

    fn frame_ref(&self) -> FrameRef {
        FrameRef {
            name: name(self.frame),
            vision_ms: tenths_ms(self.vision),
            age_ms: tenths_ms(self.age),
        }
    }

    /// This frame, with what was measured of a face in it.
    fn decided_at(&self, track: Option<u64>, faces: &[FaceReport]) -> DecidedAt {
        DecidedAt {
            frame: self.frame_ref(),
            model: self.model.clone(),
            cues: track.and_then(|track| events::cues_of(track, faces)),
        }
    }

    fn record(
        &self,
        decision: Decision,
        faces: &[FaceReport],
        picture: Option<RgbImage>,
        queue: &RecordQueue,
    ) {
        let directory = &self.whitelist.directory;
        match decision {
            Decision::Grant(grant) => {
                let Some(claim) = grant.basis().face() else {
                    return;
                };
                let at = self.decided_at(Some(claim.track), faces);
                let granted = events::of_grant(&grant, claim, directory, at);
                queue.grant(Event::Granted(granted), grant, picture);
            }
            // It is with the desk, or asked for.
            Decision::Need { .. } | Decision::Challenge(_) => {}
            Decision::Deny(denial) => {
                let track = denial.nearest.map(|nearest| nearest.track);
                let at = self.decided_at(track, faces);
                let denied = events::of_denial(&denial, directory, at);
                queue.happened_before(Event::Denied(denied), picture);
            }
            Decision::CannotJudge { flaw, left_out } => {
                queue.happened(events::of_flaw(
                    flaw,
                    left_out,
                    self.model,
                    self.frame_ref(),
                ));
            }
        }
    }
}

fn same(a: Option<&Arc<Snapshot>>, b: Option<&Arc<Snapshot>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn name(frame: &Frame) -> String {
    match &frame.origin {
        Some(origin) => origin.to_string(),
        None => frame.sequence.to_string(),
    }
}

fn tenths_ms(time: Duration) -> f32 {
    ((time.as_secs_f64() * 10_000.0).round() / 10.0) as f32
}
