//! A data set's photos as embeddings, kept in a file so that a run can be resumed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cache::{Cache, CacheError, Content, Made};
use super::dataset::{Dataset, Photo};
use crate::camera::{PictureFault, load_picture};
use crate::config;
use crate::embedding::{Embedding, ModelVersion};
use crate::vision::manifest::Manifest;
use crate::vision::{Face, Vision, VisionError};

/// The embedding of each photo of a data set, by the photo's index; `None` where no
/// face was found or the picture could not be read: a failure to enrol.
#[derive(Debug)]
pub struct Embedded {
    pub model: ModelVersion,
    /// One a photo.
    pub faces: Vec<Option<Embedding>>,
    /// Why photos gave none, by the photo's index.
    pub missing: BTreeMap<usize, Missing>,
}

/// Why a photo gave no embedding.
#[derive(Debug)]
pub enum Missing {
    /// It cannot be read as a picture.
    Unreadable(PictureFault),
    /// Somebody writes to it.
    Changing,
    /// It shows no face, or none that can be cut out.
    NoFace,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(fault) => fault.fmt(f),
            Self::Changing => f.write_str("changed while it was read; start again"),
            Self::NoFace => {
                f.write_str("shows no face that is large enough; see --min-face, or take another")
            }
        }
    }
}

/// What keeps photos from being embedded at all.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A network failed.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
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
    let first = Vision::open(models, vision)?;
    let model = first.version().clone();
    let key = key(&first, &Manifest::load(&models.dir)?, vision);
    let cache = Mutex::new(Cache::open(cache, &key)?);
    let all = dataset.photos.len();
    let done = Mutex::new(BTreeMap::new());
    let (next, count) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = |opened: Option<Vision>| -> Result<(), EmbedError> {
        let mut pipeline = opened;
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(photo) = dataset.photos.get(place) else {
                return Ok(());
            };
            let open = || Vision::open(models, vision);
            let outcome = one(&mut pipeline, open, dataset, photo, &model, &cache)?;
            done.lock()
                .unwrap_or_else(|p| p.into_inner())
                .insert(place, outcome);
            progress(count.fetch_add(1, Ordering::Relaxed) + 1, all);
        }
    };
    std::thread::scope(|scope| -> Result<(), EmbedError> {
        let others: Vec<_> = (1..jobs.max(1))
            .map(|_| scope.spawn(|| work(None)))
            .collect();
        let mine = work(Some(first));
        for other in others {
            // A panic there is a bug, and no measurement may come of it.
            match other.join() {
                Ok(result) => result?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        mine
    })?;
    let mut done = done.into_inner().unwrap_or_else(|p| p.into_inner());
    let mut missing = BTreeMap::new();
    let faces = (0..all)
        .map(|place| match done.remove(&place)? {
            Ok(face) => Some(face),
            Err(why) => {
                missing.insert(place, why);
                None
            }
        })
        .collect();
    Ok(Embedded {
        model,
        faces,
        missing,
    })
}

/// From the cache if it knows the file's content; `pipeline` is opened when it is needed.
fn one(
    pipeline: &mut Option<Vision>,
    open: impl Fn() -> Result<Vision, VisionError>,
    dataset: &Dataset,
    photo: &Photo,
    model: &ModelVersion,
    cache: &Mutex<Cache>,
) -> Result<Result<Embedding, Missing>, EmbedError> {
    let path = dataset.root.join(&photo.path);
    let unreadable = |error| Ok(Err(Missing::Unreadable(PictureFault::Unreadable(error))));
    let content = match Content::of(&path) {
        Ok(content) => content,
        Err(error) => return unreadable(error),
    };
    let cache = || cache.lock().unwrap_or_else(|p| p.into_inner());
    let known = match cache().get(&content) {
        Some(Made::NoFace) => return Ok(Err(Missing::NoFace)),
        // Coordinates that are no embedding are made anew.
        Some(Made::Face(values)) => Embedding::new(model, values.clone()).ok(),
        None => None,
    };
    if let Some(known) = known {
        return Ok(Ok(known));
    }
    let image = match load_picture(&path) {
        Ok(image) => image,
        Err(error) => return Ok(Err(Missing::Unreadable(error.fault))),
    };
    // What was decoded has to be what was hashed.
    match Content::of(&path) {
        Ok(after) if after == content => {}
        Ok(_) => return Ok(Err(Missing::Changing)),
        Err(error) => return unreadable(error),
    }
    let vision = match pipeline {
        Some(vision) => vision,
        None => pipeline.insert(open()?),
    };
    let faces = vision.detect(&image)?;
    let face = meant(&faces, image.width(), image.height());
    let Some(aligned) = face.and_then(|face| vision.align(&image, face)) else {
        cache().put(content, Made::NoFace)?;
        return Ok(Err(Missing::NoFace));
    };
    let embedding = vision.embed(&aligned)?;
    cache().put(content, Made::Face(embedding.as_slice().to_vec()))?;
    Ok(Ok(embedding))
}

/// What the embeddings of a cache depend on besides the photos: a cache of other networks,
/// of other limits or of another version of the program must not be mixed in.
fn key(pipeline: &Vision, manifest: &Manifest, settings: &config::Vision) -> String {
    let networks = pipeline.networks();
    let files: Vec<&str> = manifest
        .entries()
        .iter()
        .filter(|entry| networks.contains(&entry.id))
        .map(|entry| entry.sha256.as_str())
        .collect();
    format!(
        "doorward {} {} {} {} {} {}",
        env!("CARGO_PKG_VERSION"),
        pipeline.set(),
        networks.join(" "),
        files.join(" "),
        pipeline.version(),
        limits(settings)
    )
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
