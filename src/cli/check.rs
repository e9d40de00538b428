//! `doorward check`: every part tried once; each line is ok or says what to do.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{Format, print_json, sentence, start_stderr_log};
use crate::audit::Log;
use crate::camera::{self, CameraError, Next};
use crate::config::Config;
use crate::database::Database;
use crate::door::relay::{self, RelayError};
use crate::embedding::ModelVersion;
use crate::vision::Vision;
use crate::whitelist;

/// How the result is printed.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 0 if nothing is wrong. The relay is only locked, never energised."
)]
pub struct Check {
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
        let text = text.into();
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
                check_all(&config, &mut report);
            }
            Err(error) => report.add("configuration", Verdict::Wrong, error.to_string()),
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
                let verdict = match verdict {
                    Verdict::Ok => "ok",
                    Verdict::Unknown => "?",
                    Verdict::Wrong => "WRONG",
                };
                println!("{verdict:<6}{part:<14} {text}");
            }
        }
        Ok(ExitCode::from(u8::from(wrong)))
    }
}

fn check_all(config: &Config, report: &mut Report) {
    // The relay first: opening it locks the door.
    check_relay(config, report);
    let vision = match Vision::open(&config.models, &config.vision) {
        Ok(mut vision) => {
            let text = format!("set {}, embedder {}", vision.set(), vision.version());
            report.add("models", Verdict::Ok, text);
            report.result("networks", try_networks(&mut vision, config));
            Some(vision)
        }
        Err(error) => {
            report.add("models", Verdict::Wrong, error.to_string());
            None
        }
    };
    check_camera(config, report);
    check_database(config, vision.as_ref().map(Vision::version), report);
}

fn check_relay(config: &Config, report: &mut Report) {
    match relay::open(&config.relay) {
        Ok(relay) => report.add(
            "relay",
            Verdict::Ok,
            format!("{}, locked", relay.describe()),
        ),
        Err(error @ RelayError::Busy { .. }) if error.to_string().contains(relay::CONSUMER) => {
            let text = "in the hands of a running doorward";
            report.add("relay", Verdict::Unknown, text);
        }
        Err(error) => report.add("relay", Verdict::Wrong, error.to_string()),
    }
}

fn try_networks(vision: &mut Vision, config: &Config) -> anyhow::Result<String> {
    let picture = image::RgbImage::from_pixel(
        config.camera.width,
        config.camera.height,
        image::Rgb([128; 3]),
    );
    let aligned = crate::vision::AlignedFace {
        pixels: image::imageops::resize(&picture, 160, 160, image::imageops::FilterType::Triangle),
        quality: crate::vision::quality::Quality {
            size_px: 160.0,
            score: 1.0,
            sharpness: 0.0,
            luma: 128.0,
        },
    };
    let start = Instant::now();
    vision.detect(&picture)?;
    vision.embed(&aligned)?;
    Ok(format!(
        "a first frame of {}x{} took {:.0} ms",
        picture.width(),
        picture.height(),
        start.elapsed().as_secs_f64() * 1000.0
    ))
}

fn check_camera(config: &Config, report: &mut Report) {
    let part = "camera";
    let mut source = match camera::open(&config.camera) {
        Ok(source) => source,
        Err(error @ CameraError::Busy { .. }) => {
            let text = format!("{error} (a running doorward has it, perhaps)");
            report.add(part, Verdict::Unknown, text);
            return;
        }
        Err(error) => {
            report.add(part, Verdict::Wrong, error.to_string());
            return;
        }
    };
    let patience = Duration::from_millis(config.camera.stall_ms);
    let until = Instant::now() + patience;
    let mut last = None;
    while Instant::now() < until {
        match source.next_frame(Duration::from_millis(200)) {
            Ok(Next::Frame(_)) => {
                let text = format!("{}, gives frames", source.describe());
                report.add(part, Verdict::Ok, text);
                return;
            }
            Ok(Next::Ended) => break,
            Err(error) if error.is_passing() => last = Some(error.to_string()),
            Err(error) => {
                report.add(part, Verdict::Wrong, error.to_string());
                return;
            }
        }
    }
    let text = format!(
        "{} gave no frame in {} ms{}",
        source.describe(),
        config.camera.stall_ms,
        last.map_or(String::new(), |e| format!(": {e}"))
    );
    report.add(part, Verdict::Wrong, text);
}

fn check_database(config: &Config, model: Option<&ModelVersion>, report: &mut Report) {
    let part = "database";
    let database = match Database::open_existing(&config.whitelist.database) {
        Ok(database) => database,
        Err(error) => {
            report.add(part, Verdict::Wrong, error.to_string());
            return;
        }
    };
    report.result(
        part,
        database
            .integrity_check()
            .map(|()| database.path().display().to_string())
            .map_err(Into::into),
    );
    if let Some(model) = model {
        report.result(
            "whitelist",
            whitelist::gallery(&database, model)
                .map_err(anyhow::Error::from)
                .and_then(|gallery| {
                    anyhow::ensure!(
                        !gallery.is_empty(),
                        "nobody can be let in yet: doorward enroll NAME PHOTO..."
                    );
                    Ok(format!(
                        "{} people, {} templates",
                        gallery.people(),
                        gallery.len()
                    ))
                }),
        );
    }
    report.result(
        "audit log",
        Log::new(database)
            .verify()
            .map(|verified| verified.to_string())
            .map_err(Into::into),
    );
}
