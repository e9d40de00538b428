//! Fitting a cohort and a calibration to some of the people.

use std::collections::BTreeMap;

use super::Part;
use super::dataset::Dataset;
use super::embedded::Embedded;
use super::rates::{Scores, Side};
use crate::cohort::{Cohort, NotACohort, dot};
use crate::embedding::Embedding;
use crate::risk::Calibration;

/// People whose embeddings a row blends.
pub const BLENDED: usize = 8;
/// Rows of a cohort.
pub const ROWS: usize = 3000;
/// Rows nearest to a face that count.
pub const TOP: usize = 200;
/// Draws before a row is given up: a data set with too few people has no other.
const DRAWS: usize = 200;
/// Impostor pairs that must lie over a calibration's last point.
const LEAST_PAIRS: u64 = 10;
/// A row may not be this like anybody it was made from: the score at this false match rate.
const LIKE_NOBODY: f64 = 1e-3;

/// A cohort as it is stored, and what it takes to read it.
#[derive(Debug, Clone)]
pub struct FittedCohort {
    /// Rows of signed bytes.
    pub bytes: Vec<u8>,
    /// Values of a row.
    pub size: usize,
    /// Mean of an average face.
    pub centre: f32,
    /// Spread of an average face.
    pub spread: f32,
    /// Highest cosine of any row with any embedding it was made from.
    pub nearest: f32,
}

/// Why nothing could be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// Too few people.
    #[error("{0} people with photos are too few to fit anything to: it takes {1}")]
    TooFew(usize, usize),
    /// Blends stay too like the people in them.
    #[error("no blend of {BLENDED} people was unlike all of them in {DRAWS} draws")]
    TooAlike,
    /// The rows are no cohort.
    #[error(transparent)]
    Cohort(#[from] NotACohort),
}

/// Faces of one part of the people, with their photo's person.
pub fn faces_of<'a>(
    dataset: &'a Dataset,
    embedded: &'a Embedded,
    part: Option<Part>,
) -> impl Iterator<Item = (usize, &'a Embedding)> {
    dataset
        .photos
        .iter()
        .zip(&embedded.faces)
        .filter(move |(photo, _)| {
            let name = dataset.people.get(photo.person);
            part.is_none() || name.map(|n| Part::of(n)) == part
        })
        .filter_map(|(photo, face)| Some((photo.person, face.as_ref()?)))
}

/// Blends the embeddings of [`Part::Cohort`], one photo each of [`BLENDED`] people drawn
/// at random a row. A row that reaches the score of a false match rate of 1e-3 with any
/// photo of anybody in it is drawn again.
///
/// # Errors
/// [`FitError`]
pub fn cohort(dataset: &Dataset, embedded: &Embedded) -> Result<FittedCohort, FitError> {
    let mut people: BTreeMap<usize, Vec<&Embedding>> = BTreeMap::new();
    for (person, face) in faces_of(dataset, embedded, Some(Part::Cohort)) {
        people.entry(person).or_default().push(face);
    }
    let people: Vec<Vec<&Embedding>> = people.into_values().collect();
    if people.len() < 10 * BLENDED {
        return Err(FitError::TooFew(people.len(), 10 * BLENDED));
    }
    let sides: Vec<Side> = faces_of(dataset, embedded, Some(Part::Cohort))
        .filter_map(|(person, face)| Side::new(person, &[face], None))
        .collect();
    let too_like = Scores::of_all_pairs(&sides, None).points(1);
    let too_like = too_like
        .iter()
        .find(|p| p[1] <= LIKE_NOBODY)
        .map_or(1.0, |p| p[0]) as f32;

    let mut random = fastrand::Rng::with_seed(20_180_402);
    let (mut bytes, mut nearest, mut size) = (Vec::new(), -1f32, 0);
    for _ in 0..ROWS {
        let mut row = None;
        for _ in 0..DRAWS {
            let drawn = random.choose_multiple(people.iter(), BLENDED);
            let one_each: Vec<&Embedding> = drawn
                .iter()
                .filter_map(|photos| random.choice(photos.iter()).copied())
                .collect();
            let Some(stored) = Embedding::mean(&one_each).map(|mean| quantised(&mean)) else {
                continue;
            };
            // As it will be read back.
            let values = stored.iter().map(|&b| f32::from(b.cast_signed())).collect();
            let Ok(read) = Embedding::from_raw(values) else {
                continue;
            };
            let like = drawn
                .iter()
                .flat_map(|photos| photos.iter())
                .map(|face| dot(read.as_slice(), face.as_slice()))
                .fold(-1f32, f32::max);
            if like < too_like {
                row = Some((stored, like));
                break;
            }
        }
        let (stored, like) = row.ok_or(FitError::TooAlike)?;
        size = stored.len();
        bytes.extend(stored);
        nearest = nearest.max(like);
    }
    let raw = Cohort::from_bytes(&bytes, size, TOP, 0.0, 1.0)?;
    let all = faces_of(dataset, embedded, Some(Part::Cohort)).map(|(_, f)| f.as_slice());
    let (centre, spread) = raw.average(all).ok_or(FitError::TooFew(0, 1))?;
    Ok(FittedCohort {
        bytes,
        size,
        centre,
        spread,
        nearest,
    })
}

fn quantised(embedding: &Embedding) -> Vec<u8> {
    let values = embedding.as_slice();
    let largest = values.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    values
        .iter()
        .map(|v| ((v / largest * 127.0).round() as i8).cast_unsigned())
        .collect()
}

/// What a calibration fitted to one half of the people promises, and what the other half shows.
#[derive(Debug, Clone, Copy)]
pub struct CrossCheck {
    /// False match rate promised.
    pub promised: f64,
    /// Seen on people it was not fitted to; one figure a half.
    pub seen: [f64; 2],
}

/// Fits to each half of [`Part::Rest`] and looks at the other.
pub fn cross_check(
    dataset: &Dataset,
    embedded: &Embedded,
    cohort: Option<&Cohort>,
) -> Vec<CrossCheck> {
    let half = |first: bool| {
        let sides: Vec<Side> = faces_of(dataset, embedded, Some(Part::Rest))
            .filter(|(person, _)| {
                let name = dataset.people.get(*person);
                name.is_some_and(|n| (Part::tenth(n) < 7) == first)
            })
            .filter_map(|(person, face)| Side::new(person, &[face], cohort))
            .collect();
        Scores::of_all_pairs(&sides, cohort)
    };
    let (one, other) = (half(true), half(false));
    [1e-2, 1e-3, 1e-4]
        .map(|promised| {
            let carried = |fit: &Scores, seen: &Scores| {
                let threshold = fit.at_threshold_of_fmr(promised);
                seen.at_threshold(threshold).0
            };
            CrossCheck {
                promised,
                seen: [carried(&one, &other), carried(&other, &one)],
            }
        })
        .to_vec()
}

/// Reads scores and rates off [`Part::Rest`], one photo against one.
///
/// # Errors
/// [`FitError::TooFew`]
pub fn calibration(
    dataset: &Dataset,
    embedded: &Embedded,
    cohort: Option<&Cohort>,
    data: &str,
) -> Result<Calibration, FitError> {
    let sides: Vec<Side> = faces_of(dataset, embedded, Some(Part::Rest))
        .filter_map(|(person, face)| Side::new(person, &[face], cohort))
        .collect();
    let mut people: Vec<usize> = sides.iter().map(|s| s.person).collect();
    people.dedup();
    let scores = Scores::of_all_pairs(&sides, cohort);
    let points = scores.points(LEAST_PAIRS);
    if points.len() < 2 {
        return Err(FitError::TooFew(people.len(), 50));
    }
    let rounded = |v: f64| (v * 1e9).round() / 1e9;
    Ok(Calibration {
        model: embedded.model.clone(),
        data: data.to_owned(),
        people: people.len(),
        impostor_pairs: scores.impostor_pairs() as u64,
        genuine_pairs: scores.genuine_pairs() as u64,
        points: points.into_iter().map(|p| p.map(rounded)).collect(),
    })
}
