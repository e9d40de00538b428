//! The audit thread: the only one of the daemon that writes to the database, and the only way
//! from a decision to the door. A grant is on disk before the door hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::doorkeeper::Order;
use super::heartbeat::Heartbeat;
use super::notes::{Note, Notes, now_ms};
use crate::audit::{AuditError, Kind, Log, NewEvent};
use crate::config;

const PATIENCE: Duration = Duration::from_millis(200);
/// How long a door that is awake may take to hear of a grant.
const DOOR_PATIENCE: Duration = Duration::from_millis(250);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// The audit thread's things.
pub struct Scribe {
    pub log: Log,
    pub notes: Notes,
    pub incoming: Receiver<Note>,
    pub door: Sender<Order>,
    pub retention: Arc<ArcSwap<config::Audit>>,
    pub heartbeat: Heartbeat,
    /// Set when no further note will come: write what waits and end.
    pub stop: Arc<AtomicBool>,
}

impl Scribe {
    /// Runs until told to stop; gives the log back for the last words.
    pub fn run(mut self) -> Log {
        let mut prune_at = Instant::now();
        loop {
            self.heartbeat.beat();
            match self.incoming.recv_timeout(PATIENCE) {
                Ok(Note::Happened { at_ms, event }) => {
                    self.write(at_ms, &event);
                }
                Ok(Note::Grant {
                    at_ms,
                    event,
                    valid_until,
                }) => self.grant(at_ms, &event, valid_until),
                Ok(Note::Reached(reached)) => {
                    let _ = reached.try_send(());
                }
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Acquire) => break,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    // Only while nothing waits: deleting may take a while on an SD card.
                    if Instant::now() >= prune_at {
                        self.prune();
                        prune_at = Instant::now() + PRUNE_EVERY;
                    }
                }
            }
        }
        self.log
    }

    fn grant(&mut self, at_ms: i64, event: &NewEvent, valid_until: Instant) {
        let grant = match self.log.append_grant(at_ms, event) {
            Ok(Ok(id)) => id,
            Ok(Err(refused)) => {
                let event = NewEvent {
                    kind: Kind::GrantWithdrawn,
                    ..event.clone()
                };
                self.write(now_ms(), &event.why(refused.to_string()));
                return;
            }
            Err(error) => {
                self.lose(event, &error);
                return;
            }
        };
        tell(grant, event);
        let order = Order::Open { grant };
        let withdrawn = if Instant::now() > valid_until {
            "writing it down took so long that the person may be gone"
        } else if self.door.send_timeout(order, DOOR_PATIENCE).is_err() {
            "the door did not take it"
        } else {
            return;
        };
        let event = NewEvent::new(Kind::GrantWithdrawn)
            .why(withdrawn)
            .detail("grant", grant);
        self.write(now_ms(), &event);
    }

    fn write(&mut self, at_ms: i64, event: &NewEvent) {
        match self.log.append(at_ms, event) {
            Ok(id) => tell(id, event),
            Err(error) => {
                self.lose(event, &error);
                return;
            }
        }
        let lost = self.notes.take_lost();
        if lost > 0 {
            let event = NewEvent::new(Kind::Fault)
                .why("events could not be written down; the system's journal has them")
                .detail("lost_events", lost);
            if let Err(error) = self.log.append(now_ms(), &event) {
                self.notes.count_lost(lost);
                self.lose(&event, &error);
            }
        }
    }

    /// What cannot be put on record is at least in the system's journal.
    fn lose(&self, event: &NewEvent, error: &AuditError) {
        self.notes.count_lost(1);
        if event.kind == Kind::Granted {
            log::error!(
                "the door stays locked, the grant cannot be put on record ({error}): {event}"
            );
        } else {
            log::error!("not on record ({error}): {event}");
        }
    }

    fn prune(&mut self) {
        let keep = self.retention.load_full();
        match self.log.prune(now_ms(), keep.keep_days, keep.keep_events) {
            Ok(0) => {}
            Ok(events) => log::info!("{events} events were past their time and are deleted"),
            Err(error) => log::error!("old events cannot be deleted: {error}"),
        }
    }
}

/// Tells the journal what the record says.
pub fn tell(id: u64, event: &NewEvent) {
    let level = match event.kind {
        Kind::RelayFault | Kind::Fault | Kind::WhitelistUnreadable => log::Level::Error,
        Kind::CameraLost | Kind::GrantWithdrawn | Kind::ConfigRejected => log::Level::Warn,
        _ => log::Level::Info,
    };
    log::log!(level, "event {id}: {event}");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::audit::Query;
    use crate::daemon::heartbeat::Heartbeats;
    use crate::database::Database;
    use crate::embedding::{Embedding, ModelVersion};
    use crate::whitelist::{self, NewTemplate};

    /// Orders a door takes: one that is awake takes the next, a busy one none.
    const AWAKE: usize = 1;
    const BUSY: usize = 0;

    /// A scribe in a folder where one person is listed, a grant for that person, and the
    /// door's end of the channel.
    struct Desk {
        scribe: Scribe,
        grant: NewEvent,
        door: Receiver<Order>,
        database: Database,
        _folder: tempfile::TempDir,
    }

    impl Desk {
        fn new(orders_taken: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("doorward.db");
            let mut database = Database::open(&path).unwrap();
            let model = ModelVersion::new("m");
            let template = NewTemplate {
                embedding: Embedding::new(&model, vec![1.0, 0.0]).unwrap(),
                source: "photo.jpg".into(),
                photo: None,
            };
            let ada = whitelist::enroll(&mut database, "Ada", &[template], "test").unwrap();
            let (notes, incoming) = Notes::channel();
            let (orders, door) = crossbeam_channel::bounded(orders_taken);
            Self {
                scribe: Scribe {
                    log: Log::new(Database::open(&path).unwrap()),
                    notes,
                    incoming,
                    door: orders,
                    retention: Arc::default(),
                    heartbeat: Heartbeats::new().add("scribe"),
                    stop: Arc::default(),
                },
                grant: NewEvent::new(Kind::Granted).person(ada, "Ada"),
                door,
                database,
                _folder: folder,
            }
        }

        /// Has the grant written down. Gives what the door was told, and the record's words.
        fn grant(mut self, valid_until: Instant) -> (bool, Vec<Kind>) {
            self.scribe.grant(now_ms(), &self.grant, valid_until);
            let events = self.scribe.log.events(&Query::default()).unwrap();
            let kinds = events.iter().map(|event| event.says.kind);
            let kinds = kinds
                .filter(|kind| matches!(kind, Kind::Granted | Kind::GrantWithdrawn))
                .collect();
            let order = self.door.try_recv();
            (matches!(order, Ok(Order::Open { .. })), kinds)
        }
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[test]
    fn a_grant_is_on_record_and_then_given_to_the_door() {
        let (ordered, kinds) = Desk::new(AWAKE).grant(later());
        assert!(ordered);
        assert_eq!(kinds, [Kind::Granted]);
    }

    #[test]
    fn a_grant_that_comes_too_late_is_withdrawn() {
        let (ordered, kinds) = Desk::new(AWAKE).grant(Instant::now());
        assert!(!ordered);
        assert_eq!(kinds, [Kind::Granted, Kind::GrantWithdrawn]);
    }

    #[test]
    fn a_grant_that_a_busy_door_does_not_take_is_withdrawn() {
        let (ordered, kinds) = Desk::new(BUSY).grant(later());
        assert!(!ordered, "it still waits for the door");
        assert_eq!(kinds, [Kind::Granted, Kind::GrantWithdrawn]);
    }

    #[test]
    fn a_grant_for_somebody_who_was_disabled_or_removed_since_is_withdrawn() {
        for remove in [false, true] {
            let mut desk = Desk::new(AWAKE);
            let ada = whitelist::find(&desk.database, "Ada").unwrap().id;
            if remove {
                whitelist::remove(&mut desk.database, ada, "test").unwrap();
            } else {
                whitelist::set_enabled(&mut desk.database, ada, false, "test").unwrap();
            }
            let (ordered, kinds) = desk.grant(later());
            assert!(!ordered);
            assert_eq!(kinds, [Kind::GrantWithdrawn], "removed: {remove}");
        }
    }
}
