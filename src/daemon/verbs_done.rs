//! The recorder's part in verbs: each between two records, and none so long that a grant waits.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek as _};

use super::recorder::{Recorder, tell};
use super::verb_line::Asked;
use crate::record::{Query, RecordError};
use crate::verbs::{self, Code, Given, Reply, Verb, VerbError};

/// How often a long verb begins anew because something more urgent came in between.
const MAX_TRIES: u32 = 30;

impl Recorder {
    /// Does a verb, if somebody still waits for it; says whether a picture was kept meanwhile.
    pub(super) fn does(&mut self, mut asked: Asked) -> bool {
        if !asked.take() {
            return false;
        }
        let mut kept = false;
        let mut text = asked.text.take();
        let mut tries = 1;
        let reply = loop {
            let reply = self.once(&asked, text.as_mut());
            let is_urgent = matches!(&reply, Err(error) if error.code == Code::Busy);
            if !is_urgent || tries >= MAX_TRIES {
                break reply;
            }
            tries += 1;
            kept |= self.take_what_waits();
        };
        asked.answer(reply);
        kept
    }

    fn once(&mut self, asked: &Asked, text: Option<&mut File>) -> Result<Reply, VerbError> {
        // Afterwards every row is another: what was changed past the record must be seen before.
        if matches!(asked.verb, Verb::Rekey {}) && !self.knows_the_whitelist() {
            let why = "the whitelist was changed, and not looked at since; repeat this, and look at `doorward status` if it stays so";
            return Err(VerbError::new(Code::Busy, why));
        }
        let before = self.log.written().map_or(0, |head| head.id);
        let (heartbeat, queue) = (self.heartbeat.clone(), self.queue.clone());
        let must_give_way = || {
            heartbeat.beat();
            queue.is_urgent()
        };
        let mut text = text.map(|file| file.rewind().map(|()| BufReader::new(file)));
        if let Some(Err(error)) = &text {
            return Err(VerbError::new(Code::Database, error));
        }
        let mut text = text.as_mut().and_then(|text| text.as_mut().ok());
        let given = Given {
            origin: &asked.origin,
            text: text.as_mut().map(|text| text as &mut dyn BufRead),
            must_give_way: &must_give_way,
            require_consent: self.asks.whitelist.require_consent,
        };
        let verb = asked.verb.clone();
        let done = self
            .log
            .lend(|database| Ok::<_, RecordError>(verbs::execute(database, given, verb)));
        let reply = match done {
            Ok(reply) => reply?,
            Err(error) => {
                self.notice(&error);
                return Err(VerbError::from(error));
            }
        };
        self.heartbeat.beat();
        // What is new holds for whoever comes next.
        self.roster.look_soon();
        self.asks.written();
        self.tell_of(before);
        Ok(reply)
    }

    /// Tells the journal what a verb put on record.
    pub(super) fn tell_of(&mut self, before: u64) {
        const MAX_TOLD: u32 = 100;
        let since = Query {
            after_id: Some(before),
            limit: Some(MAX_TOLD),
            ..Query::default()
        };
        for record in self.log.records(&since).unwrap_or_default() {
            if let Some(event) = record.event() {
                tell(record.id, event);
                self.status.happened(event);
            }
        }
    }
}
