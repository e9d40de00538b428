//! All templates of one model version, ready to be compared with.

use std::sync::Arc;

use crate::cohort::{Cohort, Standing, dot};
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;

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
            owners: Vec::new(),
            entries,
            other_models,
            templates: 0,
            cohort: None,
            standings: Vec::new(),
        }
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
        let cosines = self
            .values
            .chunks_exact(self.size)
            .map(|template| dot(probe, template));
        let all = self.owners.iter().copied();
        let (owner, score) = match self.cohort.as_ref() {
            None => all
                .zip(cosines)
                .filter(|(owner, _)| counts(owner))
                .max_by(|a, b| a.1.total_cmp(&b.1))?,
            Some(cohort) => {
                let own = cohort.standing(probe)?;
                let scores = cosines
                    .zip(&self.standings)
                    .map(|(cosine, standing)| cohort.normalise(cosine, own, *standing));
                all.zip(scores)
                    .filter(|(owner, _)| counts(owner))
                    .max_by(|a, b| a.1.total_cmp(&b.1))?
            }
        };
        let entry = self.entries.get(owner as usize)?;
        Some(Match {
            person: entry.person,
            score: score.clamp(-1.0, crate::cohort::MOST),
            enabled: entry.enabled,
        })
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
