//! `doorward evaluate` and `doorward calibrate`: what recognition is worth, on photos of
//! known people, and what is learnt from them about scores.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{Format, evaluate_text, output, print_json, start_stderr_log};
use crate::cohort::Cohort;
use crate::config::Config;
use crate::database::Database;
use crate::evidence::dataset::Dataset;
use crate::evidence::embedded::{Embedded, embed};
use crate::evidence::fit::{self, FitError};
use crate::evidence::groups::Groups;
use crate::evidence::left_out::left_out;
use crate::evidence::named::Door;
use crate::evidence::report::{Report, Wanted, measure};
use crate::evidence::{GROUPS_FILE, Part};
use crate::files;
use crate::scoring::Scoring;
use crate::shown::counted;
use crate::vision::Vision;
use crate::vision::manifest_edit::{self, CohortRows, Written};
use crate::whitelist::Snapshot;

/// Where embeddings are kept in a user's cache folder.
const CACHE_FILE: &str = "doorward/embeddings.jsonl";

/// What all commands on photos of known people are told.
#[derive(Debug, Args)]
pub(super) struct Photos {
    /// Folder with one folder of photos a person, or LFW's `images` and `pairs.txt`
    dir: PathBuf,
    /// File that keeps the embeddings, for its owner alone; a run that was stopped goes on
    /// from it, and a photo that changed is embedded anew
    /// [default: doorward/embeddings.jsonl in the user's cache folder]
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Pictures embedded at once
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Smallest face that is looked for, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 40,
          value_parser = clap::value_parser!(u32).range(20..=1000))]
    min_face: u32,
}

impl Photos {
    fn cache(&self) -> PathBuf {
        let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        match (&self.cache, folder("XDG_CACHE_HOME"), folder("HOME")) {
            (Some(cache), _, _) => cache.clone(),
            (None, Some(cache), _) => PathBuf::from(cache).join(CACHE_FILE),
            (None, None, Some(home)) => Path::new(&home).join(".cache").join(CACHE_FILE),
            // In a folder of one's own, as anybody may write to this one.
            (None, None, None) => std::env::temp_dir()
                .join(format!("doorward-{}", rustix::process::getuid().as_raw()))
                .join(CACHE_FILE),
        }
    }

    pub(super) fn embedded(&self, config: &mut Config) -> anyhow::Result<(Dataset, Embedded)> {
        self.embedded_in(config, &self.cache())
    }

    /// The same, and what is left out is said on standard error.
    pub(super) fn embedded_and_told(
        &self,
        config: &mut Config,
    ) -> anyhow::Result<(Dataset, Embedded)> {
        let (dataset, embedded) = self.embedded(config)?;
        let left_out = left_out(&dataset, &embedded, |_| true);
        let whole = "the whole list is in what `doorward evaluate --json` prints";
        let told = evaluate_text::left_out(&left_out, whole);
        match told.trim_end() {
            "" => {}
            told => eprintln!("{told}"),
        }
        Ok((dataset, embedded))
    }

    fn embedded_in(
        &self,
        config: &mut Config,
        cache: &Path,
    ) -> anyhow::Result<(Dataset, Embedded)> {
        config.models.threads = 1;
        config.vision.min_face_px = self.min_face;
        let dataset = Dataset::open(&self.dir)?;
        eprintln!("embeddings are kept in {}", cache.display());
        let start = Instant::now();
        let embedded = embed(
            &dataset,
            &config.models,
            &config.vision,
            usize::from(self.jobs),
            cache,
            |done, all| {
                if !output::json_is_asked() && (done % 50 == 0 || done == all) {
                    let left = start.elapsed().mul_f64((all - done) as f64 / done as f64);
                    eprint!("\r{done} of {all} photos, {} s left   ", left.as_secs());
                    if done == all {
                        eprintln!();
                    }
                }
            },
        )?;
        Ok((dataset, embedded))
    }
}

/// What is measured, and how it is printed.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --all, only people are counted that `doorward calibrate` keeps \
    out of its cohort. Judge a calibration on other photos than it was read from."
)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    photos: Photos,
    /// Count everybody, also the people a cohort may be made of
    #[arg(long)]
    all: bool,
    /// Show another embedder beside it: an id of the model set, or a folder with a set
    #[arg(long, value_name = "ID|FOLDER")]
    against: Option<String>,
    /// Also tell false match rates within groups of people, from a file with a line
    /// person,group for each [default: groups.csv in the folder, if it is there]
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// Also write what it means, the figures and the curves as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Evaluate {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let mut config = Config::load(path)?;
        // Before the photos, which take longer.
        let groups = self.groups()?;
        let (dataset, embedded) = self.photos.embedded(&mut config)?;
        let vision = Vision::open(&config.models, &config.vision)?;
        let part = (!self.all).then_some(Part::Rest);
        let (door, no_door) = match door(&config, &vision, dataset.people.len()) {
            Ok(door) => (Some(door), None),
            Err(why) => (None, Some(why)),
        };
        let wanted = Wanted {
            part,
            door,
            groups: groups.as_ref(),
        };
        let mut report = measure(&dataset, &embedded, vision.scoring(), wanted);
        report.no_door = no_door;
        drop(vision);
        if let Some(other) = &self.against {
            report.against = Some(Box::new(self.other(
                other,
                &config,
                part,
                groups.as_ref(),
            )?));
        }
        if let Some(file) = &self.html {
            let page = super::evaluate_page::page(&report)?;
            files::create(file)
                .and_then(|mut file| file.write_all(page.as_bytes()))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        if self.format.json {
            print_json(&json!(report))?;
        } else {
            evaluate_text::print(&report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Evaluate {
    fn groups(&self) -> anyhow::Result<Option<Groups>> {
        let beside = self.photos.dir.join(GROUPS_FILE);
        let file = match &self.groups {
            Some(file) => file,
            None if beside.exists() => &beside,
            None => return Ok(None),
        };
        Ok(Some(Groups::read(file)?))
    }

    fn other(
        &self,
        which: &str,
        config: &Config,
        part: Option<Part>,
        groups: Option<&Groups>,
    ) -> anyhow::Result<Report> {
        let mut config = config.clone();
        config.models.choose.clear();
        if Path::new(which).join("manifest.toml").is_file() {
            config.models.dir = which.into();
        } else {
            config.models.choose.push(which.to_owned());
        }
        let mut name = self.photos.cache().into_os_string();
        name.push(".against");
        let (dataset, embedded) = self.photos.embedded_in(&mut config, &PathBuf::from(name))?;
        let vision = Vision::open(&config.models, &config.vision)?;
        let scoring = Arc::new(vision.scoring().uncalibrated());
        let wanted = Wanted {
            part,
            door: None,
            groups,
        };
        Ok(measure(&dataset, &embedded, &scoring, wanted))
    }
}

/// The threshold the configuration has for its whitelist; where that cannot be read or is
/// empty, for as many people as there are in the photos. Else why there is none.
fn door(config: &Config, vision: &Vision, people: usize) -> Result<Door, String> {
    let asked = config.access.threshold_request();
    let listed = || {
        let path = &config.whitelist.database;
        if !path.exists() {
            return None;
        }
        let load = |database: &Database| {
            Snapshot::load(database, vision.version(), vision.scoring(), asked)
        };
        let loaded = Database::open_existing(path)
            .map_err(anyhow::Error::from)
            .and_then(|database| load(&database).map_err(anyhow::Error::from));
        match loaded {
            Ok(whitelist) => Some(whitelist.matcher.comparisons()).filter(|people| *people > 0),
            Err(error) => {
                log::warn!("the whitelist is not counted: {}", super::sentence(&error));
                None
            }
        }
    };
    let listed = listed();
    let comparisons = listed.unwrap_or(people);
    let threshold = vision
        .scoring()
        .threshold(asked, comparisons)
        .map_err(|error| error.to_string())?;
    Ok(Door {
        threshold: f64::from(threshold.score.value()),
        from: threshold.from.to_string(),
        comparisons,
        listed: listed.is_some(),
    })
}

/// Where what is learnt goes.
#[derive(Debug, Args)]
#[command(
    after_help = "If FOLDER is that of the model set, its manifest.toml names the two files from then on; \
    else the [[scoring]] section to put there is printed. \
    Every row of the cohort blends eight people or more and resembles none of them as a stranger \
    in a thousand would."
)]
pub(crate) struct Calibrate {
    #[command(flatten)]
    photos: Photos,
    /// Folder the cohort and the calibration are written to
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Make no cohort: scores are plain cosines
    #[arg(long)]
    no_cohort: bool,
    /// What the photos are, in words, for the calibration
    #[arg(long, value_name = "TEXT", default_value = "own photos")]
    data: String,
    #[command(flatten)]
    format: Format,
}

impl Calibrate {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let mut config = Config::load(path)?;
        let (dataset, embedded) = self.photos.embedded_and_told(&mut config)?;
        let fitted = match (self.no_cohort, fit::cohort(&dataset, &embedded)) {
            (true, _) => None,
            (false, Ok(fitted)) => Some(fitted),
            (false, Err(error @ FitError::TooAlike(_))) => {
                eprintln!("scores stay plain cosines: {error}");
                None
            }
            (false, Err(error)) => return Err(error.into()),
        };
        let cohort = match &fitted {
            Some(f) => Some(Cohort::from_bytes(
                &f.bytes,
                f.size,
                fit::NEAREST_ROWS,
                f.mean,
                f.std_dev,
            )?),
            None => None,
        };
        let scoring = Scoring::new(cohort, None);
        let calibration = fit::calibration(&dataset, &embedded, &scoring, &self.data)?;
        for check in fit::cross_check(&dataset, &embedded, &scoring) {
            eprintln!(
                "fitted to one half of the people, a promised false match rate of {:.0e} is {:.1e} and {:.1e} on the other",
                check.promised, check.seen[0], check.seen[1]
            );
        }
        let rows = fitted.as_ref().map(|f| CohortRows {
            bytes: &f.bytes,
            size: f.size,
            nearest_rows: fit::NEAREST_ROWS,
            mean: f.mean,
            std_dev: f.std_dev,
        });
        let written = manifest_edit::add_scoring(&self.out, &calibration, rows)?;
        if let Some(f) = &fitted {
            eprintln!(
                "{} of {} each, the nearest to anybody in it has cosine {:.3}",
                counted(fit::COHORT_ROWS, "row", "rows"),
                counted(f.blended, "person", "people"),
                f.nearest
            );
        }
        eprintln!(
            "{} impostor pairs of {}, backed down to a false match rate of {:.1e}",
            calibration.impostor_pairs,
            counted(calibration.people, "person", "people"),
            calibration.backed_to()
        );
        if self.format.json {
            let (manifest, section) = match &written {
                Written::Manifest(path) => (Some(path), None),
                Written::Section(section) => (None, Some(section)),
            };
            print_json(&json!({
                "model": embedded.model,
                "manifest": manifest,
                "section": section,
                "people": calibration.people,
                "impostor_pairs": calibration.impostor_pairs,
                "backed_to_fmr": calibration.backed_to(),
                "cohort_rows": fitted.as_ref().map(|_| fit::COHORT_ROWS),
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        match written {
            Written::Manifest(path) => println!("{} has it now", path.display()),
            Written::Section(section) => print!("{section}"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
