//! What holds for every sequence of inputs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::lock::{RETRY_INTERVAL, State};
use super::tests::{PULSE, Rig, ms, settings};
use super::*;
use crate::config::{DoorKind, Relock};

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

/// A door with everything wired, told anything at any time.
#[derive(Debug, Clone, Copy)]
enum Doing {
    Grant,
    Act,
    Rex(bool),
    Answer,
    Contact(Contact),
    Other(Contact),
    Rotor,
    Lost,
    Tamper(bool),
    View(bool),
    Revoke(u64),
    Mode(Mode, u64),
    ModeOver,
    Pass(u64),
}

fn doings() -> impl Strategy<Value = Doing> {
    let contact = || {
        prop_oneof![
            1 => Just(Contact::Unknown),
            4 => Just(Contact::Open),
            4 => Just(Contact::Closed),
        ]
    };
    let mode = prop_oneof![
        3 => Just(Mode::Normal),
        2 => Just(Mode::LockedDown),
        2 => Just(Mode::HeldOpen),
        2 => Just(Mode::OfficeHours),
    ];
    prop_oneof![
        6 => Just(Doing::Grant),
        2 => Just(Doing::Act),
        6 => any::<bool>().prop_map(Doing::Rex),
        6 => Just(Doing::Answer),
        6 => contact().prop_map(Doing::Contact),
        4 => contact().prop_map(Doing::Other),
        3 => Just(Doing::Rotor),
        1 => Just(Doing::Lost),
        1 => any::<bool>().prop_map(Doing::Tamper),
        1 => any::<bool>().prop_map(Doing::View),
        2 => (0..9u64).prop_map(Doing::Revoke),
        4 => (mode, 1..40_000u64).prop_map(|(mode, time)| Doing::Mode(mode, time)),
        1 => Just(Doing::ModeOver),
        10 => (0..5000u64).prop_map(Doing::Pass),
    ]
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let flags = any::<[bool; 5]>();
    let relock = prop_oneof![
        Just(Relock::Pulse),
        Just(Relock::OnOpen),
        Just(Relock::OnClose)
    ];
    (flags, relock, 0..9usize, 1000..20_000u64).prop_map(|(flags, relock, queue_len, max)| {
        let [
            turnstile,
            interlock,
            rex_unlocks,
            rex_extends,
            rex_in_lockdown,
        ] = flags;
        Settings {
            kind: if turnstile {
                DoorKind::Turnstile
            } else {
                DoorKind::Door
            },
            interlock,
            rex_unlocks,
            rex_extends,
            rex_in_lockdown,
            relock,
            queue_len,
            max_open: ms(max).max(PULSE),
            ..settings()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever contact, REX, rotor, modes, orders and a failing relay do in whatever order:
    /// the strike is energised for a record that stood before, for each of them once, for no
    /// longer than asked, and never while the door is locked down or the other one open.
    #[test]
    fn every_opening_has_a_record_of_its_own_and_a_right_to_it(
        settings in any_settings(),
        faults in vec(prop_oneof![4 => Just(None), 1 => any::<bool>().prop_map(Some)], 0..10),
        doings in vec(doings(), 1..80),
    ) {
        let mut rig = Rig::with(settings.clone(), faults);
        let (mut records, mut asked) = (0u64, 0);
        let (mut pulses, mut modes) = (Vec::new(), Vec::new());
        let mut mode = (Mode::Normal, 0, rig.now);
        let mut other = Contact::Unknown;
        for doing in doings {
            let before = rig.energised_by.len();
            records += 1;
            match doing {
                Doing::Grant => {
                    pulses.push(By::Grant(records));
                    rig.give(Input::Open(By::Grant(records)));
                }
                Doing::Act => {
                    pulses.push(By::Act(records));
                    rig.give(Input::Open(By::Act(records)));
                }
                // Answers to questions that were asked, late or not, and never twice.
                Doing::Answer if asked < rig.asked => {
                    asked += 1;
                    pulses.push(By::Rex(records));
                    rig.give(Input::Open(By::Rex(records)));
                }
                Doing::Answer => {}
                Doing::Rex(pressed) => rig.give(Input::Reading(Reading::Rex(pressed))),
                Doing::Contact(contact) => rig.give(Input::Reading(Reading::Contact(contact))),
                Doing::Other(contact) => {
                    other = contact;
                    rig.give(Input::Reading(Reading::OtherDoor(contact)));
                }
                Doing::Rotor => rig.give(Input::Reading(Reading::Rotor(None))),
                Doing::Lost => {
                    other = Contact::Unknown;
                    rig.give(Input::Reading(Reading::Lost));
                }
                Doing::Tamper(open) => rig.give(Input::Reading(Reading::Tamper(open))),
                Doing::View(nobody) => rig.give(Input::View(match nobody {
                    true => InView::Nobody,
                    false => InView::UnknownFace,
                })),
                Doing::Revoke(back) => {
                    rig.give(Input::Revoke(By::Grant(records.saturating_sub(back))));
                }
                Doing::Mode(new, time) => {
                    let until = rig.now + ms(time);
                    mode = (new, records, until);
                    modes.push(By::Act(records));
                    let (mode, act, until) = (new, records, Some(until));
                    rig.give(Input::Mode { mode, act, until });
                }
                Doing::ModeOver => {
                    mode = (Mode::Normal, 0, rig.now);
                    rig.give(Input::ModeOver(ModeEnd::ClockUnknown));
                }
                Doing::Pass(time) => rig.pass(ms(time)),
            }
            for by in &rig.energised_by[before..] {
                prop_assert!(pulses.contains(by) || modes.contains(by), "no record");
            }
            let (named, act, end) = mode;
            let in_force = rig.now < end;
            if let State::Unlocked { until, by, pulse } = rig.state() {
                let exempt = settings.rex_in_lockdown && matches!(by, By::Rex(_));
                let locked_down = named == Mode::LockedDown && in_force;
                prop_assert!(!locked_down || exempt);
                prop_assert!(!settings.interlock || other == Contact::Closed);
                prop_assert!(rig.now < until && until <= rig.now + pulse);
                prop_assert!(rig.wake_at.is_some_and(|at| at <= until));
                if modes.contains(&by) {
                    let unlocks = matches!(named, Mode::HeldOpen | Mode::OfficeHours);
                    prop_assert!(unlocks && By::Act(act) == by && until <= end);
                    prop_assert!(pulse <= settings.max_open);
                } else {
                    prop_assert!(pulse == PULSE);
                }
            }
            if rig.state() == State::Locked {
                prop_assert!(!rig.relay.energised);
            }
        }
        for by in pulses {
            let openings = rig.energised_by.iter().filter(|one| **one == by).count();
            prop_assert!(openings <= 1, "one record, {openings} openings");
        }
    }
}
