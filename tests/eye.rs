//! Leaving out what tells nothing new changes what it costs, and not what is decided.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::access::{Decision, Policy};
use doorward::camera::{Frame, Layout, Pool, Shape};
use doorward::cohort::Score;
use doorward::config::Config;
use doorward::recognise::{Flaw, FrameUse, Outcome, Recogniser, Seen};
use doorward::vision::Vision;
use doorward::whitelist::Snapshot;
use image::RgbImage;
use image::imageops::{self, FilterType};

const SIZE: (u32, u32) = (640, 480);

/// A camera that gives YUYV at 15 frames a second, and a recogniser behind it.
struct Door {
    recogniser: Recogniser,
    whitelist: Snapshot,
    pool: Arc<Pool>,
    at: Instant,
    photo: RgbImage,
    random: fastrand::Rng,
}

impl Door {
    fn new(economy: bool) -> Self {
        let mut config: Config = support::config();
        config.vision.economy = economy;
        config.models.threads = 1;
        let photo = |name: &str| {
            image::open(support::project().join("tests/photos").join(name))
                .unwrap()
                .to_rgb8()
        };
        let mut vision = Vision::open(&config.models, &config.vision).unwrap();
        let listed = photo("barack-obama/01.jpg");
        let face = vision.detect(&listed).unwrap()[0];
        let aligned = vision.align(&listed, &face).unwrap();
        let template = vision.embed(&aligned).unwrap();
        let whitelist = Snapshot::of(
            vision.version(),
            vision.scoring(),
            config.access.threshold_request(),
            [("Barack Obama".into(), template)],
        )
        .unwrap();
        Self {
            recogniser: Recogniser::new(
                vision,
                &config.vision,
                Policy::new(
                    &config.access,
                    doorward::liveness::Checks::new(&config.liveness, &config.camera),
                    Score::new(0.45),
                ),
            ),
            whitelist,
            pool: Arc::default(),
            at: Instant::now(),
            photo: photo("barack-obama/03.jpg"),
            random: fastrand::Rng::with_seed(3),
        }
    }

    /// One frame with the photo `side` pixels wide at `x`, or with nobody.
    fn show(&mut self, person: Option<(u32, i64)>) -> Outcome {
        let mut picture = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
            image::Rgb([90 + (x / 8 % 20) as u8, 90 + (y / 8 % 20) as u8, 100])
        });
        if let Some((side, x)) = person {
            let photo = imageops::resize(&self.photo, side, side, FilterType::Triangle);
            imageops::overlay(&mut picture, &photo, x, 40);
        }
        let yuyv: Vec<u8> = picture
            .pixels()
            .flat_map(|p| {
                let luma = (u16::from(p.0[0]) + 2 * u16::from(p.0[1]) + u16::from(p.0[2])) / 4;
                let noise = self.random.u8(0..6);
                [16 + (luma * 219 / 255) as u8 / 2 * 2 + noise / 2, 128]
            })
            .collect();
        self.at += Duration::from_millis(66);
        let shape = Shape {
            width: SIZE.0,
            height: SIZE.1,
            stride: SIZE.0 * 2,
        };
        let frame = Frame::captured(Layout::Yuyv, shape, &yuyv, &self.pool, self.at, 0);
        let at = self.at;
        self.recogniser
            .look(&mut frame.unwrap(), &self.whitelist, false, || at)
            .unwrap()
    }

    fn embeddings(&self) -> u32 {
        self.recogniser.spent().vision.embeddings
    }
}

fn granted(decisions: &[Decision]) -> bool {
    decisions.iter().any(|d| matches!(d, Decision::Grant(_)))
}

#[test]
fn an_approach_is_decided_alike_with_a_fraction_of_the_embeddings() {
    let told: Vec<(usize, u32)> = [true, false]
        .into_iter()
        .map(|economy| {
            let mut door = Door::new(economy);
            let before = door.embeddings();
            let mut at = None;
            for n in 0..22u32 {
                let person = (n >= 4).then(|| (400 + 6 * n, i64::from(n) * 3));
                if granted(&door.show(person).decisions) {
                    at.get_or_insert(n as usize);
                }
            }
            (at.unwrap(), door.embeddings() - before)
        })
        .collect();
    let [(economical, few), (whole, many)] = told[..] else {
        panic!("{told:?}")
    };
    println!("let in at frame {economical} with {few} embeddings, {whole} with {many}");
    assert_eq!(economical, whole);
    assert!(few <= 4 && few * 5 <= many, "{few} {many}");
}

#[test]
fn who_stands_still_is_not_forgotten_and_an_empty_scene_costs_nothing() {
    let mut door = Door::new(true);
    for _ in 0..20 {
        door.show(None);
    }
    let nothing = (0..25)
        .filter(|_| door.show(None).seen == Seen::Nothing)
        .count();
    assert!(nothing >= 23, "{nothing}");
    // Somebody comes and stands still for far longer than motion remembers.
    let still = Some((520, 60));
    for _ in 0..60 {
        let seen = door.show(still).seen;
        assert!(matches!(seen, Seen::Faces(faces) if !faces.is_empty()));
    }
    // What was known of the face is thrown away, as by a change of the whitelist.
    door.recogniser.whitelist_changed(door.at);
    let again = (0..45).position(|_| {
        matches!(door.show(still).seen, Seen::Faces(faces)
            if faces.iter().any(|f| f.frame_use == FrameUse::Compared))
    });
    assert_eq!(again, Some(0));
}

#[test]
fn a_face_that_is_upside_down_is_not_judged() {
    let mut door = Door::new(false);
    let photo = support::project().join("tests/photos/grace-hopper/01.jpg");
    let photo = image::open(photo).unwrap().to_rgb8();
    let mut judge = |photo: &RgbImage| {
        door.at += Duration::from_millis(66);
        let at = door.at;
        let mut frame = Frame::rgb(photo.clone(), at, 0, None);
        let outcome = door
            .recogniser
            .look(&mut frame, &door.whitelist, false, || at);
        match outcome.unwrap().seen {
            Seen::Faces(faces) => faces.iter().map(|f| f.frame_use).collect::<Vec<_>>(),
            Seen::Nothing => panic!("not looked at"),
        }
    };
    assert_eq!(judge(&photo), [FrameUse::Compared]);
    let turned = imageops::rotate180(&photo);
    assert_eq!(judge(&turned), [FrameUse::Flawed(Flaw::UpsideDown)]);
}
