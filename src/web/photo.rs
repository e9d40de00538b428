//! Photos from phones, made small enough for the socket, and kept ones, made small enough for a
//! list. The door judges them; here they are only told from what is no photo, and shrunk.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};

use super::form::Photo;
use crate::ipc::MAX_PHOTO_BYTES;

/// The longer side of a picture that was shrunk, in pixels.
const MAX_SIDE: u32 = 1600;
/// The longer side of one that is read at all.
const MAX_READ_SIDE: u32 = 10_000;
/// The same of one that was kept, which doorward itself makes no larger than 512.
const MAX_KEPT_SIDE: u32 = 2048;
/// The sides of a face in a list, for screens with two pixels for each of the page's 80.
const FACE_SIDE: u32 = 160;
/// What reading one may take.
const MAX_READ_BYTES: u64 = 160 << 20;
/// JPEG's, from 1 to 100.
const QUALITY: u8 = 88;

/// A photo as it is sent; nothing of what is neither JPEG nor PNG, damaged or too large.
pub(super) fn fit(photo: Photo) -> Option<Photo> {
    let format = image::guess_format(&photo.bytes).ok()?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png) {
        return None;
    }
    if photo.bytes.len() <= MAX_PHOTO_BYTES {
        return Some(photo);
    }
    let (mut picture, turned) = read(&photo.bytes, format, MAX_READ_SIDE)?;
    if picture.width().max(picture.height()) > MAX_SIDE {
        picture = picture.resize(MAX_SIDE, MAX_SIDE, FilterType::Triangle);
    }
    picture.apply_orientation(turned);
    let bytes = jpeg(&picture)?;
    (bytes.len() <= MAX_PHOTO_BYTES).then_some(Photo {
        name: photo.name,
        bytes,
    })
}

/// A kept photo as a small square JPEG; nothing of what is no PNG.
pub(super) fn face(png: &[u8]) -> Option<Vec<u8>> {
    small(png, ImageFormat::Png)
}

/// The same of an event's picture; nothing of what is no JPEG.
pub(super) fn event_face(kept: &[u8]) -> Option<Vec<u8>> {
    small(kept, ImageFormat::Jpeg)
}

fn small(kept: &[u8], format: ImageFormat) -> Option<Vec<u8>> {
    let (picture, _) = read(kept, format, MAX_KEPT_SIDE)?;
    jpeg(&picture.resize_to_fill(FACE_SIDE, FACE_SIDE, FilterType::Triangle))
}

/// A picture, and how it has to be turned.
fn read(bytes: &[u8], format: ImageFormat, most_side: u32) -> Option<(DynamicImage, Orientation)> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(most_side);
    limits.max_image_height = Some(most_side);
    limits.max_alloc = Some(MAX_READ_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let turned = decoder.orientation().ok()?;
    Some((DynamicImage::from_decoder(decoder).ok()?, turned))
}

fn jpeg(picture: &DynamicImage) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode_image(&picture.to_rgb8())
        .ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_large_photo_is_made_smaller_and_nonsense_is_none() {
        let noise = image::RgbImage::from_fn(2400, 1800, |x, y| {
            let value = (x.wrapping_mul(31) ^ y.wrapping_mul(17)).wrapping_mul(2_654_435_761) >> 27;
            image::Rgb([u8::try_from(value & 31).unwrap() + 100; 3])
        });
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 100)
            .encode_image(&noise)
            .unwrap();
        assert!(bytes.len() > MAX_PHOTO_BYTES);
        let photo = |bytes: &[u8]| Photo {
            name: "a.jpg".into(),
            bytes: bytes.to_vec(),
        };
        let small = fit(photo(&bytes)).unwrap();
        let read = image::load_from_memory(&small.bytes).unwrap();
        assert_eq!((read.width(), read.height()), (1600, 1200));
        let half = bytes.get(..bytes.len() / 2).unwrap();
        for wrong in [&b""[..], b"GIF89a", b"<svg/>", half] {
            let kept = fit(photo(wrong)).map(|photo| photo.bytes.len());
            assert!(kept.is_none_or(|length| length <= MAX_PHOTO_BYTES));
        }
        assert!(fit(photo(b"GIF89a")).is_none());
    }
}
