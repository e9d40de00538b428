//! What the system knows of the wall's clock.

use std::path::Path;

/// Touched by systemd-timesyncd whenever it has set the clock; gone after a boot.
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// Whether something sets it right: the kernel's word, or systemd-timesyncd's where the
/// service's sandbox does not let the kernel be asked. False where nobody tells.
pub(crate) fn is_synchronised() -> bool {
    kernel_says_so() || Path::new(TIMESYNCD).exists()
}

fn kernel_says_so() -> bool {
    // SAFETY: `timex` is plain numbers, for which zero is valid; with `modes` 0 nothing is set.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is valid for the length of the call.
    let told = unsafe { libc::adjtimex(&raw mut state) };
    told >= 0 && told != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0
}
