//! `doorward fleet invite`, `join`, `revoke`, `status` and `sync`: the doors of a fleet.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::fleet::{read, write};
use super::output::Exit;
use super::passphrase::{Terminal, first_line};
use super::{Format, print_json, safe, table};
use crate::files::{self, Kind};
use crate::fleet::{
    self, Answer, Client, DoorKeys, FounderKeys, LinkKeys, List, ListKeys, Put, Right, Session,
};
use crate::ipc;
use crate::sealed::{self, Passphrase};
use crate::shown::{Quoted, counted};

/// How often a commit is tried that another one came before.
const MAX_TRIES: usize = 5;
/// After so long without a word a door is something to look after, in seconds.
const MAX_SILENCE_S: i64 = 600;
/// How long the daemon may take to answer.
const MAX_DAEMON_WAIT: Duration = Duration::from_secs(20);
/// The longest sealed invitation.
const MAX_INVITATION_BYTES: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// The door's name: 1 to 32 of a to z, 0 to 9, '_' and '-'
    door: String,
    /// File to write, which must not be there yet
    file: PathBuf,
    /// The founder's file that init made
    #[arg(long, value_name = "FILE", default_value = "founder.json")]
    founder: PathBuf,
    /// The door may disable and remove people, and enrol nobody
    #[arg(long)]
    disable_only: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// File that invite made
    file: PathBuf,
    /// File to write for the door's daemon: what opens and signs the list
    #[arg(long, value_name = "FILE", default_value = "door.json")]
    keys: PathBuf,
    /// File to write for the door's bridge: what brings it to the hub, and nothing else
    #[arg(long, value_name = "FILE", default_value = "link.json")]
    link: PathBuf,
    /// Read the code from the first line of FILE, or of standard input for -
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The door's name
    door: String,
    /// The founder's file that init made
    #[arg(long, value_name = "FILE", default_value = "founder.json")]
    founder: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The founder's file that init made: how the hub sees all doors. Without it how this door
    /// stands, by what its daemon verified
    #[arg(long, value_name = "FILE")]
    founder: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// The daemon's file that join made
    #[arg(long, value_name = "FILE", default_value = "door.json")]
    keys: PathBuf,
    /// The bridge's file that join made
    #[arg(long, value_name = "FILE", default_value = "link.json")]
    link: PathBuf,
    /// SQLite file in which the door keeps the list
    #[arg(long, value_name = "FILE", default_value = "fleet.db")]
    state: PathBuf,
    #[command(flatten)]
    format: Format,
}

fn client(keys: &DoorKeys) -> anyhow::Result<Client> {
    Ok(Client::new(&keys.hub, &keys.identity())?)
}

/// Has the hub store what the founder makes of its list, whatever comes between.
async fn put<T>(
    founder: &FounderKeys,
    make: impl Fn(&List) -> anyhow::Result<(T, Put)>,
) -> anyhow::Result<(T, u64)> {
    let mut client = client(&founder.door)?;
    for _ in 0..MAX_TRIES {
        let list = fleet::fetch(&mut client, founder.door.root()?).await?;
        let (made, put) = make(&list)?;
        let revision = put.commit.position.revision.0;
        match client.put(put).await? {
            Answer::Stored => return Ok((made, revision)),
            Answer::Late => {}
            _ => bail!("the hub refused the commit; its log says why"),
        }
    }
    bail!("{MAX_TRIES} times somebody else's change came first; try again")
}

fn door_named(list: &List, name: &str) -> Option<fleet::RowId> {
    let mut found = list
        .doors()
        .filter(|(_, card, revoked)| card.name == name && revoked.is_none());
    found.next().map(|(id, ..)| id)
}

impl Invite {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if !fleet::DoorCard::is_name(&self.door) {
            bail!(
                "{} is no name for a door: it has 1 to 32 of a to z, 0 to 9, '_' and '-'",
                Quoted(&self.door)
            );
        }
        let founder: FounderKeys = read(&self.founder, "init")?;
        let right = match self.disable_only {
            true => Right::Disable,
            false => Right::Enrol,
        };
        // Before the hub knows of it: a door whose file cannot be written is not to be one.
        let file = files::create_new(&self.file)
            .with_context(|| format!("cannot make {}", self.file.display()))?;
        let made = self.invited(&founder, right, file).await;
        if made.is_err() {
            let _ = std::fs::remove_file(&self.file);
        }
        let (code, revision) = made?;
        if self.format.json {
            print_json(
                &json!({ "door": self.door, "file": self.file, "code": code, "revision": revision }),
            )?;
            return Ok(Exit::Done.into());
        }
        println!(
            "{} belongs to the fleet from revision {revision} on",
            self.door
        );
        println!(
            "take {} to the door and run: doorward fleet join {}",
            self.file.display(),
            self.file.display()
        );
        println!("code, shown this once: {code}");
        Ok(Exit::Done.into())
    }

    async fn invited(
        &self,
        founder: &FounderKeys,
        right: Right,
        file: std::fs::File,
    ) -> anyhow::Result<(String, u64)> {
        let code = fleet::make_code()?;
        let (keys, revision) = put(founder, |list| {
            if door_named(list, &self.door).is_some() {
                bail!(
                    "there is a door {} already; revoke it first, or take another name",
                    self.door
                );
            }
            Ok(founder.invite(list, &self.door, right)?)
        })
        .await?;
        let text = zeroize::Zeroizing::new(serde_json::to_string(&keys)?);
        let mut sealing = sealed::seal(Passphrase::new(fleet::code_of(&code))?, file)?;
        sealing.write_all(text.as_bytes())?;
        sealing.finish()?.sync_all()?;
        Ok((code, revision))
    }
}

impl Join {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let typed = match &self.code_file {
            Some(file) if file == Path::new("-") => {
                first_line(std::io::stdin().lock()).context("cannot read standard input")?
            }
            Some(file) => files::open(file, Kind::Passphrase)
                .and_then(first_line)
                .with_context(|| format!("cannot read {}", file.display()))?,
            None => Terminal::open()?.ask("Code: ")?,
        };
        let about = || format!("cannot open {}", self.file.display());
        let file = files::open(&self.file, Kind::Note).with_context(about)?;
        let code = Passphrase::new(fleet::code_of(&typed)).with_context(about)?;
        let mut text = zeroize::Zeroizing::new(String::new());
        let mut opened = sealed::open(code, file)
            .with_context(about)?
            .take(MAX_INVITATION_BYTES);
        opened.read_to_string(&mut text).with_context(about)?;
        let keys: DoorKeys = serde_json::from_str(&text)
            .with_context(|| format!("{} is no invitation to a fleet", self.file.display()))?;
        let (list, link) = keys.split();
        write(&self.keys, &list)?;
        if let Err(error) = write(&self.link, &link) {
            let _ = std::fs::remove_file(&self.keys);
            return Err(error);
        }
        let removed = std::fs::remove_file(&self.file);
        if self.format.json {
            print_json(
                &json!({ "door": keys.name, "hub": keys.hub, "keys": self.keys, "link": self.link, "invitation_removed": removed.is_ok() }),
            )?;
            return Ok(Exit::Done.into());
        }
        println!("this is door {} of the fleet at {}", keys.name, keys.hub);
        println!(
            "{} is for the daemon, fleet.keys in doorward.toml; {} for the bridge, fleet.link in bridge.toml",
            self.keys.display(),
            self.link.display()
        );
        match removed {
            Ok(()) => println!(
                "{} is removed; remove every copy of it",
                self.file.display()
            ),
            Err(error) => println!(
                "{} cannot be removed ({error}); remove it and every copy",
                self.file.display()
            ),
        }
        Ok(Exit::Done.into())
    }
}

impl Revoke {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let founder: FounderKeys = read(&self.founder, "init")?;
        if self.door == fleet::FOUNDER {
            bail!("the founder cannot be revoked");
        }
        let ((), revision) = put(&founder, |list| {
            let Some(door) = door_named(list, &self.door) else {
                bail!("no door {} belongs to the fleet", Quoted(&self.door));
            };
            Ok(((), founder.revoke(list, door)?))
        })
        .await?;
        match self.format.json {
            true => print_json(&json!({ "door": self.door, "revision": revision }))?,
            false => {
                println!(
                    "{} belongs to the fleet no more, from revision {revision} on",
                    self.door
                );
                println!(
                    "it still has the list that it had: whoever has the board can read what its seal key opens"
                );
            }
        }
        Ok(Exit::Done.into())
    }
}

impl Status {
    pub(super) async fn run(self, config: &Path) -> anyhow::Result<ExitCode> {
        let Some(founder) = &self.founder else {
            return self.here(config);
        };
        let founder: FounderKeys = read(founder, "init")?;
        let status = client(&founder.door)?.status().await?;
        let newest = status["revision"].as_u64().unwrap_or_default();
        let now = status["now_s"].as_i64().unwrap_or_default();
        let doors = status["doors"].as_array().cloned().unwrap_or_default();
        let is_late = |door: &Value| {
            let silent = door["heard_s"]
                .as_i64()
                .is_none_or(|heard| now - heard > MAX_SILENCE_S);
            let behind = door["revision"].as_u64() != Some(newest);
            door["name"] != fleet::FOUNDER && door["revoked_at"].is_null() && (silent || behind)
        };
        let code = match doors.iter().any(is_late) {
            true => Exit::No,
            false => Exit::Done,
        };
        if self.format.json {
            print_json(&status)?;
            return Ok(code.into());
        }
        println!(
            "the list is at revision {newest}, with {} rows",
            status["rows"]
        );
        let number = |value: &Value| value.as_u64().map_or("-".to_owned(), |n| n.to_string());
        let rows = doors
            .iter()
            .filter(|door| door["name"] != fleet::FOUNDER)
            .map(|door| {
                let heard = door["heard_s"].as_i64();
                let standing = match door["revoked_at"].as_u64() {
                    Some(revision) => format!("revoked at {revision}"),
                    None if is_late(door) => "behind".to_owned(),
                    None => "up to date".to_owned(),
                };
                vec![
                    safe(door["name"].as_str().unwrap_or_default()),
                    standing,
                    number(&door["revision"]),
                    heard.map_or("never".to_owned(), |heard| format!("{} s ago", now - heard)),
                    number(&door["events"]),
                    number(&door["backed_up"]),
                ]
            });
        table(
            &["door", "list", "revision", "heard", "events", "backed up"],
            rows,
        );
        Ok(code.into())
    }
}

impl Status {
    /// How this door stands.
    fn here(&self, config: &Path) -> anyhow::Result<ExitCode> {
        let Some(mut daemon) = ipc::Client::connect(config)? else {
            bail!(
                "nothing guards the door with {}; to see how the hub sees all doors name --founder",
                config.display()
            );
        };
        let mut now: ipc::FleetNow = daemon.ask(ipc::Ask::FleetStatus {}, MAX_DAEMON_WAIT)?;
        let code = match now.missed {
            Some(_) => Exit::No,
            None => Exit::Done,
        };
        if self.format.json {
            print_json(&serde_json::to_value(&now)?)?;
            return Ok(code.into());
        }
        println!(
            "{} has the list of revision {}: {} of {} rows are enabled",
            safe(&now.door),
            now.revision,
            now.enabled,
            now.rows
        );
        if now.waiting > 0 {
            println!(
                "{} for the hub",
                counted(now.waiting as u64, "change waits", "changes wait")
            );
        }
        match (now.heard_ms, now.missed.take()) {
            (_, Some(why)) => println!("the hub was not heard since: {}", safe(&why)),
            (Some(at_ms), None) => println!(
                "the hub was heard {}",
                super::output::local(at_ms, "%Y-%m-%d %H:%M:%S")
            ),
            (None, None) => println!("the hub was not heard since the daemon started"),
        }
        for line in lease_lines(&now) {
            println!("{line}");
        }
        Ok(code.into())
    }
}

impl Sync {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let keys: ListKeys = read(&self.keys, "join")?;
        let link: LinkKeys = read(&self.link, "join")?;
        let mut session = Session::with(&keys, &link, &self.state)?;
        let told = session.turn(Duration::ZERO).await?;
        let list = session.door().list();
        let enabled = list
            .rows()
            .keys()
            .filter(|id| session.door().is_enabled(**id))
            .count();
        let revision = list.position().revision.0;
        let code = match told.is_empty() {
            true => Exit::Done,
            false => Exit::No,
        };
        if self.format.json {
            let told: Vec<String> = told.iter().map(ToString::to_string).collect();
            print_json(
                &json!({ "door": keys.name, "revision": revision, "rows": list.rows().len(), "enabled": enabled, "told": told }),
            )?;
            return Ok(code.into());
        }
        for one in told {
            println!("{one}");
        }
        println!(
            "{} has the list of revision {revision}: {enabled} of {} rows are enabled",
            keys.name,
            list.rows().len()
        );
        Ok(code.into())
    }
}

/// How old the news is, and what that means for whom.
fn lease_lines(now: &ipc::FleetNow) -> Vec<String> {
    let age = match now.news_age_s {
        Some(age_s) => format!("another door signed something {} ago", time(age_s)),
        None => "nothing proves how old the newest is that another door signed".into(),
    };
    let leases = now.leases.iter().map(|lease| {
        let who = safe(&lease.who);
        let left_s = lease.limit_s.saturating_sub(now.news_age_s.unwrap_or(0));
        match lease.is_over {
            true => format!("the lease of {who} is over: the list lets none of them in"),
            false => format!("the lease of {who} ends in {} without news", time(left_s)),
        }
    });
    std::iter::once(age).chain(leases).collect()
}

fn time(seconds: u64) -> String {
    match seconds {
        s if s >= 2 * 86_400 => counted(s / 86_400, "day", "days"),
        s if s >= 2 * 3600 => counted(s / 3600, "hour", "hours"),
        s => counted(s / 60, "minute", "minutes"),
    }
}
