//! The coupling veto: what holds a picture in front of the camera moves picture and
//! surroundings as one; a head moves before a background that stands still.
//!
//! Over a window, how much of the face's movement its surroundings share:
//! the sum of products of both movements over the sum of squares of the face's. Near 0 for a
//! head, near 1 for a picture that is carried with what is around it. It depends on the site
//! (a moving background, a camera that shakes), so it is off unless somebody wants it.

use std::time::{Duration, Instant};

use super::movement::Movement;

/// Under this movement of the face, as root mean square in eye distances, nothing can be said.
const MIN_MOVEMENT: f32 = 0.02;
const WINDOW: Duration = Duration::from_millis(2000);
const MIN_SAMPLES: usize = 6;
const MAX_SAMPLES: usize = 128;

/// What the movements of a face and of its surroundings say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shared {
    /// So much of the face's movement its surroundings had too.
    Share(f32),
    /// Nothing: the face has hardly moved, or there is nothing to see around it.
    Nothing,
    /// Nothing yet: too few movements were seen.
    Unknown,
}

/// One face's movements and its surroundings' of the last moments.
#[derive(Debug)]
pub(crate) struct Coupling {
    samples: Vec<(Instant, [f32; 2], [f32; 2])>,
    /// Movements that were taken, with surroundings to see or without.
    taken: usize,
}

impl Default for Coupling {
    fn default() -> Self {
        Self {
            samples: Vec::with_capacity(MAX_SAMPLES),
            taken: 0,
        }
    }
}

impl Coupling {
    /// Takes a movement seen at `at`, if there was one, and gives the share of it that the
    /// surroundings had too.
    pub(crate) fn step(&mut self, at: Instant, movement: Option<Movement>) -> Shared {
        self.taken = self.taken.saturating_add(usize::from(movement.is_some()));
        self.samples
            .retain(|(seen, ..)| *seen <= at && at.duration_since(*seen) <= WINDOW);
        if let Some((face, around)) = movement.and_then(|m| m.vectors) {
            if self.samples.len() >= MAX_SAMPLES {
                self.samples.remove(0);
            }
            self.samples.push((at, face, around));
        }
        let count = self.samples.len();
        let dot = |a: &[f32; 2], b: &[f32; 2]| a[0] * b[0] + a[1] * b[1];
        let squares: f32 = self
            .samples
            .iter()
            .map(|(_, face, _)| dot(face, face))
            .sum();
        let moved = (squares / count.max(1) as f32).sqrt();
        if self.taken < MIN_SAMPLES {
            return Shared::Unknown;
        }
        if count < MIN_SAMPLES || moved.is_nan() || moved < MIN_MOVEMENT {
            return Shared::Nothing;
        }
        let shared: f32 = self
            .samples
            .iter()
            .map(|(_, face, around)| dot(face, around))
            .sum();
        Shared::Share(shared / squares)
    }
}
