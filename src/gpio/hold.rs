//! Taking hold of lines, as outputs or inputs.

use std::time::Duration;

use gpiocdev::line::{EdgeDetection, EventClock};
use gpiocdev::request::Builder;
use gpiocdev::{Chip, Request};

use super::{CONSUMER, FoundLine, LineError, Place, error};
use crate::config::{Bias, Level};

/// Edges that the kernel keeps until they are read: two frames of a reader.
const KEPT_EDGES_COUNT: u32 = 256;

/// An input that is held.
#[derive(Debug)]
pub(crate) struct HeldInput {
    pub(crate) request: Request,
    pub(crate) place: Place,
    /// Whether the kernel debounces it.
    pub(crate) is_debounced: bool,
}

/// How a line is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) active: Level,
    pub(crate) bias: Bias,
    /// By the kernel, where it can; zero for not at all.
    pub(crate) debounce: Duration,
    /// Which edges are told.
    pub(crate) edges: EdgeDetection,
}

impl FoundLine {
    /// Takes hold of the line as `configure` says.
    ///
    /// # Errors
    /// [`LineError`]; the line is untouched.
    pub(crate) fn request(
        self,
        configure: impl FnOnce(&mut Builder),
    ) -> Result<(Request, Place), LineError> {
        let request = request(&self.device, &[self.offset], &self.place, configure)?;
        Ok((request, self.place))
    }

    /// Takes hold of it as an input whose edges are told with the kernel's time.
    ///
    /// # Errors
    /// [`LineError`]
    pub(crate) fn read(self, how: Reading) -> Result<HeldInput, LineError> {
        let offsets = [self.offset];
        let try_with = |debounce| {
            let how = Reading { debounce, ..how };
            request(&self.device, &offsets, &self.place, |builder| {
                how.configure(builder)
            })
        };
        let (request, is_debounced) = match try_with(how.debounce) {
            Ok(request) => (request, !how.debounce.is_zero()),
            // A kernel or chip that does not debounce says so in several ways.
            Err(LineError::Io { .. }) if !how.debounce.is_zero() => {
                (try_with(Duration::ZERO)?, false)
            }
            Err(error) => return Err(error),
        };
        Ok(HeldInput {
            request,
            place: self.place,
            is_debounced,
        })
    }

    /// Takes hold of it and another line together, so that the order of their edges is kept;
    /// nothing if they are on different chips or the same. Gives the offsets too.
    ///
    /// # Errors
    /// [`LineError`]
    pub(crate) fn read_both(
        self,
        other: &Self,
        how: Reading,
    ) -> Result<Option<(HeldInput, [u32; 2])>, LineError> {
        let offsets = [self.offset, other.offset];
        if self.device.path() != other.device.path() || self.offset == other.offset {
            return Ok(None);
        }
        let configure = |builder: &mut Builder| {
            how.configure(builder);
            builder.with_kernel_event_buffer_size(KEPT_EDGES_COUNT);
        };
        let request = request(&self.device, &offsets, &self.place, configure)?;
        let held = HeldInput {
            request,
            place: self.place,
            is_debounced: false,
        };
        Ok(Some((held, offsets)))
    }
}

impl Reading {
    fn configure(self, builder: &mut Builder) {
        builder.as_input();
        match self.active {
            Level::High => builder.as_active_high(),
            Level::Low => builder.as_active_low(),
        };
        builder.with_bias(bias(self.bias));
        builder.with_edge_detection(self.edges);
        builder.with_event_clock(EventClock::Monotonic);
        if !self.debounce.is_zero() {
            builder.with_debounce_period(self.debounce);
        }
    }
}

/// As the crate says it.
pub(crate) fn bias(bias: Bias) -> Option<gpiocdev::line::Bias> {
    match bias {
        Bias::AsIs => None,
        Bias::Disabled => Some(gpiocdev::line::Bias::Disabled),
        Bias::PullUp => Some(gpiocdev::line::Bias::PullUp),
        Bias::PullDown => Some(gpiocdev::line::Bias::PullDown),
    }
}

fn request(
    device: &Chip,
    offsets: &[u32],
    place: &Place,
    configure: impl FnOnce(&mut Builder),
) -> Result<Request, LineError> {
    let mut builder = Request::builder();
    builder
        .on_chip(device.path())
        .with_consumer(CONSUMER)
        .with_lines(offsets);
    configure(&mut builder);
    builder.request().map_err(|error| {
        let mut lines = offsets.iter().filter_map(|o| device.line_info(*o).ok());
        match lines.find(|line| line.used) {
            Some(line) => error::busy(&place.text, &line.consumer, place.keys),
            None => place.refused("requested", &error),
        }
    })
}
