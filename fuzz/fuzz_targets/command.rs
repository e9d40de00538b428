//! Any bytes as messages of a broker: one that is kept, late, repeated or made up unlocks nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward::bridge::fuzz_command(bytes));
