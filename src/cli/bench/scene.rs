//! What the bench looks at: a person comes nearer in front of a wall, made from one
//! portrait (Eileen Collins, NASA, public domain; see tests/photos/SOURCES.md). Everything
//! follows from the frame's number, so that two runs see the same bytes.

use anyhow::Context;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// Size of the pretended camera's pictures.
pub const SIZE: (u32, u32) = (640, 480);
/// The middle of the portrait's face and the longer side of its box, in its pixels.
const FACE: ([f32; 2], f32) = ([223.0, 121.0], 107.0);

/// The portrait and the wall.
pub(crate) struct Stage {
    portrait: RgbImage,
    /// The middle of the portrait's face and the longer side of its box, in its pixels.
    face: ([f32; 2], f32),
    wall: RgbImage,
}

impl Stage {
    /// Unpacks the portrait.
    pub fn new() -> anyhow::Result<Self> {
        let portrait = image::load_from_memory(include_bytes!(
            "../../../tests/photos/eileen-collins/01.jpg"
        ))
        .context("the portrait in this program is damaged")?
        .to_rgb8();
        let mut random = fastrand::Rng::with_seed(5);
        let wall = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
            let brick = (y / 24 % 2 * 30 + x) / 60 + y / 24 * 7;
            let mortar = y % 24 < 2 || (y / 24 % 2 * 30 + x) % 60 < 2;
            let base = if mortar {
                190
            } else {
                120 + (brick * 37 % 30) as i32
            };
            let grain = random.i32(-4..=4);
            Rgb([base + grain, base - 14 + grain, base - 26 + grain].map(|v| v.clamp(0, 255) as u8))
        });
        Ok(Self {
            portrait,
            face: FACE,
            wall,
        })
    }

    /// The same wall with somebody else.
    pub fn with(&self, portrait: RgbImage, middle: [f32; 2], size: f32) -> Self {
        Self {
            portrait,
            face: (middle, size),
            wall: self.wall.clone(),
        }
    }

    /// The portrait alone.
    pub(crate) fn portrait(&self) -> &RgbImage {
        &self.portrait
    }

    /// The wall with the person's face `face_px` wide at `centre`, or nobody; brightness
    /// times `light`, with sensor noise of the frame `number`.
    pub fn frame(&self, person: Option<(f32, [f32; 2])>, light: f32, number: u64) -> RgbImage {
        let mut frame = self.wall.clone();
        if let Some((face_px, [x, y])) = person {
            let ([fx, fy], size) = self.face;
            let by = face_px / size;
            let side = |s: u32| ((s as f32 * by) as u32).max(1);
            let (wide, high) = (side(self.portrait.width()), side(self.portrait.height()));
            let scaled = imageops::resize(&self.portrait, wide, high, FilterType::Triangle);
            let (left, top) = (x - fx * by, y - fy * by);
            imageops::overlay(&mut frame, &scaled, left as i64, top as i64);
        }
        let mut random = fastrand::Rng::with_seed(number);
        for pixel in frame.pixels_mut() {
            // The sum of two dice is near enough to what sensors do.
            let noise = (random.u8(0..10) + random.u8(0..10)) as f32 - 9.0;
            pixel.0 = pixel
                .0
                .map(|v| (f32::from(v) * light + noise).clamp(0.0, 255.0) as u8);
        }
        frame
    }

    /// Frame `number` of `all` of an approach, in three seconds from the far end of the
    /// room to the door.
    pub fn approach(&self, number: u32, all: u32) -> RgbImage {
        let way = number as f32 / all.saturating_sub(1).max(1) as f32;
        let face_px = 50.0 + 130.0 * way;
        let x = 320.0 + 60.0 * (way * 5.0).sin();
        self.frame(
            Some((face_px, [x, 180.0 + 30.0 * way])),
            1.0,
            u64::from(number),
        )
    }
}

/// As a camera would give it: packed YUV 4:2:2, BT.601, limited range.
pub(crate) fn to_yuyv(image: &RgbImage) -> Vec<u8> {
    let yuv = |p: &[u8; 3]| {
        let [r, g, b] = p.map(f32::from);
        let y = 16.0 + 0.257 * r + 0.504 * g + 0.098 * b;
        let u = 128.0 - 0.148 * r - 0.291 * g + 0.439 * b;
        let v = 128.0 + 0.439 * r - 0.368 * g - 0.071 * b;
        [y, u, v]
    };
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let (pairs, _) = pixels.as_chunks::<2>();
    pairs
        .iter()
        .flat_map(|[a, b]| {
            let ([y0, u0, v0], [y1, u1, v1]) = (yuv(a), yuv(b));
            [y0, (u0 + u1) / 2.0, y1, (v0 + v1) / 2.0].map(|v| v.round() as u8)
        })
        .collect()
}

/// As a camera would send it over a slow bus: some 60 kB.
pub(crate) fn to_jpeg(image: &RgbImage) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 80).encode_image(image)?;
    Ok(bytes)
}
