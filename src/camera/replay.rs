//! A recording in place of a camera: a folder of pictures or a clip, at the pace
//! of a camera or as fast as each frame is judged.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::RgbImage;

use super::clip::{self, Y4m};
use super::{CameraError, Frame, FrameFault, FrameSource, Next, RecordingFault, picture};
use crate::config::{self, Pace};
use crate::files::{self, Kind};

/// Pictures a folder may hold.
const MAX_PICTURES: usize = 1_000_000;
/// Folders in one another.
const MAX_DEPTH: usize = 8;

/// A recording being played.
pub(super) struct Replay {
    path: PathBuf,
    frames: Frames,
    fps: f64,
    pace: Pace,
    repeat: bool,
    /// When frame 0 was due; set by the first call.
    start: Option<Instant>,
    /// The number of the frame that comes next.
    next: u64,
}

/// Where the frames are.
enum Frames {
    Folder { pictures: Vec<PathBuf>, at: usize },
    Mjpeg(BufReader<File>),
    Y4m { file: BufReader<File>, header: Y4m },
}

impl Replay {
    pub(super) fn open(config: &config::Replay) -> Result<Self, CameraError> {
        let frames = open(&config.path).map_err(|fault| CameraError::Replay {
            path: config.path.clone(),
            fault,
        })?;
        let fps = match &frames {
            Frames::Y4m { header, .. } => header.fps(),
            Frames::Folder { .. } | Frames::Mjpeg(_) => None,
        };
        Ok(Self {
            path: config.path.clone(),
            frames,
            fps: fps.unwrap_or(f64::from(config.fps)),
            pace: config.pace,
            repeat: config.repeat,
            start: None,
            next: 0,
        })
    }

    /// Waits until a frame is due and gives its number: the newest one due, as a
    /// camera would; `None` if none is in time.
    fn due(&self, start: Instant, timeout: Duration) -> Option<u64> {
        let due = |n: u64| start + Duration::from_secs_f64(n as f64 / self.fps);
        let now = Instant::now();
        let wait = due(self.next).saturating_duration_since(now);
        if wait > timeout {
            std::thread::sleep(timeout);
            return None;
        }
        std::thread::sleep(wait);
        let played = start.elapsed().as_secs_f64() * self.fps;
        Some(self.next.max(played as u64))
    }
}

impl FrameSource for Replay {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next, CameraError> {
        let start = *self.start.get_or_insert_with(Instant::now);
        let number = match self.pace {
            Pace::EveryFrame => self.next,
            Pace::RealTime => self
                .due(start, timeout)
                .ok_or_else(|| CameraError::Stalled {
                    place: self.path.clone(),
                    waited_ms: timeout.as_millis() as u64,
                })?,
        };
        // Frames nobody was there for are passed over, not decoded.
        while self.next < number {
            if !self.frames.skip() && !self.rewind() {
                return Ok(Next::Ended);
            }
            self.next += 1;
        }
        let frame = match self.frames.read() {
            None if self.rewind() => self.frames.read(),
            frame => frame,
        };
        let Some((origin, image)) = frame else {
            return Ok(Next::Ended);
        };
        let sequence = self.next;
        self.next += 1;
        let origin = origin.unwrap_or_else(|| sequence.to_string());
        match image {
            Ok(image) => {
                let origin = Some(origin.into());
                let frame = Frame::rgb(image, Instant::now(), sequence, origin);
                Ok(Next::Frame(frame))
            }
            Err(fault) => Err(CameraError::BadFrame {
                place: self.path.clone(),
                origin: Some(origin),
                fault,
            }),
        }
    }

    fn describe(&self) -> String {
        let what = match &self.frames {
            Frames::Folder { pictures, .. } => match pictures.len() {
                1 => "1 picture".into(),
                many => format!("{many} pictures"),
            },
            Frames::Mjpeg(_) => "a Motion JPEG clip".into(),
            Frames::Y4m { header, .. } => {
                let (width, height) = header.size();
                format!("a {width}x{height} clip")
            }
        };
        let pace = match self.pace {
            Pace::RealTime => format!("at {} a second", self.fps),
            Pace::EveryFrame => "each in turn".into(),
        };
        format!("recording {}: {what}, {pace}", self.path.display())
    }

    fn fps(&self) -> Option<f64> {
        Some(self.fps)
    }
}

impl Replay {
    /// Back to the beginning, if the recording repeats.
    fn rewind(&mut self) -> bool {
        self.repeat && self.frames.rewind().is_ok()
    }
}

/// Where in the recording it is, if it says so, and the picture.
type Picture = (Option<String>, Result<RgbImage, FrameFault>);

impl Frames {
    /// The next frame; `None` at the end.
    fn read(&mut self) -> Option<Picture> {
        match self {
            Self::Folder { pictures, at } => {
                let path = pictures.get(*at)?;
                *at += 1;
                Some((
                    Some(origin(path)),
                    picture::load_picture(path).map_err(|error| error.fault.into()),
                ))
            }
            Self::Mjpeg(file) => Some((None, clip::read_jpeg(file)?)),
            Self::Y4m { file, header } => Some((None, header.read(file)?)),
        }
    }

    /// Passes over a frame; false at the end.
    fn skip(&mut self) -> bool {
        match self {
            Self::Folder { pictures, at } => {
                *at += 1;
                *at <= pictures.len()
            }
            Self::Mjpeg(file) => clip::skip_jpeg(file),
            Self::Y4m { file, header } => header.skip(file),
        }
    }

    fn rewind(&mut self) -> std::io::Result<()> {
        match self {
            Self::Folder { at, .. } => {
                *at = 0;
                Ok(())
            }
            Self::Mjpeg(file) => file.rewind(),
            Self::Y4m { file, header } => header.rewind(file),
        }
    }
}

/// The name of a picture with the folder it is in: scenes are folders.
fn origin(path: &Path) -> String {
    let names = [path.parent().and_then(Path::file_name), path.file_name()];
    let names = names.into_iter().flatten().map(|n| n.to_string_lossy());
    names.collect::<Vec<_>>().join("/")
}

fn open(path: &Path) -> Result<Frames, RecordingFault> {
    if std::fs::metadata(path)?.is_dir() {
        let mut pictures = Vec::new();
        collect(path, &mut pictures, 0)?;
        if pictures.is_empty() {
            return Err(RecordingFault::NoPictures);
        }
        return Ok(Frames::Folder { pictures, at: 0 });
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let mut file = BufReader::new(files::open(path, Kind::Clip)?);
    match &*extension.to_lowercase() {
        "mjpeg" | "mjpg" => {
            clip::check_mjpeg(&mut file)?;
            Ok(Frames::Mjpeg(file))
        }
        "y4m" => {
            let header = Y4m::open(&mut file)?;
            Ok(Frames::Y4m { file, header })
        }
        _ => Err(RecordingFault::UnknownKind),
    }
}

/// Pictures in name order, a folder at its own place in it; numbers in names count as numbers.
fn collect(folder: &Path, pictures: &mut Vec<PathBuf>, depth: usize) -> Result<(), RecordingFault> {
    if depth > MAX_DEPTH {
        return Err(RecordingFault::TooDeep);
    }
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    paths.sort_by_cached_key(|path| {
        natural(&path.file_name().unwrap_or_default().to_string_lossy())
    });
    for path in paths {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            collect(&path, pictures, depth + 1)?;
        } else if ["jpg", "jpeg", "png"].contains(&&*extension.to_lowercase()) {
            pictures.push(path);
        }
        if pictures.len() > MAX_PICTURES {
            return Err(RecordingFault::TooManyPictures(MAX_PICTURES));
        }
    }
    Ok(())
}

/// A sort key in which `frame 9` comes before `frame 10`: runs of digits by their
/// length without leading zeros first.
fn natural(name: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut digits = false;
    for letter in name.chars() {
        let is_digit = letter.is_ascii_digit();
        match parts.last_mut() {
            Some((_, part)) if digits == is_digit => part.push(letter),
            _ => parts.push((0, letter.to_string())),
        }
        digits = is_digit;
    }
    for (length, part) in &mut parts {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            *part = part.trim_start_matches('0').to_owned();
            *length = part.len() + 1;
        }
    }
    parts
}
