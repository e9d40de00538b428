//! Has the main thread look at once at what is new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

/// The other threads' end. Never waits.
#[derive(Debug, Clone)]
pub(crate) struct Poke {
    main: Thread,
    note: Arc<Note>,
}

#[derive(Debug, Default)]
struct Note {
    changed: AtomicBool,
    reload: AtomicBool,
}

impl Poke {
    /// Of the thread that calls this.
    pub(crate) fn of_this_thread() -> Self {
        Self {
            main: std::thread::current(),
            note: Arc::default(),
        }
    }

    /// Something in the database is new.
    pub(crate) fn changed(&self) {
        self.note.changed.store(true, Ordering::Release);
        self.main.unpark();
    }

    /// The configuration is to be read again.
    pub(crate) fn reload(&self) {
        self.note.reload.store(true, Ordering::Release);
        self.main.unpark();
    }

    /// Whether something is new since this was asked last.
    pub(super) fn take_changed(&self) -> bool {
        self.note.changed.swap(false, Ordering::AcqRel)
    }

    /// Whether the configuration is to be read again.
    pub(super) fn take_reload(&self) -> bool {
        self.note.reload.swap(false, Ordering::AcqRel)
    }
}
