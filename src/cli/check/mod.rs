//! `doorward check`: every part tried once; each line is ok or says what to do. What is tried
//! is opened by what the daemon opens it by, but nothing is written.

mod infrared;
mod key;
mod panel;
mod risk;
mod sight;
mod system;
mod trust;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::colour::{Hue, painted};
use super::{Exit, Format, access, print_json, sentence, start_stderr_log};
use crate::config::{self, Config, Driver};
use crate::daemon::access_rules;
use crate::database::{Database, DatabaseError};
use crate::door::relay::{self, RelayError, simulated};
use crate::gpio::{Holder, LineError};
use crate::guardian::{NoService, ServiceFolder};
use crate::record::Log;
use crate::shown::{counted, in_words};
use crate::vision::Vision;
use crate::whitelist::{self, Matcher};

/// How the result is printed.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 0 if nothing is wrong, also when nobody stands before the camera, and with 1 if\nsomething is. Writes nothing. The relay is only locked, never energised."
)]
pub(crate) struct Check {
    #[command(flatten)]
    format: Format,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// Could not be tried, for example because the daemon has it.
    Unknown,
    Wrong,
}

#[derive(Debug, Serialize)]
struct Line {
    part: &'static str,
    verdict: Verdict,
    text: String,
}

#[derive(Debug, Default)]
struct Report(Vec<Line>);

impl Report {
    fn add(&mut self, part: &'static str, verdict: Verdict, text: impl Into<String>) {
        let text = super::with_sudo(in_words(&text.into()).into_owned());
        self.0.push(Line {
            part,
            verdict,
            text,
        });
    }

    fn result(&mut self, part: &'static str, result: anyhow::Result<String>) {
        match result {
            Ok(text) => self.add(part, Verdict::Ok, text),
            Err(error) => self.add(part, Verdict::Wrong, sentence(&error)),
        }
    }
}

impl Check {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let mut report = Report::default();
        match Config::load(path) {
            Ok(config) => {
                report.add("configuration", Verdict::Ok, path.display().to_string());
                // The relay first: opening it locks the door. Before root becomes the
                // service's user, whom the line is not for.
                check_relay(&config, &mut report);
                panel::check(&config, &mut report);
                // As what the service finds there.
                super::become_owner(&config)?;
                trust::check_hands(path, &config, &mut report);
                check_all(&config, &mut report);
            }
            // A line each.
            Err(error) => error
                .to_string()
                .lines()
                .for_each(|line| report.add("configuration", Verdict::Wrong, line)),
        }
        let wrong = report.0.iter().any(|l| l.verdict == Verdict::Wrong);
        if self.format.json {
            print_json(&json!({ "ok": !wrong, "checks": report.0 }))?;
        } else {
            for Line {
                part,
                verdict,
                text,
            } in &report.0
            {
                let (verdict, hue) = match verdict {
                    Verdict::Ok => ("ok", Hue::Good),
                    Verdict::Unknown => ("?", Hue::Unclear),
                    Verdict::Wrong => ("WRONG", Hue::Fault),
                };
                let verdict = painted(&format!("{verdict:<6}"), Some(hue));
                println!("{verdict}{part:<14} {text}");
            }
        }
        Ok(if wrong { Exit::No } else { Exit::Done }.into())
    }
}

fn check_all(config: &Config, report: &mut Report) {
    let opened = Vision::look(&config.models, &config.vision);
    let mut vision = match opened.and_then(|vision| vision.with_pad(config)) {
        Ok(vision) => {
            let text = format!(
                "set {}: {}; every file as its hash says",
                vision.set(),
                vision.networks().join(", ")
            );
            report.add("models", Verdict::Ok, text);
            trust::check_set(&config.models, report);
            Some(vision)
        }
        Err(error) => {
            report.add("models", Verdict::Wrong, error.to_string());
            None
        }
    };
    check_rules(config, report);
    let matcher = check_database(config, vision.as_ref(), report);
    let seen = sight::check_camera(config, report);
    infrared::check_infrared(config, &seen, report);
    if let Some(vision) = &mut vision {
        report.result(
            "recognition",
            sight::check_stages(vision, matcher.as_ref(), &seen, config),
        );
        sight::check_picture(vision, &seen.frames, config, report);
    }
    system::check_disk(&config.whitelist.database, report);
    system::check_clock(report);
    system::check_service(report);
}

/// As the daemon reads them; a line each mistake.
fn check_rules(config: &Config, report: &mut Report) {
    let part = "access rules";
    match access_rules::load(config) {
        Ok(rules) => report.add(part, Verdict::Ok, access::summary(config, &rules)),
        Err(fault) => {
            for line in access::mistakes(&fault) {
                report.add(part, Verdict::Wrong, line);
            }
        }
    }
}

fn check_relay(config: &Config, report: &mut Report) {
    let part = "relay";
    let line = &config.relay;
    match ServiceFolder::of(line).find(line) {
        Ok(_) => {
            let text = format!("{}, in the hands of its guardian", relay::describe(line));
            return report.add(part, Verdict::Ok, text);
        }
        Err(error @ NoService::AnotherLine { .. }) if line.driver != Driver::Simulated => {
            return report.add(part, Verdict::Wrong, error.to_string());
        }
        Err(_) => {}
    }
    if line.driver == Driver::Simulated {
        return check_simulated(line, report);
    }
    match relay::open(line) {
        Ok(relay) => report.add(part, Verdict::Ok, format!("{}, locked", relay.describe())),
        Err(RelayError::Line(LineError::Busy {
            holder: Holder::Doorward,
            ..
        })) => report.add(part, Verdict::Unknown, "in the hands of a running doorward"),
        Err(error) => report.add(part, Verdict::Wrong, error.to_string()),
    }
}

/// The file that stands for a line is looked at and left as it is.
fn check_simulated(relay: &config::Relay, report: &mut Report) {
    let what = relay::describe(relay);
    let (verdict, text) = match simulated::is_energised(&relay.state_file) {
        _ if !relay.state_file.exists() => (Verdict::Ok, format!("{what}, not made yet")),
        Ok(false) => (Verdict::Ok, format!("{what}, locked")),
        Ok(true) => (
            Verdict::Unknown,
            format!("{what}, energised: by a running doorward, or one that was killed"),
        ),
        Err(error) => (Verdict::Wrong, error.to_string()),
    };
    report.add("relay", verdict, text);
}

/// Says so where somebody who may pass lacks what everybody has to give.
fn check_factors(database: &Database, config: &Config, report: &mut Report) {
    let part = "factors";
    let demand = config.factors.demand;
    if demand == config::Demand::Never {
        return;
    }
    let lacking = whitelist::people(database).and_then(|people| {
        let mut lacking = Vec::new();
        for person in people.into_iter().filter(|person| person.enabled) {
            let has = whitelist::factors_of(database, person.id)?;
            let has_card = has.cards.iter().any(|kept| !kept.lost);
            let may_pass = match demand {
                config::Demand::Never => true,
                config::Demand::Pin => has.has_pin,
                config::Demand::Card => has_card,
                config::Demand::Any => has.has_pin || has_card,
            };
            if !may_pass {
                lacking.push(person.name);
            }
        }
        Ok(lacking)
    });
    match lacking.as_deref() {
        Ok([]) => report.add(
            part,
            Verdict::Ok,
            "everybody has what factors.demand asks for",
        ),
        Ok([first, more @ ..]) => {
            let more = match more.len() {
                0 => String::new(),
                others => format!(" and {}", counted(others, "other", "others")),
            };
            let text = format!(
                "factors.demand = \"{demand}\", which {first}{more} cannot give: `doorward people \
                 pin` and `doorward people card` give PINs and cards out"
            );
            report.add(part, Verdict::Wrong, text);
        }
        Err(error) => report.add(part, Verdict::Wrong, error.to_string()),
    }
}

/// Also gives what faces are compared with, as the daemon does it, if anybody is enrolled.
fn check_database(
    config: &Config,
    vision: Option<&Vision>,
    report: &mut Report,
) -> Option<Matcher> {
    let part = "database";
    let database = match Database::look(&config.whitelist.database) {
        Ok(database) => database,
        Err(error @ DatabaseError::PastVersion { .. }) => {
            report.add(part, Verdict::Unknown, error.to_string());
            return None;
        }
        Err(error) => {
            report.add(part, Verdict::Wrong, error.to_string());
            return None;
        }
    };
    report.result(
        part,
        database
            .integrity_check()
            .map(|()| database.path().display().to_string())
            .map_err(Into::into),
    );
    if let Ok(about) = std::fs::metadata(database.path())
        && about.mode() & 0o077 != 0
    {
        let path = database.path().display();
        let text = format!("{path} holds faces and can be read by others: sudo chmod 600 {path}");
        report.add(part, Verdict::Wrong, text);
    }
    match super::people::photos_against_will(&database, config) {
        Ok(Some(text)) => report.add("photos", Verdict::Wrong, text),
        Ok(None) => {}
        Err(error) => report.add("photos", Verdict::Wrong, error.to_string()),
    }
    key::check(&database, report);
    check_factors(&database, config, report);
    let matcher =
        vision.and_then(|vision| risk::check_whitelist(&database, vision, config, report));
    report.result(
        "audit log",
        Log::new(database, config.daemon.door.clone())
            .verify(&[])
            .map(|verified| verified.to_string())
            .map_err(Into::into),
    );
    matcher
}
