//! What about the list is put on record, and not more often than it tells something: whoever
//! carries it may lie as often as it likes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::daemon::record_queue::RecordQueue;
use crate::fleet::Notice;
use crate::record::{Event, FleetFault, FleetNoticed};

/// From one record to the next for the same reason, where it says the same or is one of many.
const MIN_GAP: Duration = Duration::from_secs(600);
/// Records for one reason within that time.
const MAX_A_GAP: usize = 3;

/// Of one reason: when its time began, and what was told since.
#[derive(Debug)]
struct Told {
    since: Instant,
    messages: Vec<String>,
}

pub(super) struct Notices {
    queue: RecordQueue,
    told: HashMap<FleetFault, Told>,
}

impl Notices {
    pub(super) fn new(queue: RecordQueue) -> Self {
        Self {
            queue,
            told: HashMap::new(),
        }
    }

    pub(super) fn of_all(&mut self, notices: &[Notice]) {
        for notice in notices {
            self.tell(reason_of(notice), &notice.to_string());
        }
    }

    pub(super) fn tell(&mut self, reason: FleetFault, message: &str) {
        let now = Instant::now();
        let told = self.told.entry(reason).or_insert_with(|| Told {
            since: now,
            messages: Vec::new(),
        });
        if now.duration_since(told.since) >= MIN_GAP {
            (told.since, told.messages) = (now, Vec::new());
        }
        let is_known = told.messages.iter().any(|known| known == message);
        if is_known || told.messages.len() >= MAX_A_GAP {
            log::debug!("fleet: {reason}: {message}");
            return;
        }
        told.messages.push(message.to_owned());
        log::warn!("fleet: {reason}: {message}");
        self.queue.happened(Event::FleetNoticed(FleetNoticed {
            reason,
            message: message.to_owned(),
        }));
    }
}

fn reason_of(notice: &Notice) -> FleetFault {
    match notice {
        Notice::Restored(_) => FleetFault::Restored,
        Notice::Refused(_) => FleetFault::Refused,
        Notice::Lost(_) => FleetFault::Lost,
        Notice::Overruled(_) => FleetFault::Overruled,
        Notice::NotAllowed(..) => FleetFault::NotAllowed,
        Notice::PutRefused => FleetFault::PutRefused,
    }
}
