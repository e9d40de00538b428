//! Frames, counted by the vision thread for whoever asks how many there were. Nobody waits.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ipc::{Counts, FramesCounted};

/// Counts since the daemon started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    judged: AtomicU64,
    left_out: AtomicU64,
    dropped: AtomicU64,
}

impl Tally {
    /// Faces in a frame were looked at.
    pub(crate) fn judged(&self) {
        self.judged.fetch_add(1, Ordering::Relaxed);
    }

    /// A frame told nothing new.
    pub(crate) fn left_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }

    /// So many were replaced before anybody took them.
    pub(crate) fn dropped(&self, in_all: u64) {
        self.dropped.store(in_all, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            frames: FramesCounted {
                judged: self.judged.load(Ordering::Relaxed),
                left_out: self.left_out.load(Ordering::Relaxed),
                dropped: self.dropped.load(Ordering::Relaxed),
            },
        }
    }
}
