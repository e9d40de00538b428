//! `doorward events`: the audit log, to read, to follow and to verify.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::colour::{Hue, painted};
use super::events_summary::{self, Summary, is_fault};
use super::hands::Hands;
use super::output::{self, csv_line, rfc3339, table_in_colour};
use super::when::{When, when};
use super::{Exit, Format, complain, print_json, sentence};
use crate::config::Config;
use crate::daemon::pictures::Pictures;
use crate::database::Database;
use crate::files;
use crate::record::{
    About, HeadKey, Kind, Log, NotedHead, PublicKey, Query, Record, RecordError, Signed, Verified,
};
use crate::seal::Purpose;
use crate::shown::counted;
use crate::verbs::record_json;
use crate::whitelist;

const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);
/// How many events a person is shown who asks for none in particular.
const DEFAULT_LIMIT: u32 = 100;
/// How many are held in memory at once.
const PAGE_RECORDS: u32 = 1000;

/// Which events, and how.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on and show events as they happen
    #[arg(long, short, conflicts_with_all = ["verify", "summary"])]
    follow: bool,

    /// Only events from then on: today, yesterday, monday, 08:00, 2026-03-01,
    /// 2026-03-01T08:00, or a span back from now such as 8h or 30d
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,

    /// Only events before then; a day begins at midnight
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,

    /// Only events of this kind, such as granted or denied; can be given again
    #[arg(long, value_name = "KIND", value_parser = kinds(), hide_possible_values = true)]
    kind: Vec<Kind>,

    /// Only events about this person: a number such as #3, a name, or one from before
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,

    /// With --person: refusals of strangers too whom that person was nearest to
    #[arg(long, requires = "person")]
    nearest: bool,

    /// At most this many, the newest [default: 100, and all with --json, --csv or --summary]
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u32>,

    /// Print CSV with a header, times in UTC
    #[arg(long, conflicts_with_all = ["json", "verify"])]
    csv: bool,

    /// A line for each day and person (first, last and number of grants), and for what was
    /// refused, not judged or failed that day
    #[arg(long, conflicts_with = "verify")]
    summary: bool,

    /// Copy the pictures of the events that are shown into DIR, as ID.jpg (audit.pictures)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["verify", "follow"])]
    pictures: Option<PathBuf>,

    /// Check that no event was changed, removed or put in between, and print the head
    #[arg(long)]
    verify: bool,

    /// With --verify: a head that was printed earlier, which must still be that of its
    /// event; can be given again
    #[arg(long, value_name = "ID:HASH", requires = "verify")]
    head: Vec<NotedHead>,

    /// With --verify: check the heads too that the daemon told the system's journal (since
    /// --since, if given)
    #[arg(long, requires = "verify")]
    journal: bool,

    /// With --verify: check too that heads are signed by this key, or one that it was handed
    /// over to or from; the key as --public-key prints it, or a file with it
    #[arg(long, value_name = "KEY", requires = "verify")]
    key: Option<String>,

    /// Print the public key that heads of the record are signed with, and nothing else
    #[arg(long, conflicts_with_all = ["verify", "follow", "summary", "csv", "pictures"])]
    public_key: bool,

    #[command(flatten)]
    format: Format,
}

/// Gives how many events had one.
fn copy_pictures(kept: &Pictures, events: Vec<u64>, folder: &Path) -> anyhow::Result<usize> {
    let failed = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).with_context(|| failed(folder))?;
    let mut copied = 0;
    for event in events {
        let read = kept.read(event);
        let Some(bytes) =
            read.with_context(|| format!("cannot read the picture of event {event}"))?
        else {
            continue;
        };
        let to = folder.join(format!("{event}.jpg"));
        files::create(&to)
            .and_then(|mut file| file.write_all(&bytes))
            .with_context(|| failed(&to))?;
        copied += 1;
    }
    Ok(copied)
}

impl Events {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        // As root, who may read all of the journal.
        let journal = self.journal.then(|| self.journal_heads(config));
        let key = self.key.as_deref();
        let key = key
            .map(|key| super::journal::public_key(key, Hands::new(config)))
            .transpose()?;
        super::become_owner(config)?;
        let database = Database::open_existing(&config.whitelist.database)?;
        let log = Log::new(database, config.daemon.door.clone());
        if self.public_key {
            return self.show_public_key(&log);
        }
        if self.verify {
            return self.verified(&log, key, journal);
        }
        let about = self.about(config)?;
        let mut query = Query {
            since_ms: self.since.map(|when| when.0),
            until_ms: self.until.map(|when| when.0),
            kinds: self.kind.clone(),
            about,
            ..Query::default()
        };
        if self.summary {
            return self.summarise(&log, query);
        }
        if self.csv {
            println!("{}", csv_line(COLUMNS));
        }
        // Taken before, so that an event in between is shown rather than missed.
        let head = log.head()?.id;
        let all = (self.format.json || self.csv) && !self.follow;
        query.limit = self.limit.or((!all).then_some(DEFAULT_LIMIT));
        let mut shown = Vec::new();
        let mut last = each(&log, &query, |record| {
            self.show(record);
            if self.pictures.is_some() {
                shown.push(record.id);
            }
        })?
        .max(head);
        if let Some(limit) = query.limit.filter(|_| self.limit.is_none()) {
            tell_what_is_left_out(&log, &query, limit)?;
        }
        if let Some(folder) = &self.pictures {
            let kept = Pictures::open(log.database())?;
            let copied = counted(copy_pictures(&kept, shown, folder)?, "picture", "pictures");
            eprintln!("{copied} in {}", folder.display());
        }
        query.limit = None;
        while self.follow && output::flush() {
            std::thread::sleep(FOLLOW_INTERVAL);
            query.after_id = Some(last);
            last = each(&log, &query, |record| self.show(record))?.max(last);
        }
        Ok(Exit::Done.into())
    }

    /// Whose events are asked for.
    fn about(&self, config: &Config) -> anyhow::Result<Option<About>> {
        let Some(word) = &self.person else {
            return Ok(None);
        };
        let database = Database::open_existing(&config.whitelist.database)?;
        let who = whitelist::resolve(&database, word)?;
        if who.is_old_name {
            eprintln!("these are the events of {} ({})", who.name, who.id);
        }
        if !who.also.is_empty() {
            let others: Vec<String> = who.also.iter().map(|id| format!("\"{id}\"")).collect();
            eprintln!(
                "these are the events of {} ({}); others had that name before: --person {}",
                who.name,
                who.id,
                others.join(", ")
            );
        }
        Ok(Some(About {
            person: who.id,
            nearest: self.nearest,
            with: false,
        }))
    }

    fn summarise(&self, log: &Log, query: Query) -> anyhow::Result<ExitCode> {
        let query = Query {
            limit: self.limit,
            ..query
        };
        let mut summary = Summary::default();
        each(log, &query, |record| summary.add(record))?;
        if self.format.json {
            print_json(&summary.json())?;
        } else if self.csv {
            for line in summary.csv() {
                println!("{line}");
            }
        } else {
            let header = ["day", "", "who", "first", "last", "count"];
            table_in_colour(&header, summary.rows(), |column, cell| match column {
                1 => events_summary::hue(cell),
                _ => None,
            });
        }
        Ok(Exit::Done.into())
    }

    /// Whether the record is whole.
    fn verified(
        &self,
        log: &Log,
        key: Option<PublicKey>,
        journal: Option<anyhow::Result<Vec<NotedHead>>>,
    ) -> anyhow::Result<ExitCode> {
        match self.verify(log, key, journal) {
            Ok((verified, signed)) if self.format.json => {
                let mut value = serde_json::to_value(&verified)?;
                if let (Some(all), Some(signed)) = (value.as_object_mut(), signed) {
                    all.extend(
                        serde_json::to_value(signed)?
                            .as_object()
                            .cloned()
                            .unwrap_or_default(),
                    );
                }
                print_json(&value)?;
            }
            Ok((verified, signed)) => {
                println!("{verified}");
                if let Some(signed) = signed {
                    println!("{signed}");
                }
            }
            Err(error) if is_tampered(&error) => {
                complain(&sentence(&error));
                return Ok(Exit::No.into());
            }
            Err(error) => return Err(error),
        }
        Ok(Exit::Done.into())
    }

    fn show_public_key(&self, log: &Log) -> anyhow::Result<ExitCode> {
        let seed = log.database().keys()?.sub_key(Purpose::Heads);
        let key = HeadKey::from_seed(&seed).public().to_string();
        match self.format.json {
            true => print_json(&json!({ "public_key": key }))?,
            false => println!("{key}"),
        }
        Ok(Exit::Done.into())
    }

    fn journal_heads(&self, config: &Config) -> anyhow::Result<Vec<NotedHead>> {
        super::journal::heads(&config.whitelist.database, self.since.map(|when| when.0))
    }

    fn verify(
        &self,
        log: &Log,
        key: Option<PublicKey>,
        journal: Option<anyhow::Result<Vec<NotedHead>>>,
    ) -> anyhow::Result<(Verified, Option<Signed>)> {
        let heads = |noted: &[NotedHead]| noted.iter().map(|one| one.head).collect::<Vec<_>>();
        let signed = |noted: &[NotedHead]| key.map(|key| log.verify_signed(noted, key)).transpose();
        let verified = log.verify(&heads(&self.head))?;
        if verified.heads_deleted > 0 {
            anyhow::bail!(
                "a given head is of an event that was deleted because its time was over, and \
                 cannot be checked; the oldest that is left is {}, without that head the record \
                 verifies",
                verified.first.unwrap_or_default()
            );
        }
        let Some(noted) = journal else {
            return Ok((verified, signed(&self.head)?));
        };
        let mut noted = noted?;
        noted.extend(&self.head);
        let verified = log.verify(&heads(&noted)).context(
            "a head in the journal does not fit (if the database was made anew on purpose, \
             give --since that time)",
        )?;
        Ok((verified, signed(&noted)?))
    }

    fn show(&self, record: &Record) {
        if self.format.json {
            println!("{}", record_json(record));
        } else if self.csv {
            println!("{}", as_csv(record));
        } else {
            println!("{}", in_colour(record));
        }
    }
}

/// One line, its kind in a colour.
pub(super) fn in_colour(record: &Record) -> String {
    let (line, kind) = (record.to_string(), record.kind());
    let hue = match kind {
        "granted" => Some(Hue::Good),
        "denied" | "refused" => Some(Hue::Refused),
        "cannot_judge" | "grant_withdrawn" => Some(Hue::Unclear),
        _ if is_fault(kind) => Some(Hue::Fault),
        _ => None,
    };
    // After time and number.
    match line
        .split_once(&format!("  {kind}"))
        .filter(|_| hue.is_some())
    {
        Some((before, after)) => format!("{before}  {}{after}", painted(kind, hue)),
        None => line,
    }
}

/// Does something with each event, and gives the number of the last; 0 if there is none.
fn each(log: &Log, query: &Query, mut act: impl FnMut(&Record)) -> anyhow::Result<u64> {
    let mut query = query.clone();
    let mut last = query.after_id.unwrap_or(0);
    loop {
        let records = match query.limit {
            Some(_) => log.records(&query)?,
            // A page at a time: nobody keeps the database from being cleaned up meanwhile.
            None => log.page(&query, PAGE_RECORDS)?,
        };
        for record in &records {
            last = last.max(record.id);
            act(record);
        }
        if query.limit.is_some() || records.is_empty() {
            return Ok(last);
        }
        query.after_id = Some(last);
    }
}

fn tell_what_is_left_out(log: &Log, query: &Query, limit: u32) -> anyhow::Result<()> {
    let all = log.count(query)?;
    if all > u64::from(limit) {
        eprintln!("showing the last {limit} of {all} events; --limit {all} shows all");
    }
    Ok(())
}

fn is_tampered(error: &anyhow::Error) -> bool {
    let found = error.downcast_ref::<RecordError>();
    matches!(
        found,
        Some(RecordError::Tampered { .. } | RecordError::Signature { .. })
    )
}

const COLUMNS: [&str; 11] = [
    "id",
    "at",
    "door",
    "kind",
    "reason",
    "person_id",
    "name",
    "nearest_id",
    "nearest",
    "score",
    "threshold",
];

fn as_csv(record: &Record) -> String {
    let subject = record.subject();
    let (mut person, mut nearest) = (
        (String::new(), String::new()),
        (String::new(), String::new()),
    );
    if let Some((id, name)) = subject.person {
        let of = match subject.is_stranger {
            true => &mut nearest,
            false => &mut person,
        };
        *of = (id.0.to_string(), name);
    }
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.3}"));
    csv_line([
        record.id.to_string().as_str(),
        &rfc3339(record.at_ms).unwrap_or_default(),
        &record
            .door
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        record.kind(),
        &subject.reason.unwrap_or_default(),
        &person.0,
        &person.1,
        &nearest.0,
        &nearest.1,
        &number(subject.score),
        &number(subject.threshold),
    ])
}

/// So that shells can complete them.
fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.as_str()))
        .try_map(|name| name.parse::<Kind>())
}
