//! The four threads, a fifth where there is an infrared camera, and how each of them ends.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::capture::Capture;
use super::doorkeeper::Doorkeeper;
use super::judge::Judge;
use super::mailbox::{Mailbox, RecordingEnd};
use super::recorder::Recorder;
use super::remembered::Remembered;
use super::timing::Timing;
use crate::camera::{CameraError, FrameSource};
use crate::guardian::Hold;
use crate::record::{Log, Part};
use crate::vision::VisionError;

/// The running threads.
pub(crate) struct Threads {
    pub door: JoinHandle<()>,
    pub recorder: JoinHandle<(Log, Remembered)>,
    pub judge: JoinHandle<Result<Timing, VisionError>>,
    pub capture: JoinHandle<()>,
    /// Where there is a second camera.
    pub infrared: Option<SecondCapture>,
}

/// The second camera's thread, and where it leaves its frames.
pub(crate) struct SecondCapture {
    pub thread: JoinHandle<()>,
    pub mailbox: Arc<Mailbox>,
}

/// A camera's thread that is to be started: its things, and the camera or why there is none yet.
pub(crate) type Starting = (Capture, Result<Box<dyn FrameSource>, CameraError>);

impl Threads {
    /// Starts them, the door first.
    pub fn start(
        door: Doorkeeper<Hold>,
        recorder: Recorder,
        judge: Judge,
        (capture, camera): Starting,
        infrared: Option<Starting>,
    ) -> io::Result<Self> {
        let named = |name: &str| Builder::new().name(name.into());
        let second = |(capture, camera): Starting| {
            let mailbox = Arc::clone(&capture.mailbox);
            let thread = named("infrared").spawn(move || capture.run(camera))?;
            io::Result::Ok(SecondCapture { thread, mailbox })
        };
        Ok(Self {
            door: named("door").spawn(move || door.run())?,
            recorder: named("audit").spawn(move || recorder.run())?,
            judge: named("vision").spawn(move || {
                let judged = judge.run();
                if let Err(error) = &judged {
                    log::error!("{error}");
                }
                judged
            })?,
            capture: named("camera").spawn(move || capture.run(camera))?,
            infrared: infrared.map(second).transpose()?,
        })
    }

    /// The part that is gone although nobody asked it to stop.
    pub fn ended(&self, mailbox: &Mailbox) -> Option<Part> {
        let recording = mailbox.end();
        let second_ended = self.infrared.as_ref().is_some_and(|second| {
            second.thread.is_finished() && second.mailbox.end() == RecordingEnd::NotYet
        });
        [
            (self.door.is_finished(), Part::Door),
            (self.recorder.is_finished(), Part::Audit),
            (
                self.judge.is_finished() && recording != RecordingEnd::Seen,
                Part::Vision,
            ),
            (
                self.capture.is_finished() && recording == RecordingEnd::NotYet,
                Part::Camera,
            ),
            (second_ended, Part::Infrared),
        ]
        .into_iter()
        .find_map(|(ended, part)| ended.then_some(part))
    }
}

/// Waits for a thread to end; `None` if it hangs or panicked.
pub fn join<T>(thread: JoinHandle<T>, patience: Duration) -> Option<T> {
    let until = Instant::now() + patience;
    while !thread.is_finished() {
        if Instant::now() >= until {
            let name = thread.thread().name().unwrap_or("?").to_owned();
            log::error!("the {name} thread does not stop");
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    thread.join().ok()
}
