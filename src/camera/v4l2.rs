//! A Video4Linux camera.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use v4l::sys::{
    V4L2_BUF_FLAG_ERROR, V4L2_BUF_FLAG_TIMESTAMP_MASK, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
};

use super::device::{Agreed, Device};
use super::negotiate::{self, Layout, Offer};
use super::pixels::Shape;
use super::stamp::{Clock, taken_at};
use super::stream::{BUFFERS, Filled, Stream};
use super::{CameraError, Frame, FrameFault, FrameSource, Next, Pool, planes};
use crate::config;

/// The longest side of a picture, in pixels, that memory is asked for.
const MAX_SIDE_PIXELS: u32 = 4096;
/// From one try to take a frame to the next, where a driver says that there is one and
/// gives none.
const RETRY_GAP: Duration = Duration::from_millis(5);

/// An open camera that streams.
pub(super) struct Camera {
    path: PathBuf,
    card: String,
    fps: f64,
    layout: Layout,
    shape: Shape,
    /// Bytes from one row to the next of each plane.
    strides: Vec<u32>,
    stream: Stream,
    first: Option<u32>,
    pool: Arc<Pool>,
    clock: Clock,
    /// A picture of several planes, put together.
    gathered: Vec<u8>,
}

impl Camera {
    pub(super) fn open(config: &config::Camera) -> Result<Self, CameraError> {
        let path = config.device.clone();
        let fail = |action: &'static str| {
            let path = path.clone();
            move |error| CameraError::from_io(&path, action, false, error)
        };
        let mut device = Device::open(&path)?;
        let offers = device.offers().map_err(fail("listing its formats"))?;
        let choice =
            negotiate::choose(&offers, config).ok_or_else(|| unusable(&path, &offers, config))?;
        let agreed = device
            .set_format(&choice)
            .map_err(fail("setting its format"))?;
        // Some drivers insist on a format of their own: any that can be read will do.
        let layout = Layout::of(agreed.fourcc)
            .filter(|layout| planes::are_known(*layout, agreed.strides.len()))
            .ok_or_else(|| unusable(&path, &offers, config))?;
        if agreed.fourcc != choice.fourcc {
            log::info!(
                "the camera {} was asked for {} and gives {layout}",
                path.display(),
                choice.layout
            );
        }
        let shape = possible(&path, &agreed)?;
        let fps = device.set_fps(config.fps);
        let card = device.card.clone();
        let stream = Stream::start(device, agreed.strides.len())
            .map_err(|(action, error)| fail(action)(error))?;
        Ok(Self {
            path,
            card,
            fps,
            layout,
            shape,
            strides: agreed.strides,
            stream,
            first: None,
            pool: Arc::default(),
            clock: Clock::Driver,
            gathered: Vec::new(),
        })
    }

    fn failed(&self, action: &'static str) -> impl Fn(std::io::Error) -> CameraError + use<> {
        let path = self.path.clone();
        move |error| CameraError::from_io(&path, action, true, error)
    }

    /// The newest filled buffer; what piled up while nobody looked is old.
    fn newest(&mut self, timeout: Duration) -> Result<Filled, CameraError> {
        let until = Instant::now() + timeout;
        let mut filled = loop {
            let left = until.saturating_duration_since(Instant::now());
            let ready = self
                .stream
                .wait(left)
                .map_err(self.failed("waiting for a frame"))?;
            if ready {
                if let Some(filled) = self.stream.take().map_err(self.failed("taking a frame"))? {
                    break filled;
                }
                std::thread::sleep(RETRY_GAP.min(left));
            }
            if Instant::now() >= until {
                return Err(CameraError::Stalled {
                    place: self.path.clone(),
                    waited_ms: timeout.as_millis() as u64,
                });
            }
        };
        for _ in 0..BUFFERS {
            if !self.stream.wait(Duration::ZERO).unwrap_or(false) {
                break;
            }
            let Some(newer) = self.stream.take().map_err(self.failed("taking a frame"))? else {
                break;
            };
            let older = std::mem::replace(&mut filled, newer);
            self.stream
                .give(older)
                .map_err(self.failed("giving a buffer back"))?;
        }
        Ok(filled)
    }

    fn taken_at(&mut self, filled: &Filled) -> Instant {
        let now = Instant::now();
        let clock = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let clock = Duration::new(
            u64::try_from(clock.tv_sec).unwrap_or(0),
            u32::try_from(clock.tv_nsec).unwrap_or(0),
        );
        let kind = filled.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK;
        let monotonic = kind == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        let (at, by) = taken_at(filled.stamp, monotonic, clock, now);
        if let (Clock::Ahead(ahead), Clock::Driver | Clock::Arrival) = (by, self.clock) {
            log::warn!(
                "the frames of {} bear times {} ms ahead of the clock; they are taken as of when they come",
                self.path.display(),
                ahead.as_millis()
            );
        }
        self.clock = by;
        at
    }

    fn frame(&mut self, filled: &Filled) -> Result<Frame, FrameFault> {
        let at = self.taken_at(filled);
        let first = *self.first.get_or_insert(filled.sequence);
        let sequence = u64::from(filled.sequence.wrapping_sub(first));
        if filled.flags & V4L2_BUF_FLAG_ERROR != 0 {
            return Err(FrameFault::MarkedDamaged);
        }
        let (bytes, shape) = if self.strides.len() == 1 {
            (self.stream.bytes(filled, 0)?, self.shape)
        } else {
            self.gathered.clear();
            for (number, &stride) in self.strides.iter().enumerate() {
                let bytes = self.stream.bytes(filled, number)?;
                let plane = planes::Plane { bytes, stride };
                plane.append(self.layout, number, self.shape, &mut self.gathered)?;
            }
            (&self.gathered[..], planes::together(self.shape))
        };
        Frame::captured(self.layout, shape, bytes, &self.pool, at, sequence)
    }
}

impl FrameSource for Camera {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next, CameraError> {
        let filled = self.newest(timeout)?;
        let frame = self.frame(&filled);
        self.stream
            .give(filled)
            .map_err(self.failed("giving a buffer back"))?;
        frame
            .map(Next::Frame)
            .map_err(|fault| CameraError::BadFrame {
                place: self.path.clone(),
                origin: None,
                fault,
            })
    }

    fn describe(&self) -> String {
        let clock = match self.clock {
            Clock::Driver => String::new(),
            Clock::Arrival => ", timed as they come".into(),
            Clock::Ahead(by) => format!(
                ", timed as they come, because the driver's times lie {} ms ahead of the clock",
                by.as_millis()
            ),
        };
        format!(
            "{} ({}), {}x{} {} at {:.0} a second{clock}",
            self.card,
            self.path.display(),
            self.shape.width,
            self.shape.height,
            self.layout,
            self.fps
        )
    }
}

/// The formats a device offers that can be decoded here, with their sizes, one text
/// each, such as `YUYV 640x480, 1280x720`; the last counts the others.
pub(super) fn modes(path: &Path) -> Result<Vec<String>, CameraError> {
    let offers = Device::open(path)?
        .offers()
        .map_err(|error| CameraError::from_io(path, "listing its formats", false, error))?;
    let (known, others): (Vec<Offer>, Vec<Offer>) = offers
        .into_iter()
        .partition(|offer| Layout::of(offer.fourcc).is_some());
    let mut texts: Vec<String> = known.iter().map(ToString::to_string).collect();
    if !others.is_empty() {
        texts.push(format!("{} that cannot be decoded here", others.len()));
    }
    Ok(texts)
}

/// The shape of a picture that memory may be asked for.
fn possible(path: &Path, agreed: &Agreed) -> Result<Shape, CameraError> {
    let (width, height) = (agreed.width, agreed.height);
    let stride = agreed.strides.first().copied().unwrap_or(0);
    let sides = 1..=MAX_SIDE_PIXELS;
    // No layout here takes more than 3 bytes a pixel; the rest is what drivers align to.
    let strides = 0..=MAX_SIDE_PIXELS * 4;
    if sides.contains(&width) && sides.contains(&height) && strides.contains(&stride) {
        Ok(Shape {
            width,
            height,
            stride,
        })
    } else {
        Err(CameraError::ImpossibleSize {
            device: path.to_path_buf(),
            width,
            height,
            most: MAX_SIDE_PIXELS,
        })
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
