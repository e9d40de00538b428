//! Where clients of the control socket have verbs done: looks by a thread that reads, changes
//! by one that asks the recorder and does beside it what need not be between two records. The
//! thread of the socket waits for neither, and the recorder for nobody.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::bell::Bell;
use super::looks;
use super::verb_line::{Asked, Line};
use crate::database::Database;
use crate::record::Origin;
use crate::verbs::{Code, Reply, Verb, VerbError};

/// Verbs that may wait for each of the two threads.
const MAX_WAITING: usize = 16;
/// Clients of which something is kept that was handed over.
const MAX_LINES: usize = 8;

/// What a thread does next.
enum Job {
    Verb {
        client: u64,
        origin: Origin,
        verb: Box<Verb>,
        answer: Sender<Result<Reply, VerbError>>,
    },
    /// A client is gone, or all of them, and what they handed over.
    Gone(Option<u64>),
}

/// The socket's end.
#[derive(Debug, Clone)]
pub(crate) struct VerbDesk {
    looks: Sender<Job>,
    changes: Sender<Job>,
}

impl VerbDesk {
    /// Starts the threads; they end with the last of these.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start(
        database: PathBuf,
        recorder: Sender<Asked>,
        bell: Bell,
    ) -> io::Result<Self> {
        let (looks, to_look) = bounded(MAX_WAITING);
        let (changes, to_change) = bounded(MAX_WAITING);
        let (place, rung) = (database.clone(), bell.clone());
        let reader = Builder::new().name("looks".into());
        reader.spawn(move || serve_looks(&place, &to_look, &rung))?;
        let line = move || Line::new(database.clone(), recorder.clone());
        let changer = Builder::new().name("verbs".into());
        changer.spawn(move || serve_changes(&line, &to_change, &bell))?;
        Ok(Self { looks, changes })
    }

    /// Where nothing is done.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_nobody() -> Self {
        let nobody = bounded(0).0;
        Self {
            looks: nobody.clone(),
            changes: nobody,
        }
    }

    /// Has a verb done for a client, whose number is never another's; nothing if too many wait.
    pub(crate) fn ask(
        &self,
        client: u64,
        origin: Origin,
        verb: Verb,
    ) -> Option<Receiver<Result<Reply, VerbError>>> {
        let (answer, answered) = bounded(1);
        let to = match verb.is_look() {
            true => &self.looks,
            false => &self.changes,
        };
        let verb = Box::new(verb);
        let job = Job::Verb {
            client,
            origin,
            verb,
            answer,
        };
        to.try_send(job).ok().map(|()| answered)
    }

    /// A client is gone, or all of them are.
    pub(crate) fn gone(&self, client: Option<u64>) {
        // Where too much waits it goes when another hands something over.
        let _ = self.changes.try_send(Job::Gone(client));
    }
}

fn serve_looks(database: &std::path::Path, jobs: &Receiver<Job>, bell: &Bell) {
    let mut reader: Option<Database> = None;
    for job in jobs {
        let Job::Verb { verb, answer, .. } = job else {
            continue;
        };
        let looked = match reader.take() {
            Some(reader) => Ok(reader),
            None => Database::open_existing(database),
        };
        let reply = match looked {
            Ok(opened) => looks::look(reader.insert(opened), &verb),
            Err(error) => Err(error.into()),
        };
        if reply.as_ref().is_err_and(VerbError::is_failure) {
            reader = None;
        }
        let _ = answer.try_send(reply);
        bell.ring();
    }
}

fn serve_changes(line: &dyn Fn() -> Line, jobs: &Receiver<Job>, bell: &Bell) {
    let mut lines: BTreeMap<u64, Line> = BTreeMap::new();
    for job in jobs {
        let (client, origin, verb, answer) = match job {
            Job::Gone(client) => {
                lines.retain(|line, _| client.is_some_and(|client| client != *line));
                continue;
            }
            Job::Verb {
                client,
                origin,
                verb,
                answer,
            } => (client, origin, verb, answer),
        };
        let mut own = lines.remove(&client).unwrap_or_else(line);
        let reply = match &*verb {
            Verb::HandOver { .. } if lines.len() >= MAX_LINES => {
                // The oldest client's; if it is there still, its verb says that nothing was.
                lines.pop_first();
                own.does(*verb, &origin)
            }
            _ => own.does(*verb, &origin),
        };
        if own.holds_something() {
            lines.insert(client, own);
        }
        let _ = answer.try_send(reply);
        bell.ring();
    }
}

impl From<VerbError> for crate::ipc::Problem {
    fn from(error: VerbError) -> Self {
        use crate::ipc::Code as Said;
        let code = match error.code {
            Code::Unknown => Said::Unknown,
            Code::Refused => Said::Refused,
            Code::Malformed => Said::NotUnderstood,
            Code::Database => Said::NotOnRecord,
            Code::Bent => Said::AnotherDatabase,
            Code::Busy => Said::Busy,
            Code::Silent => Said::NoAnswer,
            Code::Stopping => Said::Stopping,
        };
        Self {
            code,
            message: error.message,
        }
    }
}

/// As the one who asked hears it.
impl From<crate::ipc::Problem> for VerbError {
    fn from(problem: crate::ipc::Problem) -> Self {
        use crate::ipc::Code as Said;
        let code = match problem.code {
            Said::Unknown => Code::Unknown,
            Said::NotUnderstood => Code::Malformed,
            Said::NotOnRecord => Code::Database,
            Said::AnotherDatabase => Code::Bent,
            Said::Busy => Code::Busy,
            Said::NoAnswer => Code::Silent,
            Said::Stopping => Code::Stopping,
            _ => Code::Refused,
        };
        Self {
            code,
            message: problem.message,
        }
    }
}
