//! What the recorder does for somebody at the control socket: it is the only thread that
//! writes. What happens at the door comes before all of it.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, select};

use super::bell::Bell;
use super::poke::Poke;
use super::record_queue::Queued;
use super::recorder::{Recorder, tell};
use super::verb_line;
use crate::acts::{self, ModeAct};
use crate::clock;
use crate::config;
use crate::record::{
    ControlAct, ControlAsked, DoorMode, Event, Origin, RecordError, Stamp, append_within,
};
use crate::verbs::{self, Given, Reply, Verb, VerbError};

/// Acts that may wait for the recorder. They have a queue of their own, so that they take no
/// place from what happens at the door.
const MAX_WAITING_ACTS: usize = 8;
/// Verbs that may. They are asked one at a time.
const MAX_WAITING_VERBS: usize = 2;

/// An act, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub origin: Origin,
    pub act: Act,
    /// Holds one; nobody waits here for whoever asked.
    pub answer: Sender<Answered>,
}

/// What is to be written.
#[derive(Debug)]
pub(crate) enum Act {
    Mode {
        mode: DoorMode,
        until_ms: Option<i64>,
        purpose: Option<String>,
    },
    /// The end of a mode that unlocks; a lockdown stays.
    Lock {
        purpose: Option<String>,
    },
    Unlock {
        purpose: Option<String>,
    },
    /// That it was asked for.
    Note(ControlAct),
    /// A verb that puts somebody on the whitelist.
    Enrol(Box<Verb>),
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Answered {
    /// It is on record, by this number.
    OnRecord(u64),
    Mode(ModeAct),
    /// What a verb gave.
    Reply(Box<Result<Reply, VerbError>>),
    /// It is not on record, and nothing was changed.
    NotOnRecord(String),
}

/// The asking end.
#[derive(Debug, Clone)]
pub(crate) struct ToRecorder(Sender<Asked>);

impl ToRecorder {
    /// False if the recorder has too much to do.
    pub(crate) fn ask(&self, asked: Asked) -> bool {
        match self.0.try_send(asked) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

/// The recorder's end.
#[derive(Debug)]
pub(crate) struct Asks {
    incoming: Receiver<Asked>,
    verbs: Receiver<verb_line::Asked>,
    to_verbs: Sender<verb_line::Asked>,
    /// So that the channel lasts as long as the recorder.
    _open: Sender<Asked>,
    bell: Bell,
    poke: Poke,
    /// What is asked of people who are listed.
    pub(super) whitelist: config::Whitelist,
}

impl Asks {
    /// Both ends.
    pub(crate) fn channel(
        bell: Bell,
        poke: Poke,
        whitelist: config::Whitelist,
    ) -> (ToRecorder, Self) {
        let (sender, incoming) = bounded(MAX_WAITING_ACTS);
        let (to_verbs, verbs) = bounded(MAX_WAITING_VERBS);
        let asks = Self {
            incoming,
            verbs,
            to_verbs,
            _open: sender.clone(),
            bell,
            poke,
            whitelist,
        };
        (ToRecorder(sender), asks)
    }

    /// For a recorder without a control socket.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self::channel(Bell::default(), Poke::of_this_thread(), Default::default()).1
    }

    /// What was asked, for a recorder that does nothing.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn take(&self) -> Option<Asked> {
        self.incoming.try_recv().ok()
    }

    /// Where verbs come from.
    pub(super) fn for_verbs(&self) -> Sender<verb_line::Asked> {
        self.to_verbs.clone()
    }

    /// A record was written.
    pub(super) fn written(&self) {
        self.bell.ring();
    }
}

/// What the recorder hears.
// It is taken apart where it is given, and kept nowhere.
#[allow(clippy::large_enum_variant)]
pub(super) enum Heard {
    Note(Queued),
    Asked(Asked),
    Verb(verb_line::Asked),
}

impl Recorder {
    /// What is to be done next: for the door first.
    pub(super) fn hear(&self, patience: Duration) -> Result<Heard, RecvTimeoutError> {
        if let Ok(note) = self.incoming.try_recv() {
            return Ok(Heard::Note(note));
        }
        select! {
            recv(self.incoming) -> note => match note {
                Ok(note) => Ok(Heard::Note(note)),
                Err(_) => Err(RecvTimeoutError::Disconnected),
            },
            recv(self.asks.incoming) -> asked => match asked {
                Ok(asked) => Ok(Heard::Asked(asked)),
                Err(_) => Err(RecvTimeoutError::Disconnected),
            },
            recv(self.asks.verbs) -> asked => match asked {
                Ok(asked) => Ok(Heard::Verb(asked)),
                Err(_) => Err(RecvTimeoutError::Disconnected),
            },
            default(patience) => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Writes an act down, has the main thread see it, and answers.
    pub(super) fn act(&mut self, asked: Asked) {
        let Asked {
            origin,
            act,
            answer,
        } = asked;
        let answered = match act {
            Act::Enrol(verb) => Answered::Reply(Box::new(self.enrol(&origin, *verb))),
            act => self.done(&origin, act).unwrap_or_else(|error| {
                self.notice(&error);
                log::error!("an act cannot be put on record, so it is not done: {error}");
                Answered::NotOnRecord(error.to_string())
            }),
        };
        // Somebody who does not wait any more is not the recorder's business.
        let _ = answer.try_send(answered);
        self.asks.bell.ring();
    }

    /// Puts somebody on the whitelist.
    fn enrol(&mut self, origin: &Origin, verb: Verb) -> Result<Reply, VerbError> {
        let given = Given {
            require_consent: self.asks.whitelist.require_consent,
            ..Given::by(origin)
        };
        let done = self
            .log
            .lend(|database| verbs::execute(database, given, verb));
        if done.is_err()
            && let Err(error) = self.log.look()
        {
            self.notice(&error);
        }
        self.asks.written();
        self.asks.poke.changed();
        done
    }

    fn done(&mut self, origin: &Origin, act: Act) -> Result<Answered, RecordError> {
        let stamp = Stamp::now();
        let mut done = None;
        self.log.append_with(&stamp, None, |connection, fail, _| {
            done = Some(match act {
                Act::Lock { purpose } => {
                    let synchronised = clock::is_synchronised;
                    match acts::lockdown_within(connection, fail, synchronised)? {
                        Some(lockdown) => (Answered::Mode(lockdown), None),
                        None => {
                            let normal = (DoorMode::Normal, None);
                            let set = stamp.clone();
                            let (act, event) = acts::set_mode_within(
                                connection, fail, set, normal, purpose, origin,
                            )?;
                            let id = act.record;
                            (Answered::Mode(act), Some((id, event)))
                        }
                    }
                }
                Act::Mode {
                    mode,
                    until_ms,
                    purpose,
                } => {
                    let (wanted, set) = ((mode, until_ms), stamp.clone());
                    let (act, event) =
                        acts::set_mode_within(connection, fail, set, wanted, purpose, origin)?;
                    let id = act.record;
                    (Answered::Mode(act), Some((id, event)))
                }
                Act::Unlock { purpose } => {
                    let (id, event) =
                        acts::ask_unlock_within(connection, fail, &stamp, purpose, origin)?;
                    (Answered::OnRecord(id), Some((id, event)))
                }
                Act::Note(act) => {
                    let actor = origin.actor.clone();
                    let event = Event::ControlAsked(ControlAsked { act, actor });
                    let door = &origin.door;
                    let head = append_within(connection, fail, &stamp, door, &event)?;
                    (Answered::OnRecord(head.id), Some((head.id, event)))
                }
                // Done elsewhere.
                Act::Enrol(_) => return Ok(()),
            });
            Ok(())
        })?;
        let Some((answered, event)) = done else {
            return Ok(Answered::NotOnRecord("nothing was written".into()));
        };
        if let Some((id, event)) = event {
            tell(id, &event);
            self.asks.poke.changed();
        }
        Ok(answered)
    }
}
