//! Events over a network that loses and repeats, to a hub that is restored and lies.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Push {
    Event,
    /// The answer may be lost, and the same may be sent once more.
    Send {
        most: u64,
        is_lost: bool,
    },
    Backup,
    Restore,
}

proptest! {
    #[test]
    fn every_event_arrives_once_and_in_order(acts in prop::collection::vec(prop_oneof![
        4 => Just(Push::Event),
        4 => (1..5_u64, any::<bool>()).prop_map(|(most, is_lost)| Push::Send { most, is_lost }),
        1 => Just(Push::Backup),
        1 => Just(Push::Restore),
    ], 0..120)) {
        let mut outbox = Outbox::new();
        let mut bodies: BTreeMap<u64, u64> = BTreeMap::new();
        let mut written = 0;
        let (mut hub, mut backed_up): (Vec<u64>, Vec<u64>) = Default::default();
        let send = |outbox: &mut Outbox, bodies: &mut BTreeMap<u64, u64>, hub: &mut Vec<u64>, backup: u64, most: u64, is_lost: bool| {
            let (first, count) = outbox.due(most);
            let held = Held { life: Life(1), last: hub.len() as u64, backed_up: backup };
            let said = match judge(Some(held), outbox.life(), first, count) {
                Err(said) => said,
                Ok(repeated) => {
                    for number in first..first + count {
                        let body = bodies[&number];
                        match number < first + repeated {
                            true => assert_eq!(hub[number as usize - 1], body),
                            false => hub.push(body),
                        }
                    }
                    Pushed::Taken { life: Life(1), last: hub.len() as u64, backed_up: backup }
                }
            };
            if !is_lost {
                outbox.answer(said).unwrap();
                bodies.retain(|number, _| *number > outbox.backed_up());
            }
        };
        for act in acts.iter().chain(std::iter::repeat_n(&Push::Send { most: 3, is_lost: false }, 200)) {
            let backup = backed_up.len() as u64;
            match act {
                Push::Event => {
                    written += 1;
                    bodies.insert(outbox.number(), written);
                }
                Push::Send { most, is_lost } => send(&mut outbox, &mut bodies, &mut hub, backup, *most, *is_lost),
                Push::Backup => backed_up.clone_from(&hub),
                Push::Restore => hub.clone_from(&backed_up),
            }
        }
        prop_assert_eq!(hub, (1..=written).collect::<Vec<_>>());
    }

    /// No hub makes a door forget what no backup has, or send what it does not have.
    #[test]
    fn a_hub_that_lies_loses_no_event(said in prop::collection::vec((0..5_u8, 0..20_u64, 0..20_u64), 0..40)) {
        let mut outbox = Outbox::new();
        for _ in 0..10 {
            outbox.number();
        }
        for (what, a, b) in said {
            let before = outbox;
            let answer = match what {
                0 => Pushed::Taken { life: outbox.life(), last: a, backed_up: b },
                1 => Pushed::Expected { number: a },
                2 => Pushed::OtherBody { number: a },
                3 => Pushed::OtherLife { life: Life(b as u32) },
                _ => Pushed::Enough,
            };
            if outbox.answer(answer).is_err() {
                prop_assert_eq!(before, outbox);
            }
            prop_assert!(outbox.backed_up() <= outbox.taken() && outbox.taken() <= outbox.last());
            prop_assert!(outbox.backed_up() >= before.backed_up());
            let (first, count) = outbox.due(4);
            prop_assert!(first > outbox.backed_up() && first + count - 1 <= outbox.last());
        }
    }
}
