//! The door's real end: the control socket of the daemon, a connection for each thing asked.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::door::Door;
use crate::ipc::{Ask, Client, ClientError, Code, Word};

/// Words that wait for whoever asked.
const MAX_WAITING_COUNT: usize = 16;
/// How often it is looked whether anybody still waits.
const CHECK: Duration = Duration::from_millis(500);

/// The daemon that was started with this configuration file.
#[derive(Debug)]
pub struct Socket {
    config: PathBuf,
}

impl Socket {
    pub fn new(config: PathBuf) -> Self {
        Self { config }
    }
}

impl Door for Socket {
    fn ask_in_turn(&self, account: Option<&str>, asks: Vec<Ask>) -> mpsc::Receiver<Word> {
        let (tell, words) = mpsc::channel(MAX_WAITING_COUNT);
        let (config, account) = (self.config.clone(), account.map(str::to_owned));
        tokio::task::spawn_blocking(move || {
            let asked = converse(&config, account.as_deref(), asks, &tell);
            if let Err(error) = asked {
                let word = match error {
                    ClientError::Refused(problem) => Word::Error(problem),
                    error => Word::error(Code::NoAnswer, error.to_string()),
                };
                let _ = tell.blocking_send(word);
            }
        });
        words
    }
}

/// Until the last is answered, or nobody waits any more: what was begun ends with the
/// connection.
fn converse(
    config: &std::path::Path,
    account: Option<&str>,
    asks: Vec<Ask>,
    tell: &mpsc::Sender<Word>,
) -> Result<(), ClientError> {
    // Nobody answers: that nothing comes says so.
    let Some(mut client) = Client::connect(config)? else {
        return Ok(());
    };
    client.act_for(account);
    let last = asks.len();
    for (number, ask) in (1..).zip(asks) {
        let id = client.begin(ask)?;
        loop {
            let answer = client.next(Some(CHECK))?;
            if tell.is_closed() {
                return Ok(());
            }
            let Some(answer) = answer.filter(|answer| answer.id.is_none_or(|of| of == id)) else {
                continue;
            };
            let is_ok = matches!(answer.word, Word::Ok(_));
            if is_ok && number < last {
                break;
            }
            let is_end = is_ok || matches!(answer.word, Word::Error(_));
            if tell.blocking_send(answer.word).is_err() || is_end {
                return Ok(());
            }
        }
    }
    Ok(())
}
