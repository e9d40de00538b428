//! The one configuration file: types, defaults, validation.
//!
//! A file is accepted whole or not at all. Every key has a default, and
//! `config/doorward.toml` shows each of them with its meaning; a test keeps the
//! two equal. An unknown key, a wrong type or a value out of range is refused
//! with the line and column it stands at, because a misspelt safety setting that
//! is silently ignored is a door that opens.

mod range;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cohort::Score;
use crate::risk::{Asked, FalseAccept};
use serde::{Deserialize, Serialize};

/// Where the configuration is looked for when nothing else is said.
pub const DEFAULT_PATH: &str = "/etc/doorward/doorward.toml";

/// Everything an administrator can set.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where pictures come from.
    pub camera: Camera,
    /// Which networks run, and on what.
    pub models: Models,
    /// What counts as a face worth judging.
    pub vision: Vision,
    /// When a judged face opens the door.
    pub access: Access,
    /// How long the door stays unlocked.
    pub door: Door,
    /// The output that moves the strike.
    pub relay: Relay,
    /// Where people and events are kept.
    pub whitelist: Whitelist,
    /// How long events are kept.
    pub audit: Audit,
    /// The process itself.
    pub daemon: Daemon,
}

/// `[camera]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Camera {
    /// V4L2 device, or a recording.
    pub source: Source,
    /// V4L2 capture device.
    pub device: PathBuf,
    /// Frame width asked of the camera, in pixels.
    #[serde(deserialize_with = "range::frame_side")]
    pub width: u32,
    /// Frame height asked of the camera, in pixels.
    #[serde(deserialize_with = "range::frame_side")]
    pub height: u32,
    /// Frames a second asked of the camera.
    #[serde(deserialize_with = "range::fps")]
    pub fps: u32,
    /// Pixel format asked of the camera.
    pub format: Format,
    /// Without a frame for this long the camera counts as lost.
    #[serde(deserialize_with = "range::stall_ms")]
    pub stall_ms: u64,
    /// The recording, with `source = "replay"`.
    pub replay: Replay,
}

/// Where frames come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A Video4Linux capture device.
    V4l2,
    /// A folder of pictures or a clip.
    Replay,
}

/// Pixel formats a camera can be asked for (V4L2 names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Format {
    /// The first of YUYV, NV12, MJPG, GREY that the camera offers at the asked size.
    #[serde(rename = "auto")]
    Auto,
    /// Packed YUV 4:2:2, 2 bytes a pixel.
    #[serde(rename = "YUYV")]
    Yuyv,
    /// One JPEG a frame.
    #[serde(rename = "MJPG")]
    Mjpg,
    /// Semi-planar YUV 4:2:0, 1.5 bytes a pixel.
    #[serde(rename = "NV12")]
    Nv12,
    /// 8 bit luma, 1 byte a pixel (infrared cameras).
    #[serde(rename = "GREY")]
    Grey,
}

/// `[camera.replay]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replay {
    /// A folder of pictures (in name order, sub-folders too), a `.mjpeg` or a `.y4m` clip.
    pub path: PathBuf,
    /// Frames a second at which pictures are shown; a `.y4m` clip brings its own.
    #[serde(deserialize_with = "range::fps")]
    pub fps: u32,
    /// As recorded, or every frame as soon as the last one is judged.
    pub pace: Pace,
    /// Start again at the end instead of stopping the daemon.
    pub repeat: bool,
}

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// At `fps`; a slow consumer misses frames, as with a camera.
    RealTime,
    /// No frame is missed, none is waited for.
    EveryFrame,
}

/// `[models]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// Folder with `manifest.toml` and the files it names.
    pub dir: PathBuf,
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// Threads a network may use.
    #[serde(deserialize_with = "range::threads")]
    pub threads: usize,
    /// Manifest ids to use instead of each role's default.
    pub choose: Vec<String>,
    /// What computes the networks.
    pub accelerator: Accelerator,
    /// Who chooses among equally good networks.
    pub precision: Precision,
    /// Where that choice is kept.
    pub cache: PathBuf,
}

/// Who chooses among equally good networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// The manifest's defaults.
    Manifest,
    /// The time they take on this machine, measured once.
    Auto,
}

/// What computes the networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// The CPU, as ONNX Runtime does it.
    Cpu,
    /// An NVIDIA GPU, such as a Jetson's.
    Cuda,
    /// The same by TensorRT, which compiles each network when it is first loaded.
    Tensorrt,
    /// The CPU, by XNNPACK.
    Xnnpack,
    /// An Arm CPU, by the Arm Compute Library.
    Acl,
}

impl Accelerator {
    /// Its name in configurations, and that of the cargo feature it takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Tensorrt => "tensorrt",
            Self::Xnnpack => "xnnpack",
            Self::Acl => "acl",
        }
    }
}

/// `[vision]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vision {
    /// Smallest face looked for, in pixels (side of the detector's square box).
    #[serde(deserialize_with = "range::min_face_px")]
    pub min_face_px: u32,
    /// Smallest ratio between one level of the detector's pyramid and the next.
    #[serde(deserialize_with = "range::scale_factor")]
    pub scale_factor: f32,
    /// Scores a window must pass in P-Net, R-Net and O-Net.
    #[serde(deserialize_with = "range::unit_triple")]
    pub thresholds: [f32; 3],
    /// Detector score a face needs to be judged.
    #[serde(deserialize_with = "range::unit")]
    pub min_score: f32,
    /// Sharpness a face needs to be judged; see `recognise::Quality`.
    #[serde(deserialize_with = "range::sharpness")]
    pub min_sharpness: f32,
    /// Mean luma (0..255) a face needs to be judged.
    #[serde(deserialize_with = "range::luma")]
    pub min_luma: f32,
    /// Largest face looked for, in pixels; 0 for any.
    #[serde(deserialize_with = "range::max_face_px")]
    pub max_face_px: u32,
    /// Where faces are looked for: left, top, right and bottom as shares of the picture.
    #[serde(deserialize_with = "range::region")]
    pub region: [f32; 4],
    /// Whether frames that tell nothing new are left out.
    pub economy: bool,
    /// Faces judged in one frame at most, the largest first.
    #[serde(deserialize_with = "range::max_faces")]
    pub max_faces: usize,
}

/// `[access]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// How many strangers it may take until one is let in; the threshold follows from it.
    pub false_accept: FalseAccept,
    /// The derived threshold is never lower than this score.
    #[serde(deserialize_with = "range::threshold")]
    pub floor: f32,
    /// The score a face needs, whatever the risk; higher is stricter. Nothing: by the risk.
    #[serde(deserialize_with = "range::some_threshold")]
    pub threshold: Option<f32>,
    /// Frames that must agree on one person.
    #[serde(deserialize_with = "range::frames")]
    pub frames: usize,
    /// Time within which they must.
    #[serde(deserialize_with = "range::window_ms")]
    pub window_ms: u64,
    /// After a grant or a refusal, nothing more is said about that person or stranger for this long.
    #[serde(deserialize_with = "range::cooldown_ms")]
    pub cooldown_ms: u64,
    /// A frame older than this when it has been judged decides nothing.
    #[serde(deserialize_with = "range::max_frame_age_ms")]
    pub max_frame_age_ms: u64,
}

/// `[door]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Door {
    /// How long a grant energises the relay.
    #[serde(deserialize_with = "range::pulse_ms")]
    pub pulse_ms: u64,
}

/// `[relay]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Relay {
    /// What switches the relay.
    pub driver: Driver,
    /// Level that energises it.
    pub active: Level,
    /// GPIO chip: its label or its device path, with `driver = "gpiochip"`.
    pub chip: String,
    /// GPIO line: its name, or its number on the chip.
    pub line: Line,
    /// File that stands for the line, with `driver = "simulated"`.
    pub state_file: PathBuf,
}

/// What switches the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A file that keeps the level a line would have, for trials and tests.
    Simulated,
    /// The kernel's GPIO character device: Raspberry Pi, Jetson and the rest.
    Gpiochip,
    /// The Raspberry Pi's registers, in a build with the `rppal` feature.
    Rppal,
}

/// An electrical level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The line is driven high.
    High,
    /// The line is driven low.
    Low,
}

/// A GPIO line, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// Offset on its chip (on a Raspberry Pi the BCM number).
    Number(u32),
    /// The name the kernel gives it, such as `GPIO17`.
    Name(String),
}

/// `[whitelist]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Whitelist {
    /// SQLite file with people, templates and events.
    pub database: PathBuf,
    /// Whether the pictures templates are made from are kept in it.
    pub keep_photos: bool,
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Events older than this are deleted.
    #[serde(deserialize_with = "range::keep_days")]
    pub keep_days: u32,
    /// More events than this are not kept: the oldest go first.
    #[serde(deserialize_with = "range::keep_events")]
    pub keep_events: u64,
}

/// `[daemon]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Daemon {
    /// A part without progress for this long is a fault: the door is locked and the process ends.
    #[serde(deserialize_with = "range::hang_ms")]
    pub hang_ms: u64,
    /// How much is logged.
    pub log: LogLevel,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Faults only.
    Error,
    /// What needs an administrator.
    Warn,
    /// Decisions and changes of state.
    Info,
    /// Every judged frame.
    Debug,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            source: Source::V4l2,
            device: "/dev/video0".into(),
            width: 640,
            height: 480,
            fps: 15,
            format: Format::Auto,
            stall_ms: 2000,
            replay: Replay::default(),
        }
    }
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            path: "/var/lib/doorward/replay".into(),
            fps: 15,
            pace: Pace::RealTime,
            repeat: false,
        }
    }
}

impl Default for Models {
    fn default() -> Self {
        Self {
            dir: "/usr/share/doorward/models".into(),
            runtime: "/usr/lib/doorward/libonnxruntime.so".into(),
            threads: 2,
            choose: Vec::new(),
            accelerator: Accelerator::Cpu,
            precision: Precision::Manifest,
            cache: "/var/lib/doorward/networks.toml".into(),
        }
    }
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            min_face_px: 80,
            scale_factor: 0.709,
            thresholds: [0.6, 0.7, 0.7],
            min_score: 0.9,
            min_sharpness: 10.0,
            min_luma: 35.0,
            max_face_px: 0,
            region: [0.0, 0.0, 1.0, 1.0],
            economy: true,
            max_faces: 4,
        }
    }
}

impl Access {
    /// What it asks of the threshold.
    pub fn asked(&self) -> Asked {
        Asked {
            risk: self.false_accept,
            floor: Score::new(self.floor),
            own: self.threshold.map(Score::new),
        }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            false_accept: FalseAccept::default(),
            floor: 0.4,
            threshold: None,
            frames: 3,
            window_ms: 1500,
            cooldown_ms: 5000,
            max_frame_age_ms: 1000,
        }
    }
}

impl Default for Door {
    fn default() -> Self {
        Self { pulse_ms: 3000 }
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            driver: Driver::Gpiochip,
            active: Level::High,
            chip: "pinctrl-bcm2711".into(),
            line: Line::Number(17),
            state_file: "/run/doorward/relay".into(),
        }
    }
}

impl Default for Whitelist {
    fn default() -> Self {
        Self {
            database: "/var/lib/doorward/doorward.db".into(),
            keep_photos: false,
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            keep_days: 400,
            keep_events: 1_000_000,
        }
    }
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            hang_ms: 4000,
            log: LogLevel::Info,
        }
    }
}

impl Access {
    /// The window as a duration.
    pub fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read configuration {path}: {source}; give another with --config FILE")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a valid configuration.
    #[error("{path}:{place}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line and column.
        place: Place,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// A place in a text file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Place {
    fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|&c| c != '\n').count() + 1,
        }
    }
}

/// Just the part that says where the relay is, read past mistakes elsewhere.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RelayAlone {
    relay: Relay,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// Relative paths in it are taken from the folder the file is in.
    ///
    /// # Errors
    /// [`ConfigError`] if it cannot be read, is not TOML, has an unknown key, a
    /// value of a wrong type or one out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut config = Self::parse(&read(path)?, path)?;
        config.anchor(path);
        Ok(config)
    }

    /// Checks a configuration text; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`Config::load`], without the reading.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = from_toml(text, path)?;
        if let Err(message) = config.check_combinations() {
            let at = text.find("[access]").unwrap_or(0);
            return Err(ConfigError::Invalid {
                path: path.to_owned(),
                place: Place::of(text, at),
                message,
            });
        }
        Ok(config)
    }

    /// Reads only `[relay]`, so that a door can be locked by a file that is
    /// wrong in any other section.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read, is not TOML at all, or is
    /// wrong in `[relay]`.
    pub fn load_relay(path: &Path) -> Result<Relay, ConfigError> {
        let RelayAlone { mut relay } = from_toml(&read(path)?, path)?;
        anchor(&mut relay.state_file, path);
        Ok(relay)
    }

    fn anchor(&mut self, file: &Path) {
        for path in [
            &mut self.camera.replay.path,
            &mut self.models.dir,
            &mut self.models.runtime,
            &mut self.models.cache,
            &mut self.relay.state_file,
            &mut self.whitelist.database,
        ] {
            anchor(path, file);
        }
    }

    /// What no single value can get wrong.
    fn check_combinations(&self) -> Result<(), String> {
        let needed_ms = (self.access.frames as u64).saturating_sub(1) * 1000
            / u64::from(self.camera.fps.max(1));
        if needed_ms > self.access.window_ms {
            return Err(format!(
                "access.frames = {} frames at camera.fps = {} take {needed_ms} ms, longer than \
                 access.window_ms = {}: nobody could ever be let in; raise window_ms or lower frames",
                self.access.frames, self.camera.fps, self.access.window_ms
            ));
        }
        Ok(())
    }
}

fn anchor(path: &mut PathBuf, file: &Path) {
    if let (true, Some(dir)) = (path.is_relative(), file.parent()) {
        *path = dir.join(&*path);
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The key whose value stands at `offset`, if one does.
fn key_before(text: &str, offset: usize) -> Option<&str> {
    let line = text.get(..offset)?.lines().next_back()?;
    let key = line.trim_end().strip_suffix('=')?.trim();
    (!key.is_empty()).then_some(key)
}

fn from_toml<T: serde::de::DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let message = error.message().replace('\n', "; ");
        ConfigError::Invalid {
            path: path.to_owned(),
            place: Place::of(text, at),
            message: match key_before(text, at) {
                Some(key) => format!("{key}: {message}"),
                None => message,
            },
        }
    })
}
