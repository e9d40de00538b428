//! All checks of the faces in view together. Each may only deny; none outvotes another.

use std::time::{Duration, Instant};

use image::RgbImage;

use crate::config;

use super::coupling::{Coupling, Shared};
use super::infrared::Veto;
use super::movement::{MAX_FACES, Movements, Seen};
use super::network::{self, NetworkScore, Scores};
use super::stillness::{Stillness, Verdict};

/// A face out of sight for longer is looked at anew.
const MAX_OUT_OF_SIGHT: Duration = Duration::from_millis(700);

/// Whether a face is presented by a person or by an artefact (ISO/IEC 30107-1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Liveness {
    /// No check that is on has anything against it.
    Live,
    /// An artefact, such as a print or a screen.
    Attack(Cue),
    /// Not looked at, or not for long enough yet.
    Unknown,
}

impl Liveness {
    /// What two checks say together: each may deny, and neither speaks for the other.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Attack(cue), _) | (_, Self::Attack(cue)) => Self::Attack(cue),
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Live, Self::Live) => Self::Live,
        }
    }
}

/// What gave a presentation attack away, and how much of it there was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cue {
    /// As still as a picture on a support; the movement in eye distances.
    Frozen { movement: f32 },
    /// It moves as one with what is around it; the share of its movement.
    Coupled { share: f32 },
    /// The infrared camera stands against it.
    Infrared(Veto),
    /// The operator's network takes it for an artefact; its mean score.
    Network { score: f32 },
}

impl Cue {
    /// How much of it there was.
    pub(crate) fn measured(self) -> Option<f32> {
        match self {
            Self::Frozen { movement } => Some(movement),
            Self::Coupled { share } => Some(share),
            Self::Infrared(veto) => veto.measured(),
            Self::Network { score } => Some(score),
        }
    }
}

/// What was measured of a face, whatever follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cues {
    /// The 90th percentile of its movements of the last moments, in eye distances.
    pub movement: Option<f32>,
    /// The share of its movement that its surroundings had too.
    pub coupling: Option<f32>,
}

/// Which checks are on, with their thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Checks {
    /// A face that moves less is a picture, in eye distances.
    pub min_movement: Option<f32>,
    /// A face that shares more of its movement with its surroundings is a picture.
    pub max_coupling: Option<f32>,
    /// Whether every face has to pass a challenge.
    pub challenge: bool,
    /// Coupling is measured before a face is called alive, and refuses nobody.
    pub learns_coupling: bool,
    /// The infrared camera has to see it too.
    pub infrared: bool,
    /// Whether the operator's network has to pass a face.
    pub network: bool,
}

impl Checks {
    /// As configured.
    pub fn new(config: &config::Liveness, camera: &config::Camera) -> Self {
        Self {
            min_movement: config.frozen_face.then_some(config.min_movement),
            max_coupling: config.coupling.then_some(config.max_coupling),
            challenge: config.challenge == config::Challenge::Always,
            learns_coupling: config.learn_coupling,
            infrared: camera.infrared.is_some(),
            network: config.network,
        }
    }

    /// Whether a face has to be found alive before it makes a claim.
    pub fn is_any(&self) -> bool {
        self.watches() || self.infrared || self.network
    }

    /// Whether its movements are looked at.
    pub(crate) fn watches(&self) -> bool {
        self.min_movement.is_some() || self.max_coupling.is_some() || self.learns_coupling
    }
}

#[derive(Debug)]
struct Watched {
    track: u64,
    seen_at: Instant,
    stillness: Stillness,
    coupling: Coupling,
    share: Option<f32>,
    /// What was said of it last.
    verdict: Liveness,
}

/// The faces in view and what their movements said.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    checks: Checks,
    movements: Movements,
    faces: Vec<Watched>,
    scores: Scores,
}

impl Watch {
    /// One that has seen nothing.
    pub(crate) fn new(checks: Checks) -> Self {
        Self {
            checks,
            movements: Movements::default(),
            faces: Vec::with_capacity(MAX_FACES),
            scores: Scores::default(),
        }
    }

    /// Other checks; what was seen does not count for them.
    pub(crate) fn set_checks(&mut self, checks: Checks) {
        self.checks = checks;
        self.forget();
    }

    /// What was seen until now does not count with what follows.
    pub(crate) fn forget(&mut self) {
        self.movements.forget();
        self.faces.clear();
        self.scores.forget();
    }

    /// Takes what the network says of a face in a frame taken at `at`.
    pub(crate) fn note(&mut self, at: Instant, track: u64, score: NetworkScore) {
        self.scores.note(at, track, score);
    }

    /// The mean of what it said of a face.
    pub(crate) fn network_mean(&self, track: u64) -> Option<f32> {
        self.scores.mean(track)
    }

    /// Takes a frame taken at `at`, and says what is known of each of its faces then. More than
    /// [`MAX_FACES`] are unknown.
    pub(crate) fn step(
        &mut self,
        at: Instant,
        picture: &RgbImage,
        faces: &[Seen],
    ) -> [Liveness; MAX_FACES] {
        let mut verdicts = match (self.checks.watches(), self.checks.is_any()) {
            (true, _) => self.by_movement(at, picture, faces),
            // Nothing stands against them where something else is asked.
            (false, true) => [Liveness::Live; MAX_FACES],
            (false, false) => [Liveness::Unknown; MAX_FACES],
        };
        if self.checks.network {
            self.scores.expire(at, MAX_OUT_OF_SIGHT);
            for (verdict, face) in verdicts.iter_mut().zip(faces) {
                *verdict = verdict.and(match self.scores.verdict(at, face.track) {
                    network::Verdict::Passes => Liveness::Live,
                    network::Verdict::Artefact(score) => Liveness::Attack(Cue::Network { score }),
                    network::Verdict::Unknown => Liveness::Unknown,
                });
            }
        }
        verdicts
    }

    fn by_movement(
        &mut self,
        at: Instant,
        picture: &RgbImage,
        faces: &[Seen],
    ) -> [Liveness; MAX_FACES] {
        let mut verdicts = [Liveness::Unknown; MAX_FACES];
        let is_there = |w: &Watched| {
            faces.iter().any(|f| f.track == w.track)
                || at.saturating_duration_since(w.seen_at) <= MAX_OUT_OF_SIGHT
        };
        self.faces.retain(is_there);
        let movements = self.movements.take(at, picture, faces);
        for ((verdict, face), movement) in verdicts.iter_mut().zip(faces).zip(movements) {
            let known = self.faces.iter().position(|w| w.track == face.track);
            let place = known.unwrap_or_else(|| {
                if self.faces.len() >= 2 * MAX_FACES {
                    self.faces.remove(0);
                }
                self.faces.push(Watched {
                    track: face.track,
                    seen_at: at,
                    stillness: Stillness::new(at),
                    coupling: Coupling::default(),
                    share: None,
                    verdict: Liveness::Unknown,
                });
                self.faces.len() - 1
            });
            let Some(watched) = self.faces.get_mut(place) else {
                continue;
            };
            watched.seen_at = at;
            let still = match self.checks.min_movement {
                Some(least) => match watched.stillness.step(at, movement, least) {
                    Verdict::Moves => Liveness::Live,
                    Verdict::Frozen(movement) => Liveness::Attack(Cue::Frozen { movement }),
                    Verdict::Unknown => Liveness::Unknown,
                },
                None => Liveness::Live,
            };
            let shared = watched.coupling.step(at, movement);
            watched.share = match shared {
                Shared::Share(share) => Some(share),
                Shared::Nothing | Shared::Unknown => None,
            };
            let coupled = match (self.checks.max_coupling, shared) {
                (Some(most), Shared::Share(share)) if share > most => {
                    Liveness::Attack(Cue::Coupled { share })
                }
                (None, Shared::Unknown) if !self.checks.learns_coupling => Liveness::Live,
                (_, Shared::Unknown) => Liveness::Unknown,
                _ => Liveness::Live,
            };
            watched.verdict = coupled.and(still);
            *verdict = watched.verdict;
        }
        verdicts
    }

    /// What was measured of a face.
    pub(crate) fn cues(&self, track: u64) -> Cues {
        let watched = self.faces.iter().find(|w| w.track == track);
        watched.map_or(Cues::default(), |w| Cues {
            movement: w.stillness.movement(),
            coupling: w.share,
        })
    }

    /// What was said of a face in its last picture.
    pub(crate) fn verdict(&self, track: u64) -> Liveness {
        let watched = self.faces.iter().find(|w| w.track == track);
        watched.map_or(Liveness::Unknown, |w| w.verdict)
    }
}
