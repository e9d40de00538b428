//! Where challenges are asked: one face at a time, by the panel's lights. What came of it goes to
//! the desk. It belongs to the vision thread and never waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use rustix::rand::{GetRandomFlags, getrandom};

use super::challenge_events::of_failed_challenge;
use super::desk::Desk;
use super::events::DecidedAt;
use super::sight::Sight;
use crate::access::{Claim, Input};
use crate::config::{self, Signal};
use crate::liveness::{Progress, Standing, Step, sequence, steps_for};
use crate::recognise::Recogniser;
use crate::whitelist::Directory;

/// How long it is shown that one was not passed.
const FAILED_TIME: Duration = Duration::from_secs(3);

/// See the module.
pub(crate) struct Challenger {
    config: config::Liveness,
    signals: Sender<(Signal, bool)>,
    /// Where others see what is asked for.
    sight: Arc<Sight>,
    running: Option<Running>,
    failed_until: Option<Instant>,
}

/// Whose face is asked, and the frame it was claimed at.
struct Running {
    claim: Claim,
    at: DecidedAt,
}

impl Challenger {
    pub(crate) fn new(
        config: config::Liveness,
        signals: Sender<(Signal, bool)>,
        sight: Arc<Sight>,
    ) -> Self {
        Self {
            config,
            signals,
            sight,
            running: None,
            failed_until: None,
        }
    }

    /// A face has to pass a challenge. While one is asked, others wait.
    pub(crate) fn ask(
        &mut self,
        claim: &Claim,
        at: impl FnOnce() -> DecidedAt,
        recogniser: &mut Recogniser,
        (desk, directory): (&mut Desk, &Directory),
    ) {
        if self.running.is_some() {
            return;
        }
        let tell = &mut |now, input: Input<'_>| recogniser.tell(now, input);
        if !desk.may_challenge(claim, tell, directory) {
            return;
        }
        let steps = match sequence_of(self.config.challenge_guess) {
            Ok(steps) => steps,
            Err(error) => return log::error!("no challenge can be drawn: {error}"),
        };
        let step_time = Duration::from_millis(self.config.challenge_step_ms);
        recogniser.challenge(claim, steps, step_time);
        self.running = Some(Running {
            claim: *claim,
            at: at(),
        });
    }

    /// Shows what is asked for now, and hands over what came of it. `is_open`: nobody looks, as the
    /// door is open.
    pub(crate) fn turn(
        &mut self,
        recogniser: &mut Recogniser,
        (desk, directory): (&mut Desk, &Directory),
        is_open: bool,
    ) {
        let Some(Running { claim, .. }) = &self.running else {
            if self.failed_until.is_some() {
                self.failed(Instant::now());
            }
            return;
        };
        let (claim, now) = (*claim, Instant::now());
        self.failed(now);
        if is_open {
            recogniser.end_challenge();
        }
        let standing = recogniser.challenge_standing(now);
        if let Some(Standing::Asked(Progress::Asks(step))) = standing {
            return self.prompt(Some(step));
        }
        if standing == Some(Standing::Settling) {
            return;
        }
        self.prompt(None);
        let Some(Running { at, .. }) = self.running.take() else {
            return;
        };
        let tell = &mut |now, input: Input<'_>| recogniser.tell(now, input);
        match standing {
            Some(Standing::Asked(Progress::Passed(passed))) => {
                desk.challenge_passed(&claim, passed, at, tell, directory);
            }
            Some(Standing::Asked(Progress::Failed(failed))) => {
                let event = of_failed_challenge(&failed, &claim, directory, at);
                desk.challenge_failed(&claim, event, tell, directory);
                self.show(Signal::ChallengeFailed, true);
                self.failed_until = now.checked_add(FAILED_TIME);
            }
            // Nothing was asked, or what it was asked for is void: the next claim asks anew.
            Some(_) | None => {}
        }
    }

    /// Goes out after its time.
    fn failed(&mut self, now: Instant) {
        if self.failed_until.take_if(|until| now >= *until).is_some() {
            self.show(Signal::ChallengeFailed, false);
        }
    }

    fn prompt(&self, step: Option<Step>) {
        let before = self.sight.asked();
        if before == step {
            return;
        }
        self.sight.ask(step);
        if let Some(before) = before {
            self.show(signal(before), false);
        }
        if let Some(step) = step {
            log::debug!("challenge: {step}");
            self.show(signal(step), true);
        }
    }

    fn show(&self, signal: Signal, holds: bool) {
        let _ = self.signals.try_send((signal, holds));
    }
}

fn signal(step: Step) -> Signal {
    match step {
        Step::TurnLeft => Signal::PromptLeft,
        Step::TurnRight => Signal::PromptRight,
        Step::ComeCloser => Signal::PromptCloser,
        Step::LookUp => Signal::PromptLight,
    }
}

/// A sequence that nobody can foresee.
fn sequence_of(guesses: u32) -> rustix::io::Result<Vec<Step>> {
    let mut failed = None;
    let steps = sequence(steps_for(guesses), |below| {
        random(below).unwrap_or_else(|error| {
            failed = Some(error);
            0
        })
    });
    failed.map_or(Ok(steps), Err)
}

/// A number below another, each equally likely; from the kernel.
fn random(below: usize) -> rustix::io::Result<usize> {
    let below = u8::try_from(below).unwrap_or(u8::MAX).max(1);
    let most = u8::MAX - u8::MAX % below;
    loop {
        let mut byte = [0];
        getrandom(&mut byte, GetRandomFlags::empty())?;
        let [byte] = byte;
        if byte < most {
            return Ok(usize::from(byte % below));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_sequence_comes_about_as_often() {
        let mut often = std::collections::HashMap::<Vec<Step>, u32>::new();
        for _ in 0..6000 {
            *often.entry(sequence_of(12).unwrap()).or_default() += 1;
        }
        assert_eq!(often.len(), 12);
        // 500 each; more than six deviations off comes once in a thousand million times.
        assert!(often.values().all(|n| (370..630).contains(n)), "{often:?}");
    }
}
