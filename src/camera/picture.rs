//! Pictures that people hand over as files: told apart by content, turned as their
//! EXIF says, and bounded before anything is allocated for them.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use image::error::LimitErrorKind;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

/// Longest side, in pixels.
const LONGEST: u32 = 10_000;
/// Pixels in all: four times what a phone takes.
const MOST_PIXELS: u64 = 50_000_000;
/// Shortest side, in pixels: no face fits into less.
const SHORTEST: u32 = 20;
/// Bytes in all.
const MOST_BYTES: u64 = 100_000_000;
/// What a decoder may allocate for itself.
const MEMORY: u64 = 512 * 1024 * 1024;

/// A picture that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct PictureError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// Reads a JPEG or PNG file as 8 bit RGB, upright.
///
/// Of an animated PNG the first picture counts; 16 bit values are scaled to 8, an
/// alpha channel is dropped, CMYK is converted.
///
/// # Errors
/// [`PictureError`] if it is missing, empty, no JPEG or PNG, damaged, cut off, or
/// not between 20 and 10,000 pixels a side and 50 million in all.
pub fn load_picture(path: &Path) -> Result<RgbImage, PictureError> {
    read(path).map_err(|reason| PictureError {
        path: path.to_path_buf(),
        reason,
    })
}

fn read(path: &Path) -> Result<RgbImage, String> {
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let about = file
        .metadata()
        .map_err(|error| format!("cannot be read: {error}"))?;
    if !about.is_file() {
        return Err("is not a file; name the pictures in it one by one".into());
    }
    if about.len() == 0 {
        return Err("is empty; copy it again".into());
    }
    if about.len() > MOST_BYTES {
        return Err(format!(
            "has more than {} MB; make it smaller",
            MOST_BYTES / 1_000_000
        ));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let format = format(&bytes)?;
    // The decoder would fill what is missing with grey.
    if format == ImageFormat::Jpeg && !ends(&bytes) {
        return Err("is cut off; copy it again".into());
    }
    // Decoders have panicked on made-up bytes before.
    catch_unwind(|| decode(&bytes, format))
        .unwrap_or_else(|_| Err("is damaged: the decoder failed on it; save it again".into()))
}

fn format(bytes: &[u8]) -> Result<ImageFormat, String> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => Ok(format),
        Ok(other) => {
            let name = format!("{other:?}").to_uppercase();
            Err(format!("is {name}, not JPEG or PNG; convert it"))
        }
        Err(_) => Err("is not a picture, whatever it is called; give a JPEG or PNG file".into()),
    }
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

fn decode(bytes: &[u8], format: ImageFormat) -> Result<RgbImage, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    limits.max_alloc = Some(MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| say(&error))?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > LONGEST || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(format!(
            "has {width}x{height} pixels, more than {LONGEST} a side or {} million; make it smaller",
            MOST_PIXELS / 1_000_000
        ));
    }
    if width.min(height) < SHORTEST {
        return Err(format!(
            "has only {width}x{height} pixels; give a larger one"
        ));
    }
    let orientation = decoder.orientation().map_err(|error| say(&error))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| say(&error))?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

fn say(error: &ImageError) -> String {
    match error {
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::DimensionError => {
            format!("has more than {LONGEST} pixels a side; make it smaller")
        }
        ImageError::Limits(_) => "needs too much memory; make it smaller".into(),
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "is cut off; copy it again".into()
        }
        ImageError::Unsupported(what) => {
            format!("cannot be decoded ({what}); save it as a plain JPEG")
        }
        other => format!("is damaged ({other}); copy or save it again"),
    }
}
