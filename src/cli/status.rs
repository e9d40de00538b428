//! `doorward status`: what an operator asks first.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::colour::{Hue, painted};
use super::control;
use super::enroll::shell_word;
use super::output::{local, rfc3339};
use super::{Exit, Format, print_json, safe};
use crate::config::{Config, DEFAULT_PATH};
use crate::daemon::status::Note;
use crate::database::{Database, DatabaseError};
use crate::ipc::{Ask, Fault, LastGrant, SecondCamera, State, Threshold};
use crate::record::{Kind, Log, NOBODY_LISTED, Query, Record};
use crate::shown::{counted, in_words};
use crate::whitelist;

/// How the answer is printed.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 0 if the door is guarded and nothing fails, with 1 if not.")]
pub(crate) struct Status {
    #[command(flatten)]
    format: Format,
}

/// What the daemon says of itself.
#[derive(Debug)]
struct Guarding {
    pid: u32,
    since_ms: i64,
    camera: Option<String>,
    infrared: Option<SecondCamera>,
    threshold: Option<Threshold>,
    /// Of the networks in use.
    templates: usize,
    faults: Vec<Fault>,
}

/// What is known of the door's people and past.
#[derive(Debug, Default)]
struct Known {
    people: usize,
    disabled: usize,
    templates: usize,
    last_grant: Option<LastGrant>,
    /// How the last daemon ended, or how the newest one began.
    last_life: Option<Record>,
}

impl From<Note> for Guarding {
    fn from(note: Note) -> Self {
        Self {
            pid: note.pid,
            since_ms: note.since_ms,
            camera: note.camera,
            infrared: note.infrared,
            threshold: note
                .threshold
                .map(|(score, from)| Threshold { score, from }),
            templates: note.templates,
            faults: note.faults,
        }
    }
}

impl Guarding {
    fn is_well(&self) -> bool {
        self.faults.is_empty() && self.camera.is_some() && self.threshold.is_some()
    }
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
            people: people.len(),
            disabled: people.iter().filter(|person| !person.enabled).count(),
            templates: people.iter().map(|person| person.templates).sum(),
            last_grant: last(&[Kind::Granted, Kind::GrantedByCard])?
                .as_ref()
                .map(LastGrant::of),
            last_life: last(&[Kind::Started, Kind::Stopped, Kind::Fault])?,
        })
    }
}

/// What the daemon itself answers.
fn of_state(state: State) -> (Guarding, Known) {
    let guarding = Guarding {
        pid: state.pid,
        since_ms: state.since_ms,
        camera: state.camera,
        infrared: state.infrared,
        threshold: state.threshold,
        templates: state.templates_in_use,
        faults: state.faults,
    };
    let known = Known {
        people: state.people,
        disabled: state.disabled,
        templates: state.templates,
        last_grant: state.last_grant,
        last_life: None,
    };
    (guarding, known)
}

impl Status {
    /// Asks the daemon, or without one the database.
    pub(super) fn run(self, path: &Path, config: &Config) -> anyhow::Result<ExitCode> {
        if let Some(state) = control::look(path, Ask::Status {})? {
            let (guarding, known) = of_state(state);
            return self.said(path, Some(&guarding), &known);
        }
        super::become_owner(config)?;
        let note = Note::read(path)
            .context("whether a daemon guards cannot be told; ask as root or as its user")?;
        let known = Known::read(config)?;
        self.said(path, note.map(Guarding::from).as_ref(), &known)
    }

    fn said(
        &self,
        path: &Path,
        guarding: Option<&Guarding>,
        known: &Known,
    ) -> anyhow::Result<ExitCode> {
        if self.format.json {
            print_json(&as_json(guarding, known))?;
        } else {
            tell(path, guarding, known);
        }
        let is_well = guarding.is_some_and(Guarding::is_well);
        Ok(if is_well { Exit::Done } else { Exit::No }.into())
    }
}

fn as_json(note: Option<&Guarding>, known: &Known) -> Value {
    let grant = known.last_grant.as_ref().map(|grant| {
        json!({
            "at": rfc3339(grant.at_ms),
            "person_id": grant.person_id,
            "name": grant.name,
            "score": grant.score,
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
        "people": known.people,
        "disabled": known.disabled,
        "templates": known.templates,
        "threshold": note.and_then(|note| note.threshold.as_ref()).map(|t| t.score),
        "last_grant": grant,
        "faults": faults.collect::<Vec<_>>(),
    })
}

/// Where systemd looks for units.
const UNIT_FOLDERS: [&str; 3] = [
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
const DAY_AND_TIME: &str = "%Y-%m-%d %H:%M:%S";

/// The command that starts the daemon of a configuration.
fn how_to_start(config: &Path) -> String {
    let is_service = config == Path::new(DEFAULT_PATH)
        && UNIT_FOLDERS
            .iter()
            .any(|folder| Path::new(folder).join("doorward.service").exists());
    match is_service {
        true => "systemctl start doorward".into(),
        false => format!(
            "doorward --config {} run",
            shell_word(&config.display().to_string())
        ),
    }
}

fn tell(path: &Path, note: Option<&Guarding>, known: &Known) {
    let coloured = |what: &str, text: &str, hue| {
        println!("{what:<12}{}", painted(&safe(&in_words(text)), hue));
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
                &format!("NO, nothing guards this door: `{}`", how_to_start(path)),
                Some(Hue::Fault),
            );
            if let Some(last) = &known.last_life {
                line("", &format!("last: {last}"));
            }
        }
    }
    let (people, templates) = (known.people, known.templates);
    let counted_templates = |many: usize| counted(many, "template", "templates");
    let mut listed = format!("{people} listed, {}", counted_templates(templates));
    if known.disabled > 0 {
        listed += &format!(", {} of them disabled", known.disabled);
    }
    if let Some(note) = note.filter(|note| note.templates != templates) {
        listed += &format!(
            "; {} of the networks in use",
            counted(note.templates, "template is", "templates are")
        );
    }
    line("people", &listed);
    if people == 0 {
        coloured("", NOBODY_LISTED, Some(Hue::Unclear));
    }
    let grant = known.last_grant.as_ref().map(|grant| {
        let who = grant.person_id.zip(grant.name.as_ref());
        let who = who.map(|(id, name)| format!("{name} ({id})"));
        let score = grant.score.map(|score| format!(", score {score:.3}"));
        format!(
            "{}, {}{}",
            local(grant.at_ms, DAY_AND_TIME),
            who.unwrap_or_default(),
            score.unwrap_or_default()
        )
    });
    line("last grant", grant.as_deref().unwrap_or("none"));
    let Some(note) = note else { return };
    match &note.threshold {
        Some(Threshold { score, from }) => line("threshold", &format!("{score:.3}, {from}")),
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
