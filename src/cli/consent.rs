//! Consent: `--consent DAY` of those who enroll, and `doorward people consent`.

use std::process::ExitCode;

use clap::Args;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::people::{changed, named};
use super::{Exit, Format, print_json};
use crate::record::Consent;
use crate::shown::Quoted;
use crate::verbs::Verb;
use crate::whitelist::Person;

/// What somebody who is enrolled agreed to.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Consented {
    /// On which day the person consented to be recognised: today, or such as 2026-09-01
    #[arg(long, value_name = "DAY", value_parser = day)]
    consent: Option<Date>,
    /// What for, such as "entry by face"
    #[arg(long, value_name = "TEXT", requires = "consent", value_parser = purpose)]
    purpose: Option<String>,
}

impl Consented {
    pub(super) fn consent(&self) -> Option<Consent> {
        Consent::new(self.consent?, self.purpose.as_deref()).ok()
    }
}

/// Whose consent, and to what.
#[derive(Debug, Args)]
#[command(
    after_help = "What was noted before is replaced; the record keeps both. `doorward people list\n--without-consent` names who has none, whitelist.require_consent refuses to enroll them."
)]
pub(crate) struct SetConsent {
    /// Names, or numbers such as #3
    #[arg(value_name = "PERSON", required = true)]
    people: Vec<String>,
    /// On which day they consented: today, or such as 2026-09-01
    #[arg(long, value_name = "DAY", value_parser = day, default_value = "today")]
    on: Date,
    /// What for, such as "entry by face"
    #[arg(long, value_name = "TEXT", value_parser = purpose)]
    purpose: Option<String>,
    /// They consent no more: they are let in no more, until `doorward people enable`
    #[arg(long, conflicts_with_all = ["on", "purpose"])]
    withdraw: bool,
    #[command(flatten)]
    format: Format,
}

impl SetConsent {
    pub(super) fn run(self, clerk: Clerk<'_>) -> anyhow::Result<ExitCode> {
        let people = self.people;
        let verb = match self.withdraw {
            true => Verb::WithdrawConsent { people },
            false => Verb::NoteConsent {
                people,
                consent: Consent::new(self.on, self.purpose.as_deref())?,
            },
        };
        let people = changed(clerk.does(verb, None)?)?;
        if self.format.json {
            let people: Vec<Value> = people.iter().map(as_json).collect();
            print_json(&json!({ "people": people }))?;
            return Ok(Exit::Done.into());
        }
        let is_one = people.len() == 1;
        if self.withdraw {
            let (consents, are) = if is_one {
                ("consents", "is")
            } else {
                ("consent", "are")
            };
            println!(
                "{} {consents} no more and {are} not let in any more; `doorward people remove` forgets face and factors",
                named(&people)
            );
            return Ok(Exit::Done.into());
        }
        if let Some(consent) = people.first().and_then(|person| person.consent.as_ref()) {
            println!("{} consented on {}", named(&people), shown(consent));
        }
        Ok(Exit::Done.into())
    }
}

/// `2026-09-01, for entry by face`
pub(super) fn shown(consent: &Consent) -> String {
    match consent.purpose() {
        Some(purpose) => format!("{}, for {purpose}", consent.day()),
        None => consent.day().to_string(),
    }
}

fn as_json(person: &Person) -> Value {
    json!({
        "person_id": person.id,
        "name": person.name,
        "enabled": person.enabled,
        "consent": person.consent,
    })
}

/// Today or before: nobody has consented yet on a day to come.
fn day(text: &str) -> Result<Date, String> {
    let today = jiff::ZonedDateTime::now().date();
    let day = match text.trim() {
        "today" => today,
        other => other.parse().map_err(|_| {
            let wrong = Quoted(text);
            format!("{wrong} is no day; write today, or a day such as 2026-09-01")
        })?,
    };
    if day > today {
        return Err(format!(
            "{day} is still to come, by the clock of this machine ({today}); give the day on which it was given"
        ));
    }
    Ok(day)
}

fn purpose(text: &str) -> Result<String, String> {
    let consent = Consent::new(Date::default(), Some(text));
    consent
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}
