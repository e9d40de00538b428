//! `[camera]`, `[camera.replay]` and `[camera.infrared]`: where pictures come from.

use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::de::DeValue;

use super::anchor;
use super::file::File;
use super::infrared::Infrared;
use super::section::{Section, choice, defaults, text};

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
    /// How far its pictures are turned clockwise to be upright.
    pub rotate: Rotation,
    /// Whether they are mirrored left to right, after that.
    pub mirror: bool,
    /// Without a frame for this long the camera counts as lost.
    pub stall_ms: u64,
    /// So many equal pictures in a row are a frozen camera, which counts as lost; 0: never.
    pub max_identical_frames: u32,
    /// The recording, with `source = "replay"`.
    pub replay: Replay,
    /// The second camera, where there is one: every grant by a face then needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infrared: Option<Box<Infrared>>,
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
        /// The first of YUYV, NV12, MJPG, GREY that the camera offers at the asked size, else
        /// another that can be read.
        Auto = "auto",
        /// Packed YUV 4:2:2, 2 bytes a pixel.
        Yuyv = "YUYV",
        /// One JPEG a frame.
        Mjpg = "MJPG",
        /// Semi-planar YUV 4:2:0, 1.5 bytes a pixel.
        Nv12 = "NV12",
        /// 8 bit luma, 1 byte a pixel (infrared cameras).
        Grey = "GREY",
        /// Luma of up to 16 bits, 2 bytes a pixel (infrared cameras).
        Y16 = "Y16",
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

/// How far a picture is turned clockwise, in quarters of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(into = "u32")]
pub enum Rotation {
    #[default]
    None,
    Right,
    Half,
    Left,
}

impl From<Rotation> for u32 {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::None => 0,
            Rotation::Right => 90,
            Rotation::Half => 180,
            Rotation::Left => 270,
        }
    }
}

fn rotation(value: &DeValue<'_>) -> Result<Rotation, String> {
    let degrees = match value {
        DeValue::Integer(number) => number.as_str(),
        DeValue::String(number) if number.parse::<i32>().is_ok() => {
            return Err(format!("is text: write {number} without quotes"));
        }
        _ => "",
    };
    [
        Rotation::None,
        Rotation::Right,
        Rotation::Half,
        Rotation::Left,
    ]
    .into_iter()
    .find(|rotation| u32::from(*rotation).to_string() == degrees)
    .ok_or_else(|| "is not known: write 0, 90, 180 or 270, in degrees clockwise".into())
}

/// A path; an address is not taken for one.
fn device(value: &DeValue<'_>) -> Result<PathBuf, String> {
    let path = text(value, "a path")?;
    match path.split_once("://") {
        Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric()) => Err(format!(
            "is a network address ({scheme}), and doorward reads Video4Linux devices: bridge it, `sudo modprobe v4l2loopback video_nr=9 exclusive_caps=1` and `ffmpeg -i ADDRESS -pix_fmt yuv420p -f v4l2 /dev/video9`, and write \"/dev/video9\""
        )),
        _ => Ok(path.into()),
    }
}

impl Camera {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let camera = Self::read_one(section, "/dev/video0", (640, 480), "camera.replay");
        Self {
            infrared: section.section("infrared", "camera.infrared", Infrared::read),
            ..camera
        }
    }

    /// The keys that every camera has; `replay` is the full name of its recording's section.
    pub(super) fn read_one(
        section: &mut Section<'_, '_>,
        at: &str,
        (width, height): (u32, u32),
        replay: &'static str,
    ) -> Self {
        Self {
            source: section.choice("source", Source::V4l2),
            device: section.read("device", at.into(), device),
            width: section.whole("width", width, 64..=4096, "pixels"),
            height: section.whole("height", height, 64..=4096, "pixels"),
            fps: section.whole("fps", 15, 1..=120, "frames a second"),
            format: section.choice("format", Format::Auto),
            rotate: section.read("rotate", Rotation::None, rotation),
            mirror: section.flag("mirror", false),
            stall_ms: section.whole("stall_ms", 2000, 200..=60_000, "milliseconds"),
            max_identical_frames: section.whole(
                "max_identical_frames",
                150,
                0..=100_000,
                "pictures (0: any number)",
            ),
            replay: section.section("replay", replay, Replay::read),
            infrared: None,
        }
    }

    /// A device has one holder.
    pub(super) fn cross_check(&self, file: &mut File<'_>) {
        let second = self.infrared.as_ref().map(|infrared| &infrared.camera);
        let is_shared = second.is_some_and(|second| {
            let live = [self.source, second.source]
                .iter()
                .all(|s| *s == Source::V4l2);
            live && second.device == self.device
        });
        file.cross_check(&[("camera.infrared", "device")], !is_shared, || {
            "camera.infrared.device and camera.device are one device; an infrared camera has a node of its own (`v4l2-ctl --list-devices`)".into()
        });
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        anchor(&mut self.replay.path, folder);
        if let Some(infrared) = &mut self.infrared {
            infrared.camera.anchor(folder);
        }
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
