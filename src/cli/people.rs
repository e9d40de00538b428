//! `doorward people`: the whitelist, read and changed by hand.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::hands::Hands;
use super::output::rfc3339;
use super::people_factors;
use super::people_file::{Export, Import};
use super::people_look::{self, List};
use super::people_rights;
use super::{Exit, Format, Usage, origin, print_json};
use crate::config::Config;
use crate::daemon::pictures::Pictures;
use crate::database::Database;
use crate::record::{Log, Origin};
use crate::shown::counted;
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
    /// Have what was removed be gone from the files too, where another program kept it there
    Erase(#[command(flatten)] Format),
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
    pub(super) fn find(&self, db: &Database) -> anyhow::Result<Vec<Person>> {
        let mut found: Vec<Person> = Vec::new();
        for word in &self.people {
            let person = whitelist::find(db, word)?;
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
        let mut database = Database::open_existing(&config.whitelist.database)?;
        let db = &mut database;
        match self {
            Self::List(list) => {
                list.run(db, config)?;
                tell_of_photos(db, config)?;
            }
            Self::Show { person, format } => {
                people_look::show(db, &whitelist::find(db, &person)?, format)?;
            }
            Self::Audit(format) => return people_look::audit(db, config, format),
            Self::Migrate(format) => return super::migrate::run(db, config, format),
            Self::Rename {
                person,
                name,
                format,
            } => {
                let person = whitelist::find(db, &person)?;
                whitelist::rename(db, person.id, &name, &origin(config))?;
                if format.json {
                    let now = whitelist::find(db, &person.id.to_string())?;
                    print_json(&json!({
                        "person_id": now.id,
                        "name": now.name,
                        "name_before": person.name,
                    }))?;
                    return Ok(Exit::Done.into());
                }
                println!(
                    "{} ({}) is now called {}",
                    person.name,
                    person.id,
                    name.trim()
                );
            }
            Self::Disable(whom) => {
                enable(db, &whom, false, &origin(config), "not let in any more")?;
            }
            Self::Enable(whom) => enable(db, &whom, true, &origin(config), "let in again")?,
            Self::Group(command) => return command.run(db, config),
            Self::Valid(valid) => return valid.run(db, config),
            Self::AddGuest(guest) => return guest.set(db, config),
            Self::Entries(entries) => return entries.run(db, config),
            Self::Remove { whom, yes } => {
                let people = whom.find(db)?;
                let what = format!("{} and the templates", named(&people));
                if !yes && !is_wanted(&what)? {
                    eprintln!("nobody was removed");
                    return Ok(Exit::No.into());
                }
                let ids: Vec<_> = people.iter().map(|person| person.id).collect();
                whitelist::remove(db, &ids, &origin(config))?;
                let record = Database::open_existing(db.path())?;
                let log = Log::new(record, config.daemon.door.clone());
                for id in ids {
                    Pictures::beside(db.path()).forget(id, &log)?;
                }
                let about = json!({ "people": as_json(&people) });
                return erase(db, &what, whom.format, about);
            }
            Self::ForgetTemplate {
                person,
                number,
                format,
            } => {
                let person = whitelist::find(db, &person)?;
                let number = number as usize;
                let template = whitelist::forget_template(db, person.id, number, &origin(config))?;
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
                return erase(db, &what, format, about);
            }
            Self::ForgetPhotos(format) => {
                let photos = whitelist::forget_photos(db, &origin(config))?;
                let what = counted(photos, "kept photo", "kept photos");
                return erase(db, &what, format, json!({ "photos": photos }));
            }
            Self::Export(export) => return export.run(db, config),
            // Done above: it may make the database.
            Self::Import(_) => {}
            Self::Erase(format) => return erase(db, "what was removed before", format, json!({})),
            Self::Pin(pin) => return pin.run(db, config),
            Self::Card(card) => return card.run(db, config),
            Self::LostCard(card) => return card.run(db, config),
        }
        Ok(Exit::Done.into())
    }
}

fn enable(
    db: &mut Database,
    whom: &Whom,
    enabled: bool,
    origin: &Origin,
    how: &str,
) -> anyhow::Result<()> {
    let people = whom.find(db)?;
    let ids: Vec<_> = people.iter().map(|person| person.id).collect();
    whitelist::set_enabled(db, &ids, enabled, origin)?;
    if whom.format.json {
        let people: Vec<Person> = people
            .into_iter()
            .map(|person| Person { enabled, ..person })
            .collect();
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
fn is_wanted(what: &str) -> anyhow::Result<bool> {
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
    db: &Database,
    what: &str,
    format: Format,
    mut about: Value,
) -> anyhow::Result<ExitCode> {
    let is_gone = db.erase()?;
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
        db.path().display()
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
    let photos = match config.whitelist.keep_photos {
        true => 0,
        false => whitelist::count_photos(db)?,
    };
    Ok((photos > 0).then(|| {
        let photos = counted(photos, "photo is", "photos are");
        format!(
            "{photos} kept from before, although whitelist.keep_photos is false; \
             `doorward people forget-photos` forgets them"
        )
    }))
}
