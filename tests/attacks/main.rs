//! Made-up attacks and made-up people before the real eye: what the checks of a face that need
//! nothing but a camera refuse, and what they do not. What it prints are no error rates: an
//! attacker has more ideas than this, and no lens, print or screen was there.
//!
//! `make test` shows a few of each kind, `make test-attacks` many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clips;
mod kinds;
mod stage;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use doorward::access::{Decision, DenialReason, Policy};
use doorward::camera::Frame;
use doorward::cohort::Score;
use doorward::config::Config;
use doorward::liveness::Checks;
use doorward::recognise::Recogniser;
use doorward::vision::Vision;
use doorward::whitelist::Snapshot;
use image::RgbImage;

use kinds::{Kind, Presentation, Props};

/// Frames a second, of the pretended camera; unoptimised each costs ten times as much.
const FPS: f32 = if cfg!(debug_assertions) { 8.0 } else { 15.0 };
/// How long something is shown at most.
const SHOWN_SECONDS: f32 = 4.0;
/// How many of each kind, and of photos on a stand.
const VARIATIONS: usize = if cfg!(debug_assertions) { 1 } else { 12 };
const STANDS: usize = if cfg!(debug_assertions) { 3 } else { 60 };
const PIECES: usize = if cfg!(debug_assertions) { 1 } else { 8 };

/// What became of a presentation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    LetIn,
    Refused(DenialReason),
    /// Not decided while it was shown.
    Neither,
}

/// A whitelist with the face of this picture.
fn listed(vision: &mut Vision, config: &Config, picture: &RgbImage) -> Option<Snapshot> {
    let face = *vision.detect(picture).unwrap().first()?;
    let aligned = vision.align(picture, &face)?;
    let template = vision.embed(&aligned).unwrap();
    let asked = config.access.threshold_request();
    let who = [("Somebody".into(), template)];
    Some(Snapshot::of(vision.version(), vision.scoring(), asked, who).unwrap())
}

/// A recogniser with its checks; each presentation begins anew.
struct Eye {
    recogniser: Recogniser,
    at: Instant,
}

impl Eye {
    fn new(config: &Config, checks: Checks) -> Self {
        let vision = Vision::open(&config.models, &config.vision).unwrap();
        let policy = Policy::new(&config.access, checks, Score::new(0.35));
        Self {
            recogniser: Recogniser::new(vision, &config.vision, policy),
            at: Instant::now(),
        }
    }

    fn watch(
        &mut self,
        whitelist: &Snapshot,
        fps: f32,
        frames: impl Iterator<Item = RgbImage>,
    ) -> Outcome {
        // Whoever was there before is long gone.
        let start = self.at + Duration::from_secs(3600);
        self.recogniser
            .whitelist_changed(start - Duration::from_secs(1));
        for (n, picture) in (0u64..).zip(frames) {
            self.at = start + Duration::from_secs_f32(n as f32 / fps);
            let at = self.at;
            let mut frame = Frame::rgb(picture, at, n, None);
            let outcome = self.recogniser.look(&mut frame, whitelist, false, || at);
            for decision in outcome.unwrap().decisions {
                match decision {
                    Decision::Grant(_) => return Outcome::LetIn,
                    Decision::Deny(denial) => return Outcome::Refused(denial.reason),
                    _ => {}
                }
            }
        }
        Outcome::Neither
    }
}

/// How often each outcome was.
#[derive(Debug, Default, Clone, Copy)]
struct Row {
    shown: usize,
    frozen: usize,
    let_in: usize,
    neither: usize,
    /// With the coupling check too.
    coupled: usize,
    let_in_then: usize,
}

impl Row {
    fn add(&mut self, alone: Outcome, with_coupling: Outcome) {
        self.shown += 1;
        match alone {
            Outcome::Refused(DenialReason::FrozenFace) => self.frozen += 1,
            Outcome::LetIn => self.let_in += 1,
            _ => self.neither += 1,
        }
        match with_coupling {
            Outcome::Refused(DenialReason::CoupledFace) => self.coupled += 1,
            Outcome::LetIn => self.let_in_then += 1,
            _ => {}
        }
    }

    fn print(&self, kind: &str) {
        let Self {
            shown,
            frozen,
            let_in,
            neither,
            coupled,
            let_in_then,
        } = self;
        println!(
            "{kind:<33} {shown:>5} {frozen:>7} {let_in:>7} {neither:>8} {coupled:>9} {let_in_then:>7}"
        );
    }
}

#[test]
fn photos_on_a_stand_are_refused_and_nobody_who_lives() {
    let mut config = support::config();
    config.models.threads = 1;
    let mut vision = Vision::open(&config.models, &config.vision).unwrap();
    let props = Props::load();
    let known: Vec<Snapshot> = props
        .people
        .iter()
        .map(|person| listed(&mut vision, &config, &person.photo).unwrap())
        .collect();
    let plain = Checks::new(&config.liveness, &config.camera);
    assert!(plain.min_movement.is_some(), "it is on by default");
    config.liveness.coupling = true;
    let mut eye = Eye::new(&config, plain);
    let mut with_coupling = Eye::new(&config, Checks::new(&config.liveness, &config.camera));

    println!(
        "\nMade-up presentations: how many of each were refused by which check. No error rates.\n"
    );
    println!(
        "{:<33} {:>5} {:>7} {:>7} {:>8} {:>9} {:>7}",
        "", "shown", "frozen", "let in", "neither", "coupled *", "let in *"
    );
    let mut faults = Vec::new();
    for kind in Kind::ALL {
        let mut row = Row::default();
        let variations = match kind {
            Kind::PhotoOnStand => STANDS,
            _ => VARIATIONS,
        };
        for variation in 0..variations {
            let shown = Presentation::new(kind, variation, &props);
            let whitelist = &known[variation % known.len()];
            let frames = || {
                let count = (SHOWN_SECONDS * FPS) as u64;
                (0..count).map(|n| shown.frame(n, n as f32 / FPS))
            };
            let alone = eye.watch(whitelist, FPS, frames());
            let both = match alone {
                Outcome::Refused(DenialReason::FrozenFace) => alone,
                _ => with_coupling.watch(whitelist, FPS, frames()),
            };
            row.add(alone, both);
            let is_right = match kind.is_bona_fide() {
                true => alone == Outcome::LetIn,
                false if kind.is_still() => alone == Outcome::Refused(DenialReason::FrozenFace),
                false => true,
            };
            if !is_right {
                faults.push(format!("{} {variation}: {alone:?}", kind.name()));
            }
        }
        row.print(kind.name());
    }

    let pieces = clips::pieces(PIECES);
    let (mut real, mut replayed) = (Row::default(), Row::default());
    for piece in &pieces {
        // Whoever is seen first is listed; a piece may show others later.
        let Some(whitelist) = listed(&mut vision, &config, &piece[0]) else {
            continue;
        };
        let alone = eye.watch(&whitelist, 15.0, piece.iter().cloned());
        real.add(
            alone,
            with_coupling.watch(&whitelist, 15.0, piece.iter().cloned()),
        );
        if alone == Outcome::Refused(DenialReason::FrozenFace) {
            faults.push(format!("somebody in a clip: {alone:?}"));
        }
        let screen = || {
            (0u64..)
                .zip(piece)
                .map(|(n, frame)| kinds::on_a_screen(&props, frame, n))
        };
        let alone = eye.watch(&whitelist, 15.0, screen());
        replayed.add(alone, with_coupling.watch(&whitelist, 15.0, screen()));
    }
    if real.shown > 0 {
        real.print("people in clips");
        replayed.print("these clips on a screen");
    }
    println!(
        "\n* with the coupling check at {}, which is off by default",
        config.liveness.max_coupling
    );
    assert!(faults.is_empty(), "{faults:#?}");
}
