//! What the environment could do to this program before it has begun.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::files::{self, Kind};

/// Takes a time zone from the environment that no zone can be read from: `TZ=:/dev/zero` or a
/// FIFO would hold everything up that shows a time. To be called while one thread runs.
pub(super) fn settle() {
    for name in ["TZ", "TZDIR"] {
        if std::env::var_os(name).is_none_or(|value| is_zone(&value)) {
            continue;
        }
        eprintln!("doorward: {name} names no time zone file, and is left out");
        // SAFETY: no other thread runs yet.
        unsafe { std::env::remove_var(name) };
    }
}

/// Whether a value is a rule or a name, or a path to an ordinary file or, for TZDIR, folder.
fn is_zone(value: &OsStr) -> bool {
    let bytes = value.as_bytes();
    let path = Path::new(OsStr::from_bytes(bytes.strip_prefix(b":").unwrap_or(bytes)));
    let climbs = path.components().any(|part| part.as_os_str() == "..");
    !climbs && (!path.is_absolute() || path.is_dir() || files::open(path, Kind::Note).is_ok())
}
