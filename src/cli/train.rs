//! `doorward train`: a head for one's own people on top of the embedder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;

use super::evaluate::{Photos, sha256};
use super::start_stderr_log;
use crate::config::Config;
use crate::embedding::Embedding;
use crate::evidence::dataset::Dataset;
use crate::evidence::rates::{Scores, Side};
use crate::evidence::{Part, embedded::Embedded, fit, head};
use crate::risk;
use crate::scoring::Scoring;
use crate::vision::head::Head;
use crate::vision::{Vision, manifest_edit};

/// How far a head may go from doing nothing; what serves best is chosen on people it was not learnt from.
const TETHERS: [f64; 3] = [1.0, 0.1, 0.01];
/// Impostor pairs that must lie over a threshold for its rate to mean something.
const LEAST_PAIRS: f64 = 10.0;
/// By SHA-256 of the name: tenths of people to learn from, to choose on, and the rest to report on.
const LEARN: std::ops::Range<u8> = 0..5;
const CHOOSE: std::ops::Range<u8> = 5..6;
const REPORT: std::ops::Range<u8> = 6..10;

/// What to learn from, and where the result goes.
#[derive(Debug, Args)]
#[command(
    after_help = "Six of ten people are learnt from, the other four show whether it helped. A head \
    that does not recognise more of them at the configured risk is not written. The network itself \
    is not changed."
)]
pub struct Train {
    #[command(flatten)]
    photos: Photos,
    /// Folder of the model set the head goes into [default: models.dir]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// What the embedder with the head is called
    #[arg(long, value_name = "ID", default_value = "own")]
    id: String,
    /// People on the whitelist it has to serve
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
}

impl Train {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            !self.id.is_empty() && self.id.len() <= 40 && self.id.chars().all(plain),
            "--id {:?}: use small letters, digits and dashes, 40 at most",
            self.id
        );
        let mut config = Config::load(path)?;
        let risk = config.access.asked().risk;
        let (dataset, embedded) = self.photos.embedded(&mut config)?;
        let base = embedded.model.as_str().split('@').next().unwrap_or("model");
        let people = |tenths: std::ops::Range<u8>| faces(&dataset, &embedded, tenths);
        let (learn, choose, report) = (people(LEARN), people(CHOOSE), people(REPORT));
        let needed = risk::false_match_rate(risk, self.people as usize);

        let mut best: Option<(f64, f64)> = None;
        for tether in TETHERS {
            let tar = rate(&choose, Some(&learnt(&learn, tether)?), needed)
                .context("too few people with two photos and more to learn from")?
                .tar;
            eprintln!("held by {tether}: TAR {tar:.4} on people it was not learnt from");
            if best.is_none_or(|(most, _)| tar > most) {
                best = Some((tar, tether));
            }
        }
        let (_, tether) = best.context("nothing to choose from")?;
        let rows = train(&people(LEARN.start..CHOOSE.end), tether)?;
        let head = matrix(&rows)?;
        let before = rate(&report, None, needed).context("too few people to report on")?;
        let after = rate(&report, Some(&head), needed).context("too few people to report on")?;
        println!(
            "{} photos of people it was not learnt from, at a false match rate of {:.1e}{}:",
            report.len(),
            before.fmr,
            if before.fmr > needed {
                format!(
                    " ({risk} with {} people asks for {needed:.1e}, which so few cannot show)",
                    self.people
                )
            } else {
                String::new()
            }
        );
        println!(
            "  before  TAR {:.4}\n  after   TAR {:.4}",
            before.tar, after.tar
        );
        if after.tar <= before.tar {
            println!("Not better: nothing was written.");
            return Ok(ExitCode::FAILURE);
        }
        self.install(&config, base, &rows)
    }

    fn install(&self, config: &Config, base: &str, rows: &[f64]) -> anyhow::Result<ExitCode> {
        let folder = self.out.as_ref().unwrap_or(&config.models.dir);
        let manifest = folder.join("manifest.toml");
        ensure!(
            manifest.is_file(),
            "{} is not there: give the folder of a model set that holds {base} with --out",
            manifest.display()
        );
        let bytes = Head::to_bytes(rows);
        let file = format!("{}-head.f32", self.id);
        let path = folder.join(&file);
        std::fs::write(&path, &bytes)
            .with_context(|| format!("cannot write {}", path.display()))?;
        manifest_edit::add_head(&manifest, base, &self.id, &file, &sha256(&bytes))?;
        // As it will be loaded: a set that does not open is told now, not at the door.
        let mut config = config.clone();
        config.models.dir.clone_from(folder);
        config.models.choose = vec![self.id.clone()];
        let version = Vision::open(&config.models, &config.vision)?
            .version()
            .clone();
        println!(
            "{version} is in {}. Put models.choose = [\"{}\"] into the configuration, `doorward calibrate` it with --no-cohort, and enroll everybody for it (`doorward people migrate`).",
            manifest.display(),
            self.id
        );
        Ok(ExitCode::SUCCESS)
    }
}

fn faces<'a>(
    dataset: &'a Dataset,
    embedded: &'a Embedded,
    tenths: std::ops::Range<u8>,
) -> Vec<(usize, &'a Embedding)> {
    fit::faces_of(dataset, embedded, None)
        .filter(|(person, _)| {
            let name = dataset.people.get(*person);
            name.is_some_and(|n| tenths.contains(&Part::tenth(n)))
        })
        .collect()
}

fn train(faces: &[(usize, &Embedding)], tether: f64) -> anyhow::Result<Vec<f64>> {
    head::train(faces, tether).map_err(|e| anyhow::anyhow!("the optimiser gave up: {e}"))
}

fn learnt(faces: &[(usize, &Embedding)], tether: f64) -> anyhow::Result<Head> {
    matrix(&train(faces, tether)?)
}

fn matrix(rows: &[f64]) -> anyhow::Result<Head> {
    let size = rows.len().isqrt();
    Head::from_bytes(&Head::to_bytes(rows), size).context("what was learnt is no finite matrix")
}

struct Rate {
    fmr: f64,
    tar: f64,
}

/// True match rate of one photo against one at a false match rate, or at the lowest the
/// pairs can show. `None` without pairs of both kinds.
fn rate(faces: &[(usize, &Embedding)], head: Option<&Head>, fmr: f64) -> Option<Rate> {
    let cosines = Scoring::default();
    let sides: Vec<Side> = faces
        .iter()
        .filter_map(|(person, face)| match head {
            None => Side::new(*person, &[*face], &cosines),
            Some(head) => {
                let turned = Embedding::new(face.model(), head.apply(face.as_slice())).ok()?;
                Side::new(*person, &[&turned], &cosines)
            }
        })
        .collect();
    let scores = Scores::of_all_pairs(&sides, &cosines);
    if scores.genuine_pairs() == 0 || scores.impostor_pairs() == 0 {
        return None;
    }
    let fmr = fmr.max(LEAST_PAIRS / scores.impostor_pairs() as f64);
    let tar = scores.at_threshold(scores.at_threshold_of_fmr(fmr)).1;
    Some(Rate { fmr, tar })
}
