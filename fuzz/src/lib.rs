//! Any bytes as a recording in place of the camera.

use std::cell::OnceCell;
use std::time::Duration;

use doorward::camera::{self, Next};
use doorward::config::{Camera, Pace, Source};
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// `name` says by its ending what kind of clip the bytes are to be.
pub fn play(name: &str, bytes: &[u8]) {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir_in("/dev/shm").unwrap());
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut camera = Camera {
            source: Source::Replay,
            ..Camera::default()
        };
        camera.replay.path = path;
        camera.replay.pace = Pace::EveryFrame;
        let Ok(mut source) = camera::open(&camera) else {
            return;
        };
        for _ in 0..16 {
            match source.next_frame(Duration::ZERO) {
                Ok(Next::Ended) | Err(_) => return,
                Ok(_) => {}
            }
        }
    });
}
