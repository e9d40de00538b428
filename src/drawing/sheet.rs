//! Several pictures on one sheet, each with a caption below it.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::{Area, GROUND, Pen, Tone, fill, ink};

/// What a tile's picture is made to fit, in pixels.
const TILE: (u32, u32) = (640, 480);
/// Of a caption's letters.
const LETTERS_PX: u32 = 22;
/// Between tiles.
const GAP_PX: u32 = 8;
/// What is between them.
const PAPER: Rgb<u8> = Rgb([40, 43, 50]);
const GREY: Rgb<u8> = Rgb([200, 204, 212]);

/// One of them.
#[derive(Debug, Clone)]
pub struct Tile {
    pub picture: RgbImage,
    /// What it shows, and below what came of it.
    pub title: String,
    pub said: String,
    pub tone: Tone,
}

/// Tiles side by side, in rows as long as there are rows.
pub fn sheet(pen: &mut Pen, tiles: &[Tile]) -> RgbImage {
    let columns = (1..)
        .find(|n| n * n >= tiles.len())
        .unwrap_or(1)
        .max(1)
        .min(tiles.len().max(1)) as u32;
    let rows = (tiles.len() as u32).div_ceil(columns);
    let caption = 2 * (LETTERS_PX * 13).div_ceil(10) + 8;
    let (wide, tall) = (TILE.0 + GAP_PX, TILE.1 + caption + GAP_PX);
    let size = (columns * wide + GAP_PX, rows * tall + GAP_PX);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, PAPER);
    for (number, tile) in (0u32..).zip(tiles) {
        let left = GAP_PX + number % columns * wide;
        let top = GAP_PX + number / columns * tall;
        let area = [left, top, left + TILE.0, top + TILE.1 + caption].map(i64::from);
        fill(&mut sheet, Area(area), GROUND);
        let picture = fitted(&tile.picture);
        let aside = i64::from((TILE.0 - picture.width()) / 2);
        let down = i64::from((TILE.1 - picture.height()) / 2);
        let (x, y) = (i64::from(left), i64::from(top));
        imageops::replace(&mut sheet, &picture, x + aside, y + down);
        let mut y = y + i64::from(TILE.1) + 4;
        for (text, colour) in [(&tile.title, GREY), (&tile.said, tile.tone.colour())] {
            let line = pen.line(text, LETTERS_PX);
            ink(&mut sheet, &line, (x + 10, y), colour);
            y += i64::from(line.height);
        }
    }
    sheet
}

/// No larger than a tile, and not drawn larger than it is.
fn fitted(picture: &RgbImage) -> RgbImage {
    let (width, height) = (
        picture.width().max(1) as f32,
        picture.height().max(1) as f32,
    );
    let scale = (TILE.0 as f32 / width).min(TILE.1 as f32 / height);
    if scale >= 1.0 {
        return picture.clone();
    }
    let side = |length: f32, most: u32| ((length * scale).round() as u32).clamp(1, most);
    let (w, h) = (side(width, TILE.0), side(height, TILE.1));
    imageops::resize(picture, w, h, FilterType::Triangle)
}
