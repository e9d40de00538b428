//! The daemon's end of the control socket: one thread that polls everybody who asks, and
//! that nobody in the daemon waits for.
//!
//! ```text
//! recorder, vision ─ bell ─►  server  ◄─ clients     connection: lines in, lines out
//!        ▲                    │  │                   peer: who it is, by the kernel's word
//!        │                    │  └ feed: the record as it grows, look: how things are
//!        └─ acts, try_send ───┘    requests: what is asked, waiting: what becomes of it
//! ```
//!
//! It is expendable: it has no heartbeat, and if it ends or panics the door goes on, an event
//! says so, and it is started anew. What it may cost is in `limits`.

mod connection;
mod enrol_work;
mod enrolling;
mod explain;
mod feed;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod limits;
mod live;
mod look;
mod peer;
mod photos;
mod requests;
mod server;
mod waiting;

#[cfg(fuzzing)]
pub use fuzzing::fuzz;

use std::io;
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use self::server::Server;
use super::asks::ToRecorder;
use super::bell::Bell;
use super::fleet::FleetDesk;
use super::outlook::Outlook;
use super::poke::Poke;
use super::record_queue::RecordQueue;
use super::status::Note;
use super::verb_desk::VerbDesk;
use super::viewfinder::Viewfinder;
use crate::config::{self, DoorName};
use crate::record::{Event, FaultReason, Part};
use crate::whitelist::Snapshot;

/// From an end of the thread to its next start, the first time; then twice as long.
const MIN_BACK_OFF: Duration = Duration::from_secs(1);
const MAX_BACK_OFF: Duration = Duration::from_secs(60);
/// How long it may take to end.
const MAX_END_WAIT: Duration = Duration::from_secs(1);
/// One that lasted so long was well.
const MIN_GOOD_LIFE: Duration = Duration::from_secs(600);

/// What the thread works with.
pub(super) struct Given {
    /// The configuration file.
    pub config: PathBuf,
    /// The guardian's note.
    pub note: PathBuf,
    pub door: DoorName,
    pub database: PathBuf,
    /// Whether roles that others could write are refused.
    pub strict: Arc<AtomicBool>,
    pub recorder: ToRecorder,
    pub verbs: VerbDesk,
    pub fleet: FleetDesk,
    pub poke: Poke,
    pub queue: RecordQueue,
    pub status: Arc<ArcSwap<Note>>,
    pub whitelist: Arc<ArcSwapOption<Snapshot>>,
    pub outlook: Arc<Outlook>,
    pub viewfinder: Arc<Viewfinder>,
    /// Wakes the thread.
    pub bell: Bell,
    pub enrol: EnrolGiven,
}

/// What somebody is enrolled with.
pub(super) struct EnrolGiven {
    pub models: config::Models,
    pub vision: config::Vision,
    pub keep_photos: bool,
    pub require_consent: bool,
    /// Whether the camera's picture is mirrored.
    pub is_mirrored: bool,
    pub rules: Arc<ArcSwap<config::Access>>,
}

impl EnrolGiven {
    pub(super) fn of(config: &config::Config, rules: &Arc<ArcSwap<config::Access>>) -> Self {
        Self {
            models: config.models.clone(),
            vision: config.vision.clone(),
            keep_photos: config.whitelist.keep_photos,
            require_consent: config.whitelist.require_consent,
            is_mirrored: config.camera.mirror,
            rules: Arc::clone(rules),
        }
    }
}

/// What others tell the thread.
#[derive(Debug, Default)]
struct Told {
    ends: AtomicBool,
    roles_changed: AtomicBool,
}

/// The thread. Dropping this ends it, and removes the socket.
pub(super) struct Control {
    bell: Bell,
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts it; where it cannot be started it says so, and the door goes on.
    pub(super) fn start(given: Given, bell: Bell, woken: UnixStream) -> Self {
        let told = Arc::<Told>::default();
        let heard = Arc::clone(&told);
        let thread = std::thread::Builder::new().name("control".into());
        let thread = thread.spawn(move || serve(&given, &woken, &heard));
        let thread = thread
            .map_err(|error| log::error!("there is no control socket: {error}"))
            .ok();
        Self { bell, told, thread }
    }

    /// Has the roles be read again.
    pub(super) fn roles_changed(&self) {
        self.told.roles_changed.store(true, Ordering::Release);
        self.bell.ring();
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.told.ends.store(true, Ordering::Release);
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            super::threads::join(thread, MAX_END_WAIT);
        }
    }
}

/// Until it is told to end, however often it fails.
fn serve(given: &Given, woken: &UnixStream, told: &Told) {
    let mut back_off = MIN_BACK_OFF;
    while !told.ends.load(Ordering::Acquire) {
        let began = Instant::now();
        let served =
            std::panic::catch_unwind(AssertUnwindSafe(|| Server::open(given)?.run(woken, told)));
        let is_fault = match served {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                log::error!(
                    "there is no control socket for {} s: {error}",
                    back_off.as_secs()
                );
                false
            }
            // What it was is in the journal.
            Err(_) => true,
        };
        given.viewfinder.rest();
        if is_fault {
            log::error!("the thread of the control socket ended; the door goes on without");
            given.queue.happened(Event::Fault {
                reason: FaultReason::PartEnded,
                part: Some(Part::Control),
                message: None,
            });
        }
        if began.elapsed() >= MIN_GOOD_LIFE {
            back_off = MIN_BACK_OFF;
        }
        let until = Instant::now() + back_off;
        while Instant::now() < until && !told.ends.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(50));
        }
        back_off = (back_off * 2).min(MAX_BACK_OFF);
    }
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("{}: {source}", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Feed(#[from] feed::FeedError),
    #[error("it cannot wait for clients: {0}")]
    Poll(#[from] io::Error),
}
