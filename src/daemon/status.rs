//! A note in the runtime folder of what a guarding daemon would say of itself, for
//! `doorward status`, and a lock that says whether it lives.
//!
//! A thread of its own writes it, when something changed and not more often than every two
//! seconds: no frame and no decision waits for it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::parts;
use crate::camera::{CameraError, FrameSource};
use crate::files::{self, Kind};
use crate::guardian;
use crate::ipc::{Fault, SecondCamera};
use crate::record::{Alarm, Event, Kind as EventKind, RecordError, Stamp, WhichCamera};
use crate::whitelist::Snapshot;

/// From one writing to the next.
const MIN_WRITE_GAP: Duration = Duration::from_secs(2);
/// The kind of a fault that is the infrared camera's.
const INFRARED_LOST: &str = "infrared_camera_lost";
/// Changes that may wait to be noted.
const MAX_WAITING_CHANGES: usize = 64;

/// What the daemon says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub pid: u32,
    /// The kernel's `boot_id`.
    boot: Option<String>,
    /// Since when it guards, in milliseconds since 1970.
    pub since_ms: i64,
    /// The camera, as it calls itself; nothing while it is lost.
    pub camera: Option<String>,
    /// The infrared camera where there is one, as it calls itself; nothing inside while it is lost.
    #[serde(default)]
    pub infrared: Option<SecondCamera>,
    pub people: usize,
    pub templates: usize,
    /// The score a face has to reach, and where it comes from; nothing if nobody can be let in.
    pub threshold: Option<(f32, String)>,
    pub faults: Vec<Fault>,
}

impl Note {
    /// That of the daemon that guards now with this configuration file; nothing if none does.
    ///
    /// # Errors
    /// What the system says about a note that is there.
    pub(crate) fn read(config: &Path) -> io::Result<Option<Self>> {
        for note in guardian::note_paths(config) {
            let Some(_) = held(&note)? else { continue };
            let text = match files::read_text(&of(&note), Kind::Note) {
                // It starts, or ends.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                text => text?,
            };
            let note: Self = serde_json::from_str(&text)?;
            if note.boot == Stamp::now().boot {
                return Ok(Some(note));
            }
        }
        Ok(None)
    }

    /// Takes up what happened; false if that says nothing about now.
    fn take(&mut self, change: Change, snapshot: Option<&Snapshot>) -> bool {
        match change {
            Change::Began(fault) => {
                if fault.kind == EventKind::CameraLost.as_str() {
                    self.camera = None;
                }
                if fault.kind == INFRARED_LOST {
                    self.infrared = Some(SecondCamera::default());
                }
                self.faults.retain(|known| known.kind != fault.kind);
                self.faults.push(fault);
            }
            Change::Ended(kind) => self.faults.retain(|fault| fault.kind != kind.as_str()),
            Change::Camera(WhichCamera::Colour, camera) => {
                self.camera = Some(camera);
                return self.take(Change::Ended(EventKind::CameraLost), snapshot);
            }
            Change::Camera(WhichCamera::Infrared, camera) => {
                let camera = Some(camera);
                self.infrared = Some(SecondCamera { camera });
                self.faults.retain(|fault| fault.kind != INFRARED_LOST);
            }
            Change::Whitelist => {}
        }
        self.people = snapshot.map_or(0, |snapshot| snapshot.directory.len());
        self.templates = snapshot.map_or(0, |snapshot| snapshot.matcher.templates());
        let threshold = snapshot.and_then(|snapshot| snapshot.matcher.threshold().ok());
        self.threshold = threshold.map(|t| (t.score.value(), t.from.to_string()));
        true
    }
}

/// Beside the guardian's note.
fn of(note: &Path) -> PathBuf {
    note.with_extension("status")
}

fn lock_of(note: &Path) -> PathBuf {
    note.with_extension("alive")
}

/// Whether a daemon holds its lock.
fn held(note: &Path) -> io::Result<Option<()>> {
    let file = match files::open(&lock_of(note), Kind::Note) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(())),
        Ok(()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What changed.
#[derive(Debug)]
enum Change {
    Began(Fault),
    Ended(EventKind),
    Camera(WhichCamera, String),
    Whitelist,
}

/// The recorder's end: told of every event, and never waiting.
#[derive(Debug)]
pub(crate) struct StatusTeller {
    changes: Sender<Change>,
    /// What the thread made of them.
    now: Arc<ArcSwap<Note>>,
    /// Whether an event could not be written since one could.
    is_unwritten: bool,
}

impl StatusTeller {
    /// For a recorder without a daemon around it.
    #[cfg(test)]
    pub(crate) fn to_nobody() -> Self {
        Self {
            changes: crossbeam_channel::bounded(0).0,
            now: Arc::default(),
            is_unwritten: false,
        }
    }

    /// An event is on record.
    pub(crate) fn happened(&mut self, event: &Event) {
        if std::mem::take(&mut self.is_unwritten) {
            self.tell(Change::Ended(EventKind::RecordsLost));
        }
        let change = match event {
            Event::CameraLost { which, message, .. } => Change::Began(Fault {
                kind: match which {
                    WhichCamera::Colour => event.kind().as_str().to_owned(),
                    WhichCamera::Infrared => INFRARED_LOST.to_owned(),
                },
                at_ms: Stamp::now().at_ms,
                message: message.clone(),
            }),
            Event::CameraBack { which, camera } => Change::Camera(*which, camera.clone()),
            Event::WhitelistUnreadable { message, .. } => began(event.kind(), message.clone()),
            Event::WhitelistLoaded { .. } => {
                self.tell(Change::Ended(EventKind::WhitelistUnreadable));
                Change::Whitelist
            }
            Event::ConfigRejected { message, .. } => began(event.kind(), message.clone()),
            Event::ConfigReloaded { .. } => Change::Ended(EventKind::ConfigRejected),
            Event::RelayFault { command, .. } => began(event.kind(), command.to_string()),
            Event::Unlocked { .. } => Change::Ended(EventKind::RelayFault),
            Event::Tamper => began(event.kind(), "a cover was opened or a line cut".into()),
            Event::AlarmEnded(ended) if ended.alarm == Alarm::Tamper => {
                Change::Ended(EventKind::Tamper)
            }
            _ => return,
        };
        self.tell(change);
    }

    /// An event cannot be put on record.
    pub(crate) fn unwritten(&mut self, error: &RecordError) {
        if !std::mem::replace(&mut self.is_unwritten, true) {
            self.tell(began(EventKind::RecordsLost, error.to_string()));
        }
    }

    /// What is known now, also where it cannot be written.
    pub(crate) fn now(&self) -> Arc<ArcSwap<Note>> {
        Arc::clone(&self.now)
    }

    fn tell(&self, change: Change) {
        if self.changes.try_send(change).is_err() {
            log::debug!("the status was not told");
        }
    }
}

fn began(kind: EventKind, message: String) -> Change {
    Change::Began(Fault {
        kind: kind.as_str().to_owned(),
        at_ms: Stamp::now().at_ms,
        message,
    })
}

fn described(camera: &Result<Box<dyn FrameSource>, CameraError>) -> Option<String> {
    camera.as_ref().ok().map(|camera| camera.describe())
}

/// Starts the thread. Where it cannot write, it says so once and nothing else changes.
pub(super) fn start(
    config: &Path,
    camera: &Result<Box<dyn FrameSource>, CameraError>,
    second: Option<&parts::Second>,
    whitelist: &Arc<ArcSwapOption<Snapshot>>,
) -> StatusTeller {
    let (changes, incoming) = crossbeam_channel::bounded(MAX_WAITING_CHANGES);
    let note = Note {
        pid: std::process::id(),
        boot: Stamp::now().boot,
        since_ms: Stamp::now().at_ms,
        // Why it is lost is told as an event in a moment.
        camera: described(camera),
        infrared: second.map(|second| SecondCamera {
            camera: described(&second.camera),
        }),
        ..Note::default()
    };
    let now = Arc::new(ArcSwap::from_pointee(note.clone()));
    let (config, whitelist, shown) = (config.to_owned(), Arc::clone(whitelist), Arc::clone(&now));
    let thread = std::thread::Builder::new().name("status".into());
    let started = thread.spawn(move || keep(&config, note, &incoming, &whitelist, &shown));
    if let Err(error) = started {
        log::warn!("`doorward status` will not know of this daemon: {error}");
    }
    StatusTeller {
        changes,
        now,
        is_unwritten: false,
    }
}

/// Until the recorder is gone. The lock ends with this process, however it ends.
fn keep(
    config: &Path,
    mut note: Note,
    incoming: &Receiver<Change>,
    whitelist: &ArcSwapOption<Snapshot>,
    shown: &ArcSwap<Note>,
) {
    let unwritten =
        |error: io::Error| log::warn!("`doorward status` will not know of this daemon: {error}");
    let mut file = NoteFile::open(config).map_err(unwritten).ok();
    let mut change = Some(Change::Whitelist);
    let mut is_unwritten = false;
    loop {
        let mut is_new = false;
        while let Some(next) = change.take() {
            is_new |= note.take(next, whitelist.load().as_deref());
            change = incoming.try_recv().ok();
        }
        if is_new {
            shown.store(Arc::new(note.clone()));
            is_unwritten = true;
        }
        let gap = match &mut file {
            Some(open) if is_unwritten && open.next_at <= Instant::now() => {
                is_unwritten = false;
                if let Err(error) = open.write(&note) {
                    unwritten(error);
                    file = None;
                }
                None
            }
            Some(open) if is_unwritten => Some(open.next_at),
            Some(_) | None => None,
        };
        let next = match gap {
            Some(until) => incoming.recv_deadline(until),
            None => incoming.recv().map_err(Into::into),
        };
        change = match next {
            Ok(next) => Some(next),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
    }
}

/// The note as a file, and the lock beside it.
struct NoteFile {
    path: PathBuf,
    _lock: File,
    /// When it may be written again.
    next_at: Instant,
}

impl NoteFile {
    fn open(config: &Path) -> io::Result<Self> {
        let place = guardian::note_path(config).map_err(io::Error::other)?;
        let path = of(&place);
        // One of an earlier daemon.
        let _ = std::fs::remove_file(&path);
        let lock: File = files::create(&lock_of(&place))?;
        // Waits for a `doorward status` that asks at this moment.
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Self {
            path,
            _lock: lock,
            next_at: Instant::now(),
        })
    }

    fn write(&mut self, note: &Note) -> io::Result<()> {
        let text = serde_json::to_string(note)?;
        self.next_at = Instant::now() + MIN_WRITE_GAP;
        files::replace(&self.path, text.as_bytes(), 0o600)
    }
}

impl Drop for NoteFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
