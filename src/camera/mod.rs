//! Where frames come from. A frame enters here once and only moves forward.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

/// One picture and when it was taken.
#[derive(Debug, Clone)]
pub struct Frame {
    /// 8 bit RGB, row-major.
    pub image: RgbImage,
    /// When it was taken, on the monotonic clock.
    pub at: Instant,
    /// Counts up from 0 since the source was opened; gaps are frames dropped.
    pub sequence: u64,
    /// The picture of a recording it came from; nothing for a live camera.
    pub origin: Option<Arc<str>>,
}

/// What a source gives when asked.
#[derive(Debug)]
pub enum Next {
    /// The next frame.
    Frame(Frame),
    /// A recording is over.
    Ended,
}

/// A camera, or what stands in for one.
pub trait FrameSource: Send {
    /// The next frame, waiting for it at most `timeout`.
    ///
    /// # Errors
    /// [`CameraError`]; [`CameraError::is_passing`] tells whether to ask again or to reopen.
    fn next_frame(&mut self, timeout: Duration) -> Result<Next, CameraError>;

    /// What it is, for a person: device, size, format.
    fn describe(&self) -> String;
}

/// Why there is no frame. (To be filled in by the camera room.)
#[derive(Debug, thiserror::Error)]
pub enum CameraError {}

impl CameraError {
    /// Whether the source is still good and only this frame is lost.
    pub fn is_passing(&self) -> bool {
        match *self {}
    }
}
