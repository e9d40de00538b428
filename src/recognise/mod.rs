//! What a camera's frames say of the faces in them, and what is decided from it.
//!
//! ```text
//! frame ─► eye ─► face reports ─► access ─► decisions
//!           ├ motion, track ─► schedule: skip, follow or search
//!           ├ quality
//!           └ second eye: the infrared camera's picture of a face that is judged
//! ```
//!
//! [`Recogniser`] is the whole way, for the daemon, for measurements and for tests. Motion,
//! tracks, quality and schedule are pure; only the eye runs networks.

mod challenged;
mod eye;
mod motion;
mod pace;
mod quality;
mod recogniser;
mod schedule;
mod second_eye;
mod track;

pub use crate::access::Flaw;
pub use motion::Motion;
pub use pace::TooSeldom;
pub use quality::Quality;
pub use recogniser::{Outcome, Recogniser, Spent};
pub(crate) use second_eye::{MAX_KEPT_FRAMES, place};
pub use track::TrackId;

use crate::liveness::{Cues, Liveness, Look};
use crate::vision::Face;
use crate::whitelist::Match;

/// How much was done about a frame, and what it shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// It was skipped: nothing moved and nobody is known to be there, or the door is open.
    Nothing,
    /// The faces in it, the largest first; none in an empty scene.
    Faces(Vec<FaceReport>),
}

/// What is known of one face of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceReport {
    /// The face's number while it is in view.
    pub track: TrackId,
    /// `[x0, y0, x1, y1]` in pixels, possibly a little outside the frame.
    pub rect: [f32; 4],
    /// `[x, y]` in pixels of the left eye, right eye, nose and the corners of the mouth, as
    /// the viewer sees them.
    pub landmarks: [[f32; 2]; 5],
    /// What was measured; nothing of a face that is not looked at closer for now, or lies
    /// outside the frame.
    pub quality: Option<Quality>,
    /// What this frame of the face was good for.
    pub frame_use: FrameUse,
    /// The person most alike by all frames of the face that count together, whatever the
    /// score; nothing unless the probe was compared, or with nobody enrolled.
    pub identity: Option<Match>,
    /// Whether it is a face of flesh and blood, as far as the checks that are on can tell.
    pub liveness: Liveness,
    /// What was measured for that.
    pub cues: Cues,
    /// What the infrared camera shows of it, where there is one and the face was compared.
    pub infrared: Option<Look>,
}

impl FaceReport {
    /// Of a face that nothing new is known of.
    fn followed(face: &Face, track: TrackId) -> Self {
        Self {
            track,
            rect: face.rect,
            landmarks: face.landmarks,
            quality: None,
            frame_use: FrameUse::Skipped,
            identity: None,
            liveness: Liveness::Unknown,
            cues: Cues::default(),
            infrared: None,
        }
    }

    /// Whether the face could be compared, or needed not to be.
    pub(crate) fn is_usable(&self) -> bool {
        !matches!(self.frame_use, FrameUse::Flawed(_))
    }
}

/// What a frame of a face was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameUse {
    /// Not for comparing.
    Flawed(Flaw),
    /// It would tell nothing that the frames before did not.
    Skipped,
    /// It was embedded, and compared together with the frames before.
    Compared,
}
