//! The daemon's end: readings by a channel, signals by a note that a thread of its own takes.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::reading::{Part, Reading, What};
use super::service::{Connection, PanelError};
use super::wire::{Request, Word};
use crate::config::Signals;
use crate::config::{self, PanelDriver};
use crate::guardian::BootTime;

/// Readings that wait to be taken, at most. When there are so many the panel is not listened
/// to, nothing is shown, and after a while it ends the connection: how things are is told anew.
const MAX_WAITING_COUNT: usize = 64;
/// How often it is said again what is shown.
const SHOW_INTERVAL: Duration = Duration::from_millis(500);
/// The longest wait before another try to connect.
const MAX_BACK_OFF: Duration = Duration::from_secs(5);

/// A panel, over its service or a child process. Dropping it makes the outputs dark.
#[derive(Debug)]
pub struct Panel {
    readings: Receiver<Reading>,
    note: Arc<Note>,
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is to do.
#[derive(Debug, Default)]
struct Note {
    signals: AtomicU32,
    ends: AtomicBool,
}

impl Panel {
    /// Finds or starts the panel; nothing where the configuration has none. How things are is
    /// told first.
    ///
    /// # Errors
    /// [`PanelError`]. What is lost later is a reading, and tried again.
    pub fn take(panel: &config::Panel) -> Result<Option<Self>, PanelError> {
        if panel.driver == PanelDriver::None {
            return Ok(None);
        }
        let failed = |error: io::Error| PanelError::NotStarted(error.to_string());
        let connection = Connection::open(panel)?;
        let (wake, woken) = UnixStream::pair().map_err(failed)?;
        wake.set_nonblocking(true).map_err(failed)?;
        woken.set_nonblocking(true).map_err(failed)?;
        let (sender, readings) = bounded(MAX_WAITING_COUNT);
        let note = Arc::new(Note::default());
        let mut listener = Listener {
            panel: panel.clone(),
            note: Arc::clone(&note),
            readings: sender,
            woken,
        };
        let thread = std::thread::Builder::new()
            .name("panel".into())
            .spawn(move || listener.run(connection))
            .map_err(failed)?;
        Ok(Some(Self {
            readings,
            note,
            wake,
            thread: Some(thread),
        }))
    }

    /// What it reads. First how things are, then what happens; after [`Part::Panel`] was lost
    /// and is back again how things are.
    pub fn readings(&self) -> &Receiver<Reading> {
        &self.readings
    }

    /// These signals hold from now on, and no others. Never waits.
    pub fn show(&self, signals: Signals) {
        let before = self.note.signals.swap(signals.as_bits(), Ordering::Release);
        if before != signals.as_bits() {
            self.wake();
        }
    }

    fn wake(&self) {
        // Full is awake.
        let _ = (&self.wake).write(&[0]);
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        self.note.ends.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread.
struct Listener {
    panel: config::Panel,
    note: Arc<Note>,
    readings: Sender<Reading>,
    woken: UnixStream,
}

fn now(what: What) -> Reading {
    Reading {
        at: BootTime::now(),
        is_change: true,
        what,
    }
}

/// It is not wanted any more.
struct Ended;

impl Listener {
    fn run(&mut self, mut connection: Connection) {
        loop {
            match self.listen(&mut connection) {
                Err(Ended) => return,
                Ok(error) => log::error!("panel: {error}"),
            }
            if self.send(now(What::Lost(Part::Panel))).is_err() {
                return;
            }
            match self.reconnect(&connection) {
                Err(Ended) => return,
                Ok(again) => connection = again,
            }
            log::info!("panel: it is back");
            if self.send(now(What::Back(Part::Panel))).is_err() {
                return;
            }
        }
    }

    fn reconnect(&mut self, lost: &Connection) -> Result<Connection, Ended> {
        let mut back_off = Duration::from_millis(100);
        loop {
            // A drop of this thread's owner is not to wait for it.
            let until = Instant::now() + back_off;
            while Instant::now() < until {
                self.check()?;
                self.sleep(None, until.saturating_duration_since(Instant::now()));
            }
            match lost.reopen(&self.panel) {
                Ok(connection) => return Ok(connection),
                Err(error) => log::debug!("panel: {error}"),
            }
            back_off = (back_off * 2).min(MAX_BACK_OFF);
        }
    }

    /// Until the connection ends; gives why.
    fn listen(&mut self, connection: &mut Connection) -> Result<PanelError, Ended> {
        let mut shown = None;
        let mut show_at = Instant::now();
        loop {
            self.check()?;
            let signals = self.note.signals.load(Ordering::Acquire);
            if shown != Some(signals) || Instant::now() >= show_at {
                if let Err(error) = connection.ask(&Request::Show(Signals::from_bits(signals))) {
                    return Ok(error);
                }
                (shown, show_at) = (Some(signals), Instant::now() + SHOW_INTERVAL);
            }
            let patience = show_at.saturating_duration_since(Instant::now());
            if !connection.has_word() && !self.sleep(Some(connection), patience) {
                continue;
            }
            match connection.word(Duration::ZERO) {
                Ok(Some(Word::Reading(reading))) => self.send(reading)?,
                Ok(_) => {}
                Err(error) => return Ok(error),
            }
        }
    }

    fn check(&self) -> Result<(), Ended> {
        match self.note.ends.load(Ordering::Acquire) {
            true => Err(Ended),
            false => Ok(()),
        }
    }

    /// Waits for the panel or for whoever wakes; says whether the panel has something.
    fn sleep(&self, connection: Option<&Connection>, patience: Duration) -> bool {
        let watch = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut fds = vec![watch(self.woken.as_fd())];
        fds.extend(connection.map(|c| watch(c.watched())));
        let patience = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        };
        let _ = poll(&mut fds, Some(&patience));
        let is_panel = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        let _ = (&self.woken).read(&mut [0; 64]);
        is_panel
    }

    /// Waits while nobody takes readings.
    fn send(&self, mut reading: Reading) -> Result<(), Ended> {
        loop {
            match self
                .readings
                .send_timeout(reading, Duration::from_millis(100))
            {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Disconnected(_)) => return Err(Ended),
                Err(SendTimeoutError::Timeout(back)) => reading = back,
            }
            self.check()?;
        }
    }
}
