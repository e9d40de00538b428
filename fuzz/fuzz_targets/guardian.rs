//! Any bytes from any clients, and any time between them: the line is energised for no
//! longer than the cap, and never without somebody whose lease lives.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward::guardian::fuzz(bytes));
