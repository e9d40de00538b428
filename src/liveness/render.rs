//! A textured generic head, a picture of it, and what a camera sees of either: for tests.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use image::{Rgb, RgbImage};

use super::pose::Landmarks;

/// What is shown, in eye distances: `x` to the viewer's right, `y` down, `z` towards the viewer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// A head whose nose stands so far before its plane.
    Head(f32),
    /// A picture of one, which may be bent.
    Picture,
}

/// How it is held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    /// Turned to the viewer's right and upwards, in radians.
    pub(super) yaw: f32,
    pub(super) pitch: f32,
    pub(super) size: f32,
    /// In pixels.
    pub(super) moved: [f32; 2],
    /// A picture: how far it goes back one eye distance from its middle.
    pub(super) bend: f32,
}

pub(super) const NEUTRAL: Held = Held {
    yaw: 0.0,
    pitch: 0.0,
    size: 1.0,
    moved: [0.0; 2],
    bend: 0.0,
};

/// Pixels between the eyes of a neutral face: of the smallest that is looked for by default.
pub(super) const EYES_PIXELS: f32 = 32.0;
const SIZE: [u32; 2] = [168, 176];
/// Eyes, nose, corners of the mouth.
const FEATURES: [[f32; 2]; 5] = [
    [-0.5, 0.0],
    [0.5, 0.0],
    [0.0, 0.55],
    [-0.4, 1.05],
    [0.4, 1.05],
];
/// From the camera to a face of size 1, in eye distances: 60 cm.
const DISTANCE: f32 = 9.5;
/// A head turns about an axis so far behind its face.
const NECK: f32 = 1.2;
/// Where tables begin, and their steps to one eye distance.
const TABLE_FROM: f32 = -2.0;
const TABLE_SIDE: usize = 320;
const TABLE_STEPS: f32 = 64.0;

impl Shape {
    fn depth(self, u: f32, v: f32, bend: f32) -> f32 {
        match self {
            Self::Head(nose) => {
                let skull = -0.35 * u * u - 0.12 * (v - 0.5) * (v - 0.5);
                skull + (nose - 0.1) * look_up(&NOSE, u, v)
            }
            Self::Picture => -bend * u * u,
        }
    }

    fn neck(self) -> f32 {
        match self {
            Self::Head(_) => NECK,
            Self::Picture => 0.0,
        }
    }

    fn project(self, [u, v]: [f32; 2], held: &Held) -> [f32; 2] {
        let z = self.depth(u, v, held.bend) + self.neck();
        let (sin, cos) = held.pitch.sin_cos();
        let (y, z) = ((v - 0.5) * cos - z * sin, (v - 0.5) * sin + z * cos);
        let (sin, cos) = held.yaw.sin_cos();
        let (x, z) = (u * cos + z * sin, -u * sin + z * cos - self.neck());
        let scale = EYES_PIXELS * DISTANCE / (DISTANCE / held.size - z);
        [
            SIZE[0] as f32 / 2.0 + x * scale + held.moved[0],
            SIZE[1] as f32 / 2.0 + y * scale + held.moved[1],
        ]
    }

    /// Where its features are in the picture.
    pub(super) fn landmarks(self, held: &Held, mut noise: impl FnMut() -> f32) -> Landmarks {
        FEATURES.map(|feature| {
            self.project(feature, held)
                .map(|v| v + noise() * EYES_PIXELS * held.size)
        })
    }

    /// The picture of the `face`th person, with a sensor's noise of so many grey levels.
    pub(super) fn picture(
        self,
        face: usize,
        held: &Held,
        noise: f32,
        random: &mut fastrand::Rng,
    ) -> RgbImage {
        let (pitch_sin, pitch_cos) = held.pitch.sin_cos();
        let (yaw_sin, yaw_cos) = held.yaw.sin_cos();
        let neck = self.neck();
        let skin = SKIN.get(face % SKIN.len()).unwrap();
        let mut grain = 0;
        RgbImage::from_fn(SIZE[0], SIZE[1], |px, py| {
            if px == 0 {
                grain = random.usize(..GRAIN.len());
            }
            let x = (px as f32 - SIZE[0] as f32 / 2.0 - held.moved[0]) / EYES_PIXELS;
            let y = (py as f32 - SIZE[1] as f32 / 2.0 - held.moved[1]) / EYES_PIXELS;
            grain = (grain + 1) % GRAIN.len();
            let noise = noise * GRAIN.get(grain).unwrap();
            // The surface's point that is seen there, by iteration.
            let (mut u, mut v, mut front) = (x, y + 0.5, 0.0);
            let reach = if x.hypot(y) > 2.0 * held.size { 0 } else { 4 };
            for _ in 0..reach {
                let near = (DISTANCE / held.size - front) / DISTANCE;
                let (across, down) = (x * near, y * near);
                let z = self.depth(u, v, held.bend) + neck;
                let below = (down + z * pitch_sin) / pitch_cos;
                let z = below * pitch_sin + z * pitch_cos;
                (u, v) = ((across - z * yaw_sin) / yaw_cos, below + 0.5);
                front = -u * yaw_sin + z * yaw_cos - neck;
            }
            let on_face = reach > 0 && u * u / 1.1 + (v - 0.5) * (v - 0.5) / 1.9 < 1.0;
            let value = if on_face {
                look_up(skin, u, v)
            } else {
                70.0 + 20.0 * (px as f32 * 0.05).sin()
            };
            let value = (value + noise).clamp(0.0, 255.0) as u8;
            Rgb([value, value, value])
        })
    }
}

type Table = Vec<f32>;

static NOSE: LazyLock<Table> =
    LazyLock::new(|| table(|u, v| (-(u * u) / 0.05 - (v - 0.5) * (v - 0.5) / 0.12).exp()));
static SKIN: LazyLock<[Table; 2]> =
    LazyLock::new(|| [table(skin), table(|u, v| skin(-u, v + 0.07))]);
static GRAIN: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(3);
    let grain = |_| (0..4).map(|_| random.f32() - 0.5).sum::<f32>() * 1.73;
    (0..65_521).map(grain).collect()
});

fn table(of: impl Fn(f32, f32) -> f32) -> Table {
    let at = |n: usize| TABLE_FROM + n as f32 / TABLE_STEPS;
    let all = (0..TABLE_SIDE * TABLE_SIDE).map(|n| of(at(n % TABLE_SIDE), at(n / TABLE_SIDE)));
    all.collect()
}

fn look_up(table: &Table, u: f32, v: f32) -> f32 {
    let at = |v: f32| ((v - TABLE_FROM) * TABLE_STEPS).clamp(0.0, (TABLE_SIDE - 2) as f32);
    let (x, y) = (at(u), at(v));
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let start = top * TABLE_SIDE + left;
    let row = |start: usize| {
        let [a, b] = [start, start + 1].map(|n| table.get(n).copied().unwrap_or_default());
        a + fx * (b - a)
    };
    let (upper, lower) = (row(start), row(start + TABLE_SIDE));
    upper + fy * (lower - upper)
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
