//! Talks to the journal and to systemd, so that nobody else in the guardian has to wait
//! for either.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use sd_notify::NotifyState;

use super::core::Command;

/// Things that wait to be told, at most; further ones are lost.
const MAX_WAITING_COUNT: usize = 32;
/// How often systemd hears of turns.
const FEED_INTERVAL: Duration = Duration::from_millis(250);

/// Something worth a line in the journal.
#[derive(Debug)]
pub enum Told {
    /// Clients are served from now on.
    Ready,
    /// The line did as it was told.
    Moved(Command),
    /// The line did not, and why.
    Refused(String),
}

/// The other threads' end.
#[derive(Debug)]
pub(crate) struct Teller {
    sender: Sender<Told>,
    turns: Arc<AtomicU64>,
}

impl Teller {
    /// Starts the thread that tells.
    ///
    /// # Errors
    /// What the system said when it gave no thread.
    pub fn start() -> io::Result<Self> {
        let (sender, told) = bounded(MAX_WAITING_COUNT);
        let turns = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&turns);
        let tell = move || {
            let mut last = 0;
            loop {
                match told.recv_timeout(FEED_INTERVAL) {
                    Ok(told) => say(&told),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                // A guardian that hangs makes no turns, and is not fed.
                let turns = seen.load(Ordering::Relaxed);
                if turns != last {
                    last = turns;
                    notify(NotifyState::Watchdog);
                }
            }
        };
        std::thread::Builder::new()
            .name("teller".into())
            .spawn(tell)?;
        Ok(Self { sender, turns })
    }

    /// Says that clients are served.
    pub fn ready(&self) {
        self.tell(Told::Ready);
    }

    /// Marks a turn of the guardian's loop.
    pub fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Never waits.
    pub(crate) fn tell(&self, told: Told) {
        let _ = self.sender.try_send(told);
    }
}

fn say(told: &Told) {
    match told {
        Told::Ready => {
            notify(NotifyState::Ready);
            log::info!("guarding the relay; it is released");
        }
        Told::Moved(Command::Energise) => log::info!("the relay is energised"),
        Told::Moved(Command::Release) => log::info!("the relay is released"),
        Told::Refused(error) => log::error!("relay: {error}"),
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::debug!("systemd was not told: {error}");
    }
}
