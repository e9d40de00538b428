//! Pictures that people hand over as files: told apart by content, turned as their
//! EXIF says, and bounded before anything is allocated for them.

use std::io::{self, Cursor, Read};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use image::error::LimitErrorKind;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage,
};

use super::foreign::Foreign;
use crate::files::{self, Kind};

/// Longest side.
const MAX_SIDE_PX: u32 = 16_383;
/// In all: phones take 108 million, and some a little more.
const MAX_PIXELS: u64 = 110_000_000;
/// Larger pictures are halved: nothing looks at so many pixels, and each copy takes memory.
const MAX_KEPT_PIXELS: u64 = 50_000_000;
/// Shortest side: no face fits into less.
const MIN_SIDE_PX: u32 = 20;
/// Of a file.
const MAX_BYTES: u64 = 100_000_000;
/// What a decoder may allocate for itself.
const MAX_DECODER_BYTES: u64 = 512 * 1024 * 1024;

/// A picture that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct PictureError {
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: PictureFault,
}

/// What is wrong with a picture; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PictureFault {
    /// It is missing, or may not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// A folder, or another thing that is no file.
    #[error("is not a file; name the pictures in it one by one")]
    NotAFile,
    /// A file without bytes.
    #[error("is empty; copy it again")]
    Empty,
    /// A file of more than 100 MB.
    #[error("has more than {} MB; make it smaller", MAX_BYTES / 1_000_000)]
    TooManyBytes,
    /// A picture in another format.
    #[error("is {0}")]
    OtherFormat(Foreign),
    /// No picture at all.
    #[error("is not a picture, whatever it is called; give a JPEG, PNG or WebP file")]
    NotAPicture,
    /// Its end is missing.
    #[error("is cut off; copy it again")]
    CutOff,
    /// The decoder panicked.
    #[error("is damaged: the decoder failed on it; save it again")]
    DecoderFailed,
    /// Width and height, in pixels, are too large; the last is how many there may be in all.
    #[error(
        "has {0}x{1} pixels, more than {MAX_SIDE_PX} a side or {million} million; make it smaller",
        million = .2 / 1_000_000
    )]
    TooLarge(u32, u32, u64),
    /// A side is too long for the decoder.
    #[error("has more than {MAX_SIDE_PX} pixels a side; make it smaller")]
    TooLong,
    /// Width and height, in pixels, are too small for a face.
    #[error("has only {0}x{1} pixels; give a larger one")]
    TooSmall(u32, u32),
    /// The decoder would take too much memory.
    #[error("needs too much memory; make it smaller")]
    TooMuchMemory,
    /// No pixel of it can be seen.
    #[error("is wholly transparent, nothing can be seen on it; save it without transparency")]
    Transparent,
    /// A kind of JPEG, PNG or WebP that the decoder does not know, in its words.
    #[error("cannot be decoded ({0}); save it as a plain JPEG")]
    Unsupported(String),
    /// Anything else the decoder says.
    #[error("is damaged ({0}); copy or save it again")]
    Damaged(String),
}

/// Reads a JPEG, PNG or WebP file as 8 bit RGB, upright.
///
/// Of an animation the first picture counts; 16 bit values are scaled to 8, what is
/// transparent is shown on white, CMYK is converted, and a picture of more than 50 million
/// pixels comes at half its width and height.
///
/// # Errors
/// [`PictureError`] if it is missing, empty, no JPEG, PNG or WebP, damaged, cut off, wholly
/// transparent, or not between 20 and 16,383 pixels a side and 110 million in all.
pub fn load_picture(path: &Path) -> Result<RgbImage, PictureError> {
    read(path).map_err(|fault| PictureError {
        path: path.to_path_buf(),
        fault,
    })
}

/// The same of the bytes of a file, with `most` pixels in all at most.
///
/// # Errors
/// [`PictureFault`]
pub(crate) fn read_picture(bytes: &[u8], most: u64) -> Result<RgbImage, PictureFault> {
    if bytes.is_empty() {
        return Err(PictureFault::Empty);
    }
    let format = format(bytes)?;
    // The decoder would fill what is missing with grey, or call it damaged.
    let is_whole = match format {
        ImageFormat::Jpeg => ends(bytes),
        ImageFormat::WebP => is_as_long_as_it_says(bytes),
        _ => true,
    };
    if !is_whole {
        return Err(PictureFault::CutOff);
    }
    // Decoders have panicked on made-up bytes before.
    catch_unwind(|| decode(bytes, format, most)).unwrap_or(Err(PictureFault::DecoderFailed))
}

fn read(path: &Path) -> Result<RgbImage, PictureFault> {
    let about = files::about(path)?;
    if !about.is_file() {
        return Err(PictureFault::NotAFile);
    }
    if about.len() == 0 {
        return Err(PictureFault::Empty);
    }
    if about.len() > MAX_BYTES {
        return Err(PictureFault::TooManyBytes);
    }
    let mut bytes = Vec::new();
    let file = files::open(path, Kind::Picture)?;
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    read_picture(&bytes, MAX_PIXELS)
}

fn format(bytes: &[u8]) -> Result<ImageFormat, PictureFault> {
    if let Some(foreign) = Foreign::of(bytes) {
        return Err(PictureFault::OtherFormat(foreign));
    }
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => Ok(format),
        _ => Err(PictureFault::NotAPicture),
    }
}

/// Whether a WebP has the bytes that its RIFF header counts.
fn is_as_long_as_it_says(bytes: &[u8]) -> bool {
    let header = bytes.split_at_checked(4).map(|(_, rest)| rest);
    header
        .and_then(|rest| rest.first_chunk::<4>())
        .is_some_and(|length| bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes(*length)))
}

/// Whether a JPEG goes on to its end marker (ITU-T T.81, annex B). What comes after
/// that is not looked at, and neither are pictures inside its segments.
fn ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // To the next marker: in coded data 0xff 0x00 is a value and 0xd0..=0xd7 only mark places.
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(marker) = rest.windows(2).position(
            |pair| matches!(pair, [0xff, marker] if !matches!(marker, 0x00 | 0xd0..=0xd7 | 0xff)),
        ) else {
            return false;
        };
        match rest.get(marker + 1..marker + 4) {
            Some(&[0xd9, ..]) => return true,
            Some(&[_, high, low]) => {
                at += marker + 2 + usize::from(u16::from_be_bytes([high, low]));
            }
            _ => return rest.get(marker + 1) == Some(&0xd9),
        }
    }
}

fn decode(bytes: &[u8], format: ImageFormat, most: u64) -> Result<RgbImage, PictureFault> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_SIDE_PX || u64::from(width) * u64::from(height) > most {
        return Err(PictureFault::TooLarge(width, height, most));
    }
    if width.min(height) < MIN_SIDE_PX {
        return Err(PictureFault::TooSmall(width, height));
    }
    if decoder.total_bytes() > MAX_DECODER_BYTES {
        return Err(PictureFault::TooMuchMemory);
    }
    let orientation = decoder.orientation().map_err(fault)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    if u64::from(width) * u64::from(height) > MAX_KEPT_PIXELS {
        image = image.thumbnail_exact(width / 2, height / 2);
    }
    image.apply_orientation(orientation);
    if image.color().has_alpha() {
        on_white(image.into_rgba8())
    } else {
        Ok(image.into_rgb8())
    }
}

/// As every viewer shows it: what is erased from a picture must not be found in it.
fn on_white(image: RgbaImage) -> Result<RgbImage, PictureFault> {
    let (width, height) = image.dimensions();
    let (pixels, _) = image.as_raw().as_chunks::<4>();
    if pixels.iter().all(|[.., alpha]| *alpha == 0) {
        return Err(PictureFault::Transparent);
    }
    let mut shown = RgbImage::new(width, height);
    let (to, _) = shown.as_chunks_mut::<3>();
    for ([r, g, b, alpha], to) in pixels.iter().zip(to) {
        let alpha = u32::from(*alpha);
        *to = [r, g, b].map(|v| ((u32::from(*v) * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    Ok(shown)
}

fn fault(error: ImageError) -> PictureFault {
    match error {
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::DimensionError => {
            PictureFault::TooLong
        }
        ImageError::Limits(_) => PictureFault::TooMuchMemory,
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            PictureFault::CutOff
        }
        ImageError::Unsupported(what) => PictureFault::Unsupported(what.to_string()),
        other => PictureFault::Damaged(other.to_string()),
    }
}
