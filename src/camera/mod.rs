//! Where frames come from. A frame enters here once and only moves forward.

mod frame;
mod jpeg;
mod negotiate;
mod picture;
mod pixels;
mod replay;
mod v4l2;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config;

pub use frame::{Frame, Glance, Pool};
pub use negotiate::Layout;
pub use picture::{PictureError, load_picture};
pub use pixels::Shape;

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

/// Opens the configured source.
///
/// # Errors
/// [`CameraError`]
pub fn open(config: &config::Camera) -> Result<Box<dyn FrameSource>, CameraError> {
    Ok(match config.source {
        config::Source::V4l2 => Box::new(v4l2::Camera::open(config)?),
        config::Source::Replay => Box::new(replay::Replay::open(&config.replay)?),
    })
}

/// A Motion JPEG frame, decoded into memory of `pool`.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn jpeg_frame(
    bytes: &[u8],
    size: (u32, u32),
    pool: &Arc<Pool>,
    at: Instant,
    sequence: u64,
) -> Result<Frame, String> {
    let rgb = jpeg::decode_into(bytes, size, pool.take())?;
    Frame::decoded(size, rgb, pool, at, sequence)
}

/// What the configured camera offers, a text for each format with its sizes; nothing
/// for a recording. Works while another program streams from it.
///
/// # Errors
/// [`CameraError`] if the device cannot be asked.
pub fn modes(config: &config::Camera) -> Result<Vec<String>, CameraError> {
    match config.source {
        config::Source::V4l2 => v4l2::modes(&config.device).map_err(|error| {
            CameraError::from_io(&config.device, "listing its formats", false, &error)
        }),
        config::Source::Replay => Ok(Vec::new()),
    }
}

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// There is no such device.
    #[error(
        "there is no camera at {device}; plug it in, or set camera.device (`ls /dev/v4l/by-id` shows what is there)"
    )]
    NotFound {
        /// The device.
        device: PathBuf,
    },
    /// Another program uses it.
    #[error(
        "the camera {device} is in use by another program; end that program (`fuser {device}` shows it)"
    )]
    Busy {
        /// The device.
        device: PathBuf,
    },
    /// The user may not use it.
    #[error("no permission to use the camera {device}; add the user to the group \"video\"")]
    Permission {
        /// The device.
        device: PathBuf,
    },
    /// The path leads to something else.
    #[error("{device} is not a camera: {what}; set camera.device to a capture device")]
    NotACamera {
        /// The path.
        device: PathBuf,
        /// What it is.
        what: String,
    },
    /// None of its formats is known, or not the one that is asked for.
    #[error("the camera {device} does not offer {asked}; it offers {offered}: set camera.format")]
    NoUsableFormat {
        /// The device.
        device: PathBuf,
        /// What was asked for.
        asked: String,
        /// What there is.
        offered: String,
    },
    /// It is gone.
    #[error("the camera {device} was unplugged; plug it in again")]
    Unplugged {
        /// The device.
        device: PathBuf,
    },
    /// No frame within the time asked for.
    #[error("no frame from {place} in {waited_ms} ms; look at its cable and its power")]
    Stalled {
        /// The device or recording.
        place: String,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// A frame that cannot be used.
    #[error(
        "a frame of {place} is spoilt: {reason}; if this goes on, look at the cable, or choose another camera.format"
    )]
    BadFrame {
        /// The device, or the picture of a recording.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A recording that cannot be played.
    #[error("the recording {path} cannot be played: {reason}; set camera.replay.path")]
    Replay {
        /// The recording.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else.
    #[error(
        "the camera {device} failed ({action}): {reason}; plug it in again, or look at the kernel's log"
    )]
    Io {
        /// The device.
        device: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        reason: String,
    },
}

impl CameraError {
    /// Whether the source is still good and only this frame is lost.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::BadFrame { .. } | Self::Stalled { .. })
    }

    /// What the system's word means for a camera that was `opened` or not yet.
    fn from_io(device: &Path, action: &'static str, opened: bool, error: &io::Error) -> Self {
        let device = device.to_path_buf();
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) if !opened => Self::NotFound { device },
            Some(libc::ENODEV | libc::ENXIO) => Self::Unplugged { device },
            Some(libc::EBUSY) => Self::Busy { device },
            Some(libc::EACCES | libc::EPERM) => Self::Permission { device },
            Some(libc::ENOTTY) => Self::NotACamera {
                device,
                what: "it does not speak Video4Linux".into(),
            },
            Some(libc::EISDIR) => Self::NotACamera {
                device,
                what: "it is a folder".into(),
            },
            _ => Self::Io {
                device,
                action,
                reason: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn what_the_system_says_becomes_what_to_do() {
        let map = |errno, opened| {
            let error = io::Error::from_raw_os_error(errno);
            CameraError::from_io(Path::new("/dev/video7"), "waiting", opened, &error).to_string()
        };
        for (errno, opened, expected) in [
            (libc::ENOENT, false, "there is no camera at /dev/video7"),
            (libc::ENODEV, false, "there is no camera at /dev/video7"),
            (libc::ENODEV, true, "was unplugged"),
            (libc::EBUSY, false, "in use by another program"),
            (libc::EACCES, false, "group \"video\""),
            (libc::ENOTTY, false, "not a camera"),
            (libc::EIO, true, "failed (waiting)"),
        ] {
            let said = map(errno, opened);
            assert!(said.contains(expected), "errno {errno}: {said}");
        }
    }
}
