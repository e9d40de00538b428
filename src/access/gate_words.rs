//! What happens to the gate, what it asks for, and what the configuration says of it.

use std::time::{Duration, Instant};

use super::factor::{Factor, FactorKind, Key};
use super::lockout::Limits;
use super::{Basis, Claim, DenialReason, Factors};
use crate::config;
use crate::person::PersonId;
use crate::whitelist::{Card, Digits, PinOutcome};

/// Now, by the two clocks that nobody sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub at: Instant,
    /// Milliseconds since the machine started, time asleep included (`CLOCK_BOOTTIME`).
    pub uptime_ms: u64,
}

/// What the configuration says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GateSettings {
    pub within: Duration,
    /// What everybody has to give besides the face.
    pub demand: Option<FactorKind>,
    pub card_alone: bool,
    pub faces: Limits,
    pub factors: Limits,
    pub person: Limits,
    /// Whether somebody recognised may pass by a second factor in a pause.
    pub factor_passes: bool,
}

impl GateSettings {
    pub(crate) fn new(factors: &config::Factors, lockout: &config::Lockout) -> Self {
        let limits = |tries| Limits {
            tries,
            period_ms: lockout.period_s * 1000,
            first_pause_ms: lockout.pause_s * 1000,
            longest_pause_ms: lockout.max_pause_s * 1000,
        };
        Self {
            within: Duration::from_millis(factors.within_ms),
            demand: match factors.demand {
                config::Demand::Never => None,
                config::Demand::Pin => Some(FactorKind::Pin),
                config::Demand::Card => Some(FactorKind::Card),
                config::Demand::Any => Some(FactorKind::Any),
            },
            card_alone: factors.card_alone == config::CardAlone::CameraLost,
            faces: limits(lockout.faces),
            factors: limits(lockout.factors),
            person: limits(lockout.person),
            factor_passes: lockout.factor_passes,
        }
    }

    pub(super) fn limits(&self, subject: Subject) -> &Limits {
        match subject {
            Subject::Faces => &self.faces,
            Subject::Factors => &self.factors,
            Subject::Person(_) | Subject::Challenges(_) => &self.person,
        }
    }
}

/// What there may be too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// Faces that were judged and refused.
    Faces,
    /// Wrong PINs and cards, whosever.
    Factors,
    /// Wrong PINs for one person.
    Person(PersonId),
    /// Challenges of one person's face that were not passed.
    Challenges(PersonId),
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum GateInput {
    Key(Key),
    Card(Card),
    Found {
        ticket: u64,
        owner: Option<(PersonId, bool)>,
    },
    Checked {
        ticket: u64,
        outcome: Option<PinOutcome>,
    },
    /// So many faces were judged and refused as nobody's.
    FacesRefused(u64),
    /// Somebody may pass by the face alone.
    Claimed(PersonId),
    /// Somebody's face has to pass a challenge: refused in a pause, else nothing follows.
    Challenged(Claim),
    /// It passed one, or did not.
    ChallengePassed(PersonId),
    ChallengeFailed(PersonId),
    /// Somebody may pass with a second factor.
    Needed {
        basis: Basis,
        kind: FactorKind,
        within: Duration,
    },
    Tick,
    CameraLost,
    CameraBack,
    WhitelistChanged,
    PanelLost,
    Settings(GateSettings),
}

/// What is to be done, in this order.
#[derive(Debug)]
pub(crate) enum GateEffect {
    /// Answer by [`GateInput::Checked`].
    CheckPin {
        ticket: u64,
        person: PersonId,
        digits: Digits,
    },
    /// Answer by [`GateInput::Found`].
    LookUp {
        ticket: u64,
        card: Card,
    },
    Accepted {
        factor: Factor,
        person: PersonId,
        card: Option<Card>,
    },
    /// To be authorised, put on record and given to the door.
    Complete {
        basis: Basis,
        factors: Factors,
    },
    Refuse {
        reason: DenialReason,
        person: Option<PersonId>,
        card: Option<Card>,
        /// This face is waited for no more.
        ended: Option<Claim>,
    },
    Duress {
        person: PersonId,
    },
    /// To be kept with the refusal before it; nothing: to be forgotten.
    Keep {
        subject: Subject,
        state: Option<String>,
    },
    Began {
        subject: Subject,
        pause_ms: u64,
    },
    Ended {
        subject: Subject,
    },
}
