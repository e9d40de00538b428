//! The end of whoever asks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::place::socket_paths;
use super::wire::{Answer, Ask, Hello, MAX_ANSWER_BYTES, PROTOCOL, Problem, Request, Word};
use crate::guardian::requests;

/// How long a daemon may take to say who it is.
const MAX_HELLO_WAIT: Duration = Duration::from_secs(5);
/// How long a daemon may take to take a request.
const MAX_WRITE_WAIT: Duration = Duration::from_secs(10);

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    hello: Hello,
    begun: Vec<u8>,
    /// That were read and not given yet.
    answers: VecDeque<Option<Answer>>,
    next_id: u64,
    /// For whom is asked.
    account: Option<String>,
}

/// Why the daemon did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It said so.
    #[error("{}", .0.message)]
    Refused(Problem),
    /// The connection ended, or it did not answer.
    #[error(
        "the daemon does not answer on its control socket ({0}); `systemctl status doorward` says how it is"
    )]
    Silent(io::Error),
    /// What answers is of another version.
    #[error(
        "the daemon speaks another language on its control socket than this doorward: restart it with `sudo systemctl restart doorward`"
    )]
    Another,
}

impl ClientError {
    fn gone() -> Self {
        Self::Silent(ErrorKind::UnexpectedEof.into())
    }
}

impl Client {
    /// To the daemon that was started with this configuration file; nothing if none listens.
    ///
    /// # Errors
    /// [`ClientError`], also where this user may not connect.
    pub fn connect(config: &Path) -> Result<Option<Self>, ClientError> {
        for path in socket_paths(config) {
            match UnixStream::connect(&path) {
                Ok(stream) => return Self::over(stream).map(Some),
                Err(error) if is_nobody(&error) => {}
                Err(error) => return Err(ClientError::Silent(error)),
            }
        }
        Ok(None)
    }

    /// Over a connection that was just made: hears who speaks.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn over(stream: UnixStream) -> Result<Self, ClientError> {
        stream
            .set_write_timeout(Some(MAX_WRITE_WAIT))
            .map_err(ClientError::Silent)?;
        let mut client = Self {
            stream,
            hello: Hello {
                protocol: 0,
                version: String::new(),
                door: String::new(),
                role: None,
            },
            begun: Vec::new(),
            answers: VecDeque::new(),
            next_id: 1,
            account: None,
        };
        match client.next(Some(MAX_HELLO_WAIT))?.map(|answer| answer.word) {
            Some(Word::Doorward(hello)) if hello.protocol == PROTOCOL => client.hello = hello,
            Some(Word::Error(problem)) => return Err(ClientError::Refused(problem)),
            Some(_) => return Err(ClientError::Another),
            None => return Err(ClientError::Silent(ErrorKind::TimedOut.into())),
        }
        Ok(client)
    }

    /// Who answers, and what this client may ask for.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// From now on asks for an account of this program's.
    pub fn act_for(&mut self, account: Option<&str>) {
        self.account = account.map(str::to_owned);
    }

    /// Asks, and waits for what it gives. What else comes meanwhile is left out.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn ask<T: DeserializeOwned>(
        &mut self,
        ask: Ask,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let id = self.begin(ask)?;
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answer = match self.next(Some(left))? {
                Some(answer) => answer,
                None => return Err(ClientError::Silent(ErrorKind::TimedOut.into())),
            };
            match answer.word {
                Word::Ok(gave) if answer.id == Some(id) => {
                    return serde_json::from_value(gave).map_err(|_| ClientError::Another);
                }
                Word::Error(problem) if answer.id == Some(id) || answer.id.is_none() => {
                    return Err(ClientError::Refused(problem));
                }
                _ => {}
            }
        }
    }

    /// Asks, and gives the number that the answers will have.
    ///
    /// # Errors
    /// [`ClientError::Silent`]
    pub fn begin(&mut self, ask: Ask) -> Result<u64, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let account = self.account.clone();
        let line = Request { id, account, ask }.line();
        self.stream.write_all(&line).map_err(ClientError::Silent)?;
        Ok(id)
    }

    /// What comes next; nothing if nothing does within `patience`. What this program does not
    /// know is left out.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn next(&mut self, patience: Option<Duration>) -> Result<Option<Answer>, ClientError> {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut bytes = [0; 16 * 1024];
        loop {
            while let Some(answer) = self.answers.pop_front() {
                if answer.is_some() {
                    return Ok(answer);
                }
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            // No time at all would be for ever.
            let left = left.map(|left| left.max(Duration::from_millis(1)));
            self.stream
                .set_read_timeout(left)
                .map_err(ClientError::Silent)?;
            let read = match self.stream.read(&mut bytes) {
                Ok(0) => return Err(ClientError::gone()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_late(&error) && until.is_some_and(|u| u <= Instant::now()) => {
                    return Ok(None);
                }
                Err(error) if is_late(&error) => continue,
                Err(error) => return Err(ClientError::Silent(error)),
            };
            let bytes = bytes.get(..read).unwrap_or_default();
            let (answers, sense) = requests(&mut self.begun, bytes, MAX_ANSWER_BYTES, |line| {
                Some(Answer::parse(line))
            });
            self.answers.extend(answers);
            if !sense {
                return Err(ClientError::Another);
            }
        }
    }
}

/// No daemon, or one that is gone.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory
    )
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
