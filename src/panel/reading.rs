//! What the panel tells: readings.

use std::fmt;

use crate::guardian::BootTime;

/// Digits of a card's number, at most: all that fit in 64 bits.
pub(crate) const MAX_CARD_DIGITS: usize = 19;

/// Something that the panel reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When it came to be so.
    pub at: BootTime,
    /// Whether it happened just now. Otherwise it is how things are, as told first after
    /// connecting: a button that is pressed then was not pressed because of anything.
    pub is_change: bool,
    /// What it is.
    pub what: What,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The door's leaf: open or closed.
    Contact { open: bool },
    /// The exit button: pressed or not.
    Rex { pressed: bool },
    /// A cover or a loop: opened or cut, or whole.
    Tamper { open: bool },
    /// The turnstile: turning or at rest.
    Rotor { turning: bool },
    /// The other door of a pair: open or closed.
    OtherDoor { open: bool },
    /// A key was pressed.
    Key(Key),
    /// A card was read.
    Card(Card),
    /// A reader sent what is no card.
    Misread(Misread),
    /// A part does not answer; what was known of it is not known any more.
    Lost(Part),
    /// It does again; its state follows.
    Back(Part),
}

/// A key of a keypad. What it shows of itself hides the digit: it may be of a PIN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// 0 to 9.
    Digit(Digit),
    /// `#` or Enter.
    Enter,
    /// `*`, Escape or Backspace.
    Clear,
}

/// 0 to 9.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digit(u8);

impl Digit {
    /// `None` above 9.
    pub fn new(digit: u8) -> Option<Self> {
        (digit <= 9).then_some(Self(digit))
    }

    /// As a number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digit(_) => "Digit",
            Self::Enter => "Enter",
            Self::Clear => "Clear",
        })
    }
}

/// What a reader makes of a card. Cards of different lengths are different cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Card {
    /// Bits of the Wiegand frame; 0 for one that was typed.
    pub bits: u8,
    /// Where the format has one.
    pub facility: Option<u64>,
    /// The card's number.
    pub number: u64,
}

/// `w26:12:34567`, `w37:345`, `typed:12345`; what a database keeps and the wire says.
impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits {
            0 => f.write_str("typed")?,
            bits => write!(f, "w{bits}")?,
        }
        if let Some(facility) = self.facility {
            write!(f, ":{facility}")?;
        }
        write!(f, ":{}", self.number)
    }
}

impl Card {
    /// From what [`Display`](fmt::Display) writes, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let bits = match parts.next()? {
            "typed" => 0,
            bits => u8::try_from(decimal(bits.strip_prefix('w')?)?)
                .ok()
                .filter(|b| *b > 0)?,
        };
        let first = decimal(parts.next()?)?;
        let (facility, number) = match parts.next() {
            Some(number) => (Some(first), decimal(number)?),
            None => (None, first),
        };
        parts.next().is_none().then_some(Self {
            bits,
            facility,
            number,
        })
    }
}

/// Decimal digits as a number writes itself.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_short = text.len() == 1 || !text.starts_with('0');
    (is_number && is_short).then(|| text.parse().ok())?
}

/// A frame or a line of digits that is no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misread {
    /// Bits or digits that came.
    pub length: u16,
    /// Why it is none.
    pub flaw: Flaw,
}

/// Why something is no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// No format has so many bits.
    Length,
    /// A bit is wrong.
    Parity,
    /// Pulses that no reader sends: too close, or on both lines at once.
    Glitch,
    /// More than anything has.
    TooLong,
    /// Pulses were lost on the way.
    Overrun,
    /// Something else than digits, or no end.
    NotDigits,
}

impl Flaw {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Length,
        Self::Parity,
        Self::Glitch,
        Self::TooLong,
        Self::Overrun,
        Self::NotDigits,
    ];

    /// Its name on the wire.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Parity => "parity",
            Self::Glitch => "glitch",
            Self::TooLong => "too-long",
            Self::Overrun => "overrun",
            Self::NotDigits => "not-digits",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "no format in panel.wiegand.formats has so many bits",
            Self::Parity => "the parity is wrong",
            Self::Glitch => "pulses came too close together or on both lines at once",
            Self::TooLong => "it is longer than any card",
            Self::Overrun => "pulses were lost",
            Self::NotDigits => "it is not digits and Enter",
        })
    }
}

/// What can be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// All of it: its process is gone.
    Panel,
    /// The door contact.
    Contact,
    /// The exit button.
    Rex,
    /// The tamper contact.
    Tamper,
    /// The rotor's contact.
    Rotor,
    /// The other door's contact.
    OtherDoor,
    /// The keypad that types.
    Keypad,
    /// The reader that types.
    Reader,
    /// The reader on two lines.
    Wiegand,
    /// At least one of the outputs.
    Outputs,
}

impl Part {
    /// All of them; the five that are levels stand second to sixth.
    pub(crate) const ALL: [Self; 10] = [
        Self::Panel,
        Self::Contact,
        Self::Rex,
        Self::Tamper,
        Self::Rotor,
        Self::OtherDoor,
        Self::Keypad,
        Self::Reader,
        Self::Wiegand,
        Self::Outputs,
    ];

    /// Its name on the wire and in the simulated panel.
    pub fn code(self) -> &'static str {
        match self {
            Self::Panel => "panel",
            Self::Contact => "contact",
            Self::Rex => "rex",
            Self::Tamper => "tamper",
            Self::Rotor => "rotor",
            Self::OtherDoor => "other-door",
            Self::Keypad => "keypad",
            Self::Reader => "reader",
            Self::Wiegand => "wiegand",
            Self::Outputs => "outputs",
        }
    }

    /// From [`Part::code`].
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.code() == code)
    }
}

/// As people speak of it.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panel => "the panel",
            Self::Contact => "the door contact",
            Self::Rex => "the exit button",
            Self::Tamper => "the tamper contact",
            Self::Rotor => "the rotor contact",
            Self::OtherDoor => "the other door's contact",
            Self::Keypad => "the keypad",
            Self::Reader => "the reader that types",
            Self::Wiegand => "the Wiegand reader",
            Self::Outputs => "an output",
        })
    }
}

/// The five inputs that are levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Contact,
    Rex,
    Tamper,
    Rotor,
    OtherDoor,
}

impl Wire {
    /// In the order of `config::Panel::inputs`.
    pub(crate) const ALL: [Self; 5] = [
        Self::Contact,
        Self::Rex,
        Self::Tamper,
        Self::Rotor,
        Self::OtherDoor,
    ];

    pub(crate) fn part(self) -> Part {
        match self {
            Self::Contact => Part::Contact,
            Self::Rex => Part::Rex,
            Self::Tamper => Part::Tamper,
            Self::Rotor => Part::Rotor,
            Self::OtherDoor => Part::OtherDoor,
        }
    }

    /// What it is that the wire is active or not.
    pub(crate) fn reading(self, active: bool) -> What {
        match self {
            Self::Contact => What::Contact { open: active },
            Self::Rex => What::Rex { pressed: active },
            Self::Tamper => What::Tamper { open: active },
            Self::Rotor => What::Rotor { turning: active },
            Self::OtherDoor => What::OtherDoor { open: active },
        }
    }

    /// The words for active and not, on the wire and in the simulated panel.
    pub(crate) fn words(self) -> [&'static str; 2] {
        match self {
            Self::Contact | Self::Tamper | Self::OtherDoor => ["open", "closed"],
            Self::Rex => ["pressed", "released"],
            Self::Rotor => ["turning", "resting"],
        }
    }
}
