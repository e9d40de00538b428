//! Any bytes as a row of the record: shown, or told to be none.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward::record::fuzz(bytes));
