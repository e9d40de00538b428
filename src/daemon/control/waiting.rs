//! Requests that were begun, and what becomes of them.

use std::time::Instant;

use crossbeam_channel::{Receiver, TryRecvError};

use super::enrolling::Wanted;
use super::limits::{MAX_OUTCOME_WAIT, MAX_PICTURE_WAIT};
use super::requests::Refused;
use super::server::Server;
use crate::daemon::asks::Answered;
use crate::daemon::fleet;
use crate::ipc::{Answer, Code, Enrolled, ModeOrdered, Reloaded, Unlocked, Word};
use crate::record::{Actor, Event};
use crate::verbs::{Reply, VerbError};

/// A request that waits.
pub(super) struct Waiting {
    pub client: u64,
    /// Of the request.
    pub id: u64,
    /// Nobody waits longer.
    pub until: Instant,
    pub for_what: For,
}

/// What it waits for.
pub(super) enum For {
    /// The recorder, and then what the act needs.
    Recorder(Receiver<Answered>, Then),
    /// What comes of a verb.
    Verb(Receiver<Result<Reply, VerbError>>),
    /// What comes of something about the fleet's list.
    Fleet(Receiver<fleet::Answered>),
    /// What becomes of an unlocking.
    Unlocking { act: u64 },
    /// What becomes of reading the configuration again.
    Reloading { act: u64 },
    /// A picture after this one.
    Picture { seen: u64 },
}

/// What follows when it is on record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Then {
    /// Nothing: what it gave is the answer.
    Answer,
    Unlock,
    Reload,
    Snapshot,
    /// Pictures, until it is ended.
    Live,
    /// Taking somebody's pictures, for whoever asked.
    Enrol(Wanted, Actor),
    /// Nothing: somebody is enrolled. The number is the reply's.
    Enrolled(Enrolled),
}

/// How a request that waits stands.
enum Stands {
    /// It waits on.
    Waits(For),
    /// That is the answer.
    Ends(Word),
    /// It goes on as something else, that sends by itself.
    Streams,
    /// The same, and its end is the request's.
    GoesOn,
}

impl Server<'_> {
    /// Answers what can be answered by now.
    pub(super) fn answers(&mut self, now: Instant) {
        for waiting in std::mem::take(&mut self.waiting) {
            let Waiting {
                client,
                id,
                until,
                for_what,
            } = waiting;
            let was_recorder = matches!(for_what, For::Recorder(..));
            match self.stands(client, id, for_what) {
                Stands::Waits(for_what) if until <= now => {
                    let word = late(&for_what);
                    self.answer(client, id, word);
                }
                Stands::Waits(for_what) => {
                    // The wait for the next step begins anew.
                    let is_next = was_recorder && !matches!(for_what, For::Recorder(..));
                    let until = match for_what {
                        _ if !is_next => until,
                        For::Picture { .. } => now + MAX_PICTURE_WAIT,
                        _ => now + MAX_OUTCOME_WAIT,
                    };
                    self.waiting.push(Waiting {
                        client,
                        id,
                        until,
                        for_what,
                    });
                }
                Stands::Ends(word) => self.answer(client, id, word),
                Stands::GoesOn => {}
                Stands::Streams => self.with(client, |_, client| {
                    client.waiting = client.waiting.saturating_sub(1);
                    Ok(())
                }),
            }
        }
    }

    /// Ends a request that waited.
    pub(super) fn answer(&mut self, client: u64, id: u64, word: Word) {
        self.with(client, |_, client| {
            client.waiting = client.waiting.saturating_sub(1);
            client.say(&Answer::to(id, word))
        });
    }

    fn stands(&mut self, client: u64, id: u64, for_what: For) -> Stands {
        match for_what {
            For::Recorder(answer, then) => match answer.try_recv() {
                Ok(answered) => self.on_record(client, id, answered, then),
                Err(TryRecvError::Empty) => Stands::Waits(For::Recorder(answer, then)),
                Err(TryRecvError::Disconnected) => Stands::Ends(stopping()),
            },
            For::Verb(answer) => match answer.try_recv() {
                Ok(Ok(reply)) => Stands::Ends(Word::ok(&reply)),
                Ok(Err(error)) => Stands::Ends(Word::Error(error.into())),
                Err(TryRecvError::Empty) => Stands::Waits(For::Verb(answer)),
                Err(TryRecvError::Disconnected) => Stands::Ends(stopping()),
            },
            For::Fleet(answer) => match answer.try_recv() {
                Ok(Ok(gave)) => Stands::Ends(Word::Ok(gave)),
                Ok(Err(problem)) => Stands::Ends(Word::Error(problem)),
                Err(TryRecvError::Empty) => Stands::Waits(For::Fleet(answer)),
                Err(TryRecvError::Disconnected) => Stands::Ends(stopping()),
            },
            For::Unlocking { act } => match self.feed.outcome(act) {
                Some(outcome) => Stands::Ends(Word::ok(&Unlocked::of(act, outcome))),
                None => Stands::Waits(For::Unlocking { act }),
            },
            For::Reloading { act } => {
                let mut after = self.feed.events_after(act);
                let reloaded = after.find_map(|(_, event)| match event {
                    Event::ConfigReloaded { restart_for, .. } => Some(Reloaded {
                        event: act,
                        reloaded: true,
                        restart_for: restart_for.clone(),
                        message: None,
                    }),
                    Event::ConfigRejected { message, .. } => Some(Reloaded {
                        event: act,
                        reloaded: false,
                        restart_for: Vec::new(),
                        message: Some(message.clone()),
                    }),
                    _ => None,
                });
                match reloaded {
                    Some(reloaded) => Stands::Ends(Word::ok(&reloaded)),
                    None => Stands::Waits(For::Reloading { act }),
                }
            }
            For::Picture { seen } => match self.given.viewfinder.last() {
                Some(sighting) if sighting.number > seen => {
                    Stands::Ends(Word::ok(&self.memory.frame(&sighting, true)))
                }
                Some(_) | None => {
                    self.given.viewfinder.ask();
                    Stands::Waits(For::Picture { seen })
                }
            },
        }
    }

    fn on_record(&mut self, client: u64, id: u64, answered: Answered, then: Then) -> Stands {
        match (answered, then) {
            (Answered::NotOnRecord(why), _) => {
                let why = format!("it cannot be put on record, so it is not done: {why}");
                Stands::Ends(Word::error(Code::NotOnRecord, why))
            }
            (Answered::Mode(act), _) => Stands::Ends(Word::ok(&ModeOrdered {
                event: act.record,
                mode: act.mode,
                until_ms: act.until_ms,
            })),
            (Answered::OnRecord(act), Then::Unlock) => {
                self.stands(client, id, For::Unlocking { act })
            }
            (Answered::OnRecord(act), Then::Reload) => {
                self.given.poke.reload();
                Stands::Waits(For::Reloading { act })
            }
            (Answered::OnRecord(_), Then::Snapshot) => {
                let seen = self.seen();
                self.given.viewfinder.ask();
                Stands::Waits(For::Picture { seen })
            }
            (Answered::OnRecord(_), Then::Live) => {
                self.begin_live(client, id, true);
                Stands::Streams
            }
            (Answered::OnRecord(_), Then::Enrol(wanted, actor)) => {
                match self.enrol((client, actor), id, wanted) {
                    Ok(()) => Stands::GoesOn,
                    Err(Refused(code, why)) => Stands::Ends(Word::error(code, why)),
                }
            }
            (Answered::Reply(reply), then) => Stands::Ends(match (*reply, then) {
                (Ok(Reply::Enrolled { person, name }), Then::Enrolled(enrolled)) => {
                    Word::ok(&Enrolled {
                        person_id: person,
                        name,
                        ..enrolled
                    })
                }
                (Err(error), _) => {
                    Word::error(Code::Refused, format!("nobody was enrolled: {error}"))
                }
                (Ok(_), _) => stopping(),
            }),
            (Answered::OnRecord(_), Then::Answer | Then::Enrolled(_)) => Stands::Ends(stopping()),
        }
    }

    /// The picture that was shown last.
    pub(super) fn seen(&self) -> u64 {
        let last = self.given.viewfinder.last();
        last.map_or(0, |sighting| sighting.number)
    }
}

fn late(for_what: &For) -> Word {
    match for_what {
        For::Recorder(..) | For::Verb(_) | For::Fleet(_) => Word::error(
            Code::NoAnswer,
            "the daemon did not come to it in time; `doorward events` shows whether it still did",
        ),
        For::Unlocking { act } => Word::ok(&Unlocked::nothing(*act)),
        For::Reloading { act } => Word::error(
            Code::NoAnswer,
            format!(
                "the configuration was not read yet (event {act}); `doorward events` shows when it is"
            ),
        ),
        For::Picture { .. } => Word::error(
            Code::NoPicture,
            "the camera gives no picture now; `doorward status` says how it is",
        ),
    }
}

/// The daemon ends.
pub(super) fn stopping() -> Word {
    Word::error(Code::Stopping, "the daemon stops; try again when it runs")
}
