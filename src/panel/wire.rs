//! The protocol: one request or word a line, in ASCII, over a local stream socket. Instants
//! are of `CLOCK_BOOTTIME`, in milliseconds.
//!
//! ```text
//! < panel 1 3f2a…              the protocol's version, and which configuration is driven
//! < contact 81234567 open found   first how things are: each input once, and what is lost
//! < rex 81234567 released found
//! < lost 81230000 keypad found
//! < ready                      from here on what happens
//! < contact 81235012 closed    it changed; with `found` it was seen so, after it was lost
//! < tamper 8… open|closed      rotor 8… turning|resting, other-door 8… open|closed
//! < key 8… 0                   to 9, enter, clear
//! < card 8… w26:12:34567       bits, facility where there is one, number; or typed:123
//! < misread 8… 25 length       bits or digits; or parity, glitch, too-long, overrun, not-digits
//! < lost 8… contact            rex, tamper, rotor, other-door, keypad, reader, wiegand, outputs
//! < back 8… contact            its state follows
//! < bits 8… 0110…              each Wiegand frame as it came, for whoever asked
//! > show granted,ready         these signals hold; `show -` for none; at least once a second
//! > light siren                that output for a second
//! < lit                        or `dark`: the cap has ended it; or `no-such-output`
//! < crowded                    instead of all: too many are connected
//! > watch                      bits, from now on
//! < failed TEXT                instead of all: why there is no panel
//! ```
//!
//! A line that is none of these, or longer than [`MAX_LINE_BYTES`], ends the connection, and
//! with it what the client shows.

use super::reading::{Card, Digit, Flaw, Key, Misread, Part, Reading, What, Wire, decimal};
use crate::config::Signal;
use crate::config::Signals;
use crate::guardian::BootTime;

/// The longest line, its end included.
pub(crate) const MAX_LINE_BYTES: usize = 512;
/// The version of this protocol.
pub(crate) const VERSION: u64 = 1;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// These signals hold.
    Show(Signals),
    /// Light this output for a second.
    Light(String),
    /// Tell raw frames too.
    Watch,
}

/// What the panel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// Which panel this is.
    Panel { version: u64, configuration: String },
    /// How something is, or what happened.
    Reading(Reading),
    /// The state is told.
    Ready,
    /// A frame as it came.
    Bits(BootTime, Vec<bool>),
    /// It is lit.
    Lit,
    /// It is not, because its cap has ended it.
    Dark,
    /// There is none of that name.
    NoSuchOutput,
    /// Too many are connected.
    Crowded,
    /// There is no panel.
    Failed(String),
}

impl Request {
    /// From a line without its end; `None` if it is no request.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = ascii(line)?;
        match line.split_once(' ') {
            None if line == "watch" => Some(Self::Watch),
            Some(("light", name)) => is_name(name).then(|| Self::Light(name.to_owned())),
            Some(("show", "-")) => Some(Self::Show(Signals::NONE)),
            Some(("show", names)) => names
                .split(',')
                .map(signal)
                .collect::<Option<_>>()
                .map(Self::Show),
            _ => None,
        }
    }

    /// The line, with its end.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Show(signals) if signals.is_none() => "show -\n".into(),
            Self::Show(signals) => {
                let names: Vec<&str> = signals.iter().map(Signal::name).collect();
                format!("show {}\n", names.join(","))
            }
            Self::Light(name) => format!("light {name}\n"),
            Self::Watch => "watch\n".into(),
        }
    }
}

impl Word {
    /// From a line without its end; `None` if it is no word.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = ascii(line)?;
        if let Some(text) = line.strip_prefix("failed ") {
            return Some(Self::Failed(text.to_owned()));
        }
        let found = line.strip_suffix(" found");
        let mut words = found.unwrap_or(line).split(' ');
        let first = words.next()?;
        let rest = [words.next(), words.next(), words.next()];
        if words.next().is_some() {
            return None;
        }
        match (first, rest) {
            (_, [Some(at), Some(word), more]) if !matches!(first, "panel" | "bits") => {
                Some(Self::Reading(Reading {
                    at: instant(at)?,
                    is_change: found.is_none(),
                    what: what(first, word, more)?,
                }))
            }
            _ if found.is_some() => None,
            ("ready", [None, ..]) => Some(Self::Ready),
            ("lit", [None, ..]) => Some(Self::Lit),
            ("dark", [None, ..]) => Some(Self::Dark),
            ("no-such-output", [None, ..]) => Some(Self::NoSuchOutput),
            ("crowded", [None, ..]) => Some(Self::Crowded),
            ("panel", [Some(version), Some(hash), None]) => Some(Self::Panel {
                version: decimal(version)?,
                configuration: is_name(hash).then(|| hash.to_owned())?,
            }),
            ("bits", [Some(at), Some(bits), None]) => {
                let bit = |b| match b {
                    b'0' => Some(false),
                    b'1' => Some(true),
                    _ => None,
                };
                let bits: Option<Vec<bool>> = bits.bytes().map(bit).collect();
                Some(Self::Bits(instant(at)?, bits?))
            }
            _ => None,
        }
    }

    /// Of a reading.
    pub(crate) fn of(reading: &Reading) -> Self {
        Self::Reading(*reading)
    }

    /// The line, with its end.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Panel {
                version,
                configuration,
            } => format!("panel {version} {configuration}\n"),
            Self::Reading(Reading {
                at,
                is_change,
                what,
            }) => {
                let mut line = reading_line(at.as_ms(), what);
                line.push_str(if *is_change { "\n" } else { " found\n" });
                line
            }
            Self::Ready => "ready\n".into(),
            Self::Bits(at, bits) => {
                let bits: String = bits
                    .iter()
                    .map(|bit| if *bit { '1' } else { '0' })
                    .collect();
                format!("bits {} {bits}\n", at.as_ms())
            }
            Self::Lit => "lit\n".into(),
            Self::Dark => "dark\n".into(),
            Self::NoSuchOutput => "no-such-output\n".into(),
            Self::Crowded => "crowded\n".into(),
            Self::Failed(text) => {
                let plain = |c: char| {
                    if c.is_ascii_graphic() || c == ' ' {
                        c
                    } else {
                        '?'
                    }
                };
                let text: String = text.chars().map(plain).take(MAX_LINE_BYTES - 16).collect();
                format!("failed {text}\n")
            }
        }
    }
}

fn what(kind: &str, word: &str, more: Option<&str>) -> Option<What> {
    if kind == "misread" {
        let length = u16::try_from(decimal(word)?).ok()?;
        let flaw = Flaw::ALL
            .into_iter()
            .find(|flaw| Some(flaw.code()) == more)?;
        return Some(What::Misread(Misread { length, flaw }));
    }
    if more.is_some() {
        return None;
    }
    Some(match kind {
        "key" => What::Key(match word {
            "enter" => Key::Enter,
            "clear" => Key::Clear,
            digit => Key::Digit(Digit::new(u8::try_from(decimal(digit)?).ok()?)?),
        }),
        "card" => What::Card(Card::parse(word)?),
        "lost" => What::Lost(Part::from_code(word)?),
        "back" => What::Back(Part::from_code(word)?),
        _ => {
            let wire = Wire::ALL
                .into_iter()
                .find(|wire| wire.part().code() == kind)?;
            let [active, inactive] = wire.words();
            match word {
                word if word == active => wire.reading(true),
                word if word == inactive => wire.reading(false),
                _ => return None,
            }
        }
    })
}

/// Without its end.
fn reading_line(at: u64, what: &What) -> String {
    let level = |wire: Wire, active: bool| {
        let [on, off] = wire.words();
        let word = if active { on } else { off };
        format!("{} {at} {word}", wire.part().code())
    };
    match what {
        What::Contact { open } => level(Wire::Contact, *open),
        What::Rex { pressed } => level(Wire::Rex, *pressed),
        What::Tamper { open } => level(Wire::Tamper, *open),
        What::Rotor { turning } => level(Wire::Rotor, *turning),
        What::OtherDoor { open } => level(Wire::OtherDoor, *open),
        What::Key(Key::Digit(digit)) => format!("key {at} {}", digit.get()),
        What::Key(Key::Enter) => format!("key {at} enter"),
        What::Key(Key::Clear) => format!("key {at} clear"),
        What::Card(card) => format!("card {at} {card}"),
        What::Misread(Misread { length, flaw }) => {
            format!("misread {at} {length} {}", flaw.code())
        }
        What::Lost(part) => format!("lost {at} {}", part.code()),
        What::Back(part) => format!("back {at} {}", part.code()),
    }
}

fn ascii(line: &[u8]) -> Option<&str> {
    let plain = line.len() < MAX_LINE_BYTES && line.iter().all(|b| (b' '..=b'~').contains(b));
    plain.then(|| std::str::from_utf8(line).ok())?
}

fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
}

fn signal(name: &str) -> Option<Signal> {
    Signal::ALL.into_iter().find(|signal| signal.name() == name)
}

fn instant(text: &str) -> Option<BootTime> {
    decimal(text).map(BootTime::from_ms)
}
