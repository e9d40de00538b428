//! What has been decided lately and is not to be decided again yet: for a time, and for as
//! long as whoever it was about has not gone since.

use std::time::{Duration, Instant};

use super::{DenialReason, FaceResult};
use crate::cohort::Score;
use crate::person::PersonId;

/// While this many cool-downs run, nobody is granted. It takes as many different
/// people within one cool-down; the next ones wait, because a cool-down forgotten
/// early would allow a second grant.
pub(super) const MAX_COOLDOWNS: usize = 1024;
/// Denied faces in view that are told apart from new ones, at most.
pub(super) const MAX_DENIED_TRACKS: usize = 64;
/// The longest time between two denials for one reason.
pub(super) const MAX_DENIAL_INTERVAL: Duration = Duration::from_secs(600);

/// What a decision other than a grant was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Somebody was denied for this reason.
    Denied(DenialReason),
    /// Somebody could not be judged.
    CannotJudge,
}

/// A face that was decided about.
#[derive(Debug)]
struct Presence {
    /// Nothing for somebody who was not looked at.
    track: Option<u64>,
    seen_at: Instant,
}

impl Presence {
    fn lasts(&self, now: Instant, absence: Duration) -> bool {
        now.saturating_duration_since(self.seen_at) < absence
    }
}

#[derive(Debug)]
struct Granted {
    person: PersonId,
    /// Of the cool-down; none is an end beyond the clock's range.
    end: Option<Instant>,
    presence: Presence,
}

/// A reason that was said, and when it may be said again.
#[derive(Debug)]
struct Said {
    topic: Topic,
    length: Duration,
    end: Option<Instant>,
    /// What was left out since.
    left_out: u32,
}

#[derive(Debug, Default)]
pub(super) struct Cooldowns {
    granted: Vec<Granted>,
    said: Vec<Said>,
    denied: Vec<Presence>,
}

impl Cooldowns {
    /// Ends the presence of whoever was not seen for `absence`, and the cool-downs that are
    /// over.
    pub(super) fn expire(&mut self, now: Instant, absence: Duration) {
        let runs = |end: Option<Instant>| end.is_none_or(|end| now < end);
        self.granted
            .retain(|g| runs(g.end) || g.presence.lasts(now, absence));
        self.denied.retain(|d| d.lasts(now, absence));
        // Until then a further denial counts as one of a series.
        self.said
            .retain(|s| runs(s.end.and_then(|end| end.checked_add(s.length))));
    }

    /// These faces are in view.
    pub(super) fn see(&mut self, now: Instant, faces: &[FaceResult], threshold: Score) {
        for face in faces {
            let reached = face.candidate().filter(|c| c.reaches(threshold));
            let Some(track) = face.track() else { continue };
            for granted in &mut self.granted {
                let seen = match reached {
                    Some(candidate) => candidate.person == granted.person,
                    None => Some(track) == granted.presence.track,
                };
                if seen {
                    granted.presence = Presence {
                        track: Some(track),
                        seen_at: now,
                    };
                }
            }
            for denied in self.denied.iter_mut().filter(|d| d.track == Some(track)) {
                denied.seen_at = now;
            }
        }
    }

    /// Nobody looks: whoever was in view still counts as being there.
    pub(super) fn unwatched(&mut self, now: Instant, absence: Duration) {
        let granted = self.granted.iter_mut().map(|g| &mut g.presence);
        for presence in granted.chain(&mut self.denied) {
            if presence.lasts(now, absence) {
                presence.seen_at = now;
            }
        }
    }

    /// Until when a person whose cool-down runs is not granted, whatever is seen.
    pub(super) fn granted_until(&self, person: PersonId) -> Option<Instant> {
        self.granted.iter().find(|g| g.person == person)?.end
    }

    /// Whether this person was granted and the cool-down runs, or the person has not gone
    /// since.
    pub(super) fn is_granted(&self, person: PersonId) -> bool {
        self.granted.iter().any(|g| g.person == person)
    }

    /// Whether this face was denied and has not gone since.
    pub(super) fn is_denied(&self, track: u64) -> bool {
        self.denied.iter().any(|d| d.track == Some(track))
    }

    /// Whether this face was denied, or granted as somebody's, and has not gone since.
    pub(super) fn is_decided(&self, track: u64) -> bool {
        self.is_denied(track) || self.granted.iter().any(|g| g.presence.track == Some(track))
    }

    /// A person is about to be granted, on this face; `false` if that is too soon, or there
    /// is no room to remember it: then the grant is not to be given.
    pub(super) fn grant(
        &mut self,
        person: PersonId,
        track: Option<u64>,
        now: Instant,
        length: Duration,
    ) -> bool {
        if self.is_granted(person) || self.granted.len() >= MAX_COOLDOWNS {
            return false;
        }
        self.granted.push(Granted {
            person,
            end: now.checked_add(length),
            presence: Presence {
                track,
                seen_at: now,
            },
        });
        true
    }

    /// These faces have been denied; what stands here of them is all that follows while
    /// they stay. Gives how many were not denied before.
    pub(super) fn deny(&mut self, tracks: impl Iterator<Item = u64>, now: Instant) -> u64 {
        let mut new = 0;
        for track in tracks {
            if self.is_denied(track) {
                continue;
            }
            if self.denied.len() >= MAX_DENIED_TRACKS {
                self.denied.remove(0);
            }
            self.denied.push(Presence {
                track: Some(track),
                seen_at: now,
            });
            new += 1;
        }
        new
    }

    /// Who was denied may be judged otherwise now.
    pub(super) fn forget_denied(&mut self) {
        self.denied.clear();
    }

    /// Whether something is to be said now, and how much of it was left out since it was last
    /// said. Said again and again, it is said ever less often.
    pub(super) fn say(&mut self, topic: Topic, now: Instant, length: Duration) -> Option<u32> {
        let Some(said) = self.said.iter_mut().find(|s| s.topic == topic) else {
            // Topics are few, and each stands here once.
            self.said.push(Said {
                topic,
                length,
                end: now.checked_add(length),
                left_out: 0,
            });
            return Some(0);
        };
        if said.end.is_none_or(|end| now < end) {
            said.left_out = said.left_out.saturating_add(1);
            return None;
        }
        let longest = MAX_DENIAL_INTERVAL.max(length);
        said.length = said.length.saturating_mul(2).clamp(length, longest);
        said.end = now.checked_add(said.length);
        Some(std::mem::take(&mut said.left_out))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> [usize; 3] {
        [self.granted.len(), self.said.len(), self.denied.len()]
    }
}
