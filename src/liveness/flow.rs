//! Where a point of one picture is in another (Lucas and Kanade 1981; in three sizes as
//! Bouguet 2000; the template's gradients used for all steps as Baker and Matthews 2004).
//! The mean of each window is taken out, so that light which changes everywhere alike moves
//! nothing.

use super::luma::{Grey, LEVELS, Pyramid};

/// Half of the window's side, in pixels.
const RADIUS: i32 = 4;
const SIDE: usize = 2 * RADIUS as usize + 1;
const AREA: usize = SIDE * SIDE;
const MAX_STEPS: usize = 12;
/// A step shorter than this ends the search, in pixels.
const MIN_STEP_PIXELS: f32 = 0.003;
/// Windows with less structure than this in their weaker direction tell nothing: the mean
/// square of the gradient, in grey levels per pixel.
const MIN_STRUCTURE: f32 = 4.0;
/// A point is lost where the windows differ by more, as the mean difference in grey levels.
const MAX_DIFFERENCE: f32 = 12.0;

/// What became of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Followed {
    /// It moved by so much, in pixels of the largest size.
    To([f32; 2]),
    /// It had structure and was not found again.
    Lost,
    /// There is nothing to find again.
    Plain,
}

/// What became of the point `at` from one picture to the next, looked at in the sizes from
/// `finest` (0 the largest) to the smallest; `guess` is where to begin.
pub(super) fn follow(
    from: &Pyramid,
    to: &Pyramid,
    at: [f32; 2],
    guess: [f32; 2],
    finest: usize,
) -> Followed {
    let coarsest = 1.0 / (1 << (LEVELS - 1)) as f32;
    let mut moved = guess.map(|v| v * coarsest);
    let mut found = Followed::Plain;
    for level in (finest..LEVELS).rev() {
        let scale = 1.0 / (1 << level) as f32;
        let (Some(from), Some(to)) = (from.levels().get(level), to.levels().get(level)) else {
            return Followed::Plain;
        };
        // On the coarse sizes a window without structure leaves the guess as it is.
        found = refine(from, to, at.map(|v| (v + 0.5) * scale - 0.5), moved);
        if let Followed::To(to) = found {
            moved = to;
        }
        if level > finest {
            moved = moved.map(|v| v * 2.0);
        }
    }
    let in_largest = (1 << finest) as f32;
    match found {
        Followed::To(moved) => Followed::To(moved.map(|v| v * in_largest)),
        other => other,
    }
}

struct Window {
    values: [f32; AREA],
}

impl Window {
    /// The pixels around a point, their mean taken out; nothing beyond the border.
    fn around(picture: &Grey, [x, y]: [f32; 2]) -> Option<Self> {
        let (left, top) = (x.floor(), y.floor());
        let inside = left >= (RADIUS + 1) as f32
            && top >= (RADIUS + 1) as f32
            && left + ((RADIUS + 2) as f32) < picture.width as f32
            && top + ((RADIUS + 2) as f32) < picture.height as f32;
        if !inside {
            return None;
        }
        let (fx, fy) = (x - left, y - top);
        let (left, top) = (left as i32 - RADIUS, top as i32 - RADIUS);
        let mut values = [0.0; AREA];
        let mut sum = 0.0;
        for (row, line) in values.chunks_exact_mut(SIDE).enumerate() {
            let start = (top as usize + row) * picture.width + left as usize;
            let above = picture.pixels.get(start..=start + SIDE)?;
            let below = picture
                .pixels
                .get(start + picture.width..=start + picture.width + SIDE)?;
            for (value, (a, b)) in line.iter_mut().zip(above.windows(2).zip(below.windows(2))) {
                let ([a, b], [c, d]) = (a, b) else { continue };
                let mix = |l: u8, r: u8| f32::from(l) + fx * (f32::from(r) - f32::from(l));
                let (upper, lower) = (mix(*a, *b), mix(*c, *d));
                *value = upper + fy * (lower - upper);
                sum += *value;
            }
        }
        let mean = sum / AREA as f32;
        values.iter_mut().for_each(|v| *v -= mean);
        Some(Self { values })
    }

    /// Half the difference to another, pixel by pixel.
    fn slope_to(&self, other: &Self) -> [f32; AREA] {
        let mut slope = [0.0; AREA];
        for ((s, a), b) in slope.iter_mut().zip(self.values).zip(other.values) {
            *s = (b - a) / 2.0;
        }
        slope
    }
}

/// One size's search.
fn refine(from: &Grey, to: &Grey, at: [f32; 2], moved: [f32; 2]) -> Followed {
    let Some(template) = Template::around(from, at) else {
        return Followed::Plain;
    };
    template
        .find(to, at, moved)
        .map_or(Followed::Lost, Followed::To)
}

/// A window with the slopes of its brightness.
struct Template {
    window: Window,
    across: [f32; AREA],
    down: [f32; AREA],
    /// The sums of products of both slopes: across twice, across and down, down twice.
    structure: [f32; 3],
}

impl Template {
    /// The window around a point; nothing if it has no structure in some direction.
    fn around(picture: &Grey, [x, y]: [f32; 2]) -> Option<Self> {
        let window = Window::around(picture, [x, y])?;
        let shifted = |dx, dy| Window::around(picture, [x + dx, y + dy]);
        let across = shifted(-1.0, 0.0)?.slope_to(&shifted(1.0, 0.0)?);
        let down = shifted(0.0, -1.0)?.slope_to(&shifted(0.0, 1.0)?);
        let structure = [
            product(&across, &across),
            product(&across, &down),
            product(&down, &down),
        ];
        let [xx, xy, yy] = structure;
        let weaker = (xx + yy) / 2.0 - ((xx - yy) / 2.0).hypot(xy);
        (weaker >= MIN_STRUCTURE * AREA as f32).then_some(Self {
            window,
            across,
            down,
            structure,
        })
    }

    /// Where it is in another picture, from `moved` on.
    fn find(&self, picture: &Grey, [x, y]: [f32; 2], mut moved: [f32; 2]) -> Option<[f32; 2]> {
        let [xx, xy, yy] = self.structure;
        let determinant = xx * yy - xy * xy;
        let mut difference = [0.0; AREA];
        for _ in 0..MAX_STEPS {
            let here = Window::around(picture, [x + moved[0], y + moved[1]])?;
            let both = here.values.iter().zip(self.window.values);
            for (d, (here, wanted)) in difference.iter_mut().zip(both) {
                *d = here - wanted;
            }
            let (bx, by) = (
                product(&difference, &self.across),
                product(&difference, &self.down),
            );
            let step = [
                (yy * bx - xy * by) / determinant,
                (xx * by - xy * bx) / determinant,
            ];
            moved = [moved[0] - step[0], moved[1] - step[1]];
            if step[0].hypot(step[1]) < MIN_STEP_PIXELS {
                break;
            }
        }
        let left = difference.iter().map(|d| d.abs()).sum::<f32>() / AREA as f32;
        (left <= MAX_DIFFERENCE).then_some(moved)
    }
}

fn product(a: &[f32; AREA], b: &[f32; AREA]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
