//! What an evaluation leaves out of a folder, each entry with its reason.

use std::fmt;

use serde::Serialize;

use super::dataset::Dataset;
use super::embedded::{Embedded, Missing};
use crate::camera::album;

/// An entry that counts for nothing.
#[derive(Debug, Clone, Serialize)]
pub struct LeftOut {
    /// Below the folder that was given; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// The kind of reason.
    pub reason: Reason,
    /// The reason itself, and what to do.
    pub why: String,
}

/// A kind of reason, for programs and to count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Reason {
    /// It is no person and no photo.
    Entry(album::Reason),
    /// A photo that gave no embedding.
    Photo(NoFace),
    /// A person who is not of the people that are counted.
    Person(OfTheCohort),
}

/// Why a photo gave no embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoFace {
    /// Damaged, cut off, too large or too small.
    UnusablePicture,
    /// Somebody wrote to it.
    Changing,
    /// No face in it.
    NoFace,
}

/// Why a person is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OfTheCohort {
    /// Kept for a cohort.
    OfTheCohort,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(reason) => reason.fmt(f),
            Self::Photo(NoFace::UnusablePicture) => f.write_str("pictures that cannot be used"),
            Self::Photo(NoFace::Changing) => f.write_str("photos that changed meanwhile"),
            Self::Photo(NoFace::NoFace) => f.write_str("photos without a face"),
            Self::Person(_) => f.write_str("people kept for a cohort; --all counts them"),
        }
    }
}

impl Reason {
    /// Whether it is what a system keeps for itself.
    pub fn is_of_the_system(self) -> bool {
        self == Self::Entry(album::Reason::System)
    }
}

/// Everything that is left out where the people for whom `counts` holds are counted: entries
/// first, then people, then photos.
pub fn left_out(
    dataset: &Dataset,
    embedded: &Embedded,
    counts: impl Fn(usize) -> bool,
) -> Vec<LeftOut> {
    let entries = dataset.left_out.iter().map(|entry| LeftOut {
        path: entry.path.to_string_lossy().into_owned(),
        reason: Reason::Entry(entry.why.reason()),
        why: entry.why.to_string(),
    });
    let people = dataset.people.iter().enumerate();
    let people = people
        .filter(|(person, _)| !counts(*person))
        .map(|(_, name)| LeftOut {
            path: name.clone(),
            reason: Reason::Person(OfTheCohort::OfTheCohort),
            why: "is kept for the cohort that `doorward calibrate` makes; --all counts everybody"
                .into(),
        });
    let photos = embedded.missing.iter().filter_map(|(place, why)| {
        let photo = dataset.photos.get(*place)?;
        counts(photo.person).then(|| LeftOut {
            path: photo.file.clone(),
            reason: Reason::Photo(match why {
                Missing::Unreadable(_) => NoFace::UnusablePicture,
                Missing::Changing => NoFace::Changing,
                Missing::NoFace => NoFace::NoFace,
            }),
            why: why.to_string(),
        })
    });
    entries.chain(people).chain(photos).collect()
}
