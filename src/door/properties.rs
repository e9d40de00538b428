//! What holds for every sequence of inputs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::lock::{RETRY_INTERVAL, State};
use super::tests::{PULSE, Rig, ms, settings};
use super::*;

#[derive(Debug, Clone, Copy)]
enum Act {
    Give(Input),
    Pass(u64),
    JumpBack(u64),
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        40 => any::<u64>().prop_map(|id| Input::Open(By::Grant(id % 4))),
        20 => Just(Input::Tick),
        4 => any::<u64>().prop_map(|id| Input::Revoke(By::Grant(id % 4))),
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
        let mut open_by = None;
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
                        Input::Open(by) if !in_doubt && !stopped => {
                            open_by = Some(by);
                            open_until = Some(rig.now + PULSE);
                        }
                        // Somebody else's right.
                        Input::Revoke(by) if !in_doubt && open_by != Some(by) => {}
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
                    if matches!(input, Input::Open(_)) {
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
        rig.pass(PULSE + RETRY_INTERVAL * (failures + 1));
        prop_assert_eq!(rig.state(), State::Locked);
        prop_assert!(!rig.relay.energised);
        // The line was found energised and may have stayed so until the first release.
        let total: Duration = rig.stretches.iter().sum();
        prop_assert!(total <= PULSE * grants + RETRY_INTERVAL * failures);
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
        let mut door = Door::new(Settings { pulse, ..settings() });
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
                let granted = matches!(input, Input::Open(_));
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
                    prop_assert!(effects.wake_at.is_some_and(|at| at <= until));
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
