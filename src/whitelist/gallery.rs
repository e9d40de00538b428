//! All templates of one model version, ready to be compared with.

use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;

/// The person most alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Who.
    pub person: PersonId,
    /// Cosine similarity with that person's nearest template, -1..=1.
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
        }
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
        true
    }

    /// The person most alike, over all templates; `None` without templates, or if
    /// the embedding is of another model version or size.
    pub fn nearest(&self, embedding: &Embedding, model: &ModelVersion) -> Option<Match> {
        let probe = embedding.as_slice();
        if *model != self.model || probe.len() != self.size || self.size == 0 {
            return None;
        }
        let (owner, score) = self
            .owners
            .iter()
            .zip(self.values.chunks_exact(self.size))
            .map(|(&owner, template)| (owner, dot(probe, template)))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let entry = self.entries.get(owner as usize)?;
        Some(Match {
            person: entry.person,
            score: score.clamp(-1.0, 1.0),
            enabled: entry.enabled,
        })
    }

    /// A person's name.
    pub fn name_of(&self, person: PersonId) -> Option<&str> {
        let entry = self
            .entries
            .binary_search_by_key(&person, |entry| entry.person);
        Some(&self.entries.get(entry.ok()?)?.name)
    }

    /// How many templates can match.
    pub fn len(&self) -> usize {
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

/// In eight lanes, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (a, b) in a8.iter().zip(b8) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}
