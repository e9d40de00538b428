//! What speaks against an enrolment: a photo of somebody else, a person who is listed
//! already, a look-alike.

use std::fmt;

use crate::cohort::Score;
use crate::embedding::{Cosine, Embedding};
use crate::person::PersonId;
use crate::recognise::Quality;
use crate::whitelist::NewTemplate;

/// From this cosine on two pictures are most likely one photo: those of a person who moved
/// have less.
const MIN_SAME_PHOTO_COSINE: f32 = 0.99;
/// From this cosine on two pictures are the same, bit by bit but for rounding: those of a camera
/// that looks at something that does not move have less, by its noise.
const MIN_SAME_PICTURE_COSINE: f32 = 0.999_99;
/// How far the landmarks of one photo in two files lie apart, in shares of the picture.
const MAX_SAME_PHOTO_SHIFT: f32 = 0.02;

/// A photo that a template can be made of.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) template: NewTemplate,
    pub(super) quality: Quality,
    /// In shares of the picture's width and height.
    pub(super) landmarks: [[f32; 2]; 5],
    /// When the camera took it; nothing of a file, of which there may be copies.
    pub(super) moment: Option<String>,
}

impl Sample {
    /// Whether both are one photo, also if it was saved again or made smaller.
    pub(super) fn is_same_photo(&self, other: &Self) -> bool {
        let mut places = self.landmarks.iter().zip(&other.landmarks);
        places.all(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]) <= MAX_SAME_PHOTO_SHIFT)
            && self.is_as_good_as(&other.template.embedding)
    }

    /// Whether it is the very picture that this template was made of: those that a camera takes
    /// one after the other are never quite the same.
    pub(super) fn is_same_picture(&self, template: &Embedding) -> bool {
        let cosine = self.template.embedding.cosine(template);
        cosine.is_some_and(|cosine| cosine.value() > MIN_SAME_PICTURE_COSINE)
    }

    /// Whether it would add nothing to this template.
    pub(super) fn is_as_good_as(&self, template: &Embedding) -> bool {
        let cosine = self.template.embedding.cosine(template);
        cosine.is_some_and(|cosine| cosine.value() > MIN_SAME_PHOTO_COSINE)
    }
}

/// The places of the photos that are not like the others, with their cosine to the others' mean, which is
/// under `same_person`. Two photos that are unlike are both named: which is wrong cannot
/// be told. `listed` are the person's templates from before, which count among the others; and
/// each photo has to be like them alone, or two photos of somebody else would speak for each other.
pub(super) fn outliers(
    new: &[Sample],
    listed: &[Embedding],
    same_person: Cosine,
) -> Vec<(usize, Cosine)> {
    let listed_alone: Vec<&Embedding> = listed.iter().collect();
    let listed_alone = Embedding::mean(&listed_alone);
    let like_the_listed =
        |sample: &Sample| listed_alone.as_ref()?.cosine(&sample.template.embedding);
    new.iter()
        .enumerate()
        .flat_map(|(i, sample)| {
            let cosines = [like_the_others(new, listed, i), like_the_listed(sample)];
            let least = cosines
                .into_iter()
                .flatten()
                .min_by(|a, b| a.value().total_cmp(&b.value()));
            least.map(|cosine| (i, cosine))
        })
        .filter(|(_, cosine)| *cosine < same_person)
        .collect()
}

/// How a photo is to the mean of all others; `None` if there is no other.
pub(super) fn like_the_others(
    new: &[Sample],
    listed: &[Embedding],
    place: usize,
) -> Option<Cosine> {
    let others: Vec<&Embedding> = new
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != place)
        .map(|(_, other)| &other.template.embedding)
        .chain(listed)
        .collect();
    Embedding::mean(&others)?.cosine(&new.get(place)?.template.embedding)
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
            None => write!(
                f,
                "and so few strangers reach it that their share was not measured"
            ),
        }
    }
}
