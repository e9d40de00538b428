//! Raw camera frames to RGB: BT.601, limited range, as UVC cameras and V4L2's
//! default for such formats have it (ITU-R BT.601-7; Linux `Documentation/
//! userspace-api/media/v4l/colorspaces-details.rst`).

use image::RgbImage;
use yuv::{
    YuvPackedImage, YuvRange, YuvStandardMatrix, uyvy422_to_rgb, yuyv422_to_rgb, yvyu422_to_rgb,
};

use super::FrameFault;

/// What a raw frame looks like in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from one row to the next (of the luma plane, where there are planes).
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
    Packed(Order),
    /// Semi-planar YUV 4:2:0, 1.5 bytes a pixel.
    Nv12,
    /// Planar YUV 4:2:0, 1.5 bytes a pixel; a row of chroma is half as long as one of luma.
    Yu12,
    /// 8 bit luma.
    Grey,
}

/// The order in which packed YUV 4:2:2 comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Yuyv,
    Uyvy,
    Yvyu,
}

impl Raw {
    /// Where the first luma is, and how far from one to the next, in bytes.
    pub(super) fn luma(self) -> (usize, usize) {
        match self {
            Self::Packed(Order::Uyvy) => (1, 2),
            Self::Packed(Order::Yuyv | Order::Yvyu) => (0, 2),
            Self::Nv12 | Self::Yu12 | Self::Grey => (0, 1),
        }
    }
}

/// How many of so many bytes a frame of this shape takes.
///
/// # Errors
/// [`FrameFault::TooShort`] if they are fewer than the shape needs.
pub(super) fn needed(layout: Raw, shape: Shape, bytes: usize) -> Result<usize, FrameFault> {
    let (width, height) = (u64::from(shape.width), u64::from(shape.height));
    match layout {
        Raw::Packed(_) => plain(2 * width, height, shape, bytes),
        Raw::Grey => plain(width, height, shape, bytes),
        Raw::Nv12 => {
            let stride = u64::from(shape.stride).max(width);
            let pairs = width.next_multiple_of(2).min(stride);
            planes(stride, stride, pairs, height.div_ceil(2), shape, bytes)
        }
        Raw::Yu12 => {
            let stride = u64::from(shape.stride).max(width);
            let half = width.div_ceil(2);
            planes(
                stride,
                stride.div_ceil(2),
                half,
                2 * height.div_ceil(2),
                shape,
                bytes,
            )
        }
    }
}

/// Of so many rows of so many bytes each; the last row need not be padded.
pub(super) fn plain(
    bytes_a_row: u64,
    rows: u64,
    shape: Shape,
    bytes: usize,
) -> Result<usize, FrameFault> {
    let stride = u64::from(shape.stride).max(bytes_a_row);
    enough(padded(stride, rows, bytes_a_row), shape, bytes)
}

/// Of a plane of luma, and so many rows of chroma under it.
fn planes(
    stride: u64,
    chroma_stride: u64,
    chroma_bytes_a_row: u64,
    chroma_rows: u64,
    shape: Shape,
    bytes: usize,
) -> Result<usize, FrameFault> {
    let luma = stride.checked_mul(u64::from(shape.height));
    let chroma = padded(chroma_stride, chroma_rows, chroma_bytes_a_row);
    let both = luma
        .zip(chroma)
        .and_then(|(luma, chroma)| luma.checked_add(chroma));
    enough(both, shape, bytes)
}

fn padded(stride: u64, rows: u64, bytes_a_row: u64) -> Option<u64> {
    let full = stride.checked_mul(rows.checked_sub(1)?)?;
    full.checked_add(bytes_a_row)
}

/// As many as are needed, of so many there are; none if that is no number.
fn enough(needed: Option<u64>, shape: Shape, bytes: usize) -> Result<usize, FrameFault> {
    let needed = needed.unwrap_or(0);
    if needed == 0 || shape.width == 0 || shape.height == 0 || (bytes as u64) < needed {
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
        Raw::Packed(_) => width * 2,
        Raw::Nv12 | Raw::Yu12 | Raw::Grey => width,
    });
    let bytes = bytes.get(..needed).unwrap_or(bytes);
    let out = out.as_flat_samples_mut().samples;
    match layout {
        // The library wants whole pairs and no padding.
        Raw::Packed(order) if width % 2 == 0 && stride == width * 2 => {
            let image = YuvPackedImage {
                yuy: bytes,
                yuy_stride: stride as u32,
                width: shape.width,
                height: shape.height,
            };
            let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt601);
            let to_rgb = match order {
                Order::Yuyv => yuyv422_to_rgb,
                Order::Uyvy => uyvy422_to_rgb,
                Order::Yvyu => yvyu422_to_rgb,
            };
            to_rgb(&image, out, shape.width * 3, range, matrix)
                .map_err(|error| FrameFault::NotConverted(error.to_string()))?;
        }
        Raw::Packed(order) => {
            for (row, out) in bytes.chunks(stride).zip(out.chunks_exact_mut(width * 3)) {
                packed(order, row, out);
            }
        }
        Raw::Nv12 => {
            let (luma, chroma) = bytes.split_at(stride * height);
            let chroma = chroma.chunks(stride).flat_map(|row| [row, row]);
            let out = out.chunks_exact_mut(width * 3);
            for ((luma, chroma), out) in luma.chunks(stride).zip(chroma).zip(out) {
                let pairs = chroma.as_chunks::<2>().0.iter().map(|&[u, v]| (u, v));
                halved(luma, pairs, out);
            }
        }
        Raw::Yu12 => {
            let (luma, chroma) = bytes.split_at(stride * height);
            let chroma_stride = stride.div_ceil(2);
            let (u, v) = chroma.split_at(chroma_stride * height.div_ceil(2));
            let chroma = u.chunks(chroma_stride).zip(v.chunks(chroma_stride));
            let chroma = chroma.flat_map(|row| [row, row]);
            let out = out.chunks_exact_mut(width * 3);
            for ((luma, (u, v)), out) in luma.chunks(stride).zip(chroma).zip(out) {
                halved(luma, u.iter().copied().zip(v.iter().copied()), out);
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

fn packed(order: Order, row: &[u8], out: &mut [u8]) {
    let pairs = out.chunks_mut(6);
    for (&[a, b, c, d], out) in row.as_chunks::<4>().0.iter().zip(pairs) {
        let (luma, u, v) = match order {
            Order::Yuyv => ([a, c], b, d),
            Order::Uyvy => ([b, d], a, c),
            Order::Yvyu => ([a, c], d, b),
        };
        let chroma = Chroma::new(u, v);
        for (y, rgb) in luma.into_iter().zip(out.as_chunks_mut::<3>().0) {
            *rgb = chroma.rgb(y);
        }
    }
}

/// A row of which every two pixels share a pair of U and V.
fn halved(luma: &[u8], chroma: impl Iterator<Item = (u8, u8)>, out: &mut [u8]) {
    for ((luma, (u, v)), out) in luma.chunks(2).zip(chroma).zip(out.chunks_mut(6)) {
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

    const ORDERS: [Order; 3] = [Order::Yuyv, Order::Uyvy, Order::Yvyu];

    /// One pixel pair as it lies in memory.
    fn pair(order: Order, [y, u, v]: [u8; 3]) -> [u8; 4] {
        match order {
            Order::Yuyv => [y, u, y, v],
            Order::Uyvy => [u, y, v, y],
            Order::Yvyu => [y, v, y, u],
        }
    }

    proptest! {
        #[test]
        fn a_colour_comes_back(rgb in any::<[u8; 3]>(), pad in 0u32..5) {
            let yuv @ [y, u, v] = from_rgb(rgb);
            let rest = || vec![7; pad as usize];
            for order in ORDERS {
                let row = [pair(order, yuv).to_vec(), pair(order, yuv).to_vec(), rest()].concat();
                let shape = Shape { width: 4, height: 2, stride: 8 + pad };
                let image = to_rgb(Raw::Packed(order), shape, &row.repeat(2)).unwrap();
                prop_assert!(image.pixels().all(|p| close(p.0, rgb)), "{:?} for {rgb:?}", image.get_pixel(0, 0));
            }

            let luma = [vec![y; 4], rest()].concat().repeat(2);
            let nv12 = [&luma[..], &[u, v, u, v]].concat();
            let shape = Shape { width: 4, height: 2, stride: 4 + pad };
            let image = to_rgb(Raw::Nv12, shape, &nv12).unwrap();
            prop_assert!(image.pixels().all(|p| close(p.0, rgb)), "{:?} for {rgb:?}", image.get_pixel(3, 1));

            let half = vec![7; (4 + pad).div_ceil(2) as usize - 2];
            let yu12 = [&luma[..], &[u, u], &half, &[v, v]].concat();
            let image = to_rgb(Raw::Yu12, shape, &yu12).unwrap();
            prop_assert!(image.pixels().all(|p| close(p.0, rgb)), "{:?} for {rgb:?}", image.get_pixel(3, 1));
        }

        /// With and without the library, which takes no odd widths and no padding.
        #[test]
        fn the_orders_hold_the_same_picture(
            pixels in prop::collection::vec(any::<[u8; 4]>(), 6),
            pad in 0u32..3,
        ) {
            let shape = Shape { width: 6, height: 2, stride: 12 + pad };
            let image = |order| {
                let rows = pixels.chunks(3).flat_map(|row| {
                    let pairs = row.iter().flat_map(|&[y0, u, y1, v]| match order {
                        Order::Yuyv => [y0, u, y1, v],
                        Order::Uyvy => [u, y0, v, y1],
                        Order::Yvyu => [y0, v, y1, u],
                    });
                    pairs.chain(std::iter::repeat_n(9, pad as usize))
                });
                to_rgb(Raw::Packed(order), shape, &rows.collect::<Vec<u8>>()).unwrap()
            };
            prop_assert_eq!(image(Order::Uyvy), image(Order::Yuyv));
            prop_assert_eq!(image(Order::Yvyu), image(Order::Yuyv));
        }

        /// Chroma that differs from pair to pair lands where NV12 has it.
        #[test]
        fn planar_is_semi_planar_taken_apart(
            (width, height) in (1u32..12, 1u32..12),
            bytes in prop::collection::vec(any::<u8>(), 300),
        ) {
            let stride = width.next_multiple_of(2);
            let shape = Shape { width, height, stride };
            let (luma, rest) = bytes.split_at((stride * height) as usize);
            let pairs = (stride / 2 * height.div_ceil(2)) as usize;
            let (u, v) = (&rest[..pairs], &rest[pairs..2 * pairs]);
            let planar = [luma, u, v].concat();
            let mixed = u.iter().zip(v).flat_map(|(&u, &v)| [u, v]);
            let semi: Vec<u8> = luma.iter().copied().chain(mixed).collect();
            prop_assert_eq!(to_rgb(Raw::Yu12, shape, &planar).unwrap(), to_rgb(Raw::Nv12, shape, &semi).unwrap());
        }

        #[test]
        fn no_buffer_is_too_strange(
            layout in prop::sample::select(&[
                Raw::Packed(Order::Yuyv), Raw::Packed(Order::Uyvy), Raw::Packed(Order::Yvyu),
                Raw::Nv12, Raw::Yu12, Raw::Grey,
            ][..]),
            (width, height, stride) in (0u32..40, 0u32..40, 0u32..90),
            bytes in prop::collection::vec(any::<u8>(), 0..4000),
        ) {
            let shape = Shape { width, height, stride };
            if let Ok(image) = to_rgb(layout, shape, &bytes) {
                prop_assert_eq!(image.dimensions(), (width, height));
            }
        }

        #[test]
        fn an_impossible_size_is_refused(width: u32, height: u32, stride: u32) {
            prop_assume!(u64::from(width) * u64::from(height) > 64);
            let shape = Shape { width, height, stride };
            for layout in [Raw::Grey, Raw::Yu12] {
                prop_assert!(to_rgb(layout, shape, &[0; 64]).is_err());
            }
        }
    }
}
