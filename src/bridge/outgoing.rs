//! A record as it is told to whoever is outside: what happened in codes and numbers, and no
//! text that somebody typed. A person is a number, unless names are wanted.

use serde_json::{Map, Value, json};

use super::cursor::Cursor;
use crate::record::Record;

/// Members of an event that are codes and numbers, and are told as they are.
const TOLD: [&str; 15] = [
    "reason",
    "stage",
    "alarm",
    "mode",
    "until_ms",
    "pulse_ms",
    "open_ms",
    "lasted_ms",
    "pause_ms",
    "in_view",
    "by",
    "factor",
    "part",
    "which",
    "left_out",
];

/// A record on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outgoing {
    pub cursor: Cursor,
    pub record: Record,
    json: Value,
}

impl Outgoing {
    /// From what the daemon sends; nothing if it is no record.
    pub(super) fn read(json: Value) -> Option<Self> {
        let record = Record::from_json(&json)?;
        let hash = json["hash"].as_str()?.to_owned();
        let cursor = Cursor {
            number: record.id,
            hash,
        };
        Some(Self {
            cursor,
            record,
            json,
        })
    }

    /// Whoever is told it twice knows it by this: `door:812`.
    pub(super) fn id(&self) -> String {
        let door = self.json["door"].as_str().unwrap_or("door");
        format!("{door}:{}", self.cursor.number)
    }

    /// Since the machine's start, in milliseconds.
    pub(super) fn uptime_ms(&self) -> Option<u64> {
        self.json["uptime_ms"].as_u64()
    }

    /// What is told.
    pub(super) fn body(&self, names: bool) -> Map<String, Value> {
        let event = &self.json["event"];
        let mut body = Map::new();
        body.insert("id".into(), self.id().into());
        body.insert("event".into(), self.record.kind().into());
        for (key, from) in [
            ("door", "door"),
            ("at", "at"),
            ("at_ms", "at_ms"),
            ("hash", "hash"),
        ] {
            body.insert(key.into(), self.json[from].clone());
        }
        body.insert("number".into(), self.cursor.number.into());
        for key in TOLD {
            // A text that is no code is none of ours.
            let value = &event[key];
            let is_told = match value {
                Value::String(text) => is_code(text),
                Value::Number(_) | Value::Object(_) => true,
                _ => false,
            };
            if is_told {
                body.insert(key.into(), value.clone());
            }
        }
        let subject = self.record.subject();
        // Whom a stranger looked like most is nobody who was there.
        if let Some((person, name)) = subject.person.filter(|_| !subject.is_stranger) {
            body.insert("person".into(), json!(person));
            if names {
                body.insert("name".into(), name.into());
            }
        }
        body
    }
}

/// As reasons are written.
fn is_code(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=40).contains(&text.len()) && text.chars().all(fits)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A record of this number; `life` makes it another one.
    pub(in crate::bridge) fn outgoing(number: u64, life: u8, event: &Value) -> Outgoing {
        let hash = format!("{life:02x}").repeat(31) + &format!("{:02x}", number % 256);
        Outgoing::read(json!({
            "format": 1, "id": number, "at_ms": 1_767_225_600_000_u64, "uptime_ms": 1, "door": "front",
            "at": "2026-01-01T00:00:00.000Z", "hash": hash, "event": event,
        }))
        .unwrap()
    }

    #[test]
    fn no_name_leaves_unless_that_is_wanted_and_a_stranger_is_nobody() {
        let bodies = include_str!("../../tests/golden/record/bodies.jsonl");
        let mut named = 0;
        for (number, line) in (1..).zip(bodies.lines()) {
            let mut body: Value = serde_json::from_str(line).unwrap();
            body["id"] = number.into();
            body["hash"] = "0a".repeat(32).into();
            let Some(event) = Outgoing::read(body.clone()) else {
                continue;
            };
            let told = Value::Object(event.body(false)).to_string();
            for secret in ["name", "before", "purpose", "claimed", "file", "message"] {
                let texts = [&body["event"][secret], &body["event"]["person"][secret]];
                for text in texts.into_iter().filter_map(Value::as_str) {
                    assert!(!told.contains(text), "{text} in {told}");
                }
            }
            let with_names = event.body(true);
            let is_stranger = event.record.subject().is_stranger;
            assert!(
                !(is_stranger && with_names.contains_key("person")),
                "a stranger in {told}"
            );
            named += usize::from(with_names.contains_key("name"));
        }
        assert!(named > 10, "{named}");
    }

    #[test]
    fn an_event_is_told_with_what_a_program_needs() {
        let event = json!({ "kind": "denied", "reason": "outside_hours", "person": { "id": 7, "name": "Ada" },
            "frames": 3, "model": "m", "frame": { "name": "1", "vision_ms": 1.0, "age_ms": 2.0 } });
        let told = outgoing(812, 1, &event).body(false);
        assert_eq!(told["id"], "front:812");
        assert_eq!(
            (&told["event"], &told["reason"]),
            (&json!("denied"), &json!("outside_hours"))
        );
        assert_eq!((&told["person"], &told["number"]), (&json!(7), &json!(812)));
    }
}
