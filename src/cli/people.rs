//! `doorward people`: the whitelist, read and changed by hand.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::people_factors;
use super::people_look::{self, List};
use super::{Exit, Format, Usage, origin};
use crate::config::Config;
use crate::daemon::pictures::Pictures;
use crate::database::Database;
use crate::record::{Log, Origin};
use crate::shown::counted;
use crate::whitelist::{self, Person};

/// What to do with whom. A person is named by name, by one from before, or by number, such
/// as #3.
#[derive(Debug, Subcommand)]
pub enum People {
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
    },
    /// Keep people out without forgetting the templates
    Disable(Whom),
    /// Let disabled people in again
    Enable(Whom),
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
    },
    /// Forget all kept photos; the templates stay
    ForgetPhotos,
    /// Have what was removed be gone from the files too, where another program kept it there
    Erase,
    /// Give a person a PIN to be typed besides the face, or take it away
    Pin(people_factors::Pin),
    /// Give a person a card to be shown besides the face, or take one away
    Card(people_factors::Card),
    /// Have a lost card open nothing, and say whose it was
    LostCard(people_factors::LostCard),
}

/// Several people: what is done is done with all of them, or with none.
#[derive(Debug, Args)]
pub struct Whom {
    /// Names, or numbers such as #3
    #[arg(value_name = "PERSON", required = true)]
    people: Vec<String>,
}

impl Whom {
    /// Each once, in the order they were named.
    fn find(&self, db: &Database) -> anyhow::Result<Vec<Person>> {
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
fn named(people: &[Person]) -> String {
    let named = people.iter().map(|p| format!("{} ({})", p.name, p.id));
    named.collect::<Vec<_>>().join(", ")
}

impl People {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
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
            Self::Rename { person, name } => {
                let person = whitelist::find(db, &person)?;
                whitelist::rename(db, person.id, &name, &origin(config))?;
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
                return erase(db, &what);
            }
            Self::ForgetTemplate { person, number } => {
                let person = whitelist::find(db, &person)?;
                let number = number as usize;
                let template = whitelist::forget_template(db, person.id, number, &origin(config))?;
                let what = format!(
                    "template {number} of {} ({}), from {},",
                    person.name, person.id, template.source
                );
                return erase(db, &what);
            }
            Self::ForgetPhotos => {
                let photos = whitelist::forget_photos(db, &origin(config))?;
                return erase(db, &format!("{photos} kept photos"));
            }
            Self::Pin(pin) => return pin.run(db, config),
            Self::Card(card) => return card.run(db, config),
            Self::LostCard(card) => return card.run(db, config),
            Self::Erase => return erase(db, "what was removed before"),
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
    let is = if people.len() == 1 { "is" } else { "are" };
    println!("{} {is} {how}", named(&people));
    Ok(())
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
pub(super) fn erase(db: &Database, what: &str) -> anyhow::Result<ExitCode> {
    if db.erase()? {
        println!("{what} are gone");
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
