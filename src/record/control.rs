//! What is on record of the control socket: what was asked for there that has no event of
//! its own, and what was refused.

use std::fmt::{self, Write};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::codes::{ControlAct, ControlRefusal};
use super::event::Event;
use super::payload::Actor;

/// Something that changes no row was asked for and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlAsked {
    pub act: ControlAct,
    pub actor: Actor,
}

/// Something was asked for that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRefused {
    pub reason: ControlRefusal,
    pub act: ControlAct,
    pub actor: Actor,
    /// How many for the same were left out since the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<NonZeroU32>,
}

/// What follows the kind, of the events that this file is about.
pub(super) fn tell(event: &Event, f: &mut dyn Write) -> fmt::Result {
    match event {
        Event::ControlAsked(ControlAsked { act, actor }) => write!(f, ", {act}, by {actor}"),
        Event::ControlRefused(refused) => {
            let ControlRefused {
                reason,
                act,
                actor,
                left_out,
            } = refused;
            write!(f, ", {act}, by {actor}: {reason}")?;
            match left_out {
                Some(many) => write!(f, ", {many} more like it since the last one"),
                None => Ok(()),
            }
        }
        Event::RolesRejected { message, .. } => write!(f, ": {message}"),
        _ => Ok(()),
    }
}
