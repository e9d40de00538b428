//! Whether a person may pass: a pure function of the directory, the rules, the claim, the time
//! and who else is there.

use std::time::{Duration, Instant};

use super::companions::{Companion, Company};
use super::rules::{Asking, Pass, Rules};
use super::{Candidate, Claim, FactorKind};
use crate::cohort::Score;
use crate::liveness::{self, Cue, Failure, Veto};
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
    /// The challenge that the face passed.
    pub challenge: Option<liveness::Passed>,
}

impl Factors {
    /// These and others.
    pub(crate) fn and(self, others: Self) -> Self {
        Self {
            card: self.card || others.card,
            pin: self.pin || others.pin,
            challenge: self.challenge.or(others.challenge),
        }
    }
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
    pass: Pass,
    /// Of the rules it was given by.
    edition: u64,
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

    /// Who else had to be there.
    pub(crate) fn companion(&self) -> Option<Companion> {
        self.pass.companion
    }

    /// Everybody who passes by it: a person, or the two of a two-person rule.
    pub(crate) fn people(&self) -> impl Iterator<Item = PersonId> {
        let second = self
            .companion()
            .filter(|other| other.company != Company::Passed);
        std::iter::once(self.person()).chain(second.map(|other| other.person))
    }

    /// Whether the person went the same way before, and is let in all the same.
    pub fn is_passed_back(&self) -> bool {
        self.pass.passed_back
    }

    /// Whether it was given by these very rules.
    pub(crate) fn is_by(&self, rules: &Rules) -> bool {
        self.edition == rules.edition
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
    /// As still as a picture on a support: no face, but a picture of one.
    FrozenFace,
    /// It moves as one with what is around it: a picture that is carried.
    CoupledFace,
    /// Its place is dark in the infrared picture, as a screen.
    InfraredDark,
    /// Infrared light sees no features in it, as with many inks on paper.
    InfraredFlat,
    /// There is no face in the infrared picture.
    InfraredMissingFace,
    /// The face in the infrared picture is at another place.
    InfraredElsewhere,
    /// The infrared camera gave no picture of that moment.
    InfraredCameraLost,
    /// The operator's network against presentation attacks takes it for an artefact.
    PadNetwork,
    /// Is on the whitelist, but disabled.
    Disabled,
    /// Was recognised, but is not on the whitelist any more.
    Removed,
    /// Was recognised too long ago.
    Expired,
    /// No rule lets the person in at this time.
    OutsideHours,
    /// The person's validity has not begun.
    NotYetValid,
    /// The person's validity is over.
    ValidityOver,
    /// The person entered as often as is allowed.
    NoEntriesLeft,
    /// It depends on the time, and the clock is not believed.
    ClockUnknown,
    /// This is needed besides the face.
    FactorNeeded(FactorKind),
    /// A challenge has to be passed.
    ChallengeNeeded,
    /// One was not passed.
    Challenge(Failure),
    /// The second of two people has to come.
    CompanionMissing,
    /// An escort has to be let in first.
    EscortMissing,
    /// The person went the same way before.
    PassedBack,
    /// The score reaches the door's threshold, and not what is asked of the person.
    ScoreTooLow,
    /// Nobody passes while the door is locked down.
    LockedDown,
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
    /// The person is of a list that was not heard of for too long.
    LeaseOver,
}

impl DenialReason {
    /// What a cue stands for.
    pub(crate) fn of(cue: Cue) -> Self {
        match cue {
            Cue::Frozen { .. } => Self::FrozenFace,
            Cue::Coupled { .. } => Self::CoupledFace,
            Cue::Network { .. } => Self::PadNetwork,
            Cue::Infrared(Veto::Dark { .. }) => Self::InfraredDark,
            Cue::Infrared(Veto::Flat { .. }) => Self::InfraredFlat,
            Cue::Infrared(Veto::MissingFace { .. }) => Self::InfraredMissingFace,
            Cue::Infrared(Veto::Elsewhere { .. }) => Self::InfraredElsewhere,
            Cue::Infrared(Veto::CameraLost { .. }) => Self::InfraredCameraLost,
        }
    }

    /// Whether it may be otherwise in a moment, by something the person or somebody else
    /// does: then the person is still looked at.
    pub fn is_pending(self) -> bool {
        matches!(
            self,
            Self::FactorNeeded(_)
                | Self::ChallengeNeeded
                | Self::CompanionMissing
                | Self::EscortMissing
        )
    }
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
    /// What gave an artefact away.
    pub cue: Option<Cue>,
    /// How many denials for the same reason were left out since the last one.
    pub left_out: u32,
}

/// Whether the claimed person may pass.
///
/// It is asked when a claim is made, and again in the transaction that writes the grant:
/// the directory, the rules and the time may be others by then.
///
/// # Errors
/// [`Denial`], first for [`DenialReason::Removed`], [`DenialReason::Disabled`], or
/// [`DenialReason::Expired`] (the claim was made more than [`MAX_CLAIM_AGE`] before `now`, or
/// after it), then for what the rules say.
pub fn authorise(
    directory: &Directory,
    rules: &Rules,
    basis: impl Into<Basis>,
    asking: &Asking<'_>,
) -> Result<Grant, Denial> {
    authorise_or_wait(directory, rules, &basis.into(), asking).map_err(|(denial, _)| denial)
}

/// The same; beside the denial the rules that would let in if a second person came, by place.
pub(super) fn authorise_or_wait(
    directory: &Directory,
    rules: &Rules,
    basis: &Basis,
    asking: &Asking<'_>,
) -> Result<Grant, (Denial, Vec<usize>)> {
    let refused = |reason, waits_by| Err((Denial::of(basis, reason), waits_by));
    let listed = match directory.get(basis.person()) {
        None => return refused(DenialReason::Removed, Vec::new()),
        Some(listed) if !listed.enabled => return refused(DenialReason::Disabled, Vec::new()),
        Some(_) if !is_current(basis, asking.now) => {
            return refused(DenialReason::Expired, Vec::new());
        }
        Some(listed) => listed,
    };
    // A card has no score: it reaches none that is asked of its person.
    let score = basis
        .face()
        .map_or(Score::new(f32::NEG_INFINITY), |claim| claim.score);
    match rules.judge(listed, score, directory, asking) {
        Ok(pass) => Ok(Grant {
            basis: *basis,
            factors: asking.factors,
            pass,
            edition: rules.edition,
        }),
        Err(refusal) => refused(refusal.reason, refusal.waits_by),
    }
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
            cue: None,
            left_out: 0,
        }
    }
}

fn is_current(basis: &Basis, now: Instant) -> bool {
    now.checked_duration_since(basis.made_at())
        .is_some_and(|age| age <= MAX_CLAIM_AGE)
}
