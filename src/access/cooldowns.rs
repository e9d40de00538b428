//! What has been decided lately and is not to be said again yet.

use std::time::{Duration, Instant};

use super::DenialReason;
use crate::person::PersonId;

/// While this many cool-downs run, nobody is granted. It takes as many different
/// people within one cool-down; the next ones wait, because a cool-down forgotten
/// early would allow a second grant.
pub(super) const MAX_COOLDOWNS: usize = 1024;

/// What a decision was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// This person was let in.
    Granted(PersonId),
    /// Somebody was denied for this reason.
    Denied(DenialReason),
    /// Somebody could not be judged.
    CannotJudge,
}

#[derive(Debug, Default)]
pub(super) struct Cooldowns {
    /// Topics with the end of their cool-down; none is an end beyond the clock's range.
    running: Vec<(Topic, Option<Instant>)>,
}

impl Cooldowns {
    /// Ends the cool-downs that are over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.running
            .retain(|(_, end)| end.is_none_or(|end| now < end));
    }

    /// Starts a cool-down; `false` if it runs already or there is no room for it: then
    /// nothing is to be said about `topic`.
    pub(super) fn start(&mut self, topic: Topic, now: Instant, length: Duration) -> bool {
        if self.running.iter().any(|&(running, _)| running == topic) {
            return false;
        }
        // The other topics are few, and each runs once.
        let room = self.running.len() < MAX_COOLDOWNS || !matches!(topic, Topic::Granted(_));
        if room && !length.is_zero() {
            self.running.push((topic, now.checked_add(length)));
        }
        room
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }
}
