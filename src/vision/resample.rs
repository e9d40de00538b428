//! Pixels to planar floats, averaged over areas.
//!
//! The detector's networks were trained on pictures shrunk by averaging; this is
//! the same average as PyTorch's `adaptive_avg_pool2d`, which facenet-pytorch
//! uses: output pixel `i` of `n` is the mean of input pixels
//! `floor(i * len / n) .. ceil((i + 1) * len / n)`.

use image::RgbImage;
use multiversion::multiversion;

/// A rectangle of whole pixels, `x0 <= x < x1` and `y0 <= y < y1`; pixels of it may lie
/// outside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First column.
    pub x0: i64,
    /// First row.
    pub y0: i64,
    /// Column behind the last.
    pub x1: i64,
    /// Row behind the last.
    pub y1: i64,
}

impl Region {
    /// All of a picture.
    pub fn whole(image: &RgbImage) -> Self {
        Self {
            x0: 0,
            y0: 0,
            x1: i64::from(image.width()),
            y1: i64::from(image.height()),
        }
    }

    /// Columns, in pixels; not above 0 for an empty region.
    pub fn width(&self) -> i64 {
        self.x1.saturating_sub(self.x0)
    }

    /// Rows, in pixels; not above 0 for an empty region.
    pub fn height(&self) -> i64 {
        self.y1.saturating_sub(self.y0)
    }
}

/// Scratch space kept between calls, so that a frame costs no allocation.
#[derive(Debug, Default)]
pub struct AreaResampler {
    /// Sums of lines, in 16 bits as far as they reach: twice as many at a time.
    narrow: Vec<u16>,
    wide: Vec<u32>,
}

/// Lines whose sum fits into 16 bits whatever they hold.
const NARROW: usize = 257;

impl AreaResampler {
    /// Appends `region` of `image` at `width` x `height` to `out`, as three
    /// planes (R, G, B) of values 0..=255.
    ///
    /// Outside its borders the picture goes on in black (0), as in the original MTCNN. An
    /// empty region gives zeros, and so does one that touches no pixel of the picture.
    pub fn planar(
        &mut self,
        image: &RgbImage,
        region: Region,
        (width, height): (usize, usize),
        out: &mut Vec<f32>,
    ) {
        let plane = width * height;
        let start = out.len();
        out.resize(start + 3 * plane, 0.0);
        let Some(out) = out.get_mut(start..) else {
            return;
        };
        let columns = inside(region.x0, region.x1, image.width());
        if plane == 0 || region.height() <= 0 || columns.is_empty() {
            return;
        }
        let (red, rest) = out.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let stride = image.width() as usize * 3;
        let (wide, high) = (region.width() as usize, region.height() as usize);
        // Black to the left and to the right of the picture stays 0 for all rows.
        self.narrow.clear();
        self.narrow.resize(wide * 3, 0);
        let left = (columns.start as i64 - region.x0) as usize * 3;
        let seen = left..left + columns.len() * 3;
        let rows = red
            .chunks_exact_mut(width)
            .zip(green.chunks_exact_mut(width))
            .zip(blue.chunks_exact_mut(width));
        for (y, ((red, green), blue)) in rows.enumerate() {
            let (y0, y1) = bin(y, high, height);
            let lines = inside(region.y0 + y0 as i64, region.y0 + y1 as i64, image.height());
            if lines.is_empty() {
                continue;
            }
            let first = lines.start * stride + columns.start * 3;
            let last = (lines.end - 1) * stride + columns.end * 3;
            let pixels = image.as_raw().get(first..last).unwrap_or_default();
            let planes = [red, green, blue];
            let Some(narrow) = self.narrow.get_mut(seen.clone()) else {
                return;
            };
            if lines.len() <= NARROW {
                add_lines(narrow, pixels, stride);
                across(&self.narrow, y1 - y0, planes);
            } else {
                self.wide.clear();
                self.wide.resize(wide * 3, 0);
                for few in pixels.chunks(stride * NARROW) {
                    add_lines(narrow, few, stride);
                    for (sum, narrow) in self.wide.iter_mut().skip(left).zip(narrow.iter()) {
                        *sum += u32::from(*narrow);
                    }
                }
                across_wide(&self.wide, y1 - y0, planes);
            }
        }
    }
}

/// The part of `from..to` that lies within `0..length`.
fn inside(from: i64, to: i64, length: u32) -> std::ops::Range<usize> {
    let end = to.min(i64::from(length)).max(0) as usize;
    (from.max(0) as usize).min(end)..end
}

/// Makes `sums` the sums of lines that are `stride` apart.
#[multiversion(targets("x86_64+avx2+fma+bmi2", "x86_64+sse4.2"))]
fn add_lines(sums: &mut [u16], lines: &[u8], stride: usize) {
    let mut lines = lines.chunks(stride);
    for (sum, &value) in sums.iter_mut().zip(lines.next().unwrap_or_default()) {
        *sum = u16::from(value);
    }
    for line in lines {
        for (sum, &value) in sums.iter_mut().zip(line) {
            *sum += u16::from(value);
        }
    }
}

#[multiversion(targets("x86_64+avx2+fma+bmi2", "x86_64+sse4.2"))]
fn across(sums: &[u16], lines: usize, planes: [&mut [f32]; 3]) {
    means(sums.as_chunks::<3>().0, lines, planes);
}

fn across_wide(sums: &[u32], lines: usize, planes: [&mut [f32]; 3]) {
    means(sums.as_chunks::<3>().0, lines, planes);
}

/// The means of each bin of column sums, as the three planes of one row.
#[inline(always)]
fn means<T: Copy + Into<u32>>(
    columns: &[[T; 3]],
    lines: usize,
    [red, green, blue]: [&mut [f32]; 3],
) {
    let (wide, width) = (columns.len(), red.len());
    for (x, ((r, g), b)) in red.iter_mut().zip(green).zip(blue).enumerate() {
        let (x0, x1) = bin(x, wide, width);
        let mut sum = [0u32; 3];
        for column in columns.get(x0..x1).unwrap_or_default() {
            for (s, c) in sum.iter_mut().zip(column) {
                *s += (*c).into();
            }
        }
        let share = 1.0 / ((x1 - x0) * lines) as f32;
        *r = sum[0] as f32 * share;
        *g = sum[1] as f32 * share;
        *b = sum[2] as f32 * share;
    }
}

/// The input pixels that make output pixel `i` of `n`; never empty for `len > 0`.
fn bin(i: usize, len: usize, n: usize) -> (usize, usize) {
    (i * len / n, ((i + 1) * len).div_ceil(n))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The mean over each bin, computed the slow way; outside the picture is black.
        #[test]
        fn equals_the_definition(
            (w, h) in (1usize..40, 1usize..40),
            (left, top, right, bottom) in (-20i64..20, -20i64..20, -20i64..20, -20i64..20),
            (ow, oh) in (1usize..30, 1usize..30),
            seed: u64,
        ) {
            let region = Region {
                x0: left,
                y0: top,
                x1: (w as i64 + right).max(left + 1),
                y1: (h as i64 + bottom).max(top + 1),
            };
            let (rw, rh) = (region.width() as usize, region.height() as usize);
            let mut state = seed | 1;
            let image = RgbImage::from_fn(w as u32, h as u32, |_, _| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                image::Rgb([(state >> 33) as u8, (state >> 41) as u8, (state >> 49) as u8])
            });
            let mut out = Vec::new();
            AreaResampler::default().planar(&image, region, (ow, oh), &mut out);
            for c in 0..3 {
                for y in 0..oh {
                    for x in 0..ow {
                        let ys = (y * rh) as f64 / oh as f64;
                        let ye = ((y + 1) * rh) as f64 / oh as f64;
                        let xs = (x * rw) as f64 / ow as f64;
                        let xe = ((x + 1) * rw) as f64 / ow as f64;
                        let mut all = Vec::new();
                        for iy in 0..rh {
                            for ix in 0..rw {
                                let inside = |i: usize, s: f64, e: f64| {
                                    i as f64 + 1.0 > s + 1e-9 && (i as f64) < e - 1e-9
                                };
                                if inside(iy, ys, ye) && inside(ix, xs, xe) {
                                    let (px, py) = (left + ix as i64, top + iy as i64);
                                    let known = (0..w as i64).contains(&px) && (0..h as i64).contains(&py);
                                    all.push(if known {
                                        f64::from(image.get_pixel(px as u32, py as u32)[c])
                                    } else {
                                        0.0
                                    });
                                }
                            }
                        }
                        let mean = all.iter().sum::<f64>() / all.len() as f64;
                        let got = f64::from(out[(c * oh + y) * ow + x]);
                        prop_assert!((mean - got).abs() < 1e-3, "{mean} {got}");
                    }
                }
            }
        }

        /// No region, however wrong, can panic.
        #[test]
        fn any_region_is_safe(x0 in -99i64..99, y0 in -99i64..99, x1 in -99i64..99, y1 in -99i64..99) {
            let image = RgbImage::new(20, 10);
            let mut out = Vec::new();
            AreaResampler::default().planar(&image, Region { x0, y0, x1, y1 }, (5, 5), &mut out);
            prop_assert_eq!(out.len(), 75);
        }
    }
}
