//! What the guardian and the panel have in common: requests as lines, and a child that ends.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The requests that are whole with these bytes, and whether all of it made sense: each line a
/// request, and none of `max_bytes` or more. `begun` is the line that has no end yet.
pub(crate) fn requests<T>(
    begun: &mut Vec<u8>,
    bytes: &[u8],
    max_bytes: usize,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> (Vec<T>, bool) {
    let mut requests = Vec::new();
    let mut sense = true;
    for &byte in bytes {
        if byte != b'\n' {
            begun.push(byte);
            sense &= begun.len() < max_bytes;
            continue;
        }
        let request = parse(begun);
        begun.clear();
        sense &= request.is_some();
        requests.extend(request);
    }
    (requests, sense)
}

/// Waits for a child that was told to end, and kills it after `patience`.
pub(crate) fn end(mut child: Child, patience: Duration) {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = kill_process(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
}
