//! Whoever does what a command asks of the database: the daemon while one guards with it, and
//! else this process, which has it to itself meanwhile.

use std::io::{BufRead, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::origin;
use crate::config::Config;
use crate::daemon::looks;
use crate::daemon::pictures::Pictures;
use crate::database::{Database, DatabaseError, Holder, MAX_WRITER_WAIT, Writing};
use crate::ipc::{self, Ask, Client, ClientError, MAX_REQUEST_BYTES};
use crate::record::{Log, Query, Record, RecordError, newest};
use crate::verbs::{self, Code, Given, Part, Reply, Verb, VerbError};

/// How long a daemon that has the database may take to listen: it starts or ends meanwhile.
const MAX_START_WAIT: Duration = Duration::from_secs(15);
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// How long it may take for a verb: an import of ten thousand people.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(180);
/// What is handed over at once, in bytes; a half more as text.
const PART_BYTES: u64 = 512 << 10;

/// The configuration file, and a connection that was made before this process became
/// somebody else: the daemon hears from the kernel who it was then.
static MET: OnceLock<(PathBuf, Mutex<Option<UnixStream>>)> = OnceLock::new();
/// The same, once it was used.
static DAEMON: Mutex<Option<Client>> = Mutex::new(None);

/// Connects to the daemon that guards, if one does. To be done as whoever typed the command.
pub(super) fn meet(path: &Path, config: &Config) {
    let connect = || {
        let places = ipc::socket_paths(path);
        places
            .iter()
            .find_map(|place| UnixStream::connect(place).ok())
    };
    let guarded = Database::is_guarded(&config.whitelist.database);
    let stream = guarded.then(connect).flatten();
    let _ = MET.set((path.to_owned(), Mutex::new(stream)));
}

/// Does verbs, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clerk<'c> {
    config: &'c Config,
}

/// Why the daemon did not do a verb.
enum NotDone {
    /// There is none any more, or none yet; nothing was changed.
    Gone,
    /// The role of whoever asks is not enough.
    NotAllowed(VerbError),
    Error(VerbError),
}

impl NotDone {
    /// What it was, or what else went wrong where there is no daemon.
    fn or(self, otherwise: VerbError) -> VerbError {
        match self {
            Self::Gone => otherwise,
            Self::NotAllowed(error) | Self::Error(error) => error,
        }
    }
}

impl<'c> Clerk<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        Self { config }
    }

    /// Where the database is.
    pub(super) fn place(self) -> &'c Path {
        &self.config.whitelist.database
    }

    /// Does a verb that changes nothing: by the daemon while one guards, which has read the
    /// key already, and else by this process.
    ///
    /// # Errors
    /// [`VerbError`]
    pub(super) fn look(self, verb: &Verb) -> Result<Reply, VerbError> {
        let not_done = match self.daemon_does(verb, None) {
            Ok(reply) => return Ok(reply),
            Err(not_done) => not_done,
        };
        // Who may look may do so where the daemon says nothing, or would not let another.
        match (Database::open_existing(self.place()), not_done) {
            (Err(error @ DatabaseError::Open { .. }), not_done) => Err(not_done.or(error.into())),
            (_, NotDone::Error(error)) if !error.is_failure() => Err(error),
            (database, _) => looks::look(&database?, verb),
        }
    }

    /// Has what was removed be gone from the files too; false if it is not.
    ///
    /// # Errors
    /// [`VerbError`]
    pub(super) fn erases(self) -> Result<bool, VerbError> {
        match self.does(Verb::Erase {}, None)? {
            Reply::Erased { gone } => Ok(gone),
            _ => Err(VerbError::other_reply()),
        }
    }

    /// Does a verb, with a text that it takes, if it takes one.
    ///
    /// # Errors
    /// [`VerbError`]; nothing was changed.
    pub(super) fn does(
        self,
        verb: Verb,
        mut text: Option<&mut dyn BufRead>,
    ) -> Result<Reply, VerbError> {
        let began = Instant::now();
        loop {
            let taken = match Writing::try_take(self.place(), false) {
                Err(error @ DatabaseError::Open { .. }) => {
                    return self.daemon_or(&verb, text, error);
                }
                taken => taken?,
            };
            let (holder, limit) = match taken {
                Ok(_writing) => return self.does_it(verb, again(&mut text)),
                Err(holder) if holder.guards => match self.daemon_does(&verb, again(&mut text)) {
                    Ok(reply) => return Ok(reply),
                    Err(NotDone::Gone) => (holder, MAX_START_WAIT),
                    Err(NotDone::NotAllowed(error) | NotDone::Error(error)) => return Err(error),
                },
                Err(holder) => (holder, MAX_WRITER_WAIT),
            };
            if began.elapsed() >= limit {
                return Err(self.refused_by(holder));
            }
            std::thread::sleep(RETRY_INTERVAL);
        }
    }

    /// Who may not open the database may ask whoever has it, as the roles say.
    fn daemon_or(
        self,
        verb: &Verb,
        text: Option<&mut dyn BufRead>,
        error: DatabaseError,
    ) -> Result<Reply, VerbError> {
        self.daemon_does(verb, text)
            .map_err(|not_done| not_done.or(error.into()))
    }

    fn refused_by(self, holder: Holder) -> VerbError {
        let (path, pid) = (self.place().to_owned(), holder.pid);
        if !holder.guards {
            return DatabaseError::Held { path, pid }.into();
        }
        let why = format!(
            "the daemon (process {pid}) has {} to itself and does not answer on its control socket, so nothing was changed; `systemctl status doorward` says how it is, and `sudo systemctl restart doorward` starts it anew",
            path.display()
        );
        VerbError::new(Code::Silent, why)
    }

    /// The right to write is this process's.
    fn does_it(self, verb: Verb, text: Option<&mut dyn BufRead>) -> Result<Reply, VerbError> {
        let by = origin(self.config);
        let given = Given {
            text: text.map(|text| text as &mut dyn BufRead),
            require_consent: self.config.whitelist.require_consent,
            ..Given::by(&by)
        };
        let mut database = match makes_the_database(&verb) {
            true => Database::open(self.place())?,
            false => Database::open_existing(self.place())?,
        };
        if matches!(verb, Verb::Rekey {}) {
            // Nothing is sealed anew that is damaged.
            database.integrity_check()?;
        }
        let reply = verbs::execute(&mut database, given, verb)?;
        if reply.leaves_pictures() {
            Pictures::beside(self.place()).forget_the_gone(&database)?;
        }
        Ok(reply)
    }

    fn daemon_does(self, verb: &Verb, text: Option<&mut dyn BufRead>) -> Result<Reply, NotDone> {
        let mut daemon = DAEMON.lock().unwrap_or_else(PoisonError::into_inner);
        let mut client = match daemon.take() {
            Some(client) => client,
            None => self.connected()?,
        };
        if let Some(text) = text {
            // It is read once, and cannot be handed to another.
            let handed = self.hand_over(&mut client, text);
            handed.map_err(|not_done| match not_done {
                NotDone::Gone => {
                    let why = "the daemon ended meanwhile, and nothing was changed; repeat this";
                    NotDone::Error(VerbError::new(Code::Stopping, why))
                }
                not_done => not_done,
            })?;
        }
        let mut asked = verb_in(verb);
        let long = serde_json::to_vec(&asked).unwrap_or_default();
        if long.len() >= MAX_REQUEST_BYTES / 2 {
            self.hand_over(&mut client, &mut &long[..])?;
            asked = verb_in(&Verb::HandedOver {});
        }
        let reply = self.ask(&mut client, asked, verb.is_look())?;
        *daemon = Some(client);
        Ok(reply)
    }

    /// The number of the newest event; nothing if it cannot be read.
    fn head(self) -> Option<u64> {
        let database = Database::open_existing(self.place()).ok()?;
        let log = Log::new(database, self.config.daemon.door.clone());
        Some(log.head().ok()?.id)
    }

    /// Whether anybody may have changed something since an event.
    fn is_changed_since(self, event: Option<u64>) -> bool {
        let since = Query {
            after_id: event,
            ..Query::default()
        };
        let records = Database::open_existing(self.place())
            .map_err(RecordError::from)
            .and_then(|database| newest(&database, &since));
        let by_somebody = |record: &Record| record.to_json()["event"].get("actor").is_some();
        event.is_none() || records.map_or(true, |records| records.iter().any(by_somebody))
    }

    fn connected(self) -> Result<Client, NotDone> {
        let (path, early) = MET.get().ok_or(NotDone::Gone)?;
        let early = early.lock().unwrap_or_else(PoisonError::into_inner).take();
        let client = match early {
            Some(stream) => Client::over(stream).map(Some),
            None => Client::connect(path),
        };
        match client {
            Ok(Some(client)) => Ok(client),
            Ok(None) => Err(NotDone::Gone),
            Err(ClientError::Silent(error)) if is_end(&error) => Err(NotDone::Gone),
            Err(error) => Err(NotDone::Error(self.silent(error))),
        }
    }

    fn hand_over(self, client: &mut Client, text: &mut dyn BufRead) -> Result<(), NotDone> {
        loop {
            let mut part = Vec::new();
            let read = (&mut *text).take(PART_BYTES).read_to_end(&mut part);
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // As whoever reads it would have said.
                Err(error) => {
                    let error = verbs::unreadable(error);
                    return Err(NotDone::Error(error));
                }
            }
            let part = Part(part);
            self.ask(client, verb_in(&Verb::HandOver { part }), false)?;
        }
    }

    fn ask(
        self,
        client: &mut Client,
        verb: serde_json::Value,
        is_look: bool,
    ) -> Result<Reply, NotDone> {
        // After a look nothing is another.
        let before = match is_look {
            true => None,
            false => self.head(),
        };
        match client.ask::<Reply>(Ask::People { verb }, MAX_ANSWER_WAIT) {
            // Another one may do it, or this process.
            Err(ClientError::Silent(error)) if is_end(&error) && !self.is_changed_since(before) => {
                Err(NotDone::Gone)
            }
            Ok(reply) => Ok(reply),
            Err(ClientError::Refused(problem)) => match problem.code {
                // It ends, and leaves the database to this process.
                ipc::Code::AnotherDatabase | ipc::Code::Stopping => Err(NotDone::Gone),
                ipc::Code::NotAllowed => Err(NotDone::NotAllowed(problem.into())),
                _ => Err(NotDone::Error(problem.into())),
            },
            Err(error) => Err(NotDone::Error(self.silent(error))),
        }
    }

    /// It may have done it all the same, if it was asked.
    fn silent(self, error: ClientError) -> VerbError {
        VerbError::new(
            Code::Silent,
            format!("{error}; `doorward events` tells whether it was done"),
        )
    }
}

/// The same text, for a while.
fn again<'t>(text: &'t mut Option<&mut dyn BufRead>) -> Option<&'t mut dyn BufRead> {
    match text {
        Some(text) => Some(&mut **text),
        None => None,
    }
}

fn is_end(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

fn verb_in(verb: &Verb) -> serde_json::Value {
    // Fails for maps with other keys than text alone; there are none.
    serde_json::to_value(verb).unwrap_or_default()
}

/// Whether there may be none before.
fn makes_the_database(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Enroll(_) | Verb::Import { .. } | Verb::SetMode { .. } | Verb::NoteRelayByHand { .. }
    )
}
