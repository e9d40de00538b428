//! A terminal of its own for a program, and what is typed and shown there.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

pub struct Pty {
    child: Child,
    screen: File,
    shown: String,
}

impl Pty {
    /// Starts a program with a terminal for all it reads and writes.
    pub fn start(mut command: Command) -> Self {
        let (mut ours, mut theirs) = (0, 0);
        let null = std::ptr::null_mut();
        // SAFETY: room for two numbers; the rest may be left out.
        let opened =
            unsafe { libc::openpty(&mut ours, &mut theirs, null, null.cast(), null.cast()) };
        assert_eq!(opened, 0);
        // SAFETY: both were opened just now.
        let [ours, theirs] = [ours, theirs].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        // The child must not hold the side that is read here.
        unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
        let side = || Stdio::from(theirs.try_clone().unwrap());
        command.stdin(side()).stdout(side()).stderr(side());
        // SAFETY: both calls may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            })
        };
        let child = command.spawn().unwrap();
        // The command holds copies of the other side.
        drop(command);
        drop(theirs);
        Self {
            child,
            screen: File::from(ours),
            shown: String::new(),
        }
    }

    /// Waits until these words are shown, after what was waited for before.
    pub fn await_shown(&mut self, words: &str) {
        let from = self.shown.len();
        while !self.shown[from..].contains(words) {
            assert!(self.read(), "no {words:?} in {:?}", self.shown);
        }
    }

    pub fn type_line(&mut self, line: &str) {
        self.screen
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }

    /// All that was shown, and how it ended.
    pub fn end(mut self) -> (String, ExitStatus) {
        while self.read() {}
        (self.shown.clone(), self.child.wait().unwrap())
    }

    /// False at the end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.screen.read(&mut bytes) {
            // EIO is what a terminal gives that nobody holds any more.
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.shown += &String::from_utf8_lossy(&bytes[..count]);
                true
            }
        }
    }
}
