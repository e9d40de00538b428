//! What administrators did to people and their templates in English, one line an event.

use std::fmt::{self, Write};

use super::event::Event;
use super::privacy::{Disclosed, Erased, UnusedDisabled, UnusedSoon};
use crate::shown::counted;

/// An event of people, after its kind; nothing of another.
pub(super) fn write(f: &mut impl Write, event: &Event) -> fmt::Result {
    match event {
        Event::Enrolled {
            person,
            model,
            templates,
            source,
            actor,
        } => write!(
            f,
            " {person}, {} of {model} from {source}, by {actor}",
            counted(*templates, "template", "templates")
        ),
        Event::Renamed {
            person,
            before,
            actor,
        } => write!(f, " {person}, before {before}, by {actor}"),
        Event::Enabled { person, actor } | Event::Disabled { person, actor } => {
            write!(f, " {person}, by {actor}")
        }
        Event::Removed {
            person,
            templates,
            actor,
        } => write!(
            f,
            " {person} with {}, by {actor}",
            counted(*templates, "template", "templates")
        ),
        Event::Exported {
            file,
            person,
            people,
            templates,
            actor,
        } => {
            match person {
                Some(person) => write!(f, " {person}")?,
                None => write!(f, " {}", counted(*people, "person", "people"))?,
            }
            let templates = counted(*templates, "template", "templates");
            write!(f, " with {templates} to {file}, by {actor}")
        }
        Event::Imported {
            person,
            file,
            enabled,
            templates,
            replaced,
            actor,
        } => {
            let templates = counted(*templates, "template", "templates");
            write!(f, " {person} with {templates} from {file}")?;
            if !enabled {
                write!(f, ", disabled")?;
            }
            if let Some(replaced) = replaced {
                write!(f, ", in the place of an entry with {replaced}")?;
            }
            write!(f, ", by {actor}")
        }
        Event::PhotosForgotten { photos, actor } => {
            write!(
                f,
                ", {}, by {actor}",
                counted(*photos, "kept photo", "kept photos")
            )
        }
        Event::GroupJoined {
            person,
            group,
            actor,
        } => write!(f, " {person}, group {group}, by {actor}"),
        Event::GroupLeft {
            person,
            group,
            actor,
        } => write!(f, " {person}, group {group}, by {actor}"),
        Event::ValidityChanged {
            person,
            from_ms,
            until_ms,
            actor,
        } => {
            write!(f, " {person}")?;
            match (from_ms, until_ms) {
                (None, None) => write!(f, ", without limit")?,
                (from, until) => {
                    if let Some(from) = from {
                        write!(f, ", from {}", moment(*from))?;
                    }
                    if let Some(until) = until {
                        write!(f, ", until {}", moment(*until))?;
                    }
                }
            }
            write!(f, ", by {actor}")
        }
        Event::EntriesChanged {
            person,
            entries,
            actor,
        } => match entries {
            Some(entries) => write!(
                f,
                " {person}, {}, by {actor}",
                counted(*entries, "entry", "entries")
            ),
            None => write!(f, " {person}, without limit, by {actor}"),
        },
        Event::GuestUntil {
            person,
            until_ms,
            actor,
        } => write!(f, " {person}, until {}, by {actor}", moment(*until_ms)),
        Event::Erased(Erased {
            person,
            templates,
            actor,
        }) => write!(
            f,
            " {} with {}, by {actor}",
            person.id,
            counted(*templates, "template", "templates")
        ),
        Event::UnusedSoon(UnusedSoon {
            person,
            since_ms,
            from_ms,
        }) => write!(
            f,
            ": {person} was not let in since {} and will be disabled, not before {}",
            moment(*since_ms),
            moment(*from_ms)
        ),
        Event::UnusedDisabled(UnusedDisabled {
            person,
            since_ms,
            days,
        }) => write!(
            f,
            ": {person} was not let in since {}, longer than {}",
            moment(*since_ms),
            counted(*days, "day", "days")
        ),
        Event::Disclosed(Disclosed {
            person,
            file,
            templates,
            events,
            pictures,
            actor,
        }) => write!(
            f,
            " to {file}: {person} with {}, {} and {}, by {actor}",
            counted(*templates, "template", "templates"),
            counted(*events, "event", "events"),
            counted(*pictures, "picture", "pictures")
        ),
        Event::ConsentGiven {
            person,
            day,
            purpose,
            actor,
        } => {
            write!(f, " of {person}, on {day}")?;
            if let Some(purpose) = purpose {
                write!(f, ", for {purpose}")?;
            }
            write!(f, ", by {actor}")
        }
        Event::ConsentWithdrawn { person, actor } => {
            write!(f, " of {person}, who is let in no more, by {actor}")
        }
        Event::TemplateForgotten {
            person,
            model,
            source,
            actor,
        } => write!(f, " of {person}, of {model} from {source}, by {actor}"),
        _ => Ok(()),
    }
}

/// In UTC, to the second.
fn moment(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(
        |_| format!("{at_ms} ms"),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
