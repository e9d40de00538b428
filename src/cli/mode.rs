//! `doorward mode` and `doorward unlock`: what an administrator orders of the door. The daemon
//! writes it down and does it; where none runs, a mode is written down here for when one does.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::clerk::{self, Clerk};
use super::control::{self, Done};
use super::output::{local, rfc3339};
use super::when::{When, until};
use super::{Exit, Format, Usage, print_json};
use crate::acts::{self, Acts, ModeAct, Outcome, Over, Standing};
use crate::clock;
use crate::config::Config;
use crate::database::{Database, DatabaseError};
use crate::ipc::{Ask, MAX_REASON_CHARS, ModeOrdered, Unlocked};
use crate::record::{DoorMode, Kind, Log, Query, Stamp, believes_clock};
use crate::verbs::{Reply, Verb, VerbError};

/// How long `unlock` waits for what becomes of it.
const MAX_UNLOCK_WAIT: Duration = Duration::from_secs(6);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Which mode, and for how long.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Mode {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    format: Format,
}

/// What is ordered.
#[derive(Debug, Subcommand)]
enum Order {
    /// Let nobody in, nor out by the exit button unless that is configured
    Lockdown {
        /// When it ends, such as 18:00, tomorrow 07:00 or 2h; without it by another order
        #[arg(long, value_name = "WHEN", value_parser = until)]
        until: Option<When>,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        format: Format,
    },
    /// Hold the door unlocked
    Hold {
        /// When it ends, such as 18:00, tomorrow 07:00 or 2h
        #[arg(long, value_name = "WHEN", value_parser = until)]
        until: When,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        format: Format,
    },
    /// Hold the door unlocked from the first listed person on
    Office {
        /// When it ends, such as 18:00, tomorrow 07:00 or 2h
        #[arg(long, value_name = "WHEN", value_parser = until)]
        until: When,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        format: Format,
    },
    /// End what was ordered
    Normal {
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        format: Format,
    },
}

/// For the record.
#[derive(Debug, Args)]
struct Why {
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Why {
    /// # Errors
    /// [`Usage`]
    fn text(self) -> anyhow::Result<Option<String>> {
        match self.reason.map(|text| text.trim().to_owned()) {
            Some(text) if text.chars().count() > MAX_REASON_CHARS => Err(Usage(format!(
                "--reason has more than {MAX_REASON_CHARS} characters"
            ))
            .into()),
            text => Ok(text.filter(|text| !text.is_empty())),
        }
    }
}

impl Mode {
    pub(super) fn run(self, path: &Path, config: &Config) -> anyhow::Result<ExitCode> {
        let (mode, until, why, format) = match self.order {
            None => {
                super::become_owner(config)?;
                return show(config, self.format);
            }
            Some(Order::Lockdown { until, why, format }) => {
                (DoorMode::Lockdown, until, why, format)
            }
            Some(Order::Hold { until, why, format }) => (DoorMode::Hold, Some(until), why, format),
            Some(Order::Office { until, why, format }) => {
                (DoorMode::Office, Some(until), why, format)
            }
            Some(Order::Normal { why, format }) => (DoorMode::Normal, None, why, format),
        };
        let reason = why.text()?;
        let until_ms = until.map(|When(at)| at);
        let ask = Ask::Mode {
            mode,
            until_ms,
            reason: reason.clone(),
        };
        let (act, guarded) = match control::act(path, ask)? {
            Some(Done::Gave(ordered)) => (ordered, true),
            Some(Done::NotYet(why)) => anyhow::bail!(why),
            None => {
                clerk::meet(path, config);
                super::become_owner(config)?;
                let guarded = Database::is_guarded(&config.whitelist.database);
                let verb = Verb::SetMode {
                    mode,
                    until_ms,
                    reason,
                };
                let ordered = match Clerk::new(config).does(verb, None)? {
                    Reply::ModeSet {
                        mode,
                        until_ms,
                        event,
                    } => ModeOrdered {
                        event,
                        mode,
                        until_ms,
                    },
                    _ => return Err(VerbError::other_reply().into()),
                };
                (ordered, guarded)
            }
        };
        match format.json {
            true => print_json(&as_json(act.mode, &act))?,
            false => println!("{} (event {})", told(&act), act.event),
        }
        if !guarded {
            eprintln!("nothing guards the door now; it holds when the daemon runs");
        }
        if mode == DoorMode::Hold && config.door.max_open_ms < 600_000 {
            eprintln!(
                "the strike rests for a second and a half after each {} s (door.max_open_ms)",
                config.door.max_open_ms / 1000
            );
        }
        Ok(Exit::Done.into())
    }
}

fn ordered(act: &ModeAct) -> ModeOrdered {
    ModeOrdered {
        event: act.record,
        mode: act.mode,
        until_ms: act.until_ms,
    }
}

/// `held open until 2026-03-01 18:00`
fn told(act: &ModeOrdered) -> String {
    match act.until_ms {
        Some(until) => format!("{} until {}", act.mode, local(until, "%Y-%m-%d %H:%M:%S")),
        None => act.mode.to_string(),
    }
}

/// The mode in force, and what was ordered.
fn as_json(mode: DoorMode, act: &ModeOrdered) -> Value {
    json!({
        "mode": mode.code(),
        "ordered": act.mode.code(),
        "until": act.until_ms.and_then(rfc3339),
        "event": act.event,
    })
}

fn show(config: &Config, format: Format) -> anyhow::Result<ExitCode> {
    let acts = match Database::open_existing(&config.whitelist.database) {
        Err(DatabaseError::Missing { .. }) => None,
        database => {
            let database = database?;
            Some((acts::read(&database)?, database))
        }
    };
    let Some((
        Acts {
            mode: Some(act), ..
        },
        database,
    )) = acts
    else {
        if format.json {
            print_json(&json!({ "mode": DoorMode::Normal.code() }))?;
        } else {
            println!("{}; nobody has ordered anything else", DoorMode::Normal);
        }
        return Ok(Exit::Done.into());
    };
    let now = Stamp::now();
    let sure = database.read(|connection, fail| {
        let sure = believes_clock(connection, fail, &now, clock::is_synchronised())?;
        Ok::<_, DatabaseError>(sure)
    })?;
    let (in_force, why) = match act.standing(&now, sure) {
        Standing::InForce(_) => (true, None),
        Standing::Over(Over::Expired) => (false, Some("its time is over")),
        Standing::Over(Over::ClockUnknown) => (
            false,
            Some("the machine was started anew, and its clock is not believed"),
        ),
    };
    if format.json {
        let mode = if in_force { act.mode } else { DoorMode::Normal };
        print_json(&as_json(mode, &ordered(&act)))?;
    } else if let Some(why) = why {
        println!(
            "{}; {} (event {}) was ordered, and {why}",
            DoorMode::Normal,
            told(&ordered(&act)),
            act.record
        );
    } else {
        println!("{} (event {})", told(&ordered(&act)), act.record);
    }
    Ok(Exit::Done.into())
}

/// One opening.
#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    format: Format,
}

impl Unlock {
    pub(super) fn run(self, path: &Path, config: &Config) -> anyhow::Result<ExitCode> {
        let Self { why, format } = self;
        let reason = why.text()?;
        let ask = Ask::Unlock {
            reason: reason.clone(),
        };
        match control::act(path, ask)? {
            Some(Done::Gave(unlocked)) => said(&unlocked, format),
            Some(Done::NotYet(why)) => {
                eprintln!("{why}");
                Ok(Exit::No.into())
            }
            None => {
                clerk::meet(path, config);
                super::become_owner(config)?;
                without_socket(reason, format, config)
            }
        }
    }
}

/// With a daemon whose control socket cannot be used.
fn without_socket(
    why: Option<String>,
    format: Format,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    if !Database::is_guarded(&config.whitelist.database) {
        eprintln!(
            "nothing guards the door, so nothing unlocks it: `systemctl start doorward`, or \
             move the relay by hand with `doorward relay pulse`"
        );
        if format.json {
            print_json(&json!({ "unlocked": false, "guarding": false }))?;
        }
        return Ok(Exit::No.into());
    }
    let verb = Verb::Unlock { reason: why };
    let Reply::UnlockAsked { event: act } = Clerk::new(config).does(verb, None)? else {
        return Err(VerbError::other_reply().into());
    };
    let database = Database::open_existing(&config.whitelist.database)?;
    let log = Log::new(database, config.daemon.door.clone());
    let outcome = awaited(&log, act)?;
    let became = |outcome| Unlocked::of(act, outcome);
    said(
        &outcome.map_or_else(|| Unlocked::nothing(act), became),
        format,
    )
}

fn said(unlocked: &Unlocked, format: Format) -> anyhow::Result<ExitCode> {
    let act = unlocked.event;
    if format.json {
        print_json(&outcome_json(unlocked))?;
    }
    match (unlocked.pulse_ms, unlocked.reason, unlocked.relay_fault) {
        (Some(pulse_ms), ..) if !format.json => {
            println!("unlocked for {pulse_ms} ms (event {act})");
        }
        (None, Some(reason), _) => eprintln!("not unlocked: {reason} (event {act})"),
        (None, None, Some(command)) => eprintln!("not unlocked: {command} (event {act})"),
        (None, None, None) => {
            eprintln!("nothing became of it yet (event {act}); `doorward events` shows what does")
        }
        (Some(_), ..) => {}
    }
    match unlocked.unlocked {
        true => Ok(Exit::Done.into()),
        false => Ok(Exit::No.into()),
    }
}

fn outcome_json(unlocked: &Unlocked) -> Value {
    let reason = unlocked.reason.map(|reason| reason.code());
    let fault = unlocked.relay_fault.map(|_| Kind::RelayFault.as_str());
    json!({
        "unlocked": unlocked.unlocked,
        "guarding": true,
        "pulse_ms": unlocked.pulse_ms,
        "reason": reason.or(fault),
        "event": unlocked.event,
    })
}

/// What becomes of an act, if that is on record in time.
fn awaited(log: &Log, act: u64) -> anyhow::Result<Option<Outcome>> {
    let until = Instant::now() + MAX_UNLOCK_WAIT;
    while Instant::now() < until {
        if let Some(outcome) = outcome(log, act)? {
            return Ok(Some(outcome));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    Ok(None)
}

fn outcome(log: &Log, act: u64) -> anyhow::Result<Option<Outcome>> {
    let since = Query {
        after_id: Some(act),
        ..Query::default()
    };
    let records = log.records(&since)?;
    let mut events = records.iter().filter_map(|record| record.event());
    Ok(events.find_map(|event| Outcome::of(event, act)))
}
