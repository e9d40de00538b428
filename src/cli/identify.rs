//! `doorward identify`: who is in a picture. The output of the original demo:
//! `faces: [{rect, embedding, name}]`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use super::{Format, picture, table};
use crate::camera;
use crate::cohort::Score;
use crate::config::Config;
use crate::database::Database;
use crate::embedding::Embedding;
use crate::files;
use crate::recognise::{Flaw, Quality};
use crate::risk::Threshold;
use crate::vision::{Face, Vision};
use crate::whitelist::Snapshot;

#[derive(Debug, Args)]
pub(crate) struct Identify {
    /// Pictures (JPEG, PNG or WebP)
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,

    /// Write the picture with boxes and names to a PNG file (with one PICTURE)
    #[arg(long, value_name = "OUT.png")]
    annotate: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// One face and what became of it.
struct Found {
    face: Face,
    /// Nearest person and score; nothing with an empty whitelist.
    nearest: Option<(String, Score, bool)>,
    flaw: Option<Flaw>,
    /// Nothing of a face outside the picture.
    embedding: Option<Embedding>,
}

impl Found {
    /// Whether its landmarks lie where the face is; else a score says nothing of the person.
    fn is_comparable(&self) -> bool {
        !matches!(self.flaw, Some(Flaw::Cut | Flaw::UpsideDown))
    }

    /// The name, if the face may carry it.
    fn name(&self, threshold: Threshold) -> Option<&str> {
        if !self.is_comparable() {
            return None;
        }
        let (name, score, _) = self.nearest.as_ref()?;
        threshold.is_reached_by(*score).then_some(name)
    }

    fn label(&self, threshold: Threshold) -> String {
        if let Some(flaw) = self.flaw.filter(|_| !self.is_comparable()) {
            return flaw.to_string();
        }
        match (&self.nearest, self.name(threshold)) {
            (Some((name, score, true)), Some(_)) => format!("{name} {score:.2}"),
            (Some((name, score, false)), Some(_)) => format!("{name} {score:.2} (disabled)"),
            (Some((_, score, _)), None) => format!("not listed {score:.2}"),
            (None, _) => "not listed".into(),
        }
    }
}

impl Identify {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        ensure!(
            self.annotate.is_none() || self.pictures.len() == 1,
            "--annotate writes one picture; give one PICTURE"
        );
        let mut vision = Vision::open(&config.models, &config.vision)?;
        // Without a whitelist there are still faces to find.
        let asked = config.access.threshold_request();
        let (model, scoring) = (vision.version(), vision.scoring());
        let whitelist = if config.whitelist.database.exists() {
            let database = Database::open_existing(&config.whitelist.database)?;
            Snapshot::load(&database, model, scoring, asked)?
        } else {
            Snapshot::empty(model, scoring, asked)
        };
        let threshold = whitelist.matcher.threshold()?;
        let mut results = Vec::new();
        for path in &self.pictures {
            let mut image = camera::load_picture(path)?;
            let found = find(&image, &mut vision, &whitelist)
                .with_context(|| path.display().to_string())?;
            if let Some(out) = &self.annotate {
                draw(&mut image, &found, threshold);
                let mut png = std::io::Cursor::new(Vec::new());
                image.write_to(&mut png, image::ImageFormat::Png)?;
                files::create(out)
                    .and_then(|mut file| file.write_all(png.get_ref()))
                    .with_context(|| format!("cannot write {}", out.display()))?;
            }
            if self.format.json {
                results.push(as_json(path, &image, &found, threshold));
            } else {
                print(path, &found, threshold);
            }
        }
        if self.format.json {
            // One picture gives the object itself, as the original demo did.
            let all = match <[Value; 1]>::try_from(results) {
                Ok([one]) => one,
                Err(many) => json!({ "pictures": many }),
            };
            super::print_json(&all)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn find(image: &RgbImage, vision: &mut Vision, whitelist: &Snapshot) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for face in vision.detect(image)? {
        let Some(aligned) = vision.align(image, &face) else {
            found.push(Found {
                face,
                nearest: None,
                flaw: Some(Flaw::Cut),
                embedding: None,
            });
            continue;
        };
        let mut flaw = Quality::of(&face, &aligned).flaw(vision.settings());
        if flaw.is_none() && vision.is_upside_down(image, &face)? {
            flaw = Some(Flaw::UpsideDown);
        }
        let embedding = vision.embed(&aligned)?;
        let nearest = whitelist.matcher.identify(&embedding).map(|found| {
            let who = &whitelist.directory;
            let enabled = who.is_enabled(found.person);
            (who.name_of(found.person), found.score, enabled)
        });
        found.push(Found {
            face,
            nearest,
            flaw,
            embedding: Some(embedding),
        });
    }
    Ok(found)
}

fn as_json(
    path: &std::path::Path,
    image: &RgbImage,
    found: &[Found],
    threshold: Threshold,
) -> Value {
    let faces: Vec<Value> = found
        .iter()
        .map(|f| {
            json!({
                "rect": f.face.rect,
                "landmarks": f.face.landmarks,
                "detector_score": f.face.detector_score,
                "name": f.name(threshold),
                "nearest": f.nearest.as_ref().map(|(name, score, enabled)| {
                    json!({ "name": name, "score": score, "enabled": enabled })
                }),
                "flaw": f.flaw.map(Flaw::code),
                "embedding": f.embedding.as_ref().map(Embedding::as_slice),
            })
        })
        .collect();
    // A very large picture is halved when it is read; coordinates are in this size.
    json!({
        "picture": path.display().to_string(),
        "width": image.width(),
        "height": image.height(),
        "threshold": threshold.score,
        "faces": faces,
    })
}

fn print(path: &std::path::Path, found: &[Found], threshold: Threshold) {
    if found.is_empty() {
        println!("{}: no face", path.display());
        return;
    }
    println!("{}", path.display());
    let rows = found.iter().map(|f| {
        let [x0, y0, x1, y1] = f.face.rect.map(|v| v.round());
        let nearest = f.nearest.as_ref();
        vec![
            f.name(threshold)
                .unwrap_or(if f.is_comparable() {
                    "not listed"
                } else {
                    "cannot judge"
                })
                .to_owned(),
            nearest.map_or("-".into(), |(_, score, _)| format!("{score:.3}")),
            format!("{x0},{y0} {x1},{y1}"),
            format!("{:.3}", f.face.detector_score),
            f.flaw
                .map_or_else(|| "good".into(), |flaw| flaw.to_string()),
        ]
    });
    table(&["who", "score", "box", "detector", "picture of it"], rows);
}

fn draw(image: &mut RgbImage, found: &[Found], threshold: Threshold) {
    for f in found {
        let listed = matches!(
            (&f.nearest, f.name(threshold)),
            (Some((_, _, true)), Some(_))
        );
        let colour = if listed {
            Rgb([64, 224, 96])
        } else {
            Rgb([255, 96, 64])
        };
        picture::annotate(image, &f.face, &f.label(threshold), colour);
    }
}
