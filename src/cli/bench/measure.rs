//! The measurements of `doorward bench`, each on the daemon's own parts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::scene::{self, SIZE, Stage};
use crate::access::{Decision, Policy};
use crate::camera::{self, Frame, FrameFault, Layout, Next, Pool, Shape};
use crate::config::Config;
use crate::embedding::Embedding;
use crate::recognise::{FaceReport, Recogniser, Seen, Spent};
use crate::vision::Vision;
use crate::whitelist::Snapshot;

/// Pictures a second of the pretended camera.
const FPS: u32 = 15;
/// Frames of an approach: three seconds.
const APPROACH: u32 = 45;
/// Different frames of an empty scene.
const IDLE: u64 = 60;
/// Frames that are looked at before any counts.
const WARM_UP: u32 = 3;
/// Camera time between two frames that are recomputed: to each other they are nothing.
const APART: Duration = Duration::from_millis(1500);

/// Quantiles of what was measured, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Quantiles {
    /// Half of the frames took no longer.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
}

impl Quantiles {
    pub(super) fn of(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let last = ms.len().saturating_sub(1) as f64;
            ms.get((last * share).round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Self {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

/// One frame after the other with everything recomputed.
#[derive(Debug, Serialize)]
pub(crate) struct Recomputed {
    /// What the camera gives.
    pub format: String,
    /// Frames looked at.
    pub frames: usize,
    /// Faces found in all of them.
    pub faces: usize,
    /// Whole time over the time inside ONNX Runtime, the median of all frames.
    pub ratio_to_floor: f64,
    /// Time of each stage.
    pub stages: Vec<(&'static str, Quantiles)>,
}

/// A listed person who walks up to the door.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Visit {
    /// CPU time of all frames, in milliseconds.
    pub cpu_ms: f64,
    /// The frame that let the person in, from 0; nothing if none did.
    pub decided_at: Option<u32>,
    /// The first frame with a face that could be judged.
    pub usable_at: Option<u32>,
    /// Score of the grant.
    pub score: Option<f32>,
    /// Embeddings made.
    pub embedded: u32,
}

/// The parts a measurement runs.
pub(crate) struct Rig {
    stage: Stage,
    pool: Arc<Pool>,
    shape: Shape,
    whitelist: Snapshot,
    config: Config,
    policy: Policy,
}

impl Rig {
    /// With so many people on the whitelist, the portrait's one of them.
    pub fn new(config: &Config, people: usize) -> anyhow::Result<(Self, Vision)> {
        let stage = Stage::new()?;
        let mut vision = Vision::open(&config.models, &config.vision)?.with_pad(config)?;
        let found = vision.detect(stage.portrait())?;
        let face = found.first().context("no face in the portrait")?;
        let aligned = vision.align(stage.portrait(), face);
        let aligned = aligned.context("the portrait's face lies outside it")?;
        let template = vision.embed(&aligned)?;
        let (model, size) = (template.model().clone(), template.as_slice().len());
        let mut random = fastrand::Rng::with_seed(1);
        let strangers = (1..people.max(1)).filter_map(|n| {
            let values = (0..size).map(|_| random.f32() - 0.5).collect();
            Some((
                format!("stranger {n}"),
                Embedding::new(&model, values).ok()?,
            ))
        });
        let listed = std::iter::once(("listed".to_owned(), template)).chain(strangers);
        let asked = config.access.threshold_request();
        let whitelist = Snapshot::of(vision.version(), vision.scoring(), asked, listed)?;
        // A hundred thousand people are beyond any calibration; the time is the same.
        let threshold = whitelist.matcher.threshold_with(people.min(100))?;
        let rig = Self {
            stage,
            pool: Arc::default(),
            shape: Shape {
                width: SIZE.0,
                height: SIZE.1,
                stride: SIZE.0 * 2,
            },
            whitelist,
            policy: Policy::new(
                &config.access,
                crate::liveness::Checks::new(&config.liveness, &config.camera),
                threshold.score,
            ),
            config: config.clone(),
        };
        Ok((rig, vision))
    }

    /// A picture of the scene; see [`Stage::frame`].
    pub(super) fn picture(&self, portrait: Option<(f32, [f32; 2])>, seed: u64) -> image::RgbImage {
        self.stage.frame(portrait, 1.0, seed)
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn whitelist(&self) -> &Snapshot {
        &self.whitelist
    }

    /// The daemon's own recogniser with these networks.
    pub fn recogniser(&self, vision: Vision, economy: bool) -> Recogniser {
        let mut settings = self.config.vision.clone();
        settings.economy = economy;
        Recogniser::new(vision, &settings, self.policy.clone())
    }

    /// A frame as the camera gives it.
    fn captured(&self, layout: Layout, buffer: &[u8], at: Instant) -> Result<Frame, FrameFault> {
        Frame::captured(layout, self.shape, buffer, &self.pool, at, 0)
    }

    /// Everything recomputed, frame by frame, in both of a camera's usual formats.
    pub(crate) fn recomputed(
        &self,
        recogniser: &mut Recogniser,
        turns: u32,
    ) -> anyhow::Result<[Recomputed; 2]> {
        let pictures: Vec<_> = (0..8)
            .map(|n| {
                self.stage
                    .frame(Some((110.0, [300.0 + n as f32 * 5.0, 200.0])), 1.0, n)
            })
            .collect();
        let yuyv: Vec<Vec<u8>> = pictures.iter().map(scene::to_yuyv).collect();
        let jpeg: Vec<Vec<u8>> = pictures
            .iter()
            .map(scene::to_jpeg)
            .collect::<anyhow::Result<_>>()?;
        let mut both = [Meter::new("YUYV"), Meter::new("MJPG")];
        let base = Instant::now();
        // Interleaved, so that whatever else the machine does falls on both alike.
        for turn in 0..turns + WARM_UP {
            let at = base + 2 * APART * turn;
            let (y, j) = (
                yuyv.get(turn as usize % 8).context("no frame")?,
                jpeg.get(turn as usize % 8).context("no frame")?,
            );
            let counts = turn >= WARM_UP;
            let [first, second] = &mut both;
            first.frame(recogniser, &self.whitelist, counts, || {
                Ok(self.captured(Layout::Yuyv, y, at)?)
            })?;
            second.frame(recogniser, &self.whitelist, counts, || {
                Ok(self.captured(Layout::Mjpg, j, at + APART)?)
            })?;
        }
        Ok(both.map(Meter::done))
    }

    /// Camera time of [`Rig::recomputed`] and of a pause after it.
    pub(crate) fn recomputed_takes(turns: u32) -> Duration {
        2 * APART * (turns + WARM_UP) + Duration::from_secs(60)
    }

    /// The same with the configured camera's own frames.
    pub(crate) fn live(
        &self,
        recogniser: &mut Recogniser,
        frames: u32,
    ) -> anyhow::Result<Recomputed> {
        let mut source = camera::open(&self.config.camera)?;
        let mut meter = Meter::new(&source.describe());
        let mut taken = 0;
        let patience = Instant::now() + Duration::from_secs(10 + u64::from(frames));
        while taken < frames {
            ensure!(
                Instant::now() < patience,
                "the camera gave {taken} of {frames} frames"
            );
            match source.next_frame(Duration::from_millis(500)) {
                Ok(Next::Frame(frame)) => {
                    let counts = taken >= WARM_UP;
                    meter.frame(recogniser, &self.whitelist, counts, || Ok(frame))?;
                    taken += 1;
                }
                Ok(Next::Ended) => break,
                Err(error) if error.is_passing() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(meter.done())
    }

    /// The frames of an approach, as the camera gives them.
    pub fn approach(&self) -> Vec<Vec<u8>> {
        (0..APPROACH)
            .map(|n| scene::to_yuyv(&self.stage.approach(n, APPROACH)))
            .collect()
    }

    /// One visit after `base`, when all that was seen before is forgotten. Time is the
    /// pretended camera's; after a grant the door is open.
    pub fn visit(
        &self,
        recogniser: &mut Recogniser,
        frames: &[Vec<u8>],
        base: Instant,
    ) -> anyhow::Result<Visit> {
        let pulse = Duration::from_millis(self.config.door.pulse_ms);
        let mut visit = Visit {
            cpu_ms: 0.0,
            decided_at: None,
            usable_at: None,
            score: None,
            embedded: 0,
        };
        let mut open_until: Option<Instant> = None;
        recogniser.camera_lost(base);
        let embedded = recogniser.spent().vision.embeddings;
        let start = cpu();
        for (number, yuyv) in (0u32..).zip(frames) {
            let at = base + Duration::from_secs(1) * (number + 1) / FPS;
            let mut frame = self.captured(Layout::Yuyv, yuyv, at)?;
            let open = open_until.is_some_and(|until| at < until);
            let outcome = recogniser.look(&mut frame, &self.whitelist, open, || at)?;
            if let Seen::Faces(faces) = &outcome.seen
                && faces.iter().any(FaceReport::is_usable)
            {
                visit.usable_at.get_or_insert(number);
            }
            for decision in outcome.decisions {
                if let Decision::Grant(grant) = decision {
                    visit.decided_at.get_or_insert(number);
                    if let Some(claim) = grant.basis().face() {
                        visit.score.get_or_insert(claim.score.value());
                    }
                    open_until = Some(at + pulse);
                }
            }
        }
        visit.cpu_ms = (cpu() - start).as_secs_f64() * 1000.0;
        visit.embedded = recogniser.spent().vision.embeddings - embedded;
        Ok(visit)
    }

    /// The frames of an empty scene: sensor noise, and light that comes and goes slowly.
    pub(crate) fn idle_frames(&self) -> Vec<Vec<u8>> {
        (0..IDLE)
            .map(|n| {
                let turn = n as f32 / IDLE as f32 * std::f32::consts::TAU;
                scene::to_yuyv(&self.stage.frame(None, 1.0 + 0.02 * turn.sin(), n))
            })
            .collect()
    }

    /// Share of one core that an empty scene takes, in percent. `scenes` is how often
    /// the frames are shown.
    pub fn idle(
        &self,
        recogniser: &mut Recogniser,
        frames: &[Vec<u8>],
        scenes: u32,
        base: Instant,
    ) -> anyhow::Result<f64> {
        let mut number = 0u32;
        let mut spent = Duration::ZERO;
        for scene in 0..scenes + 1 {
            for yuyv in frames {
                let at = base + Duration::from_secs(1) * number / FPS;
                let start = cpu();
                let mut frame = self.captured(Layout::Yuyv, yuyv, at)?;
                recogniser.look(&mut frame, &self.whitelist, false, || at)?;
                drop(frame);
                // The first time through the eye gets used to the scene.
                if scene > 0 {
                    spent += cpu() - start;
                }
                number += 1;
            }
        }
        let shown = f64::from(scenes) * frames.len() as f64 / f64::from(FPS);
        Ok(spent.as_secs_f64() / shown * 100.0)
    }

    /// Seconds of the pretended camera that so many frames take.
    pub(crate) fn seconds(frames: usize) -> Duration {
        Duration::from_secs(1) * frames as u32 / FPS
    }
}

/// Collects the times of frames that are looked at whole.
struct Meter {
    format: String,
    faces: usize,
    ratios: Vec<f64>,
    stages: Vec<(&'static str, Vec<f64>)>,
}

impl Meter {
    fn new(format: &str) -> Self {
        Self {
            format: format.to_owned(),
            faces: 0,
            ratios: Vec::new(),
            stages: Vec::new(),
        }
    }

    fn frame(
        &mut self,
        recogniser: &mut Recogniser,
        whitelist: &Snapshot,
        counts: bool,
        take: impl FnOnce() -> anyhow::Result<Frame>,
    ) -> anyhow::Result<()> {
        let before = recogniser.spent();
        let start = Instant::now();
        let mut frame = take()?;
        let taken = start.elapsed();
        let at = frame.at;
        let outcome = recogniser.look(&mut frame, whitelist, false, || at)?;
        drop(frame);
        let whole = start.elapsed();
        if !counts {
            return Ok(());
        }
        let after = recogniser.spent();
        let since = |of: fn(&Spent) -> Duration| of(&after).saturating_sub(of(&before));
        let [p, r, o] = [
            since(|s| s.vision.detector_sessions[0]),
            since(|s| s.vision.detector_sessions[1]),
            since(|s| s.vision.detector_sessions[2]),
        ];
        let embedder = since(|s| s.vision.embedder_session);
        let floor = p + r + o + embedder;
        if let Seen::Faces(faces) = &outcome.seen {
            self.faces += faces.len();
        }
        self.ratios.push(whole.as_secs_f64() / floor.as_secs_f64());
        for (name, took) in [
            ("take", taken),
            ("to RGB", since(|s| s.convert)),
            ("P-Net", p),
            ("R-Net", r),
            ("O-Net", o),
            (
                "detector glue",
                since(|s| s.vision.detect).saturating_sub(p + r + o),
            ),
            ("align, quality", since(|s| s.vision.align + s.quality)),
            ("embedder", embedder),
            (
                "embedder glue",
                since(|s| s.vision.embed).saturating_sub(embedder),
            ),
            ("match", since(|s| s.identify)),
            ("decide", since(|s| s.decide)),
            ("whole", whole),
        ] {
            let ms = took.as_secs_f64() * 1000.0;
            match self.stages.iter_mut().find(|(n, _)| *n == name) {
                Some((_, all)) => all.push(ms),
                None => self.stages.push((name, vec![ms])),
            }
        }
        Ok(())
    }

    fn done(self) -> Recomputed {
        Recomputed {
            format: self.format,
            frames: self.ratios.len(),
            faces: self.faces,
            ratio_to_floor: Quantiles::of(self.ratios).p50,
            stages: self
                .stages
                .into_iter()
                .map(|(name, ms)| (name, Quantiles::of(ms)))
                .collect(),
        }
    }
}

/// CPU time of this process, all threads.
pub fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}
