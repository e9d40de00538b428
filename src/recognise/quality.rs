//! Whether a face is worth judging: doubt about the picture must not become
//! doubt about the person.

use multiversion::multiversion;

use crate::access::Flaw;
use crate::config;
use crate::vision::{AlignedFace, Face};

/// What can be measured about a face before it is embedded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Longer side of the detector's box, in pixels.
    pub size_px: f32,
    /// Detector score, 0..=1.
    pub detector_score: f32,
    /// Variance of the Laplacian of the aligned face's luma, in squared grey
    /// levels: under 10 the face is blurred, half of LFW's faces have 33 and more
    /// (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy").
    pub sharpness: f32,
    /// Mean luma of the aligned face, 0..=255.
    pub luma: f32,
    /// How far the head is turned aside, from the landmarks: the nose's distance from the
    /// line between the middle of the eyes and the middle of the mouth, in distances
    /// between the eyes. 0 is frontal; half of LFW's faces have less than 0.1, one in
    /// a hundred 0.4 and more.
    pub turned: f32,
    /// The share of the face that lies outside the picture, 0..=1. Strangers' faces that
    /// the border cuts deeper than a quarter resemble each other.
    pub outside: f32,
}

impl Quality {
    /// Measures a face; `aligned` is its crop for the embedder.
    pub fn of(face: &Face, aligned: &AlignedFace) -> Self {
        let outside = aligned.outside();
        let aligned = aligned.pixels();
        let width = aligned.width() as usize;
        let (pixels, _) = aligned.as_raw().as_chunks::<3>();
        // BT.601 luma in 1/256.
        let luma: Vec<i32> = pixels
            .iter()
            .map(|[r, g, b]| (77 * i32::from(*r) + 150 * i32::from(*g) + 29 * i32::from(*b)) >> 8)
            .collect();
        let mean = luma.iter().map(|&v| f64::from(v)).sum::<f64>() / luma.len().max(1) as f64;
        Self {
            size_px: face.size(),
            detector_score: face.detector_score,
            sharpness: laplacian_variance(&luma, width),
            luma: mean as f32,
            turned: turned(&face.landmarks),
            outside,
        }
    }

    /// How much a frame of a face should count among others of the same face, 0..=1:
    /// large, sharp, frontal and well lit ones more.
    pub(crate) fn weight(&self) -> f32 {
        let size = self.size_px / (self.size_px + 60.0);
        let sharp = self.sharpness / (self.sharpness + 30.0);
        let frontal = 1.0 - self.turned.min(0.8);
        let lit = if (60.0..=200.0).contains(&self.luma) {
            1.0
        } else {
            0.7
        };
        // A NaN weighs nothing.
        (size * sharp * frontal * lit).max(0.0)
    }

    /// The first thing that keeps this face from being judged.
    pub(crate) fn flaw(&self, settings: &config::Vision) -> Option<Flaw> {
        let limits = [
            (self.size_px, settings.min_face_px as f32, Flaw::TooSmall),
            (
                self.detector_score,
                settings.min_detector_score,
                Flaw::LowDetectorScore,
            ),
            (settings.max_outside, self.outside, Flaw::Cut),
            (self.luma, settings.min_luma, Flaw::Dark),
            (self.sharpness, settings.min_sharpness, Flaw::Blurred),
        ];
        // A value that cannot be compared, NaN, is a flaw too.
        limits
            .into_iter()
            .find(|(value, least, _)| value.partial_cmp(least).is_none_or(|o| o.is_lt()))
            .map(|(_, _, flaw)| flaw)
    }
}

fn turned(landmarks: &[[f32; 2]; 5]) -> f32 {
    let [left, right, nose, mouth_left, mouth_right] = *landmarks;
    let middle = |a: [f32; 2], b: [f32; 2]| [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
    let (eyes, mouth) = (middle(left, right), middle(mouth_left, mouth_right));
    let axis = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
    let to_nose = [nose[0] - eyes[0], nose[1] - eyes[1]];
    let apart = (right[0] - left[0]).hypot(right[1] - left[1]);
    let aside = (axis[0] * to_nose[1] - axis[1] * to_nose[0]).abs();
    let turned = aside / axis[0].hypot(axis[1]) / apart;
    // Landmarks that fall together say nothing of a head.
    if turned.is_finite() { turned } else { 1.0 }
}

#[multiversion(targets("x86_64+avx2+fma+bmi2", "x86_64+sse4.2"))]
fn laplacian_variance(luma: &[i32], width: usize) -> f32 {
    if width < 3 {
        return 0.0;
    }
    // Whole numbers, which the compiler adds up many at a time.
    let (mut sum, mut squares, mut count) = (0i64, 0i64, 0u32);
    for rows in luma.windows(2 * width + width).step_by(width) {
        let (above, rest) = rows.split_at(width);
        let (here, below) = rest.split_at(width);
        let inner = width - 2;
        let neighbours = above
            .get(1..1 + inner)
            .zip(below.get(1..1 + inner))
            .zip(here.get(..inner).zip(here.get(2..)))
            .zip(here.get(1..1 + inner));
        let Some((((up, down), (left, right)), centre)) = neighbours else {
            continue;
        };
        // A line of 1024 values of at most 1020 squared stays below 2^31.
        let (mut line, mut line_squares) = (0i32, 0i32);
        for ((((u, d), l), r), c) in up.iter().zip(down).zip(left).zip(right).zip(centre) {
            let value = u + d + l + r - 4 * c;
            line += value;
            line_squares += value * value;
        }
        sum += i64::from(line);
        squares += i64::from(line_squares);
        count += inner as u32;
    }
    if count == 0 {
        return 0.0;
    }
    let mean = sum as f64 / f64::from(count);
    (squares as f64 / f64::from(count) - mean * mean) as f32
}
