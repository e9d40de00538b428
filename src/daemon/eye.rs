//! From a frame to what can be said of the faces in it, and no more work than that takes.
//!
//! Most frames show nothing new. A coarse look tells whether anything moved; where
//! nothing did and no face is in view, the frame is not even turned into RGB. A face that
//! is known is followed cheaply; before an embedding that can open the door it is found
//! again by the whole cascade.

use std::time::{Duration, Instant};

use image::RgbImage;

use crate::access::{Candidate, Judgement, Unusable};
use crate::camera::{Frame, Glance};
use crate::config;
use crate::vision::motion::Motion;
use crate::vision::quality::Flaw;
use crate::vision::track::{TrackId, Tracks};
use crate::vision::{AlignedFace, Face, Vision, VisionError};
use crate::whitelist::Snapshot;

/// Without a calibration: under this cosine with its past a face is another's.
const ANOTHER: f32 = 0.5;
/// While nothing moves, the whole picture is searched this often all the same: whoever
/// came in slowly enough to be taken for light is found.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// While faces are followed, the whole picture is searched every so many frames.
const SEARCH_EVERY: u32 = 5;
/// A scene that has moved for so long without a face, such as a street, is searched in
/// every second frame, and after three times as long in every third.
const RESTLESS: Duration = Duration::from_secs(5);

/// The eye of one door.
#[derive(Debug)]
pub struct Eye {
    vision: Vision,
    max_faces: usize,
    /// Whether to leave out what tells nothing new.
    economy: bool,
    tracks: Tracks,
    motion: Motion,
    glance: Glance,
    rgb: RgbImage,
    searched_at: Option<Instant>,
    since_search: u32,
    restless_since: Option<Instant>,
    /// A followed face got good enough to be found and embedded again.
    promising: bool,
    /// Where the faces in view were last.
    known: Vec<[f32; 4]>,
    spent: Spent,
}

/// Where time went outside of [`Vision`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Turning frames into RGB.
    pub convert: Duration,
    /// Comparing embeddings with the whitelist.
    pub search: Duration,
}

/// How much was done about a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Nothing moved and nobody is known to be there.
    Nothing,
    /// The faces in it, the largest first, each with what can be said of it.
    Faces(Vec<Judgement>),
}

impl Eye {
    /// An eye that has seen nothing.
    pub fn new(vision: Vision, settings: &config::Vision, rules: &config::Access) -> Self {
        let another = vision
            .scoring()
            .calibration()
            .map_or(ANOTHER, |c| c.cosine_1_in_1000.value());
        Self {
            vision,
            max_faces: settings.max_faces,
            economy: settings.economy,
            tracks: Tracks::new(rules.frames, rules.window(), another),
            motion: Motion::default(),
            glance: Glance::default(),
            rgb: RgbImage::new(0, 0),
            searched_at: None,
            since_search: 0,
            restless_since: None,
            promising: false,
            known: Vec::new(),
            spent: Spent::default(),
        }
    }

    /// Other rules; what was seen under the old ones does not count.
    pub fn set_rules(&mut self, rules: &config::Access) {
        self.tracks.set_rules(rules.frames, rules.window());
        self.searched_at = None;
    }

    /// What was seen until now does not count with what follows.
    pub fn forget(&mut self) {
        self.tracks.forget();
        // Whoever is there may stand still.
        self.searched_at = None;
    }

    /// After a decision about a face: it is not looked at again before `until`.
    pub fn rest(&mut self, track: u64, until: Instant) {
        self.tracks.rest(TrackId(track), until);
    }

    /// Whether it leaves out what tells nothing new.
    pub fn is_economical(&self) -> bool {
        self.economy
    }

    /// Where time went so far.
    pub fn spent(&self) -> Spent {
        self.spent
    }

    fn convert(&mut self, frame: &mut Frame) {
        let start = Instant::now();
        frame.take_rgb(&mut self.rgb);
        self.spent.convert += start.elapsed();
    }

    /// The networks.
    pub fn vision(&self) -> &Vision {
        &self.vision
    }

    /// Looks at a frame.
    ///
    /// # Errors
    /// [`VisionError`] if a network fails.
    pub fn look(&mut self, frame: &mut Frame, whitelist: &Snapshot) -> Result<Seen, VisionError> {
        if !self.economy {
            self.convert(frame);
            return self.search(frame, whitelist);
        }
        frame.glance(&mut self.glance);
        let moved = self.motion.step(self.glance.cells());
        let at = frame.at;
        self.tracks.expire(at);
        let due = self
            .searched_at
            .is_none_or(|last| at.saturating_duration_since(last) >= LOOK_ANYWAY);
        if self.tracks.any() {
            self.restless_since = None;
        } else if !moved {
            self.restless_since = None;
            if !due {
                return Ok(Seen::Nothing);
            }
        } else {
            let since = *self.restless_since.get_or_insert(at);
            let restless = at.saturating_duration_since(since);
            let every = if restless >= 3 * RESTLESS {
                3
            } else if restless >= RESTLESS {
                2
            } else {
                1
            };
            self.since_search += 1;
            if self.since_search < every && !due {
                return Ok(Seen::Nothing);
            }
        }
        self.convert(frame);
        let search = !self.tracks.any()
            || std::mem::take(&mut self.promising)
            || self.tracks.wanting(at)
            || self.since_search >= SEARCH_EVERY;
        if search {
            self.search(frame, whitelist)
        } else {
            self.since_search += 1;
            self.follow(frame)
        }
    }

    /// The whole cascade, and an embedding of every face that one would tell something of.
    fn search(&mut self, frame: &Frame, whitelist: &Snapshot) -> Result<Seen, VisionError> {
        (self.searched_at, self.since_search) = (Some(frame.at), 0);
        let mut faces = self.vision.detect(&self.rgb)?;
        faces.truncate(self.max_faces);
        let ids = self.tracks.follow(frame.at, &faces);
        let mut judged = Vec::with_capacity(faces.len());
        for (face, track) in faces.iter().zip(ids) {
            judged.push(self.judge(frame.at, face, track, whitelist)?);
        }
        Ok(Seen::Faces(judged))
    }

    /// R- and O-Net around where the faces were: good enough to know where they are.
    fn follow(&mut self, frame: &Frame) -> Result<Seen, VisionError> {
        self.known.clear();
        self.known.extend(self.tracks.rects());
        let faces = self.vision.follow(&self.rgb, &self.known)?;
        // A face that got lost is searched for at once.
        self.promising |= faces.len() < self.known.len();
        let ids = self.tracks.follow(frame.at, &faces);
        let mut judged = Vec::with_capacity(faces.len());
        for (face, track) in faces.iter().zip(ids) {
            if !self.tracks.rests(track, frame.at)
                && let Ok(aligned) = self.align(face)?
            {
                let weight = aligned.quality.weight();
                self.promising |= self.tracks.worth(track, frame.at, weight);
            }
            judged.push(Judgement::Followed);
        }
        Ok(Seen::Faces(judged))
    }

    /// The face cut out, or what keeps it from being judged.
    fn align(&mut self, face: &Face) -> Result<Result<AlignedFace, Unusable>, VisionError> {
        let aligned = match self.vision.align(&self.rgb, face) {
            Ok(aligned) => aligned,
            // A box outside the picture is the detector's doubt, not its failure.
            Err(VisionError::Align { .. }) => return Ok(Err(Unusable::LowScore)),
            Err(error) => return Err(error),
        };
        Ok(match self.vision.flaw(&aligned.quality) {
            Some(flaw) => Err(unusable(flaw)),
            None => Ok(aligned),
        })
    }

    fn judge(
        &mut self,
        at: Instant,
        face: &Face,
        track: TrackId,
        whitelist: &Snapshot,
    ) -> Result<Judgement, VisionError> {
        if self.economy && self.tracks.rests(track, at) {
            return Ok(Judgement::Followed);
        }
        let aligned = match self.align(face)? {
            Ok(aligned) => aligned,
            Err(why) => return Ok(Judgement::Unusable(why)),
        };
        let weight = aligned.quality.weight();
        if self.economy && !self.tracks.worth(track, at, weight) {
            return Ok(Judgement::Followed);
        }
        let embedding = self.vision.embed(&aligned)?;
        let Some(fused) = self.tracks.add(track, at, embedding, weight) else {
            return Ok(Judgement::Followed);
        };
        let start = Instant::now();
        let nearest = whitelist.matcher.identify(&fused.embedding);
        self.spent.search += start.elapsed();
        Ok(Judgement::Nearest(nearest.map(|m| Candidate {
            track: fused.track.0,
            person: m.person,
            score: m.score.value(),
            enabled: whitelist.directory.is_enabled(m.person),
        })))
    }
}

/// How vision's flaws are called where decisions are made.
fn unusable(flaw: Flaw) -> Unusable {
    match flaw {
        Flaw::TooSmall => Unusable::TooSmall,
        Flaw::Unsure => Unusable::LowScore,
        Flaw::Blurred => Unusable::Blurred,
        Flaw::Dark => Unusable::Dark,
    }
}
