//! `doorward events --summary`: what a day was like, a line for each person.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::colour::Hue;
use super::output::{csv_line, local, rfc3339};
use crate::person::PersonId;
use crate::record::{Event, Kind, Record};

/// What counts as a fault of a day.
const FAULTS: [Kind; 5] = [
    Kind::Fault,
    Kind::RelayFault,
    Kind::CameraLost,
    Kind::WhitelistUnreadable,
    Kind::RecordsLost,
];

pub(super) fn is_fault(kind: &str) -> bool {
    FAULTS.iter().any(|fault| fault.as_str() == kind)
}

/// Of a line, by what it counts.
pub(super) fn hue(word: &str) -> Option<Hue> {
    match word {
        "granted" => Some(Hue::Good),
        "refused" => Some(Hue::Refused),
        "not judged" => Some(Hue::Unclear),
        "fault" => Some(Hue::Fault),
        _ => None,
    }
}

/// What a line counts, in the order of a day's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Granted(PersonId),
    Refused,
    NotJudged,
    Fault,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Refused => "refused",
            Self::NotJudged => "not judged",
            Self::Fault => "fault",
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    name: String,
    /// Event, time, and how many it stands for.
    events: Vec<(u64, i64, u64)>,
}

impl Tally {
    fn count(&self) -> u64 {
        self.events.iter().map(|(_, _, count)| count).sum()
    }

    fn first_ms(&self) -> Option<i64> {
        self.events.iter().map(|(_, at, _)| *at).min()
    }

    fn last_ms(&self) -> Option<i64> {
        self.events.iter().map(|(_, at, _)| *at).max()
    }
}

/// Days by their local date.
#[derive(Debug, Default)]
pub(super) struct Summary(BTreeMap<(String, What), Tally>);

impl Summary {
    pub(super) fn add(&mut self, record: &Record) {
        let left_out = |more: Option<std::num::NonZeroU32>| 1 + more.map_or(0, |n| n.get().into());
        let subject = record.subject();
        let (what, name, count) = match (record.event(), record.kind(), subject.person) {
            // It opened nothing.
            (
                Some(Event::GrantWithdrawn {
                    grant: Some(grant), ..
                }),
                ..,
            ) => {
                for tally in self.0.values_mut() {
                    tally.events.retain(|(id, ..)| id != grant);
                }
                return self.0.retain(|_, tally| !tally.events.is_empty());
            }
            (_, "granted" | "granted_by_card", Some((id, name))) => (What::Granted(id), name, 1),
            (Some(Event::Denied(denied)), ..) => {
                (What::Refused, String::new(), left_out(denied.left_out))
            }
            (Some(Event::CannotJudge { left_out: more, .. }), ..) => {
                (What::NotJudged, String::new(), left_out(*more))
            }
            (_, "denied" | "refused", _) => (What::Refused, String::new(), 1),
            (_, kind, _) if is_fault(kind) => (What::Fault, String::new(), 1),
            _ => return,
        };
        let day = local(record.at_ms, "%Y-%m-%d");
        let tally = self.0.entry((day, what)).or_default();
        // The name that the day ended with.
        tally.name = name;
        tally.events.push((record.id, record.at_ms, count));
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        let mut shown = "";
        self.0.iter().map(move |((day, what), tally)| {
            let new = day != shown;
            shown = day;
            let time = |at: Option<i64>| at.map_or_else(String::new, |at| local(at, "%H:%M:%S"));
            vec![
                if new { day.clone() } else { String::new() },
                what.word().to_owned(),
                match what {
                    What::Granted(id) => format!("{} ({id})", tally.name),
                    _ => String::new(),
                },
                time(tally.first_ms()),
                time(tally.last_ms()),
                tally.count().to_string(),
            ]
        })
    }

    pub(super) fn csv(&self) -> impl Iterator<Item = String> {
        let header = ["day", "what", "person_id", "name", "first", "last", "count"];
        let lines = self.0.iter().map(|((day, what), tally)| {
            let time = |at: Option<i64>| at.and_then(rfc3339).unwrap_or_default();
            let id = match what {
                What::Granted(id) => id.0.to_string(),
                _ => String::new(),
            };
            csv_line([
                day.as_str(),
                what.word(),
                &id,
                &tally.name,
                &time(tally.first_ms()),
                &time(tally.last_ms()),
                &tally.count().to_string(),
            ])
        });
        std::iter::once(csv_line(header)).chain(lines)
    }

    pub(super) fn json(&self) -> Value {
        let mut days: BTreeMap<&str, (Vec<Value>, [u64; 3])> = BTreeMap::new();
        for ((day, what), tally) in &self.0 {
            let (people, [refused, not_judged, faults]) = days.entry(day).or_default();
            match what {
                What::Granted(id) => people.push(json!({
                    "person_id": id,
                    "name": tally.name,
                    "first": tally.first_ms().and_then(rfc3339),
                    "last": tally.last_ms().and_then(rfc3339),
                    "count": tally.count(),
                })),
                What::Refused => *refused += tally.count(),
                What::NotJudged => *not_judged += tally.count(),
                What::Fault => *faults += tally.count(),
            }
        }
        let days = days
            .iter()
            .map(|(day, (people, [refused, not_judged, faults]))| {
                json!({
                    "day": day,
                    "people": people,
                    "refused": refused,
                    "not_judged": not_judged,
                    "faults": faults,
                })
            });
        json!({ "days": days.collect::<Vec<_>>() })
    }
}
