//! `[camera]` and `[camera.replay]`: where pictures come from.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::anchor;
use super::section::{Section, choice, defaults};

/// `[camera]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Camera {
    /// V4L2 device, or a recording.
    pub source: Source,
    /// V4L2 capture device.
    pub device: PathBuf,
    /// Frame width asked of the camera, in pixels.
    pub width: u32,
    /// Frame height asked of the camera, in pixels.
    pub height: u32,
    /// Frames a second asked of the camera.
    pub fps: u32,
    /// Pixel format asked of the camera.
    pub format: Format,
    /// Without a frame for this long the camera counts as lost.
    pub stall_ms: u64,
    /// The recording, with `source = "replay"`.
    pub replay: Replay,
}

choice! {
    /// Where frames come from.
    pub enum Source {
        /// A Video4Linux capture device.
        V4l2 = "v4l2",
        /// A folder of pictures or a clip.
        Replay = "replay",
    }
}

choice! {
    /// Pixel formats a camera can be asked for (V4L2 names).
    pub enum Format {
        /// The first of YUYV, NV12, MJPG, GREY that the camera offers at the asked size.
        Auto = "auto",
        /// Packed YUV 4:2:2, 2 bytes a pixel.
        Yuyv = "YUYV",
        /// One JPEG a frame.
        Mjpg = "MJPG",
        /// Semi-planar YUV 4:2:0, 1.5 bytes a pixel.
        Nv12 = "NV12",
        /// 8 bit luma, 1 byte a pixel (infrared cameras).
        Grey = "GREY",
    }
}

/// `[camera.replay]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// A folder of pictures (in name order, sub-folders too), a `.mjpeg` or a `.y4m` clip.
    pub path: PathBuf,
    /// Frames a second at which pictures are shown; a `.y4m` clip brings its own.
    pub fps: u32,
    /// As recorded, or every frame as soon as the last one is judged.
    pub pace: Pace,
    /// Start again at the end instead of stopping the daemon.
    pub repeat: bool,
}

choice! {
    /// How fast a recording is played.
    pub enum Pace {
        /// At `fps`; a slow consumer misses frames, as with a camera.
        RealTime = "real-time",
        /// No frame is missed, none is waited for.
        EveryFrame = "every-frame",
    }
}

impl Camera {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            source: section.choice("source", Source::V4l2),
            device: section.path("device", "/dev/video0"),
            width: section.whole("width", 640, 64..=4096, "pixels"),
            height: section.whole("height", 480, 64..=4096, "pixels"),
            fps: section.whole("fps", 15, 1..=120, "frames a second"),
            format: section.choice("format", Format::Auto),
            stall_ms: section.whole("stall_ms", 2000, 200..=60_000, "milliseconds"),
            replay: section.section("replay", "camera.replay", Replay::read),
        }
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        anchor(&mut self.replay.path, folder);
    }
}

impl Replay {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            path: section.path("path", "/var/lib/doorward/replay"),
            fps: section.whole("fps", 15, 1..=120, "frames a second"),
            pace: section.choice("pace", Pace::RealTime),
            repeat: section.flag("repeat", false),
        }
    }
}

impl Default for Camera {
    fn default() -> Self {
        defaults(Self::read)
    }
}

impl Default for Replay {
    fn default() -> Self {
        defaults(Self::read)
    }
}
