//! The other end of the socket: a lease on the line.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::boottime::BootTime;
use super::core::Refusal;
use super::wire::{MAX_LINE_BYTES, Reply, Request};

/// How long the guardian may take to answer. It does nothing but answer: longer, and it
/// hangs or was stopped.
pub(crate) const MAX_ANSWER_WAIT: Duration = Duration::from_millis(500);

/// A connection to the guardian. Dropping it ends its lease, and the line is released.
#[derive(Debug)]
pub(crate) struct Lease {
    /// `None` after any other answer than one of the guardian's in time: what may still
    /// come over it would be taken for the answer to a later request.
    stream: Option<UnixStream>,
}

/// Why the guardian did not do as it was asked. Each leaves the line released or on its
/// way there, but for [`LeaseError::Silent`].
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// It said no.
    #[error("the relay guardian keeps the door locked: {0}")]
    Refused(Refusal),
    /// The connection ended.
    #[error("the relay guardian is gone; it releases the line as it goes")]
    Gone,
    /// It does not answer.
    #[error("the relay guardian does not answer")]
    Silent,
    /// Something else answers.
    #[error(
        "what answers instead of the relay guardian does not speak its language; reinstall doorward"
    )]
    NotAGuardian,
}

impl Lease {
    /// Over a connection that exists.
    pub fn over(stream: UnixStream) -> Self {
        Self {
            stream: Some(stream),
        }
    }

    /// Has the line energised until then, and returns when it is.
    ///
    /// # Errors
    /// [`LeaseError`]
    pub fn open(&mut self, until: BootTime) -> Result<(), LeaseError> {
        self.ask(Request::Open(until), MAX_ANSWER_WAIT)
    }

    /// Keeps the lease alive for another second.
    ///
    /// # Errors
    /// [`LeaseError::Refused`] with [`Refusal::NoLease`] once it is over; others.
    pub(crate) fn renew(&mut self) -> Result<(), LeaseError> {
        self.ask(Request::Renew, MAX_ANSWER_WAIT)
    }

    /// Has the line released, and returns when it is.
    ///
    /// # Errors
    /// [`LeaseError`]
    pub fn lock(&mut self) -> Result<(), LeaseError> {
        self.lock_within(MAX_ANSWER_WAIT)
    }

    /// As [`Self::lock`], of a guardian that may take so long to answer.
    ///
    /// # Errors
    /// [`LeaseError`]
    pub(crate) fn lock_within(&mut self, wait: Duration) -> Result<(), LeaseError> {
        self.ask(Request::Lock, wait)
    }

    /// Asks once. A lease that had no answer to its request in time is over.
    fn ask(&mut self, request: Request, wait: Duration) -> Result<(), LeaseError> {
        let mut stream = self.stream.take().ok_or(LeaseError::Gone)?;
        let done = match (request, exchange(&mut stream, request, wait)?) {
            (Request::Open(asked), Reply::Opened(until)) if asked == until => Ok(()),
            (Request::Renew, Reply::Renewed(_)) | (Request::Lock, Reply::Locked) => Ok(()),
            (_, Reply::Refused(why)) => Err(LeaseError::Refused(why)),
            (_, Reply::Opened(_) | Reply::Renewed(_) | Reply::Locked) => {
                return Err(LeaseError::NotAGuardian);
            }
        };
        self.stream = Some(stream);
        done
    }
}

fn exchange(
    stream: &mut UnixStream,
    request: Request,
    wait: Duration,
) -> Result<Reply, LeaseError> {
    let mut begun = Vec::with_capacity(MAX_LINE_BYTES);
    let until = Instant::now() + wait;
    stream
        .set_write_timeout(Some(MAX_ANSWER_WAIT))
        .and_then(|()| stream.write_all(request.line().as_bytes()))
        .map_err(|error| at(&error))?;
    loop {
        let mut byte = [0];
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(LeaseError::Silent);
        }
        stream
            .set_read_timeout(Some(left))
            .map_err(|error| at(&error))?;
        match stream.read(&mut byte) {
            Ok(0) => return Err(LeaseError::Gone),
            Ok(_) if byte == *b"\n" => {
                return Reply::parse(&begun).ok_or(LeaseError::NotAGuardian);
            }
            Ok(_) if begun.len() < MAX_LINE_BYTES => begun.extend(byte),
            Ok(_) => return Err(LeaseError::NotAGuardian),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(at(&error)),
        }
    }
}

fn at(error: &io::Error) -> LeaseError {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => LeaseError::Silent,
        _ => LeaseError::Gone,
    }
}
