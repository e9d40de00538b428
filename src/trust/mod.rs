//! In whose hands a file is: who could change it, or put another in its place. As sshd's
//! StrictModes and stricter than the permissions of the file alone, because whoever may
//! write a folder may replace what is in it.

mod owner;
mod remover;

pub(crate) use self::owner::{Guest, Owner, become_owner};
pub(crate) use self::remover::Remover;

use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Links on the way to a file that are followed, as the kernel does.
const MAX_LINKS: usize = 40;
const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;

/// Somebody else could change what lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exposed {
    path: PathBuf,
    to: Whom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Who owns it, by number.
    Owner(u32),
    /// The members of its group, by number; and whether that is its owner's own.
    Group(u32, bool),
    Everybody,
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.to {
            Whom::Owner(uid) => write!(
                f,
                "{path} belongs to user {uid}, who can change it: chown root {path}"
            ),
            Whom::Group(gid, _) => {
                write!(f, "{path} can be written by group {gid}: chmod g-w {path}")
            }
            Whom::Everybody => write!(f, "{path} can be written by everybody: chmod go-w {path}"),
        }
    }
}

impl Exposed {
    /// Whether it is more than what a developer's own files commonly are: another owner than
    /// whoever runs the program, or writable by a group that is its owner's own.
    pub(crate) fn is_grave(&self) -> bool {
        matches!(self.to, Whom::Everybody | Whom::Group(_, false))
    }
}

/// Where others than root and the user `runner` could change `path` or what leads to it,
/// from `/` on.
///
/// # Errors
/// What the system says of a part of the path.
pub(crate) fn exposed(path: &Path, runner: u32) -> io::Result<Vec<Exposed>> {
    let mut found = Vec::new();
    for (path, about) in way(path)? {
        if let Some(to) = judge(&Entry::of(&about), runner) {
            let one = Exposed { path, to };
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    Ok(found)
}

struct Entry {
    uid: u32,
    gid: u32,
    mode: u32,
    is_link: bool,
    is_folder: bool,
}

impl Entry {
    fn of(about: &Metadata) -> Self {
        Self {
            uid: about.uid(),
            gid: about.gid(),
            mode: about.mode(),
            is_link: about.is_symlink(),
            is_folder: about.is_dir(),
        }
    }
}

fn judge(entry: &Entry, runner: u32) -> Option<Whom> {
    if entry.uid != ROOT && entry.uid != runner {
        return Some(Whom::Owner(entry.uid));
    }
    // A link's own mode says nothing; in a folder such as /tmp nobody can replace what is not theirs.
    if entry.is_link || entry.is_folder && entry.mode & STICKY != 0 {
        return None;
    }
    if entry.mode & 0o002 != 0 {
        return Some(Whom::Everybody);
    }
    let own = entry.gid == entry.uid;
    (entry.mode & 0o020 != 0).then_some(Whom::Group(entry.gid, own))
}

/// Every folder, link and at last the file that is passed on the way to a path.
fn way(path: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let absolute = std::env::current_dir()?.join(path);
    let mut left = steps(&absolute);
    let mut at = PathBuf::from("/");
    let mut passed = vec![(at.clone(), std::fs::symlink_metadata(&at)?)];
    let mut links = 0;
    while let Some(step) = left.pop() {
        match step {
            Step::Top => at = PathBuf::from("/"),
            Step::Up => {
                at.pop();
            }
            Step::Down(name) => {
                let here = at.join(name);
                let about = std::fs::symlink_metadata(&here)?;
                if about.is_symlink() {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(io::Error::from_raw_os_error(libc::ELOOP));
                    }
                    left.extend(steps(&std::fs::read_link(&here)?));
                } else {
                    at.clone_from(&here);
                }
                passed.push((here, about));
            }
        }
    }
    Ok(passed)
}

enum Step {
    Top,
    Up,
    Down(OsString),
}

/// The last first.
fn steps(path: &Path) -> Vec<Step> {
    let steps = path.components().rev().filter_map(|part| match part {
        Component::RootDir => Some(Step::Top),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_root_and_who_runs_it_may_be_able_to_write() {
        let folder = true;
        for (uid, gid, mode, is_folder, expected) in [
            (0, 0, 0o644, false, None),
            (7, 7, 0o600, false, None),
            (8, 7, 0o600, false, Some(Whom::Owner(8))),
            (0, 50, 0o664, false, Some(Whom::Group(50, false))),
            (7, 7, 0o664, false, Some(Whom::Group(7, true))),
            (7, 7, 0o666, false, Some(Whom::Everybody)),
            (0, 0, 0o777, folder, Some(Whom::Everybody)),
            (0, 0, 0o1777, folder, None),
            (8, 8, 0o1777, folder, Some(Whom::Owner(8))),
            // Sticky says nothing of a file.
            (0, 0, 0o1666, false, Some(Whom::Everybody)),
        ] {
            let entry = Entry {
                uid,
                gid,
                mode,
                is_link: false,
                is_folder,
            };
            assert_eq!(judge(&entry, 7), expected, "{uid} {gid} {mode:o}");
        }
    }

    #[test]
    fn links_lead_on_to_what_they_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/file"), "").unwrap();
        std::os::unix::fs::symlink("real", at("link")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        let passed = way(&at("link/../link/file")).unwrap();
        let names: Vec<_> = passed
            .iter()
            .filter_map(|(path, _)| path.strip_prefix(dir.path()).ok())
            .map(|path| path.display().to_string())
            .collect();
        let expected = ["", "link", "real", "link", "real", "real/file"];
        assert_eq!(names, expected);
        assert!(way(&at("loop")).is_err());
    }
}
