//! MTCNN: three networks that find faces and five landmarks.
//!
//! Zhang, Zhang, Li, Qiao: "Joint Face Detection and Alignment using Multi-task
//! Cascaded Convolutional Networks", 2016, with the weights and conventions of
//! facenet-pytorch, but for one: windows of R- and O-Net that reach over the picture's
//! border are filled with black, as the original and Sandberg's `detect_face` do it.
//! facenet-pytorch cuts them and stretches what is left, and the landmarks with it.
//! `tests/golden.rs` holds ours and the reference together.

mod boxes;

use std::time::Duration;

use image::RgbImage;
use ort::environment::Environment;

use self::boxes::{Candidate, Overlap, suppress};
use super::manifest::{Manifest, Role};
use super::resample::{AreaResampler, Region};
use super::runtime::{Network, Shape};
use super::{Face, VisionError};
use crate::config;

/// Side of the window P-Net sees, in pixels of a pyramid level.
const WINDOW: f32 = 12.0;
/// Pixels of a level from one P-Net window to the next.
const STRIDE: usize = 2;
/// Side of R-Net's and O-Net's input, in pixels.
const RNET_SIDE: usize = 24;
const ONET_SIDE: usize = 48;
/// Candidates a stage looks at, the surest first: a patterned wall may not eat the second a person waits.
const MAX_PROPOSALS: usize = 8192;
const MAX_RNET_BATCH: usize = 512;
const MAX_ONET_BATCH: usize = 128;

#[derive(Debug)]
pub(crate) struct Mtcnn {
    pnet: Network,
    rnet: Network,
    onet: Network,
    settings: config::Vision,
    resampler: AreaResampler,
    pixels: Vec<f32>,
}

impl Mtcnn {
    /// Opens the three networks.
    ///
    /// # Errors
    /// [`VisionError`] if one of them is missing or not what it should be.
    pub fn open(
        environment: &Environment,
        manifest: &Manifest,
        models: &config::Models,
        settings: &config::Vision,
    ) -> Result<Self, VisionError> {
        let open = |role, outputs: &[&str], side: Option<usize>| {
            let entry = manifest.pick(role, &models.choose)?;
            for name in outputs {
                if !entry.outputs.iter().any(|o| o.name == *name) {
                    return Err(manifest
                        .wrong(format!("{}: a {role} needs an output \"{name}\"", entry.id)));
                }
            }
            let side = side.map_or(-1, |s| s as i64);
            if entry.input.shape != [-1, 3, side, side] {
                return Err(manifest.wrong(format!(
                    "{}: a {role} takes the input shape {}, not {}",
                    entry.id,
                    Shape(&[-1, 3, side, side]),
                    Shape(&entry.input.shape)
                )));
            }
            Network::open(environment, manifest, entry, models)
        };
        Ok(Self {
            pnet: open(Role::Pnet, &["reg", "logit"], None)?,
            rnet: open(Role::Rnet, &["reg", "prob"], Some(RNET_SIDE))?,
            onet: open(Role::Onet, &["reg", "points", "prob"], Some(ONET_SIDE))?,
            settings: settings.clone(),
            resampler: AreaResampler::default(),
            pixels: Vec::new(),
        })
    }

    /// The ids of P-, R- and O-Net.
    pub fn ids(&self) -> [&str; 3] {
        [self.pnet.id(), self.rnet.id(), self.onet.id()]
    }

    /// Time spent inside ONNX Runtime so far, by P-, R- and O-Net.
    pub fn spent(&self) -> [Duration; 3] {
        [self.pnet.spent(), self.rnet.spent(), self.onet.spent()]
    }

    /// Finds the faces of a picture, the largest first.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if a network fails.
    pub fn detect(&mut self, image: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let proposals = self.propose(image)?;
        let refined = self.refine(image, proposals)?;
        let mut faces = self.finish(image, refined)?;
        faces.sort_by(|a, b| b.area().total_cmp(&a.area()));
        Ok(faces)
    }

    /// R- and O-Net around boxes of the frame before; the largest face first.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if a network fails.
    pub(crate) fn follow(
        &mut self,
        image: &RgbImage,
        known: &[[f32; 4]],
    ) -> Result<Vec<Face>, VisionError> {
        let candidates = known.iter().map(|rect| {
            Candidate {
                rect: *rect,
                score: 1.0,
                shift: [0.0; 4],
            }
            .squared()
        });
        let refined = self.refine(image, candidates.collect())?;
        let mut faces = self.finish(image, refined)?;
        faces.sort_by(|a, b| b.area().total_cmp(&a.area()));
        Ok(faces)
    }

    /// P-Net on every level of the pyramid.
    fn propose(&mut self, image: &RgbImage) -> Result<Vec<Candidate>, VisionError> {
        let region = region(image, &self.settings);
        let (width, height) = (region.width() as usize, region.height() as usize);
        let corner = [region.x0 as f32, region.y0 as f32];
        let [threshold, ..] = self.settings.thresholds;
        let mut all = Vec::new();
        for scale in scales(width.min(height), &self.settings) {
            let level = |side: usize| (side as f64 * scale + 1.0) as usize;
            let (w, h) = (level(width), level(height));
            self.pixels.clear();
            self.resampler
                .planar(image, region, (w, h), &mut self.pixels);
            let outputs = self.pnet.run([1, 3, h, w], &self.pixels)?;
            let (shape, logits) = outputs.tensor("logit")?;
            let (_, shifts) = outputs.tensor("reg")?;
            let columns = shape.last().map_or(0, |&n| n.max(0) as usize);
            let mut found = windows(logits, shifts, columns, scale as f32, corner, threshold);
            if found.len() > MAX_PROPOSALS {
                found.select_nth_unstable_by(MAX_PROPOSALS, |a, b| b.score.total_cmp(&a.score));
                found.truncate(MAX_PROPOSALS);
            }
            suppress(&mut found, 0.5, Overlap::Union);
            all.append(&mut found);
        }
        suppress(&mut all, 0.7, Overlap::Union);
        all.truncate(MAX_RNET_BATCH);
        Ok(all.into_iter().map(|c| c.shifted(0.0).squared()).collect())
    }

    /// R-Net on each proposal.
    fn refine(
        &mut self,
        image: &RgbImage,
        mut candidates: Vec<Candidate>,
    ) -> Result<Vec<Candidate>, VisionError> {
        let [_, threshold, _] = self.settings.thresholds;
        self.crop(image, &mut candidates, RNET_SIDE);
        if candidates.is_empty() {
            return Ok(candidates);
        }
        let shape = [candidates.len(), 3, RNET_SIDE, RNET_SIDE];
        let outputs = self.rnet.run(shape, &self.pixels)?;
        judge(
            &mut candidates,
            outputs.tensor("prob")?.1,
            outputs.tensor("reg")?.1,
        );
        candidates.retain(|c| c.score > threshold);
        suppress(&mut candidates, 0.7, Overlap::Union);
        candidates.truncate(MAX_ONET_BATCH);
        Ok(candidates
            .into_iter()
            .map(|c| c.shifted(1.0).squared())
            .collect())
    }

    /// O-Net on what is left; here landmarks appear.
    fn finish(
        &mut self,
        image: &RgbImage,
        mut candidates: Vec<Candidate>,
    ) -> Result<Vec<Face>, VisionError> {
        let [_, _, threshold] = self.settings.thresholds;
        self.crop(image, &mut candidates, ONET_SIDE);
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let shape = [candidates.len(), 3, ONET_SIDE, ONET_SIDE];
        let outputs = self.onet.run(shape, &self.pixels)?;
        let before = candidates.clone();
        judge(
            &mut candidates,
            outputs.tensor("prob")?.1,
            outputs.tensor("reg")?.1,
        );
        let (points, _) = outputs.tensor("points")?.1.as_chunks::<10>();
        let mut found: Vec<(Candidate, [[f32; 2]; 5])> = candidates
            .into_iter()
            .zip(before)
            .zip(points)
            .filter(|((c, _), _)| c.score > threshold)
            .map(|((c, before), points)| (c.shifted(1.0), landmarks(&before.rect, points)))
            .collect();
        // Suppression looks at boxes only; landmarks follow their box.
        let mut kept: Vec<Candidate> = found.iter().map(|(c, _)| *c).collect();
        suppress(&mut kept, 0.7, Overlap::Smaller);
        found.retain(|(c, _)| kept.contains(c));
        Ok(found
            .into_iter()
            .map(|(c, landmarks)| Face {
                rect: c.rect,
                landmarks,
                detector_score: c.score,
            })
            .collect())
    }

    /// Fills `pixels` with the candidates' crops and drops candidates outside the picture.
    fn crop(&mut self, image: &RgbImage, candidates: &mut Vec<Candidate>, side: usize) {
        let (width, height) = image.dimensions();
        self.pixels.clear();
        candidates.retain(|candidate| match candidate.region(width, height) {
            Some(region) => {
                self.resampler
                    .planar(image, region, (side, side), &mut self.pixels);
                true
            }
            None => false,
        });
    }
}

/// Scales at which faces of `min_face_px` and larger are as large as P-Net's window.
fn scales(shorter_side: usize, settings: &config::Vision) -> Vec<f64> {
    let first = f64::from(WINDOW) / f64::from(settings.min_face_px.max(1));
    // Below 1 by the configuration's range, so this ends.
    let factor = f64::from(settings.scale_factor);
    std::iter::successors(Some(first), |scale| Some(scale * factor))
        .take_while(|scale| shorter_side as f64 * scale >= f64::from(WINDOW))
        // One level more than the largest face: its window may be a little smaller.
        .take_while(|scale| {
            settings.max_face_px == 0
                || scale * f64::from(settings.max_face_px) >= f64::from(WINDOW) * factor
        })
        .collect()
}

/// The part of a picture where faces are looked for; at least a pixel of it.
fn region(image: &RgbImage, settings: &config::Vision) -> Region {
    let [left, top, right, bottom] = settings.region;
    let at = |share: f32, side: u32| (share * side as f32).round().clamp(0.0, side as f32) as i64;
    let region = Region {
        x0: at(left, image.width()),
        y0: at(top, image.height()),
        x1: at(right, image.width()),
        y1: at(bottom, image.height()),
    };
    if region.x0 < region.x1 && region.y0 < region.y1 {
        region
    } else {
        Region::whole(image)
    }
}

/// Turns P-Net's maps into candidates of at least `threshold`.
fn windows(
    logits: &[f32],
    shifts: &[f32],
    columns: usize,
    scale: f32,
    [left, top]: [f32; 2],
    threshold: f32,
) -> Vec<Candidate> {
    let plane = logits.len();
    if columns == 0 || shifts.len() != 4 * plane {
        return Vec::new();
    }
    // Compared before the sigmoid, which nearly all windows then never need.
    let least = (threshold / (1.0 - threshold)).ln();
    logits
        .iter()
        .enumerate()
        .filter(|&(_, &logit)| logit >= least)
        .map(|(i, &logit)| {
            let (x, y) = ((i % columns * STRIDE) as f32, (i / columns * STRIDE) as f32);
            let shift = |k: usize| shifts.get(k * plane + i).copied().unwrap_or(0.0);
            Candidate {
                rect: [
                    ((x + 1.0) / scale).floor() + left,
                    ((y + 1.0) / scale).floor() + top,
                    ((x + WINDOW) / scale).floor() + left,
                    ((y + WINDOW) / scale).floor() + top,
                ],
                score: 1.0 / (1.0 + (-logit).exp()),
                shift: [shift(0), shift(1), shift(2), shift(3)],
            }
        })
        .collect()
}

/// Takes a network's verdict over into its candidates. `probabilities` are
/// (background, face) pairs, `shifts` four a candidate.
fn judge(candidates: &mut [Candidate], probabilities: &[f32], shifts: &[f32]) {
    let (probabilities, _) = probabilities.as_chunks::<2>();
    let (shifts, _) = shifts.as_chunks::<4>();
    for ((candidate, [_, face]), shift) in candidates.iter_mut().zip(probabilities).zip(shifts) {
        candidate.score = *face;
        candidate.shift = *shift;
    }
}

/// Landmarks from shares of the box (five x, then five y) to pixels.
fn landmarks(rect: &[f32; 4], points: &[f32; 10]) -> [[f32; 2]; 5] {
    let [x0, y0, x1, y1] = *rect;
    let (w, h) = (x1 - x0 + 1.0, y1 - y0 + 1.0);
    let [ax, bx, cx, dx, ex, ay, by, cy, dy, ey] = *points;
    [[ax, ay], [bx, by], [cx, cy], [dx, dy], [ex, ey]]
        .map(|[x, y]| [w * x + x0 - 1.0, h * y + y0 - 1.0])
}
