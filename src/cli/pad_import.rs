//! `doorward pad-import`: an operator's own network against presentation attacks, into a model
//! set.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::output::Usage;
use super::{Exit, Format, print_json, start_stderr_log};
use crate::config::Config;
use crate::vision::manifest::Colour;
use crate::vision::pad_import::{PadSettings, import};

const USAGE: &str = "doorward pad-import [OPTIONS] FILE --into FOLDER --crop-factor FACTOR
           --colour ORDER --bona-fide-class CLASS --threshold P --calibration TEXT";

/// Which file, and what cannot be read from it.
#[derive(Debug, Args)]
#[command(
    override_usage = USAGE,
    after_help = "The network is asked about made-up pictures before anything is written. It may only refuse: \
    set liveness.network = true to have it asked, and measure it with `doorward pad-test`. \
    MiniFASNet V2 takes an 80x80 crop of 2.7 times the box, BGR 0 to 255, and its class 1 is bona fide; \
    whether it needs --softmax depends on how it was exported."
)]
pub(crate) struct PadImport {
    /// The network, as ONNX
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Folder of the model set it goes into; made from the configured set if it has none
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// What it is called in the set
    #[arg(long, value_name = "NAME", default_value = "pad")]
    id: String,
    /// What is cut out around the face, in sides of its box (1 to 8)
    #[arg(long, value_name = "FACTOR")]
    crop_factor: f32,
    /// Order of the colours it takes
    #[arg(long, value_enum, value_name = "ORDER")]
    colour: Order,
    /// It takes (x - MEAN) / STD; without this 0 to 255
    #[arg(long, num_args = 2, value_names = ["MEAN", "STD"], allow_negative_numbers = true)]
    fixed: Option<Vec<f32>>,
    /// Which of its classes is a person with the own face (bona fide), from 0
    #[arg(long, value_name = "CLASS")]
    bona_fide_class: usize,
    /// Its output is no probabilities yet and goes through a softmax
    #[arg(long)]
    softmax: bool,
    /// A face whose mean probability of being bona fide is lower is refused (0 to 1)
    #[arg(long, value_name = "P")]
    threshold: f32,
    /// Where the threshold comes from, in words: on what it was measured
    #[arg(long, value_name = "TEXT")]
    calibration: String,
    /// The SHA-256 that the file has to have
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// Which colour comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    #[value(name = "RGB", alias = "rgb")]
    Rgb,
    #[value(name = "BGR", alias = "bgr")]
    Bgr,
}

impl PadImport {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let settings = self.settings()?;
        let config = Config::load(path)?;
        let imported = import(&self.file, &self.into, &settings, &config.models)?;
        if self.format.json {
            print_json(&json!(imported))?;
            return Ok(Exit::Done.into());
        }
        let [width, height] = imported.input;
        println!(
            "{} has {} now: {width}x{height} pixels, {} classes, SHA-256 {}",
            imported.manifest.display(),
            imported.id,
            imported.classes,
            imported.sha256
        );
        if self.into != config.models.dir {
            println!("set models.dir to {}", self.into.display());
        }
        if !config.liveness.network {
            println!("set liveness.network = true to have it asked");
        }
        Ok(Exit::Done.into())
    }

    /// # Errors
    /// [`Usage`], before anything is read.
    fn settings(&self) -> Result<PadSettings, Usage> {
        let wrong = |what: &str| Err(Usage(what.to_owned()));
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=40).contains(&self.id.len())
            || !self.id.chars().all(is_plain)
            || self.id.starts_with('-')
        {
            return wrong("--id takes small letters, digits and dashes, up to 40");
        }
        if !(1.0..=8.0).contains(&self.crop_factor) {
            return wrong("--crop-factor is from 1 to 8, in sides of the face's box");
        }
        if !(0.0..=1.0).contains(&self.threshold) {
            return wrong("--threshold is a probability, from 0 to 1");
        }
        if self.calibration.trim().is_empty() {
            return wrong("--calibration has to say where the threshold comes from");
        }
        let fixed = match self.fixed.as_deref() {
            None => None,
            Some(&[mean, std]) if mean.is_finite() && std.is_finite() && std > 0.0 => {
                Some([mean, std])
            }
            Some(_) => return wrong("--fixed takes a mean and a deviation above 0"),
        };
        let sha256 = self.sha256.as_ref().map(|hex| hex.to_ascii_lowercase());
        if sha256
            .as_ref()
            .is_some_and(|hex| hex.len() != 64 || !hex.chars().all(|c| c.is_ascii_hexdigit()))
        {
            return wrong("--sha256 takes 64 hexadecimal digits, as `sha256sum` prints them");
        }
        Ok(PadSettings {
            id: self.id.clone(),
            crop_factor: self.crop_factor,
            colour: match self.colour {
                Order::Rgb => Colour::Rgb,
                Order::Bgr => Colour::Bgr,
            },
            fixed,
            bona_fide_class: self.bona_fide_class,
            softmax: self.softmax,
            threshold: self.threshold,
            calibration: self.calibration.trim().to_owned(),
            sha256,
        })
    }
}
