//! How a challenge that was not passed is put on record, and its movements are named.

use super::events::{DecidedAt, count, denial_reason, finite, millis, named};
use crate::access::{self, Claim};
use crate::liveness::{Failed, Step};
use crate::record::{ChallengeFailed, ChallengeStep, Denied, Event};
use crate::whitelist::Directory;

/// A challenge was not passed.
pub(crate) fn of_failed_challenge(
    failed: &Failed,
    claim: &Claim,
    directory: &Directory,
    at: DecidedAt,
) -> Event {
    Event::Denied(Denied {
        reason: denial_reason(access::DenialReason::Challenge(failed.failure)),
        person: Some(named(directory, claim.person)),
        score: finite(claim.score),
        threshold: finite(claim.threshold),
        frames: count(claim.frames),
        model: at.model,
        frame: at.frame,
        measured: None,
        cues: at.cues,
        challenge: Some(ChallengeFailed {
            asked: challenge_step(failed.asked),
            step: count(failed.number),
            steps: count(failed.steps),
            after_ms: millis(failed.after),
            shown: failed.shown,
            depth: failed.depth,
        }),
        left_out: None,
    })
}

/// A movement as it is stored and told.
pub(crate) fn challenge_step(step: Step) -> ChallengeStep {
    match step {
        Step::TurnLeft => ChallengeStep::TurnLeft,
        Step::TurnRight => ChallengeStep::TurnRight,
        Step::ComeCloser => ChallengeStep::ComeCloser,
        Step::LookUp => ChallengeStep::LookUp,
    }
}
