//! How much the points of a face move against the camera, over about half a second.

use std::time::{Duration, Instant};

use image::RgbImage;

use super::flow::{Followed, follow};
use super::luma::Pyramid;

/// A face is compared with itself as it was so long ago at most, …
const MAX_GAP: Duration = Duration::from_millis(600);
/// … or this, where there are so few pictures.
const MAX_SLOW_GAP: Duration = Duration::from_millis(4000);
/// A picture is kept so often, …
const MIN_SHOT_INTERVAL: Duration = Duration::from_millis(60);
/// … so that no more are needed.
const MAX_SHOTS: usize = 11;
/// Faces followed in a picture, at most; the largest come first.
pub(crate) const MAX_FACES: usize = 4;
/// Points along each side of a face's inner part.
const POINTS_A_SIDE: usize = 5;
const MAX_POINTS: usize = POINTS_A_SIDE * POINTS_A_SIDE;
/// Places across and down the picture at which its surroundings are looked at.
const GRID: [usize; 2] = [8, 6];
/// The inner part, from and to as shares of the box: skin, eyes, nose and mouth, no background.
const INNER: [f32; 2] = [0.25, 0.75];
/// So many points must be found again.
const MIN_POINTS: usize = 8;
/// The smallest of a picture's sizes in which a face is followed whose points have too little
/// structure in the larger ones; 0 is the largest, 1 half of it.
const COARSEST_FOR_FACES: usize = 1;

/// A face as it is given: coordinates in pixels of the camera's picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// The face's number while it is in view.
    pub(crate) track: u64,
    /// `[x0, y0, x1, y1]`.
    pub(crate) rect: [f32; 4],
    /// Between the eyes' centres.
    pub(crate) eye_distance: f32,
}

/// A face's movement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Movement {
    /// The median over its points of how far each went, in eye distances.
    pub(crate) eye_distances: f32,
    /// Where the face went, and where what is around it: the median of their points across and
    /// down, in eye distances. Nothing where the surroundings have no structure.
    pub(crate) vectors: Option<([f32; 2], [f32; 2])>,
    /// The time it took.
    pub(crate) over: Duration,
}

impl Movement {
    /// A face that is there and none of whose points was found again: it moved too far, or
    /// changed. Whatever that is, it is not a picture that stands still.
    fn beyond_measure(over: Duration) -> Self {
        Self {
            eye_distances: 1.0,
            vectors: None,
            over,
        }
    }

    /// Whether its points were found again.
    fn is_measured(&self) -> bool {
        self.eye_distances < 1.0
    }
}

#[derive(Debug)]
struct Shot {
    at: Instant,
    picture: Pyramid,
    faces: [Option<Seen>; MAX_FACES],
}

impl Shot {
    fn face(&self, track: u64) -> Option<&Seen> {
        self.faces.iter().flatten().find(|f| f.track == track)
    }
}

/// The pictures of the last moments. Their memory is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Movements {
    /// The newest last.
    shots: Vec<Shot>,
    spare: Vec<Pyramid>,
    now: Pyramid,
}

impl Movements {
    /// What was seen until now does not count with what follows.
    pub(crate) fn forget(&mut self) {
        let old = self.shots.drain(..).map(|shot| shot.picture);
        self.spare.extend(old);
    }

    /// Takes the picture of a frame taken at `at` with its faces, and gives the movement of each;
    /// nothing for a face that is new, or whose points were lost.
    pub(crate) fn take(
        &mut self,
        at: Instant,
        picture: &RgbImage,
        faces: &[Seen],
    ) -> [Option<Movement>; MAX_FACES] {
        let mut movements = [None; MAX_FACES];
        // A slow machine has no picture from so short a time ago: then the one before serves.
        let is_stale = |shots: &[Shot]| match shots {
            [only] => at.saturating_duration_since(only.at) > MAX_SLOW_GAP || at <= only.at,
            [first, ..] => {
                shots.len() >= MAX_SHOTS
                    || at.saturating_duration_since(first.at) > MAX_GAP
                    || at <= first.at
            }
            [] => false,
        };
        while is_stale(&self.shots) {
            let old = self.shots.remove(0);
            self.spare.push(old.picture);
        }
        if faces.is_empty() {
            return movements;
        }
        self.now.take(picture);
        for (movement, face) in movements.iter_mut().zip(faces) {
            let mut known = self.shots.iter().filter(|s| s.face(face.track).is_some());
            let measured = |shot: &Shot| self.measure(shot, at, face);
            // What went too far to be found again went less far since the last picture.
            let long = known.next().and_then(measured);
            *movement = match known.next_back() {
                Some(last) if !long.is_some_and(|m| m.is_measured()) => measured(last).or(long),
                _ => long,
            };
        }
        let is_due = |last: &Shot| at.saturating_duration_since(last.at) >= MIN_SHOT_INTERVAL;
        if self.shots.last().is_none_or(is_due) {
            let mut kept = [None; MAX_FACES];
            for (kept, face) in kept.iter_mut().zip(faces) {
                *kept = Some(*face);
            }
            let spare = self.spare.pop().unwrap_or_default();
            self.shots.push(Shot {
                at,
                picture: std::mem::replace(&mut self.now, spare),
                faces: kept,
            });
        }
        movements
    }

    fn measure(&self, then: &Shot, at: Instant, face: &Seen) -> Option<Movement> {
        let before = then.face(face.track)?;
        let scale = 1.0 / self.now.factor();
        let middle = |r: &[f32; 4]| [(r[0] + r[2]) / 2.0 * scale, (r[1] + r[3]) / 2.0 * scale];
        let (from, to) = (middle(&before.rect), middle(&face.rect));
        let guess = [to[0] - from[0], to[1] - from[1]];
        let rect = before.rect.map(|v| v * scale);
        let eyes = (face.eye_distance.max(before.eye_distance) * scale).max(1.0);
        let find = |at, guess, finest| follow(&then.picture, &self.now, at, guess, finest);
        let points = || (0..MAX_POINTS).map(|n| inside(&rect, n));
        // In poor light the skin of a large face has too little contrast from one pixel to the
        // next; at half the size it has more, and less noise.
        let mut inner = Found::default();
        for finest in 0..=COARSEST_FOR_FACES {
            inner = Found::of(points().map(|at| find(at, guess, finest)));
            if inner.count + inner.lost >= MIN_POINTS {
                break;
            }
        }
        let over = at.saturating_duration_since(then.at);
        if inner.count < MIN_POINTS {
            let is_lost = inner.count + inner.lost >= MIN_POINTS;
            return is_lost.then_some(Movement::beyond_measure(over));
        }
        // What is behind stands still as a rule; where it moves with the face, it is found there too.
        let still = |at| match find(at, [0.0; 2], 0) {
            Followed::Lost => find(at, guess, 0),
            found => found,
        };
        let size = then.picture.size();
        let outer = (0..GRID[0] * GRID[1]).filter_map(|n| around(&rect, size, n));
        let mut outer = Found::of(outer.take(MAX_POINTS).map(still));
        let in_eyes = |[x, y]: [f32; 2]| [x / eyes, y / eyes];
        Some(Movement {
            eye_distances: inner.length() / eyes,
            vectors: Some(in_eyes(inner.vector()))
                .filter(|_| outer.count >= MIN_POINTS)
                .map(|face| (face, in_eyes(outer.vector()))),
            over,
        })
    }
}

/// The `n`th point of the inner part of a box.
fn inside([x0, y0, x1, y1]: &[f32; 4], n: usize) -> [f32; 2] {
    let share = |n: usize| INNER[0] + (INNER[1] - INNER[0]) * n as f32 / (POINTS_A_SIDE - 1) as f32;
    [
        x0 + (x1 - x0) * share(n % POINTS_A_SIDE),
        y0 + (y1 - y0) * share(n / POINTS_A_SIDE),
    ]
}

/// The `n`th point of a picture's grid, unless it is on the face or on the body below it.
fn around([x0, y0, x1, y1]: &[f32; 4], picture: [f32; 2], n: usize) -> Option<[f32; 2]> {
    // In an order that leaves no corner out when only the first ones are taken.
    let n = n * 7 % (GRID[0] * GRID[1]);
    let place = |n: usize, cells: usize, size: f32| (n as f32 + 0.5) / cells as f32 * size;
    let x = place(n % GRID[0], GRID[0], picture[0]);
    let y = place(n / GRID[0], GRID[1], picture[1]);
    let (width, height) = (x1 - x0, y1 - y0);
    let in_line = (x0 - width..x1 + width).contains(&x);
    let on_face = (x0 - 0.3 * width..x1 + 0.3 * width).contains(&x)
        && (y0 - 0.4 * height..y1 + 0.2 * height).contains(&y);
    let on_body = in_line && y > y1 - 0.3 * height;
    (!on_face && !on_body).then_some([x, y])
}

/// Displacements of points that were found again.
#[derive(Default)]
struct Found {
    across: [f32; MAX_POINTS],
    down: [f32; MAX_POINTS],
    lengths: [f32; MAX_POINTS],
    count: usize,
    /// How many had structure and were not found.
    lost: usize,
}

impl Found {
    fn of(points: impl Iterator<Item = Followed>) -> Self {
        let mut found = Self::default();
        for point in points {
            match point {
                Followed::To([dx, dy]) => {
                    let places = [&mut found.across, &mut found.down, &mut found.lengths];
                    for (place, value) in places.into_iter().zip([dx, dy, dx.hypot(dy)]) {
                        if let Some(place) = place.get_mut(found.count) {
                            *place = value;
                        }
                    }
                    found.count = (found.count + 1).min(MAX_POINTS);
                }
                Followed::Lost => found.lost += 1,
                Followed::Plain => {}
            }
        }
        found
    }

    fn length(&mut self) -> f32 {
        median(self.lengths.get_mut(..self.count).unwrap_or_default())
    }

    fn vector(&mut self) -> [f32; 2] {
        let count = self.count;
        [&mut self.across, &mut self.down].map(|v| median(v.get_mut(..count).unwrap_or_default()))
    }
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
