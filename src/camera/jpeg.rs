//! One Motion JPEG frame to RGB. The bytes come over a cable and are not trusted.

use std::borrow::Cow;
use std::panic::catch_unwind;

use image::RgbImage;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::FrameFault;

/// Decodes a frame of whatever size its header says.
///
/// # Errors
/// [`FrameFault`]
pub(super) fn to_rgb(bytes: &[u8]) -> Result<RgbImage, FrameFault> {
    let (width, height) = size(bytes)?;
    let rgb = decode_into(bytes, (width, height), Vec::new())?;
    RgbImage::from_raw(width, height, rgb).ok_or(FrameFault::CutOff)
}

/// Decodes a frame that must have this width and height into memory that is there
/// already; its content is replaced by three bytes a pixel, row by row.
///
/// # Errors
/// [`FrameFault`]
pub(super) fn decode_into(
    bytes: &[u8],
    size: (u32, u32),
    into: Vec<u8>,
) -> Result<Vec<u8>, FrameFault> {
    // Cameras pad frames, and cut them off when the bus is too slow.
    let Some(end) = bytes.windows(2).rposition(|pair| pair == [0xff, 0xd9]) else {
        return Err(FrameFault::CutOff);
    };
    let bytes = bytes.get(..end + 2).unwrap_or(bytes);
    let bytes = with_tables(bytes)?;
    // Decoders have panicked on made-up bytes before; that spoils a frame, not the door.
    catch_unwind(move || decode(&bytes, size, into)).unwrap_or(Err(FrameFault::DecoderFailed))
}

/// Width and height, as the header has it.
fn size(bytes: &[u8]) -> Result<(u32, u32), FrameFault> {
    // The header is read by the same decoder, so it is trusted as little.
    catch_unwind(|| {
        let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
        decoder.decode_headers().map_err(not_a_jpeg)?;
        let (width, height) = decoder.dimensions().unwrap_or_default();
        Ok((width as u32, height as u32))
    })
    .unwrap_or(Err(FrameFault::DecoderFailed))
}

fn not_a_jpeg(error: DecodeErrors) -> FrameFault {
    FrameFault::NotAJpeg(error.to_string())
}

fn decode(
    bytes: &[u8],
    (width, height): (u32, u32),
    mut into: Vec<u8>,
) -> Result<Vec<u8>, FrameFault> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(width as usize)
        .set_max_height(height as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(not_a_jpeg)?;
    let found = decoder.dimensions().unwrap_or_default();
    let needed = width as usize * height as usize * 3;
    if found != (width as usize, height as usize) || decoder.output_buffer_size() != Some(needed) {
        return Err(FrameFault::OtherSize {
            found,
            agreed: (width, height),
        });
    }
    into.resize(needed, 0);
    decoder.decode_into(&mut into).map_err(not_a_jpeg)?;
    Ok(into)
}

/// Many cameras leave the Huffman tables out, because Motion JPEG always has the
/// same ones: those of the JPEG standard, section K.3.
fn with_tables(bytes: &[u8]) -> Result<Cow<'_, [u8]>, FrameFault> {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Err(FrameFault::NoJpegStart);
    }
    let mut at = 2;
    loop {
        let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) else {
            return Err(FrameFault::NoJpegStart);
        };
        match marker {
            // Padding before a marker.
            0xff => at += 1,
            // DHT: it has its own.
            0xc4 => return Ok(Cow::Borrowed(bytes)),
            // SOS: the picture starts and there was none.
            0xda => break,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    let (head, picture) = bytes.split_at(at);
    Ok(Cow::Owned([head, &standard_tables(), picture].concat()))
}

/// A DHT segment with the four tables of ITU-T T.81, K.3 to K.6.
fn standard_tables() -> Vec<u8> {
    let mut body = Vec::with_capacity(420);
    for (class_and_id, counts, values) in [
        (0x00, LUMA_DC_COUNTS, &DC_VALUES[..]),
        (0x10, LUMA_AC_COUNTS, &LUMA_AC_VALUES[..]),
        (0x01, CHROMA_DC_COUNTS, &DC_VALUES[..]),
        (0x11, CHROMA_AC_COUNTS, &CHROMA_AC_VALUES[..]),
    ] {
        body.push(class_and_id);
        body.extend(counts);
        body.extend(values);
    }
    let length = body.len() as u16 + 2;
    let [high, low] = length.to_be_bytes();
    [&[0xff, 0xc4, high, low][..], &body].concat()
}

const DC_VALUES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const LUMA_DC_COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const CHROMA_DC_COUNTS: [u8; 16] = [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
const LUMA_AC_COUNTS: [u8; 16] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d];
const CHROMA_AC_COUNTS: [u8; 16] = [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77];
#[rustfmt::skip]
const LUMA_AC_VALUES: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];
#[rustfmt::skip]
const CHROMA_AC_VALUES: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
    0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
    0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn picture() -> RgbImage {
        RgbImage::from_fn(48, 32, |x, y| {
            image::Rgb([(x * 5) as u8, (y * 7) as u8, ((x + y) * 3) as u8])
        })
    }

    fn encoded() -> Vec<u8> {
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode_image(&picture())
            .unwrap();
        bytes
    }

    /// Without its DHT segments, as UVC cameras send it.
    fn without_tables(bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut at) = (bytes[..2].to_vec(), 2);
        loop {
            let marker = bytes[at + 1];
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])) + 2;
            if marker == 0xda {
                out.extend(&bytes[at..]);
                return out;
            }
            if marker != 0xc4 {
                out.extend(&bytes[at..at + length]);
            }
            at += length;
        }
    }

    #[test]
    fn a_frame_without_tables_is_the_same_picture() {
        let whole = encoded();
        let bare = without_tables(&whole);
        assert!(bare.len() < whole.len());
        let expected = to_rgb(&whole).unwrap();
        assert_eq!(to_rgb(&bare).unwrap(), expected);
        let mut padded = bare;
        padded.extend([0; 100]);
        assert_eq!(to_rgb(&padded).unwrap(), expected);
        let worst = expected
            .iter()
            .zip(picture().iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(worst.unwrap() < 40, "{worst:?}");
    }

    #[test]
    fn another_size_is_spoilt() {
        let said = decode_into(&encoded(), (64, 32), Vec::new()).unwrap_err();
        assert_eq!(said.to_string(), "it is 48x32 and not 64x32");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn no_bytes_are_too_strange(
            cut in 0usize..2000,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            bare: bool,
            sealed: bool,
        ) {
            let mut bytes = encoded();
            if bare {
                bytes = without_tables(&bytes);
            }
            bytes.truncate(cut);
            for (at, value) in changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = value;
                }
            }
            if sealed {
                bytes.extend([0xff, 0xd9]);
            }
            if let Ok(rgb) = decode_into(&bytes, (48, 32), vec![7; 9]) {
                prop_assert_eq!(rgb.len(), 48 * 32 * 3);
            }
        }
    }
}
