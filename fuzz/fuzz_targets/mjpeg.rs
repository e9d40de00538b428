//! Any bytes as a `.mjpeg` clip.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward_fuzz::play("clip.mjpeg", bytes));
