//! Brings the door what administrators order: as soon as it is on record, and every few seconds
//! in case the clock was set.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::door_events::to_mode;
use super::doorkeeper::Order;
use super::record_queue::RecordQueue;
use crate::acts::{self, Acts, ActsError, ModeAct, Over, Standing, UnlockAct};
use crate::clock;
use crate::database::{Database, DatabaseError};
use crate::door::{By, Input, ModeEnd};
use crate::record::{self, Bent, DoorMode, Event, NotOpened, Stamp, believes_clock};

/// How long a door that is awake may take to hear of an act.
const MAX_DOOR_WAIT: Duration = Duration::from_millis(250);
/// An unlocking that is seen later is for nobody any more.
const MAX_UNLOCK_AGE_MS: u64 = 10_000;
/// An end that moved by less is the same.
const MIN_CHANGE: Duration = Duration::from_millis(500);

/// The watcher of acts.
pub(crate) struct ActsWatch {
    database: Database,
    /// The act that the door was told of, and the end it was told.
    told: Option<(u64, Option<Instant>)>,
    /// The act that is over. It does not come back, whatever the clock says later.
    over: Option<u64>,
    /// The last unlocking that was seen.
    unlocked: u64,
}

/// What is to be told of a mode.
#[derive(Debug)]
enum News {
    None,
    Tell(Input, Option<Instant>),
    Over(Over),
}

impl ActsWatch {
    /// Reads the acts for the first time; gives the mode that is in force. An unlocking from
    /// before is not done again.
    ///
    /// # Errors
    /// [`ActsError`]: the daemon does not start without knowing.
    pub(crate) fn open(
        database: Database,
        queue: &RecordQueue,
    ) -> Result<(Self, Option<Input>), ActsError> {
        let (acts, now, sure) = look(&database)?;
        let mut watch = Self {
            database,
            told: None,
            over: None,
            unlocked: acts.unlock.map_or(0, |act| act.record),
        };
        let Some(act) = acts.mode.filter(|act| act.mode != DoorMode::Normal) else {
            return Ok((watch, None));
        };
        match watch.news(&act, &now, sure) {
            News::Tell(input, until) => {
                watch.told = Some((act.record, until));
                Ok((watch, Some(input)))
            }
            News::None => Ok((watch, None)),
            News::Over(over) => {
                watch.over = Some(act.record);
                // One that ran out while nobody guarded is no news.
                if over == Over::ClockUnknown {
                    queue.happened(Event::ModeEnded {
                        mode: act.mode,
                        act: act.record,
                        reason: record::ModeEnd::ClockUnknown,
                    });
                }
                Ok((watch, None))
            }
        }
    }

    /// Tells the door what is new.
    ///
    /// # Errors
    /// [`Bent`]: an act was changed past the record.
    pub(crate) fn refresh(
        &mut self,
        door: &Sender<Order>,
        queue: &RecordQueue,
    ) -> Result<(), Bent> {
        let (acts, now, sure) = match look(&self.database) {
            Ok(seen) => seen,
            Err(ActsError::Unrecorded(path)) => return Err(Bent::UnrecordedAct(path)),
            // What is in force has an end, and the whitelist's watcher tells.
            Err(ActsError::Database(error)) => {
                log::debug!("acts: {error}");
                return Ok(());
            }
        };
        if let Some(act) = acts.mode {
            match self.news(&act, &now, sure) {
                News::None => {}
                News::Tell(input, until) => {
                    if give(door, Order::Mode(input)) {
                        self.told = Some((act.record, until));
                    }
                }
                News::Over(over) => {
                    let told = self.told.is_some_and(|(record, _)| record == act.record);
                    if !told || give(door, Order::Mode(Input::ModeOver(end(over)))) {
                        self.over = Some(act.record);
                        self.told = None;
                    }
                }
            }
        }
        if let Some(act) = acts.unlock.filter(|act| act.record > self.unlocked) {
            self.unlocked = act.record;
            self.unlock(&act, &now, door, queue);
        }
        Ok(())
    }

    fn news(&self, act: &ModeAct, now: &Stamp, sure: bool) -> News {
        if self.over == Some(act.record) {
            return News::None;
        }
        let left = match act.standing(now, sure) {
            Standing::InForce(left) => left,
            Standing::Over(over) => return News::Over(over),
        };
        let until = left.and_then(|left| Instant::now().checked_add(left));
        let same = |(record, told): (u64, Option<Instant>)| {
            record == act.record
                && match (told, until) {
                    (Some(told), Some(until)) => told.max(until) - told.min(until) < MIN_CHANGE,
                    (told, until) => told == until,
                }
        };
        if self.told.is_some_and(same) {
            return News::None;
        }
        let (mode, act) = (to_mode(act.mode), act.record);
        News::Tell(Input::Mode { mode, act, until }, until)
    }

    fn unlock(&self, act: &UnlockAct, now: &Stamp, door: &Sender<Order>, queue: &RecordQueue) {
        let set = &act.set;
        let age = now.uptime_ms.checked_sub(set.uptime_ms);
        let same_boot = set.boot.is_some() && set.boot == now.boot;
        let is_fresh = same_boot && age.is_some_and(|age| age <= MAX_UNLOCK_AGE_MS);
        let (by, person) = (By::Act(act.record), None);
        let reason = if !is_fresh {
            NotOpened::TooLate
        } else if !give(door, Order::Open { by, person }) {
            NotOpened::DoorBusy
        } else {
            return;
        };
        let by = record::By::Act(act.record);
        queue.happened(Event::NotOpened { by, reason });
    }
}

fn give(door: &Sender<Order>, order: Order) -> bool {
    door.send_timeout(order, MAX_DOOR_WAIT).is_ok()
}

fn look(database: &Database) -> Result<(Acts, Stamp, bool), ActsError> {
    let acts = acts::read(database)?;
    let now = Stamp::now();
    // Asked only where it matters: it reads the record.
    let sure = acts.mode.as_ref().is_some_and(|act| act.until_ms.is_some())
        && database.read(|connection, fail| {
            let sure = believes_clock(connection, fail, &now, clock::is_synchronised())?;
            Ok::<_, DatabaseError>(sure)
        })?;
    Ok((acts, now, sure))
}

fn end(over: Over) -> ModeEnd {
    match over {
        Over::Expired => ModeEnd::Expired,
        Over::ClockUnknown => ModeEnd::ClockUnknown,
    }
}
