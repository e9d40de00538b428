//! Pictures whose planes lie in a buffer each (V4L2's multi-planar ones), put together as
//! if they lay in one.

use super::FrameFault;
use super::negotiate::Layout;
use super::pixels::Shape;

/// Whether a picture of this layout may come in so many buffers.
pub(super) fn are_known(layout: Layout, planes: usize) -> bool {
    match layout {
        Layout::Nv12 => matches!(planes, 1 | 2),
        Layout::Yu12 => matches!(planes, 1 | 3),
        _ => planes == 1,
    }
}

/// The shape of a picture that was put together: without padding, but for a column where
/// chroma needs an even width.
pub(super) fn together(shape: Shape) -> Shape {
    Shape {
        stride: shape.width.next_multiple_of(2),
        ..shape
    }
}

/// One of several planes.
pub(super) struct Plane<'b> {
    pub bytes: &'b [u8],
    /// Bytes from one row to the next; 0 if the driver does not tell.
    pub stride: u32,
}

impl Plane<'_> {
    /// Appends it, the plane of this number, to those before it.
    ///
    /// # Errors
    /// [`FrameFault::TooShort`] if it has fewer bytes than the shape needs.
    pub(super) fn append(
        &self,
        layout: Layout,
        number: usize,
        shape: Shape,
        to: &mut Vec<u8>,
    ) -> Result<(), FrameFault> {
        let even = together(shape).stride as usize;
        let (row_bytes, needed, rows) = match (number, layout) {
            (0, _) => (even, shape.width as usize, shape.height),
            (_, Layout::Yu12) => (even / 2, even / 2, shape.height.div_ceil(2)),
            _ => (even, even, shape.height.div_ceil(2)),
        };
        let stride = (self.stride as usize).max(needed);
        for row in 0..rows as usize {
            let from = self.bytes.get(row * stride..).unwrap_or_default();
            let from = from.get(..row_bytes.min(stride)).unwrap_or(from);
            if from.len() < needed {
                return Err(FrameFault::TooShort {
                    bytes: self.bytes.len(),
                    needed: (stride * (rows as usize - 1) + needed) as u64,
                    width: shape.width,
                    height: shape.height,
                });
            }
            let end = to.len() + row_bytes;
            to.extend_from_slice(from);
            to.resize(end, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Padded or not, what is put together is what lay in one buffer.
        #[test]
        fn planes_lie_one_after_the_other(
            (width, height) in (1u32..20, 1u32..20),
            pads in any::<[bool; 3]>(),
            three: bool,
        ) {
            let layout = if three { Layout::Yu12 } else { Layout::Nv12 };
            let shape = Shape { width, height, stride: 0 };
            let even = width.next_multiple_of(2);
            let half = height.div_ceil(2);
            let sizes = if three {
                vec![(width, height), (even / 2, half), (even / 2, half)]
            } else {
                vec![(width, height), (even, half)]
            };
            let mut next = 0u8;
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            for (number, (columns, rows)) in sizes.into_iter().enumerate() {
                let stride = columns + if pads[number] { 3 } else { 0 };
                let mut bytes = Vec::new();
                for _ in 0..rows {
                    let row: Vec<u8> = (0..columns).map(|_| { next = next.wrapping_add(1); next }).collect();
                    expected.extend(&row);
                    // What fills an odd row up is nobody's pixel.
                    if number == 0 && width % 2 == 1 {
                        expected.push(0);
                    }
                    bytes.extend(row);
                    bytes.resize(bytes.len() + (stride - columns) as usize, 0);
                }
                let plane = Plane { bytes: &bytes, stride };
                plane.append(layout, number, shape, &mut found).unwrap();
                let short = Plane { bytes: &bytes[..(stride * (rows - 1) + columns - 1) as usize], stride };
                prop_assert!(short.append(layout, number, shape, &mut Vec::new()).is_err());
            }
            prop_assert_eq!(found, expected);
        }
    }
}
