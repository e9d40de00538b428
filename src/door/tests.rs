#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use super::lock::{RETRY_INTERVAL, State};
use super::*;
use crate::config;

pub(super) const PULSE: Duration = Duration::from_millis(3000);

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What an empty `[door]` says, with a pulse of [`PULSE`].
pub(super) fn settings() -> Settings {
    Settings {
        pulse: PULSE,
        ..Settings::of(&config::Door::default())
    }
}

/// A relay on a bench: does as told, or fails with the line at either level.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) energised: bool,
    /// Outcomes of the next commands: `None` works, `Some(moved)` fails.
    faults: Vec<Option<bool>>,
}

impl Bench {
    /// The next commands fail and move nothing.
    pub(super) fn fail_next(&mut self, commands: usize) {
        self.faults = vec![Some(false); commands];
    }

    fn set(&mut self, command: RelayCommand) -> bool {
        let fault = self.faults.pop().flatten();
        if fault.unwrap_or(true) {
            self.energised = command.energised();
        }
        fault.is_none()
    }
}

/// The door as the daemon drives it.
pub(super) struct Rig {
    pub(super) door: Door,
    pub(super) relay: Bench,
    pub(super) now: Instant,
    pub(super) wake_at: Option<Instant>,
    pub(super) reports: Vec<Report>,
    pub(super) signals: Signals,
    /// Questions for a record of REX.
    pub(super) asked: usize,
    /// On whose account the line was energised, each time.
    pub(super) energised_by: Vec<By>,
    pub(super) energised_at: Option<Instant>,
    /// How long each energised stretch lasted.
    pub(super) stretches: Vec<Duration>,
}

impl Rig {
    pub(super) fn new(faults: Vec<Option<bool>>) -> Self {
        Self::with(settings(), faults)
    }

    pub(super) fn with(settings: Settings, faults: Vec<Option<bool>>) -> Self {
        let mut rig = Self {
            door: Door::new(settings),
            relay: Bench {
                energised: true,
                faults,
            },
            now: Instant::now() + ms(1_000_000),
            wake_at: None,
            reports: Vec::new(),
            signals: Signals::default(),
            asked: 0,
            energised_by: Vec::new(),
            energised_at: None,
            stretches: Vec::new(),
        };
        let effects = rig.door.start(rig.now);
        rig.carry_out(effects, 0);
        rig
    }

    fn carry_out(&mut self, effects: Effects, depth: usize) {
        // Energise, once more for a mode, release after a fault, and nothing more without a
        // pause.
        assert!(depth <= 3, "{effects:?}");
        self.wake_at = effects.wake_at;
        for effect in effects.iter() {
            match effect {
                Effect::Report(report) => self.reports.push(report),
                Effect::Signals(signals) => self.signals = signals,
                Effect::AskRex => self.asked += 1,
                Effect::Relay(command) => {
                    if command == RelayCommand::Energise {
                        self.energised_by.extend(self.door.lock.unlocked_by());
                    }
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

    pub(super) fn give(&mut self, input: Input) {
        let effects = self.door.step(self.now, input);
        self.carry_out(effects, 0);
    }

    pub(super) fn state(&self) -> State {
        self.door.lock.state()
    }

    /// Lets time pass, ticking whenever the door asked for it.
    pub(super) fn pass(&mut self, time: Duration) {
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
    let mut door = Door::new(settings());
    let now = Instant::now();
    let effects = door.step(now, Input::Open(By::Grant(1)));
    assert_eq!(
        effects.iter().collect::<Vec<_>>()[..],
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
    rig.give(Input::Open(By::Grant(7)));
    assert!(rig.relay.energised);
    rig.pass(ms(10_000));
    assert!(!rig.relay.energised);
    assert_eq!(rig.stretches, [PULSE]);
    let by = By::Grant(7);
    assert_eq!(
        rig.reports[1..],
        [
            Report::Unlocked { by, pulse: PULSE },
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
    rig.give(Input::Open(By::Grant(1)));
    rig.pass(ms(2000));
    rig.give(Input::Open(By::Grant(2)));
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
    rig.give(Input::Open(By::Grant(3)));
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
    rig.give(Input::Open(By::Grant(3)));
    rig.pass(PULSE);
    assert!(rig.relay.energised);
    assert!(matches!(
        rig.state(),
        State::Releasing { faulted: true, .. }
    ));
    rig.give(Input::Open(By::Grant(4)));
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
    assert_eq!(rig.stretches, [PULSE + RETRY_INTERVAL * 2]);
    rig.give(Input::Open(By::Grant(5)));
    assert!(rig.relay.energised);
}

#[test]
fn stopping_is_final() {
    let mut rig = Rig::new(vec![]);
    rig.give(Input::Open(By::Grant(1)));
    rig.give(Input::Stop);
    assert!(!rig.relay.energised);
    rig.give(Input::Open(By::Grant(2)));
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
    let pulse = Duration::MAX;
    rig.door.set(
        rig.now,
        Settings {
            pulse,
            ..settings()
        },
    );
    rig.give(Input::Open(By::Grant(1)));
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
    for input in [Input::Tick, Input::Open(By::Grant(2))] {
        let mut rig = Rig::new(vec![]);
        rig.give(Input::Open(By::Grant(1)));
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
        rig.give(Input::Open(By::Grant(3)));
        assert!(rig.relay.energised);
    }
}

#[test]
fn a_shorter_pulse_shortens_the_one_that_runs_and_a_longer_one_does_not() {
    for (pulse, lasts) in [(1000, 1500), (500, 1000), (60_000, 3000)] {
        let mut rig = Rig::new(vec![]);
        rig.give(Input::Open(By::Grant(1)));
        rig.pass(ms(500));
        let pulse = ms(pulse);
        rig.door.set(
            rig.now,
            Settings {
                pulse,
                ..settings()
            },
        );
        rig.give(Input::Tick);
        rig.pass(ms(10_000));
        assert_eq!(rig.stretches, [ms(lasts)]);
    }
}

#[test]
fn whom_it_was_opened_for_may_lose_the_right_while_it_is_open() {
    let mut rig = Rig::new(vec![]);
    let by = By::Grant(1);
    rig.give(Input::Revoke(by));
    rig.give(Input::Open(by));
    rig.pass(ms(700));
    rig.give(Input::Revoke(By::Grant(2)));
    assert!(rig.relay.energised);
    rig.give(Input::Revoke(by));
    assert!(!rig.relay.energised);
    assert_eq!(rig.stretches, [ms(700)]);
    assert_eq!(
        rig.reports.last(),
        Some(&Report::Locked {
            by: Some(By::Grant(1)),
            cause: LockCause::Revoked
        })
    );
}
