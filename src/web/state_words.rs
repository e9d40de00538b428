//! How the door is, in words.

use super::texts as t;
use super::times::moment;
use crate::ipc::{Condition, State};

/// A word, a line, and how it is to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub tone: &'static str,
    pub word: &'static str,
    pub detail: String,
    pub faults: usize,
}

impl Said {
    /// Nothing: there is no word from the door.
    pub(super) fn of(state: Option<&State>) -> Self {
        let Some(state) = state else {
            return Self {
                tone: "bad",
                word: t::DOOR_GONE,
                detail: t::DOOR_GONE_DETAIL.to_owned(),
                faults: 0,
            };
        };
        let (tone, word) = match state.door.condition {
            Condition::Locked => ("calm", t::LOCKED),
            Condition::Unlocked => ("warn", t::UNLOCKED),
            Condition::Open => ("warn", t::OPEN),
            Condition::PreAlarm => ("warn", t::PRE_ALARM),
            Condition::HeldOpen => ("bad", t::HELD_OPEN),
            Condition::ForcedOpen => ("bad", t::FORCED_OPEN),
        };
        Self {
            tone,
            word,
            detail: detail(state),
            faults: state.faults.len(),
        }
    }
}

fn detail(state: &State) -> String {
    let mut parts = Vec::new();
    let mode = match state.door.mode.code() {
        "lockdown" => Some(t::MODE_LOCKDOWN),
        "hold" => Some(t::MODE_HOLD),
        "office" => Some(t::MODE_OFFICE),
        _ => None,
    };
    if let Some(mode) = mode {
        let until = state.door.until_ms.map(|until| t::until(&moment(until)));
        let words = [Some(mode.to_owned()), until];
        parts.push(words.into_iter().flatten().collect::<Vec<_>>().join(" "));
    }
    if state.camera.is_none() {
        parts.push(t::CAMERA_LOST.to_owned());
    } else if state.threshold.is_none() {
        parts.push(t::NOBODY_CAN.to_owned());
    }
    parts.push(t::listed(state.people));
    parts.join(" · ")
}
