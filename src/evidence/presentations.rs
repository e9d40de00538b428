//! What was shown to a door and what it said: presentation attack detection in the words of
//! ISO/IEC 30107-3, counted.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::proportion::{Proportion, tries_to_claim};
use crate::person::PersonId;

/// Kinds of presentation attack instruments (PAI species) that have a name here, and what each
/// is.
pub const KINDS: [(&str, &str); 10] = [
    ("photo_on_stand", "a photo that stands before the camera"),
    ("photo_in_hand", "a photo that is held in a hand"),
    ("photo_bent", "a photo that is bent and turned by hand"),
    (
        "photo_moved_closer",
        "a photo that is moved toward the camera",
    ),
    (
        "photo_cut_out",
        "a photo cut out along the face, or with holes for the eyes",
    ),
    ("screen_photo", "a photo on the screen of a phone or tablet"),
    ("screen_video", "a video on the screen of a phone or tablet"),
    ("paper_mask", "a print worn as a mask"),
    ("mask", "a mask in three dimensions"),
    ("other", "anything else"),
];
/// Upper limits whose price is told.
const CLAIMS: [f64; 3] = [0.1, 0.05, 0.01];

/// Who or what was shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// A person with the own face.
    BonaFide,
    /// An instrument of this kind.
    Attack(String),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BonaFide => "bona fide",
            Self::Attack(kind) => kind,
        })
    }
}

/// What the checks of liveness made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Taken for bona fide.
    Accepted,
    /// Taken for an attack.
    Refused,
    /// Neither, to the end.
    None,
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::None => "no response",
        })
    }
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Presentation {
    #[serde(skip)]
    pub shown: Shown,
    /// The clip it was in, or which try of the kind it was.
    pub clip: String,
    pub response: Response,
    /// The check that refused it, as the reason of a denial in the record; or why there was no
    /// response, as a code.
    pub because: Option<String>,
    /// How much the check measured.
    pub measured: Option<f32>,
    /// From the first frame that could be judged to the response, by the camera's clock.
    pub decided_after_ms: Option<u64>,
    /// It was accepted, and refused before that.
    pub was_refused_before: bool,
    /// The door would have opened: for whoever was recognised besides.
    pub granted: bool,
    /// Who was recognised.
    pub person_id: Option<PersonId>,
    /// The mean score of the network against presentation attacks, where one is asked.
    pub network_mean: Option<f32>,
    /// Frames looked at, and those whose face was judged.
    pub frames: u64,
    pub judged: u64,
}

/// All tries of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    pub kind: String,
    pub tries: u64,
    pub accepted: u64,
    pub refused: u64,
    pub no_response: u64,
    /// Of those with a response, the share with the wrong one: APCER of this kind, or BPCER.
    pub error_rate: Option<Proportion>,
    /// Of all tries, the share without a response: APNRR of this kind, or BPNRR.
    pub non_response_rate: Option<Proportion>,
    /// Tries at which the door would have opened.
    pub granted: u64,
    /// Refusals by the check that made them.
    pub refused_by: BTreeMap<String, u64>,
    /// Tries without a response by what kept from one.
    pub no_response_because: BTreeMap<String, u64>,
    /// Accepted, and refused before that.
    pub refused_before: u64,
    /// To a response, in milliseconds: the median, and the longest.
    pub median_ms: Option<u64>,
    pub longest_ms: Option<u64>,
}

impl Tally {
    fn of(shown: &Shown, all: &[Presentation]) -> Self {
        let mine: Vec<&Presentation> = all.iter().filter(|p| p.shown == *shown).collect();
        let count = |response| mine.iter().filter(|p| p.response == response).count() as u64;
        let (accepted, refused, no_response) = (
            count(Response::Accepted),
            count(Response::Refused),
            count(Response::None),
        );
        let wrong = match shown {
            Shown::BonaFide => refused,
            Shown::Attack(_) => accepted,
        };
        let by = |response| {
            let mut counts = BTreeMap::new();
            for one in mine.iter().filter(|p| p.response == response) {
                if let Some(because) = &one.because {
                    *counts.entry(because.clone()).or_default() += 1;
                }
            }
            counts
        };
        let mut times: Vec<u64> = mine.iter().filter_map(|p| p.decided_after_ms).collect();
        times.sort_unstable();
        let tries = mine.len() as u64;
        Self {
            kind: match shown {
                Shown::BonaFide => "bona_fide".into(),
                Shown::Attack(kind) => kind.clone(),
            },
            tries,
            accepted,
            refused,
            no_response,
            error_rate: Proportion::new(wrong, accepted + refused),
            non_response_rate: Proportion::new(no_response, tries),
            granted: mine.iter().filter(|p| p.granted).count() as u64,
            refused_by: by(Response::Refused),
            no_response_because: by(Response::None),
            refused_before: mine.iter().filter(|p| p.was_refused_before).count() as u64,
            median_ms: times.get(times.len() / 2).copied(),
            longest_ms: times.last().copied(),
        }
    }
}

/// How many tries of a kind, none of them accepted, allow to claim an upper limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Claim {
    pub at_most: f64,
    pub tries: u64,
}

/// What all tries say together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub bona_fide: Option<Tally>,
    /// One a kind, in the order of names. They are not averaged: ISO/IEC 30107-3 wants the worst.
    pub attacks: Vec<Tally>,
    /// The kind with the highest APCER.
    pub worst_kind: Option<String>,
    /// With none accepted.
    pub claims: Vec<Claim>,
}

impl Summary {
    pub fn of(all: &[Presentation]) -> Self {
        let mut kinds: Vec<&Shown> = all.iter().map(|p| &p.shown).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let attacks: Vec<Tally> = kinds
            .iter()
            .filter(|shown| ***shown != Shown::BonaFide)
            .map(|shown| Tally::of(shown, all))
            .collect();
        let is_there = kinds.first() == Some(&&Shown::BonaFide);
        let rate = |tally: &Tally| tally.error_rate.map(|seen| (seen.rate, seen.high));
        let mut worst: Option<&Tally> = None;
        for tally in &attacks {
            if rate(tally) > worst.and_then(rate) {
                worst = Some(tally);
            }
        }
        Self {
            bona_fide: is_there.then(|| Tally::of(&Shown::BonaFide, all)),
            worst_kind: worst.map(|tally| tally.kind.clone()),
            attacks,
            claims: CLAIMS
                .into_iter()
                .filter_map(|at_most| {
                    let tries = tries_to_claim(at_most)?;
                    Some(Claim { at_most, tries })
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tried(shown: &Shown, response: Response, because: Option<&str>) -> Presentation {
        Presentation {
            shown: shown.clone(),
            clip: "clip".into(),
            response,
            because: because.map(str::to_owned),
            measured: None,
            decided_after_ms: (response != Response::None).then_some(500),
            was_refused_before: false,
            granted: response == Response::Accepted,
            person_id: None,
            network_mean: None,
            frames: 30,
            judged: 5,
        }
    }

    #[test]
    fn each_kind_is_counted_for_itself_and_silence_is_no_error() {
        let (hand, stand) = (
            Shown::Attack("photo_in_hand".into()),
            Shown::Attack("photo_on_stand".into()),
        );
        let mut all = vec![tried(&Shown::BonaFide, Response::Accepted, None)];
        for _ in 0..19 {
            all.push(tried(&Shown::BonaFide, Response::Accepted, None));
            all.push(tried(&stand, Response::Refused, Some("frozen_face")));
        }
        all.push(tried(&stand, Response::None, Some("no_face")));
        all.push(tried(&hand, Response::Accepted, None));
        all.push(tried(&hand, Response::Refused, Some("coupling")));
        let summary = Summary::of(&all);
        let bona_fide = summary.bona_fide.unwrap();
        let seen = bona_fide.error_rate.unwrap();
        assert_eq!((seen.count, seen.of), (0, 20));
        assert!((seen.high - 0.1611).abs() < 5e-5 && (seen.exact_high - 0.1684).abs() < 5e-5);
        let [in_hand, on_stand] = &summary.attacks[..] else {
            unreachable!()
        };
        assert_eq!(in_hand.error_rate.unwrap().rate, 0.5);
        assert_eq!(summary.worst_kind.as_deref(), Some("photo_in_hand"));
        assert_eq!((on_stand.tries, on_stand.error_rate.unwrap().of), (20, 19));
        assert_eq!(on_stand.non_response_rate.unwrap().rate, 0.05);
        assert_eq!(on_stand.refused_by["frozen_face"], 19);
        assert_eq!(on_stand.no_response_because["no_face"], 1);
        assert_eq!(on_stand.granted, 0);
        let tries: Vec<u64> = summary.claims.iter().map(|c| c.tries).collect();
        assert_eq!(tries, [36, 72, 368]);
        assert_eq!(Summary::of(&[]).worst_kind, None);
    }
}
