//! `doorward people disclose`: all that is kept of one person, for that person to read (GDPR,
//! Article 15). For another door there is `people export`.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::clerk::Clerk;
use super::hands::Hands;
use super::output::rfc3339;
use super::people_file::Made;
use super::{Exit, Format, people_factors, print_json};
use crate::config::Config;
use crate::daemon::pictures::Pictures;
use crate::database::Database;
use crate::files::{self, handed};
use crate::person::PersonId;
use crate::record::{About, Query, Record, last_grants, newest};
use crate::shown::counted;
use crate::verbs::{NotedDisclosure, Verb, record_json};
use crate::whitelist::{self, Who, Whom};

/// What the file says it is, and its version.
const FORMAT: &str = "doorward disclosure";
const VERSION: u32 = 1;

/// Whose, and where to.
#[derive(Debug, Args)]
#[command(
    after_help = "The ZIP archive has person.json, with templates as they are compared, and a folder faces/ with\nkept photos and pictures of events. Names of others in the events are left out, and so are\npictures of strangers whom the person was nearest to. It is not sealed: give it to nobody else.\n`people export` is for another door."
)]
pub struct Disclose {
    /// Name, or number such as #3, of somebody who is listed or was removed before
    person: String,
    /// File to write, which must not be there yet, such as ada.zip
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    format: Format,
    /// Takes the file away again if it comes to nothing.
    #[arg(skip)]
    made: Made,
}

/// What a disclosure has of somebody.
#[derive(Debug, Default)]
struct Disclosed {
    templates: u64,
    events: u64,
    pictures: u64,
}

impl Disclose {
    fn file(&self) -> io::Result<PathBuf> {
        std::path::absolute(&self.file)
    }

    pub(super) fn hand_over(&mut self, hands: Hands) -> anyhow::Result<()> {
        self.made = Made::new(hands.write_new(&self.file()?)?);
        Ok(())
    }

    pub(super) fn run(mut self, config: &Config) -> anyhow::Result<ExitCode> {
        let database = &Database::open_existing(&config.whitelist.database)?;
        let who = whitelist::resolve(database, &self.person)?;
        let file = self.file()?;
        let cannot = || format!("cannot write {}", file.display());
        if !handed::is_out(&file) && file.symlink_metadata().is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists)).with_context(cannot);
        }
        let target = files::create_new_or_handed(&file).with_context(cannot)?;
        let is_own = !handed::is_out(&file);
        let written = write(database, &who, config, target).and_then(|disclosed| {
            let noted = Verb::NoteDisclosure(NotedDisclosure {
                file: file.display().to_string(),
                person: who.id,
                name: who.name.clone(),
                templates: disclosed.templates,
                events: disclosed.events,
                pictures: disclosed.pictures,
            });
            let noted = Clerk::new(config).does(noted, None);
            noted.context("it cannot be put on record")?;
            Ok(disclosed)
        });
        if written.is_err() && is_own {
            let _ = std::fs::remove_file(&file);
        }
        let disclosed = written.with_context(|| format!("there is no {}", file.display()))?;
        self.made.leave_it();
        if self.format.json {
            print_json(&json!({
                "file": file,
                "person_id": who.id,
                "name": who.name,
                "templates": disclosed.templates,
                "events": disclosed.events,
                "pictures": disclosed.pictures,
            }))?;
            return Ok(Exit::Done.into());
        }
        println!(
            "{} has all that is kept of {} ({}): {}, {} and {}; whoever has the file can read it",
            file.display(),
            who.name,
            who.id,
            counted(disclosed.templates, "template", "templates"),
            counted(disclosed.events, "event", "events"),
            counted(
                disclosed.pictures,
                "picture of an event",
                "pictures of events"
            ),
        );
        Ok(Exit::Done.into())
    }
}

/// The archive, while it is written.
struct Archive(ZipWriter<BufWriter<File>>);

impl Archive {
    fn add(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .unix_permissions(0o600);
        self.0.start_file(name, options)?;
        Ok(self.0.write_all(bytes)?)
    }
}

/// Writes all of it, onto the disk.
fn write(database: &Database, who: &Who, config: &Config, to: File) -> anyhow::Result<Disclosed> {
    to.set_len(0)?;
    let mut archive = Archive(ZipWriter::new(BufWriter::new(to)));
    let mut disclosed = Disclosed::default();
    let mut person =
        json!({ "person_id": who.id, "name": who.name, "listed": who.listed.is_some() });
    let mut factors = Value::Null;
    if who.listed.is_some() {
        person = of_person(database, who.id, &mut archive, &mut disclosed)?;
        factors = people_factors::as_json(&whitelist::factors_of(database, who.id)?);
    }
    let events = events(database, who.id, &mut archive, &mut disclosed)?;
    let all = json!({
        "format": FORMAT,
        "version": VERSION,
        "doorward": env!("CARGO_PKG_VERSION"),
        "made_at": rfc3339(jiff::Timestamp::now().as_millisecond()),
        "door": config.daemon.door,
        "person": person,
        "factors": factors,
        "events": events,
    });
    archive.add("person.json", &serde_json::to_vec_pretty(&all)?)?;
    let to = archive.0.finish()?;
    let to = to.into_inner().map_err(|error| error.into_error())?;
    to.sync_all()?;
    Ok(disclosed)
}

/// The person as `people export` writes one, each photo a file of its own.
fn of_person(
    database: &Database,
    id: PersonId,
    archive: &mut Archive,
    disclosed: &mut Disclosed,
) -> anyhow::Result<Value> {
    let mut text = Cursor::new(Vec::new());
    whitelist::export(database, Whom::These(&[id]), &mut text)?;
    let text = text.into_inner();
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let person = lines
        .filter_map(|mut line| line.get_mut("person").map(Value::take))
        .next();
    let mut person = person.context("nobody of that number is listed any more; repeat this")?;
    let templates = person["templates"]
        .as_array_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    let mut told = Vec::new();
    for (number, mut template) in (1..).zip(templates) {
        if let Some(photo) = template["photo"].as_str() {
            let photo = STANDARD.decode(photo).context("a kept photo is damaged")?;
            let name = format!("faces/template-{number}.png");
            archive.add(&name, &photo)?;
            template["photo"] = name.into();
        }
        disclosed.templates += 1;
        told.push(template);
    }
    let last = last_grants(database)?.get(&id).copied();
    person["templates"] = told.into();
    person["person_id"] = json!(id);
    person["listed"] = true.into();
    person["last_granted_at"] = json!(last.and_then(rfc3339));
    Ok(person)
}

/// Events that name the person, without the names of others.
fn events(
    database: &Database,
    id: PersonId,
    archive: &mut Archive,
    disclosed: &mut Disclosed,
) -> anyhow::Result<Vec<Value>> {
    let query = Query {
        about: Some(About {
            person: id,
            nearest: true,
            with: true,
        }),
        ..Query::default()
    };
    let pictures = Pictures::open(database)?;
    let mut events = Vec::new();
    for record in newest(database, &query)? {
        let mut event = record_json(&record);
        leave_out_others(&mut event, id);
        if is_of(&record, id)
            && let Some(picture) = pictures
                .read(record.id)
                .with_context(|| format!("cannot read the picture of event {}", record.id))?
        {
            let name = format!("faces/event-{}.jpg", record.id);
            archive.add(&name, &picture)?;
            event["picture"] = name.into();
            disclosed.pictures += 1;
        }
        disclosed.events += 1;
        events.push(event);
    }
    Ok(events)
}

/// Whether an event is about the person, and not about a stranger or somebody else.
fn is_of(record: &Record, id: PersonId) -> bool {
    let subject = record.subject();
    !subject.is_stranger && subject.person.is_some_and(|(person, _)| person == id)
}

/// Names beside the number of somebody else.
fn leave_out_others(value: &mut Value, id: PersonId) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|one| leave_out_others(one, id)),
        Value::Object(fields) => {
            let is_other = |key: &str| {
                let number = fields.get(key).and_then(Value::as_i64);
                number.is_some_and(|number| number != id.0)
            };
            let names = [
                ("id", "name"),
                ("person_id", "name"),
                ("nearest_id", "nearest"),
                ("person_id", "person"),
            ];
            let others = names.into_iter().filter(|(number, _)| is_other(number));
            let others: Vec<&str> = others.map(|(_, name)| name).collect();
            for name in others {
                if let Some(text) = fields.get_mut(name).filter(|text| text.is_string()) {
                    *text = Value::Null;
                }
            }
            fields
                .values_mut()
                .for_each(|one| leave_out_others(one, id));
        }
        _ => {}
    }
}
