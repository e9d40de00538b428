//! `doorward fleet`: one list for many doors.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::fleet_doors::{Invite, Join, Revoke, Status, Sync};
use super::fleet_verify::Verify;
use super::output::Exit;
use super::{Format, print_json, start_stderr_log};
use crate::files::{self, Kind};
use crate::fleet::store::{Sqlite, Store};
use crate::fleet::{self, Gateway, HubKeys, Limits};
use crate::shown::counted;

/// What is done about a fleet.
#[derive(Debug, Subcommand)]
pub(crate) enum Fleet {
    /// Found a fleet: make the founder's keys and the hub's
    Init(Init),
    /// Be the hub: serve the list to the doors
    Serve(Serve),
    /// Make keys for a door, in a file that a one-time code opens
    Invite(Invite),
    /// Take over what was made by invite, with the one-time code
    Join(Join),
    /// Have a door belong to the fleet no more, from the next byte on
    Revoke(Revoke),
    /// Say how the doors of the fleet are, or this one
    Status(Status),
    /// Fetch the list once, and push the events that wait
    Sync(Sync),
    /// Copy the hub's store to a file, and let doors forget the events it has
    Backup(Backup),
    /// Check each door's record at the hub, and name doors that rewrote it or fell silent
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where doors reach the hub: a host's name or address, and a port
    #[arg(long, value_name = "HOST:PORT")]
    hub: String,
    /// File to write for the founder; keep it off the hub, and safe: it makes doors
    #[arg(long, value_name = "FILE", default_value = "founder.json")]
    founder: PathBuf,
    /// File to write for the hub
    #[arg(long, value_name = "FILE", default_value = "hub.json")]
    keys: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The hub's file that init made
    #[arg(long, value_name = "FILE", default_value = "hub.json")]
    keys: PathBuf,
    /// SQLite file, or where PostgreSQL is: postgresql://USER@%2Frun%2Fpostgresql/NAME
    #[arg(long, value_name = "STORE", default_value = "hub.db")]
    store: String,
    /// Address and port to listen at
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:7443")]
    listen: SocketAddr,
    /// Unfinished handshakes of one address; more where many doors stand behind one
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().handshakes)]
    handshakes: usize,
    /// Events that a door may bring in a day
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().events_a_day)]
    events_a_day: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to write, which must not be there yet
    file: PathBuf,
    /// Where the hub keeps the list, as serve is told; pg_dump copies it from PostgreSQL
    #[arg(long, value_name = "STORE", default_value = "hub.db")]
    store: String,
    #[command(flatten)]
    format: Format,
}

/// Whether a store is a database of PostgreSQL and no file.
pub(super) fn is_postgres(store: &str) -> bool {
    cfg!(feature = "postgres") && (store.starts_with("postgres") || store.contains("host="))
}

impl Fleet {
    /// Whether it serves others, and so outlives a reader of its output.
    pub(super) fn serves(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    pub(super) fn run(self, config: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(match self.serves() {
            true => log::LevelFilter::Info,
            false => log::LevelFilter::Warn,
        });
        match self {
            Self::Init(init) => init.run(),
            Self::Join(join) => join.run(),
            Self::Serve(serve) => runtime(true)?.block_on(serve.run()),
            Self::Invite(invite) => runtime(false)?.block_on(invite.run()),
            Self::Revoke(revoke) => runtime(false)?.block_on(revoke.run()),
            Self::Status(status) => runtime(false)?.block_on(status.run(config)),
            Self::Sync(sync) => runtime(false)?.block_on(sync.run()),
            Self::Backup(backup) => runtime(false)?.block_on(backup.run()),
            Self::Verify(verify) => runtime(false)?.block_on(verify.run()),
        }
    }
}

fn runtime(has_threads: bool) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = match has_threads {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let built = builder.enable_all().build();
    built.context("no thread can be started")
}

/// Writes keys to a file that is not there yet, for its owner alone.
pub(super) fn write<T: Serialize>(path: &Path, keys: &T) -> anyhow::Result<()> {
    let text = zeroize::Zeroizing::new(serde_json::to_string_pretty(keys)?);
    let mut file =
        files::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

pub(super) fn read<T: DeserializeOwned>(path: &Path, made_by: &str) -> anyhow::Result<T> {
    let text = files::read_text(path, Kind::Note).with_context(|| {
        format!(
            "cannot read {}; `doorward fleet {made_by}` makes it",
            path.display()
        )
    })?;
    let text = zeroize::Zeroizing::new(text);
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is not the file that `doorward fleet {made_by}` makes",
            path.display()
        )
    })
}

impl Init {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (founder, hub) = fleet::found(&self.hub)?;
        write(&self.founder, &founder)?;
        if let Err(error) = write(&self.keys, &hub) {
            let _ = std::fs::remove_file(&self.founder);
            return Err(error);
        }
        if self.format.json {
            print_json(&json!({ "founder": self.founder, "hub": self.keys }))?;
            return Ok(Exit::Done.into());
        }
        println!(
            "{} is the founder's: keep it off the hub, and a copy of it where it is safe",
            self.founder.display()
        );
        println!(
            "{} is the hub's: doorward fleet serve --keys {}",
            self.keys.display(),
            self.keys.display()
        );
        Ok(Exit::Done.into())
    }
}

impl Serve {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let keys: HubKeys = read(&self.keys, "init")?;
        #[cfg(feature = "postgres")]
        if is_postgres(&self.store) {
            let store = fleet::store::Postgres::open(&self.store).await?;
            return self.serve(keys, store).await;
        }
        let store = Sqlite::open(Path::new(&self.store))?;
        self.serve(keys, store).await
    }

    async fn serve(self, keys: HubKeys, store: impl Store) -> anyhow::Result<ExitCode> {
        if store.head().await?.is_none() {
            store.put(keys.founding()?).await?;
            log::info!("the store is empty: the fleet begins here");
        }
        let limits = Limits {
            handshakes: self.handshakes,
            events_a_day: self.events_a_day,
            ..Limits::default()
        };
        let gateway =
            Gateway::bind(store, keys.root()?, &keys.identity(), self.listen, limits).await?;
        log::info!("doors are served at {}", gateway.address()?);
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            () = gateway.serve() => {}
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        Ok(Exit::Done.into())
    }
}

impl Backup {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let events = match is_postgres(&self.store) {
            #[cfg(feature = "postgres")]
            true => self.dump().await?,
            _ => self.copy().await?,
        };
        match self.format.json {
            true => print_json(&json!({ "file": self.file, "events": events }))?,
            false => println!(
                "{} has the list and {}",
                self.file.display(),
                counted(events, "event", "events")
            ),
        }
        Ok(Exit::Done.into())
    }

    async fn copy(&self) -> anyhow::Result<u64> {
        let path = Path::new(&self.store);
        if !path.exists() {
            bail!(
                "there is no {}; name the hub's store with --store",
                path.display()
            );
        }
        let store = Sqlite::open(path)?;
        let held = store.copy(&self.file)?;
        let events = held.iter().map(|(_, held)| held.last).sum();
        store.note_backup(held).await?;
        Ok(events)
    }

    #[cfg(feature = "postgres")]
    async fn dump(&self) -> anyhow::Result<u64> {
        let store = fleet::store::Postgres::open(&self.store).await?;
        // What it has now, the dump that begins after that has.
        let held = store.held().await?;
        let file = files::create_new(&self.file)
            .with_context(|| format!("cannot make {}", self.file.display()))?;
        let mut dump = std::process::Command::new("pg_dump");
        dump.args(["--format=custom", "--schema=doorward", "--dbname"]);
        dump.arg(&self.store).stdout(file.try_clone()?);
        let ended = dump
            .status()
            .context("cannot run pg_dump; it is in Debian's postgresql-client");
        let is_whole = ended.as_ref().is_ok_and(std::process::ExitStatus::success);
        if !is_whole || file.sync_all().is_err() {
            let _ = std::fs::remove_file(&self.file);
            bail!("there is no backup: pg_dump ended with {}", ended?);
        }
        let events = held.iter().map(|(_, held)| held.last).sum();
        store.note_backup(held).await?;
        Ok(events)
    }
}
