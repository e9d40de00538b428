//! Whether what a hub has of a door's record is one record: under each number one hash, and no
//! number left out. A hash covers all records before it, so a door that rewrote its past shows by
//! the first record that it tells anew.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::door::Door;
use super::gateway::{HubError, catch_up};
use super::list::List;
use super::outbox::Life;
use super::row::{DoorCard, RowId};
use super::signing::Root;
use super::store::Store;

/// Findings of one door that are told one by one.
const MAX_FINDINGS_COUNT: usize = 20;

/// What is wrong with a door's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error(
        "record {number} came with another hash before: the door's past was rewritten, or its record is another one now"
    )]
    Rewritten { number: u64 },
    #[error("records {first} to {last} never came: the door deleted them first, or kept them back")]
    Missing { first: u64, last: u64 },
    #[error("event {number} of life {} is no record with a number and a hash", life.0)]
    NoRecord { life: Life, number: u64 },
}

/// What a hub has of one door.
#[derive(Debug, Default)]
pub struct Story {
    /// The record as it was told last.
    hashes: BTreeMap<u64, String>,
    at_ms: Option<i64>,
    events: u64,
    findings: Vec<Finding>,
}

/// What is looked at in an event.
#[derive(Deserialize)]
struct Told {
    number: u64,
    hash: String,
    at_ms: Option<i64>,
}

impl Story {
    /// The next event, in the order of lives and numbers.
    pub fn take(&mut self, life: Life, number: u64, body: &[u8]) {
        self.events += 1;
        let Ok(told) = serde_json::from_slice::<Told>(body) else {
            return self.find(Finding::NoRecord { life, number });
        };
        let known = self.hashes.get(&told.number);
        if known.is_some_and(|known| *known != told.hash) {
            self.find(Finding::Rewritten {
                number: told.number,
            });
            // What came after it belongs to what was before.
            self.hashes.split_off(&told.number);
        }
        self.hashes.insert(told.number, told.hash);
        self.at_ms = self.at_ms.max(told.at_ms);
    }

    fn find(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS_COUNT {
            self.findings.push(finding);
        }
    }

    pub fn events(&self) -> u64 {
        self.events
    }

    /// When the newest record was written by the door's clock, in milliseconds since 1970.
    pub fn at_ms(&self) -> Option<i64> {
        self.at_ms
    }

    /// The newest record.
    pub fn head(&self) -> Option<(u64, &str)> {
        let (number, hash) = self.hashes.last_key_value()?;
        Some((*number, hash))
    }

    /// The first of what is wrong.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        let after = self.hashes.keys().skip(1);
        for (before, after) in self.hashes.keys().zip(after) {
            if findings.len() >= MAX_FINDINGS_COUNT {
                break;
            }
            if before + 1 < *after {
                let (first, last) = (before + 1, after - 1);
                findings.push(Finding::Missing { first, last });
            }
        }
        findings
    }
}

/// A door, and what a hub has of it.
#[derive(Debug)]
pub struct Audited {
    pub id: RowId,
    pub card: DoorCard,
    pub is_revoked: bool,
    pub story: Story,
}

/// What a store has of all doors that are or were the fleet's. The list is verified on the way.
///
/// # Errors
/// [`HubError`]
pub async fn audit(store: &impl Store, root: Root) -> Result<Vec<Audited>, HubError> {
    let mut mirror = Door::new(List::new(root), None);
    catch_up(store, &mut mirror).await?;
    let held = store.held().await?;
    let mut audited = Vec::new();
    for (id, card, revoked) in mirror.list().doors() {
        let mut story = Story::default();
        for (_, held) in held.iter().filter(|(door, _)| *door == id) {
            let mut after = 0;
            loop {
                let events = store.events(id, held.life, after).await?;
                let Some((last, _)) = events.last() else {
                    break;
                };
                after = *last;
                for (number, body) in &events {
                    story.take(held.life, *number, body);
                }
            }
        }
        audited.push(Audited {
            id,
            card: card.clone(),
            is_revoked: revoked.is_some(),
            story,
        });
    }
    Ok(audited)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn body(number: u64, branch: u64) -> Vec<u8> {
        let hash = format!("{branch}-{number}");
        serde_json::json!({ "number": number, "hash": hash, "at_ms": number * 10 })
            .to_string()
            .into_bytes()
    }

    proptest! {
        /// A record that is told again, from wherever, is still one; another one from a number on
        /// is named with that number; a hole with its ends.
        #[test]
        fn whoever_rewrites_or_leaves_out_is_named(
            first in 1..1_000_u64, count in 2..60_u64, again in 0..60_u64,
            fork in 0..60_u64, hole in 0..60_u64,
        ) {
            let end = first + count;
            let mut story = Story::default();
            let mut event = 0;
            let mut tell = |story: &mut Story, number, branch| {
                event += 1;
                story.take(Life(1), event, &body(number, branch));
            };
            for number in (first..end).chain(first + again % count..end) {
                tell(&mut story, number, 0);
            }
            prop_assert_eq!(story.findings(), vec![]);
            prop_assert_eq!(story.head().unwrap().0, end - 1);
            prop_assert_eq!(story.at_ms(), Some((end as i64 - 1) * 10));

            let fork = first + fork % count;
            for number in fork..=end {
                tell(&mut story, number, 1);
            }
            prop_assert_eq!(story.findings(), vec![Finding::Rewritten { number: fork }]);

            let mut story = Story::default();
            let hole = first + 1 + hole % count;
            for number in (first..=end + 1).filter(|number| *number != hole) {
                tell(&mut story, number, 0);
            }
            let missing = Finding::Missing { first: hole, last: hole };
            prop_assert_eq!(story.findings(), vec![missing]);
        }

        #[test]
        fn any_bytes_are_a_record_or_named(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut story = Story::default();
            story.take(Life(2), 7, &body);
            prop_assert_eq!(story.findings(), vec![Finding::NoRecord { life: Life(2), number: 7 }]);
        }
    }
}
