//! Who is who from frame to frame, and what the frames of one approach say together.
//!
//! A face that is near where one was a moment ago is that face. Its embeddings are
//! blended, the better frames weighing more: the blend recognises better than any
//! frame of it, and a frame that adds nothing is not embedded at all. Pure: faces and
//! times in, track numbers and blends out.

use std::time::{Duration, Instant};

use crate::embedding::Embedding;
use crate::vision::Face;

/// A face out of sight for longer is another face when it comes back.
pub(super) const MAX_OUT_OF_SIGHT: Duration = Duration::from_millis(700);
/// How far a face may move from frame to frame, in sizes of its box.
const MAX_STEP: f32 = 0.6;
/// How much its size may change from frame to frame.
const MAX_GROWTH: f32 = 1.5;
/// Embeddings blended at most: the best of those within the window.
const MAX_BLENDED: usize = 5;
/// A frame is worth embedding if it is so much better than the worst that is blended.
const MIN_GAIN: f32 = 1.2;
/// Without a better frame, how long until a face is looked at afresh.
const MAX_EMBEDDING_AGE: Duration = Duration::from_millis(300);
/// Faces followed at once.
const MAX_TRACKS: usize = 64;

/// A face's number while it is in view; never used twice by one eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub(crate) u64);

impl TrackId {
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Whether faces are in view, and whether looking closer would tell something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InView {
    /// No face.
    Nobody,
    /// Faces of which enough is known.
    Known,
    /// A face that should be embedded again, whatever the frame is like.
    Wanting,
}

/// What the frames of one approach say together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fused {
    /// Whose; another than the face had before if somebody else took its place.
    pub track: TrackId,
    /// The blend, the newest frame in it.
    pub embedding: Embedding,
}

#[derive(Debug)]
struct Blended {
    embedding: Embedding,
    weight: f32,
    at: Instant,
}

#[derive(Debug)]
struct Track {
    id: TrackId,
    rect: [f32; 4],
    seen_at: Instant,
    blended: Vec<Blended>,
    embedded_at: Option<Instant>,
    /// Of the pixels that were embedded last.
    picture: Option<u64>,
    rests_until: Option<Instant>,
    /// It is to be embedded, whatever is known of it.
    is_wanted: bool,
}

/// The faces in view.
#[derive(Debug)]
pub(super) struct Tracks {
    tracks: Vec<Track>,
    next: u64,
    /// Frames a decision takes: so many are embedded whatever they are like.
    needed: usize,
    /// How long a frame speaks for the face.
    window: Duration,
    /// Below this cosine with the frames before, a face is taken for another that took
    /// its place.
    another: f32,
}

impl Tracks {
    /// Nobody in view. A decision takes `needed` frames within `window`; a face whose cosine
    /// with its own frames before is under `another` is somebody else.
    pub fn new(needed: usize, window: Duration, another: f32) -> Self {
        Self {
            tracks: Vec::new(),
            next: 0,
            needed: needed.max(1),
            window,
            another,
        }
    }

    /// Other rules; what was blended under the old ones is forgotten.
    pub(crate) fn set_rules(&mut self, needed: usize, window: Duration) {
        (self.needed, self.window) = (needed.max(1), window);
        self.forget();
    }

    /// What was seen until now does not count with what follows.
    pub(crate) fn forget(&mut self) {
        self.tracks.clear();
    }

    /// Who is in view at `at`. Whoever has been out of sight for long is forgotten.
    pub(crate) fn in_view(&mut self, at: Instant) -> InView {
        self.expire(at);
        let wants = |t: &Track| !t.rests(at) && self.worth(t.id, at, 0.0);
        if self.tracks.is_empty() {
            InView::Nobody
        } else if self.tracks.iter().any(wants) {
            InView::Wanting
        } else {
            InView::Known
        }
    }

    /// Where the faces in view were last.
    pub(crate) fn rects(&self) -> impl Iterator<Item = [f32; 4]> {
        self.tracks.iter().map(|t| t.rect)
    }

    fn expire(&mut self, at: Instant) {
        self.tracks
            .retain(|t| at.saturating_duration_since(t.seen_at) <= MAX_OUT_OF_SIGHT);
    }

    /// Whether a face is left alone after a decision.
    pub(crate) fn rests(&self, id: TrackId, at: Instant) -> bool {
        let track = self.tracks.iter().find(|t| t.id == id);
        track.is_some_and(|t| t.rests(at))
    }

    /// Takes the faces of a frame taken at `at`, and gives each its track: the nearest
    /// pairs of old and new place first.
    pub(crate) fn follow(&mut self, at: Instant, faces: &[Face]) -> Vec<TrackId> {
        self.expire(at);
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (f, face) in faces.iter().enumerate() {
            for (t, track) in self.tracks.iter().enumerate() {
                if let Some(step) = step(&track.rect, &face.rect) {
                    pairs.push((step, f, t));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut of_face: Vec<Option<usize>> = vec![None; faces.len()];
        for (_, f, t) in pairs {
            let taken = of_face.contains(&Some(t));
            if let Some(place) = of_face.get_mut(f)
                && place.is_none()
                && !taken
            {
                *place = Some(t);
            }
        }
        faces
            .iter()
            .zip(of_face)
            .map(
                |(face, known)| match known.and_then(|t| self.tracks.get_mut(t)) {
                    Some(track) => {
                        (track.rect, track.seen_at) = (face.rect, at);
                        track.id
                    }
                    None => self.begin(face.rect, at),
                },
            )
            .collect()
    }

    fn begin(&mut self, rect: [f32; 4], at: Instant) -> TrackId {
        let id = TrackId(self.next);
        self.next += 1;
        if self.tracks.len() >= MAX_TRACKS {
            self.tracks.remove(0);
        }
        self.tracks.push(Track {
            id,
            rect,
            seen_at: at,
            blended: Vec::new(),
            embedded_at: None,
            picture: None,
            rests_until: None,
            is_wanted: false,
        });
        id
    }

    /// The next frame of a face is worth embedding.
    pub(crate) fn want(&mut self, id: TrackId) {
        if let Some(track) = self.tracks.iter_mut().find(|t| t.id == id) {
            track.is_wanted = true;
        }
    }

    /// Whether embedding this frame of a face, of this weight, would tell more than is
    /// known of it: as long as a decision takes more frames, if the frame is better than
    /// the worst that counts, if the last one is some time ago, or if one is wanted.
    pub(crate) fn worth(&self, id: TrackId, at: Instant, weight: f32) -> bool {
        let Some(track) = self.tracks.iter().find(|t| t.id == id) else {
            return false;
        };
        if track.rests(at) {
            return false;
        }
        let counts = |b: &&Blended| at.saturating_duration_since(b.at) <= self.window;
        let blended = || track.blended.iter().filter(counts);
        let worst = blended().map(|b| b.weight).fold(f32::MAX, f32::min);
        track.is_wanted
            || blended().count() < self.needed
            || (blended().count() <= MAX_BLENDED && weight > worst * MIN_GAIN)
            || track
                .embedded_at
                .is_none_or(|last| at.saturating_duration_since(last) >= MAX_EMBEDDING_AGE)
    }

    /// Whether a face's picture, told by a hash of its pixels, is another than the one that was
    /// asked about before: a living face gives no two equal ones.
    pub(crate) fn is_fresh(&mut self, id: TrackId, picture: u64) -> bool {
        let track = self.tracks.iter_mut().find(|t| t.id == id);
        track.is_some_and(|t| t.picture.replace(picture) != Some(picture))
    }

    /// Adds an embedded frame of a face and gives what its frames say together; `None`
    /// for a face that is not followed.
    pub fn add(
        &mut self,
        id: TrackId,
        at: Instant,
        embedding: Embedding,
        weight: f32,
    ) -> Option<Fused> {
        let (window, most) = (self.window, MAX_BLENDED.max(self.needed));
        let another = self.another;
        let place = self.tracks.iter().position(|t| t.id == id)?;
        let track = self.tracks.get_mut(place)?;
        track.embedded_at = Some(at);
        track.is_wanted = false;
        track
            .blended
            .retain(|b| at.saturating_duration_since(b.at) <= window);
        if blend(&track.blended)
            .and_then(|before| before.cosine(&embedding))
            .is_some_and(|cosine| cosine.value() < another)
        {
            track.blended.clear();
            track.id = TrackId(self.next);
            self.next += 1;
        }
        if track.blended.len() >= most
            && let Some(worst) = (0..track.blended.len()).min_by(|&a, &b| {
                let weight = |i: usize| track.blended.get(i).map_or(0.0, |b: &Blended| b.weight);
                weight(a).total_cmp(&weight(b))
            })
        {
            track.blended.remove(worst);
        }
        track.blended.push(Blended {
            embedding,
            weight: weight.clamp(0.01, 1.0),
            at,
        });
        Some(Fused {
            track: track.id,
            embedding: blend(&track.blended)?,
        })
    }

    /// After a decision: a face is not embedded again before `until`, and then anew.
    pub fn rest(&mut self, id: TrackId, until: Instant) {
        if let Some(track) = self.tracks.iter_mut().find(|t| t.id == id) {
            track.blended.clear();
            track.rests_until = Some(until);
        }
    }
}

impl Track {
    fn rests(&self, at: Instant) -> bool {
        self.rests_until.is_some_and(|until| at < until)
    }
}

/// How far a box has moved, in its sizes; `None` if it cannot be the same face's.
fn step(from: &[f32; 4], to: &[f32; 4]) -> Option<f32> {
    let size = |r: &[f32; 4]| (r[2] - r[0]).max(r[3] - r[1]).max(1.0);
    let (a, b) = (size(from), size(to));
    let across = (from[0] + from[2] - to[0] - to[2]) / 2.0;
    let down = (from[1] + from[3] - to[1] - to[3]) / 2.0;
    let moved = across.hypot(down) / a.max(b);
    (moved <= MAX_STEP && a.max(b) / a.min(b) <= MAX_GROWTH).then_some(moved)
}

fn blend(of: &[Blended]) -> Option<Embedding> {
    Embedding::blend(of.iter().map(|b| (&b.embedding, b.weight)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn face(x: f32, size: f32) -> Face {
        Face {
            rect: [x, 0.0, x + size, size],
            landmarks: [[0.0; 2]; 5],
            detector_score: 1.0,
        }
    }

    fn towards(angle: f32) -> Embedding {
        Embedding::new(
            &crate::embedding::ModelVersion::new("m"),
            vec![angle.cos(), angle.sin()],
        )
        .unwrap()
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Frames that the only face's blend is of.
    fn blended(tracks: &Tracks) -> usize {
        tracks.tracks[0].blended.len()
    }

    fn tracks() -> Tracks {
        Tracks::new(3, ms(1500), 0.5)
    }

    #[test]
    fn a_face_keeps_its_number_while_it_moves_and_gets_another_when_it_comes_back() {
        let (mut tracks, start) = (tracks(), Instant::now());
        let first = tracks.follow(start, &[face(0.0, 100.0)]);
        let both = tracks.follow(start + ms(66), &[face(300.0, 90.0), face(30.0, 110.0)]);
        assert_eq!(both[1], first[0]);
        assert_ne!(both[0], first[0]);
        // Far away at once, or long out of sight, it is somebody else.
        assert_ne!(
            tracks.follow(start + ms(132), &[face(150.0, 110.0)])[0],
            first[0]
        );
        assert_ne!(
            tracks.follow(start + ms(2000), &[face(30.0, 110.0)])[0],
            first[0]
        );
    }

    #[test]
    fn frames_are_embedded_until_a_decision_and_then_only_if_they_tell_more() {
        let (mut tracks, start) = (tracks(), Instant::now());
        let mut embedded = Vec::new();
        for tick in 0..30u64 {
            let at = start + ms(66 * tick);
            let id = tracks.follow(at, &[face(tick as f32, 100.0)])[0];
            let weight = if tick == 5 { 0.9 } else { 0.5 };
            if tracks.worth(id, at, weight) {
                tracks.add(id, at, towards(0.1), weight);
                embedded.push(tick);
            }
        }
        assert_eq!(embedded, [0, 1, 2, 5, 10, 15, 20, 25]);
        let at = start + ms(66 * 30);
        let id = tracks.follow(at, &[face(30.0, 100.0)])[0];
        tracks.rest(id, at + ms(200));
        assert!(!tracks.worth(id, at + ms(199), 1.0));
        assert!(tracks.worth(id, at + ms(200), 0.1));
    }

    #[test]
    fn somebody_who_takes_a_place_does_not_inherit_what_was_seen_there() {
        let (mut tracks, start) = (tracks(), Instant::now());
        let id = tracks.follow(start, &[face(0.0, 100.0)])[0];
        let one = tracks.add(id, start, towards(0.0), 1.0).unwrap();
        let two = tracks.add(id, start + ms(66), towards(0.4), 1.0).unwrap();
        assert_eq!((one.track, two.track, blended(&tracks)), (id, id, 2));
        let other = tracks.add(id, start + ms(132), towards(1.6), 1.0).unwrap();
        assert_ne!(other.track, id);
        assert_eq!((blended(&tracks), &other.embedding), (1, &towards(1.6)));
    }

    #[test]
    fn better_frames_weigh_more_and_old_ones_not_at_all() {
        let (mut tracks, start) = (tracks(), Instant::now());
        let id = tracks.follow(start, &[face(0.0, 100.0)])[0];
        tracks.add(id, start, towards(0.0), 0.2);
        let fused = tracks.add(id, start + ms(50), towards(0.8), 0.8).unwrap();
        let cosine = |to: f32| fused.embedding.cosine(&towards(to)).unwrap();
        assert!(cosine(0.8) > cosine(0.0));
        tracks.add(id, start + ms(1530), towards(0.9), 0.5).unwrap();
        assert_eq!(blended(&tracks), 2);
    }

    proptest! {
        /// Two faces of a frame never share a track, numbers are never used again, and
        /// memory is bounded.
        #[test]
        fn each_face_is_its_own(frames in prop::collection::vec(
            (0u64..900, prop::collection::vec((0f32..600.0, 0f32..200.0), 0..6)), 1..60))
        {
            let (mut tracks, mut at) = (tracks(), Instant::now());
            let mut last: Vec<TrackId> = Vec::new();
            let mut highest = None;
            for (dt, faces) in frames {
                at += ms(dt);
                let faces: Vec<Face> = faces.iter().map(|&(x, s)| face(x, s)).collect();
                let ids = tracks.follow(at, &faces);
                prop_assert_eq!(ids.len(), faces.len());
                let mut distinct = ids.clone();
                distinct.sort();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), ids.len());
                for id in &ids {
                    prop_assert!(last.contains(id) || highest.is_none_or(|h| *id > h)
                        || tracks.tracks.iter().any(|t| t.id == *id));
                    prop_assert!(tracks.worth(*id, at, 0.5));
                }
                highest = ids.iter().copied().max().max(highest);
                last = ids;
                prop_assert!(tracks.tracks.len() <= MAX_TRACKS);
            }
        }
    }
}
