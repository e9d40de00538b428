//! The demo's picture: a tile for each scene, with the frame that decided it.

use std::path::Path;

use anyhow::Context as _;
use doorward::drawing::{Mark, Pen, PictureFile, Tile, Tone, sheet};
use serde_json::Value;

use super::scene::Scene;
use super::{Doorward, Outcome, scenes};

/// Writes `scenes.jpg` into the demo's folder.
pub fn draw(doorward: &Doorward, records: &[Value], folder: &Path) -> anyhow::Result<()> {
    let mut pen = Pen::default();
    let tiles = scenes()
        .iter()
        .map(|scene| tile(doorward, &mut pen, scene, &Outcome::of(scene.name, records)))
        .collect::<anyhow::Result<Vec<Tile>>>()?;
    let picture = sheet(&mut pen, &tiles);
    PictureFile::named(&folder.join("scenes.jpg"))?.write(&picture)?;
    Ok(())
}

fn tile(
    doorward: &Doorward,
    pen: &mut Pen,
    scene: &Scene,
    outcome: &Outcome,
) -> anyhow::Result<Tile> {
    let frame = match &outcome.frame {
        Some(frame) => frame.clone(),
        None => format!("{}/{:03}.jpg", scene.name, scene.frames / 2),
    };
    let file = format!("demo/scenes/{frame}");
    let mut picture = image::open(doorward.project.join(&file))?.to_rgb8();
    let found = doorward.json(&["identify", &file, "--json"])?;
    let faces = found.first().and_then(|all| all["faces"].as_array());
    let numbers = match (outcome.score, outcome.threshold) {
        (Some(score), Some(threshold)) => format!("score {score:.2}, threshold {threshold:.2}"),
        _ => String::new(),
    };
    let (tone, lines, said) = match (outcome.decision, outcome.pulse_ms) {
        ("granted", pulse) => (
            Tone::Good,
            vec![outcome.who.clone(), format!("let in: {numbers}")],
            format!(
                "{} is let in, the relay is on for {} ms",
                outcome.who,
                pulse.unwrap_or(0)
            ),
        ),
        ("denied: a picture", _) => (
            Tone::Bad,
            vec!["a picture".into(), format!("denied: {numbers}")],
            "denied as a picture, the door stays locked".into(),
        ),
        ("denied", _) => (
            Tone::Bad,
            vec!["not listed".into(), format!("denied: {numbers}")],
            "denied, the door stays locked".into(),
        ),
        _ => (
            Tone::Nothing,
            Vec::new(),
            "nothing to decide, the door stays locked".into(),
        ),
    };
    // The largest is whom the decision is about.
    let marks = faces
        .into_iter()
        .flatten()
        .take(1)
        .map(|face| {
            Ok(Mark {
                rect: serde_json::from_value(face["rect"].clone()).context("a face's rect")?,
                landmarks: serde_json::from_value(face["landmarks"].clone())
                    .context("a face's landmarks")?,
                lines: lines.clone(),
                tone,
            })
        })
        .collect::<anyhow::Result<Vec<Mark>>>()?;
    pen.mark(&mut picture, &marks);
    Ok(Tile {
        picture,
        title: scene.title.into(),
        said,
        tone,
    })
}
