//! What the points of a face show of depth: followed from picture to picture since the face
//! was neutral, those of the nose beside those around it.
//!
//! The points around the nose (eyes, cheeks, mouth) give the plane's movement; the nose's
//! points that do not go with it stand before the plane. A flat picture has none, however it
//! is moved or turned; one that is bent has little.

use super::flow::{Followed, follow};
use super::luma::Pyramid;
use super::pose::{Affine, Landmarks};

/// Points on and around the nose, along each side of their grids.
const NOSE_POINTS_A_SIDE: usize = 3;
const NOSE_POINTS: usize = NOSE_POINTS_A_SIDE * NOSE_POINTS_A_SIDE;
const FACE_POINTS: usize = 16;
/// Enough of them must be found in each picture, or the face is lost.
const MIN_NOSE_POINTS: usize = 3;
const MIN_FACE_POINTS: usize = 6;

/// A point of the neutral face, and where it is now.
#[derive(Debug, Clone, Copy)]
struct Point {
    start: [f32; 2],
    now: Option<[f32; 2]>,
}

/// The points of one face since it was neutral.
#[derive(Debug)]
pub(crate) struct Parallax {
    eyes: f32,
    nose: [Point; NOSE_POINTS],
    face: [Point; FACE_POINTS],
    before: Pyramid,
}

impl Parallax {
    /// Of the neutral face in `picture`; landmarks in pixels of the camera's picture.
    pub(crate) fn new(picture: &Pyramid, landmarks: &Landmarks) -> Self {
        let scale = 1.0 / picture.factor();
        let [left, right, nose, mouth_left, mouth_right] =
            landmarks.map(|p| p.map(|v| (v + 0.5) * scale - 0.5));
        let eyes = (right[0] - left[0]).hypot(right[1] - left[1]).max(1.0);
        let at = |start| Point {
            start,
            now: Some(start),
        };
        let mut points = Self {
            eyes,
            nose: [at(nose); NOSE_POINTS],
            face: [at(nose); FACE_POINTS],
            before: picture.clone(),
        };
        for (n, point) in points.nose.iter_mut().enumerate() {
            let step = |n: usize| (n as f32 - 1.0) * 0.12 * eyes;
            let (across, down) = (step(n % NOSE_POINTS_A_SIDE), step(n / NOSE_POINTS_A_SIDE));
            *point = at([nose[0] + across, nose[1] + down]);
        }
        // Where a face has structure: five points at each eye, three at each corner of the mouth.
        const AT_EYE: [[f32; 2]; 5] = [
            [0.0, 0.0],
            [-0.2, 0.0],
            [0.2, 0.0],
            [-0.1, -0.2],
            [0.1, -0.2],
        ];
        const AT_MOUTH: [[f32; 2]; 3] = [[0.0, 0.0], [0.0, -0.1], [0.0, 0.1]];
        let around = |corner: [f32; 2], way: &[f32; 2]| {
            at([corner[0] + way[0] * eyes, corner[1] + way[1] * eyes])
        };
        let at_eyes = [left, right].into_iter();
        let at_mouth = [mouth_left, mouth_right].into_iter();
        let places = at_eyes
            .flat_map(|eye| AT_EYE.iter().map(move |way| around(eye, way)))
            .chain(at_mouth.flat_map(|corner| AT_MOUTH.iter().map(move |way| around(corner, way))));
        for (point, place) in points.face.iter_mut().zip(places) {
            *point = place;
        }
        points
    }

    /// Follows the points into the next picture and gives the nose's way beyond the plane's, in
    /// eye distances; nothing once too many are lost. `guess` is how far the face went since the
    /// picture before, in pixels of the pyramid.
    pub(crate) fn step(&mut self, picture: &Pyramid, guess: [f32; 2]) -> Option<[f32; 2]> {
        for point in self.nose.iter_mut().chain(&mut self.face) {
            let Some(at) = point.now else { continue };
            point.now = match follow(&self.before, picture, at, guess) {
                Followed::To([dx, dy]) => Some([at[0] + dx, at[1] + dy]),
                Followed::Lost | Followed::Plain => None,
            };
        }
        self.before.clone_from(picture);
        let mut from = [[0.0; 2]; FACE_POINTS];
        let mut to = [[0.0; 2]; FACE_POINTS];
        let mut count = 0;
        for (start, now) in self.face.iter().filter_map(|p| Some((p.start, p.now?))) {
            if let (Some(f), Some(t)) = (from.get_mut(count), to.get_mut(count)) {
                (*f, *t) = (start, now);
                count += 1;
            }
        }
        let plane = Affine::fit(from.get(..count)?, to.get(..count)?)?;
        let mut across = [0.0; NOSE_POINTS];
        let mut down = [0.0; NOSE_POINTS];
        let mut found = 0;
        for (start, now) in self.nose.iter().filter_map(|p| Some((p.start, p.now?))) {
            let [x, y] = plane.apply(start);
            if let (Some(a), Some(d)) = (across.get_mut(found), down.get_mut(found)) {
                (*a, *d) = (now[0] - x, now[1] - y);
                found += 1;
            }
        }
        if count < MIN_FACE_POINTS || found < MIN_NOSE_POINTS {
            return None;
        }
        let median = |values: &mut [f32]| {
            values.sort_by(f32::total_cmp);
            values.get(values.len() / 2).copied()
        };
        let way = [
            median(across.get_mut(..found)?)?,
            median(down.get_mut(..found)?)?,
        ];
        Some(way.map(|v| v / self.eyes))
    }
}
impl Parallax {
    pub(crate) fn counts(&self) -> (usize, usize) {
        (
            self.nose.iter().filter(|p| p.now.is_some()).count(),
            self.face.iter().filter(|p| p.now.is_some()).count(),
        )
    }
}
