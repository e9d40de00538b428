//! `doorward rekey`: another key for all that is sealed.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::clerk::Clerk;
use super::{Exit, Format, origin, print_json};
use crate::config::Config;
use crate::whitelist;

/// Nothing to choose.
#[derive(Debug, Args)]
pub(crate) struct Rekey {
    #[command(flatten)]
    format: Format,
}

impl Rekey {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let done = whitelist::rekey(&config.whitelist.database, &origin(config))
            .context("the key is the one it was")?;
        // What was sealed with the key of before is gone from the files too.
        let mut exit = Exit::Done;
        if !Clerk::new(config).erases()? {
            exit = Exit::No;
            eprintln!(
                "what was sealed with the old key is NOT YET gone from the files: end what reads the database, then run `doorward people erase`"
            );
        }
        let file = done.file.display();
        if self.format.json {
            print_json(&json!({
                "before": done.before.to_string(),
                "key": done.now.to_string(),
                "file": done.file,
                "was_credential": done.was_credential,
                "erased": exit == Exit::Done,
            }))?;
            return Ok(exit.into());
        }
        println!(
            "all is sealed with key {} now, which lies in {file}; key {} opens earlier backups alone",
            done.now, done.before
        );
        if done.was_credential {
            println!(
                "systemd still hands over the old key: `systemd-creds encrypt --name=doorward.key {file} /etc/credstore.encrypted/doorward.key`, restart doorward, then remove {file}"
            );
        }
        Ok(exit.into())
    }
}
