//! Fitting a cohort and a calibration to some of the people.

use std::collections::BTreeMap;

use super::Part;
use super::dataset::Dataset;
use super::embedded::Embedded;
use super::rates::{Scores, Side, split};
use crate::cohort::{Cohort, NotACohort};
use crate::embedding::{Cosine, Embedding, unit};
use crate::risk::Calibration;
use crate::scoring::Scoring;

/// People whose embeddings a row blends: the first number with which rows are unlike all of them.
const PEOPLE_PER_ROW: [usize; 5] = [8, 12, 16, 24, 32];
/// Rows of a cohort.
pub const COHORT_ROWS: usize = 3000;
/// Rows nearest to a face that count.
pub(crate) const NEAREST_ROWS: usize = 200;
/// Draws a row, on the whole, before so few people are given up.
const MAX_DRAWS_PER_ROW: usize = 100;
/// Impostor pairs that must lie over a calibration's last point.
const MIN_IMPOSTOR_PAIRS: u64 = 10;
/// Genuine comparisons of three photos with one without which they are not told apart.
const MIN_GENUINE_COMPARISONS: usize = 100;
/// A row may not be this like anybody it was made from: the score at this false match rate.
const MAX_ROW_FMR: f64 = 1e-3;

/// A cohort as it is stored, and what it takes to read it.
#[derive(Debug, Clone)]
pub struct FittedCohort {
    /// Rows of signed bytes.
    pub bytes: Vec<u8>,
    /// Values of a row.
    pub size: usize,
    /// Mean of an average face.
    pub mean: f32,
    /// Spread of an average face.
    pub std_dev: f32,
    /// Highest cosine of any row with any embedding it was made from.
    pub nearest: Cosine,
    /// What it stays under: the cosine that 1 in 1000 pairs of strangers reach.
    pub too_like: Cosine,
    /// People in a row.
    pub blended: usize,
}

/// Why nothing could be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// Too few people.
    #[error("{0} people with photos are too few to fit anything to: it takes {1}")]
    TooFew(usize, usize),
    /// Blends stay too like the people in them.
    #[error("no blend of {0} people was unlike all of them in {MAX_DRAWS_PER_ROW} draws a row")]
    TooAlike(usize),
    /// The rows are no cohort.
    #[error(transparent)]
    Cohort(#[from] NotACohort),
}

/// Faces of one part of the people, with their photo's person.
pub(crate) fn faces_of<'a>(
    dataset: &'a Dataset,
    embedded: &'a Embedded,
    part: Option<Part>,
) -> impl Iterator<Item = (usize, &'a Embedding)> {
    photos_of(dataset, embedded, part).map(|(_, person, face)| (person, face))
}

/// The same, with the photo's index first.
pub fn photos_of<'a>(
    dataset: &'a Dataset,
    embedded: &'a Embedded,
    part: Option<Part>,
) -> impl Iterator<Item = (usize, usize, &'a Embedding)> {
    dataset
        .photos
        .iter()
        .zip(&embedded.faces)
        .enumerate()
        .filter(move |(_, (photo, _))| dataset.is_in(photo.person, part))
        .filter_map(|(place, (photo, face))| Some((place, photo.person, face.as_ref()?)))
}

/// Blends the embeddings of [`Part::Cohort`], one photo each of eight or more people drawn
/// at random a row. A row that reaches the score of a false match rate of 1e-3 with any
/// photo of anybody in it is drawn again; where most do, more people go into a row.
///
/// # Errors
/// [`FitError`]
pub fn cohort(dataset: &Dataset, embedded: &Embedded) -> Result<FittedCohort, FitError> {
    let mut people: BTreeMap<usize, Vec<&Embedding>> = BTreeMap::new();
    for (person, face) in faces_of(dataset, embedded, Some(Part::Cohort)) {
        people.entry(person).or_default().push(face);
    }
    let people: Vec<Vec<&Embedding>> = people.into_values().collect();
    let [.., most] = PEOPLE_PER_ROW;
    if people.len() < 3 * most {
        return Err(FitError::TooFew(people.len(), 3 * most));
    }
    let cosines = cosines(dataset, embedded, Some(Part::Cohort));
    let too_like = Cosine::from_dot(cosines.at_threshold_of_fmr(MAX_ROW_FMR) as f32);
    let mut failed = FitError::TooAlike(most);
    for blended in PEOPLE_PER_ROW {
        match rows(&people, blended, too_like) {
            Ok((bytes, nearest)) => {
                let size = bytes.len() / COHORT_ROWS;
                let raw = Cohort::from_bytes(&bytes, size, NEAREST_ROWS, 0.0, 1.0)?;
                let all = faces_of(dataset, embedded, Some(Part::Cohort));
                let (mean, std_dev) = raw
                    .average(all.map(|(_, f)| f.as_slice()))
                    .ok_or(FitError::TooFew(0, 1))?;
                return Ok(FittedCohort {
                    bytes,
                    size,
                    mean,
                    std_dev,
                    nearest,
                    too_like,
                    blended,
                });
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Rows of signed bytes, and the highest cosine of any with any photo of anybody in it.
fn rows(
    people: &[Vec<&Embedding>],
    blended: usize,
    too_like: Cosine,
) -> Result<(Vec<u8>, Cosine), FitError> {
    let mut random = fastrand::Rng::with_seed(20_180_402);
    let (mut bytes, mut nearest, mut draws) = (Vec::new(), Cosine::from_dot(-1.0), 0);
    for _ in 0..COHORT_ROWS {
        let row = loop {
            draws += 1;
            if draws > MAX_DRAWS_PER_ROW * COHORT_ROWS {
                return Err(FitError::TooAlike(blended));
            }
            let drawn = random.choose_multiple(people.iter(), blended);
            let one_each: Vec<&Embedding> = drawn
                .iter()
                .filter_map(|photos| random.choice(photos.iter()).copied())
                .collect();
            let Some(stored) = Embedding::mean(&one_each).map(|mean| quantised(&mean)) else {
                continue;
            };
            // As it will be read back.
            let values = stored.iter().map(|&b| f32::from(b.cast_signed())).collect();
            let Ok(read) = unit(values) else {
                continue;
            };
            let like = drawn
                .iter()
                .flat_map(|photos| photos.iter())
                .map(|face| Cosine::of(&read, face.as_slice()))
                .fold(Cosine::from_dot(-1.0), higher);
            if like < too_like {
                nearest = higher(nearest, like);
                break stored;
            }
        };
        bytes.extend(row);
    }
    Ok((bytes, nearest))
}

fn higher(a: Cosine, b: Cosine) -> Cosine {
    if b > a { b } else { a }
}

/// Plain cosines of all pairs of a part.
fn cosines(dataset: &Dataset, embedded: &Embedded, part: Option<Part>) -> Scores {
    let sides: Vec<Side> = faces_of(dataset, embedded, part)
        .filter_map(|(person, face)| Side::new(person, &[face], &Scoring::default()))
        .collect();
    Scores::of_all_pairs(&sides, &Scoring::default())
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
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct CrossCheck {
    /// False match rate promised.
    pub promised: f64,
    /// Seen on people it was not fitted to; one figure a half.
    pub seen: [f64; 2],
}

/// Fits to each half of [`Part::Rest`], or of everybody where nobody is in a cohort, and
/// looks at the other: what a calibration is worth on people it was not read from.
pub(crate) fn cross_check(
    dataset: &Dataset,
    embedded: &Embedded,
    scoring: &Scoring,
) -> Vec<CrossCheck> {
    let (part, middle) = if scoring.is_normalised() {
        (Some(Part::Rest), 7)
    } else {
        (None, 5)
    };
    let half = |first: bool| {
        let sides: Vec<Side> = faces_of(dataset, embedded, part)
            .filter(|(person, _)| {
                let name = dataset.people.get(*person);
                name.is_some_and(|n| (Part::tenth(n) < middle) == first)
            })
            .filter_map(|(person, face)| Side::new(person, &[face], scoring))
            .collect();
        Scores::of_all_pairs(&sides, scoring)
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

/// Reads scores and rates off [`Part::Rest`], one photo against one; off everybody if there
/// is no cohort that any of them could be in.
///
/// # Errors
/// [`FitError::TooFew`]
pub fn calibration(
    dataset: &Dataset,
    embedded: &Embedded,
    scoring: &Scoring,
    data: &str,
) -> Result<Calibration, FitError> {
    let part = scoring.is_normalised().then_some(Part::Rest);
    let faces: Vec<(usize, &Embedding)> = faces_of(dataset, embedded, part).collect();
    let sides: Vec<Side> = faces
        .iter()
        .filter_map(|(person, face)| Side::new(*person, &[*face], scoring))
        .collect();
    let mut people: Vec<usize> = sides.iter().map(|s| s.person).collect();
    people.dedup();
    let scores = Scores::of_all_pairs(&sides, scoring);
    let points = scores.points(MIN_IMPOSTOR_PAIRS);
    if points.len() < 2 {
        return Err(FitError::TooFew(people.len(), 50));
    }
    let rounded = |v: f64| (v * 1e9).round() / 1e9;
    let cosines = cosines(dataset, embedded, part);
    let (templates, probes) = split(&faces, 3, 1, scoring);
    let three = Scores::of_templates(&templates, &probes, scoring);
    let enough = three.genuine_pairs() >= MIN_GENUINE_COMPARISONS;
    Ok(Calibration {
        model: embedded.model.clone(),
        data: data.to_owned(),
        people: people.len(),
        impostor_pairs: scores.impostor_pairs() as u64,
        genuine_pairs: scores.genuine_pairs() as u64,
        cosine_1_in_100: Cosine::from_dot(cosines.at_threshold_of_fmr(1e-2) as f32),
        cosine_1_in_1000: Cosine::from_dot(cosines.at_threshold_of_fmr(1e-3) as f32),
        points: points
            .into_iter()
            .map(|[score, fmr, tar]| {
                let of_three = if enough {
                    three.at_threshold(score).1
                } else {
                    tar
                };
                [score, fmr, tar, of_three].map(rounded)
            })
            .collect(),
    })
}
