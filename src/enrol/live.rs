//! Taking a person's photos with the camera.

use std::time::{Duration, Instant};

use super::session::Session;
use crate::camera::{CameraError, Frame, FrameSource, Next};

/// How long a frame is waited for.
const MAX_FRAME_WAIT: Duration = Duration::from_millis(200);
/// Frames in a row show the same: one in this time says more.
const MIN_PHOTO_INTERVAL: Duration = Duration::from_millis(500);

/// What to tell the person in front of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress<'p> {
    /// So many photos are taken.
    Taken(usize),
    /// A frame was left out for this reason; said once until the reason changes.
    Waiting(&'p str),
}

/// Why there are not enough photos.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// The time is over.
    #[error(
        "{taken} of {wanted} good pictures in {} s, the last one was left out because {reason}", patience.as_secs()
    )]
    TooSlow {
        /// Photos taken.
        taken: usize,
        /// Photos wanted.
        wanted: usize,
        /// The time there was.
        patience: Duration,
        /// Why the last frame was left out.
        reason: String,
    },
    /// A recording has no more frames.
    #[error(
        "the recording ended after {taken} of {wanted} good pictures; take a longer one, or ask for fewer (--pictures)"
    )]
    Ended {
        /// Photos taken.
        taken: usize,
        /// Photos wanted.
        wanted: usize,
    },
    /// The camera failed.
    #[error(transparent)]
    Camera(#[from] CameraError),
}

/// Adds `wanted` good frames of `source` to a session, not longer than `patience`.
///
/// # Errors
/// [`LiveError`]; some frames may have been added.
pub fn take(
    session: &mut Session<'_>,
    source: &mut dyn FrameSource,
    wanted: usize,
    patience: Duration,
    mut tell: impl FnMut(Progress<'_>),
) -> Result<(), LiveError> {
    let start = Instant::now();
    let mut said = String::new();
    let mut next_at = start;
    let mut taken = 0;
    while taken < wanted {
        if start.elapsed() >= patience {
            if said.is_empty() {
                said.push_str("no frame came");
            }
            return Err(LiveError::TooSlow {
                taken,
                wanted,
                patience,
                reason: said,
            });
        }
        let frame = match source.next_frame(MAX_FRAME_WAIT) {
            Ok(Next::Frame(frame)) => frame,
            Ok(Next::Ended) => return Err(LiveError::Ended { taken, wanted }),
            Err(error) if error.is_passing() => {
                if matches!(error, CameraError::BadFrame { .. }) {
                    said = error.to_string();
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if Instant::now() < next_at {
            continue;
        }
        let moment = moment(&frame, taken + 1, start, source.fps());
        match session.add(&frame.to_rgb(), moment) {
            Ok(()) => {
                taken += 1;
                tell(Progress::Taken(taken));
                next_at = Instant::now() + MIN_PHOTO_INTERVAL;
                said.clear();
            }
            Err(why) => {
                let why = why.to_string();
                if why != said {
                    tell(Progress::Waiting(&why));
                    said = why;
                }
            }
        }
    }
    Ok(())
}

/// What a picture is called, so that it is found again: of a recording by its frame.
fn moment(frame: &Frame, picture: usize, start: Instant, fps: Option<f64>) -> String {
    match (&frame.origin, fps) {
        (Some(origin), Some(fps)) => format!(
            "picture {picture}, frame {origin} of the recording, {:.1} s into it",
            frame.sequence as f64 / fps
        ),
        (Some(origin), None) => format!("picture {picture}, frame {origin} of the recording"),
        (None, _) => format!(
            "picture {picture}, {:.0} s after the first was asked for",
            start.elapsed().as_secs_f64()
        ),
    }
}
