//! The votes of the frames of the last moments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Candidate, Judgement, Sighting, Unusable};
use crate::person::PersonId;

/// Frames remembered at most; more in one window push the oldest out, which can
/// only make agreement harder.
pub(super) const MOST_FRAMES: usize = 256;
/// People counted in one frame at most, the largest faces first.
pub(super) const MOST_VOTES: usize = 32;

/// One frame's vote for one person at or above the threshold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vote {
    pub(super) person: PersonId,
    pub(super) enabled: bool,
    score: f32,
    /// Already counted for a decision. It stays as a sign that somebody was
    /// recognised, so that turning away after a grant is not taken for a stranger.
    spent: bool,
}

/// What one frame says.
#[derive(Debug)]
pub(super) struct Ballot {
    taken_at: Instant,
    votes: Vec<Vote>,
    /// The best candidate among the faces below the threshold.
    unlisted: Option<Candidate>,
    empty_gallery: bool,
    /// What spoilt the largest face, if no face could be judged.
    unusable: Option<Unusable>,
}

/// What one frame says, without the window it stands in.
pub(super) struct Summary {
    pub(super) votes: Vec<Vote>,
    pub(super) unlisted: bool,
    pub(super) empty_gallery: bool,
    pub(super) unusable: bool,
}

/// How often, and at least how clearly, one person was recognised.
pub(super) struct Tally {
    pub(super) frames: usize,
    pub(super) lowest: f32,
}

impl Ballot {
    pub(super) fn count(sighting: &Sighting, threshold: f32) -> Self {
        let mut ballot = Self {
            taken_at: sighting.taken_at,
            votes: Vec::new(),
            unlisted: None,
            empty_gallery: false,
            unusable: None,
        };
        let mut judged = false;
        for face in &sighting.faces {
            match *face {
                Judgement::Unusable(why) => {
                    ballot.unusable.get_or_insert(why);
                    continue;
                }
                Judgement::Nearest(None) => ballot.empty_gallery = true,
                // False for NaN on either side; an infinity is no cosine.
                Judgement::Nearest(Some(face))
                    if face.score >= threshold && face.score.is_finite() =>
                {
                    ballot.vote(face);
                }
                Judgement::Nearest(Some(face)) => {
                    ballot.unlisted = Some(better(ballot.unlisted, face));
                }
            }
            judged = true;
        }
        if judged {
            ballot.unusable = None;
        }
        ballot
    }

    /// One vote a person: of two faces nearest to the same one, the nearer counts.
    fn vote(&mut self, face: Candidate) {
        if let Some(vote) = self.votes.iter_mut().find(|v| v.person == face.person) {
            vote.score = vote.score.max(face.score);
            // Contradictory: the stricter holds.
            vote.enabled &= face.enabled;
        } else if self.votes.len() < MOST_VOTES {
            self.votes.push(Vote {
                person: face.person,
                enabled: face.enabled,
                score: face.score,
                spent: false,
            });
        }
    }

    pub(super) fn summary(&self) -> Summary {
        Summary {
            votes: self.votes.clone(),
            unlisted: self.unlisted.is_some(),
            empty_gallery: self.empty_gallery,
            unusable: self.unusable.is_some(),
        }
    }

    fn is_blank(&self) -> bool {
        self.votes.is_empty()
            && self.unlisted.is_none()
            && !self.empty_gallery
            && self.unusable.is_none()
    }
}

/// The candidate with the higher score; NaN is lower than any number.
fn better(best: Option<Candidate>, other: Candidate) -> Candidate {
    match best {
        Some(best) if best.score >= other.score || other.score.is_nan() => best,
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
        if self.ballots.len() >= MOST_FRAMES {
            self.ballots.pop_front();
        }
        self.ballots.push_back(ballot);
    }

    pub(super) fn clear(&mut self) {
        self.ballots.clear();
    }

    /// Whether any frame recognised anybody, counted already or not.
    pub(super) fn recognised_anybody(&self) -> bool {
        self.ballots.iter().any(|b| !b.votes.is_empty())
    }

    /// The votes for one person that no decision has counted yet.
    pub(super) fn tally(&self, person: PersonId, enabled: bool) -> Option<Tally> {
        self.ballots
            .iter()
            .flat_map(|b| &b.votes)
            .filter(|v| v.person == person && v.enabled == enabled && !v.spent)
            .fold(None, |tally: Option<Tally>, vote| {
                Some(match tally {
                    None => Tally {
                        frames: 1,
                        lowest: vote.score,
                    },
                    Some(t) => Tally {
                        frames: t.frames + 1,
                        lowest: t.lowest.min(vote.score),
                    },
                })
            })
    }

    pub(super) fn spend(&mut self, person: PersonId, enabled: bool) {
        for vote in self.ballots.iter_mut().flat_map(|b| &mut b.votes) {
            vote.spent |= vote.person == person && vote.enabled == enabled;
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

    pub(super) fn spend_unlisted(&mut self) {
        for ballot in &mut self.ballots {
            ballot.unlisted = None;
        }
    }

    /// In how many frames there was a face and no gallery.
    pub(super) fn without_gallery(&self) -> usize {
        self.ballots.iter().filter(|b| b.empty_gallery).count()
    }

    pub(super) fn spend_without_gallery(&mut self) {
        for ballot in &mut self.ballots {
            ballot.empty_gallery = false;
        }
    }

    /// What spoilt most of the frames with no usable face (the later of equals), and how many these were.
    pub(super) fn unusable(&self) -> Option<(Unusable, usize)> {
        let reasons: Vec<Unusable> = self.ballots.iter().filter_map(|b| b.unusable).collect();
        let most = reasons
            .iter()
            .copied()
            .max_by_key(|why| reasons.iter().filter(|other| *other == why).count())?;
        Some((most, reasons.len()))
    }

    pub(super) fn spend_unusable(&mut self) {
        for ballot in &mut self.ballots {
            ballot.unusable = None;
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let widest = self.ballots.iter().map(|b| b.votes.capacity()).max();
        (self.ballots.len(), widest.unwrap_or(0))
    }
}
