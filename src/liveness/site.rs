//! What a site's own visits say of how far the coupling check may go there.

/// Visits with a value it takes to learn anything.
pub(crate) const MIN_VISITS: usize = 30;
/// Visits that come later differ from those that were seen.
const MARGIN: f32 = 0.02;
/// The check takes no lower threshold, …
const MIN_THRESHOLD: f32 = 0.1;
/// … and above this one it refuses hardly any picture: carried ones share about 1.
const MAX_THRESHOLD: f32 = 0.9;

/// Why nothing was learned.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub(crate) enum Unlearned {
    #[error(
        "it takes at least {MIN_VISITS} visits in which coupling was measured, and there are {0}"
    )]
    TooFew(usize),
    #[error(
        "people here share up to {0:.2} of their movement with what is around them, as a picture that is carried does: the check does not suit this door (a background or a camera that moves?); leave liveness.coupling off"
    )]
    NotApart(f32),
}

/// The lowest threshold that would have refused at most one in so many of these visits, by the
/// share of each. Values that are not finite do not count.
///
/// # Errors
/// [`Unlearned`]
pub(crate) fn max_coupling(shares: &[f32], one_in: u32) -> Result<f32, Unlearned> {
    let mut sorted: Vec<f32> = shares.iter().copied().filter(|s| s.is_finite()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let refused = sorted.len() / one_in.max(1) as usize;
    let highest = sorted.get(refused).copied();
    let (Some(highest), true) = (highest, sorted.len() >= MIN_VISITS) else {
        return Err(Unlearned::TooFew(sorted.len()));
    };
    let threshold = ((highest + MARGIN) * 100.0).ceil() / 100.0;
    match threshold.max(MIN_THRESHOLD) {
        threshold if threshold > MAX_THRESHOLD => Err(Unlearned::NotApart(highest)),
        threshold => Ok(threshold),
    }
}

/// The upper end of the 95 % interval of a share that was found as `found` of `all` (Wilson).
pub(crate) fn at_most(found: usize, all: usize) -> f64 {
    const Z: f64 = 1.96;
    if all == 0 {
        return 1.0;
    }
    let (n, p) = (all as f64, found as f64 / all as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle + half) / (1.0 + Z * Z / n)).min(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_visits_or_a_background_that_moves_teach_nothing() {
        assert_eq!(max_coupling(&[0.1; 29], 200), Err(Unlearned::TooFew(29)));
        assert_eq!(max_coupling(&[0.9; 40], 200), Err(Unlearned::NotApart(0.9)));
        assert_eq!(max_coupling(&[-0.3; 40], 200), Ok(MIN_THRESHOLD));
        let nan = [[0.1; 29].as_slice(), &[f32::NAN]].concat();
        assert_eq!(max_coupling(&nan, 200), Err(Unlearned::TooFew(29)));
    }

    #[test]
    fn an_interval_is_wilsons() {
        // 0 of 20 still allows 16.1 %.
        assert!((at_most(0, 20) - 0.161).abs() < 0.001);
        assert_eq!(at_most(0, 0), 1.0);
    }

    proptest! {
        /// No more than the share that was asked for, and a lower threshold would refuse more.
        #[test]
        fn the_threshold_refuses_as_asked(
            shares in prop::collection::vec(-0.5f32..0.85, 30..400),
            one_in in 5u32..400,
        ) {
            let threshold = max_coupling(&shares, one_in).unwrap();
            let refused = |at: f32| shares.iter().filter(|s| **s > at).count();
            prop_assert!(refused(threshold) <= shares.len() / one_in as usize);
            let lower = threshold - MARGIN - 0.0101;
            prop_assert!(
                threshold == MIN_THRESHOLD || refused(lower) > shares.len() / one_in as usize
            );
        }
    }
}
