//! `doorward backup` and `doorward restore`: the database in a file, and back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::clerk::Clerk;
use super::hands::Hands;
use super::people_file::Made;
use super::{Exit, Format, origin, print_json};
use crate::config::Config;
use crate::database::Database;
use crate::files::{Kind, handed};
use crate::record::{Head, Log};
use crate::seal::KeyPlace;
use crate::shown::counted;
use crate::verbs::Verb;
use crate::whitelist;

/// Where to.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to write, which must not be there yet
    file: PathBuf,
    #[command(flatten)]
    format: Format,
    /// Takes the file away again if it comes to nothing.
    #[arg(skip)]
    made: Made,
}

/// Where from.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// File that `doorward backup` wrote
    file: PathBuf,
    /// File with the key it is sealed with, where that is not the one of now
    #[arg(long, value_name = "KEYFILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Backup {
    pub(super) fn hand_over(&mut self, hands: Hands) -> anyhow::Result<()> {
        self.made = Made::new(hands.write_new(&std::path::absolute(&self.file)?)?);
        Ok(())
    }

    pub(super) fn run(mut self, config: &Config) -> anyhow::Result<ExitCode> {
        let file = std::path::absolute(&self.file)?;
        let database = Database::open_existing(&config.whitelist.database)?;
        let head = if handed::is_out(&file) {
            // SQLite opens by names, and may not go where the file is.
            let beside = beside(&config.whitelist.database);
            let _ = std::fs::remove_file(&beside);
            let written = copy(&database, &beside, config).and_then(|head| {
                handed::pour_out(&beside, &file)
                    .with_context(|| format!("cannot write {}", file.display()))?;
                Ok(head)
            });
            let _ = std::fs::remove_file(&beside);
            written
        } else {
            copy(&database, &file, config)
        };
        let head = head.context("there is no backup")?;
        self.made.leave_it();
        let (key, place) = (database.key_id()?, database.key_sources());
        let place = match database.key_place() {
            Some(KeyPlace::Credential) => "systemd's credential doorward.key".to_owned(),
            _ => place.file().display().to_string(),
        };
        drop(database);
        let noted = Verb::NoteBackup {
            file: file.display().to_string(),
            head: head.to_string(),
        };
        Clerk::new(config)
            .does(noted, None)
            .context("the backup is there, but cannot be put on record")?;
        if self.format.json {
            print_json(&json!({
                "file": file,
                "head": head.to_string(),
                "up_to": head.id,
                "key": key.to_string(),
            }))?;
            return Ok(Exit::Done.into());
        }
        println!(
            "{} has everything up to event {}; it is useless without key {key} ({place}): keep a copy of that elsewhere, and not beside the backup",
            file.display(),
            head.id
        );
        Ok(Exit::Done.into())
    }
}

/// A copy that verifies, and the end of its record.
fn copy(database: &Database, to: &Path, config: &Config) -> anyhow::Result<Head> {
    database.copy_to(to)?;
    let verified = Database::open_existing(to)
        .map_err(anyhow::Error::from)
        .and_then(|copy| Ok(Log::new(copy, config.daemon.door.clone()).verify(&[])?));
    if verified.is_err() {
        let _ = std::fs::remove_file(to);
    }
    Ok(verified?.head)
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-backup");
    name.into()
}

impl Restore {
    pub(super) fn hand_over(&self, hands: Hands) -> anyhow::Result<()> {
        let file = std::path::absolute(&self.file)?;
        hands.read(std::slice::from_ref(&file), Kind::Database)?;
        match self.key()? {
            Some(key) => hands.read(&[key], Kind::Key),
            None => Ok(()),
        }
    }

    fn key(&self) -> std::io::Result<Option<PathBuf>> {
        self.key.as_ref().map(std::path::absolute).transpose()
    }

    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let file = std::path::absolute(&self.file)?;
        let key = self.key()?;
        let database = &config.whitelist.database;
        let restored = whitelist::restore(&file, database, key.as_deref(), &origin(config))
            .context("nothing was restored")?;
        // Who is not on it any more is not in the files either.
        let mut exit = Exit::Done;
        if !Clerk::new(config).erases()? {
            exit = Exit::No;
            eprintln!(
                "who was removed by this is NOT YET gone from the files: end what reads the database, then run `doorward people erase`"
            );
        }
        if self.format.json {
            print_json(&json!({
                "file": file,
                "head": restored.backup.to_string(),
                "up_to": restored.backup.id,
                "people": restored.people,
                "record_went_on": restored.record_went_on,
                "erased": exit == Exit::Done,
            }))?;
            return Ok(exit.into());
        }
        println!(
            "the whitelist is that of {} again, as of event {}: {}; {}",
            file.display(),
            restored.backup.id,
            counted(restored.people, "person", "people"),
            if restored.record_went_on {
                "the record went on"
            } else {
                "the record goes on from there"
            }
        );
        Ok(exit.into())
    }
}
