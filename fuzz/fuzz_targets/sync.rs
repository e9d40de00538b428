//! Any bytes, in any pieces, as messages of a fleet: decoded or refused, and nothing believed
//! that nobody signed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward::fleet::fuzz(bytes));
