//! `doorward people list`, `show` and `audit`: the whitelist, to be looked at.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::colour::Hue;
use super::consent;
use super::output::{local, rfc3339, table_in_colour};
use super::people_factors;
use super::people_rights::{limits, put_standing};
use super::when::{When, when};
use super::{Exit, Format, print_json, table};
use crate::config::Config;
use crate::database::Database;
use crate::person::PersonId;
use crate::verbs::{Reply, Seen, Verb, VerbError};
use crate::vision::Vision;
use crate::whitelist::{Person, Snapshot, Standing};

/// Who is listed.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only people who were enrolled before then and not let in since, such as 90d
    #[arg(long, value_name = "WHEN", value_parser = when)]
    unused: Option<When>,
    /// Only people whose consent is not noted
    #[arg(long)]
    without_consent: bool,
    #[command(flatten)]
    format: Format,
}

impl List {
    /// Prints them, and gives how many photos are kept of them.
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<u64> {
        let unused_since_ms = self.unused.map(|When(since)| since);
        let Reply::People {
            people,
            listed,
            record_since_ms,
        } = clerk.look(&Verb::People {
            unused_since_ms,
            without_consent: self.without_consent,
        })?
        else {
            return Err(VerbError::other_reply().into());
        };
        let photos = people.iter().map(|seen| seen.person.photos as u64).sum();
        // Older grants may have been deleted, because their time was over.
        if let Some(first) = record_since_ms.filter(|first| Some(*first) > unused_since_ms) {
            eprintln!(
                "the record goes back to {} only; who was let in before cannot be told",
                day(first)
            );
        }
        if self.format.json {
            let people: Vec<Value> = people.iter().map(as_json).collect();
            print_json(&json!({ "people": people }))?;
            return Ok(photos);
        }
        if listed == 0 {
            println!("Nobody is enrolled yet: doorward enroll NAME PHOTO...");
            return Ok(photos);
        }
        if people.is_empty() {
            println!(
                "{}",
                match self.without_consent {
                    true => "Everybody who is meant has consented.",
                    false => "Everybody who was enrolled before then was let in since.",
                }
            );
            return Ok(photos);
        }
        // Columns of rules only where anybody is asked for any.
        let is_plain = |seen: &Seen| {
            let standing = &seen.person.standing;
            standing.groups.is_empty() && !is_limited(standing)
        };
        let ruled = !people.iter().all(is_plain);
        let rows = people.iter().map(|seen| {
            let (p, last) = (&seen.person, seen.last_granted_ms);
            let mut row = vec![
                p.id.to_string(),
                p.name.clone(),
                state(p).into(),
                p.templates.to_string(),
                day(p.created_at_ms),
                last.map_or_else(|| "never".into(), |at| local(at, "%Y-%m-%d %H:%M")),
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
        Ok(photos)
    }
}

fn is_limited(standing: &Standing) -> bool {
    let limits = [standing.valid_from_ms, standing.valid_until_ms];
    standing.is_guest || standing.entries.is_some() || limits.iter().any(Option::is_some)
}

fn groups(standing: &Standing) -> String {
    let groups: Vec<&str> = standing.groups.iter().map(|g| g.as_str()).collect();
    groups.join(", ")
}

fn as_json(seen: &Seen) -> Value {
    let person = &seen.person;
    let mut value = json!({
        "person_id": person.id,
        "name": person.name,
        "enabled": person.enabled,
        "templates": person.templates,
        "enrolled_at": rfc3339(person.created_at_ms),
        "consent": person.consent,
        "last_granted_at": seen.last_granted_ms.and_then(rfc3339),
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

/// Somebody on the whitelist.
pub(super) fn find(clerk: Clerk<'_>, word: &str) -> Result<Person, VerbError> {
    let person = word.to_owned();
    match clerk.look(&Verb::Person { person })? {
        Reply::Person { person, .. } => Ok(person.person),
        _ => Err(VerbError::other_reply()),
    }
}

pub(super) fn show(clerk: Clerk<'_>, person: String, format: Format) -> anyhow::Result<()> {
    let Reply::Person {
        person: seen,
        templates,
        factors,
    } = clerk.look(&Verb::Person { person })?
    else {
        return Err(VerbError::other_reply().into());
    };
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
        let person = as_json(&seen);
        let factors = people_factors::as_json(&factors);
        return print_json(
            &json!({ "person": person, "templates": templates, "factors": factors }),
        );
    }
    let person = &seen.person;
    println!(
        "{} ({}), {}, since {}, {}",
        person.name,
        person.id,
        state(person),
        day(person.created_at_ms),
        seen.last_granted_ms.map_or_else(
            || "never let in".into(),
            |at| format!("let in last on {}", local(at, "%Y-%m-%d at %H:%M"))
        )
    );
    if !person.standing.groups.is_empty() {
        println!("in the groups {}", groups(&person.standing));
    }
    if is_limited(&person.standing) {
        println!("{}", limits(&person.standing));
    }
    if let Some(consent) = &person.consent {
        println!("consented on {}", consent::shown(consent));
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

pub(super) fn audit(config: &Config, format: Format) -> anyhow::Result<ExitCode> {
    let db = Database::open_existing(&config.whitelist.database)?;
    let vision = Vision::open(&config.models, &config.vision)?;
    let asked = config.access.threshold_request();
    let whitelist = Snapshot::load(&db, vision.version(), vision.scoring(), asked)?;
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
