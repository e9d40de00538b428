//! All figures of one model on one data set.

use std::sync::Arc;

use serde::Serialize;

use super::dataset::Dataset;
use super::embedded::Embedded;
use super::fit::{CrossCheck, cross_check, faces_of};
use super::identify::{Identification, identify};
use super::rates::{AtFmr, Scores, Side, split};
use super::{Part, rates};
use crate::embedding::Embedding;
use crate::scoring::Scoring as Way;

/// False match rates the figures are told at.
const FMRS: [f64; 5] = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

#[derive(Debug, Serialize)]
pub struct Report {
    pub model: String,
    /// Whose photos, in words.
    pub who: String,
    /// People.
    pub people: usize,
    /// Photos.
    pub photos: usize,
    /// Photos without a face that could be embedded: failures to enrol.
    pub failed_to_enrol: usize,
    /// Of them, files that are no readable picture.
    pub unreadable: usize,
    /// Accuracy on the list of pairs: mean and each fold, by plain cosine.
    pub accuracy: Option<(f64, Vec<f64>)>,
    /// Each way of scoring.
    pub scorings: Vec<Scoring>,
    /// What the calibration that ships promised, and what was seen.
    pub promises: Vec<Promise>,
    /// What a calibration read from half of the people promises, and the other half shows.
    pub held_out: Vec<CrossCheck>,
    /// The same of another embedder.
    pub against: Option<Box<Report>>,
}

/// The figures of one way of scoring.
#[derive(Debug, Serialize)]
pub struct Scoring {
    /// `cosine` or `as-norm`.
    pub name: &'static str,
    /// Each way of making templates and probes.
    pub verification: Vec<Verification>,
    /// Open-set identification.
    pub identification: Vec<Identification>,
    /// Scores of one photo against one, as `(lower edge, genuine, impostor)`.
    #[serde(skip)]
    pub histogram: Vec<(f64, u64, u64)>,
}

/// Verification of one kind of template against one kind of probe.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// Photos of a template.
    pub photos: usize,
    /// Frames of a probe.
    pub frames: usize,
    /// Genuine comparisons.
    pub genuine: usize,
    /// Impostor comparisons.
    pub impostor: usize,
    /// Equal error rate.
    pub equal_error_rate: f64,
    /// True match rates.
    pub at: Vec<AtFmr>,
}

/// A false match rate that was promised for a threshold, and the one that was seen.
#[derive(Debug, Serialize)]
pub struct Promise {
    /// The threshold from the calibration.
    pub threshold: f64,
    /// What the calibration says.
    pub promised: f64,
    pub seen: f64,
}

/// Measures everything on the people of `part`, or on all.
pub fn measure(
    dataset: &Dataset,
    embedded: &Embedded,
    way: &Arc<Way>,
    part: Option<Part>,
) -> Report {
    let faces: Vec<(usize, &Embedding)> = faces_of(dataset, embedded, part).collect();
    let in_part = |person: usize| {
        let name = dataset.people.get(person).map(|n| Part::of(n));
        part.is_none() || name == part
    };
    let people = (0..dataset.people.len()).filter(|p| in_part(*p)).count();
    let photos = dataset.photos.iter().filter(|p| in_part(p.person)).count();
    let plain = Arc::new(Way::default());
    let singles: Vec<Option<Side>> = dataset
        .photos
        .iter()
        .zip(&embedded.faces)
        .map(|(photo, face)| Side::new(photo.person, &[face.as_ref()?], &plain))
        .collect();
    let mut scorings = vec![scoring("cosine", &faces, &plain)];
    if way.is_normalised() {
        scorings.push(scoring("as-norm", &faces, way));
    }
    Report {
        model: embedded.model.to_string(),
        who: match part {
            None => "everybody".into(),
            Some(Part::Rest) => "people who are in no cohort (six of ten)".into(),
            Some(Part::Cohort) => "the people of the cohort (four of ten)".into(),
        },
        people,
        photos,
        failed_to_enrol: photos - faces.len(),
        unreadable: embedded.unreadable,
        accuracy: rates::accuracy(&dataset.pairs, &singles, &plain),
        promises: promises(&faces, way),
        held_out: cross_check(dataset, embedded, way),
        scorings,
        against: None,
    }
}

fn scoring(name: &'static str, faces: &[(usize, &Embedding)], way: &Arc<Way>) -> Scoring {
    let single: Vec<Side> = faces
        .iter()
        .filter_map(|(person, face)| Side::new(*person, &[face], way))
        .collect();
    let one = Scores::of_all_pairs(&single, way);
    let histogram = one.histogram();
    let mut verification = vec![verify(1, 1, &one)];
    for (photos, frames) in [(3, 1), (3, 3)] {
        let (templates, probes) = split(faces, photos, frames, way);
        let scores = Scores::of_templates(&templates, &probes, way);
        if scores.genuine_pairs() > 0 && scores.impostor_pairs() > 0 {
            verification.push(verify(photos, frames, &scores));
        }
    }
    let mut identification = Vec::new();
    for people in [10, 100, 1000] {
        for (photos, frames) in [(1, 1), (3, 1), (3, 3)] {
            for fpir in [1e-2, 3e-3] {
                identification.extend(identify(faces, way, people, photos, frames, fpir));
            }
        }
    }
    Scoring {
        name,
        verification,
        identification,
        histogram,
    }
}

fn verify(photos: usize, frames: usize, scores: &Scores) -> Verification {
    // A rate under one pair says nothing.
    let told = |fmr: &&f64| **fmr * scores.impostor_pairs() as f64 >= 1.0;
    Verification {
        photos,
        frames,
        genuine: scores.genuine_pairs(),
        impostor: scores.impostor_pairs(),
        equal_error_rate: scores.equal_error_rate(),
        at: FMRS
            .iter()
            .filter(told)
            .map(|fmr| scores.at_fmr(*fmr))
            .collect(),
    }
}

fn promises(faces: &[(usize, &Embedding)], way: &Way) -> Vec<Promise> {
    let Some(calibration) = way.calibration() else {
        return Vec::new();
    };
    let sides: Vec<Side> = faces
        .iter()
        .filter_map(|(person, face)| Side::new(*person, &[face], way))
        .collect();
    let scores = Scores::of_all_pairs(&sides, way);
    FMRS.iter()
        .filter_map(|&promised| {
            let threshold = calibration.score_at(promised)?;
            let seen = scores.at_threshold(threshold).0;
            Some(Promise {
                threshold,
                promised,
                seen,
            })
        })
        .collect()
}
