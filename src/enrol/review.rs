//! What speaks against an enrolment: a photo of somebody else, a person who is listed
//! already, a look-alike.

use std::fmt;

use crate::cohort::Score;
use crate::embedding::{Cosine, Embedding};
use crate::person::PersonId;
use crate::whitelist::NewTemplate;

/// The photos that are not like the others, with their cosine to the others' mean, which is
/// under `same_person`. Two photos that are unlike are both named: which is wrong cannot
/// be told. `listed` are the person's templates from before, which count among the others.
pub(super) fn outliers<'a>(
    new: &'a [NewTemplate],
    listed: &[Embedding],
    same_person: Cosine,
) -> Vec<(&'a str, Cosine)> {
    (0..new.len())
        .filter_map(|i| {
            let cosine = like_the_others(new, listed, i)?;
            let photo = new.get(i)?;
            (cosine < same_person).then_some((photo.source.as_str(), cosine))
        })
        .collect()
}

/// How a photo is to the mean of all others; `None` if there is no other.
pub(super) fn like_the_others(
    new: &[NewTemplate],
    listed: &[Embedding],
    place: usize,
) -> Option<Cosine> {
    let others: Vec<&Embedding> = new
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != place)
        .map(|(_, other)| &other.embedding)
        .chain(listed)
        .collect();
    Embedding::mean(&others)?.cosine(&new.get(place)?.embedding)
}

/// How alike two people are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    /// So alike that it is most likely one person.
    Same,
    /// Alike enough to be taken for each other at this door.
    LookAlike,
}

/// Another person on the whitelist, whom the photos would pass for.
#[derive(Debug, Clone, PartialEq)]
pub struct LookAlike {
    /// The other's number.
    pub person: PersonId,
    /// The other's name.
    pub name: String,
    /// How alike.
    pub alike: Alike,
    /// The score of the photos with the other's template.
    pub score: Score,
    /// The score from which the door opens.
    pub threshold: Score,
    /// The share of strangers who reach that score, 0..=1; nothing beyond what was measured.
    pub false_match_rate: Option<f64>,
}

impl fmt::Display for LookAlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.alike {
            Alike::Same => "is most likely the same person",
            Alike::LookAlike => "looks so similar that each would be taken for the other",
        };
        write!(
            f,
            "{} ({}) {how}: score {:.3}, the door opens from {:.3}, ",
            self.name, self.person, self.score, self.threshold
        )?;
        match self.false_match_rate {
            Some(rate) => write!(f, "1 in {:.0} strangers reaches it", 1.0 / rate),
            None => write!(f, "fewer strangers than were measured reach it"),
        }
    }
}
