//! What a count of tries says about a share: intervals of 95 %, two-sided.
//!
//! Wilson (1927) is near 95 % on average; Clopper and Pearson (1934) never promises less than
//! that, and is what a limit is claimed by. Newcombe (1998) compares them, and the tests here are
//! on his figures.

use serde::Serialize;

/// The standard normal's 97.5th percentile.
const Z: f64 = 1.959_963_984_540_054;
/// What lies beyond each end of an interval.
const TAIL: f64 = 0.025;
/// Halvings of 0..=1 that leave less than rounding.
const HALVINGS: usize = 60;

/// A share that was seen, and between what it may really lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Proportion {
    /// Of so many tries …
    pub of: u64,
    /// … so many.
    pub count: u64,
    /// Their share, 0..=1.
    pub rate: f64,
    /// Wilson's interval of 95 %: from here …
    pub low: f64,
    /// … to here.
    pub high: f64,
    /// Clopper and Pearson's upper limit: of an exact interval of 95 %.
    pub exact_high: f64,
}

impl Proportion {
    /// Nothing where nothing was tried.
    pub fn new(count: u64, of: u64) -> Option<Self> {
        if of == 0 || count > of {
            return None;
        }
        let (low, high) = wilson(count, of);
        Some(Self {
            of,
            count,
            rate: count as f64 / of as f64,
            low,
            high,
            exact_high: clopper_pearson_high(count, of),
        })
    }
}

fn wilson(count: u64, of: u64) -> (f64, f64) {
    let (n, p) = (of as f64, count as f64 / of as f64);
    let whole = 1.0 + Z * Z / n;
    let middle = (p + Z * Z / (2.0 * n)) / whole;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / whole;
    // What rounding leaves at the ends is none.
    let low = if count == 0 { 0.0 } else { middle - half };
    let high = if count == of { 1.0 } else { middle + half };
    (low.max(0.0), high.min(1.0))
}

/// The share at which so few or fewer are seen once in forty times.
fn clopper_pearson_high(count: u64, of: u64) -> f64 {
    if count >= of {
        return 1.0;
    }
    let (mut low, mut high) = (count as f64 / of as f64, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if at_most(count, of, middle) > TAIL {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// How probable it is to see `count` or fewer of `of` tries where each does with `p`.
fn at_most(count: u64, of: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let (log_p, log_q) = (p.ln(), (-p).ln_1p());
    // In logarithms: the first terms of many tries are smaller than a float can be.
    let mut choose = 0.0;
    let mut sum = 0.0;
    for k in 0..=count {
        if k > 0 {
            choose += ((of - k + 1) as f64).ln() - (k as f64).ln();
        }
        sum += (choose + k as f64 * log_p + (of - k) as f64 * log_q).exp();
    }
    sum.min(1.0)
}

/// How many tries it takes, none of them accepted, to claim that at most `rate` of all are, by
/// the exact limit. Nothing for a rate outside of 0..1.
pub fn tries_to_claim(rate: f64) -> Option<u64> {
    if !(rate > 0.0 && rate < 1.0) {
        return None;
    }
    let tries = TAIL.ln() / (-rate).ln_1p();
    Some(tries.ceil() as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
    #[test]
    fn the_intervals_are_those_of_the_literature() {
        for (count, of, low, high, exact_high) in [
            (81, 263, 0.2553, 0.3662, 0.3676),
            (15, 148, 0.0624, 0.1605, 0.1617),
            (0, 20, 0.0, 0.1611, 0.1684),
            (1, 29, 0.0061, 0.1718, 0.1776),
            (20, 20, 0.8389, 1.0, 1.0),
        ] {
            let seen = Proportion::new(count, of).unwrap();
            for (found, known) in [
                (seen.low, low),
                (seen.high, high),
                (seen.exact_high, exact_high),
            ] {
                assert!((found - known).abs() < 5e-5, "{count} of {of}: {seen:?}");
            }
        }
        assert_eq!(Proportion::new(0, 0), None);
        assert_eq!(Proportion::new(3, 2), None);
    }

    #[test]
    fn what_a_claim_needs_is_where_the_exact_limit_reaches_it() {
        for (rate, tries) in [(0.1, 36), (0.05, 72), (0.01, 368)] {
            assert_eq!(tries_to_claim(rate), Some(tries));
            assert!(Proportion::new(0, tries).unwrap().exact_high <= rate);
            assert!(Proportion::new(0, tries - 1).unwrap().exact_high > rate);
        }
        assert_eq!(tries_to_claim(0.0), None);
        assert_eq!(tries_to_claim(1.0), None);
    }

    /// A hundred thousand tries are no reason for a float to give up.
    #[test]
    fn many_tries_have_a_limit_too() {
        let seen = Proportion::new(500, 100_000).unwrap();
        assert!(
            seen.exact_high > seen.rate && seen.exact_high < 0.0055,
            "{seen:?}"
        );
        assert!((seen.exact_high - seen.high).abs() < 1e-5, "{seen:?}");
    }
}
