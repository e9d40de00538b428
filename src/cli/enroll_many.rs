//! `doorward enroll --from DIR` and `--csv FILE`: many people at once, a table of what became
//! of each, and a report for other programs.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::output::{csv_line, safe};
use super::{Exit, Format, print_json};
use crate::config::Config;
use crate::database::Database;
use crate::enrol::bulk::{Bulk, Entered, Outcome};
use crate::enrol::roster::Roster;
use crate::enrol::{BadPhotos, LeftOut, LookAlikes};
use crate::files;
use crate::record::Consent;
use crate::shown::counted;
use crate::vision::Vision;
use crate::whitelist;

/// Enrols everybody of a roster; ends with failure if anybody is left out.
pub(super) fn run(
    roster: &Roster,
    config: &Config,
    bad_photos: BadPhotos,
    (look_alikes, consent): (LookAlikes, Option<Consent>),
    report: Option<Report>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let database = Database::open(&config.whitelist.database)?;
    let mut vision = Vision::open(&config.models, &config.vision)?;
    if vision.scoring().calibration().is_none() {
        eprintln!(
            "these networks came without a calibration, so the photos are not compared with each other: see that those of each person show one person"
        );
    }
    let clerk = Clerk::new(config);
    let mut bulk = Bulk {
        vision: &mut vision,
        database: &database,
        does: &mut |verb| clerk.does(verb, None),
        keep_photos: config.whitelist.keep_photos,
        bad_photos,
        look_alikes,
        consent,
        asked: config.access.threshold_request(),
        stopped: None,
    };
    // Drawn on a terminal only.
    let bar = ProgressBar::new(roster.people.iter().map(|p| p.photos.len() as u64).sum());
    if let Ok(style) = ProgressStyle::with_template("{pos} of {len} photos {wide_bar} {eta} {msg}")
    {
        bar.set_style(style);
    }
    let mut entered = Vec::new();
    for person in &roster.people {
        bar.set_message(safe(&person.name));
        entered.push(bulk.enter(person, || bar.inc(1)));
    }
    bar.finish_and_clear();
    match format.json {
        true => print_json(&as_json(&entered, roster, &database)?)?,
        false => tell(&entered, roster),
    }
    if let Some(report) = report {
        report.write(&entered, roster, &database)?;
    }
    let left_out = entered.iter().any(|e| e.outcome == Outcome::LeftOut);
    Ok(if left_out {
        Exit::No.into()
    } else {
        Exit::Done.into()
    })
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Added => "added",
            Self::Unchanged => "unchanged",
            Self::LeftOut => "left out",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            other => other.word(),
        }
    }
}

fn tell(entered: &[Entered], roster: &Roster) {
    let rows = entered.iter().map(|one| {
        vec![
            safe(&one.name),
            one.outcome.word().to_owned(),
            one.taken.len().to_string(),
            one.left_out.len().to_string(),
            one.note.as_deref().map(safe).unwrap_or_default(),
        ]
    });
    super::table(
        &["person", "result", "new templates", "photos left out", ""],
        rows,
    );
    let photos = entered.iter().flat_map(|one| &one.left_out);
    let others = roster.left_out.iter();
    let lines: Vec<String> = photos
        .map(|photo| safe(&photo.to_string()))
        .chain(others.map(|(path, why)| safe(&format!("{}: {why}", path.display()))))
        .collect();
    if !lines.is_empty() {
        println!("\nleft out:");
    }
    for line in lines {
        println!("  {line}");
    }
    let count = |outcome| entered.iter().filter(|e| e.outcome == outcome).count();
    println!(
        "\n{}: {} enrolled, {} with photos added, {} unchanged, {} left out",
        counted(entered.len(), "person", "people"),
        count(Outcome::Enrolled),
        count(Outcome::Added),
        count(Outcome::Unchanged),
        count(Outcome::LeftOut)
    );
}

/// A file with the result, opened before anything is done.
#[derive(Debug)]
pub(super) struct Report {
    path: PathBuf,
    file: File,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Csv,
    Json,
}

impl Report {
    /// Makes the file; `roster` is one that must not be written over.
    pub(super) fn create(path: PathBuf, roster: &Path) -> anyhow::Result<Self> {
        let ends = |with: &str| {
            path.extension()
                .is_some_and(|e| e.eq_ignore_ascii_case(with))
        };
        let form = if ends("csv") {
            Form::Csv
        } else if ends("json") {
            Form::Json
        } else {
            bail!(
                "--report {}: end the file's name with .csv or .json",
                path.display()
            );
        };
        if files::is_same(&path, roster) {
            bail!(
                "--report {} is the list of people itself; choose another file",
                path.display()
            );
        }
        let file =
            files::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file, form })
    }

    fn write(
        mut self,
        entered: &[Entered],
        roster: &Roster,
        database: &Database,
    ) -> anyhow::Result<()> {
        let text = match self.form {
            Form::Csv => csv(entered, roster),
            Form::Json => format!("{:#}\n", as_json(entered, roster, database)?),
        };
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_all())
            .with_context(|| {
                format!(
                    "what is told above was done, but {} cannot be written",
                    self.path.display()
                )
            })
    }
}

/// A line for each person, and one for each photo.
fn csv(entered: &[Entered], roster: &Roster) -> String {
    let mut text = String::from("person,photo,result,templates,reason\r\n");
    let mut line = |cells: [&str; 5]| {
        text += &csv_line(cells);
        text += "\r\n";
    };
    for one in entered {
        let templates = one.taken.len().to_string();
        let note = one.note.as_deref().unwrap_or_default();
        line([&one.name, "", one.outcome.code(), &templates, note]);
        for photo in &one.taken {
            line([&one.name, photo, "taken", "", ""]);
        }
        for photo in &one.left_out {
            let why = photo.why.to_string();
            line([&one.name, &photo.photo, "left_out", "", &why]);
        }
    }
    for (path, why) in &roster.left_out {
        line(["", &path.display().to_string(), "left_out", "", why]);
    }
    text
}

/// By the names that `enroll --json` has for one person.
fn as_json(entered: &[Entered], roster: &Roster, database: &Database) -> anyhow::Result<Value> {
    let mut people = Vec::new();
    for one in entered {
        let listed = whitelist::find_by_name(database, &one.name)?;
        let taken = one.taken.iter();
        let taken = taken.map(|photo| json!({ "photo": photo, "result": "taken" }));
        let left_out = one.left_out.iter().map(left_out_as_json);
        people.push(json!({
            "person_id": listed.map(|person| person.id),
            "name": one.name,
            "result": one.outcome.code(),
            "templates": one.taken.len(),
            "reason": one.note,
            "photos": taken.chain(left_out).collect::<Vec<_>>(),
        }));
    }
    let left_out = roster
        .left_out
        .iter()
        .map(|(path, why)| json!({ "path": path.display().to_string(), "reason": why }));
    Ok(json!({
        "people": people,
        "left_out": left_out.collect::<Vec<_>>(),
    }))
}

pub(super) fn left_out_as_json(photo: &LeftOut) -> Value {
    json!({
        "photo": photo.photo,
        "result": "left_out",
        "reason": photo.why.to_string(),
    })
}
