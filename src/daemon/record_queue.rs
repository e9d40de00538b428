//! What the other threads tell the recorder, and how: without ever waiting for a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use image::RgbImage;

use super::lockout_rows::KeptLockout;
use crate::access::Grant;
use crate::record::{Event, Stamp};

/// Events that may wait for the disk. A door makes a few a minute.
const MAX_QUEUED: usize = 64;

/// One thing to write down.
#[derive(Debug)]
pub(crate) enum Queued {
    /// It happened.
    Happened {
        stamp: Stamp,
        event: Event,
        /// The face it is about, if that is to be kept.
        picture: Option<RgbImage>,
    },
    /// Somebody may pass: to be written down, then given to the door.
    Grant {
        /// When it was decided.
        stamp: Stamp,
        /// Who and why.
        event: Event,
        grant: Grant,
        /// The face, if that is to be kept.
        picture: Option<RgbImage>,
    },
    /// Somebody inside asks for the door: to be written down, then given to the door.
    Rex {
        /// When it was asked.
        stamp: Stamp,
        event: Event,
    },
    /// A refusal that counts for a lockout, or a lockout that is another without one.
    Counted {
        stamp: Stamp,
        event: Option<Event>,
        kept: Vec<KeptLockout>,
    },
    /// Say when all that was sent before has been dealt with.
    Reached(Sender<()>),
}

/// The threads' end of the channel to the recorder.
#[derive(Debug, Clone)]
pub(crate) struct RecordQueue {
    sender: Sender<Queued>,
    lost: Arc<AtomicU64>,
    /// Of those that wait, how many somebody at the door waits for.
    urgent: Arc<AtomicUsize>,
}

impl RecordQueue {
    /// Both ends.
    pub fn channel() -> (Self, crossbeam_channel::Receiver<Queued>) {
        let (sender, receiver) = crossbeam_channel::bounded(MAX_QUEUED);
        let queue = Self {
            sender,
            lost: Arc::default(),
            urgent: Arc::default(),
        };
        (queue, receiver)
    }

    /// Has an event written down. If the recorder cannot keep up, the event goes to
    /// the log alone and the audit record will say how many went missing.
    pub(crate) fn happened(&self, event: Event) {
        self.happened_before(event, None);
    }

    /// The same, with the face that was before the camera.
    pub(crate) fn happened_before(&self, event: Event, picture: Option<RgbImage>) {
        let stamp = Stamp::now();
        self.send(Queued::Happened {
            stamp,
            event,
            picture,
        });
    }

    /// Has a grant written down and given to the door. If it cannot be written, the
    /// door stays locked.
    pub fn grant(&self, event: Event, grant: Grant, picture: Option<RgbImage>) {
        let stamp = Stamp::now();
        self.send_urgent(Queued::Grant {
            stamp,
            event,
            grant,
            picture,
        });
    }

    /// Has a request of somebody inside written down and given to the door. If it cannot be
    /// written, the door stays locked.
    pub(crate) fn rex(&self, event: Event) {
        let stamp = Stamp::now();
        self.send_urgent(Queued::Rex { stamp, event });
    }

    /// Has lockouts kept, with the event they follow from.
    pub(crate) fn counted(&self, event: Option<Event>, kept: Vec<KeptLockout>) {
        let stamp = Stamp::now();
        self.send(Queued::Counted { stamp, event, kept });
    }

    /// Waits until all that was sent before is on record and with the door; false if that takes longer.
    pub(crate) fn settle(&self, patience: Duration) -> bool {
        let (reached, here) = crossbeam_channel::bounded(1);
        let until = Instant::now() + patience;
        self.sender
            .send_deadline(Queued::Reached(reached), until)
            .is_ok()
            && here.recv_deadline(until).is_ok()
    }

    /// How many events were lost since this was asked last.
    pub(crate) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    /// Counts events that did not reach the record.
    pub(crate) fn count_lost(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
    }

    /// Whether what takes long has to give way: somebody at the door waits, or much does.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire) > 0 || self.sender.len() >= MAX_QUEUED / 2
    }

    /// The recorder took what somebody at the door waits for.
    pub(crate) fn took_urgent(&self) {
        let less = |urgent: usize| urgent.checked_sub(1);
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        let _ = self.urgent.fetch_update(set, fetch, less);
    }

    fn send_urgent(&self, note: Queued) {
        self.urgent.fetch_add(1, Ordering::AcqRel);
        if !self.send(note) {
            self.took_urgent();
        }
    }

    /// False if it was lost.
    fn send(&self, note: Queued) -> bool {
        let note = match self.sender.try_send(note) {
            Ok(()) => return true,
            Err(TrySendError::Full(note) | TrySendError::Disconnected(note)) => note,
        };
        self.count_lost(1);
        match note {
            Queued::Happened { event, .. } => {
                log::error!("not on record, the audit log cannot keep up: {event}");
            }
            Queued::Counted {
                event: Some(event), ..
            } => log::error!("not on record, the audit log cannot keep up: {event}"),
            Queued::Counted { event: None, .. } | Queued::Reached(_) => {}
            Queued::Rex { event, .. } => {
                log::error!("the door stays locked, the audit log cannot keep up: {event}");
            }
            Queued::Grant { event, .. } => {
                log::error!("the door stays locked, the audit log cannot keep up: {event}");
            }
        }
        false
    }
}
