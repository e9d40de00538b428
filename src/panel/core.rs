//! What is read and what is lit, from what happened and what time it is.

use std::time::Duration;

use super::debounce::Debounce;
use super::lamp::Lamp;
use super::reading::{Flaw, Misread, Part, Reading, What, Wire};
use super::typing::{Stroke, Typed};
use super::wiegand::{Decoder, Frame, Pulse};
use crate::config;
use crate::config::Signals;
use crate::guardian::BootTime;

/// What a client shows that has not said so again for so long: it hangs or was stopped.
pub(crate) const MAX_SHOW_GAP: Duration = Duration::from_secs(2);
/// Clients that show something at one time, at most.
pub(crate) const MAX_SHOWS_COUNT: usize = 16;

/// A connection, by a number that is not used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Client(pub(crate) u64);

/// What happens to the panel. Instants are those of the hardware, and may be past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// A wire changed to this level: active or not.
    Edge(Wire, BootTime, bool),
    /// A wire was looked at.
    Level(Wire, BootTime, bool),
    /// How long a level has to last that the kernel has not debounced.
    Debounce(Wire, Duration),
    /// A pulse of the Wiegand reader, with the kernel's time in nanoseconds.
    Pulse(u64, BootTime, Pulse),
    /// Pulses of it were lost.
    PulsesLost(u64, BootTime),
    /// A keypad's key.
    Pressed(BootTime, Stroke),
    /// A key of the reader that types.
    Typed(BootTime, Stroke),
    /// A part does not answer.
    Lost(Part),
    /// It answers again.
    Back(Part),
    /// These signals hold for this client.
    Show(Client, Signals),
    /// This client wants to see one output, by its place among their names.
    Light(Client, usize),
    /// A client's connection ended.
    Gone(Client),
    /// The process is to end.
    Stop,
    /// Time has passed, and whatever had happened until then was told before.
    Tick,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Tell every client.
    Tell(Reading),
    /// Tell those who watch: a frame as it came.
    Bits(BootTime, Vec<bool>),
    /// Light an output, or make it dark.
    Light(usize, bool),
}

struct Show {
    client: Client,
    signals: Signals,
    renewed_at: BootTime,
}

/// One panel. Its size is bounded whatever happens.
pub(crate) struct Core {
    wires: [Option<Debounce>; 5],
    wiegand: Option<Decoder>,
    keypad: bool,
    reader: Option<Typed>,
    lamps: Vec<Lamp>,
    shows: Vec<Show>,
    /// Since when each part of [`Part::ALL`] is lost.
    lost: [Option<BootTime>; Part::ALL.len()],
    stopping: bool,
    clock: BootTime,
}

impl Core {
    /// A panel of which nothing is known yet, and nothing is lit.
    pub(crate) fn new(panel: &config::Panel, now: BootTime) -> Self {
        let wires = panel.inputs().map(|(_, input)| {
            let period = Duration::from_millis(input.debounce_ms);
            input.line.as_ref().map(|_| Debounce::new(period))
        });
        let both = panel.wiegand.d0.is_some() && panel.wiegand.d1.is_some();
        Self {
            wires,
            wiegand: both.then(|| Decoder::new(panel)),
            keypad: panel.keypad.device.is_some(),
            reader: panel.reader.device.as_ref().map(|_| Typed::default()),
            lamps: panel
                .output
                .values()
                .map(|output| Lamp::new(output, now))
                .collect(),
            shows: Vec::new(),
            lost: [None; Part::ALL.len()],
            stopping: false,
            clock: now,
        }
    }

    /// How things are: each part that is there, once.
    pub(crate) fn state(&self) -> Vec<Reading> {
        let told = |at, what| Reading {
            at,
            is_change: false,
            what,
        };
        let lost = |part| self.since_lost(part).map(|at| told(at, What::Lost(part)));
        let wires = Wire::ALL.into_iter().zip(&self.wires);
        let wires = wires.filter_map(|(wire, debounce)| {
            let level = debounce.as_ref()?.level();
            Some(lost(wire.part()).unwrap_or(match level {
                Some((active, at)) => told(at, wire.reading(active)),
                None => told(self.clock, What::Lost(wire.part())),
            }))
        });
        let others = [Part::Keypad, Part::Reader, Part::Wiegand, Part::Outputs];
        wires.chain(others.into_iter().filter_map(lost)).collect()
    }

    fn since_lost(&self, part: Part) -> Option<BootTime> {
        let place = Part::ALL.iter().position(|one| *one == part)?;
        self.lost.get(place).copied().flatten()
    }

    /// Whether an output is to be lit.
    pub(crate) fn is_lit(&self, output: usize) -> bool {
        self.lamps.get(output).is_some_and(Lamp::is_lit)
    }

    /// Whether it was told to stop and nothing is lit.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopping && !self.lamps.iter().any(Lamp::is_lit)
    }

    /// When to call [`Core::step`] with [`Input::Tick`] if nothing happens before.
    pub(crate) fn wake_at(&self) -> Option<BootTime> {
        let wires = self.wires.iter().flatten().filter_map(Debounce::wake_at);
        let shows = self
            .shows
            .iter()
            .map(|show| show.renewed_at.after(MAX_SHOW_GAP));
        let lamps = self
            .lamps
            .iter()
            .filter_map(|lamp| lamp.wake_at(self.clock));
        let frame = self.wiegand.iter().filter_map(Decoder::wake_at);
        let typed = self.reader.iter().filter_map(Typed::wake_at);
        wires
            .chain(shows)
            .chain(lamps)
            .chain(frame)
            .chain(typed)
            .min()
    }

    /// Takes one input at the time `now`.
    pub(crate) fn step(&mut self, now: BootTime, input: Input) -> Vec<Effect> {
        self.clock = now.max(self.clock);
        let now = self.clock;
        let mut effects = Vec::new();
        match input {
            Input::Edge(wire, at, level) => self.edge(wire, at.min(now), level, true, &mut effects),
            Input::Level(wire, at, level) => {
                self.edge(wire, at.min(now), level, false, &mut effects)
            }
            Input::Debounce(wire, period) => {
                if let Some(debounce) = self.wire(wire) {
                    debounce.set_period(period);
                }
            }
            Input::Pulse(ns, at, pulse) => {
                // One that came after a gap begins another frame.
                self.frame(at.min(now), &mut effects);
                if let Some(decoder) = &mut self.wiegand {
                    decoder.pulse(ns, at.min(now), pulse);
                }
            }
            Input::PulsesLost(ns, at) => {
                if let Some(decoder) = &mut self.wiegand {
                    decoder.overrun(ns, at.min(now));
                }
            }
            Input::Pressed(at, stroke) if self.keypad => {
                effects.extend(pressed(at.min(now), stroke))
            }
            Input::Pressed(..) => {}
            Input::Typed(at, stroke) => self.typed(at.min(now), stroke, &mut effects),
            Input::Lost(part) => self.lose(now, part, &mut effects),
            Input::Back(part) => {
                let lost = Part::ALL
                    .iter()
                    .zip(&mut self.lost)
                    .find(|(one, _)| **one == part);
                if lost.is_some_and(|(_, since)| since.take().is_some()) {
                    effects.push(change(now, What::Back(part)));
                }
            }
            Input::Show(client, signals) => self.show(now, client, signals),
            Input::Light(client, output) if !self.stopping => {
                if let Some(lamp) = self.lamps.get_mut(output) {
                    lamp.try_out(now, client);
                }
            }
            Input::Light(..) => {}
            Input::Gone(client) => {
                self.shows.retain(|show| show.client != client);
                self.lamps.iter_mut().for_each(|lamp| lamp.gone(client));
            }
            Input::Stop => {
                self.stopping = true;
                self.shows.clear();
                self.lamps.iter_mut().for_each(Lamp::end);
            }
            Input::Tick => self.tick(now, &mut effects),
        }
        self.light(now, &mut effects);
        effects
    }

    fn wire(&mut self, wire: Wire) -> Option<&mut Debounce> {
        let mut wires = Wire::ALL.iter().zip(&mut self.wires);
        wires
            .find(|(one, _)| **one == wire)
            .and_then(|(_, debounce)| debounce.as_mut())
    }

    fn edge(
        &mut self,
        wire: Wire,
        at: BootTime,
        level: bool,
        edge: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.since_lost(wire.part()).is_some() {
            return;
        }
        let Some(debounce) = self.wire(wire) else {
            return;
        };
        let was_known = debounce.level().is_some();
        // What had lasted until then counts.
        let before = debounce.settle(at);
        match edge {
            true => debounce.see(at, level),
            false => debounce.look(at, level),
        }
        let after = if was_known { None } else { debounce.settle(at) };
        for (active, since) in before.into_iter().chain(after) {
            let tell = |is_change| Reading {
                at: since,
                is_change,
                what: wire.reading(active),
            };
            // What is seen first is how things are.
            effects.push(Effect::Tell(tell(was_known)));
        }
    }

    fn typed(&mut self, at: BootTime, stroke: Stroke, effects: &mut Vec<Effect>) {
        if let Some(typed) = &mut self.reader {
            let given_up = typed.settle(at);
            let read = typed.stroke(at, stroke);
            effects.extend(
                given_up
                    .into_iter()
                    .chain(read)
                    .map(|what| change(at, what)),
            );
        }
    }

    fn frame(&mut self, now: BootTime, effects: &mut Vec<Effect>) {
        let over = self
            .wiegand
            .as_mut()
            .and_then(|decoder| decoder.settle(now));
        if let Some((at, bits, frame)) = over {
            effects.push(Effect::Bits(at, bits));
            effects.push(change(
                at,
                match frame {
                    Frame::Card(card) => What::Card(card),
                    Frame::Key(key) => What::Key(key),
                    Frame::Misread(misread) => What::Misread(misread),
                },
            ));
        }
    }

    fn lose(&mut self, now: BootTime, part: Part, effects: &mut Vec<Effect>) {
        let Some(place) = Part::ALL.iter().position(|one| *one == part) else {
            return;
        };
        let Some(since) = self.lost.get_mut(place).filter(|since| since.is_none()) else {
            return;
        };
        *since = Some(now);
        for (wire, debounce) in Wire::ALL.into_iter().zip(&mut self.wires) {
            if let Some(debounce) = debounce.as_mut().filter(|_| wire.part() == part) {
                debounce.forget();
            }
        }
        match (part, &mut self.wiegand, &mut self.reader) {
            (Part::Wiegand, Some(decoder), _) => decoder.forget(),
            (Part::Reader, _, Some(typed)) => typed.forget(),
            _ => {}
        }
        effects.push(change(now, What::Lost(part)));
    }

    fn show(&mut self, now: BootTime, client: Client, signals: Signals) {
        self.shows.retain(|show| show.client != client);
        if !self.stopping && !signals.is_none() && self.shows.len() < MAX_SHOWS_COUNT {
            self.shows.push(Show {
                client,
                signals,
                renewed_at: now,
            });
        }
    }

    fn tick(&mut self, now: BootTime, effects: &mut Vec<Effect>) {
        for (wire, debounce) in Wire::ALL.into_iter().zip(&mut self.wires) {
            if let Some((active, at)) = debounce.as_mut().and_then(|d| d.settle(now)) {
                effects.push(change(at, wire.reading(active)));
            }
        }
        self.frame(now, effects);
        if let Some(what) = self.reader.as_mut().and_then(|typed| typed.settle(now)) {
            effects.push(change(now, what));
        }
    }

    fn light(&mut self, now: BootTime, effects: &mut Vec<Effect>) {
        self.shows
            .retain(|show| now < show.renewed_at.after(MAX_SHOW_GAP));
        let shown = self
            .shows
            .iter()
            .fold(Signals::NONE, |all, show| all.union(show.signals));
        for (output, lamp) in self.lamps.iter_mut().enumerate() {
            lamp.show(now, shown);
            effects.extend(lamp.settle(now).map(|lit| Effect::Light(output, lit)));
        }
    }
}

fn change(at: BootTime, what: What) -> Effect {
    Effect::Tell(Reading {
        at,
        is_change: true,
        what,
    })
}

fn pressed(at: BootTime, stroke: Stroke) -> Option<Effect> {
    let what = match stroke {
        Stroke::Key(key) => What::Key(key),
        Stroke::Other => return None,
        Stroke::Overrun => What::Misread(Misread {
            length: 0,
            flaw: Flaw::Overrun,
        }),
    };
    Some(change(at, what))
}
