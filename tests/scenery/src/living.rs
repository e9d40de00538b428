//! A photo of a face that moves as a living head does: it sways before what is behind it, and
//! turns, so that the nose goes further than the cheeks. For recordings made of still photos.

use std::path::Path;

use image::RgbImage;

/// Where a head is in a photo, in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// The middle between the eyes.
    pub eyes: [f32; 2],
    pub eye_distance: f32,
}

/// The heads in this project's photos, as MTCNN finds them.
const HEADS: [(&str, Head); 6] = [
    ("barack-obama/01.jpg", head_at(414.0, 178.0, 90.0)),
    ("barack-obama/02.jpg", head_at(208.0, 249.0, 85.0)),
    ("barack-obama/03.jpg", head_at(445.0, 218.0, 69.0)),
    ("eileen-collins/01.jpg", head_at(226.0, 102.0, 42.0)),
    ("grace-hopper/01.jpg", head_at(263.0, 190.0, 88.0)),
    ("joe-biden/01.jpg", head_at(409.0, 231.0, 85.0)),
];

const fn head_at(x: f32, y: f32, eye_distance: f32) -> Head {
    Head {
        eyes: [x, y],
        eye_distance,
    }
}

impl Head {
    /// Of one of this project's photos of people.
    pub fn of(photo: &Path) -> Option<Self> {
        let known = HEADS.iter().find(|(name, _)| photo.ends_with(name));
        known.map(|(_, head)| *head)
    }
}

/// How a head is held, against the photo.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Held {
    /// Aside and down, in eye distances.
    pub moved: [f32; 2],
    /// To the viewer's right and downwards, in radians; small.
    pub turned: [f32; 2],
}

impl Held {
    /// Of somebody who waits at a door: each of the frames of a camera, of a slow one too, is
    /// another, by 0.05 eye distances and more.
    pub fn waiting(frame: u64) -> Self {
        let (sin, cos) = (frame as f32 * 0.8).sin_cos();
        Self {
            moved: [0.06 * cos, 0.06 * sin],
            turned: [0.05 * sin, 0.03 * cos],
        }
    }
}

/// Half the width and height of a head, in eye distances, and how far below the eyes its
/// middle is.
const HALF: [f32; 2] = [1.15, 1.6];
const BELOW_EYES: f32 = 0.45;
/// How far the middle of a face is before its outline, in eye distances.
const DEPTH: f32 = 0.9;
/// A head takes what is around it along, less and less, to so many times its size.
const REACH: f32 = 2.2;

/// The photo with its head held so.
pub fn held(photo: &RgbImage, head: &Head, held: &Held) -> RgbImage {
    let mut picture = photo.clone();
    let middle = [head.eyes[0], head.eyes[1] + BELOW_EYES * head.eye_distance];
    let reach = HALF.map(|half| half * REACH * head.eye_distance);
    let from = [0, 1].map(|a| (middle[a] - reach[a]).max(0.0) as u32);
    let to = [
        ((middle[0] + reach[0]) as u32 + 1).min(photo.width()),
        ((middle[1] + reach[1]) as u32 + 1).min(photo.height()),
    ];
    for y in from[1]..to[1] {
        for x in from[0]..to[0] {
            let at = [x as f32, y as f32];
            let place = [0, 1].map(|a| (at[a] - middle[a]) / (HALF[a] * head.eye_distance));
            let [dx, dy] = displacement(place, held).map(|d| d * head.eye_distance);
            if (dx, dy) != (0.0, 0.0) {
                picture.put_pixel(x, y, image::Rgb(sample(photo, at[0] - dx, at[1] - dy)));
            }
        }
    }
    picture
}

/// How far a point goes, in eye distances; `place` is 0 in the middle of the head, 1 at its
/// outline.
pub fn displacement(place: [f32; 2], held: &Held) -> [f32; 2] {
    let far = place[0] * place[0] + place[1] * place[1];
    if far >= REACH * REACH {
        return [0.0; 2];
    }
    let depth = DEPTH * (1.0 - far).max(0.0).sqrt();
    let along = ((REACH - far.sqrt()) / (REACH - 1.0)).clamp(0.0, 1.0);
    [0, 1].map(|a| along * held.moved[a] + depth * held.turned[a])
}

/// Between four pixels; beyond the border its nearest.
pub fn sample(picture: &RgbImage, x: f32, y: f32) -> [u8; 3] {
    let (width, height) = picture.dimensions();
    let x = x.clamp(0.0, width as f32 - 1.001);
    let y = y.clamp(0.0, height as f32 - 1.001);
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = ((x.fract() * 256.0) as u32, (y.fract() * 256.0) as u32);
    let row = width as usize * 3;
    let at = top * row + left * 3;
    let raw = picture.as_raw();
    std::array::from_fn(|channel| {
        let value = |offset: usize| u32::from(raw[at + offset + channel]);
        let upper = value(0) * (256 - fx) + value(3) * fx;
        let lower = value(row) * (256 - fx) + value(row + 3) * fx;
        ((upper * (256 - fy) + lower * fy) >> 16) as u8
    })
}
