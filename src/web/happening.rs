//! Records in words: what happened, to whom, and how it is to be shown. The words themselves
//! are in `words.rs`.

use std::fmt::Write as _;

use serde_json::Value;

use super::words;
use crate::shown::Escaping;

/// How something is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tone {
    /// Somebody was let in.
    In,
    /// Somebody was refused.
    Out,
    /// Neither.
    Unclear,
    /// Somebody has to look.
    Alarm,
    /// Of interest today.
    Note,
    /// In reports of everything alone.
    Quiet,
}

impl Tone {
    /// The class of the round face.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out | Self::Alarm => "out",
            Self::Unclear => "unclear",
            Self::Note | Self::Quiet => "note",
        }
    }

    /// The class of its label.
    pub(super) fn pill(self) -> &'static str {
        match self {
            Self::In => "good",
            Self::Out | Self::Alarm => "bad",
            Self::Unclear => "warn",
            Self::Note | Self::Quiet => "",
        }
    }
}

/// One record.
#[derive(Debug, Clone)]
pub(super) struct Happening {
    pub id: u64,
    pub at_ms: i64,
    pub kind: String,
    pub reason: Option<String>,
    /// Whom it is about; of a stranger whom it was nearest to, nobody.
    pub person: Option<(i64, String)>,
    pub tone: Tone,
    /// A word or two.
    pub label: &'static str,
    pub title: String,
    pub detail: String,
    /// Whether the face that it is about was kept.
    pub has_picture: bool,
}

impl Happening {
    /// From a record as the socket gives it; nothing from what is none.
    pub(super) fn read(record: &Value) -> Option<Self> {
        let event = record.get("event")?;
        let kind = event.get("kind")?.as_str()?.to_owned();
        let text = |key: &str| event.get(key).and_then(Value::as_str).map(shown);
        let reason = text("reason");
        // Nobody was recognised: the person of such a record only resembles most.
        let is_stranger = kind == "cannot_judge"
            || kind == "denied"
                && matches!(reason.as_deref(), Some("not_listed" | "empty_whitelist"));
        let person = event
            .get("person")
            .filter(|_| !is_stranger)
            .and_then(|person| {
                let id = person.get("id")?.as_i64()?;
                Some((id, shown(person.get("name")?.as_str()?)))
            });
        let (tone, label) = words::kind(&kind, event);
        let title = match &person {
            Some((_, name)) => name.clone(),
            None => words::title(&kind, event),
        };
        Some(Self {
            id: record.get("id")?.as_u64()?,
            at_ms: record.get("at_ms")?.as_i64()?,
            detail: words::detail(&kind, event),
            tone,
            label,
            title,
            person,
            reason,
            has_picture: record.get("picture").and_then(Value::as_bool) == Some(true),
            kind: shown(&kind),
        })
    }

    /// One or two letters for the round face.
    pub(super) fn initials(&self) -> String {
        match &self.person {
            Some((_, name)) => initials(name),
            None if self.tone == Tone::Alarm => "!".into(),
            None if matches!(self.tone, Tone::Out | Tone::Unclear) => "?".into(),
            None => "·".into(),
        }
    }
}

/// The first letters of the first and the last name.
pub(super) fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let letter =
        |word: Option<&str>| word.and_then(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = letter(words.next());
    let last = letter(words.next_back());
    let letters: String = first.into_iter().chain(last).collect();
    letters.to_uppercase()
}

/// Text from outside, without what cannot be seen or turns others around.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(Escaping(&mut out), "{text}");
    out
}

/// The same of what goes over several lines, such as one for each photo.
pub(super) fn shown_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(shown).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stranger_has_no_name_and_nothing_unsafe_is_shown() {
        let record = |event| json!({ "id": 7, "at_ms": 1, "event": event });
        let stranger = json!({ "kind": "denied", "reason": "not_listed", "person": { "id": 3, "name": "Ada" } });
        let stranger = Happening::read(&record(stranger)).unwrap();
        assert_eq!((stranger.person.as_ref(), stranger.tone), (None, Tone::Out));
        assert!(!stranger.title.contains("Ada"));
        let granted = json!({ "kind": "granted", "reason": "recognised", "person": { "id": 3, "name": "A\u{202e}da Lovelace" } });
        let granted = Happening::read(&record(granted)).unwrap();
        assert_eq!(granted.title, "A\\u{202e}da Lovelace");
        assert_eq!(granted.initials(), "AL");
        let later = json!({ "kind": "of_a_later_version" });
        assert_eq!(
            Happening::read(&record(later)).unwrap().title,
            "of a later version"
        );
        for none in [
            json!(3),
            json!({}),
            json!({ "id": 1, "at_ms": 1, "event": {} }),
        ] {
            assert!(Happening::read(&none).is_none());
        }
    }
}
