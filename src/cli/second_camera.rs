//! The infrared camera beside the first one, for commands that look with both: a thread of its
//! own keeps its newest pictures, as in the daemon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

use crate::camera::{self, CameraError, Frame, FrameSource, Next};
use crate::config;
use crate::daemon::mailbox::{Item, Mailbox};
use crate::recognise::MAX_KEPT_FRAMES;

/// How long one wait for a frame may take, so that a stop is seen in time.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// Ends its thread when it is dropped.
pub(super) struct SecondCamera {
    mailbox: Arc<Mailbox>,
    stop: Arc<AtomicBool>,
    /// Why no more pictures come.
    trouble: Arc<Mutex<Option<CameraError>>>,
    thread: Option<JoinHandle<()>>,
    pub description: String,
    /// A recording of which each picture belongs to one of the first camera's.
    is_in_step: bool,
}

/// What the second camera gave.
pub(super) enum Given {
    Frame(Frame),
    /// No more will come, and why if that is a fault.
    Lost(Option<CameraError>),
}

impl SecondCamera {
    /// # Errors
    /// It cannot be opened, or there is no thread.
    pub(super) fn open(config: &config::Camera) -> anyhow::Result<Self> {
        let mut source = camera::open(config).context("the infrared camera")?;
        let description = source.describe();
        let mailbox = Arc::new(Mailbox::holding(MAX_KEPT_FRAMES));
        let (stop, trouble) = <(Arc<AtomicBool>, Arc<Mutex<_>>)>::default();
        let every_frame = config.source == config::Source::Replay
            && config.replay.pace == config::Pace::EveryFrame;
        let stall = Duration::from_millis(config.stall_ms);
        let thread = {
            let (mailbox, stop) = (Arc::clone(&mailbox), Arc::clone(&stop));
            let trouble = Arc::clone(&trouble);
            std::thread::Builder::new()
                .name("infrared".into())
                .spawn(move || {
                    let ended = run(&mut *source, &mailbox, &stop, every_frame, stall);
                    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = ended;
                    mailbox.finish();
                })
                .context("there is no thread for the infrared camera")?
        };
        Ok(Self {
            mailbox,
            stop,
            trouble,
            thread: Some(thread),
            description,
            is_in_step: every_frame,
        })
    }

    /// Hands over what it has given since, the oldest first. `patience` is waited for the first.
    ///
    /// # Errors
    /// What `take` says.
    pub(super) fn hand_over(
        &self,
        patience: Duration,
        mut take: impl FnMut(Given) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let most = if self.is_in_step { 1 } else { MAX_KEPT_FRAMES };
        let mut patience = if self.is_in_step { MAX_WAIT } else { patience };
        for _ in 0..most {
            match self.mailbox.take(patience) {
                Some(Item::Frame(frame)) => take(Given::Frame(frame))?,
                Some(Item::Lost | Item::Ended) => {
                    let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                    return take(Given::Lost(trouble.take()));
                }
                None => break,
            }
            patience = Duration::ZERO;
        }
        Ok(())
    }
}

impl Drop for SecondCamera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Until the end of a recording, a fault that stays, or a stop.
fn run(
    source: &mut dyn FrameSource,
    mailbox: &Mailbox,
    stop: &AtomicBool,
    every_frame: bool,
    stall: Duration,
) -> Option<CameraError> {
    let mut good = std::time::Instant::now();
    while !stop.load(Ordering::Relaxed) {
        match source.next_frame(MAX_WAIT) {
            Ok(Next::Frame(frame)) => {
                good = std::time::Instant::now();
                if !every_frame {
                    mailbox.put(frame);
                    continue;
                }
                let mut waiting = Some(frame);
                while let Some(frame) = waiting.take() {
                    if stop.load(Ordering::Relaxed) {
                        return None;
                    }
                    waiting = mailbox.put_in_turn(frame, MAX_WAIT);
                }
                good = std::time::Instant::now();
            }
            Ok(Next::Ended) => return None,
            Err(error) if error.is_passing() && good.elapsed() < stall => {}
            Err(error) => return Some(error),
        }
    }
    None
}
