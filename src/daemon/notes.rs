//! What the other threads tell the scribe, and how: without ever waiting for a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};

use crate::access::Grant;
use crate::record::{Event, Granted, Stamp};

/// Notes that may wait for the disk. A door makes a few a minute.
const WAITING: usize = 64;

/// One thing to write down.
#[derive(Debug)]
pub enum Note {
    /// It happened.
    Happened {
        /// When.
        stamp: Stamp,
        /// What.
        event: Event,
    },
    /// Somebody may pass: to be written down, then given to the door.
    Grant {
        /// When it was decided.
        stamp: Stamp,
        /// Who and why.
        granted: Granted,
        /// What was decided.
        grant: Grant,
    },
    /// Say when all that was sent before has been dealt with.
    Reached(Sender<()>),
}

/// The threads' end of the channel to the scribe.
#[derive(Debug, Clone)]
pub struct Notes {
    sender: Sender<Note>,
    lost: Arc<AtomicU64>,
}

impl Notes {
    /// Both ends.
    pub fn channel() -> (Self, crossbeam_channel::Receiver<Note>) {
        let (sender, receiver) = crossbeam_channel::bounded(WAITING);
        let notes = Self {
            sender,
            lost: Arc::default(),
        };
        (notes, receiver)
    }

    /// Has an event written down. If the scribe cannot keep up, the event goes to
    /// the log alone and the audit record will say how many went missing.
    pub fn happened(&self, event: Event) {
        let stamp = Stamp::now();
        self.send(Note::Happened { stamp, event });
    }

    /// Has a grant written down and given to the door. If it cannot be written, the
    /// door stays locked.
    pub fn grant(&self, granted: Granted, grant: Grant) {
        let stamp = Stamp::now();
        self.send(Note::Grant {
            stamp,
            granted,
            grant,
        });
    }

    /// Waits until all that was sent before is on record and with the door; false if that takes longer.
    pub fn settle(&self, patience: Duration) -> bool {
        let (reached, here) = crossbeam_channel::bounded(1);
        let until = Instant::now() + patience;
        self.sender
            .send_deadline(Note::Reached(reached), until)
            .is_ok()
            && here.recv_deadline(until).is_ok()
    }

    /// How many events were lost since this was asked last.
    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    /// Counts events that did not reach the record.
    pub fn count_lost(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
    }

    fn send(&self, note: Note) {
        let note = match self.sender.try_send(note) {
            Ok(()) => return,
            Err(TrySendError::Full(note) | TrySendError::Disconnected(note)) => note,
        };
        self.count_lost(1);
        match note {
            Note::Happened { event, .. } => {
                log::error!("not on record, the audit log cannot keep up: {event}");
            }
            Note::Reached(_) => {}
            Note::Grant { granted, .. } => {
                let event = Event::Granted(granted);
                log::error!("the door stays locked, the audit log cannot keep up: {event}");
            }
        }
    }
}
