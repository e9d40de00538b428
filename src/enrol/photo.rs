//! One photo: the face it is of, whether a template may be made of that, and the part of
//! it that is kept.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use crate::config;
use crate::embedding::Embedding;
use crate::recognise::{Flaw, Quality};
use crate::vision::{Face, Vision, VisionError};

/// Longer side of a kept photo, in pixels.
const MAX_KEPT_SIDE_PX: u32 = 512;
/// How far the head of a photo may be turned aside; see [`Quality::turned`].
const MAX_TURNED: f32 = 0.45;
/// How much around a face is kept, in sizes of the face.
const KEPT_MARGIN: f32 = 0.6;

/// Why no template can be made of a photo.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// There is nobody on it.
    #[error("it shows no face; take one from the front, with the whole head in it")]
    NoFace,
    /// There are several people on it.
    #[error("it shows {0} faces; let it show one person")]
    SeveralFaces(usize),
    /// The face has too few pixels.
    #[error("the face is too small, {} pixels of {least}; take it from nearer", size_px.floor())]
    TooSmall {
        /// Longer side of its box.
        size_px: f32,
        /// `vision.min_face_px`.
        least: u32,
    },
    /// The detector is not sure of it.
    #[error(
        "the face is not clear, detector score {score:.2} of {least:.2}; take it from the front, uncovered"
    )]
    Unclear {
        /// Its score, 0..=1.
        score: f32,
        /// `vision.min_detector_score`.
        least: f32,
    },
    /// It moved, or is out of focus.
    #[error(
        "the face is too blurred, sharpness {sharpness:.0} of {least:.0}; hold still and focus"
    )]
    Blurred {
        /// Its sharpness.
        sharpness: f32,
        /// `vision.min_sharpness`.
        least: f32,
    },
    /// There is too little light on it.
    #[error("the face is too dark, brightness {luma:.0} of {least:.0}; put light on it")]
    Dark {
        /// Its mean luma, 0..=255.
        luma: f32,
        /// `vision.min_luma`.
        least: f32,
    },
    /// Too much of it is outside the picture.
    #[error(
        "the face is cut by the picture's edge, {:.0} % of it of {:.0} % at most; take one with the whole head in it", outside * 100.0, most * 100.0
    )]
    Cut {
        /// The share outside, 0..=1.
        outside: f32,
        /// `vision.max_outside`.
        most: f32,
    },
    /// Its head points down.
    #[error("the face is upside down: turn the picture")]
    UpsideDown,
    /// Its box or its landmarks are not of a face inside the picture.
    #[error("its face lies outside the picture; take one with the whole head in it")]
    OutsidePicture,
    /// The head is turned aside.
    #[error(
        "the head is turned aside, {turned:.2} of {MAX_TURNED:.2} at most; take it from the front"
    )]
    TurnedAside {
        /// How far.
        turned: f32,
    },
    /// A network failed on it.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// It cannot be written as a PNG.
    #[error("the photo cannot be kept: {0}")]
    NotKept(image::ImageError),
}

/// A face that a template may be made of.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) face: Face,
    pub(super) quality: Quality,
    pub(super) embedding: Embedding,
}

/// Embeds the face of a photo that shows exactly one, and one good enough.
pub(super) fn examine(image: &RgbImage, vision: &mut Vision) -> Result<Examined, PhotoError> {
    let faces = vision.detect(image)?;
    let face = match faces[..] {
        [face] => face,
        [] => return Err(PhotoError::NoFace),
        [..] => return Err(PhotoError::SeveralFaces(faces.len())),
    };
    let Some(aligned) = vision.align(image, &face) else {
        return Err(PhotoError::OutsidePicture);
    };
    let quality = Quality::of(&face, &aligned);
    match quality.flaw(vision.settings()) {
        Some(flaw) => return Err(fault(flaw, &quality, vision.settings())),
        // At the door a turned head only weighs less; a template has to be of the face.
        None if quality.turned > MAX_TURNED => {
            return Err(PhotoError::TurnedAside {
                turned: quality.turned,
            });
        }
        None => {}
    }
    if vision.is_upside_down(image, &face)? {
        return Err(fault(Flaw::UpsideDown, &quality, vision.settings()));
    }
    Ok(Examined {
        face,
        quality,
        embedding: vision.embed(&aligned)?,
    })
}

fn fault(flaw: Flaw, quality: &Quality, limits: &config::Vision) -> PhotoError {
    match flaw {
        Flaw::TooSmall => PhotoError::TooSmall {
            size_px: quality.size_px,
            least: limits.min_face_px,
        },
        Flaw::LowDetectorScore => PhotoError::Unclear {
            score: quality.detector_score,
            least: limits.min_detector_score,
        },
        Flaw::Blurred => PhotoError::Blurred {
            sharpness: quality.sharpness,
            least: limits.min_sharpness,
        },
        Flaw::Dark => PhotoError::Dark {
            luma: quality.luma,
            least: limits.min_luma,
        },
        Flaw::UpsideDown => PhotoError::UpsideDown,
        Flaw::Cut => PhotoError::Cut {
            outside: quality.outside,
            most: limits.max_outside,
        },
    }
}

/// The part of a picture another network may want to see, as PNG.
pub(super) fn kept(image: &RgbImage, face: &Face) -> Result<Vec<u8>, PhotoError> {
    let around = face.size() * KEPT_MARGIN;
    let [x0, y0, x1, y1] = face.rect;
    let within = |v: f32, most: u32| v.clamp(0.0, most as f32) as u32;
    let (left, top) = (
        within(x0 - around, image.width()),
        within(y0 - around, image.height()),
    );
    let (right, bottom) = (
        within(x1 + around, image.width()),
        within(y1 + around, image.height()),
    );
    let part = image::imageops::crop_imm(image, left, top, right - left, bottom - top).to_image();
    let part = if part.width().max(part.height()) > MAX_KEPT_SIDE_PX {
        DynamicImage::from(part).thumbnail(MAX_KEPT_SIDE_PX, MAX_KEPT_SIDE_PX)
    } else {
        part.into()
    };
    let mut png = Cursor::new(Vec::new());
    part.write_to(&mut png, ImageFormat::Png)
        .map_err(PhotoError::NotKept)?;
    Ok(png.into_inner())
}
