//! What the rules say of a person at a moment.

use std::time::{Duration, Instant};

use super::{Company, Passback, PassbackMode, Rule, Rules, Wall, Who};
use crate::access::{Companion, Company as Here, DenialReason, Factors};
use crate::cohort::Score;
use crate::whitelist::{Directory, Group, Listed, Standing};

/// What a grant is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Who else had to be there.
    pub companion: Option<Companion>,
    /// Whether the person went the same way before (soft anti-passback).
    pub passed_back: bool,
}

/// What is known when somebody asks.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    pub now: Instant,
    pub wall: Wall<'a>,
    /// What was given besides the face.
    pub factors: Factors,
    /// Who else is here, or was let in just before.
    pub companions: &'a [Companion],
}

/// Why somebody may not pass, and the rules that would let in if somebody else came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: DenialReason,
    pub waits_by: Vec<usize>,
}

impl From<DenialReason> for Refusal {
    fn from(reason: DenialReason) -> Self {
        let waits_by = Vec::new();
        Self { reason, waits_by }
    }
}

impl Rules {
    /// Whether an enabled person of the directory may pass.
    pub(crate) fn judge(
        &self,
        listed: &Listed,
        score: Score,
        directory: &Directory,
        asking: &Asking<'_>,
    ) -> Result<Pass, Refusal> {
        let (standing, wall) = (&listed.standing, &asking.wall);
        is_valid(standing, wall)?;
        if standing.entries.is_some_and(|entries| entries.left() == 0) {
            return Err(DenialReason::NoEntriesLeft.into());
        }
        let again = self
            .passback
            .as_ref()
            .filter(|p| p.is_again(standing, wall));
        let passed_back = match again.map(|passback| &passback.mode) {
            Some(PassbackMode::Hard | PassbackMode::Timed(_)) => {
                return Err(DenialReason::PassedBack.into());
            }
            Some(PassbackMode::Soft) => true,
            None => false,
        };
        if !self.is_sure_enough(listed, score) {
            return Err(DenialReason::ScoreTooLow.into());
        }
        let companion = self.by_any_rule(listed, directory, asking)?;
        Ok(Pass {
            companion,
            passed_back,
        })
    }

    /// Whether a score reaches all that are asked of a person beside the door's own.
    fn is_sure_enough(&self, listed: &Listed, score: Score) -> bool {
        let own = |who: &Who| who.is(listed.id, &listed.standing);
        let mut asked = self.min_scores.iter().filter(|(who, _)| own(who));
        asked.all(|(_, least)| score >= *least)
    }

    /// The companion that the first rule which lets in needed; or the reason that is nearest
    /// to a grant.
    fn by_any_rule(
        &self,
        listed: &Listed,
        directory: &Directory,
        asking: &Asking<'_>,
    ) -> Result<Option<Companion>, Refusal> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let mut nearest = Refusal::from(DenialReason::OutsideHours);
        for (place, rule) in self.rules.iter().enumerate() {
            if !rule.is_for(listed.id, &listed.standing) {
                continue;
            }
            match self.by(rule, place, listed, directory, asking) {
                Ok(companion) => return Ok(companion),
                Err(reason) => {
                    if reason == DenialReason::CompanionMissing {
                        nearest.waits_by.push(place);
                    }
                    if distance(reason) < distance(nearest.reason) {
                        nearest.reason = reason;
                    }
                }
            }
        }
        Err(nearest)
    }

    fn by(
        &self,
        rule: &Rule,
        place: usize,
        listed: &Listed,
        directory: &Directory,
        asking: &Asking<'_>,
    ) -> Result<Option<Companion>, DenialReason> {
        holds(rule, &asking.wall)?;
        if rule.challenge && asking.factors.challenge.is_none() {
            return Err(DenialReason::ChallengeNeeded);
        }
        if let Some(factor) = rule
            .factor
            .filter(|factor| !factor.is_met_by(asking.factors))
        {
            return Err(DenialReason::FactorNeeded(factor));
        }
        let Some(company) = &rule.company else {
            return Ok(None);
        };
        let is_other = |companion: &&Companion| {
            companion.person != listed.id && is_recent(companion.at, asking.now, rule.within)
        };
        // Whom the directory does not have, or has no more, is nobody's company.
        let of = |companion: &Companion| {
            let other = directory
                .get(companion.person)
                .filter(|other| other.enabled)?;
            is_valid(&other.standing, &asking.wall).ok()?;
            Some(other)
        };
        let mut companions = asking.companions.iter().filter(is_other);
        let found = match company {
            Company::Second(group) => companions.find(|companion| {
                companion.company == Here::Waits(place)
                    && of(companion).is_some_and(|other| {
                        are_pair(rule, group, listed, other) && self.may_enter(other, &asking.wall)
                    })
            }),
            Company::Escort(group) => companions.find(|companion| {
                companion.company == Here::Passed
                    && of(companion).is_some_and(|other| other.standing.is_in(group))
            }),
        };
        match (found, company) {
            (Some(companion), _) => Ok(Some(*companion)),
            (None, Company::Second(_)) => Err(DenialReason::CompanionMissing),
            (None, Company::Escort(_)) => Err(DenialReason::EscortMissing),
        }
    }

    /// Whether entries and anti-passback let the second of two people in.
    fn may_enter(&self, other: &Listed, wall: &Wall<'_>) -> bool {
        let has_left = |passback: &Passback| {
            passback.mode == PassbackMode::Soft || !passback.is_again(&other.standing, wall)
        };
        other
            .standing
            .entries
            .is_none_or(|entries| entries.left() > 0)
            && self.passback.as_ref().is_none_or(has_left)
    }

    /// How long before a grant the escort of the rules may have passed.
    pub(crate) fn longest_company(&self) -> Duration {
        let all = self.rules.iter().filter(|rule| rule.company.is_some());
        all.map(|rule| rule.within).max().unwrap_or_default()
    }
}

/// Whether two people are one of the rule's and one of the other group.
fn are_pair(rule: &Rule, group: &Group, one: &Listed, other: &Listed) -> bool {
    let own = |listed: &Listed| {
        rule.who
            .iter()
            .any(|who| who.is(listed.id, &listed.standing))
    };
    let second = |listed: &Listed| listed.standing.is_in(group);
    own(one) && second(other) || own(other) && second(one)
}

/// Whether the person's validity has begun and is not over.
pub(super) fn is_valid(standing: &Standing, wall: &Wall<'_>) -> Result<(), DenialReason> {
    let (from, until) = (standing.valid_from_ms, standing.valid_until_ms);
    if from.is_none() && until.is_none() {
        return Ok(());
    }
    if !wall.is_believed {
        return Err(DenialReason::ClockUnknown);
    }
    if from.is_some_and(|from| wall.at_ms < from) {
        return Err(DenialReason::NotYetValid);
    }
    match until.is_some_and(|until| wall.at_ms >= until) {
        true => Err(DenialReason::ValidityOver),
        false => Ok(()),
    }
}

/// Whether a rule's time is now.
pub(super) fn holds(rule: &Rule, wall: &Wall<'_>) -> Result<(), DenialReason> {
    if !rule.depends_on_time() {
        return Ok(());
    }
    let at = wall.at().ok_or(DenialReason::ClockUnknown)?;
    match rule.is_open(at) {
        true => Ok(()),
        false => Err(DenialReason::OutsideHours),
    }
}

/// How far a reason of a rule is from a grant: the nearest is the one that is told.
fn distance(reason: DenialReason) -> u8 {
    match reason {
        DenialReason::CompanionMissing | DenialReason::EscortMissing => 0,
        DenialReason::FactorNeeded(_) | DenialReason::ChallengeNeeded => 1,
        DenialReason::ClockUnknown => 2,
        _ => 3,
    }
}

fn is_recent(at: Instant, now: Instant, within: Duration) -> bool {
    now.checked_duration_since(at)
        .is_some_and(|age| age <= within)
}
