//! The curves of an evaluation's page, with the door's threshold on them.

use std::fmt::{self, Write};

use super::evaluate_chart::{Axis, Curve, Mark, chart};
use crate::evidence::named::AtDoor;
use crate::evidence::report::Scoring;

/// Bins of the histogram that a point of a curve adds up.
const BINS_A_POINT: usize = 64;

/// How many genuine and impostor pairs there are.
fn pairs(scoring: &Scoring) -> (u64, u64) {
    let sum = |of: fn(&(f64, u64, u64)) -> u64| scoring.histogram.iter().map(of).sum();
    (sum(|b| b.1), sum(|b| b.2))
}

/// Scores of pairs, and both errors by the threshold.
pub(super) fn curves(page: &mut String, used: &Scoring, door: Option<&AtDoor>) -> fmt::Result {
    let (genuine, impostor) = pairs(used);
    page.push_str("<h2>How scores and errors go together</h2>");
    if genuine == 0 || impostor == 0 {
        page.push_str(
            "<p>There are no curves: it takes two people or more, and two photos or more of one.</p>",
        );
        return Ok(());
    }
    let threshold = door.map(|door| door.door.threshold);
    let shares: Vec<(f64, f64, f64)> = used
        .histogram
        .chunks(BINS_A_POINT)
        .map(|bins| {
            let sum = |of: fn(&(f64, u64, u64)) -> u64| bins.iter().map(of).sum::<u64>() as f64;
            let start = bins.first().map_or(0.0, |b| b.0);
            let half = BINS_A_POINT as f64 / used.histogram.len() as f64;
            let (same, other) = (sum(|b| b.1), sum(|b| b.2));
            (start + half, same / genuine as f64, other / impostor as f64)
        })
        .collect();
    let any = || {
        shares
            .iter()
            .filter(|s| s.1 > 0.0 || s.2 > 0.0)
            .map(|s| s.0)
    };
    let from = any().chain(threshold).fold(1.0, f64::min) - 0.05;
    let to = any().chain(threshold).fold(-1.0, f64::max) + 0.05;
    let scores = || {
        Axis::even("score: how alike two photos are", (from, to), |at| {
            format!("{at:.1}")
        })
    };
    let top = shares.iter().map(|s| s.1.max(s.2)).fold(0.0, f64::max);
    let within = |s: &&(f64, f64, f64)| s.0 >= from && s.0 <= to;
    let of = |value: fn(&(f64, f64, f64)) -> f64| {
        shares
            .iter()
            .filter(within)
            .map(|s| (s.0, value(s)))
            .collect()
    };
    let curve = |class, points| Curve { class, points };
    let svg = chart(
        "Shares of pairs at each score, for photos of the same and of different people",
        &scores(),
        &Axis::even("share of pairs", (0.0, top * 1.05), |at| {
            format!("{:.0} %", 100.0 * at)
        }),
        &[curve("a", of(|s| s.1)), curve("b", of(|s| s.2))],
        threshold.map(Mark::Score),
    )?;
    write!(
        page,
        "<figure>{svg}<figcaption>Pairs of photos of <b class=\"key-a\">the same person</b> should \
         lie right of the door's threshold, pairs of <b class=\"key-b\">different people</b> left of \
         it: the further apart the two hills, the better.</figcaption></figure>"
    )?;
    let errors = errors(used, genuine, impostor);
    let least = lowest_decade(&[genuine, impostor]);
    let shown = |value: fn(&(f64, f64, f64)) -> f64| {
        let seen = errors.iter().filter(within).map(|e| (e.0, value(e)));
        seen.filter(|e| e.1 > 0.0).collect()
    };
    let svg = chart(
        "False match rate and false non-match rate at each threshold",
        &scores(),
        &Axis::decades("share of pairs judged wrongly", least, 0),
        &[curve("a", shown(|e| e.2)), curve("b", shown(|e| e.1))],
        threshold.map(Mark::Score),
    )?;
    write!(
        page,
        "<figure>{svg}<figcaption>A higher threshold lets fewer <b class=\"key-b\">wrong people</b> \
         pass and misses more <b class=\"key-a\">right ones</b>; a step down is ten times fewer.\
         </figcaption></figure>"
    )
}

/// One error over the other; nothing without pairs of both kinds.
pub(super) fn tradeoff(page: &mut String, scoring: &Scoring, door: Option<&AtDoor>) -> fmt::Result {
    let (genuine, impostor) = pairs(scoring);
    if genuine == 0 || impostor == 0 {
        return Ok(());
    }
    let least = lowest_decade(&[genuine, impostor]);
    let points = errors(scoring, genuine, impostor);
    let points = points.iter().filter(|e| e.1 > 0.0 && e.2 > 0.0);
    // A rate of 0 is brought to the end of its axis.
    let place = |rate: f64| rate.max(f64::MIN_POSITIVE);
    let svg = chart(
        "False non-match rate over false match rate",
        &Axis::decades("false match rate", least, 0),
        &Axis::decades("false non-match rate", least, 0),
        &[Curve {
            class: "a",
            points: points.map(|e| (e.1, e.2)).collect(),
        }],
        door.map(|door| Mark::Place(place(door.fmr), place(door.fnmr))),
    )?;
    write!(
        page,
        "<figure>{svg}<figcaption>Detection error tradeoff, one photo against one: {genuine} \
         genuine and {impostor} impostor pairs.</figcaption></figure>"
    )
}

/// `(threshold, false match rate, false non-match rate)`, the threshold rising.
fn errors(scoring: &Scoring, genuine: u64, impostor: u64) -> Vec<(f64, f64, f64)> {
    let (mut under, mut over) = (0, impostor);
    scoring
        .histogram
        .chunks(BINS_A_POINT / 4)
        .map(|bins| {
            let at = bins.first().map_or(0.0, |b| b.0);
            let rates = (
                at,
                over as f64 / impostor as f64,
                under as f64 / genuine as f64,
            );
            under += bins.iter().map(|b| b.1).sum::<u64>();
            over -= bins.iter().map(|b| b.2).sum::<u64>();
            rates
        })
        .collect()
}

/// The power of ten under the smallest share that so many pairs can show.
fn lowest_decade(pairs: &[u64]) -> i32 {
    let most = pairs.iter().copied().max().unwrap_or(1).max(1);
    -((most as f64).log10().ceil() as i32).clamp(1, 7)
}
