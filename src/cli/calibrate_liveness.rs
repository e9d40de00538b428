//! `doorward calibrate-liveness`: a site's own visits say how far its coupling check may go.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use toml_edit::{DocumentMut, Item, Table, value};

use super::output::{local, rfc3339, safe, table};
use super::when::{When, when};
use super::{Exit, Format, print_json};
use crate::config::Config;
use crate::database::Database;
use crate::files::{self, handed};
use crate::liveness::site::{self, Unlearned};
use crate::record::{Cues, DenialReason, Event, Kind, Log, PersonRef, Query, Record};
use crate::shown::counted;

/// Records that are read at once.
const PAGE_RECORDS: u32 = 1000;

/// Which visits, and what is to follow from them.
#[derive(Debug, Args)]
pub(super) struct CalibrateLiveness {
    /// Visits from then on, in any form that `events --since` takes
    #[arg(long, value_name = "WHEN", value_parser = when, default_value = "1d")]
    since: When,

    /// The check may refuse at most one in so many real visits
    #[arg(
        long,
        value_name = "N",
        default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(20..=100_000)
    )]
    refuse_one_in: u32,

    /// Write the threshold into the configuration, and switch the check on
    #[arg(long)]
    write: bool,

    #[command(flatten)]
    format: Format,
}

/// Somebody who was recognised and not taken for an artefact.
struct Visit {
    id: u64,
    at_ms: i64,
    person: PersonRef,
    cues: Option<Cues>,
}

impl Visit {
    fn of(record: &Record) -> Option<Self> {
        let (person, cues) = match record.event()? {
            Event::Granted(granted) => (granted.recognition.person.clone(), granted.cues),
            Event::Denied(denied) if was_recognised(denied.reason) => {
                (denied.person.clone()?, denied.cues)
            }
            _ => return None,
        };
        Some(Self {
            id: record.id,
            at_ms: record.at_ms,
            person,
            cues,
        })
    }

    fn share(&self) -> Option<f32> {
        self.cues?.coupling
    }
}

/// Whether whoever was denied so is known to be a person of the whitelist.
fn was_recognised(reason: DenialReason) -> bool {
    !matches!(
        reason,
        DenialReason::NotListed
            | DenialReason::EmptyWhitelist
            | DenialReason::FrozenFace
            | DenialReason::CoupledFace
    )
}

/// What is on record.
#[derive(Default)]
struct Visits {
    all: Vec<Visit>,
    /// How often somebody was refused as an artefact: whether that was right, nobody wrote down.
    refused: usize,
}

impl Visits {
    fn read(log: &Log, since: When) -> anyhow::Result<Self> {
        let mut query = Query {
            since_ms: Some(since.0),
            kinds: vec![Kind::Granted, Kind::Denied],
            ..Query::default()
        };
        let mut visits = Self::default();
        loop {
            let page = log.page(&query, PAGE_RECORDS)?;
            let Some(last) = page.last() else {
                return Ok(visits);
            };
            query.after_id = Some(last.id);
            visits.all.extend(page.iter().filter_map(Visit::of));
            let artefacts = page.iter().filter(|record| is_of_artefact(record));
            visits.refused += artefacts.count();
        }
    }

    fn shares(&self) -> Vec<f32> {
        self.all.iter().filter_map(Visit::share).collect()
    }

    fn above(&self, threshold: f32) -> Vec<&Visit> {
        let is_above = |visit: &&Visit| visit.share().is_some_and(|share| share > threshold);
        self.all.iter().filter(is_above).collect()
    }

    /// Movements of whoever was let in, the least first.
    fn least_movement(&self) -> Option<f32> {
        let movements = self.all.iter().filter_map(|visit| visit.cues?.movement);
        movements.min_by(f32::total_cmp)
    }
}

fn is_of_artefact(record: &Record) -> bool {
    matches!(record.event(), Some(Event::Denied(denied))
        if matches!(denied.reason, DenialReason::FrozenFace | DenialReason::CoupledFace))
}

impl CalibrateLiveness {
    /// The configuration is opened by whoever typed this: the database's owner may not write it.
    pub(super) fn hand_over(&self, path: &Path) {
        handed::hand_in(path, files::Kind::Configuration);
        if self.write {
            handed::hand_out(path);
        }
    }

    pub(super) fn run(self, path: &Path, config: &Config) -> anyhow::Result<ExitCode> {
        let database = Database::open_existing(&config.whitelist.database)?;
        let log = Log::new(database, config.daemon.door.clone());
        let visits = Visits::read(&log, self.since)?;
        let shares = visits.shares();
        let threshold = site::max_coupling(&shares, self.refuse_one_in)
            .map_err(|error| with_remedy(error, config))?;
        if self.write {
            write(path, threshold)?;
        }
        let refused = visits.above(threshold);
        let at_most = site::at_most(refused.len(), shares.len());
        if self.format.json {
            let of = |visit: &&Visit| {
                json!({
                    "id": visit.id,
                    "at": rfc3339(visit.at_ms),
                    "person_id": visit.person.id,
                    "name": visit.person.name,
                    "coupling": visit.share(),
                })
            };
            print_json(&json!({
                "since": rfc3339(self.since.0),
                "visits": visits.all.len(),
                "measured": shares.len(),
                "refused_as_artefacts": visits.refused,
                "least_movement": visits.least_movement(),
                "max_coupling": threshold,
                "would_refuse": refused.iter().map(of).collect::<Vec<_>>(),
                "would_refuse_at_most": at_most,
                "would_refuse_by_present_threshold": visits.above(config.liveness.max_coupling).len(),
                "written": self.write,
            }))?;
            return Ok(Exit::Done.into());
        }
        self.print(&visits, threshold, config);
        Ok(Exit::Done.into())
    }

    fn print(&self, visits: &Visits, threshold: f32, config: &Config) {
        let shares = visits.shares();
        let people: BTreeSet<i64> = visits.all.iter().map(|v| v.person.id.0).collect();
        println!(
            "{} of {} since {}; in {} of them coupling was measured.",
            counted(visits.all.len(), "visit", "visits"),
            counted(people.len(), "person", "people"),
            local(self.since.0, "%Y-%m-%d %H:%M"),
            shares.len(),
        );
        if visits.refused > 0 {
            println!(
                "Not counted: {} refused as artefacts. Look at them with `doorward events --kind denied`.",
                visits.refused
            );
        }
        if let (Some(least), true) = (visits.least_movement(), config.liveness.frozen_face) {
            println!(
                "The stillest of them moved by {least:.4} eye distances; frozen_face refuses under {}.",
                config.liveness.min_movement
            );
        }
        let refused = visits.above(threshold);
        println!(
            "\nAt {threshold:.2} coupling refuses {} of these {} (95 % sure: no more than {:.1} % of such visits), at {} as it is configured {}.",
            refused.len(),
            shares.len(),
            100.0 * site::at_most(refused.len(), shares.len()),
            config.liveness.max_coupling,
            visits.above(config.liveness.max_coupling).len(),
        );
        if !refused.is_empty() {
            let row = |visit: &&Visit| {
                vec![
                    visit.id.to_string(),
                    local(visit.at_ms, "%Y-%m-%d %H:%M:%S"),
                    safe(&visit.person.to_string()),
                    visit.share().map_or("-".into(), |s| format!("{s:.2}")),
                ]
            };
            println!("It would have refused:");
            table(
                &["event", "at", "person", "coupling"],
                refused.iter().map(row),
            );
        }
        println!(
            "What it catches was not measured here: try a photo and a phone of your own before you rely on it."
        );
        if self.write {
            println!("\nThe configuration has it now; restart the daemon for it to count.");
        } else {
            println!(
                "\nFor the configuration (--write does so):\n\n[liveness]\ncoupling = true\nmax_coupling = {threshold:.2}"
            );
        }
    }
}

fn with_remedy(error: Unlearned, config: &Config) -> anyhow::Error {
    let measures = config.liveness.learn_coupling || config.liveness.coupling;
    match error {
        Unlearned::TooFew(_) if !measures => anyhow::anyhow!(
            "{error}: set liveness.learn_coupling = true, restart the daemon, and let people come for an hour or a day; it refuses nobody"
        ),
        Unlearned::TooFew(_) => anyhow::anyhow!(
            "{error}: let more people come, or look further back with --since; before a plain wall nothing is measured"
        ),
        Unlearned::NotApart(_) => error.into(),
    }
}

/// Puts the threshold into the configuration, whose other lines and comments stay.
fn write(path: &Path, threshold: f32) -> anyhow::Result<()> {
    let place = path.display();
    let text = files::read_text(path, files::Kind::Configuration)
        .with_context(|| format!("cannot read {place}"))?;
    let text = edited(&text, threshold).with_context(|| format!("cannot change {place}"))?;
    // What would not be taken is not written.
    Config::parse(&text, path)?;
    files::create(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .with_context(|| format!("cannot write {place}"))
}

fn edited(text: &str, threshold: f32) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let section = document
        .entry("liveness")
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
        .context("liveness is no section")?;
    // As it is shown, not as the nearest f32 is.
    let threshold: f64 = format!("{threshold:.2}").parse()?;
    let learns = section.contains_key("learn_coupling");
    let wanted = [
        ("coupling", Some(value(true))),
        ("max_coupling", Some(value(threshold))),
        ("learn_coupling", learns.then(|| value(false))),
    ];
    for (key, wanted) in wanted {
        let Some(wanted) = wanted else { continue };
        // A key that is there keeps the comment above it.
        match section.get_mut(key) {
            Some(item) => *item = wanted,
            None => drop(section.insert(key, wanted)),
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_threshold_is_put_into_what_there_is() {
        let commented = "# The door.\n[liveness]\n# why\nmax_coupling = 0.54\nlearn_coupling = true\n\n[door]\npulse_ms = 500\n";
        for (text, kept) in [
            (commented, &["# The door.", "# why", "pulse_ms = 500"][..]),
            ("", &[]),
            ("liveness.min_movement = 0.006\n", &["0.006"]),
        ] {
            let text = edited(text, 0.31).unwrap();
            let config = Config::parse(&text, Path::new("doorward.toml")).unwrap();
            assert!(
                config.liveness.coupling && !config.liveness.learn_coupling,
                "{text}"
            );
            assert_eq!(config.liveness.max_coupling, 0.31);
            assert!(kept.iter().all(|words| text.contains(words)), "{text}");
        }
        assert!(edited("liveness = 3", 0.31).is_err());
    }
}
