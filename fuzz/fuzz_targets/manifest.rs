//! Any text as the manifest of a model set.
#![no_main]

use std::cell::OnceCell;

use doorward::vision::manifest::Manifest;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

fuzz_target!(|text: &[u8]| {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir_in("/dev/shm").unwrap());
        std::fs::write(folder.path().join("manifest.toml"), text).unwrap();
        match Manifest::load(folder.path()) {
            Ok(manifest) => {
                for entry in manifest.entries() {
                    // There is no such file: an error, and nothing outside the folder.
                    assert!(manifest.read(entry).is_err());
                }
            }
            Err(error) => assert!(error.to_string().contains("manifest.toml")),
        }
    });
});
