//! How an installer writes hours, days, spans and people in a rule file.

use std::time::Duration;

use jiff::civil::{Date, Time};

use super::Who;
use super::calendar::Days;
use super::hours::{MAX_DAY_MINUTES, Window};
use crate::person::PersonId;
use crate::whitelist::{Group, RESERVED_GROUPS};

/// The longest time within which others have to come, and of timed anti-passback.
const MAX_SPAN: Duration = Duration::from_secs(24 * 3600);

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const HOW_HOURS: &str =
    "write days and times, such as \"mon-fri 07:00-19:00\" or \"daily 22:00-06:00\"";
const HOW_DAYS: &str = "write a date such as \"2026-12-24\", one of every year \"*-05-01\", or a range \"2026-12-24 to 2027-01-06\"";

/// `mon-fri 07:00-19:00`
pub(super) fn window(text: &str) -> Result<Window, String> {
    let mut words = text.split_whitespace();
    let (Some(days), Some(times), None) = (words.next(), words.next(), words.next()) else {
        return Err(format!("are no hours: {HOW_HOURS}"));
    };
    let (from, to) = times
        .split_once('-')
        .ok_or_else(|| format!("has no end: {HOW_HOURS}"))?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    if from == to {
        return Err("begins and ends at the same time: write 00:00-24:00 for whole days".into());
    }
    if from == MAX_DAY_MINUTES || to == 0 {
        return Err(
            "has 24:00 and 00:00 the wrong way: a day begins at 00:00 and ends at 24:00".into(),
        );
    }
    let days = weekdays(days)?;
    Ok(Window { days, from, to })
}

fn minutes(text: &str) -> Result<u16, String> {
    let no_time = || format!("has no time {text}: times are 00:00 to 24:00, with two digits each");
    let (hours, minutes) = text.split_once(':').ok_or_else(no_time)?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok()).flatten()
    };
    let all = number(hours)
        .zip(number(minutes))
        .filter(|(_, minutes)| *minutes < 60)
        .map(|(hours, minutes)| hours * 60 + minutes);
    all.filter(|all| *all <= MAX_DAY_MINUTES)
        .ok_or_else(no_time)
}

fn weekdays(text: &str) -> Result<[bool; 7], String> {
    let small = text.to_lowercase();
    if matches!(small.as_str(), "daily" | "every-day" | "always") {
        return Ok([true; 7]);
    }
    let mut days = [false; 7];
    for part in small.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (weekday(first)?, weekday(last)?);
        // Over the end of the week too: sat-mon.
        let count = (last + 7 - first) % 7;
        for step in 0..=count {
            if let Some(day) = days.get_mut((first + step) % 7) {
                *day = true;
            }
        }
    }
    Ok(days)
}

fn weekday(text: &str) -> Result<usize, String> {
    let is = |name: &str| text.len() >= 2 && name.starts_with(text);
    if let Some(place) = WEEKDAYS.iter().position(|name| is(name)) {
        return Ok(place);
    }
    Err(format!(
        "has no weekday {text}; they are mon, tue, wed, thu, fri, sat and sun"
    ))
}

/// `2026-12-24`, `*-05-01`, `2026-12-24 to 2027-01-06`
pub(super) fn days(text: &str) -> Result<Days, String> {
    let (first, last) = text.split_once(" to ").unwrap_or((text, text));
    let (first, last) = (first.trim(), last.trim());
    match (first.strip_prefix("*-"), last.strip_prefix("*-")) {
        (None, None) => {
            let (first, last) = (date(first)?, date(last)?);
            match first <= last {
                true => Ok(Days::Once(first, last)),
                false => Err("ends before it begins: write the earlier date first".into()),
            }
        }
        (Some(first), Some(last)) => Ok(Days::Yearly(of_year(first)?, of_year(last)?)),
        _ => Err(format!("is of every year at one end only: {HOW_DAYS}")),
    }
}

/// `2026-12-24`
pub(super) fn date(text: &str) -> Result<Date, String> {
    let is_plain = text.len() == 10;
    let date = text.parse::<Date>().ok().filter(|_| is_plain);
    date.ok_or_else(|| match is_plain && text.get(4..5) == Some("-") {
        true => format!("has no day {text}: there is none of that date in the calendar"),
        false => format!("is no date: {HOW_DAYS}"),
    })
}

fn of_year(text: &str) -> Result<(i8, i8), String> {
    // A leap year has every day that a year can have.
    let day = date(&format!("2024-{text}"))
        .map_err(|_| format!("has no day {text} in any year: {HOW_DAYS}"))?;
    Ok((day.month(), day.day()))
}

/// `04:00`
pub(super) fn time(text: &str) -> Result<Time, String> {
    let all = minutes(text)?;
    let (hour, minute) = (i8::try_from(all / 60), i8::try_from(all % 60));
    let time = hour.ok().zip(minute.ok());
    time.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok())
        .ok_or_else(|| "is no time of the day: write one from 00:00 to 23:59".into())
}

/// `30s`, `5m`, `2h`
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "s" | "sec" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => 0,
    };
    let seconds = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    seconds
        .map(Duration::from_secs)
        .filter(|span| !span.is_zero() && *span <= MAX_SPAN)
        .ok_or_else(|| "is no span of time: write \"30s\", \"5m\" or \"2h\", from 1s to 24h".into())
}

/// A group's name.
pub(super) fn group(text: &str) -> Result<Group, String> {
    Group::new(text)
        .ok_or_else(|| "is no group: a name is 1 to 63 of a to z, 0 to 9, _ and -".to_owned())
}

/// `#7`
pub(super) fn person(text: &str) -> Result<PersonId, String> {
    let id = text
        .strip_prefix('#')
        .and_then(|number| number.parse().ok());
    id.filter(|id| *id > 0).map(PersonId).ok_or_else(|| {
        "is no person: write the number, such as \"#7\", as `doorward people list` has it, because names change".into()
    })
}

/// A group or a person, as a key of `[min_score]`.
pub(super) fn who(text: &str) -> Result<Who, String> {
    match text.starts_with('#') {
        true => person(text).map(Who::Person),
        false => group(text).map(Who::Group),
    }
}

/// For messages: names for people whom nobody puts in a group.
pub(super) fn reserved() -> String {
    RESERVED_GROUPS
        .map(|name| format!("\"{name}\""))
        .join(" and ")
}
