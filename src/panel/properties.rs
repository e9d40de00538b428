//! Whatever happens at wires, keys and socket, what `mod.rs` says holds.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::core::{Client, Input, MAX_SHOW_GAP};
use super::lamp::TRIAL;
use super::reading::{Card, Digit, Flaw, Key, Misread, Part, Reading, What, Wire};
use super::tests::{Trial, at, everything};
use super::wiegand::MAX_FRAME_BITS;
use super::wire::{MAX_LINE_BYTES, Request, Word};
use crate::config::Signals;
use crate::config::{self, Signal};

fn formats() -> impl Strategy<Value = usize> {
    0usize..5
}

/// The formats that the test's panel takes, and 37 bits with a facility.
fn panel_of(format: usize) -> config::Panel {
    let mut panel = everything();
    if format == 4 {
        panel.wiegand.formats = vec!["37f".into()];
    }
    panel
}

fn frame_of(
    panel: &config::Panel,
    format: usize,
    facility: u64,
    number: u64,
) -> (Vec<bool>, u64, Card) {
    let decoder = super::wiegand::Decoder::new(panel);
    let format = &decoder.formats()[if format == 4 { 0 } else { format }];
    let (f, n) = format.widths();
    let (facility, number) = (facility & ((1 << f) - 1), number & ((1 << n) - 1));
    let bits = format.frame(facility, number);
    let card = Card {
        bits: bits.len() as u8,
        facility: (f > 0).then_some(facility),
        number,
    };
    (bits, format.covered(), card)
}

proptest! {
    #[test]
    fn a_frame_of_any_format_gives_its_card_and_none_with_a_bit_flipped(
        format in formats(), facility: u64, number: u64, flip in 0usize..64,
    ) {
        let panel = panel_of(format);
        let (bits, covered, card) = frame_of(&panel, format, facility, number);
        let mut trial = Trial::of(&panel);
        trial.frame(&bits);
        trial.pass(25);
        prop_assert_eq!(trial.read(), [What::Card(card)]);

        let flip = flip % bits.len();
        let mut wrong = bits.clone();
        wrong[flip] = !wrong[flip];
        trial.frame(&wrong);
        trial.pass(25);
        let is_covered = covered >> (bits.len() - 1 - flip) & 1 == 1;
        let parity = Misread { length: bits.len() as u16, flaw: Flaw::Parity };
        // What no parity covers stands in no field of the formats that are known.
        let read = trial.read();
        prop_assert_eq!(is_covered, read == [What::Misread(parity)]);
    }

    /// Any bits are told once, as one thing, and the next card is read.
    #[test]
    fn any_pulses_are_bounded_and_told_once(
        bits in prop::collection::vec(any::<bool>(), 1..400), number: u16,
    ) {
        let mut trial = Trial::new();
        trial.frame(&bits);
        prop_assert_eq!(trial.read(), []);
        trial.pass(25);
        let read = trial.read();
        prop_assert_eq!(read.len(), 1);
        if bits.len() > MAX_FRAME_BITS {
            let long = Misread { length: bits.len() as u16, flaw: Flaw::TooLong };
            prop_assert_eq!(&read, &[What::Misread(long)]);
        }
        let panel = everything();
        let (bits, _, card) = frame_of(&panel, 0, 7, number.into());
        trial.frame(&bits);
        trial.pass(25);
        prop_assert_eq!(trial.read(), [What::Card(card)]);
    }

    /// A lamp is lit only for who is there and said so lately, and not beyond its cap.
    #[test]
    fn outputs_are_lit_only_for_a_live_client_and_not_beyond_the_cap(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut trial = Trial::new();
        // By client: what it shows and since when, and until when it tries something.
        let mut shows: Vec<(Client, Signals, u64)> = Vec::new();
        let mut trials: Vec<(Client, usize, u64)> = Vec::new();
        let panel = everything();
        for (wait, input) in steps {
            trial.pass(wait);
            trial.input(input);
            match input {
                Input::Show(client, signals) => {
                    shows.retain(|(c, ..)| *c != client);
                    shows.push((client, signals, trial.now));
                }
                Input::Light(client, output) => {
                    trials.push((client, output, trial.now + TRIAL.as_millis() as u64));
                }
                Input::Gone(client) => {
                    shows.retain(|(c, ..)| *c != client);
                    trials.retain(|(c, ..)| *c != client);
                }
                Input::Stop => (shows.clear(), trials.clear()).0,
                _ => {}
            }
            for (place, output) in panel.output.values().enumerate() {
                let is_for = |(_, signals, since): &(Client, Signals, u64)| {
                    trial.now < since + MAX_SHOW_GAP.as_millis() as u64
                        && output.signals.iter().any(|signal| signals.has(*signal))
                };
                let is_tried = trials.iter().any(|(_, o, until)| *o == place && trial.now < *until);
                let lit = trial.lit[place];
                prop_assert!(!lit || is_tried || shows.iter().any(is_for), "output {}", place);
                prop_assert_eq!(lit, trial.core.is_lit(place));
                let age = trial.now - trial.lit_since[place];
                let is_within = output.max_on_ms == 0 || age < output.max_on_ms;
                prop_assert!(!lit || is_within, "output {}", place);
            }
        }
    }

    /// Told once each, every second time the other; what is told last is how things are.
    #[test]
    fn levels_alternate_and_end_where_the_wire_is(
        steps in prop::collection::vec((0u64..120, any::<bool>()), 1..80),
    ) {
        let mut trial = Trial::new();
        trial.input(Input::Level(Wire::Tamper, at(trial.now), false));
        let mut last = false;
        for (wait, level) in steps {
            trial.pass(wait);
            trial.input(Input::Edge(Wire::Tamper, at(trial.now), level));
            last = level;
        }
        trial.pass(50);
        let told: Vec<&What> = trial.told.iter().map(|r| &r.what).collect();
        for (n, what) in told.iter().enumerate() {
            prop_assert_eq!(**what, What::Tamper { open: n % 2 == 1 });
        }
        let times: Vec<u64> = trial.told.iter().map(|r| r.at.as_ms()).collect();
        prop_assert!(times.is_sorted());
        prop_assert_eq!(told.last().copied(), Some(&What::Tamper { open: last }));
    }

    #[test]
    fn any_bytes_are_read_or_refused_and_what_is_written_is_read(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        words in prop::collection::vec(prop::sample::select(WORDS), 1..5),
    ) {
        for line in [bytes, words.join(" ").into_bytes()] {
            if let Some(request) = Request::parse(&line) {
                let written = request.line();
                prop_assert_eq!(Request::parse(written.trim_end_matches('\n').as_bytes()), Some(request));
            }
            if let Some(word) = Word::parse(&line) {
                let written = word.line();
                prop_assert!(written.len() <= MAX_LINE_BYTES && written.ends_with('\n'));
                prop_assert_eq!(Word::parse(written.trim_end_matches('\n').as_bytes()), Some(word));
            }
        }
    }

    #[test]
    fn every_reading_crosses_the_wire(what in what(), ms: u64, is_change: bool) {
        let reading = Reading { at: at(ms), is_change, what };
        let line = Word::of(&reading).line();
        let read = Word::parse(line.trim_end_matches('\n').as_bytes());
        prop_assert_eq!(read, Some(Word::Reading(reading)));
    }
}

const WORDS: &[&str] = &[
    "show",
    "-",
    "granted,ready",
    "light",
    "siren",
    "watch",
    "contact",
    "open",
    "12",
    "012",
    "key",
    "enter",
    "5",
    "card",
    "w26:1:2",
    "typed:0",
    "misread",
    "length",
    "lost",
    "keypad",
    "panel",
    "found",
    "1",
    "3f",
    "bits",
    "0101",
    "failed",
    "no",
    "18446744073709551616",
    "",
];

fn what() -> impl Strategy<Value = What> {
    let flag = any::<bool>();
    let card =
        (any::<u8>(), any::<Option<u64>>(), any::<u64>()).prop_map(|(bits, facility, number)| {
            Card {
                bits,
                facility,
                number,
            }
        });
    let misread = (any::<u16>(), prop::sample::select(&Flaw::ALL[..]))
        .prop_map(|(length, flaw)| Misread { length, flaw });
    prop_oneof![
        (prop::sample::select(&Wire::ALL[..]), flag).prop_map(|(wire, on)| wire.reading(on)),
        (0u8..=9).prop_map(|d| What::Key(Key::Digit(Digit::new(d).unwrap()))),
        Just(What::Key(Key::Enter)),
        Just(What::Key(Key::Clear)),
        card.prop_map(What::Card),
        misread.prop_map(What::Misread),
        prop::sample::select(&Part::ALL[..]).prop_map(What::Lost),
        prop::sample::select(&Part::ALL[..]).prop_map(What::Back),
    ]
}

fn step() -> impl Strategy<Value = (u64, Input)> {
    let client = || (0u64..3).prop_map(Client);
    let signals = prop::collection::vec(prop::sample::select(&Signal::ALL[..]), 0..4);
    let input = prop_oneof![
        6 => (client(), signals).prop_map(|(c, s)| Input::Show(c, s.into_iter().collect())),
        2 => (client(), 0usize..5).prop_map(|(c, output)| Input::Light(c, output)),
        2 => client().prop_map(Input::Gone),
        2 => Just(Input::Tick),
        1 => Just(Input::Lost(Part::Outputs)),
        1 => Just(Input::Stop),
    ];
    // Short and long waits, so that leases and caps run out.
    (prop_oneof![0u64..50, 0u64..1500, Just(2000)], input)
}
