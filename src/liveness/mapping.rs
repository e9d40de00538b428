//! Where a place of the colour picture is in the infrared one.
//!
//! The two lenses stand side by side, so that a near face lies further aside in the other
//! picture than a far one does. How far it lies aside goes with how large it looks, and so a
//! coordinate there is linear in the place here and in the size of the face.
//!
//! Coordinates are shares of their picture's width, down as well as across: a mapping holds at
//! other sizes of the same picture.

use serde::{Deserialize, Serialize};

/// Pairs of faces that a mapping is learnt from, at least.
pub(crate) const MIN_PAIRS: usize = 20;
/// And at most: more tell nothing new.
pub(crate) const MAX_PAIRS: usize = 600;
/// The share of pairs that have to agree; the others are wrong boxes, or somebody else's.
const MIN_AGREEING_SHARE: f32 = 0.6;
/// How far the faces have to lie apart across the picture, as a share of its width.
pub(crate) const MIN_ACROSS: f32 = 0.25;
/// How much larger the nearest of them has to be than the furthest.
pub(crate) const MIN_NEARER: f32 = 1.3;
/// A pair agrees with a mapping that puts its landmarks so near, in sizes of the face.
const MAX_DISAGREEMENT: f32 = 0.15;
/// Fits that are tried, each from three pairs by chance.
const TRIALS: u32 = 300;
/// The most by which a mapping may shrink or enlarge.
const SCALES: std::ops::RangeInclusive<f64> = 0.2..=5.0;
/// What keeps the term of the face's size near nothing where all faces are of one size.
const SIZE_RIDGE: f64 = 0.002;

/// A face as a detector found it, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// `[x0, y0, x1, y1]`
    pub rect: [f32; 4],
    /// As the viewer sees them: left eye, right eye, nose, left and right corner of the mouth.
    pub landmarks: [[f32; 2]; 5],
}

impl Place {
    /// The side of a square as large as the box.
    pub(crate) fn size(&self) -> f32 {
        let [x0, y0, x1, y1] = self.rect;
        ((x1 - x0).max(0.0) * (y1 - y0).max(0.0)).sqrt()
    }

    fn scaled(self, by: f32) -> Self {
        Self {
            rect: self.rect.map(|v| v * by),
            landmarks: self.landmarks.map(|at| at.map(|v| v * by)),
        }
    }

    fn centre(&self) -> [f32; 2] {
        let sum = |axis: fn(&[f32; 2]) -> f32| self.landmarks.iter().map(axis).sum::<f32>() / 5.0;
        [sum(|[x, _]| *x), sum(|[_, y]| *y)]
    }

    /// How far the landmarks of two places lie from each other, in sizes of this one: the root
    /// of the mean square.
    pub(crate) fn offset(&self, other: &Self) -> f32 {
        let squares = self.landmarks.iter().zip(&other.landmarks);
        let sum: f32 = squares
            .map(|([ax, ay], [bx, by])| (ax - bx).powi(2) + (ay - by).powi(2))
            .sum();
        (sum / 5.0).sqrt() / self.size().max(f32::EPSILON)
    }
}

/// The same face at one moment in both pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    pub colour: Place,
    pub infrared: Place,
}

/// Why no mapping is learnt.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoMapping {
    #[error(
        "only {pairs} pictures with one face in both cameras, and {MIN_PAIRS} are needed: one person walks about before the cameras, both of which see the face"
    )]
    TooFew { pairs: usize },
    #[error(
        "the faces lie too close together: {:.0} % of the picture's width apart, and {:.0} % are needed; walk from one side of the picture to the other", across * 100.0, MIN_ACROSS * 100.0
    )]
    TooClose { across: f32 },
    #[error(
        "the faces were all as far away: the nearest is {nearer:.2} times as large as the furthest, and {MIN_NEARER} are needed; walk up to the cameras too"
    )]
    OneDistance { nearer: f32 },
    #[error(
        "one picture is mirrored against the other: set camera.infrared.mirror (or camera.mirror), so that both show the same side on the left"
    )]
    Mirrored,
    #[error(
        "only {agreeing} of {pairs} pairs of faces agree on how the pictures lie against each other; was more than one person in view, or do the cameras look different ways?"
    )]
    NoAgreement { agreeing: usize, pairs: usize },
}

/// How much of what is needed there is already.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    pub pairs: usize,
    /// As a share of the picture's width.
    pub across: f32,
    /// How much larger the nearest is than the furthest.
    pub nearer: f32,
}

impl Spread {
    /// Of pairs in pictures of these widths, in pixels. One in twenty at each end is left aside.
    pub fn of(pairs: &[Pair], width: u32) -> Self {
        let mut across: Vec<f32> = pairs.iter().map(|pair| pair.colour.centre()[0]).collect();
        let mut sizes: Vec<f32> = pairs.iter().map(|pair| pair.colour.size()).collect();
        let (left, right) = ends(&mut across);
        let (least, most) = ends(&mut sizes);
        Self {
            pairs: pairs.len(),
            across: (right - left) / width.max(1) as f32,
            nearer: most / least.max(1.0),
        }
    }

    /// # Errors
    /// What is lacking.
    pub fn is_enough(&self) -> Result<(), NoMapping> {
        let Self {
            pairs,
            across,
            nearer,
        } = *self;
        if pairs < MIN_PAIRS {
            Err(NoMapping::TooFew { pairs })
        } else if across < MIN_ACROSS || across.is_nan() {
            Err(NoMapping::TooClose { across })
        } else if nearer < MIN_NEARER || nearer.is_nan() {
            Err(NoMapping::OneDistance { nearer })
        } else {
            Ok(())
        }
    }
}

fn ends(values: &mut [f32]) -> (f32, f32) {
    values.sort_by(f32::total_cmp);
    let aside = values.len() / 20;
    let end = |at: usize| values.get(at).copied().unwrap_or(0.0);
    (end(aside), end(values.len().saturating_sub(1 + aside)))
}

/// From a face in the colour picture to its place in the infrared one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Width and height of the colour pictures it was learnt from, in pixels.
    pub colour: [u32; 2],
    /// Of the infrared ones.
    pub infrared: [u32; 2],
    /// What across there is, of across and down here, of 1, and of the size of the face.
    pub across: [f64; 4],
    /// What down there is, of the same.
    pub down: [f64; 4],
    /// How far landmarks lay from where it puts them, the median, in sizes of the face.
    pub residual: f32,
    /// Pairs of faces that it was learnt from.
    pub pairs: u32,
}

impl Mapping {
    /// Learns one from pairs of faces in pictures of these widths and heights. The same pairs
    /// give the same mapping.
    ///
    /// # Errors
    /// [`NoMapping`]
    pub fn learn(pairs: &[Pair], colour: [u32; 2], infrared: [u32; 2]) -> Result<Self, NoMapping> {
        Spread::of(pairs, colour[0]).is_enough()?;
        let shares = |pair: &Pair| Pair {
            colour: pair.colour.scaled(1.0 / colour[0].max(1) as f32),
            infrared: pair.infrared.scaled(1.0 / infrared[0].max(1) as f32),
        };
        let pairs: Vec<Pair> = pairs.iter().take(MAX_PAIRS).map(shares).collect();
        if is_mirrored(&pairs) {
            return Err(NoMapping::Mirrored);
        }
        let all = pairs.len();
        let mut best: (usize, f32, Option<Linear>) = (0, f32::MAX, None);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for _ in 0..TRIALS {
            let three = [(); 3].map(|()| pairs.get(chance.below(all)).copied());
            let Some(linear) = Linear::fit(three.iter().flatten()) else {
                continue;
            };
            let off = pairs.iter().map(|pair| linear.disagreement(pair).min(1.0));
            let agreeing = off.clone().filter(|off| *off <= MAX_DISAGREEMENT).count();
            let sum = off.sum::<f32>();
            if agreeing > best.0 || (agreeing == best.0 && sum < best.1) {
                best = (agreeing, sum, Some(linear));
            }
        }
        let (_, _, mut linear) = best;
        let mut agreeing: Vec<Pair> = Vec::new();
        // From three pairs to all that agree, and once more with those that agree then.
        for _ in 0..3 {
            let Some(found) = linear else { break };
            let agrees = |pair: &&Pair| found.disagreement(pair) <= MAX_DISAGREEMENT;
            agreeing = pairs.iter().filter(agrees).copied().collect();
            linear = Linear::fit(agreeing.iter()).or(linear);
        }
        let few = NoMapping::NoAgreement {
            agreeing: agreeing.len(),
            pairs: all,
        };
        let linear = linear.ok_or(few)?;
        if agreeing.len() < MIN_PAIRS || (agreeing.len() as f32) < all as f32 * MIN_AGREEING_SHARE {
            return Err(few);
        }
        // In shares of the width already. Those that disagreed may have been all that lay apart.
        let across = Spread::of(&agreeing, 1).across;
        if across < MIN_ACROSS / 2.0 {
            return Err(NoMapping::TooClose { across });
        }
        let mut off: Vec<f32> = agreeing.iter().map(|p| linear.disagreement(p)).collect();
        off.sort_by(f32::total_cmp);
        Ok(Self {
            colour,
            infrared,
            across: linear.across,
            down: linear.down,
            residual: off.get(off.len() / 2).copied().unwrap_or(f32::MAX),
            pairs: agreeing.len() as u32,
        })
    }

    /// Where a face of a colour picture is in an infrared one, in pixels; widths in pixels.
    pub fn place(&self, face: &Place, colour_width: u32, infrared_width: u32) -> Place {
        let linear = Linear {
            across: self.across,
            down: self.down,
        };
        linear
            .place(&face.scaled(1.0 / colour_width.max(1) as f32))
            .scaled(infrared_width as f32)
    }

    /// Whether it can be one: a mapping of numbers, that keeps left left and up up.
    pub fn is_sound(&self) -> bool {
        let linear = Linear {
            across: self.across,
            down: self.down,
        };
        let is_size = |[w, h]: [u32; 2]| w > 0 && h > 0;
        linear.is_sound() && is_size(self.colour) && is_size(self.infrared)
    }

    /// Whether it was learnt from pictures of this shape.
    pub fn is_of(&self, colour: [u32; 2], infrared: [u32; 2]) -> bool {
        let same = |[a, b]: [u32; 2], [c, d]: [u32; 2]| {
            u64::from(a) * u64::from(d) == u64::from(b) * u64::from(c)
        };
        same(self.colour, colour) && same(self.infrared, infrared)
    }
}

/// The two rows of a mapping.
#[derive(Debug, Clone, Copy)]
struct Linear {
    across: [f64; 4],
    down: [f64; 4],
}

impl Linear {
    /// By least squares; nothing if the pairs do not determine it, or it is no mapping.
    fn fit<'p>(pairs: impl Iterator<Item = &'p Pair>) -> Option<Self> {
        let mut squares = [[0.0; 4]; 4];
        let (mut across, mut down) = ([0.0; 4], [0.0; 4]);
        for pair in pairs {
            let size = f64::from(pair.colour.size());
            for ([x, y], [to_x, to_y]) in pair.colour.landmarks.iter().zip(pair.infrared.landmarks)
            {
                let terms = [f64::from(*x), f64::from(*y), 1.0, size];
                for (row, a) in squares.iter_mut().zip(terms) {
                    for (cell, b) in row.iter_mut().zip(terms) {
                        *cell += a * b;
                    }
                }
                for ((a, d), term) in across.iter_mut().zip(&mut down).zip(terms) {
                    *a += term * f64::from(to_x);
                    *d += term * f64::from(to_y);
                }
            }
        }
        squares[3][3] += SIZE_RIDGE;
        let linear = Self {
            across: solve(squares, across)?,
            down: solve(squares, down)?,
        };
        linear.is_sound().then_some(linear)
    }

    fn place(&self, face: &Place) -> Place {
        let size = f64::from(face.size());
        let to = |[x, y]: [f32; 2]| {
            let row = |[a, b, c, d]: [f64; 4]| {
                (a * f64::from(x) + b * f64::from(y) + c + d * size) as f32
            };
            [row(self.across), row(self.down)]
        };
        let [x0, y0, x1, y1] = face.rect;
        // The box stays upright: its middle goes, and its sides grow alike.
        let [x, y] = to([(x0 + x1) / 2.0, (y0 + y1) / 2.0]);
        let scale = self.scale() as f32;
        let (w, h) = ((x1 - x0) * scale / 2.0, (y1 - y0) * scale / 2.0);
        Place {
            rect: [x - w, y - h, x + w, y + h],
            landmarks: face.landmarks.map(to),
        }
    }

    /// How much larger things are there.
    fn scale(&self) -> f64 {
        let ([a, b, ..], [c, d, ..]) = (self.across, self.down);
        (a * d - b * c).max(0.0).sqrt()
    }

    fn is_sound(&self) -> bool {
        let ([a, b, ..], [c, d, ..]) = (self.across, self.down);
        let all = self.across.iter().chain(&self.down);
        all.clone().all(|v| v.is_finite() && v.abs() <= 100.0)
            && SCALES.contains(&self.scale())
            && a > 0.0
            && d > 0.0
            // Turned by less than 45 degrees.
            && b.abs() < a
            && c.abs() < d
    }

    fn disagreement(&self, pair: &Pair) -> f32 {
        let off = pair.infrared.offset(&self.place(&pair.colour));
        if off.is_finite() { off } else { f32::MAX }
    }
}

/// Solves four equations; nothing if they do not determine the unknowns.
fn solve(mut rows: [[f64; 4]; 4], mut right: [f64; 4]) -> Option<[f64; 4]> {
    for column in 0..4 {
        let size = |row: usize| {
            rows.get(row)
                .and_then(|r| r.get(column))
                .map_or(0.0, |v| v.abs())
        };
        let pivot = (column..4).max_by(|a, b| size(*a).total_cmp(&size(*b)))?;
        rows.swap(column, pivot);
        right.swap(column, pivot);
        let (first, by) = (*rows.get(column)?, *right.get(column)?);
        let head = *first.get(column)?;
        if head.abs() < 1e-9 || !head.is_finite() {
            return None;
        }
        for (at, (row, value)) in rows.iter_mut().zip(&mut right).enumerate() {
            if at == column {
                continue;
            }
            let factor = row.get(column)? / head;
            for (cell, above) in row.iter_mut().zip(first) {
                *cell -= factor * above;
            }
            *value -= factor * by;
        }
    }
    let mut found = [0.0; 4];
    for (at, value) in found.iter_mut().enumerate() {
        *value = right.get(at)? / rows.get(at)?.get(at)?;
    }
    found.iter().all(|v| v.is_finite()).then_some(found)
}

/// Whether faces go left there when they go right here.
fn is_mirrored(pairs: &[Pair]) -> bool {
    let count = pairs.len().max(1) as f32;
    let mean = |of: fn(&Pair) -> f32| pairs.iter().map(of).sum::<f32>() / count;
    let here = mean(|pair| pair.colour.centre()[0]);
    let there = mean(|pair| pair.infrared.centre()[0]);
    let (mut both, mut one, mut other) = (0.0, 0.0, 0.0);
    for pair in pairs {
        let (a, b) = (
            pair.colour.centre()[0] - here,
            pair.infrared.centre()[0] - there,
        );
        both += a * b;
        one += a * a;
        other += b * b;
    }
    both < -0.5 * (one * other).sqrt()
}

/// Numbers by chance, the same ones each time (xorshift64*, Vigna 2016).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let wide = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        (wide % end.max(1) as u64) as usize
    }
}
