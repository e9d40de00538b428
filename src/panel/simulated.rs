//! A folder that stands for the panel's wires, for trials and tests.
//!
//! `wires` in it is a FIFO that takes one line each, such as by
//! `echo "contact open" >wires`:
//!
//! ```text
//! contact open|closed         tamper open|closed    other-door open|closed
//! rex pressed|released        rotor turning|resting
//! keys 1234#                  0 to 9, # is Enter, * clears
//! card 0012345                a reader that types: digits and Enter
//! wiegand 01100…              pulses on D0 and D1, a millisecond apart, and a pause
//! lost PART    back PART      contact, rex, …, keypad, reader, wiegand
//! ```
//!
//! Each output is a file `outputs/NAME` of one line, `on` or `off`, padded to one width and
//! overwritten in place; like the worst real line it keeps its level when the process dies.
//! What has no line or device in the configuration is not there. The folder has one holder,
//! by a lock on `lock`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{CWD, FileType, FlockOperation, Mode, flock, mknodat};

use super::board::{Board, BoardError};
use super::core::Input;
use super::reading::{Digit, Key, Part, Wire};
use super::typing::Stroke;
use super::wiegand::Pulse;
use crate::config;
use crate::guardian::BootTime;

/// The longest line of `wires`.
const MAX_LINE_BYTES: usize = 512;
/// From one pulse to the next.
const PULSE_DISTANCE_NS: u64 = 1_000_000;

/// The folder.
pub(super) struct Simulated {
    wires: File,
    begun: Vec<u8>,
    outputs: Vec<File>,
    /// Levels, as long as nobody says another.
    levels: [bool; 5],
    gap_ms: u64,
    /// Held for as long as it is open.
    _lock: File,
}

impl Simulated {
    pub(super) fn open(panel: &config::Panel) -> Result<Self, BoardError> {
        let folder = &panel.state_dir;
        let failed = |what: &Path| {
            let what = what.display().to_string();
            move |source| BoardError::Folder { what, source }
        };
        let at = folder.join("outputs");
        fs::create_dir_all(&at).map_err(failed(&at))?;
        let at = folder.join("lock");
        let lock = file(&at).map_err(failed(&at))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
            failed(folder)(match errno {
                rustix::io::Errno::WOULDBLOCK => io::Error::other("a running doorward holds it"),
                errno => errno.into(),
            })
        })?;
        let at = folder.join("wires");
        let wires = fifo(&at).map_err(failed(&at))?;
        let mut outputs = Vec::new();
        for name in panel.output.keys() {
            let at = folder.join("outputs").join(name);
            let output = file(&at).and_then(|file| set(&file, false).map(|()| file));
            outputs.push(output.map_err(failed(&at))?);
        }
        Ok(Self {
            wires,
            begun: Vec::new(),
            outputs,
            levels: [false; 5],
            gap_ms: panel.wiegand.gap_ms,
            _lock: lock,
        })
    }

    fn line(&mut self, line: &[u8], happened: &mut Vec<Input>) {
        let line = String::from_utf8_lossy(line);
        let known = line
            .split_once(' ')
            .and_then(|(word, rest)| self.take(word, rest.trim(), happened));
        if known.is_none() {
            let shown: String = line.chars().take(40).collect();
            log::warn!(
                "the simulated panel knows no wire like `{}`",
                shown.escape_default()
            );
        }
    }

    fn take(&mut self, word: &str, rest: &str, happened: &mut Vec<Input>) -> Option<()> {
        let now = BootTime::now();
        match word {
            "keys" => {
                let keys: Option<Vec<Key>> = rest.bytes().map(key).collect();
                happened.extend(
                    keys?
                        .into_iter()
                        .map(|key| Input::Pressed(now, Stroke::Key(key))),
                );
            }
            "card" => {
                let digits: Option<Vec<Key>> = rest.bytes().map(key).collect();
                let keys = digits?.into_iter().chain([Key::Enter]);
                happened.extend(keys.map(|key| Input::Typed(now, Stroke::Key(key))));
            }
            "wiegand" => {
                let pulses: Option<Vec<Pulse>> = rest.bytes().map(pulse).collect();
                let pulses = pulses?;
                // They were before now, the last of them a gap ago.
                let before = self.gap_ms.saturating_add(pulses.len() as u64);
                let first = now.as_ms().saturating_sub(before);
                for (n, pulse) in (0u64..).zip(pulses) {
                    let at = BootTime::from_ms(first + n);
                    happened.push(Input::Pulse((first + n) * PULSE_DISTANCE_NS, at, pulse));
                }
            }
            "lost" | "back" => {
                let part = Part::from_code(rest).filter(|part| *part != Part::Panel)?;
                happened.push(if word == "lost" {
                    Input::Lost(part)
                } else {
                    Input::Back(part)
                });
                let wire = (0..).zip(Wire::ALL).find(|(_, wire)| wire.part() == part);
                if let Some((place, wire)) = wire.filter(|_| word == "back") {
                    happened.push(Input::Level(wire, now, self.level(place)));
                }
            }
            _ => {
                let wires = || (0usize..).zip(Wire::ALL);
                let (place, wire) = wires().find(|(_, wire)| wire.part().code() == word)?;
                let active = wire.words().iter().position(|one| *one == rest)? == 0;
                if let Some(level) = self.levels.get_mut(place) {
                    *level = active;
                }
                happened.push(Input::Edge(wire, now, active));
            }
        }
        Some(())
    }

    fn level(&self, place: usize) -> bool {
        self.levels.get(place).copied().unwrap_or(false)
    }
}

impl Board for Simulated {
    fn watched(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.wires.as_fd()]
    }

    fn read(&mut self, happened: &mut Vec<Input>) {
        let mut bytes = [0; 4096];
        // One read a turn: whoever writes without end holds nothing up.
        let Ok(read) = self.wires.read(&mut bytes) else {
            return;
        };
        for &byte in bytes.iter().take(read) {
            if byte != b'\n' {
                // What is too long is cut, and no wire then.
                if self.begun.len() < MAX_LINE_BYTES {
                    self.begun.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.begun);
            self.line(&line, happened);
        }
    }

    fn look(&mut self, happened: &mut Vec<Input>) {
        let now = BootTime::now();
        for (place, wire) in (0..).zip(Wire::ALL) {
            happened.push(Input::Level(wire, now, self.level(place)));
        }
    }

    fn light(&mut self, output: usize, lit: bool, happened: &mut Vec<Input>) {
        let done = self.outputs.get(output).map(|file| set(file, lit));
        happened.push(match done {
            Some(Err(_)) => Input::Lost(Part::Outputs),
            Some(Ok(())) | None => Input::Back(Part::Outputs),
        });
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        for output in &self.outputs {
            let _ = set(output, false);
        }
    }
}

fn key(byte: u8) -> Option<Key> {
    match byte {
        b'#' => Some(Key::Enter),
        b'*' => Some(Key::Clear),
        digit => Digit::new(digit.wrapping_sub(b'0')).map(Key::Digit),
    }
}

fn pulse(byte: u8) -> Option<Pulse> {
    match byte {
        b'0' => Some(Pulse::D0),
        b'1' => Some(Pulse::D1),
        _ => None,
    }
}

/// In place and of one width, so that a process killed at any instant leaves one of the two.
fn set(file: &File, lit: bool) -> io::Result<()> {
    let text: &[u8] = if lit { b"on \n" } else { b"off\n" };
    file.write_all_at(text, 0)
}

/// An ordinary file to write, no link.
fn file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no ordinary file")),
    }
}

/// A FIFO that never ends: this process could write it too.
fn fifo(path: &Path) -> io::Result<File> {
    match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    match file.metadata()?.file_type().is_fifo() {
        true => Ok(file),
        false => Err(io::Error::other("it is no FIFO")),
    }
}
