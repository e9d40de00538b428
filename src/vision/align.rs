//! Cutting a face out the way an embedder was trained.

use fast_image_resize as fir;
use image::RgbImage;
use multiversion::multiversion;

use super::Face;
use super::crop::scale_into;

/// Where ArcFace's template of 112x112 pixels has the eyes, the nose and the corners of
/// the mouth (Deng, Guo, Xue, Zafeiriou: "ArcFace", 2019; SFace uses the same).
const TEMPLATE: [[f32; 2]; 5] = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];
const TEMPLATE_SIDE: f32 = 112.0;

/// Where the face itself lies in that template: the middle of MTCNN's boxes on LFW, as left,
/// top, right and bottom.
const FACE: [f32; 4] = [15.5, 11.7, 93.8, 116.3];
/// Points a side at which a face is looked at for what of it is outside.
const SAMPLES: usize = 16;

/// The share of a face that lies outside a picture of `width` x `height` pixels, 0..=1, from
/// its landmarks: the detector's box bends back into the picture. 1 if they fall together.
pub(crate) fn outside_share(face: &Face, width: u32, height: u32) -> f32 {
    let Some(to_template) = similarity(&face.landmarks, &TEMPLATE) else {
        return 1.0;
    };
    let [a, b, tx, ty] = inverse(to_template);
    let [left, top, right, bottom] = FACE;
    let at = |from: f32, to: f32, i: usize| from + (to - from) * (i as f32 + 0.5) / SAMPLES as f32;
    let outside = (0..SAMPLES * SAMPLES)
        .filter(|i| {
            let (u, v) = (at(left, right, i % SAMPLES), at(top, bottom, i / SAMPLES));
            let (x, y) = (a * u - b * v + tx, b * u + a * v + ty);
            !(0.0..width as f32).contains(&x) || !(0.0..height as f32).contains(&y)
        })
        .count();
    outside as f32 / (SAMPLES * SAMPLES) as f32
}

/// A way of cutting faces out, into a square of `side` pixels.
#[derive(Debug)]
pub(crate) struct Aligner {
    side: u32,
    how: How,
    resizer: fir::Resizer,
}

#[derive(Debug, Clone, Copy)]
enum How {
    /// `share` of the box's side is added at each side.
    Box {
        share: f32,
    },
    FivePoint,
}

impl Aligner {
    /// The detector's box with a margin, given in pixels of the finished crop.
    pub(crate) fn mtcnn_box(side: u32, margin: u32) -> Self {
        let share = margin as f32 / side.saturating_sub(margin).max(1) as f32 / 2.0;
        Self::new(side, How::Box { share })
    }

    /// The landmarks moved to the template's places.
    pub(crate) fn five_point(side: u32) -> Self {
        Self::new(side, How::FivePoint)
    }

    fn new(side: u32, how: How) -> Self {
        Self {
            side,
            how,
            resizer: fir::Resizer::new(),
        }
    }

    /// Cuts a face out; `None` if its box does not touch the picture, or its landmarks are
    /// needed and fall together.
    pub fn cut(&mut self, image: &RgbImage, face: &Face) -> Option<RgbImage> {
        match self.how {
            How::Box { share } => self.cut_box(image, face, share),
            How::FivePoint => cut_five_point(image, face, self.side),
        }
    }

    /// Clipped to the picture, as FaceNet's own pipeline does it.
    fn cut_box(&mut self, image: &RgbImage, face: &Face, share: f32) -> Option<RgbImage> {
        let (width, height) = (image.width() as f32, image.height() as f32);
        let [x0, y0, x1, y1] = face.rect;
        let (mx, my) = ((x1 - x0) * share, (y1 - y0) * share);
        let (left, top) = ((x0 - mx).max(0.0).floor(), (y0 - my).max(0.0).floor());
        let (right, bottom) = ((x1 + mx).min(width).floor(), (y1 + my).min(height).floor());
        if !(right - left >= 1.0 && bottom - top >= 1.0) {
            return None;
        }
        let mut aligned = RgbImage::new(self.side, self.side);
        let part = [left, top, right - left, bottom - top].map(f64::from);
        // The triangle filter widens when it shrinks, as Pillow's does.
        let how = fir::ResizeAlg::Convolution(fir::FilterType::Bilinear);
        scale_into(&mut self.resizer, image, part, how, &mut aligned)?;
        Some(aligned)
    }
}

/// Bilinear, black outside the picture: what these networks were trained with.
fn cut_five_point(image: &RgbImage, face: &Face, side: u32) -> Option<RgbImage> {
    let scale = side as f32 / TEMPLATE_SIDE;
    let places = TEMPLATE.map(|p| p.map(|v| v * scale));
    // Fitted from the picture to the template, as the networks were trained, and turned
    // round: each pixel of the crop asks where it comes from.
    let [a, b, tx, ty] = inverse(similarity(&face.landmarks, &places)?);
    let [x0, y0, x1, y1] = face.rect;
    let touches = |from: f32, to: f32, size: u32| from < size as f32 - 1.0 && to >= 1.0;
    if !(touches(x0, x1, image.width()) && touches(y0, y1, image.height())) {
        return None;
    }
    let mut cut = RgbImage::new(side, side);
    let pixels = cut.as_flat_samples_mut().samples;
    warp(image.as_raw(), image.width(), [a, b, tx, ty], pixels, side);
    Some(cut)
}

/// Fills the `side` x `side` pixels of `cut`: pixel `(u, v)` comes from where the
/// similarity takes it in the picture `raw`, `width` wide.
#[multiversion(targets("x86_64+avx2+fma+bmi2", "x86_64+sse4.2"))]
fn warp(raw: &[u8], width: u32, [a, b, tx, ty]: [f32; 4], cut: &mut [u8], side: u32) {
    let stride = width as usize * 3;
    let height = raw.len() / stride.max(1);
    // Where all four corners come from well inside, no pixel has to ask.
    let last = side.saturating_sub(1) as f32;
    let inside = [(0.0, 0.0), (last, 0.0), (0.0, last), (last, last)]
        .into_iter()
        .all(|(u, v)| {
            let (x, y) = (a * u - b * v + tx, b * u + a * v + ty);
            x >= 1.0 && y >= 1.0 && x < width as f32 - 2.0 && y < height as f32 - 2.0
        });
    let near = |x: i64, y: i64| -> Option<[[u8; 6]; 2]> {
        let at = y as usize * stride + x as usize * 3;
        let two = raw.get(at..)?;
        Some([*two.first_chunk()?, *two.get(stride..)?.first_chunk()?])
    };
    let far = |x: i64, y: i64| {
        [
            edge(raw, stride, x, y),
            edge(raw, stride, x, y.saturating_add(1)),
        ]
    };
    for (v, row) in cut.chunks_exact_mut(side as usize * 3).enumerate() {
        let (x0, y0) = (tx - b * v as f32, ty + a * v as f32);
        for (u, out) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = (x0 + a * u as f32, y0 + b * u as f32);
            let (left, top) = (x.floor(), y.floor());
            let (right, below) = (x - left, y - top);
            let (left, top) = (left as i64, top as i64);
            let both = if inside { near(left, top) } else { None };
            let [above, under] = both.unwrap_or_else(|| far(left, top));
            for (channel, out) in out.iter_mut().enumerate() {
                let blend = |p: &[u8; 6]| {
                    let (l, r) = (f32::from(p[channel]), f32::from(p[channel + 3]));
                    l + (r - l) * right
                };
                let (upper, lower) = (blend(&above), blend(&under));
                // Within 0..=255: shares add up to 1.
                *out = (upper + (lower - upper) * below + 0.5) as u8;
            }
        }
    }
}

/// Two pixels side by side in a picture; black where it ends.
fn edge(raw: &[u8], stride: usize, x: i64, y: i64) -> [u8; 6] {
    let row = usize::try_from(y).ok().and_then(|y| {
        let from = y.checked_mul(stride)?;
        raw.get(from..from.checked_add(stride)?)
    });
    let Some(row) = row else { return [0; 6] };
    let one = |x: i64| {
        let at = usize::try_from(x).ok()?.checked_mul(3)?;
        row.get(at..)?.first_chunk::<3>().copied()
    };
    let [a, b, c] = one(x).unwrap_or_default();
    let [d, e, f] = one(x.saturating_add(1)).unwrap_or_default();
    [a, b, c, d, e, f]
}

/// `[a, b, tx, ty]` of the map `(x, y) -> (a x - b y + tx, b x + a y + ty)` that brings
/// `from` nearest to `to` in the least squares (Umeyama 1991, without reflections).
/// `None` if the points fall together or are not finite.
fn similarity(from: &[[f32; 2]; 5], to: &[[f32; 2]; 5]) -> Option<[f32; 4]> {
    let centre = |points: &[[f32; 2]; 5]| {
        let sum = points
            .iter()
            .fold([0.0; 2], |[x, y], p| [x + p[0], y + p[1]]);
        sum.map(|v| v / 5.0)
    };
    let (c, d) = (centre(from), centre(to));
    let (mut along, mut across, mut size) = (0.0, 0.0, 0.0);
    for (p, q) in from.iter().zip(to) {
        let (px, py, qx, qy) = (p[0] - c[0], p[1] - c[1], q[0] - d[0], q[1] - d[1]);
        along += px * qx + py * qy;
        across += px * qy - py * qx;
        size += px * px + py * py;
    }
    let (a, b) = (along / size, across / size);
    let found = [a, b, d[0] - a * c[0] + b * c[1], d[1] - b * c[0] - a * c[1]];
    (found.iter().all(|v| v.is_finite()) && a.hypot(b) > 1e-3).then_some(found)
}

/// The way back of a similarity that has one.
fn inverse([a, b, tx, ty]: [f32; 4]) -> [f32; 4] {
    let size = a * a + b * b;
    let (a, b) = (a / size, -b / size);
    [a, b, b * ty - a * tx, -b * tx - a * ty]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A turned, scaled and moved template is brought back exactly.
        #[test]
        fn a_similarity_is_found_again(
            turn in -3.1f32..3.1, scale in 0.1f32..9.0, x in -500f32..500.0, y in -500f32..500.0,
        ) {
            let (a, b) = (scale * turn.cos(), scale * turn.sin());
            let moved = TEMPLATE.map(|[u, v]| [a * u - b * v + x, b * u + a * v + y]);
            let found = similarity(&TEMPLATE, &moved).unwrap();
            for (f, e) in found.iter().zip([a, b, x, y]) {
                prop_assert!((f - e).abs() < 1e-2 * (1.0 + e.abs()), "{found:?}");
            }
            let [c, d, s, t] = inverse(found);
            for ([u, v], [p, q]) in TEMPLATE.iter().zip(moved) {
                prop_assert!((c * p - d * q + s - u).abs() < 0.5, "{found:?}");
                prop_assert!((d * p + c * q + t - v).abs() < 0.5, "{found:?}");
            }
        }

        /// No landmarks, however wrong, can panic.
        #[test]
        fn any_face_is_safe(landmarks in prop::array::uniform5(prop::array::uniform2(any::<f32>())),
                            rect in prop::array::uniform4(any::<f32>())) {
            let face = Face { rect, landmarks, detector_score: 1.0 };
            let image = RgbImage::new(30, 20);
            for mut aligner in [Aligner::five_point(32), Aligner::mtcnn_box(32, 4)] {
                let _ = aligner.cut(&image, &face);
            }
        }
    }

    #[test]
    fn landmarks_come_to_lie_where_the_template_has_them() {
        // A picture of a gradient: the colour says where a pixel came from.
        let image = RgbImage::from_fn(200, 200, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let landmarks = TEMPLATE.map(|[x, y]| [x * 0.5 + 60.0, y * 0.5 + 40.0]);
        let face = Face {
            rect: [70.0, 60.0, 110.0, 100.0],
            landmarks,
            detector_score: 1.0,
        };
        let cut = Aligner::five_point(112).cut(&image, &face).unwrap();
        assert_eq!(cut.get_pixel(56, 72).0, [88, 76, 0]);
    }
}
