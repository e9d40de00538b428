//! A keypad or a reader that types: a Linux input device, for this process alone.
//!
//! It is found by the place it is plugged into, has to have the vendor and product of the
//! configuration, and is grabbed: what is typed reaches no terminal. The few calls that takes
//! are made here.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::mem::size_of;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::ioctl::{Getter, IntegerSetter, Setter, ioctl, opcode};

use super::core::Input;
use super::lines::Retry;
use super::reading::{Digit, Key, Part};
use super::typing::Stroke;
use crate::config;
use crate::guardian::BootTime;

/// `struct input_id`: bus, vendor, product, version.
type InputId = [u16; 4];
const EVIOCGID: rustix::ioctl::Opcode = opcode::read::<InputId>(b'E', 0x02);
const EVIOCGRAB: rustix::ioctl::Opcode = opcode::write::<libc::c_int>(b'E', 0x90);
const EVIOCSCLOCKID: rustix::ioctl::Opcode = opcode::write::<libc::c_int>(b'E', 0xa0);

/// Bytes of one event: two words of time, two numbers of two bytes and one of four.
const EVENT_BYTES: usize = size_of::<libc::input_event>();
/// Events that are read at one time.
const MAX_READ_EVENTS: usize = 64;
const EV_SYN: u16 = 0;
const SYN_DROPPED: u16 = 3;
const EV_KEY: u16 = 1;
const PRESSED: i32 = 1;

/// One device, or the place where it is to be.
pub(super) struct Keys {
    part: Part,
    path: PathBuf,
    id: [Option<u16>; 2],
    device: Option<File>,
    has_boot_clock: bool,
    retry: Retry,
}

impl Keys {
    /// Nothing where none is configured. One that is not plugged in is lost.
    pub(super) fn open(
        typist: &config::Typist,
        part: Part,
        happened: &mut Vec<Input>,
    ) -> Option<Self> {
        let mut keys = Self {
            part,
            path: typist.device.clone()?,
            id: [typist.vendor, typist.product],
            device: None,
            has_boot_clock: false,
            retry: Retry::default(),
        };
        match keys.grab() {
            Ok(()) => {}
            Err(error) => keys.lose(&error, happened),
        }
        Some(keys)
    }

    fn grab(&mut self) -> io::Result<()> {
        let device = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(&self.path)?;
        if !device.metadata()?.file_type().is_char_device() {
            return Err(io::Error::other("it is no input device"));
        }
        // SAFETY: the kernel writes four numbers of two bytes.
        let id = unsafe { ioctl(&device, Getter::<EVIOCGID, InputId>::new()) }?;
        let [_, vendor, product, _] = id;
        if self.id != [Some(vendor), Some(product)] {
            return Err(io::Error::other(format!(
                "it is vendor 0x{vendor:04x} and product 0x{product:04x}, and not the configured one"
            )));
        }
        // SAFETY: the call takes a number and no pointer.
        unsafe { ioctl(&device, IntegerSetter::<EVIOCGRAB>::new_usize(1)) }?;
        let clock = libc::CLOCK_BOOTTIME;
        // SAFETY: the kernel reads one number.
        let boot = unsafe { ioctl(&device, Setter::<EVIOCSCLOCKID, libc::c_int>::new(clock)) };
        self.has_boot_clock = boot.is_ok();
        self.device = Some(device);
        self.retry = Retry::default();
        Ok(())
    }

    fn lose(&mut self, error: &io::Error, happened: &mut Vec<Input>) {
        self.device = None;
        if self.retry.failed() {
            log::error!("{} ({}) is lost: {error}", self.part, self.path.display());
        }
        happened.push(Input::Lost(self.part));
    }

    pub(super) fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.device.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn look(&mut self, happened: &mut Vec<Input>) {
        if self.device.is_some() || !self.retry.is_due() {
            return;
        }
        match self.grab() {
            Ok(()) => {
                log::info!("{} ({}) is back", self.part, self.path.display());
                happened.push(Input::Back(self.part));
            }
            Err(error) => self.lose(&error, happened),
        }
    }

    pub(super) fn read(&mut self, happened: &mut Vec<Input>) {
        let Some(device) = &mut self.device else {
            return;
        };
        let mut bytes = [0; EVENT_BYTES * MAX_READ_EVENTS];
        let read = match device.read(&mut bytes) {
            Ok(0) => Err(io::Error::other("it has ended")),
            Ok(read) => Ok(read),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(error) => Err(error),
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => return self.lose(&error, happened),
        };
        let events = bytes
            .get(..read)
            .unwrap_or_default()
            .chunks_exact(EVENT_BYTES);
        for (at, stroke) in events.filter_map(event) {
            let at = if self.has_boot_clock {
                at
            } else {
                BootTime::now()
            };
            happened.push(match self.part {
                Part::Reader => Input::Typed(at, stroke),
                _ => Input::Pressed(at, stroke),
            });
        }
    }
}

/// One `struct input_event`, if it is a key that goes down or says that some were lost.
fn event(bytes: &[u8]) -> Option<(BootTime, Stroke)> {
    const WORD: usize = size_of::<usize>();
    let (time, rest) = bytes.split_at_checked(2 * WORD)?;
    let (seconds, micros) = time.split_at_checked(WORD)?;
    let word = |bytes: &[u8]| Some(usize::from_ne_bytes(bytes.try_into().ok()?) as u64);
    let ms = word(seconds)?
        .saturating_mul(1000)
        .saturating_add(word(micros)? / 1000);
    let [t0, t1, c0, c1, value @ ..] = rest else {
        return None;
    };
    let (kind, code) = (
        u16::from_ne_bytes([*t0, *t1]),
        u16::from_ne_bytes([*c0, *c1]),
    );
    let stroke = match (kind, i32::from_ne_bytes(value.try_into().ok()?)) {
        (EV_SYN, _) if code == SYN_DROPPED => Stroke::Overrun,
        (EV_KEY, PRESSED) => key(code).map_or(Stroke::Other, Stroke::Key),
        _ => return None,
    };
    Some((BootTime::from_ms(ms), stroke))
}

/// By `linux/input-event-codes.h`: the row of a keyboard, the block of numbers, a telephone.
fn key(code: u16) -> Option<Key> {
    const BLOCK: [(u16, u8); 10] = [
        (82, 0),
        (79, 1),
        (80, 2),
        (81, 3),
        (75, 4),
        (76, 5),
        (77, 6),
        (71, 7),
        (72, 8),
        (73, 9),
    ];
    let digit = match code {
        // KEY_1 to KEY_9, KEY_0
        2..=10 => code - 1,
        11 => 0,
        // KEY_NUMERIC_0 to KEY_NUMERIC_9
        512..=521 => code - 512,
        // KEY_ENTER, KEY_KPENTER, KEY_NUMERIC_POUND
        28 | 96 | 523 => return Some(Key::Enter),
        // KEY_ESC, KEY_BACKSPACE, KEY_KPASTERISK, KEY_NUMERIC_STAR
        1 | 14 | 55 | 522 => return Some(Key::Clear),
        _ => BLOCK.iter().find(|(c, _)| *c == code)?.1.into(),
    };
    Digit::new(digit as u8).map(Key::Digit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(kind: u16, code: u16, value: i32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(12usize.to_ne_bytes());
        bytes.extend(345_678usize.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
        bytes
    }

    #[test]
    fn events_are_read_as_the_kernel_writes_them() {
        assert_eq!(raw(0, 0, 0).len(), EVENT_BYTES);
        let at = BootTime::from_ms(12_345);
        let digit = |d| Stroke::Key(Key::Digit(Digit::new(d).unwrap()));
        for (code, stroke) in [
            (2, digit(1)),
            (11, digit(0)),
            (82, digit(0)),
            (73, digit(9)),
            (521, digit(9)),
        ] {
            assert_eq!(event(&raw(1, code, 1)), Some((at, stroke)), "{code}");
        }
        assert_eq!(event(&raw(1, 96, 1)), Some((at, Stroke::Key(Key::Enter))));
        assert_eq!(event(&raw(1, 30, 1)), Some((at, Stroke::Other)));
        assert_eq!(event(&raw(0, 3, 0)), Some((at, Stroke::Overrun)));
        // Released, repeated, a scan code, what ends a key, and half of one.
        for (kind, code, value) in [(1, 2, 0), (1, 2, 2), (4, 4, 7), (0, 0, 0)] {
            assert_eq!(event(&raw(kind, code, value)), None);
        }
        assert_eq!(event(&raw(1, 2, 1)[1..]), None);
    }
}
