#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;

use super::lock::{RETRY, State};
use super::*;

const PULSE: Duration = Duration::from_millis(3000);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A relay on a bench: does as told, or fails with the line at either level.
#[derive(Default)]
struct Bench {
    energised: bool,
    /// Outcomes of the next commands: `None` works, `Some(moved)` fails.
    faults: Vec<Option<bool>>,
}

impl Bench {
    fn set(&mut self, command: RelayCommand) -> bool {
        let fault = self.faults.pop().flatten();
        if fault.unwrap_or(true) {
            self.energised = command.energised();
        }
        fault.is_none()
    }
}

/// The door as the daemon drives it.
struct Rig {
    door: Door,
    relay: Bench,
    now: Instant,
    wake_at: Option<Instant>,
    reports: Vec<Report>,
    energised_at: Option<Instant>,
    /// How long each energised stretch lasted.
    stretches: Vec<Duration>,
}

impl Rig {
    fn new(faults: Vec<Option<bool>>) -> Self {
        let mut rig = Self {
            door: Door::new(PULSE),
            relay: Bench {
                energised: true,
                faults,
            },
            now: Instant::now() + ms(1_000_000),
            wake_at: None,
            reports: Vec::new(),
            energised_at: None,
            stretches: Vec::new(),
        };
        let effects = rig.door.start(rig.now);
        rig.carry_out(effects, 0);
        rig
    }

    fn carry_out(&mut self, effects: Effects, depth: usize) {
        // Energise, release after a fault, and nothing more without a pause.
        assert!(depth <= 2, "{effects:?}");
        self.wake_at = effects.wake_at;
        for effect in effects.iter() {
            match effect {
                Effect::Report(report) => self.reports.push(report),
                Effect::Relay(command) => {
                    let ok = self.relay.set(command);
                    match (self.relay.energised, self.energised_at) {
                        (true, None) => self.energised_at = Some(self.now),
                        (false, Some(since)) => {
                            self.stretches.push(self.now - since);
                            self.energised_at = None;
                        }
                        _ => {}
                    }
                    let done = Input::RelayDone { command, ok };
                    let effects = self.door.step(self.now, done);
                    self.carry_out(effects, depth + 1);
                }
            }
        }
    }

    fn give(&mut self, input: Input) {
        let effects = self.door.step(self.now, input);
        self.carry_out(effects, 0);
    }

    fn state(&self) -> State {
        self.door.lock.state()
    }

    /// Lets time pass, ticking whenever the door asked for it.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wake_at) = self.wake_at.filter(|&w| w <= end) {
            self.now = self.now.max(wake_at);
            self.give(Input::Tick);
        }
        self.now = end;
    }
}

#[test]
fn a_line_left_energised_is_released_before_anything_else() {
    let rig = Rig::new(vec![]);
    assert!(!rig.relay.energised);
    assert_eq!(rig.state(), State::Locked);
    assert_eq!(
        rig.reports,
        [Report::Locked {
            by: None,
            cause: LockCause::Started
        }]
    );
}

#[test]
fn nothing_is_honoured_before_the_first_release_is_confirmed() {
    let mut door = Door::new(PULSE);
    let now = Instant::now();
    let effects = door.step(now, Input::Grant { id: 1 });
    assert_eq!(
        effects.iter().collect::<Vec<_>>(),
        [
            Effect::Report(Report::NotOpened {
                by: By::Grant(1),
                reason: NotOpened::Releasing
            }),
            Effect::Relay(RelayCommand::Release)
        ]
    );
}

#[test]
fn one_grant_is_one_pulse_of_the_configured_length() {
    let mut rig = Rig::new(vec![]);
    let granted_at = rig.now;
    rig.give(Input::Grant { id: 7 });
    assert!(rig.relay.energised);
    rig.pass(ms(10_000));
    assert!(!rig.relay.energised);
    assert_eq!(rig.stretches, [PULSE]);
    let by = By::Grant(7);
    assert_eq!(
        rig.reports[1..],
        [
            Report::Unlocked {
                by,
                until: granted_at + PULSE
            },
            Report::Locked {
                by: Some(by),
                cause: LockCause::PulseEnded
            }
        ]
    );
}

#[test]
fn a_second_grant_restarts_the_pulse() {
    let mut rig = Rig::new(vec![]);
    rig.give(Input::Grant { id: 1 });
    rig.pass(ms(2000));
    rig.give(Input::Grant { id: 2 });
    rig.pass(ms(10_000));
    assert_eq!(rig.stretches, [ms(5000)]);
    assert!(matches!(
        rig.reports[1..],
        [
            Report::Unlocked {
                by: By::Grant(1),
                ..
            },
            Report::Unlocked {
                by: By::Grant(2),
                ..
            },
            Report::Locked {
                by: Some(By::Grant(2)),
                cause: LockCause::PulseEnded
            }
        ]
    ));
}

#[test]
fn a_relay_that_does_not_energise_is_released_and_reported() {
    // Popped from the end: the start works, the energising fails with the line up.
    let mut rig = Rig::new(vec![None, Some(true), None]);
    rig.give(Input::Grant { id: 3 });
    assert!(!rig.relay.energised);
    assert_eq!(
        rig.reports[1..],
        [
            Report::Fault {
                by: Some(By::Grant(3)),
                command: RelayCommand::Energise
            },
            Report::Locked {
                by: Some(By::Grant(3)),
                cause: LockCause::RelayFault
            }
        ]
    );
}

#[test]
fn a_relay_that_does_not_release_is_tried_until_it_does() {
    let mut rig = Rig::new(vec![
        None,
        Some(false),
        Some(false),
        Some(false),
        None,
        None,
    ]);
    rig.give(Input::Grant { id: 3 });
    rig.pass(PULSE);
    assert!(rig.relay.energised);
    assert!(matches!(
        rig.state(),
        State::Releasing { faulted: true, .. }
    ));
    rig.give(Input::Grant { id: 4 });
    assert_eq!(
        rig.reports[2..],
        [
            Report::Fault {
                by: Some(By::Grant(3)),
                command: RelayCommand::Release
            },
            Report::NotOpened {
                by: By::Grant(4),
                reason: NotOpened::RelayFault
            }
        ]
    );
    rig.pass(ms(1000));
    assert!(!rig.relay.energised);
    assert_eq!(rig.stretches, [PULSE + RETRY * 2]);
    rig.give(Input::Grant { id: 5 });
    assert!(rig.relay.energised);
}

#[test]
fn stopping_is_final() {
    let mut rig = Rig::new(vec![]);
    rig.give(Input::Grant { id: 1 });
    rig.give(Input::Stop);
    assert!(!rig.relay.energised);
    rig.give(Input::Grant { id: 2 });
    assert!(!rig.relay.energised);
    assert_eq!(
        rig.reports.last(),
        Some(&Report::NotOpened {
            by: By::Grant(2),
            reason: NotOpened::Stopping
        })
    );
}

#[test]
fn a_pulse_without_an_end_is_not_begun() {
    let mut rig = Rig::new(vec![]);
    rig.door.set_pulse(Duration::MAX);
    rig.give(Input::Grant { id: 1 });
    assert!(!rig.relay.energised);
    assert_eq!(
        rig.reports.last(),
        Some(&Report::NotOpened {
            by: By::Grant(1),
            reason: NotOpened::NoEnd
        })
    );
}

#[test]
fn a_clock_that_jumps_back_ends_the_pulse() {
    for input in [Input::Tick, Input::Grant { id: 2 }] {
        let mut rig = Rig::new(vec![]);
        rig.give(Input::Grant { id: 1 });
        rig.now -= ms(1);
        rig.give(input);
        assert!(!rig.relay.energised);
        let refused = rig.reports.contains(&Report::NotOpened {
            by: By::Grant(2),
            reason: NotOpened::ClockWentBack,
        });
        assert_eq!(refused, input != Input::Tick);
        assert_eq!(
            rig.reports.last(),
            Some(&Report::Locked {
                by: Some(By::Grant(1)),
                cause: LockCause::ClockWentBack
            })
        );
        rig.give(Input::Grant { id: 3 });
        assert!(rig.relay.energised);
    }
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Give(Input),
    Pass(u64),
    JumpBack(u64),
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        40 => any::<u64>().prop_map(|id| Input::Grant { id }),
        20 => Just(Input::Tick),
        // Final, so rare: most of a sequence is to come before it.
        1 => Just(Input::Stop),
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => inputs().prop_map(Act::Give),
        3 => (0..4000u64).prop_map(Act::Pass),
        1 => (0..5000u64).prop_map(Act::JumpBack),
    ]
}

fn strays() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => inputs(),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(energise, ok)| Input::RelayDone {
            command: if energise { RelayCommand::Energise } else { RelayCommand::Release },
            ok,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// With a relay that works and a driver that keeps to the rules, the line is
    /// energised exactly from a grant to the end of its pulse, a stop or a step of the
    /// clock backwards.
    #[test]
    fn energised_exactly_during_a_pulse(acts in vec(acts(), 1..60)) {
        let mut rig = Rig::new(vec![]);
        let mut last_step = rig.now;
        let mut open_until: Option<Instant> = None;
        let mut stopped = false;
        for act in acts {
            match act {
                Act::Give(input) => {
                    let open = open_until.is_some_and(|until| rig.now < until);
                    let in_doubt = open && rig.now < last_step;
                    rig.give(input);
                    last_step = rig.now;
                    stopped |= input == Input::Stop;
                    match input {
                        Input::Grant { .. } if !in_doubt && !stopped => {
                            open_until = Some(rig.now + PULSE);
                        }
                        Input::Tick if !in_doubt => {}
                        _ => open_until = None,
                    }
                }
                Act::Pass(time) => {
                    if let Some(at) = rig.wake_at.filter(|&at| at <= rig.now + ms(time)) {
                        last_step = last_step.max(at);
                    }
                    rig.pass(ms(time));
                }
                Act::JumpBack(time) => {
                    rig.now -= ms(time);
                    rig.energised_at = rig.energised_at.map(|at| at - ms(time));
                }
            }
            let open = open_until.is_some_and(|until| rig.now < until);
            if !matches!(act, Act::JumpBack(_)) {
                prop_assert_eq!(rig.relay.energised, open);
            }
            if !open {
                open_until = None;
            }
        }
    }

    /// With a relay that fails now and then, at either level: the line is up only
    /// within a pulse or while a release is being retried, and never in a door that
    /// says it is locked.
    #[test]
    fn a_failing_relay_ends_locked(
        faults in vec(prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)], 0..40),
        acts in vec(
            prop_oneof![inputs().prop_map(Act::Give), (0..4000u64).prop_map(Act::Pass)],
            1..60,
        ),
    ) {
        let failures = faults.len() as u32;
        let mut rig = Rig::new(faults);
        let mut grants = 0u32;
        let mut stopped = false;
        for act in acts {
            let faulted = matches!(rig.state(), State::Releasing { .. });
            let before = rig.reports.len();
            match act {
                Act::Give(input) => {
                    rig.give(input);
                    stopped |= input == Input::Stop;
                    if matches!(input, Input::Grant { .. }) {
                        grants += 1;
                        let refused = rig.reports[before..]
                            .iter()
                            .any(|r| matches!(r, Report::NotOpened { .. }));
                        prop_assert_eq!(refused, faulted || stopped);
                    }
                }
                Act::Pass(time) => rig.pass(ms(time)),
                Act::JumpBack(_) => {}
            }
            match rig.state() {
                State::Locked => prop_assert!(!rig.relay.energised),
                State::Unlocked { until, .. } => prop_assert!(rig.now < until),
                State::Releasing { .. } => prop_assert!(rig.wake_at.is_some()),
            }
        }
        rig.pass(PULSE + RETRY * (failures + 1));
        prop_assert_eq!(rig.state(), State::Locked);
        prop_assert!(!rig.relay.energised);
        // The line was found energised and may have stayed so until the first release.
        let total: Duration = rig.stretches.iter().sum();
        prop_assert!(total <= PULSE * grants + RETRY * failures);
    }

    /// Whatever it is told, even answers to questions never asked: energising is
    /// commanded for a grant only, never while a release is unconfirmed or after
    /// the stop, and every order to lock releases.
    #[test]
    fn no_sequence_energises_without_a_grant(
        steps in vec((any::<i32>(), strays()), 1..60),
        pulse in any::<Duration>(),
    ) {
        let base = Instant::now() + Duration::from_secs(10_000_000);
        let mut door = Door::new(pulse);
        let mut stopped = false;
        for (offset, input) in steps {
            let shift = ms(u64::from(offset.unsigned_abs()));
            let now = if offset < 0 { base - shift } else { base + shift };
            let before = door.lock.state();
            let effects = door.step(now, input);
            // A command comes last, so that nothing waits between it and its outcome.
            let commands = effects.iter().filter(|e| matches!(e, Effect::Relay(_))).count();
            prop_assert!(commands <= 1);
            prop_assert_eq!(effects.iter().last().is_some_and(|e| matches!(e, Effect::Relay(_))), commands == 1);
            if effects.command() == Some(RelayCommand::Energise) {
                let granted = matches!(input, Input::Grant { .. });
                prop_assert!(granted);
                let releasing = matches!(before, State::Releasing { .. });
                prop_assert!(!stopped && !releasing);
            }
            if input == Input::Stop {
                stopped = true;
                prop_assert_eq!(effects.command(), Some(RelayCommand::Release));
            }
            match door.lock.state() {
                State::Locked => {}
                State::Unlocked { until, .. } => {
                    prop_assert_eq!(effects.wake_at, Some(until));
                    prop_assert!(!stopped);
                }
                State::Releasing { .. } => {
                    let just_failed = matches!(
                        input,
                        Input::RelayDone { command: RelayCommand::Release, ok: false }
                    );
                    prop_assert!(just_failed || effects.command() == Some(RelayCommand::Release));
                    prop_assert!(effects.wake_at.is_some());
                }
            }
        }
    }
}
