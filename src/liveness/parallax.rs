//! What the points of a face show of depth: followed from picture to picture since a prompt,
//! those of the nose beside those around it.
//!
//! The points around the nose (eyes and corners of the mouth) give the plane's movement; the
//! nose's points that do not go with it stand before the plane. A flat picture has none, however it
//! is moved or turned; one that is bent has little.

use image::RgbImage;

use super::flow::{Followed, follow};
use super::luma::Pyramid;
use super::pose::{Affine, Landmarks, eye_distance, middle};

/// Points on and around the nose, along each side of their grid, and how far apart.
const NOSE_POINTS_A_SIDE: usize = 3;
const NOSE_POINTS: usize = NOSE_POINTS_A_SIDE * NOSE_POINTS_A_SIDE;
const NOSE_STEP: f32 = 0.12;
const FACE_POINTS: usize = 16;
/// Where a face has structure: five points at each eye, three at each corner of the mouth.
const AT_EYE: [[f32; 2]; 5] = [
    [0.0, 0.0],
    [-0.2, 0.0],
    [0.2, 0.0],
    [-0.1, -0.2],
    [0.1, -0.2],
];
const AT_MOUTH: [[f32; 2]; 3] = [[0.0, 0.0], [0.0, -0.1], [0.0, 0.1]];
/// Enough of them must be found in each picture, or the face is lost.
const MIN_NOSE_POINTS: usize = 3;
const MIN_FACE_POINTS: usize = 6;
/// Points are followed where the eyes are about so far apart, in pixels: the windows are then
/// as wide as a fifth of that.
const EYES_PIXELS: f32 = 40.0;
/// How far around a face is looked, in eye distances: whoever turns the head moves it.
const REACH: f32 = 2.6;

/// A point where it was at the prompt, and where it is now.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    start: [f32; 2],
    now: Option<[f32; 2]>,
}

/// The points of one face. Their memory is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Parallax {
    /// Of the camera's picture: `[x0, y0, x1, y1]`, and how much it is shrunk.
    part: [u32; 4],
    factor: u32,
    /// In pixels of what is followed in.
    eyes: f32,
    nose: [Point; NOSE_POINTS],
    face: [Point; FACE_POINTS],
    before: Pyramid,
    now: Pyramid,
}

impl Parallax {
    /// Begins anew with the face in `picture`; landmarks in its pixels.
    pub(crate) fn anchor(&mut self, picture: &RgbImage, landmarks: &Landmarks) {
        let eyes = eye_distance(landmarks).max(1.0);
        self.factor = ((eyes / EYES_PIXELS) as u32).max(1);
        let [x, y] = middle(landmarks);
        let reach = REACH * eyes;
        self.part = [x - reach, y - reach, x + reach, y + reach].map(|v| v.max(0.0) as u32);
        self.before.take_part(picture, self.part, self.factor);
        self.eyes = eyes / self.factor as f32;
        let at = |[x, y]: [f32; 2], [dx, dy]: [f32; 2]| {
            let start = self.inside([x + dx * eyes, y + dy * eyes]);
            let now = Some(start);
            Point { start, now }
        };
        let [left, right, nose, mouth_left, mouth_right] = *landmarks;
        let on_nose = |n: usize| (n as f32 - (NOSE_POINTS_A_SIDE / 2) as f32) * NOSE_STEP;
        let nose = std::array::from_fn(|n| {
            let way = [
                on_nose(n % NOSE_POINTS_A_SIDE),
                on_nose(n / NOSE_POINTS_A_SIDE),
            ];
            at(nose, way)
        });
        let eyes = [left, right]
            .into_iter()
            .flat_map(|eye| AT_EYE.map(|way| at(eye, way)));
        let mouth = [mouth_left, mouth_right].into_iter();
        let mouth = mouth.flat_map(|corner| AT_MOUTH.map(|way| at(corner, way)));
        let mut face = [Point::default(); FACE_POINTS];
        for (point, found) in face.iter_mut().zip(eyes.chain(mouth)) {
            *point = found;
        }
        (self.nose, self.face) = (nose, face);
    }

    /// A place of the camera's picture where points are followed.
    fn inside(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [left, top, ..] = self.part;
        let factor = self.factor as f32;
        let shrunk = |v: f32, from: u32| (v - from as f32 + 0.5) / factor - 0.5;
        [shrunk(x, left), shrunk(y, top)]
    }

    /// Follows the points into the next picture and gives the nose's way beyond the plane's, in
    /// eye distances; nothing once too many are lost. `moved` is how far the face went since the
    /// picture before, in its pixels.
    pub(crate) fn step(&mut self, picture: &RgbImage, moved: [f32; 2]) -> Option<[f32; 2]> {
        self.now.take_part(picture, self.part, self.factor);
        let guess = moved.map(|v| v / self.factor as f32);
        for point in self.nose.iter_mut().chain(&mut self.face) {
            let Some(at) = point.now else { continue };
            point.now = match follow(&self.before, &self.now, at, guess, 0) {
                Followed::To([dx, dy]) => Some([at[0] + dx, at[1] + dy]),
                Followed::Lost | Followed::Plain => None,
            };
        }
        std::mem::swap(&mut self.before, &mut self.now);
        depth(&self.nose, &self.face).map(|way| way.map(|v| v / self.eyes))
    }
}

/// The nose's way beyond the plane's, in pixels.
fn depth(nose: &[Point; NOSE_POINTS], face: &[Point; FACE_POINTS]) -> Option<[f32; 2]> {
    let mut from = [[0.0; 2]; FACE_POINTS];
    let mut to = [[0.0; 2]; FACE_POINTS];
    let mut count = 0;
    let places = from.iter_mut().zip(&mut to);
    for ((from, to), (start, now)) in places.zip(found(face)) {
        (*from, *to) = (start, now);
        count += 1;
    }
    let plane = Affine::fit(from.get(..count)?, to.get(..count)?)?;
    let mut across = [0.0; NOSE_POINTS];
    let mut down = [0.0; NOSE_POINTS];
    let mut on_nose = 0;
    for ((across, down), (start, now)) in across.iter_mut().zip(&mut down).zip(found(nose)) {
        let [x, y] = plane.apply(start);
        (*across, *down) = (now[0] - x, now[1] - y);
        on_nose += 1;
    }
    if count < MIN_FACE_POINTS || on_nose < MIN_NOSE_POINTS {
        return None;
    }
    let median = |values: &mut [f32]| {
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some([
        median(across.get_mut(..on_nose)?)?,
        median(down.get_mut(..on_nose)?)?,
    ])
}

/// Points that were found in every picture: where they were and are.
fn found(points: &[Point]) -> impl Iterator<Item = ([f32; 2], [f32; 2])> {
    points.iter().filter_map(|p| Some((p.start, p.now?)))
}
