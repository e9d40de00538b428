//! The measurements of `doorward bench`, each on the daemon's own parts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::scene::{self, SIZE, Stage};
use crate::access::{Access, Decision, Input, Policy, Sighting};
use crate::camera::{self, Frame, FrameFault, Layout, Next, Pool, Shape};
use crate::config::Config;
use crate::daemon::eye::{Eye, Seen};
use crate::embedding::Embedding;
use crate::vision::{Spent, Vision};
use crate::whitelist::Snapshot;

/// Pictures a second of the pretended camera.
const FPS: u32 = 15;
/// Frames of an approach: three seconds.
const APPROACH: u32 = 45;
/// Different frames of an empty scene.
const IDLE: u64 = 60;

/// Quantiles of what was measured, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Quantiles {
    /// Half of the frames took no longer.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
}

impl Quantiles {
    fn of(mut ms: Vec<f64>) -> Self {
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
pub struct Recomputed {
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
pub struct Visit {
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
pub struct Rig {
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
        let mut vision = Vision::open(&config.models, &config.vision)?;
        let found = vision.detect(stage.portrait())?;
        let face = found.first().context("no face in the portrait")?;
        let aligned = vision.align(stage.portrait(), face)?;
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
        let asked = config.access.asked();
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
            policy: Policy::new(&config.access, threshold.score.value()),
            config: config.clone(),
        };
        Ok((rig, vision))
    }

    /// An eye with these networks.
    pub fn eye(&self, vision: Vision, economy: bool) -> Eye {
        let mut settings = self.config.vision.clone();
        settings.economy = economy;
        Eye::new(vision, &settings, &self.config.access)
    }

    /// A frame as the camera gives it.
    fn captured(&self, layout: Layout, buffer: &[u8], at: Instant) -> Result<Frame, FrameFault> {
        Frame::captured(layout, self.shape, buffer, &self.pool, at, 0)
    }

    /// Everything recomputed, frame by frame, in both of a camera's usual formats.
    pub fn recomputed(&self, eye: &mut Eye, turns: u32) -> anyhow::Result<[Recomputed; 2]> {
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
        for turn in 0..turns + 3 {
            let at = base + Duration::from_millis(u64::from(turn) * 3000);
            let (y, j) = (
                yuyv.get(turn as usize % 8).context("no frame")?,
                jpeg.get(turn as usize % 8).context("no frame")?,
            );
            let counts = turn >= 3;
            let [first, second] = &mut both;
            first.frame(eye, &self.whitelist, &self.policy, counts, || {
                Ok(self.captured(Layout::Yuyv, y, at)?)
            })?;
            second.frame(eye, &self.whitelist, &self.policy, counts, || {
                let at = at + Duration::from_millis(1500);
                Ok(self.captured(Layout::Mjpg, j, at)?)
            })?;
        }
        Ok(both.map(Meter::done))
    }

    /// The same with the configured camera's own frames.
    pub fn live(&self, eye: &mut Eye, frames: u32) -> anyhow::Result<Recomputed> {
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
                    meter.frame(eye, &self.whitelist, &self.policy, taken >= 3, || Ok(frame))?;
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

    /// One visit. Time is the pretended camera's; after a grant the door is open.
    pub fn visit(&self, eye: &mut Eye, frames: &[Vec<u8>], base: Instant) -> anyhow::Result<Visit> {
        let mut access = Access::new(self.policy.clone());
        let pulse = Duration::from_millis(self.config.door.pulse_ms);
        let economy = eye.is_economical();
        let mut visit = Visit {
            cpu_ms: 0.0,
            decided_at: None,
            usable_at: None,
            score: None,
            embedded: 0,
        };
        let mut open_until: Option<Instant> = None;
        eye.forget();
        let embedded = eye.vision().spent().embeddings;
        let start = cpu();
        for (number, yuyv) in (0u32..).zip(frames) {
            let at = base + Duration::from_secs(1) * number / FPS;
            let mut frame = self.captured(Layout::Yuyv, yuyv, at)?;
            if economy && open_until.is_some_and(|until| at < until) {
                continue;
            }
            let Seen::Faces(faces) = eye.look(&mut frame, &self.whitelist)? else {
                continue;
            };
            if faces.iter().any(crate::access::Judgement::is_usable) {
                visit.usable_at.get_or_insert(number);
            }
            let sighting = Sighting {
                taken_at: at,
                faces,
            };
            for decision in access.step(at, Input::Frame(sighting)) {
                if let Decision::Grant { track, score, .. } = decision {
                    visit.decided_at.get_or_insert(number);
                    visit.score.get_or_insert(score);
                    open_until = Some(at + pulse);
                    eye.rest(track, at + access.cooldown());
                }
            }
        }
        visit.cpu_ms = (cpu() - start).as_secs_f64() * 1000.0;
        visit.embedded = eye.vision().spent().embeddings - embedded;
        Ok(visit)
    }

    /// The frames of an empty scene: sensor noise, and light that comes and goes slowly.
    pub fn idle_frames(&self) -> Vec<Vec<u8>> {
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
        eye: &mut Eye,
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
                eye.look(&mut frame, &self.whitelist)?;
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
    pub fn seconds(frames: usize) -> Duration {
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
        eye: &mut Eye,
        whitelist: &Snapshot,
        policy: &Policy,
        counts: bool,
        take: impl FnOnce() -> anyhow::Result<Frame>,
    ) -> anyhow::Result<()> {
        let before = eye.vision().spent();
        let eyes_before = eye.spent();
        let start = Instant::now();
        let mut frame = take()?;
        let taken = start.elapsed();
        let seen = eye.look(&mut frame, whitelist)?;
        let looked = start.elapsed();
        let faces = match seen {
            Seen::Faces(faces) => faces,
            Seen::Nothing => Vec::new(),
        };
        let count = faces.len();
        let sighting = Sighting {
            taken_at: frame.at,
            faces,
        };
        let mut access = Access::new(policy.clone());
        access.step(frame.at, Input::Frame(sighting));
        drop(frame);
        let whole = start.elapsed();
        if !counts {
            return Ok(());
        }
        let after = eye.vision().spent();
        let since = |of: fn(&Spent) -> Duration| of(&after).saturating_sub(of(&before));
        let [p, r, o] = [0, 1, 2].map(|i| {
            let of = |s: &Spent| s.detector_sessions.get(i).copied().unwrap_or_default();
            of(&after).saturating_sub(of(&before))
        });
        let embedder = since(|s| s.embedder_session);
        let floor = p + r + o + embedder;
        let eyes = eye.spent();
        self.faces += count;
        self.ratios.push(whole.as_secs_f64() / floor.as_secs_f64());
        for (name, took) in [
            ("take", taken),
            ("to RGB", eyes.convert.saturating_sub(eyes_before.convert)),
            ("P-Net", p),
            ("R-Net", r),
            ("O-Net", o),
            (
                "detector glue",
                since(|s| s.detect).saturating_sub(p + r + o),
            ),
            ("align, quality", since(|s| s.align)),
            ("embedder", embedder),
            ("embedder glue", since(|s| s.embed).saturating_sub(embedder)),
            ("match", eyes.search.saturating_sub(eyes_before.search)),
            ("decide", whole.saturating_sub(looked)),
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
