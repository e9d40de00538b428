//! FaceNet, or another network of its kind: an aligned face becomes a point on the
//! unit sphere.
//!
//! Schroff, Kalenichenko, Philbin: "FaceNet: A Unified Embedding for Face
//! Recognition and Clustering", 2015. What a network wants (size, cut, channels,
//! normalisation) is its manifest entry's to say.

use std::time::Duration;

use image::RgbImage;
use ort::environment::Environment;
use sha2::{Digest, Sha256};

use super::align::Aligner;
use super::input::Preparation;
use super::manifest::{Alignment, Entry, Manifest, Normalisation, hex};
use super::projection::Projection;
use super::runtime::Network;
use super::{Face, VisionError};
use crate::config;
use crate::embedding::{Embedding, ModelVersion};

/// The network with the way faces are prepared for it.
#[derive(Debug)]
pub(crate) struct Embedder {
    network: Network,
    version: ModelVersion,
    output: String,
    size: usize,
    side: u32,
    aligner: Aligner,
    projection: Option<Projection>,
    preparation: Preparation,
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
        entry: &Entry,
        models: &config::Models,
    ) -> Result<Self, VisionError> {
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
        let aligner = match entry.alignment {
            Some(Alignment::MtcnnBox) => {
                let margin = entry
                    .margin
                    .filter(|m| *m < side)
                    .ok_or_else(|| missing("margin, smaller than crop"))?;
                Aligner::mtcnn_box(side, margin)
            }
            Some(Alignment::FivePoint) => Aligner::five_point(side),
            None => return Err(missing("alignment, \"mtcnn-box\" or \"five-point\"")),
        };
        let input = &entry.input;
        let preparation = Preparation::of(input).map_err(&missing)?;
        // -1 or 1 for the number of pictures: one goes in at a time.
        let one = |n: Option<&i64>| matches!(n, Some(-1 | 1));
        let output = entry
            .outputs
            .first()
            .filter(|o| one(o.shape.first()) && o.shape.get(1..) == Some(&[size as i64][..]))
            .ok_or_else(|| missing(&format!("one output of the shape [-1, {size}]")))?;
        if !one(input.shape.first()) || preparation.sides(&input.shape) != Some([side; 2]) {
            let [a, b, c] = preparation.axes([side; 2]);
            return Err(missing(&format!("the input shape [-1, {a}, {b}, {c}]")));
        }
        Ok(Self {
            network: Network::open(environment, manifest, entry, models)?,
            version: version(entry),
            output: output.name.clone(),
            size,
            side,
            aligner,
            projection: manifest.projection(entry, size)?,
            preparation,
            pixels: Vec::new(),
        })
    }

    /// What embeddings of this network can be compared with.
    pub fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// Coordinates of its embeddings.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Time spent inside ONNX Runtime so far.
    pub fn spent(&self) -> Duration {
        self.network.spent()
    }

    /// Cuts a face out of a picture as this network was trained; `None` if that cannot be
    /// done, see [`Aligner::cut`].
    pub fn align(&mut self, image: &RgbImage, face: &Face) -> Option<RgbImage> {
        self.aligner.cut(image, face)
    }

    /// Embeds an aligned face of `side` x `side` pixels.
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
        let shape = self.preparation.fill(aligned, &mut self.pixels);
        let outputs = self.network.run(shape, &self.pixels)?;
        let (_, values) = outputs.tensor(&self.output)?;
        let values = values.to_vec();
        drop(outputs);
        if values.len() != self.size {
            return Err(self.failed(format!("{} values, not {}", values.len(), self.size)));
        }
        let unit = Embedding::new(&self.version, values).map_err(|e| self.failed(e.to_string()))?;
        match &self.projection {
            None => Ok(unit),
            Some(projection) => Embedding::new(&self.version, projection.apply(unit.as_slice()))
                .map_err(|e| self.failed(e.to_string())),
        }
    }

    fn failed(&self, reason: String) -> VisionError {
        VisionError::Inference {
            id: self.version.to_string(),
            reason,
        }
    }
}

/// Whatever changes embeddings changes the version: the weights, the crop, the normalisation.
fn version(entry: &Entry) -> ModelVersion {
    let digest = hex(&Sha256::digest(recipe(entry).as_bytes()));
    ModelVersion::new(format!("{}@{}", entry.id, &digest[..8]))
}

/// What the version is the hash of. Every template in the field depends on each byte of
/// it: what is added later may only be written where it is not the default.
fn recipe(entry: &Entry) -> String {
    let input = &entry.input;
    let mut recipe = format!("weights {}\n", entry.sha256);
    if let (Some(alignment), Some(crop)) = (entry.alignment, entry.crop) {
        recipe += &match alignment {
            Alignment::MtcnnBox => {
                let margin = entry.margin.unwrap_or_default();
                format!("crop {} {crop} margin {margin}\n", alignment.name())
            }
            Alignment::FivePoint => format!("crop {} {crop}\n", alignment.name()),
        };
    }
    recipe += &format!("normalisation {}", input.normalisation.name());
    if let (Normalisation::Fixed, Some(mean), Some(std)) =
        (input.normalisation, input.mean, input.std)
    {
        recipe += &format!(" {mean} {std}");
    }
    let (colour, layout) = (input.colour.name(), input.layout.name());
    recipe += &format!("\ninput {colour} {layout}\n");
    if let Some(projection) = &entry.projection {
        recipe += &format!("projection {}\n", projection.sha256);
    }
    recipe
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(alignment: &str, input: &str) -> Entry {
        let text = format!(
            "id = 'net'\nrole = 'embedder'\nfile = 'f'\nsha256 = '00ff'\nprecision = 'int8'\n\
             {alignment}\n[input]\nname = 'x'\nshape = [-1]\n{input}\n\
             [[output]]\nname = 'y'\nshape = [-1]\n"
        );
        toml::from_str(&text).unwrap()
    }

    /// Another text would orphan every template that was ever made.
    #[test]
    fn versions_are_hashes_of_a_text_that_stays() {
        let whitened = "normalisation = 'per-image-whitening'";
        let cut = "crop = 160\nmargin = 14\nalignment = 'mtcnn-box'";
        let points = "crop = 112\nalignment = 'five-point'";
        let fixed = "normalisation = 'fixed'\nmean = 127.5\nstd = 128.0";
        for (alignment, input, text, version) in [
            (
                cut,
                whitened.to_owned(),
                "weights 00ff\ncrop mtcnn-box 160 margin 14\n\
                 normalisation per-image-whitening\ninput RGB NCHW\n",
                "net@034a378a",
            ),
            (
                points,
                format!("{fixed}\ncolour = 'BGR'\nlayout = 'NHWC'"),
                "weights 00ff\ncrop five-point 112\n\
                 normalisation fixed 127.5 128\ninput BGR NHWC\n",
                "net@d78de1ed",
            ),
            (
                "crop = 112\nalignment = 'five-point'\nprojection = { file = 'h', sha256 = '11ee' }",
                "normalisation = 'none'".to_owned(),
                "weights 00ff\ncrop five-point 112\n\
                 normalisation none\ninput RGB NCHW\nprojection 11ee\n",
                "net@a2d3e9a4",
            ),
        ] {
            let entry = entry(alignment, &input);
            assert_eq!(recipe(&entry), text);
            assert_eq!(super::version(&entry).as_str(), version);
        }
    }
}
