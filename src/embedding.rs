//! The vocabulary that vision and the whitelist share: what a face became, and how alike
//! two of them are.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Which network, with which weights, alignment and normalisation, made an
/// embedding. Two embeddings are comparable only if these are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ModelVersion(Arc<str>);

impl ModelVersion {
    /// A version from its stored name, for example `facenet128-int8@1f2e3d4c`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as stored and logged.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The network's id in its manifest: the name without the digest.
    pub fn id(&self) -> &str {
        self.0.split('@').next().unwrap_or(&self.0)
    }
}

impl From<String> for ModelVersion {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<ModelVersion> for String {
    fn from(version: ModelVersion) -> Self {
        version.as_str().to_owned()
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The cosine of the angle between two embeddings of one model version, -1..=1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cosine(f32);

impl Cosine {
    /// Of two vectors of length 1 and one size.
    pub(crate) fn of(a: &[f32], b: &[f32]) -> Self {
        Self::from_dot(dot(a, b))
    }

    /// From the dot product of two vectors of length 1, which rounding can bring past 1.
    pub(crate) fn from_dot(dot: f32) -> Self {
        Self(dot.clamp(-1.0, 1.0))
    }

    /// -1..=1.
    pub fn value(self) -> f32 {
        self.0
    }
}

impl fmt::Display for Cosine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A face as a point on the unit sphere (finite, of Euclidean length 1), and what put it
/// there.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    model: ModelVersion,
    values: Box<[f32]>,
}

/// A vector that no face could have given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the embedding is not a finite vector of non-zero length")]
pub struct NotAnEmbedding;

impl Embedding {
    /// Scales a network's output to unit length.
    ///
    /// # Errors
    /// [`NotAnEmbedding`] if it is empty, zero, or has a NaN or an infinity.
    pub fn new(model: &ModelVersion, values: Vec<f32>) -> Result<Self, NotAnEmbedding> {
        Ok(Self {
            model: model.clone(),
            values: unit(values)?.into(),
        })
    }

    /// The mean of several, scaled to unit length again: what a person's photos have in
    /// common. `None` if there are none, they cannot be compared, or they cancel each
    /// other out.
    pub fn mean(of: &[&Self]) -> Option<Self> {
        Self::blend(of.iter().map(|e| (*e, 1.0)))
    }

    /// The same with a weight each.
    pub(crate) fn blend<'a>(of: impl IntoIterator<Item = (&'a Self, f32)>) -> Option<Self> {
        let mut of = of.into_iter();
        let (first, weight) = of.next()?;
        let mut sum: Vec<f32> = first.values.iter().map(|value| weight * value).collect();
        for (one, weight) in of {
            if !one.comparable(first) {
                return None;
            }
            for (sum, value) in sum.iter_mut().zip(&one.values) {
                *sum += weight * value;
            }
        }
        Self::new(&first.model, sum).ok()
    }

    pub fn model(&self) -> &ModelVersion {
        &self.model
    }

    /// The coordinates, of Euclidean length 1.
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// Whether both are of one model version and size.
    pub(crate) fn comparable(&self, other: &Self) -> bool {
        self.model == other.model && self.values.len() == other.values.len()
    }

    /// `None` if the two cannot be compared.
    pub fn cosine(&self, other: &Self) -> Option<Cosine> {
        self.comparable(other)
            .then(|| Cosine::of(&self.values, &other.values))
    }
}

/// Scales a vector to Euclidean length 1.
///
/// # Errors
/// [`NotAnEmbedding`] if it is empty, zero, or has a NaN or an infinity.
pub(crate) fn unit(mut values: Vec<f32>) -> Result<Vec<f32>, NotAnEmbedding> {
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
    Ok(values)
}

/// In sixteen lanes, which the compiler turns into vector instructions.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (a8, a_rest) = a.as_chunks::<16>();
    let (b8, b_rest) = b.as_chunks::<16>();
    for (a, b) in a8.iter().zip(b8) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}
