//! What a camera sees of a thing before it: a person, a print, a screen.

use std::f32::consts::TAU;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::living::{Head, sample};

/// Of the pretended camera, in pixels.
pub const SIZE: [u32; 2] = [640, 480];
/// The rim of a print and of a screen, in eye distances.
const RIM: f32 = 0.35;

/// What the thing's edge looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Edge {
    /// None: a person, whose photo fades into what is behind.
    Fades,
    /// The white rim of a print.
    White,
    /// The black rim of a screen.
    Black,
    /// A print cut out along head and shoulders.
    CutOut,
}

/// Where and how the thing is held.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Where the middle between the eyes is seen, in pixels.
    pub eyes: [f32; 2],
    /// How far apart the eyes are seen, in pixels.
    pub eye_distance: f32,
    /// In the plane of the picture, in radians.
    pub tilt: f32,
    /// Around its upright axis, in radians.
    pub turn: f32,
    /// How far its sides are bent back, in eye distances at one eye distance from the middle.
    pub bend: f32,
}

impl Place {
    /// Where in the photo a pixel of the camera is seen, as of the eyes, in eye distances.
    fn on_the_thing(&self, x: f32, y: f32) -> [f32; 2] {
        /// How far the camera is, in eye distances.
        const AWAY: f32 = 12.0;
        let (dx, dy) = (
            (x - self.eyes[0]) / self.eye_distance,
            (y - self.eyes[1]) / self.eye_distance,
        );
        let (sin, cos) = self.tilt.sin_cos();
        let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
        // What turns away is further off, and so are the sides of what is bent.
        let depth = u * self.turn.tan() + self.bend * u * u;
        let larger = 1.0 + depth / AWAY;
        [u * larger / self.turn.cos(), v * larger]
    }
}

/// A camera of its own kind, and its light.
#[derive(Debug, Clone, Copy)]
pub struct Camera {
    pub light: f32,
    /// Of its automatic exposure, as a share of the light.
    pub flicker: f32,
    /// Of its sensor, in grey levels, as standard deviation.
    pub noise: f32,
    /// Of its Motion JPEG, if it compresses.
    pub quality: Option<u8>,
    /// Of its support, in pixels.
    pub shake: f32,
}

/// A scene's background, as wide as the camera's picture.
pub fn background(name: &str) -> RgbImage {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../photos/scenes-free");
    let photo = image::open(folder.join(name)).unwrap().to_rgb8();
    let picture = imageops::resize(&photo, SIZE[0], SIZE[1], FilterType::Triangle);
    // As far behind as it is, it is not as sharp.
    imageops::fast_blur(&picture, 1.0)
}

/// The frame number `frame` of the camera, in seconds `t`.
pub fn seen(
    behind: &RgbImage,
    (photo, head, edge): (&RgbImage, &Head, Edge),
    place: &Place,
    camera: &Camera,
    (frame, t): (u64, f32),
) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(frame + 1);
    let light = camera.light * (1.0 + camera.flicker * (TAU * 0.9 * t).sin());
    let shake = [(TAU * 2.3 * t).sin(), (TAU * 3.1 * t + 1.0).sin()].map(|s| s * camera.shake);
    let light = (light * 256.0) as i32;
    // A few numbers of the sensor's noise, taken from anywhere.
    let noise: Vec<i32> = (0..1021)
        .map(|_| ((0..4).map(|_| random.f32() - 0.5).sum::<f32>() * 1.73 * camera.noise) as i32)
        .collect();
    let mut grain = random.usize(..noise.len());
    let mut picture = RgbImage::new(SIZE[0], SIZE[1]);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (x, y) = (x as f32 - shake[0], y as f32 - shake[1]);
        let [u, v] = place.on_the_thing(x, y);
        let at = [u, v].map(|d| d * head.eye_distance);
        let at = [head.eyes[0] + at[0], head.eyes[1] + at[1]];
        let (share, rim) = cover(edge, photo, head, [u, v], at);
        let back = match camera.shake {
            0.0 => behind.get_pixel(x as u32, y as u32).0,
            _ => sample(behind, x, y),
        };
        let front = match rim {
            Some(value) => [value; 3],
            None => sample(photo, at[0], at[1]),
        };
        // A line is noisy in its own way.
        grain += 1 + (frame as usize + x as usize) % 3;
        for (channel, (value, (front, back))) in pixel
            .0
            .iter_mut()
            .zip(front.into_iter().zip(back))
            .enumerate()
        {
            let mixed = (i32::from(front) * share + i32::from(back) * (256 - share)) >> 8;
            let grain = noise[(grain + 337 * channel) % noise.len()];
            *value = (((mixed * light) >> 8) + grain).clamp(0, 255) as u8;
        }
    }
    match camera.quality {
        Some(quality) => compressed(&picture, quality),
        None => picture,
    }
}

/// How much of the thing is before the background there, of 256, and what its rim is like.
fn cover(
    edge: Edge,
    photo: &RgbImage,
    head: &Head,
    [u, v]: [f32; 2],
    at: [f32; 2],
) -> (i32, Option<u8>) {
    // How far inside the photo, in eye distances; below, a body goes on.
    let (width, height) = (photo.width() as f32, photo.height() as f32);
    let sides = at[0].min(width - 1.0 - at[0]).min(at[1]);
    let inside = sides.min(height - 1.0 - at[1]) / head.eye_distance;
    match edge {
        Edge::Fades if at[1] > height - 1.0 => (0, None),
        Edge::Fades => (
            (sides / head.eye_distance * 512.0).clamp(0.0, 256.0) as i32,
            None,
        ),
        Edge::CutOut => {
            let on_head = (u / 1.25).powi(2) + ((v - 0.35) / 1.8).powi(2) < 1.0;
            let on_body = v > 1.5 && u.abs() < 2.6;
            let is_there = (on_head || on_body) && inside > 0.0;
            (if is_there { 256 } else { 0 }, None)
        }
        Edge::White | Edge::Black if inside < -RIM => (0, None),
        Edge::White => (256, (inside < 0.0).then_some(235)),
        Edge::Black => (256, (inside < 0.0).then_some(18)),
    }
}

fn compressed(picture: &RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(picture)
        .unwrap();
    image::load_from_memory(&bytes).unwrap().to_rgb8()
}

/// Two bright spots on a face, as of a lamp in glasses.
pub fn glare(picture: &mut RgbImage, place: &Place, [dx, dy]: [f32; 2]) {
    let radius = 0.16 * place.eye_distance;
    for side in [-0.42, 0.55] {
        let middle = [
            place.eyes[0] + (side + dx) * place.eye_distance,
            place.eyes[1] + (dy - 0.05) * place.eye_distance,
        ];
        let range = |a: usize| {
            let (from, to) = (middle[a] - radius, middle[a] + radius);
            from.max(0.0) as u32..(to.max(0.0) as u32 + 1).min(SIZE[a])
        };
        for y in range(1) {
            for x in range(0) {
                let far = (x as f32 - middle[0]).hypot((y as f32 - middle[1]) * 1.6) / radius;
                if far < 1.0 {
                    let Rgb(values) = picture.get_pixel_mut(x, y);
                    let share = (1.0 - far * far) * 0.9;
                    *values = values.map(|v| (f32::from(v) * (1.0 - share) + 250.0 * share) as u8);
                }
            }
        }
    }
}
