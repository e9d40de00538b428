//! The vision thread: looks at the newest frame, asks the whitelist who it shows,
//! and the access rules what follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::eye::{Eye, Seen};
use super::heartbeat::Heartbeat;
use super::mailbox::{Item, Mailbox};
use super::notes::Notes;
use super::timing::Timing;
use crate::access::{Access, Decision, Input, Judgement, Policy, Refusal, Sighting, Unusable};
use crate::audit::{Kind, NewEvent};
use crate::camera::Frame;
use crate::config;
use crate::person::PersonId;
use crate::vision::VisionError;
use crate::whitelist::Snapshot;

const PATIENCE: Duration = Duration::from_millis(200);
/// How long a grant may take from the decision to the relay. Later the person in
/// front of the door may be another.
const GRANT_LIFE: Duration = Duration::from_secs(2);

/// The vision thread's things.
pub struct Judge {
    pub eye: Eye,
    /// Whether the door is open: then nobody needs to be looked at.
    pub open: Arc<AtomicBool>,
    /// From which, with the whitelist, the policy follows.
    pub rules: Arc<ArcSwap<config::Access>>,
    /// Nothing while the whitelist cannot be read: then nobody is judged.
    pub whitelist: Arc<ArcSwapOption<Snapshot>>,
    pub mailbox: Arc<Mailbox>,
    pub notes: Notes,
    pub heartbeat: Heartbeat,
    pub stop: Arc<AtomicBool>,
}

impl Judge {
    /// Runs until the daemon stops or the recording is over; gives the time each frame took.
    ///
    /// # Errors
    /// [`VisionError`] if a network fails: what it would say next cannot be trusted.
    pub fn run(mut self) -> Result<Timing, VisionError> {
        let mut timing = Timing::default();
        let mut rules = self.rules.load_full();
        let mut whitelist = self.whitelist.load_full();
        let mut access = Access::new(self.policy(&rules, whitelist.as_deref()));
        self.eye.set_rules(&rules);
        while !self.stop.load(Ordering::Relaxed) {
            self.heartbeat.beat();
            let item = self.mailbox.take(PATIENCE);
            let (new_rules, new_whitelist) = (self.rules.load_full(), self.whitelist.load_full());
            let other_whitelist = !same(whitelist.as_ref(), new_whitelist.as_ref());
            if other_whitelist {
                access.step(Instant::now(), Input::GalleryChanged);
                self.eye.forget();
                whitelist = new_whitelist;
            }
            // The threshold follows from the risk and from how many people are listed.
            if other_whitelist || !Arc::ptr_eq(&rules, &new_rules) {
                rules = new_rules;
                let policy = self.policy(&rules, whitelist.as_deref());
                access.step(Instant::now(), Input::PolicyChanged(policy));
                self.eye.set_rules(&rules);
            }
            match (item, &whitelist) {
                (None, _) | (Some(Item::Frame(_)), None) => {}
                // Whoever it was opened for is passing.
                (Some(Item::Frame(_)), _)
                    if self.eye.is_economical() && self.open.load(Ordering::Acquire) =>
                {
                    timing.left_out();
                }
                (Some(Item::Lost), _) => {
                    access.step(Instant::now(), Input::CameraLost);
                    self.eye.forget();
                }
                (Some(Item::Ended), _) => {
                    self.heartbeat.retire();
                    break;
                }
                (Some(Item::Frame(mut frame)), Some(whitelist)) => {
                    self.look(&mut frame, whitelist, &mut access, &mut timing)?;
                }
            }
        }
        Ok(timing)
    }

    /// The rules with their threshold. Where none follows from the risk, none can be
    /// reached: nobody is let in, and it says why.
    fn policy(&self, rules: &config::Access, whitelist: Option<&Snapshot>) -> Policy {
        let Some(snapshot) = whitelist else {
            return Policy::new(rules, f32::INFINITY);
        };
        match snapshot.matcher.threshold() {
            Ok(threshold) => {
                log::info!(
                    "threshold {:.3} for {} people, {}",
                    threshold.score,
                    snapshot.matcher.comparisons(),
                    threshold.from
                );
                Policy::new(rules, threshold.score.value())
            }
            Err(error) => {
                self.notes
                    .happened(NewEvent::new(Kind::Fault).why(error.to_string()));
                Policy::new(rules, f32::INFINITY)
            }
        }
    }

    fn look(
        &mut self,
        frame: &mut Frame,
        whitelist: &Snapshot,
        access: &mut Access,
        timing: &mut Timing,
    ) -> Result<(), VisionError> {
        let start = Instant::now();
        let Seen::Faces(faces) = self.eye.look(frame, whitelist)? else {
            timing.left_out();
            return Ok(());
        };
        let vision = start.elapsed();
        timing.add(vision);
        log::debug!(
            "frame {}: {:.1} ms, {}",
            name(frame),
            vision.as_secs_f64() * 1000.0,
            describe(&faces, whitelist)
        );
        let now = Instant::now();
        let sighting = Sighting {
            taken_at: frame.at,
            faces,
        };
        for decision in access.step(now, Input::Frame(sighting)) {
            if let Decision::Grant { track, .. } = decision {
                self.eye.rest(track, frame.at + access.cooldown());
            }
            self.record(decision, whitelist, |event| {
                let age = now.saturating_duration_since(frame.at);
                event
                    .detail("frame", name(frame))
                    .detail("vision_ms", tenths_ms(vision))
                    .detail("age_ms", tenths_ms(age))
            });
        }
        Ok(())
    }

    fn record(
        &self,
        decision: Decision,
        whitelist: &Snapshot,
        with_frame: impl Fn(NewEvent) -> NewEvent,
    ) {
        let named = |event: NewEvent, person: PersonId| {
            event.person(person, whitelist.directory.name_of(person))
        };
        let event = |kind| with_frame(NewEvent::new(kind)).model(self.eye.vision().version());
        match decision {
            Decision::Grant {
                person,
                score,
                threshold,
                frames,
                ..
            } => {
                let event = named(event(Kind::Granted), person)
                    .score(score)
                    .threshold(threshold)
                    .frames(frames)
                    .why("recognised");
                self.notes.grant(event, Instant::now() + GRANT_LIFE);
            }
            Decision::Refuse {
                why,
                nearest,
                threshold,
                frames,
            } => {
                let event = event(Kind::Refused)
                    .threshold(threshold)
                    .frames(frames)
                    .why(match why {
                        Refusal::NotListed => "resembles nobody on the whitelist enough",
                        Refusal::Disabled => "on the whitelist, but disabled",
                        Refusal::EmptyWhitelist => "the whitelist is empty",
                    });
                self.notes.happened(match nearest {
                    Some(nearest) => named(event, nearest.person).score(nearest.score),
                    None => event,
                });
            }
            Decision::CannotJudge { why } => {
                self.notes.happened(event(Kind::CannotJudge).why(match why {
                    Unusable::TooSmall => "the face is too small: come closer",
                    Unusable::Blurred => "the face is blurred: stand still, or clean the lens",
                    Unusable::Dark => "the face is too dark: more light is needed",
                    Unusable::LowScore => "the face is half hidden or turned away",
                }));
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

fn tenths_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// One frame's faces, for the debug log.
fn describe(faces: &[Judgement], whitelist: &Snapshot) -> String {
    if faces.is_empty() {
        return "nobody".into();
    }
    let each: Vec<String> = faces
        .iter()
        .map(|face| match face {
            Judgement::Unusable(why) => format!("{why:?}"),
            Judgement::Followed => "followed".into(),
            Judgement::Nearest(None) => "a face".into(),
            Judgement::Nearest(Some(c)) => {
                format!("{} {:.3}", whitelist.directory.name_of(c.person), c.score)
            }
        })
        .collect();
    each.join(", ")
}
