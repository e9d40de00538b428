//! Open-set identification: some who come are listed, some are not (ISO/IEC 19795-1).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::cohort::Score;
use crate::embedding::Embedding;
use crate::person::PersonId;
use crate::risk::ThresholdRequest;
use crate::scoring::Scoring;
use crate::whitelist::{Matcher, Templates};

/// Galleries drawn for each figure.
const DRAWS: usize = 20;

/// One setting and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Identification {
    /// People on the whitelist.
    pub people: usize,
    /// Photos a template is made of.
    pub photos: usize,
    /// Frames a visitor is judged by.
    pub frames: usize,
    /// Rate at which strangers are taken for somebody.
    pub fpir: f64,
    /// The score it takes.
    pub threshold: f64,
    /// Rate at which listed people are not recognised as themselves.
    pub fnir: f64,
    /// Visits of strangers, over all draws.
    pub strangers: usize,
    /// Visits of listed people.
    pub listed: usize,
}

/// Draws galleries of so many `people` with so many `photos` each, and lets all others
/// visit with so many `frames`. `None` if there are not enough people with photos.
pub fn identify(
    faces: &[(usize, &Embedding)],
    scoring: &Arc<Scoring>,
    people: usize,
    photos: usize,
    frames: usize,
    fpir: f64,
) -> Option<Identification> {
    let mut by_person: BTreeMap<usize, Vec<&Embedding>> = BTreeMap::new();
    for (person, face) in faces {
        by_person.entry(*person).or_default().push(face);
    }
    let able: Vec<usize> = by_person
        .iter()
        .filter(|(_, all)| all.len() >= photos + frames)
        .map(|(person, _)| *person)
        .collect();
    if able.len() < people {
        return None;
    }
    let model = faces.first()?.1.model();
    let number = |person: usize| PersonId(person as i64);
    let mut random = fastrand::Rng::with_seed(7);
    let (mut stranger, mut listed) = (Vec::new(), Vec::new());
    for _ in 0..DRAWS {
        let drawn = random.choose_multiple(able.iter().copied(), people);
        let mut templates = Templates::none(model);
        for person in &drawn {
            let own = by_person.get(person).and_then(|all| all.get(..photos));
            for photo in own.unwrap_or_default() {
                templates.add(number(*person), (*photo).clone()).ok()?;
            }
        }
        let matcher = Matcher::new(&templates, Arc::clone(scoring), ThresholdRequest::default());
        for (person, all) in &by_person {
            let on_list = drawn.contains(person);
            let rest = if on_list {
                all.get(photos..)
            } else {
                Some(&all[..])
            };
            // One visit a person: who has many photos does not count more.
            let Some(visit) = rest
                .and_then(|rest| rest.get(..frames))
                .and_then(Embedding::mean)
            else {
                continue;
            };
            match matcher.identify(&visit) {
                Some(found) if on_list => {
                    listed.push((found.score, found.person == number(*person)))
                }
                Some(found) => stranger.push(found.score),
                None => {}
            }
        }
    }
    stranger.sort_by(|a: &Score, b| b.value().total_cmp(&a.value()));
    let allowed = (stranger.len() as f64 * fpir) as usize;
    let threshold = *stranger.get(allowed)?;
    let missed = listed
        .iter()
        .filter(|(score, right)| *score <= threshold || !right)
        .count();
    Some(Identification {
        people,
        photos,
        frames,
        fpir,
        threshold: f64::from(threshold.value()),
        fnir: missed as f64 / listed.len().max(1) as f64,
        strangers: stranger.len(),
        listed: listed.len(),
    })
}
