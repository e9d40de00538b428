//! Who stays behind with the rights of whoever named a file, to take it away again if it
//! comes to nothing: root that became the owner of another folder may not do that any more.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What it is told when the file is to stay.
const STAYS: u8 = b'k';

/// A process that removes a file when this is dropped, or when this process dies, unless it
/// was told to leave it.
#[derive(Debug)]
pub(crate) struct Remover {
    pid: libc::pid_t,
    /// Nothing once it was told.
    word: Option<File>,
}

impl Remover {
    /// Of a file that is there, with the rights that are in force now. To be called while
    /// one thread runs.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let about = std::fs::symlink_metadata(path)?;
        let name = CString::new(path.as_os_str().as_bytes())?;
        let mut ends = [0; 2];
        // SAFETY: room for two numbers.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: both were opened just now, and belong to nobody else.
        let [listen, tell] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        let (uid, gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        // SAFETY: no other thread runs, and the child calls nothing but the system.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // SAFETY: as above; the pointers are to what lives as long as the child.
                unsafe {
                    libc::close(tell.as_raw_fd());
                    wait_and_remove(listen.as_raw_fd(), &name, &about, uid, gid)
                }
            }
            pid => Ok(Self {
                pid,
                word: Some(File::from(tell)),
            }),
        }
    }

    /// The file stays.
    pub(crate) fn leave_it(mut self) {
        if let Some(mut word) = self.word.take() {
            let _ = word.write_all(&[STAYS]);
        }
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.word = None;
        // SAFETY: a number and no pointer to write to.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
    }
}

/// What the child does, with one user's rights for good.
///
/// # Safety
/// To be called in a child that was forked while one thread ran.
unsafe fn wait_and_remove(
    listen: libc::c_int,
    name: &CString,
    about: &std::fs::Metadata,
    uid: u32,
    gid: u32,
) -> ! {
    // SAFETY: numbers, and pointers to what lives on.
    unsafe {
        // Whoever presses Ctrl-C means the command, and wants no empty file.
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            libc::signal(signal, libc::SIG_IGN);
        }
        // A user who is already the effective one may make it the only one; the same user's
        // rights over root's would need root's first.
        if libc::geteuid() != libc::getuid() {
            let groups = [gid];
            libc::setresuid(u32::MAX, 0, u32::MAX);
            if libc::setgroups(1, groups.as_ptr()) != 0
                || libc::setresgid(gid, gid, gid) != 0
                || libc::setresuid(uid, uid, uid) != 0
            {
                libc::_exit(1);
            }
        }
        let mut word = 0u8;
        let got = loop {
            let got = libc::read(listen, (&raw mut word).cast(), 1);
            if got >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                break got;
            }
        };
        let stays = got == 1 && word == STAYS;
        let mut now: libc::stat = std::mem::zeroed();
        if !stays
            && libc::lstat(name.as_ptr(), &raw mut now) == 0
            && now.st_dev == about.dev() as libc::dev_t
            && now.st_ino == about.ino() as libc::ino_t
        {
            libc::unlink(name.as_ptr());
        }
        libc::_exit(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_came_to_nothing_is_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["kept", "left", "moved"] {
            std::fs::write(at(name), "").unwrap();
        }
        Remover::of(&at("kept")).unwrap().leave_it();
        drop(Remover::of(&at("left")).unwrap());
        let moved = Remover::of(&at("moved")).unwrap();
        std::fs::rename(at("moved"), at("elsewhere")).unwrap();
        std::fs::write(at("moved"), "another's").unwrap();
        drop(moved);
        for (name, is_there) in [
            ("kept", true),
            ("left", false),
            ("moved", true),
            ("elsewhere", true),
        ] {
            assert_eq!(at(name).exists(), is_there, "{name}");
        }
    }
}
