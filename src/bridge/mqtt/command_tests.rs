//! Any sequence of messages and times: what unlocks, and how often.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// A moment of the wall's clock.
const WALL_MS: i64 = 1_767_225_600_000;

#[derive(Debug, Clone)]
struct Sent {
    /// Since the one before.
    after_ms: u64,
    lock: bool,
    retained: bool,
    synchronised: bool,
    /// How old it is when it comes, by its own time; nothing where it has none.
    age_ms: Option<i64>,
    nonce: Nonce,
}

#[derive(Debug, Clone, Copy)]
enum Nonce {
    Right,
    /// The one before, as in a message that comes twice.
    Before,
    None,
}

fn sent() -> impl Strategy<Value = Sent> {
    let age = prop_oneof![5 => (-5000_i64..=5000).prop_map(Some), 1 => any::<i32>().prop_map(|ms| Some(ms.into())), 1 => Just(None)];
    let nonce =
        prop_oneof![6 => Just(Nonce::Right), 2 => Just(Nonce::Before), 1 => Just(Nonce::None)];
    let usually = || prop::bool::weighted(0.9);
    (
        prop_oneof![0_u64..3000, 0_u64..400_000],
        prop::bool::weighted(0.1),
        usually(),
        usually(),
        age,
        nonce,
    )
        .prop_map(|(after_ms, lock, live, synchronised, age_ms, nonce)| Sent {
            after_ms,
            lock,
            retained: !live,
            synchronised,
            age_ms,
            nonce,
        })
}

proptest! {
    #[test]
    fn an_unlocking_is_fresh_counts_once_and_not_too_often(all in prop::collection::vec(sent(), 1..120)) {
        let mut commands = Commands::new("0".into());
        let mut now = Duration::ZERO;
        let mut before = String::from("never");
        let (mut unlocked, mut wrong_in_a_row): (Vec<Duration>, u32) = (Vec::new(), 0);
        let mut quiet_until = Duration::ZERO;
        for (number, sent) in (1..).zip(all) {
            now += Duration::from_millis(sent.after_ms);
            let at_ms = WALL_MS + i64::try_from(now.as_millis()).unwrap();
            let right = commands.nonce().to_owned();
            let nonce = match sent.nonce {
                Nonce::Right => Some(right.clone()),
                Nonce::Before => Some(before.clone()),
                Nonce::None => None,
            };
            let payload = serde_json::json!({
                "action": if sent.lock { "LOCK" } else { "UNLOCK" },
                "ts": sent.age_ms.map(|age| (at_ms - age) as f64 / 1000.0),
                "nonce": nonce, "client": "ha",
            });
            let payload = payload.to_string();
            let message = Message {
                payload: payload.as_bytes(),
                retained: sent.retained,
                at_ms: sent.synchronised.then_some(at_ms),
            };
            let heard = commands.hear(now, &message, number.to_string());
            match &heard {
                Ok(Order::Unlock { .. }) => {
                    prop_assert!(!sent.lock && !sent.retained && sent.synchronised);
                    prop_assert!(sent.age_ms.is_some_and(|age| age.abs() <= MAX_AGE_MS + 1));
                    prop_assert!(matches!(sent.nonce, Nonce::Right));
                    prop_assert_ne!(commands.nonce(), &right, "it counts once");
                    prop_assert!(now >= quiet_until);
                    unlocked.push(now);
                    let minute = unlocked.iter().filter(|at| now < **at + MINUTE).count();
                    prop_assert!(minute <= MAX_UNLOCKS_A_MINUTE);
                    wrong_in_a_row = 0;
                }
                Ok(Order::Lock { .. }) => prop_assert!(sent.lock),
                Err(Refusal::TooMany) => {}
                Err(_) => prop_assert!(!sent.lock, "lock is always taken"),
            }
            if matches!(heard, Err(Refusal::Retained | Refusal::Late | Refusal::AnotherNonce)) {
                wrong_in_a_row += 1;
                if wrong_in_a_row == MAX_WRONG_COUNT {
                    wrong_in_a_row = 0;
                    quiet_until = now + MIN_PAUSE;
                }
            }
            if commands.nonce() != right {
                before = right;
            }
        }
    }

    #[test]
    fn any_bytes_are_a_command_or_none(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let message = Message { payload: &bytes, retained: false, at_ms: Some(WALL_MS) };
        let heard = Commands::new("n".into()).hear(Duration::ZERO, &message, "m".into());
        prop_assert!(!matches!(heard, Ok(Order::Unlock { .. })), "no bytes unlock");
    }
}

/// A command as Home Assistant makes it by the template of its discovery.
fn command(action: &str, ts: f64, nonce: &str) -> String {
    format!(
        "{{\"action\":\"{action}\",\"ts\":{ts},\"nonce\":\"{nonce}\",\"client\":\"home-assistant\"}}"
    )
}

#[test]
fn what_is_no_command_says_why() {
    let at = WALL_MS as f64 / 1000.0;
    let mut commands = Commands::new("right".into());
    let mut hear = |payload: &str, retained, at_ms| {
        let message = Message {
            payload: payload.as_bytes(),
            retained,
            at_ms,
        };
        // Each long after the one before, so that no pause is in the way.
        commands = Commands::new("right".into());
        commands.hear(Duration::ZERO, &message, "next".into())
    };
    let wall = Some(WALL_MS);
    let client = || "home-assistant".to_owned();
    assert_eq!(
        hear(&command("UNLOCK", at, "right"), false, wall),
        Ok(Order::Unlock { client: client() })
    );
    assert_eq!(
        hear(&command("UNLOCK", at, "right"), true, wall),
        Err(Refusal::Retained)
    );
    assert_eq!(
        hear(&command("UNLOCK", at, "right"), false, None),
        Err(Refusal::NoClock)
    );
    assert_eq!(
        hear(&command("UNLOCK", at - 15.0, "right"), false, wall),
        Err(Refusal::Late)
    );
    assert_eq!(
        hear(&command("UNLOCK", at + 6.0, "right"), false, wall),
        Err(Refusal::Late)
    );
    assert_eq!(
        hear(&command("UNLOCK", at, "wrong"), false, wall),
        Err(Refusal::AnotherNonce)
    );
    assert_eq!(hear("UNLOCK", false, wall), Err(Refusal::NotUnderstood));
    assert_eq!(
        hear(&command("OPEN", at, "right"), false, wall),
        Err(Refusal::NotUnderstood)
    );
    let odd = command("UNLOCK", at, "right").replace('}', ",\"force\":true}");
    assert_eq!(hear(&odd, false, wall), Err(Refusal::NotUnderstood));
    assert_eq!(
        hear(&command("LOCK", 0.0, ""), true, None),
        Ok(Order::Lock { client: client() })
    );
    let forged = command("UNLOCK", at, "right").replace("home-assistant", "root\\nuid=0");
    assert_eq!(
        hear(&forged, false, wall),
        Ok(Order::Unlock {
            client: NO_CLIENT.into()
        })
    );
}
