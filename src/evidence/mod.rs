//! What recognition is worth, measured on photos of people who are known.
//!
//! This room needs no door and no whitelist: photos and networks in, figures out. What
//! is fitted to data (a cohort, a calibration) is fitted to some people and reported
//! on others; [`Part`] says who is who, by a hash of the name and so for ever.

pub mod dataset;
pub mod embedded;
pub mod fit;
pub mod identify;
pub mod rates;
pub mod report;

use sha2::{Digest, Sha256};

/// What a person's photos are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Four of ten: blended into the cohort.
    Cohort,
    /// Three of ten: the calibration is read from their scores.
    Calibration,
    /// Three of ten: nothing is fitted to them.
    HeldOut,
}

impl Part {
    /// By the SHA-256 of the person's name.
    pub fn of(name: &str) -> Self {
        match Sha256::digest(name.as_bytes())
            .first()
            .map_or(0, |b| b % 10)
        {
            0..=3 => Self::Cohort,
            4..=6 => Self::Calibration,
            _ => Self::HeldOut,
        }
    }
}
