//! Any bytes as commands of a broker.

use std::collections::VecDeque;
use std::time::Duration;

use super::command::{Commands, MAX_AGE_MS, MAX_UNLOCKS_A_MINUTE, Message, Order};

/// The wall's clock at the beginning, in milliseconds since 1970.
const BEGUN_MS: i64 = 1_767_225_600_000;

/// Each line is a message: flags (retained, no clock), the time since the one before in tenths of
/// a second, and the payload, in which `@` stands for the nonce of now, `#` for the time of now and
/// `!` for a right command but for its last brace.
///
/// # Panics
/// If an unlocking counts that is retained, late, without the nonce of now, or one too many.
pub fn fuzz_command(bytes: &[u8]) {
    let mut commands = Commands::new("first".into());
    let mut now = Duration::ZERO;
    let mut counted: VecDeque<Duration> = VecDeque::new();
    for (ordinal, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Some(([flags, tenths], text)) = line.split_first_chunk::<2>() else {
            continue;
        };
        now += Duration::from_millis(u64::from(*tenths) * 100);
        let at_ms = BEGUN_MS + i64::try_from(now.as_millis()).unwrap_or(0);
        let nonce = commands.nonce().to_owned();
        let seconds = (at_ms as f64 / 1000.0).to_string();
        let right = format!(r#"{{"action":"UNLOCK","ts":{seconds},"nonce":"{nonce}""#);
        let mut payload = Vec::new();
        for byte in text {
            match byte {
                b'@' => payload.extend_from_slice(nonce.as_bytes()),
                b'#' => payload.extend_from_slice(seconds.as_bytes()),
                b'!' => payload.extend_from_slice(right.as_bytes()),
                other => payload.push(*other),
            }
        }
        let message = Message {
            payload: &payload,
            retained: flags & 1 != 0,
            at_ms: (flags & 2 == 0).then_some(at_ms),
        };
        let heard = commands.hear(now, &message, format!("nonce{ordinal}"));
        let Ok(Order::Unlock { .. }) = heard else {
            continue;
        };
        assert!(!message.retained && message.at_ms.is_some());
        let said: Option<serde_json::Value> = serde_json::from_slice(&payload).ok();
        let of = |key: &str| said.as_ref().map(|said| said[key].clone());
        assert_eq!(of("nonce"), Some(nonce.into()));
        let ts = of("ts").and_then(|ts| ts.as_f64()).unwrap_or(0.0);
        assert!((ts * 1000.0 - at_ms as f64).abs() <= MAX_AGE_MS as f64);
        counted.retain(|at| now < *at + Duration::from_secs(60));
        counted.push_back(now);
        assert!(counted.len() <= MAX_UNLOCKS_A_MINUTE);
        assert_ne!(commands.nonce(), "", "a nonce counts once");
    }
}

#[test]
fn any_lines_are_commands_or_none() {
    let mut random = fastrand::Rng::with_seed(1);
    let letters = b"!@#}{\n\0\x01\x02\x03\x20\xff\"UNLOCK";
    for _ in 0..20_000 {
        let length = random.usize(..40);
        let bytes = std::iter::repeat_with(|| letters[random.usize(..letters.len())]);
        fuzz_command(&bytes.take(length).collect::<Vec<u8>>());
    }
}
