//! `doorward people`: the whitelist, read and changed by hand.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::consent::SetConsent;
use super::hands::Hands;
use super::output::rfc3339;
use super::people_disclose::Disclose;
use super::people_erase::Erase;
use super::people_factors;
use super::people_file::{Export, Import};
use super::people_look::{self, List};
use super::people_rights;
use super::{Exit, Format, Usage, print_json};
use crate::config::Config;
use crate::database::Database;
use crate::shown::counted;
use crate::verbs::{Reply, Verb, VerbError};
use crate::whitelist::{self, Person};

/// What to do with whom. A person is named by name, by one from before, or by number, such
/// as #3.
#[derive(Debug, Subcommand)]
pub(crate) enum People {
    /// List everybody
    List(List),
    /// Show a person and the templates, with their numbers
    Show {
        /// Name, or number such as #3
        person: String,
        #[command(flatten)]
        format: Format,
    },
    /// List pairs of people who may be taken for each other
    Audit(#[command(flatten)] Format),
    /// Make templates for the network in use, from kept photos, and say who must come again
    Migrate(#[command(flatten)] Format),
    /// Give a person another name
    Rename {
        /// Name, or number such as #3
        person: String,
        /// The new name
        name: String,
        #[command(flatten)]
        format: Format,
    },
    /// Keep people out without forgetting the templates
    Disable(Whom),
    /// Let disabled people in again
    Enable(Whom),
    /// Put people in a group that access rules name, or take them out
    #[command(subcommand)]
    Group(people_rights::GroupCommand),
    /// Say from when to when a person may pass
    Valid(people_rights::Valid),
    /// Put a guest on the whitelist, who may pass until then
    AddGuest(people_rights::AddGuest),
    /// Note that people consented to be recognised, or consent no more
    Consent(SetConsent),
    /// Say how often a person may enter from now on
    Entries(people_rights::SetEntries),
    /// Forget people with their templates, PINs and cards; the events stay
    Remove {
        #[command(flatten)]
        whom: Whom,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Forget one template of a person, such as one of a bad photo
    ForgetTemplate {
        /// Name, or number such as #3
        person: String,
        /// The template's number, as `people show` has it
        #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        number: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Forget all kept photos; the templates stay
    ForgetPhotos(#[command(flatten)] Format),
    /// Write people, or everybody, to a file that only a passphrase opens
    Export(Export),
    /// Take over the people of such a file: all of them, or none
    Import(Import),
    /// Erase people and their names in the record; alone: what was removed, from the files too
    Erase(Erase),
    /// Write all that is kept of one person to a file for that person
    Disclose(Disclose),
    /// Give a person a PIN to be typed besides the face, or take it away
    Pin(people_factors::Pin),
    /// Give a person a card to be shown besides the face, or take one away
    Card(people_factors::Card),
    /// Have a lost card open nothing, and say whose it was
    LostCard(people_factors::LostCard),
}

/// Several people: what is done is done with all of them, or with none.
#[derive(Debug, Args)]
pub(crate) struct Whom {
    /// Names, or numbers such as #3
    #[arg(value_name = "PERSON", required = true)]
    people: Vec<String>,
    #[command(flatten)]
    format: Format,
}

impl Whom {
    /// Each once, in the order they were named.
    fn find(&self, clerk: Clerk<'_>) -> anyhow::Result<Vec<Person>> {
        let mut found: Vec<Person> = Vec::new();
        for word in &self.people {
            let person = people_look::find(clerk, word)?;
            if !found.contains(&person) {
                found.push(person);
            }
        }
        Ok(found)
    }
}

/// `Ada Example (#3), Zoe (#4)`
pub(super) fn named(people: &[Person]) -> String {
    let named = people.iter().map(|p| format!("{} ({})", p.name, p.id));
    named.collect::<Vec<_>>().join(", ")
}

impl People {
    pub(super) fn hand_over(&mut self, hands: Hands) -> anyhow::Result<()> {
        match self {
            Self::Export(export) => export.hand_over(hands),
            Self::Disclose(disclose) => disclose.hand_over(hands),
            Self::Import(import) => import.hand_over(hands),
            Self::AddGuest(guest) => guest.hand_over(hands),
            _ => Ok(()),
        }
    }

    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        if let Self::AddGuest(guest) = &self
            && guest.has_pictures()
        {
            return guest.enroll(config);
        }
        if let Self::Import(import) = self {
            return import.run(config);
        }
        let clerk = Clerk::new(config);
        match self {
            Self::List(list) => {
                let photos = list.run(clerk)?;
                if let Some(text) = against_will(photos, config) {
                    eprintln!("{text}");
                }
            }
            Self::Show { person, format } => people_look::show(clerk, person, format)?,
            Self::Audit(format) => return people_look::audit(config, format),
            Self::Migrate(format) => return super::migrate::run(config, format),
            Self::Rename {
                person,
                name,
                format,
            } => {
                let new = name.trim().to_owned();
                let Reply::Renamed { person, before } =
                    clerk.does(Verb::Rename { person, name }, None)?
                else {
                    return Err(VerbError::other_reply().into());
                };
                if format.json {
                    print_json(&json!({
                        "person_id": person.id,
                        "name": person.name,
                        "name_before": before,
                    }))?;
                    return Ok(Exit::Done.into());
                }
                println!("{before} ({}) is now called {new}", person.id);
            }
            Self::Disable(whom) => {
                let people = whom.people;
                let reply = clerk.does(Verb::Disable { people }, None)?;
                tell_changed(reply, whom.format, "not let in any more")?;
            }
            Self::Enable(whom) => {
                let people = whom.people;
                let reply = clerk.does(Verb::Enable { people }, None)?;
                tell_changed(reply, whom.format, "let in again")?;
            }
            Self::Group(command) => return command.run(clerk),
            Self::Valid(valid) => return valid.run(clerk),
            Self::AddGuest(guest) => return guest.set(clerk),
            Self::Consent(consent) => return consent.run(clerk),
            Self::Entries(entries) => return entries.run(clerk),
            Self::Remove { whom, yes } => {
                let people = whom.find(clerk)?;
                let what = format!("{} and the templates", named(&people));
                if !yes && !is_wanted(&what)? {
                    eprintln!("nobody was removed");
                    return Ok(Exit::No.into());
                }
                let numbers = people.iter().map(|person| person.id.to_string());
                let people = numbers.collect();
                let Reply::Removed { people } = clerk.does(Verb::Remove { people }, None)? else {
                    return Err(VerbError::other_reply().into());
                };
                let about = json!({ "people": as_json(&people) });
                return erase(clerk, &what, whom.format, about);
            }
            Self::ForgetTemplate {
                person,
                number,
                format,
            } => {
                let number = number as usize;
                let Reply::TemplateForgotten { person, template } =
                    clerk.does(Verb::ForgetTemplate { person, number }, None)?
                else {
                    return Err(VerbError::other_reply().into());
                };
                let what = format!(
                    "template {number} of {} ({}), from {},",
                    person.name, person.id, template.source
                );
                let about = json!({
                    "person_id": person.id,
                    "name": person.name,
                    "number": number,
                    "model": template.model,
                    "source": template.source,
                    "made_at": rfc3339(template.created_at_ms),
                });
                return erase(clerk, &what, format, about);
            }
            Self::ForgetPhotos(format) => {
                let Reply::PhotosForgotten { photos } = clerk.does(Verb::ForgetPhotos {}, None)?
                else {
                    return Err(VerbError::other_reply().into());
                };
                let what = counted(photos, "kept photo", "kept photos");
                return erase(clerk, &what, format, json!({ "photos": photos }));
            }
            Self::Export(export) => return export.run(config),
            // Done above: it may make the database.
            Self::Import(_) => {}
            Self::Erase(erase) => return erase.run(clerk),
            Self::Disclose(disclose) => return disclose.run(config),
            Self::Pin(pin) => return pin.run(clerk),
            Self::Card(card) => return card.run(clerk),
            Self::LostCard(card) => return card.run(clerk),
        }
        Ok(Exit::Done.into())
    }
}

/// People as they are after a change.
pub(super) fn changed(reply: Reply) -> Result<Vec<Person>, VerbError> {
    match reply {
        Reply::Changed { people } => Ok(people),
        _ => Err(VerbError::other_reply()),
    }
}

fn tell_changed(reply: Reply, format: Format, how: &str) -> anyhow::Result<()> {
    let people = changed(reply)?;
    if format.json {
        return print_json(&json!({ "people": as_json(&people) }));
    }
    let is = if people.len() == 1 { "is" } else { "are" };
    println!("{} {is} {how}", named(&people));
    Ok(())
}

fn as_json(people: &[Person]) -> Vec<Value> {
    let one = |person: &Person| {
        json!({
            "person_id": person.id,
            "name": person.name,
            "enabled": person.enabled,
            "templates": person.templates,
        })
    };
    people.iter().map(one).collect()
}

/// Asks whoever sits at the terminal.
pub(super) fn is_wanted(what: &str) -> anyhow::Result<bool> {
    let mut stderr = std::io::stderr();
    if !std::io::stdin().is_terminal() || !stderr.is_terminal() {
        let why = format!("{what} would be gone for good, and nobody can be asked: add --yes");
        return Err(Usage(why).into());
    }
    write!(
        stderr,
        "Forget {what}? There is no way back but a backup. [y/N] "
    )?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes"))
}

/// Says that it is gone only when it is gone from the files.
pub(super) fn erase(
    clerk: Clerk<'_>,
    what: &str,
    format: Format,
    mut about: Value,
) -> anyhow::Result<ExitCode> {
    let is_gone = clerk.erases()?;
    if format.json {
        about["erased"] = is_gone.into();
        print_json(&about)?;
    } else if is_gone {
        println!("{what} are gone");
    }
    if is_gone {
        return Ok(Exit::Done.into());
    }
    eprintln!(
        "{what} are off the whitelist, but NOT YET gone from {}-wal: another program keeps \
         reading the database. End it (`fuser` names it), then run `doorward people erase`",
        clerk.place().display()
    );
    Ok(Exit::No.into())
}

/// Says so where photos are kept although the configuration wants none.
pub(crate) fn tell_of_photos(db: &Database, config: &Config) -> anyhow::Result<()> {
    if let Some(text) = photos_against_will(db, config)? {
        eprintln!("{text}");
    }
    Ok(())
}

/// That photos are kept although the configuration wants none.
pub(crate) fn photos_against_will(
    db: &Database,
    config: &Config,
) -> anyhow::Result<Option<String>> {
    Ok(against_will(whitelist::count_photos(db)?, config))
}

/// The same of so many photos that are kept.
fn against_will(photos: u64, config: &Config) -> Option<String> {
    (photos > 0 && !config.whitelist.keep_photos).then(|| {
        let photos = counted(photos, "photo is", "photos are");
        format!(
            "{photos} kept from before, although whitelist.keep_photos is false; \
             `doorward people forget-photos` forgets them"
        )
    })
}
