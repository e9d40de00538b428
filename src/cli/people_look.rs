//! `doorward people list`, `show` and `audit`: the whitelist, to be looked at.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::colour::Hue;
use super::output::{local, rfc3339, table_in_colour};
use super::people_factors;
use super::people_rights::{limits, put_standing};
use super::when::{When, when};
use super::{Exit, Format, print_json, table};
use crate::config::Config;
use crate::database::Database;
use crate::person::PersonId;
use crate::record::{Log, Query, last_grants};
use crate::vision::Vision;
use crate::whitelist::{self, Person, Snapshot, Standing};

/// Who is listed.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only people who were enrolled before then and not let in since, such as 90d
    #[arg(long, value_name = "WHEN", value_parser = when)]
    unused: Option<When>,
    #[command(flatten)]
    format: Format,
}

impl List {
    pub(super) fn run(self, db: &Database, config: &Config) -> anyhow::Result<()> {
        let last = last_grants(db)?;
        let mut people = whitelist::people(db)?;
        let all = people.len();
        if let Some(When(since)) = self.unused {
            let let_in = |person: &Person| last.get(&person.id).is_some_and(|at| *at >= since);
            people.retain(|person| person.created_at_ms < since && !let_in(person));
            tell_where_the_record_begins(config, since)?;
        }
        if self.format.json {
            let people: Vec<Value> = people.iter().map(|p| as_json(p, &last)).collect();
            return print_json(&json!({ "people": people }));
        }
        if all == 0 {
            println!("Nobody is enrolled yet: doorward enroll NAME PHOTO...");
            return Ok(());
        }
        if people.is_empty() {
            println!("Everybody who was enrolled before then was let in since.");
            return Ok(());
        }
        // Columns of rules only where anybody is asked for any.
        let is_plain = |p: &Person| p.standing.groups.is_empty() && !is_limited(&p.standing);
        let ruled = !people.iter().all(is_plain);
        let rows = people.iter().map(|p| {
            let seen = last.get(&p.id);
            let mut row = vec![
                p.id.to_string(),
                p.name.clone(),
                state(p).into(),
                p.templates.to_string(),
                day(p.created_at_ms),
                seen.map_or_else(|| "never".into(), |at| local(*at, "%Y-%m-%d %H:%M")),
            ];
            if ruled {
                row.push(groups(&p.standing));
                row.push(match is_limited(&p.standing) {
                    true => limits(&p.standing),
                    false => String::new(),
                });
            }
            row
        });
        let mut header = vec!["", "name", "state", "templates", "since", "let in last"];
        if ruled {
            header.extend(["groups", "may pass"]);
        }
        table_in_colour(&header, rows, |column, cell| match (column, cell) {
            (2, ENABLED) => Some(Hue::Good),
            (2, DISABLED) => Some(Hue::Unclear),
            _ => None,
        });
        Ok(())
    }
}

/// Older grants may have been deleted, because their time was over.
fn tell_where_the_record_begins(config: &Config, since: i64) -> anyhow::Result<()> {
    let database = Database::open_existing(&config.whitelist.database)?;
    let log = Log::new(database, config.daemon.door.clone());
    let first = log.page(&Query::default(), 1)?.pop();
    if let Some(first) = first.filter(|first| first.at_ms > since && first.id > 1) {
        eprintln!(
            "the record goes back to {} only; who was let in before cannot be told",
            day(first.at_ms)
        );
    }
    Ok(())
}

fn is_limited(standing: &Standing) -> bool {
    let limits = [standing.valid_from_ms, standing.valid_until_ms];
    standing.is_guest || standing.entries.is_some() || limits.iter().any(Option::is_some)
}

fn groups(standing: &Standing) -> String {
    let groups: Vec<&str> = standing.groups.iter().map(|g| g.as_str()).collect();
    groups.join(", ")
}

fn as_json(person: &Person, last: &BTreeMap<PersonId, i64>) -> Value {
    let mut value = json!({
        "person_id": person.id,
        "name": person.name,
        "enabled": person.enabled,
        "templates": person.templates,
        "enrolled_at": rfc3339(person.created_at_ms),
        "last_granted_at": last.get(&person.id).copied().and_then(rfc3339),
    });
    put_standing(&mut value, &person.standing);
    value
}

const ENABLED: &str = "enabled";
const DISABLED: &str = "DISABLED";

fn state(person: &Person) -> &'static str {
    match person.enabled {
        true => ENABLED,
        false => DISABLED,
    }
}

pub(super) fn show(db: &Database, person: &Person, format: Format) -> anyhow::Result<()> {
    let templates = whitelist::templates_of(db, person.id)?;
    let factors = whitelist::factors_of(db, person.id)?;
    let last = last_grants(db)?;
    if format.json {
        let templates = (1..).zip(&templates).map(|(number, t): (usize, _)| {
            json!({
                "number": number,
                "model": t.model,
                "source": t.source,
                "made_at": rfc3339(t.created_at_ms),
            })
        });
        let templates: Vec<Value> = templates.collect();
        let person = as_json(person, &last);
        let factors = people_factors::as_json(&factors);
        return print_json(
            &json!({ "person": person, "templates": templates, "factors": factors }),
        );
    }
    let seen = last.get(&person.id);
    println!(
        "{} ({}), {}, since {}, {}",
        person.name,
        person.id,
        state(person),
        day(person.created_at_ms),
        seen.map_or_else(
            || "never let in".into(),
            |at| format!("let in last on {}", local(*at, "%Y-%m-%d at %H:%M"))
        )
    );
    if !person.standing.groups.is_empty() {
        println!("in the groups {}", groups(&person.standing));
    }
    if is_limited(&person.standing) {
        println!("{}", limits(&person.standing));
    }
    for line in people_factors::lines(&factors) {
        println!("  {line}");
    }
    let rows = (1..).zip(&templates).map(|(number, t): (usize, _)| {
        vec![
            number.to_string(),
            day(t.created_at_ms),
            t.model.to_string(),
            t.source.clone(),
        ]
    });
    table(&["", "template of", "model", "from"], rows);
    Ok(())
}

pub(super) fn audit(db: &Database, config: &Config, format: Format) -> anyhow::Result<ExitCode> {
    let vision = Vision::open(&config.models, &config.vision)?;
    let asked = config.access.threshold_request();
    let whitelist = Snapshot::load(db, vision.version(), vision.scoring(), asked)?;
    let threshold = whitelist.matcher.threshold()?.score;
    let pairs = whitelist.matcher.confusable(threshold);
    let name = |id| whitelist.directory.name_of(id);
    if format.json {
        let person = |id: PersonId| json!({ "person_id": id, "name": name(id) });
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(a, b, score)| json!({ "people": [person(*a), person(*b)], "score": score }))
            .collect();
        print_json(&json!({ "threshold": threshold, "confusable": pairs }))?;
    } else if pairs.is_empty() {
        println!("No two people reach {threshold:.3}, from which the door opens.");
    } else {
        println!(
            "The door opens from {threshold:.3}. More photos of both, or a second factor, help."
        );
        let rows = pairs
            .iter()
            .map(|(a, b, score)| vec![name(*a), name(*b), format!("{score:.3}")]);
        table(&["taken for", "each other", "score"], rows);
    }
    Ok(if pairs.is_empty() {
        Exit::Done
    } else {
        Exit::No
    }
    .into())
}

fn day(at_ms: i64) -> String {
    local(at_ms, "%Y-%m-%d")
}
