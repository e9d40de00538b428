//! What follows from the frames, and what has been said already.

use std::sync::Arc;
use std::time::Instant;

use super::authorise::authorise_or_wait;
use super::companions::Companions;
use super::cooldowns::{Cooldowns, Topic};
use super::needed::{self, Authorised, Needed};
use super::window::{Ballot, Window};
use super::{
    Asking, Basis, Candidate, Claim, Companion, Company, Decision, Denial, DenialReason,
    FaceResult, Factors, FrameResult, Grant, Input, Policy, Rules, Terms, Wall,
};
use crate::liveness::Cue;
use crate::whitelist::Directory;

/// The decisions of one door. Its size is bounded whatever it is fed.
#[derive(Debug)]
pub struct Access {
    policy: Policy,
    rules: Arc<Rules>,
    pub(super) window: Window,
    pub(super) cooldowns: Cooldowns,
    companions: Companions,
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
            rules: Arc::default(),
            window: Window::default(),
            cooldowns: Cooldowns::default(),
            companions: Companions::default(),
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

    /// Whether a face has to be found alive before it makes a claim.
    pub(crate) fn asks_for_liveness(&self) -> bool {
        self.policy.checks.is_any()
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
    ///   person only. [`authorise`](super::authorise) makes a grant of it, or a denial. After a grant that
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
                wall,
            } => return self.judge(now, &sighting, directory, wall),
            Input::PolicyChanged(policy) => {
                self.policy = policy;
                self.forget(now);
            }
            // A frame taken before the event may still arrive after it.
            Input::CameraLost | Input::WhitelistChanged => self.forget(now),
            Input::RulesChanged(rules) => {
                self.rules = rules;
                self.forget(now);
            }
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
                wall,
            } => {
                let decision = self.given(now, &basis, factors, (directory, wall));
                return decision.into_iter().collect();
            }
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
        self.companions.clear();
        self.void_until = self.void_until.max(Some(now));
    }

    fn judge(
        &mut self,
        now: Instant,
        sighting: &FrameResult,
        directory: &Directory,
        wall: Wall<'_>,
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
            // Only a face that lives in this very frame makes a claim.
            let lives = |face: &FaceResult| {
                let is_it = |c: &Candidate| (c.track, c.person) == (vote.track, vote.person);
                matches!(face, FaceResult::Nearest(Some(candidate)) if is_it(candidate))
            };
            if frames >= self.needed() && sighting.faces.iter().any(lives) {
                let claim = Claim {
                    person: vote.person,
                    track: vote.track,
                    score: vote.score,
                    threshold: self.policy.threshold,
                    frames,
                    made_at: now,
                };
                decisions.extend(self.decide(now, &claim, directory, wall));
            }
        }
        for face in &sighting.faces {
            if let FaceResult::Artefact { candidate, cue } = *face
                && candidate.reaches(threshold)
            {
                decisions.extend(self.deny_artefact(now, candidate, cue));
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

    fn decide(
        &mut self,
        now: Instant,
        claim: &Claim,
        directory: &Directory,
        wall: Wall<'_>,
    ) -> Option<Decision> {
        self.companions.expire(now, self.rules.longest_company());
        let asking = Asking {
            now,
            wall,
            factors: Factors::default(),
            companions: self.companions.all(),
        };
        let basis = Basis::Face(*claim);
        let authorised = authorise_or_wait(directory, &self.rules, &basis, &asking);
        let authorised = match self.by_terms(&basis, authorised, asking.factors) {
            Ok(authorised) => authorised,
            Err(_) if self.cooldowns.is_granted(claim.person) => return None,
            Err(_) if self.cooldowns.is_denied(claim.track) => return None,
            Err(needed) => {
                self.window.spend(claim.person);
                return Some(needed.decision(&basis));
            }
        };
        let decision = match authorised {
            Ok(grant) => self.grant(now, grant)?,
            Err((denial, waits_by)) => {
                self.wait(now, claim, waits_by);
                let is_of_rules = !matches!(
                    denial.reason,
                    DenialReason::Removed | DenialReason::Disabled | DenialReason::Expired
                );
                // Who was let in and has not gone asks for nothing more of the rules.
                let is_past = is_of_rules && self.cooldowns.is_granted(claim.person);
                if is_past || self.cooldowns.is_denied(claim.track) {
                    return None;
                }
                let decision = self.deny(now, denial);
                self.cooldowns.deny([claim.track].into_iter(), now);
                self.window.spend(claim.person);
                return decision;
            }
        };
        self.window.spend(claim.person);
        Some(decision)
    }

    /// What an answer is by the terms in force.
    fn by_terms(
        &self,
        basis: &Basis,
        authorised: Authorised,
        given: Factors,
    ) -> Result<Authorised, Needed> {
        needed::by_terms(
            self.terms,
            self.policy.checks.challenge,
            basis,
            authorised,
            given,
        )
    }

    /// What was waited for is there.
    fn given(
        &mut self,
        now: Instant,
        basis: &Basis,
        factors: Factors,
        (directory, wall): (&Directory, Wall<'_>),
    ) -> Option<Decision> {
        self.cooldowns.expire(now, self.policy.absence);
        self.companions.expire(now, self.rules.longest_company());
        let asking = Asking {
            now,
            wall,
            factors,
            companions: self.companions.all(),
        };
        let authorised = authorise_or_wait(directory, &self.rules, basis, &asking);
        let authorised = match self.by_terms(basis, authorised, factors) {
            Ok(authorised) => authorised,
            Err(needed) => return Some(needed.decision(basis)),
        };
        match authorised {
            Ok(grant) => self.grant(now, grant),
            Err((denial, waits_by)) => {
                if let Some(claim) = basis.face() {
                    self.wait(now, claim, waits_by);
                    self.cooldowns.deny([claim.track].into_iter(), now);
                }
                Some(Decision::Deny(denial))
            }
        }
    }

    fn grant(&mut self, now: Instant, grant: Grant) -> Option<Decision> {
        let cooldown = self.policy.cooldown;
        let face = grant.basis().face().copied();
        let track = face.map(|claim| claim.track);
        // Else the frames count as soon as a grant may follow.
        let given = self.cooldowns.grant(grant.person(), track, now, cooldown);
        let decision = given.then_some(Decision::Grant(grant))?;
        for person in grant.people() {
            self.companions.done(person);
        }
        // The second of two passes by this grant, and not by another one.
        if let Some(second) = grant.companion().filter(|c| c.company != Company::Passed) {
            self.cooldowns
                .grant(second.person, Some(second.track), now, cooldown);
            self.window.spend(second.person);
        }
        if let Some(claim) = face {
            self.companions
                .note(companion(now, &claim, Company::Passed));
        }
        Some(decision)
    }

    /// By these rules somebody else has to come.
    fn wait(&mut self, now: Instant, claim: &Claim, waits_by: Vec<usize>) {
        for place in waits_by {
            // Who was let in and has not gone is past the door.
            if !self.cooldowns.is_granted(claim.person) {
                self.companions
                    .note(companion(now, claim, Company::Waits(place)));
            }
        }
    }

    /// A picture of somebody was shown, in as many frames as a claim takes.
    fn deny_artefact(&mut self, now: Instant, candidate: Candidate, cue: Cue) -> Option<Decision> {
        let frames = self.window.artefact(candidate.track);
        if frames < self.needed() || self.cooldowns.is_decided(candidate.track) {
            return None;
        }
        let reason = DenialReason::of(cue);
        let denial = Denial {
            cue: Some(cue),
            ..self.denial(reason, Some(candidate), frames)?
        };
        let decision = self.deny(now, denial);
        self.cooldowns.deny([candidate.track].into_iter(), now);
        decision
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
            cue: None,
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

fn companion(now: Instant, claim: &Claim, company: Company) -> Companion {
    Companion {
        person: claim.person,
        track: claim.track,
        at: now,
        company,
    }
}
