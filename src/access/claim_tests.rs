//! Whom a claim lets pass, and for how long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::tests::{candidate, directory, ms};
use super::*;

/// Somebody asks with nothing but a face, at a door without rules.
fn ask(listed: &Directory, claim: &Claim, now: Instant) -> Result<Grant, Denial> {
    let asking = Asking {
        now,
        wall: Wall::UNKNOWN,
        factors: Factors::default(),
        companions: &[],
    };
    authorise(listed, &Rules::default(), claim, &asking)
}

#[test]
fn a_claim_lasts_two_seconds_and_not_before_it_was_made() {
    let listed = directory([(1, true)]);
    let made_at = Instant::now() + ms(10_000);
    let claim = claim(1, made_at);
    let asked = |now| ask(&listed, &claim, now).map_err(|d| d.reason);
    for now in [made_at, made_at + MAX_CLAIM_AGE] {
        let grant = asked(now).unwrap();
        assert_eq!(
            (grant.person(), grant.basis().face()),
            (claim.person, Some(&claim))
        );
        assert!(grant.is_current(made_at + MAX_CLAIM_AGE));
        assert!(!grant.is_current(made_at + MAX_CLAIM_AGE + ms(1)));
    }
    for now in [made_at - ms(1), made_at + MAX_CLAIM_AGE + ms(1)] {
        assert_eq!(asked(now), Err(DenialReason::Expired));
    }
}

fn claim(person: i64, made_at: Instant) -> Claim {
    Claim {
        person: PersonId(person),
        track: 7,
        score: Score::new(0.9),
        threshold: Score::new(0.75),
        frames: 3,
        made_at,
    }
}

proptest! {
    /// Nobody is authorised but who is listed and enabled at that moment, whoever else is.
    #[test]
    fn only_a_listed_and_enabled_person_is_authorised(
        people in prop::collection::btree_map(0..6i64, any::<bool>(), 0..6),
        person in 0..6i64,
        age_ms in 0..2500u64,
    ) {
        let now = Instant::now() + ms(10_000);
        let claim = claim(person, now - ms(age_ms));
        let listed = directory(people.clone());
        let expected = match people.get(&person) {
            None => Err(DenialReason::Removed),
            Some(false) => Err(DenialReason::Disabled),
            Some(true) if age_ms > 2000 => Err(DenialReason::Expired),
            Some(true) => Ok(claim),
        };
        let answer = ask(&listed, &claim, now);
        if let Err(denial) = answer {
            prop_assert_eq!(denial.nearest, Some(candidate(7, person, 0.9)));
        }
        prop_assert_eq!(answer.map(|g| *g.basis().face().unwrap()).map_err(|d| d.reason), expected);
    }
}
