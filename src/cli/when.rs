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

/// What is taken of times to come.
const FORMS_AHEAD: &str = "today, tomorrow, friday, \"friday 18:00\", 18:00, 2026-03-01, \"2026-03-01 18:00\", or a span from now such as 8h or 30d";

/// A moment, sooner to come than past: a weekday is the next one, a day its beginning.
///
/// # Errors
/// What can be written, for a text that is no time.
pub(super) fn ahead(text: &str) -> Result<When, String> {
    coming(text, false)
}

/// The same, where a day alone is meant to its end.
///
/// # Errors
/// As [`ahead`].
pub(super) fn ahead_end(text: &str) -> Result<When, String> {
    coming(text, true)
}

fn coming(text: &str, to_end: bool) -> Result<When, String> {
    let no_time = || format!("{} is no time; write {FORMS_AHEAD}", Quoted(text));
    let now = ZonedDateTime::now();
    let moment = moment_ahead(text.trim(), &now, to_end).ok_or_else(no_time)?;
    Ok(When(moment))
}

/// A moment to come. A time of day and a weekday mean the next one.
///
/// # Errors
/// What can be written, for a text that is no time or one that is past.
pub(super) fn until(text: &str) -> Result<When, String> {
    let now = ZonedDateTime::now();
    let end = end(text.trim(), &now)
        .ok_or_else(|| format!("{} is no time; write {FORMS_AHEAD}", Quoted(text)))?;
    if end <= now.timestamp().as_millisecond() {
        return Err(format!("{} is past; write {FORMS_AHEAD}", Quoted(text)));
    }
    Ok(When(end))
}

fn end(text: &str, now: &ZonedDateTime) -> Option<i64> {
    let end = moment_ahead(text, now, false)?;
    let comes_again = text.parse::<Time>().is_ok() || !text.eq_ignore_ascii_case("today");
    let is_name = text
        .chars()
        .all(|c| c.is_ascii_alphabetic() || c == ':' || c.is_ascii_digit());
    if end > now.timestamp().as_millisecond() || !comes_again || !is_name {
        return Some(end);
    }
    moment_ahead(text, &now.tomorrow().ok()?, false)
}

fn moment_ahead(text: &str, now: &ZonedDateTime, to_end: bool) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let at = |time: DateTime| {
        let time = time.to_zoned_datetime(now.time_zone().clone()).ok()?;
        Some(time.timestamp().as_millisecond())
    };
    let (first, time) = match text.split_once(' ') {
        Some((first, time)) => (first, Some(time.trim().parse::<Time>().ok()?)),
        None => (text, None),
    };
    if let Some(day) = day_ahead(first, now.date(), time.is_some_and(|t| t <= now.time())) {
        return match time {
            Some(time) => at(day.to_datetime(time)),
            None if to_end => at(day.tomorrow().ok()?.to_datetime(Time::midnight())),
            None => at(day.to_datetime(Time::midnight())),
        };
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return at(time);
    }
    if let Some(Ok(time)) = text.contains(':').then(|| text.parse::<Time>()) {
        return at(now.date().to_datetime(time));
    }
    let span = text.parse::<jiff::Span>().ok()?;
    let then = now.checked_add(span.abs()).ok()?;
    Some(then.timestamp().as_millisecond())
}

/// `is_past`: of today nothing is left that could be meant.
fn day_ahead(text: &str, today: Date, is_past: bool) -> Option<Date> {
    match text.to_ascii_lowercase().as_str() {
        "tomorrow" => return today.tomorrow().ok(),
        "yesterday" => return None,
        _ => {}
    }
    if let Ok(date) = text.parse::<Date>() {
        // A date with a time is read as a whole.
        return (text.len() == 10).then_some(date);
    }
    let day = day(text, today)?;
    let is_meant = !is_past || text.eq_ignore_ascii_case("today");
    match day == today && is_meant {
        true => Some(today),
        false => today.nth_weekday(1, day.weekday()).ok(),
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
    fn times_to_come_are_taken_as_they_are_said() {
        // A Thursday, three days before the clocks go forward.
        let now: ZonedDateTime = "2026-03-26T12:30:00[Europe/Berlin]"
            .parse()
            .unwrap_or_else(|error| unreachable!("{error}"));
        let said = |text: &str, to_end: bool| {
            let at = moment_ahead(text, &now, to_end)?;
            let at = jiff::Timestamp::from_millisecond(at).ok()?;
            let at = at.to_zoned_datetime(now.time_zone().clone());
            Some(at.strftime("%a %d.%m. %H:%M").to_string())
        };
        for (text, begin, end) in [
            ("today", "Thu 26.03. 00:00", "Fri 27.03. 00:00"),
            ("tomorrow", "Fri 27.03. 00:00", "Sat 28.03. 00:00"),
            ("thursday", "Thu 26.03. 00:00", "Fri 27.03. 00:00"),
            ("friday", "Fri 27.03. 00:00", "Sat 28.03. 00:00"),
            ("Wednesday", "Wed 01.04. 00:00", "Thu 02.04. 00:00"),
            ("friday 18:00", "Fri 27.03. 18:00", "Fri 27.03. 18:00"),
            ("thursday 18:00", "Thu 26.03. 18:00", "Thu 26.03. 18:00"),
            ("thursday 08:00", "Thu 02.04. 08:00", "Thu 02.04. 08:00"),
            ("today 08:00", "Thu 26.03. 08:00", "Thu 26.03. 08:00"),
            ("2026-03-28", "Sat 28.03. 00:00", "Sun 29.03. 00:00"),
            ("2026-03-28 18:00", "Sat 28.03. 18:00", "Sat 28.03. 18:00"),
            ("2026-03-28T18:00", "Sat 28.03. 18:00", "Sat 28.03. 18:00"),
            (
                "2026-03-28T18:00:00Z",
                "Sat 28.03. 19:00",
                "Sat 28.03. 19:00",
            ),
            ("18:00", "Thu 26.03. 18:00", "Thu 26.03. 18:00"),
            ("8h", "Thu 26.03. 20:30", "Thu 26.03. 20:30"),
            ("3d", "Sun 29.03. 12:30", "Sun 29.03. 12:30"),
        ] {
            assert_eq!(said(text, false).as_deref(), Some(begin), "{text}");
            assert_eq!(said(text, true).as_deref(), Some(end), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "friday evening",
            "12",
            "2026-02-30",
            "someday 18:00",
        ] {
            assert_eq!(said(text, false), None, "{text}");
        }
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
