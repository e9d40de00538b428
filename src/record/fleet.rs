//! What is on record of the fleet's list.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::codes::{FleetAct, FleetFault};
use super::event::Event;
use super::payload::PersonRef;

/// A person here is as the fleet's list has it from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetChanged {
    pub act: FleetAct,
    pub person: PersonRef,
    /// Of the row that says so.
    pub revision: u64,
    /// What the fleet calls the door that signed it.
    pub signer: String,
}

/// Something about the fleet's list is not as it should be; the last good list counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetNoticed {
    pub reason: FleetFault,
    pub message: String,
}

/// What follows the kind, of the events that this file is about.
pub(super) fn tell(event: &Event, f: &mut dyn Write) -> fmt::Result {
    match event {
        Event::FleetChanged(FleetChanged {
            act,
            person,
            revision,
            signer,
        }) => write!(
            f,
            ": {} ({}) {act}, by door {signer} at revision {revision}",
            person.name, person.id
        ),
        Event::FleetNoticed(FleetNoticed { reason, message }) => write!(f, ": {reason}: {message}"),
        _ => Ok(()),
    }
}
