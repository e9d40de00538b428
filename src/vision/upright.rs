//! Is a face the right way up? MTCNN finds faces that are upside down too, and invents
//! upright landmarks on them; but it likes a face better the right way up. So a face and
//! its surroundings are turned by half a turn, and R- and O-Net asked again.
//!
//! Of 1,904 faces of LFW none was taken to be upside down; of the 526 that were found, and
//! sure enough to be judged, with the photos turned, 515 were.

use image::RgbImage;
use image::imageops::{crop_imm, rotate180};

use super::Face;

/// What is looked at around a face on each side, in sizes of the face.
const MARGIN: f32 = 0.4;
/// The box of a face that is upside down sits too high or too low by about so much, in sizes
/// of the face.
const BOX_SHIFT: f32 = 0.1;

/// A face's surroundings turned by half a turn, and where the face may be in them.
pub(super) struct Turned {
    pub(super) picture: RgbImage,
    pub(super) places: [[f32; 4]; 3],
}

/// `None` if the face lies outside the picture.
pub(super) fn turned(image: &RgbImage, face: &Face) -> Option<Turned> {
    let [x0, y0, x1, y1] = face.rect;
    let around = face.size() * MARGIN;
    let within = |v: f32, most: u32| v.clamp(0.0, most as f32) as u32;
    let (left, right) = (
        within(x0 - around, image.width()),
        within(x1 + around, image.width()),
    );
    let (top, bottom) = (
        within(y0 - around, image.height()),
        within(y1 + around, image.height()),
    );
    if left >= right || top >= bottom {
        return None;
    }
    let around = crop_imm(image, left, top, right - left, bottom - top);
    let (right, bottom) = (right as f32, bottom as f32);
    let shift = face.size() * BOX_SHIFT;
    Some(Turned {
        picture: rotate180(&*around),
        places: [0.0, shift, -shift]
            .map(|by| [right - x1, bottom - y1 + by, right - x0, bottom - y0 + by]),
    })
}
