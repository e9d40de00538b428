//! That the daemon does not answer any more, and that it does again: for receivers that have no
//! place that shows how things are. It is on no record, because whoever keeps the record is gone.

use std::time::{Duration, Instant};

use serde_json::json;

/// From one try to tell it to the next.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// What one receiver knows of the daemon.
#[derive(Debug)]
pub(super) struct DaemonNotice {
    door: String,
    /// Whether it answers, and whether the receiver was told so.
    answers: bool,
    told: bool,
    at_ms: i64,
    next_at: Option<Instant>,
}

impl DaemonNotice {
    /// A receiver takes it that the daemon answers, unless it hears otherwise.
    pub(super) fn new(door: &str) -> Self {
        Self {
            door: door.to_owned(),
            answers: true,
            told: true,
            at_ms: 0,
            next_at: None,
        }
    }

    /// Whether it answers now.
    pub(super) fn now(&mut self, answers: bool) {
        if self.answers != answers {
            self.answers = answers;
            self.at_ms = jiff::Timestamp::now().as_millisecond();
            self.next_at = None;
        }
    }

    /// What is to be told: id and body.
    pub(super) fn due(&self) -> Option<(String, String)> {
        let waits = self.next_at.is_some_and(|at| Instant::now() < at);
        if self.told == self.answers || waits {
            return None;
        }
        let event = match self.answers {
            true => "daemon_back",
            false => "daemon_gone",
        };
        let id = format!("{}:{event}:{}", self.door, self.at_ms);
        let body = json!({ "id": id, "event": event, "door": self.door, "at_ms": self.at_ms });
        Some((id, body.to_string()))
    }

    /// Whether that was taken.
    pub(super) fn was(&mut self, taken: bool) {
        match taken {
            true => self.told = self.answers,
            false => self.next_at = Some(Instant::now() + RETRY_INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_receiver_is_told_once_that_it_is_gone_and_once_that_it_is_back() {
        let mut notice = DaemonNotice::new("front");
        notice.now(true);
        assert_eq!(notice.due(), None);
        notice.now(false);
        let (id, body) = notice.due().unwrap();
        assert!(
            id.starts_with("front:daemon_gone:") && body.contains(&id),
            "{id} {body}"
        );
        notice.was(true);
        notice.now(false);
        assert_eq!(notice.due(), None);
        notice.now(true);
        assert!(notice.due().unwrap().0.starts_with("front:daemon_back:"));
        notice.was(false);
        assert_eq!(notice.due(), None, "it waits");
    }
}
