//! One client's verbs on their way to the recorder, and what is done beside it: what comes in
//! pieces is put together, pictures of who was removed are deleted, the `-wal` is emptied.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender};

use super::pictures::Pictures;
use crate::database::Database;
use crate::files;
use crate::record::Origin;
use crate::verbs::{Code, Reply, Verb, VerbError};

/// How long a verb may wait for its turn.
const MAX_TURN_WAIT: Duration = Duration::from_secs(10);
/// How long the recorder may take for one: an import of ten thousand.
const MAX_DONE_WAIT: Duration = Duration::from_secs(120);
/// What may be handed over.
const MAX_TEXT_BYTES: u64 = 4 << 30;
/// Of that, what may be a verb itself.
const MAX_VERB_BYTES: u64 = 64 << 20;
/// How often an empty `-wal` is asked for, each time with little patience.
const MAX_ERASE_TRIES: u32 = 20;
const ERASE_INTERVAL: Duration = Duration::from_millis(100);

/// A verb on its way to the recorder.
#[derive(Debug)]
pub(crate) struct Asked {
    pub verb: Verb,
    pub origin: Origin,
    pub text: Option<File>,
    turn: Arc<AtomicU8>,
    answer: Sender<Result<Reply, VerbError>>,
}

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Lets one of two have it: the recorder, or whoever gives up.
fn take(turn: &AtomicU8, to: u8) -> bool {
    let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
    turn.compare_exchange(WAITING, to, success, failure).is_ok()
}

impl Asked {
    /// False if nobody waits for it any more: then it must not be done.
    pub(super) fn take(&self) -> bool {
        take(&self.turn, TAKEN)
    }

    pub(super) fn answer(self, reply: Result<Reply, VerbError>) {
        let _ = self.answer.try_send(reply);
    }
}

/// One client's verbs, one after the other.
#[derive(Debug)]
pub(super) struct Line {
    database: PathBuf,
    recorder: Sender<Asked>,
    /// What was handed over, in a file without a name.
    text: Option<File>,
    reader: Option<Database>,
}

impl Line {
    pub(super) fn new(database: PathBuf, recorder: Sender<Asked>) -> Self {
        Self {
            database,
            recorder,
            text: None,
            reader: None,
        }
    }

    /// Whether something was handed over and not used yet.
    pub(super) fn holds_something(&self) -> bool {
        self.text.is_some()
    }

    /// Has a verb done, and waits for it.
    ///
    /// # Errors
    /// [`VerbError`]
    pub(super) fn does(&mut self, verb: Verb, origin: &Origin) -> Result<Reply, VerbError> {
        match verb {
            Verb::HandOver { part } => self.take_over(&part.0),
            Verb::HandedOver {} => {
                let verb = self.handed_over()?;
                if matches!(verb, Verb::HandOver { .. } | Verb::HandedOver {}) {
                    return Err(VerbError::new(Code::Malformed, "it hands over nothing"));
                }
                self.does(verb, origin)
            }
            Verb::Erase {} => self.erase(),
            Verb::Rekey {} => {
                // Nothing is sealed anew that is damaged; looked at beside the recorder.
                self.reader()?.integrity_check()?;
                self.change(verb, origin)
            }
            verb => self.change(verb, origin),
        }
    }

    fn reader(&mut self) -> Result<&Database, VerbError> {
        let database = match self.reader.take() {
            Some(database) => database,
            None => Database::open_existing(&self.database)?,
        };
        Ok(self.reader.insert(database))
    }

    fn change(&mut self, verb: Verb, origin: &Origin) -> Result<Reply, VerbError> {
        let text = match verb {
            Verb::Import { .. } => self.text.take(),
            _ => None,
        };
        let is_much = text.is_some() || matches!(verb, Verb::Rekey {});
        let turn = Arc::new(AtomicU8::new(WAITING));
        let (answer, answered) = crossbeam_channel::bounded(1);
        let asked = Asked {
            verb,
            origin: origin.clone(),
            text,
            turn: Arc::clone(&turn),
            answer,
        };
        let until = Instant::now() + MAX_TURN_WAIT;
        let busy = || {
            let why = "the daemon did not come to it in ten seconds, and nothing was changed; repeat this, and look at `doorward status` if it stays so";
            VerbError::new(Code::Busy, why)
        };
        let sent = self.recorder.send_deadline(asked, until);
        sent.map_err(|_| busy())?;
        let reply = match answered.recv_deadline(until) {
            Ok(reply) => reply,
            Err(RecvTimeoutError::Disconnected) if take(&turn, GIVEN_UP) => {
                let why = "the daemon stops; try again when it runs";
                return Err(VerbError::new(Code::Stopping, why));
            }
            Err(_) if take(&turn, GIVEN_UP) => return Err(busy()),
            Err(_) => answered.recv_timeout(MAX_DONE_WAIT).map_err(|_| {
                let why = "the daemon does not end this; whether it is done, `doorward events` tells later";
                VerbError::new(Code::Silent, why)
            })?,
        }?;
        if reply.leaves_pictures() {
            self.forget_pictures()?;
        }
        if is_much {
            // The next record would bring all of it from the `-wal` into the database.
            self.reader()?.tidy()?;
        }
        Ok(reply)
    }

    fn forget_pictures(&mut self) -> Result<(), VerbError> {
        let pictures = Pictures::beside(&self.database);
        pictures.forget_the_gone(self.reader()?)?;
        Ok(())
    }

    /// Most of the work is done beside the recorder, and only what is left keeps it waiting.
    fn erase(&mut self) -> Result<Reply, VerbError> {
        self.forget_pictures()?;
        let reader = self.reader()?;
        reader.tidy()?;
        for _ in 0..MAX_ERASE_TRIES {
            if reader.erase_now(ERASE_INTERVAL)? {
                return Ok(Reply::Erased { gone: true });
            }
        }
        Ok(Reply::Erased { gone: false })
    }

    fn take_over(&mut self, part: &[u8]) -> Result<Reply, VerbError> {
        let mut text = match self.text.take() {
            Some(text) => text,
            None => {
                nameless(files::folder(&self.database)).map_err(|error| self.no_room(&error))?
            }
        };
        let long = text.metadata().map_err(|error| self.no_room(&error))?.len();
        if long + part.len() as u64 > MAX_TEXT_BYTES {
            let why = "more was handed over than four GiB; hand over fewer people at once";
            return Err(VerbError::new(Code::Malformed, why));
        }
        text.write_all(part).map_err(|error| self.no_room(&error))?;
        self.text = Some(text);
        Ok(Reply::Noted {})
    }

    fn no_room(&self, error: &io::Error) -> VerbError {
        let folder = files::folder(&self.database).display();
        let why = format!("{folder} cannot hold what is handed over: {error}; free some space");
        VerbError::new(Code::Database, why)
    }

    /// The verb that was handed over in pieces.
    fn handed_over(&mut self) -> Result<Verb, VerbError> {
        let none = || VerbError::new(Code::Malformed, "nothing was handed over");
        let mut text = self.text.take().ok_or_else(none)?;
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        text.rewind()
            .and_then(|()| text.take(MAX_VERB_BYTES).read_to_end(&mut bytes))
            .map_err(|error| self.no_room(&error))?;
        let misread = |error| VerbError::new(Code::Malformed, format!("it is no verb: {error}"));
        serde_json::from_slice(&bytes).map_err(misread)
    }
}

/// A file that is gone when it is closed.
fn nameless(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let mut without = options.clone();
    match without.custom_flags(libc::O_TMPFILE).open(folder) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            static COUNT: AtomicU64 = AtomicU64::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let named = folder.join(format!(".handed-over-{}-{count}", std::process::id()));
            let file = options.create_new(true).open(&named)?;
            std::fs::remove_file(&named)?;
            Ok(file)
        }
        file => file,
    }
}
