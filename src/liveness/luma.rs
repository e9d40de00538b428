//! Small grey pictures in three sizes, for following points.

use image::RgbImage;

/// Widest picture that points are followed in, in pixels; more detail is noise at this task.
pub(crate) const MAX_WIDTH_PIXELS: u32 = 320;
/// Sizes of a picture, each half of the one before.
pub(super) const LEVELS: usize = 3;

/// One grey picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grey {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// A picture in three sizes; its memory is used again for the next one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pyramid {
    levels: [Grey; LEVELS],
    /// How many pixels of the camera's picture one pixel of the largest is, along a side.
    factor: u32,
}

impl Pyramid {
    /// Takes a picture, shrunk by a whole number to [`MAX_WIDTH_PIXELS`] or less.
    pub(crate) fn take(&mut self, picture: &RgbImage) {
        let (width, height) = picture.dimensions();
        let factor = width.div_ceil(MAX_WIDTH_PIXELS).max(1);
        self.take_part(picture, [0, 0, width, height], factor);
    }

    /// Takes a part of a picture, `[x0, y0, x1, y1]` in its pixels, shrunk by `factor`.
    pub(super) fn take_part(&mut self, picture: &RgbImage, part: [u32; 4], factor: u32) {
        self.factor = factor.max(1);
        let [largest, ..] = &mut self.levels;
        shrink_rgb(picture, part, self.factor as usize, largest);
        for level in 1..LEVELS {
            let (before, after) = self.levels.split_at_mut(level);
            if let (Some(from), Some(to)) = (before.last(), after.first_mut()) {
                halve(from, to);
            }
        }
    }

    /// The sizes, the largest first.
    pub(super) fn levels(&self) -> &[Grey; LEVELS] {
        &self.levels
    }

    /// Width and height of the largest, in pixels.
    pub(super) fn size(&self) -> [f32; 2] {
        let [largest, ..] = &self.levels;
        [largest.width as f32, largest.height as f32]
    }

    /// Pixels of the camera's picture to one of the largest here.
    pub(crate) fn factor(&self) -> f32 {
        self.factor as f32
    }
}

/// Means of blocks of `factor` x `factor` pixels of a part; of the colours, green counts twice.
fn shrink_rgb(from: &RgbImage, part: [u32; 4], factor: usize, to: &mut Grey) {
    let (width, height) = (from.width() as usize, from.height() as usize);
    let [left, top, right, bottom] = part.map(|v| v as usize);
    let (right, bottom) = (right.min(width), bottom.min(height));
    to.width = right.saturating_sub(left) / factor;
    to.height = bottom.saturating_sub(top) / factor;
    to.pixels.clear();
    let row = width * 3;
    let area = (4 * factor * factor) as u32;
    for y in 0..to.height {
        for x in 0..to.width {
            let mut sum = area / 2;
            for line in 0..factor {
                let start = (top + y * factor + line) * row + (left + x * factor) * 3;
                let block = from.as_raw().get(start..start + factor * 3);
                let (pixels, _) = block.unwrap_or_default().as_chunks::<3>();
                for [r, g, b] in pixels {
                    sum += u32::from(*r) + 2 * u32::from(*g) + u32::from(*b);
                }
            }
            to.pixels.push((sum / area) as u8);
        }
    }
}

fn halve(from: &Grey, to: &mut Grey) {
    (to.width, to.height) = (from.width / 2, from.height / 2);
    to.pixels.clear();
    let mut rows = from.pixels.chunks_exact((2 * from.width).max(1));
    for _ in 0..to.height {
        let (above, below) = rows.next().unwrap_or_default().split_at(from.width);
        let (above, _) = above.as_chunks::<2>();
        let (below, _) = below.as_chunks::<2>();
        to.pixels
            .extend(above.iter().zip(below).map(|([a, b], [c, d])| {
                ((u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d) + 2) / 4) as u8
            }));
    }
}
