//! What the vision thread shows of the camera, while somebody asks for it and not more often
//! than five times a second. A frame that nobody asks for costs one look at a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use image::RgbImage;

use super::bell::Bell;
use super::tally::Tally;
use crate::cohort::Score;
use crate::liveness::Step;
use crate::recognise::FaceReport;
use crate::record::Stamp;
use crate::whitelist::Snapshot;

/// From one picture to the next.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// For so long somebody who asked is taken to ask still.
const ASKED_FOR: Duration = Duration::from_secs(2);

/// A frame that was looked at.
pub(crate) struct Sighting {
    /// Counts up.
    pub number: u64,
    /// In milliseconds since 1970.
    pub at_ms: i64,
    pub picture: RgbImage,
    pub faces: Vec<FaceReport>,
    /// What a challenge asked for.
    pub asked: Option<Step>,
    pub threshold: Score,
    /// Who was listed then.
    pub whitelist: Arc<Snapshot>,
}

/// Between the vision thread and whoever looks.
#[derive(Default)]
pub(crate) struct Viewfinder {
    clock: Clock,
    /// 0 while nobody asks.
    wanted_until_ms: AtomicU64,
    shown_ms: AtomicU64,
    count: AtomicU64,
    shown: ArcSwapOption<Sighting>,
    bell: Bell,
    /// Of all frames, whether somebody asks or not.
    pub(crate) tally: Tally,
}

struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Viewfinder {
    /// One that rings when there is something to see.
    pub(crate) fn new(bell: Bell) -> Self {
        Self {
            bell,
            ..Self::default()
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Asks for pictures, for a while.
    pub(crate) fn ask(&self) {
        let until = self.now_ms() + ASKED_FOR.as_millis() as u64;
        self.wanted_until_ms.fetch_max(until, Ordering::Relaxed);
    }

    /// Nobody asks any more.
    pub(crate) fn rest(&self) {
        if self.wanted_until_ms.swap(0, Ordering::Relaxed) != 0 {
            self.shown.store(None);
        }
    }

    /// What was shown last; nothing before anything was, and while the camera is lost.
    pub(crate) fn last(&self) -> Option<Arc<Sighting>> {
        self.shown.load_full()
    }

    /// Whether a frame is to be shown now.
    pub(crate) fn is_due(&self) -> bool {
        let until = self.wanted_until_ms.load(Ordering::Relaxed);
        if until == 0 {
            return false;
        }
        let (now, interval) = (self.now_ms(), MIN_INTERVAL.as_millis() as u64);
        now < until && now >= self.shown_ms.load(Ordering::Relaxed) + interval
    }

    /// Shows a frame.
    pub(crate) fn show(
        &self,
        picture: RgbImage,
        (faces, asked): (Vec<FaceReport>, Option<Step>),
        threshold: Score,
        whitelist: Arc<Snapshot>,
    ) {
        self.shown_ms.store(self.now_ms(), Ordering::Relaxed);
        self.shown.store(Some(Arc::new(Sighting {
            number: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            at_ms: Stamp::clocks().0,
            picture,
            faces,
            asked,
            threshold,
            whitelist,
        })));
        self.bell.ring();
    }

    /// No frames come.
    pub(crate) fn lost(&self) {
        self.shown.store(None);
    }
}
