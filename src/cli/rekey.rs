//! `doorward rekey`: another key for all that is sealed.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::clerk::Clerk;
use super::{Exit, Format, print_json};
use crate::config::Config;
use crate::verbs::{Reply, Verb, VerbError};

/// Nothing to choose.
#[derive(Debug, Args)]
pub(crate) struct Rekey {
    #[command(flatten)]
    format: Format,
}

impl Rekey {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let clerk = Clerk::new(config);
        let done = clerk.does(Verb::Rekey {}, None);
        let Reply::Rekeyed {
            before,
            now,
            file,
            was_credential,
        } = done.context("the key is the one it was")?
        else {
            return Err(VerbError::other_reply().into());
        };
        // What was sealed with the key of before is gone from the files too.
        let mut exit = Exit::Done;
        if !clerk.erases()? {
            exit = Exit::No;
            eprintln!(
                "what was sealed with the old key is NOT YET gone from the files: end what reads the database, then run `doorward people erase`"
            );
        }
        if self.format.json {
            print_json(&json!({
                "before": before,
                "key": now,
                "file": file,
                "was_credential": was_credential,
                "erased": exit == Exit::Done,
            }))?;
            return Ok(exit.into());
        }
        let file = file.display();
        println!(
            "all is sealed with key {now} now, which lies in {file}; key {before} opens earlier backups alone"
        );
        if was_credential {
            println!(
                "systemd still hands over the old key: `systemd-creds encrypt --name=doorward.key {file} /etc/credstore.encrypted/doorward.key`, restart doorward, then remove {file}"
            );
        }
        Ok(exit.into())
    }
}
