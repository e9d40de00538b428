//! Any bytes as a receiver's answer to a webhook: taken only where it says so, and asked once.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward::bridge::fuzz_answer(bytes));
