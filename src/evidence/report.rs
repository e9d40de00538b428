//! All figures of one model on one data set.

use std::sync::Arc;

use serde::Serialize;

use super::dataset::Dataset;
use super::embedded::{Embedded, Missing};
use super::fit::{CrossCheck, cross_check, faces_of};
use super::groups::{Groups, WithinGroups, within};
use super::identify::{Identification, identify};
use super::left_out::{LeftOut, left_out};
use super::named::{AtDoor, Door, at_door};
use super::rates::{AtFmr, Scores, Side, split};
use super::{Part, rates};
use crate::embedding::Embedding;
use crate::scoring::Scoring as Way;

/// False match rates the figures are told at.
const FMRS: [f64; 5] = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

/// False match rates that those within groups are told at.
const GROUP_FMRS: [f64; 2] = [1e-3, 1e-4];

/// What is to be measured.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// The people who count; all without.
    pub part: Option<Part>,
    /// The threshold that people are missed at.
    pub door: Option<Door>,
    /// Groups whose rates are told.
    pub groups: Option<&'a Groups>,
}

/// What was measured.
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
    /// What counts for nothing, and why.
    pub left_out: Vec<LeftOut>,
    /// What the door's threshold does, if there is one.
    pub door: Option<AtDoor>,
    /// Why there is none.
    pub no_door: Option<String>,
    /// False match rates within groups, by the score the door uses.
    pub groups: Option<WithinGroups>,
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

/// Measures everything that is wanted.
pub fn measure(
    dataset: &Dataset,
    embedded: &Embedded,
    way: &Arc<Way>,
    wanted: Wanted<'_>,
) -> Report {
    let part = wanted.part;
    let faces: Vec<(usize, &Embedding)> = faces_of(dataset, embedded, part).collect();
    let in_part = |person: usize| dataset.is_in(person, part);
    let people = (0..dataset.people.len()).filter(|p| in_part(*p)).count();
    let photos = dataset.photos.iter().filter(|p| in_part(p.person)).count();
    let unreadable = embedded
        .missing
        .iter()
        .filter(|(place, why)| {
            let photo = dataset.photos.get(**place);
            !matches!(why, Missing::NoFace) && photo.is_some_and(|p| in_part(p.person))
        })
        .count();
    let plain = Arc::new(Way::default());
    let singles: Vec<Option<Side>> = dataset
        .photos
        .iter()
        .zip(&embedded.faces)
        .map(|(photo, face)| Side::new(photo.person, &[face.as_ref()?], &plain))
        .collect();
    let pairs = pairs(&faces, way);
    let mut scorings = Vec::new();
    if way.is_normalised() {
        let cosines = self::pairs(&faces, &plain);
        scorings.push(scoring("cosine", &faces, &plain, &cosines));
        scorings.push(scoring("as-norm", &faces, way, &pairs));
    } else {
        scorings.push(scoring("cosine", &faces, &plain, &pairs));
    }
    let groups = wanted.groups.map(|groups| {
        let mut thresholds: Vec<(String, f64)> = Vec::new();
        if let Some(door) = &wanted.door {
            thresholds.push(("the door's threshold".into(), door.threshold));
        }
        for fmr in GROUP_FMRS {
            if pairs.impostor_pairs() as f64 * fmr >= 1.0 {
                let name = format!("FMR {fmr:.0e} over all");
                thresholds.push((name, pairs.at_threshold_of_fmr(fmr)));
            }
        }
        let mut in_it: Vec<usize> = faces.iter().map(|(person, _)| *person).collect();
        in_it.dedup();
        within(groups, &dataset.people, &in_it, &pairs, &thresholds)
    });
    let door = wanted
        .door
        .map(|door| at_door(door, dataset, embedded, part, &pairs, way));
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
        unreadable,
        left_out: left_out(dataset, embedded, in_part),
        door,
        no_door: None,
        groups,
        accuracy: rates::accuracy(&dataset.pairs, &singles, &plain),
        promises: promises(&pairs, way),
        held_out: cross_check(dataset, embedded, way),
        scorings,
        against: None,
    }
}

/// Every photo against every other.
fn pairs(faces: &[(usize, &Embedding)], way: &Way) -> Scores {
    let single: Vec<Side> = faces
        .iter()
        .filter_map(|(person, face)| Side::new(*person, &[face], way))
        .collect();
    Scores::of_all_pairs(&single, way)
}

fn scoring(
    name: &'static str,
    faces: &[(usize, &Embedding)],
    way: &Arc<Way>,
    one: &Scores,
) -> Scoring {
    let histogram = one.histogram();
    let mut verification = vec![verify(1, 1, one)];
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

fn promises(pairs: &Scores, way: &Way) -> Vec<Promise> {
    let Some(calibration) = way.calibration() else {
        return Vec::new();
    };
    FMRS.iter()
        .filter_map(|&promised| {
            let threshold = calibration.score_at(promised)?;
            let seen = pairs.at_threshold(threshold).0;
            Some(Promise {
                threshold,
                promised,
                seen,
            })
        })
        .collect()
}
