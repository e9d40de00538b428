//! Whether a message is a command that counts: pure, from the message, the clocks and what came
//! before. Who sent it is the broker's matter (its log-in and its list of rights); that it is
//! fresh, and counts once, is looked after here.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// The longest message that is read.
const MAX_COMMAND_BYTES: usize = 512;
/// How far the sender's clock may be from this one, either way.
pub(super) const MAX_AGE_MS: i64 = 5_000;
/// Unlockings in a minute.
pub(super) const MAX_UNLOCKS_A_MINUTE: usize = 6;
const MINUTE: Duration = Duration::from_secs(60);
/// Locking too often would only fill the record.
const MIN_LOCK_INTERVAL: Duration = Duration::from_secs(1);
/// Wrong commands before nothing is heard for a while.
const MAX_WRONG_COUNT: u32 = 5;
const MIN_PAUSE: Duration = Duration::from_secs(60);
const MAX_PAUSE: Duration = Duration::from_secs(3600);
/// Of a sender's name, as it claims.
const MAX_CLIENT_CHARS: usize = 24;
/// Who says nothing of itself.
const NO_CLIENT: &str = "unnamed";

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message<'a> {
    pub payload: &'a [u8],
    pub retained: bool,
    /// The wall's clock here, in milliseconds since 1970; nothing if nobody sets it right.
    pub at_ms: Option<i64>,
}

/// What is ordered, and by whom as it claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bridge) enum Order {
    Unlock { client: String },
    Lock { client: String },
}

/// Why a message is no command that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Retained,
    NotUnderstood,
    NoClock,
    Late,
    AnotherNonce,
    TooMany,
    Paused,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retained => {
                "it is retained, so that it would be sent again at every start of the broker: have the sender publish it without retain"
            }
            Self::NotUnderstood => {
                "it is no command: {\"action\":\"UNLOCK\",\"ts\":SECONDS,\"nonce\":\"…\"} is one"
            }
            Self::NoClock => {
                "nothing sets this machine's clock right, so that its age is not known: see `timedatectl`, or access.clock"
            }
            Self::Late => "it was sent more than 5 seconds ago or ahead, by its time",
            Self::AnotherNonce => {
                "its nonce is not the one of now: it came twice, or was made up"
            }
            Self::TooMany => "too many in a minute",
            Self::Paused => "too many wrong ones came; nothing but lock is heard for a while",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    action: Action,
    /// Seconds since 1970.
    ts: Option<f64>,
    nonce: Option<String>,
    client: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Action {
    Unlock,
    Lock,
}

/// What was heard until now.
#[derive(Debug)]
pub(super) struct Commands {
    /// Counts for one unlocking.
    nonce: String,
    unlocks: VecDeque<Duration>,
    locked_at: Option<Duration>,
    wrong: u32,
    pauses: u32,
    paused_until: Option<Duration>,
}

impl Commands {
    /// With a nonce that nobody can guess.
    pub(super) fn new(nonce: String) -> Self {
        Self {
            nonce,
            unlocks: VecDeque::new(),
            locked_at: None,
            wrong: 0,
            pauses: 0,
            paused_until: None,
        }
    }

    /// The nonce that the next unlocking has to carry.
    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Whether a message counts; `fresh` is the next nonce, should this one be spent. `now` counts
    /// from any moment on.
    ///
    /// # Errors
    /// [`Refusal`]
    pub(super) fn hear(
        &mut self,
        now: Duration,
        message: &Message<'_>,
        fresh: String,
    ) -> Result<Order, Refusal> {
        let Some(written) = read(message.payload) else {
            return Err(self.wrong(now, Refusal::NotUnderstood));
        };
        let client = client(written.client);
        if written.action == Action::Lock {
            // To lock is always right, however old the message is.
            return match self.locked_at {
                Some(at) if now < at + MIN_LOCK_INTERVAL => Err(Refusal::TooMany),
                _ => {
                    self.locked_at = Some(now);
                    Ok(Order::Lock { client })
                }
            };
        }
        // Where the system gave none, none is right.
        let is_known = !self.nonce.is_empty() && written.nonce.as_deref() == Some(&*self.nonce);
        if is_known {
            // Spent, whatever comes of it.
            self.nonce = fresh;
        }
        if self.paused_until.is_some_and(|until| now < until) {
            return Err(Refusal::Paused);
        }
        if message.retained {
            return Err(self.wrong(now, Refusal::Retained));
        }
        let Some(at_ms) = message.at_ms else {
            return Err(Refusal::NoClock);
        };
        let sent_ms = written.ts.map(|seconds| seconds * 1000.0);
        let is_fresh = |sent: f64| (sent - at_ms as f64).abs() <= MAX_AGE_MS as f64;
        if !sent_ms.is_some_and(is_fresh) {
            return Err(self.wrong(now, Refusal::Late));
        }
        if !is_known {
            return Err(self.wrong(now, Refusal::AnotherNonce));
        }
        self.unlocks.retain(|at| now < *at + MINUTE);
        if self.unlocks.len() >= MAX_UNLOCKS_A_MINUTE {
            return Err(Refusal::TooMany);
        }
        self.unlocks.push_back(now);
        (self.wrong, self.pauses) = (0, 0);
        Ok(Order::Unlock { client })
    }

    fn wrong(&mut self, now: Duration, refusal: Refusal) -> Refusal {
        if self.paused_until.is_some_and(|until| now < until) {
            return refusal;
        }
        self.wrong += 1;
        if self.wrong >= MAX_WRONG_COUNT {
            self.wrong = 0;
            let pause = MIN_PAUSE.saturating_mul(1 << self.pauses.min(16));
            self.pauses = self.pauses.saturating_add(1);
            self.paused_until = Some(now + pause.min(MAX_PAUSE));
        }
        refusal
    }
}

fn read(payload: &[u8]) -> Option<Written> {
    if payload.len() > MAX_COMMAND_BYTES {
        return None;
    }
    serde_json::from_slice(payload).ok()
}

/// As it may stand on record.
fn client(claimed: Option<String>) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name =
        |name: &String| (1..=MAX_CLIENT_CHARS).contains(&name.len()) && name.chars().all(fits);
    claimed.filter(is_name).unwrap_or_else(|| NO_CLIENT.into())
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
