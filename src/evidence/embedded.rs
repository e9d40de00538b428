//! A data set's photos as embeddings, kept in a file so that a run can be resumed.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use crate::camera::load_picture;
use crate::config;
use crate::embedding::{Embedding, ModelVersion};
use crate::vision::{Face, Vision, VisionError};

/// The embedding of each photo of a data set, by the photo's index; `None` where no
/// face was found or the picture could not be read: a failure to enrol.
#[derive(Debug)]
pub struct Embedded {
    pub model: ModelVersion,
    /// One a photo.
    pub faces: Vec<Option<Embedding>>,
    /// Photos that gave none because they could not be read as a picture.
    pub unreadable: usize,
}

/// A line of the cache.
#[derive(Serialize, Deserialize)]
struct Line {
    file: String,
    #[serde(default)]
    embedding: Option<Vec<f32>>,
    #[serde(default)]
    unreadable: bool,
}

/// What keeps photos from being embedded at all.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A network failed.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The cache cannot be used.
    #[error("the cache {path} cannot be used: {reason}; choose another with --cache")]
    Cache {
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

/// Embeds every photo that `cache` does not hold yet, with `jobs` pipelines at once, and adds it there.
/// `progress` is told how many are done, of how many.
///
/// # Errors
/// [`EmbedError`]
pub fn embed(
    dataset: &Dataset,
    models: &config::Models,
    vision: &config::Vision,
    jobs: usize,
    cache: &Path,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<Embedded, EmbedError> {
    let failed = |reason| EmbedError::Cache {
        path: cache.to_path_buf(),
        reason,
    };
    let mut first = Vision::open(models, vision)?;
    let model = first.version().clone();
    let key = key(&first, vision);
    let mut known = read(cache, &key).map_err(failed)?;
    let todo: Vec<&str> = dataset
        .photos
        .iter()
        .map(|photo| photo.file.as_str())
        .filter(|file| !known.contains_key(*file))
        .collect();
    if !todo.is_empty() {
        let fresh = !cache.exists() || known.is_empty();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(cache)
            .map_err(failed)?;
        if fresh {
            file.set_len(0).map_err(failed)?;
            writeln!(file, "{}", serde_json::json!({ "key": key })).map_err(failed)?;
        }
        let out = Mutex::new((file, Vec::new()));
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |vision: &mut Vision| -> Result<(), EmbedError> {
            while let Some(file) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                let line = one(vision, dataset, file)?;
                let mut out = out.lock().unwrap_or_else(|p| p.into_inner());
                let text = serde_json::to_string(&line).map_err(|e| failed(e.into()))?;
                writeln!(out.0, "{text}").map_err(failed)?;
                out.1.push(line);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, todo.len());
            }
            Ok(())
        };
        std::thread::scope(|scope| -> Result<(), EmbedError> {
            let others: Vec<_> = (1..jobs.max(1))
                .map(|_| scope.spawn(|| work(&mut Vision::open(models, vision)?)))
                .collect();
            let mine = work(&mut first);
            for other in others {
                // A panic there is a bug, and no measurement may come of it.
                match other.join() {
                    Ok(result) => result?,
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            mine
        })?;
        let (_, lines) = out.into_inner().unwrap_or_else(|p| p.into_inner());
        known.extend(lines.into_iter().map(|line| (line.file.clone(), line)));
    }
    let mut unreadable = 0;
    let faces = dataset
        .photos
        .iter()
        .map(|photo| {
            let line = known.remove(&photo.file)?;
            unreadable += usize::from(line.unreadable);
            Embedding::new(&model, line.embedding?).ok()
        })
        .collect();
    Ok(Embedded {
        model,
        faces,
        unreadable,
    })
}

/// What the embeddings of a cache depend on besides the photos: a cache of other networks
/// or other limits must not be mixed in.
fn key(pipeline: &Vision, settings: &config::Vision) -> String {
    let networks = pipeline.networks().join(" ");
    let (set, version) = (pipeline.set(), pipeline.version());
    format!("{set} {networks} {version} {}", limits(settings))
}

/// Of the settings those that change which face is found, and where.
fn limits(settings: &config::Vision) -> String {
    // Named one by one, so that a new setting is either in it or left out on purpose.
    let config::Vision {
        min_face_px,
        max_face_px,
        scale_factor,
        thresholds: [p, r, o],
        region: [left, top, right, bottom],
        min_detector_score: _,
        min_sharpness: _,
        min_luma: _,
        max_outside: _,
        economy: _,
        max_faces: _,
    } = settings;
    format!(
        "faces {min_face_px} to {max_face_px} by {scale_factor}, scores {p} {r} {o}, \
         region {left} {top} {right} {bottom}"
    )
}

/// Nothing if it is of other models or limits.
fn read(cache: &Path, key: &str) -> std::io::Result<HashMap<String, Line>> {
    let mut known = HashMap::new();
    let file = match File::open(cache) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(known),
        Err(error) => return Err(error),
    };
    let mut lines = BufReader::new(file).lines();
    let same = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line)
            .is_ok_and(|v| v.get("key").and_then(|k| k.as_str()) == Some(key))
    };
    if !lines.next().transpose()?.is_some_and(|line| same(&line)) {
        return Ok(known);
    }
    for line in lines {
        // The last line may be cut off.
        if let Ok(line) = serde_json::from_str::<Line>(&line?) {
            known.insert(line.file.clone(), line);
        }
    }
    Ok(known)
}

fn one(vision: &mut Vision, dataset: &Dataset, file: &str) -> Result<Line, VisionError> {
    let line = |embedding, unreadable| Line {
        file: file.to_owned(),
        embedding,
        unreadable,
    };
    let Ok(image) = load_picture(&dataset.root.join(file)) else {
        return Ok(line(None, true));
    };
    let faces = vision.detect(&image)?;
    let Some(face) = meant(&faces, image.width(), image.height()) else {
        return Ok(line(None, false));
    };
    let Some(aligned) = vision.align(&image, face) else {
        return Ok(line(None, false));
    };
    let embedding = vision.embed(&aligned)?;
    Ok(line(Some(embedding.as_slice().to_vec()), false))
}

/// The face a portrait means: large, and in the middle.
fn meant(faces: &[Face], width: u32, height: u32) -> Option<&Face> {
    let (cx, cy) = (width as f32 / 2.0, height as f32 / 2.0);
    let value = |f: &Face| {
        let [x0, y0, x1, y1] = f.rect;
        let (dx, dy) = ((x0 + x1) / 2.0 - cx, (y0 + y1) / 2.0 - cy);
        f.area() - 2.0 * (dx * dx + dy * dy)
    };
    faces.iter().max_by(|a, b| value(a).total_cmp(&value(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another text would have every cache made anew.
    #[test]
    fn what_a_cache_holds_for_is_spelt_out() {
        assert_eq!(
            limits(&config::Vision::default()),
            "faces 80 to 0 by 0.709, scores 0.6 0.7 0.7, region 0 0 1 1"
        );
    }
}
