//! Who is missed and who is taken for whom at one threshold, photo by photo.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Part;
use super::dataset::Dataset;
use super::embedded::Embedded;
use super::fit::photos_of;
use super::rates::{Scores, Side};
use crate::embedding::Embedding;
use crate::scoring::Scoring;

/// The threshold of a door, and where it comes from.
#[derive(Debug, Clone, Serialize)]
pub struct Door {
    /// The score.
    pub threshold: f64,
    /// Where it comes from, in words.
    pub from: String,
    /// People a face is compared with there.
    pub comparisons: usize,
    /// Whether these are the people on the whitelist; else those of the photos.
    pub listed: bool,
}

/// What the threshold of a door does to these photos.
#[derive(Debug, Serialize)]
pub struct AtDoor {
    /// The threshold.
    #[serde(flatten)]
    pub door: Door,
    /// Impostor pairs, one photo against one.
    pub impostor: usize,
    /// Share of them that reach it.
    pub fmr: f64,
    /// Genuine pairs, one photo against one.
    pub genuine: usize,
    /// Share of them that do not.
    pub fnmr: f64,
    /// Photos that were compared with a template of the person's other photos.
    pub tries: usize,
    /// People with such a photo.
    pub people_tried: usize,
    /// People with one photo, of whom it cannot be told.
    pub people_with_one_photo: usize,
    /// Photos that do not reach it with their own person's template, the lowest first.
    pub missed: Vec<Missed>,
    /// Photos that reach it with another person's, the highest first.
    pub mistaken: Vec<Mistaken>,
}

/// A photo on which its person is not recognised.
#[derive(Debug, Clone, Serialize)]
pub struct Missed {
    /// Who.
    pub person: String,
    /// The photo's file.
    pub photo: String,
    /// Its score with the template of the person's other photos.
    pub score: f64,
}

/// A photo that would pass for somebody else.
#[derive(Debug, Clone, Serialize)]
pub struct Mistaken {
    /// Who.
    pub person: String,
    /// The photo's file.
    pub photo: String,
    /// The other person most like it.
    pub taken_for: String,
    /// Its score with that person's template.
    pub score: f64,
}

/// Lets each photo come to the door, with everybody's photos on the list but itself.
/// `pairs` are the scores of one photo against one, of the same people.
pub(crate) fn at_door(
    door: Door,
    dataset: &Dataset,
    embedded: &Embedded,
    part: Option<Part>,
    pairs: &Scores,
    way: &Scoring,
) -> AtDoor {
    let mut people: BTreeMap<usize, Vec<(usize, &Embedding)>> = BTreeMap::new();
    for (photo, person, face) in photos_of(dataset, embedded, part) {
        people.entry(person).or_default().push((photo, face));
    }
    let templates: Vec<Side> = people
        .iter()
        .filter_map(|(person, photos)| {
            let all: Vec<&Embedding> = photos.iter().map(|(_, face)| *face).collect();
            Side::new(*person, &all, way)
        })
        .collect();
    let name = |person: usize| dataset.people.get(person).cloned().unwrap_or_default();
    let file = |photo: usize| {
        let photo = dataset.photos.get(photo);
        photo.map(|p| p.file.clone()).unwrap_or_default()
    };
    let (mut missed, mut mistaken, mut tries) = (Vec::new(), Vec::new(), 0);
    for (person, photos) in &people {
        for (photo, face) in photos {
            let Some(probe) = Side::new(*person, &[*face], way) else {
                continue;
            };
            let others: Vec<&Embedding> = photos
                .iter()
                .filter(|(other, _)| other != photo)
                .map(|(_, face)| *face)
                .collect();
            if let Some(own) = Side::new(*person, &others, way) {
                tries += 1;
                let score = f64::from(probe.score(&own, way).value());
                if score < door.threshold {
                    missed.push(Missed {
                        person: name(*person),
                        photo: file(*photo),
                        score,
                    });
                }
            }
            let nearest = templates
                .iter()
                .filter(|template| template.person != *person)
                .map(|template| {
                    (
                        f64::from(probe.score(template, way).value()),
                        template.person,
                    )
                })
                .max_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((score, other)) = nearest.filter(|(score, _)| *score >= door.threshold) {
                mistaken.push(Mistaken {
                    person: name(*person),
                    photo: file(*photo),
                    taken_for: name(other),
                    score,
                });
            }
        }
    }
    missed.sort_by(|a: &Missed, b| a.score.total_cmp(&b.score));
    mistaken.sort_by(|a: &Mistaken, b| b.score.total_cmp(&a.score));
    let alone = people.values().filter(|photos| photos.len() == 1).count();
    let (fmr, tar) = pairs.at_threshold(door.threshold);
    AtDoor {
        impostor: pairs.impostor_pairs(),
        fmr,
        genuine: pairs.genuine_pairs(),
        fnmr: 1.0 - tar,
        tries,
        people_tried: people.len() - alone,
        people_with_one_photo: alone,
        missed,
        mistaken,
        door,
    }
}
