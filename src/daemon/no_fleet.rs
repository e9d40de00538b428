//! A daemon that was built without fleets.

use crossbeam_channel::{Receiver, Sender};
use serde_json::Value;

use super::access_rules::SharedLaw;
use super::bell::Bell;
use super::error::DaemonError;
use super::record_queue::RecordQueue;
use super::verb_line;
use crate::config;
use crate::ipc::{Code, Problem};

/// Why the daemon cannot be a door of the fleet.
#[derive(Debug, thiserror::Error)]
#[error(
    "fleet.keys is set, and this doorward was built without fleets: remove it, or install the package"
)]
pub struct FleetKeysError;

/// None.
#[derive(Debug)]
pub(crate) struct Keys;

pub(crate) fn keys(fleet: &config::Fleet) -> Result<Keys, FleetKeysError> {
    match fleet.keys {
        Some(_) => Err(FleetKeysError),
        None => Ok(Keys),
    }
}

// Nobody reads what is asked.
#[allow(dead_code)]
#[derive(Debug)]
pub(crate) enum Asked {
    Errand,
    Piece {
        errand: u64,
        piece: Vec<u8>,
        ends: bool,
    },
    Missed {
        errand: u64,
        why: String,
    },
    Status,
}

pub(crate) type Answered = Result<Value, Problem>;

#[derive(Debug, Clone)]
pub(crate) struct FleetDesk;

impl FleetDesk {
    pub(crate) fn start(
        _: &config::Config,
        _: Keys,
        _: (RecordQueue, Bell, Sender<verb_line::Asked>, SharedLaw),
    ) -> Result<Self, DaemonError> {
        Ok(Self)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_nobody() -> Self {
        Self
    }

    pub(crate) fn ask(&self, _: Asked) -> Result<Receiver<Answered>, Problem> {
        Err(Problem {
            code: Code::Refused,
            message: "this doorward was built without fleets".into(),
        })
    }
}
