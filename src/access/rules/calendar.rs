//! Holidays: days that are not as others.

use jiff::civil::Date;

/// A named list of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holidays {
    pub(super) days: Vec<Days>,
}

/// Days of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// From one date to another, both among them.
    Once(Date, Date),
    /// Every year from one month and day to another, both among them; over the end of the
    /// year if the second is before the first.
    Yearly((i8, i8), (i8, i8)),
}

impl Days {
    fn include(self, day: Date) -> bool {
        match self {
            Self::Once(first, last) => (first..=last).contains(&day),
            Self::Yearly(first, last) => {
                let day = (day.month(), day.day());
                match first <= last {
                    true => (first..=last).contains(&day),
                    false => day >= first || day <= last,
                }
            }
        }
    }
}

impl Holidays {
    pub(super) fn include(&self, day: Date) -> bool {
        self.days.iter().any(|days| days.include(day))
    }
}
