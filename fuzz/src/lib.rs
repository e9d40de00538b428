//! What is done with made-up input; the tests do the same with less of it.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use doorward::camera::{self, Next};
use doorward::config::{Camera, Config, Pace, Source};
use doorward::vision::manifest::Manifest;
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

fn in_folder(name: &str, bytes: &[u8], then: impl FnOnce(&Path)) {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir_in("/dev/shm").unwrap());
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        then(&path);
    });
}

/// Any text as a configuration: understood, or told what is wrong with it.
pub fn configure(text: &str) {
    if let Err(error) = Config::parse(text, Path::new("doorward.toml")) {
        assert!(error.to_string().contains("doorward.toml"));
    }
}

/// Any bytes as the manifest of a model set.
pub fn list(bytes: &[u8]) {
    in_folder("manifest.toml", bytes, |path| {
        match Manifest::load(path.parent().unwrap()) {
            Ok(manifest) => {
                for entry in manifest.entries() {
                    // There is no such file: an error, and nothing outside the folder.
                    assert!(manifest.read(entry).is_err());
                }
            }
            Err(error) => assert!(error.to_string().contains("manifest.toml")),
        }
    });
}

/// Any bytes as a recording in place of the camera; `name` says by its ending what kind of
/// clip they are to be.
pub fn play(name: &str, bytes: &[u8]) {
    in_folder(name, bytes, |path| {
        let mut camera = Camera {
            source: Source::Replay,
            ..Camera::default()
        };
        camera.replay.path = path.to_owned();
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
