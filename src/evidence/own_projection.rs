//! Learning a projection for one's own people: chosen on some of them, reported on others.

use std::ops::Range;

use super::Part;
use super::dataset::Dataset;
use super::embedded::Embedded;
use super::fit::faces_of;
use super::projection;
use super::rates::{Scores, Side};
use crate::embedding::Embedding;
use crate::scoring::Scoring;
use crate::vision::projection::Projection;

/// How far a projection may go from doing nothing; what serves best is chosen on people it was
/// not learnt from.
const TETHERS: [f64; 3] = [1.0, 0.1, 0.01];
/// Impostor pairs that must lie over a threshold for its rate to mean something.
const MIN_IMPOSTOR_PAIRS: f64 = 10.0;
/// By SHA-256 of the name: tenths of people to learn from, to choose on, and the rest to
/// report on.
const LEARN: Range<u8> = 0..5;
const CHOOSE: Range<u8> = 5..6;
const REPORT: Range<u8> = 6..10;

/// The projection that was chosen, and what it is worth.
#[derive(Debug)]
pub(crate) struct OwnProjection {
    /// The matrix, row by row.
    pub rows: Vec<f64>,
    /// How far each projection that was tried was held, and the true match rate it had on people
    /// to choose on.
    pub tried: Vec<(f64, f64)>,
    /// Photos of the people who are reported on.
    pub photos: usize,
    /// Their rates without the projection.
    pub before: Rate,
    /// Their rates with it.
    pub after: Rate,
}

/// One photo against one, of people that nothing was learnt from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    /// False match rate: the one asked for, or the lowest the pairs can show.
    pub fmr: f64,
    /// True match rate.
    pub tar: f64,
}

/// Why no projection was learnt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectionError {
    /// Too few people.
    #[error("too few people with two photos and more to {0}")]
    TooFew(&'static str),
    /// The optimiser failed.
    #[error("the optimiser gave up: {0}")]
    Optimiser(String),
    /// Its result is no projection.
    #[error("what was learnt is no finite matrix")]
    NotFinite,
}

impl OwnProjection {
    /// Learns projections from half of the people, takes the one that recognises most of a tenth
    /// of them at the false match rate `fmr`, learns it again from both, and says what it
    /// is worth on the rest.
    ///
    /// # Errors
    /// [`ProjectionError`]
    pub(crate) fn learn(
        dataset: &Dataset,
        embedded: &Embedded,
        fmr: f64,
    ) -> Result<Self, ProjectionError> {
        let people = |tenths: Range<u8>| faces(dataset, embedded, tenths);
        let (learn, choose, report) = (people(LEARN), people(CHOOSE), people(REPORT));
        let mut tried = Vec::new();
        for tether in TETHERS {
            let projection = matrix(&train(&learn, tether)?)?;
            let rate = rate(&choose, Some(&projection), fmr)
                .ok_or(ProjectionError::TooFew("choose on"))?;
            tried.push((tether, rate.tar));
        }
        // Of equals the first, which changes less.
        let (tether, _) = tried
            .iter()
            .rev()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .ok_or(ProjectionError::TooFew("choose on"))?;
        let rows = train(&people(LEARN.start..CHOOSE.end), *tether)?;
        let projection = matrix(&rows)?;
        let told =
            |projection| rate(&report, projection, fmr).ok_or(ProjectionError::TooFew("report on"));
        let (before, after) = (told(None)?, told(Some(&projection))?);
        Ok(Self {
            rows,
            tried,
            photos: report.len(),
            before,
            after,
        })
    }

    /// Whether it recognises more people than there were recognised without it.
    pub(crate) fn is_better(&self) -> bool {
        self.after.tar > self.before.tar
    }
}

fn faces<'a>(
    dataset: &'a Dataset,
    embedded: &'a Embedded,
    tenths: Range<u8>,
) -> Vec<(usize, &'a Embedding)> {
    faces_of(dataset, embedded, None)
        .filter(|(person, _)| {
            let name = dataset.people.get(*person);
            name.is_some_and(|n| tenths.contains(&Part::tenth(n)))
        })
        .collect()
}

fn train(faces: &[(usize, &Embedding)], tether: f64) -> Result<Vec<f64>, ProjectionError> {
    projection::train(faces, tether).map_err(|e| ProjectionError::Optimiser(e.to_string()))
}

fn matrix(rows: &[f64]) -> Result<Projection, ProjectionError> {
    let size = rows.len().isqrt();
    Projection::from_bytes(&Projection::to_bytes(rows), size).ok_or(ProjectionError::NotFinite)
}

/// `None` without pairs of both kinds.
fn rate(faces: &[(usize, &Embedding)], projection: Option<&Projection>, fmr: f64) -> Option<Rate> {
    let cosines = Scoring::default();
    let sides: Vec<Side> = faces
        .iter()
        .filter_map(|(person, face)| match projection {
            None => Side::new(*person, &[*face], &cosines),
            Some(projection) => {
                let turned =
                    Embedding::new(face.model(), projection.apply(face.as_slice())).ok()?;
                Side::new(*person, &[&turned], &cosines)
            }
        })
        .collect();
    let scores = Scores::of_all_pairs(&sides, &cosines);
    if scores.genuine_pairs() == 0 || scores.impostor_pairs() == 0 {
        return None;
    }
    let fmr = fmr.max(MIN_IMPOSTOR_PAIRS / scores.impostor_pairs() as f64);
    let tar = scores.at_threshold(scores.at_threshold_of_fmr(fmr)).1;
    Some(Rate { fmr, tar })
}
