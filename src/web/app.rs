//! What all pages share: the door, who is logged in, and limits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use super::accounts::{Account, Accounts, AccountsError};
use super::door::Door;
use super::guided::Guided;
use super::live::{Live, Viewing};
use super::password::Kept;
use super::pauses::{Of, Pauses};
use super::sessions::{Session, Sessions};
use super::settings::Settings;
use crate::ipc::Role;

/// Passwords that are checked at one time, 19 MiB each.
const MAX_CHECKS_COUNT: usize = 2;
/// Streams of events that are open at one time.
const MAX_STREAMS_COUNT: usize = 24;
/// Uploads that are read at one time.
const MAX_UPLOADS_COUNT: usize = 2;
/// Faces that are fetched from the door at one time, each over a connection of its own.
const MAX_FACES_COUNT: usize = 3;

/// Shared by all requests.
pub(super) type App = Arc<Shared>;

pub(super) struct Shared {
    pub door: Arc<dyn Door>,
    pub live: Live,
    pub viewing: Viewing,
    pub guided: Mutex<Option<Guided>>,
    /// Whether the page is served by TLS.
    pub is_tls: bool,
    /// What the door is called.
    pub title: String,
    /// Names by which a browser may call this machine.
    pub names: Vec<String>,
    pub streams: Arc<Semaphore>,
    pub uploads: Semaphore,
    pub faces: Semaphore,
    folder: PathBuf,
    accounts: Mutex<(Option<Stamp>, Arc<Accounts>)>,
    sessions: Mutex<Sessions>,
    pauses: Mutex<Pauses>,
    used_codes: Mutex<HashMap<String, u64>>,
    checks: Semaphore,
    began: Instant,
}

/// What tells one version of the accounts file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, i64, i64);

/// How logging in ended.
pub(super) enum LoggedIn {
    /// With a session's token.
    Yes(String),
    No,
    /// For so many seconds nobody may try.
    Wait(u64),
    Failed,
}

/// A lock that somebody panicked under holds nothing half done here.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Shared {
    pub(super) fn new(door: Arc<dyn Door>, settings: &Settings) -> App {
        Arc::new(Self {
            live: Live::default(),
            viewing: Viewing::default(),
            guided: Mutex::default(),
            is_tls: settings.is_tls,
            title: settings.title.clone(),
            names: settings.names.clone(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS_COUNT)),
            uploads: Semaphore::new(MAX_UPLOADS_COUNT),
            faces: Semaphore::new(MAX_FACES_COUNT),
            folder: settings.folder.clone(),
            accounts: Mutex::default(),
            sessions: Mutex::default(),
            pauses: Mutex::default(),
            used_codes: Mutex::default(),
            checks: Semaphore::new(MAX_CHECKS_COUNT),
            began: Instant::now(),
            door,
        })
    }

    /// The accounts as the file has them now.
    ///
    /// # Errors
    /// [`AccountsError`]; who was logged in is not, as long as the file is wrong.
    pub(super) fn accounts(&self) -> Result<Arc<Accounts>, AccountsError> {
        use std::os::unix::fs::MetadataExt as _;
        let about = std::fs::metadata(Accounts::path(&self.folder)).ok();
        let stamp = about.map(|a| Stamp(a.ino(), a.len(), a.mtime(), a.mtime_nsec()));
        let mut known = locked(&self.accounts);
        if stamp.is_none() || known.0 != stamp {
            known.1 = Arc::new(Accounts::load(&self.folder)?);
            known.0 = stamp;
        }
        Ok(known.1.clone())
    }

    /// Whose a cookie is: the session, and the role the account has now.
    pub(super) fn who(&self, token: &str) -> Option<(Session, Role)> {
        let session = locked(&self.sessions).find(token, self.now_ms())?;
        let accounts = self.accounts().ok()?;
        let account = accounts.get(&session.account)?;
        // A new password or role logs everybody out who came by the old one.
        if account.stamp() != session.stamp {
            locked(&self.sessions).end(token);
            return None;
        }
        Some((session, account.role))
    }

    /// The same for a stream, which does not make the session younger.
    pub(super) fn is_logged_in(&self, token: &str) -> bool {
        let Some(session) = locked(&self.sessions).peek(token, self.now_ms()) else {
            return false;
        };
        let accounts = self.accounts();
        accounts.is_ok_and(|all| {
            let account = all.get(&session.account);
            account.is_some_and(|account| account.stamp() == session.stamp)
        })
    }

    pub(super) fn log_out(&self, token: &str) {
        locked(&self.sessions).end(token);
    }

    /// Checks account, password and code. An account that is not there takes as long.
    pub(super) async fn log_in(
        &self,
        from: IpAddr,
        name: &str,
        password: String,
        code: &str,
    ) -> LoggedIn {
        let of = [Of::Account(name.to_owned()), Of::Address(from)];
        {
            let now = self.now_ms();
            let mut pauses = locked(&self.pauses);
            if let Some(left) = pauses.left_ms(&of, now) {
                return LoggedIn::Wait(left.div_ceil(1000));
            }
            pauses.tried(&of, now);
        }
        let Ok(accounts) = self.accounts() else {
            return LoggedIn::Failed;
        };
        let account = accounts.get(name);
        let kept = account.and_then(Account::kept).unwrap_or_else(Kept::nobody);
        let Ok(_permit) = self.checks.acquire().await else {
            return LoggedIn::Failed;
        };
        let checked = tokio::task::spawn_blocking(move || kept.is(&password)).await;
        let (Ok(true), Some(account)) = (checked, account) else {
            return LoggedIn::No;
        };
        if !self.takes_code(name, account, code) {
            return LoggedIn::No;
        }
        locked(&self.pauses).right(&of);
        let began = locked(&self.sessions).begin(name, account.stamp(), self.now_ms());
        began.map_or(LoggedIn::Failed, LoggedIn::Yes)
    }

    /// Whether a code is right for an account that asks for one; it is of no use again.
    fn takes_code(&self, name: &str, account: &Account, code: &str) -> bool {
        let Some(key) = account.totp_key() else {
            return account.totp.is_none();
        };
        let now_s = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        let mut used = locked(&self.used_codes);
        let Some(step) = key.step_of(code, now_s, used.get(name).copied()) else {
            return false;
        };
        used.insert(name.to_owned(), step);
        true
    }

    /// By a clock that nobody sets.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
