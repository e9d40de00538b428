//! How much the points of a face move against the camera, over about half a second.

use std::time::{Duration, Instant};

use image::RgbImage;

use super::flow::displacement;
use super::luma::Pyramid;

/// A face is compared with itself as it was so long ago at most, …
const MAX_GAP: Duration = Duration::from_millis(600);
/// … and a picture is kept so often, …
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
    /// Where the face went: the median of its points across and down, in eye distances.
    pub(crate) face: [f32; 2],
    /// Where what is around it went, likewise; nothing where that has no structure.
    pub(crate) around: Option<[f32; 2]>,
    /// The time it took.
    pub(crate) over: Duration,
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
        while let Some(first) = self.shots.first()
            && (self.shots.len() >= MAX_SHOTS
                || at.saturating_duration_since(first.at) > MAX_GAP
                || at <= first.at)
        {
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
            *movement = known
                .next()
                .and_then(measured)
                .or_else(|| known.next_back().and_then(measured));
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
        let follow = |at| displacement(&then.picture, &self.now, at, guess);
        let inner = Found::of((0..MAX_POINTS).map(|n| inside(&rect, n)).filter_map(follow));
        // What is behind stands still as a rule; where it moves with the face, it is found there too.
        let still =
            |at| displacement(&then.picture, &self.now, at, [0.0; 2]).or_else(|| follow(at));
        let size = then.picture.size();
        let outer = (0..GRID[0] * GRID[1]).filter_map(|n| around(&rect, size, n));
        let outer = Found::of(outer.take(MAX_POINTS).filter_map(still));
        let in_eyes = |[x, y]: [f32; 2]| [x / eyes, y / eyes];
        let mut inner = inner.filter(|found| found.count >= MIN_POINTS)?;
        Some(Movement {
            eye_distances: inner.length() / eyes,
            face: in_eyes(inner.vector()),
            around: outer
                .filter(|found| found.count >= MIN_POINTS)
                .map(|mut found| in_eyes(found.vector())),
            over: at.saturating_duration_since(then.at),
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
    (!on_face && !(in_line && y > y1 - 0.3 * height)).then_some([x, y])
}

/// Displacements of points that were found again.
struct Found {
    across: [f32; MAX_POINTS],
    down: [f32; MAX_POINTS],
    lengths: [f32; MAX_POINTS],
    count: usize,
}

impl Found {
    fn of(points: impl Iterator<Item = [f32; 2]>) -> Option<Self> {
        let mut found = Self {
            across: [0.0; MAX_POINTS],
            down: [0.0; MAX_POINTS],
            lengths: [0.0; MAX_POINTS],
            count: 0,
        };
        let places = found.across.iter_mut().zip(&mut found.down);
        for (((x, y), length), [dx, dy]) in places.zip(&mut found.lengths).zip(points) {
            (*x, *y, *length) = (dx, dy, dx.hypot(dy));
            found.count += 1;
        }
        (found.count > 0).then_some(found)
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
