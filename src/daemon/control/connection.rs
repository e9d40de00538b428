//! One client: what it sends, as lines, and what waits to be taken by it. Nothing here waits.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::limits::{
    Bucket, MAX_LINE_TIME, MAX_QUEUED_BYTES, MAX_SILENCE, MAX_STALL, MAX_STRANGERS_LINE_BYTES,
};
use super::peer::Who;
use super::photos::SentPhoto;
use crate::guardian::requests;
use crate::ipc::{Answer, Code, MAX_REQUEST_BYTES, Role, State, Word};

/// What is read of a client at once, in bytes.
const MAX_READ_BYTES: usize = 16 * 1024;

/// A client.
#[derive(Debug)]
pub(super) struct Connection {
    /// Never another's.
    pub number: u64,
    pub stream: UnixStream,
    pub who: Who,
    pub watch: Option<Watch>,
    pub live: Option<Live>,
    /// For the enrolment that it will ask for.
    pub photos: Vec<SentPhoto>,
    /// Requests that wait for something.
    pub waiting: usize,
    begun: Vec<u8>,
    begun_at: Option<Instant>,
    lines: VecDeque<Vec<u8>>,
    out: VecDeque<Vec<u8>>,
    /// Of the first that waits.
    written: usize,
    queued: usize,
    /// Since when it takes nothing.
    stalled_since: Option<Instant>,
    heard_at: Instant,
    requests: Bucket,
    /// It sends nothing more.
    is_silent: bool,
    /// Nothing more is sent to it.
    is_ending: bool,
}

/// Somebody who watches.
#[derive(Debug)]
pub(super) struct Watch {
    /// Of the request.
    pub id: u64,
    /// The last record that was sent.
    pub after: u64,
    /// What was told last of how things are.
    pub told: Option<Box<State>>,
}

/// Somebody who sees what the camera does.
#[derive(Debug)]
pub(super) struct Live {
    /// Of the request.
    pub id: u64,
    pub with_pictures: bool,
    /// The sighting that was sent last.
    pub seen: u64,
}

/// A client that is no client any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

impl Connection {
    pub(super) fn new(number: u64, stream: UnixStream, who: Who, now: Instant) -> Self {
        Self {
            number,
            stream,
            who,
            watch: None,
            live: None,
            photos: Vec::new(),
            waiting: 0,
            begun: Vec::new(),
            begun_at: None,
            lines: VecDeque::new(),
            out: VecDeque::new(),
            written: 0,
            queued: 0,
            stalled_since: None,
            heard_at: now,
            requests: Bucket::of_requests(now),
            is_silent: false,
            is_ending: false,
        }
    }

    /// Whether there is room for more of what it sends.
    pub(super) fn is_listened_to(&self) -> bool {
        self.lines.is_empty() && !self.is_silent && !self.is_ending
    }

    pub(super) fn has_lines(&self) -> bool {
        !self.lines.is_empty()
    }

    /// In bytes.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// What it costs to have this client, in bytes.
    pub(super) fn held(&self) -> usize {
        let lines: usize = self.lines.iter().map(Vec::len).sum();
        let photos: usize = self.photos.iter().map(|one| one.bytes.capacity()).sum();
        self.queued + self.begun.capacity() + lines + photos
    }

    /// One read. What is too long ends the connection, with a word why.
    ///
    /// # Errors
    /// [`Gone`]
    pub(super) fn read(&mut self, role: Option<Role>, now: Instant) -> Result<(), Gone> {
        let mut bytes = [0; MAX_READ_BYTES];
        let read = match self.stream.read(&mut bytes) {
            Ok(0) => {
                self.is_silent = true;
                return Ok(());
            }
            Ok(read) => read,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(());
            }
            Err(_) => return Err(Gone),
        };
        self.heard_at = now;
        let most = match role {
            Some(_) => MAX_REQUEST_BYTES,
            None => MAX_STRANGERS_LINE_BYTES,
        };
        let bytes = bytes.get(..read).unwrap_or_default();
        let (lines, sense) = requests(&mut self.begun, bytes, most, |line| Some(line.to_vec()));
        self.lines.extend(lines);
        if self.begun.is_empty() {
            // A long line's room is not kept for the next one.
            self.begun.shrink_to(MAX_READ_BYTES);
            self.begun_at = None;
        } else {
            self.begun_at.get_or_insert(now);
        }
        if !sense {
            self.begun = Vec::new();
            self.end(&format!("a request has at most {most} bytes"));
        }
        Ok(())
    }

    /// The next request, if it may ask already.
    pub(super) fn line(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.is_ending || self.lines.is_empty() || !self.requests.take(now) {
            return None;
        }
        self.lines.pop_front()
    }

    /// Sends, as soon as it is taken.
    ///
    /// # Errors
    /// [`Gone`]: more would wait than may.
    pub(super) fn say(&mut self, answer: &Answer) -> Result<(), Gone> {
        self.send(answer.line())
    }

    /// The same with a whole line.
    ///
    /// # Errors
    /// [`Gone`]: more would wait than may.
    pub(super) fn send(&mut self, line: Vec<u8>) -> Result<(), Gone> {
        if self.is_ending {
            return Ok(());
        }
        self.queued += line.len();
        self.out.push_back(line);
        match self.queued <= MAX_QUEUED_BYTES {
            true => Ok(()),
            false => Err(Gone),
        }
    }

    /// Says why, and nothing more.
    pub(super) fn end(&mut self, why: &str) {
        let answer = Answer {
            id: None,
            word: Word::error(Code::NotUnderstood, why),
        };
        let _ = self.say(&answer);
        self.lines.clear();
        self.is_ending = true;
    }

    /// Has it take what it takes.
    ///
    /// # Errors
    /// [`Gone`]
    pub(super) fn flush(&mut self, now: Instant) -> Result<(), Gone> {
        while let Some(line) = self.out.front() {
            let rest = line.get(self.written..).unwrap_or_default();
            match self.stream.write(rest) {
                Ok(taken) => {
                    self.stalled_since = None;
                    self.queued = self.queued.saturating_sub(taken);
                    self.written += taken;
                    if self.written >= line.len() {
                        self.out.pop_front();
                        self.written = 0;
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.stalled_since.get_or_insert(now);
                    return Ok(());
                }
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Why it is not a client any more, if so.
    pub(super) fn is_over(&self, now: Instant) -> Option<&'static str> {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let is_idle = self.watch.is_none() && self.live.is_none() && self.waiting == 0;
        let is_done = self.out.is_empty() && self.lines.is_empty();
        if self.is_ending && self.out.is_empty() {
            Some("ended")
        } else if self.is_silent && is_idle && is_done {
            Some("done")
        } else if since(self.stalled_since).is_some_and(|time| time >= MAX_STALL) {
            Some("it takes nothing of what waits for it")
        } else if since(self.begun_at).is_some_and(|time| time >= MAX_LINE_TIME) {
            Some("a line has no end")
        } else if is_idle && is_done && since(Some(self.heard_at)) >= Some(MAX_SILENCE) {
            Some("it says nothing")
        } else {
            None
        }
    }
}
