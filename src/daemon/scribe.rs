//! The audit thread: the only one of the daemon that writes to the database, and the only way
//! from a decision to the door. A grant is on disk before the door hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::admission::{Admission, admit};
use super::doorkeeper::Order;
use super::heartbeat::Heartbeat;
use super::notes::{Note, Notes, now_ms};
use crate::access::Grant;
use crate::audit::{AuditError, Kind, Log, NewEvent};
use crate::config;

const PATIENCE: Duration = Duration::from_millis(200);
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
                    grant,
                }) => self.grant(at_ms, event, &grant),
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

    fn grant(&mut self, at_ms: i64, event: NewEvent, grant: &Grant) {
        let admitted = admit(
            &mut self.log,
            &self.door,
            at_ms,
            &event,
            grant,
            Instant::now,
        );
        match admitted {
            Ok(Admission::Given(id)) => tell(id, &event),
            Ok(Admission::Withdrawn {
                grant: Some(id),
                reason,
            }) => {
                tell(id, &event);
                let event = NewEvent::new(Kind::GrantWithdrawn)
                    .why(reason.to_string())
                    .detail("grant", id);
                self.write(now_ms(), &event);
            }
            Ok(Admission::Withdrawn {
                grant: None,
                reason,
            }) => {
                let event = NewEvent {
                    kind: Kind::GrantWithdrawn,
                    ..event
                };
                self.write(now_ms(), &event.why(reason.to_string()));
            }
            Err(error) => self.lose(&event, &error),
        }
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
