//! How scores are told, and what they mean: a cohort and a calibration of one model version.
//!
//! The one place where two faces become a score. Whoever compares faces (the whitelist's
//! matcher, an evaluation) prepares each of them once and asks here.

use std::sync::Arc;

use crate::cohort::{Cohort, CohortStatistics, Score};
use crate::embedding::{Cosine, Embedding};
use crate::risk::{self, Calibration, RiskError, Threshold, ThresholdRequest};

/// What is known about the scores of one model version's embeddings. Nothing at all by
/// default: scores are plain cosines, and no threshold follows from a risk.
#[derive(Debug, Clone, Default)]
pub struct Scoring {
    cohort: Option<Arc<Cohort>>,
    calibration: Option<Calibration>,
}

/// A face ready to be compared by the [`Scoring`] that prepared it: a vector of length 1
/// whose dot products are cosines, and how it is to the cohort.
#[derive(Debug, Clone)]
pub struct Prepared {
    values: Box<[f32]>,
    statistics: CohortStatistics,
}

impl Prepared {
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// How it is to the cohort.
    pub(crate) fn statistics(&self) -> CohortStatistics {
        self.statistics
    }
}

impl Scoring {
    /// Scores normalised by the cohort, or plain cosines without; their meaning by the
    /// calibration.
    pub fn new(cohort: Option<Cohort>, calibration: Option<Calibration>) -> Self {
        Self {
            cohort: cohort.map(Arc::new),
            calibration,
        }
    }

    /// The same way of scoring, of which nothing is known.
    #[must_use]
    pub(crate) fn uncalibrated(&self) -> Self {
        Self {
            cohort: self.cohort.clone(),
            calibration: None,
        }
    }

    /// What scores mean; nothing for a network that was brought without.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// Whether scores are normalised by a cohort.
    pub(crate) fn is_normalised(&self) -> bool {
        self.cohort.is_some()
    }

    /// `None` if the cohort is of embeddings of another size.
    pub fn prepare(&self, face: &Embedding) -> Option<Prepared> {
        let values = face.as_slice();
        let statistics = match &self.cohort {
            Some(cohort) => cohort.statistics(values)?,
            None => CohortStatistics::NONE,
        };
        Some(Prepared {
            values: values.into(),
            statistics,
        })
    }

    /// Compares two faces that this scoring prepared.
    pub fn score(&self, one: &Prepared, other: &Prepared) -> Score {
        let cosine = Cosine::of(&one.values, &other.values);
        self.tell(cosine, one.statistics, other.statistics)
    }

    /// The score of two faces with this cosine.
    #[inline]
    pub(crate) fn tell(
        &self,
        cosine: Cosine,
        one: CohortStatistics,
        other: CohortStatistics,
    ) -> Score {
        match &self.cohort {
            Some(cohort) => cohort.normalise(cosine, one, other),
            None => cosine.into(),
        }
    }

    /// The threshold for a face that is compared with so many templates.
    ///
    /// # Errors
    /// [`RiskError::NoCalibration`] if it is to follow from the risk and the networks came
    /// without a calibration; [`RiskError::BeyondData`].
    pub fn threshold(
        &self,
        asked: ThresholdRequest,
        comparisons: usize,
    ) -> Result<Threshold, RiskError> {
        risk::threshold(asked, self.calibration(), comparisons)
    }
}
