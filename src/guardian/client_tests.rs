#![allow(clippy::unwrap_used, clippy::expect_used)]
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use super::client::{Lease, LeaseError, MAX_ANSWER_WAIT};
use super::wire::{Reply, Request};
use super::*;
use crate::config;

/// Long after a client has given up.
const LATE: Duration = MAX_ANSWER_WAIT.saturating_mul(3);
const UNTIL: BootTime = BootTime::from_ms(81_234_567);

/// Answers until its client is gone; gives what it was asked.
fn serve(stream: &UnixStream) -> Vec<Request> {
    let mut asked = Vec::new();
    for line in BufReader::new(stream).lines() {
        let request = Request::parse(line.unwrap().as_bytes()).unwrap();
        asked.push(request);
        let reply = match request {
            Request::Open(until) => Reply::Opened(until),
            Request::Renew => Reply::Renewed(UNTIL),
            Request::Lock => Reply::Locked,
        };
        answer(stream, reply);
    }
    asked
}

fn answer(mut stream: &UnixStream, reply: Reply) {
    // Nobody may be there to take it.
    let _ = stream.write_all(reply.line().as_bytes());
}

/// A guardian that is late with its first answer.
fn slow_guardian(stream: UnixStream) -> JoinHandle<Vec<Request>> {
    spawn(move || {
        sleep(LATE);
        serve(&stream)
    })
}

#[test]
fn a_guardian_that_starts_slowly_is_asked_once() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let guardian = slow_guardian(theirs);
    let mut lease = Lease::over(ours);
    lease.lock_within(Duration::from_secs(60)).unwrap();
    lease.open(UNTIL).unwrap();
    lease.renew().unwrap();
    drop(lease);
    let asked = [Request::Lock, Request::Open(UNTIL), Request::Renew];
    assert_eq!(guardian.join().unwrap(), asked);
}

#[test]
fn what_a_guardian_answers_too_late_is_no_answer_to_the_next_request() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let guardian = slow_guardian(theirs);
    let mut lease = Lease::over(ours);
    assert!(matches!(lease.renew(), Err(LeaseError::Silent)));
    sleep(LATE);
    assert!(matches!(lease.renew(), Err(LeaseError::Gone)));
    // Also while the lease is kept, the guardian has seen its end.
    assert_eq!(guardian.join().unwrap(), [Request::Renew]);
}

#[test]
fn only_the_instant_that_was_asked_for_answers_an_opening() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let other = Reply::Opened(UNTIL.after(Duration::from_secs(1)));
    theirs.write_all(other.line().as_bytes()).unwrap();
    let mut lease = Lease::over(ours);
    assert!(matches!(lease.open(UNTIL), Err(LeaseError::NotAGuardian)));
}

#[test]
fn a_service_that_was_silent_once_is_connected_to_anew() {
    let folder = tempfile::tempdir().unwrap();
    let line = config::Relay {
        state_file: folder.path().join("line"),
        guardian: folder.path().to_owned(),
        ..config::Relay::default()
    };
    let service = ServiceFolder::of(&line);
    HeldLine {
        relay: line.clone(),
    }
    .write(&service.note())
    .unwrap();
    let listener = service.listen().unwrap();
    let guardian = spawn(move || {
        let (first, _) = listener.accept().unwrap();
        // Answers at once, and then no more.
        let mut lines = BufReader::new(&first).lines();
        lines.next().unwrap().unwrap();
        answer(&first, Reply::Locked);
        lines.next().unwrap().unwrap();
        let (second, _) = listener.accept().unwrap();
        // The late answer comes over the connection that is over.
        answer(&first, Reply::Opened(UNTIL));
        serve(&second)
    });
    let mut hold = Hold::take(Given {
        line,
        cap: Duration::from_secs(5),
        note: folder.path().join("note"),
    })
    .unwrap();
    assert!(hold.open(UNTIL).is_err());
    hold.lock().unwrap();
    drop(hold);
    assert_eq!(guardian.join().unwrap(), [Request::Lock, Request::Lock]);
}
