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
    pub fn shifted(mut self, extra: f32) -> Self {
        let [x0, y0, x1, y1] = self.rect;
        let (w, h) = (x1 - x0 + extra, y1 - y0 + extra);
        let [a, b, c, d] = self.shift;
        self.rect = [x0 + a * w, y0 + b * h, x1 + c * w, y1 + d * h];
        self
    }

    /// The smallest square around the box, with the same centre.
    pub fn squared(mut self) -> Self {
        let [x0, y0, x1, y1] = self.rect;
        let (w, h) = (x1 - x0, y1 - y0);
        let side = w.max(h);
        let (x, y) = (x0 + w * 0.5 - side * 0.5, y0 + h * 0.5 - side * 0.5);
        self.rect = [x, y, x + side, y + side];
        self
    }

    /// The pixels this box covers in a picture of `width` x `height`; `None` if it lies outside.
    pub fn region(&self, width: u32, height: u32) -> Option<Region> {
        // From 1, inclusive, cut to the picture; then from 0, exclusive.
        let [x0, y0, x1, y1] = self.rect.map(|v| v.trunc() as i64);
        let (x0, y0) = (x0.max(1) - 1, y0.max(1) - 1);
        let (x1, y1) = (x1.min(i64::from(width)), y1.min(i64::from(height)));
        (x0 < x1 && y0 < y1).then_some(Region {
            x0: x0 as usize,
            y0: y0 as usize,
            x1: x1 as usize,
            y1: y1 as usize,
        })
    }
}

/// What a candidate's overlap is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// The area either covers.
    Union,
    /// The smaller of the two areas, sides measured inclusively.
    Smaller,
}

/// Greedy non-maximum suppression: keeps the surest candidate, drops those that
/// overlap it by more than `limit`, and goes on with the rest. Leaves the
/// survivors surest first.
pub fn suppress(candidates: &mut Vec<Candidate>, limit: f32, overlap: Overlap) {
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

        #[test]
        fn regions_stay_inside(rect: [f32; 4], width in 1u32..2000, height in 1u32..2000) {
            let c = Candidate { rect, score: 1.0, shift: [0.0; 4] };
            if let Some(r) = c.region(width, height) {
                prop_assert!(r.x0 < r.x1 && r.x1 <= width as usize);
                prop_assert!(r.y0 < r.y1 && r.y1 <= height as usize);
            }
        }
    }
}
