//! Pictures in formats that are not decoded here, known by their first bytes, and the command
//! that converts each.

use std::fmt;

/// A format that is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    Heic,
    Avif,
    JpegXl,
    Jpeg2000,
    /// A JPEG of this many bits a colour, not 8.
    DeepJpeg(u8),
    /// A PNG as Apple's tools change it for iOS.
    CgbiPng,
    Gif,
    Bmp,
    /// Also what many cameras call raw.
    Tiff,
    Icon,
    Photoshop,
    Pdf,
    Video,
}

impl Foreign {
    /// What the first bytes of a file tell; `None` for JPEG of 8 bits, PNG and WebP too.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if let Some(ftyp) = bytes.strip_prefix(bytes.get(..4)?)
            && let Some(brands) = ftyp.strip_prefix(b"ftyp")
        {
            return Some(of_brands(bytes, brands));
        }
        let starts = |with: &[u8]| bytes.starts_with(with);
        if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL \r\n\x87\n") {
            Some(Self::JpegXl)
        } else if starts(b"\0\0\0\x0cjP  ") || starts(b"\xff\x4f\xff\x51") {
            Some(Self::Jpeg2000)
        } else if starts(b"\xff\xd8\xff") {
            bits(bytes)
                .filter(|bits| (9..=16).contains(bits))
                .map(Self::DeepJpeg)
        } else if starts(b"\x89PNG\r\n\x1a\n") {
            (bytes.get(12..16) == Some(b"CgBI")).then_some(Self::CgbiPng)
        } else if starts(b"GIF87a") || starts(b"GIF89a") {
            Some(Self::Gif)
        } else if starts(b"II*\0") || starts(b"MM\0*") || starts(b"II+\0") || starts(b"MM\0+") {
            Some(Self::Tiff)
        } else if starts(b"BM") && bytes.get(6..10) == Some(&[0; 4]) {
            Some(Self::Bmp)
        } else if starts(b"\0\0\x01\0") {
            Some(Self::Icon)
        } else if starts(b"8BPS") {
            Some(Self::Photoshop)
        } else if starts(b"%PDF-") {
            Some(Self::Pdf)
        } else if starts(b"\x1a\x45\xdf\xa3")
            || starts(b"RIFF") && bytes.get(8..12) == Some(b"AVI ")
        {
            Some(Self::Video)
        } else {
            None
        }
    }

    /// What makes a picture of it that is decoded.
    fn conversion(self) -> &'static str {
        match self {
            Self::Heic => "`heif-convert FILE photo.jpg`",
            Self::Avif => "`ffmpeg -i FILE photo.png`",
            Self::JpegXl => "`djxl FILE photo.png`",
            Self::DeepJpeg(_) => "`djpeg FILE | cjpeg > photo.jpg` of libjpeg-turbo 3",
            Self::CgbiPng => {
                "`xcrun pngcrush -revert-iphone-optimizations FILE photo.png` on a Mac"
            }
            Self::Jpeg2000 | Self::Bmp | Self::Tiff => "`magick FILE photo.png`",
            Self::Gif | Self::Icon | Self::Photoshop => "`magick 'FILE[0]' photo.png`",
            Self::Pdf => "`pdftoppm -singlefile -jpeg FILE photo`",
            Self::Video => "`ffmpeg -i FILE -frames:v 1 photo.png`",
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Heic => "HEIC, as iPhones take it",
            Self::Avif => "AVIF",
            Self::JpegXl => "JPEG XL",
            Self::Jpeg2000 => "JPEG 2000",
            Self::DeepJpeg(bits) => {
                return write!(
                    f,
                    "a JPEG of {bits} bits a colour, not 8; convert it, for example with {}",
                    self.conversion()
                );
            }
            Self::CgbiPng => "a PNG changed for iOS (CgBI)",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF or a camera's raw picture",
            Self::Icon => "an icon (ICO)",
            Self::Photoshop => "a Photoshop file",
            Self::Pdf => "PDF",
            Self::Video => "a video",
        };
        write!(
            f,
            "{name}, not JPEG, PNG or WebP; convert it, for example with {}",
            self.conversion()
        )
    }
}

/// By the brands of an ISO base media file (ISO/IEC 14496-12, 4.3): the major one, a version
/// and those it is compatible with, as long as the box is.
fn of_brands(bytes: &[u8], brands: &[u8]) -> Foreign {
    let length = bytes
        .first_chunk::<4>()
        .map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let brands = brands
        .get(..length.saturating_sub(8).min(brands.len()))
        .unwrap_or(brands);
    let (brands, _) = brands.as_chunks::<4>();
    let any = |of: &[&[u8; 4]]| brands.iter().any(|brand| of.contains(&brand));
    if any(&[b"avif", b"avis"]) {
        Foreign::Avif
    } else if any(&[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1",
    ]) {
        Foreign::Heic
    } else if any(&[b"crx "]) {
        Foreign::Tiff
    } else {
        Foreign::Video
    }
}

/// Bits a colour, from a JPEG's frame header (ITU-T T.81, B.2.2).
fn bits(bytes: &[u8]) -> Option<u8> {
    let mut at = 2;
    loop {
        match *bytes.get(at..at + 5)? {
            [0xff, 0xff, ..] => at += 1,
            [
                0xff,
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf,
                _,
                _,
                bits,
            ] => {
                return Some(bits);
            }
            [0xff, _, high, low, _] => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => return None,
        }
    }
}
