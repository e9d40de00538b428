//! Learning a head for one's own people: chosen on some of them, reported on others.

use std::ops::Range;

use super::Part;
use super::dataset::Dataset;
use super::embedded::Embedded;
use super::fit::faces_of;
use super::head;
use super::rates::{Scores, Side};
use crate::embedding::Embedding;
use crate::scoring::Scoring;
use crate::vision::head::Head;

/// How far a head may go from doing nothing; what serves best is chosen on people it was
/// not learnt from.
const TETHERS: [f64; 3] = [1.0, 0.1, 0.01];
/// Impostor pairs that must lie over a threshold for its rate to mean something.
const MIN_IMPOSTOR_PAIRS: f64 = 10.0;
/// By SHA-256 of the name: tenths of people to learn from, to choose on, and the rest to
/// report on.
const LEARN: Range<u8> = 0..5;
const CHOOSE: Range<u8> = 5..6;
const REPORT: Range<u8> = 6..10;

/// The head that was chosen, and what it is worth.
#[derive(Debug)]
pub struct OwnHead {
    /// The matrix, row by row.
    pub rows: Vec<f64>,
    /// How far each head that was tried was held, and the true match rate it had on people
    /// to choose on.
    pub tried: Vec<(f64, f64)>,
    /// Photos of the people who are reported on.
    pub photos: usize,
    /// Their rates without the head.
    pub before: Rate,
    /// Their rates with it.
    pub after: Rate,
}

/// One photo against one, of people that nothing was learnt from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// False match rate: the one asked for, or the lowest the pairs can show.
    pub fmr: f64,
    /// True match rate.
    pub tar: f64,
}

/// Why no head was learnt.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Too few people.
    #[error("too few people with two photos and more to {0}")]
    TooFew(&'static str),
    /// The optimiser failed.
    #[error("the optimiser gave up: {0}")]
    Optimiser(String),
    /// Its result is no head.
    #[error("what was learnt is no finite matrix")]
    NotFinite,
}

impl OwnHead {
    /// Learns heads from half of the people, takes the one that recognises most of a tenth
    /// of them at the false match rate `fmr`, learns it again from both, and says what it
    /// is worth on the rest.
    ///
    /// # Errors
    /// [`HeadError`]
    pub fn learn(dataset: &Dataset, embedded: &Embedded, fmr: f64) -> Result<Self, HeadError> {
        let people = |tenths: Range<u8>| faces(dataset, embedded, tenths);
        let (learn, choose, report) = (people(LEARN), people(CHOOSE), people(REPORT));
        let mut tried = Vec::new();
        for tether in TETHERS {
            let head = matrix(&train(&learn, tether)?)?;
            let rate = rate(&choose, Some(&head), fmr).ok_or(HeadError::TooFew("choose on"))?;
            tried.push((tether, rate.tar));
        }
        // Of equals the first, which changes less.
        let (tether, _) = tried
            .iter()
            .rev()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .ok_or(HeadError::TooFew("choose on"))?;
        let rows = train(&people(LEARN.start..CHOOSE.end), *tether)?;
        let head = matrix(&rows)?;
        let told = |head| rate(&report, head, fmr).ok_or(HeadError::TooFew("report on"));
        let (before, after) = (told(None)?, told(Some(&head))?);
        Ok(Self {
            rows,
            tried,
            photos: report.len(),
            before,
            after,
        })
    }

    /// Whether it recognises more people than there were recognised without it.
    pub fn is_better(&self) -> bool {
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

fn train(faces: &[(usize, &Embedding)], tether: f64) -> Result<Vec<f64>, HeadError> {
    head::train(faces, tether).map_err(|e| HeadError::Optimiser(e.to_string()))
}

fn matrix(rows: &[f64]) -> Result<Head, HeadError> {
    let size = rows.len().isqrt();
    Head::from_bytes(&Head::to_bytes(rows), size).ok_or(HeadError::NotFinite)
}

/// `None` without pairs of both kinds.
fn rate(faces: &[(usize, &Embedding)], head: Option<&Head>, fmr: f64) -> Option<Rate> {
    let cosines = Scoring::default();
    let sides: Vec<Side> = faces
        .iter()
        .filter_map(|(person, face)| match head {
            None => Side::new(*person, &[*face], &cosines),
            Some(head) => {
                let turned = Embedding::new(face.model(), head.apply(face.as_slice())).ok()?;
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
