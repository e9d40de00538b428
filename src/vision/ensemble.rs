//! One embedding from all embedders of a set that decide together.
//!
//! Networks that were trained on different data err differently, so two of them tell
//! strangers apart better than either. Each one's unit vector is centred (the mean face is
//! taken off, which makes strangers' cosines average about zero) and scaled to length 1
//! again; beside each other, weighted so that the squares add up to one, they are one unit
//! vector. The cosine of two of these is the weighted sum of the members' centred cosines:
//! comparing stays one product.

use std::time::Duration;

use image::RgbImage;
use ort::environment::Environment;
use sha2::{Digest, Sha256};

use super::align::outside_share;
use super::embedder::Embedder;
use super::manifest::{EnsembleSpec, Manifest, Role, hex};
use super::{AlignedFace, Face, VisionError};
use crate::config;
use crate::embedding::{Embedding, ModelVersion, unit};

/// A member of the ensemble with what is done to its embeddings.
#[derive(Debug)]
struct Member {
    embedder: Embedder,
    /// The square root of its weight.
    factor: f32,
    /// The mean of many people's embeddings.
    centre: Vec<f32>,
}

/// The embedders of a set that are in use: one alone, or several that decide together.
#[derive(Debug)]
pub(crate) struct Ensemble {
    first: Embedder,
    /// With the first among them; empty where that one decides alone.
    together: Option<Together>,
}

#[derive(Debug)]
struct Together {
    version: ModelVersion,
    size: usize,
    factor: f32,
    centre: Vec<f32>,
    others: Vec<Member>,
}

impl Ensemble {
    /// Opens what the configuration chooses: an ensemble, or one embedder alone.
    ///
    /// # Errors
    /// [`VisionError`] if a member is missing or not what the manifest says.
    pub fn open(
        environment: &Environment,
        manifest: &Manifest,
        models: &config::Models,
    ) -> Result<Self, VisionError> {
        let Some(spec) = manifest.ensemble(&models.choose)? else {
            let entry = manifest.pick(Role::Embedder, &models.choose)?;
            return Ok(Self {
                first: Embedder::open(environment, manifest, entry, models)?,
                together: None,
            });
        };
        let mut members = Vec::with_capacity(spec.members.len());
        for member in &spec.members {
            let entry = manifest.entry(Role::Embedder, &member.model)?;
            let embedder = Embedder::open(environment, manifest, entry, models)?;
            members.push((embedder, member.weight));
        }
        let sizes: Vec<usize> = members.iter().map(|(e, _)| e.size()).collect();
        let mut centres = centres(manifest, spec, &sizes)?.into_iter();
        let version = version(spec, members.iter().map(|(e, _)| e.version()));
        let mut members = members.into_iter().map(|(embedder, weight)| Member {
            embedder,
            factor: weight.sqrt(),
            centre: centres.next().unwrap_or_default(),
        });
        let first = members
            .next()
            .ok_or_else(|| manifest.wrong(format!("{}: an ensemble needs members", spec.id)))?;
        Ok(Self {
            first: first.embedder,
            together: Some(Together {
                version,
                size: sizes.iter().sum(),
                factor: first.factor,
                centre: first.centre,
                others: members.collect(),
            }),
        })
    }

    /// What its embeddings can be compared with.
    pub fn version(&self) -> &ModelVersion {
        match &self.together {
            Some(together) => &together.version,
            None => self.first.version(),
        }
    }

    /// Coordinates of its embeddings.
    pub fn size(&self) -> usize {
        self.together
            .as_ref()
            .map_or_else(|| self.first.size(), |t| t.size)
    }

    /// The members' versions, one where a network decides alone.
    pub(crate) fn members(&self) -> impl Iterator<Item = &ModelVersion> {
        std::iter::once(self.first.version()).chain(self.others().map(|m| m.embedder.version()))
    }

    /// Time spent inside ONNX Runtime so far.
    pub fn spent(&self) -> Duration {
        let others: Duration = self.others().map(|m| m.embedder.spent()).sum();
        self.first.spent() + others
    }

    fn others(&self) -> impl Iterator<Item = &Member> {
        self.together.iter().flat_map(|t| &t.others)
    }

    /// Cuts a face out of a picture as each member was trained; `None` if that cannot be
    /// done for one of them.
    pub fn align(&mut self, image: &RgbImage, face: &Face) -> Option<AlignedFace> {
        let first = self.first.align(image, face)?;
        let mut others = Vec::new();
        for member in self.together.iter_mut().flat_map(|t| &mut t.others) {
            others.push(member.embedder.align(image, face)?);
        }
        let outside = outside_share(face, image.width(), image.height());
        Some(AlignedFace {
            first,
            others,
            outside,
        })
    }

    /// Embeds an aligned face.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if a network fails or says nothing usable.
    pub fn embed(&mut self, crops: &AlignedFace) -> Result<Embedding, VisionError> {
        let first = self.first.embed(&crops.first)?;
        let Some(together) = &mut self.together else {
            return Ok(first);
        };
        let failed = |version: &ModelVersion, reason: String| VisionError::Inference {
            id: version.to_string(),
            reason,
        };
        if crops.others.len() != together.others.len() {
            return Err(failed(
                &together.version,
                "the face was cut out for other networks".into(),
            ));
        }
        let mut values = Vec::with_capacity(together.size);
        let mut append = |one: &Embedding, centre: &[f32], factor: f32| {
            let centred = one.as_slice().iter().zip(centre).map(|(v, c)| v - c);
            let unit = unit(centred.collect()).map_err(|e| failed(one.model(), e.to_string()))?;
            values.extend(unit.into_iter().map(|v| factor * v));
            Ok(())
        };
        append(&first, &together.centre, together.factor)?;
        for (member, crop) in together.others.iter_mut().zip(&crops.others) {
            append(&member.embedder.embed(crop)?, &member.centre, member.factor)?;
        }
        Embedding::new(&together.version, values)
            .map_err(|e| failed(&together.version, e.to_string()))
    }
}

/// The members' mean faces, from one file: 32-bit floats, little-endian, member after member.
fn centres(
    manifest: &Manifest,
    spec: &EnsembleSpec,
    sizes: &[usize],
) -> Result<Vec<Vec<f32>>, VisionError> {
    let bytes = manifest.read_file(&spec.centres, &spec.centres_sha256)?;
    let wrong = |reason: String| VisionError::ModelFile {
        path: manifest.path_of(&spec.centres),
        reason,
    };
    let (words, rest) = bytes.as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|w| f32::from_le_bytes(*w)).collect();
    let wanted: usize = sizes.iter().sum();
    if !rest.is_empty() || values.len() != wanted {
        return Err(wrong(format!(
            "it has {} bytes; the members of {} have {wanted} values of 4 bytes each",
            bytes.len(),
            spec.id
        )));
    }
    if values.iter().any(|v| v.abs() > 1.0 || v.is_nan()) {
        return Err(wrong("the mean of unit vectors has no such values".into()));
    }
    let mut rest = values.as_slice();
    Ok(sizes
        .iter()
        .map(|size| {
            let (centre, after) = rest.split_at(*size);
            rest = after;
            centre.to_vec()
        })
        .collect())
}

/// Whatever changes embeddings changes the version: members, weights, centres.
fn version<'a>(
    spec: &EnsembleSpec,
    members: impl Iterator<Item = &'a ModelVersion>,
) -> ModelVersion {
    let mut recipe = format!("centres {}\n", spec.centres_sha256);
    for (version, member) in members.zip(&spec.members) {
        recipe += &format!("member {version} {}\n", member.weight);
    }
    let digest = hex(&Sha256::digest(recipe.as_bytes()));
    let short = digest.get(..8).unwrap_or(&digest);
    ModelVersion::new(format!("{}@{short}", spec.id))
}
