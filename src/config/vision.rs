//! `[vision]`: what counts as a face worth judging.

use serde::Serialize;

use super::camera::{Camera, Rotation, Source};
use super::file::File;
use super::section::{Section, defaults};

/// `[vision]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vision {
    /// Smallest face looked for, in pixels (side of the detector's square box).
    pub min_face_px: u32,
    /// Smallest ratio between one level of the detector's pyramid and the next.
    pub scale_factor: f32,
    /// Scores a window must pass in P-Net, R-Net and O-Net.
    pub thresholds: [f32; 3],
    /// Detector score a face needs to be judged.
    pub min_detector_score: f32,
    /// Sharpness a face needs to be judged; see `recognise::Quality`.
    pub min_sharpness: f32,
    /// Mean luma (0..255) a face needs to be judged.
    pub min_luma: f32,
    /// Share of a face that may lie outside the picture, 0 to 1.
    pub max_outside: f32,
    /// Largest face looked for, in pixels; 0 for any.
    pub max_face_px: u32,
    /// Where faces are looked for: left, top, right and bottom as shares of the picture.
    pub region: [f32; 4],
    /// Whether frames that tell nothing new are left out.
    pub economy: bool,
    /// Faces judged in one frame at most, the largest first.
    pub max_faces: usize,
}

impl Vision {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            min_face_px: section.whole("min_face_px", 80, 20..=1000, "pixels"),
            max_face_px: section.whole("max_face_px", 0, 0..=4000, "pixels (0 for any)"),
            region: section.numbers(
                "region",
                [0.0, 0.0, 1.0, 1.0],
                0.0..=1.0,
                "left, top, right and bottom, each from 0 to 1",
            ),
            economy: section.flag("economy", true),
            scale_factor: section.number("scale_factor", 0.709, 0.5..=0.9, "a ratio"),
            thresholds: section.numbers(
                "thresholds",
                [0.6, 0.7, 0.7],
                0.0..=1.0,
                "three scores, each from 0 to 1",
            ),
            min_detector_score: section.number("min_detector_score", 0.9, 0.0..=1.0, "a score"),
            min_sharpness: section.number("min_sharpness", 10.0, 0.0..=10_000.0, "a sharpness"),
            min_luma: section.number("min_luma", 35.0, 0.0..=255.0, "a mean luma"),
            max_outside: section.number("max_outside", 0.25, 0.0..=1.0, "a share"),
            max_faces: section.whole("max_faces", 4, 1..=32, "faces"),
        }
    }

    pub(super) fn cross_check(&self, camera: &Camera, file: &mut File<'_>) {
        let [left, top, right, bottom] = self.region;
        file.cross_check(&[("vision", "region")], left < right && top < bottom, || {
            "vision.region has no inside: left, top, right and bottom are needed, left less than \
             right and top less than bottom"
                .into()
        });
        file.cross_check(
            &[("vision", "max_face_px"), ("vision", "min_face_px")],
            self.max_face_px == 0 || self.max_face_px >= self.min_face_px,
            || {
                format!(
                    "vision.max_face_px = {} is smaller than vision.min_face_px = {}: no face \
                     could ever be found; raise max_face_px (0 for any) or lower min_face_px",
                    self.max_face_px, self.min_face_px
                )
            },
        );
        // A recording has a size of its own.
        let (width, height) = match camera.rotate {
            Rotation::None | Rotation::Half => (camera.width, camera.height),
            Rotation::Left | Rotation::Right => (camera.height, camera.width),
        };
        let [room_x, room_y] = self.region_px(width, height);
        file.cross_check(
            &[
                ("vision", "region"),
                ("vision", "min_face_px"),
                ("vision", "max_face_px"),
                ("camera", "width"),
                ("camera", "height"),
            ],
            camera.source == Source::Replay
                || left >= right
                || top >= bottom
                || room_x.min(room_y) >= self.min_face_px as f32,
            || {
                format!(
                    "vision.region is {room_x:.0}x{room_y:.0} pixels of a picture of \
                     {width}x{height}, and the smallest face looked for \
                     (vision.min_face_px = {}) does not fit in: nobody could ever be let in; \
                     widen the region, lower min_face_px, or raise camera.width and camera.height",
                    self.min_face_px
                )
            },
        );
    }
}

impl Vision {
    /// Width and height of the region in a picture of that size, in pixels.
    pub(crate) fn region_px(&self, width: u32, height: u32) -> [f32; 2] {
        let [left, top, right, bottom] = self.region;
        [
            (right - left) * width as f32,
            (bottom - top) * height as f32,
        ]
    }
}

impl Default for Vision {
    fn default() -> Self {
        defaults(Self::read)
    }
}
