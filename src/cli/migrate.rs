//! `doorward people migrate`: templates for another network, from the photos that were kept.

use std::process::ExitCode;

use anyhow::Context;
use image::ImageFormat;
use serde_json::json;

use super::{Format, actor, print_json, table};
use crate::config::Config;
use crate::database::Database;
use crate::embedding::Embedding;
use crate::recognise::Quality;
use crate::vision::Vision;
use crate::whitelist::{self, KeptPhoto};

/// What became of a person.
struct Outcome {
    name: String,
    made: usize,
    /// Kept photos that gave no template.
    failed: usize,
    /// Whether anything matches the person now.
    ready: bool,
}

pub(super) fn run(
    database: &mut Database,
    config: &Config,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let mut vision = Vision::open(&config.models, &config.vision)?;
    let model = vision.version().clone();
    let mut kept = whitelist::kept_photos(database, &model)?;
    let mut outcomes = Vec::new();
    for person in whitelist::people(database)? {
        let (own, rest) = kept.into_iter().partition(|k| k.person == person.id);
        kept = rest;
        let own: Vec<KeptPhoto> = own;
        let all = own.len();
        let mut made = Vec::new();
        for photo in own {
            if let Some(embedding) = embedding(&photo.photo, &mut vision)
                .with_context(|| format!("{}: {}", person.name, photo.source))?
            {
                made.push((photo, embedding));
            }
        }
        if !made.is_empty() {
            whitelist::migrate(database, person.id, &made, &model, &actor())?;
        }
        let templates = whitelist::templates_of(database, person.id)?;
        outcomes.push(Outcome {
            ready: templates.iter().any(|t| t.model == model),
            failed: all - made.len(),
            made: made.len(),
            name: person.name,
        });
    }
    let again = outcomes.iter().filter(|o| !o.ready).count();
    if format.json {
        let people: Vec<_> = outcomes
            .iter()
            .map(|o| json!({ "name": o.name, "made": o.made, "failed": o.failed, "must_come_again": !o.ready }))
            .collect();
        print_json(&json!({ "model": model, "people": people }))?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("Templates for {model}:");
    let rows = outcomes.iter().map(|o| {
        let mut what = match (o.ready, o.made) {
            (true, 0) => "was ready".to_owned(),
            (true, made) => format!("{made} made anew"),
            (false, _) => "MUST BE ENROLLED AGAIN: there is no photo to make any from".into(),
        };
        if o.failed > 0 {
            what += &format!("; {} kept photos show no usable face to it", o.failed);
        }
        vec![o.name.clone(), what]
    });
    table(&["who", "templates"], rows);
    if again > 0 {
        println!("{again} of {} must come again.", outcomes.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// `None` if there is not exactly one usable face in it.
fn embedding(png: &[u8], vision: &mut Vision) -> anyhow::Result<Option<Embedding>> {
    let image = image::load_from_memory_with_format(png, ImageFormat::Png)
        .context("the kept photo in the database is damaged")?
        .to_rgb8();
    let faces = vision.detect(&image)?;
    let Some(face) = faces.first() else {
        return Ok(None);
    };
    match vision.align(&image, face) {
        Some(aligned)
            if Quality::of(face, &aligned)
                .flaw(vision.settings())
                .is_none() =>
        {
            Ok(Some(vision.embed(&aligned)?))
        }
        _ => Ok(None),
    }
}
