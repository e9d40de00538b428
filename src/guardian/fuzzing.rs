//! Any bytes from any clients at the guardian, for fuzzing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::boottime::BootTime;
use super::core::{Client, Command, Core, Effect, Input, MAX_RENEWAL_GAP};
use super::wire::Request;

const CAP: Duration = Duration::from_millis(5000);
const CLIENTS: u8 = 24;

/// Each line of `bytes` is from a client (its first byte) some time after the one before it
/// (its second byte, in units of 20 ms); the rest is what the client sends.
///
/// # Panics
/// Where the line is energised beyond the cap or without a lease that lives.
pub fn fuzz(bytes: &[u8]) {
    let mut now = 1_000_000;
    let mut core = Core::new(CAP, BootTime::from_ms(now));
    let mut energised_at: Option<u64> = None;
    let mut leases: BTreeMap<u8, (u64, u64)> = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let [client, pause, said @ ..] = line else {
            continue;
        };
        let client = client % CLIENTS;
        let who = Client(u64::from(client));
        now += u64::from(*pause) * 20;
        let input = match Request::parse(said) {
            Some(Request::Open(until)) => {
                leases.insert(client, (until.as_ms(), now));
                Input::Open(who, until)
            }
            Some(Request::Renew) => {
                if let Some((_, heard)) = leases.get_mut(&client) {
                    *heard = now;
                }
                Input::Renew(who)
            }
            Some(Request::Lock) => {
                leases.clear();
                Input::Lock(who)
            }
            None => {
                leases.remove(&client);
                Input::Gone(who)
            }
        };
        for input in [Input::Tick, input] {
            let mut waiting = vec![input];
            while let Some(input) = waiting.pop() {
                for effect in core.step(BootTime::from_ms(now), input).iter() {
                    if let Effect::Line(command) = effect {
                        energised_at = match command {
                            Command::Energise => energised_at.or(Some(now)),
                            Command::Release => None,
                        };
                        waiting.push(Input::LineDone { ok: true });
                    }
                }
            }
        }
        let Some(since) = energised_at else { continue };
        assert!(now - since < CAP.as_millis() as u64, "beyond the cap");
        let renewal = MAX_RENEWAL_GAP.as_millis() as u64;
        let is_alive = |(until, heard): &(u64, u64)| now < *until && now < heard + renewal;
        assert!(leases.values().any(is_alive), "without a lease that lives");
    }
}

#[cfg(test)]
#[path = "../../tests/support/mutated.rs"]
mod mutated;

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes_from_any_clients_leave_the_line_in_order() {
        let open = |client: u8, pause: u8, ms: u64| {
            [&[client, pause][..], format!("open {ms}\n").as_bytes()].concat()
        };
        let seeds = [
            [
                open(1, 3, 1_002_000),
                b"\x01\x20renew\n\x02\x09lock\n".to_vec(),
            ]
            .concat(),
            [
                open(1, 0, 1_060_000),
                open(2, 9, 1_009_000),
                b"\x01\x28renew\n\x02\xffrenew\n".to_vec(),
            ]
            .concat(),
        ];
        super::mutated::feed(&seeds, 20_000, super::fuzz);
    }
}
