//! Whose face is it? All templates of one model version, ready to be compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rows::Rows;
use crate::cohort::Score;
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;
use crate::risk::{RiskError, Threshold, ThresholdRequest};
use crate::scoring::Scoring;

/// The person most alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    pub person: PersonId,
    /// Score with that person's template.
    pub score: Score,
}

/// Templates of one model version, as many a person as there were photos.
#[derive(Debug, Clone)]
pub struct Templates {
    model: ModelVersion,
    of: BTreeMap<PersonId, Vec<Embedding>>,
    len: usize,
    of_other_models: usize,
}

/// A template that cannot be compared with the others: it is of another model version or
/// size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the template is of another model version or size than the others")]
pub struct NotComparable;

impl Templates {
    /// None yet.
    pub fn none(model: &ModelVersion) -> Self {
        Self {
            model: model.clone(),
            of: BTreeMap::new(),
            len: 0,
            of_other_models: 0,
        }
    }

    /// Adds a person's template.
    ///
    /// # Errors
    /// [`NotComparable`]; it was not added.
    pub fn add(&mut self, person: PersonId, template: Embedding) -> Result<(), NotComparable> {
        let first = self.of.values().flatten().next();
        if *template.model() != self.model || first.is_some_and(|f| !f.comparable(&template)) {
            return Err(NotComparable);
        }
        self.of.entry(person).or_default().push(template);
        self.len += 1;
        Ok(())
    }

    /// A person's.
    pub(super) fn of(&self, person: PersonId) -> &[Embedding] {
        self.of.get(&person).map_or(&[], Vec::as_slice)
    }

    /// Counts templates that other model versions made and that are not among these.
    pub(super) fn leave_out(&mut self, others: usize) {
        self.of_other_models += others;
    }
}

/// Says whom of the whitelist a face is most like, and from which score on that person may
/// be meant.
///
/// A person's photos are made one template first: what they have in common recognises
/// better than the most alike of them, and gives strangers one chance instead of several.
/// That template is what is normalised and compared, and their number is what the
/// threshold follows from. Disabled people are in it, so that a refusal can say who it was.
#[derive(Debug, Clone)]
pub struct Matcher {
    model: ModelVersion,
    /// Whose each of the rows is, in rising order.
    owners: Vec<PersonId>,
    rows: Rows,
    scoring: Arc<Scoring>,
    asked: ThresholdRequest,
    templates: usize,
    of_other_models: usize,
}

impl Matcher {
    /// Compares with these templates, scored and with the threshold that is asked for.
    /// Photos of a person that cancel each other out are of no face, and match none.
    pub fn new(templates: &Templates, scoring: Arc<Scoring>, asked: ThresholdRequest) -> Self {
        let (mut owners, mut prepared) = (Vec::new(), Vec::new());
        for (person, photos) in &templates.of {
            let photos: Vec<&Embedding> = photos.iter().collect();
            if let Some(template) = Embedding::mean(&photos).and_then(|t| scoring.prepare(&t)) {
                owners.push(*person);
                prepared.push(template);
            }
        }
        Self {
            model: templates.model.clone(),
            owners,
            rows: Rows::new(&prepared, &scoring),
            scoring,
            asked,
            templates: templates.len,
            of_other_models: templates.of_other_models,
        }
    }

    /// The person most alike, whatever the score; `None` without templates, or if the face
    /// was embedded by another model version.
    pub fn identify(&self, face: &Embedding) -> Option<Match> {
        self.identify_among(face, |_| true)
    }

    /// The same over everybody but `own`.
    pub fn identify_other(&self, face: &Embedding, own: Option<PersonId>) -> Option<Match> {
        self.identify_among(face, |person| Some(person) != own)
    }

    fn identify_among(&self, face: &Embedding, counts: impl Fn(PersonId) -> bool) -> Option<Match> {
        if *face.model() != self.model {
            return None;
        }
        let probe = self.scoring.prepare(face)?;
        let counts = |place: usize| self.owners.get(place).is_some_and(|p| counts(*p));
        let (place, score) = self.rows.best(&probe, &self.scoring, counts)?;
        let person = *self.owners.get(place)?;
        Some(Match { person, score })
    }

    /// The score from which on a face passes for the person it is most like.
    ///
    /// # Errors
    /// [`RiskError::NoCalibration`] or [`RiskError::BeyondData`]: then nobody passes.
    pub fn threshold(&self) -> Result<Threshold, RiskError> {
        self.threshold_with(self.comparisons())
    }

    /// The same with so many people on the whitelist.
    ///
    /// # Errors
    /// As [`Matcher::threshold`].
    pub fn threshold_with(&self, people: usize) -> Result<Threshold, RiskError> {
        self.scoring.threshold(self.asked, people)
    }

    /// The score of a person's template with itself, which no photo of a face comes near.
    /// Nothing for who has none.
    pub(crate) fn own_score_of(&self, person: PersonId) -> Option<Score> {
        let place = self.owners.binary_search(&person).ok()?;
        self.rows.with_itself(place, &self.scoring)
    }

    /// How scores are told, and what they mean.
    pub(crate) fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// Each pair of people whose templates reach this score with each other, the most alike
    /// first.
    pub(crate) fn confusable(&self, from: Score) -> Vec<(PersonId, PersonId, Score)> {
        let owner = |place: usize| self.owners.get(place).copied();
        let mut pairs: Vec<_> = self
            .rows
            .pairs(&self.scoring)
            .filter(|(_, _, score)| *score >= from)
            .filter_map(|(a, b, score)| Some((owner(a)?, owner(b)?, score)))
            .collect();
        pairs.sort_by(|a, b| b.2.value().total_cmp(&a.2.value()));
        pairs
    }

    /// What made the templates.
    pub fn model(&self) -> &ModelVersion {
        &self.model
    }

    /// How many people a face is compared with: each is a chance for a stranger.
    pub fn comparisons(&self) -> usize {
        self.owners.len()
    }

    /// Whether there is nobody to compare with.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// How many templates there are, as many a person as there were photos.
    pub fn templates(&self) -> usize {
        self.templates
    }

    /// How many templates were made by other model versions and match nobody.
    pub fn of_other_models(&self) -> usize {
        self.of_other_models
    }
}
