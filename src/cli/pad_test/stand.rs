//! The daemon's own eye and rules, before which something is presented. Nothing here can move
//! the relay.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::folders::Clip;
use super::trial::Trial;
use crate::access::Policy;
use crate::camera::{self, Frame, FrameSource, Next};
use crate::cli::second_camera::{Given, SecondCamera};
use crate::cohort::Score;
use crate::config::{Config, Pace, Source};
use crate::daemon::mapping_file;
use crate::evidence::presentations::{Presentation, Shown};
use crate::liveness::Checks;
use crate::recognise::{Outcome, Recogniser};
use crate::vision::Vision;
use crate::whitelist::Snapshot;

/// How long one wait for a frame may take.
const MAX_WAIT: Duration = Duration::from_millis(200);
/// Frames a second where a recording does not say.
const USUAL_FPS: f64 = 15.0;

pub(super) struct Stand {
    recogniser: Recogniser,
    /// The infrared camera, where there is one and it takes part.
    second: Option<SecondCamera>,
    whitelist: Snapshot,
    policy: Policy,
    stall: Duration,
}

impl Stand {
    /// As the door is configured; whom it does not know it does not let in, and that does not
    /// count here.
    pub(super) fn open(config: &Config) -> anyhow::Result<Self> {
        let vision = Vision::open(&config.models, &config.vision)?.with_pad(config)?;
        let whitelist = crate::cli::whitelist_or_none(config, &vision)?;
        let threshold = match whitelist.matcher.threshold() {
            Ok(threshold) => threshold.score,
            Err(error) => {
                eprintln!("this door lets nobody in, and \"granted\" will be false: {error}");
                Score::new(f32::INFINITY)
            }
        };
        let checks = Checks::new(&config.liveness, &config.camera);
        let policy = Policy::new(&config.access, checks, threshold);
        let second_eye = mapping_file::second_eye(config)?;
        let infrared = config.camera.infrared.as_ref();
        let second = infrared.map(|infrared| SecondCamera::open(&infrared.camera));
        let recogniser = Recogniser::new(vision, &config.vision, policy.clone());
        Ok(Self {
            recogniser: recogniser.with_second_eye(second_eye),
            second: second.transpose()?,
            whitelist,
            policy,
            stall: Duration::from_millis(config.camera.stall_ms),
        })
    }

    pub(super) fn vision(&self) -> &Vision {
        self.recogniser.vision()
    }

    /// Plays a clip: every frame of it, at the times a camera would have taken them.
    ///
    /// # Errors
    /// The clip cannot be read, or a network fails.
    pub(super) fn play(&mut self, clip: &Clip, config: &Config) -> Result<Presentation, PlayError> {
        let mut camera = config.camera.clone();
        camera.source = Source::Replay;
        camera.replay.path = clip.path.clone();
        camera.replay.pace = Pace::EveryFrame;
        camera.replay.repeat = false;
        let unread = |why: String| PlayError::Unread(why);
        let mut source = camera::open(&camera).map_err(|e| unread(e.to_string()))?;
        let fps = source.fps().unwrap_or(USUAL_FPS);
        let mut trial = self.begin();
        let start = Instant::now();
        let mut spoilt = 0u64;
        let mut frames = 0u64;
        loop {
            let mut frame = match source.next_frame(MAX_WAIT) {
                Ok(Next::Frame(frame)) => frame,
                Ok(Next::Ended) => break,
                Err(error) if error.is_passing() => {
                    spoilt += 1;
                    if frames == 0 && spoilt > 1000 {
                        return Err(unread(error.to_string()));
                    }
                    continue;
                }
                Err(error) => return Err(unread(error.to_string())),
            };
            frames += 1;
            frame.at = start + Duration::from_secs_f64(frame.sequence as f64 / fps);
            self.look(&mut trial, &mut frame)
                .map_err(PlayError::Failed)?;
        }
        if frames == 0 {
            let why = match spoilt {
                0 => "it has no frames",
                _ => "none of its frames can be read",
            };
            return Err(unread(why.into()));
        }
        Ok(trial.end(clip.shown.clone(), clip.name.clone()))
    }

    /// Looks at what the camera gives, for `longest` or until it is accepted.
    ///
    /// # Errors
    /// The camera or a network fails.
    pub(super) fn watch(
        &mut self,
        source: &mut dyn FrameSource,
        longest: Duration,
        (shown, name): (&Shown, String),
    ) -> anyhow::Result<Presentation> {
        let mut trial = self.begin();
        let start = Instant::now();
        while start.elapsed() < longest && !trial.is_accepted() {
            let Some(mut frame) = self.frame(source)? else {
                break;
            };
            if frame.at >= start {
                self.look(&mut trial, &mut frame)?;
            }
        }
        Ok(trial.end(shown.clone(), name))
    }

    /// Lets the camera run without looking.
    ///
    /// # Errors
    /// The camera fails.
    pub(super) fn pass(&self, source: &mut dyn FrameSource, time: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            ensure!(
                self.frame(source)?.is_some(),
                "the recording in place of a camera is over"
            );
        }
        Ok(())
    }

    /// Nothing at the end of a recording.
    fn frame(&self, source: &mut dyn FrameSource) -> anyhow::Result<Option<Frame>> {
        let until = Instant::now() + self.stall;
        loop {
            match source.next_frame(MAX_WAIT) {
                Ok(Next::Frame(frame)) => return Ok(Some(frame)),
                Ok(Next::Ended) => return Ok(None),
                Err(error) if error.is_passing() && Instant::now() < until => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Each presentation begins before an eye that has seen nothing.
    fn begin(&mut self) -> Trial {
        self.recogniser.forget_all(self.policy.clone());
        Trial::new(&self.policy)
    }

    fn look(&mut self, trial: &mut Trial, frame: &mut Frame) -> anyhow::Result<()> {
        let at = frame.at;
        let recogniser = &mut self.recogniser;
        if let Some(second) = &self.second {
            second.hand_over(Duration::ZERO, |given| {
                match given {
                    Given::Frame(frame) => recogniser.give_infrared(frame),
                    Given::Lost(None) => recogniser.infrared_lost(),
                    Given::Lost(Some(error)) => return Err(error.into()),
                }
                Ok(())
            })?;
        }
        let outcome: Outcome = self.recogniser.look(frame, &self.whitelist, false, || at)?;
        let face = Trial::presented(&outcome);
        let mean = face.and_then(|face| self.recogniser.network_mean(face.track));
        trial.take(at, &outcome, mean);
        Ok(())
    }
}

/// Why a clip gave nothing.
pub(super) enum PlayError {
    /// The clip is to blame; others may be read.
    Unread(String),
    /// No other will do better.
    Failed(anyhow::Error),
}
