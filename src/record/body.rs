//! One audit record: the body that is stored and hashed, and what is read from it.
//!
//! A body is one JSON object without blanks, its members in this order:
//!
//! ```json
//! {"format":1,"at_ms":1767225600000,"boot":"…","uptime_ms":8123,"door":"door","event":{"kind":"…",…}}
//! ```
//!
//! Names in an event stand as texts that only a key of the person opens (`names.rs`).
//!
//! What was written is what is hashed, byte for byte: no reader has to build the
//! text again, so a field that is added later leaves older records as they are. A kind
//! or a reason that this program does not know reads as [`Unknown`].

use std::fmt;

use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chain::{Hash, hexadecimal};
use super::event::Event;
use super::head::Head;
use super::names::Opener;
use crate::config::DoorName;
use crate::database::DatabaseError;

/// The format of the bodies that are written. Any format from 1 on is hashed as its bytes;
/// 0 is what stood in columns before there were bodies.
pub const FORMAT: u32 = 1;

/// When something happened, by three clocks: the wall's can be set, the others not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// The kernel's `boot_id`: a new one with each start of the machine. Nothing where the
    /// kernel does not tell.
    pub boot: Option<String>,
    /// Milliseconds since that start, time asleep included (`CLOCK_BOOTTIME`).
    pub uptime_ms: u64,
}

impl Stamp {
    /// Now.
    pub fn now() -> Self {
        Self {
            at_ms: jiff::Timestamp::now().as_millisecond(),
            boot: boot_id().clone(),
            uptime_ms: Self::uptime_ms_now(),
        }
    }

    /// The wall's clock and the one since the start.
    pub(crate) fn clocks() -> (i64, u64) {
        (
            jiff::Timestamp::now().as_millisecond(),
            Self::uptime_ms_now(),
        )
    }

    /// Its `uptime_ms` alone.
    pub(crate) fn uptime_ms_now() -> u64 {
        let uptime = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(uptime.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(uptime.tv_nsec).unwrap_or(0);
        seconds * 1000 + nanos / 1_000_000
    }
}

/// This start of the machine.
pub(crate) fn boot() -> Option<&'static str> {
    boot_id().as_deref()
}

fn boot_id() -> &'static Option<String> {
    static BOOT: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    BOOT.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(text.trim().to_owned())
    })
}

#[derive(Serialize)]
struct Body<'a> {
    format: u32,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot: Option<&'a str>,
    uptime_ms: u64,
    door: &'a DoorName,
    event: &'a Event,
}

/// The bytes to be stored and hashed.
///
/// # Errors
/// None that a known event can cause; serde's word otherwise.
pub(super) fn body(
    stamp: &Stamp,
    door: &DoorName,
    event: &Event,
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Body {
        format: FORMAT,
        at_ms: stamp.at_ms,
        boot: stamp.boot.as_deref(),
        uptime_ms: stamp.uptime_ms,
        door,
        event,
    })
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum Content {
    /// An event that this program knows.
    Known(Event),
    /// One that it does not, or not like that: a newer or an older program wrote it.
    Unknown(Unknown),
}

/// An event of a kind, or with a reason, that this program does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// The name of its kind.
    pub kind: String,
    /// All its members.
    pub fields: Map<String, Value>,
}

/// An audit record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Counts up from 1, without gaps.
    pub id: u64,
    /// Milliseconds since 1970, UTC, by the clock of the machine.
    pub at_ms: i64,
    /// At which door; nothing in records of format 0, and where the name is no name.
    pub door: Option<DoorName>,
    /// What happened.
    pub content: Content,
    /// All of it, as stored but for the names.
    body: Map<String, Value>,
    hash: Hash,
}

/// Any bytes as the body of a row.
#[cfg(any(test, fuzzing))]
pub fn fuzz(bytes: &[u8]) {
    if let Some(record) = Record::read(1, bytes, [0; 32]) {
        let shown = record.to_string();
        assert!(!shown.chars().any(char::is_control), "{shown}");
        let _ = (record.to_json(), record.subject());
    }
}

impl Record {
    /// `None` if it is not an object with a time and an event of some kind, as every body is.
    /// Names in it stay sealed.
    pub(super) fn read(id: u64, body: &[u8], hash: Hash) -> Option<Self> {
        Self::of(id, serde_json::from_slice(body).ok()?, hash)
    }

    /// The same, with its names opened.
    pub(super) fn read_named(
        id: u64,
        body: &[u8],
        hash: Hash,
        names: &mut Opener<'_>,
    ) -> Result<Option<Self>, DatabaseError> {
        let Ok(mut body) = serde_json::from_slice::<Map<String, Value>>(body) else {
            return Ok(None);
        };
        if let Some(Value::Object(event)) = body.get_mut("event") {
            names.open(event)?;
        }
        Ok(Self::of(id, body, hash))
    }

    fn of(id: u64, body: Map<String, Value>, hash: Hash) -> Option<Self> {
        let at_ms = body.get("at_ms")?.as_i64()?;
        let event = body.get("event")?;
        let kind = event.get("kind")?.as_str()?;
        let content = match Event::deserialize(event) {
            Ok(event) => Content::Known(event),
            Err(_) => Content::Unknown(Unknown {
                kind: kind.to_owned(),
                fields: event.as_object()?.clone(),
            }),
        };
        let door = body.get("door").and_then(Value::as_str);
        Some(Self {
            id,
            at_ms,
            door: door.and_then(DoorName::new),
            content,
            body,
            hash,
        })
    }

    /// From what [`Self::to_json`] gives; nothing if it is not that.
    pub fn from_json(json: &Value) -> Option<Self> {
        let mut body = json.as_object()?.clone();
        body.remove("at");
        let (id, hash) = (body.remove("id")?.as_u64()?, body.remove("hash")?);
        let head: Head = format!("{id}:{}", hash.as_str()?).parse().ok()?;
        let text = serde_json::to_string(&Value::Object(body)).ok()?;
        Self::read(id, text.as_bytes(), head.hash)
    }

    /// When it happened, by all clocks; nothing in records of format 0.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Stamp {
            at_ms: self.at_ms,
            boot: self.body.get("boot").and_then(text),
            uptime_ms: self.body.get("uptime_ms")?.as_u64()?,
        })
    }

    /// The event, if this program knows it.
    pub fn event(&self) -> Option<&Event> {
        match &self.content {
            Content::Known(event) => Some(event),
            Content::Unknown(_) => None,
        }
    }

    /// What happened, as it is stored but for the names.
    pub(super) fn event_json(&self) -> &Value {
        self.body.get("event").unwrap_or(&Value::Null)
    }

    /// The name of its kind, known or not.
    pub fn kind(&self) -> &str {
        match &self.content {
            Content::Known(event) => event.kind().as_str(),
            Content::Unknown(unknown) => &unknown.kind,
        }
    }

    /// The body with number, time (RFC 3339) and hash beside it.
    pub fn to_json(&self) -> Value {
        let mut object = self.body.clone();
        object.insert("id".into(), self.id.into());
        object.insert("at".into(), self.at(TimeZone::UTC).into());
        object.insert("hash".into(), hexadecimal(&self.hash).into());
        Value::Object(object)
    }

    fn at(&self, zone: TimeZone) -> String {
        match jiff::Timestamp::from_millisecond(self.at_ms) {
            Ok(at) if zone == TimeZone::UTC => at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            Ok(at) => at
                .to_zoned_datetime(zone)
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string(),
            // Only a tampered row holds a time that does not exist.
            Err(_) => format!("{} ms", self.at_ms),
        }
    }
}

/// One line for a person, in local time.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at(TimeZone::system());
        write!(f, "{at} {:>6}  {}", self.id, self.content)
    }
}

#[cfg(test)]
// The guardian's tests have it too, and each room may import only its own.
#[allow(clippy::duplicate_mod)]
#[path = "../../tests/support/mutated.rs"]
mod mutated;

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes_are_a_record_that_can_be_shown_or_none() {
        let bodies = include_str!("../../tests/golden/record/bodies.jsonl");
        let seeds: Vec<Vec<u8>> = bodies
            .lines()
            .map(|line| line.as_bytes().to_vec())
            .collect();
        super::mutated::feed(&seeds, 5000, super::fuzz);
    }
}
