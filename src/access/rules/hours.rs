//! Hours of the week, as a clock on the wall shows them.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// Minutes of a day without a change of the clock.
pub(super) const MAX_DAY_MINUTES: u16 = 24 * 60;

/// Weekly windows in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hours {
    pub(super) zone: TimeZone,
    pub(super) windows: Vec<Window>,
}

/// From one time of day to another, on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// By day, from Monday on.
    pub(super) days: [bool; 7],
    /// Minutes since midnight; the first that counts.
    pub(super) from: u16,
    /// The first that counts no more, up to [`MAX_DAY_MINUTES`]. Not after `from`: on the
    /// next day.
    pub(super) to: u16,
}

impl Window {
    fn is_on(&self, weekday: Weekday) -> bool {
        let day = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
        self.days.get(day).copied().unwrap_or(false)
    }

    fn is_over_midnight(&self) -> bool {
        self.to <= self.from
    }
}

impl Hours {
    /// Whether a window that begins on a day that counts holds at a moment.
    pub(super) fn hold(&self, at: Timestamp, counts: impl Fn(Date) -> bool) -> bool {
        let local = at.to_zoned_datetime(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
        let (today, minute) = (local.date(), minute.unwrap_or(0));
        let begins = |window: &Window, day: Date| window.is_on(day.weekday()) && counts(day);
        self.windows.iter().any(|window| {
            if !window.is_over_midnight() {
                return (window.from..window.to).contains(&minute) && begins(window, today);
            }
            let since_yesterday = || today.yesterday().is_ok_and(|day| begins(window, day));
            minute >= window.from && begins(window, today)
                || minute < window.to && since_yesterday()
        })
    }
}
