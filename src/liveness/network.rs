//! The network veto: what an operator's network against presentation attacks says of a face,
//! averaged over the frames of one presence.
//!
//! One frame says little; MiniFASNet V2 was measured by the mean over a clip, and with frozen
//! face and coupling left 8.0 % of 400 attack clips and refused none of 80 people at the
//! threshold that refuses 2 % in its own measurement. The threshold is the network's own: scores
//! of two networks mean different things.

use std::time::{Duration, Instant};

use super::movement::MAX_FACES;

/// So many frames make a mean; fewer say nothing, whatever they are.
const MIN_FRAMES: u32 = 3;
/// Presences that are kept.
const MAX_PRESENCES: usize = 2 * MAX_FACES;

/// What the network says of one frame of a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkScore {
    /// How probable it is that a person presents it, 0..=1.
    pub bona_fide: f32,
    /// A mean under this is an artefact's.
    pub threshold: f32,
}

/// What the scores of one presence say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// The mean reaches the threshold.
    Passes,
    /// It does not; with the mean.
    Artefact(f32),
    /// Too few frames.
    Unknown,
}

#[derive(Debug)]
struct Presence {
    track: u64,
    seen_at: Instant,
    sum: f64,
    count: u32,
    threshold: f32,
}

impl Presence {
    fn mean(&self) -> f32 {
        (self.sum / f64::from(self.count.max(1))) as f32
    }
}

/// The scores of the faces in view.
#[derive(Debug)]
pub(super) struct Scores(Vec<Presence>);

impl Default for Scores {
    fn default() -> Self {
        Self(Vec::with_capacity(MAX_PRESENCES))
    }
}

impl Scores {
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Forgets who was not seen for longer.
    pub(super) fn expire(&mut self, at: Instant, longest: Duration) {
        self.0
            .retain(|p| at.saturating_duration_since(p.seen_at) <= longest);
    }

    /// Takes what the network says of a frame of a face.
    pub(super) fn note(&mut self, at: Instant, track: u64, score: NetworkScore) {
        let known = self.0.iter().position(|p| p.track == track);
        let place = known.unwrap_or_else(|| {
            if self.0.len() >= MAX_PRESENCES {
                self.0.remove(0);
            }
            self.0.push(Presence {
                track,
                seen_at: at,
                sum: 0.0,
                count: 0,
                threshold: score.threshold,
            });
            self.0.len() - 1
        });
        if let Some(presence) = self.0.get_mut(place) {
            // What is no number speaks for nobody.
            let is_number = score.bona_fide.is_finite();
            presence.sum += f64::from(if is_number { score.bona_fide } else { 0.0 });
            presence.count = presence.count.saturating_add(1);
            (presence.seen_at, presence.threshold) = (at, score.threshold);
        }
    }

    /// What the frames until now say of a face that is in view at `at`.
    pub(super) fn verdict(&mut self, at: Instant, track: u64) -> Verdict {
        let Some(presence) = self.0.iter_mut().find(|p| p.track == track) else {
            return Verdict::Unknown;
        };
        presence.seen_at = at;
        let mean = presence.mean();
        if presence.count < MIN_FRAMES {
            Verdict::Unknown
        } else if mean >= presence.threshold {
            Verdict::Passes
        } else {
            Verdict::Artefact(mean)
        }
    }

    /// The mean of a face's scores, however few; nothing without one.
    pub(super) fn mean(&self, track: u64) -> Option<f32> {
        self.0.iter().find(|p| p.track == track).map(Presence::mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(700);

    fn verdict_of(said: &[f32]) -> Verdict {
        let (mut scores, start) = (Scores::default(), Instant::now());
        for (n, &bona_fide) in (0..).zip(said) {
            let threshold = 0.5;
            let at = start + n * LONGEST / 2;
            scores.note(
                at,
                7,
                NetworkScore {
                    bona_fide,
                    threshold,
                },
            );
        }
        scores.verdict(start, 7)
    }

    #[test]
    fn the_mean_of_a_presence_decides_and_a_few_frames_nothing() {
        assert_eq!(verdict_of(&[]), Verdict::Unknown);
        assert_eq!(verdict_of(&[1.0, 1.0]), Verdict::Unknown);
        assert_eq!(verdict_of(&[0.0, 0.0]), Verdict::Unknown);
        assert_eq!(verdict_of(&[0.0, 1.0, 0.75]), Verdict::Passes);
        assert_eq!(verdict_of(&[0.0, 1.0, 0.0, 0.0]), Verdict::Artefact(0.25));
        assert_eq!(
            verdict_of(&[f32::NAN, 0.5, 0.5, 0.5]),
            Verdict::Artefact(0.375)
        );
    }

    #[test]
    fn each_presence_has_a_mean_of_its_own() {
        let (mut scores, start) = (Scores::default(), Instant::now());
        let threshold = 0.5;
        for track in [1, 2, 1, 2, 1, 2] {
            let bona_fide = if track == 1 { 0.25 } else { 0.75 };
            scores.note(
                start,
                track,
                NetworkScore {
                    bona_fide,
                    threshold,
                },
            );
        }
        assert_eq!(scores.verdict(start, 1), Verdict::Artefact(0.25));
        assert_eq!(scores.verdict(start, 2), Verdict::Passes);
        scores.expire(start + LONGEST, LONGEST);
        assert_eq!(scores.mean(1), Some(0.25));
        scores.expire(start + 2 * LONGEST, LONGEST);
        assert_eq!(scores.verdict(start + 2 * LONGEST, 1), Verdict::Unknown);
    }
}
