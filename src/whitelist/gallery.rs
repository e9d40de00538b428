//! All templates of one model version, ready to be compared with.

use std::sync::Arc;

use multiversion::multiversion;

use crate::cohort::{Cohort, Standing, dot};
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;

/// Templates compared at a time.
const BLOCK: usize = 512;

/// The dot product of each row with `probe`. Compiled for several kinds of processors: with
/// many people this is bound by memory, as it should be, only with wide registers.
#[multiversion(targets("x86_64+avx512f+avx2+fma", "x86_64+avx2+fma"))]
fn dots(rows: &[f32], probe: &[f32], out: &mut [f32; BLOCK]) {
    for (row, out) in rows.chunks_exact(probe.len().max(1)).zip(out) {
        *out = dot(row, probe);
    }
}

/// From so many templates on, they are looked through in half of their bits first.
const MANY: usize = 4096;
/// How far a dot product of unit vectors can be off if one of them is rounded to 8 bits of
/// mantissa: each of its values by at most 1/256 of itself.
const COARSE: f32 = 1.0 / 256.0;

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

/// The person most alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Who.
    pub person: PersonId,
    /// Similarity with that person's nearest template, -1..=1: the cosine, or with a
    /// cohort the normalised score.
    pub score: f32,
    /// Whether that person may pass.
    pub enabled: bool,
}

/// Somebody in the gallery.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) person: PersonId,
    pub(super) name: String,
    pub(super) enabled: bool,
}

/// Everybody's templates of one model version. Disabled people are in it, so that
/// a refusal can say who it was.
#[derive(Debug, Clone)]
pub struct Gallery {
    model: ModelVersion,
    /// Values of one template.
    size: usize,
    /// One template after the other.
    values: Vec<f32>,
    /// The same in half of the bits, if there are many.
    coarse: Vec<u16>,
    /// For each template, whose it is: an index into `entries`.
    owners: Vec<u32>,
    /// By number.
    entries: Vec<Entry>,
    other_models: usize,
    /// Read from the whitelist.
    templates: usize,
    cohort: Option<Arc<Cohort>>,
    /// How each template is to the cohort; empty without one.
    standings: Vec<Standing>,
}

impl Gallery {
    pub(super) fn new(model: ModelVersion, entries: Vec<Entry>, other_models: usize) -> Self {
        Self {
            model,
            size: 0,
            values: Vec::new(),
            coarse: Vec::new(),
            owners: Vec::new(),
            entries,
            other_models,
            templates: 0,
            cohort: None,
            standings: Vec::new(),
        }
    }

    /// A gallery of people with one template each, without a database: for measurements.
    pub fn of(model: ModelVersion, people: impl IntoIterator<Item = (String, Embedding)>) -> Self {
        let mut gallery = Self::new(model, Vec::new(), 0);
        for (number, (name, template)) in people.into_iter().enumerate() {
            gallery.entries.push(Entry {
                person: PersonId(number as i64 + 1),
                name,
                enabled: true,
            });
            gallery.push(number, &template);
        }
        gallery
    }

    /// Makes one template of each person's: the mean of what the photos have in common
    /// recognises better than the most alike of them, and gives strangers one chance
    /// instead of several.
    #[must_use]
    pub fn fused(mut self) -> Self {
        let mut sums: Vec<(u32, Vec<f32>)> = Vec::new();
        for (&owner, template) in self
            .owners
            .iter()
            .zip(self.values.chunks_exact(self.size.max(1)))
        {
            match sums.last_mut() {
                // Templates of one person follow each other.
                Some((last, sum)) if *last == owner => {
                    for (sum, value) in sum.iter_mut().zip(template) {
                        *sum += value;
                    }
                }
                _ => sums.push((owner, template.to_vec())),
            }
        }
        self.owners.clear();
        self.values.clear();
        self.coarse.clear();
        for (owner, sum) in sums {
            // Templates that cancel each other out are of no face, and match none.
            if let Ok(mean) = Embedding::from_raw(sum) {
                self.owners.push(owner);
                self.values.extend_from_slice(mean.as_slice());
            }
        }
        self
    }

    /// Tells scores in what both faces are to faces in general; see [`crate::cohort`].
    /// A cohort of another size is no cohort for these templates, and changes nothing.
    #[must_use]
    pub fn normalised_by(mut self, cohort: Option<Arc<Cohort>>) -> Self {
        let standings = cohort.as_ref().and_then(|cohort| {
            self.values
                .chunks_exact(self.size.max(1))
                .map(|template| cohort.standing(template))
                .collect::<Option<Vec<_>>>()
        });
        match standings {
            Some(standings) => (self.cohort, self.standings) = (cohort, standings),
            None => (self.cohort, self.standings) = (None, Vec::new()),
        }
        self.coarse.clear();
        if self.cohort.is_none() && self.owners.len() >= MANY {
            self.coarse.extend(self.values.iter().map(|v| coarse(*v)));
        }
        self
    }

    /// Adds a template; false if it is not of the same size as the others.
    pub(super) fn push(&mut self, owner: usize, template: &Embedding) -> bool {
        let values = template.as_slice();
        if self.owners.is_empty() {
            self.size = values.len();
        }
        let Ok(owner) = u32::try_from(owner) else {
            return false;
        };
        if values.len() != self.size {
            return false;
        }
        self.values.extend_from_slice(values);
        self.coarse.clear();
        self.owners.push(owner);
        self.templates += 1;
        true
    }

    /// The person most alike, over all templates; `None` without templates, or if
    /// the embedding is of another model version or size.
    pub fn nearest(&self, embedding: &Embedding, model: &ModelVersion) -> Option<Match> {
        self.nearest_other(embedding, model, None)
    }

    /// The same over everybody but `own`.
    pub fn nearest_other(
        &self,
        embedding: &Embedding,
        model: &ModelVersion,
        own: Option<PersonId>,
    ) -> Option<Match> {
        let own = own.and_then(|own| self.entries.binary_search_by_key(&own, |e| e.person).ok());
        let counts = |owner: &u32| own != Some(*owner as usize);
        let probe = embedding.as_slice();
        if *model != self.model || probe.len() != self.size || self.size == 0 {
            return None;
        }
        let (owner, score) = match self.cohort.as_ref() {
            Some(cohort) => {
                let own = cohort.standing(probe)?;
                let scored = |i: usize, cosine: f32| {
                    let other = self.standings.get(i);
                    other.map_or(f32::NAN, |other| cohort.normalise(cosine, own, *other))
                };
                self.best(probe, counts, scored)?
            }
            None if self.coarse.is_empty() => self.best(probe, counts, |_, cosine| cosine)?,
            None => self.best_of_many(probe, counts)?,
        };
        let entry = self.entries.get(owner as usize)?;
        Some(Match {
            person: entry.person,
            score: score.clamp(-1.0, crate::cohort::MOST),
            enabled: entry.enabled,
        })
    }

    /// The owner of the best template and its score, by reading every template.
    fn best(
        &self,
        probe: &[f32],
        counts: impl Fn(&u32) -> bool,
        score: impl Fn(usize, f32) -> f32,
    ) -> Option<(u32, f32)> {
        let mut best: Option<(u32, f32)> = None;
        let mut cosines = [0f32; BLOCK];
        let rows = self.values.chunks(self.size * BLOCK);
        for (block, (rows, owners)) in rows.zip(self.owners.chunks(BLOCK)).enumerate() {
            dots(rows, probe, &mut cosines);
            for (i, (&owner, &cosine)) in owners.iter().zip(&cosines).enumerate() {
                let score = score(block * BLOCK + i, cosine);
                // Not true for NaN, which is like nobody.
                if best.is_none_or(|(_, most)| score > most) && counts(&owner) && !score.is_nan() {
                    best = Some((owner, score));
                }
            }
        }
        best
    }

    /// The same where memory is what takes the time: all templates in half of their bits
    /// first, then exactly those that can be the best.
    fn best_of_many(&self, probe: &[f32], counts: impl Fn(&u32) -> bool) -> Option<(u32, f32)> {
        let mut coarse = vec![0f32; self.owners.len()];
        coarse_dots(&self.coarse, probe, &mut coarse);
        let candidates = || coarse.iter().zip(&self.owners).enumerate();
        let most = candidates()
            .filter(|(_, (_, owner))| counts(owner))
            .map(|(_, (cosine, _))| *cosine)
            .fold(f32::MIN, f32::max);
        candidates()
            .filter(|(_, (cosine, owner))| **cosine >= most - 2.0 * COARSE && counts(owner))
            .filter_map(|(i, (_, owner))| {
                let template = self.values.get(i * self.size..(i + 1) * self.size)?;
                Some((*owner, dot(template, probe)))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Each pair of people who would be taken for each other at this threshold, the
    /// most alike first.
    pub fn confusable(&self, threshold: f32) -> Vec<(PersonId, PersonId, f32)> {
        let rows: Vec<&[f32]> = self.values.chunks_exact(self.size.max(1)).collect();
        let mut pairs = Vec::new();
        for (i, (a, owner)) in rows.iter().zip(&self.owners).enumerate() {
            for (j, (b, other)) in rows.iter().zip(&self.owners).enumerate().skip(i + 1) {
                let cosine = dot(a, b);
                let score = match (&self.cohort, self.standings.get(i), self.standings.get(j)) {
                    (Some(cohort), Some(x), Some(y)) => cohort.normalise(cosine, *x, *y),
                    _ => cosine,
                };
                let person = |owner: u32| self.entries.get(owner as usize).map(|e| e.person);
                if owner != other
                    && score >= threshold
                    && let (Some(a), Some(b)) = (person(*owner), person(*other))
                {
                    pairs.push((a, b, score));
                }
            }
        }
        pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
        pairs
    }

    /// A person's name.
    pub fn name_of(&self, person: PersonId) -> Option<&str> {
        let entry = self
            .entries
            .binary_search_by_key(&person, |entry| entry.person);
        Some(&self.entries.get(entry.ok()?)?.name)
    }

    /// How many templates were read, before any were fused.
    pub fn len(&self) -> usize {
        self.templates
    }

    /// How many comparisons a face is put to: each is a chance for a stranger.
    pub fn comparisons(&self) -> usize {
        self.owners.len()
    }

    /// Whether none can.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// How many people are on the whitelist.
    pub fn people(&self) -> usize {
        self.entries.len()
    }

    /// How many templates were made by other model versions and match nobody.
    pub fn other_models(&self) -> usize {
        self.other_models
    }
}
