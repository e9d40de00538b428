//! Times as people write them.

use jiff::ZonedDateTime;
use jiff::civil::{Date, DateTime, Time, Weekday};

use crate::shown::Quoted;

/// What is taken, for help texts and errors.
const FORMS: &str = "today, yesterday, monday, 08:00, 2026-03-01, 2026-03-01T08:00, or a span back such as 8h or 30d";

/// A moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct When(pub i64);

/// A day means its beginning, a weekday the last one that has begun, a time of day today's.
///
/// # Errors
/// What can be written, for a text that is no time.
pub(super) fn when(text: &str) -> Result<When, String> {
    let no_time = || format!("{} is no time; write {FORMS}", Quoted(text));
    let moment = moment(text.trim(), &ZonedDateTime::now()).ok_or_else(no_time)?;
    Ok(When(moment))
}

fn moment(text: &str, now: &ZonedDateTime) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let at = |time: DateTime| {
        let time = time.to_zoned_datetime(now.time_zone().clone()).ok()?;
        Some(time.timestamp().as_millisecond())
    };
    if let Some(day) = day(text, now.date()) {
        return at(day.to_datetime(Time::midnight()));
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return at(time);
    }
    // A number alone is more likely a span without its unit.
    if let Some(Ok(time)) = text.contains(':').then(|| text.parse::<Time>()) {
        return at(now.date().to_datetime(time));
    }
    let span = text.parse::<jiff::Span>().ok()?;
    let then = now.checked_sub(span.abs()).ok()?;
    Some(then.timestamp().as_millisecond())
}

fn day(text: &str, today: Date) -> Option<Date> {
    let weekday = match text.to_ascii_lowercase().as_str() {
        "today" => return Some(today),
        "yesterday" => return today.yesterday().ok(),
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    };
    if today.weekday() == weekday {
        return Some(today);
    }
    today.nth_weekday(-1, weekday).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_they_are_said() {
        // A Thursday, four days after the clocks went forward.
        let now: ZonedDateTime = "2026-04-02T12:30:00[Europe/Berlin]"
            .parse()
            .unwrap_or_else(|error| unreachable!("{error}"));
        let said = |text: &str| {
            let at = jiff::Timestamp::from_millisecond(moment(text, &now)?).ok()?;
            Some(
                at.to_zoned_datetime(now.time_zone().clone())
                    .strftime("%a %d.%m. %H:%M")
                    .to_string(),
            )
        };
        for (text, moment) in [
            ("today", "Thu 02.04. 00:00"),
            ("Yesterday", "Wed 01.04. 00:00"),
            ("thursday", "Thu 02.04. 00:00"),
            ("friday", "Fri 27.03. 00:00"),
            ("monday", "Mon 30.03. 00:00"),
            ("2026-03-01", "Sun 01.03. 00:00"),
            ("2026-03-01T08:00", "Sun 01.03. 08:00"),
            ("2026-03-01 08:00", "Sun 01.03. 08:00"),
            ("2026-03-01T08:00:00Z", "Sun 01.03. 09:00"),
            ("08:00", "Thu 02.04. 08:00"),
            ("8h", "Thu 02.04. 04:30"),
            ("7d", "Thu 26.03. 12:30"),
        ] {
            assert_eq!(said(text).as_deref(), Some(moment), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "25:00",
            "12",
            "08",
            "next monday",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
