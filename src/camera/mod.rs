//! Where frames come from. A frame enters here once and only moves forward:
//! `v4l2` takes the camera's buffer (by `device` and `stream`, which talk to the kernel),
//! `frame` keeps it, as it is or decoded by `jpeg`, and gives it as RGB by `pixels`.

pub mod album;
mod clip;
mod device;
mod error;
mod foreign;
mod frame;
mod frozen;
mod jpeg;
mod negotiate;
mod picture;
mod pixels;
mod planes;
mod replay;
mod stamp;
mod stream;
mod tight;
mod turn;
mod v4l2;

use std::time::Duration;

use self::turn::{Turn, Turned};
use crate::config;

pub use error::{CameraError, FrameFault, NotACamera, RecordingFault};
pub use foreign::Foreign;
pub use frame::{Frame, LumaGrid, Pool};
pub(crate) use frozen::Repeats;
pub use negotiate::Layout;
pub(crate) use picture::read_picture;
pub use picture::{PictureError, PictureFault, load_picture};
pub use pixels::Shape;
pub(crate) use stamp::Stale;

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

    /// Frames a second of a recording; nothing for a camera.
    fn fps(&self) -> Option<f64> {
        None
    }
}

/// Opens the configured source.
///
/// # Errors
/// [`CameraError`]
pub fn open(config: &config::Camera) -> Result<Box<dyn FrameSource>, CameraError> {
    let source: Box<dyn FrameSource> = match config.source {
        config::Source::V4l2 => Box::new(v4l2::Camera::open(config)?),
        config::Source::Replay => Box::new(replay::Replay::open(&config.replay)?),
    };
    let turn = Turn::new(config);
    Ok(if turn.is_none() {
        source
    } else {
        Box::new(Turned { source, turn })
    })
}

/// What the configured camera offers, a text for each format with its sizes; nothing
/// for a recording. Works while another program streams from it.
///
/// # Errors
/// [`CameraError`] if the device cannot be asked.
pub(crate) fn modes(config: &config::Camera) -> Result<Vec<String>, CameraError> {
    match config.source {
        config::Source::V4l2 => v4l2::modes(&config.device),
        config::Source::Replay => Ok(Vec::new()),
    }
}
