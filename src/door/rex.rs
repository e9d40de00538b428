//! REX, the request to exit: a press asks once, and a record stands before the strike moves.

use std::time::{Duration, Instant};

/// A record that takes longer opens nothing: whoever pressed may be gone.
pub(super) const MAX_REX_WAIT: Duration = Duration::from_secs(2);
/// Presses that are refused are told once in this time.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(10);

/// The button or detector inside.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Rex {
    /// Nothing while it is not known: what comes up pressed was not pressed then.
    pressed: Option<bool>,
    asked_at: Option<Instant>,
    refused_at: Option<Instant>,
}

impl Rex {
    /// Whether it was pressed just now. One that is held was, once.
    pub(super) fn take(&mut self, pressed: bool) -> bool {
        let before = self.pressed.replace(pressed);
        before == Some(false) && pressed
    }

    pub(super) fn lost(&mut self) {
        self.pressed = None;
    }

    /// Asks, unless an answer is awaited.
    pub(super) fn ask(&mut self, now: Instant) -> bool {
        if self.asked_at.is_some_and(|at| is_awaited(at, now)) {
            return false;
        }
        self.asked_at = Some(now);
        true
    }

    /// Whether an answer comes in time for one question.
    pub(super) fn answered(&mut self, now: Instant) -> bool {
        self.asked_at.take().is_some_and(|at| is_awaited(at, now))
    }

    /// Whether a refusal is to be told.
    pub(super) fn refuse(&mut self, now: Instant) -> bool {
        let said = |at: Instant| now.saturating_duration_since(at) < REFUSAL_INTERVAL;
        if self.refused_at.is_some_and(said) {
            return false;
        }
        self.refused_at = Some(now);
        true
    }
}

fn is_awaited(asked_at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(asked_at) < MAX_REX_WAIT
}
