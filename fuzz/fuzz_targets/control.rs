//! Any bytes from clients of every role, in any pieces, at the control socket: nothing is done
//! that a role does not allow, and no more is held than may be.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| doorward::daemon::fuzz_control(bytes));
