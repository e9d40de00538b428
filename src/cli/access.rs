//! `doorward access`: the rules, asked about a person or checked.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{local, rfc3339};
use super::when::{When, ahead};
use super::{Exit, Format, print_json};
use crate::access::{Explained, Rules};
use crate::clock;
use crate::config::{ClockTrust, Config, RulesError};
use crate::daemon::access_rules::{self, RulesFault, wall};
use crate::daemon::events_reason;
use crate::database::Database;
use crate::record::{Log, Stamp};
use crate::whitelist::{self, Group, Listed, Person};

/// What to do with the rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// Say whether a person may pass, why, and until when
    Explain(Explain),
    /// Check all files of the rules' folder, as the daemon reads them
    Check(Check),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 0 if the person may pass, and with 1 if not. The face, cards and who else has to come\nare left aside; a rule that asks for them says so."
)]
pub(crate) struct Explain {
    /// Name, or number such as #3
    person: String,
    /// When, such as "friday 18:00" or 2026-12-24T08:00; now by default
    #[arg(long, value_name = "TIME", value_parser = ahead)]
    at: Option<When>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 0 if the daemon would take the rules, and with 1 if not. Writes nothing."
)]
pub(crate) struct Check {
    #[command(flatten)]
    format: Format,
}

impl Access {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        match self {
            Self::Explain(explain) => explain.run(config),
            Self::Check(check) => check.run(config),
        }
    }
}

impl Explain {
    fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let rules = access_rules::load(config)?;
        let database = Database::open_existing(&config.whitelist.database)?;
        let person = whitelist::find(&database, &self.person)?;
        let mut stamp = Stamp::now();
        let is_believed = match self.at {
            // The clock will be right then, or another reason is told then.
            Some(When(at)) => {
                let ahead = at.saturating_sub(stamp.at_ms);
                stamp.uptime_ms = stamp.uptime_ms.saturating_add_signed(ahead);
                stamp.at_ms = at;
                true
            }
            None => {
                let log = Log::new(database, config.daemon.door.clone());
                config.access.clock == ClockTrust::Trusted
                    || log.believes_clock(&stamp, clock::is_synchronised())?
            }
        };
        let listed = listed(&person);
        let explained = rules.explain(&listed, &wall(&stamp, is_believed));
        let may_pass = explained.reason.is_none();
        match self.format.json {
            true => print_json(&as_json(&person, &listed, &rules, &explained, stamp.at_ms))?,
            false => tell(&person, &listed, &rules, &explained, stamp.at_ms),
        }
        Ok(if may_pass { Exit::Done } else { Exit::No }.into())
    }
}

fn listed(person: &Person) -> Listed {
    Listed {
        id: person.id,
        name: person.name.clone(),
        enabled: person.enabled,
        standing: person.standing.clone(),
    }
}

fn shown(at_ms: i64) -> String {
    local(at_ms, "%a %Y-%m-%d %H:%M %Z")
}

fn tell(person: &Person, listed: &Listed, rules: &Rules, explained: &Explained<'_>, at_ms: i64) {
    let (name, at) = (format!("{} ({})", person.name, person.id), shown(at_ms));
    match explained.reason {
        None => println!("{name} may pass, {at}"),
        Some(reason) => println!("{name} may not pass, {at}: {}", events_reason(reason)),
    }
    match explained.until.map(|until| shown(until.as_millisecond())) {
        Some(until) => println!("the next change is {until}"),
        None => println!("no change is in sight"),
    }
    if rules.counts().1 == 0 {
        println!("there are no rules: everybody who is enabled may pass at any time");
    }
    for rule in rules.of(listed) {
        let is_open = explained.open.iter().any(|open| std::ptr::eq(*open, rule));
        let now = if is_open {
            "lets in"
        } else {
            "not at this time"
        };
        let conditions: Vec<String> = std::iter::once(now.to_owned())
            .chain(rule.conditions())
            .collect();
        println!("  {}: {}", rule.name, conditions.join(", "));
    }
}

fn as_json(
    person: &Person,
    listed: &Listed,
    rules: &Rules,
    explained: &Explained<'_>,
    at_ms: i64,
) -> Value {
    let each = rules.of(listed).map(|rule| {
        json!({
            "name": rule.name,
            "open": explained.open.iter().any(|open| std::ptr::eq(*open, rule)),
            "conditions": rule.conditions(),
        })
    });
    let until = explained.until.map(|until| until.as_millisecond());
    json!({
        "person_id": person.id,
        "name": person.name,
        "at": rfc3339(at_ms),
        "may_pass": explained.reason.is_none(),
        "reason": explained.reason.map(|reason| events_reason(reason).code()),
        "until": until.and_then(rfc3339),
        "rules": each.collect::<Vec<_>>(),
    })
}

impl Check {
    fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let folder = config.access.rules_dir.display().to_string();
        let (rules, wrong) = match access_rules::load(config) {
            Ok(rules) => (rules, Vec::new()),
            Err(fault) => (Rules::default(), mistakes(&fault)),
        };
        let (files, count) = rules.counts();
        let hints = match wrong.is_empty() {
            true => hints(config, &rules)?,
            false => Vec::new(),
        };
        if self.format.json {
            print_json(&json!({
                "ok": wrong.is_empty(),
                "folder": folder,
                "files": files,
                "rules": count,
                "mistakes": wrong,
                "hints": hints,
            }))?;
        } else {
            for line in &wrong {
                println!("{line}");
            }
            if wrong.is_empty() {
                println!("{}", summary(config, &rules));
            }
            for hint in &hints {
                println!("{hint}");
            }
        }
        Ok(if wrong.is_empty() {
            Exit::Done
        } else {
            Exit::No
        }
        .into())
    }
}

/// What the rules are, in a line.
pub(super) fn summary(config: &Config, rules: &Rules) -> String {
    let folder = config.access.rules_dir.display();
    match rules.counts() {
        (_, 0) => format!("no rules in {folder}: everybody who is enabled may pass at any time"),
        (files, count) => {
            use crate::shown::counted;
            let (files, count) = (
                counted(files as u64, "file", "files"),
                counted(count as u64, "rule", "rules"),
            );
            format!("{count} in {files} of {folder}")
        }
    }
}

/// A line each.
pub(super) fn mistakes(fault: &RulesFault) -> Vec<String> {
    match fault {
        RulesFault::Rules(error @ RulesError::Invalid(_)) => {
            error.to_string().lines().map(str::to_owned).collect()
        }
        RulesFault::Rules(error) => vec![error.to_string()],
        RulesFault::Untrusted(untrusted) => untrusted.lines(),
        RulesFault::NoChallenge { .. } => vec![fault.to_string()],
    }
}

/// Groups that only rules or only people have: often a slip of the finger.
fn hints(config: &Config, rules: &Rules) -> anyhow::Result<Vec<String>> {
    if rules.counts().1 == 0 || !config.whitelist.database.exists() {
        return Ok(Vec::new());
    }
    let database = Database::open_existing(&config.whitelist.database)?;
    let people = whitelist::people(&database)?;
    let named = rules.groups();
    let has = |group: &Group| people.iter().any(|person| person.standing.is_in(group));
    let mut hints: Vec<String> = named
        .iter()
        .filter(|group| !group.is_reserved() && !has(group))
        .map(|group| format!("nobody is in the group {group}, which rules name"))
        .collect();
    let mut other: Vec<&Group> = people
        .iter()
        .flat_map(|person| &person.standing.groups)
        .filter(|group| !named.contains(group))
        .collect();
    other.sort();
    other.dedup();
    hints.extend(
        other
            .iter()
            .map(|group| format!("no rule names the group {group}, which people are in")),
    );
    Ok(hints)
}
