//! Who is logged in, in memory: a restart logs everybody out.

use std::collections::HashMap;

use super::secret::{self, NoRandom};

/// Without a request for this long a session ends.
const IDLE_MS: u64 = 30 * 60 * 1000;
/// No session is longer.
const LONGEST_MS: u64 = 12 * 60 * 60 * 1000;
/// Sessions at one time; the one that was idle longest goes first.
const MAX_SESSIONS_COUNT: usize = 256;

/// Somebody who logged in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// The account's name.
    pub account: String,
    /// What tells the account from one that was made anew since.
    pub stamp: [u8; 32],
    /// What forms have to carry.
    pub csrf: String,
    began_ms: u64,
    used_ms: u64,
}

/// All of them, by the digest of their tokens.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

impl Sessions {
    /// A new session, always with a token that was never seen before; gives it for the cookie.
    ///
    /// # Errors
    /// [`NoRandom`]
    pub(super) fn begin(
        &mut self,
        account: &str,
        stamp: [u8; 32],
        now_ms: u64,
    ) -> Result<String, NoRandom> {
        self.0.retain(|_, session| session.lives(now_ms));
        if self.0.len() >= MAX_SESSIONS_COUNT
            && let Some(idle) = self
                .0
                .iter()
                .min_by_key(|(_, s)| s.used_ms)
                .map(|(k, _)| *k)
        {
            self.0.remove(&idle);
        }
        let token = secret::token()?;
        let session = Session {
            account: account.to_owned(),
            stamp,
            csrf: secret::token()?,
            began_ms: now_ms,
            used_ms: now_ms,
        };
        self.0.insert(secret::digest(&token), session);
        Ok(token)
    }

    /// Whose a token is, while the session lives.
    pub(super) fn find(&mut self, token: &str, now_ms: u64) -> Option<Session> {
        let key = secret::digest(token);
        let session = self.0.get_mut(&key)?;
        if !session.lives(now_ms) {
            self.0.remove(&key);
            return None;
        }
        session.used_ms = now_ms;
        Some(session.clone())
    }

    /// The same, and it stays as idle as it was.
    pub(super) fn peek(&self, token: &str, now_ms: u64) -> Option<Session> {
        let session = self.0.get(&secret::digest(token))?;
        session.lives(now_ms).then(|| session.clone())
    }

    pub(super) fn end(&mut self, token: &str) {
        self.0.remove(&secret::digest(token));
    }
}

impl Session {
    fn lives(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.used_ms) <= IDLE_MS
            && now_ms.saturating_sub(self.began_ms) <= LONGEST_MS
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_and_after_half_a_day() {
        let mut sessions = Sessions::default();
        let token = sessions.begin("ada", [0; 32], 0).unwrap();
        assert!(sessions.find(&token, IDLE_MS).is_some());
        assert!(sessions.find(&token, 2 * IDLE_MS + 1).is_none());
        let token = sessions.begin("ada", [0; 32], 0).unwrap();
        for now in (0..=LONGEST_MS).step_by(60_000) {
            assert!(sessions.find(&token, now).is_some(), "{now}");
        }
        assert!(sessions.find(&token, LONGEST_MS + 1).is_none());
    }

    #[test]
    fn sessions_are_bounded_and_end_when_asked() {
        let mut sessions = Sessions::default();
        let first = sessions.begin("ada", [0; 32], 0).unwrap();
        for _ in 0..MAX_SESSIONS_COUNT {
            sessions.begin("eve", [0; 32], 1).unwrap();
        }
        assert!(sessions.find(&first, 2).is_none());
        let last = sessions.begin("ada", [0; 32], 2).unwrap();
        sessions.end(&last);
        assert!(sessions.find(&last, 2).is_none());
        assert!(sessions.0.len() <= MAX_SESSIONS_COUNT);
    }
}
