//! The seam between page and door: whatever is asked goes through one function, in the words
//! of the control socket. The socket's end is in `socket.rs`; tests have a door of their own.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use super::texts as t;
use crate::ipc::{Ask, Code, Word};

/// How long an answer may take; reading photos takes the longest.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(45);

/// A door that can be asked.
pub trait Door: Send + Sync + 'static {
    /// Asks in the name of an account. What is said comes until [`Word::Ok`] or
    /// [`Word::Error`]; whoever drops the receiver has heard enough, and what was begun ends.
    /// No account: the page itself asks, to show how things are.
    fn ask(&self, account: Option<&str>, ask: Ask) -> mpsc::Receiver<Word> {
        self.ask_in_turn(account, vec![ask])
    }

    /// The same for several that belong together; what is said of the last one comes, or the
    /// first error.
    fn ask_in_turn(&self, account: Option<&str>, asks: Vec<Ask>) -> mpsc::Receiver<Word>;
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    /// Nothing if the door did not answer at all.
    pub code: Option<Code>,
    /// For people: thing, place and fix.
    pub message: String,
}

impl Failure {
    pub(super) fn gone() -> Self {
        Self {
            code: None,
            message: format!("{}. {}", t::DOOR_GONE, t::DOOR_GONE_DETAIL),
        }
    }

    fn other(message: &str) -> Self {
        Self {
            code: Some(Code::NotUnderstood),
            message: message.to_owned(),
        }
    }
}

/// Asks, and waits for what it gives.
///
/// # Errors
/// [`Failure`]
pub(super) async fn ask<T: DeserializeOwned>(
    door: &dyn Door,
    account: Option<&str>,
    ask: Ask,
) -> Result<T, Failure> {
    in_turn(door, account, vec![ask]).await
}

/// The same for several that belong together.
///
/// # Errors
/// [`Failure`]
pub(super) async fn in_turn<T: DeserializeOwned>(
    door: &dyn Door,
    account: Option<&str>,
    asks: Vec<Ask>,
) -> Result<T, Failure> {
    let mut words = door.ask_in_turn(account, asks);
    let last = async {
        while let Some(word) = words.recv().await {
            match word {
                Word::Ok(gave) => return Ok(gave),
                Word::Error(problem) => {
                    return Err(Failure {
                        code: Some(problem.code),
                        message: super::happening::shown_lines(&problem.message),
                    });
                }
                _ => {}
            }
        }
        Err(Failure::gone())
    };
    let gave = match tokio::time::timeout(MAX_ANSWER_WAIT, last).await {
        Ok(gave) => gave?,
        Err(_) => return Err(Failure::gone()),
    };
    serde_json::from_value(gave).map_err(|_| Failure::other(t::ANOTHER_VERSION))
}

/// Has a verb about people done.
///
/// # Errors
/// [`Failure`]
pub(super) async fn people<T: DeserializeOwned>(
    door: &dyn Door,
    account: Option<&str>,
    verb: Value,
) -> Result<T, Failure> {
    ask(door, account, Ask::People { verb }).await
}
