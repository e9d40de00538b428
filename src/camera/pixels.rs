//! Raw camera frames to RGB: BT.601, limited range, as UVC cameras and V4L2's
//! default for such formats have it (ITU-R BT.601-7; Linux `Documentation/
//! userspace-api/media/v4l/colorspaces-details.rst`).

use image::RgbImage;
use yuv::{YuvPackedImage, YuvRange, YuvStandardMatrix, yuyv422_to_rgb};

use super::FrameFault;

/// What a raw frame looks like in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from one row to the next (of the luma plane, with NV12).
    pub stride: u32,
}

impl Shape {
    /// Three bytes a pixel, without padding.
    pub(super) fn rgb((width, height): (u32, u32)) -> Self {
        Self {
            width,
            height,
            stride: width * 3,
        }
    }
}

/// A layout that needs no decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// Packed YUV 4:2:2, 2 bytes a pixel.
    Yuyv,
    /// Semi-planar YUV 4:2:0, 1.5 bytes a pixel.
    Nv12,
    /// 8 bit luma.
    Grey,
}

/// How many of so many bytes a frame of this shape takes.
///
/// # Errors
/// [`FrameFault::TooShort`] if they are fewer than the shape needs.
pub(super) fn needed(layout: Raw, shape: Shape, bytes: usize) -> Result<usize, FrameFault> {
    let bytes_a_row = match layout {
        Raw::Yuyv => u64::from(shape.width) * 2,
        Raw::Nv12 | Raw::Grey => u64::from(shape.width),
    };
    let stride = u64::from(shape.stride).max(bytes_a_row);
    let rows = match layout {
        Raw::Nv12 => u64::from(shape.height) + u64::from(shape.height).div_ceil(2),
        Raw::Yuyv | Raw::Grey => u64::from(shape.height),
    };
    // The last row need not be padded.
    let needed = rows
        .checked_sub(1)
        .and_then(|full| stride.checked_mul(full)?.checked_add(bytes_a_row))
        .unwrap_or(0);
    if shape.width == 0 || needed == 0 || (bytes as u64) < needed {
        return Err(FrameFault::TooShort {
            bytes,
            needed,
            width: shape.width,
            height: shape.height,
        });
    }
    // It fits: so many bytes are in memory.
    Ok(needed as usize)
}

/// Converts a raw frame into `out`, which becomes as large as the frame. No memory is
/// asked for if it was that large before.
///
/// # Errors
/// [`FrameFault::TooShort`] if the bytes are fewer than the shape needs; `out` is then
/// as it was.
pub(super) fn convert(
    layout: Raw,
    shape: Shape,
    bytes: &[u8],
    out: &mut RgbImage,
) -> Result<(), FrameFault> {
    let needed = needed(layout, shape, bytes.len())?;
    if out.dimensions() != (shape.width, shape.height) {
        *out = RgbImage::new(shape.width, shape.height);
    }
    let (width, height) = (shape.width as usize, shape.height as usize);
    let stride = (shape.stride as usize).max(match layout {
        Raw::Yuyv => width * 2,
        Raw::Nv12 | Raw::Grey => width,
    });
    let bytes = bytes.get(..needed).unwrap_or(bytes);
    let out = out.as_flat_samples_mut().samples;
    match layout {
        // The library wants whole pairs and no padding.
        Raw::Yuyv if width % 2 == 0 && stride == width * 2 => {
            let image = YuvPackedImage {
                yuy: bytes,
                yuy_stride: stride as u32,
                width: shape.width,
                height: shape.height,
            };
            let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt601);
            yuyv422_to_rgb(&image, out, shape.width * 3, range, matrix)
                .map_err(|error| FrameFault::NotConverted(error.to_string()))?;
        }
        Raw::Yuyv => {
            for (row, out) in bytes.chunks(stride).zip(out.chunks_exact_mut(width * 3)) {
                yuyv(row, out);
            }
        }
        Raw::Nv12 => {
            let (luma, chroma) = bytes.split_at(stride * height);
            let chroma = chroma.chunks(stride).flat_map(|row| [row, row]);
            let out = out.chunks_exact_mut(width * 3);
            for ((luma, chroma), out) in luma.chunks(stride).zip(chroma).zip(out) {
                nv12(luma, chroma, out);
            }
        }
        Raw::Grey => {
            for (row, out) in bytes.chunks(stride).zip(out.chunks_exact_mut(width * 3)) {
                for (&y, rgb) in row.iter().zip(out.as_chunks_mut::<3>().0) {
                    *rgb = [y; 3];
                }
            }
        }
    }
    Ok(())
}

/// Converts three planes; chroma has one value for `share` pixels across and down.
/// Missing bytes are black.
pub(super) fn planar_to_rgb(
    (width, height): (u32, u32),
    luma: &[u8],
    [u, v]: [&[u8]; 2],
    chroma_width: usize,
    share: (u32, u32),
) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let at = y as usize * width as usize + x as usize;
        let chroma = (y / share.1) as usize * chroma_width + (x / share.0) as usize;
        let value = |plane: &[u8], at: usize, none| plane.get(at).copied().unwrap_or(none);
        let chroma = Chroma::new(value(u, chroma, 128), value(v, chroma, 128));
        image::Rgb(chroma.rgb(value(luma, at, 16)))
    })
}

fn yuyv(row: &[u8], out: &mut [u8]) {
    let pairs = out.chunks_mut(6);
    for (&[y0, u, y1, v], out) in row.as_chunks::<4>().0.iter().zip(pairs) {
        let chroma = Chroma::new(u, v);
        for (y, rgb) in [y0, y1].into_iter().zip(out.as_chunks_mut::<3>().0) {
            *rgb = chroma.rgb(y);
        }
    }
}

fn nv12(luma: &[u8], chroma: &[u8], out: &mut [u8]) {
    let pairs = luma.chunks(2).zip(chroma.as_chunks::<2>().0);
    for ((luma, &[u, v]), out) in pairs.zip(out.chunks_mut(6)) {
        let chroma = Chroma::new(u, v);
        for (&y, rgb) in luma.iter().zip(out.as_chunks_mut::<3>().0) {
            *rgb = chroma.rgb(y);
        }
    }
}

/// What two pixels share, in 1/65536.
struct Chroma {
    red: i32,
    green: i32,
    blue: i32,
}

impl Chroma {
    fn new(u: u8, v: u8) -> Self {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        Self {
            red: 104_597 * v,
            green: -25_675 * u - 53_279 * v,
            blue: 132_201 * u,
        }
    }

    fn rgb(&self, y: u8) -> [u8; 3] {
        let luma = 76_309 * (i32::from(y) - 16) + (1 << 15);
        // Within 0..=255 by the clamp.
        [self.red, self.green, self.blue].map(|c| ((luma + c) >> 16).clamp(0, 255) as u8)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn to_rgb(layout: Raw, shape: Shape, bytes: &[u8]) -> Result<RgbImage, FrameFault> {
        let mut image = RgbImage::new(1, 1);
        convert(layout, shape, bytes, &mut image).map(|()| image)
    }

    /// The standard's own formula, from R'G'B' to Y'CbCr.
    fn from_rgb([r, g, b]: [u8; 3]) -> [u8; 3] {
        let [r, g, b] = [r, g, b].map(|v| f64::from(v) / 255.0);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        let to = |v: f64| v.round().clamp(0.0, 255.0) as u8;
        [
            to(16.0 + 219.0 * y),
            to(128.0 + 224.0 * (b - y) / 1.772),
            to(128.0 + 224.0 * (r - y) / 1.402),
        ]
    }

    fn close(found: [u8; 3], expected: [u8; 3]) -> bool {
        // The library computes in six bits below the point, and the way there rounds too.
        found.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) <= 3)
    }

    proptest! {
        #[test]
        fn a_colour_comes_back(rgb in any::<[u8; 3]>(), pad in 0u32..5) {
            let [y, u, v] = from_rgb(rgb);
            let yuyv: Vec<u8> = (0..2).flat_map(|_| {
                let mut row = vec![y, u, y, v, y, u, y, v];
                row.extend(std::iter::repeat_n(7, pad as usize));
                row
            }).collect();
            let shape = Shape { width: 4, height: 2, stride: 8 + pad };
            let image = to_rgb(Raw::Yuyv, shape, &yuyv).unwrap();
            prop_assert!(image.pixels().all(|p| close(p.0, rgb)), "{:?} for {rgb:?}", image.get_pixel(0, 0));

            let mut nv12 = [vec![y; 4], vec![7; pad as usize]].concat().repeat(2);
            nv12.extend([u, v, u, v]);
            let shape = Shape { width: 4, height: 2, stride: 4 + pad };
            let image = to_rgb(Raw::Nv12, shape, &nv12).unwrap();
            prop_assert!(image.pixels().all(|p| close(p.0, rgb)), "{:?} for {rgb:?}", image.get_pixel(3, 1));
        }

        #[test]
        fn no_buffer_is_too_strange(
            layout in prop::sample::select(&[Raw::Yuyv, Raw::Nv12, Raw::Grey][..]),
            (width, height, stride) in (0u32..40, 0u32..40, 0u32..90),
            bytes in prop::collection::vec(any::<u8>(), 0..4000),
        ) {
            if let Ok(image) = to_rgb(layout, Shape { width, height, stride }, &bytes) {
                prop_assert_eq!(image.dimensions(), (width, height));
            }
        }

        #[test]
        fn an_impossible_size_is_refused(width: u32, height: u32, stride: u32) {
            prop_assume!(u64::from(width) * u64::from(height) > 64);
            let shape = Shape { width, height, stride };
            prop_assert!(to_rgb(Raw::Grey, shape, &[0; 64]).is_err());
        }
    }
}
