//! `doorward threshold`: the number a face has to reach at this door, explained.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Format, print_json, start_stderr_log};
use crate::config::Config;
use crate::database::Database;
use crate::risk::ThresholdSource;
use crate::shown::counted;
use crate::vision::Vision;
use crate::whitelist::Snapshot;

/// How it is printed.
#[derive(Debug, Args)]
pub struct Threshold {
    /// As if so many people were listed, instead of those who are
    #[arg(long, value_name = "N")]
    people: Option<usize>,
    #[command(flatten)]
    format: Format,
}

impl Threshold {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let vision = Vision::open(&config.models, &config.vision)?;
        let asked = config.access.threshold_request();
        let (model, scoring) = (vision.version(), vision.scoring());
        let whitelist = if config.whitelist.database.exists() {
            let database = Database::open_existing(&config.whitelist.database)?;
            Snapshot::load(&database, model, scoring, asked)?
        } else {
            Snapshot::empty(model, scoring, asked)
        };
        let photos = whitelist.matcher.templates();
        let people = self.people.unwrap_or(whitelist.matcher.comparisons());
        let threshold = whitelist.matcher.threshold_with(people)?;
        let calibration = scoring.calibration();
        let rates = calibration.and_then(|c| c.rates_at(threshold.score));
        // A stranger meets every template once; the templates count as independent.
        let fpir = rates.map(|r| 1.0 - (1.0 - r.fmr).powf(people as f64));
        if self.format.json {
            print_json(&json!({
                "threshold": threshold.score,
                "from": threshold.from.to_string(),
                "people": people,
                "photos": photos,
                "false_match_rate": rates.map(|r| r.fmr),
                "false_positive_identification_rate": fpir,
                "false_negative_rate_one_photo_one_frame": rates.map(|r| 1.0 - r.tar),
                "false_negative_rate_three_photos_one_frame": rates.map(|r| 1.0 - r.tar_three_photos),
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        println!(
            "A face has to reach a score of {:.3}, {}.",
            threshold.score, threshold.from
        );
        match self.people {
            Some(_) => println!("That is for {}.", counted(people, "person", "people")),
            None => println!(
                "{} listed, with {}.",
                counted(people, "person is", "people are"),
                counted(photos, "photo", "photos")
            ),
        }
        match (rates, fpir, calibration) {
            (Some(rates), Some(fpir), Some(calibration)) => {
                println!(
                    "At that score a stranger matches one listed person in {} of cases, and any of them in {}.",
                    one_in(rates.fmr),
                    one_in(fpir)
                );
                println!(
                    "A listed person is not recognised in {:.1} % of single frames with one photo on the list, in {:.1} % with three; the frames of an approach together make that less.",
                    100.0 * (1.0 - rates.tar),
                    100.0 * (1.0 - rates.tar_three_photos)
                );
                println!(
                    "Measured on {} people ({}): {} pairs of strangers. Not your door: people who resemble each other, by family or by origin, match far more often.",
                    calibration.people, calibration.data, calibration.impostor_pairs
                );
            }
            (_, _, Some(calibration)) => println!(
                "What it means cannot be told: the calibration is backed by data down to a false match rate of {:.1e} only.",
                calibration.backed_to()
            ),
            _ => {
                println!("What it means cannot be told: these networks came without a calibration.")
            }
        }
        if threshold.from == ThresholdSource::Configured {
            println!(
                "WARNING: this is your own number. It does not follow the number of people; take access.threshold out to have it follow from access.false_accept."
            );
        }
        if people > 0 && photos < 3 * people && self.people.is_none() {
            println!(
                "More photos would help most: on average there are {:.1} a person, three or more are better.",
                photos as f64 / people as f64
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn one_in(rate: f64) -> String {
    if rate > 0.0 {
        format!("1 in {:.0}", 1.0 / rate)
    } else {
        "none".into()
    }
}
