//! What the panel makes of what happens, by example.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use super::core::{Client, Core, Effect, Input, MAX_SHOW_GAP};
use super::reading::{Card, Digit, Flaw, Key, Misread, Part, Reading, What, Wire};
use super::typing::Stroke;
use super::wiegand::Pulse;
use crate::config::Signals;
use crate::config::{self, Config, Signal};
use crate::guardian::BootTime;

const EVERYTHING: &str = r#"
    [panel]
    driver = "simulated"
    contact.line = 1
    rex.line = 2
    tamper.line = 3
    rotor.line = 4
    other_door.line = 5
    keypad = { device = "/dev/input/by-path/a", vendor = 1, product = 2 }
    reader = { device = "/dev/input/by-path/b", vendor = 1, product = 3 }
    wiegand = { d0 = 6, d1 = 7, formats = ["26", "34", "37", "keys4", "keys8", "own"] }
    [panel.wiegand_format.own]
    fields = ".FFFFCCCCCCCC..CC."
    parity = ["Exxxxxxxx.........", ".....xxxxxxxx..xxO"]
    [panel.output.steady]
    line = 8
    signals = ["granted", "tamper"]
    max_on_ms = 3000
    [panel.output.blink]
    line = 9
    signals = ["look_here", "granted"]
    pattern = "blink"
    max_on_ms = 0
    [panel.output.beep]
    line = 10
    signals = ["pre_alarm"]
    pattern = "beep"
    [panel.output.pulse]
    line = 11
    signals = ["granted", "refused"]
    pattern = "pulse"
    pulse_ms = 300
"#;

pub(super) fn everything() -> config::Panel {
    Config::parse(EVERYTHING, Path::new("test")).unwrap().panel
}

pub(super) fn at(ms: u64) -> BootTime {
    BootTime::from_ms(ms)
}

/// A core with what it has said.
pub(super) struct Trial {
    pub(super) core: Core,
    pub(super) now: u64,
    pub(super) told: Vec<Reading>,
    pub(super) lit: Vec<bool>,
    pub(super) lit_since: Vec<u64>,
}

impl Trial {
    pub(super) fn new() -> Self {
        Self::of(&everything())
    }

    pub(super) fn of(panel: &config::Panel) -> Self {
        Self {
            core: Core::new(panel, at(1000)),
            now: 1000,
            told: Vec::new(),
            lit: vec![false; panel.output.len()],
            lit_since: vec![0; panel.output.len()],
        }
    }

    pub(super) fn input(&mut self, input: Input) {
        for effect in self.core.step(at(self.now), input) {
            match effect {
                Effect::Tell(reading) => self.told.push(reading),
                Effect::Light(output, lit) => {
                    assert_ne!(self.lit[output], lit, "told what is so");
                    self.lit[output] = lit;
                    self.lit_since[output] = self.now;
                }
                Effect::Bits(..) => {}
            }
        }
    }

    /// Time passes, and the core is woken as it asks to be.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(wake) = self
            .core
            .wake_at()
            .map(BootTime::as_ms)
            .filter(|w| *w <= end)
        {
            self.now = wake.max(self.now);
            self.input(Input::Tick);
            let again = self.core.wake_at().map(BootTime::as_ms);
            assert!(
                again.is_none_or(|again| again > self.now),
                "it would never sleep"
            );
        }
        self.now = end;
        self.input(Input::Tick);
    }

    fn show(&mut self, signals: &[Signal]) {
        self.input(Input::Show(Client(1), signals.iter().copied().collect()));
    }

    /// What has been read since the last call.
    pub(super) fn read(&mut self) -> Vec<What> {
        self.told.drain(..).map(|reading| reading.what).collect()
    }

    pub(super) fn frame(&mut self, bits: &[bool]) {
        for bit in bits {
            self.now += 2;
            let pulse = if *bit { Pulse::D1 } else { Pulse::D0 };
            self.input(Input::Pulse(self.now * 1_000_000, at(self.now), pulse));
        }
    }
}

/// Outputs by their names' order.
const BEEP: usize = 0;
const BLINK: usize = 1;
const PULSE: usize = 2;
const STEADY: usize = 3;

#[test]
fn a_level_counts_when_it_has_lasted_and_from_when_it_began() {
    let mut trial = Trial::new();
    trial.input(Input::Level(Wire::Contact, at(1000), false));
    // How things are is no change, and counts at once.
    let first = Reading {
        at: at(1000),
        is_change: false,
        what: What::Contact { open: false },
    };
    assert_eq!(trial.told, [first]);
    assert_eq!(trial.core.state()[0], first);
    trial.read();
    for bounce in [true, false, true, false, true] {
        trial.now += 5;
        trial.input(Input::Edge(Wire::Contact, at(trial.now), bounce));
    }
    trial.pass(49);
    assert_eq!(trial.read(), []);
    trial.pass(1);
    let opened = Reading {
        at: at(1025),
        is_change: true,
        what: What::Contact { open: true },
    };
    assert_eq!(trial.told, [opened]);
    // Looking at it changes nothing; what an edge did not tell is seen by looking.
    trial.read();
    trial.input(Input::Level(Wire::Contact, at(trial.now), true));
    trial.pass(1000);
    assert_eq!(trial.read(), []);
    trial.input(Input::Level(Wire::Contact, at(trial.now), false));
    trial.pass(50);
    assert_eq!(trial.read(), [What::Contact { open: false }]);
}

#[test]
fn a_part_that_is_lost_is_unknown_until_it_is_back() {
    let mut trial = Trial::new();
    trial.input(Input::Level(Wire::Rex, at(1000), true));
    trial.read();
    trial.input(Input::Lost(Part::Rex));
    trial.input(Input::Lost(Part::Rex));
    trial.input(Input::Edge(Wire::Rex, at(trial.now), false));
    trial.pass(100);
    assert_eq!(trial.read(), [What::Lost(Part::Rex)]);
    let state = |trial: &Trial| {
        let mut state = trial.core.state().into_iter().map(|r| r.what);
        state.find(|what| matches!(what, What::Rex { .. } | What::Lost(Part::Rex)))
    };
    assert_eq!(state(&trial), Some(What::Lost(Part::Rex)));
    trial.input(Input::Back(Part::Rex));
    trial.input(Input::Level(Wire::Rex, at(trial.now), true));
    // A button that was pressed in between was not seen to be pressed.
    assert!(
        trial
            .told
            .iter()
            .any(|r| !r.is_change && r.what == What::Rex { pressed: true })
    );
    assert_eq!(
        trial.read(),
        [What::Back(Part::Rex), What::Rex { pressed: true }]
    );
    assert_eq!(state(&trial), Some(What::Rex { pressed: true }));
}

#[test]
fn each_pattern_is_lit_as_it_is_called() {
    let mut trial = Trial::new();
    trial.input(Input::Light(Client(9), BEEP));
    assert!(trial.lit[BEEP]);
    trial.pass(1000);
    assert!(!trial.lit[BEEP]);
    let mut seen = [0u32; 4];
    for _ in 0..400 {
        trial.show(&[Signal::Granted, Signal::PreAlarm]);
        for (count, lit) in seen.iter_mut().zip(&trial.lit) {
            *count += u32::from(*lit);
        }
        trial.pass(10);
    }
    // Of four seconds: a tenth, half, once 300 ms, and three seconds until the cap.
    assert_eq!(seen, [40, 200, 30, 300]);
    // A signal that begins while another holds pulses again.
    trial.show(&[Signal::Granted, Signal::Refused]);
    assert!(trial.lit[PULSE]);
    // The cap holds until all its signals have ended, for a second.
    trial.show(&[Signal::Granted, Signal::Tamper]);
    assert!(!trial.lit[STEADY]);
    trial.show(&[]);
    trial.show(&[Signal::Tamper]);
    assert!(!trial.lit[STEADY]);
    trial.show(&[]);
    trial.pass(1000);
    trial.show(&[Signal::Tamper]);
    assert!(trial.lit[STEADY]);
}

#[test]
fn nothing_is_lit_for_whoever_is_gone_hangs_or_after_the_end() {
    let mut trial = Trial::new();
    trial.show(&[Signal::LookHere]);
    trial.input(Input::Show(Client(2), Signals::NONE.with(Signal::LookHere)));
    trial.input(Input::Gone(Client(1)));
    assert!(trial.lit[BLINK]);
    trial.input(Input::Gone(Client(2)));
    assert!(!trial.lit[BLINK]);
    trial.show(&[Signal::Refused, Signal::LookHere]);
    trial.pass(MAX_SHOW_GAP.as_millis() as u64);
    assert_eq!(trial.lit, [false; 4]);
    trial.show(&[Signal::LookHere]);
    trial.input(Input::Stop);
    assert_eq!(trial.lit, [false; 4]);
    assert!(trial.core.is_stopped());
    trial.show(&[Signal::LookHere]);
    trial.input(Input::Light(Client(1), STEADY));
    assert_eq!(trial.lit, [false; 4]);
}

#[test]
fn a_reader_that_types_gives_a_card_or_says_what_is_none() {
    let mut trial = Trial::new();
    let digit = |d: u8| Stroke::Key(Key::Digit(Digit::new(d).unwrap()));
    let enter = Stroke::Key(Key::Enter);
    let mut typed = |strokes: &[Stroke]| {
        for stroke in strokes {
            trial.input(Input::Typed(at(trial.now), *stroke));
        }
        trial.pass(2000);
        trial.read()
    };
    let card = Card {
        bits: 0,
        facility: None,
        number: 120,
    };
    let none = |length, flaw| vec![What::Misread(Misread { length, flaw })];
    assert_eq!(
        typed(&[digit(0), digit(1), digit(2), digit(0), enter]),
        [What::Card(card)]
    );
    assert_eq!(typed(&[enter]), none(0, Flaw::NotDigits));
    assert_eq!(
        typed(&[digit(1), Stroke::Other, enter]),
        none(2, Flaw::NotDigits)
    );
    assert_eq!(
        typed(&[digit(1), Stroke::Overrun, enter]),
        none(2, Flaw::Overrun)
    );
    assert_eq!(typed(&[digit(1), digit(2)]), none(2, Flaw::NotDigits));
    assert_eq!(
        typed(&[[digit(9); 20].as_slice(), &[enter]].concat()),
        none(20, Flaw::TooLong)
    );
    assert_eq!(
        typed(&[[digit(9); 19].as_slice(), &[enter]].concat()).len(),
        1
    );
    // The keypad's keys are told one by one, and others not.
    for stroke in [digit(4), Stroke::Other, enter] {
        trial.input(Input::Pressed(at(trial.now), stroke));
    }
    let keys = [Key::Digit(Digit::new(4).unwrap()), Key::Enter].map(What::Key);
    assert_eq!(trial.read(), keys);
}

#[test]
fn published_cards_are_read() {
    // H10301 facility 159, card 413.
    let mut trial = Trial::new();
    let bits = |text: &str| text.bytes().map(|b| b == b'1').collect::<Vec<_>>();
    trial.frame(&bits("0100111110000000110011101"));
    trial.pass(25);
    let short = Misread {
        length: 25,
        flaw: Flaw::Length,
    };
    assert_eq!(trial.read(), [What::Misread(short)]);
    // 1 + 12 bits even, 12 + 1 bits odd, by hand.
    trial.frame(&bits("01001111100000001100111011"));
    trial.pass(25);
    let card = Card {
        bits: 26,
        facility: Some(159),
        number: 413,
    };
    assert_eq!(trial.read(), [What::Card(card)]);
    // Two on both lines at one time are a spike.
    trial.now += 100;
    for (ns, pulse) in [(0, Pulse::D0), (10_000, Pulse::D1)] {
        trial.input(Input::Pulse(
            trial.now * 1_000_000 + ns,
            at(trial.now),
            pulse,
        ));
    }
    trial.pass(25);
    let spike = Misread {
        length: 2,
        flaw: Flaw::Glitch,
    };
    assert_eq!(trial.read(), [What::Misread(spike)]);
    // A key is four bits, or eight with their complement.
    trial.frame(&bits("1011"));
    trial.pass(25);
    trial.frame(&bits("11010010"));
    trial.pass(25);
    let two = Key::Digit(Digit::new(2).unwrap());
    assert_eq!(trial.read(), [What::Key(Key::Enter), What::Key(two)]);
    trial.frame(&bits("11010011"));
    trial.pass(25);
    let wrong = Misread {
        length: 8,
        flaw: Flaw::Parity,
    };
    assert_eq!(trial.read(), [What::Misread(wrong)]);
}

#[test]
fn a_duration_that_is_zero_does_not_wait() {
    let mut debounce = super::debounce::Debounce::new(Duration::ZERO);
    debounce.see(at(1), true);
    assert_eq!(debounce.settle(at(1)), Some((true, at(1))));
    debounce.see(at(2), false);
    assert_eq!(debounce.settle(at(2)), Some((false, at(2))));
}
