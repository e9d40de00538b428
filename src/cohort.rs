//! Adaptive symmetric score normalisation: how alike are two faces, compared with how
//! alike each of them is to faces in general?
//!
//! Some faces resemble many others; a plain cosine with them means less. Each side's
//! cosines with a cohort of strangers are taken, the highest of them give a mean and a
//! standard deviation, and the score is told in those (Cumani et al. 2011, "Comparison of speaker
//! recognition approaches for real applications"; Matějka et al. 2017, "Analysis of
//! score normalization in multilingual speaker recognition").
//!
//! A cohort's rows are blends of many people each, so that none is anybody's template.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::embedding::{Cosine, dot, unit};

/// Blends of strangers' embeddings, with what turns a normalised score back into the
/// range cosines have.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    size: usize,
    rows: Vec<f32>,
    nearest_rows: usize,
    mean: f32,
    std_dev: f32,
}

/// How sure it is that two faces are one person's, -1..=1.5: what a threshold is set for.
/// The plain cosine, or with a cohort the normalised one.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(f32);

impl Score {
    /// A score that somebody states, such as a threshold.
    pub fn new(score: f32) -> Self {
        Self(score)
    }

    /// -1..=1.5.
    pub fn value(self) -> f32 {
        self.0
    }
}

/// Without a cohort the cosine is the score.
impl From<Cosine> for Score {
    fn from(cosine: Cosine) -> Self {
        Self(cosine.value())
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How one embedding is to the rows nearest to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CohortStatistics {
    mean: f32,
    std_dev: f32,
}

/// A cohort that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cohort cannot be used: {0}")]
pub struct NotACohort(String);

/// The highest score: a sure match can be more than a cosine of 1 of average faces.
const MAX_SCORE: f32 = 1.5;
/// A standard deviation below this would blow scores up.
const MIN_STD_DEV: f32 = 1e-3;

impl CohortStatistics {
    /// Of a face that is compared without a cohort.
    pub(crate) const NONE: Self = Self {
        mean: 0.0,
        std_dev: 1.0,
    };
}

impl Cohort {
    /// From a file's bytes: rows of `size` signed bytes, each row an embedding but for
    /// its length. `nearest_rows` nearest rows count; `mean` and `std_dev` are the cohort
    /// statistics of an average face, in which a normalised score is told.
    ///
    /// # Errors
    /// [`NotACohort`]
    pub fn from_bytes(
        bytes: &[u8],
        size: usize,
        nearest_rows: usize,
        mean: f32,
        std_dev: f32,
    ) -> Result<Self, NotACohort> {
        let wrong = |what: String| Err(NotACohort(what));
        if size == 0 || bytes.is_empty() || !bytes.len().is_multiple_of(size) {
            return wrong(format!(
                "{} bytes are no rows of {size} values",
                bytes.len()
            ));
        }
        let count = bytes.len() / size;
        if nearest_rows < 2 || nearest_rows > count {
            return wrong(format!(
                "nearest_rows is {nearest_rows}, it has to be from 2 to {count}"
            ));
        }
        if !mean.is_finite() || !std_dev.is_finite() || std_dev < MIN_STD_DEV {
            return wrong("mean or std_dev is no useful number".into());
        }
        let mut rows = Vec::with_capacity(bytes.len());
        for row in bytes.chunks_exact(size) {
            let values = row.iter().map(|&b| f32::from(b.cast_signed())).collect();
            match unit(values) {
                Ok(row) => rows.extend(row),
                Err(error) => return wrong(error.to_string()),
            }
        }
        Ok(Self {
            size,
            rows,
            nearest_rows,
            mean,
            std_dev,
        })
    }

    /// Values of a row.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Rows it has.
    pub fn len(&self) -> usize {
        self.rows.len() / self.size
    }

    /// Never true: a cohort without rows cannot be made.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Compares an embedding with every row; `None` if it is of another size.
    pub fn statistics(&self, embedding: &[f32]) -> Option<CohortStatistics> {
        if embedding.len() != self.size {
            return None;
        }
        let mut scores: Vec<f32> = self
            .rows
            .chunks_exact(self.size)
            .map(|row| dot(row, embedding))
            .collect();
        let (highest, _, _) =
            scores.select_nth_unstable_by(self.nearest_rows - 1, |a, b| b.total_cmp(a));
        // The one at the place itself belongs to the highest too, but one of hundreds is no matter.
        let count = highest.len().max(1) as f32;
        let mean = highest.iter().sum::<f32>() / count;
        let variance = highest.iter().map(|s| (s - mean).powi(2)).sum::<f32>() / count;
        Some(CohortStatistics {
            mean,
            std_dev: variance.sqrt().max(MIN_STD_DEV),
        })
    }

    /// A cosine of two faces, told in what both are to faces in general: about the cosine
    /// itself where both are average.
    pub fn normalise(
        &self,
        cosine: Cosine,
        one: CohortStatistics,
        other: CohortStatistics,
    ) -> Score {
        let cosine = cosine.value();
        let z = ((cosine - one.mean) / one.std_dev + (cosine - other.mean) / other.std_dev) / 2.0;
        Score((self.mean + self.std_dev * z).clamp(-1.0, MAX_SCORE))
    }

    /// The mean and the standard deviation of an average face among these, for a new cohort's
    /// `mean` and `std_dev`; `None` without embeddings of its size.
    pub(crate) fn average<'a>(
        &self,
        embeddings: impl Iterator<Item = &'a [f32]>,
    ) -> Option<(f32, f32)> {
        let statistics: Vec<CohortStatistics> =
            embeddings.filter_map(|e| self.statistics(e)).collect();
        let count = statistics.len() as f32;
        (!statistics.is_empty()).then(|| {
            (
                statistics.iter().map(|s| s.mean).sum::<f32>() / count,
                statistics.iter().map(|s| s.std_dev).sum::<f32>() / count,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_face_that_resembles_many_has_to_resemble_more() {
        // Rows near the first axis; one probe there, one far from all.
        let rows: Vec<u8> = (0..8u8).flat_map(|i| [100, i, 8 - i, 0]).collect();
        let cohort = Cohort::from_bytes(&rows, 4, 8, 0.4, 0.1).unwrap();
        let common = cohort.statistics(&[1.0, 0.0, 0.0, 0.0]).unwrap();
        let rare = cohort.statistics(&[0.0, 0.0, 0.0, 1.0]).unwrap();
        let cosine = Cosine::from_dot(0.8);
        assert!(cohort.normalise(cosine, common, common) < cohort.normalise(cosine, rare, rare));
        assert!(cohort.statistics(&[1.0]).is_none());
    }

    #[test]
    fn bytes_that_are_no_cohort_are_refused() {
        for (bytes, size, nearest_rows, std_dev) in [
            (&[][..], 4, 2, 0.1),
            (&[1; 7][..], 4, 2, 0.1),
            (&[1; 8][..], 4, 3, 0.1),
            (&[0; 8][..], 4, 2, 0.1),
            (&[1; 8][..], 4, 2, 0.0),
            (&[1; 8][..], 0, 2, 0.1),
        ] {
            assert!(Cohort::from_bytes(bytes, size, nearest_rows, 0.4, std_dev).is_err());
        }
    }
}
