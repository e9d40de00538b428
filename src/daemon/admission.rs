//! From a decided grant to the door: authorised again where it is written down, and given
//! to the door only while the person can still be there.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::access_rules::{Law, wall};
use super::doorkeeper::Order;
use crate::access::{Asking, Basis, DenialReason, Grant, authorise};
use crate::acts;
use crate::clock;
use crate::door::By;
use crate::person::PersonId;
use crate::record::{Event, GrantReason, Granted, Log, NotOpened, PersonRef, RecordError, Stamp};
use crate::whitelist;

/// How long a door that is awake may take to hear of a grant.
const MAX_DOOR_WAIT: Duration = Duration::from_millis(250);

/// What became of a grant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Admission {
    /// It is on record by this number, and the door has it.
    Given(u64),
    /// It opens nothing.
    Withdrawn {
        /// Its number on record; nothing if it was not written.
        grant: Option<u64>,
        reason: NotOpened,
    },
    /// The rules stand against it, by what only the database knows; it was not written.
    Denied(DenialReason),
}

/// Writes a grant, if at this very moment the person may pass, and gives it to the door.
/// `granted` is then as it was written.
///
/// # Errors
/// [`RecordError`]; nothing was written, and the door has not heard of it.
pub(crate) fn admit(
    log: &mut Log,
    door: &Sender<Order>,
    stamp: &Stamp,
    event: &mut Event,
    grant: &Grant,
    law: Law<'_>,
    now: impl Fn() -> Instant,
) -> Result<Admission, RecordError> {
    let written = log.append_if(
        stamp,
        |connection, fail| {
            // The door itself hears of it up to a second later.
            if acts::locked_down(connection, fail, clock::is_synchronised)? {
                return Ok(Err(DenialReason::LockedDown));
            }
            // A card alone has to be the person's still.
            if let Basis::Card(claim) = grant.basis()
                && !whitelist::holds_card(connection, fail, claim.person, &claim.card)?
            {
                return Ok(Err(DenialReason::CardUnknown));
            }
            let companion = grant.companion();
            let people = std::iter::once(grant.person()).chain(companion.map(|c| c.person));
            let directory = whitelist::directory_of(connection, fail, people)?;
            let is_believed = law.believes_clock(connection, fail)?;
            let asking = Asking {
                now: now(),
                wall: wall(law.stamp, is_believed),
                factors: grant.factors(),
                companions: companion.as_slice(),
            };
            let again = authorise(&directory, law.rules, grant.basis(), &asking)
                .map_err(|denial| denial.reason)
                .and_then(|again| law.confirmed(again, grant, &directory, &asking));
            if again.is_ok() {
                for listed in directory.all() {
                    if !law.has_lease(&listed.standing, &asking.wall)
                        && whitelist::is_of_fleet(connection, fail, listed.id)?
                    {
                        return Ok(Err(DenialReason::LeaseOver));
                    }
                }
            }
            Ok(again.map(|again| {
                let with = again.companion().map(|c| c.person);
                let event = match &*event {
                    Event::Granted(granted) => Event::Granted(Granted {
                        reason: match again.is_passed_back() {
                            true => GrantReason::PassedBack,
                            false => granted.reason,
                        },
                        with: with.map(|id| PersonRef::new(id, directory.name_of(id))),
                        ..granted.clone()
                    }),
                    other => other.clone(),
                };
                (event, (again, is_believed))
            }))
        },
        |connection, fail, id, (again, is_sure)| {
            let (way, stamp) = (law.rules.direction(), (stamp, *is_sure));
            whitelist::note_passages(connection, fail, again.people(), id, stamp, way)
        },
    )?;
    let (id, grant) = match written {
        Ok((id, written, (grant, _))) => {
            *event = written;
            (id, grant)
        }
        Err(reason) => return Ok(not_any_more(reason)),
    };
    let reason = if !grant.is_current(now()) {
        NotOpened::TooLate
    } else if !offer(door, By::Grant(id), Some(grant.person())) {
        NotOpened::DoorBusy
    } else {
        return Ok(Admission::Given(id));
    };
    Ok(Admission::Withdrawn {
        grant: Some(id),
        reason,
    })
}

/// Gives the door what is on record; false if it does not take it at once.
pub(crate) fn offer(door: &Sender<Order>, by: By, person: Option<PersonId>) -> bool {
    door.send_timeout(Order::Open { by, person }, MAX_DOOR_WAIT)
        .is_ok()
}

/// Why a person who was recognised and could pass may not now.
fn not_any_more(reason: DenialReason) -> Admission {
    let reason = match reason {
        DenialReason::Disabled => NotOpened::Disabled,
        DenialReason::Expired => NotOpened::Expired,
        DenialReason::CardUnknown | DenialReason::CardLost | DenialReason::CardAlone => {
            NotOpened::NoCard
        }
        DenialReason::Removed | DenialReason::NotListed | DenialReason::EmptyWhitelist => {
            NotOpened::Removed
        }
        DenialReason::LockedDown => NotOpened::LockedDown,
        reason => return Admission::Denied(reason),
    };
    Admission::Withdrawn {
        grant: None,
        reason,
    }
}

#[cfg(test)]
mod tests;
