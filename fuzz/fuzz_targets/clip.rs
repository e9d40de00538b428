//! Any bytes as a `.y4m` clip.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward_fuzz::play("clip.y4m", bytes));
