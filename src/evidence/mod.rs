//! What recognition is worth, measured on photos of people who are known.
//!
//! This room needs no door and no whitelist: photos and networks in, figures out. What
//! is fitted to data (a cohort, a calibration) is fitted to some people and reported
//! on others; [`Part`] says who is who, by a hash of the name and so for ever.

pub mod cache;
pub mod dataset;
pub mod embedded;
pub mod fit;
pub mod groups;
pub mod identify;
pub mod left_out;
pub mod named;
pub(crate) mod own_projection;
pub mod presentations;
pub mod projection;
pub mod proportion;
pub(crate) mod rates;
pub mod report;

/// The list of groups in a data set's folder.
pub const GROUPS_FILE: &str = "groups.csv";

use sha2::{Digest, Sha256};

/// What a person's photos are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Four of ten: blended into the cohort.
    Cohort,
    /// Six of ten: in no cohort; a calibration is read from their scores.
    Rest,
}

impl Part {
    /// 0..=9, for a cross-check within a part.
    pub(crate) fn tenth(name: &str) -> u8 {
        Sha256::digest(name.as_bytes())
            .first()
            .map_or(0, |b| b % 10)
    }
    /// By the SHA-256 of the person's name.
    pub fn of(name: &str) -> Self {
        match Self::tenth(name) {
            0..=3 => Self::Cohort,
            _ => Self::Rest,
        }
    }
}
