//! Whether a person may pass: a pure function of the directory, the claim and the time.

use std::time::{Duration, Instant};

use super::{Candidate, Claim};
use crate::cohort::Score;
use crate::person::PersonId;
use crate::whitelist::Directory;

/// Longest time from a claim to the relay. Later the person in front of the door may be
/// another.
pub const MAX_CLAIM_AGE: Duration = Duration::from_secs(2);

/// What the person gave besides the face. Nothing can be asked for yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors {}

/// A claim that was authorised. Only [`authorise`] makes one, and only for a person of the
/// directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grant {
    claim: Claim,
    factors: Factors,
}

impl Grant {
    /// The person who may pass.
    pub fn person(&self) -> PersonId {
        self.claim.person
    }

    /// What it was given for.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// What it was given for besides the face.
    pub(crate) fn factors(&self) -> Factors {
        self.factors
    }

    /// Whether it still opens a door at the time `now`.
    pub(crate) fn is_current(&self, now: Instant) -> bool {
        is_current(&self.claim, now)
    }
}

/// Why somebody may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenialReason {
    /// Resembles nobody on the whitelist enough.
    NotListed,
    /// The whitelist holds no template that could match.
    EmptyWhitelist,
    /// Is on the whitelist, but disabled.
    Disabled,
    /// Was recognised, but is not on the whitelist any more.
    Removed,
    /// Was recognised too long ago.
    Expired,
}

/// Somebody who was looked at and may not pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Denial {
    pub reason: DenialReason,
    /// [`DenialReason::NotListed`]: the nearest miss, that is the candidate with the highest
    /// score. [`DenialReason::EmptyWhitelist`]: nobody. Else the person who was claimed,
    /// with the score of all frames together.
    pub nearest: Option<Candidate>,
    /// The threshold in force.
    pub threshold: Score,
    /// How many frames said so.
    pub frames: usize,
    /// How many denials for the same reason were left out since the last one.
    pub left_out: u32,
}

/// Whether the claimed person may pass at the time `now`.
///
/// It is asked when a claim is made, and again in the transaction that writes the grant:
/// the directory may be another by then.
///
/// # Errors
/// [`Denial`] for [`DenialReason::Removed`], [`DenialReason::Disabled`], or
/// [`DenialReason::Expired`]: the claim was made more than [`MAX_CLAIM_AGE`] before `now`, or
/// after it.
pub fn authorise(
    directory: &Directory,
    claim: &Claim,
    now: Instant,
    factors: Factors,
) -> Result<Grant, Denial> {
    let reason = match directory.get(claim.person) {
        None => DenialReason::Removed,
        Some(listed) if !listed.enabled => DenialReason::Disabled,
        Some(_) if !is_current(claim, now) => DenialReason::Expired,
        Some(_) => {
            return Ok(Grant {
                claim: *claim,
                factors,
            });
        }
    };
    Err(Denial {
        reason,
        nearest: Some(Candidate {
            track: claim.track,
            person: claim.person,
            score: claim.score,
        }),
        threshold: claim.threshold,
        frames: claim.frames,
        left_out: 0,
    })
}

fn is_current(claim: &Claim, now: Instant) -> bool {
    now.checked_duration_since(claim.made_at)
        .is_some_and(|age| age <= MAX_CLAIM_AGE)
}
