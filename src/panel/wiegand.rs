//! Wiegand: from pulses on two lines to a card.
//!
//! A pulse on D0 is a zero, one on D1 a one; 50 microseconds wide, one to some milliseconds
//! apart, and nothing says that a frame is over but a pause. What is not a whole frame of a
//! known length with every parity right is noise, and told as such.

use std::time::Duration;

use super::reading::{Card, Digit, Flaw, Key, Misread};
use crate::config;
use crate::guardian::BootTime;

/// Bits that are kept of a frame; more are counted.
pub(crate) const MAX_FRAME_BITS: usize = 64;
/// Pulses that follow each other sooner are no reader's: 200 microseconds are the least that
/// readers are specified with.
const MIN_PULSE_DISTANCE_NS: u64 = 50_000;

/// One line of a reader's pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// A zero.
    D0,
    /// A one.
    D1,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Card(Card),
    Key(Key),
    Misread(Misread),
}

/// One format: which bits are what, as masks; bit 0 is the last one sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    bits: usize,
    facility: u64,
    number: u64,
    parities: Vec<Parity>,
}

/// The bits that have, together with the parity bit itself, an even or odd number of ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parity {
    mask: u64,
    odd: bool,
}

impl Format {
    /// From `fields` and `parity` of the configuration; nothing where they are no format.
    pub(super) fn new(fields: &str, parity: &[String]) -> Option<Self> {
        let bits = fields.len();
        if bits > MAX_FRAME_BITS {
            return None;
        }
        let mask = |text: &str, letters: &[u8]| {
            text.bytes()
                .fold(0u64, |mask, b| mask << 1 | u64::from(letters.contains(&b)))
        };
        let parities = parity.iter().map(|one| {
            let odd = one.contains('O');
            (one.len() == bits).then(|| Parity {
                mask: mask(one, b"xEO"),
                odd,
            })
        });
        Some(Self {
            bits,
            facility: mask(fields, b"F"),
            number: mask(fields, b"C"),
            parities: parities.collect::<Option<_>>()?,
        })
    }

    /// The formats that are known: H10301, 34 bits, H10302 and H10304.
    fn known(name: &str) -> Option<Self> {
        let halves = |facility: usize, number: usize, covered: usize| {
            let bits = facility + number + 2;
            let fields = format!(".{}{}.", "F".repeat(facility), "C".repeat(number));
            let rest = bits - 1 - covered;
            let even = format!("E{}{}", "x".repeat(covered), ".".repeat(rest));
            let odd = format!("{}{}O", ".".repeat(rest), "x".repeat(covered));
            Self::new(&fields, &[even, odd])
        };
        match name {
            "26" => halves(8, 16, 12),
            "34" => halves(16, 16, 16),
            "37" => halves(0, 35, 18),
            "37f" => halves(16, 19, 18),
            _ => None,
        }
    }

    fn read(&self, frame: u64) -> Result<Card, Flaw> {
        let right = |p: &Parity| (frame & p.mask).count_ones() % 2 == u32::from(p.odd);
        if !self.parities.iter().all(right) {
            return Err(Flaw::Parity);
        }
        Ok(Card {
            bits: self.bits as u8,
            facility: (self.facility != 0).then(|| gather(frame, self.facility)),
            number: gather(frame, self.number),
        })
    }

    /// The frame of a card, for tests and the simulated panel's users.
    #[cfg(test)]
    pub(super) fn frame(&self, facility: u64, number: u64) -> Vec<bool> {
        let mut frame = scatter(facility, self.facility) | scatter(number, self.number);
        // A parity bit may be covered by another: each as often as there are.
        for _ in 0..=self.parities.len() {
            for parity in &self.parities {
                let own = parity.mask & !(self.facility | self.number);
                let own = 1 << (63 - own.leading_zeros().min(63));
                let wrong = (frame & parity.mask).count_ones() % 2 != u32::from(parity.odd);
                if wrong {
                    frame ^= own;
                }
            }
        }
        (0..self.bits)
            .rev()
            .map(|bit| frame >> bit & 1 == 1)
            .collect()
    }

    #[cfg(test)]
    pub(super) fn covered(&self) -> u64 {
        self.parities.iter().fold(0, |mask, p| mask | p.mask)
    }

    #[cfg(test)]
    pub(super) fn widths(&self) -> (u32, u32) {
        (self.facility.count_ones(), self.number.count_ones())
    }
}

/// The bits of a mask, put together, the highest first.
fn gather(frame: u64, mask: u64) -> u64 {
    let bits = (0..64).rev().filter(|bit| mask >> bit & 1 == 1);
    bits.fold(0, |number, bit| number << 1 | (frame >> bit & 1))
}

/// The other way.
#[cfg(test)]
fn scatter(mut number: u64, mask: u64) -> u64 {
    let mut frame = 0;
    for bit in (0..64).filter(|bit| mask >> bit & 1 == 1) {
        frame |= (number & 1) << bit;
        number >>= 1;
    }
    frame
}

/// What has come of a frame. Its size is bounded whatever comes.
#[derive(Debug)]
pub(super) struct Decoder {
    gap: Duration,
    formats: Vec<Format>,
    keys: [bool; 2],
    bits: u64,
    count: u16,
    flaw: Option<Flaw>,
    /// The last pulse: in nanoseconds of the edges' clock, and as an instant.
    last: Option<(u64, BootTime)>,
}

impl Decoder {
    pub(super) fn new(panel: &config::Panel) -> Self {
        let names = &panel.wiegand.formats;
        let format = |name: &String| {
            let own = panel.wiegand_format.get(name);
            Format::known(name).or_else(|| own.and_then(|f| Format::new(&f.fields, &f.parity)))
        };
        Self {
            gap: Duration::from_millis(panel.wiegand.gap_ms),
            formats: names.iter().filter_map(format).collect(),
            keys: ["keys4", "keys8"].map(|keys| names.iter().any(|name| name == keys)),
            bits: 0,
            count: 0,
            flaw: None,
            last: None,
        }
    }

    #[cfg(test)]
    pub(super) fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// One pulse, with the kernel's time of it in nanoseconds. To be settled before, so that
    /// one after the gap begins another frame.
    pub(super) fn pulse(&mut self, ns: u64, at: BootTime, pulse: Pulse) {
        let too_close = |(last, _): (u64, _)| ns.saturating_sub(last) < MIN_PULSE_DISTANCE_NS;
        if self.last.is_some_and(too_close) {
            self.flaw.get_or_insert(Flaw::Glitch);
        }
        self.last = Some((ns, at));
        self.bits = self.bits << 1 | u64::from(pulse == Pulse::D1);
        self.count = self.count.saturating_add(1);
        if usize::from(self.count) > MAX_FRAME_BITS {
            self.flaw.get_or_insert(Flaw::TooLong);
        }
    }

    /// Pulses were lost: whatever this frame says, it is none.
    pub(super) fn overrun(&mut self, ns: u64, at: BootTime) {
        self.flaw.get_or_insert(Flaw::Overrun);
        self.last.get_or_insert((ns, at));
    }

    /// Nothing came: the line is lost.
    pub(super) fn forget(&mut self) {
        (self.bits, self.count, self.flaw, self.last) = (0, 0, None, None);
    }

    /// When the frame is over if nothing follows.
    pub(super) fn wake_at(&self) -> Option<BootTime> {
        self.last.map(|(_, at)| at.after(self.gap))
    }

    /// The frame, once it is over: when its last bit came, the bits that were kept, and what
    /// it is.
    pub(super) fn settle(&mut self, now: BootTime) -> Option<(BootTime, Vec<bool>, Frame)> {
        let (_, at) = self.last?;
        if now < at.after(self.gap) {
            return None;
        }
        let kept = usize::from(self.count).min(MAX_FRAME_BITS);
        let bits = (0..kept)
            .rev()
            .map(|bit| self.bits >> bit & 1 == 1)
            .collect();
        let frame = self.decode().unwrap_or_else(|flaw| {
            Frame::Misread(Misread {
                length: self.count,
                flaw,
            })
        });
        self.forget();
        Some((at, bits, frame))
    }

    fn decode(&self) -> Result<Frame, Flaw> {
        if let Some(flaw) = self.flaw {
            return Err(flaw);
        }
        let [nibbles, bytes] = self.keys;
        let low = (self.bits & 0xf) as u8;
        match self.count {
            4 if nibbles => return key(low).map(Frame::Key),
            // The upper half is the lower one's complement.
            8 if bytes && (self.bits >> 4 & 0xf) as u8 == !low & 0xf => {
                return key(low).map(Frame::Key);
            }
            8 if bytes => return Err(Flaw::Parity),
            _ => {}
        }
        let format = self
            .formats
            .iter()
            .find(|f| f.bits == usize::from(self.count));
        format.ok_or(Flaw::Length)?.read(self.bits).map(Frame::Card)
    }
}

/// 0 to 9, 10 is `*`, 11 is `#`.
fn key(code: u8) -> Result<Key, Flaw> {
    match (Digit::new(code), code) {
        (Some(digit), _) => Ok(Key::Digit(digit)),
        (None, 10) => Ok(Key::Clear),
        (None, 11) => Ok(Key::Enter),
        (None, _) => Err(Flaw::NotDigits),
    }
}
