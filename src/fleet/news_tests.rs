#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::fleet::row::{Mark, Position};

const OWN: RowId = RowId([1; 16]);

fn commit(revision: u64, at_s: i64, signer: RowId) -> Commit {
    Commit {
        base: Position::START,
        position: Position {
            revision: Revision(revision),
            mark: Mark([9; 16]),
        },
        digest: [0; 32],
        at_s,
        signer,
        signature: [0; 64],
    }
}

fn at(uptime_s: u64) -> Moment {
    Moment {
        boot: 1,
        uptime: Duration::from_secs(uptime_s),
        clock_s: None,
    }
}

proptest! {
    /// Whatever of what there is a hub brings, in any order and as often as it likes: only what
    /// came for the first time, and from another door, makes a lease longer.
    #[test]
    fn own_commits_and_repeated_ones_make_no_lease_longer(
        all in prop::collection::vec((0..40_u64, -20..20_i64, any::<bool>()), 1..12),
        brought in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let file = Connection::open_in_memory().unwrap();
        file.execute_batch(TABLE).unwrap();
        let (mut known, mut came): (Option<News>, Vec<(u64, i64)>) = (None, Vec::new());
        for (which, now) in brought.iter().zip(1..) {
            let (revision, at_s, is_own) = *which.get(&all);
            let signer = if is_own { OWN } else { RowId([2; 16]) };
            let next = News::after(known, &commit(revision, at_s, signer), Some(OWN), at(now));
            let is_first = !is_own && !came.contains(&(revision, at_s));
            prop_assert!(next.is_none() || is_first);
            // What follows all that came is news.
            let follows = came.iter().all(|(other, _)| revision > *other);
            prop_assert!(next.is_some() || is_own || !follows);
            if let Some(next) = next {
                prop_assert_eq!(next.lease, Lease { heard: at(now), signed_s: at_s });
                next.write(&file).unwrap();
                known = Some(next);
            }
            prop_assert_eq!(News::read(&file).unwrap(), known);
            if !is_own {
                came.push((revision, at_s));
            }
        }
    }
}
