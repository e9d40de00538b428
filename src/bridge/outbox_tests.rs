//! Any sequence of what can happen between a daemon, the bridge and a receiver: each event is
//! told, in its turn, and memory is bounded.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::super::outgoing::tests::outgoing;
use super::*;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Chance {
    /// Something happens at the door.
    Event,
    /// So many at once, more than are held.
    Flood,
    /// The daemon sends what it has to send.
    Send,
    /// The receiver answers.
    Take(bool),
    /// The connection to the daemon ends.
    Cut,
    /// The daemon is there, or not.
    Guard(bool),
    /// The bridge is killed, and started with what it kept.
    Kill,
    /// Milliseconds go by.
    Wait(u64),
}

fn chance() -> impl Strategy<Value = Chance> {
    prop_oneof![
        6 => Just(Chance::Event),
        1 => Just(Chance::Flood),
        8 => Just(Chance::Send),
        8 => prop_oneof![3 => Just(true), 1 => Just(false)].prop_map(Chance::Take),
        2 => Just(Chance::Cut),
        2 => any::<bool>().prop_map(Chance::Guard),
        1 => Just(Chance::Kill),
        4 => (1_u64..3000).prop_map(Chance::Wait),
    ]
}

/// The world around an outbox.
struct World {
    outbox: Outbox,
    now: Duration,
    kept: Option<Cursor>,
    guards: bool,
    /// The newest record, and which record it is.
    newest: u64,
    life: u8,
    /// The daemon's side of the connection: the next record it sends.
    sends: Option<u64>,
    connecting: Option<Option<u64>>,
    in_hand: Option<Outgoing>,
    /// What the receiver took, and since which number it was to be told.
    taken: Vec<u64>,
    first: Option<u64>,
    notices: Vec<Notice>,
}

impl World {
    fn new() -> Self {
        Self {
            outbox: Outbox::new(None, Duration::ZERO),
            now: Duration::ZERO,
            kept: None,
            guards: true,
            newest: 0,
            life: 1,
            sends: None,
            connecting: None,
            in_hand: None,
            taken: Vec::new(),
            first: None,
            notices: Vec::new(),
        }
    }

    fn record(&self, number: u64) -> Outgoing {
        outgoing(number, self.life, &json!({ "kind": "tamper" }))
    }

    fn step(&mut self, input: Input) {
        let effects = self.outbox.step(self.now, input);
        assert!(self.outbox.waiting() <= MAX_WAITING_EVENTS);
        for effect in effects {
            match effect {
                Effect::Connect(since) => {
                    assert!(self.sends.is_none() && self.connecting.is_none());
                    self.connecting = Some(since);
                }
                Effect::HangUp => {
                    self.sends = None;
                    self.connecting = None;
                }
                Effect::Deliver(event) => {
                    assert!(self.in_hand.is_none(), "one at a time");
                    self.in_hand = Some(*event);
                }
                Effect::Keep(cursor) => self.kept = Some(cursor),
                Effect::Say(notice) => self.notices.push(notice),
            }
        }
    }

    fn head(&self) -> Cursor {
        match self.newest {
            0 => Cursor::start(),
            newest => self.record(newest).cursor,
        }
    }

    fn happen(&mut self, chance: Chance) {
        match chance {
            Chance::Event => self.newest += 1,
            Chance::Flood => self.newest += 3 * MAX_WAITING_EVENTS as u64,
            Chance::Send => self.send(),
            Chance::Take(takes) => self.take(takes),
            Chance::Cut => self.cut(),
            Chance::Guard(guards) => {
                self.guards = guards;
                if !guards {
                    self.cut();
                }
            }
            Chance::Kill => {
                self.outbox = Outbox::new(self.kept.clone(), self.now);
                self.sends = None;
                self.connecting = None;
                self.in_hand = None;
                self.step(Input::Tick);
            }
            Chance::Wait(ms) => {
                self.now += Duration::from_millis(ms);
                self.step(Input::Tick);
            }
        }
    }

    fn cut(&mut self) {
        if self.sends.take().is_some() || self.connecting.take().is_some() {
            self.step(Input::Gone);
        }
    }

    fn send(&mut self) {
        if let Some(since) = self.connecting.take() {
            if !self.guards {
                return self.step(Input::Gone);
            }
            if since.is_some_and(|since| since > self.newest) {
                return self.step(Input::NoSuchRecord);
            }
            // Nothing from before the first connection of all is to be told.
            if since.is_none() {
                self.first = Some(self.newest);
            }
            self.sends = Some(since.unwrap_or(self.newest) + 1);
            return self.step(Input::Answers(self.head()));
        }
        while let Some(next) = self.sends.filter(|next| *next <= self.newest) {
            self.sends = Some(next + 1);
            self.step(Input::Record(Box::new(self.record(next))));
        }
    }

    fn take(&mut self, takes: bool) {
        let Some(event) = self.in_hand.take() else {
            return;
        };
        if takes {
            self.taken.push(event.cursor.number);
        }
        self.step(if takes { Input::Taken } else { Input::NotTaken });
    }

    /// Everything works from now on.
    fn heal(&mut self) {
        self.guards = true;
        for _ in 0..self.newest * 4 + 200 {
            self.happen(Chance::Wait(301_000));
            self.happen(Chance::Send);
            self.happen(Chance::Take(true));
        }
    }
}

proptest! {
    #[test]
    fn every_event_is_told_in_its_turn_at_least_once(chances in prop::collection::vec(chance(), 1..120)) {
        let mut world = World::new();
        world.step(Input::Tick);
        for chance in chances {
            world.happen(chance);
        }
        world.heal();
        let first = world.first.unwrap();
        // Told again after it was killed, but nothing left out on the way.
        let mut next = first + 1;
        for number in &world.taken {
            prop_assert!(*number <= next, "{number} before {next}: {:?}", world.taken);
            next = next.max(number + 1);
        }
        prop_assert_eq!(next, world.newest + 1);
        let lost = |n: &Notice| matches!(n, Notice::Missed { .. } | Notice::AnotherRecord);
        prop_assert!(!world.notices.iter().any(lost), "nothing was");
    }

    #[test]
    fn another_record_is_noticed_and_told_from_its_beginning(before in 1_u64..40, after in 0_u64..40) {
        let mut world = World::new();
        world.step(Input::Tick);
        world.happen(Chance::Send);
        world.newest = before;
        world.heal();
        world.happen(Chance::Cut);
        world.taken.clear();
        (world.life, world.newest) = (2, after);
        world.heal();
        // One that ends just before the number that was told last shows itself by its next event.
        world.newest = world.newest.max(before);
        world.heal();
        prop_assert_eq!(world.notices.iter().filter(|n| **n == Notice::AnotherRecord).count(), 1);
        let told: Vec<u64> = (1..=world.newest).collect();
        prop_assert_eq!(world.taken, told);
    }
}

#[test]
fn a_daemon_that_restarts_is_not_said_to_be_gone_and_one_that_is_gone_is_once() {
    let mut world = World::new();
    world.step(Input::Tick);
    world.happen(Chance::Send);
    world.happen(Chance::Guard(false));
    for _ in 0..3 {
        world.happen(Chance::Wait(1000));
        world.happen(Chance::Send);
    }
    assert_eq!(world.notices, []);
    for _ in 0..30 {
        world.happen(Chance::Wait(1000));
        world.happen(Chance::Send);
    }
    assert_eq!(world.notices, [Notice::DaemonGone]);
    world.happen(Chance::Guard(true));
    world.happen(Chance::Wait(1000));
    world.happen(Chance::Send);
    assert_eq!(world.notices, [Notice::DaemonGone, Notice::DaemonBack]);
}

#[test]
fn records_that_were_deleted_meanwhile_are_named() {
    let cursor = Some(outgoing(5, 1, &json!({ "kind": "tamper" })).cursor);
    let mut outbox = Outbox::new(cursor, Duration::ZERO);
    let now = Duration::from_secs(1);
    let effects = outbox.step(now, Input::Tick);
    assert_eq!(effects, [Effect::Connect(Some(4))]);
    let last = outgoing(9, 1, &json!({ "kind": "tamper" }));
    outbox.step(now, Input::Answers(last.cursor.clone()));
    let effects: VecDeque<Effect> = outbox.step(now, Input::Record(Box::new(last))).into();
    let missed = Notice::Missed { first: 6, last: 8 };
    assert_eq!(effects[0], Effect::Say(missed));
}

#[test]
fn a_receiver_that_does_not_take_is_tried_less_and_less_often() {
    let mut world = World::new();
    world.step(Input::Tick);
    world.happen(Chance::Send);
    world.happen(Chance::Event);
    world.happen(Chance::Send);
    let mut tries = 0;
    for _ in 0..3600 {
        tries += u32::from(world.in_hand.is_some());
        world.happen(Chance::Take(false));
        world.happen(Chance::Wait(1000));
    }
    assert!((15..30).contains(&tries), "{tries} in an hour");
    assert_eq!(world.taken, [0; 0]);
}
