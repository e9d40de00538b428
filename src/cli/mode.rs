//! `doorward mode` and `doorward unlock`: what an administrator orders of the door. Both only
//! write it down; the daemon, if one guards, sees it within a second.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::output::{local, rfc3339};
use super::when::{When, until};
use super::{Exit, Format, Usage, print_json};
use crate::acts::{self, Acts, Over, Standing};
use crate::config::Config;
use crate::daemon::clock;
use crate::database::{Database, DatabaseError};
use crate::record::{
    By, DoorMode, Event, Kind, Log, NotOpened, Query, RelayCommand, Stamp, believes_clock,
};
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
        const MAX_REASON_CHARS: usize = 200;
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
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (mode, until, why, format) = match self.order {
            None => return show(config, self.format),
            Some(Order::Lockdown { until, why, format }) => {
                (DoorMode::Lockdown, until, why, format)
            }
            Some(Order::Hold { until, why, format }) => (DoorMode::Hold, Some(until), why, format),
            Some(Order::Office { until, why, format }) => {
                (DoorMode::Office, Some(until), why, format)
            }
            Some(Order::Normal { why, format }) => (DoorMode::Normal, None, why, format),
        };
        let why = why.text()?;
        let guarded = Database::is_guarded(&config.whitelist.database);
        let verb = Verb::SetMode {
            mode,
            until_ms: until.map(|When(at)| at),
            reason: why,
        };
        let Reply::ModeSet {
            mode,
            until_ms,
            event,
        } = Clerk::new(config).does(verb, None)?
        else {
            return Err(VerbError::other_reply().into());
        };
        match format.json {
            true => print_json(&as_json(mode, mode, until_ms, event))?,
            false => println!("{} (event {event})", told(mode, until_ms)),
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

/// `held open until 2026-03-01 18:00`
fn told(mode: DoorMode, until_ms: Option<i64>) -> String {
    match until_ms {
        Some(until) => format!("{mode} until {}", local(until, "%Y-%m-%d %H:%M:%S")),
        None => mode.to_string(),
    }
}

/// The mode in force, and what was ordered.
fn as_json(mode: DoorMode, ordered: DoorMode, until_ms: Option<i64>, event: u64) -> Value {
    json!({
        "mode": mode.code(),
        "ordered": ordered.code(),
        "until": until_ms.and_then(rfc3339),
        "event": event,
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
        print_json(&as_json(mode, act.mode, act.until_ms, act.record))?;
    } else if let Some(why) = why {
        println!(
            "{}; {} (event {}) was ordered, and {why}",
            DoorMode::Normal,
            told(act.mode, act.until_ms),
            act.record
        );
    } else {
        println!("{} (event {})", told(act.mode, act.until_ms), act.record);
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

/// What became of an act.
enum Outcome {
    Unlocked { pulse_ms: u64 },
    NotOpened(NotOpened),
    RelayFault(RelayCommand),
}

impl Unlock {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let why = self.why.text()?;
        if !Database::is_guarded(&config.whitelist.database) {
            eprintln!(
                "nothing guards the door, so nothing unlocks it: `systemctl start doorward`, or \
                 move the relay by hand with `doorward relay pulse`"
            );
            if self.format.json {
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
        if self.format.json {
            print_json(&outcome_json(act, outcome.as_ref()))?;
        }
        match &outcome {
            Some(Outcome::Unlocked { pulse_ms }) if !self.format.json => {
                println!("unlocked for {pulse_ms} ms (event {act})");
            }
            Some(Outcome::Unlocked { .. }) => {}
            Some(Outcome::NotOpened(reason)) => eprintln!("not unlocked: {reason} (event {act})"),
            Some(Outcome::RelayFault(command)) => {
                eprintln!("not unlocked: {command} (event {act})");
            }
            None => eprintln!(
                "nothing became of it yet (event {act}); `doorward events` shows what does"
            ),
        }
        match outcome {
            Some(Outcome::Unlocked { .. }) => Ok(Exit::Done.into()),
            _ => Ok(Exit::No.into()),
        }
    }
}

fn outcome_json(act: u64, outcome: Option<&Outcome>) -> Value {
    let (pulse_ms, reason) = match outcome {
        Some(Outcome::Unlocked { pulse_ms }) => (Some(pulse_ms), None),
        Some(Outcome::NotOpened(reason)) => (None, Some(reason.code())),
        Some(Outcome::RelayFault(_)) => (None, Some(Kind::RelayFault.as_str())),
        None => (None, None),
    };
    json!({
        "unlocked": pulse_ms.is_some(),
        "guarding": true,
        "pulse_ms": pulse_ms,
        "reason": reason,
        "event": act,
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
    Ok(records.iter().find_map(|record| match record.event()? {
        Event::Unlocked {
            by: By::Act(by),
            pulse_ms,
        } if *by == act => Some(Outcome::Unlocked {
            pulse_ms: *pulse_ms,
        }),
        Event::NotOpened {
            by: By::Act(by),
            reason,
        } if *by == act => Some(Outcome::NotOpened(*reason)),
        Event::RelayFault {
            by: Some(By::Act(by)),
            command,
            ..
        } if *by == act => Some(Outcome::RelayFault(*command)),
        _ => None,
    }))
}
