//! What is asked, by whom, and what follows at once.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::connection::{Connection, Gone, Watch};
use super::enrolling::Wanted;
use super::limits::{MAX_RECORD_WAIT, MAX_VERB_WAIT, MAX_WAITING_REQUESTS};
use super::server::Server;
use super::waiting::{For, Then, Waiting};
use crate::daemon::asks::{Act, Asked};
use crate::daemon::fleet;
use crate::ipc::{Answer, Ask, Code, MAX_REASON_CHARS, Nonsense, Request, Role, Word};
use crate::record::{
    Actor, ControlAct, ControlRefusal, ControlRefused, DoorMode, Event, Origin, Stamp,
};
use crate::verbs::Verb;

/// Lines of one client that are dealt with in a turn.
const MAX_LINES_A_TURN: usize = 8;

/// Why a request is not begun.
pub(super) struct Refused(pub Code, pub String);

impl Server<'_> {
    /// Begins what was asked for, of each client some.
    pub(super) fn requests(&mut self, now: Instant) {
        let numbers: Vec<u64> = self.clients.iter().map(|client| client.number).collect();
        for number in numbers {
            self.with(number, |server, client| {
                for _ in 0..MAX_LINES_A_TURN {
                    let Some(line) = client.line(now) else { break };
                    server.request(client, &line, now)?;
                }
                Ok(())
            });
        }
    }

    fn request(&mut self, client: &mut Connection, line: &[u8], now: Instant) -> Result<(), Gone> {
        let Request { id, account, ask } = match Request::parse(line) {
            Ok(request) => request,
            Err(Nonsense { id, what }) => {
                let word = Word::error(Code::NotUnderstood, what);
                return client.say(&Answer { id, word });
            }
        };
        client.who.account = account;
        let act = act_of(&ask);
        let role = self.role_of(&client.who);
        if !ask.is_for(role) {
            self.note_refusal(client, act, ControlRefusal::Role, now);
            let message = not_allowed(client, role, act, ask.needs());
            let word = Word::error(Code::NotAllowed, message);
            return client.say(&Answer::to(id, word));
        }
        match self.begin(client, id, ask, now) {
            Ok(Some(word)) => client.say(&Answer::to(id, word)),
            Ok(None) => Ok(()),
            Err(Refused(code, message)) => {
                match code {
                    Code::TooMany => self.note_refusal(client, act, ControlRefusal::TooMany, now),
                    Code::NotAllowed => self.note_refusal(client, act, ControlRefusal::Role, now),
                    _ => {}
                }
                client.say(&Answer::to(id, Word::error(code, message)))
            }
        }
    }

    /// Puts a refusal on record, unless there were enough of them.
    fn note_refusal(
        &mut self,
        client: &Connection,
        act: ControlAct,
        reason: ControlRefusal,
        now: Instant,
    ) {
        let uid = client.who.peer.uid;
        let Some(left_out) = self.refusals.take(uid, act, reason, now) else {
            return;
        };
        let actor = client.who.actor();
        self.given
            .queue
            .happened(Event::ControlRefused(ControlRefused {
                reason,
                act,
                actor,
                left_out,
            }));
    }

    /// Gives the answer, or nothing if that comes later.
    fn begin(
        &mut self,
        client: &mut Connection,
        id: u64,
        ask: Ask,
        now: Instant,
    ) -> Result<Option<Word>, Refused> {
        let (act, then) = match ask {
            Ask::Status {} => return Ok(Some(Word::ok(&self.state()))),
            Ask::Counts {} => return Ok(Some(Word::ok(&self.given.viewfinder.tally.counts()))),
            Ask::Watch { since } => return self.begin_watch(client, id, since).map(|()| None),
            Ask::Live { pictures: false } => {
                return self.look_through(client, id, false).map(|()| None);
            }
            Ask::Stop { of } => return self.stop(client, id, of).map(Some),
            Ask::Unlock { reason } => {
                let purpose = purpose(reason)?;
                (Act::Unlock { purpose }, Then::Unlock)
            }
            Ask::Lock { reason } => {
                let purpose = purpose(reason)?;
                (Act::Lock { purpose }, Then::Answer)
            }
            Ask::Hold { until_ms, reason } => {
                let act = mode(DoorMode::Hold, Some(until_ms), reason)?;
                (act, Then::Answer)
            }
            Ask::Mode {
                mode: wanted,
                until_ms,
                reason,
            } => (mode(wanted, until_ms, reason)?, Then::Answer),
            Ask::Reload {} => (Act::Note(ControlAct::Reload), Then::Reload),
            Ask::Snapshot {} => (Act::Note(ControlAct::Snapshot), Then::Snapshot),
            Ask::Live { pictures: true } => {
                is_free(client)?;
                (Act::Note(ControlAct::Live), Then::Live)
            }
            Ask::Explain { person, at_ms } => {
                return Ok(Some(super::explain::explain(self.given, &person, at_ms)));
            }
            Ask::Enrol(asked) => self.wanted(client, Wanted::ByCamera(asked))?,
            Ask::EnrolPhotos(asked) => self.wanted(client, Wanted::ByPhotos(asked))?,
            Ask::Photo { name, picture } => return client.keep_photo(name, &picture).map(Some),
            Ask::FleetAsk {} => return self.begin_fleet(client, id, fleet::Asked::Errand),
            Ask::FleetStatus {} => return self.begin_fleet(client, id, fleet::Asked::Status),
            Ask::FleetMissed { errand, why } => {
                return self.begin_fleet(client, id, fleet::Asked::Missed { errand, why });
            }
            Ask::FleetTake {
                errand,
                piece,
                ends,
            } => {
                let piece = STANDARD.decode(piece);
                let misread = |_| Refused(Code::NotUnderstood, "the piece is no Base64".into());
                let asked = fleet::Asked::Piece {
                    errand,
                    piece: piece.map_err(misread)?,
                    ends,
                };
                return self.begin_fleet(client, id, asked);
            }
            Ask::People { verb } => return self.begin_verb(client, id, verb).map(|()| None),
        };
        if !self.acts.take(client.who.peer.uid, now) {
            return Err(too_many(
                "this user asked for too many acts in a short time",
            ));
        }
        let until = now + MAX_RECORD_WAIT;
        self.ask_recorder(client, id, act, then, until)
            .map(|()| None)
    }

    /// What enrolling somebody begins with.
    fn wanted(&self, client: &Connection, wanted: Wanted) -> Result<(Act, Then), Refused> {
        self.may_enrol(&wanted, client.photos.len())?;
        let then = Then::Enrol(wanted, client.who.actor());
        Ok((Act::Note(ControlAct::Enrol), then))
    }

    /// Has a verb done, without waiting for it.
    fn begin_verb(
        &mut self,
        client: &mut Connection,
        id: u64,
        verb: serde_json::Value,
    ) -> Result<(), Refused> {
        let misread = |error| Refused(Code::NotUnderstood, format!("it is no verb: {error}"));
        let verb: Verb = serde_json::from_value(verb).map_err(misread)?;
        let needs = match verb.is_look() {
            true => Role::Operator,
            false => Role::Administrator,
        };
        let role = self.role_of(&client.who);
        if role < Some(needs) {
            let message = not_allowed(client, role, ControlAct::People, needs);
            return Err(Refused(Code::NotAllowed, message));
        }
        if client.waiting >= MAX_WAITING_REQUESTS {
            let message = "too many requests of this client wait; try again in a moment";
            return Err(Refused(Code::TooMany, message.into()));
        }
        let origin = Origin {
            door: self.given.door.clone(),
            actor: client.who.actor(),
        };
        let asked = self.given.verbs.ask(client.number, origin, verb);
        let answered = asked.ok_or_else(|| {
            let message = "the daemon has too much to do for others; try again in a moment";
            Refused(Code::NoAnswer, message.into())
        })?;
        client.waiting += 1;
        let until = Instant::now() + MAX_VERB_WAIT;
        self.waiting.push(Waiting {
            client: client.number,
            id,
            until,
            for_what: For::Verb(answered),
        });
        Ok(())
    }

    /// Has something done about the fleet's list, without waiting for it.
    fn begin_fleet(
        &mut self,
        client: &mut Connection,
        id: u64,
        asked: fleet::Asked,
    ) -> Result<Option<Word>, Refused> {
        if client.waiting >= MAX_WAITING_REQUESTS {
            return Err(too_many("too many requests of this client wait"));
        }
        let answered = self.given.fleet.ask(asked);
        let answered = answered.map_err(|problem| Refused(problem.code, problem.message))?;
        client.waiting += 1;
        self.waiting.push(Waiting {
            client: client.number,
            id,
            until: Instant::now() + MAX_VERB_WAIT,
            for_what: For::Fleet(answered),
        });
        Ok(None)
    }

    /// Hands an act to the recorder, without waiting for it.
    fn ask_recorder(
        &mut self,
        client: &mut Connection,
        id: u64,
        act: Act,
        then: Then,
        until: Instant,
    ) -> Result<(), Refused> {
        if client.waiting >= MAX_WAITING_REQUESTS {
            return Err(too_many("too many requests of this client wait"));
        }
        self.hand(client.number, client.who.actor(), id, (act, then), until)?;
        client.waiting += 1;
        Ok(())
    }

    /// The same for a request that waits already.
    ///
    /// # Errors
    /// [`Refused`]
    pub(super) fn hand(
        &mut self,
        client: u64,
        actor: Actor,
        id: u64,
        (act, then): (Act, Then),
        until: Instant,
    ) -> Result<(), Refused> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        let door = self.given.door.clone();
        let asked = Asked {
            origin: Origin { door, actor },
            act,
            answer,
        };
        if !self.given.recorder.ask(asked) {
            let message = "the daemon has too much to write down; try again in a moment";
            return Err(Refused(Code::NoAnswer, message.into()));
        }
        self.waiting.push(Waiting {
            client,
            id,
            until,
            for_what: For::Recorder(answered, then),
        });
        Ok(())
    }

    fn begin_watch(
        &mut self,
        client: &mut Connection,
        id: u64,
        since: Option<u64>,
    ) -> Result<(), Refused> {
        if client.watch.is_some() {
            let message = "this connection watches already; `stop` ends that";
            return Err(Refused(Code::Busy, message.into()));
        }
        let newest = self.feed.head().id;
        if let Some(since) = since.filter(|since| *since > newest) {
            let message = format!(
                "there is no record {since}, the newest is {newest}: the database is another than before; watch without \"since\""
            );
            return Err(Refused(Code::NoSuchRecord, message));
        }
        client.watch = Some(Watch {
            id,
            after: since.unwrap_or(newest),
            told: None,
        });
        Ok(())
    }

    /// Ends what a request of the connection began.
    fn stop(&mut self, client: &mut Connection, id: u64, of: u64) -> Result<Word, Refused> {
        let stopped = client.watch.take_if(|watch| watch.id == of).is_some()
            || client.live.take_if(|live| live.id == of).is_some()
            || self.end_enrolment(client, of);
        if !stopped {
            let message = format!("request {of} of this connection began nothing that goes on");
            return Err(Refused(Code::Refused, message));
        }
        let ended = Word::error(Code::Stopped, format!("ended by request {id}"));
        // What is too much for the client shows in a moment.
        let _ = client.say(&Answer::to(of, ended));
        Ok(Word::Ok(serde_json::json!({})))
    }

    /// Without pictures nobody needs to know.
    fn look_through(
        &mut self,
        client: &mut Connection,
        id: u64,
        with_pictures: bool,
    ) -> Result<(), Refused> {
        is_free(client)?;
        client.live = Some(self.live(id, with_pictures));
        Ok(())
    }
}

fn is_free(client: &Connection) -> Result<(), Refused> {
    match client.live {
        Some(_) => {
            let message = "this connection has the camera's live view already; `stop` ends that";
            Err(Refused(Code::Busy, message.into()))
        }
        None => Ok(()),
    }
}

/// A mode, with the end it needs.
fn mode(mode: DoorMode, until_ms: Option<i64>, reason: Option<String>) -> Result<Act, Refused> {
    let now = Stamp::clocks().0;
    let refused = |what: String| Refused(Code::Refused, what);
    match (mode, until_ms) {
        (DoorMode::Hold | DoorMode::Office, None) => {
            Err(refused(format!("{mode} needs an end: give until_ms")))
        }
        (DoorMode::Normal, Some(_)) => {
            Err(refused(format!("{mode} has no end: leave out until_ms")))
        }
        (_, Some(until)) if until <= now => Err(refused(format!(
            "until_ms {until} is past; it is {now} now"
        ))),
        (mode, until_ms) => Ok(Act::Mode {
            mode,
            until_ms,
            purpose: purpose(reason)?,
        }),
    }
}

/// What is given as the reason of an act.
fn purpose(reason: Option<String>) -> Result<Option<String>, Refused> {
    match reason.map(|text| text.trim().to_owned()) {
        Some(text) if text.chars().count() > MAX_REASON_CHARS => {
            let message = format!("the reason has more than {MAX_REASON_CHARS} characters");
            Err(Refused(Code::Refused, message))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

fn not_allowed(client: &Connection, role: Option<Role>, act: ControlAct, needs: Role) -> String {
    let has = role.map_or_else(|| "none".to_owned(), |role| role.to_string());
    format!(
        "{} takes the role {}, and uid {} has {has}: /etc/doorward/roles.toml gives roles",
        act.code(),
        needs,
        client.who.peer.uid
    )
}

fn too_many(what: &str) -> Refused {
    Refused(Code::TooMany, format!("{what}; try again in a moment"))
}

/// What a request is called on record.
fn act_of(ask: &Ask) -> ControlAct {
    match ask {
        Ask::Status {} | Ask::Counts {} => ControlAct::Status,
        Ask::Watch { .. } => ControlAct::Watch,
        Ask::Unlock { .. } => ControlAct::Unlock,
        Ask::Lock { .. } => ControlAct::Lock,
        Ask::Hold { .. } => ControlAct::Hold,
        Ask::Mode { .. } => ControlAct::Mode,
        Ask::Reload {} => ControlAct::Reload,
        Ask::Snapshot {} => ControlAct::Snapshot,
        Ask::Live { .. } => ControlAct::Live,
        Ask::Stop { .. } => ControlAct::Stop,
        Ask::Enrol(_) | Ask::Photo { .. } | Ask::EnrolPhotos(_) => ControlAct::Enrol,
        Ask::Explain { .. } | Ask::People { .. } => ControlAct::People,
        Ask::FleetAsk {}
        | Ask::FleetTake { .. }
        | Ask::FleetMissed { .. }
        | Ask::FleetStatus {} => ControlAct::Fleet,
    }
}
