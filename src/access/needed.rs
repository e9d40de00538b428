//! What is needed besides a face, by the rules and by the terms of the door: first a challenge,
//! while somebody looks into the camera, then what is typed or shown.

use super::{Basis, Decision, Denial, DenialReason, FactorKind, Factors, Grant, Terms};

pub(super) type Authorised = Result<Grant, (Denial, Vec<usize>)>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Needed {
    Challenge,
    Factor(FactorKind),
}

impl Needed {
    /// That it is asked for; nobody asks a challenge of a card.
    pub(super) fn decision(self, basis: &Basis) -> Decision {
        match (self, basis) {
            (Self::Factor(kind), _) => Decision::Need {
                basis: *basis,
                kind,
            },
            (Self::Challenge, Basis::Face(claim)) => Decision::Challenge(*claim),
            (Self::Challenge, Basis::Card(_)) => {
                Decision::Deny(Denial::of(basis, DenialReason::ChallengeNeeded))
            }
        }
    }
}

/// What an answer is by the terms in force. `challenges`: every face has to pass a challenge.
///
/// # Errors
/// What is still needed besides what was given.
pub(super) fn by_terms(
    terms: Terms,
    challenges: bool,
    basis: &Basis,
    authorised: Authorised,
    given: Factors,
) -> Result<Authorised, Needed> {
    let is_face = basis.face().is_some();
    let challenge = challenges && is_face && given.challenge.is_none();
    let by_rules = match &authorised {
        Ok(_) => None,
        Err((denial, _)) => match denial.reason {
            DenialReason::FactorNeeded(kind) => Some(Needed::Factor(kind)),
            DenialReason::ChallengeNeeded => Some(Needed::Challenge),
            // A picture is nobody's company.
            DenialReason::CompanionMissing | DenialReason::EscortMissing if challenge => None,
            // It stands against the person, whatever is given.
            _ => return Ok(authorised),
        },
    };
    let needed = match terms {
        Terms::LockedOut if is_face => {
            let denial = Denial::of(basis, DenialReason::LockedOut);
            return Ok(Err((denial, Vec::new())));
        }
        _ if challenge => Some(Needed::Challenge),
        Terms::Face | Terms::LockedOut => by_rules,
        Terms::Factor(kind) => {
            let demanded = (!kind.is_met_by(given)).then_some(Needed::Factor(kind));
            by_rules.or(demanded)
        }
    };
    needed.map_or(Ok(authorised), Err)
}
