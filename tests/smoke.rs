//! Made-up input for what reads input from outside: what `make fuzz` does for as long as one
//! likes, here for as long as a test may take. The guardian's socket and the rows of the
//! record are in `guardian/tests.rs` and `record/body.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/mutated.rs"]
mod mutated;
mod support;
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = support::project().join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn any_configuration_is_understood_or_told_what_is_wrong() {
    let seeds = ["doorward", "demo", "webcam", "clip"].map(|n| read(format!("config/{n}.toml")));
    let (mut good, mut bad) = (0, 0);
    mutated::feed(&seeds, 2000, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        targets::configure(text);
        match doorward::config::Config::parse(text, Path::new("doorward.toml")) {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
    });
    assert!(good > 4 && bad > 40, "{good} understood, {bad} not");
}

#[test]
fn any_manifest_is_understood_or_told_what_is_wrong() {
    mutated::feed(&[read("models/manifest.toml")], 2000, targets::list);
}

#[test]
fn any_recording_ends() {
    let photo = read("tests/photos/barack-obama/01.jpg");
    let small = image::load_from_memory(&photo).unwrap().thumbnail(64, 64);
    let mut jpeg = Vec::new();
    small
        .write_to(
            &mut std::io::Cursor::new(&mut jpeg),
            image::ImageFormat::Jpeg,
        )
        .unwrap();
    mutated::feed(&[jpeg.repeat(3)], 2000, |bytes| {
        targets::play("clip.mjpeg", bytes);
    });
    let mut clip = b"YUV4MPEG2 W64 H64 F15:1 C420jpeg\n".to_vec();
    for _ in 0..3 {
        clip.extend(b"FRAME\n");
        clip.extend([128; 64 * 64 * 3 / 2]);
    }
    mutated::feed(&[clip], 2000, |bytes| targets::play("clip.y4m", bytes));
}
