//! Boxes and names drawn into a picture.

use font8x8::UnicodeFonts;
use image::{Rgb, RgbImage};

use crate::vision::Face;

/// Draws a face's box and landmarks, and a label above it.
pub(super) fn annotate(image: &mut RgbImage, face: &Face, label: &str, colour: Rgb<u8>) {
    let unit = (image.width().max(image.height()) / 400).max(1) as i64;
    let [x0, y0, x1, y1] = face.rect.map(|v| v.round() as i64);
    for (left, top, right, bottom) in [
        (x0, y0, x1, y0 + unit),
        (x0, y1 - unit, x1, y1),
        (x0, y0, x0 + unit, y1),
        (x1 - unit, y0, x1, y1),
    ] {
        fill(image, (left, top), (right, bottom), colour);
    }
    for [x, y] in face.landmarks.map(|p| p.map(|v| v.round() as i64)) {
        fill(image, (x - unit, y - unit), (x + unit, y + unit), colour);
    }
    write(image, label, (x0, y0 - 10 * unit), unit, colour);
}

fn fill(image: &mut RgbImage, (x0, y0): (i64, i64), (x1, y1): (i64, i64), colour: Rgb<u8>) {
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    for y in y0.max(0)..y1.min(height) {
        for x in x0.max(0)..x1.min(width) {
            // Inside by the bounds above.
            image.put_pixel(x as u32, y as u32, colour);
        }
    }
}

/// Text of 8 units height on a dark ground; a letter the font lacks is a `?`.
fn write(image: &mut RgbImage, text: &str, (x, y): (i64, i64), unit: i64, colour: Rgb<u8>) {
    let length = text.chars().count() as i64 * 8 * unit;
    // A label that would leave the picture is moved back into it.
    let x = x.min(i64::from(image.width()) - length).max(0);
    let y = y.max(unit);
    fill(
        image,
        (x - unit, y - unit),
        (x + length + unit, y + 9 * unit),
        Rgb([16, 16, 16]),
    );
    for (i, letter) in text.chars().enumerate() {
        let glyph = font8x8::BASIC_FONTS
            .get(letter)
            .or_else(|| font8x8::LATIN_FONTS.get(letter))
            .or_else(|| font8x8::BASIC_FONTS.get('?'))
            .unwrap_or_default();
        for (row, bits) in glyph.iter().enumerate() {
            for column in (0..8).filter(|c| bits >> c & 1 == 1) {
                let left = x + (i as i64 * 8 + column) * unit;
                let top = y + row as i64 * unit;
                fill(image, (left, top), (left + unit, top + unit), colour);
            }
        }
    }
}
