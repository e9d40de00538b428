//! Times as this machine's clock shows them, and as forms give them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A moment by a form of strftime; a question mark if there is no such moment.
fn local(at_ms: i64, form: &str) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(
        |_| "?".into(),
        |at| {
            let zoned = at.to_zoned_datetime(TimeZone::system());
            zoned.strftime(form).to_string()
        },
    )
}

/// `14:02`
pub(super) fn clock(at_ms: i64) -> String {
    local(at_ms, "%H:%M")
}

/// `14:02:07`
pub(super) fn seconds(at_ms: i64) -> String {
    local(at_ms, "%H:%M:%S")
}

/// `Sat 28 Nov 2026, 14:02`; of today the time alone.
pub(super) fn moment(at_ms: i64) -> String {
    if day(at_ms) == day(now_ms()) {
        return clock(at_ms);
    }
    local(at_ms, "%a %-d %b %Y, %H:%M")
}

/// `28 Nov 2026`
pub(super) fn date(at_ms: i64) -> String {
    local(at_ms, "%-d %b %Y")
}

/// `Saturday 28 November`
pub(super) fn long_date(at_ms: i64) -> String {
    local(at_ms, "%A %-d %B")
}

/// `2026-11-28`, as forms have it.
pub(super) fn day(at_ms: i64) -> String {
    local(at_ms, "%Y-%m-%d")
}

/// `2026-11-28T14:02`, as forms have it.
pub(super) fn minute(at_ms: i64) -> String {
    local(at_ms, "%Y-%m-%dT%H:%M")
}

/// For programs: RFC 3339, UTC.
pub(super) fn rfc3339(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).ok();
    at.map_or_else(String::new, |at| {
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    })
}

pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The beginning of today.
pub(super) fn today_ms() -> i64 {
    start_of(ZonedDateTime::now().date()).unwrap_or_else(|| now_ms() - DAY_MS)
}

/// From the beginning of a day that a form gives to the end of the last of so many.
pub(super) fn days_ms(text: &str, days: u16) -> Option<(i64, i64)> {
    let first: Date = text.parse().ok()?;
    let mut last = first;
    for _ in 0..days {
        last = last.tomorrow().ok()?;
    }
    Some((start_of(first)?, start_of(last)?))
}

/// Whether this is a day as forms give it.
pub(super) fn is_day(text: &str) -> bool {
    text.parse::<Date>().is_ok()
}

/// A moment that a form gives.
pub(super) fn minute_ms(text: &str) -> Option<i64> {
    let at: DateTime = text.parse().ok()?;
    let zoned = at.to_zoned_datetime(TimeZone::system()).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// Tomorrow evening: how long a guest stays if nothing else is said.
pub(super) fn tomorrow_evening() -> String {
    let today = ZonedDateTime::now().date();
    let tomorrow = today.tomorrow().unwrap_or(today);
    format!("{tomorrow}T18:00")
}

fn start_of(date: Date) -> Option<i64> {
    let at = date.to_datetime(Time::midnight());
    let zoned = at.to_zoned_datetime(TimeZone::system()).ok()?;
    Some(zoned.timestamp().as_millisecond())
}
