//! From the text of rule files to rules: all of them, or every mistake in any of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::calendar::Holidays;
use super::hours::Hours;
use super::reader::{Mistakes, Table, one_of, texts};
use super::{Company, FactorKind, Passback, PassbackMode, Rule, Rules, Who, forms};
use crate::cohort::Score;
use crate::config::{Mistake, RuleFile, RulesError, Syntax, nearest};
use crate::whitelist::Direction;

/// Rules of all files together.
const MAX_RULES: usize = 1000;
/// Within which others have to come where a rule does not say.
const DEFAULT_WITHIN: Duration = Duration::from_secs(30);
const HOW_ZONE: &str = "a time zone such as \"Europe/Berlin\"";
const HOW_HOURS: &str = "hours such as \"mon-fri 07:00-19:00\"";
const HOW_DAYS: &str = "dates such as \"2026-12-24\"";

/// One file while it is read.
struct Reading<'t> {
    path: &'t Path,
    syntax: &'t Syntax,
    root: &'t DeTable<'t>,
    zone: Option<TimeZone>,
    mistakes: Mistakes<'t>,
}

/// What files name for the rules of all files.
#[derive(Default)]
struct Named {
    hours: BTreeMap<String, Hours>,
    holidays: BTreeMap<String, Holidays>,
    /// Also those that are wrong, each with where it is.
    places: BTreeMap<(&'static str, String), PathBuf>,
}

impl Rules {
    /// What rule files say together.
    ///
    /// # Errors
    /// [`RulesError::Invalid`] with everything that is wrong in any of them.
    pub fn parse(files: &[RuleFile], zones: &TimeZoneDatabase) -> Result<Self, RulesError> {
        let (mut texts, mut wrong) = (Vec::new(), Vec::<(PathBuf, Mistake)>::new());
        for RuleFile { path, text } in files {
            match text {
                Ok(text) => texts.push((path.as_path(), Syntax::new(text))),
                Err(mistake) => wrong.push((path.clone(), mistake.clone())),
            }
        }
        let roots: Vec<Spanned<DeTable<'_>>> = texts.iter().map(|(_, s)| s.root()).collect();
        let mut readings: Vec<Reading<'_>> = (texts.iter().zip(&roots))
            .map(|((path, syntax), root)| Reading {
                path,
                syntax,
                root: root.get_ref(),
                zone: None,
                mistakes: Mistakes {
                    text: &syntax.text,
                    found: Vec::new(),
                },
            })
            .collect();
        let mut named = Named::default();
        for reading in &mut readings {
            reading.define(zones, &mut named);
        }
        let mut rules = Self {
            edition: edition(files),
            files: files.len(),
            ..Self::default()
        };
        let mut names = BTreeMap::new();
        for reading in &mut readings {
            reading.rules(&named, &mut names, &mut rules);
        }
        for reading in readings {
            let found = reading.syntax.with(reading.mistakes.found);
            wrong.extend(found.into_iter().map(|m| (reading.path.to_owned(), m)));
        }
        match wrong.is_empty() {
            true => Ok(rules),
            false => Err(RulesError::Invalid(wrong)),
        }
    }
}

/// Tells rules of other files apart.
fn edition(files: &[RuleFile]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.path.hash(&mut hasher);
        file.text.as_ref().ok().hash(&mut hasher);
    }
    hasher.finish()
}

impl<'t> Reading<'t> {
    /// A section of the file, if it is there and is one.
    fn section(&mut self, name: &'static str) -> Option<(&'t DeTable<'t>, usize)> {
        let (key, value) = self.root.get_key_value(name)?;
        match value.get_ref().as_table() {
            Some(table) => Some((table, key.span().start)),
            None => {
                let what =
                    format!("[{name}] is a section: write [{name}] once, and its keys below");
                self.mistakes.note(key.span().start, what);
                None
            }
        }
    }

    /// Time zone, hours and holidays.
    fn define(&mut self, zones: &TimeZoneDatabase, named: &mut Named) {
        let root = self.root;
        let mut top = Table::new("", root, 0);
        self.zone = top.text("time_zone", HOW_ZONE, &mut self.mistakes, |name| {
            zone(name, zones)
        });
        for key in ["hours", "holidays", "rule", "passback", "min_score"] {
            top.value(key);
        }
        top.finish(&mut self.mistakes);
        if let Some((table, at)) = self.section("hours") {
            self.needs_zone(at, "[hours]");
            for (key, value) in table {
                self.name_once(("hours", key.get_ref()), key.span().start, named);
                let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
                let read = |text: &str| forms::window(text);
                let windows = texts(key.get_ref(), value, HOW_HOURS, &mut self.mistakes, read);
                let hours = Hours { zone, windows };
                named.hours.insert(key.get_ref().to_string(), hours);
            }
        }
        if let Some((table, _)) = self.section("holidays") {
            for (key, value) in table {
                self.name_once(("holidays", key.get_ref()), key.span().start, named);
                let read = |text: &str| forms::days(text);
                let days = texts(key.get_ref(), value, HOW_DAYS, &mut self.mistakes, read);
                let holidays = Holidays { days };
                named.holidays.insert(key.get_ref().to_string(), holidays);
            }
        }
    }

    fn name_once(&mut self, (kind, name): (&'static str, &str), at: usize, named: &mut Named) {
        let before = named
            .places
            .insert((kind, name.to_owned()), self.path.to_owned());
        if let Some(before) = before {
            let before = before.display();
            self.mistakes.note(
                at,
                format!("[{kind}] has {name} in {before} already: give it another name"),
            );
        }
    }

    fn needs_zone(&mut self, at: usize, what: &str) {
        if self.zone.is_none() && !self.root.contains_key("time_zone") {
            let message = format!(
                "{what} needs a time zone: write time_zone = \"Europe/Berlin\", or yours, at the top of the file"
            );
            self.mistakes.note(at, message);
        }
    }

    /// `[[rule]]`, `[passback]` and `[min_score]`.
    fn rules(&mut self, named: &Named, names: &mut BTreeMap<String, PathBuf>, rules: &mut Rules) {
        if let Some((key, value)) = self.root.get_key_value("rule") {
            let tables = value.get_ref().as_array();
            for (table, at) in tables
                .into_iter()
                .flat_map(|all| all.iter())
                .filter_map(|one| Some((one.get_ref().as_table()?, one.span().start)))
            {
                let rule = self.rule(Table::new("[[rule]]", table, at), named, names);
                rules.rules.push(rule);
            }
            let is_list = tables.is_some_and(|all| all.iter().all(|one| one.get_ref().is_table()));
            if !is_list {
                let what =
                    "rules stand each below a line [[rule]], with two brackets on both sides";
                self.mistakes.note(key.span().start, what);
            }
            if rules.rules.len() > MAX_RULES {
                let what = format!(
                    "more than {MAX_RULES} rules in all: put people in groups, and rules together"
                );
                self.mistakes.note(key.span().start, what);
            }
        }
        if let Some((table, at)) = self.section("passback") {
            let passback = self.passback(Table::new("[passback]", table, at));
            if rules.passback.is_some() {
                self.mistakes.note(
                    at,
                    "[passback] stands in another file already: keep one of the two",
                );
            }
            rules.passback = passback.or(rules.passback.take());
        }
        if let Some((table, _)) = self.section("min_score") {
            for (key, value) in table {
                match (forms::who(key.get_ref()), score(value.get_ref())) {
                    (Ok(who), Ok(score)) => rules.min_scores.push((who, score)),
                    (who, score) => {
                        if let Err(why) = who {
                            let key_name = key.get_ref();
                            self.mistakes
                                .note(key.span().start, format!("min_score: {key_name} {why}"));
                        }
                        if let Err(why) = score {
                            let name = key.get_ref();
                            self.mistakes
                                .note(value.span().start, format!("min_score: {name} {why}"));
                        }
                    }
                }
            }
        }
    }

    fn rule(
        &mut self,
        mut table: Table<'t>,
        named: &Named,
        names: &mut BTreeMap<String, PathBuf>,
    ) -> Rule {
        let mistakes = &mut self.mistakes;
        let at = table.at;
        let called = |text: &str| match text.is_empty() {
            true => Err("is empty: say what the rule is for".to_owned()),
            false => Ok(text.to_owned()),
        };
        let name = table.text("name", "what the rule is for", mistakes, called);
        if name.is_none() && !table.gives("name") {
            mistakes.note(at, "a rule has no name: write name = \"…\", for the answers of `doorward access explain`");
        }
        let name = name.unwrap_or_default();
        if let Some(before) = names.insert(name.clone(), self.path.to_owned())
            && !name.is_empty()
        {
            let before = before.display();
            mistakes.note(
                at,
                format!("a rule is called \"{name}\" in {before} already: give it another name"),
            );
        }
        let groups = table.texts("groups", "names of groups", mistakes, forms::group);
        let people = table.texts("people", "numbers of people", mistakes, forms::person);
        if !table.gives("groups") && !table.gives("people") {
            mistakes.note(at, format!("a rule is for nobody: write groups = [\"…\"] or people = [\"#7\"]; {} are groups without being asked for", forms::reserved()));
        }
        let who = groups
            .into_iter()
            .map(Who::Group)
            .chain(people.into_iter().map(Who::Person));
        let hours = table.texts("hours", "names of [hours]", mistakes, |name| {
            known(name, &named.hours, "hours")
        });
        let not_on = table.texts("not_on", "names of [holidays]", mistakes, |name| {
            known(name, &named.holidays, "holidays")
        });
        let only_on = table.texts("only_on", "names of [holidays]", mistakes, |name| {
            known(name, &named.holidays, "holidays")
        });
        let from = table.text("from", "a date", mistakes, forms::date);
        let until = table.text("until", "a date", mistakes, forms::date);
        if from.zip(until).is_some_and(|(from, until)| until < from) {
            mistakes.note(
                at,
                "a rule ends before it begins: until is the last day, and not before from",
            );
        }
        let factor = table.text("second_factor", "a second factor", mistakes, |text| {
            let place = one_of(text, FactorKind::ALL.iter().map(|factor| factor.name()))?;
            Ok(FactorKind::ALL
                .get(place)
                .copied()
                .unwrap_or(FactorKind::Any))
        });
        let challenge = table.flag("challenge", mistakes);
        let second = table.text("second_person", "a group", mistakes, forms::group);
        let escort = table.text("escort", "a group", mistakes, forms::group);
        let within = table.text("within", "a time", mistakes, forms::span);
        let is_alone = !table.gives("second_person") && !table.gives("escort");
        if table.gives("second_person") && table.gives("escort") {
            mistakes.note(at, "a rule has a second_person and an escort: write two rules, or keep one of the lines");
        }
        if is_alone && table.gives("within") {
            mistakes.note(at, "within says when somebody else has to come: write second_person or escort as well, or remove it");
        }
        table.finish(mistakes);
        let rule = Rule {
            name,
            who: who.collect(),
            zone: self.zone.clone().unwrap_or(TimeZone::UTC),
            hours,
            not_on,
            only_on,
            from,
            until,
            factor,
            challenge,
            company: second.map(Company::Second).or(escort.map(Company::Escort)),
            within: within.unwrap_or(DEFAULT_WITHIN),
        };
        let has_days = rule.from.is_some() || rule.until.is_some();
        if rule.hours.is_empty()
            && (has_days || !rule.not_on.is_empty() || !rule.only_on.is_empty())
        {
            self.needs_zone(at, "a rule with dates");
        }
        rule
    }

    fn passback(&mut self, mut table: Table<'t>) -> Option<Passback> {
        let mistakes = &mut self.mistakes;
        let at = table.at;
        let modes = ["hard", "soft", "timed"];
        let mode = table.text("mode", "hard, soft or timed", mistakes, |text| {
            one_of(text, modes.iter().copied())
        });
        if !table.gives("mode") {
            mistakes.note(
                at,
                "[passback] has no mode: write mode = \"hard\", \"soft\" or \"timed\"",
            );
        }
        let within = table.text("within", "a time", mistakes, forms::span);
        let ways = [Direction::In, Direction::Out];
        let direction = table.text("direction", "in or out", mistakes, |text| {
            let place = one_of(text, ways.iter().map(|way| way.name()))?;
            Ok(ways.get(place).copied().unwrap_or_default())
        });
        let reset = table.text("reset", "a time of the day", mistakes, forms::time);
        let except = table.texts("except", "names of groups", mistakes, forms::group);
        let (has_within, has_reset) = (table.gives("within"), table.gives("reset"));
        table.finish(mistakes);
        let mode = match mode? {
            2 if !has_within => {
                mistakes.note(at, "timed anti-passback has no time: write within = \"10m\", or how long nobody passes twice");
                return None;
            }
            2 => PassbackMode::Timed(within?),
            other => {
                if has_within {
                    mistakes.note(
                        at,
                        "within is for mode = \"timed\": remove it, or take that mode",
                    );
                }
                if other == 0 && !has_reset {
                    mistakes.note(at, "hard anti-passback without a reset keeps whoever left another way out for good: write reset = \"04:00\", or when nobody is in");
                }
                if other == 0 {
                    PassbackMode::Hard
                } else {
                    PassbackMode::Soft
                }
            }
        };
        if has_reset {
            self.needs_zone(at, "reset");
        }
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        Some(Passback {
            mode,
            direction: direction.unwrap_or_default(),
            reset: reset.map(|time| (time, zone)),
            except,
        })
    }
}

/// What a name of this or another file stands for.
fn known<T: Clone>(name: &str, all: &BTreeMap<String, T>, kind: &str) -> Result<T, String> {
    all.get(name).cloned().ok_or_else(|| {
        let near = nearest(name, all.keys().map(String::as_str));
        match near {
            Some(near) => format!("is not among [{kind}]: did you mean \"{near}\"?"),
            None => format!(
                "is not among [{kind}] of any file: write it there, such as {name} = [\"…\"]"
            ),
        }
    })
}

fn zone(name: &str, zones: &TimeZoneDatabase) -> Result<TimeZone, String> {
    if let Ok(zone) = zones.get(name) {
        return Ok(zone);
    }
    let all: Vec<String> = zones.available().map(|one| one.to_string()).collect();
    Err(match nearest(name, all.iter().map(String::as_str)) {
        Some(near) => format!("is no time zone: did you mean \"{near}\"?"),
        None if all.is_empty() => "is not known, as this machine knows no time zones: install the package tzdata".into(),
        None => "is no time zone: write one as `timedatectl list-timezones` has them, such as \"Europe/Berlin\"".into(),
    })
}

fn score(value: &DeValue<'_>) -> Result<Score, String> {
    let number = match value {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => number.as_str().parse().ok(),
        _ => None,
    };
    number
        .filter(|number: &f32| (0.2..=1.5).contains(number))
        .map(Score::new)
        .ok_or_else(|| "has no score that could be asked for: write a number (higher is stricter), from 0.2 to 1.5".into())
}

/// A first and a last day, and single days, that a rule names; for who looks ahead.
pub(super) fn dates(rule: &Rule) -> impl Iterator<Item = Date> {
    use super::calendar::Days;
    let ends = rule.from.into_iter().chain(rule.until);
    let holidays = rule.not_on.iter().chain(&rule.only_on);
    let holidays = holidays.flat_map(|h| &h.days).flat_map(|days| match days {
        Days::Once(first, last) => [Some(*first), Some(*last)],
        Days::Yearly(..) => [None, None],
    });
    ends.chain(holidays.flatten())
}
