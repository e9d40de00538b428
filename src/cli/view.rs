//! What the camera shows and what the daemon's eye makes of it, for whoever aims a camera:
//! `doorward snapshot` and `doorward try`. Nothing here can move the relay.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde_json::{Value, json};

use super::second_camera::{Given, SecondCamera};
use crate::access::{Decision, Policy};
use crate::camera::{self, CameraError, Frame, FrameSource, Next};
use crate::cohort::Score;
use crate::config::{self, Config};
use crate::daemon::{MappingError, mapping_file};
use crate::database::Database;
use crate::drawing::{Mark, Tone};
use crate::liveness::Look;
use crate::recognise::{FaceReport, Flaw, FrameUse, Quality, Recogniser, Seen};
use crate::risk::Threshold;
use crate::vision::Vision;
use crate::whitelist::{Match, Snapshot};

/// How long one wait for a frame may take, so that a stop is seen in time.
const MAX_WAIT: Duration = Duration::from_millis(200);
/// More than this of [`Quality::turned`] costs score; one face of LFW in a hundred has it.
const MAX_TURNED: f32 = 0.4;
/// Of the line through the eyes, in degrees. Aligning sets right what is less.
const MAX_TILT_DEG: f32 = 25.0;

/// The camera with the daemon's eye behind it.
pub(super) struct View {
    source: Box<dyn FrameSource>,
    /// The infrared camera, where there is one.
    second: Option<SecondCamera>,
    recogniser: Recogniser,
    whitelist: Snapshot,
    settings: config::Vision,
    pub threshold: Threshold,
    /// Silence of the camera that is a fault.
    stall: Duration,
}

/// A frame and what is in it.
pub(super) struct Looked {
    pub frame: Frame,
    /// The largest first.
    pub faces: Vec<FaceReport>,
    /// What the daemon would have decided.
    pub decisions: Vec<Decision>,
}

impl View {
    /// With every frame looked at, whatever `vision.economy` says.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let guarded = Database::is_guarded(&config.whitelist.database);
        let second_eye = match mapping_file::second_eye(config) {
            // Cameras are aimed before that is learnt; without it nobody is let in.
            Err(error @ MappingError::Missing { .. }) => {
                log::warn!("{error}");
                None
            }
            other => other?,
        };
        let source = camera::open(&config.camera).map_err(|error| match error {
            CameraError::Busy { device } if guarded => anyhow!(
                "doorward guards the door with {}; for as long as you try, stop it: `sudo systemctl stop doorward`, and afterwards `sudo systemctl start doorward`",
                device.display()
            ),
            other => other.into(),
        })?;
        let infrared = config.camera.infrared.as_ref();
        let infrared = infrared.filter(|_| second_eye.is_some());
        let second = infrared.map(|infrared| SecondCamera::open(&infrared.camera));
        let second = second.transpose()?;
        let vision = Vision::open(&config.models, &config.vision)?.with_pad(config)?;
        let whitelist = super::whitelist_or_none(config, &vision)?;
        let threshold = whitelist.matcher.threshold()?;
        let settings = config::Vision {
            economy: false,
            ..config.vision.clone()
        };
        let policy = Policy::new(
            &config.access,
            crate::liveness::Checks::new(&config.liveness, &config.camera),
            threshold.score,
        );
        Ok(Self {
            source,
            second,
            recogniser: Recogniser::new(vision, &settings, policy).with_second_eye(second_eye),
            whitelist,
            settings,
            threshold,
            stall: Duration::from_millis(config.camera.stall_ms),
        })
    }

    pub fn describe(&self) -> String {
        let first = self.source.describe();
        match &self.second {
            Some(second) => format!("{first}; infrared: {}", second.description),
            None => first,
        }
    }

    /// The next frame, looked at; nothing at the end of a recording or once `ended`.
    pub fn next(&mut self, ended: impl Fn() -> bool) -> anyhow::Result<Option<Looked>> {
        let Some(mut frame) = self.frame(ended)? else {
            return Ok(None);
        };
        // The picture stays with whoever draws on it.
        let picture = frame.to_rgb();
        if let Some(second) = &self.second {
            second.hand_over(Duration::ZERO, |given| {
                match given {
                    Given::Frame(frame) => self.recogniser.give_infrared(frame),
                    Given::Lost(None) => self.recogniser.infrared_lost(),
                    Given::Lost(Some(error)) => return Err(error.into()),
                }
                Ok(())
            })?;
        }
        let outcome = self
            .recogniser
            .look(&mut frame, &self.whitelist, false, Instant::now)?;
        let faces = match outcome.seen {
            Seen::Faces(faces) => faces,
            Seen::Nothing => Vec::new(),
        };
        Ok(Some(Looked {
            frame: Frame::rgb(picture, frame.at, frame.sequence, frame.origin.clone()),
            faces,
            decisions: outcome.decisions,
        }))
    }

    /// The next frame as it comes.
    pub fn frame(&mut self, ended: impl Fn() -> bool) -> anyhow::Result<Option<Frame>> {
        let until = Instant::now() + self.stall;
        while !ended() {
            match self.source.next_frame(MAX_WAIT) {
                Ok(Next::Frame(frame)) => return Ok(Some(frame)),
                Ok(Next::Ended) => return Ok(None),
                Err(error) if error.is_passing() && Instant::now() < until => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// What is said of a face.
    pub fn tell(&self, face: &FaceReport) -> Said {
        let needed = self.threshold.score;
        let remarks = remarks(face);
        if let FrameUse::Flawed(flaw) = face.frame_use {
            return Said {
                who: "cannot judge".into(),
                what: self.of_flaw(flaw, face.quality),
                tone: Tone::Unclear,
                remarks,
            };
        }
        match face.identity {
            Some(found) => {
                let reached = self.threshold.is_reached_by(found.score);
                let enabled = self.whitelist.directory.is_enabled(found.person);
                let name = self.whitelist.directory.name_of(found.person);
                let (who, tone) = match (reached, enabled) {
                    (true, true) => (name, Tone::Good),
                    (true, false) => (format!("{name} (disabled)"), Tone::Bad),
                    (false, _) => ("not listed".into(), Tone::Bad),
                };
                let what = format!("score {:.2}, threshold {needed:.2}", found.score);
                Said {
                    who,
                    what,
                    tone,
                    remarks,
                }
            }
            None if face.frame_use == FrameUse::Compared => Said {
                who: "not listed".into(),
                what: "nobody is listed yet, see `doorward enroll`".into(),
                tone: Tone::Bad,
                remarks,
            },
            None => Said {
                who: "a face".into(),
                what: "the same picture as before".into(),
                tone: Tone::Unclear,
                remarks,
            },
        }
    }

    /// With the number that is short, and what it has to be.
    fn of_flaw(&self, flaw: Flaw, quality: Option<Quality>) -> String {
        let Some(q) = quality else {
            return "outside the picture".into();
        };
        let s = &self.settings;
        match flaw {
            Flaw::TooSmall => format!("too far: {:.0} pixels, needs {}", q.size_px, s.min_face_px),
            Flaw::Dark => format!(
                "too dark: brightness {:.0}, needs {:.0}",
                q.luma, s.min_luma
            ),
            Flaw::Blurred => format!(
                "blurred: sharpness {:.0}, needs {:.0}",
                q.sharpness, s.min_sharpness
            ),
            Flaw::Cut => format!(
                "outside the picture: {:.0} % of the face, at most {:.0} %",
                q.outside * 100.0,
                s.max_outside * 100.0
            ),
            Flaw::LowDetectorScore => format!(
                "half hidden or turned away: detector {:.2}, needs {:.2}",
                q.detector_score, s.min_detector_score
            ),
            Flaw::UpsideDown => "upside down: see camera.rotate".into(),
        }
    }

    pub fn mark(&self, face: &FaceReport) -> Mark {
        let said = self.tell(face);
        let mut lines = vec![said.who, said.what];
        lines.extend(face.quality.map(|q| measured(&q)));
        Mark {
            rect: face.rect,
            landmarks: face.landmarks.to_vec(),
            lines,
            tone: said.tone,
        }
    }

    pub fn as_json(&self, face: &FaceReport) -> Value {
        let flaw = match face.frame_use {
            FrameUse::Flawed(flaw) => Some(flaw.code()),
            FrameUse::Compared | FrameUse::Skipped => None,
        };
        let directory = &self.whitelist.directory;
        let reached = |found: &Match| self.threshold.is_reached_by(found.score);
        let score = |found: Match| -> Score { found.score };
        json!({
            "rect": face.rect,
            "landmarks": face.landmarks,
            "detector_score": face.quality.map(|q| q.detector_score),
            "name": face.identity.filter(reached).map(|found| directory.name_of(found.person)),
            "person_id": face.identity.filter(reached).map(|found| found.person),
            "score": face.identity.map(score),
            "flaw": flaw,
            "infrared": face.infrared.map(|look| infrared_json(&look)),
            "quality": face.quality.map(|q| json!({
                "size_px": q.size_px,
                "sharpness": q.sharpness,
                "luma": q.luma,
                "turned": q.turned,
                "outside": q.outside,
            })),
        })
    }
}

/// What is said of a face.
pub(super) struct Said {
    pub who: String,
    /// The decision with its numbers, or what keeps from one.
    pub what: String,
    pub tone: Tone,
    /// What would make it better.
    pub remarks: Vec<String>,
}

/// What costs score although the face can be judged.
fn remarks(face: &FaceReport) -> Vec<String> {
    let mut remarks = Vec::new();
    let [left, right, ..] = face.landmarks;
    let tilt = (right[1] - left[1]).atan2(right[0] - left[0]).to_degrees();
    if tilt.abs() > MAX_TILT_DEG {
        remarks.push(format!("tilted by {:.0} degrees", tilt.abs()));
    }
    if face.quality.is_some_and(|q| q.turned > MAX_TURNED) {
        remarks.push("turned aside".into());
    }
    remarks.extend(face.infrared.map(|look| infrared_values(&look)));
    remarks
}

/// What `[camera.infrared]` has limits for.
fn infrared_values(look: &Look) -> String {
    match look {
        Look::Unmatched { nearest: None, .. } => "infrared: no picture".into(),
        Look::Unmatched {
            nearest: Some(time),
            ..
        } => format!(
            "infrared: the nearest picture is {} ms off",
            time.as_millis()
        ),
        Look::Seen {
            skew,
            brightness,
            offset,
        } => {
            let offset = match offset {
                Some(offset) => format!("offset {offset:.2}"),
                None => "no face".into(),
            };
            let light = match brightness {
                Some(light) => format!("contrast {:.2}, range {:.2}", light.contrast, light.range),
                None => "outside the picture".into(),
            };
            format!("infrared: {offset}, {light}, {} ms apart", skew.as_millis())
        }
    }
}

fn infrared_json(look: &Look) -> Value {
    let ms = |time: &Duration| time.as_secs_f64() * 1000.0;
    match look {
        Look::Unmatched { nearest, .. } => json!({ "skew_ms": nearest.as_ref().map(ms) }),
        Look::Seen {
            skew,
            brightness,
            offset,
        } => json!({
            "skew_ms": ms(skew),
            "offset": offset,
            "contrast": brightness.map(|light| light.contrast),
            "range": brightness.map(|light| light.range),
        }),
    }
}

/// The figures that `[vision]` has limits for.
pub(super) fn measured(q: &Quality) -> String {
    format!(
        "{:.0} px, brightness {:.0}, sharpness {:.0}",
        q.size_px, q.luma, q.sharpness
    )
}
