//! `doorward evaluate` and `doorward calibrate`: what recognition is worth, on photos of
//! known people, and what is learnt from them about scores.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{Format, print_json, start_stderr_log};
use crate::cohort::Cohort;
use crate::config::Config;
use crate::evidence::Part;
use crate::evidence::dataset::Dataset;
use crate::evidence::embedded::{Embedded, embed};
use crate::evidence::fit::{self, FitError};
use crate::evidence::report::{Report, measure};
use crate::scoring::Scoring;
use crate::vision::Vision;
use crate::vision::manifest_edit::{self, CohortRows, Written};

/// What both commands are told.
#[derive(Debug, Args)]
pub(super) struct Photos {
    /// Folder with one folder of photos a person, or LFW's `images` and `pairs.txt`
    dir: PathBuf,
    /// File that keeps the embeddings; a run that was stopped goes on from it
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
        match &self.cache {
            Some(cache) => cache.clone(),
            None => std::env::temp_dir().join("doorward-embeddings.jsonl"),
        }
    }

    pub(super) fn embedded(&self, config: &mut Config) -> anyhow::Result<(Dataset, Embedded)> {
        self.embedded_in(config, &self.cache())
    }

    fn embedded_in(
        &self,
        config: &mut Config,
        cache: &Path,
    ) -> anyhow::Result<(Dataset, Embedded)> {
        config.models.threads = 1;
        config.vision.min_face_px = self.min_face;
        let dataset = Dataset::open(&self.dir)?;
        let start = Instant::now();
        let embedded = embed(
            &dataset,
            &config.models,
            &config.vision,
            usize::from(self.jobs),
            cache,
            |done, all| {
                if done % 50 == 0 || done == all {
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
    /// Also write the figures and curves as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Evaluate {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let mut config = Config::load(path)?;
        let (dataset, embedded) = self.photos.embedded(&mut config)?;
        let vision = Vision::open(&config.models, &config.vision)?;
        let part = (!self.all).then_some(Part::Rest);
        let mut report = measure(&dataset, &embedded, vision.scoring(), part);
        drop(vision);
        if let Some(other) = &self.against {
            report.against = Some(Box::new(self.other(other, &config, part)?));
        }
        if let Some(file) = &self.html {
            std::fs::write(file, super::evaluate_page::page(&report)?)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        if self.format.json {
            print_json(&json!(report))?;
        } else {
            print(&report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Evaluate {
    fn other(&self, which: &str, config: &Config, part: Option<Part>) -> anyhow::Result<Report> {
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
        Ok(measure(&dataset, &embedded, &scoring, part))
    }
}

fn print_beside(one: &Report, other: &Report) {
    println!("\nside by side, cosine{:>30}{:>28}", one.model, other.model);
    let row = |what: &str, a: f64, b: f64| {
        println!("  {what:<34}{a:>14.4}{b:>28.4}   ({:+.4})", a - b);
    };
    if let (Some((a, _)), Some((b, _))) = (&one.accuracy, &other.accuracy) {
        row("accuracy on the list of pairs", *a, *b);
    }
    let first = |r: &Report| {
        r.scorings.first().map_or(Vec::new(), |s| {
            s.verification
                .iter()
                .map(|v| (v.photos, v.frames, v.at.clone()))
                .collect()
        })
    };
    for ((photos, frames, a), (_, _, b)) in first(one).iter().zip(first(other)) {
        for (a, b) in a.iter().zip(b) {
            row(
                &format!("TAR at {:.0e}, {photos} photo(s) {frames} frame(s)", a.fmr),
                a.tar,
                b.tar,
            );
        }
    }
}

fn print(report: &Report) {
    println!("{} on {}", report.model, report.who);
    println!(
        "{} people, {} photos; no face in {} of them (failure to enrol {:.2} %), {} unreadable",
        report.people,
        report.photos,
        report.failed_to_enrol,
        100.0 * report.failed_to_enrol as f64 / report.photos.max(1) as f64,
        report.unreadable
    );
    if let Some((mean, folds)) = &report.accuracy {
        let folds: Vec<String> = folds.iter().map(|a| format!("{a:.4}")).collect();
        println!(
            "accuracy on the list of pairs, everybody, cosine: {mean:.4} ({})",
            folds.join(" ")
        );
    }
    for scoring in &report.scorings {
        println!("\n{}", scoring.name);
        for v in &scoring.verification {
            println!(
                "  {} photo(s) against {} frame(s): {} genuine, {} impostor, equal error rate {:.4}",
                v.photos, v.frames, v.genuine, v.impostor, v.equal_error_rate
            );
            for at in &v.at {
                println!(
                    "    FMR {:.0e}  score {:.3}  TAR {:.4}  (95 %: {:.4} to {:.4}){}",
                    at.fmr,
                    at.threshold,
                    at.tar,
                    at.low,
                    at.high,
                    if at.impostors_over < 10 {
                        "  few impostors"
                    } else {
                        ""
                    }
                );
            }
        }
        if !scoring.identification.is_empty() {
            println!("  people  photos  frames    FPIR   score    FNIR");
        }
        for i in &scoring.identification {
            println!(
                "  {:>6}  {:>6}  {:>6}  {:.4}  {:.3}  {:.4}",
                i.people, i.photos, i.frames, i.fpir, i.threshold, i.fnir
            );
        }
    }
    if !report.held_out.is_empty() {
        println!(
            "\nfalse match rate promised by a calibration of half of the people, and seen on the other half"
        );
        for check in &report.held_out {
            let [a, b] = check.seen;
            println!(
                "  promised {:.0e}  seen {a:.1e} and {b:.1e}  ({:.2} and {:.2} times)",
                check.promised,
                a / check.promised,
                b / check.promised
            );
        }
    }
    if let Some(other) = &report.against {
        print_beside(report, other);
    }
    if !report.promises.is_empty() {
        println!("\nfalse match rate promised by the calibration in use, and seen here");
        for p in &report.promises {
            println!(
                "  score {:.3}  promised {:.1e}  seen {:.1e}  ({:.2} times)",
                p.threshold,
                p.promised,
                p.seen,
                p.seen / p.promised
            );
        }
    }
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
}

impl Calibrate {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let mut config = Config::load(path)?;
        let (dataset, embedded) = self.photos.embedded(&mut config)?;
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
                "{} rows of {} people each, the nearest to anybody in it has cosine {:.3}",
                fit::COHORT_ROWS,
                f.blended,
                f.nearest
            );
        }
        eprintln!(
            "{} impostor pairs of {} people, backed down to a false match rate of {:.1e}",
            calibration.impostor_pairs,
            calibration.people,
            calibration.backed_to()
        );
        match written {
            Written::Manifest(path) => println!("{} has it now", path.display()),
            Written::Section(section) => print!("{section}"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
