//! `doorward watch`: how the door is, and what happens there as it does, by the daemon's word.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::output::{self, local};
use super::{Exit, Format, events, print_json, safe};
use crate::config::Config;
use crate::ipc::{Ask, Client, ClientError, Code, DoorNow, State, Word};
use crate::record::{NOBODY_LISTED, Record};
use crate::shown::in_words;
use crate::verbs::record_json;

/// From one try to reach a daemon that is gone to the next.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is looked whether somebody still reads.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// From where on, and how.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// First what happened after the event with this number
    #[arg(long, value_name = "ID")]
    since: Option<u64>,

    /// End after so many seconds [default: at Ctrl-C]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,

    #[command(flatten)]
    format: Format,
}

/// Why watching ended.
enum End {
    /// The time is over, or nobody reads any more.
    Done,
    /// The daemon is gone.
    Gone,
}

impl Watch {
    pub(super) fn run(mut self, path: &Path, _: &Config) -> anyhow::Result<ExitCode> {
        let seconds = self.seconds.map(Duration::from_secs);
        let until = seconds.map(|seconds| Instant::now() + seconds);
        let mut client = match Client::connect(path)? {
            Some(client) => Some(client),
            None => {
                eprintln!(
                    "nothing guards the door, so nothing is to be seen: `systemctl start doorward`; `doorward events` shows what happened"
                );
                return Ok(Exit::No.into());
            }
        };
        loop {
            if let Some(client) = client.take()
                && let End::Done = self.watch(client, until)?
            {
                return Ok(Exit::Done.into());
            }
            if is_over(until) || !output::flush() {
                return Ok(Exit::Done.into());
            }
            std::thread::sleep(RETRY_INTERVAL);
            client = Client::connect(path).unwrap_or_default();
            if client.is_some() {
                eprintln!("the daemon is there again");
            }
        }
    }

    /// Until the daemon is gone.
    fn watch(&mut self, mut client: Client, until: Option<Instant>) -> anyhow::Result<End> {
        let since = self.since;
        match client.begin(Ask::Watch { since }) {
            Err(ClientError::Silent(_)) => return Ok(End::Gone),
            begun => begun?,
        };
        while !is_over(until) && output::flush() {
            let answer = match client.next(Some(LOOK_INTERVAL)) {
                Ok(answer) => answer,
                Err(ClientError::Silent(_)) => {
                    eprintln!("the daemon is gone; waiting for it");
                    return Ok(End::Gone);
                }
                Err(error) => return Err(error.into()),
            };
            match answer.map(|answer| answer.word) {
                Some(Word::State(state)) => self.tell(&state)?,
                Some(Word::Event(json)) => {
                    let Some(record) = Record::from_json(&json) else {
                        continue;
                    };
                    self.since = Some(record.id);
                    match self.format.json {
                        true => print_json(&record_json(&record))?,
                        false => println!("{}", events::in_colour(&record)),
                    }
                }
                Some(Word::Error(problem)) if problem.code == Code::NoSuchRecord => {
                    anyhow::bail!(problem.message);
                }
                Some(Word::Error(problem)) => return Err(ClientError::Refused(problem).into()),
                Some(_) | None => {}
            }
        }
        Ok(End::Done)
    }

    fn tell(&self, state: &State) -> anyhow::Result<()> {
        if self.format.json {
            return print_json(&json!({ "state": state }));
        }
        let camera = match &state.camera {
            Some(camera) => format!("camera {camera}"),
            None => "camera LOST".into(),
        };
        let faults = state.faults.iter();
        let faults = faults.map(|fault| format!("; FAULT {}: {}", fault.kind, fault.message));
        let listed = match state.people {
            0 => NOBODY_LISTED.to_owned(),
            people => format!("{people} listed"),
        };
        let line = format!("{listed}; {camera}{}", faults.collect::<String>());
        let line = in_words(&line);
        println!("the door is {}; {}", of_door(&state.door), safe(&line));
        Ok(())
    }
}

/// `locked, held open until 2026-03-01 18:00:00`
fn of_door(door: &DoorNow) -> String {
    let until = door
        .until_ms
        .map(|until| local(until, " until %Y-%m-%d %H:%M:%S"));
    format!(
        "{}, mode {}{}",
        door.condition,
        door.mode,
        until.unwrap_or_default()
    )
}

fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}
