//! A recording in place of a camera: a folder of pictures or a clip, at the pace
//! of a camera or as fast as each frame is judged.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::RgbImage;

use super::negotiate::Layout;
use super::pixels::{self, Shape};
use super::{CameraError, Frame, FrameSource, Next, jpeg, picture};
use crate::config::{self, Pace};

/// Pictures a folder may hold.
const MOST_PICTURES: usize = 1_000_000;
/// Bytes one frame of a clip may have.
const MOST_BYTES: usize = 64 * 1024 * 1024;

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

/// What a YUV4MPEG2 header says.
struct Y4m {
    width: u32,
    height: u32,
    fps: Option<f64>,
    chroma: Chroma,
    /// Where the first frame begins.
    begin: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Chroma {
    C420,
    C422,
    C444,
    Mono,
}

impl Replay {
    pub(super) fn open(config: &config::Replay) -> Result<Self, CameraError> {
        let fail = |reason: String| CameraError::Replay {
            path: config.path.clone(),
            reason,
        };
        let frames = open(&config.path).map_err(fail)?;
        let fps = match &frames {
            Frames::Y4m { header, .. } => header.fps,
            _ => None,
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
                    place: self.path.display().to_string(),
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
        let origin = origin.unwrap_or_else(|| format!("frame {sequence}"));
        let image = image.map_err(|reason| CameraError::BadFrame {
            place: format!("{} ({origin})", self.path.display()),
            reason,
        })?;
        let origin = Some(origin.into());
        let frame = Frame::rgb(image, Instant::now(), sequence, origin);
        Ok(Next::Frame(frame))
    }

    fn describe(&self) -> String {
        let what = match &self.frames {
            Frames::Folder { pictures, .. } => format!("{} pictures", pictures.len()),
            Frames::Mjpeg(_) => "a Motion JPEG clip".into(),
            Frames::Y4m { header, .. } => format!("a {}x{} clip", header.width, header.height),
        };
        let pace = match self.pace {
            Pace::RealTime => format!("at {} a second", self.fps),
            Pace::EveryFrame => "each in turn".into(),
        };
        format!("recording {}: {what}, {pace}", self.path.display())
    }
}

impl Replay {
    /// Back to the beginning, if the recording repeats.
    fn rewind(&mut self) -> bool {
        self.repeat && self.frames.rewind().is_ok()
    }
}

type Picture = (Option<String>, Result<RgbImage, String>);

impl Frames {
    /// The next frame; `None` at the end.
    fn read(&mut self) -> Option<Picture> {
        match self {
            Self::Folder { pictures, at } => {
                let path = pictures.get(*at)?;
                *at += 1;
                Some((
                    Some(origin(path)),
                    picture::load_picture(path).map_err(|error| error.reason),
                ))
            }
            Self::Mjpeg(file) => next_jpeg(file).map(|bytes| {
                let image = bytes.and_then(|bytes| {
                    let size = jpeg::size(&bytes)?;
                    jpeg::to_rgb(&bytes, size)
                });
                (None, image)
            }),
            Self::Y4m { file, header } => {
                let planes = header.frame(file)?;
                Some((None, planes.and_then(|planes| header.to_rgb(&planes))))
            }
        }
    }

    /// Passes over a frame; false at the end.
    fn skip(&mut self) -> bool {
        match self {
            Self::Folder { pictures, at } => {
                *at += 1;
                *at <= pictures.len()
            }
            Self::Mjpeg(file) => next_jpeg(file).is_some(),
            Self::Y4m { file, header } => header.frame(file).is_some(),
        }
    }

    fn rewind(&mut self) -> std::io::Result<()> {
        match self {
            Self::Folder { at, .. } => {
                *at = 0;
                Ok(())
            }
            Self::Mjpeg(file) => file.rewind(),
            Self::Y4m { file, header } => file.seek(SeekFrom::Start(header.begin)).map(drop),
        }
    }
}

/// The name of a picture with the folder it is in: scenes are folders.
fn origin(path: &Path) -> String {
    let names = [path.parent().and_then(Path::file_name), path.file_name()];
    let names = names.into_iter().flatten().map(|n| n.to_string_lossy());
    names.collect::<Vec<_>>().join("/")
}

fn open(path: &Path) -> Result<Frames, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if about.is_dir() {
        let mut pictures = Vec::new();
        collect(path, &mut pictures, 0)?;
        if pictures.is_empty() {
            return Err("there is no .jpg, .jpeg or .png in it".into());
        }
        return Ok(Frames::Folder { pictures, at: 0 });
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let mut file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    match &*extension.to_lowercase() {
        "mjpeg" | "mjpg" => {
            let mut start = [0; 2];
            file.read_exact(&mut start)
                .and_then(|()| file.rewind())
                .map_err(|error| error.to_string())?;
            if start != [0xff, 0xd8] {
                return Err("it does not start with a JPEG".into());
            }
            Ok(Frames::Mjpeg(file))
        }
        "y4m" => {
            let header = Y4m::read(&mut file)?;
            Ok(Frames::Y4m { file, header })
        }
        _ => Err("it is neither a folder nor a .mjpeg or .y4m clip".into()),
    }
}

/// Pictures in name order, a folder at its own place in it; numbers in names count as numbers.
fn collect(folder: &Path, pictures: &mut Vec<PathBuf>, depth: usize) -> Result<(), String> {
    if depth > 8 {
        return Err("its folders are nested too deep".into());
    }
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
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
        if pictures.len() > MOST_PICTURES {
            return Err(format!("it has more than {MOST_PICTURES} pictures"));
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

/// The bytes of one JPEG of a clip, from its start marker to its end marker; `None` at the end.
fn next_jpeg(file: &mut BufReader<File>) -> Option<Result<Vec<u8>, String>> {
    let mut bytes = Vec::new();
    loop {
        let limit = MOST_BYTES.saturating_sub(bytes.len()) as u64;
        match file.by_ref().take(limit).read_until(0xd9, &mut bytes) {
            Ok(0) if bytes.is_empty() => return None,
            // Zeros after the last frame are padding.
            Ok(0) if bytes.iter().all(|&b| b == 0) => return None,
            Ok(0) if limit == 0 => return Some(Err("a frame has more than 64 MB".into())),
            Ok(0) => return Some(Err("the clip is cut off".into())),
            // The end marker cannot be inside: in picture data a 0xff is followed by a zero.
            Ok(_) if bytes.ends_with(&[0xff, 0xd9]) => return Some(Ok(bytes)),
            Ok(_) => {}
            Err(error) => return Some(Err(error.to_string())),
        }
    }
}

impl Y4m {
    /// Reads the header (YUV4MPEG2 as mjpegtools' yuv4mpeg(5) has it).
    fn read(file: &mut BufReader<File>) -> Result<Self, String> {
        let mut line = Vec::new();
        file.by_ref()
            .take(1024)
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        let line = String::from_utf8_lossy(&line);
        let mut words = line.trim_end().split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return Err("it does not start with YUV4MPEG2".into());
        }
        let (mut width, mut height, mut fps, mut chroma) = (0, 0, None, Chroma::C420);
        for word in words {
            let mut letters = word.chars();
            let (name, value) = (letters.next(), letters.as_str());
            match name {
                Some('W') => width = value.parse().unwrap_or(0),
                Some('H') => height = value.parse().unwrap_or(0),
                Some('F') => {
                    fps = value
                        .split_once(':')
                        .and_then(|(n, d)| Some(n.parse::<f64>().ok()? / d.parse::<f64>().ok()?))
                        .filter(|fps| fps.is_finite() && (0.01..=1000.0).contains(fps));
                }
                Some('C') => {
                    chroma = match value {
                        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Chroma::C420,
                        "422" => Chroma::C422,
                        "444" => Chroma::C444,
                        "mono" => Chroma::Mono,
                        other => {
                            return Err(format!(
                                "its pixel format {other} is not known here; convert it to 420"
                            ));
                        }
                    };
                }
                _ => {}
            }
        }
        if !(16..=8192).contains(&width) || !(16..=8192).contains(&height) {
            return Err("its header has no size between 16 and 8192".into());
        }
        Ok(Self {
            width,
            height,
            fps,
            chroma,
            begin: file.stream_position().map_err(|error| error.to_string())?,
        })
    }

    /// Size of a chroma plane.
    fn chroma_size(&self) -> (usize, usize) {
        let (width, height) = (self.width as usize, self.height as usize);
        match self.chroma {
            Chroma::C420 => (width.div_ceil(2), height.div_ceil(2)),
            Chroma::C422 => (width.div_ceil(2), height),
            Chroma::C444 => (width, height),
            Chroma::Mono => (0, 0),
        }
    }

    /// The planes of the next frame; `None` at the end.
    fn frame(&self, file: &mut BufReader<File>) -> Option<Result<Vec<u8>, String>> {
        let mut line = Vec::new();
        match file.by_ref().take(1024).read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) if line.starts_with(b"FRAME") => {}
            Ok(_) => {
                // Without a mark there is no way to find the next one.
                let _ = file.seek(SeekFrom::End(0));
                return Some(Err(
                    "a frame does not start with FRAME; the rest is left out".into(),
                ));
            }
            Err(error) => return Some(Err(error.to_string())),
        }
        let (chroma_width, chroma_height) = self.chroma_size();
        let luma = self.width as usize * self.height as usize;
        let mut planes = vec![0; luma + 2 * chroma_width * chroma_height];
        Some(match file.read_exact(&mut planes) {
            Ok(()) => Ok(planes),
            Err(_) => Err("the clip is cut off".into()),
        })
    }

    fn to_rgb(&self, planes: &[u8]) -> Result<RgbImage, String> {
        let luma = self.width as usize * self.height as usize;
        let (luma, chroma) = planes.split_at(luma.min(planes.len()));
        if self.chroma == Chroma::Mono {
            let shape = Shape {
                width: self.width,
                height: self.height,
                stride: self.width,
            };
            return pixels::to_rgb(Layout::Grey, shape, luma);
        }
        let (chroma_width, chroma_height) = self.chroma_size();
        let (u, v) = chroma.split_at((chroma_width * chroma_height).min(chroma.len()));
        Ok(pixels::planar_to_rgb(
            (self.width, self.height),
            luma,
            [u, v],
            chroma_width,
            (
                if chroma_width < self.width as usize {
                    2
                } else {
                    1
                },
                if chroma_height < self.height as usize {
                    2
                } else {
                    1
                },
            ),
        ))
    }
}
