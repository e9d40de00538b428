//! A device's buffers: memory that the driver fills and this program reads.

use std::io;
use std::mem::zeroed;
use std::ops::Range;
use std::time::Duration;

use v4l::sys::{v4l2_buffer, v4l2_plane, v4l2_requestbuffers};
use v4l::v4l2::{self, vidioc};

use super::FrameFault;
use super::device::{Device, MAX_PLANES, Queue};

/// Buffers the driver fills while one is read.
pub(super) const BUFFERS: u32 = 4;
/// `V4L2_MEMORY_MMAP`
const MMAP: u32 = 1;

/// One plane of one buffer.
#[derive(Debug)]
struct Mapping {
    start: *mut u8,
    length: usize,
}

// SAFETY: nothing else holds the address, and memory may be read and unmapped by any thread.
unsafe impl Send for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `Device::map` with this length, and unmapped once.
        if let Err(error) = unsafe { v4l2::munmap(self.start.cast(), self.length) } {
            log::debug!("a camera's buffer could not be unmapped: {error}");
        }
    }
}

/// A buffer that the driver filled.
#[derive(Debug)]
pub(super) struct Filled {
    index: u32,
    pub flags: u32,
    pub sequence: u32,
    /// Seconds and microseconds.
    pub stamp: (i64, i64),
    /// Where each plane's bytes lie in its mapping.
    spans: Vec<Range<usize>>,
}

/// A device that streams.
#[derive(Debug)]
pub(super) struct Stream {
    device: Device,
    /// For each buffer, its planes.
    buffers: Vec<Vec<Mapping>>,
    started: bool,
    /// Kept to be filled again.
    spans: Vec<Range<usize>>,
}

/// What failed, in words, and what the system said.
pub(super) type Failed = (&'static str, io::Error);

impl Stream {
    /// Asks for buffers of so many planes, queues them and starts.
    pub(super) fn start(device: Device, planes: usize) -> Result<Self, Failed> {
        let at = |action| move |error| (action, error);
        let mut stream = Self {
            device,
            buffers: Vec::new(),
            started: false,
            spans: Vec::with_capacity(MAX_PLANES),
        };
        let count = stream
            .request(BUFFERS)
            .map_err(at("asking for its buffers"))?;
        if count == 0 {
            let none = io::Error::from_raw_os_error(libc::ENOMEM);
            return Err(("asking for its buffers", none));
        }
        // A driver may give more than were asked for; those asked for are enough.
        for index in 0..count.min(BUFFERS) {
            let planes = stream
                .mapped(index, planes)
                .map_err(at("mapping its buffers"))?;
            stream.buffers.push(planes);
        }
        for index in 0..count.min(BUFFERS) {
            stream.queue(index).map_err(at("queueing its buffers"))?;
        }
        let mut kind = stream.device.queue.number();
        // SAFETY: the request names an integer of this size.
        unsafe { stream.device.ask(vidioc::VIDIOC_STREAMON, &mut kind) }
            .map_err(at("starting it"))?;
        stream.started = true;
        Ok(stream)
    }

    fn request(&self, count: u32) -> io::Result<u32> {
        let mut request = v4l2_requestbuffers {
            count,
            type_: self.device.queue.number(),
            memory: MMAP,
            // SAFETY: a structure of integers, which may all be 0.
            ..unsafe { zeroed() }
        };
        // SAFETY: the type that the request names.
        unsafe { self.device.ask(vidioc::VIDIOC_REQBUFS, &mut request) }?;
        Ok(request.count)
    }

    /// Makes a call about a buffer; with several planes they are told beside it.
    fn ask(
        &self,
        request: vidioc::_IOC_TYPE,
        index: u32,
    ) -> io::Result<(v4l2_buffer, [v4l2_plane; MAX_PLANES])> {
        // SAFETY: integers and unions of integers and pointers, which may all be 0.
        let mut planes: [v4l2_plane; MAX_PLANES] = unsafe { zeroed() };
        let mut buffer = v4l2_buffer {
            index,
            type_: self.device.queue.number(),
            memory: MMAP,
            // SAFETY: as above.
            ..unsafe { zeroed() }
        };
        if self.device.queue == Queue::Multi {
            buffer.m.planes = planes.as_mut_ptr();
            buffer.length = MAX_PLANES as u32;
        }
        // SAFETY: the type that these requests name; `planes` outlives the call and has as
        // many as `length` says.
        unsafe { self.device.ask(request, &mut buffer) }?;
        Ok((buffer, planes))
    }

    fn mapped(&self, index: u32, planes: usize) -> io::Result<Vec<Mapping>> {
        let (buffer, told) = self.ask(vidioc::VIDIOC_QUERYBUF, index)?;
        let map = |length: u32, offset: u32| {
            let length = length as usize;
            if length == 0 {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            let start = self.device.map(length, offset)?;
            Ok(Mapping { start, length })
        };
        match self.device.queue {
            // SAFETY: an integer of the union, of which any value is good.
            Queue::Single => Ok(vec![map(buffer.length, unsafe { buffer.m.offset })?]),
            Queue::Multi => told
                .iter()
                .take(planes)
                // SAFETY: as above.
                .map(|plane| map(plane.length, unsafe { plane.m.mem_offset }))
                .collect(),
        }
    }

    fn queue(&self, index: u32) -> io::Result<()> {
        self.ask(vidioc::VIDIOC_QBUF, index).map(|_| ())
    }

    /// Whether a buffer is filled, waiting for it at most `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<bool> {
        self.device.poll(timeout)
    }

    /// Takes the oldest filled buffer, if there is one.
    pub(super) fn take(&mut self) -> io::Result<Option<Filled>> {
        let (buffer, planes) = match self.ask(vidioc::VIDIOC_DQBUF, 0) {
            Ok(told) => told,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        // The kernel's word is not taken for which memory is read.
        let Some(mappings) = self.buffers.get(buffer.index as usize) else {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        };
        let mut spans = std::mem::take(&mut self.spans);
        spans.clear();
        match self.device.queue {
            Queue::Single => spans.push(0..buffer.bytesused as usize),
            Queue::Multi => {
                let planes = planes.iter().take(mappings.len());
                // What is used counts from the buffer's beginning, not from the offset.
                spans.extend(planes.map(|p| p.data_offset as usize..p.bytesused as usize));
            }
        }
        Ok(Some(Filled {
            index: buffer.index,
            flags: buffer.flags,
            sequence: buffer.sequence,
            // Seconds are 32 bit on some machines.
            #[allow(clippy::useless_conversion)]
            stamp: (
                buffer.timestamp.tv_sec.into(),
                buffer.timestamp.tv_usec.into(),
            ),
            spans,
        }))
    }

    /// What the driver filled of a plane.
    pub(super) fn bytes(&self, filled: &Filled, plane: usize) -> Result<&[u8], FrameFault> {
        let mapping = self
            .buffers
            .get(filled.index as usize)
            .and_then(|planes| planes.get(plane));
        let (Some(mapping), Some(span)) = (mapping, filled.spans.get(plane)) else {
            return Err(FrameFault::LargerThanBuffer);
        };
        // SAFETY: mapped with this length as long as `self`; the driver does not write to a
        // buffer that is taken, until `give` takes `filled` away.
        let all = unsafe { std::slice::from_raw_parts(mapping.start, mapping.length) };
        all.get(span.clone()).ok_or(FrameFault::LargerThanBuffer)
    }

    /// Gives a buffer back to be filled again.
    pub(super) fn give(&mut self, filled: Filled) -> io::Result<()> {
        self.spans = filled.spans;
        self.queue(filled.index)
    }
}

impl Drop for Stream {
    /// Whatever the driver says to it: the device is closed next, and that frees all of it.
    fn drop(&mut self) {
        if self.started {
            let mut kind = self.device.queue.number();
            // SAFETY: the request names an integer of this size.
            if let Err(error) = unsafe { self.device.ask(vidioc::VIDIOC_STREAMOFF, &mut kind) } {
                log::debug!("the camera could not be stopped: {error}");
            }
        }
        if !self.buffers.is_empty() {
            self.buffers.clear();
            if let Err(error) = self.request(0) {
                log::debug!("the camera keeps its buffers until it is closed: {error}");
            }
        }
    }
}
