//! Frames that are made plain as they come: RGB without padding, and luma of 8 bits.

use super::FrameFault;
use super::pixels::{Shape, plain};

/// Red, green and blue without padding, of rows that may have some, in memory that is there
/// already; `swapped` of blue, green and red.
///
/// # Errors
/// [`FrameFault::TooShort`]
pub(super) fn tight_rgb(
    swapped: bool,
    shape: Shape,
    bytes: &[u8],
    mut into: Vec<u8>,
) -> Result<Vec<u8>, FrameFault> {
    let row_bytes = u64::from(shape.width) * 3;
    let needed = plain(row_bytes, shape.height.into(), shape, bytes.len())?;
    let row_bytes = row_bytes as usize;
    let bytes = bytes.get(..needed).unwrap_or(bytes);
    for row in bytes.chunks(row_bytes.max(shape.stride as usize)) {
        into.extend_from_slice(row.get(..row_bytes).unwrap_or(row));
    }
    if swapped {
        for [blue, _, red] in into.as_chunks_mut::<3>().0 {
            std::mem::swap(blue, red);
        }
    }
    Ok(into)
}

/// 8 bit luma without padding, of luma in 16 bits with the low byte first, in memory that is
/// there already. Sensors of 10, 12 and 14 bits give theirs in the low bits and V4L2 does not
/// tell how many there are, so they are told by the brightest pixel.
///
/// # Errors
/// [`FrameFault::TooShort`]
pub(super) fn narrowed(
    shape: Shape,
    bytes: &[u8],
    mut into: Vec<u8>,
) -> Result<Vec<u8>, FrameFault> {
    let row_bytes = u64::from(shape.width) * 2;
    let needed = plain(row_bytes, shape.height.into(), shape, bytes.len())?;
    let row_bytes = row_bytes as usize;
    let bytes = bytes.get(..needed).unwrap_or(bytes);
    let values = || {
        bytes
            .chunks(row_bytes.max(shape.stride as usize))
            .flat_map(|row| row.get(..row_bytes).unwrap_or(row).as_chunks::<2>().0)
            .map(|pair| u16::from_le_bytes(*pair))
    };
    let brightest = values().max().unwrap_or(0);
    let bits = (u16::BITS - brightest.leading_zeros()).clamp(10, 16);
    let shift = bits.next_multiple_of(2) - u8::BITS;
    // Within 0..=255: no value has more bits than the brightest.
    into.extend(values().map(|value| (value >> shift) as u8));
    Ok(into)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn colours_come_in_their_order_and_without_padding(rgb in any::<[u8; 3]>(), pad in 0u32..5) {
            let [r, g, b] = rgb;
            for (swapped, pixel) in [(false, [r, g, b]), (true, [b, g, r])] {
                let row = [pixel.repeat(3), vec![7; pad as usize]].concat();
                let shape = Shape { width: 3, height: 2, stride: 9 + pad };
                let tight = tight_rgb(swapped, shape, &row.repeat(2), Vec::new()).unwrap();
                prop_assert_eq!(tight, rgb.repeat(6));
            }
        }

        /// However many bits a sensor has, the brightest pixel is bright and order stays.
        #[test]
        fn wide_luma_is_scaled(bits in 10u32..=16, mut values in prop::collection::vec(any::<u16>(), 8), pad in 0u32..3) {
            for value in &mut values {
                *value >>= 16 - bits;
            }
            values[0] = u16::MAX >> (16 - bits);
            let bytes: Vec<u8> = values
                .chunks(4)
                .flat_map(|row| row.iter().flat_map(|v| v.to_le_bytes()).chain(std::iter::repeat_n(9, pad as usize)))
                .collect();
            let shape = Shape { width: 4, height: 2, stride: 8 + pad };
            let narrow = narrowed(shape, &bytes, Vec::new()).unwrap();
            prop_assert_eq!(narrow.len(), 8);
            prop_assert!(narrow[0] >= 127);
            for (a, &wide_a) in narrow.iter().zip(&values) {
                for (b, &wide_b) in narrow.iter().zip(&values) {
                    prop_assert!(wide_a > wide_b || a <= b);
                }
            }
            prop_assert!(narrowed(shape, &bytes[..bytes.len() - pad as usize - 1], Vec::new()).is_err());
        }

        #[test]
        fn no_buffer_is_too_strange(
            (width, height, stride) in (0u32..40, 0u32..40, 0u32..90),
            bytes in prop::collection::vec(any::<u8>(), 0..4000),
        ) {
            let shape = Shape { width, height, stride };
            if let Ok(rgb) = tight_rgb(true, shape, &bytes, Vec::new()) {
                prop_assert_eq!(rgb.len(), (width * height * 3) as usize);
            }
            if let Ok(luma) = narrowed(shape, &bytes, Vec::new()) {
                prop_assert_eq!(luma.len(), (width * height) as usize);
            }
        }
    }
}
