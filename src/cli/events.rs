//! `doorward events`: the audit log, to read, to follow and to verify.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;

use super::Format;
use crate::config::Config;
use crate::daemon::pictures::Pictures;
use crate::database::Database;
use crate::files;
use crate::record::{Head, Kind, Log, Query, Record, Verified};
use crate::shown::Quoted;

const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

/// Which events, and how.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on and show events as they happen
    #[arg(long, short, conflicts_with = "verify")]
    follow: bool,

    /// Only events from then on: a day or a time such as 2026-05-01 or
    /// 2026-05-01T08:30, or a span back from now such as 8h or 3d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,

    /// Only events before then
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,

    /// Only events of this kind, such as granted or denied; can be given again
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,

    /// Only events about this person (the name as it was then)
    #[arg(long, value_name = "NAME")]
    person: Option<String>,

    /// At most this many, the newest
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    limit: u32,

    /// Copy the pictures of the events that are shown into DIR, as ID.jpg (audit.pictures)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["verify", "follow"])]
    pictures: Option<PathBuf>,

    /// Check that no event was changed, removed or put in between, and print the head
    #[arg(long)]
    verify: bool,

    /// With --verify: a head that was printed earlier, which must still be that of its
    /// event; can be given again
    #[arg(long, value_name = "ID:HASH", requires = "verify")]
    head: Vec<Head>,

    /// With --verify: check the heads too that the daemon told the system's journal (since
    /// --since, if given)
    #[arg(long, requires = "verify")]
    journal: bool,

    #[command(flatten)]
    format: Format,
}

/// Gives how many events had one.
fn copy_pictures(
    kept: &Pictures,
    events: impl Iterator<Item = u64>,
    folder: &Path,
) -> anyhow::Result<usize> {
    let failed = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).with_context(|| failed(folder))?;
    let mut copied = 0;
    for event in events {
        let from = kept.of(event);
        let bytes = match files::read(&from, files::Kind::Picture) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", from.display()));
            }
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
        super::become_owner(config)?;
        let database = Database::open_existing(&config.whitelist.database)?;
        let log = Log::new(database, config.daemon.door.clone());
        if self.verify {
            let verified = self.verify(&log, journal)?;
            if self.format.json {
                super::print_json(&serde_json::to_value(&verified)?)?;
            } else {
                println!("{verified}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let mut query = Query {
            since_ms: self.since.as_deref().map(when).transpose()?,
            until_ms: self.until.as_deref().map(when).transpose()?,
            kinds: self.kind.clone(),
            person: self.person.clone(),
            limit: Some(self.limit),
            ..Query::default()
        };
        // Taken before, so that an event in between is shown rather than missed.
        let mut last = log.head()?.id;
        let records = log.records(&query)?;
        for record in &records {
            last = last.max(record.id);
            self.show(record)?;
        }
        if let Some(folder) = &self.pictures {
            let kept = Pictures::beside(&config.whitelist.database);
            let copied = copy_pictures(&kept, records.iter().map(|r| r.id), folder)?;
            eprintln!("{copied} pictures are in {}", folder.display());
        }
        query.limit = None;
        if !self.follow {
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            std::thread::sleep(FOLLOW_INTERVAL);
            query.after_id = Some(last);
            for record in log.records(&query)? {
                last = last.max(record.id);
                self.show(&record)?;
            }
        }
    }

    fn journal_heads(&self, config: &Config) -> anyhow::Result<Vec<Head>> {
        let since = self.since.as_deref().map(when).transpose()?;
        super::journal::heads(&config.whitelist.database, since)
    }

    fn verify(
        &self,
        log: &Log,
        journal: Option<anyhow::Result<Vec<Head>>>,
    ) -> anyhow::Result<Verified> {
        let verified = log.verify(&self.head)?;
        if verified.heads_deleted > 0 {
            anyhow::bail!(
                "a given head is of an event that was deleted because its time was over, and \
                 cannot be checked; the oldest that is left is {}, without that head the record \
                 verifies",
                verified.first.unwrap_or_default()
            );
        }
        let Some(heads) = journal else {
            return Ok(verified);
        };
        let mut heads = heads?;
        heads.extend(&self.head);
        log.verify(&heads).context(
            "a head in the journal does not fit (if the database was made anew on purpose, \
             give --since that time)",
        )
    }

    fn show(&self, record: &Record) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.format.json {
            writeln!(out, "{}", record.to_json())?;
        } else {
            writeln!(out, "{record}")?;
        }
        out.flush()?;
        Ok(())
    }
}

/// A time as people write it, in milliseconds since 1970.
fn when(text: &str) -> anyhow::Result<i64> {
    let now = jiff::ZonedDateTime::now();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    if let Ok(time) = text.parse::<jiff::civil::DateTime>() {
        return Ok(time
            .to_zoned_datetime(TimeZone::system())?
            .timestamp()
            .as_millisecond());
    }
    text.parse::<jiff::Span>()
        .ok()
        .and_then(|span| now.checked_sub(span.abs()).ok())
        .map(|time| time.timestamp().as_millisecond())
        .with_context(|| {
            format!(
                "{} is not a time; write 2026-05-01, 2026-05-01T08:30, 8h or 3d",
                Quoted(text)
            )
        })
}
