//! The vocabulary that vision and the whitelist share: what a face became.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which network, with which weights, alignment and normalisation, made an
/// embedding. Two embeddings are comparable only if these are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelVersion(String);

impl ModelVersion {
    /// A version from its stored name, for example `facenet128-int8@1f2e3d4c`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as stored and logged.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A face as a point on the unit sphere: finite, of Euclidean length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

/// A vector that no face could have given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the embedding is not a finite vector of non-zero length")]
pub struct NotAnEmbedding;

impl Embedding {
    /// Scales a network's output to unit length.
    ///
    /// # Errors
    /// [`NotAnEmbedding`] if it is empty, zero, or has a NaN or an infinity.
    pub fn from_raw(mut values: Vec<f32>) -> Result<Self, NotAnEmbedding> {
        let norm = values
            .iter()
            .map(|&v| f64::from(v) * f64::from(v))
            .sum::<f64>()
            .sqrt();
        if !norm.is_finite() || norm < 1e-6 {
            return Err(NotAnEmbedding);
        }
        for v in &mut values {
            *v = (f64::from(*v) / norm) as f32;
        }
        Ok(Self(values.into()))
    }

    /// The mean of several, scaled to unit length again: what a person's photos have in
    /// common. `None` if there are none, their sizes differ, or they cancel each other out.
    pub fn mean(of: &[&Self]) -> Option<Self> {
        Self::blend(of.iter().map(|e| (*e, 1.0)))
    }

    /// The same with a weight each.
    pub fn blend<'a>(of: impl IntoIterator<Item = (&'a Self, f32)>) -> Option<Self> {
        let mut sum: Vec<f32> = Vec::new();
        for (one, weight) in of {
            if sum.is_empty() {
                sum.resize(one.0.len(), 0.0);
            }
            if one.0.len() != sum.len() {
                return None;
            }
            for (sum, value) in sum.iter_mut().zip(&one.0) {
                *sum += weight * value;
            }
        }
        Self::from_raw(sum).ok()
    }

    /// The coordinates, of Euclidean length 1.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Cosine similarity, -1..=1; `None` if the sizes differ.
    pub fn cosine(&self, other: &Self) -> Option<f32> {
        (self.0.len() == other.0.len()).then(|| {
            let dot: f32 = self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum();
            dot.clamp(-1.0, 1.0)
        })
    }
}
