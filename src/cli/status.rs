//! `doorward status`: what an operator asks first.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::colour::{Hue, painted};
use super::output::{local, rfc3339};
use super::{Exit, Format, print_json, safe};
use crate::config::Config;
use crate::daemon::status::Note;
use crate::database::{Database, DatabaseError};
use crate::record::{Kind, Log, Query, Record};
use crate::shown::counted;
use crate::whitelist::{self, Person};

/// How the answer is printed.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 0 if the door is guarded and nothing fails, with 1 if not.")]
pub(crate) struct Status {
    #[command(flatten)]
    format: Format,
}

/// What the database knows.
#[derive(Debug, Default)]
struct Known {
    people: Vec<Person>,
    last_grant: Option<Record>,
    /// How the last daemon ended, or how the newest one began.
    last_life: Option<Record>,
}

impl Known {
    /// Nothing where there is no database yet.
    fn read(config: &Config) -> anyhow::Result<Self> {
        let database = match Database::open_existing(&config.whitelist.database) {
            Err(DatabaseError::Missing { .. }) => return Ok(Self::default()),
            database => database?,
        };
        let people = whitelist::people(&database)?;
        let log = Log::new(database, config.daemon.door.clone());
        let last = |kinds: &[Kind]| {
            let query = Query {
                kinds: kinds.to_vec(),
                limit: Some(1),
                ..Query::default()
            };
            anyhow::Ok(log.records(&query)?.pop())
        };
        Ok(Self {
            people,
            last_grant: last(&[Kind::Granted, Kind::GrantedByCard])?,
            last_life: last(&[Kind::Started, Kind::Stopped, Kind::Fault])?,
        })
    }
}

impl Status {
    pub(super) fn run(self, path: &Path, config: &Config) -> anyhow::Result<ExitCode> {
        let note = Note::read(path)
            .context("whether a daemon guards cannot be told; ask as root or as its user")?;
        let known = Known::read(config)?;
        let is_well = |note: &Note| {
            note.faults.is_empty() && note.camera.is_some() && note.threshold.is_some()
        };
        let is_well = note.as_ref().is_some_and(is_well);
        if self.format.json {
            print_json(&as_json(note.as_ref(), &known))?;
        } else {
            tell(note.as_ref(), &known);
        }
        Ok(if is_well { Exit::Done } else { Exit::No }.into())
    }
}

fn disabled(known: &Known) -> usize {
    known.people.iter().filter(|person| !person.enabled).count()
}

fn as_json(note: Option<&Note>, known: &Known) -> Value {
    let grant = known.last_grant.as_ref().map(|record| {
        let subject = record.subject();
        let (id, name) = subject.person.unzip();
        json!({
            "at": rfc3339(record.at_ms),
            "person_id": id,
            "name": name,
            "score": subject.score,
        })
    });
    let faults = note.map_or(&[][..], |note| &note.faults);
    let faults = faults.iter().map(|fault| {
        json!({
            "kind": fault.kind,
            "at": rfc3339(fault.at_ms),
            "message": fault.message,
        })
    });
    json!({
        "guarding": note.is_some(),
        "pid": note.map(|note| note.pid),
        "since": note.and_then(|note| rfc3339(note.since_ms)),
        "camera": note.and_then(|note| note.camera.as_ref()),
        "infrared_camera": note.and_then(|note| note.infrared.as_ref()?.camera.as_ref()),
        "people": known.people.len(),
        "disabled": disabled(known),
        "templates": known.people.iter().map(|person| person.templates).sum::<usize>(),
        "threshold": note.and_then(|note| note.threshold.as_ref()).map(|(score, _)| score),
        "last_grant": grant,
        "faults": faults.collect::<Vec<_>>(),
    })
}

const DAY_AND_TIME: &str = "%Y-%m-%d %H:%M:%S";

fn tell(note: Option<&Note>, known: &Known) {
    let coloured = |what: &str, text: &str, hue| {
        println!("{what:<12}{}", painted(&safe(text), hue));
    };
    let line = |what: &str, text: &str| coloured(what, text, None);
    match note {
        Some(note) => {
            let since = local(note.since_ms, DAY_AND_TIME);
            let text = format!("yes, since {since} (process {})", note.pid);
            coloured("guarding", &text, Some(Hue::Good));
            match &note.camera {
                Some(camera) => line("camera", camera),
                None => coloured("camera", "LOST", Some(Hue::Fault)),
            }
            match note.infrared.as_ref().map(|second| &second.camera) {
                None => {}
                Some(Some(camera)) => line("infrared", camera),
                Some(None) => coloured("infrared", "LOST", Some(Hue::Fault)),
            }
        }
        None => {
            coloured(
                "guarding",
                "NO, nothing guards this door: `systemctl start doorward`",
                Some(Hue::Fault),
            );
            if let Some(last) = &known.last_life {
                line("", &format!("last: {last}"));
            }
        }
    }
    let people = known.people.len();
    let templates: usize = known.people.iter().map(|person| person.templates).sum();
    let counted_templates = |many: usize| counted(many, "template", "templates");
    let mut listed = format!("{people} listed, {}", counted_templates(templates));
    if disabled(known) > 0 {
        listed += &format!(", {} of them disabled", disabled(known));
    }
    if let Some(note) = note.filter(|note| note.templates != templates) {
        listed += &format!(
            "; {} of the networks in use",
            counted(note.templates, "template is", "templates are")
        );
    }
    line("people", &listed);
    let grant = known.last_grant.as_ref().map(|record| {
        let subject = record.subject();
        let who = subject.person.map(|(id, name)| format!("{name} ({id})"));
        let score = subject.score.map(|score| format!(", score {score:.3}"));
        format!(
            "{}, {}{}",
            local(record.at_ms, DAY_AND_TIME),
            who.unwrap_or_default(),
            score.unwrap_or_default()
        )
    });
    line("last grant", grant.as_deref().unwrap_or("none"));
    let Some(note) = note else { return };
    match &note.threshold {
        Some((score, from)) => line("threshold", &format!("{score:.3}, {from}")),
        None => coloured(
            "threshold",
            "NONE, so nobody can be let in",
            Some(Hue::Fault),
        ),
    }
    if note.faults.is_empty() {
        line("faults", "none now");
    }
    for fault in &note.faults {
        let since = local(fault.at_ms, DAY_AND_TIME);
        let text = format!("{} since {since}: {}", fault.kind, fault.message);
        coloured("FAULT", &text, Some(Hue::Fault));
    }
}
