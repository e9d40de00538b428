//! `doorward people export` and `doorward people import`: people in a sealed file.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::hands::Hands;
use super::passphrase::PassphraseFrom;
use super::{Exit, Format, Usage, print_json};
use crate::config::Config;
use crate::database::Database;
use crate::files::{self, Kind, handed};
use crate::sealed::{self, Passphrase};
use crate::shown::counted;
use crate::trust::Remover;
use crate::verbs::{NotedExport, Reply, Verb, VerbError};
use crate::vision::Vision;
use crate::whitelist::{self, Existing, Exported, Imported, Person, Whom};

const EXPORT_USAGE: &str = "doorward people export [OPTIONS] FILE
       doorward people export [OPTIONS] PERSON... FILE";

/// Whom, and where to.
#[derive(Debug, Args)]
#[command(override_usage = EXPORT_USAGE)]
pub struct Export {
    /// Names, or numbers such as #3, of the people to write [default: everybody]; and last
    /// the file, which must not be there yet
    #[arg(value_name = "PERSON... FILE", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    #[command(flatten)]
    format: Format,
    /// Takes the file away again if it comes to nothing.
    #[arg(skip)]
    made: Made,
}

/// Where from, and what of those who are there already.
#[derive(Debug, Args)]
pub struct Import {
    /// File that `doorward people export` wrote
    file: PathBuf,
    /// Leave people as they are whose name is on the whitelist already
    #[arg(long, conflicts_with = "replace")]
    skip_existing: bool,
    /// Have people be as in the file whose name is on the whitelist already
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    #[command(flatten)]
    format: Format,
}

/// A file that was made where this process may not remove anything any more.
#[derive(Debug, Default)]
pub(super) struct Made(Option<Remover>);

impl Made {
    pub(super) fn new(remover: Option<Remover>) -> Self {
        Self(remover)
    }

    /// The file is whole.
    pub(super) fn leave_it(&mut self) {
        if let Some(remover) = self.0.take() {
            remover.leave_it();
        }
    }
}

/// A clone has nothing to take away.
impl Clone for Made {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Export {
    fn file(&self) -> anyhow::Result<PathBuf> {
        let file = self.words.last().map(Path::new).unwrap_or(Path::new(""));
        Ok(std::path::absolute(file)?)
    }

    pub(super) fn hand_over(&mut self, hands: Hands) -> anyhow::Result<()> {
        self.passphrase.hand_over(hands)?;
        self.made = Made::new(hands.write_new(&self.file()?)?);
        Ok(())
    }

    pub(super) fn run(mut self, config: &Config) -> anyhow::Result<ExitCode> {
        let db = &Database::open_existing(&config.whitelist.database)?;
        let file = self.file()?;
        let Some((word, people)) = self.words.split_last() else {
            return Err(Usage(format!("no file is given\n\nUsage: {EXPORT_USAGE}")).into());
        };
        if whitelist::find(db, word).is_ok() {
            let why = format!(
                "{word} is somebody on the whitelist; name the file last, and with a / in it if it is called so: ./{word}"
            );
            return Err(Usage(why).into());
        }
        let mut ids = Vec::new();
        for person in people {
            let id = whitelist::find(db, person)?.id;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let whom = match people {
            [] => Whom::Everybody,
            _ => Whom::These(&ids),
        };
        let failed = || format!("there is no {}", file.display());
        if !handed::is_out(&file) && file.symlink_metadata().is_ok() {
            return Err(std::io::Error::from_raw_os_error(libc::EEXIST))
                .with_context(|| format!("cannot write {}", file.display()));
        }
        let passphrase = self.passphrase.chosen()?;
        let target = files::create_new_or_handed(&file)
            .with_context(|| format!("cannot write {}", file.display()))?;
        let is_own = !handed::is_out(&file);
        let named = file.display().to_string();
        let written = write(db, whom, passphrase, target).and_then(|exported| {
            let person = |p: &Person| (p.id, p.name.clone(), p.templates);
            let noted = Verb::NoteExport(NotedExport {
                file: named,
                everybody: matches!(whom, Whom::Everybody),
                people: exported.people.iter().map(person).collect(),
            });
            Clerk::new(config)
                .does(noted, None)
                .context("it cannot be put on record")?;
            Ok(exported)
        });
        if written.is_err() && is_own {
            let _ = std::fs::remove_file(&file);
        }
        let exported = written.with_context(failed)?;
        self.made.leave_it();
        let people = exported.people.len();
        if self.format.json {
            print_json(&json!({
                "file": file,
                "people": exported.people.iter().map(|person| json!({
                    "person_id": person.id,
                    "name": person.name,
                    "templates": person.templates,
                })).collect::<Vec<_>>(),
                "templates": exported.templates,
            }))?;
        } else {
            println!(
                "{} has {} with {}; only the passphrase opens it, and nothing brings that back",
                file.display(),
                counted(people, "person", "people"),
                counted(exported.templates, "template", "templates"),
            );
        }
        if let Some(remark) = without_factors(db, &exported)? {
            eprintln!("{remark}");
        }
        Ok(Exit::Done.into())
    }
}

/// Who has what does not travel.
fn without_factors(db: &Database, exported: &Exported) -> anyhow::Result<Option<String>> {
    let mut count = 0u64;
    for person in &exported.people {
        let factors = whitelist::factors_of(db, person.id)?;
        count += u64::from(factors.has_pin || !factors.cards.is_empty());
    }
    let have = if count == 1 { "has" } else { "have" };
    Ok((count > 0).then(|| {
        format!(
            "{} {have} a PIN or a card, which the file does not have: give them anew where it is imported (`doorward people pin`, `doorward people card`)",
            counted(count, "person", "people")
        )
    }))
}

/// Writes and seals, onto the disk.
fn write(
    db: &Database,
    whom: Whom<'_>,
    passphrase: Passphrase,
    to: File,
) -> anyhow::Result<Exported> {
    to.set_len(0)?;
    let mut sealing = BufWriter::new(sealed::seal(passphrase, BufWriter::new(to))?);
    let exported = whitelist::export(db, whom, &mut sealing)?;
    let sealing = sealing.into_inner().map_err(|error| error.into_error())?;
    let to = sealing.finish()?;
    let to = to.into_inner().map_err(|error| error.into_error())?;
    to.sync_all()?;
    Ok(exported)
}

impl Import {
    pub(super) fn hand_over(&self, hands: Hands) -> anyhow::Result<()> {
        self.passphrase.hand_over(hands)?;
        let file = std::path::absolute(&self.file)?;
        hands.read(std::slice::from_ref(&file), Kind::People)
    }

    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let file = std::path::absolute(&self.file)?;
        let named = file.display().to_string();
        let about = || format!("nobody was taken over from {named}");
        let from = files::open(&file, Kind::People).with_context(about)?;
        let passphrase = self.passphrase.given()?;
        let opened = sealed::open(passphrase, BufReader::new(from)).with_context(about)?;
        let existing = match (self.skip_existing, self.replace) {
            (true, _) => Existing::Skip,
            (_, true) => Existing::Replace,
            _ => Existing::Refuse,
        };
        let clerk = Clerk::new(config);
        let mut from = BufReader::new(opened);
        let verb = Verb::Import {
            existing,
            file: named.clone(),
        };
        let reply = clerk.does(verb, Some(&mut from)).with_context(about)?;
        let Reply::Imported(imported) = reply else {
            return Err(VerbError::other_reply().into());
        };
        let others = Others::of(&imported, config);
        if self.format.json {
            print_json(&as_json(&file, &imported, &others))?;
        } else {
            tell(&file, &imported);
        }
        for remark in others.remarks(&imported) {
            eprintln!("{remark}");
        }
        if imported.taken.iter().any(|one| one.replaced.is_some()) && !clerk.erases()? {
            eprintln!(
                "what was replaced is NOT YET gone from the files: end what reads the database, then run `doorward people erase`"
            );
            return Ok(Exit::No.into());
        }
        Ok(Exit::Done.into())
    }
}

/// Templates that the networks in use have nothing to do with.
struct Others {
    /// Nothing if the networks cannot be opened.
    count: Option<u64>,
}

impl Others {
    fn of(imported: &Imported, config: &Config) -> Self {
        if imported.templates.is_empty() {
            return Self { count: Some(0) };
        }
        let count = Vision::look(&config.models, &config.vision)
            .ok()
            .map(|vision| {
                let own = vision.version().as_str();
                let others = imported.templates.iter().filter(|(model, _)| *model != own);
                others.map(|(_, count)| count).sum()
            });
        Self { count }
    }

    /// What else has to be known.
    fn remarks(&self, imported: &Imported) -> Vec<String> {
        let mut remarks = Vec::new();
        match self.count {
            Some(0) => {}
            Some(many) => remarks.push(format!(
                "{} of other networks than those in use and match nobody: `doorward people migrate` makes them anew from kept photos, without those enroll again",
                counted(many, "template is", "templates are")
            )),
            None => remarks.push(
                "the networks in use cannot be opened, so it is not known whether they made these templates: `doorward check`".into(),
            ),
        }
        if !imported.unknown.is_empty() {
            let unknown: Vec<&str> = imported.unknown.iter().map(String::as_str).collect();
            remarks.push(format!(
                "a newer doorward wrote the file; this one does not know, and left out: {}",
                super::safe(&unknown.join(", "))
            ));
        }
        remarks
    }
}

fn as_json(file: &Path, imported: &Imported, others: &Others) -> Value {
    let person =
        |(id, name): &(crate::person::PersonId, String)| json!({ "person_id": id, "name": name });
    json!({
        "file": file,
        "people": imported.taken.iter().map(|one| json!({
            "person_id": one.id,
            "name": one.name,
            "enabled": one.enabled,
            "templates": one.templates,
            "replaced_templates": one.replaced,
        })).collect::<Vec<_>>(),
        "skipped": imported.skipped.iter().map(person).collect::<Vec<_>>(),
        "templates": imported.templates.values().sum::<u64>(),
        "templates_of_other_models": others.count,
        "unknown": imported.unknown,
    })
}

fn tell(file: &Path, imported: &Imported) {
    let replaced = imported.taken.iter().filter(|one| one.replaced.is_some());
    let disabled = imported.taken.iter().filter(|one| !one.enabled).count();
    let mut told = format!(
        "{} with {} taken over from {}",
        counted(imported.taken.len(), "person", "people"),
        counted(
            imported.templates.values().sum::<u64>(),
            "template",
            "templates"
        ),
        file.display()
    );
    match replaced.count() {
        0 => {}
        many => told += &format!(", {many} in the place of who was there"),
    }
    if disabled > 0 {
        told += &format!(", {disabled} of them disabled");
    }
    if !imported.skipped.is_empty() {
        told += &format!(
            "; {} left as before",
            counted(imported.skipped.len(), "person was", "people were")
        );
    }
    println!("{told}");
}
