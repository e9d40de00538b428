//! Access rules: who may pass when, and what is needed for it. What an installer writes in
//! `access.d/*.toml` becomes [`Rules`], whole or not at all; what they say of a person at a
//! moment is a pure function.
//!
//! A rule lets in: the people it is for, at its hours, under its conditions. A person may
//! pass if one rule lets in, and if nothing that holds for every rule stands against it
//! (validity, entries, anti-passback, a score of the person's own). Without any rule
//! everybody may pass at any time.
//!
//! Hours are what a clock on the wall shows: a time that the clock shows twice when summer
//! time ends is meant twice, and one that it leaves out is never. A window that goes over
//! midnight belongs to the day on which it begins; dates and holidays are asked for that day.

mod calendar;
mod explain;
mod forms;
mod hours;
mod judge;
mod passback;
#[cfg(test)]
mod properties;
mod read;
mod reader;

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::calendar::Holidays;
pub(crate) use self::explain::Explained;
use self::hours::Hours;
pub use self::judge::{Asking, Pass};
pub(crate) use self::passback::passed_within;
pub use self::passback::{Passback, PassbackMode};
use super::FactorKind;
use crate::cohort::Score;
use crate::person::PersonId;
use crate::whitelist::{Group, Standing};

/// What the wall's clock says, and the one that nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wall<'a> {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// Whether that may be believed.
    pub is_believed: bool,
    /// The start of the machine that `uptime_ms` counts from.
    pub boot: Option<&'a str>,
    pub uptime_ms: u64,
}

impl Wall<'_> {
    /// A clock of which nothing is known.
    pub const UNKNOWN: Self = Self {
        at_ms: 0,
        is_believed: false,
        boot: None,
        uptime_ms: 0,
    };

    fn at(&self) -> Option<jiff::Timestamp> {
        let at = jiff::Timestamp::from_millisecond(self.at_ms).ok()?;
        self.is_believed.then_some(at)
    }
}

/// All access rules of a door. None by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Of the files they are from: other rules have another.
    pub(crate) edition: u64,
    files: usize,
    rules: Vec<Rule>,
    passback: Option<Passback>,
    /// Scores that people have to reach beside the door's own.
    min_scores: Vec<(Who, Score)>,
}

/// Whom something is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Group(Group),
    Person(PersonId),
}

impl Who {
    fn is(&self, person: PersonId, standing: &Standing) -> bool {
        match self {
            Self::Group(group) => standing.is_in(group),
            Self::Person(id) => *id == person,
        }
    }
}

/// Who else has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Company {
    /// Two people, one of the rule's and one of this group, in any order; one grant.
    Second(Group),
    /// Somebody of this group, who was let in before.
    Escort(Group),
}

/// Who may pass, when, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub(crate) name: String,
    who: Vec<Who>,
    /// Of days where there are no hours.
    zone: TimeZone,
    /// Any of these; none is at any time.
    hours: Vec<Hours>,
    /// On none of these days.
    not_on: Vec<Holidays>,
    /// On one of these days only, if there are any.
    only_on: Vec<Holidays>,
    /// The first day.
    from: Option<Date>,
    /// The last day.
    until: Option<Date>,
    factor: Option<FactorKind>,
    /// Whether the face has to pass a challenge.
    challenge: bool,
    company: Option<Company>,
    /// Within which the others have to come.
    within: Duration,
}

impl Rules {
    /// How many files they are from, and how many there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.files, self.rules.len())
    }

    /// The direction of whoever passes here.
    pub fn direction(&self) -> crate::whitelist::Direction {
        self.passback
            .as_ref()
            .map(|p| p.direction)
            .unwrap_or_default()
    }

    /// The first rule that asks for a challenge.
    pub(crate) fn asks_for_challenge(&self) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.challenge)
    }

    /// Every group that is named, each once.
    pub(crate) fn groups(&self) -> std::collections::BTreeSet<&Group> {
        let of = |who: &'_ Who| matches!(who, Who::Group(_));
        let whom = self.rules.iter().flat_map(|rule| &rule.who);
        let scored = self.min_scores.iter().map(|(who, _)| who);
        let named = whom
            .chain(scored)
            .filter(|who| of(who))
            .filter_map(|who| match who {
                Who::Group(group) => Some(group),
                Who::Person(_) => None,
            });
        let company = self.rules.iter().filter_map(|rule| match &rule.company {
            Some(Company::Second(group) | Company::Escort(group)) => Some(group),
            None => None,
        });
        let except = self.passback.iter().flat_map(|passback| &passback.except);
        named.chain(company).chain(except).collect()
    }
}

impl Rule {
    /// Whether it says something of a person.
    pub(crate) fn is_for(&self, person: PersonId, standing: &Standing) -> bool {
        let own = self.who.iter().any(|who| who.is(person, standing));
        own || matches!(&self.company, Some(Company::Second(group)) if standing.is_in(group))
    }

    /// Whether it asks for the time at all.
    pub(crate) fn depends_on_time(&self) -> bool {
        let days = !self.not_on.is_empty() || !self.only_on.is_empty();
        days || !self.hours.is_empty() || self.from.is_some() || self.until.is_some()
    }

    /// Whether it lets in at a moment.
    pub(crate) fn is_open(&self, at: jiff::Timestamp) -> bool {
        if self.hours.is_empty() {
            return self.counts_on(at.to_zoned_datetime(self.zone.clone()).date());
        }
        self.hours
            .iter()
            .any(|hours| hours.hold(at, |day| self.counts_on(day)))
    }

    /// Whether windows that begin on a day count.
    fn counts_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day)
            && self.until.is_none_or(|until| day <= until)
            && !self.not_on.iter().any(|holidays| holidays.include(day))
            && (self.only_on.is_empty() || self.only_on.iter().any(|h| h.include(day)))
    }

    /// What is needed besides the hours, in words.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let challenge = self.challenge.then(|| "after a challenge".to_owned());
        let factor = self.factor.iter().map(ToString::to_string);
        let mut conditions: Vec<String> = challenge.into_iter().chain(factor).collect();
        let within = shown(self.within);
        conditions.extend(self.company.iter().map(|company| match company {
            Company::Second(group) => {
                format!("together with a second person, of {group}, within {within}")
            }
            Company::Escort(group) => format!("after somebody of {group}, within {within}"),
        }));
        conditions
    }
}

/// `30 s` or `5 min`
pub(crate) fn shown(time: Duration) -> String {
    match time.as_secs() {
        hours if hours >= 3600 && hours % 3600 == 0 => format!("{} h", hours / 3600),
        minutes if minutes >= 60 && minutes % 60 == 0 => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    }
}
