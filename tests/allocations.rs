//! Memory is asked for at the start, and not for every frame.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::access::Policy;
use doorward::camera::{Frame, Layout, Pool, Shape};
use doorward::cohort::Score;
use doorward::embedding::Embedding;
use doorward::recognise::{Recogniser, Seen};
use doorward::vision::Vision;
use doorward::whitelist::Snapshot;

/// Counts what this thread asks for: ONNX Runtime has an allocator of its own.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, at: *mut u8, memory: Memory) {
        // SAFETY: `at` came from the same allocator.
        unsafe { System.dealloc(at, memory) }
    }

    unsafe fn realloc(&self, at: *mut u8, memory: Memory, size: usize) -> *mut u8 {
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
        // SAFETY: `at` came from the same allocator.
        unsafe { System.realloc(at, memory, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn threshold_request() -> u64 {
    ASKED.with(Cell::get)
}

const SHAPE: Shape = Shape {
    width: 640,
    height: 480,
    stride: 1280,
};

struct Scene {
    recogniser: Recogniser,
    whitelist: Snapshot,
    pool: Arc<Pool>,
    at: Instant,
}

impl Scene {
    fn new(economy: bool) -> Self {
        let mut config = support::config();
        config.vision.economy = economy;
        config.models.threads = 1;
        let vision = Vision::open(&config.models, &config.vision).unwrap();
        let size = 128;
        let values = (0..size).map(|i| i as f32 + 1.0).collect();
        let somebody = Embedding::new(vision.version(), values).unwrap();
        let whitelist = Snapshot::of(
            vision.version(),
            vision.scoring(),
            config.access.threshold_request(),
            [("somebody".into(), somebody)],
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
        }
    }

    /// One frame from the camera's buffer to what is known of it and decided.
    fn show(&mut self, yuyv: &[u8]) -> Seen {
        self.at += Duration::from_millis(66);
        let frame = Frame::captured(Layout::Yuyv, SHAPE, yuyv, &self.pool, self.at, 0);
        let mut frame = frame.unwrap();
        let at = self.at;
        let outcome = self
            .recogniser
            .look(&mut frame, &self.whitelist, false, || at);
        outcome.unwrap().seen
    }
}

/// Noise of a sensor on a grey wall.
fn wall(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..640 * 480)
        .flat_map(|i| [100 + (i % 640 / 16) as u8 + random.u8(0..8), 128])
        .collect()
}

#[test]
fn an_idle_frame_asks_for_no_memory() {
    let mut scene = Scene::new(true);
    let walls: Vec<Vec<u8>> = (0..6).map(wall).collect();
    for n in 0..60 {
        scene.show(&walls[n % 6]);
    }
    let mut idle = 0;
    for n in 0..25 {
        let before = threshold_request();
        let seen = scene.show(&walls[n % 6]);
        let asked_for = threshold_request() - before;
        if seen == Seen::Nothing {
            idle += 1;
            assert_eq!(asked_for, 0, "frame {n}");
        }
    }
    // The others are the looks that are taken all the same.
    assert!(idle >= 20, "{idle}");
}

#[test]
fn a_frame_with_a_face_asks_for_little_and_no_more_with_time() {
    let mut scene = Scene::new(false);
    let photo = image::open(support::project().join("tests/golden/pictures/photo-obama.jpg"));
    let photo = photo
        .unwrap()
        .resize_to_fill(640, 480, image::imageops::FilterType::Triangle);
    let yuyv: Vec<u8> = photo
        .to_luma8()
        .pixels()
        .flat_map(|p| [p.0[0], 128])
        .collect();
    let mut counts = Vec::new();
    for n in 0..14 {
        let before = threshold_request();
        let seen = scene.show(&yuyv);
        if n >= 4 {
            counts.push(threshold_request() - before);
        }
        assert!(matches!(seen, Seen::Faces(faces) if !faces.is_empty()));
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    println!("{least} to {most} times a frame");
    // Scaling FaceNet's crop takes a few hundred small ones; none of them grows with time.
    assert!(*most <= 500, "{counts:?}");
    // A face that is known to be still is looked at less.
    assert!(
        counts.windows(2).all(|two| two[1] <= two[0] + 4),
        "{counts:?}"
    );
    assert!(counts.last() <= counts.first(), "{counts:?}");
}
