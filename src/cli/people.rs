//! `doorward people`: the whitelist, read and changed by hand.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{Format, origin, print_json, table};
use crate::config::Config;
use crate::daemon::pictures::Pictures;
use crate::database::Database;
use crate::record::Log;
use crate::vision::Vision;
use crate::whitelist::{self, Person, Snapshot};

/// What to do with whom. A person is named by name or by number, such as `#3`.
#[derive(Debug, Subcommand)]
pub enum People {
    /// List everybody
    List(#[command(flatten)] Format),
    /// Show a person and the templates
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
    /// Keep a person out without forgetting the templates
    Disable {
        /// Name, or number such as #3
        person: String,
    },
    /// Let a disabled person in again
    Enable {
        /// Name, or number such as #3
        person: String,
    },
    /// Forget a person and all templates; the events stay
    Remove {
        /// Name, or number such as #3
        person: String,
    },
    /// Forget all kept photos; the templates stay
    ForgetPhotos,
    /// Have what was removed be gone from the files too, where another program kept it there
    Erase,
}

impl People {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut database = Database::open_existing(&config.whitelist.database)?;
        let db = &mut database;
        match self {
            Self::List(format) => {
                list(&whitelist::people(db)?, format)?;
                tell_of_photos(db, config)?;
            }
            Self::Show { person, format } => show(db, &whitelist::find(db, &person)?, format)?,
            Self::Audit(format) => return audit(db, config, format),
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
            Self::Disable { person } => {
                let person = whitelist::find(db, &person)?;
                whitelist::set_enabled(db, person.id, false, &origin(config))?;
                println!("{} ({}) is not let in any more", person.name, person.id);
            }
            Self::Enable { person } => {
                let person = whitelist::find(db, &person)?;
                whitelist::set_enabled(db, person.id, true, &origin(config))?;
                println!("{} ({}) is let in again", person.name, person.id);
            }
            Self::Remove { person } => {
                let person = whitelist::find(db, &person)?;
                whitelist::remove(db, person.id, &origin(config))?;
                let log = Log::new(
                    Database::open_existing(db.path())?,
                    config.daemon.door.clone(),
                );
                Pictures::beside(db.path()).forget(person.id, &log)?;
                let what = format!("{} ({}) and the templates", person.name, person.id);
                return erase(db, &what);
            }
            Self::ForgetPhotos => {
                let photos = whitelist::forget_photos(db, &origin(config))?;
                return erase(db, &format!("{photos} kept photos"));
            }
            Self::Erase => return erase(db, "what was removed before"),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Says that it is gone only when it is gone from the files.
fn erase(db: &Database, what: &str) -> anyhow::Result<ExitCode> {
    if db.erase()? {
        println!("{what} are gone");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "{what} are off the whitelist, but NOT YET gone from {}-wal: another program keeps \
         reading the database. End it (`fuser` names it), then run `doorward people erase`",
        db.path().display()
    );
    Ok(ExitCode::FAILURE)
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
        format!(
            "{photos} photos are kept from before, although whitelist.keep_photos is false; \
             `doorward people forget-photos` forgets them"
        )
    }))
}

fn list(people: &[Person], format: Format) -> anyhow::Result<()> {
    if format.json {
        return print_json(&json!({ "people": people }));
    }
    if people.is_empty() {
        println!("Nobody is enrolled yet: doorward enroll NAME PHOTO...");
        return Ok(());
    }
    let rows = people.iter().map(|p| {
        vec![
            p.id.to_string(),
            p.name.clone(),
            if p.enabled { "enabled" } else { "DISABLED" }.into(),
            p.templates.to_string(),
            day(p.created_at_ms),
        ]
    });
    table(&["", "name", "state", "templates", "since"], rows);
    Ok(())
}

fn audit(db: &Database, config: &Config, format: Format) -> anyhow::Result<ExitCode> {
    let vision = Vision::open(&config.models, &config.vision)?;
    let asked = config.access.threshold_request();
    let whitelist = Snapshot::load(db, vision.version(), vision.scoring(), asked)?;
    let threshold = whitelist.matcher.threshold()?.score;
    let pairs = whitelist.matcher.confusable(threshold);
    let name = |id| whitelist.directory.name_of(id);
    if format.json {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(a, b, score)| json!({ "people": [name(*a), name(*b)], "score": score }))
            .collect();
        print_json(&json!({ "threshold": threshold, "confusable": pairs }))?;
    } else if pairs.is_empty() {
        println!("No two people reach {threshold:.3}, from which the door opens.");
    } else {
        println!(
            "The door opens from {threshold:.3}. More photos of both, or a second factor, help."
        );
        let rows = pairs
            .iter()
            .map(|(a, b, score)| vec![name(*a), name(*b), format!("{score:.3}")]);
        table(&["taken for", "each other", "score"], rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(db: &mut Database, person: &Person, format: Format) -> anyhow::Result<()> {
    let templates = whitelist::templates_of(db, person.id)?;
    if format.json {
        return print_json(&json!({ "person": person, "templates": templates }));
    }
    println!(
        "{} ({}), {}, since {}",
        person.name,
        person.id,
        if person.enabled {
            "enabled"
        } else {
            "DISABLED"
        },
        day(person.created_at_ms)
    );
    let rows = templates
        .iter()
        .map(|t| vec![day(t.created_at_ms), t.model.to_string(), t.source.clone()]);
    table(&["template of", "model", "from"], rows);
    Ok(())
}

fn day(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(
        |_| "?".into(),
        |t| {
            t.to_zoned_datetime(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%d")
                .to_string()
        },
    )
}
