//! Who else is at the door: the first of two people, who waits for the second, and whoever
//! was let in just now, who may be an escort.

use std::time::{Duration, Instant};

use crate::person::PersonId;

/// People remembered; more push out the oldest, which can only make company harder.
pub(super) const MAX_COMPANIONS: usize = 64;

/// In which way somebody is company for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Could pass by the rule with this place, if the second person came.
    Waits(usize),
    /// Was let in.
    Passed,
}

/// Somebody else at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Companion {
    pub person: PersonId,
    /// The face's number.
    pub track: u64,
    /// When that was, on the monotonic clock.
    pub at: Instant,
    pub company: Company,
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Companions(Vec<Companion>);

impl Companions {
    pub(super) fn all(&self) -> &[Companion] {
        &self.0
    }

    /// Forgets whom no rule looks for any more.
    pub(super) fn expire(&mut self, now: Instant, longest: Duration) {
        self.0
            .retain(|one| now.saturating_duration_since(one.at) <= longest);
    }

    /// Remembers somebody; of a person and a way the newest counts.
    pub(super) fn note(&mut self, companion: Companion) {
        let same =
            |one: &Companion| one.person == companion.person && one.company == companion.company;
        self.0.retain(|one| !same(one));
        if self.0.len() >= MAX_COMPANIONS {
            self.0.remove(0);
        }
        self.0.push(companion);
    }

    /// This person waits no more: was let in.
    pub(super) fn done(&mut self, person: PersonId) {
        self.0
            .retain(|one| one.person != person || one.company == Company::Passed);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
