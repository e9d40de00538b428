//! `[panel.…]`: one input, one output, a device that types, and Wiegand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use toml::de::DeValue;

use super::file::File;
use super::relay::{Bias, Drive, Level, Line, line};
use super::section::{Section, choice, text};
use super::signal::Signal;

/// Bits of a Wiegand frame: fewer are noise, more nobody sends.
const FORMAT_BITS: std::ops::RangeInclusive<usize> = 8..=64;
/// The chip of a Raspberry Pi 4, as with the relay.
const CHIP: &str = "pinctrl-bcm2711";

/// A line that is read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Input {
    /// GPIO chip: its label or its device path.
    pub chip: String,
    /// GPIO line; the input is there when it is given.
    pub line: Option<Line>,
    /// Level at which it is active.
    pub active: Level,
    /// The chip's own resistor at the line.
    pub bias: Bias,
    /// How long a level has to last to count.
    pub debounce_ms: u64,
}

impl Input {
    pub(super) fn read(section: &mut Section<'_, '_>, (active, debounce): (Level, u64)) -> Self {
        Self {
            chip: chip(section),
            line: some_line(section, "line"),
            active: section.choice("active", active),
            bias: section.choice("bias", Bias::PullUp),
            debounce_ms: section.whole("debounce_ms", debounce, 0..=2000, "milliseconds"),
        }
    }
}

choice! {
    /// How an output is lit while one of its signals holds.
    pub enum Pattern {
        /// All the time.
        Steady = "steady",
        /// Half a second lit, half a second dark.
        Blink = "blink",
        /// A tenth of a second lit, nine dark.
        Beep = "beep",
        /// Once, as a signal begins.
        Pulse = "pulse",
    }
}

/// A line that is driven.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    /// GPIO chip: its label or its device path.
    pub chip: String,
    /// GPIO line.
    pub line: Option<Line>,
    /// Level at which it is lit, or sounds.
    pub active: Level,
    /// What drives the line.
    pub drive: Drive,
    /// What it is lit for.
    pub signals: Vec<Signal>,
    /// How.
    pub pattern: Pattern,
    /// How long one pulse takes.
    pub pulse_ms: u64,
    /// How long it is lit in a row at most; zero: as long as it takes.
    pub max_on_ms: u64,
}

impl Output {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            chip: chip(section),
            line: some_line(section, "line"),
            active: section.choice("active", Level::High),
            drive: section.choice("drive", Drive::PushPull),
            signals: signals(section),
            pattern: section.choice("pattern", Pattern::Steady),
            pulse_ms: section.whole("pulse_ms", 200, 10..=60_000, "milliseconds"),
            max_on_ms: section.whole("max_on_ms", 180_000, 0..=3_600_000, "milliseconds"),
        }
    }

    pub(super) fn cross_check(&self, name: &str, file: &mut File<'_>) {
        let any = name.rsplit('.').next().unwrap_or_default();
        let at = [(name, "line"), ("panel.output", any)];
        file.cross_check(&at, self.line.is_some(), || {
            format!("[{name}] has no line; write the one that the wire is on, such as line = 22")
        });
        let at = [(name, "signals"), ("panel.output", any)];
        file.cross_check(&at, !self.signals.is_empty(), || {
            format!("[{name}] is lit for nothing; write signals = [\"granted\"]")
        });
        let alarms = [
            Signal::PreAlarm,
            Signal::HeldOpen,
            Signal::ForcedOpen,
            Signal::Tamper,
        ];
        let alarm = self.signals.iter().find(|signal| alarms.contains(signal));
        if let Some(alarm) = alarm {
            file.cross_check(&[(name, "max_on_ms")], self.max_on_ms > 0, || {
                format!(
                    "{name}.max_on_ms = 0 lets the alarm {} sound for ever; write up to 3600000 \
                     milliseconds",
                    alarm.name()
                )
            });
        }
        let (level, drive) = match self.active {
            Level::High => ("low", Drive::OpenDrain),
            Level::Low => ("high", Drive::OpenSource),
        };
        file.cross_check(
            &[(name, "active"), (name, "drive")],
            self.drive != drive,
            || {
                format!(
                    "{name}.drive = \"{}\" drives the line {level} only, and with {name}.active = \
                 \"{}\" it would be lit by a line that nothing drives; change one of them",
                    self.drive, self.active
                )
            },
        );
    }
}

/// A keypad or reader that is an input device, as a keyboard is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Typist {
    /// Its device by the place it is plugged in; it is there when this is given.
    pub device: Option<PathBuf>,
    /// The vendor's number, as `lsusb` shows it.
    pub vendor: Option<u16>,
    /// The product's number.
    pub product: Option<u16>,
}

impl Typist {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let id = "a number from 0 to 0xffff, as lsusb shows it: 0x08ff";
        let mut some_id = |key| {
            section.read(key, None, |value| match value {
                DeValue::Integer(number) => u16::from_str_radix(number.as_str(), number.radix())
                    .map(Some)
                    .map_err(|_| format!("is out of range: {id}")),
                DeValue::String(_) => Err(format!("is text: write {id}, without quotes")),
                _ => Err(format!("is no such number: write {id}")),
            })
        };
        let (vendor, product) = (some_id("vendor"), some_id("product"));
        let device = section.read("device", None, |value| {
            let what = "a path below /dev/input/by-path";
            let path = PathBuf::from(text(value, what)?);
            if !path.is_absolute() {
                return Err(format!("is not absolute: write {what}"));
            }
            let number = path
                .file_name()
                .is_some_and(|n| n.as_encoded_bytes().starts_with(b"event"));
            match number {
                true => Err(format!("has a number that changes: write {what}")),
                false => Ok(Some(path)),
            }
        });
        Self {
            device,
            vendor,
            product,
        }
    }

    /// Whoever plugs something else into the place is not to be able to type.
    pub(super) fn cross_check(&self, name: &str, file: &mut File<'_>) {
        for (key, id) in [("vendor", self.vendor), ("product", self.product)] {
            let holds = self.device.is_none() || id.is_some();
            file.cross_check(&[(name, "device"), (name, key)], holds, || {
                format!(
                    "{name}.device is given and {name}.{key} is not: write it, as lsusb shows it"
                )
            });
        }
    }
}

/// A reader that speaks Wiegand on two lines of one chip.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wiegand {
    /// GPIO chip: its label or its device path.
    pub chip: String,
    /// The line of zeros, mostly green; the reader is there when both are given.
    pub d0: Option<Line>,
    /// The line of ones, mostly white.
    pub d1: Option<Line>,
    /// Level of a pulse.
    pub active: Level,
    /// The chip's own resistor at both lines.
    pub bias: Bias,
    /// A frame is over after so long without a pulse.
    pub gap_ms: u64,
    /// Which formats are taken, one of each length.
    pub formats: Vec<String>,
}

impl Wiegand {
    /// Formats that need no section.
    pub(crate) const KNOWN: [(&'static str, usize); 6] = [
        ("26", 26),
        ("34", 34),
        ("37", 37),
        ("37f", 37),
        ("keys4", 4),
        ("keys8", 8),
    ];

    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let formats = section.read(
            "formats",
            vec!["26".into(), "34".into(), "37".into()],
            |value| {
                let list = value.as_array();
                let list = list.ok_or_else(|| "is no list: write [\"26\", \"34\"]".to_owned())?;
                list.iter()
                    .map(|one| text(one.get_ref(), "a format such as \"26\""))
                    .collect()
            },
        );
        Self {
            chip: chip(section),
            d0: some_line(section, "d0"),
            d1: some_line(section, "d1"),
            active: section.choice("active", Level::Low),
            bias: section.choice("bias", Bias::PullUp),
            gap_ms: section.whole("gap_ms", 25, 5..=500, "milliseconds"),
            formats,
        }
    }

    /// How many bits a format has.
    fn bits(name: &str, own: &BTreeMap<String, WiegandFormat>) -> Option<usize> {
        let known = Self::KNOWN.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, bits)| *bits)
            .or_else(|| own.get(name).map(|f| f.fields.len()))
    }

    pub(super) fn cross_check(&self, own: &BTreeMap<String, WiegandFormat>, file: &mut File<'_>) {
        let name = "panel.wiegand";
        let both = self.d0.is_some() == self.d1.is_some();
        file.cross_check(&[(name, "d0"), (name, "d1")], both, || {
            "one of panel.wiegand.d0 and panel.wiegand.d1 is given: a reader has both lines".into()
        });
        let at = [(name, "formats")];
        file.cross_check(&at, !self.formats.is_empty(), || {
            "panel.wiegand.formats is empty: write [\"26\"], or leave it out".into()
        });
        let mut seen: Vec<(usize, &str)> = Vec::new();
        for format in &self.formats {
            let Some(bits) = Self::bits(format, own) else {
                let known: Vec<_> = Self::KNOWN
                    .iter()
                    .map(|(name, _)| format!("\"{name}\""))
                    .collect();
                file.cross_check(&at, false, || {
                    format!(
                        "panel.wiegand.formats names {}, which is none of {} and has no section \
                         below [panel.wiegand_format]",
                        format.escape_default(),
                        known.join(", ")
                    )
                });
                continue;
            };
            if let Some((_, other)) = seen.iter().find(|(b, _)| *b == bits) {
                file.cross_check(&at, false, || {
                    format!(
                        "panel.wiegand.formats names {other} and {format}, which both have {bits} \
                         bits and cannot be told apart; remove one"
                    )
                });
            }
            seen.push((bits, format));
        }
    }
}

/// What the bits of a frame mean, one letter a bit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WiegandFormat {
    /// `F`: of the facility, `C`: of the card's number, `.`: neither; first bit first.
    pub fields: String,
    /// One text for each parity bit: `E` or `O` where that bit is, even or odd, `x` for the
    /// bits it covers, `.` for the others.
    pub parity: Vec<String>,
}

impl WiegandFormat {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            fields: section.read("fields", String::new(), |value| {
                let fields = text(value, "a letter a bit: F, C or .")?;
                let (least, most) = (FORMAT_BITS.start(), FORMAT_BITS.end());
                match fields.bytes().all(|b| matches!(b, b'F' | b'C' | b'.')) {
                    false => Err("has other letters than F, C and .".into()),
                    true if !FORMAT_BITS.contains(&fields.len()) => Err(format!(
                        "has {} bits: write {least} to {most}",
                        fields.len()
                    )),
                    true if !fields.contains('C') => {
                        Err("has no C, and a card has a number".into())
                    }
                    true => Ok(fields),
                }
            }),
            parity: section.texts("parity", "a letter a bit: E or O once, x and ."),
        }
    }

    pub(super) fn cross_check(&self, name: &str, file: &mut File<'_>) {
        let own = name.rsplit('.').next().unwrap_or_default();
        let known = Wiegand::KNOWN.iter().any(|(known, _)| *known == own);
        let at = [
            (name, "fields"),
            (name, "parity"),
            ("panel.wiegand_format", own),
        ];
        file.cross_check(&at, !known, || {
            format!("[{name}] is the name of a format that is known; give it another")
        });
        file.cross_check(&at, !self.fields.is_empty(), || {
            format!("[{name}] has no fields; write a letter a bit, such as \".FFFFCCCC.\"")
        });
        let bits = self.fields.len();
        for one in &self.parity {
            let is = |b: u8| matches!(b, b'E' | b'O' | b'x' | b'.');
            let count = one.bytes().filter(|b| matches!(b, b'E' | b'O')).count();
            let fits = one.len() == bits && one.bytes().all(is) && count == 1 && one.contains('x');
            file.cross_check(&[(name, "parity")], fits || bits == 0, || {
                format!(
                    "{name}.parity has \"{}\": it takes {bits} letters as fields does, one of them \
                     E or O where the parity bit is, x for the bits it covers, . for the others",
                    one.chars().take(64).collect::<String>().escape_default()
                )
            });
        }
        file.cross_check(
            &[(name, "parity"), (name, "fields")],
            !self.parity.is_empty() || bits == 0,
            || format!("[{name}] checks no parity, so that noise would be a card; write parity"),
        );
    }
}

fn chip(section: &mut Section<'_, '_>) -> String {
    section.text("chip", CHIP, "the chip's label or path")
}

fn some_line(section: &mut Section<'_, '_>, key: &'static str) -> Option<Line> {
    section.read(key, None, |value| line(value).map(Some))
}

/// A list of signals, each once.
fn signals(section: &mut Section<'_, '_>) -> Vec<Signal> {
    let names = Signal::ALL.map(|signal| format!("\"{}\"", signal.name()));
    let all = names.join(", ");
    section.read("signals", Vec::new(), |value| {
        let list = value
            .as_array()
            .ok_or_else(|| format!("is no list: write of {all}"))?;
        let mut signals = Vec::new();
        for one in list.iter() {
            let name = text(one.get_ref(), "a signal")?;
            let signal = Signal::ALL.into_iter().find(|signal| signal.name() == name);
            let signal = signal.ok_or_else(|| {
                format!(
                    "has {}, which is no signal: write of {all}",
                    name.escape_default()
                )
            })?;
            if !signals.contains(&signal) {
                signals.push(signal);
            }
        }
        Ok(signals)
    })
}

impl Signal {
    /// As it is written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::LookHere => "look_here",
            Self::EnterFactor => "enter_factor",
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::LockedOut => "locked_out",
            Self::PreAlarm => "pre_alarm",
            Self::HeldOpen => "held_open",
            Self::ForcedOpen => "forced_open",
            Self::Tamper => "tamper",
            Self::LockedDown => "locked_down",
            Self::PromptLeft => "prompt_left",
            Self::PromptRight => "prompt_right",
            Self::PromptCloser => "prompt_closer",
            Self::PromptLight => "prompt_light",
            Self::ChallengeFailed => "challenge_failed",
        }
    }
}
