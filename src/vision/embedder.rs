//! FaceNet: an aligned face becomes a point on the unit sphere.
//!
//! Schroff, Kalenichenko, Philbin: "FaceNet: A Unified Embedding for Face
//! Recognition and Clustering", 2015; Inception-ResNet-v1 as trained by David
//! Sandberg, whose pipeline cuts the detector's box with a margin and scales it
//! to a square.

use fast_image_resize as fir;
use image::RgbImage;
use ort::environment::Environment;
use sha2::{Digest, Sha256};

use super::manifest::{Alignment, Entry, Manifest, Normalisation, Role, hex};
use super::runtime::Network;
use super::{Face, VisionError};
use crate::config;
use crate::embedding::{Embedding, ModelVersion};

/// The network with the way faces are prepared for it.
#[derive(Debug)]
pub struct Embedder {
    network: Network,
    version: ModelVersion,
    output: String,
    size: usize,
    margin: u32,
    side: u32,
    normalisation: Normalisation,
    resizer: fir::Resizer,
    pixels: Vec<f32>,
}

impl Embedder {
    /// Opens the network.
    ///
    /// # Errors
    /// [`VisionError`] if it is missing or not what the manifest says.
    pub fn open(
        environment: &Environment,
        manifest: &Manifest,
        models: &config::Models,
    ) -> Result<Self, VisionError> {
        let entry = manifest.pick(Role::Embedder, &models.choose)?;
        let missing =
            |what: &str| manifest.wrong(format!("{}: an embedder needs {what}", entry.id));
        let size = entry
            .embedding_size
            .filter(|&n| n > 0)
            .ok_or_else(|| missing("embedding_size"))?;
        let side = entry
            .crop
            .filter(|s| (32..=1024).contains(s))
            .ok_or_else(|| missing("crop, from 32 to 1024 pixels"))?;
        let margin = entry
            .margin
            .filter(|m| *m < side)
            .ok_or_else(|| missing("margin, smaller than crop"))?;
        let Some(Alignment::MtcnnBox) = entry.alignment else {
            return Err(missing("alignment = \"mtcnn-box\""));
        };
        let output = entry
            .outputs
            .first()
            .filter(|o| o.shape == [-1, size as i64])
            .ok_or_else(|| missing(&format!("one output of the shape [-1, {size}]")))?;
        if entry.input.shape != [-1, 3, i64::from(side), i64::from(side)] {
            return Err(missing(&format!("the input shape [-1, 3, {side}, {side}]")));
        }
        Ok(Self {
            network: Network::open(environment, manifest, entry, models.threads)?,
            version: version(entry, side, margin),
            output: output.name.clone(),
            size,
            margin,
            side,
            normalisation: entry.input.normalisation,
            resizer: fir::Resizer::new(),
            pixels: Vec::new(),
        })
    }

    /// What embeddings of this network can be compared with.
    pub fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// Cuts a face out of a picture: the detector's box and a margin, clipped to
    /// the picture, scaled to the network's square.
    ///
    /// # Errors
    /// [`VisionError::Align`] if the box lies outside the picture.
    pub fn align(&mut self, image: &RgbImage, face: &Face) -> Result<RgbImage, VisionError> {
        let (width, height) = (image.width() as f32, image.height() as f32);
        let [x0, y0, x1, y1] = face.rect;
        // The margin is given in pixels of the finished crop.
        let share = self.margin as f32 / (self.side - self.margin) as f32 / 2.0;
        let (mx, my) = ((x1 - x0) * share, (y1 - y0) * share);
        let (left, top) = ((x0 - mx).max(0.0).floor(), (y0 - my).max(0.0).floor());
        let (right, bottom) = ((x1 + mx).min(width).floor(), (y1 + my).min(height).floor());
        let outside = || VisionError::Align { rect: face.rect };
        if !(right - left >= 1.0 && bottom - top >= 1.0) {
            return Err(outside());
        }
        let mut aligned = RgbImage::new(self.side, self.side);
        let options = fir::ResizeOptions::new()
            .crop(
                f64::from(left),
                f64::from(top),
                f64::from(right - left),
                f64::from(bottom - top),
            )
            // The triangle filter widens when it shrinks, as Pillow's does.
            .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Bilinear));
        let source = fir::images::ImageRef::new(
            image.width(),
            image.height(),
            image.as_raw(),
            fir::PixelType::U8x3,
        )
        .map_err(|_| outside())?;
        let mut target = fir::images::Image::from_slice_u8(
            self.side,
            self.side,
            aligned.as_flat_samples_mut().samples,
            fir::PixelType::U8x3,
        )
        .map_err(|_| outside())?;
        self.resizer
            .resize(&source, &mut target, &options)
            .map_err(|_| outside())?;
        Ok(aligned)
    }

    /// Embeds an aligned face.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if the network fails or says nothing usable.
    pub fn embed(&mut self, aligned: &RgbImage) -> Result<Embedding, VisionError> {
        let side = self.side as usize;
        if aligned.dimensions() != (self.side, self.side) {
            return Err(self.failed(format!(
                "an aligned face is {side}x{side} pixels, not {}x{}",
                aligned.width(),
                aligned.height()
            )));
        }
        let (scale, offset) = match self.normalisation {
            Normalisation::None => (1.0, 0.0),
            Normalisation::PerImageWhitening => {
                let (mean, std) = mean_and_std(aligned.as_raw());
                let least = 1.0 / (aligned.as_raw().len() as f64).sqrt();
                let std = std.max(least);
                ((1.0 / std) as f32, (-mean / std) as f32)
            }
        };
        self.pixels.clear();
        for channel in 0..3 {
            let plane = aligned.as_raw().iter().skip(channel).step_by(3);
            self.pixels
                .extend(plane.map(|&v| f32::from(v) * scale + offset));
        }
        let outputs = self.network.run([1, 3, side, side], &self.pixels)?;
        let (_, values) = outputs.tensor(&self.output)?;
        let values = values.to_vec();
        drop(outputs);
        if values.len() != self.size {
            return Err(self.failed(format!("{} values, not {}", values.len(), self.size)));
        }
        Embedding::from_raw(values).map_err(|e| self.failed(e.to_string()))
    }

    fn failed(&self, reason: String) -> VisionError {
        VisionError::Inference {
            id: self.version.to_string(),
            reason,
        }
    }
}

/// Whatever changes embeddings changes the version: the weights, the crop, the normalisation.
fn version(entry: &Entry, side: u32, margin: u32) -> ModelVersion {
    let recipe = format!(
        "{}|{:?}|{side}|{margin}|{:?}",
        entry.sha256, entry.alignment, entry.input.normalisation
    );
    let digest = hex(&Sha256::digest(recipe.as_bytes()));
    ModelVersion::new(format!("{}@{}", entry.id, &digest[..8]))
}

fn mean_and_std(values: &[u8]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let (sum, squares) = values.iter().fold((0u64, 0u64), |(s, q), &v| {
        (s + u64::from(v), q + u64::from(v) * u64::from(v))
    });
    let mean = sum as f64 / n;
    (mean, (squares as f64 / n - mean * mean).max(0.0).sqrt())
}
