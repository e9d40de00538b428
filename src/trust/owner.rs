//! Root that becomes the owner of a folder before it writes there: what it makes then is the
//! owner's, and what the owner laid in its way leads nowhere the owner could not go.

use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Of a user's entry, in bytes.
const MAX_ENTRY_BYTES: usize = 64 * 1024;
/// Groups of a user that are kept.
const MAX_GROUPS: usize = 1024;

/// Who this process is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    uid: u32,
    name: Option<CString>,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(&name.to_string_lossy()),
            None => write!(f, "user {}", self.uid),
        }
    }
}

/// Has the process be the owner of a folder from now on, with the owner's groups, if it is
/// root and the owner is not. There is no way back. To be called while one thread runs.
///
/// # Errors
/// What the system says; then the process must not go on.
pub(crate) fn become_owner(folder: &Path) -> io::Result<Option<Owner>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let about = match std::fs::metadata(folder) {
        Ok(about) => about,
        // Whoever needs it will say so.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let uid = about.uid();
    if uid == 0 {
        return Ok(None);
    }
    let User { name, gid, groups } = User::of(uid, about.gid())?;
    // SAFETY: a pointer to that many numbers; the other calls take numbers only.
    let done = unsafe {
        libc::setgroups(groups.len() as _, groups.as_ptr()) == 0
            && libc::setresgid(gid, gid, gid) == 0
            && libc::setresuid(uid, uid, uid) == 0
    };
    if !done {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes a number only.
    if unsafe { libc::setuid(0) } == 0 {
        return Err(io::Error::other("root's rights did not go"));
    }
    Ok(Some(Owner { uid, name }))
}

/// Whose rights a process has.
struct User {
    name: Option<CString>,
    gid: u32,
    groups: Vec<u32>,
}

impl User {
    /// With the system's entry, or else with one group.
    fn of(uid: u32, gid: u32) -> io::Result<Self> {
        Ok(match entry(uid)? {
            Some((name, gid)) => Self {
                groups: groups(&name, gid),
                name: Some(name),
                gid,
            },
            None => Self {
                name: None,
                gid,
                groups: vec![gid],
            },
        })
    }
}

/// Who has a word in a folder: the user that `sudo` was typed by, or without one the owner
/// of the folder. What that user laid in the way leads nowhere the user could not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guest {
    uid: u32,
    gid: u32,
}

impl Guest {
    /// Of a folder; nothing if the process is not root, or if root itself would act in a
    /// folder that others may write.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
        if let (Some(uid), Some(gid)) = (number("SUDO_UID"), number("SUDO_GID"))
            && uid != 0
        {
            return Some(Self { uid, gid });
        }
        let about = std::fs::metadata(folder).ok()?;
        let (uid, gid) = (about.uid(), about.gid());
        let is_open = about.mode() & 0o022 != 0;
        (uid != 0 || !is_open).then_some(Self { uid, gid })
    }

    /// Whether that is the user.
    pub(crate) fn is(self, uid: u32) -> bool {
        self.uid == uid
    }

    /// Does something with the guest's rights, while one thread runs.
    ///
    /// # Errors
    /// What the system says. The process must not go on if root's rights did not come back.
    pub(crate) fn act<T>(self, what: impl FnOnce() -> T) -> io::Result<T> {
        if self.uid == 0 {
            return Ok(what());
        }
        let user = User::of(self.uid, self.gid)?;
        let before = rustix::process::getgroups()?;
        let before: Vec<u32> = before.iter().map(|group| group.as_raw()).collect();
        let (own_uid, own_gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        let become_now = |uid: u32, gid: u32, groups: &[u32], first: bool| {
            const SAME: u32 = u32::MAX;
            // The user goes last and comes back first: only root may change groups.
            // SAFETY: a pointer to that many numbers; the other calls take numbers only.
            let done = unsafe {
                (!first || libc::setresuid(SAME, uid, SAME) == 0)
                    && libc::setgroups(groups.len() as _, groups.as_ptr()) == 0
                    && libc::setresgid(SAME, gid, SAME) == 0
                    && (first || libc::setresuid(SAME, uid, SAME) == 0)
            };
            if done {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        };
        let became = become_now(self.uid, user.gid, &user.groups, false);
        let done = became.map(|()| what());
        become_now(own_uid, own_gid, &before, true)?;
        done
    }
}

/// Name and group of a user; nothing if there is no entry.
fn entry(uid: u32) -> io::Result<Option<(CString, u32)>> {
    // SAFETY: a structure of numbers and pointers, which may all be 0.
    let mut user: libc::passwd = unsafe { std::mem::zeroed() };
    let mut text = vec![0; MAX_ENTRY_BYTES];
    let mut found = std::ptr::null_mut();
    // SAFETY: all three live on, and the length is the buffer's.
    let failed = unsafe {
        libc::getpwuid_r(
            uid,
            &raw mut user,
            text.as_mut_ptr(),
            text.len(),
            &raw mut found,
        )
    };
    match failed {
        0 | libc::ENOENT if found.is_null() => Ok(None),
        0 => {
            // SAFETY: set by the call, and ends with a 0 within `text`.
            let name = unsafe { CStr::from_ptr(user.pw_name) };
            Ok(Some((name.to_owned(), user.pw_gid)))
        }
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// All groups of a user.
fn groups(name: &CStr, gid: u32) -> Vec<u32> {
    let mut groups = vec![gid; MAX_GROUPS];
    let mut count = MAX_GROUPS as libc::c_int;
    // SAFETY: a text that ends with a 0, and room for `count` numbers.
    let got =
        unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
    let known = usize::try_from(count).unwrap_or(1);
    groups.truncate(if got < 0 { MAX_GROUPS } else { known });
    groups
}
