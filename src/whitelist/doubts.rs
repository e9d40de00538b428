//! What speaks against an enrolment: a photo of somebody else, a person who is listed
//! already, a look-alike.

use super::{Match, Matcher, NewTemplate};
use crate::cohort::Score;
use crate::embedding::{Cosine, Embedding};
use crate::person::PersonId;

/// The photos that are not like the others, with their cosine to the others' mean, which is
/// under `same_person`. Two photos that are unlike are both named: which is wrong cannot
/// be told.
pub fn outliers<'a>(
    new: &'a [NewTemplate],
    listed: &[Embedding],
    same_person: Cosine,
) -> Vec<(&'a str, Cosine)> {
    new.iter()
        .enumerate()
        .filter_map(|(i, photo)| {
            let others: Vec<&Embedding> = new
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .map(|(_, other)| &other.embedding)
                .chain(listed)
                .collect();
            let cosine = Embedding::mean(&others)?.cosine(&photo.embedding)?;
            (cosine < same_person).then_some((photo.source.as_str(), cosine))
        })
        .collect()
}

/// How alike somebody is to another person on the whitelist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Alike {
    /// So alike that it is most likely the same person.
    Same(Match),
    /// Alike enough to be taken for the other at this door.
    LookAlike(Match),
}

/// The person on the whitelist, other than `own`, whom these photos would pass for; from
/// the score `one_person` on most likely that very person.
pub fn alike(
    new: &[NewTemplate],
    own: Option<PersonId>,
    matcher: &Matcher,
    threshold: Score,
    one_person: Score,
) -> Option<Alike> {
    let photos: Vec<&Embedding> = new.iter().map(|photo| &photo.embedding).collect();
    let found = matcher.identify_other(&Embedding::mean(&photos)?, own)?;
    if found.score >= one_person && found.score >= threshold {
        Some(Alike::Same(found))
    } else {
        (found.score >= threshold).then_some(Alike::LookAlike(found))
    }
}
