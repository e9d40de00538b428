//! The fleet's list at the door: a thread of its own that verifies what the bridge carries, and
//! that no decision waits for.
//!
//! It is expendable: without it the door goes on with the people it has. Whoever the list shuts
//! is shut by the whitelist, which outlives it.

mod content;
mod notices;
mod people;
mod plan;
#[cfg(test)]
mod plan_properties;

use std::os::unix::fs::PermissionsExt as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde_json::Value;

use self::notices::Notices;
use self::people::People;
use super::access_rules::SharedLaw;
use super::bell::Bell;
use super::error::{DaemonError, of_a_thread};
use super::news;
use super::record_queue::RecordQueue;
use super::verb_line;
use crate::config;
use crate::files::{self, Kind};
use crate::fleet::{KeysError, ListKeys, Member, MemberError};
use crate::ipc::{Code, FleetErrand, FleetLeaseNow, FleetNow, FleetTaken, FleetWhat, Problem};
use crate::record::{FleetFault, Stamp};
use crate::shown;

/// Requests that may wait for the thread.
const MAX_WAITING_JOBS: usize = 16;
/// How long a hub may wait with an answer for something new. What changes here waits as long
/// before it goes up.
const MAX_NEWS_WAIT_S: u32 = 2;
/// How often it is looked whether the whitelist is another.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the list's files are tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);
/// The longest reason of an errand that came to nothing.
const MAX_WHY_CHARS: usize = 200;

/// Why the daemon cannot be a door of the fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetKeysError {
    #[error("cannot read {}, which fleet.keys names: {source}; `doorward fleet join` makes it", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("others can read {}, which fleet.keys names: chmod 600 it, and give it to the service's user", .0.display())]
    Open(PathBuf),
    #[error("fleet.keys: {0}")]
    Keys(#[from] KeysError),
    #[error("{}, which fleet.keys names, is not the daemon's file that `doorward fleet join` makes: {source}", path.display())]
    Wrong {
        path: PathBuf,
        source: serde_json::Error,
    },
}

/// The daemon's keys of the fleet, where it is in one.
pub(crate) type Keys = Option<ListKeys>;

/// What is asked of the thread.
#[derive(Debug)]
pub(crate) enum Asked {
    Errand,
    Piece {
        errand: u64,
        piece: Vec<u8>,
        ends: bool,
    },
    Missed {
        errand: u64,
        why: String,
    },
    Status,
}

/// What it gives, as it goes over the control socket.
pub(crate) type Answered = Result<Value, Problem>;

struct Job {
    asked: Asked,
    answer: Sender<Answered>,
}

/// The asking end; the thread ends with the last of these.
#[derive(Debug, Clone)]
pub(crate) struct FleetDesk {
    jobs: Option<Sender<Job>>,
}

impl FleetDesk {
    /// Starts the thread where the configuration names keys.
    ///
    /// # Errors
    /// There is no thread.
    pub(crate) fn start(
        config: &config::Config,
        keys: Keys,
        (queue, bell, recorder, law): (RecordQueue, Bell, Sender<verb_line::Asked>, SharedLaw),
    ) -> Result<Self, DaemonError> {
        let Some(keys) = keys else {
            return Ok(Self { jobs: None });
        };
        let people = People::new(config, &keys, recorder)?;
        let (jobs, asked) = bounded(MAX_WAITING_JOBS);
        let kept = config.whitelist.database.with_extension("fleet.db");
        let mut desk = Desk {
            keys,
            kept,
            member: None,
            people,
            retry_at: Instant::now(),
            notices: Notices::new(queue),
            law,
            heard_ms: None,
            missed: None,
        };
        let thread = std::thread::Builder::new().name("fleet".into());
        let thread = thread.spawn(move || {
            while panic::catch_unwind(AssertUnwindSafe(|| desk.serve(&asked, &bell))).is_err() {
                // What is kept is whole; what was in memory may not be.
                desk.member = None;
                desk.retry_at = Instant::now() + RETRY_INTERVAL;
                desk.notices
                    .tell(FleetFault::Refused, "the thread of the fleet's list failed");
            }
        });
        thread.map_err(of_a_thread)?;
        Ok(Self { jobs: Some(jobs) })
    }

    /// Where there is no fleet.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_nobody() -> Self {
        Self { jobs: None }
    }

    /// Has something done.
    pub(crate) fn ask(&self, asked: Asked) -> Result<Receiver<Answered>, Problem> {
        let Some(jobs) = &self.jobs else {
            return Err(refused(
                "this door belongs to no fleet: fleet.keys in doorward.toml is not set",
            ));
        };
        let (answer, answered) = bounded(1);
        match jobs.try_send(Job { asked, answer }) {
            Ok(()) => Ok(answered),
            Err(_) => Err(Problem {
                code: Code::Busy,
                message: "too much waits for the fleet's list; try again in a moment".into(),
            }),
        }
    }
}

fn refused(message: impl Into<String>) -> Problem {
    Problem {
        code: Code::Refused,
        message: message.into(),
    }
}

/// As the configuration names them; nothing where the door is in no fleet.
///
/// # Errors
/// [`FleetKeysError`]
pub(crate) fn keys(fleet: &config::Fleet) -> Result<Keys, FleetKeysError> {
    fleet.keys.as_deref().map(read).transpose()
}

fn read(path: &Path) -> Result<ListKeys, FleetKeysError> {
    let failed = |source| FleetKeysError::Read {
        path: path.to_owned(),
        source,
    };
    let about = files::about(path).map_err(failed)?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(FleetKeysError::Open(path.to_owned()));
    }
    let text = files::read_text(path, Kind::Key).map_err(failed)?;
    let text = zeroize::Zeroizing::new(text);
    serde_json::from_str(&text).map_err(|source| FleetKeysError::Wrong {
        path: path.to_owned(),
        source,
    })
}

/// The thread's things.
struct Desk {
    keys: ListKeys,
    kept: PathBuf,
    /// Nothing while what is kept cannot be used.
    member: Option<Member>,
    people: People,
    retry_at: Instant,
    notices: Notices,
    law: SharedLaw,
    /// When an answer was taken last, and why none is since.
    heard_ms: Option<i64>,
    missed: Option<String>,
}

impl Desk {
    fn serve(&mut self, jobs: &Receiver<Job>, bell: &Bell) {
        loop {
            self.open();
            if let Some(member) = &mut self.member {
                let agreed = self.people.agree(member, &mut self.notices);
                if let Err(error) = agreed {
                    self.failed(&error);
                }
            }
            match jobs.recv_timeout(LOOK_INTERVAL) {
                Ok(Job { asked, answer }) => {
                    let _ = answer.try_send(self.does(asked));
                    bell.ring();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Opens what is kept, unless that was tried a moment ago.
    fn open(&mut self) {
        if self.member.is_some() || Instant::now() < self.retry_at {
            return;
        }
        self.retry_at = Instant::now() + RETRY_INTERVAL;
        match Member::open(&self.keys, &self.kept) {
            Ok(member) => {
                self.member = Some(member);
                self.tell_news();
            }
            Err(error) => self
                .notices
                .tell(FleetFault::Refused, &format!("no list is kept: {error}")),
        }
    }

    /// What cannot be read is no news.
    fn tell_news(&mut self) {
        let news = self.member.as_ref().map(|member| member.kept().news());
        match news.transpose() {
            Ok(news) => self.law.news.tell(news.flatten().map(|news| news.lease)),
            Err(error) => {
                self.law.news.tell(None);
                self.failed(&error.into());
            }
        }
    }

    fn does(&mut self, asked: Asked) -> Answered {
        let Some(member) = &mut self.member else {
            return Err(refused(
                "the fleet's list cannot be kept; the daemon's journal says why",
            ));
        };
        member.is_now(news::moment(&self.law.moment().wall));
        match asked {
            Asked::Errand => {
                let made = member.request(MAX_NEWS_WAIT_S);
                let (request, notices) = made.map_err(|error| self.failed(&error))?;
                self.notices.of_all(&notices);
                said(&FleetErrand {
                    errand: request.errand,
                    what: match request.is_put {
                        true => FleetWhat::Put,
                        false => FleetWhat::List,
                    },
                    body: STANDARD.encode(&request.body),
                    wait_s: match request.is_put {
                        true => 0,
                        false => MAX_NEWS_WAIT_S,
                    },
                })
            }
            Asked::Piece {
                errand,
                piece,
                ends,
            } => {
                let step = match member.take(errand, &piece, ends) {
                    Ok(step) => step,
                    Err(error) => {
                        // Whom a part of it shut out is out, whatever came after that part.
                        self.people.has_news = true;
                        return Err(self.failed(&error));
                    }
                };
                self.people.has_news |= step.is_news;
                if step.is_news {
                    self.tell_news();
                }
                self.notices.of_all(&step.notices);
                if ends && step.notices.is_empty() {
                    self.heard_ms = Some(Stamp::clocks().0);
                    self.missed = None;
                }
                self.taken()
            }
            Asked::Missed { errand, why } => {
                log::debug!("fleet: errand {errand} came to nothing: {why}");
                let why = why.chars().filter(|c| !shown::is_unsafe(*c));
                self.missed = Some(why.take(MAX_WHY_CHARS).collect());
                self.taken()
            }
            Asked::Status => self.now(),
        }
    }

    /// Something came to nothing. What does not hold together is put on record.
    fn failed(&mut self, error: &MemberError) -> Problem {
        let told = error.to_string();
        match error {
            MemberError::Old(_) => {}
            MemberError::Broken(_) | MemberError::TooLong => {
                self.notices.tell(FleetFault::NotUnderstood, &told);
            }
            MemberError::Store(_) | MemberError::Keys(_) | MemberError::Random(_) => {
                self.notices.tell(FleetFault::Refused, &told);
            }
        }
        self.missed = Some(told.clone());
        refused(told)
    }

    fn taken(&self) -> Answered {
        let member = self.member.as_ref();
        let revision = member.map_or(0, |member| member.door().list().position().revision.0);
        said(&FleetTaken { revision })
    }

    /// Those that end, with news of this age.
    fn leases(&self, age: Option<Duration>) -> Vec<FleetLeaseNow> {
        let lease = self.law.lease.load();
        let groups = lease
            .group
            .iter()
            .map(|(name, limit)| (name.as_str(), limit));
        let all = [("guests", &lease.guests), ("residents", &lease.residents)];
        let all = all.into_iter().chain(groups);
        let ends = all.filter_map(|(who, limit)| Some((who, limit.ends()?)));
        ends.map(|(who, limit)| FleetLeaseNow {
            who: who.to_owned(),
            limit_s: limit.as_secs(),
            is_over: age.is_none_or(|age| age > limit),
        })
        .collect()
    }

    fn now(&mut self) -> Answered {
        let commit = match &self.member {
            Some(member) => member.kept().commit(),
            None => return self.taken(),
        };
        let commit = match commit {
            Ok(commit) => commit,
            Err(error) => return Err(self.failed(&error.into())),
        };
        let Some(member) = &self.member else {
            return self.taken();
        };
        let door = member.door();
        let rows = door.list().rows();
        let age = self.law.news.age(&self.law.moment().wall);
        said(&FleetNow {
            door: self.keys.name.clone(),
            revision: door.list().position().revision.0,
            signed_s: commit.map(|commit| commit.at_s),
            rows: rows.len(),
            enabled: rows.keys().filter(|id| door.is_enabled(**id)).count(),
            waiting: door.changes().len(),
            is_fetching: door.is_fetching(),
            heard_ms: self.heard_ms,
            missed: self.missed.clone(),
            news_age_s: age.map(|age| age.as_secs()),
            leases: self.leases(age),
        })
    }
}

fn said(what: &impl serde::Serialize) -> Answered {
    serde_json::to_value(what).map_err(|error| refused(error.to_string()))
}
