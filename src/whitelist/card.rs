//! A card as a reader tells it, and as it is kept.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::CardRef;

/// Longest name of a format, in characters.
const MAX_FORMAT_CHARS: usize = 16;
/// Largest number of any card: what the database counts.
const MAX_CARD_NUMBER: u64 = i64::MAX as u64;

/// How a card's bits are laid out, by name: `w26`, `w34`, `w37`, or one that the reader's
/// configuration defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardFormat([u8; MAX_FORMAT_CHARS]);

impl CardFormat {
    /// Nothing for what is no name: 1 to 16 of a to z, 0 to 9, _ and -.
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=MAX_FORMAT_CHARS).contains(&name.len());
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        let mut bytes = [0; MAX_FORMAT_CHARS];
        bytes
            .iter_mut()
            .zip(name.bytes())
            .for_each(|(to, from)| *to = from);
        (fits && name.bytes().all(plain)).then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0);
        let name = self.0.get(..end.unwrap_or(MAX_FORMAT_CHARS));
        name.and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }

    /// Largest facility and number where the format is known: 26 bits have 8 and 16, 34 have 16
    /// and 16, 37 (H10302) have 35 and no facility.
    fn known(&self) -> Option<(Option<u32>, u64)> {
        match self.as_str() {
            "w26" => Some((Some(0xff), 0xffff)),
            "w34" => Some((Some(0xffff), 0xffff)),
            "w37" => Some((None, (1 << 35) - 1)),
            _ => None,
        }
    }
}

/// Why something cannot be a card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    #[error("a {format} card has a facility code, printed before the number: add --facility N")]
    NoFacility { format: String },
    #[error("a {format} card has no facility code: leave out --facility")]
    Facility { format: String },
    #[error("a {format} card has {what} of at most {most}")]
    TooLarge {
        format: String,
        what: &'static str,
        most: u64,
    },
}

/// A card: what one reader says of it, and no other card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Card {
    format: CardFormat,
    facility: Option<u32>,
    number: u64,
}

impl Card {
    /// # Errors
    /// [`CardError`] if a card of this format has no such number.
    pub fn new(format: CardFormat, facility: Option<u32>, number: u64) -> Result<Self, CardError> {
        let name = || format.as_str().to_owned();
        let (most_facility, most) = match format.known() {
            Some((known, most)) => {
                match (known, facility) {
                    (Some(_), None) => return Err(CardError::NoFacility { format: name() }),
                    (None, Some(_)) => return Err(CardError::Facility { format: name() }),
                    _ => {}
                }
                (known.unwrap_or(0), most)
            }
            None => (u32::MAX, MAX_CARD_NUMBER),
        };
        let too_large = |what, most| CardError::TooLarge {
            format: name(),
            what,
            most,
        };
        if facility.is_some_and(|facility| facility > most_facility) {
            return Err(too_large("a facility code", most_facility.into()));
        }
        if number > most {
            return Err(too_large("a number", most));
        }
        Ok(Self {
            format,
            facility,
            number,
        })
    }

    pub fn format(&self) -> &CardFormat {
        &self.format
    }

    pub fn facility(&self) -> Option<u32> {
        self.facility
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// As the record names it.
    pub fn reference(&self) -> CardRef {
        CardRef {
            format: self.format.as_str().to_owned(),
            last4: format!("{:04}", self.number % 10_000),
        }
    }
}

/// A card on its way to another process.
#[derive(Serialize, Deserialize)]
struct Parts {
    format: String,
    facility: Option<u32>,
    number: u64,
}

impl From<Card> for Parts {
    fn from(card: Card) -> Self {
        Self {
            format: card.format.as_str().to_owned(),
            facility: card.facility,
            number: card.number,
        }
    }
}

impl TryFrom<Parts> for Card {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        let format = CardFormat::new(&parts.format).ok_or("no format of cards")?;
        Self::new(format, parts.facility, parts.number).map_err(|error| error.to_string())
    }
}

/// All of it, for whoever hands cards out.
impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.format.as_str())?;
        if let Some(facility) = self.facility {
            write!(f, "{facility},")?;
        }
        write!(f, "{}", self.number)
    }
}
