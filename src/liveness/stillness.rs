//! The frozen-face veto: a living head is never as still as a picture on a support.
//!
//! Over a window the 90th percentile of a face's movements is taken (see `movement`). People
//! who stood as still as they could had more than 0.0047 eye distances in any two seconds,
//! and 119 of 120 photos on a fixed support less (80 real and 400 attack clips, thresholds from
//! their training part). It catches neither a photo in a hand nor a video.

use std::time::{Duration, Instant};

use super::movement::Movement;

/// How long a face is looked at before it is called frozen.
pub(crate) const WINDOW: Duration = Duration::from_millis(2000);
/// And no longer than this, on a machine that gives few pictures.
const MAX_WINDOW: Duration = Duration::from_secs(12);
/// A face that moves like this is alive without waiting for the window: twice what photos on a
/// support reached in any ten seconds.
const MIN_CLEAR_MOVEMENT: f32 = 2.0 * 0.0079;
/// In so many pictures, so that one bad one does not count.
const MIN_CLEAR_COUNT: usize = 2;
/// A movement over less time says nothing of stillness.
const MIN_GAP: Duration = Duration::from_millis(350);
/// So many movements make a percentile.
const MIN_SAMPLES: usize = 4;
/// Movements that are kept: more come in a window only from a camera above 60 pictures a second.
const MAX_SAMPLES: usize = 128;

/// What the movements of one face say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// It moves.
    Moves,
    /// It is as still as a picture; with the 90th percentile, in eye distances.
    Frozen(f32),
    /// Too little was seen.
    Unknown,
}

/// One face's movements of the last moments.
#[derive(Debug)]
pub(crate) struct Stillness {
    since: Instant,
    samples: Vec<(Instant, Movement)>,
}

impl Stillness {
    /// Of a face first seen at `at`.
    pub(crate) fn new(at: Instant) -> Self {
        Self {
            since: at,
            samples: Vec::with_capacity(MAX_SAMPLES),
        }
    }

    /// Takes a movement seen at `at`, if there was one, and gives what follows with `least` as
    /// the movement that a living face has.
    pub(crate) fn step(&mut self, at: Instant, movement: Option<Movement>, least: f32) -> Verdict {
        self.samples
            .retain(|(seen, _)| *seen <= at && at.duration_since(*seen) <= MAX_WINDOW);
        // A slow machine has few pictures: so many count, however long they took.
        while let [(first, _), .., _] = self.samples[..]
            && self.samples.len() > MIN_SAMPLES
            && at.duration_since(first) > WINDOW
        {
            self.samples.remove(0);
        }
        if let Some(movement) = movement.filter(|m| m.eye_distances.is_finite()) {
            if self.samples.len() >= MAX_SAMPLES {
                self.samples.remove(0);
            }
            self.samples.push((at, movement));
        }
        let clear = MIN_CLEAR_MOVEMENT.max(least);
        let is_clear = |(_, m): &&(Instant, Movement)| m.eye_distances >= clear;
        if self.samples.iter().filter(is_clear).count() >= MIN_CLEAR_COUNT {
            return Verdict::Moves;
        }
        let seen_for = at.saturating_duration_since(self.since);
        let (most, count) = self.most(MIN_GAP);
        if count < MIN_SAMPLES || seen_for < WINDOW {
            return Verdict::Unknown;
        }
        match most {
            Some(most) if most < least => Verdict::Frozen(most),
            Some(_) => Verdict::Moves,
            None => Verdict::Unknown,
        }
    }

    /// The 90th percentile of what was seen of the last moments, in eye distances.
    pub(crate) fn movement(&self) -> Option<f32> {
        self.most(Duration::ZERO).0
    }

    /// The 90th percentile of the movements over `gap` or more, and how many there are.
    fn most(&self, gap: Duration) -> (Option<f32>, usize) {
        let mut sizes = [0.0f32; MAX_SAMPLES];
        let mut count = 0;
        let long = self.samples.iter().filter(|(_, m)| m.over >= gap);
        for (size, (_, movement)) in sizes.iter_mut().zip(long) {
            *size = movement.eye_distances;
            count += 1;
        }
        let sizes = sizes.get_mut(..count).unwrap_or_default();
        sizes.sort_by(f32::total_cmp);
        let place = (count * 9).div_ceil(10).saturating_sub(1);
        (sizes.get(place).copied(), count)
    }
}
