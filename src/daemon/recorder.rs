//! The audit thread: the only one of the daemon that writes to the database, and the only way
//! from a decision to the door. A grant is on disk before the door hears of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use image::RgbImage;

use super::access_rules::{Law, SharedLaw};
use super::admission::{Admission, admit, offer};
use super::asks::{Asks, Heard};
use super::door_events::of_by;
use super::doorkeeper::Order;
use super::events;
use super::head_note::{self, HEAD_INTERVAL};
use super::heartbeat::Heartbeat;
use super::lockout_rows::{self, KeptLockout};
use super::pictures::Pictures;
use super::record_queue::{Queued, RecordQueue};
use super::remembered::Remembered;
use super::roster::Roster;
use super::status::StatusTeller;
use crate::access::Grant;
use crate::clock;
use crate::config;
use crate::door;
use crate::record::{
    Bent, Event, Keep, Log, NotOpened, RecordError, Stamp, StopReason, journal_fields,
};
use crate::shown::counted;
use crate::whitelist;

const MAX_QUEUE_WAIT: Duration = Duration::from_millis(200);
/// How often the database is compared with what was written while nothing is.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// The audit thread's things.
pub(crate) struct Recorder {
    pub log: Log,
    pub queue: RecordQueue,
    pub incoming: Receiver<Queued>,
    /// What is asked for at the control socket.
    pub asks: Asks,
    pub door: Sender<Order>,
    pub retention: Arc<ArcSwap<config::Audit>>,
    pub law: SharedLaw,
    pub pictures: Pictures,
    pub roster: Roster,
    pub heartbeat: Heartbeat,
    pub remembered: Remembered,
    /// Set here when the database is not what was written: the daemon has to end.
    pub bent: Arc<OnceLock<Bent>>,
    pub status: StatusTeller,
    /// Set when no further note will come: write what waits and end.
    pub stop: Arc<AtomicBool>,
}

impl Recorder {
    /// Runs until told to stop; gives the log back for the last words, and what is remembered of it.
    pub fn run(mut self) -> (Log, Remembered) {
        self.pictures.seal_those_from_before();
        let mut prune_at = Instant::now();
        let mut has_new_pictures = false;
        let mut head_at = Instant::now();
        let mut look_at = Instant::now() + LOOK_INTERVAL;
        loop {
            self.heartbeat.beat();
            self.remembered.keep(&self.log);
            if Instant::now() >= look_at {
                if let Err(error) = self.log.look() {
                    self.notice(&error);
                }
                self.law.look_at_clock(&self.log);
                look_at = Instant::now() + LOOK_INTERVAL;
            }
            if Instant::now() >= head_at {
                head_note::note(&mut self.log);
                head_at = Instant::now() + HEAD_INTERVAL;
            }
            match self.hear(MAX_QUEUE_WAIT) {
                Ok(Heard::Note(queued)) => has_new_pictures |= self.take(queued),
                Ok(Heard::Asked(asked)) => self.act(asked),
                Ok(Heard::Verb(asked)) => has_new_pictures |= self.does(asked),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Acquire) => break,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    // Only while nothing waits, and a batch at a time: deleting may take a
                    // while on an SD card.
                    if Instant::now() >= prune_at && !self.prune() && !self.tend_the_unused() {
                        has_new_pictures = true;
                        prune_at = Instant::now() + PRUNE_INTERVAL;
                    }
                    if std::mem::take(&mut has_new_pictures) {
                        self.pictures.expire(&self.retention.load());
                    }
                }
            }
        }
        (self.log, self.remembered)
    }

    /// Deals with what waits; says whether a picture was kept.
    pub(super) fn take_what_waits(&mut self) -> bool {
        let mut kept = false;
        while let Ok(queued) = self.incoming.try_recv() {
            self.heartbeat.beat();
            kept |= self.take(queued);
        }
        kept
    }

    /// Says whether a picture was kept.
    fn take(&mut self, queued: Queued) -> bool {
        match queued {
            Queued::Happened {
                stamp,
                event,
                picture,
            } => {
                let id = self.write(&stamp, &event);
                return self.keep(id, picture);
            }
            Queued::Grant {
                stamp,
                event,
                grant,
                picture,
            } => {
                self.queue.took_urgent();
                let id = self.grant(&stamp, event, &grant);
                return self.keep(id, picture);
            }
            Queued::Rex { stamp, event } => {
                self.queue.took_urgent();
                self.rex(&stamp, &event);
            }
            Queued::Counted { stamp, event, kept } => {
                self.count(&stamp, event.as_ref(), &kept);
            }
            Queued::Reached(reached) => {
                let _ = reached.try_send(());
            }
        }
        false
    }

    /// Whether the whitelist on the disk is the one that is known, each change on record. What
    /// cannot be read is told by whoever writes.
    pub(super) fn knows_the_whitelist(&self) -> bool {
        match whitelist::revision(self.log.database()) {
            Ok(revision) => self.roster.knows(revision),
            Err(_) => true,
        }
    }

    /// Keeps the face that an event is about, if there is one. The event stands without it too.
    fn keep(&self, id: Option<u64>, picture: Option<RgbImage>) -> bool {
        let (Some(id), Some(picture)) = (id, picture) else {
            return false;
        };
        self.pictures.keep(id, &picture);
        // What was decided before somebody was removed may be written after it.
        if let Err(error) = self.pictures.forget_if_gone(id, self.log.database()) {
            log::error!("{error}");
        }
        true
    }

    /// Gives the number of the grant, if it is on record.
    fn grant(&mut self, stamp: &Stamp, event: Event, grant: &Grant) -> Option<u64> {
        if !self.knows_the_whitelist() {
            let recognition = match event {
                Event::Granted(granted) => Some(granted.recognition),
                _ => None,
            };
            let event = Event::GrantWithdrawn {
                reason: NotOpened::TooLate,
                grant: None,
                recognition,
            };
            self.write(&Stamp::now(), &event);
            return None;
        }
        let (log, door) = (&mut self.log, &self.door);
        let (rules, now) = (self.law.rules.load_full(), Stamp::now());
        let law = Law {
            rules: &rules,
            stamp: &now,
            trusts_clock: self.law.trusts_clock.load(Ordering::Relaxed),
            synchronised: clock::is_synchronised(),
            lease: &self.law.lease.load_full(),
            news: &self.law.news,
        };
        let mut event = event;
        let became = admit(log, door, stamp, &mut event, grant, law, Instant::now);
        if let Ok(Admission::Denied(reason)) = became {
            return self.write(stamp, &events::of_refused_grant(event, reason));
        }
        let (id, reason) = match became {
            Ok(Admission::Given(id)) => {
                self.asks.written();
                self.status.happened(&event);
                tell(id, &event);
                return Some(id);
            }
            Ok(Admission::Withdrawn { grant, reason }) => (grant, reason),
            // Told above.
            Ok(Admission::Denied(_)) => return None,
            Err(error) => {
                self.lose(&event, &error);
                return None;
            }
        };
        if let Some(id) = id {
            tell(id, &event);
        }
        let recognition = match event {
            // One that is on record says this already.
            Event::Granted(granted) if id.is_none() => Some(granted.recognition),
            _ => None,
        };
        let event = Event::GrantWithdrawn {
            reason,
            grant: id,
            recognition,
        };
        self.write(&Stamp::now(), &event);
        id
    }

    /// What somebody inside asked for opens the door once it is on record.
    fn rex(&mut self, stamp: &Stamp, event: &Event) {
        let Some(id) = self.write(stamp, event) else {
            return;
        };
        let by = door::By::Rex(id);
        if !offer(&self.door, by, None) {
            let (by, reason) = (of_by(by), NotOpened::DoorBusy);
            self.write(&Stamp::now(), &Event::NotOpened { by, reason });
        }
    }

    /// Writes a refusal together with what it counts for.
    fn count(&mut self, stamp: &Stamp, event: Option<&Event>, kept: &[KeptLockout]) {
        let written = self
            .log
            .append_with(stamp, event, |connection, fail, door| {
                lockout_rows::write(connection, fail, door, kept)
            });
        match (written, event) {
            (Ok(Some(id)), Some(event)) => {
                self.asks.written();
                tell(id, event);
                self.status.happened(event);
            }
            (Ok(_), _) => {}
            (Err(error), Some(event)) => self.lose(event, &error),
            (Err(error), None) => {
                self.notice(&error);
                log::error!("a lockout cannot be kept: {error}");
            }
        }
    }

    /// Gives the event's number, if it is on record.
    fn write(&mut self, stamp: &Stamp, event: &Event) -> Option<u64> {
        let written = match event {
            // Nobody passed by it.
            Event::GrantWithdrawn {
                grant: Some(grant), ..
            } => {
                let written = self.log.append_and(stamp, event, |connection, fail| {
                    whitelist::take_back_passages(connection, fail, *grant)
                });
                self.roster.look_soon();
                written
            }
            _ => self.log.append(stamp, event),
        };
        let id = match written {
            Ok(id) => id,
            Err(error) => {
                self.lose(event, &error);
                return None;
            }
        };
        self.asks.written();
        tell(id, event);
        self.status.happened(event);
        let records = self.queue.take_lost();
        if records > 0 {
            let event = Event::RecordsLost { records };
            if let Err(error) = self.log.append(&Stamp::now(), &event) {
                self.queue.count_lost(records);
                self.lose(&event, &error);
            }
        }
        Some(id)
    }

    /// A database that is another ends the daemon; other failures are told where they matter.
    pub(super) fn notice(&self, error: &RecordError) {
        if let RecordError::Bent(bent) = error {
            let _ = self.bent.set(bent.clone());
        }
    }

    /// What cannot be put on record is at least in the system's journal.
    fn lose(&mut self, event: &Event, error: &RecordError) {
        self.notice(error);
        self.queue.count_lost(1);
        self.status.unwritten(error);
        if matches!(event, Event::Granted(_) | Event::GrantedByCard { .. }) {
            log::error!(
                "the door stays locked, the grant cannot be put on record ({error}): {event}"
            );
        } else {
            log::error!("not on record ({error}): {event}");
        }
    }

    /// Warns of people who were not let in for long, and disables them; false if there is no
    /// more to do.
    fn tend_the_unused(&mut self) -> bool {
        let days = self.asks.whitelist.unused_days;
        let stamp = Stamp::now();
        if days == 0 {
            return false;
        }
        let before = self.log.written().map_or(0, |head| head.id);
        let tended = self
            .log
            .believes_clock(&stamp, clock::is_synchronised())
            .and_then(|is_sure| match is_sure {
                false => Ok(Ok(0)),
                true => {
                    let door = self.log.door().clone();
                    self.log.lend(|database| {
                        Ok(whitelist::tend_the_unused(database, &stamp, days, &door))
                    })
                }
            });
        match tended {
            Ok(Ok(0)) => false,
            Ok(Ok(_)) => {
                self.asks.written();
                self.roster.look_soon();
                self.tell_of(before);
                true
            }
            Ok(Err(error)) => {
                log::error!("people who do not come cannot be looked for: {error}");
                false
            }
            Err(error) => {
                self.notice(&error);
                log::error!("people who do not come cannot be looked for: {error}");
                false
            }
        }
    }

    /// Deletes a batch of what is past its time; false if there is no more.
    fn prune(&mut self) -> bool {
        let audit = self.retention.load();
        let keep = Keep {
            days: audit.keep_days,
            records: audit.keep_events,
        };
        match self
            .log
            .prune(&Stamp::now(), clock::is_synchronised(), keep)
        {
            Ok(0) => false,
            Ok(events) => {
                let what = counted(
                    events,
                    "event was past its time and is",
                    "events were past their time and are",
                );
                log::info!("{what} deleted");
                true
            }
            Err(error) => {
                self.notice(&error);
                log::error!("old events cannot be deleted: {error}");
                false
            }
        }
    }
}

/// How the daemon ended.
pub(crate) fn last_words(mut log: Log, mut remembered: Remembered, event: &Event) {
    match log.append(&Stamp::now(), event) {
        Ok(id) => {
            tell(id, event);
            head_note::note(&mut log);
        }
        Err(error) => return log::error!("not on record ({error}): {event}"),
    }
    match event {
        Event::Stopped {
            reason: StopReason::Fault,
            ..
        } => remembered.keep(&log),
        _ => remembered.forget(),
    }
}

/// Tells the journal what the record says.
pub(crate) fn tell(id: u64, event: &Event) {
    let level = match event {
        Event::RelayFault { .. }
        | Event::Fault { .. }
        | Event::WhitelistUnreadable { .. }
        | Event::ForcedOpen(_)
        | Event::Tamper => log::Level::Error,
        Event::CameraLost { .. }
        | Event::GrantWithdrawn { .. }
        | Event::ConfigRejected { .. }
        | Event::RulesRejected { .. }
        | Event::RolesRejected { .. }
        | Event::ControlRefused(_)
        | Event::HeldOpen(_)
        | Event::UnusedSoon(_)
        | Event::UnusedDisabled(_)
        | Event::NotOpened { .. }
        | Event::InputsLost
        | Event::Duress { .. }
        | Event::LockoutBegan { .. } => log::Level::Warn,
        _ => log::Level::Info,
    };
    if level > log::max_level() {
        return;
    }
    let fields = journal_fields(id, event);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, is)| (*name, &**is)).collect();
    let mut record = log::Record::builder();
    record
        .level(level)
        .target(module_path!())
        .key_values(&fields);
    log::logger().log(&record.args(format_args!("event {id}: {event}")).build());
}
