//! Boxes, names and captions drawn into pictures, for whoever looks at what was recognised.

mod lettering;
mod picture_file;
mod sheet;

pub use picture_file::{PictureFile, PictureFileError};
pub use sheet::{Tile, sheet};

use image::{Rgb, RgbImage};

use lettering::{Lettering, Line};

/// What stands behind letters.
const GROUND: Rgb<u8> = Rgb([16, 18, 22]);

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Somebody who is listed, or let in.
    Good,
    /// Somebody who is not.
    Bad,
    /// A face that cannot be judged.
    Unclear,
    /// Nobody.
    Nothing,
}

impl Tone {
    fn colour(self) -> Rgb<u8> {
        Rgb(match self {
            Self::Good => [88, 224, 120],
            Self::Bad => [255, 112, 88],
            Self::Unclear => [255, 206, 84],
            Self::Nothing => [160, 166, 178],
        })
    }
}

/// A face and what is said of it.
#[derive(Debug, Clone)]
pub struct Mark {
    /// `[x0, y0, x1, y1]` in pixels, possibly a little outside the picture.
    pub rect: [f32; 4],
    /// `[x, y]` in pixels.
    pub landmarks: Vec<[f32; 2]>,
    /// Who it is, and below what was decided. Each is one line.
    pub lines: Vec<String>,
    pub tone: Tone,
}

/// What draws; it holds the fonts, which take a moment to be found.
pub struct Pen {
    lettering: Lettering,
    lacks: bool,
}

impl Default for Pen {
    fn default() -> Self {
        Self {
            lettering: Lettering::of_this_machine(),
            lacks: false,
        }
    }
}

/// Left, top, right, bottom; the last two are outside.
#[derive(Debug, Clone, Copy)]
struct Area([i64; 4]);

impl Area {
    /// Pixels that are in both.
    fn shared(self, other: Self) -> i64 {
        let ([a0, b0, a1, b1], [c0, d0, c1, d1]) = (self.0, other.0);
        (a1.min(c1) - a0.max(c0)).max(0) * (b1.min(d1) - b0.max(d0)).max(0)
    }
}

impl Pen {
    /// Whether some letter was drawn so far that no font of this machine has.
    pub fn lacked_letters(&self) -> bool {
        self.lacks
    }

    /// Draws boxes, landmarks and labels that do not hide each other where there is room.
    pub fn mark(&mut self, image: &mut RgbImage, marks: &[Mark]) {
        let (width, height) = (i64::from(image.width()), i64::from(image.height()));
        let unit = (width.max(height) / 640).max(1);
        let letters = (width.min(height) / 32).clamp(12, 120) as u32;
        let boxes: Vec<Area> = marks
            .iter()
            .map(|mark| Area(mark.rect.map(|v| v.round() as i64)))
            .collect();
        for (mark, area) in marks.iter().zip(&boxes) {
            let colour = mark.tone.colour();
            let Area([x0, y0, x1, y1]) = *area;
            // A dark line outside keeps a thin one visible on any ground.
            frame(
                image,
                Area([x0 - unit, y0 - unit, x1 + unit, y1 + unit]),
                unit,
                GROUND,
            );
            frame(image, *area, unit, colour);
            for [x, y] in mark.landmarks.iter().map(|p| p.map(|v| v.round() as i64)) {
                fill(
                    image,
                    Area([x - unit, y - unit, x + unit, y + unit]),
                    colour,
                );
            }
        }
        let mut taken = Vec::new();
        for (mark, area) in marks.iter().zip(&boxes) {
            let lines: Vec<Line> = mark
                .lines
                .iter()
                .map(|text| self.line(text, letters))
                .collect();
            let place = room_for(&lines, *area, unit, (width, height), &boxes, &taken);
            taken.push(place);
            write(image, &lines, place, unit, mark.tone.colour());
        }
    }

    fn line(&mut self, text: &str, size_px: u32) -> Line {
        let line = self.lettering.line(text, size_px);
        self.lacks |= line.lacks;
        line
    }
}

/// Above the box or below it, where the least of faces and other labels is hidden; in the
/// picture.
fn room_for(
    lines: &[Line],
    own: Area,
    unit: i64,
    (width, height): (i64, i64),
    boxes: &[Area],
    taken: &[Area],
) -> Area {
    let pad = 3 * unit;
    let wide = lines.iter().map(|l| i64::from(l.width)).max().unwrap_or(0) + 2 * pad;
    let tall = lines.iter().map(|l| i64::from(l.height)).sum::<i64>() + pad;
    let Area([x0, y0, x1, y1]) = own;
    let hidden = |area: Area| {
        let of = |others: &[Area]| others.iter().map(|o| o.shared(area)).sum::<i64>();
        of(boxes) + 3 * of(taken)
    };
    // Nearer ones first: of equals the first is taken.
    let places = (0..3).flat_map(|step| {
        let tops = [y0 - unit - (step + 1) * tall, y1 + unit + step * tall];
        let lefts = [x0 - unit, (x0 + x1 - wide) / 2, x1 + unit - wide];
        tops.into_iter()
            .flat_map(move |y| lefts.into_iter().map(move |x| (x, y)))
    });
    places
        .map(|(x, y)| {
            let (x, y) = (x.min(width - wide).max(0), y.min(height - tall).max(0));
            Area([x, y, x + wide, y + tall])
        })
        .min_by_key(|area| hidden(*area))
        .unwrap_or(own)
}

fn write(image: &mut RgbImage, lines: &[Line], place: Area, unit: i64, colour: Rgb<u8>) {
    fill(image, place, GROUND);
    let Area([left, top, ..]) = place;
    let (x, mut y) = (left + 3 * unit, top + unit);
    for line in lines {
        ink(image, line, (x, y), colour);
        y += i64::from(line.height);
    }
}

/// Puts a line's ink into the picture.
fn ink(image: &mut RgbImage, line: &Line, (x, y): (i64, i64), colour: Rgb<u8>) {
    let rows = line.ink.chunks_exact(line.width.max(1) as usize);
    for (row, below) in rows.zip(0i64..) {
        for (share, right) in row.iter().zip(0i64..) {
            let (Ok(px), Ok(py)) = (u32::try_from(x + right), u32::try_from(y + below)) else {
                continue;
            };
            if let Some(pixel) = image.get_pixel_mut_checked(px, py) {
                let share = u16::from(*share);
                for (there, new) in pixel.0.iter_mut().zip(colour.0) {
                    let mixed = u16::from(*there) * (255 - share) + u16::from(new) * share;
                    *there = (mixed / 255) as u8;
                }
            }
        }
    }
}

fn frame(image: &mut RgbImage, Area([x0, y0, x1, y1]): Area, unit: i64, colour: Rgb<u8>) {
    for side in [
        [x0, y0, x1, y0 + unit],
        [x0, y1 - unit, x1, y1],
        [x0, y0, x0 + unit, y1],
        [x1 - unit, y0, x1, y1],
    ] {
        fill(image, Area(side), colour);
    }
}

fn fill(image: &mut RgbImage, Area([x0, y0, x1, y1]): Area, colour: Rgb<u8>) {
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    for y in y0.max(0)..y1.min(height) {
        for x in x0.max(0)..x1.min(width) {
            // Inside by the bounds above.
            image.put_pixel(x as u32, y as u32, colour);
        }
    }
}
