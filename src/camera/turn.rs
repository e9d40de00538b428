//! Pictures of a camera that hangs on its side, upside down, or looks into a mirror.

use std::time::Duration;

use image::RgbImage;
use image::imageops::{flip_horizontal_in_place, rotate90_in, rotate180_in_place, rotate270_in};

use super::{CameraError, FrameSource, Next};
use crate::config::{self, Rotation};

/// What it takes to have a camera's pictures upright: turned clockwise, then mirrored left
/// to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Turn {
    rotation: Rotation,
    mirrored: bool,
}

impl Turn {
    pub(super) fn new(config: &config::Camera) -> Self {
        Self {
            rotation: config.rotate,
            mirrored: config.mirror,
        }
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Makes `out` the picture `from`, turned.
    pub(super) fn apply(self, from: &RgbImage, out: &mut RgbImage) {
        let (width, height) = from.dimensions();
        let size = match self.rotation {
            Rotation::None | Rotation::Half => (width, height),
            Rotation::Right | Rotation::Left => (height, width),
        };
        if out.dimensions() != size {
            *out = RgbImage::new(size.0, size.1);
        }
        // Cannot fail: `out` has the size.
        let _ = match self.rotation {
            Rotation::None | Rotation::Half => {
                out.copy_from_slice(from);
                if self.rotation == Rotation::Half {
                    rotate180_in_place(out);
                }
                Ok(())
            }
            Rotation::Right => rotate90_in(from, out),
            Rotation::Left => rotate270_in(from, out),
        };
        if self.mirrored {
            flip_horizontal_in_place(out);
        }
    }
}

/// A source whose frames are turned when they become RGB.
pub(super) struct Turned {
    pub(super) source: Box<dyn FrameSource>,
    pub(super) turn: Turn,
}

impl FrameSource for Turned {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next, CameraError> {
        Ok(match self.source.next_frame(timeout)? {
            Next::Frame(frame) => Next::Frame(frame.turned(self.turn)),
            Next::Ended => Next::Ended,
        })
    }

    fn describe(&self) -> String {
        let rotation = match self.turn.rotation {
            Rotation::None => "",
            Rotation::Right => ", turned by 90 degrees",
            Rotation::Half => ", turned by 180 degrees",
            Rotation::Left => ", turned by 270 degrees",
        };
        let mirrored = if self.turn.mirrored { ", mirrored" } else { "" };
        format!("{}{rotation}{mirrored}", self.source.describe())
    }

    fn fps(&self) -> Option<f64> {
        self.source.fps()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Where the mark in the upper left corner of a picture three wide and two high goes.
    #[test]
    fn the_upper_left_corner_goes_where_a_clock_hand_would() {
        let mut from = RgbImage::new(3, 2);
        from.put_pixel(0, 0, image::Rgb([255; 3]));
        for (rotation, mirrored, size, at) in [
            (Rotation::None, false, (3, 2), (0, 0)),
            (Rotation::Right, false, (2, 3), (1, 0)),
            (Rotation::Half, false, (3, 2), (2, 1)),
            (Rotation::Left, false, (2, 3), (0, 2)),
            (Rotation::None, true, (3, 2), (2, 0)),
            (Rotation::Right, true, (2, 3), (0, 0)),
        ] {
            let mut out = RgbImage::new(0, 0);
            Turn { rotation, mirrored }.apply(&from, &mut out);
            assert_eq!(out.dimensions(), size);
            assert_eq!(out.get_pixel(at.0, at.1).0, [255; 3], "{}", at.0);
            assert_eq!(out.iter().filter(|v| **v == 255).count(), 3);
        }
    }
}
