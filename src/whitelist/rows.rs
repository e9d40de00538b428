//! Many templates beside each other in memory, and the search for the best of them.

use multiversion::multiversion;

use crate::cohort::{CohortStatistics, Score};
use crate::embedding::{Cosine, dot};
use crate::scoring::{Prepared, Scoring};

/// Templates compared at a time.
const ROWS_PER_BLOCK: usize = 512;
/// From so many templates on, they are looked through in half of their bits first.
const MIN_COARSE_ROWS: usize = 4096;
/// How far a dot product of unit vectors can be off if one of them is rounded to 8 bits of
/// mantissa: each of its values by at most 1/256 of itself.
const MAX_COARSE_ERROR: f32 = 1.0 / 256.0;

/// The dot product of each row with `probe`. Compiled for several kinds of processors: with
/// many people this is bound by memory, as it should be, only with wide registers.
#[multiversion(targets("x86_64+avx512f+avx2+fma", "x86_64+avx2+fma"))]
fn dots(rows: &[f32], probe: &[f32], out: &mut [f32; ROWS_PER_BLOCK]) {
    for (row, out) in rows.chunks_exact(probe.len().max(1)).zip(out) {
        *out = dot(row, probe);
    }
}

/// The upper half of a float's bits, rounded.
fn coarse(value: f32) -> u16 {
    (value.to_bits().wrapping_add(0x8000) >> 16) as u16
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn coarse_dots(rows: &[u16], probe: &[f32], out: &mut [f32]) {
    let (probe16, probe_rest) = probe.as_chunks::<16>();
    for (row, out) in rows.chunks_exact(probe.len().max(1)).zip(out) {
        let mut lanes = [0f32; 16];
        let (row16, row_rest) = row.as_chunks::<16>();
        for (a, b) in row16.iter().zip(probe16) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += f32::from_bits(u32::from(*a) << 16) * b;
            }
        }
        let rest = row_rest.iter().zip(probe_rest);
        let rest: f32 = rest
            .map(|(a, b)| f32::from_bits(u32::from(*a) << 16) * b)
            .sum();
        *out = lanes.iter().sum::<f32>() + rest;
    }
}

/// Templates that one [`Scoring`] prepared.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// Values of one template.
    size: usize,
    /// One template after the other.
    values: Vec<f32>,
    /// The same in half of the bits, if there are many and cosines alone decide.
    coarse: Vec<u16>,
    /// How each template is to the cohort.
    statistics: Vec<CohortStatistics>,
}

impl Rows {
    /// All of one size; the order stays.
    pub(super) fn new(templates: &[Prepared], scoring: &Scoring) -> Self {
        let size = templates.first().map_or(0, |t| t.values().len());
        let values: Vec<f32> = templates.iter().flat_map(|t| t.values()).copied().collect();
        let by_cosine = !scoring.is_normalised() && templates.len() >= MIN_COARSE_ROWS;
        let coarse = if by_cosine {
            values.iter().map(|v| coarse(*v)).collect()
        } else {
            Vec::new()
        };
        Self {
            size,
            coarse,
            values,
            statistics: templates.iter().map(Prepared::statistics).collect(),
        }
    }

    /// The place of the template with the highest score among those that count, and the
    /// score. `None` if there is none, or the probe is of another size.
    pub(super) fn best(
        &self,
        probe: &Prepared,
        scoring: &Scoring,
        counts: impl Fn(usize) -> bool,
    ) -> Option<(usize, Score)> {
        if probe.values().len() != self.size || self.size == 0 {
            return None;
        }
        if self.coarse.is_empty() {
            self.best_of_all(probe, scoring, counts)
        } else {
            self.best_of_many(probe.values(), counts)
        }
    }

    /// By reading every template.
    fn best_of_all(
        &self,
        probe: &Prepared,
        scoring: &Scoring,
        counts: impl Fn(usize) -> bool,
    ) -> Option<(usize, Score)> {
        let mut best: Option<(usize, Score)> = None;
        let mut cosines = [0f32; ROWS_PER_BLOCK];
        let rows = self.values.chunks(self.size * ROWS_PER_BLOCK);
        for (block, (rows, statistics)) in
            rows.zip(self.statistics.chunks(ROWS_PER_BLOCK)).enumerate()
        {
            dots(rows, probe.values(), &mut cosines);
            for (i, (statistics, &cosine)) in statistics.iter().zip(&cosines).enumerate() {
                let place = block * ROWS_PER_BLOCK + i;
                let score = scoring.tell(Cosine::from_dot(cosine), probe.statistics(), *statistics);
                // Not true for NaN, which is like nobody.
                if best.is_none_or(|(_, most)| score > most)
                    && counts(place)
                    && !score.value().is_nan()
                {
                    best = Some((place, score));
                }
            }
        }
        best
    }

    /// The same where memory is what takes the time: all templates in half of their bits
    /// first, then exactly those that can be the best.
    fn best_of_many(
        &self,
        probe: &[f32],
        counts: impl Fn(usize) -> bool,
    ) -> Option<(usize, Score)> {
        let mut coarse = vec![0f32; self.statistics.len()];
        coarse_dots(&self.coarse, probe, &mut coarse);
        let candidates = || {
            coarse
                .iter()
                .enumerate()
                .filter(|(place, _)| counts(*place))
        };
        let most = candidates().map(|(_, c)| *c).fold(f32::MIN, f32::max);
        candidates()
            .filter(|(_, cosine)| **cosine >= most - 2.0 * MAX_COARSE_ERROR)
            .filter_map(|(place, _)| {
                let template = self
                    .values
                    .get(place * self.size..(place + 1) * self.size)?;
                Some((place, Cosine::of(template, probe)))
            })
            .max_by(|a, b| a.1.value().total_cmp(&b.1.value()))
            .map(|(place, cosine)| (place, cosine.into()))
    }

    /// The score of the template at a place with itself.
    pub(super) fn with_itself(&self, place: usize, scoring: &Scoring) -> Option<Score> {
        let row = self.values.chunks_exact(self.size.max(1)).nth(place)?;
        let statistics = *self.statistics.get(place)?;
        Some(scoring.tell(Cosine::of(row, row), statistics, statistics))
    }

    /// The score of each pair of templates, by their places; each pair once.
    pub(super) fn pairs<'a>(
        &'a self,
        scoring: &'a Scoring,
    ) -> impl Iterator<Item = (usize, usize, Score)> + 'a {
        let rows = || {
            self.values
                .chunks_exact(self.size.max(1))
                .zip(&self.statistics)
                .enumerate()
        };
        rows().flat_map(move |(i, (a, x))| {
            rows()
                .skip(i + 1)
                .map(move |(j, (b, y))| (i, j, scoring.tell(Cosine::of(a, b), *x, *y)))
        })
    }
}
