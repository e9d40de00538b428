//! Second factors: which there are, what happens to the machine that waits for them, and what
//! it asks for.

use std::fmt;
use std::time::Duration;

use super::{Basis, Claim, DenialReason, Factors};
use crate::person::PersonId;
use crate::whitelist::{Card, Digits, PinOutcome};

/// Which second factor is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactorKind {
    Pin,
    Card,
    /// Either of them.
    Any,
}

impl FactorKind {
    pub(crate) const ALL: [Self; 3] = [Self::Pin, Self::Card, Self::Any];

    /// As it is written in a rule.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Card => "card",
            Self::Any => "any",
        }
    }

    pub(super) fn takes_pin(self) -> bool {
        matches!(self, Self::Pin | Self::Any)
    }

    /// Whether it was given.
    pub fn is_met_by(self, given: Factors) -> bool {
        match self {
            Self::Pin => given.pin,
            Self::Card => given.card,
            Self::Any => given.pin || given.card,
        }
    }
}

/// What is needed besides the face, in words.
impl fmt::Display for FactorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pin => "with a PIN",
            Self::Card => "with a card",
            Self::Any => "with a card or a PIN",
        })
    }
}

/// A key of a keypad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// 0 to 9
    Digit(u8),
    Enter,
    Clear,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Factor {
    Pin,
    Card,
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Key(Key),
    /// A reader read a card.
    Card(Card),
    /// Whose card that is, and whether it is lost.
    Found {
        ticket: u64,
        owner: Option<(PersonId, bool)>,
    },
    /// A PIN was checked; nothing if it could not be.
    Checked {
        ticket: u64,
        outcome: Option<PinOutcome>,
    },
    /// Somebody may pass by the face alone.
    Claimed(PersonId),
    /// Somebody may pass with a second factor, given within this time.
    Needed {
        basis: Basis,
        kind: FactorKind,
        within: Duration,
    },
    Tick,
    CameraLost,
    CameraBack,
    /// The whitelist or the panel is another or gone, or there is a pause: nothing that was
    /// given counts any more.
    Void,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Answer by [`Input::Checked`].
    CheckPin {
        ticket: u64,
        person: PersonId,
        digits: Digits,
    },
    /// Answer by [`Input::Found`].
    LookUp { ticket: u64, card: Card },
    /// It is this person's.
    Accepted {
        factor: Factor,
        person: PersonId,
        card: Option<Card>,
    },
    /// All that was needed is there.
    Complete { basis: Basis, factors: Factors },
    Refuse {
        reason: DenialReason,
        /// Whose face or card it was, where that is known.
        person: Option<PersonId>,
        card: Option<Card>,
        /// This face is waited for no more.
        ended: Option<Claim>,
    },
    /// The person is forced.
    Duress { person: PersonId },
}
