//! The panel on GPIO lines of the kernel's character device, and its input devices.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use gpiocdev::Request;
use gpiocdev::line::{EdgeDetection, EdgeEvent, EdgeKind, Value};

use super::board::{Board, BoardError};
use super::core::Input;
use super::keys::Keys;
use super::output_line::OutputLine;
use super::reading::{Part, Wire};
use super::wiegand::Pulse;
use crate::config;
use crate::gpio::{self, FoundLine, HeldInput, LineError, Reading};
use crate::guardian::BootTime;

/// A section's own keys; which section it is stands before.
pub(super) const KEYS: gpio::Keys = gpio::Keys {
    chip: "chip",
    line: "line",
    without_gpio: "panel.driver = \"simulated\"",
    service: "doorward-panel",
};
/// Edges taken from one request in one turn, so that a line that flutters holds up no other.
const MAX_READ_EDGES: usize = 512;

/// When to try again what has failed.
#[derive(Debug, Default)]
pub(super) struct Retry {
    after: Duration,
    at: Option<Instant>,
}

impl Retry {
    const FIRST: Duration = Duration::from_millis(250);
    const MOST: Duration = Duration::from_secs(10);

    /// It failed; says whether for the first time.
    pub(super) fn failed(&mut self) -> bool {
        let first = self.at.is_none();
        self.after = (self.after * 2).clamp(Self::FIRST, Self::MOST);
        self.at = Some(Instant::now() + self.after);
        first
    }

    pub(super) fn is_due(&self) -> bool {
        self.at.is_none_or(|at| Instant::now() >= at)
    }
}

/// Everything that is configured.
pub(super) struct Lines {
    wires: Vec<WireLine>,
    pair: Option<Pair>,
    outputs: Vec<OutputLine>,
    keys: Vec<Keys>,
    /// What opening had to tell.
    told: Vec<Input>,
    are_outputs_lost: bool,
}

struct WireLine {
    wire: Wire,
    section: &'static str,
    input: config::Input,
    held: Option<HeldInput>,
    retry: Retry,
}

/// The two lines of a Wiegand reader.
struct Pair {
    wiegand: config::Wiegand,
    held: Option<(HeldInput, [u32; 2])>,
    /// Of the last edge that was read.
    seqno: u32,
    retry: Retry,
}

impl Lines {
    pub(super) fn open(panel: &config::Panel) -> Result<Self, BoardError> {
        let mut told = Vec::new();
        let mut outputs = Vec::new();
        for (name, output) in &panel.output {
            let line = OutputLine::open(name, output).map_err(|source| {
                let section = format!("panel.output.{name}");
                BoardError::Line { section, source }
            })?;
            outputs.push(line);
        }
        let mut wires = Vec::new();
        for (wire, (section, input)) in Wire::ALL.into_iter().zip(panel.inputs()) {
            let mut line = WireLine {
                wire,
                section,
                input: input.clone(),
                held: None,
                retry: Retry::default(),
            };
            if input.line.is_some() {
                line.hold(&mut told).map_err(|source| {
                    let section = section.to_owned();
                    BoardError::Line { section, source }
                })?;
                wires.push(line);
            }
        }
        let pair = match (&panel.wiegand.d0, &panel.wiegand.d1) {
            (Some(_), Some(_)) => {
                let mut pair = Pair {
                    wiegand: panel.wiegand.clone(),
                    held: None,
                    seqno: 0,
                    retry: Retry::default(),
                };
                pair.hold()?;
                Some(pair)
            }
            _ => None,
        };
        let keys = [(&panel.keypad, Part::Keypad), (&panel.reader, Part::Reader)];
        let keys = keys
            .into_iter()
            .filter_map(|(typist, part)| Keys::open(typist, part, &mut told));
        Ok(Self {
            wires,
            pair,
            outputs,
            keys: keys.collect(),
            told,
            are_outputs_lost: false,
        })
    }

    /// Tells when the first output is lost and when the last is back.
    fn judge_outputs(&mut self, happened: &mut Vec<Input>) {
        let lost = self.outputs.iter().any(|output| output.is_lost());
        if lost != self.are_outputs_lost {
            self.are_outputs_lost = lost;
            happened.push(if lost {
                Input::Lost(Part::Outputs)
            } else {
                Input::Back(Part::Outputs)
            });
        }
    }
}

impl Board for Lines {
    fn watched(&self) -> Vec<BorrowedFd<'_>> {
        let wires = self
            .wires
            .iter()
            .filter_map(|wire| wire.held.as_ref())
            .map(|h| h.request.as_fd());
        let pair = self
            .pair
            .iter()
            .filter_map(|pair| pair.held.as_ref())
            .map(|(h, _)| h.request.as_fd());
        let keys = self.keys.iter().filter_map(Keys::watched);
        wires.chain(pair).chain(keys).collect()
    }

    fn read(&mut self, happened: &mut Vec<Input>) {
        happened.append(&mut self.told);
        self.wires.iter_mut().for_each(|wire| wire.read(happened));
        self.pair.iter_mut().for_each(|pair| pair.read(happened));
        self.keys.iter_mut().for_each(|keys| keys.read(happened));
    }

    fn look(&mut self, happened: &mut Vec<Input>) {
        self.wires.iter_mut().for_each(|wire| wire.look(happened));
        self.pair.iter_mut().for_each(|pair| pair.look(happened));
        self.keys.iter_mut().for_each(|keys| keys.look(happened));
        self.outputs.iter_mut().for_each(OutputLine::look);
        self.judge_outputs(happened);
    }

    fn light(&mut self, output: usize, lit: bool, happened: &mut Vec<Input>) {
        if let Some(output) = self.outputs.get_mut(output) {
            output.light(lit);
        }
        self.judge_outputs(happened);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // The kernel may keep the level of a line that is given back.
        self.outputs
            .iter_mut()
            .for_each(|output| output.light(false));
    }
}

impl WireLine {
    fn hold(&mut self, happened: &mut Vec<Input>) -> Result<(), LineError> {
        let Some(line) = &self.input.line else {
            return Ok(());
        };
        let period = Duration::from_millis(self.input.debounce_ms);
        let held = FoundLine::find(&self.input.chip, line, KEYS)?.read(Reading {
            active: self.input.active,
            bias: self.input.bias,
            debounce: period,
            edges: EdgeDetection::BothEdges,
        })?;
        let left = if held.is_debounced {
            Duration::ZERO
        } else {
            period
        };
        happened.push(Input::Debounce(self.wire, left));
        let level = held.request.lone_value();
        let level = level.map_err(|error| held.place.refused("read", &error))?;
        if self.retry.at.is_some() {
            happened.push(Input::Back(self.wire.part()));
        }
        happened.push(Input::Level(
            self.wire,
            BootTime::now(),
            level == Value::Active,
        ));
        self.held = Some(held);
        self.retry = Retry::default();
        Ok(())
    }

    fn lose(&mut self, error: &LineError, happened: &mut Vec<Input>) {
        self.held = None;
        if self.retry.failed() {
            log::error!("{} is lost: [{}]: {error}", self.wire.part(), self.section);
        }
        happened.push(Input::Lost(self.wire.part()));
    }

    fn read(&mut self, happened: &mut Vec<Input>) {
        let Some(held) = &self.held else { return };
        match edges(&held.request) {
            Ok(edges) => {
                happened.extend(edges.iter().map(|edge| {
                    Input::Edge(self.wire, instant(edge), edge.kind == EdgeKind::Rising)
                }))
            }
            Err(error) => {
                let error = held.place.refused("read", &error);
                self.lose(&error, happened);
            }
        }
    }

    fn look(&mut self, happened: &mut Vec<Input>) {
        match &self.held {
            Some(held) => match held.request.lone_value() {
                Ok(level) => {
                    let active = level == Value::Active;
                    happened.push(Input::Level(self.wire, BootTime::now(), active));
                }
                Err(error) => {
                    let error = held.place.refused("read", &error);
                    self.lose(&error, happened);
                }
            },
            None if self.retry.is_due() => match self.hold(happened) {
                Ok(()) => log::info!("{} is back", self.wire.part()),
                Err(error) => self.lose(&error, happened),
            },
            None => {}
        }
    }
}

impl Pair {
    fn hold(&mut self) -> Result<(), BoardError> {
        let (Some(d0), Some(d1)) = (&self.wiegand.d0, &self.wiegand.d1) else {
            return Ok(());
        };
        let failed = |source| BoardError::Line {
            section: "panel.wiegand".into(),
            source,
        };
        let find = |line| FoundLine::find(&self.wiegand.chip, line, KEYS).map_err(failed);
        let held = find(d0)?.read_both(
            &find(d1)?,
            Reading {
                active: self.wiegand.active,
                bias: self.wiegand.bias,
                debounce: Duration::ZERO,
                // One edge a bit is enough, and half as much to do.
                edges: EdgeDetection::RisingEdge,
            },
        );
        self.held = Some(held.map_err(failed)?.ok_or(BoardError::TwoChips)?);
        self.seqno = 0;
        self.retry = Retry::default();
        Ok(())
    }

    fn lose(&mut self, error: &str, happened: &mut Vec<Input>) {
        self.held = None;
        if self.retry.failed() {
            log::error!("{} is lost: {error}", Part::Wiegand);
        }
        happened.push(Input::Lost(Part::Wiegand));
    }

    fn read(&mut self, happened: &mut Vec<Input>) {
        let Some((held, [_, d1])) = &self.held else {
            return;
        };
        let edges = match edges(&held.request) {
            Ok(edges) => edges,
            Err(error) => {
                let error = held.place.refused("read", &error).to_string();
                return self.lose(&error, happened);
            }
        };
        for edge in edges {
            // The kernel counts edges, also those it could not keep.
            let expected = self.seqno.wrapping_add(1);
            let at = instant(&edge);
            if edge.seqno != 0 && edge.seqno != expected {
                happened.push(Input::PulsesLost(edge.timestamp_ns, at));
            }
            self.seqno = edge.seqno;
            let pulse = if edge.offset == *d1 {
                Pulse::D1
            } else {
                Pulse::D0
            };
            happened.push(Input::Pulse(edge.timestamp_ns, at, pulse));
        }
    }

    fn look(&mut self, happened: &mut Vec<Input>) {
        match &self.held {
            Some((held, [d0, _])) => {
                if let Err(error) = held.request.value(*d0) {
                    let error = held.place.refused("read", &error).to_string();
                    self.lose(&error, happened);
                }
            }
            None if self.retry.is_due() => match self.hold() {
                Ok(()) => {
                    log::info!("{} is back", Part::Wiegand);
                    happened.push(Input::Back(Part::Wiegand));
                }
                Err(error) => self.lose(&error.to_string(), happened),
            },
            None => {}
        }
    }
}

/// The edges that wait, a bounded number of them.
fn edges(request: &Request) -> Result<Vec<EdgeEvent>, gpiocdev::Error> {
    let mut edges = Vec::new();
    while edges.len() < MAX_READ_EDGES && request.has_edge_event()? {
        edges.push(request.read_edge_event()?);
    }
    Ok(edges)
}

/// The kernel stamps edges by a clock that stands still during suspend.
fn instant(edge: &EdgeEvent) -> BootTime {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now = (now.tv_sec.max(0) as u64)
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec.max(0) as u64);
    let age = now.saturating_sub(edge.timestamp_ns) / 1_000_000;
    BootTime::from_ms(BootTime::now().as_ms().saturating_sub(age))
}
