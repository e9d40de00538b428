//! What follows from the frames, and what has been said already.

use std::time::Instant;

use super::cooldowns::{Cooldowns, Topic};
use super::window::{Ballot, Window};
use super::{
    Basis, Candidate, Claim, Decision, Denial, DenialReason, Factors, FrameResult, Input, Policy,
    Terms, authorise,
};
use crate::whitelist::Directory;

/// The decisions of one door. Its size is bounded whatever it is fed.
#[derive(Debug)]
pub struct Access {
    policy: Policy,
    pub(super) window: Window,
    pub(super) cooldowns: Cooldowns,
    /// Frames taken at or before this count for nothing: they were overtaken by
    /// another frame, or by a loss or a change that voids them.
    void_until: Option<Instant>,
    terms: Terms,
    /// Faces that were judged and refused, said or not.
    refused: u64,
}

impl Access {
    /// A machine that has seen nothing yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            window: Window::default(),
            cooldowns: Cooldowns::default(),
            void_until: None,
            terms: Terms::Face,
            refused: 0,
        }
    }

    /// How many faces were judged and refused as nobody's since the machine was made, said or
    /// left out.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes one input at the time `now` and gives the decisions that follow.
    ///
    /// A frame counts only if it was taken after every frame seen before and
    /// after the last loss or change, not after `now`, and not longer ago than
    /// [`Policy::max_frame_age`]. Decisions concern only faces in that very frame:
    ///
    /// * a claim: one person is nearest to a face at or above the threshold, and
    ///   was nearest to that same face in [`Policy::frames`] frames within
    ///   [`Policy::window`], this one among them. Each frame counts for one claim of a
    ///   person only. [`authorise`] makes a grant of it, or a denial. After a grant that
    ///   person is not granted again for [`Policy::cooldown`], and not before having been out
    ///   of sight for [`Policy::absence`]: one presence, one grant;
    /// * denial, not listed: as many frames showed a face below the threshold, and
    ///   none in the window recognised anybody. The second half keeps a listed person
    ///   whose first, small and blurred frames fall short from being denied;
    /// * denial, empty whitelist: as many frames showed a face and nobody is enrolled;
    /// * cannot judge: twice as many frames held only flawed faces, and none in
    ///   the window recognised anybody.
    ///
    /// A face that was denied for not being listed is not denied again while it stays. A denial
    /// for one reason, and "cannot judge", are each said once in [`Policy::cooldown`], and in
    /// twice the time whenever it was said again soon after, up to ten minutes; the next one
    /// tells how many were left out. They never delay a grant.
    pub fn step(&mut self, now: Instant, input: Input<'_>) -> Vec<Decision> {
        match input {
            Input::Frame {
                sighting,
                directory,
            } => return self.judge(now, &sighting, directory),
            Input::PolicyChanged(policy) => {
                self.policy = policy;
                self.forget(now);
            }
            // A frame taken before the event may still arrive after it.
            Input::CameraLost | Input::WhitelistChanged => self.forget(now),
            Input::Unwatched => self.cooldowns.unwatched(now, self.policy.absence),
            Input::Terms(terms) => {
                if std::mem::replace(&mut self.terms, terms) != terms {
                    self.cooldowns.forget_denied();
                }
            }
            Input::Given {
                basis,
                factors,
                directory,
            } => return self.given(now, &basis, factors, directory),
            Input::Unmet(claim) => {
                self.cooldowns.deny([claim.track].into_iter(), now);
            }
        }
        Vec::new()
    }

    /// Until when this person, who was recognised, will not be granted whatever is seen; nothing
    /// if a grant may follow.
    pub(crate) fn granted_until(&self, candidate: &Candidate) -> Option<Instant> {
        let recognised = candidate.reaches(self.policy.threshold);
        recognised.then(|| self.cooldowns.granted_until(candidate.person))?
    }

    fn forget(&mut self, now: Instant) {
        self.window.clear();
        self.cooldowns.forget_denied();
        self.void_until = self.void_until.max(Some(now));
    }

    fn judge(
        &mut self,
        now: Instant,
        sighting: &FrameResult,
        directory: &Directory,
    ) -> Vec<Decision> {
        let taken_at = sighting.taken_at;
        let fresh = now
            .checked_duration_since(taken_at)
            .is_some_and(|age| age <= self.policy.max_frame_age);
        if !fresh || self.void_until.is_some_and(|void| taken_at <= void) {
            return Vec::new();
        }
        self.void_until = Some(taken_at);
        let threshold = self.policy.threshold;
        self.cooldowns.expire(now, self.policy.absence);
        self.cooldowns.see(now, &sighting.faces, threshold);

        let ballot = Ballot::count(sighting, threshold, |track| {
            self.cooldowns.is_decided(track)
        });
        let here = ballot.summary();
        self.window.push(ballot, self.policy.window);

        let mut decisions = Vec::new();
        for vote in here.votes.iter().filter(|v| v.reached) {
            let frames = self.window.agreeing(vote);
            if frames >= self.needed() {
                let claim = Claim {
                    person: vote.person,
                    track: vote.track,
                    score: vote.score,
                    threshold: self.policy.threshold,
                    frames,
                    made_at: now,
                };
                decisions.extend(self.decide(now, &claim, directory));
            }
        }
        // Never true in a frame that recognised somebody.
        let nobody = !self.window.recognised_anybody();
        if here.unlisted && nobody {
            decisions.extend(self.deny_unlisted(now));
        }
        if here.nobody_enrolled {
            decisions.extend(self.deny_all(now));
        }
        if here.flaw && nobody {
            decisions.extend(self.cannot_judge(now));
        }
        decisions
    }

    fn needed(&self) -> usize {
        self.policy.frames.max(1)
    }

    fn decide(&mut self, now: Instant, claim: &Claim, directory: &Directory) -> Option<Decision> {
        let cooldown = self.policy.cooldown;
        let mut authorised = authorise(directory, claim, now, Factors::default());
        match self.terms {
            Terms::Face => {}
            Terms::Factor(kind) if authorised.is_ok() => {
                let decided = self.cooldowns.is_granted(claim.person)
                    || self.cooldowns.is_denied(claim.track);
                if decided {
                    return None;
                }
                self.window.spend(claim.person);
                let claim = *claim;
                return Some(Decision::Need { claim, kind });
            }
            Terms::LockedOut if authorised.is_ok() => {
                authorised = Err(Denial::of(&claim.into(), DenialReason::LockedOut));
            }
            Terms::Factor(_) | Terms::LockedOut => {}
        }
        let decision = match authorised {
            Ok(grant) => {
                let track = Some(claim.track);
                let given = self.cooldowns.grant(grant.person(), track, now, cooldown);
                // Else the frames count as soon as a grant may follow.
                given.then_some(Decision::Grant(grant))?
            }
            Err(_) if self.cooldowns.is_denied(claim.track) => return None,
            Err(denial) => {
                let decision = self.deny(now, denial);
                self.cooldowns.deny([claim.track].into_iter(), now);
                self.window.spend(claim.person);
                return decision;
            }
        };
        self.window.spend(claim.person);
        Some(decision)
    }

    /// What was waited for is there.
    fn given(
        &mut self,
        now: Instant,
        basis: &Basis,
        factors: Factors,
        directory: &Directory,
    ) -> Vec<Decision> {
        self.cooldowns.expire(now, self.policy.absence);
        let decision = match authorise(directory, basis, now, factors) {
            Ok(grant) => {
                let track = basis.face().map(|claim| claim.track);
                let cooldown = self.policy.cooldown;
                let given = self.cooldowns.grant(grant.person(), track, now, cooldown);
                given.then_some(Decision::Grant(grant))
            }
            Err(denial) => Some(Decision::Deny(denial)),
        };
        decision.into_iter().collect()
    }

    fn deny_unlisted(&mut self, now: Instant) -> Option<Decision> {
        let (nearest, frames) = self.window.unlisted()?;
        let denial = self.denial(DenialReason::NotListed, Some(nearest), frames)?;
        let decision = self.deny(now, denial);
        // Said or left out, these faces have had theirs.
        self.refused += self.cooldowns.deny(self.window.spend_unlisted(), now);
        decision
    }

    fn deny_all(&mut self, now: Instant) -> Option<Decision> {
        let frames = self.window.nobody_enrolled();
        let denial = self.denial(DenialReason::EmptyWhitelist, None, frames)?;
        let decision = self.deny(now, denial);
        self.window.spend_nobody_enrolled();
        decision
    }

    /// A denial, if as many frames say so as it takes.
    fn denial(
        &self,
        reason: DenialReason,
        nearest: Option<Candidate>,
        frames: usize,
    ) -> Option<Denial> {
        (frames >= self.needed()).then_some(Denial {
            reason,
            nearest,
            threshold: self.policy.threshold,
            frames,
            left_out: 0,
        })
    }

    fn deny(&mut self, now: Instant, denial: Denial) -> Option<Decision> {
        let topic = Topic::Denied(denial.reason);
        let left_out = self.cooldowns.say(topic, now, self.policy.cooldown)?;
        Some(Decision::Deny(Denial { left_out, ..denial }))
    }

    fn cannot_judge(&mut self, now: Instant) -> Option<Decision> {
        let (flaw, frames) = self.window.flaw()?;
        if frames < self.needed().saturating_mul(2) {
            return None;
        }
        let left_out = self
            .cooldowns
            .say(Topic::CannotJudge, now, self.policy.cooldown);
        self.window.spend_flawed();
        left_out.map(|left_out| Decision::CannotJudge { flaw, left_out })
    }
}
