//! A head made of one photo: what a camera sees of it when it turns, nods or comes closer. The
//! photo is laid over a generic face in relief and seen in perspective.

use image::{Rgb, RgbImage};

/// How a head is held: turned to the viewer's right and upwards in radians, and its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    pub yaw: f32,
    pub pitch: f32,
    pub size: f32,
}

impl Held {
    pub const NEUTRAL: Self = Self {
        yaw: 0.0,
        pitch: 0.0,
        size: 1.0,
    };

    /// So much of the way to another.
    pub fn towards(self, other: Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a + (b - a) * share;
        Self {
            yaw: mix(self.yaw, other.yaw),
            pitch: mix(self.pitch, other.pitch),
            size: mix(self.size, other.size),
        }
    }
}

/// From the camera to the head, and from the face to the axis it turns about, in eye distances.
const DISTANCE: f32 = 9.5;
const NECK: f32 = 1.2;
/// How far behind the face everything else is.
const BEHIND: f32 = -1.0;

pub struct Head {
    photo: RgbImage,
    /// The middle between the eyes and the way from one eye to the other, in pixels.
    middle: [f32; 2],
    across: [f32; 2],
    /// The nose's tip, in eye distances from there.
    nose: [f32; 2],
    /// How far it stands out; 0: a picture.
    relief: f32,
}

impl Head {
    /// Of a photo with landmarks as the detector finds them.
    pub fn new(photo: RgbImage, landmarks: &[[f32; 2]; 5], relief: f32) -> Self {
        let [left, right, nose, ..] = *landmarks;
        let middle = [(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0];
        let across = [right[0] - left[0], right[1] - left[1]];
        let mut head = Self {
            photo,
            middle,
            across,
            nose: [0.0; 2],
            relief,
        };
        head.nose = head.face_of(nose);
        head
    }

    fn face_of(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [ax, ay] = self.across;
        let (dx, dy) = (x - self.middle[0], y - self.middle[1]);
        let square = ax * ax + ay * ay;
        [(dx * ax + dy * ay) / square, (dy * ax - dx * ay) / square]
    }

    fn photo_of(&self, [u, v]: [f32; 2]) -> [f32; 2] {
        let [ax, ay] = self.across;
        [
            self.middle[0] + u * ax - v * ay,
            self.middle[1] + u * ay + v * ax,
        ]
    }

    fn depth(&self, u: f32, v: f32) -> f32 {
        let skull = (-0.35 * u * u - 0.12 * (v - 0.5) * (v - 0.5)).max(BEHIND);
        let [x, y] = self.nose;
        let (x, y) = ((u - x) / 0.25, (v - y + 0.06) / 0.36);
        self.relief * (skull + 0.36 * (-x * x - y * y).exp())
    }

    /// What a camera sees.
    pub fn seen(&self, held: Held) -> RgbImage {
        let (pitch_sin, pitch_cos) = held.pitch.sin_cos();
        let (yaw_sin, yaw_cos) = held.yaw.sin_cos();
        RgbImage::from_fn(self.photo.width(), self.photo.height(), |x, y| {
            let [x, y] = self.face_of([x as f32, y as f32]);
            let (mut u, mut v, mut front) = (x, y, 0.0);
            for _ in 0..8 {
                let near = (DISTANCE / held.size - front) / DISTANCE;
                let z = self.depth(u, v) + NECK;
                let below = ((y - 0.5) * near + z * pitch_sin) / pitch_cos;
                let z = below * pitch_sin + z * pitch_cos;
                // By halves, because it overshoots where the relief is steep.
                u = (u + (x * near - z * yaw_sin) / yaw_cos) / 2.0;
                v = (v + below + 0.5) / 2.0;
                front = -u * yaw_sin + z * yaw_cos - NECK;
            }
            self.pixel(self.photo_of([u, v]))
        })
    }

    fn pixel(&self, [x, y]: [f32; 2]) -> Rgb<u8> {
        let (width, height) = self.photo.dimensions();
        let x = x.clamp(0.0, width as f32 - 1.001);
        let y = y.clamp(0.0, height as f32 - 1.001);
        let (left, top) = (x as u32, y as u32);
        let (fx, fy) = (x - left as f32, y - top as f32);
        let at = |dx: u32, dy: u32| self.photo.get_pixel(left + dx, top + dy).0;
        let corners = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
        Rgb(std::array::from_fn(|c| {
            let [a, b, d, e] = corners.map(|pixel| f32::from(pixel[c]));
            let (upper, lower) = (a + fx * (b - a), d + fx * (e - d));
            (upper + fy * (lower - upper)).round() as u8
        }))
    }
}
