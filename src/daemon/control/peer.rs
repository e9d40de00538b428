//! Who is at the other end, by the kernel's word.

use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::ipc::Peer;
use crate::record::Actor;

/// Groups of a user that are asked for.
const MAX_GROUPS: usize = 65_536;
/// Of a group's entry, in bytes.
const MAX_ENTRY_BYTES: usize = 1 << 20;
/// What the kernel shows where nobody logged in.
const NOBODY: u32 = u32::MAX;

/// A peer, and who logged in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub peer: Peer,
    pub login_uid: Option<u32>,
    /// For whom the request asks that is dealt with: the account it claims.
    pub account: Option<String>,
}

impl Who {
    /// Whoever made a connection, as it was then.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let libc::ucred { pid, uid, gid } = credentials(stream)?;
        let mut gids = groups(stream)?;
        gids.push(gid);
        Ok(Self {
            peer: Peer { uid, gids },
            login_uid: login_uid(pid, uid),
            account: None,
        })
    }

    /// For the record.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            uid: self.peer.uid,
            login_uid: self.login_uid,
            claimed: self.account.clone(),
        }
    }
}

/// Process, user and group; a process of 0 for one that is not seen from here.
fn credentials(stream: &UnixStream) -> io::Result<libc::ucred> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };
    let mut bytes = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: a structure of numbers with its size, and the descriptor is open.
    let got = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut bytes,
        )
    };
    match got {
        0 => Ok(peer),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The peer's groups beside its own one.
fn groups(stream: &UnixStream) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let size = size_of::<libc::gid_t>();
        let mut bytes = libc::socklen_t::try_from(groups.len() * size).unwrap_or(0);
        // SAFETY: a buffer of that many bytes, and the descriptor is open.
        let got = unsafe {
            libc::getsockopt(
                stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let count = usize::try_from(bytes).unwrap_or(0) / size;
        if got == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || groups.len() >= MAX_GROUPS {
            return Err(error);
        }
        groups.resize(count.clamp(groups.len() * 2, MAX_GROUPS), 0);
    }
}

/// Who logged in where a process was started; nothing if that cannot be told, or if the
/// process is another by now.
fn login_uid(pid: i32, uid: u32) -> Option<u32> {
    let place = Path::new("/proc").join(pid.to_string());
    let text = std::fs::read_to_string(place.join("loginuid")).ok()?;
    let owner = std::fs::metadata(&place).ok()?.uid();
    let login = text.trim().parse().ok().filter(|uid| *uid != NOBODY);
    // What may not be looked into is root's.
    login.filter(|_| owner == uid || owner == 0)
}

/// The number of a group; nothing if there is none.
pub(super) fn gid_of(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut text = vec![0; 4096];
    loop {
        // SAFETY: a structure of numbers and pointers, which may all be 0.
        let mut group: libc::group = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all of them live on, and the length is the buffer's.
        let failed = unsafe {
            libc::getgrnam_r(
                name.as_ptr(),
                &raw mut group,
                text.as_mut_ptr(),
                text.len(),
                &raw mut found,
            )
        };
        if failed == libc::ERANGE && text.len() < MAX_ENTRY_BYTES {
            text.resize(text.len() * 4, 0);
            continue;
        }
        return (failed == 0 && !found.is_null()).then_some(group.gr_gid);
    }
}
