//! `doorward fleet verify`: whether what the hub has of each door's record is one record.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::fleet::{is_postgres, read};
use super::output::Exit;
use super::{Format, print_json, safe, table};
use crate::fleet::store::Sqlite;
use crate::fleet::{self, Audited, HubKeys};

const MS_AN_HOUR: i64 = 3_600_000;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The hub's file that init made
    #[arg(long, value_name = "FILE", default_value = "hub.json")]
    keys: PathBuf,
    /// Where the hub keeps the events, as serve is told; it may go on serving
    #[arg(long, value_name = "STORE", default_value = "hub.db")]
    store: String,
    /// Name doors whose newest record is older than this
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    silent: u32,
    #[command(flatten)]
    format: Format,
}

impl Verify {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let keys: HubKeys = read(&self.keys, "init")?;
        let mut audited = self.audited(&keys).await?;
        audited.retain(|door| door.card.name != fleet::FOUNDER);
        let told: Vec<Vec<String>> = audited.iter().map(|door| self.told(door)).collect();
        let code = match told.iter().all(Vec::is_empty) {
            true => Exit::Done,
            false => Exit::No,
        };
        if self.format.json {
            let doors = audited.iter().zip(&told).map(|(door, told)| {
                let head = door.story.head();
                json!({
                    "door": door.card.name, "id": door.id.to_string(), "revoked": door.is_revoked,
                    "events": door.story.events(), "newest_ms": door.story.at_ms(), "told": told,
                    "record": head.map(|(number, _)| number), "hash": head.map(|(_, hash)| hash),
                })
            });
            print_json(&json!({ "doors": doors.collect::<Vec<_>>() }))?;
            return Ok(code.into());
        }
        let rows = audited.iter().zip(&told).map(|(door, told)| {
            let record = match door.story.head() {
                Some((number, hash)) => format!("{number}:{hash}"),
                None => "-".to_owned(),
            };
            let what = match (told.is_empty(), door.is_revoked) {
                (false, _) => "look",
                (true, true) => "revoked",
                (true, false) => "one record",
            };
            vec![
                safe(&door.card.name),
                what.to_owned(),
                door.story.events().to_string(),
                safe(&record),
            ]
        });
        table(&["door", "record", "events", "newest"], rows);
        for (door, told) in audited.iter().zip(&told) {
            for one in told {
                println!("{}: {one}", safe(&door.card.name));
            }
        }
        Ok(code.into())
    }

    async fn audited(&self, keys: &HubKeys) -> anyhow::Result<Vec<Audited>> {
        #[cfg(feature = "postgres")]
        if is_postgres(&self.store) {
            let store = fleet::store::Postgres::open(&self.store).await?;
            return Ok(fleet::audit(&store, keys.root()?).await?);
        }
        let path = Path::new(&self.store);
        if !path.exists() {
            bail!(
                "there is no {}; name the hub's store with --store",
                path.display()
            );
        }
        Ok(fleet::audit(&Sqlite::open(path)?, keys.root()?).await?)
    }

    /// What somebody has to look at.
    fn told(&self, door: &Audited) -> Vec<String> {
        let findings = door.story.findings().into_iter();
        let mut told: Vec<String> = findings.map(|one| one.to_string()).collect();
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let most_ms = i64::from(self.silent) * MS_AN_HOUR;
        match door.story.at_ms() {
            _ if door.is_revoked => {}
            None => told.push("nothing was ever heard of it".into()),
            Some(at_ms) if now_ms - at_ms > most_ms => told.push(format!(
                "it fell silent: its newest record is {} hours old",
                (now_ms - at_ms) / MS_AN_HOUR
            )),
            Some(_) => {}
        }
        told
    }
}
