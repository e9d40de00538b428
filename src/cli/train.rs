//! `doorward train`: a projection for one's own people on top of the embedder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;
use serde_json::json;

use super::evaluate::Photos;
use super::{Exit, Format, print_json, start_stderr_log};
use crate::config::Config;
use crate::embedding::ModelVersion;
use crate::evidence::own_projection::OwnProjection;
use crate::risk;
use crate::shown::counted;
use crate::vision::projection::Projection;
use crate::vision::{Vision, manifest_edit};

/// What to learn from, and where the result goes.
#[derive(Debug, Args)]
#[command(
    after_help = "Six of ten people are learnt from, the other four show whether it helped. A projection \
    that does not recognise more of them at the configured risk is not written. The network itself \
    is not changed."
)]
pub(crate) struct Train {
    #[command(flatten)]
    photos: Photos,
    /// Folder of the model set the projection goes into [default: models.dir]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// What the embedder with the projection is called
    #[arg(long, value_name = "ID", default_value = "own")]
    id: String,
    /// People on the whitelist it has to serve
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    #[command(flatten)]
    format: Format,
}

impl Train {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            !self.id.is_empty() && self.id.len() <= 40 && self.id.chars().all(plain),
            "--id \"{}\": use small letters, digits and dashes, 40 at most",
            self.id
        );
        let mut config = Config::load(path)?;
        let risk = config.access.threshold_request().risk;
        let (dataset, embedded) = self.photos.embedded_and_told(&mut config)?;
        let needed = risk::false_match_rate(risk, self.people as usize);
        let learnt = OwnProjection::learn(&dataset, &embedded, needed)?;
        for (tether, tar) in &learnt.tried {
            eprintln!("held by {tether}: TAR {tar:.4} on people it was not learnt from");
        }
        if self.format.json {
            let version = match learnt.is_better() {
                true => Some(self.add(&config, embedded.model.id(), &learnt.rows)?),
                false => None,
            };
            print_json(&json!({
                "photos": learnt.photos,
                "fmr": learnt.before.fmr,
                "needed_fmr": needed,
                "tar_before": learnt.before.tar,
                "tar_after": learnt.after.tar,
                "model": version.as_ref().map(|(version, _)| version),
                "manifest": version.as_ref().map(|(_, manifest)| manifest),
            }))?;
            return Ok(if learnt.is_better() {
                Exit::Done
            } else {
                Exit::No
            }
            .into());
        }
        println!(
            "{} of people it was not learnt from, at a false match rate of {:.1e}{}:",
            counted(learnt.photos, "photo", "photos"),
            learnt.before.fmr,
            if learnt.before.fmr > needed {
                format!(
                    " ({risk} with {} asks for {needed:.1e}, which so few cannot show)",
                    counted(self.people, "person", "people")
                )
            } else {
                String::new()
            }
        );
        println!(
            "  before  TAR {:.4}\n  after   TAR {:.4}",
            learnt.before.tar, learnt.after.tar
        );
        if !learnt.is_better() {
            println!("Not better: nothing was written.");
            return Ok(Exit::No.into());
        }
        let (version, manifest) = self.add(&config, embedded.model.id(), &learnt.rows)?;
        println!(
            "{version} is in {}. Put models.choose = [\"{}\"] into the configuration, `doorward calibrate` it with --no-cohort, and enroll everybody for it (`doorward people migrate`).",
            manifest.display(),
            self.id
        );
        Ok(Exit::Done.into())
    }

    /// Gives its version, and the manifest it is in.
    fn add(
        &self,
        config: &Config,
        base: &str,
        rows: &[f64],
    ) -> anyhow::Result<(ModelVersion, PathBuf)> {
        let folder = self.out.as_ref().unwrap_or(&config.models.dir);
        let manifest = folder.join("manifest.toml");
        ensure!(
            manifest.is_file(),
            "{} is not there: give the folder of a model set that holds {base} with --out",
            manifest.display()
        );
        manifest_edit::add_projection(folder, base, &self.id, &Projection::to_bytes(rows))?;
        // As it will be loaded: a set that does not open is told now, not at the door.
        let mut config = config.clone();
        config.models.dir.clone_from(folder);
        config.models.choose = vec![self.id.clone()];
        let version = Vision::open(&config.models, &config.vision)?
            .version()
            .clone();
        Ok((version, manifest))
    }
}
