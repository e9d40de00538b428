//! A Video4Linux device, by the kernel's own calls. A driver's answers are bounded and
//! checked here; nothing it says makes this panic or ask without end.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use v4l::sys::{
    V4L2_CAP_DEVICE_CAPS, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE,
    V4L2_CAP_VIDEO_CAPTURE_MPLANE, v4l2_capability, v4l2_fmtdesc, v4l2_format, v4l2_fract,
    v4l2_frmsize_discrete, v4l2_frmsize_stepwise, v4l2_frmsizeenum,
    v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE, v4l2_streamparm,
};
use v4l::v4l2::{self, vidioc};

use super::negotiate::{Choice, Offer, Sizes};
use super::{CameraError, NotACamera};

/// Formats of a camera that are looked at; a broken driver may list without end.
const MAX_FORMATS: u32 = 64;
/// Sizes of a format that are looked at.
const MAX_SIZES: u32 = 256;
/// Planes of a picture (`VIDEO_MAX_PLANES`).
pub(super) const MAX_PLANES: usize = 8;
/// Times a call is made again that a signal interrupted.
const MAX_INTERRUPTIONS: usize = 100;

/// Whether the planes of a picture lie in one buffer or in one each; the kernel calls it
/// the type of the buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Single,
    Multi,
}

impl Queue {
    /// `V4L2_BUF_TYPE_VIDEO_CAPTURE`, `…_MPLANE`.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Single => 1,
            Self::Multi => 9,
        }
    }
}

/// What a driver has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    /// V4L2's code.
    pub fourcc: [u8; 4],
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Bytes from one row to the next of each plane, at least one; 0 where it does not tell.
    pub strides: Vec<u32>,
}

/// An open capture device.
#[derive(Debug)]
pub(super) struct Device {
    file: File,
    pub(super) queue: Queue,
    /// What it calls itself.
    pub(super) card: String,
}

impl Device {
    pub(super) fn open(path: &Path) -> Result<Self, CameraError> {
        let fail = |action| move |error| CameraError::from_io(path, action, false, error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map_err(fail("opening it"))?;
        let mut device = Self {
            file,
            queue: Queue::Single,
            card: String::new(),
        };
        // SAFETY: a structure of integers, which may all be 0.
        let mut about: v4l2_capability = unsafe { zeroed() };
        // SAFETY: the type that the request names.
        unsafe { device.ask(vidioc::VIDIOC_QUERYCAP, &mut about) }
            .map_err(fail("asking what it is"))?;
        let can = if about.capabilities & V4L2_CAP_DEVICE_CAPS == 0 {
            about.capabilities
        } else {
            about.device_caps
        };
        device.card = name(&about.card);
        let not_a_camera = |found| CameraError::NotACamera {
            device: path.to_path_buf(),
            found,
        };
        device.queue = if can & V4L2_CAP_VIDEO_CAPTURE != 0 {
            Queue::Single
        } else if can & V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0 {
            Queue::Multi
        } else {
            return Err(not_a_camera(NotACamera::NoCapture(device.card)));
        };
        if can & V4L2_CAP_STREAMING == 0 {
            return Err(not_a_camera(NotACamera::NoStreaming(device.card)));
        }
        Ok(device)
    }

    /// Makes a call, again where a signal interrupted it.
    ///
    /// # Safety
    /// `argument` must be of the type that `request` names (see `vidioc`), and pointers in
    /// it must be good for what the kernel does with them.
    pub(super) unsafe fn ask<T>(
        &self,
        request: vidioc::_IOC_TYPE,
        argument: &mut T,
    ) -> io::Result<()> {
        let mut interruptions = 0;
        loop {
            let at = std::ptr::from_mut(argument).cast();
            // SAFETY: the caller's promise; the descriptor is open as long as `self`.
            match unsafe { v4l2::ioctl(self.file.as_raw_fd(), request, at) } {
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted
                        && interruptions < MAX_INTERRUPTIONS =>
                {
                    interruptions += 1;
                }
                result => return result,
            }
        }
    }

    /// The memory of one plane of one buffer.
    pub(super) fn map(&self, length: usize, offset: u32) -> io::Result<*mut u8> {
        let readable = libc::PROT_READ | libc::PROT_WRITE;
        let fd = self.file.as_raw_fd();
        // Wide enough everywhere but on 32 bit, where no camera has two gigabytes of buffers.
        let offset = offset as libc::off_t;
        // SAFETY: a new mapping, at a place of the kernel's choice, of an open descriptor.
        let start = unsafe {
            v4l2::mmap(
                std::ptr::null_mut(),
                length,
                readable,
                libc::MAP_SHARED,
                fd,
                offset,
            )
        }?;
        Ok(start.cast())
    }

    /// Whether there is something to take, waiting for it at most `timeout`. A signal ends
    /// the wait.
    pub(super) fn poll(&self, timeout: Duration) -> io::Result<bool> {
        let mut asked = libc::pollfd {
            fd: self.file.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one structure, and it is told that it is one.
        match unsafe { libc::poll(&raw mut asked, 1, ms) } {
            ready if ready >= 0 => Ok(ready > 0),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Its formats with their sizes; each once, however often it is listed.
    pub(super) fn offers(&self) -> io::Result<Vec<Offer>> {
        let mut offers: Vec<Offer> = Vec::new();
        for index in 0..MAX_FORMATS {
            let mut format = v4l2_fmtdesc {
                index,
                type_: self.queue.number(),
                // SAFETY: a structure of integers, which may all be 0.
                ..unsafe { zeroed() }
            };
            // SAFETY: the type that the request names.
            match unsafe { self.ask(vidioc::VIDIOC_ENUM_FMT, &mut format) } {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
                Err(error) => return Err(error),
            }
            let fourcc = format.pixelformat.to_le_bytes();
            if !offers.iter().any(|offer| offer.fourcc == fourcc) {
                let sizes = self.sizes(format.pixelformat);
                offers.push(Offer { fourcc, sizes });
            }
        }
        Ok(offers)
    }

    /// Some drivers do not tell sizes; then the asked one is tried.
    fn sizes(&self, pixel_format: u32) -> Vec<Sizes> {
        let mut sizes = Vec::new();
        for index in 0..MAX_SIZES {
            let mut size = v4l2_frmsizeenum {
                index,
                pixel_format,
                // SAFETY: integers and a union of them, which may all be 0.
                ..unsafe { zeroed() }
            };
            // SAFETY: the type that the request names.
            if unsafe { self.ask(vidioc::VIDIOC_ENUM_FRAMESIZES, &mut size) }.is_err() {
                break;
            }
            let discrete = size.type_ == v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE;
            let told = if discrete {
                // SAFETY: integers, of which any value is good.
                let v4l2_frmsize_discrete { width, height } =
                    unsafe { size.__bindgen_anon_1.discrete };
                Sizes {
                    least: (width, height),
                    most: (width, height),
                    step: (1, 1),
                }
            } else {
                // SAFETY: as above.
                let s: v4l2_frmsize_stepwise = unsafe { size.__bindgen_anon_1.stepwise };
                Sizes {
                    least: (s.min_width, s.min_height),
                    most: (s.max_width, s.max_height),
                    step: (s.step_width.max(1), s.step_height.max(1)),
                }
            };
            if !sizes.contains(&told) {
                sizes.push(told);
            }
            // A range is listed once.
            if !discrete {
                break;
            }
        }
        sizes
    }

    /// Asks for a format, and gives what the driver made of it.
    pub(super) fn set_format(&mut self, choice: &Choice) -> io::Result<Agreed> {
        // SAFETY: integers and a union of them, which may all be 0.
        let mut format: v4l2_format = unsafe { zeroed() };
        format.type_ = self.queue.number();
        let (width, height) = choice.size;
        let pixelformat = u32::from_le_bytes(choice.fourcc);
        match self.queue {
            Queue::Single => {
                // SAFETY: all of the union is zeroed, and both are structures of integers.
                let pix = unsafe { &mut format.fmt.pix };
                (pix.width, pix.height, pix.pixelformat) = (width, height, pixelformat);
            }
            Queue::Multi => {
                // SAFETY: as above.
                let pix = unsafe { &mut format.fmt.pix_mp };
                (pix.width, pix.height, pix.pixelformat) = (width, height, pixelformat);
            }
        }
        // SAFETY: the type that the request names.
        unsafe { self.ask(vidioc::VIDIOC_S_FMT, &mut format) }?;
        Ok(match self.queue {
            Queue::Single => {
                // SAFETY: integers, of which any value is good.
                let got = unsafe { format.fmt.pix };
                Agreed {
                    fourcc: got.pixelformat.to_le_bytes(),
                    width: got.width,
                    height: got.height,
                    strides: vec![got.bytesperline],
                }
            }
            Queue::Multi => {
                // SAFETY: as above.
                let got = unsafe { format.fmt.pix_mp };
                if got.num_planes == 0 {
                    // It calls itself multi-planar and does not know how that is answered.
                    self.queue = Queue::Single;
                    return self.set_format(choice);
                }
                let planes = usize::from(got.num_planes).min(MAX_PLANES);
                let formats = got.plane_fmt;
                Agreed {
                    fourcc: got.pixelformat.to_le_bytes(),
                    width: got.width,
                    height: got.height,
                    strides: formats
                        .iter()
                        .take(planes)
                        .map(|p| p.bytesperline)
                        .collect(),
                }
            }
        })
    }

    /// Sets the frame rate where the camera can, and gives the one it will have.
    pub(super) fn set_fps(&self, asked: u32) -> f64 {
        // SAFETY: integers and a union of them, which may all be 0.
        let mut parameters: v4l2_streamparm = unsafe { zeroed() };
        parameters.type_ = self.queue.number();
        parameters.parm.capture.timeperframe = v4l2_fract {
            numerator: 1,
            denominator: asked,
        };
        // SAFETY: the type that the request names.
        let set = unsafe { self.ask(vidioc::VIDIOC_S_PARM, &mut parameters) };
        // SAFETY: integers, of which any value is good.
        let got = unsafe { parameters.parm.capture.timeperframe };
        if set.is_ok() && got.numerator > 0 && got.denominator > 0 {
            f64::from(got.denominator) / f64::from(got.numerator)
        } else {
            // It has one rate and keeps it.
            f64::from(asked)
        }
    }
}

/// A name in a field that ends at the first 0. A device may call itself anything; what
/// would move a terminal's cursor is left out.
fn name(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0);
    let name = field.get(..end.unwrap_or(field.len())).unwrap_or(field);
    let name = String::from_utf8_lossy(name);
    name.chars().filter(|c| !c.is_control()).collect()
}
