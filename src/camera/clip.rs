//! The frames of a clip: Motion JPEG, one JPEG after the other, and YUV4MPEG2.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use image::RgbImage;

use super::pixels::{self, Raw, Shape};
use super::{FrameFault, RecordingFault, jpeg};

/// Of one frame of a Motion JPEG clip.
const MAX_FRAME_BYTES: usize = 64 << 20;
/// Of a line of a YUV4MPEG2 clip.
const MAX_LINE_BYTES: u64 = 1024;

/// Leaves the clip at its begin.
///
/// # Errors
/// [`RecordingFault::NotMjpeg`] if it does not start with a JPEG,
/// [`RecordingFault::Unreadable`]
pub(super) fn check_mjpeg(file: &mut BufReader<File>) -> Result<(), RecordingFault> {
    let mut start = [0; 2];
    file.read_exact(&mut start)?;
    file.rewind()?;
    if start != [0xff, 0xd8] {
        return Err(RecordingFault::NotMjpeg);
    }
    Ok(())
}

/// The next picture of a Motion JPEG clip; `None` at the end.
pub(super) fn read_jpeg(file: &mut BufReader<File>) -> Option<Result<RgbImage, FrameFault>> {
    let bytes = next_jpeg(file)?;
    Some(bytes.and_then(|bytes| jpeg::to_rgb(&bytes)))
}

/// Passes over a picture of a Motion JPEG clip; false at the end.
pub(super) fn skip_jpeg(file: &mut BufReader<File>) -> bool {
    next_jpeg(file).is_some()
}

/// The bytes of one JPEG of a clip, from its start marker to its end marker; `None` at the end.
fn next_jpeg(file: &mut BufReader<File>) -> Option<Result<Vec<u8>, FrameFault>> {
    let mut bytes = Vec::new();
    loop {
        let limit = MAX_FRAME_BYTES.saturating_sub(bytes.len()) as u64;
        match file.by_ref().take(limit).read_until(0xd9, &mut bytes) {
            Ok(0) if bytes.is_empty() => return None,
            // Zeros after the last frame are padding.
            Ok(0) if bytes.iter().all(|&b| b == 0) => return None,
            Ok(0) if limit == 0 => return Some(Err(FrameFault::TooManyBytes(MAX_FRAME_BYTES))),
            Ok(0) => return Some(Err(FrameFault::ClipCutOff)),
            // The end marker cannot be inside: in picture data a 0xff is followed by a zero.
            Ok(_) if bytes.ends_with(&[0xff, 0xd9]) => return Some(Ok(bytes)),
            Ok(_) => {}
            Err(error) => return Some(Err(FrameFault::Unreadable(error))),
        }
    }
}

/// A YUV4MPEG2 clip, as its header has it (mjpegtools' yuv4mpeg(5)).
pub(super) struct Y4m {
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

impl Y4m {
    /// Reads the header and leaves the clip at its first frame.
    ///
    /// # Errors
    /// [`RecordingFault`] if it has none, or one that is not known here.
    pub(super) fn open(file: &mut BufReader<File>) -> Result<Self, RecordingFault> {
        let mut line = Vec::new();
        file.by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(&line);
        let mut words = line.trim_end().split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return Err(RecordingFault::NotY4m);
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
                        other => return Err(RecordingFault::UnknownChroma(other.to_owned())),
                    };
                }
                _ => {}
            }
        }
        if !(16..=8192).contains(&width) || !(16..=8192).contains(&height) {
            return Err(RecordingFault::NoSize);
        }
        Ok(Self {
            width,
            height,
            fps,
            chroma,
            begin: file.stream_position()?,
        })
    }

    /// Frames a second, if the header says it.
    pub(super) fn fps(&self) -> Option<f64> {
        self.fps
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Back to the first frame.
    pub(super) fn rewind(&self, file: &mut BufReader<File>) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.begin)).map(drop)
    }

    /// The next picture; `None` at the end.
    pub(super) fn read(&self, file: &mut BufReader<File>) -> Option<Result<RgbImage, FrameFault>> {
        let planes = self.planes(file)?;
        Some(planes.and_then(|planes| self.to_rgb(&planes)))
    }

    /// Passes over a picture; false at the end.
    pub(super) fn skip(&self, file: &mut BufReader<File>) -> bool {
        self.planes(file).is_some()
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
    fn planes(&self, file: &mut BufReader<File>) -> Option<Result<Vec<u8>, FrameFault>> {
        let mut line = Vec::new();
        match file
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) => return None,
            Ok(_) if line.starts_with(b"FRAME") => {}
            Ok(_) => {
                // Without a mark there is no way to find the next one.
                let _ = file.seek(SeekFrom::End(0));
                return Some(Err(FrameFault::NoMark));
            }
            Err(error) => return Some(Err(FrameFault::Unreadable(error))),
        }
        let (chroma_width, chroma_height) = self.chroma_size();
        let luma = self.width as usize * self.height as usize;
        let mut planes = vec![0; luma + 2 * chroma_width * chroma_height];
        Some(match file.read_exact(&mut planes) {
            Ok(()) => Ok(planes),
            Err(_) => Err(FrameFault::ClipCutOff),
        })
    }

    fn to_rgb(&self, planes: &[u8]) -> Result<RgbImage, FrameFault> {
        let luma = self.width as usize * self.height as usize;
        let (luma, chroma) = planes.split_at(luma.min(planes.len()));
        if self.chroma == Chroma::Mono {
            let shape = Shape {
                width: self.width,
                height: self.height,
                stride: self.width,
            };
            let mut image = RgbImage::new(0, 0);
            return pixels::convert(Raw::Grey, shape, luma, &mut image).map(|()| image);
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
