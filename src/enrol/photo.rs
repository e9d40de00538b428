//! One photo: the face it is of, whether a template may be made of that, and the part of
//! it that is kept.

use std::fmt;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage, imageops};

use crate::config;
use crate::embedding::Embedding;
use crate::recognise::{Flaw, Quality};
use crate::vision::{AlignedFace, Face, Vision, VisionError};

/// Longer side of a kept photo, in pixels.
const MAX_KEPT_SIDE_PX: u32 = 512;
/// How far the head of a photo may be turned aside; see [`Quality::turned`].
const MAX_TURNED: f32 = 0.45;
/// A face whose middle is so near to the picture's, in shares of its sides, is in the middle.
const MAX_OFF_MIDDLE: f32 = 0.1;
/// How much around a face is kept, in sizes of the face.
const KEPT_MARGIN: f32 = 0.6;

/// Why no template can be made of a photo.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// A recording showed it before.
    #[error("it is the very picture that was taken before; take others, or a longer recording")]
    SamePicture,
    /// There is nobody on it.
    #[error("it shows no face; take one from the front, with the whole head in it")]
    NoFace,
    /// Several people on it could be recognised.
    #[error(
        "it shows {count} faces that could be the person's, a second face {place}, {size_px:.0} pixels; cut it out of the picture or take another"
    )]
    SeveralFaces {
        /// How many.
        count: usize,
        /// Where the second largest is.
        place: Place,
        /// Longer side of its box.
        size_px: f32,
    },
    /// The largest face is not good enough, and a smaller one is: whose photo it is cannot be told.
    #[error(
        "its largest face, {place}, {size_px:.0} pixels, cannot be used and a smaller one can: {why}; or cut the larger one out of the picture"
    )]
    AnotherIsLarger {
        /// Where the largest is.
        place: Place,
        /// Longer side of its box.
        size_px: f32,
        /// What is wrong with it.
        why: Box<PhotoError>,
    },
    /// The face has too few pixels.
    #[error("the face is too small, {} pixels, and {least} are needed; take it from nearer", size_px.floor())]
    TooSmall {
        /// Longer side of its box.
        size_px: f32,
        /// `vision.min_face_px`.
        least: u32,
    },
    /// The detector is not sure of it.
    #[error(
        "the face is not clear, detector score {score:.2}, and {least:.2} is needed; take it from the front, uncovered"
    )]
    Unclear {
        /// Its score, 0..=1.
        score: f32,
        /// `vision.min_detector_score`.
        least: f32,
    },
    /// It moved, or is out of focus.
    #[error(
        "the face is too blurred, sharpness {sharpness:.0}, and {least:.0} is needed; hold still and focus"
    )]
    Blurred {
        /// Its sharpness.
        sharpness: f32,
        /// `vision.min_sharpness`.
        least: f32,
    },
    /// There is too little light on it.
    #[error(
        "the face is too dark, brightness {luma:.0}, and {least:.0} is needed; put light on it"
    )]
    Dark {
        /// Its mean luma, 0..=255.
        luma: f32,
        /// `vision.min_luma`.
        least: f32,
    },
    /// Too much of it is outside the picture.
    #[error(
        "the face is cut by the picture's edge, {:.0} % of it, and {:.0} % is the most; take one with the whole head in it", outside * 100.0, most * 100.0
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
    /// No face is found as it lies, but one when it is turned by a quarter.
    #[error("the face lies on its side: turn the picture")]
    OnItsSide,
    /// Its box or its landmarks are not of a face inside the picture.
    #[error("its face lies outside the picture; take one with the whole head in it")]
    OutsidePicture,
    /// The head is turned aside.
    #[error(
        "the head is turned aside, by {turned:.2}, and {MAX_TURNED:.2} is the most; take it from the front"
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

/// Where in a picture something is, as the viewer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Left,
    Right,
    Top,
    Bottom,
    Middle,
}

impl Place {
    fn of(face: &Face, image: &RgbImage) -> Self {
        let [x0, y0, x1, y1] = face.rect;
        let across = (x0 + x1) / 2.0 / image.width() as f32 - 0.5;
        let down = (y0 + y1) / 2.0 / image.height() as f32 - 0.5;
        if across.abs().max(down.abs()) < MAX_OFF_MIDDLE {
            Self::Middle
        } else if across.abs() >= down.abs() {
            if across < 0.0 {
                Self::Left
            } else {
                Self::Right
            }
        } else if down < 0.0 {
            Self::Top
        } else {
            Self::Bottom
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "at the left",
            Self::Right => "at the right",
            Self::Top => "at the top",
            Self::Bottom => "at the bottom",
            Self::Middle => "in the middle",
        })
    }
}

/// A face and whether a door would judge it.
struct Seen {
    face: Face,
    /// Nothing of a face outside the picture.
    aligned: Option<(AlignedFace, Quality)>,
    flaw: Option<Flaw>,
}

impl Seen {
    fn can_be_judged(&self) -> bool {
        self.aligned.is_some() && self.flaw.is_none()
    }

    /// Whether it can be somebody the photo is meant to be of. What the detector is not sure
    /// of may be anything.
    fn is_of_somebody(&self) -> bool {
        self.aligned.is_some() && self.flaw != Some(Flaw::LowDetectorScore)
    }

    fn fault(&self, limits: &config::Vision) -> Option<PhotoError> {
        match (&self.aligned, self.flaw) {
            (None, _) => Some(PhotoError::OutsidePicture),
            (Some((_, quality)), Some(flaw)) => Some(fault(flaw, quality, limits)),
            (Some(_), None) => None,
        }
    }
}

/// Embeds the face of a photo that shows one good enough, and no other that a door would
/// judge: people in the background do not count.
pub(super) fn examine(image: &RgbImage, vision: &mut Vision) -> Result<Examined, PhotoError> {
    let mut seen: Vec<Seen> = Vec::new();
    for face in vision.detect(image)? {
        let aligned = vision.align(image, &face);
        let aligned = aligned.map(|aligned| {
            let quality = Quality::of(&face, &aligned);
            (aligned, quality)
        });
        let flaw = aligned
            .as_ref()
            .and_then(|(_, quality)| quality.flaw(vision.settings()));
        seen.push(Seen {
            face,
            aligned,
            flaw,
        });
    }
    let seen = the_one(seen, image, vision.settings())?;
    let face = seen.face;
    let Some((aligned, quality)) = seen.aligned else {
        return Err(PhotoError::OutsidePicture);
    };
    // At the door a turned head only weighs less; a template has to be of the face.
    if quality.turned > MAX_TURNED {
        return Err(PhotoError::TurnedAside {
            turned: quality.turned,
        });
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

/// The face a photo is of, among all on it, the largest first.
fn the_one(seen: Vec<Seen>, image: &RgbImage, limits: &config::Vision) -> Result<Seen, PhotoError> {
    let mut good = seen.iter().filter(|one| one.can_be_judged());
    if let (Some(_), Some(second)) = (good.next(), good.next()) {
        return Err(PhotoError::SeveralFaces {
            count: 2 + good.count(),
            place: Place::of(&second.face, image),
            size_px: second.face.size().floor(),
        });
    }
    let Some(at) = seen.iter().position(Seen::can_be_judged) else {
        let largest = seen.iter().find(|one| one.is_of_somebody());
        let why = largest.or(seen.first()).and_then(|one| one.fault(limits));
        return Err(why.unwrap_or(PhotoError::NoFace));
    };
    let larger = seen.iter().take(at).find(|one| one.is_of_somebody());
    if let Some(larger) = larger
        && let Some(why) = larger.fault(limits)
    {
        return Err(PhotoError::AnotherIsLarger {
            place: Place::of(&larger.face, image),
            size_px: larger.face.size().floor(),
            why: Box::new(why),
        });
    }
    seen.into_iter().nth(at).ok_or(PhotoError::NoFace)
}

/// Why a photo on which no face is clear shows one when it is turned, if it does.
pub(super) fn lies_wrong(
    image: &RgbImage,
    vision: &mut Vision,
) -> Result<Option<PhotoError>, VisionError> {
    for (turned, why) in [
        (imageops::rotate180(image), PhotoError::UpsideDown),
        (imageops::rotate90(image), PhotoError::OnItsSide),
        (imageops::rotate270(image), PhotoError::OnItsSide),
    ] {
        let faces = vision.detect(&turned)?;
        let limits = vision.settings();
        let clear = |face: &Face| {
            face.detector_score >= limits.min_detector_score
                && face.size() >= limits.min_face_px as f32
        };
        if faces.iter().any(clear) {
            return Ok(Some(why));
        }
    }
    Ok(None)
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
    let part = imageops::crop_imm(image, left, top, right - left, bottom - top).to_image();
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
