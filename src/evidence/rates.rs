//! Scores of genuine and impostor pairs, and the rates that follow from them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::dataset::Pair;
use crate::cohort::Score;
use crate::embedding::Embedding;
use crate::scoring::{Prepared, Scoring};

/// Scores are counted in bins of 1/4096 from -1 to 1.
const BINS: usize = 8192;
/// Draws for a confidence interval.
const RESAMPLES: usize = 100;

/// A face, or a template made of several, ready to be compared.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub person: usize,
    face: Prepared,
}

impl Side {
    /// The mean of one or more embeddings of a person; `None` if they cancel each other out.
    pub fn new(person: usize, of: &[&Embedding], scoring: &Scoring) -> Option<Self> {
        let face = scoring.prepare(&Embedding::mean(of)?)?;
        Some(Self { person, face })
    }

    /// Both have to be prepared by this scoring.
    pub fn score(&self, other: &Self, scoring: &Scoring) -> Score {
        scoring.score(&self.face, &other.face)
    }
}

/// Scores of pairs of the same person and of different people.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scores {
    genuine: Vec<(u32, u16)>,
    impostor: Vec<(u32, u32, u16)>,
}

/// The lower edge of a bin.
fn edge(bin: usize) -> f64 {
    bin as f64 * 2.0 / BINS as f64 - 1.0
}

/// The bin nearest to a threshold: scores in it and above reach it.
fn first_bin(threshold: f64) -> usize {
    ((threshold + 1.0) * BINS as f64 / 2.0).round() as usize
}

fn bin(score: Score) -> u16 {
    let place = (f64::from(score.value()) + 1.0) * BINS as f64 / 2.0;
    // In range by the clamp.
    place.clamp(0.0, (BINS - 1) as f64) as u16
}

impl Scores {
    /// Every pair within one list.
    pub(crate) fn of_all_pairs(sides: &[Side], scoring: &Scoring) -> Self {
        let mut scores = Self::default();
        for (i, a) in sides.iter().enumerate() {
            for b in sides.iter().skip(i + 1) {
                scores.add(a, b, scoring);
            }
        }
        scores
    }

    /// Every template against every probe.
    pub(crate) fn of_templates(templates: &[Side], probes: &[Side], scoring: &Scoring) -> Self {
        let mut scores = Self::default();
        for a in templates {
            for b in probes {
                scores.add(a, b, scoring);
            }
        }
        scores
    }

    fn add(&mut self, a: &Side, b: &Side, scoring: &Scoring) {
        let bin = bin(a.score(b, scoring));
        let (p, q) = (a.person as u32, b.person as u32);
        if p == q {
            self.genuine.push((p, bin));
        } else {
            self.impostor.push((p, q, bin));
        }
    }

    /// Pairs of the same person.
    pub fn genuine_pairs(&self) -> usize {
        self.genuine.len()
    }

    /// Pairs of different people.
    pub(crate) fn impostor_pairs(&self) -> usize {
        self.impostor.len()
    }

    /// How many of each lie in each bin, as `(lower edge, genuine, impostor)`.
    pub(crate) fn histogram(&self) -> Vec<(f64, u64, u64)> {
        let curve = self.curve(|_| 1);
        curve
            .genuine
            .iter()
            .zip(&curve.impostor)
            .enumerate()
            .map(|(bin, (genuine, impostor))| (edge(bin), *genuine, *impostor))
            .collect()
    }

    /// The rates, each person weighing as often as `weight` says.
    fn curve(&self, weight: impl Fn(u32) -> u64) -> Curve {
        let mut curve = Curve {
            genuine: vec![0; BINS],
            impostor: vec![0; BINS],
        };
        for &(p, bin) in &self.genuine {
            if let Some(count) = curve.genuine.get_mut(usize::from(bin)) {
                *count += weight(p);
            }
        }
        for &(p, q, bin) in &self.impostor {
            if let Some(count) = curve.impostor.get_mut(usize::from(bin)) {
                *count += weight(p) * weight(q);
            }
        }
        curve
    }

    /// True match rate at a false match rate, with a 95 % interval by drawing people
    /// with replacement (bootstrap).
    pub(crate) fn at_fmr(&self, fmr: f64) -> AtFmr {
        let (threshold, tar) = self.curve(|_| 1).at_fmr(fmr);
        let people = self.people();
        let mut random = fastrand::Rng::with_seed(1);
        let mut draws: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let mut times = vec![0u64; people];
                for _ in 0..people {
                    if let Some(n) = times.get_mut(random.usize(0..people)) {
                        *n += 1;
                    }
                }
                let weight = |p: u32| times.get(p as usize).copied().unwrap_or(0);
                self.curve(weight).at_fmr(fmr).1
            })
            .filter(|tar| tar.is_finite())
            .collect();
        draws.sort_by(f64::total_cmp);
        let at = |share: f64| draws.get((draws.len() as f64 * share) as usize).copied();
        AtFmr {
            fmr,
            threshold,
            tar,
            low: at(0.025).unwrap_or(f64::NAN),
            high: at(0.975).unwrap_or(f64::NAN),
            impostors_over: (self.impostor.len() as f64 * fmr) as u64,
        }
    }

    /// The score a false match rate takes.
    pub(crate) fn at_threshold_of_fmr(&self, fmr: f64) -> f64 {
        self.curve(|_| 1).at_fmr(fmr).0
    }

    /// False match rate and true match rate at a threshold.
    pub(crate) fn at_threshold(&self, threshold: f64) -> (f64, f64) {
        self.curve(|_| 1).at(threshold)
    }

    /// Impostor pairs, and how many of them reach each threshold, by what `key` makes of the
    /// two people; a pair without a key is left out.
    pub fn impostors_over<K: Ord>(
        &self,
        thresholds: &[f64],
        key: impl Fn(usize, usize) -> Option<K>,
    ) -> BTreeMap<K, (u64, Vec<u64>)> {
        let first: Vec<usize> = thresholds.iter().map(|t| first_bin(*t)).collect();
        let mut counts = BTreeMap::new();
        for &(p, q, bin) in &self.impostor {
            let Some(key) = key(p as usize, q as usize) else {
                continue;
            };
            let (pairs, over) = counts
                .entry(key)
                .or_insert_with(|| (0, vec![0; first.len()]));
            *pairs += 1;
            for (count, first) in over.iter_mut().zip(&first) {
                *count += u64::from(usize::from(bin) >= *first);
            }
        }
        counts
    }

    /// Where false matches and false non-matches are equally frequent.
    pub(crate) fn equal_error_rate(&self) -> f64 {
        let curve = self.curve(|_| 1);
        (0..BINS)
            .map(|b| curve.at(edge(b)))
            .min_by(|a, b| (a.0 + a.1 - 1.0).abs().total_cmp(&(b.0 + b.1 - 1.0).abs()))
            .map_or(f64::NAN, |(fmr, tar)| (fmr + 1.0 - tar) / 2.0)
    }

    /// `(threshold, FMR, TAR)` at falling rates, ten a decade, as far as `least`
    /// impostor pairs are over the threshold.
    pub fn points(&self, least: u64) -> Vec<[f64; 3]> {
        let curve = self.curve(|_| 1);
        let total = self.impostor.len() as f64;
        let mut points: Vec<[f64; 3]> = Vec::new();
        for tenth in 5..70 {
            let fmr = 10f64.powf(-f64::from(tenth) / 10.0);
            if fmr * total < least as f64 {
                break;
            }
            let (threshold, _) = curve.at_fmr(fmr);
            let (fmr, tar) = curve.at(threshold);
            if points
                .last()
                .is_none_or(|p| p[0] < threshold && p[1] > fmr && p[2] >= tar)
            {
                points.push([threshold, fmr, tar]);
            }
        }
        points
    }

    fn people(&self) -> usize {
        let one = self.genuine.iter().map(|(p, _)| *p);
        let two = self.impostor.iter().map(|(p, q, _)| *p.max(q));
        one.chain(two).max().map_or(0, |p| p as usize + 1)
    }
}

/// Templates of everybody with enough photos, and probes of the photos that are left.
pub(crate) fn split(
    faces: &[(usize, &Embedding)],
    photos: usize,
    frames: usize,
    scoring: &Scoring,
) -> (Vec<Side>, Vec<Side>) {
    let mut by_person: BTreeMap<usize, Vec<&Embedding>> = BTreeMap::new();
    for (person, face) in faces {
        by_person.entry(*person).or_default().push(face);
    }
    let (mut templates, mut probes) = (Vec::new(), Vec::new());
    for (person, all) in by_person {
        let enough = all.len() >= photos + frames;
        if enough && let Some(of) = all.get(..photos) {
            templates.extend(Side::new(person, of, scoring));
        }
        let rest = if enough {
            all.get(photos..)
        } else {
            Some(&all[..])
        };
        let visits = rest.unwrap_or_default().chunks_exact(frames);
        probes.extend(visits.filter_map(|of| Side::new(person, of, scoring)));
    }
    (templates, probes)
}

/// Counts by bin.
struct Curve {
    genuine: Vec<u64>,
    impostor: Vec<u64>,
}

impl Curve {
    /// The lowest threshold whose false match rate is not over `fmr`, and the true match rate there.
    fn at_fmr(&self, fmr: f64) -> (f64, f64) {
        let total: u64 = self.impostor.iter().sum();
        let allowed = (total as f64 * fmr) as u64;
        let (mut over, mut first) = (0, BINS);
        for (bin, count) in self.impostor.iter().enumerate().rev() {
            if over + count > allowed {
                break;
            }
            over += count;
            first = bin;
        }
        (edge(first), self.at(edge(first)).1)
    }

    /// False and true match rate of a threshold.
    fn at(&self, threshold: f64) -> (f64, f64) {
        let first = first_bin(threshold);
        let share = |counts: &[u64]| {
            let over: u64 = counts.iter().skip(first).sum();
            over as f64 / counts.iter().sum::<u64>() as f64
        };
        (share(&self.impostor), share(&self.genuine))
    }
}

/// What is reached at a false match rate.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AtFmr {
    /// The false match rate.
    pub fmr: f64,
    /// The score it takes.
    pub threshold: f64,
    /// True match rate.
    pub tar: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Impostor pairs over the threshold; under 10 the figure means little.
    pub impostors_over: u64,
}

/// Accuracy on pairs by LFW's protocol: on each fold the threshold that is best on the
/// others, as davidsandberg's `validate_on_lfw` does it. A pair without two faces is wrong.
/// Gives the mean and each fold; `None` without two folds.
pub(crate) fn accuracy(
    pairs: &[Pair],
    faces: &[Option<Side>],
    scoring: &Scoring,
) -> Option<(f64, Vec<f64>)> {
    let scored: Vec<(usize, bool, Option<Score>)> = pairs
        .iter()
        .map(|pair| {
            let face = |i: usize| faces.get(i)?.as_ref();
            let score = face(pair.photos[0])
                .zip(face(pair.photos[1]))
                .map(|(a, b)| a.score(b, scoring));
            (pair.fold, pair.same, score)
        })
        .collect();
    let folds = pairs.iter().map(|p| p.fold).max()? + 1;
    let right = |threshold: f32, fold: usize, own: bool| {
        let (mut hits, mut all) = (0u32, 0u32);
        for (_, same, score) in scored.iter().filter(|s| (s.0 == fold) == own) {
            all += 1;
            hits += u32::from(score.is_some_and(|s| (s.value() >= threshold) == *same));
        }
        f64::from(hits) / f64::from(all)
    };
    (folds > 1).then(|| {
        let each: Vec<f64> = (0..folds)
            .map(|fold| {
                let best = (-200..=200)
                    .map(|t| t as f32 / 200.0)
                    .max_by(|a, b| right(*a, fold, false).total_cmp(&right(*b, fold, false)))
                    .unwrap_or(1.0);
                right(best, fold, true)
            })
            .collect();
        (each.iter().sum::<f64>() / each.len() as f64, each)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::embedding::ModelVersion;

    fn side(person: usize, values: [f32; 2]) -> Side {
        let e = Embedding::new(&ModelVersion::new("m"), values.to_vec()).unwrap();
        Side::new(person, &[&e], &Scoring::default()).unwrap()
    }

    #[test]
    fn rates_are_shares_of_pairs_at_or_over_the_threshold() {
        // Two people, two photos each; one photo of the second resembles the first.
        let sides = [
            side(0, [1.0, 0.0]),
            side(0, [1.0, 0.1]),
            side(1, [0.0, 1.0]),
            side(1, [1.0, 0.2]),
        ];
        let scores = Scores::of_all_pairs(&sides, &Scoring::default());
        assert_eq!((scores.genuine_pairs(), scores.impostor_pairs()), (2, 4));
        let (fmr, tar) = scores.at_threshold(0.9);
        assert_eq!((fmr, tar), (0.5, 0.5));
        let none = scores.at_fmr(0.0);
        assert!(none.threshold > 0.98 && none.tar == 0.0, "{none:?}");
        assert_eq!(scores.at_fmr(1.0).tar, 1.0);
    }

    #[test]
    fn a_pair_without_a_face_is_wrong() {
        let faces = vec![Some(side(0, [1.0, 0.0])), Some(side(0, [1.0, 0.0])), None];
        let pair = |fold, photos, same| Pair { fold, photos, same };
        let pairs = [
            pair(0, [0, 1], true),
            pair(0, [0, 2], false),
            pair(1, [0, 1], true),
            pair(1, [0, 2], true),
        ];
        let (mean, each) = accuracy(&pairs, &faces, &Scoring::default()).unwrap();
        assert_eq!((mean, each), (0.5, vec![0.5, 0.5]));
    }
}
