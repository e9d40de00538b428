//! What the law asks about people, as events say it: that somebody consented, was erased, or got
//! a copy of all that is kept.
//!
//! This is stored, and held by the same rule as the events themselves.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::payload::{Actor, PersonRef};
use crate::person::PersonId;
use crate::shown;

const MAX_PURPOSE_CHARS: usize = 200;

/// A consent, as whoever noted it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Said")]
pub struct Consent {
    /// Since when.
    day: Date,
    /// To what; nothing if nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
}

/// The same before it was looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    day: Date,
    #[serde(default)]
    purpose: Option<String>,
}

/// A purpose that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a purpose is one line of 1 to {MAX_PURPOSE_CHARS} characters that can be seen, such as \"entry by face\""
)]
pub struct NoPurpose;

impl Consent {
    /// # Errors
    /// [`NoPurpose`] if it is empty, too long, or has characters in it that cannot be seen.
    pub fn new(day: Date, purpose: Option<&str>) -> Result<Self, NoPurpose> {
        let purpose = purpose.map(str::trim);
        let is_one = |text: &str| {
            (1..=MAX_PURPOSE_CHARS).contains(&text.chars().count())
                && !text.contains(shown::is_unsafe)
        };
        if !purpose.is_none_or(is_one) {
            return Err(NoPurpose);
        }
        let purpose = purpose.map(str::to_owned);
        Ok(Self { day, purpose })
    }

    pub fn day(&self) -> Date {
        self.day
    }

    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }
}

impl TryFrom<Said> for Consent {
    type Error = NoPurpose;

    fn try_from(said: Said) -> Result<Self, NoPurpose> {
        Self::new(said.day, said.purpose.as_deref())
    }
}

/// A person without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nameless {
    pub id: PersonId,
}

/// Somebody is forgotten, with all that can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    pub person: Nameless,
    /// How many there were; 0 for somebody who was removed before.
    pub templates: u64,
    pub actor: Actor,
}

impl Erased {
    pub(crate) fn new(id: PersonId, templates: u64, actor: Actor) -> Self {
        Self {
            person: Nameless { id },
            templates,
            actor,
        }
    }
}

/// All that is kept of somebody was written to a file for that person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosed {
    pub person: PersonRef,
    pub file: String,
    pub templates: u64,
    pub events: u64,
    /// Of events.
    pub pictures: u64,
    pub actor: Actor,
}

/// Somebody was not let in for long, and is going to be disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusedSoon {
    pub person: PersonRef,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Not before this, in milliseconds since 1970.
    pub from_ms: i64,
}

/// Somebody was not let in for so long, and is let in no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusedDisabled {
    pub person: PersonRef,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// How long that may be (`whitelist.unused_days`).
    pub days: u32,
}
