//! What `benches/peers` asks of this program: frames for all, and to be one of them.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use image::RgbImage;
use serde_json::json;

use super::measure::cpu;
use super::scene::{SIZE, Stage};
use crate::camera::load_picture;
use crate::config::Config;
use crate::files::{self, Kind};
use crate::vision::Vision;

/// How wide faces are made, in pixels.
const FACES: [f32; 3] = [80.0, 120.0, 180.0];

/// Writes each photo's face at several distances as raw RGB, and prints who is in each
/// frame: the name of the photo's folder.
pub(crate) fn write_frames(
    folder: &Path,
    photos: &[PathBuf],
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let mut vision = Vision::open(&config.models, &config.vision)?;
    let wall = Stage::new()?;
    let mut number = 0u64;
    for old in std::fs::read_dir(folder)?.flatten() {
        if old.path().extension().is_some_and(|e| e == "rgb") {
            std::fs::remove_file(old.path())?;
        }
    }
    for photo in photos {
        let image = load_picture(photo)?;
        let faces = vision.detect(&image)?;
        let face = faces
            .first()
            .with_context(|| format!("{}: no face", photo.display()))?;
        let [x0, y0, x1, y1] = face.rect;
        let stage = wall.with(image, [(x0 + x1) / 2.0, (y0 + y1) / 2.0], face.size());
        let who = photo.parent().and_then(Path::file_name).unwrap_or_default();
        for face_px in FACES {
            let frame = stage.frame(Some((face_px, [320.0, 220.0])), 1.0, number);
            files::create(&folder.join(format!("{number:03}.rgb")))?.write_all(frame.as_raw())?;
            println!("{}", who.display());
            number += 1;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a frame's number a line and answers with what looking at it took, of all threads.
pub fn run(folder: &Path, config: &Config) -> anyhow::Result<ExitCode> {
    let mut vision = Vision::open(&config.models, &config.vision)?;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "rgb"))
        .collect();
    paths.sort();
    let frames: Vec<RgbImage> = paths
        .iter()
        .map(|path| {
            let image = RgbImage::from_raw(SIZE.0, SIZE.1, files::read(path, Kind::Picture)?);
            image.with_context(|| format!("{} is no 640x480 frame", path.display()))
        })
        .collect::<anyhow::Result<_>>()?;
    ensure!(
        !frames.is_empty(),
        "there are no frames in {}",
        folder.display()
    );
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let number: usize = line?.trim().parse().context("a frame's number")?;
        let frame = frames.get(number).context("no such frame")?;
        let (start, began) = (cpu(), Instant::now());
        let faces = vision.detect(frame)?;
        let aligned = faces.first().and_then(|face| vision.align(frame, face));
        let embedding = aligned.map(|aligned| vision.embed(&aligned)).transpose()?;
        let took = cpu() - start;
        let answer = json!({
            "cpu_ms": took.as_secs_f64() * 1000.0,
            "wall_ms": began.elapsed().as_secs_f64() * 1000.0,
            "faces": faces.len(),
            "embedding": embedding.map(|e| e.as_slice().to_vec()),
        });
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
