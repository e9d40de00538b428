//! Digits that a reader types, up to Enter: a card's number.

use std::time::Duration;

use super::reading::{Card, Digit, Flaw, Key, MAX_CARD_DIGITS, Misread, What};
use crate::guardian::BootTime;

/// A reader types all at once; digits that wait longer for their end are none of a card.
const MAX_TYPING_TIME: Duration = Duration::from_secs(2);

/// What has been typed. Its size is bounded whatever comes.
#[derive(Debug, Default)]
pub(super) struct Typed {
    number: u64,
    count: u16,
    flaw: Option<Flaw>,
    since: Option<BootTime>,
}

/// What an input device sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// A key of a keypad.
    Key(Key),
    /// Any other.
    Other,
    /// Some were lost on the way.
    Overrun,
}

impl Typed {
    /// One more; gives a card or what is none once it has ended.
    pub(super) fn stroke(&mut self, at: BootTime, stroke: Stroke) -> Option<What> {
        self.since.get_or_insert(at);
        match stroke {
            Stroke::Key(Key::Digit(digit)) => self.digit(digit),
            // Backspace or Escape is no key of a reader.
            Stroke::Key(Key::Clear) | Stroke::Other => self.spoil(Flaw::NotDigits),
            Stroke::Overrun => self.spoil(Flaw::Overrun),
            Stroke::Key(Key::Enter) => return Some(self.end()),
        }
        None
    }

    fn digit(&mut self, digit: Digit) {
        self.count = self.count.saturating_add(1);
        if usize::from(self.count) > MAX_CARD_DIGITS {
            self.flaw.get_or_insert(Flaw::TooLong);
            return;
        }
        self.number = self
            .number
            .saturating_mul(10)
            .saturating_add(digit.get().into());
    }

    fn spoil(&mut self, flaw: Flaw) {
        self.count = self.count.saturating_add(1);
        self.flaw.get_or_insert(flaw);
    }

    fn end(&mut self) -> What {
        let Self {
            number,
            count,
            flaw,
            ..
        } = std::mem::take(self);
        let flaw = flaw.or((count == 0).then_some(Flaw::NotDigits));
        match flaw {
            None => What::Card(Card {
                bits: 0,
                facility: None,
                number,
            }),
            Some(flaw) => What::Misread(Misread {
                length: count,
                flaw,
            }),
        }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// When it is given up.
    pub(super) fn wake_at(&self) -> Option<BootTime> {
        self.since.map(|since| since.after(MAX_TYPING_TIME))
    }

    /// What is none, if its end did not come.
    pub(super) fn settle(&mut self, now: BootTime) -> Option<What> {
        if self.wake_at().is_none_or(|end| now < end) {
            return None;
        }
        let length = self.count;
        self.forget();
        Some(What::Misread(Misread {
            length,
            flaw: Flaw::NotDigits,
        }))
    }
}
