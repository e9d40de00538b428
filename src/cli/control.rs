//! Asking the daemon over its control socket, as whoever types the command.

use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::ipc::{Ask, Client, ClientError, Code};

/// How long the daemon may take to answer: it says earlier itself that something takes too long.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(15);

/// The daemon that was started with this configuration file; nothing where none listens, or
/// none that can be talked with. Then the command does without.
fn daemon(config: &Path) -> Option<Client> {
    match Client::connect(config) {
        Ok(client) => client,
        Err(error) => {
            log::warn!("{error}; this is done without it");
            None
        }
    }
}

/// Asks for a look at something; nothing where no daemon listens, or where it would not say.
///
/// # Errors
/// [`ClientError`]
pub(super) fn look<T: DeserializeOwned>(config: &Path, ask: Ask) -> anyhow::Result<Option<T>> {
    let needs = ask.needs();
    match daemon(config).filter(|client| client.hello().role >= Some(needs)) {
        Some(mut client) => Ok(Some(client.ask(ask, MAX_ANSWER_WAIT)?)),
        None => Ok(None),
    }
}

/// Has the daemon do something; nothing where none listens.
///
/// # Errors
/// [`ClientError`], also where this user may not.
pub(super) fn act<T: DeserializeOwned>(config: &Path, ask: Ask) -> anyhow::Result<Option<Done<T>>> {
    let Some(mut client) = daemon(config) else {
        return Ok(None);
    };
    match client.ask(ask, MAX_ANSWER_WAIT) {
        Ok(gave) => Ok(Some(Done::Gave(gave))),
        Err(ClientError::Refused(problem)) if problem.code == Code::NoAnswer => {
            Ok(Some(Done::NotYet(problem.message)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the daemon did.
pub(super) enum Done<T> {
    Gave(T),
    /// Nothing that can be seen yet.
    NotYet(String),
}
