//! Whether the whitelist that faces are compared with is the one in the database: what the
//! recorder knows of it, and how it has the main thread look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::poke::Poke;

/// Looks that may wait; the recorder waits for one at a time.
const MAX_WAITING: usize = 4;
/// How long a grant waits for a look.
const MAX_LOOK_WAIT: Duration = Duration::from_secs(1);
/// Nothing is known.
const NONE: u64 = u64::MAX;

/// The recorder's end.
#[derive(Debug)]
pub(crate) struct Roster {
    /// The whitelist's revision whose changes are all on record.
    revision: Arc<AtomicU64>,
    looks: Sender<Sender<()>>,
    poke: Poke,
    #[cfg(test)]
    trusts: bool,
}

/// The main thread's end.
#[derive(Debug)]
pub(crate) struct Looks {
    revision: Arc<AtomicU64>,
    asked: Receiver<Sender<()>>,
}

impl Roster {
    /// Both ends.
    pub(crate) fn pair(poke: Poke) -> (Self, Looks) {
        let revision = Arc::new(AtomicU64::new(NONE));
        let (looks, asked) = bounded(MAX_WAITING);
        let roster = Self {
            revision: Arc::clone(&revision),
            looks,
            poke,
            #[cfg(test)]
            trusts: false,
        };
        (roster, Looks { revision, asked })
    }

    /// For a recorder without a daemon around it: every whitelist is the known one.
    #[cfg(test)]
    pub(crate) fn trusting() -> Self {
        let mut roster = Self::pair(Poke::of_this_thread()).0;
        roster.trusts = true;
        roster
    }

    /// Has the main thread look at what is new.
    pub(crate) fn look_soon(&self) {
        self.poke.changed();
    }

    /// Whether the whitelist of this revision is the one that was looked at; if not, it is
    /// looked at, and asked again.
    pub(crate) fn knows(&self, revision: u64) -> bool {
        #[cfg(test)]
        if self.trusts {
            return true;
        }
        let knows = || self.revision.load(Ordering::Acquire) == revision;
        if knows() {
            return true;
        }
        let (seen, waiting) = bounded(1);
        if self.looks.try_send(seen).is_err() {
            return false;
        }
        self.poke.changed();
        waiting.recv_timeout(MAX_LOOK_WAIT).is_ok() && knows()
    }
}

impl Looks {
    /// What was looked at, and found to be on record; nothing while it cannot be read.
    pub(crate) fn found(&self, revision: Option<u64>) {
        let revision = revision.unwrap_or(NONE);
        self.revision.store(revision, Ordering::Release);
    }

    /// Who waits for a look that begins now.
    pub(crate) fn waiting(&self) -> Vec<Sender<()>> {
        self.asked.try_iter().collect()
    }
}
