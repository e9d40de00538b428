//! `doorward identify`: who is in a picture. The output of the original demo:
//! `faces: [{rect, embedding, name}]`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use image::RgbImage;
use serde_json::{Value, json};

use super::hands::Hands;
use super::{Format, Usage, table};
use crate::camera;
use crate::cohort::Score;
use crate::config::Config;
use crate::drawing::{Mark, Pen, PictureFile, Tone};
use crate::embedding::Embedding;
use crate::files::Kind;
use crate::person::PersonId;
use crate::recognise::{Flaw, Quality};
use crate::risk::Threshold;
use crate::vision::{Face, Vision};
use crate::whitelist::Snapshot;

#[derive(Debug, Args)]
pub(crate) struct Identify {
    /// Pictures (JPEG, PNG or WebP)
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,

    /// Write the picture with boxes and names to a JPEG or PNG file (with one PICTURE)
    #[arg(long, value_name = "OUT.jpg")]
    annotate: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// One face and what became of it.
struct Found {
    face: Face,
    /// Nothing with an empty whitelist.
    nearest: Option<Nearest>,
    flaw: Option<Flaw>,
    /// Nothing of a face outside the picture.
    embedding: Option<Embedding>,
}

/// The person most alike.
struct Nearest {
    id: PersonId,
    name: String,
    score: Score,
    enabled: bool,
}

impl Found {
    /// Whether its landmarks lie where the face is; else a score says nothing of the person.
    fn is_comparable(&self) -> bool {
        !matches!(self.flaw, Some(Flaw::Cut | Flaw::UpsideDown))
    }

    /// Whose face it may be called.
    fn who(&self, threshold: Threshold) -> Option<&Nearest> {
        let nearest = self.nearest.as_ref().filter(|_| self.is_comparable())?;
        threshold.is_reached_by(nearest.score).then_some(nearest)
    }

    fn mark(&self, threshold: Threshold) -> Mark {
        let (lines, tone) = if let Some(flaw) = self.flaw.filter(|_| !self.is_comparable()) {
            (vec!["cannot judge".into(), flaw.to_string()], Tone::Unclear)
        } else {
            let needed = threshold.score;
            match (&self.nearest, self.who(threshold)) {
                (_, Some(who)) => {
                    let said = if who.enabled { "listed" } else { "disabled" };
                    let tone = if who.enabled { Tone::Good } else { Tone::Bad };
                    let decided = format!("{said}: score {:.2}, threshold {needed:.2}", who.score);
                    (vec![who.name.clone(), decided], tone)
                }
                (Some(nearest), None) => {
                    let decided = format!("score {:.2}, threshold {needed:.2}", nearest.score);
                    (vec!["not listed".into(), decided], Tone::Bad)
                }
                (None, _) => (vec!["not listed".into()], Tone::Bad),
            }
        };
        Mark {
            rect: self.face.rect,
            landmarks: self.face.landmarks.to_vec(),
            lines,
            tone,
        }
    }
}

impl Identify {
    pub(super) fn hand_over(&self, hands: Hands) -> anyhow::Result<()> {
        // Before anything is made.
        if self.annotate.is_some() && self.pictures.len() != 1 {
            return Err(Usage("--annotate writes one picture; give one PICTURE".into()).into());
        }
        hands.read(&self.pictures, Kind::Picture)?;
        match &self.annotate {
            Some(path) => hands.write(path),
            None => Ok(()),
        }
    }

    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let annotated = self.annotate.as_deref().map(PictureFile::named);
        let annotated = annotated.transpose()?;
        if let Some(file) = &annotated {
            file.is_none_of(&self.pictures)?;
        }
        let mut vision = Vision::open(&config.models, &config.vision)?;
        let whitelist = super::whitelist_or_none(config, &vision)?;
        let threshold = whitelist.matcher.threshold()?;
        let mut results = Vec::new();
        for path in &self.pictures {
            let mut image = camera::load_picture(path)?;
            let found = find(&image, &mut vision, &whitelist)
                .with_context(|| path.display().to_string())?;
            if let Some(file) = &annotated {
                let marks: Vec<Mark> = found.iter().map(|f| f.mark(threshold)).collect();
                let mut pen = Pen::default();
                pen.mark(&mut image, &marks);
                file.write(&image)?;
                tell_of_fonts(&pen);
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
            Nearest {
                id: found.person,
                name: who.name_of(found.person),
                score: found.score,
                enabled,
            }
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
            let who = f.who(threshold);
            json!({
                "rect": f.face.rect,
                "landmarks": f.face.landmarks,
                "detector_score": f.face.detector_score,
                "name": who.map(|who| &who.name),
                "person_id": who.map(|who| who.id),
                "score": f.nearest.as_ref().map(|nearest| nearest.score),
                "nearest": f.nearest.as_ref().map(|nearest| json!({
                    "person_id": nearest.id,
                    "name": nearest.name,
                    "score": nearest.score,
                    "enabled": nearest.enabled,
                })),
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
            f.who(threshold)
                .map_or(
                    if f.is_comparable() {
                        "not listed"
                    } else {
                        "cannot judge"
                    },
                    |who| &who.name,
                )
                .to_owned(),
            nearest.map_or("-".into(), |nearest| format!("{:.3}", nearest.score)),
            format!("{x0},{y0} {x1},{y1}"),
            format!("{:.3}", f.face.detector_score),
            f.flaw
                .map_or_else(|| "good".into(), |flaw| flaw.to_string()),
        ]
    });
    table(&["who", "score", "box", "detector", "picture of it"], rows);
}

/// What the reader of the picture misses, and what helps.
pub(super) fn tell_of_fonts(pen: &Pen) {
    if pen.lacked_letters() {
        eprintln!(
            "no font on this machine has all letters of the names in the picture: `sudo apt install fonts-noto-core fonts-noto-cjk` has most scripts"
        );
    }
}
