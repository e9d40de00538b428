//! Why there is no frame, no camera or no recording.

use std::io;
use std::path::{Path, PathBuf};

use super::negotiate::Layout;
use super::picture::PictureFault;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// There is no such device.
    #[error(
        "there is no camera at {device}; plug it in, or set camera.device (`ls /dev/v4l/by-id` shows what is there)"
    )]
    NotFound { device: PathBuf },
    /// Another program uses it.
    #[error(
        "the camera {device} is in use by another program; end that program (`fuser {device}` shows it)"
    )]
    Busy { device: PathBuf },
    /// The user may not use it.
    #[error(
        "no permission to use the camera {device}; add the user to the group \"video\", or use sudo"
    )]
    Permission { device: PathBuf },
    /// The path leads to something else.
    #[error("{device} is not a camera: {found}; set camera.device to a capture device")]
    NotACamera {
        device: PathBuf,
        /// What is there.
        found: NotACamera,
    },
    /// None of its formats is known, or not the one that is asked for.
    #[error(
        "the camera {device} does not offer {}; it offers {}: set camera.format",
        either(asked),
        all(offered)
    )]
    NoUsableFormat {
        device: PathBuf,
        /// The formats of which one would do.
        asked: Vec<Layout>,
        /// V4L2's codes of those there are.
        offered: Vec<[u8; 4]>,
    },
    /// Pictures so large that no memory is asked for, or without a size.
    #[error(
        "the camera {device} gives pictures of {width}x{height}, and 1 to {most} a side are possible; set camera.width and camera.height to a size it offers (`doorward check` lists them), or choose another camera.format"
    )]
    ImpossibleSize {
        device: PathBuf,
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// In pixels.
        most: u32,
    },
    /// The bus cannot carry its pictures.
    #[error(
        "the USB bandwidth is not enough for the camera {device}; choose camera.format = \"MJPG\", a smaller picture (camera.width, camera.height) or fewer frames a second (camera.fps), or put it on another USB port"
    )]
    NoBandwidth { device: PathBuf },
    /// Frames that come too late to count.
    #[error(
        "the frames of {place} are too old to count: the last {frames} were {} old when they came, and access.max_frame_age_ms is {limit_ms}; look at what delays them (a bridge, a hub, a busy machine), or at the driver, whose times may be wrong",
        ages(*least_ms, *most_ms)
    )]
    TooOld {
        /// The device.
        place: PathBuf,
        /// In a row.
        frames: u32,
        /// Of the youngest.
        least_ms: u64,
        /// Of the oldest.
        most_ms: u64,
        /// `access.max_frame_age_ms`
        limit_ms: u64,
    },
    /// It is gone.
    #[error("the camera {device} was unplugged; plug it in again")]
    Unplugged { device: PathBuf },
    /// No frame within the time asked for.
    #[error("no frame from {place} in {waited_ms} ms; look at its cable and its power")]
    Stalled {
        /// The device or recording.
        place: PathBuf,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The same picture again and again.
    #[error(
        "{frames} pictures in a row from {place} are the same: the camera is frozen; cut its power for a moment, or look at what feeds it (camera.max_identical_frames)"
    )]
    Frozen {
        /// The device or recording.
        place: PathBuf,
        frames: u32,
    },
    /// A frame that cannot be used.
    #[error(
        "a frame of {}{} is spoilt: {fault}; if this goes on, look at the cable, or choose another camera.format",
        place.display(),
        within(origin)
    )]
    BadFrame {
        /// The device or recording.
        place: PathBuf,
        /// Where in a recording.
        origin: Option<String>,
        /// What is wrong with it.
        fault: FrameFault,
    },
    /// A recording that cannot be played.
    #[error(
        "the recording {path} cannot be played: {fault}; make it of a video (ffmpeg -i VIDEO -an -vf scale=640:-2,fps=15 -q:v 3 {path}), or set camera.replay.path"
    )]
    Replay {
        path: PathBuf,
        /// What is wrong with it.
        fault: RecordingFault,
    },
    #[error(
        "the camera {device} failed ({action}): {source}; plug it in again, or look at the kernel's log"
    )]
    Io {
        device: PathBuf,
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What stands where a camera was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotACamera {
    /// A device or file of another kind.
    #[error("it does not speak Video4Linux")]
    NotVideo4Linux,
    /// A folder.
    #[error("it is a folder")]
    Folder,
    /// A Video4Linux device without capture, by the name it gives itself.
    #[error("{0} does not capture pictures")]
    NoCapture(String),
    /// A Video4Linux device that is only read like a file, by the name it gives itself.
    #[error("{0} does not stream")]
    NoStreaming(String),
}

/// What is wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameFault {
    /// The driver set `V4L2_BUF_FLAG_ERROR`.
    #[error("the driver marked it as damaged")]
    MarkedDamaged,
    /// It claims more bytes than its buffer holds.
    #[error("it is larger than its buffer")]
    LargerThanBuffer,
    /// A raw frame with too few bytes, or of no size.
    #[error("{bytes} bytes are not the {needed} of a {width}x{height} frame")]
    TooShort {
        /// Bytes there are.
        bytes: usize,
        /// Bytes its shape needs.
        needed: u64,
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// A JPEG of another size than was agreed with the camera.
    #[error("it is {}x{} and not {}x{}", found.0, found.1, agreed.0, agreed.1)]
    OtherSize {
        /// Width and height of the JPEG, in pixels.
        found: (usize, usize),
        /// Width and height expected, in pixels.
        agreed: (u32, u32),
    },
    /// A JPEG without its end marker.
    #[error("the JPEG is cut off")]
    CutOff,
    /// Bytes that do not begin like a JPEG.
    #[error("it does not start like a JPEG")]
    NoJpegStart,
    /// What the decoder said about a JPEG.
    #[error("not a JPEG: {0}")]
    NotAJpeg(String),
    /// The decoder panicked.
    #[error("the JPEG decoder failed on it")]
    DecoderFailed,
    /// What the converter to RGB said about a raw frame.
    #[error("it cannot be converted: {0}")]
    NotConverted(String),
    /// A picture of a recorded folder.
    #[error(transparent)]
    Picture(#[from] PictureFault),
    /// A clip that ends within a frame.
    #[error("the clip is cut off")]
    ClipCutOff,
    /// More bytes than a frame of a clip may have.
    #[error("a frame has more than {} MB", .0 >> 20)]
    TooManyBytes(usize),
    /// A YUV4MPEG2 frame without its mark.
    #[error("a frame does not start with FRAME; the rest is left out")]
    NoMark,
    /// The clip cannot be read.
    #[error("{0}")]
    Unreadable(io::Error),
}

/// What is wrong with a recording as a whole.
#[derive(Debug, thiserror::Error)]
pub enum RecordingFault {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// It was played to its end.
    #[error("it is over; set camera.replay.repeat to have it begin again")]
    Over,
    /// A folder without pictures.
    #[error("there is no .jpg, .jpeg or .png in it")]
    NoPictures,
    /// Folders in folders without end.
    #[error("its folders are nested too deep")]
    TooDeep,
    /// More pictures than a folder may hold.
    #[error("it has more than {0} pictures")]
    TooManyPictures(usize),
    /// A clip that is no Motion JPEG.
    #[error("it does not start with a JPEG")]
    NotMjpeg,
    /// A clip that is no YUV4MPEG2.
    #[error("it does not start with YUV4MPEG2")]
    NotY4m,
    /// A YUV4MPEG2 pixel format, by its name there.
    #[error("its pixel format {0} is not known here; convert it to 420")]
    UnknownChroma(String),
    /// A YUV4MPEG2 header without a usable size.
    #[error("its header has no size between 16 and 8192")]
    NoSize,
    /// Neither a folder nor a clip.
    #[error("it is neither a folder nor a .mjpeg or .y4m clip")]
    UnknownKind,
}

impl CameraError {
    /// Whether the source is still good and only this frame is lost.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::BadFrame { .. } | Self::Stalled { .. })
    }

    /// What the system's word means for a camera that was `opened` or not yet.
    pub(super) fn from_io(
        device: &Path,
        action: &'static str,
        opened: bool,
        source: io::Error,
    ) -> Self {
        let device = device.to_path_buf();
        match source.raw_os_error() {
            Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) if !opened => Self::NotFound { device },
            Some(libc::ENODEV | libc::ENXIO) => Self::Unplugged { device },
            Some(libc::ENOSPC) => Self::NoBandwidth { device },
            Some(libc::EBUSY) => Self::Busy { device },
            Some(libc::EACCES | libc::EPERM) => Self::Permission { device },
            Some(libc::ENOTTY) => Self::NotACamera {
                device,
                found: NotACamera::NotVideo4Linux,
            },
            Some(libc::EISDIR) => Self::NotACamera {
                device,
                found: NotACamera::Folder,
            },
            _ => Self::Io {
                device,
                action,
                source,
            },
        }
    }
}

/// `YUYV, NV12 or GREY`.
fn either(layouts: &[Layout]) -> String {
    let names: Vec<String> = layouts.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => "nothing".into(),
    }
}

/// `YUYV, MJPG`.
fn all(fourccs: &[[u8; 4]]) -> String {
    if fourccs.is_empty() {
        return "nothing".into();
    }
    let names = fourccs.iter().map(|code| String::from_utf8_lossy(code));
    let names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.join(", ")
}

/// `3000 to 3066 ms`.
fn ages(least_ms: u64, most_ms: u64) -> String {
    if least_ms == most_ms {
        format!("{least_ms} ms")
    } else {
        format!("{least_ms} to {most_ms} ms")
    }
}

/// ` (2-b/y.jpg)`.
fn within(origin: &Option<String>) -> String {
    origin.as_ref().map_or(String::new(), |o| format!(" ({o})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_becomes_what_to_do() {
        let map = |errno, opened| {
            let error = io::Error::from_raw_os_error(errno);
            CameraError::from_io(Path::new("/dev/video7"), "waiting", opened, error).to_string()
        };
        for (errno, opened, expected) in [
            (libc::ENOENT, false, "there is no camera at /dev/video7"),
            (libc::ENODEV, false, "there is no camera at /dev/video7"),
            (libc::ENODEV, true, "was unplugged"),
            (libc::EBUSY, false, "in use by another program"),
            (libc::EACCES, false, "group \"video\""),
            (libc::ENOTTY, false, "not a camera"),
            (libc::ENOSPC, false, "camera.format = \"MJPG\""),
            (libc::EIO, true, "failed (waiting)"),
        ] {
            let said = map(errno, opened);
            assert!(said.contains(expected), "errno {errno}: {said}");
        }
    }

    #[test]
    fn formats_are_told_by_their_codes() {
        let error = CameraError::NoUsableFormat {
            device: "/dev/video7".into(),
            asked: vec![Layout::Yuyv, Layout::Nv12, Layout::Mjpg],
            offered: vec![*b"H264", *b"Y10 "],
        };
        assert_eq!(
            error.to_string(),
            "the camera /dev/video7 does not offer YUYV, NV12 or MJPG; it offers H264, Y10: set camera.format"
        );
    }
}
