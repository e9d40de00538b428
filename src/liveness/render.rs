//! A textured generic head, a picture of it, and what a camera sees of either: for tests.

use image::{Rgb, RgbImage};

use super::pose::Landmarks;

/// What is shown, in eye distances: `x` to the viewer's right, `y` down, `z` towards the viewer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// A head with a nose.
    Head,
    /// A picture of one.
    Flat,
    /// A picture of one, bent to a part of a tube: the depth at its edge.
    Bent(f32),
}

/// How it is held: turned to the viewer's right and upwards in radians, its size, its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) yaw: f32,
    pub(super) pitch: f32,
    pub(super) size: f32,
    pub(super) moved: [f32; 2],
}

pub(super) const NEUTRAL: Held = Held {
    yaw: 0.0,
    pitch: 0.0,
    size: 1.0,
    moved: [0.0; 2],
};

/// Pixels between the eyes of a neutral face.
pub(super) const EYES_PIXELS: f32 = 64.0;
const SIZE: [u32; 2] = [320, 240];
/// Eyes, nose, corners of the mouth.
const FEATURES: [[f32; 2]; 5] = [
    [-0.5, 0.0],
    [0.5, 0.0],
    [0.0, 0.55],
    [-0.4, 1.05],
    [0.4, 1.05],
];

impl Shape {
    fn depth(self, u: f32, v: f32) -> f32 {
        match self {
            Self::Head => {
                let skull = -0.35 * u * u - 0.12 * (v - 0.5) * (v - 0.5);
                skull + 0.42 * (-(u * u) / 0.05 - (v - 0.5) * (v - 0.5) / 0.12).exp()
            }
            Self::Flat => 0.0,
            Self::Bent(depth) => -depth * u * u,
        }
    }

    fn project(self, [u, v]: [f32; 2], held: &Held) -> [f32; 2] {
        let z = self.depth(u, v);
        let (sin, cos) = held.pitch.sin_cos();
        let (y, z) = (v * cos - z * sin, v * sin + z * cos);
        let x = u * held.yaw.cos() + z * held.yaw.sin();
        let scale = EYES_PIXELS * held.size;
        [
            SIZE[0] as f32 / 2.0 + x * scale + held.moved[0],
            SIZE[1] as f32 / 2.0 + (y - 0.5) * scale + held.moved[1],
        ]
    }

    /// Where its features are in the picture.
    pub(super) fn landmarks(self, held: &Held, mut noise: impl FnMut() -> f32) -> Landmarks {
        FEATURES.map(|feature| {
            self.project(feature, held)
                .map(|v| v + noise() * EYES_PIXELS * held.size)
        })
    }

    /// The picture, with a sensor's noise of so many grey levels.
    pub(super) fn picture(self, held: &Held, noise: f32, random: &mut fastrand::Rng) -> RgbImage {
        let (pitch_sin, pitch_cos) = held.pitch.sin_cos();
        let (yaw_sin, yaw_cos) = held.yaw.sin_cos();
        let scale = EYES_PIXELS * held.size;
        RgbImage::from_fn(SIZE[0], SIZE[1], |px, py| {
            let x = (px as f32 - SIZE[0] as f32 / 2.0 - held.moved[0]) / scale;
            let y = (py as f32 - SIZE[1] as f32 / 2.0 - held.moved[1]) / scale + 0.5;
            // The surface's point that is seen there, by iteration.
            let (mut u, mut v) = (x, y);
            for _ in 0..8 {
                let z = self.depth(u, v);
                v = (y + z * pitch_sin) / pitch_cos;
                u = (x - (v * pitch_sin + z * pitch_cos) * yaw_sin) / yaw_cos;
            }
            let on_face = u * u / 1.1 + (v - 0.5) * (v - 0.5) / 1.9 < 1.0;
            let value = if on_face {
                skin(u, v)
            } else {
                70.0 + 20.0 * (px as f32 * 0.05).sin()
            };
            let noise = (0..4).map(|_| random.f32() - 0.5).sum::<f32>() * noise * 1.73;
            let value = (value + noise).clamp(0.0, 255.0) as u8;
            Rgb([value, value, value])
        })
    }
}

fn skin(u: f32, v: f32) -> f32 {
    let spot = |x: f32, y: f32, r: f32| (-((u - x).powi(2) + (v - y).powi(2)) / (r * r)).exp();
    let features = 70.0 * (spot(-0.5, 0.0, 0.13) + spot(0.5, 0.0, 0.13))
        + 45.0 * (spot(-0.1, 0.62, 0.06) + spot(0.1, 0.62, 0.06))
        + 40.0 * (spot(-0.55, -0.28, 0.12) + spot(0.5, -0.3, 0.14) + spot(-0.35, -0.25, 0.1))
        + 50.0 * (spot(0.0, 1.05, 0.2) + spot(-0.4, 1.05, 0.08) + spot(0.4, 1.05, 0.08))
        - 30.0 * spot(0.0, 0.5, 0.08);
    let texture = 14.0 * (u * 17.0 + (v * 9.0).sin()).sin() * (v * 15.0).cos()
        + 9.0 * (u * 31.0 - v * 23.0).sin();
    165.0 - features + texture
}
