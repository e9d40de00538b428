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

/// What is taken as an end.
const ENDS: &str = "18:00, tomorrow, tomorrow 07:00, friday, friday 18:00, 2026-03-01, 2026-03-01T08:00, or a span such as 8h or 30d";

/// A moment to come. A time of day means the next one, a weekday's beginning the next one.
///
/// # Errors
/// What can be written, for a text that is no time or one that is past.
pub(super) fn until(text: &str) -> Result<When, String> {
    let now = ZonedDateTime::now();
    let end = end(text.trim(), &now)
        .ok_or_else(|| format!("{} is no time; write {ENDS}", Quoted(text)))?;
    if end <= now.timestamp().as_millisecond() {
        return Err(format!("{} is past; write {ENDS}", Quoted(text)));
    }
    Ok(When(end))
}

fn end(text: &str, now: &ZonedDateTime) -> Option<i64> {
    let at = |time: DateTime| {
        let time = time.to_zoned_datetime(now.time_zone().clone()).ok()?;
        Some(time.timestamp().as_millisecond())
    };
    let time_of = |text: &str| text.contains(':').then(|| text.parse::<Time>().ok())?;
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return at(time);
    }
    if let Some(time) = time_of(text) {
        let today = at(now.date().to_datetime(time))?;
        return match today > now.timestamp().as_millisecond() {
            true => Some(today),
            false => at(now.date().tomorrow().ok()?.to_datetime(time)),
        };
    }
    let (word, time) = match text.split_once(' ') {
        Some((word, time)) => (word, time_of(time.trim())),
        None => (text, Some(Time::midnight())),
    };
    if let Some(day) = coming_day(word, now.date()) {
        return at(day.to_datetime(time?));
    }
    let span = text.parse::<jiff::Span>().ok()?;
    let then = now.checked_add(span.abs()).ok()?;
    Some(then.timestamp().as_millisecond())
}

fn coming_day(word: &str, today: Date) -> Option<Date> {
    match word.to_ascii_lowercase().as_str() {
        "today" => Some(today),
        "tomorrow" => today.tomorrow().ok(),
        "yesterday" => None,
        // The last one that has begun is a week before the next.
        _ => day(word, today)?
            .checked_add(jiff::Span::new().days(7))
            .ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_taken_as_they_are_said() {
        // A Saturday; on Sunday the clocks go forward.
        let now: ZonedDateTime = "2026-03-28T12:30:00[Europe/Berlin]"
            .parse()
            .unwrap_or_else(|error| unreachable!("{error}"));
        let said = |text: &str| {
            let at = jiff::Timestamp::from_millisecond(end(text, &now)?).ok()?;
            let at = at.to_zoned_datetime(now.time_zone().clone());
            Some(at.strftime("%a %d.%m. %H:%M").to_string())
        };
        for (text, moment) in [
            ("18:00", "Sat 28.03. 18:00"),
            ("08:00", "Sun 29.03. 08:00"),
            ("today 20:00", "Sat 28.03. 20:00"),
            ("tomorrow", "Sun 29.03. 00:00"),
            ("Tomorrow 07:00", "Sun 29.03. 07:00"),
            ("saturday", "Sat 04.04. 00:00"),
            ("friday 18:00", "Fri 03.04. 18:00"),
            ("2026-04-01", "Wed 01.04. 00:00"),
            ("2026-04-01T08:00", "Wed 01.04. 08:00"),
            ("24h", "Sun 29.03. 13:30"),
            ("1d", "Sun 29.03. 12:30"),
        ] {
            assert_eq!(said(text).as_deref(), Some(moment), "{text}");
        }
        for text in ["", "yesterday", "soon", "friday noon", "12", "25:00"] {
            assert_eq!(said(text), None, "{text}");
        }
        assert!(until("2020-01-01").is_err_and(|said| said.contains("is past")));
    }

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
