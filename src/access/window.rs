//! The votes of the frames of the last moments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Candidate, FaceResult, Flaw, FrameResult};
use crate::cohort::Score;
use crate::liveness::Cue;
use crate::person::PersonId;

/// Frames remembered at most; more in one window push the oldest out, which can
/// only make agreement harder.
pub(super) const MAX_FRAMES: usize = 256;
/// People counted in one frame at most, the largest faces first.
pub(super) const MAX_VOTES: usize = 32;

/// One frame's vote for one person as the nearest to one face.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vote {
    pub(super) track: u64,
    pub(super) person: PersonId,
    pub(super) score: Score,
    /// At or above the threshold.
    pub(super) reached: bool,
    /// Already counted for a decision. It stays as a sign that somebody was
    /// recognised, so that turning away after a grant is not taken for a stranger.
    spent: bool,
}

/// What one frame says.
#[derive(Debug)]
pub(super) struct Ballot {
    taken_at: Instant,
    votes: Vec<Vote>,
    /// The largest artefact of somebody, and what gave it away.
    artefact: Option<(Candidate, Cue)>,
    /// The best candidate among the faces below the threshold.
    unlisted: Option<Candidate>,
    nobody_enrolled: bool,
    /// What spoilt the largest face, if no face could be judged.
    flaw: Option<Flaw>,
}

/// What one frame says, without the window it stands in.
pub(super) struct Summary {
    pub(super) votes: Vec<Vote>,
    pub(super) unlisted: bool,
    pub(super) nobody_enrolled: bool,
    pub(super) flaw: bool,
}

impl Ballot {
    /// Faces for which `is_decided` holds say nothing new by falling short again.
    pub(super) fn count(
        sighting: &FrameResult,
        threshold: Score,
        is_decided: impl Fn(u64) -> bool,
    ) -> Self {
        let mut ballot = Self {
            taken_at: sighting.taken_at,
            votes: Vec::new(),
            artefact: None,
            unlisted: None,
            nobody_enrolled: false,
            flaw: None,
        };
        let mut judged = false;
        for face in &sighting.faces {
            match *face {
                FaceResult::Flawed { flaw, .. } => {
                    ballot.flaw.get_or_insert(flaw);
                    continue;
                }
                FaceResult::Nearest(None) => ballot.nobody_enrolled = true,
                FaceResult::Nearest(Some(face)) | FaceResult::Unproven(face) => {
                    let reached = face.reaches(threshold);
                    ballot.vote(face, reached);
                    if !reached && !is_decided(face.track) {
                        ballot.unlisted = Some(better(ballot.unlisted, face));
                    }
                }
                FaceResult::Artefact { candidate, cue } => {
                    let reached = candidate.reaches(threshold);
                    ballot.vote(candidate, reached);
                    if reached {
                        ballot.artefact.get_or_insert((candidate, cue));
                    } else if !is_decided(candidate.track) {
                        ballot.unlisted = Some(better(ballot.unlisted, candidate));
                    }
                }
                FaceResult::Followed { .. } => {}
            }
            judged = true;
        }
        if judged {
            ballot.flaw = None;
        }
        ballot
    }

    /// Two faces nearest to one person are two votes, unless they claim to be one face:
    /// then the nearer counts.
    fn vote(&mut self, face: Candidate, reached: bool) {
        let same = |v: &&mut Vote| v.person == face.person && v.track == face.track;
        if let Some(vote) = self.votes.iter_mut().find(same) {
            if reached && !(vote.reached && vote.score >= face.score) {
                (vote.score, vote.reached) = (face.score, true);
            }
        } else if self.votes.len() < MAX_VOTES {
            self.votes.push(Vote {
                track: face.track,
                person: face.person,
                score: face.score,
                reached,
                spent: false,
            });
        }
    }

    pub(super) fn summary(&self) -> Summary {
        Summary {
            votes: self.votes.clone(),
            unlisted: self.unlisted.is_some(),
            nobody_enrolled: self.nobody_enrolled,
            flaw: self.flaw.is_some(),
        }
    }

    fn is_blank(&self) -> bool {
        self.votes.is_empty()
            && self.unlisted.is_none()
            && !self.nobody_enrolled
            && self.flaw.is_none()
    }
}

/// The candidate with the higher score; NaN is lower than any number.
fn better(best: Option<Candidate>, other: Candidate) -> Candidate {
    match best {
        Some(best) if best.score >= other.score || other.score.value().is_nan() => best,
        _ => other,
    }
}

/// Frames in the order they were taken.
#[derive(Debug, Default)]
pub(super) struct Window {
    ballots: VecDeque<Ballot>,
}

impl Window {
    /// Adds the newest frame and drops those taken more than `length` before it.
    pub(super) fn push(&mut self, ballot: Ballot, length: Duration) {
        let newest = ballot.taken_at;
        while let Some(oldest) = self.ballots.front()
            && newest.saturating_duration_since(oldest.taken_at) > length
        {
            self.ballots.pop_front();
        }
        if ballot.is_blank() {
            return;
        }
        if self.ballots.len() >= MAX_FRAMES {
            self.ballots.pop_front();
        }
        self.ballots.push_back(ballot);
    }

    pub(super) fn clear(&mut self) {
        self.ballots.clear();
    }

    /// Whether any frame recognised anybody, counted already or not.
    pub(super) fn recognised_anybody(&self) -> bool {
        self.ballots
            .iter()
            .flat_map(|b| &b.votes)
            .any(|v| v.reached)
    }

    /// In how many frames that no decision has counted yet the same person was nearest to
    /// the same face.
    pub(super) fn agreeing(&self, with: &Vote) -> usize {
        let agrees = |v: &&Vote| v.person == with.person && v.track == with.track && !v.spent;
        self.ballots
            .iter()
            .flat_map(|b| &b.votes)
            .filter(agrees)
            .count()
    }

    /// In how many frames a face was found to be an artefact.
    pub(super) fn artefact(&self, track: u64) -> usize {
        let is_it = |b: &&Ballot| {
            b.artefact
                .is_some_and(|(candidate, _)| candidate.track == track)
        };
        self.ballots.iter().filter(is_it).count()
    }

    pub(super) fn spend(&mut self, person: PersonId) {
        for vote in self.ballots.iter_mut().flat_map(|b| &mut b.votes) {
            vote.spent |= vote.person == person;
        }
    }

    /// The nearest miss among the faces below the threshold, and in how many frames there was one.
    pub(super) fn unlisted(&self) -> Option<(Candidate, usize)> {
        let mut faces = self.ballots.iter().filter_map(|b| b.unlisted);
        let first = faces.next()?;
        Some(faces.fold((first, 1), |(best, frames), face| {
            (better(Some(best), face), frames + 1)
        }))
    }

    /// Counts the faces below the threshold for a decision, and gives their tracks.
    pub(super) fn spend_unlisted(&mut self) -> impl Iterator<Item = u64> {
        let faces = self.ballots.iter_mut().filter_map(|b| b.unlisted.take());
        faces.map(|face| face.track)
    }

    /// In how many frames there was a face and nobody was enrolled.
    pub(super) fn nobody_enrolled(&self) -> usize {
        self.ballots.iter().filter(|b| b.nobody_enrolled).count()
    }

    pub(super) fn spend_nobody_enrolled(&mut self) {
        for ballot in &mut self.ballots {
            ballot.nobody_enrolled = false;
        }
    }

    /// What spoilt most of the frames with no usable face (the later of equals), and how many these were.
    pub(super) fn flaw(&self) -> Option<(Flaw, usize)> {
        let reasons: Vec<Flaw> = self.ballots.iter().filter_map(|b| b.flaw).collect();
        let most = reasons
            .iter()
            .copied()
            .max_by_key(|flaw| reasons.iter().filter(|other| *other == flaw).count())?;
        Some((most, reasons.len()))
    }

    pub(super) fn spend_flawed(&mut self) {
        for ballot in &mut self.ballots {
            ballot.flaw = None;
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let widest = self.ballots.iter().map(|b| b.votes.capacity()).max();
        (self.ballots.len(), widest.unwrap_or(0))
    }
}
