//! A Video4Linux camera.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use v4l::buffer::{Flags, Metadata, Type};
use v4l::capability::Flags as Can;
use v4l::device::{Device, Handle};
use v4l::format::{Format, FourCC};
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;

use super::negotiate::{self, Choice, Layout, Offer, Sizes};
use super::pixels::Shape;
use super::{CameraError, Frame, FrameFault, FrameSource, Next, NotACamera, Pool};
use crate::config;

/// Buffers the driver fills while one is read.
const BUFFERS: u32 = 4;
/// Formats and sizes of a camera that are looked at; a broken driver may list without end.
const MAX_OFFERS: usize = 64;

/// An open camera that streams.
pub(super) struct Camera {
    path: PathBuf,
    card: String,
    fps: f64,
    layout: Layout,
    shape: Shape,
    stream: Stream<'static>,
    handle: Arc<Handle>,
    first: Option<u32>,
    pool: Arc<Pool>,
}

impl Camera {
    pub(super) fn open(config: &config::Camera) -> Result<Self, CameraError> {
        let path = config.device.clone();
        let fail = |action: &'static str| {
            let path = path.clone();
            move |error| CameraError::from_io(&path, action, false, error)
        };
        let device = Device::with_path(&path).map_err(fail("opening it"))?;
        let about = device.query_caps().map_err(fail("asking what it is"))?;
        if !about
            .capabilities
            .contains(Can::VIDEO_CAPTURE | Can::STREAMING)
        {
            return Err(CameraError::NotACamera {
                device: path,
                found: NotACamera::NoCapture(about.card),
            });
        }
        let offers = offers(&device).map_err(fail("listing its formats"))?;
        let choice =
            negotiate::choose(&offers, config).ok_or_else(|| unusable(&path, &offers, config))?;
        let shape = set_format(&device, &choice)
            .map_err(fail("setting its format"))?
            .ok_or_else(|| unusable(&path, &offers, config))?;
        let fps = set_fps(&device, config.fps);
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS)
            .map_err(fail("asking for its buffers"))?;
        // The first buffer is left to `next`, which queues the one it gave before.
        for index in 1..BUFFERS as usize {
            match stream.queue(index) {
                Ok(()) => {}
                // The driver gave fewer than were asked for: v4l2loopback has two.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
                Err(error) => return Err(fail("queueing its buffers")(error)),
            }
        }
        stream.set_timeout(Duration::from_secs(1));
        stream.start().map_err(fail("starting it"))?;
        Ok(Self {
            path,
            card: about.card,
            fps,
            layout: choice.layout,
            shape,
            handle: stream.handle(),
            stream,
            first: None,
            pool: Arc::default(),
        })
    }

    fn wait(&self, timeout: Duration) -> Result<bool, CameraError> {
        let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        match self.handle.poll(libc::POLLIN, ms) {
            Ok(ready) => Ok(ready > 0),
            // A signal; whoever waits asks again.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(CameraError::from_io(
                &self.path,
                "waiting for a frame",
                true,
                error,
            )),
        }
    }
}

impl FrameSource for Camera {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next, CameraError> {
        if !self.wait(timeout)? {
            return Err(CameraError::Stalled {
                place: self.path.clone(),
                waited_ms: timeout.as_millis() as u64,
            });
        }
        let mut older = 0;
        loop {
            let (bytes, about) = self
                .stream
                .next()
                .map_err(|error| CameraError::from_io(&self.path, "taking a frame", true, error))?;
            // What piled up while nobody looked is old; only the newest is decoded.
            if older < BUFFERS && self.handle.poll(libc::POLLIN, 0).is_ok_and(|n| n > 0) {
                older += 1;
                continue;
            }
            let at = taken_at(about);
            let first = *self.first.get_or_insert(about.sequence);
            let sequence = u64::from(about.sequence.wrapping_sub(first));
            let frame = whole(bytes, about).and_then(|bytes| {
                Frame::captured(self.layout, self.shape, bytes, &self.pool, at, sequence)
            });
            return frame
                .map(Next::Frame)
                .map_err(|fault| CameraError::BadFrame {
                    place: self.path.clone(),
                    origin: None,
                    fault,
                });
        }
    }

    fn describe(&self) -> String {
        format!(
            "{} ({}), {}x{} {} at {:.0} a second",
            self.card,
            self.path.display(),
            self.shape.width,
            self.shape.height,
            self.layout,
            self.fps
        )
    }
}

/// What the driver filled of a buffer.
fn whole<'b>(buffer: &'b [u8], about: &Metadata) -> Result<&'b [u8], FrameFault> {
    if about.flags.contains(Flags::ERROR) {
        return Err(FrameFault::MarkedDamaged);
    }
    buffer
        .get(..about.bytesused as usize)
        .ok_or(FrameFault::LargerThanBuffer)
}

/// When a frame was taken: by the driver's monotonic clock if it keeps to it, else now.
fn taken_at(about: &Metadata) -> Instant {
    let now = Instant::now();
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let monotonic = about.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
    let since = |seconds: i64, nanos: i64| {
        Some(Duration::new(
            u64::try_from(seconds).ok()?,
            u32::try_from(nanos).ok()?,
        ))
    };
    let age = (|| {
        let now = since(clock.tv_sec, clock.tv_nsec)?;
        let stamp = &about.timestamp;
        // Seconds are 32 bit on some machines.
        #[allow(clippy::useless_conversion)]
        let taken = since(stamp.sec.into(), i64::from(stamp.usec).checked_mul(1000)?)?;
        now.checked_sub(taken)
    })();
    match age.filter(|_| monotonic) {
        Some(age) => now.checked_sub(age).unwrap_or(now),
        None => now,
    }
}

/// The formats a device offers that can be decoded here, with their sizes, one text
/// each, such as `YUYV 640x480, 1280x720`; the last counts the others.
pub(super) fn modes(path: &Path) -> std::io::Result<Vec<String>> {
    let device = Device::with_path(path)?;
    let (known, others): (Vec<Offer>, Vec<Offer>) = offers(&device)?
        .into_iter()
        .partition(|offer| Layout::of(offer.fourcc).is_some());
    let mut texts: Vec<String> = known.iter().map(ToString::to_string).collect();
    if !others.is_empty() {
        texts.push(format!("{} that cannot be decoded here", others.len()));
    }
    Ok(texts)
}

fn offers(device: &Device) -> std::io::Result<Vec<Offer>> {
    let formats = device.enum_formats()?;
    Ok(formats
        .into_iter()
        .take(MAX_OFFERS)
        .map(|format| Offer {
            fourcc: format.fourcc.repr,
            // Some drivers do not tell sizes; then the asked one is tried.
            sizes: device
                .enum_framesizes(format.fourcc)
                .unwrap_or_default()
                .into_iter()
                .take(MAX_OFFERS)
                .map(|size| match size.size {
                    FrameSizeEnum::Discrete(s) => Sizes {
                        least: (s.width, s.height),
                        most: (s.width, s.height),
                        step: (1, 1),
                    },
                    FrameSizeEnum::Stepwise(s) => Sizes {
                        least: (s.min_width, s.min_height),
                        most: (s.max_width, s.max_height),
                        step: (s.step_width.max(1), s.step_height.max(1)),
                    },
                })
                .collect(),
        })
        .collect())
}

/// `None` if the driver insists on another format.
fn set_format(device: &Device, choice: &Choice) -> std::io::Result<Option<Shape>> {
    let (width, height) = choice.size;
    let asked = Format::new(width, height, FourCC::new(&choice.fourcc));
    let got = device.set_format(&asked)?;
    Ok((got.fourcc.repr == choice.fourcc).then_some(Shape {
        width: got.width,
        height: got.height,
        stride: got.stride,
    }))
}

/// Sets the frame rate where the camera can, and gives the one it will have.
fn set_fps(device: &Device, asked: u32) -> f64 {
    match device.set_params(&Parameters::with_fps(asked)) {
        Ok(got) if got.interval.numerator > 0 => {
            f64::from(got.interval.denominator) / f64::from(got.interval.numerator)
        }
        // It has one rate and keeps it.
        _ => f64::from(asked),
    }
}

fn unusable(path: &Path, offers: &[Offer], config: &config::Camera) -> CameraError {
    let meant = |layout: &Layout| layout.asked_for_by(config.format);
    CameraError::NoUsableFormat {
        device: path.to_path_buf(),
        asked: Layout::ALL.into_iter().filter(meant).collect(),
        offered: offers.iter().map(|offer| offer.fourcc).collect(),
    }
}
