//! `[camera.infrared]`: the second camera, which sees by infrared light of its own.

use std::time::Duration;

use serde::Serialize;

use super::camera::Camera;
use super::section::{Section, defaults};

/// `[camera.infrared]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Infrared {
    /// The camera, by the same keys as the first one.
    #[serde(flatten)]
    pub camera: Camera,
    /// The most that lies between the times of two pictures that count as one moment.
    pub max_skew_ms: u64,
    /// How much brighter than what is around it a face has to be there.
    pub min_contrast: f32,
    /// The least range of brightness in a face, as a share of its mean.
    pub min_range: f32,
    /// How far from where it should be a face may be there, in sizes of the face.
    pub max_offset: f32,
}

impl Infrared {
    /// Nothing where the file has no such section.
    pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Box<Self>> {
        let is_given = section.is_given();
        let infrared = Self::read_keys(section);
        is_given.then(|| Box::new(infrared))
    }

    fn read_keys(section: &mut Section<'_, '_>) -> Self {
        let size = (640, 360);
        Self {
            camera: Camera::read_one(section, "/dev/video2", size, "camera.infrared.replay"),
            max_skew_ms: section.whole("max_skew_ms", 100, 5..=5000, "milliseconds"),
            min_contrast: section.number("min_contrast", 1.1, 0.1..=10.0, "a ratio"),
            min_range: section.number("min_range", 0.25, 0.0..=2.0, "a share of the mean"),
            max_offset: section.number("max_offset", 0.3, 0.05..=2.0, "sizes of the face"),
        }
    }

    /// The most that lies between the times of two pictures that count as one moment.
    pub fn max_skew(&self) -> Duration {
        Duration::from_millis(self.max_skew_ms)
    }
}

impl Default for Infrared {
    fn default() -> Self {
        defaults(Self::read_keys)
    }
}
