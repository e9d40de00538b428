//! `doorward people group`, `valid`, `add-guest` and `entries`: what access rules ask of a
//! person.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::consent::Consented;
use super::enroll::Enroll;
use super::hands::Hands;
use super::output::{local, rfc3339};
use super::people::{changed, named};
use super::when::{When, ahead, ahead_end};
use super::{Exit, Format, Usage, print_json};
use crate::config::Config;
use crate::database::Database;
use crate::files::Kind;
use crate::shown::counted;
use crate::verbs::{Code, Reply, Verb, VerbError};
use crate::whitelist::{self, Person, Standing};

/// Groups that access rules name.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Put people in a group; it is made by that
    Add(InGroup),
    /// Take people out of a group
    Remove(InGroup),
}

#[derive(Debug, Args)]
pub(crate) struct InGroup {
    /// Names, or numbers such as #3, and last the group: 1 to 63 of a to z, 0 to 9, _ and -
    #[arg(value_name = "PERSON... GROUP", required = true, num_args = 2..)]
    words: Vec<String>,
    #[command(flatten)]
    format: Format,
}

impl GroupCommand {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let (one, join) = match &self {
            Self::Add(one) => (one, true),
            Self::Remove(one) => (one, false),
        };
        let Some((group, words)) = one.words.split_last() else {
            return Err(Usage("whom, and which group?".into()).into());
        };
        let (people, in_group) = (words.to_vec(), group.clone());
        let verb = match join {
            true => Verb::JoinGroup {
                people,
                group: in_group,
            },
            false => Verb::LeaveGroup {
                people,
                group: in_group,
            },
        };
        let people = changed(clerk.does(verb, None)?)?;
        if one.format.json {
            let people: Vec<Value> = people.iter().map(as_json).collect();
            print_json(&json!({ "group": group, "people": people }))?;
            return Ok(Exit::Done.into());
        }
        let is = if people.len() == 1 { "is" } else { "are" };
        let how = if join { "in" } else { "no longer in" };
        println!("{} {is} {how} the group {group}", named(&people));
        Ok(Exit::Done.into())
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "What is not given has no limit. A day alone is its beginning after --from, and its end after\n--until."
)]
pub(crate) struct Valid {
    /// Name, or number such as #3
    person: String,
    /// When the person may pass first, such as "monday 08:00" or 2026-09-01
    #[arg(long, value_name = "WHEN", value_parser = ahead)]
    from: Option<When>,
    /// When the person may pass no more, such as "friday 18:00", 2026-12-31 or 8h
    #[arg(long, value_name = "WHEN", value_parser = ahead_end)]
    until: Option<When>,
    #[command(flatten)]
    format: Format,
}

impl Valid {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let ms = |when: Option<When>| when.map(|When(at)| at);
        let verb = Verb::Valid {
            person: self.person,
            from_ms: ms(self.from),
            until_ms: ms(self.until),
        };
        tell(clerk.does(verb, None)?, self.format)
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "A guest is a person whose validity ends, and in the group \"guests\" of access rules. Without\npictures somebody who is on the whitelist already becomes one."
)]
pub(crate) struct AddGuest {
    /// The guest's name
    pub(super) name: String,
    /// When the guest may pass no more, such as "friday 18:00", today or 8h
    #[arg(long, value_name = "WHEN", value_parser = ahead_end)]
    pub(super) until: When,
    /// Photos that show the guest and nobody else
    #[arg(value_name = "PHOTO")]
    pub(super) photos: Vec<PathBuf>,
    /// Take the pictures live with the configured camera
    #[arg(long, conflicts_with = "photos")]
    pub(super) camera: bool,
    /// Add the guest although somebody on the whitelist looks the same
    #[arg(long)]
    pub(super) look_alike: bool,
    #[command(flatten)]
    pub(super) consented: Consented,
    #[command(flatten)]
    pub(super) format: Format,
}

impl AddGuest {
    pub(super) fn hand_over(&self, hands: Hands) -> anyhow::Result<()> {
        hands.read(&self.photos, Kind::Picture)
    }

    pub(super) fn has_pictures(&self) -> bool {
        self.camera || !self.photos.is_empty()
    }

    /// Templates and end in one act.
    pub(super) fn enroll(&self, config: &Config) -> anyhow::Result<ExitCode> {
        if config.whitelist.database.exists() {
            let db = Database::open_existing(&config.whitelist.database)?;
            if let Ok(person) = whitelist::find(&db, &self.name)
                && !person.standing.is_guest
            {
                anyhow::bail!(
                    "nobody was added: {} ({}) is on the whitelist and no guest; give another name, or add-guest without pictures makes that person one",
                    person.name,
                    person.id
                );
            }
        }
        let code = Enroll::guest(self).run(config)?;
        if !self.format.json {
            println!("a guest until {}", shown(self.until.0));
        }
        Ok(code)
    }

    /// Makes somebody on the whitelist a guest.
    pub(super) fn set(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let verb = Verb::Guest {
            person: self.name,
            until_ms: self.until.0,
        };
        match clerk.does(verb, None) {
            Err(error) if error.code == Code::Unknown => {
                let why = "nobody of that name is on the whitelist: give photos of the guest, or take pictures with --camera";
                Err(Usage(why.into()).into())
            }
            reply => tell(reply?, self.format),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SetEntries {
    /// Name, or number such as #3
    person: String,
    /// How often from now on, 0 to 1000000, or "any"
    #[arg(value_name = "N", value_parser = entries)]
    entries: Allowed,
    #[command(flatten)]
    format: Format,
}

/// A number of entries; nothing for any.
#[derive(Debug, Clone, Copy)]
struct Allowed(Option<u32>);

fn entries(text: &str) -> Result<Allowed, String> {
    let number = || {
        text.parse()
            .ok()
            .filter(|n: &u32| *n <= whitelist::MAX_ENTRIES)
    };
    match text {
        "any" => Ok(Allowed(None)),
        _ => number().map(|n| Allowed(Some(n))).ok_or_else(|| {
            format!(
                "write a number from 0 to {}, or any",
                whitelist::MAX_ENTRIES
            )
        }),
    }
}

impl SetEntries {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let verb = Verb::Entries {
            person: self.person,
            entries: self.entries.0,
        };
        tell(clerk.does(verb, None)?, self.format)
    }
}

/// How a person stands now.
fn tell(reply: Reply, format: Format) -> anyhow::Result<ExitCode> {
    let Some(person) = changed(reply)?.pop() else {
        return Err(VerbError::other_reply().into());
    };
    if format.json {
        print_json(&json!({ "person": as_json(&person) }))?;
    } else {
        println!(
            "{} ({}) {}",
            person.name,
            person.id,
            limits(&person.standing)
        );
    }
    Ok(Exit::Done.into())
}

fn as_json(person: &Person) -> Value {
    let mut value = json!({ "person_id": person.id, "name": person.name });
    put_standing(&mut value, &person.standing);
    value
}

/// What rules ask of a person, for programs.
pub(super) fn put_standing(value: &mut Value, standing: &Standing) {
    let groups: Vec<&str> = standing.groups.iter().map(|g| g.as_str()).collect();
    let entries = standing.entries;
    value["groups"] = json!(groups);
    value["guest"] = json!(standing.is_guest);
    value["valid_from"] = json!(standing.valid_from_ms.and_then(rfc3339));
    value["valid_until"] = json!(standing.valid_until_ms.and_then(rfc3339));
    value["entries"] = json!(entries.map(|entries| entries.most));
    value["entries_left"] = json!(entries.map(|entries| entries.left()));
}

/// Validity and entries, in words.
pub(super) fn limits(standing: &Standing) -> String {
    let mut parts = Vec::new();
    if let Some(from) = standing.valid_from_ms {
        parts.push(format!("from {}", shown(from)));
    }
    if let Some(until) = standing.valid_until_ms {
        parts.push(format!("until {}", shown(until)));
    }
    if let Some(entries) = standing.entries {
        let most = counted(entries.most, "entry", "entries");
        parts.push(format!("{} of {most} left", entries.left()));
    }
    let who = if standing.is_guest { "guest" } else { "valid" };
    match parts.is_empty() {
        true => format!("{who} without limit"),
        false => format!("{who} {}", parts.join(", ")),
    }
}

fn shown(at_ms: i64) -> String {
    local(at_ms, "%Y-%m-%d %H:%M")
}
