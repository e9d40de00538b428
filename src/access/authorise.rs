//! Whether a person may pass: a pure function of the directory, the claim and the time.

use std::time::{Duration, Instant};

use super::{Candidate, Claim};
use crate::cohort::Score;
use crate::person::PersonId;
use crate::whitelist::{Card, Directory};

/// Longest time from a claim to the relay. Later the person in front of the door may be
/// another.
pub const MAX_CLAIM_AGE: Duration = Duration::from_secs(2);

/// What the person gave besides the face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors {
    pub card: bool,
    pub pin: bool,
}

/// A card that was shown without a face: this person's, as the whitelist has it. It has no
/// score, because nobody was looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CardClaim {
    pub person: PersonId,
    pub card: Card,
    /// When it was looked up, or the PIN it was waited for verified, on the monotonic clock.
    pub made_at: Instant,
}

/// What speaks for somebody being a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Basis {
    Face(Claim),
    Card(CardClaim),
}

impl Basis {
    pub fn person(&self) -> PersonId {
        match self {
            Self::Face(claim) => claim.person,
            Self::Card(claim) => claim.person,
        }
    }

    /// What the frames said, if it is a face.
    pub fn face(&self) -> Option<&Claim> {
        match self {
            Self::Face(claim) => Some(claim),
            Self::Card(_) => None,
        }
    }

    fn made_at(&self) -> Instant {
        match self {
            Self::Face(claim) => claim.made_at,
            Self::Card(claim) => claim.made_at,
        }
    }

    /// The same, made now: the person is there, having just given what was waited for.
    pub(super) fn renewed(self, now: Instant) -> Self {
        match self {
            Self::Face(claim) => Self::Face(Claim {
                made_at: now,
                ..claim
            }),
            Self::Card(claim) => Self::Card(CardClaim {
                made_at: now,
                ..claim
            }),
        }
    }
}

impl From<&Claim> for Basis {
    fn from(claim: &Claim) -> Self {
        Self::Face(*claim)
    }
}

impl From<&Self> for Basis {
    fn from(basis: &Self) -> Self {
        *basis
    }
}

/// A claim that was authorised. Only [`authorise`] makes one, and only for a person of the
/// directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grant {
    basis: Basis,
    factors: Factors,
}

impl Grant {
    /// The person who may pass.
    pub fn person(&self) -> PersonId {
        self.basis.person()
    }

    /// What it was given for.
    pub(crate) fn basis(&self) -> &Basis {
        &self.basis
    }

    /// What it was given for besides the face.
    pub(crate) fn factors(&self) -> Factors {
        self.factors
    }

    /// Whether it still opens a door at the time `now`.
    pub(crate) fn is_current(&self, now: Instant) -> bool {
        is_current(&self.basis, now)
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
    /// A second factor is needed and did not come in time.
    FactorNeeded,
    /// The PIN is not the person's.
    WrongPin,
    /// Too many were refused.
    LockedOut,
    /// Nobody has the card.
    CardUnknown,
    /// The card is lost.
    CardLost,
    /// A card alone opens nothing.
    CardAlone,
    /// The card is another person's than the face.
    FactorOfAnother,
}

/// Somebody who was looked at and may not pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Denial {
    pub reason: DenialReason,
    /// [`DenialReason::NotListed`]: the nearest miss, that is the candidate with the highest
    /// score. [`DenialReason::EmptyWhitelist`], or a card: nobody. Else the person who was claimed,
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
    claim: impl Into<Basis>,
    now: Instant,
    factors: Factors,
) -> Result<Grant, Denial> {
    let basis = claim.into();
    let reason = match directory.get(basis.person()) {
        None => DenialReason::Removed,
        Some(listed) if !listed.enabled => DenialReason::Disabled,
        Some(_) if !is_current(&basis, now) => DenialReason::Expired,
        Some(_) => return Ok(Grant { basis, factors }),
    };
    Err(Denial::of(&basis, reason))
}

impl Denial {
    pub(super) fn of(basis: &Basis, reason: DenialReason) -> Self {
        let face = basis.face();
        Self {
            reason,
            nearest: face.map(|claim| Candidate {
                track: claim.track,
                person: claim.person,
                score: claim.score,
            }),
            threshold: face.map_or(Score::new(f32::INFINITY), |claim| claim.threshold),
            frames: face.map_or(0, |claim| claim.frames),
            left_out: 0,
        }
    }
}

fn is_current(basis: &Basis, now: Instant) -> bool {
    now.checked_duration_since(basis.made_at())
        .is_some_and(|age| age <= MAX_CLAIM_AGE)
}
