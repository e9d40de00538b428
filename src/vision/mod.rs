//! From a picture to faces and from a face to an embedding.
//!
//! This room knows pictures and networks. It does not know who anybody is, and
//! there is no door in it.

mod align;
mod crop;
mod embedder;
mod ensemble;
mod entry;
mod input;
pub(crate) mod library;
pub mod manifest;
pub mod manifest_edit;
mod mtcnn;
mod pad;
mod pad_edit;
pub mod pad_import;
pub mod projection;
pub mod resample;
pub mod runtime;
mod upright;
pub(crate) mod variants;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;
use serde::Serialize;

use self::ensemble::Ensemble;
use self::manifest::Manifest;
use self::mtcnn::Mtcnn;
use self::pad::PadNetwork;
use self::variants::Keeping;
use crate::config;
use crate::embedding::{Embedding, ModelVersion};
use crate::scoring::Scoring;

/// Pictures with a longer side are shrunk before faces are looked for: no camera
/// at a door needs more, and the detector's memory grows with the picture.
const MAX_SIDE: u32 = 2048;

/// A face in a picture; coordinates in pixels, possibly a little outside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Face {
    /// `[x0, y0, x1, y1]`.
    pub rect: [f32; 4],
    /// `[x, y]` of the left eye, right eye, nose and the corners of the mouth, as the viewer sees them.
    pub landmarks: [[f32; 2]; 5],
    /// How sure the detector is, 0..=1.
    pub detector_score: f32,
}

impl Face {
    /// Longer side of the box, in pixels.
    pub fn size(&self) -> f32 {
        let [x0, y0, x1, y1] = self.rect;
        (x1 - x0).max(y1 - y0)
    }

    /// Area of the box, in square pixels.
    pub fn area(&self) -> f32 {
        let [x0, y0, x1, y1] = self.rect;
        (x1 - x0) * (y1 - y0)
    }

    fn scaled(mut self, by: f32) -> Self {
        self.rect = self.rect.map(|v| v * by);
        self.landmarks = self.landmarks.map(|p| p.map(|v| v * by));
        self
    }
}

/// A face cut out as each embedder was trained, of its own size.
#[derive(Debug, Clone)]
pub struct AlignedFace {
    first: RgbImage,
    others: Vec<RgbImage>,
    outside: f32,
}

impl AlignedFace {
    /// A crop that was made elsewhere, for a set with one embedder.
    pub fn new(pixels: RgbImage) -> Self {
        Self {
            first: pixels,
            others: Vec::new(),
            outside: 0.0,
        }
    }

    /// The share of the face that lies outside the picture, 0..=1.
    pub fn outside(&self) -> f32 {
        self.outside
    }

    /// The first embedder's crop, on which quality is measured.
    pub fn pixels(&self) -> &RgbImage {
        &self.first
    }
}

/// What can go wrong between a picture and an embedding.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// ONNX Runtime's library cannot be used.
    #[error(
        "cannot use ONNX Runtime at {path}: {reason}; set models.runtime to the libonnxruntime.so that came with doorward"
    )]
    Runtime {
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The processor that was asked for cannot be used.
    #[error(
        "models.accelerator = \"{name}\" cannot be used: {reason}; set it to \"cpu\", or install an ONNX Runtime that has it"
    )]
    Accelerator {
        /// Its name in the configuration.
        name: &'static str,
        reason: String,
    },
    /// The manifest cannot be used.
    #[error("model manifest {path}: {reason}")]
    Manifest {
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model file is missing or is not the one the manifest promises.
    #[error("model file {path}: {reason}; install the model set again")]
    ModelFile {
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model is not what the manifest says.
    #[error("model {id}: {reason}; install the model set again or mend its manifest entry")]
    Model {
        /// The manifest's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A network failed on a picture.
    #[error("model {id} failed on this picture: {reason}")]
    Inference {
        /// The manifest's id.
        id: String,
        /// What it said.
        reason: String,
    },
}

/// The networks, loaded and checked.
#[derive(Debug)]
pub struct Vision {
    mtcnn: Mtcnn,
    embedders: Ensemble,
    pad: Option<PadNetwork>,
    set: String,
    scoring: Arc<Scoring>,
    settings: config::Vision,
    spent: Spent,
}

/// Where time went since the pipeline was opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Inside ONNX Runtime: P-, R- and O-Net.
    pub detector_sessions: [Duration; 3],
    /// Inside ONNX Runtime: the embedder.
    pub embedder_session: Duration,
    /// Looking for faces and following them, sessions included.
    pub detect: Duration,
    /// Cutting faces out.
    pub align: Duration,
    /// Embedding, session included.
    pub embed: Duration,
    /// Embeddings made.
    pub embeddings: u32,
    /// Asking the network against presentation attacks, cutting out included.
    pub pad: Duration,
}

impl Vision {
    /// Loads the model set and checks every file of it that is used.
    ///
    /// # Errors
    /// [`VisionError`] naming the library, manifest or file that is wrong.
    pub fn open(models: &config::Models, settings: &config::Vision) -> Result<Self, VisionError> {
        Self::open_and(models, settings, Keeping::Note)
    }

    /// The same, without a note of what was measured.
    ///
    /// # Errors
    /// As [`Vision::open`].
    pub(crate) fn look(
        models: &config::Models,
        settings: &config::Vision,
    ) -> Result<Self, VisionError> {
        Self::open_and(models, settings, Keeping::Nothing)
    }

    fn open_and(
        models: &config::Models,
        settings: &config::Vision,
        keeping: Keeping,
    ) -> Result<Self, VisionError> {
        let manifest = Manifest::load(&models.dir)?;
        let environment = runtime::environment(&manifest, models)?;
        let mut models = models.clone();
        models.choose = variants::chosen(&environment, &manifest, &models, keeping)?;
        let models = &models;
        let embedders = Ensemble::open(&environment, &manifest, models)?;
        let scoring = manifest.scoring(embedders.version(), embedders.size())?;
        Ok(Self {
            mtcnn: Mtcnn::open(&environment, &manifest, models, settings)?,
            embedders,
            pad: None,
            set: manifest.set().to_owned(),
            scoring: Arc::new(scoring),
            settings: settings.clone(),
            spent: Spent::default(),
        })
    }

    /// The same with the set's network against presentation attacks, where the configuration
    /// wants that asked. It is wanted by a key and not by lying in the set, so that a set
    /// without it, or another `models.dir`, is a mistake that is told and no door with less.
    ///
    /// # Errors
    /// As [`Vision::open`]; also where it is wanted and the set has none.
    pub fn with_pad(mut self, config: &config::Config) -> Result<Self, VisionError> {
        if !config.liveness.network {
            return Ok(self);
        }
        let manifest = Manifest::load(&config.models.dir)?;
        let entry = manifest.pad(&config.models.choose)?;
        let environment = runtime::environment(&manifest, &config.models)?;
        self.pad = Some(PadNetwork::open(
            &environment,
            &manifest,
            entry,
            &config.models,
        )?);
        Ok(self)
    }

    /// The networks in use, a line each.
    pub fn networks(&self) -> Vec<String> {
        let detector = self.mtcnn.ids().into_iter().map(str::to_owned);
        let members = self.embedders.members().map(ToString::to_string);
        let pad = self.pad.iter().map(|pad| pad.id().to_owned());
        detector.chain(members).chain(pad).collect()
    }

    /// Where time went so far.
    pub fn spent(&self) -> Spent {
        Spent {
            detector_sessions: self.mtcnn.spent(),
            embedder_session: self.embedders.spent(),
            pad: self.pad.as_ref().map(PadNetwork::spent).unwrap_or_default(),
            ..self.spent
        }
    }

    /// The model set's name.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// What the model set knows about this embedder's scores.
    pub fn scoring(&self) -> &Arc<Scoring> {
        &self.scoring
    }

    /// What this pipeline's embeddings can be compared with.
    pub fn version(&self) -> &ModelVersion {
        self.embedders.version()
    }

    /// Finds faces, the largest first. In a picture with a side longer than 2048
    /// pixels they are looked for at that size, found coordinates are its own.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if a network fails.
    pub fn detect(&mut self, image: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let (width, height) = image.dimensions();
        let longest = width.max(height);
        if longest <= MAX_SIDE {
            let start = Instant::now();
            let faces = self.mtcnn.detect(image);
            self.spent.detect += start.elapsed();
            return faces;
        }
        let side = |s: u32| (u64::from(s) * u64::from(MAX_SIDE) / u64::from(longest)).max(1) as u32;
        let small = image::imageops::thumbnail(image, side(width), side(height));
        let faces = self.mtcnn.detect(&small)?;
        let back = longest as f32 / MAX_SIDE as f32;
        Ok(faces.into_iter().map(|f| f.scaled(back)).collect())
    }

    /// Finds the faces that were at `known` in the frame before, by R- and O-Net alone: a
    /// seventh of the time, and not exact enough to embed from.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if a network fails.
    pub(crate) fn follow(
        &mut self,
        image: &RgbImage,
        known: &[[f32; 4]],
    ) -> Result<Vec<Face>, VisionError> {
        let start = Instant::now();
        let faces = self.mtcnn.follow(image, known);
        self.spent.detect += start.elapsed();
        faces
    }

    /// Whether a face is upside down in the picture it was found in; see `upright`. A fifth
    /// of the time it takes to find it.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if a network fails.
    pub(crate) fn is_upside_down(
        &mut self,
        image: &RgbImage,
        face: &Face,
    ) -> Result<bool, VisionError> {
        let Some(turned) = upright::turned(image, face) else {
            return Ok(false);
        };
        let again = self.follow(&turned.picture, &turned.places)?;
        Ok(again
            .iter()
            .any(|other| other.detector_score > face.detector_score))
    }

    /// Cuts a face out for the embedder; `None` if its box does not touch the picture, or
    /// its landmarks fall together.
    pub fn align(&mut self, image: &RgbImage, face: &Face) -> Option<AlignedFace> {
        let start = Instant::now();
        let aligned = self.embedders.align(image, face);
        self.spent.align += start.elapsed();
        aligned
    }

    /// The limits it was opened with.
    pub(crate) fn settings(&self) -> &config::Vision {
        &self.settings
    }

    /// What the network against presentation attacks says of a face: how probable it is that a
    /// person presents it, 0..=1, and from which mean on a face passes. Nothing where none is
    /// asked.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if the network fails.
    pub(crate) fn pad_score(
        &mut self,
        image: &RgbImage,
        face: &Face,
    ) -> Result<Option<(f32, f32)>, VisionError> {
        let Some(pad) = &mut self.pad else {
            return Ok(None);
        };
        Ok(Some((pad.score(image, face)?, pad.threshold())))
    }

    /// Embeds an aligned face.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if the network fails.
    pub fn embed(&mut self, face: &AlignedFace) -> Result<Embedding, VisionError> {
        let start = Instant::now();
        let embedding = self.embedders.embed(face);
        self.spent.embed += start.elapsed();
        self.spent.embeddings = self.spent.embeddings.wrapping_add(1);
        embedding
    }
}
