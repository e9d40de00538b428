//! Boxes and what the cascade does to them between its networks.
//!
//! Coordinates are pixels of the picture. The cascade inherits two conventions
//! from its MATLAB original: the first stage measures a box as `x1 - x0`, the
//! later ones as `x1 - x0 + 1`, and crops count pixels from 1.

use super::super::resample::Region;

/// A candidate: corners, how sure the last network was, and what it would move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// `[x0, y0, x1, y1]`.
    pub rect: [f32; 4],
    /// Probability that it is a face, 0..=1.
    pub score: f32,
    /// Shift of each corner, in box sides.
    pub shift: [f32; 4],
}

impl Candidate {
    /// Corners moved by `shift`, with sides measured as `x1 - x0 + extra`.
    pub(crate) fn shifted(mut self, extra: f32) -> Self {
        let [x0, y0, x1, y1] = self.rect;
        let (w, h) = (x1 - x0 + extra, y1 - y0 + extra);
        let [a, b, c, d] = self.shift;
        self.rect = [x0 + a * w, y0 + b * h, x1 + c * w, y1 + d * h];
        self
    }

    /// The smallest square around the box, with the same centre.
    pub(crate) fn squared(mut self) -> Self {
        let [x0, y0, x1, y1] = self.rect;
        let (w, h) = (x1 - x0, y1 - y0);
        let side = w.max(h);
        let (x, y) = (x0 + w * 0.5 - side * 0.5, y0 + h * 0.5 - side * 0.5);
        self.rect = [x, y, x + side, y + side];
        self
    }

    /// The pixels this box covers, also those outside the picture of `width` x `height`;
    /// `None` if all of them lie outside, or if it is [`MAX_WINDOW_SIDES`] times larger
    /// than the picture.
    pub fn region(&self, width: u32, height: u32) -> Option<Region> {
        // From 1, inclusive; then from 0, exclusive.
        let [x0, y0, x1, y1] = self.rect.map(|v| v.trunc() as i64);
        let region = Region {
            x0: x0.checked_sub(1)?,
            y0: y0.checked_sub(1)?,
            x1,
            y1,
        };
        let (width, height) = (i64::from(width), i64::from(height));
        let side = region.width().max(region.height());
        let inside = region.x0.max(0) < x1.min(width) && region.y0.max(0) < y1.min(height);
        (inside && side <= MAX_WINDOW_SIDES * width.max(height)).then_some(region)
    }
}

/// Side of the largest window that is looked at, in longer sides of the picture. A face of
/// which a quarter shows has less.
const MAX_WINDOW_SIDES: i64 = 4;

/// What a candidate's overlap is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// The area either covers.
    Union,
    /// The smaller of the two areas, sides measured inclusively.
    Smaller,
}

/// Greedy non-maximum suppression: keeps the surest candidate, drops those that
/// overlap it by more than `limit`, and goes on with the rest. Leaves the
/// survivors surest first.
pub(crate) fn suppress(candidates: &mut Vec<Candidate>, limit: f32, overlap: Overlap) {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Candidate> = Vec::with_capacity(candidates.len().min(64));
    for &candidate in candidates.iter() {
        if kept
            .iter()
            .all(|k| overlap_of(&k.rect, &candidate.rect, overlap) <= limit)
        {
            kept.push(candidate);
        }
    }
    *candidates = kept;
}

fn overlap_of(a: &[f32; 4], b: &[f32; 4], overlap: Overlap) -> f32 {
    let extra = match overlap {
        Overlap::Union => 0.0,
        Overlap::Smaller => 1.0,
    };
    let area = |r: &[f32; 4]| (r[2] - r[0] + extra) * (r[3] - r[1] + extra);
    let w = (a[2].min(b[2]) - a[0].max(b[0]) + extra).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1]) + extra).max(0.0);
    let both = w * h;
    let whole = match overlap {
        Overlap::Union => area(a) + area(b) - both,
        Overlap::Smaller => area(a).min(area(b)),
    };
    // A degenerate box overlaps nothing.
    if whole > 0.0 { both / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate() -> impl Strategy<Value = Candidate> {
        (
            0f32..500.0,
            0f32..500.0,
            1f32..200.0,
            1f32..200.0,
            0f32..1.0,
        )
            .prop_map(|(x, y, w, h, score)| Candidate {
                rect: [x, y, x + w, y + h],
                score,
                shift: [0.0; 4],
            })
    }

    proptest! {
        #[test]
        fn survivors_do_not_overlap_and_the_lost_were_beaten(
            all in prop::collection::vec(candidate(), 0..40),
            limit in 0.1f32..0.9,
        ) {
            let mut kept = all.clone();
            suppress(&mut kept, limit, Overlap::Union);
            for (i, a) in kept.iter().enumerate() {
                for b in kept.iter().skip(i + 1) {
                    prop_assert!(overlap_of(&a.rect, &b.rect, Overlap::Union) <= limit);
                }
            }
            for lost in all.iter().filter(|c| !kept.contains(c)) {
                prop_assert!(kept.iter().any(|k| k.score >= lost.score
                    && overlap_of(&k.rect, &lost.rect, Overlap::Union) > limit));
            }
        }

        /// Whatever a network says, a window has pixels of the picture and a bounded size.
        #[test]
        fn regions_touch_the_picture(rect: [f32; 4], width in 1u32..2000, height in 1u32..2000) {
            let c = Candidate { rect, score: 1.0, shift: [0.0; 4] };
            if let Some(r) = c.region(width, height) {
                let (w, h) = (i64::from(width), i64::from(height));
                prop_assert!(r.x0 < r.x1 && r.x0 < w && r.x1 > 0);
                prop_assert!(r.y0 < r.y1 && r.y0 < h && r.y1 > 0);
                prop_assert!(r.width().max(r.height()) <= MAX_WINDOW_SIDES * w.max(h));
            }
        }

        /// A window at the border keeps its shape but for rounding: it is not cut to the picture.
        #[test]
        fn a_square_stays_square(x in -50f32..90.0, y in -50f32..90.0, side in 12f32..100.0) {
            let c = Candidate { rect: [x, y, x + side, y + side], score: 1.0, shift: [0.0; 4] };
            if let Some(r) = c.region(100, 100) {
                prop_assert!((r.width() - r.height()).abs() <= 2);
            }
        }
    }
}
