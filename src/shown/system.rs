//! What the system says of a failure, in words that say what helps.

use std::borrow::Cow;
use std::io;

/// What stands between the system's words and its number.
const NUMBER: &str = " (os error ";

/// In place of the system's words, where those are short of a fix or of plain English.
fn words(number: i32) -> Option<&'static str> {
    Some(match number {
        libc::EPERM => "the system does not permit it",
        // `sudo` is added where it helps.
        libc::EACCES => "permission denied",
        libc::ENOENT => "there is no such file or folder",
        libc::EEXIST => "it is there already, and is not written over; remove it, or name another",
        libc::ENOSPC => "the disk is full; `df -h` shows which, make room on it",
        libc::EDQUOT => {
            "no more may be kept there (disk quota); make room, or have the quota raised"
        }
        libc::EISDIR => "it is a folder; name a file",
        libc::ENOTDIR => "it names a file where a folder has to be",
        libc::ENOTEMPTY => "the folder is not empty",
        libc::EROFS => {
            "the file system is read-only; name another place, or mount it to be written"
        }
        libc::ENAMETOOLONG => "the name is too long; give a shorter one",
        libc::ELOOP => {
            "its links lead in a circle, or it is a link; name the file it is meant to lead to"
        }
        libc::EMFILE | libc::ENFILE => "too many files are open; name fewer at a time",
        libc::EIO => {
            "the disk or device fails (input/output error); the kernel's log says more: `sudo dmesg`"
        }
        libc::ENODEV | libc::ENXIO => "the device is not there (any more)",
        libc::EBUSY | libc::ETXTBSY => "it is in use by another program",
        libc::EFBIG => "the file would be larger than is allowed there",
        libc::ENOMEM => "there is not enough memory",
        libc::EADDRINUSE => "another program has that address",
        libc::EADDRNOTAVAIL => {
            "this machine does not have that address; `ip address` lists what it has"
        }
        libc::ECONNREFUSED => "nobody answers there",
        _ => return None,
    })
}

/// A text in which the system's errors, such as `File exists (os error 17)`, are said in
/// words. What is not known stays as it is, with its number to search for.
pub(crate) fn in_words(text: &str) -> Cow<'_, str> {
    let mut said = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(NUMBER) {
        let (before, from) = rest.split_at(at);
        let after = from.get(NUMBER.len()..).unwrap_or_default();
        let number = after.split_once(')').and_then(|(n, _)| n.parse().ok());
        let known = number.and_then(|number| Some((number, words(number)?)));
        let system = known.map(|(number, _)| io::Error::from_raw_os_error(number).to_string());
        let whole = system.as_deref().unwrap_or_default();
        let theirs = whole.split_once(NUMBER).map_or("", |(theirs, _)| theirs);
        match (known, before.strip_suffix(theirs)) {
            (Some((_, words)), Some(before)) => {
                said += before;
                said += words;
                rest = rest.get(before.len() + whole.len()..).unwrap_or_default();
            }
            _ => {
                said += before;
                said += NUMBER;
                rest = after;
            }
        }
    }
    if said.is_empty() {
        return Cow::Borrowed(text);
    }
    said += rest;
    Cow::Owned(said)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn common_errors_are_said_with_what_helps() {
        for (number, part) in [
            (libc::EEXIST, "name another"),
            (libc::ENOENT, "no such file"),
            (libc::EACCES, "permission denied"),
            (libc::ENOSPC, "disk is full"),
            (libc::EISDIR, "it is a folder"),
            (libc::EROFS, "read-only"),
            (libc::EPERM, "not permit"),
        ] {
            let error = io::Error::from_raw_os_error(number);
            let text = format!("cannot write a: {error}; cannot write b: {error} (twice)");
            let said = in_words(&text);
            assert_eq!(said.matches(part).count(), 2, "{said}");
            assert!(
                said.starts_with("cannot write a: ") && said.ends_with(" (twice)"),
                "{said}"
            );
            assert!(!said.contains("os error"), "{said}");
        }
        let unknown = io::Error::from_raw_os_error(libc::EXDEV).to_string();
        assert_eq!(in_words(&unknown), unknown);
    }

    proptest! {
        /// Whatever else is said stays, also what only looks like a number of the system's.
        #[test]
        fn other_text_stays(text in "[a-z (]{0,9}( \\(os error [0-9x]{0,12}\\)?)?[a-z)]{0,9}") {
            prop_assert_eq!(in_words(&text), text.as_str());
        }
    }
}
