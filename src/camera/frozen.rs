//! A camera that gives the same picture for ever looks alive and sees nothing.

use super::Frame;

/// About so many bytes of a frame are compared: a sensor's noise changes some of them in
/// every frame.
const SAMPLED_BYTES: usize = 4096;

/// How often the same picture came in a row.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    sample: Vec<u8>,
    count: u32,
}

impl Repeats {
    /// Takes the next frame and gives how many before it were the same. A picture without
    /// any structure, as of a dark room, counts as another one.
    pub(crate) fn step(&mut self, frame: &Frame) -> u32 {
        let bytes = frame.bytes();
        // No multiple of 2 or 3, so that it meets luma and chroma, or all three colours.
        let step = bytes.len() / SAMPLED_BYTES / 6 * 6 + 1;
        let sample = || bytes.iter().step_by(step).copied();
        if sample().eq(self.sample.iter().copied()) && !self.is_plain() {
            self.count = self.count.saturating_add(1);
        } else {
            self.sample.clear();
            self.sample.extend(sample());
            self.count = 0;
        }
        self.count
    }

    fn is_plain(&self) -> bool {
        // Of a packed format neighbouring bytes differ: luma and chroma.
        let (pairs, _) = self.sample.as_chunks::<4>();
        pairs
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a == b))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Instant;

    use image::{Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    fn frame(picture: &RgbImage) -> Frame {
        Frame::rgb(picture.clone(), Instant::now(), 0, None)
    }

    proptest! {
        /// The count is that of equal pictures in a row, whatever comes.
        #[test]
        fn equal_pictures_in_a_row_are_counted(shown in prop::collection::vec(0..3u8, 1..40)) {
            let mut repeats = Repeats::default();
            let mut expected = 0;
            for (n, &number) in shown.iter().enumerate() {
                let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8, y as u8, number]));
                expected = if n > 0 && shown[n - 1] == number { expected + 1 } else { 0 };
                prop_assert_eq!(repeats.step(&frame(&picture)), expected);
            }
        }
    }

    #[test]
    fn a_dark_room_is_no_frozen_camera() {
        let mut repeats = Repeats::default();
        let dark = frame(&RgbImage::from_pixel(64, 48, Rgb([3, 3, 3])));
        assert!((0..100).all(|_| repeats.step(&dark) == 0));
    }
}
