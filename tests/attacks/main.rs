//! Made-up attacks and made-up people before the real eye: what the checks of a face that need
//! nothing but a camera refuse, and what they do not. What it prints are no error rates: an
//! attacker has more ideas than this, and no lens, print or screen was there.
//!
//! `make test` shows a few of each kind, `make test-attacks` many; `DOORWARD_ATTACKS="photo,person"`
//! shows those alone whose name has one of these words in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clips;
mod kinds;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// What is shown beside the kinds.
const CLIPS: [&str; 2] = ["people in clips", "these clips on a screen"];

/// Which of these names are asked for: all, unless `DOORWARD_ATTACKS` says which. A word that
/// is in none of them fails, because nothing would be shown.
fn is_asked(name: &str) -> bool {
    let asked = std::env::var("DOORWARD_ATTACKS").unwrap_or_default();
    let words = || {
        asked
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
    };
    let names = || Kind::ALL.into_iter().map(Kind::name).chain(CLIPS);
    for word in words() {
        assert!(
            names().any(|name| name.contains(word)),
            "DOORWARD_ATTACKS names {word}; there are {:?}",
            names().collect::<Vec<_>>()
        );
    }
    words().next().is_none() || words().any(|word| name.contains(word))
}

/// What both ways of checking make of one kind, and what should not have been.
struct Shown {
    row: Row,
    faults: Vec<String>,
}

/// Shows a kind as often as it is asked for.
fn show(kind: Kind, props: &Props, known: &[Snapshot], eyes: &mut [Eye; 2]) -> Shown {
    let [eye, with_coupling] = eyes;
    let mut row = Row::default();
    let mut faults = Vec::new();
    let variations = match kind {
        Kind::PhotoOnStand => STANDS,
        _ => VARIATIONS,
    };
    for variation in 0..variations {
        let shown = Presentation::new(kind, variation, props);
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
    Shown { row, faults }
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
    let checks = Checks::new(&config.liveness, &config.camera);
    let eyes = || [plain, checks].map(|checks| Eye::new(&config, checks));

    println!(
        "\nMade-up presentations: how many of each were refused by which check. No error rates.\n"
    );
    println!(
        "{:<33} {:>5} {:>7} {:>7} {:>8} {:>9} {:>7}",
        "", "shown", "frozen", "let in", "neither", "coupled *", "let in *"
    );
    let mut faults = Vec::new();
    // Each processor has a kind in hand.
    let kinds: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| is_asked(kind.name()))
        .collect();
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let mut eyes = eyes();
                while let Some(kind) = kinds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let shown = show(*kind, &props, &known, &mut eyes);
                    seen.lock().unwrap().insert(kind.name(), shown);
                }
            });
        }
    });
    let mut seen = seen.into_inner().unwrap();
    for kind in &kinds {
        let shown = seen.remove(kind.name()).unwrap();
        shown.row.print(kind.name());
        faults.extend(shown.faults);
    }

    let pieces = match CLIPS.into_iter().any(is_asked) {
        true => clips::pieces(PIECES),
        false => Vec::new(),
    };
    let [mut eye, mut with_coupling] = eyes();
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
        real.print(CLIPS[0]);
        replayed.print(CLIPS[1]);
    }
    println!(
        "\n* with the coupling check at {}, which is off by default",
        config.liveness.max_coupling
    );
    assert!(faults.is_empty(), "{faults:#?}");
}
