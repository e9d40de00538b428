//! Bringing an operator's network against presentation attacks into a model set: what the file
//! takes and gives is read from it, it is asked about made-up pictures, and only then anything
//! is written.

use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::entry::{Colour, Entry, InputSpec, Layout, Normalisation, OutputSpec, Role};
use super::manifest::{Manifest, hex};
use super::pad::PadNetwork;
use super::pad_edit;
use super::runtime::{self, Outlet, Shape};
use super::{VisionError, entry::PAD_CROP_SIDES};
use crate::config;
use crate::files::{self, Kind};

/// Noise pictures it is asked about, beside a black and a white one.
const NOISE_PICTURES: u64 = 6;

/// What cannot be read from the file.
#[derive(Debug, Clone)]
pub struct PadSettings {
    /// What it is called in the set.
    pub id: String,
    /// Sides of what is cut out, in sides of the face's box.
    pub crop_factor: f32,
    pub colour: Colour,
    /// `(x - mean) / std` goes in; else 0 to 255.
    pub fixed: Option<[f32; 2]>,
    /// Which class is a bona fide presentation, from 0.
    pub bona_fide_class: usize,
    /// Whether its output still has to go through a softmax.
    pub softmax: bool,
    /// A mean probability under this is an artefact's.
    pub threshold: f32,
    /// Where the threshold comes from, in words.
    pub calibration: String,
    /// SHA-256 that the file has to have, in lower-case hexadecimal.
    pub sha256: Option<String>,
}

/// What came into the set.
#[derive(Debug, Clone, Serialize)]
pub struct Imported {
    pub manifest: PathBuf,
    pub id: String,
    /// Of the network's file.
    pub sha256: String,
    /// Width and height of what it is shown, in pixels.
    pub input: [u32; 2],
    pub classes: usize,
    /// Whether the set was made by this, from the configured one.
    pub is_new_set: bool,
}

/// Why nothing was brought in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The network cannot be used.
    #[error("{path} is not imported: {reason}")]
    Network {
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The set cannot be made or changed.
    #[error(transparent)]
    Set(#[from] VisionError),
}

/// Puts the network of `file` into the set in `folder`, the default of its role; where there is
/// no set, one is made of the configured one first.
///
/// # Errors
/// [`ImportError`]; the set is as it was.
pub fn import(
    file: &Path,
    folder: &Path,
    settings: &PadSettings,
    models: &config::Models,
) -> Result<Imported, ImportError> {
    let refused = |reason: String| ImportError::Network {
        path: file.to_owned(),
        reason,
    };
    let configured = Manifest::load(&models.dir)?;
    let environment = runtime::environment(&configured, models)?;
    let bytes = files::read(file, Kind::ModelFile).map_err(|e| refused(e.to_string()))?;
    let sha256 = hex(&Sha256::digest(&bytes));
    if let Some(wanted) = settings.sha256.as_ref().filter(|w| **w != sha256) {
        return Err(refused(format!(
            "its SHA-256 is {sha256}, and {wanted} was expected: it is damaged or another file"
        )));
    }
    let (inputs, outputs) =
        runtime::outlets(&environment, &bytes).map_err(|e| refused(no_network(&e)))?;
    let entry = entry(settings, &inputs, &outputs, &sha256).map_err(refused)?;
    let mut network = PadNetwork::of(&environment, &bytes, &entry, models).map_err(|error| {
        refused(match error {
            VisionError::Model { reason, .. } => reason,
            other => other.to_string(),
        })
    })?;
    try_out(&mut network, settings.softmax).map_err(refused)?;
    let (input, classes) = (network.sides(), network.classes());
    drop(network);
    let is_new_set = !folder.join("manifest.toml").exists();
    if is_new_set {
        pad_edit::copy_set(&configured, folder)?;
    }
    let manifest = pad_edit::add_pad(folder, &entry, &bytes)?;
    // As the daemon will.
    let made = Manifest::load(folder)?;
    PadNetwork::open(&environment, &made, made.pad(&[])?, models)?;
    Ok(Imported {
        manifest,
        id: entry.id,
        sha256,
        input,
        classes,
        is_new_set,
    })
}

fn no_network(said: &str) -> String {
    format!("it is no network that ONNX Runtime takes, export it as ONNX: {said}")
}

/// What the manifest is to say of it.
///
/// # Errors
/// What is wrong with the file, or with what was said of it.
fn entry(
    settings: &PadSettings,
    inputs: &[Outlet],
    outputs: &[Outlet],
    sha256: &str,
) -> Result<Entry, String> {
    let ([input], [output]) = (inputs, outputs) else {
        return Err(format!(
            "it has {} inputs and {} outputs, and a network of the role pad has one each; export it without the others",
            inputs.len(),
            outputs.len()
        ));
    };
    let picture = match input.shape[..] {
        [-1 | 1, 3, h, w] => Some((Layout::Nchw, [w, h])),
        [-1 | 1, h, w, 3] => Some((Layout::Nhwc, [w, h])),
        _ => None,
    };
    let Some((layout, sides)) = picture else {
        return Err(format!(
            "its input has the shape {}, and a network of the role pad takes one picture with three channels, such as [-1, 3, 80, 80]",
            Shape(&input.shape)
        ));
    };
    if sides.iter().any(|side| !PAD_CROP_SIDES.contains(side)) {
        return Err(format!(
            "its input has the shape {}, and pictures have fixed sides of {} to {} pixels; export it with the size it was trained with",
            Shape(&input.shape),
            PAD_CROP_SIDES.start(),
            PAD_CROP_SIDES.end()
        ));
    }
    let classes = match output.shape[..] {
        [-1 | 1, classes] if classes >= 2 => classes as usize,
        _ => {
            return Err(format!(
                "its output has the shape {}, and a network of the role pad gives a value for each of two classes or more, such as [-1, 3]",
                Shape(&output.shape)
            ));
        }
    };
    if settings.bona_fide_class >= classes {
        return Err(format!(
            "it tells {classes} classes apart, numbered from 0 to {}: there is no class {}",
            classes - 1,
            settings.bona_fide_class
        ));
    }
    Ok(Entry {
        id: settings.id.clone(),
        role: Role::Pad,
        file: format!("{}.onnx", settings.id),
        sha256: sha256.to_owned(),
        precision: "fp32".into(),
        default: true,
        auto: false,
        input: InputSpec {
            name: input.name.clone(),
            shape: input.shape.clone(),
            normalisation: match settings.fixed {
                Some(_) => Normalisation::Fixed,
                None => Normalisation::None,
            },
            mean: settings.fixed.map(|[mean, _]| mean),
            std: settings.fixed.map(|[_, std]| std),
            colour: settings.colour,
            layout,
        },
        outputs: vec![OutputSpec {
            name: output.name.clone(),
            shape: output.shape.clone(),
        }],
        source_sha256: None,
        embedding_size: None,
        alignment: None,
        margin: None,
        crop: None,
        projection: None,
        crop_factor: Some(settings.crop_factor),
        bona_fide_class: Some(settings.bona_fide_class),
        softmax: settings.softmax,
        threshold: Some(settings.threshold),
        calibration: Some(settings.calibration.clone()),
    })
}

/// Asks the network about made-up pictures, of which it need not say anything in particular.
///
/// # Errors
/// It fails on one, or what it says are no probabilities, or were some before the softmax.
fn try_out(network: &mut PadNetwork, softmax: bool) -> Result<(), String> {
    let [width, height] = network.sides();
    let mut random = fastrand::Rng::with_seed(1);
    let mut pictures = vec![
        RgbImage::new(width, height),
        RgbImage::from_pixel(width, height, image::Rgb([255; 3])),
    ];
    pictures.extend((0..NOISE_PICTURES).map(|_| {
        RgbImage::from_fn(width, height, |_, _| {
            image::Rgb([random.u8(..), random.u8(..), random.u8(..)])
        })
    }));
    let mut were_shares = true;
    for picture in pictures {
        network.score_crop(picture).map_err(|error| match error {
            VisionError::Inference { reason, .. } => {
                format!("it fails on a made-up picture: {reason}")
            }
            other => other.to_string(),
        })?;
        were_shares &= network.said_shares();
    }
    if softmax && were_shares {
        return Err("its output is probabilities already, and a softmax would make them all alike; leave --softmax out".into());
    }
    Ok(())
}
