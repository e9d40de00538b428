//! `doorward compare`: verification of two pictures.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::{Exit, Format, print_json};
use crate::camera;
use crate::config::Config;
use crate::embedding::Embedding;
use crate::person::PersonId;
use crate::vision::Vision;
use crate::whitelist::{Matcher, Templates};

#[derive(Debug, Args)]
#[command(after_help = "Exits with 0 if both show the same person, with 1 if not.")]
pub(crate) struct Compare {
    /// A picture; its largest face counts
    a: PathBuf,
    /// Another picture; its largest face counts
    b: PathBuf,
    #[command(flatten)]
    format: Format,
}

impl Compare {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut vision = Vision::open(&config.models, &config.vision)?;
        let a = largest(&self.a, &mut vision)?;
        let b = largest(&self.b, &mut vision)?;
        let cosine = a
            .cosine(&b)
            .context("one model gave embeddings of two sizes")?;
        // Euclidean distance of unit vectors, as FaceNet's paper has it (squared there).
        let distance = (2.0 - 2.0 * cosine.value()).max(0.0).sqrt();
        // As if the second were the only one on the whitelist.
        let mut templates = Templates::none(vision.version());
        templates.add(PersonId(1), b)?;
        let asked = config.access.threshold_request();
        let matcher = Matcher::new(&templates, Arc::clone(vision.scoring()), asked);
        let threshold = matcher.threshold()?;
        let score = matcher
            .identify(&a)
            .context("one model gave embeddings of two sizes")?
            .score;
        let same = threshold.is_reached_by(score);
        let threshold = threshold.score;
        if self.format.json {
            print_json(&json!({
                "same": same, "score": score, "distance": distance, "threshold": threshold,
            }))?;
        } else {
            println!(
                "{}: score {score:.3}, threshold {threshold:.3}, distance {distance:.3}",
                if same {
                    "the same person"
                } else {
                    "not the same person"
                },
            );
        }
        Ok(if same { Exit::Done } else { Exit::No }.into())
    }
}

fn largest(path: &Path, vision: &mut Vision) -> anyhow::Result<Embedding> {
    let image = camera::load_picture(path)?;
    let faces = vision.detect(&image)?;
    let Some(face) = faces.first() else {
        bail!(
            "{} shows no face; take one from the front, with the whole head in it",
            path.display()
        );
    };
    let aligned = vision.align(&image, face).with_context(|| {
        format!(
            "{}: the face lies outside the picture; take one with the whole head in it",
            path.display()
        )
    })?;
    Ok(vision.embed(&aligned)?)
}
