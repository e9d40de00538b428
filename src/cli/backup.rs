//! `doorward backup` and `doorward restore`: the database in a file, and back.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{Exit, origin};
use crate::config::Config;
use crate::database::Database;
use crate::record::{Event, Log, Stamp};
use crate::shown::counted;
use crate::whitelist;

/// Where to.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to write, which must not be there yet
    file: PathBuf,
}

/// Where from.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// File that `doorward backup` wrote
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let database = Database::open_existing(&config.whitelist.database)?;
        let file = std::path::absolute(&self.file)?;
        database.copy_to(&file).context("there is no backup")?;
        let head = Log::new(Database::open_existing(&file)?, config.daemon.door.clone())
            .verify(&[])?
            .head;
        let event = Event::BackedUp {
            file: file.display().to_string(),
            up_to: head.id,
            hash: head.hash(),
            actor: origin(config).actor,
        };
        Log::new(database, config.daemon.door.clone())
            .append(&Stamp::now(), &event)
            .context("the backup is there, but cannot be put on record")?;
        println!(
            "{} has everything up to event {}; it holds biometric data: keep it as safe as the database",
            file.display(),
            head.id
        );
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let file = std::path::absolute(&self.file)?;
        let restored = whitelist::restore(&file, &config.whitelist.database, &origin(config))
            .context("nothing was restored")?;
        // Who is not on it any more is not in the files either.
        let database = Database::open_existing(&config.whitelist.database)?;
        let mut exit = Exit::Done;
        if !database.erase()? {
            exit = Exit::No;
            eprintln!(
                "who was removed by this is NOT YET gone from the files: end what reads the database, then run `doorward people erase`"
            );
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
