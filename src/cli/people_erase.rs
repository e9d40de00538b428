//! `doorward people erase`: people who are forgotten, and what is left in files.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::people::{erase, is_wanted};
use super::{Exit, Format, people_look};
use crate::database::Database;
use crate::person::PersonId;
use crate::shown::counted;
use crate::verbs::{Code, Reply, Verb, VerbError};
use crate::whitelist::{self, Gone};

/// Whom to erase; nobody: what was removed before.
#[derive(Debug, Args)]
#[command(
    after_help = "Backups, exported files and the system's journal still have them: delete those in their own\nway. `people remove` keeps the name in the record."
)]
pub(crate) struct Erase {
    /// Names, or numbers such as #3, of people who are listed or were removed before
    #[arg(value_name = "PERSON")]
    people: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

impl Erase {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        if self.people.is_empty() {
            return erase(clerk, "what was removed before", self.format, json!({}));
        }
        let people = self.find(clerk)?;
        let names: Vec<String> = people
            .iter()
            .map(|(id, name)| format!("{name} ({id})"))
            .collect();
        let what = format!("{} and all that is kept of them", names.join(", "));
        if !self.yes && !is_wanted(&what)? {
            eprintln!("nobody was erased");
            return Ok(Exit::No.into());
        }
        let people = people.iter().map(|(id, _)| id.to_string()).collect();
        let Reply::ErasedPeople { people } = clerk.does(Verb::ErasePeople { people }, None)? else {
            return Err(VerbError::other_reply().into());
        };
        let one = |gone: &Gone| json!({ "person_id": gone.id, "named_in_events": gone.named_in });
        let about: Vec<Value> = people.iter().map(one).collect();
        let code = erase(clerk, &what, self.format, json!({ "people": about }))?;
        for gone in people.iter().filter(|gone| gone.named_in > 0) {
            eprintln!(
                "{} of the record still {} {} by name, until {} time is over (audit.keep_days)",
                counted(gone.named_in, "event", "events"),
                if gone.named_in == 1 { "has" } else { "have" },
                gone.id,
                if gone.named_in == 1 { "its" } else { "their" },
            );
        }
        Ok(code)
    }

    /// Each once, in the order they were named, by number and name.
    fn find(&self, clerk: Clerk<'_>) -> anyhow::Result<Vec<(PersonId, String)>> {
        let mut found: Vec<(PersonId, String)> = Vec::new();
        for word in &self.people {
            let one = match people_look::find(clerk, word) {
                Ok(person) => (person.id, person.name),
                // Only the record knows somebody who was removed.
                Err(error) if error.code == Code::Refused => {
                    let database = Database::open_existing(clerk.place())?;
                    let who = whitelist::resolve(&database, word)?;
                    (who.id, who.name)
                }
                Err(error) => return Err(error.into()),
            };
            if !found.contains(&one) {
                found.push(one);
            }
        }
        Ok(found)
    }
}
