//! Between the panel and the threads that it concerns: what is read goes to the door and to
//! the desk, and the signals of both to the lights. A thread of its own, for which nobody waits.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::desk;
use super::readings::Readings;
use super::sight::Sight;
use crate::access;
use crate::config::{Signal, Signals};
use crate::door::{self, Contact};
use crate::panel::{self, Panel, Part, What};
use crate::whitelist::{Card, CardFormat};

/// Signals of one side that wait to be shown, at most: the newest of them counts.
const MAX_WAITING_SIGNALS: usize = 64;
/// Keys and cards that wait for the vision thread, at most. Somebody types two in a second.
const MAX_WAITING_KEYS: usize = 64;

/// The ends that the other threads hold.
pub(crate) struct Ends {
    pub readings: Readings,
    pub door_signals: Box<dyn FnMut(Signals) + Send>,
    pub desk: (Receiver<desk::Reading>, Sender<(Signal, bool)>),
}

/// Ends the thread when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct PanelLink {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PanelLink {
    /// Starts the thread; where there is no panel, nothing is read and nothing shown.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(panel: Option<Panel>, sight: Arc<Sight>) -> io::Result<(Self, Ends)> {
        let Some(panel) = panel else {
            let ends = Ends {
                readings: Readings::none(),
                door_signals: Box::new(|_| {}),
                desk: (crossbeam_channel::never(), bounded(0).0),
            };
            return Ok((Self::default(), ends));
        };
        let (to_door, readings) = Readings::channel();
        let (to_desk, desk_readings) = bounded(MAX_WAITING_KEYS);
        let (door_signals, of_door) = bounded(MAX_WAITING_SIGNALS);
        let (desk_signals, of_desk) = bounded(MAX_WAITING_SIGNALS);
        let (stop, stopped) = bounded(1);
        let mut link = Link {
            panel,
            to_door,
            to_desk,
            sight,
            shown: [Signals::NONE; 2],
        };
        let thread = std::thread::Builder::new()
            .name("panel link".into())
            .spawn(move || link.run(&of_door, &of_desk, &stopped))?;
        let ends = Ends {
            readings,
            door_signals: Box::new(move |signals| {
                if door_signals.try_send(signals).is_err() {
                    log::error!("the panel's thread does not take what is to be shown");
                }
            }),
            desk: (desk_readings, desk_signals),
        };
        let link = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        Ok((link, ends))
    }
}

impl Drop for PanelLink {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Link {
    panel: Panel,
    to_door: Sender<door::Reading>,
    to_desk: Sender<desk::Reading>,
    sight: Arc<Sight>,
    /// What holds by the door, and by the desk.
    shown: [Signals; 2],
}

impl Link {
    fn run(
        &mut self,
        of_door: &Receiver<Signals>,
        of_desk: &Receiver<(Signal, bool)>,
        stopped: &Receiver<()>,
    ) {
        self.tell_door(door::Reading::Back);
        let readings = self.panel.readings().clone();
        loop {
            select! {
                recv(stopped) -> _ => return,
                recv(readings) -> reading => match reading {
                    Ok(reading) => self.read(&reading),
                    // It ends with its door's sender: all inputs are lost.
                    Err(_) => return,
                },
                recv(of_door) -> signals => match signals {
                    Ok(signals) => self.show(0, signals),
                    Err(_) => return,
                },
                recv(of_desk) -> signal => match signal {
                    // The door shows it for its time, as it does for a face.
                    Ok((Signal::Refused, _)) => self.sight.refused(),
                    Ok((signal, holds)) => {
                        let [_, before] = self.shown;
                        let others = before.without(Signals::NONE.with(signal));
                        self.show(1, others.with_if(signal, holds));
                    }
                    Err(_) => return,
                },
            }
        }
    }

    fn show(&mut self, side: usize, signals: Signals) {
        if let Some(shown) = self.shown.get_mut(side) {
            *shown = signals;
        }
        let [door, desk] = self.shown;
        self.panel.show(door.union(desk));
    }

    fn read(&mut self, reading: &panel::Reading) {
        let contact = |open| if open { Contact::Open } else { Contact::Closed };
        match reading.what {
            What::Contact { open } => self.tell_door(door::Reading::Contact(contact(open))),
            What::OtherDoor { open } => self.tell_door(door::Reading::OtherDoor(contact(open))),
            What::Tamper { open } => self.tell_door(door::Reading::Tamper(open)),
            // Whoever presses when the panel comes back has not pressed for this.
            What::Rex { pressed: true } if !reading.is_change => {}
            What::Rex { pressed } => self.tell_door(door::Reading::Rex(pressed)),
            What::Rotor { turning } => {
                if turning && reading.is_change {
                    self.tell_door(door::Reading::Rotor(None));
                }
            }
            What::Key(key) => self.tell_desk(desk::Reading::Key(key_of(key))),
            What::Card(card) => match card_of(&card) {
                Some(card) => self.tell_desk(desk::Reading::Card(card)),
                None => log::warn!("card {card} is no card that could be given out"),
            },
            What::Misread(misread) => log::warn!(
                "a reader sent {} bits or digits that are no card: {}",
                misread.length,
                misread.flaw
            ),
            What::Lost(part) => self.lost(part),
            What::Back(part) => {
                log::info!("{part} answers again");
                if part == Part::Panel {
                    self.tell_door(door::Reading::Back);
                }
            }
        }
    }

    fn lost(&mut self, part: Part) {
        log::error!("{part} does not answer");
        match part {
            Part::Panel => {
                self.tell_door(door::Reading::Lost);
                self.tell_desk(desk::Reading::Lost);
            }
            Part::Contact => self.tell_door(door::Reading::Contact(Contact::Unknown)),
            Part::OtherDoor => self.tell_door(door::Reading::OtherDoor(Contact::Unknown)),
            Part::Rex => self.tell_door(door::Reading::Rex(false)),
            Part::Keypad | Part::Reader | Part::Wiegand => self.tell_desk(desk::Reading::Lost),
            Part::Tamper | Part::Rotor | Part::Outputs => {}
        }
    }

    fn tell_door(&self, reading: door::Reading) {
        if self.to_door.try_send(reading).is_err() {
            log::error!("the door thread does not take what the panel reads");
        }
    }

    fn tell_desk(&self, reading: desk::Reading) {
        if self.to_desk.try_send(reading).is_err() {
            log::error!("keys and cards come faster than they are looked at; one was dropped");
        }
    }
}

fn key_of(key: panel::Key) -> access::Key {
    match key {
        panel::Key::Digit(digit) => access::Key::Digit(digit.get()),
        panel::Key::Enter => access::Key::Enter,
        panel::Key::Clear => access::Key::Clear,
    }
}

/// As it is given out: by `w` and the bits of its frame, or `typed`.
fn card_of(card: &panel::Card) -> Option<Card> {
    let format = match card.bits {
        0 => CardFormat::new("typed"),
        bits => CardFormat::new(&format!("w{bits}")),
    };
    let facility = card.facility.map(u32::try_from).transpose().ok()?;
    Card::new(format?, facility, card.number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_is_read_is_the_card_that_was_given_out() {
        let given = |name: &str, facility, number| {
            CardFormat::new(name).and_then(|format| Card::new(format, facility, number).ok())
        };
        for (read, format, facility, number) in [
            ("w26:12:34567", "w26", Some(12), 34567),
            ("w34:4000:65535", "w34", Some(4000), 65535),
            ("w37:34359738367", "w37", None, 34_359_738_367),
            ("w32:77", "w32", None, 77),
            ("typed:123456", "typed", None, 123_456),
        ] {
            let card = panel::Card::parse(read).and_then(|card| card_of(&card));
            assert!(card.is_some(), "{read}");
            assert_eq!(card, given(format, facility, number), "{read}");
        }
        let too_large = panel::Card::parse("w26:256:1").and_then(|card| card_of(&card));
        assert_eq!(too_large, None);
    }
}
