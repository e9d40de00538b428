//! The edge around an [`Outbox`]: a thread that hears the daemon, one that tells the receiver, and
//! the loop between them, which waits for neither.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as Incoming, RecvTimeoutError, Sender, bounded};

use super::cursor::{Cursor, CursorFile};
use super::outbox::{Effect, Input, Notice, Outbox};
use super::outgoing::Outgoing;
use crate::ipc::{Ask, Client, ClientError, Code, State, Word};
use crate::shown::counted;

/// Words of the daemon and of the receiver that wait for the loop.
const MAX_HEARD_COUNT: usize = 32;
/// How often it is looked whether a connection is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How often a receiver gets a turn without an event, and the loop looks around.
const TURN_INTERVAL: Duration = Duration::from_secs(1);

/// Why a receiver did not take an event; it is told again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotTaken(pub String);

/// Whoever is told what happens. A thread of its own calls it, one call after the other.
pub(super) trait Receiver: Send + 'static {
    /// Tells one event, within a bounded time.
    fn deliver(&mut self, event: &Outgoing) -> Result<(), NotTaken>;
    /// How things are at the door now; nothing while the daemon does not answer.
    fn now(&mut self, state: Option<&State>);
    /// Time went by.
    fn turn(&mut self) {}
    /// It is the end.
    fn end(&mut self) {}
}

/// One receiver's feed.
pub(super) struct Feed {
    /// Of the daemon, whose socket is found by it.
    pub config: PathBuf,
    /// What the receiver is called.
    pub name: String,
    pub file: CursorFile,
    /// What was told last.
    pub told: Option<Cursor>,
    pub stop: Arc<AtomicBool>,
}

enum Heard {
    /// The daemon, on the connection of this number.
    Said(u64, Word),
    Gone(u64, String),
    Told(Result<(), NotTaken>),
    Shown,
}

enum Work {
    Tell(Box<Outgoing>),
    Show(Option<Box<State>>),
}

struct Connection {
    number: u64,
    unwanted: Arc<AtomicBool>,
}

/// The loop's own.
struct Loop {
    feed: Feed,
    outbox: Outbox,
    began: Instant,
    heard: Sender<Heard>,
    work: Sender<Work>,
    connection: Connection,
    /// What waits for the receiver, which has one thing in hand at a time.
    is_busy: bool,
    show: Option<Option<Box<State>>>,
    tell: Option<Box<Outgoing>>,
    /// Whether the last delivery failed, and why the daemon was not reached.
    failed: bool,
    why: String,
}

impl Feed {
    /// Until `stop` says so; returns when the receiver has ended too.
    pub(super) fn run(self, receiver: impl Receiver) {
        let (heard, hears) = bounded(MAX_HEARD_COUNT);
        let (work, works) = bounded(1);
        let said = heard.clone();
        let worker = thread::Builder::new().name("receiver".into());
        let worker = worker.spawn(move || serve(receiver, &works, &said));
        let worker = match worker {
            Ok(worker) => worker,
            Err(error) => return log::error!("{}: no thread for it: {error}", self.name),
        };
        let began = Instant::now();
        let outbox = Outbox::new(self.told.clone(), Duration::ZERO);
        let mut the_loop = Loop {
            feed: self,
            outbox,
            began,
            heard,
            work,
            connection: Connection {
                number: 0,
                unwanted: Arc::default(),
            },
            is_busy: false,
            show: None,
            tell: None,
            failed: false,
            why: "nothing guards the door".into(),
        };
        the_loop.run(&hears);
        // The worker ends with its channel, and what it still says goes nowhere.
        drop(the_loop);
        drop(hears);
        let _ = worker.join();
    }
}

/// The receiver's thread.
fn serve(mut receiver: impl Receiver, works: &Incoming<Work>, said: &Sender<Heard>) {
    loop {
        let heard = match works.recv_timeout(TURN_INTERVAL) {
            Ok(Work::Tell(event)) => Heard::Told(receiver.deliver(&event)),
            Ok(Work::Show(state)) => {
                receiver.now(state.as_deref());
                Heard::Shown
            }
            Err(RecvTimeoutError::Timeout) => {
                receiver.turn();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return receiver.end(),
        };
        if said.send(heard).is_err() {
            return receiver.end();
        }
        receiver.turn();
    }
}

impl Loop {
    fn run(&mut self, hears: &Incoming<Heard>) {
        self.step(Input::Tick);
        while !self.feed.stop.load(Ordering::Acquire) {
            let now = self.began.elapsed();
            let patience = match self.outbox.next_at() {
                Some(at) => at.saturating_sub(now).min(TURN_INTERVAL),
                None => TURN_INTERVAL,
            };
            match hears.recv_timeout(patience) {
                Ok(heard) => self.hear(heard),
                Err(_) => self.step(Input::Tick),
            }
            self.hand_over();
        }
        self.connection.unwanted.store(true, Ordering::Release);
        self.step(Input::End);
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Said(number, word) if number == self.connection.number => self.daemon_said(word),
            Heard::Gone(number, why) if number == self.connection.number => {
                self.why = why;
                self.step(Input::Gone);
            }
            Heard::Said(..) | Heard::Gone(..) => {}
            Heard::Shown => self.is_busy = false,
            Heard::Told(Ok(())) => {
                self.is_busy = false;
                if std::mem::take(&mut self.failed) {
                    log::info!("{}: events are taken again", self.feed.name);
                }
                self.step(Input::Taken);
            }
            Heard::Told(Err(why)) => {
                self.is_busy = false;
                if !std::mem::replace(&mut self.failed, true) {
                    let name = &self.feed.name;
                    log::warn!("{name}: events wait, none is lost: {why}; tried again");
                }
                self.step(Input::NotTaken);
            }
        }
    }

    fn daemon_said(&mut self, word: Word) {
        match word {
            Word::State(state) => {
                let head = Cursor {
                    number: state.record.id,
                    hash: state.record.hash.clone(),
                };
                self.step(Input::Answers(head));
                self.show = Some(Some(state));
            }
            Word::Event(json) => match Outgoing::read(json) {
                Some(event) => self.step(Input::Record(Box::new(event))),
                None => log::error!(
                    "{}: the daemon sent what is no record; doorward and its bridge are of two versions: restart both",
                    self.feed.name
                ),
            },
            Word::Error(problem) if problem.code == Code::NoSuchRecord => {
                self.step(Input::NoSuchRecord);
            }
            Word::Error(problem) => {
                self.why = problem.message;
                self.step(Input::Gone);
            }
            _ => {}
        }
    }

    fn step(&mut self, input: Input) {
        let effects = self.outbox.step(self.began.elapsed(), input);
        for effect in effects {
            match effect {
                Effect::Connect(since) => self.connect(since),
                Effect::HangUp => {
                    self.connection.unwanted.store(true, Ordering::Release);
                    self.connection.number += 1;
                }
                Effect::Deliver(event) => self.tell = Some(event),
                Effect::Keep(cursor) => {
                    if let Err(error) = self.feed.file.write(&cursor) {
                        log::error!("{error}");
                    }
                }
                Effect::Say(notice) => self.say(notice),
            }
        }
        self.hand_over();
    }

    /// One thing at a time: how things are goes first, because it is short.
    fn hand_over(&mut self) {
        if self.is_busy {
            return;
        }
        let next = match self.show.take() {
            Some(state) => Some(Work::Show(state)),
            None => self.tell.take().map(Work::Tell),
        };
        if let Some(next) = next {
            self.is_busy = self.work.send(next).is_ok();
        }
    }

    fn say(&mut self, notice: Notice) {
        let (name, why) = (&self.feed.name, &self.why);
        match notice {
            Notice::DaemonGone => {
                log::error!("{name}: the daemon does not answer: {why}");
                self.show = Some(None);
            }
            Notice::DaemonBack => log::info!("{name}: the daemon answers again"),
            Notice::AnotherRecord => log::error!(
                "{name}: the record is another than before; what it holds is told from its beginning"
            ),
            Notice::Missed { first, last } => log::error!(
                "{name}: {}, {first} to {last}, were deleted before they could be told: audit.keep_days is too short for how long the receiver was away",
                counted(last - first + 1, "record", "records")
            ),
        }
    }

    fn connect(&mut self, since: Option<u64>) {
        self.connection.unwanted.store(true, Ordering::Release);
        self.connection = Connection {
            number: self.connection.number + 1,
            unwanted: Arc::default(),
        };
        let (number, unwanted) = (
            self.connection.number,
            Arc::clone(&self.connection.unwanted),
        );
        let (config, heard) = (self.feed.config.clone(), self.heard.clone());
        let thread = thread::Builder::new().name("daemon".into());
        let spawned = thread.spawn(move || {
            let why = match listen(&config, since, number, &unwanted, &heard) {
                Ok(()) => return,
                Err(error) => error,
            };
            let _ = heard.send(Heard::Gone(number, why));
        });
        if let Err(error) = spawned {
            self.why = error.to_string();
            self.step(Input::Gone);
        }
    }
}

/// Hears the daemon until the connection is not wanted any more.
fn listen(
    config: &std::path::Path,
    since: Option<u64>,
    number: u64,
    unwanted: &AtomicBool,
    heard: &Sender<Heard>,
) -> Result<(), String> {
    let said = |error: ClientError| error.to_string();
    let Some(mut client) = Client::connect(config).map_err(said)? else {
        return Err("nothing guards the door: `systemctl status doorward`".into());
    };
    if client.hello().role.is_none() {
        return Err(format!(
            "this user has no role: write `groups = [\"doorward-bridge\"]` under [viewer] in {}, and `systemctl reload doorward`",
            crate::ipc::roles_path(config).display()
        ));
    }
    client.begin(Ask::Watch { since }).map_err(said)?;
    while !unwanted.load(Ordering::Acquire) {
        let Some(answer) = client.next(Some(LOOK_INTERVAL)).map_err(said)? else {
            continue;
        };
        if heard.send(Heard::Said(number, answer.word)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
