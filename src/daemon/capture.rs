//! The capture thread of a camera: keeps it open and its mailbox filled.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::events;
use super::heartbeat::Heartbeat;
use super::mailbox::Mailbox;
use super::record_queue::RecordQueue;
use crate::camera::{self, CameraError, FrameSource, Next, RecordingFault, Repeats, Stale};
use crate::config::{self, Pace, Source};
use crate::record::{Event, WhichCamera};

/// How long one wait for a frame may take, so that a stop is seen in time.
const MAX_WAIT: Duration = Duration::from_millis(200);
/// The first pause before a lost camera is tried again; each is twice the one before.
const MIN_BACK_OFF: Duration = Duration::from_millis(250);
/// The longest such pause.
const MAX_BACK_OFF: Duration = Duration::from_secs(10);
/// From one spoilt frame that is logged to the next.
const MIN_LOG_GAP: Duration = Duration::from_secs(10);

/// The capture thread's things.
pub(crate) struct Capture {
    pub which: WhichCamera,
    pub config: config::Camera,
    /// Of them, how old a frame may be.
    pub rules: Arc<ArcSwap<config::Access>>,
    pub mailbox: Arc<Mailbox>,
    pub queue: RecordQueue,
    pub heartbeat: Heartbeat,
    pub stop: Arc<AtomicBool>,
    /// Kept when the camera is opened again: a frozen one gives the same picture then too.
    pub repeats: Repeats,
}

/// What the threads of both cameras have in common.
pub(crate) struct Shared {
    pub rules: Arc<ArcSwap<config::Access>>,
    pub queue: RecordQueue,
    pub stop: Arc<AtomicBool>,
}

impl Shared {
    /// The things of one camera's thread.
    pub(super) fn capture(
        &self,
        which: WhichCamera,
        config: &config::Camera,
        mailbox: &Arc<Mailbox>,
        heartbeat: Heartbeat,
    ) -> Capture {
        Capture {
            which,
            config: config.clone(),
            rules: Arc::clone(&self.rules),
            mailbox: Arc::clone(mailbox),
            queue: self.queue.clone(),
            heartbeat,
            stop: Arc::clone(&self.stop),
            repeats: Repeats::default(),
        }
    }
}

/// Why frames stopped coming.
enum End {
    /// The recording is over.
    Ended,
    /// The daemon stops.
    Stopped,
    /// The camera is gone or silent.
    Lost(CameraError),
}

impl Capture {
    /// Runs until the daemon stops or the recording ends. `source` is the camera if it could be opened
    /// at the start, or why not.
    pub fn run(mut self, source: Result<Box<dyn FrameSource>, CameraError>) {
        let mut opened = source;
        let mut pause = MIN_BACK_OFF;
        let mut known_lost = false;
        loop {
            let end = match opened {
                Ok(mut source) => {
                    match self.which {
                        WhichCamera::Colour => log::info!("camera: {}", source.describe()),
                        WhichCamera::Infrared => {
                            log::info!("infrared camera: {}", source.describe());
                        }
                    }
                    self.watch(&mut *source, &mut known_lost, &mut pause)
                }
                Err(error) => End::Lost(error),
            };
            match end {
                End::Stopped => return,
                End::Ended => {
                    if self.which == WhichCamera::Infrared {
                        self.queue
                            .happened(events::of_loss(self.which, &self.ended()));
                    }
                    self.mailbox.finish();
                    self.heartbeat.retire();
                    return;
                }
                End::Lost(error) => {
                    self.mailbox.lose();
                    // Said once for each loss, however often reopening fails.
                    if known_lost {
                        log::debug!("camera still lost: {error}");
                    } else {
                        self.queue.happened(events::of_loss(self.which, &error));
                    }
                    known_lost = true;
                }
            }
            if !self.wait(pause) {
                return;
            }
            pause = (pause * 2).min(MAX_BACK_OFF);
            self.heartbeat.beat();
            opened = camera::open(&self.config);
            self.heartbeat.beat();
        }
    }

    fn watch(
        &mut self,
        source: &mut dyn FrameSource,
        known_lost: &mut bool,
        pause: &mut Duration,
    ) -> End {
        let live = self.config.source == Source::V4l2;
        let stall = Duration::from_millis(self.config.stall_ms);
        let start = Instant::now();
        // When the last frame came that counts, and the last of any kind.
        let (mut good, mut any) = (start, start);
        let mut stale = Stale::default();
        let mut spoilt: Option<CameraError> = None;
        let mut complained: Option<Instant> = None;
        while !self.stop.load(Ordering::Relaxed) {
            self.heartbeat.beat();
            let oldest = Duration::from_millis(self.rules.load().max_frame_age_ms);
            match source.next_frame(MAX_WAIT) {
                Ok(Next::Frame(frame)) if live && stale.step(frame.at.elapsed(), oldest) => {
                    any = Instant::now();
                    spoilt = None;
                }
                Ok(Next::Frame(frame)) => {
                    good = Instant::now();
                    any = good;
                    spoilt = None;
                    let most = self.config.max_identical_frames;
                    let same = self.repeats.step(&frame);
                    if most > 0 && same >= most {
                        return End::Lost(CameraError::Frozen {
                            place: self.place().to_owned(),
                            frames: same,
                        });
                    }
                    *pause = MIN_BACK_OFF;
                    if std::mem::take(known_lost) {
                        self.queue.happened(Event::CameraBack {
                            which: self.which,
                            camera: source.describe(),
                        });
                    }
                    if self.config.replay.pace == Pace::EveryFrame && !live {
                        let mut waiting = Some(frame);
                        while let Some(frame) = waiting.take() {
                            if self.stop.load(Ordering::Relaxed) {
                                return End::Stopped;
                            }
                            self.heartbeat.beat();
                            waiting = self.mailbox.put_in_turn(frame, MAX_WAIT);
                        }
                    } else {
                        self.mailbox.put(frame);
                    }
                }
                Ok(Next::Ended) => return End::Ended,
                Err(CameraError::Stalled { .. }) => {}
                Err(error) if error.is_passing() => {
                    any = Instant::now();
                    if complained.is_none_or(|at| at.elapsed() > MIN_LOG_GAP) {
                        complained = Some(any);
                        log::warn!("frame left out: {error}");
                    }
                    spoilt = Some(error);
                }
                Err(error) => return End::Lost(error),
            }
            if live && good.elapsed() > stall {
                // Frames that come and are no good are another trouble than none.
                let coming = any.elapsed() < stall / 2;
                let trouble = || spoilt.or_else(|| stale.told(self.place(), oldest));
                let silent = CameraError::Stalled {
                    place: self.config.device.clone(),
                    waited_ms: self.config.stall_ms,
                };
                let trouble = coming.then(trouble).flatten();
                return End::Lost(trouble.unwrap_or(silent));
            }
        }
        End::Stopped
    }

    /// Why a recording that is over is no second camera any more.
    fn ended(&self) -> CameraError {
        CameraError::Replay {
            path: self.place().to_owned(),
            fault: RecordingFault::Over,
        }
    }

    fn place(&self) -> &Path {
        match self.config.source {
            Source::V4l2 => &self.config.device,
            Source::Replay => &self.config.replay.path,
        }
    }

    /// Waits; false if the daemon stops meanwhile.
    fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            self.heartbeat.beat();
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(MAX_WAIT));
        }
    }
}
