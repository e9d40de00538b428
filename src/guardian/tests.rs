#![allow(clippy::unwrap_used, clippy::expect_used)]
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::core::{
    Client, Command, Core, Effect, Input, MAX_LEASES_COUNT, MAX_RENEWAL_GAP, MIN_CLOSED_TIME,
    RETRY_INTERVAL,
};
use super::wire::{MAX_LINE_BYTES, Reply, Request};
use super::*;

const CAP: Duration = Duration::from_millis(5000);

/// The line and its clients as the world has them, driven by whatever the core says.
struct World {
    core: Core,
    now: u64,
    /// What the line does: obeys, or refuses.
    obeys: bool,
    energised: bool,
    /// When the line was energised last.
    since: u64,
    /// Each client's wish and when it was last heard, by the rules of the module's head.
    leases: BTreeMap<u64, (u64, u64)>,
    stopped: bool,
    capped_at: Option<u64>,
}

impl World {
    fn new() -> Self {
        Self {
            core: Core::new(CAP, BootTime::from_ms(1_000_000)),
            now: 1_000_000,
            obeys: true,
            energised: false,
            since: 0,
            leases: BTreeMap::new(),
            stopped: false,
            capped_at: None,
        }
    }

    fn expire(&mut self) {
        let now = self.now;
        let renewal = MAX_RENEWAL_GAP.as_millis() as u64;
        self.leases
            .retain(|_, (until, heard)| now < *until && now < *heard + renewal);
        if self.energised && now >= self.since + CAP.as_millis() as u64 {
            self.leases.clear();
            self.capped_at = Some(now);
        }
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut said = Vec::new();
        let mut queue = vec![input];
        while let Some(input) = queue.pop() {
            let effects = self.core.step(BootTime::from_ms(self.now), input);
            for effect in effects.iter() {
                said.push(effect);
                if let Effect::Line(command) = effect {
                    if self.obeys {
                        let on = command == Command::Energise;
                        if on && !self.energised {
                            self.since = self.now;
                        }
                        self.energised = on;
                    }
                    queue.push(Input::LineDone { ok: self.obeys });
                }
            }
        }
        said
    }

    /// Time passes as for a process that is woken when it asked to be.
    fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.core.wake_at().map(BootTime::as_ms)
            && at < end
        {
            self.now = self.now.max(at);
            self.expire();
            self.step(Input::Tick);
            self.check();
        }
        self.now = end;
        self.expire();
        self.step(Input::Tick);
        self.check();
    }

    fn check(&self) {
        if !self.energised {
            return;
        }
        // Only a line that refuses to be released may be on without a lease.
        assert!(
            !self.leases.is_empty() || self.core.is_faulted(),
            "energised without a live lease"
        );
        assert!(
            !self.stopped || self.core.is_faulted(),
            "energised while stopping"
        );
        if !self.core.is_faulted() {
            assert!(
                self.now <= self.since + CAP.as_millis() as u64,
                "energised beyond the cap"
            );
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Open(u64, u64),
    Renew(u64),
    Lock(u64),
    Gone(u64),
    Pass(u64),
    Back(u64),
    Obeys(bool),
    Stop,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0u64..10, 0u64..12_000).prop_map(|(c, ms)| Act::Open(c, ms)),
        4 => (0u64..10).prop_map(Act::Renew),
        1 => (0u64..10).prop_map(Act::Lock),
        1 => (0u64..10).prop_map(Act::Gone),
        6 => (0u64..1500).prop_map(Act::Pass),
        1 => (1u64..100_000).prop_map(Act::Back),
        1 => any::<bool>().prop_map(Act::Obeys),
        1 => Just(Act::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The invariants at the head of the module, whatever clients, time and line do.
    #[test]
    fn the_line_is_energised_only_within_a_live_lease(acts in prop::collection::vec(act(), 0..80)) {
        let mut world = World::new();
        for act in acts {
            match act {
                Act::Open(c, ms) => {
                    world.expire();
                    let until = world.now + ms;
                    let said = world.step(Input::Open(Client(c), BootTime::from_ms(until)));
                    world.leases.remove(&c);
                    if said.contains(&Effect::Opened(Client(c), BootTime::from_ms(until))) {
                        world.leases.insert(c, (until, world.now));
                    } else {
                        let refused = said.iter().any(|e| matches!(e, Effect::Refused(x, _) if *x == Client(c)));
                        prop_assert!(refused, "neither opened nor refused: {said:?}");
                    }
                    prop_assert!(world.leases.len() <= MAX_LEASES_COUNT);
                }
                Act::Renew(c) => {
                    world.expire();
                    let said = world.step(Input::Renew(Client(c)));
                    if let Some((_, heard)) = world.leases.get_mut(&c) {
                        *heard = world.now;
                    } else {
                        prop_assert!(said.contains(&Effect::Refused(Client(c), Refusal::NoLease)));
                    }
                }
                Act::Lock(c) => {
                    world.leases.clear();
                    let said = world.step(Input::Lock(Client(c)));
                    prop_assert_eq!(said.contains(&Effect::Locked(Client(c))), !world.core.is_energised());
                }
                Act::Gone(c) => {
                    world.leases.remove(&c);
                    world.step(Input::Gone(Client(c)));
                }
                Act::Pass(ms) => world.pass(ms),
                Act::Back(ms) => {
                    world.leases.clear();
                    world.now -= ms.min(world.now);
                    world.since = world.since.min(world.now);
                    world.step(Input::Tick);
                }
                Act::Obeys(obeys) => {
                    world.obeys = obeys;
                    if obeys {
                        world.pass(RETRY_INTERVAL.as_millis() as u64 + 1);
                    }
                }
                Act::Stop => {
                    world.stopped = true;
                    world.leases.clear();
                    world.step(Input::Stop);
                }
            }
            world.check();
        }
    }

    /// After the cap the line rests, so that asking again and again holds nothing open.
    #[test]
    fn the_line_rests_after_the_cap(every in 1u64..900) {
        let mut world = World::new();
        let mut longest = 0;
        let mut open_since = None;
        let mut released_at = None;
        for _ in 0..(20_000 / every) {
            world.step(Input::Open(Client(1), BootTime::from_ms(world.now + 60_000)));
            world.leases.insert(1, (u64::MAX, u64::MAX / 2));
            world.core.step(BootTime::from_ms(world.now), Input::Tick).iter().count();
            match (world.energised, open_since) {
                (true, None) => {
                    if let Some(at) = released_at {
                        prop_assert!(world.now - at >= MIN_CLOSED_TIME.as_millis() as u64);
                    }
                    open_since = Some(world.now);
                }
                (false, Some(since)) => {
                    longest = longest.max(world.now - since);
                    released_at = world.capped_at;
                    open_since = None;
                }
                _ => {}
            }
            world.pass(every);
        }
        prop_assert!(longest <= CAP.as_millis() as u64 + every);
    }

    /// No line of bytes can do more than be refused, and what is written reads back.
    #[test]
    fn the_wire_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(request) = Request::parse(&bytes) {
            prop_assert_eq!(request.line().trim_end().len() <= MAX_LINE_BYTES, true);
        }
        let _ = Reply::parse(&bytes);
    }

    #[test]
    fn what_is_written_reads_back(ms: u64) {
        let until = BootTime::from_ms(ms);
        for request in [Request::Open(until), Request::Renew, Request::Lock] {
            let line = request.line();
            prop_assert!(line.len() <= MAX_LINE_BYTES);
            prop_assert_eq!(Request::parse(line.trim_end().as_bytes()), Some(request));
        }
        for reply in [
            Reply::Opened(until),
            Reply::Renewed(until),
            Reply::Locked,
            Reply::Refused(Refusal::Resting),
            Reply::Refused(Refusal::NoLease),
        ] {
            let line = reply.line();
            prop_assert!(line.len() <= MAX_LINE_BYTES);
            prop_assert_eq!(Reply::parse(line.trim_end().as_bytes()), Some(reply));
        }
    }
}
