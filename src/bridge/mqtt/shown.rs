//! What a door's topics are called, and what they show of how things are: pure.

use std::collections::BTreeMap;

use crate::ipc::{Condition, State};
use crate::record::Kind;

/// What a receiver sees of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Locked,
    /// It was ordered, and the strike has not moved yet.
    Unlocking,
    Unlocked,
    /// Strike or leaf is not as it was told.
    Jammed,
}

impl Lock {
    pub(super) fn payload(self) -> &'static str {
        match self {
            Self::Locked => "LOCKED",
            Self::Unlocking => "UNLOCKING",
            Self::Unlocked => "UNLOCKED",
            Self::Jammed => "JAMMED",
        }
    }
}

/// The topics of one door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topics {
    /// `doorward/front`
    door: String,
    /// `homeassistant`
    discovery: String,
    /// `front`
    pub name: String,
}

/// What topics under `state/` there are, the nonce left out.
pub(super) const STATES: [&str; 5] = ["lock", "contact", "tamper", "camera", "people"];

impl Topics {
    pub(super) fn new(topic: &str, discovery: &str, door: &str) -> Self {
        Self {
            door: format!("{topic}/{door}"),
            discovery: discovery.to_owned(),
            name: door.to_owned(),
        }
    }

    /// Whether the door is known to be as its states say; the last will too.
    pub(super) fn status(&self) -> String {
        format!("{}/status", self.door)
    }

    pub(super) fn state(&self, of: &str) -> String {
        format!("{}/state/{of}", self.door)
    }

    pub(super) fn event(&self) -> String {
        format!("{}/event", self.door)
    }

    pub(super) fn command(&self) -> String {
        format!("{}/cmd", self.door)
    }

    /// Where Home Assistant looks for what there is.
    pub(super) fn config(&self) -> String {
        format!("{}/device/doorward/{}/config", self.discovery, self.name)
    }

    /// Where Home Assistant says that it has started.
    pub(super) fn birth(&self) -> String {
        format!("{}/status", self.discovery)
    }
}

/// What each topic under `state/` holds, by how things are.
pub(super) fn states(state: &State) -> BTreeMap<&'static str, String> {
    let on = |is_so: bool| if is_so { "ON" } else { "OFF" }.to_owned();
    let infrared_lost = state
        .infrared
        .as_ref()
        .is_some_and(|second| second.camera.is_none());
    let values = [
        lock(state).payload().to_owned(),
        on(state.door.condition.is_open()),
        on(has_fault(state, Kind::Tamper)),
        on(state.camera.is_none() || infrared_lost),
        state.people.to_string(),
    ];
    STATES.into_iter().zip(values).collect()
}

/// As the strike and the leaf are, and not as they were told to be.
pub(super) fn lock(state: &State) -> Lock {
    match state.door.condition {
        _ if has_fault(state, Kind::RelayFault) => Lock::Jammed,
        Condition::ForcedOpen => Lock::Jammed,
        Condition::Locked => Lock::Locked,
        Condition::Unlocked | Condition::Open | Condition::PreAlarm | Condition::HeldOpen => {
            Lock::Unlocked
        }
    }
}

fn has_fault(state: &State, kind: Kind) -> bool {
    state.faults.iter().any(|fault| fault.kind == kind.as_str())
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// How things are, with the door standing so and these faults.
    pub(in crate::bridge) fn state(condition: &str, faults: &[&str]) -> State {
        let faults: Vec<_> = faults
            .iter()
            .map(|kind| json!({ "kind": kind, "at_ms": 1, "message": "?" }))
            .collect();
        serde_json::from_value(json!({
            "record": { "id": 1, "hash": "0".repeat(64) }, "pid": 1, "since_ms": 1000,
            "door": { "condition": condition, "mode": "normal" }, "camera": "USB camera",
            "people": 41, "disabled": 1, "templates": 160, "templates_in_use": 150, "threshold": null,
            "last_grant": null, "faults": faults,
        }))
        .unwrap()
    }

    #[test]
    fn the_lock_is_shown_as_it_is() {
        for (condition, faults, lock, contact) in [
            ("locked", &[][..], "LOCKED", "OFF"),
            ("unlocked", &[], "UNLOCKED", "OFF"),
            ("open", &[], "UNLOCKED", "ON"),
            ("held_open", &[], "UNLOCKED", "ON"),
            ("forced_open", &[], "JAMMED", "ON"),
            ("locked", &["relay_fault"], "JAMMED", "OFF"),
        ] {
            let shown = states(&state(condition, faults));
            assert_eq!(
                (&*shown["lock"], &*shown["contact"]),
                (lock, contact),
                "{condition}"
            );
        }
        let shown = states(&state("locked", &["tamper"]));
        assert_eq!(
            (&*shown["tamper"], &*shown["people"], &*shown["camera"]),
            ("ON", "41", "OFF")
        );
    }
}
