//! One picture on its way from the camera to the networks.
//!
//! A frame keeps the camera's own bytes. They are looked at (see [`LumaGrid`]) before
//! they are turned into RGB, because most frames at a door show nothing new and need
//! not be; and their memory goes back to where it came from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use image::RgbImage;

use super::negotiate::Layout;
use super::pixels::{self, Order, Raw, Shape};
use super::turn::Turn;
use super::{FrameFault, jpeg, tight};

/// Buffers a pool keeps at most: one being filled, one waiting, one being looked at.
const MAX_KEPT_BUFFERS: usize = 4;

/// Memory of frames that are done with.
#[derive(Debug, Default)]
pub struct Pool {
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// An empty buffer; with room if one came back.
    pub fn take(&self) -> Vec<u8> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = kept.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Made once with all the room it will need.
        if kept.capacity() == 0 {
            kept.reserve_exact(MAX_KEPT_BUFFERS);
        }
        if kept.len() < MAX_KEPT_BUFFERS {
            kept.push(buffer);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Rgb,
    Raw(Raw),
}

/// One picture and when it was taken.
#[derive(Debug)]
pub struct Frame {
    form: Form,
    shape: Shape,
    bytes: Vec<u8>,
    turn: Turn,
    home: Option<Arc<Pool>>,
    /// When it was taken, on the monotonic clock.
    pub at: Instant,
    /// Counts up from 0 since the source was opened; gaps are frames dropped.
    pub sequence: u64,
    /// The picture of a recording it came from; nothing for a live camera.
    pub origin: Option<Arc<str>>,
}

impl Frame {
    /// A picture that is RGB already.
    pub fn rgb(image: RgbImage, at: Instant, sequence: u64, origin: Option<Arc<str>>) -> Self {
        Self {
            form: Form::Rgb,
            shape: Shape::rgb(image.dimensions()),
            bytes: image.into_raw(),
            turn: Turn::default(),
            home: None,
            at,
            sequence,
            origin,
        }
    }

    /// A camera's buffer, into memory of `pool`: copied as it is if it is YUV or grey, made
    /// plain if it is RGB or wider than 8 bits, decoded if it is a JPEG.
    ///
    /// # Errors
    /// [`FrameFault`] if it has fewer bytes than its shape needs, is no JPEG, or is a JPEG
    /// of another size.
    pub fn captured(
        layout: Layout,
        shape: Shape,
        buffer: &[u8],
        pool: &Arc<Pool>,
        at: Instant,
        sequence: u64,
    ) -> Result<Self, FrameFault> {
        let raw = |raw| {
            let needed = pixels::needed(raw, shape, buffer.len())?;
            let mut own = pool.take();
            own.extend_from_slice(buffer.get(..needed).unwrap_or(buffer));
            Ok::<_, FrameFault>((Form::Raw(raw), shape, own))
        };
        let (form, shape, bytes) = match layout {
            Layout::Yuyv => raw(Raw::Packed(Order::Yuyv)),
            Layout::Uyvy => raw(Raw::Packed(Order::Uyvy)),
            Layout::Yvyu => raw(Raw::Packed(Order::Yvyu)),
            Layout::Nv12 => raw(Raw::Nv12),
            Layout::Yu12 => raw(Raw::Yu12),
            Layout::Grey => raw(Raw::Grey),
            Layout::Y16 => {
                let stride = shape.width;
                let luma = tight::narrowed(shape, buffer, pool.take())?;
                Ok((Form::Raw(Raw::Grey), Shape { stride, ..shape }, luma))
            }
            Layout::Rgb3 | Layout::Bgr3 => {
                let swapped = layout == Layout::Bgr3;
                let rgb = tight::tight_rgb(swapped, shape, buffer, pool.take())?;
                Ok((Form::Rgb, Shape::rgb((shape.width, shape.height)), rgb))
            }
            Layout::Mjpg => {
                let size = (shape.width, shape.height);
                let rgb = jpeg::decode_into(buffer, size, pool.take())?;
                Ok((Form::Rgb, Shape::rgb(size), rgb))
            }
        }?;
        Ok(Self {
            form,
            shape,
            bytes,
            turn: Turn::default(),
            home: Some(Arc::clone(pool)),
            at,
            sequence,
            origin: None,
        })
    }

    /// The same frame, turned when it becomes RGB.
    pub(super) fn turned(mut self, turn: Turn) -> Self {
        self.turn = turn;
        self
    }

    /// As the camera gave them, or decoded to RGB.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Width and height as the camera gave it, in pixels.
    fn size(&self) -> (u32, u32) {
        (self.shape.width, self.shape.height)
    }

    /// Makes `out` this picture in RGB; no memory is asked for if it had this size before.
    /// A frame that is RGB already changes places with what `out` held.
    pub fn take_rgb(&mut self, out: &mut RgbImage) {
        if !self.turn.is_none() {
            self.take_turned(out);
            return;
        }
        match self.form {
            Form::Rgb => {
                let (width, height) = self.size();
                let before = std::mem::take(out);
                let bytes = std::mem::replace(&mut self.bytes, before.into_raw());
                // As many as the size needs: checked when it was made.
                *out = RgbImage::from_raw(width, height, bytes).unwrap_or_default();
            }
            Form::Raw(layout) => self.convert(layout, out),
        }
    }

    /// As [`Self::take_rgb`], by way of a buffer of the pool.
    fn take_turned(&mut self, out: &mut RgbImage) {
        let (width, height) = self.size();
        let mut bytes = match self.form {
            Form::Rgb => std::mem::take(&mut self.bytes),
            Form::Raw(_) => self
                .home
                .as_ref()
                .map(|home| home.take())
                .unwrap_or_default(),
        };
        bytes.resize(
            Shape::rgb((width, height)).stride as usize * height as usize,
            0,
        );
        let mut straight = RgbImage::from_raw(width, height, bytes).unwrap_or_default();
        if let Form::Raw(layout) = self.form {
            self.convert(layout, &mut straight);
        }
        self.turn.apply(&straight, out);
        let bytes = straight.into_raw();
        match (self.form, &self.home) {
            (Form::Rgb, _) => self.bytes = bytes,
            (Form::Raw(_), Some(home)) => home.give(bytes),
            (Form::Raw(_), None) => {}
        }
    }

    /// The picture in RGB, in memory of its own.
    pub fn to_rgb(&self) -> RgbImage {
        let image = self.to_straight_rgb();
        if self.turn.is_none() {
            return image;
        }
        let mut turned = RgbImage::new(0, 0);
        self.turn.apply(&image, &mut turned);
        turned
    }

    fn to_straight_rgb(&self) -> RgbImage {
        let mut image = RgbImage::new(self.shape.width, self.shape.height);
        match self.form {
            Form::Rgb => image.copy_from_slice(&self.bytes),
            Form::Raw(layout) => self.convert(layout, &mut image),
        }
        image
    }

    fn convert(&self, layout: Raw, out: &mut RgbImage) {
        if let Err(error) = pixels::convert(layout, self.shape, &self.bytes, out) {
            // Its size was checked when it was made; black shows no face.
            log::error!("a frame could not be converted: {error}");
            out.fill(0);
        }
    }

    /// Looks at it coarsely.
    pub fn glance(&self, into: &mut LumaGrid) {
        let stride = self.shape.stride as usize;
        let (offset, step) = match self.form {
            // Green is most of the luma.
            Form::Rgb => (1, 3),
            Form::Raw(layout) => layout.luma(),
        };
        into.fill(&self.bytes, stride, offset, step, self.size());
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.give(std::mem::take(&mut self.bytes));
        }
    }
}

/// Columns and rows of a [`LumaGrid`].
const GLANCE: (usize, usize) = (80, 60);
/// Pixels of a cell that are looked at, across and down.
const SAMPLES: usize = 4;

/// A picture's brightness in 80 x 60 cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LumaGrid {
    cells: Box<[u8]>,
}

impl Default for LumaGrid {
    fn default() -> Self {
        Self {
            cells: vec![0; GLANCE.0 * GLANCE.1].into(),
        }
    }
}

impl LumaGrid {
    /// Mean luma of each cell, 0..=255, row by row.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }

    fn fill(
        &mut self,
        bytes: &[u8],
        stride: usize,
        offset: usize,
        step: usize,
        (width, height): (u32, u32),
    ) {
        let (width, height) = (width as usize, height as usize);
        let (columns, rows) = GLANCE;
        for (row, cells) in self.cells.chunks_exact_mut(columns).enumerate() {
            let mut sums = [0u16; GLANCE.0];
            for sample in 0..SAMPLES {
                let y = (row * SAMPLES + sample) * height / (rows * SAMPLES);
                let line = bytes.get(y * stride..).unwrap_or_default();
                for (i, sum) in sums.iter_mut().enumerate() {
                    for s in 0..SAMPLES {
                        let x = (i * SAMPLES + s) * width / (columns * SAMPLES);
                        *sum += u16::from(line.get(x * step + offset).copied().unwrap_or(0));
                    }
                }
            }
            for (cell, sum) in cells.iter_mut().zip(sums) {
                *cell = (sum / (SAMPLES * SAMPLES) as u16) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_glance_sees_where_it_is_bright_in_every_form() {
        let (width, height) = (160u32, 120u32);
        let bright = |x: u32| if x < 80 { 200 } else { 30 };
        let pool = Arc::new(Pool::default());
        let now = Instant::now();
        let yuyv: Vec<u8> = (0..height)
            .flat_map(|_| (0..width).flat_map(|x| [bright(x), 128]))
            .collect();
        let shape = |stride| Shape {
            width,
            height,
            stride,
        };
        let rgb = RgbImage::from_fn(width, height, |x, _| image::Rgb([bright(x); 3]));
        let frames = [
            Frame::captured(Layout::Yuyv, shape(width * 2), &yuyv, &pool, now, 0).unwrap(),
            Frame::rgb(rgb, now, 0, None),
        ];
        for frame in frames {
            let mut glance = LumaGrid::default();
            frame.glance(&mut glance);
            assert_eq!(glance.cells()[0], 200);
            assert_eq!(glance.cells()[39], 200);
            assert_eq!(glance.cells()[40], 30);
            assert_eq!(*glance.cells().last().unwrap(), 30);
        }
    }

    #[test]
    fn memory_goes_back_to_where_it_came_from() {
        let pool = Arc::new(Pool::default());
        let shape = Shape {
            width: 4,
            height: 2,
            stride: 4,
        };
        let frame =
            |n| Frame::captured(Layout::Grey, shape, &[7; 8], &pool, Instant::now(), n).unwrap();
        let first = frame(0).bytes.as_ptr();
        assert_eq!(frame(1).bytes.as_ptr(), first);
        assert!(Frame::captured(Layout::Grey, shape, &[7; 7], &pool, Instant::now(), 2).is_err());
        assert!(Frame::captured(Layout::Mjpg, shape, &[7; 8], &pool, Instant::now(), 2).is_err());
    }
}
