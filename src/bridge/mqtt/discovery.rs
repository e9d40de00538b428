//! What Home Assistant is told there is: one device with its entities, in the form of its MQTT
//! discovery. A key that it does not know it leaves out in silence, and without `origin`,
//! `platform` or `unique_id` it leaves out the device.

use serde_json::{Value, json};

use super::shown::Topics;
use crate::record::Kind;

/// What an event is called that this program does not know.
pub(super) const OTHER: &str = "other";
/// Commands that wait in the broker longer than this are dropped there.
const COMMAND_EXPIRY_S: u32 = 5;

/// The payload of the discovery topic.
pub(super) fn payload(topics: &Topics, takes_commands: bool) -> Value {
    let door = &topics.name;
    let id = |part: &str| format!("doorward_{door}_{part}");
    let binary = |part: &str, name: &str, class: &str| {
        json!({
            "platform": "binary_sensor", "name": name, "device_class": class, "qos": 1,
            "unique_id": id(part), "object_id": id(part),
            "default_entity_id": format!("binary_sensor.{}", id(part)),
            "state_topic": topics.state(part),
        })
    };
    let sensor = |part: &str, name: &str, icon: &str| {
        json!({
            "platform": "sensor", "name": name, "icon": icon, "qos": 1,
            "entity_category": "diagnostic", "unique_id": id(part), "object_id": id(part),
            "default_entity_id": format!("sensor.{}", id(part)),
            "state_topic": topics.state(part),
        })
    };
    let mut lock = json!({
        "platform": "lock", "name": null, "qos": 1, "optimistic": false, "retain": false,
        "unique_id": id("lock"), "object_id": format!("doorward_{door}"),
        "default_entity_id": format!("lock.doorward_{door}"),
        "state_topic": topics.state("lock"), "command_topic": topics.command(),
        "message_expiry_interval": COMMAND_EXPIRY_S,
    });
    let mut camera = binary("camera", "Camera problem", "problem");
    camera["entity_category"] = "diagnostic".into();
    let mut people = sensor("people", "People", "mdi:account-multiple");
    people["state_class"] = "measurement".into();
    // Not by the availability of the rest, so that it can say that there is none.
    let online = json!({
        "platform": "binary_sensor", "name": "Connectivity", "device_class": "connectivity",
        "entity_category": "diagnostic", "qos": 1, "availability": [],
        "unique_id": id("online"), "object_id": id("online"),
        "default_entity_id": format!("binary_sensor.{}", id("online")),
        "state_topic": topics.status(), "payload_on": "online", "payload_off": "offline",
    });
    let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
    let events = json!({
        "platform": "event", "name": "Events", "qos": 1,
        "unique_id": id("event"), "object_id": id("event"),
        "default_entity_id": format!("event.{}", id("event")),
        "state_topic": topics.event(),
        "event_types": kinds.chain([OTHER]).collect::<Vec<_>>(),
    });
    let mut components = json!({
        "contact": binary("contact", "Contact", "door"),
        "tamper": binary("tamper", "Tamper", "tamper"),
        "camera": camera,
        "people": people,
        "online": online,
        "event": events,
    });
    if takes_commands {
        let nonce = format!("sensor.{}", id("nonce"));
        lock["command_template"] = format!(
            "{{\"action\":\"{{{{ value }}}}\",\"ts\":{{{{ now().timestamp() }}}},\"nonce\":\"{{{{ states('{nonce}') }}}}\",\"client\":\"home-assistant\"}}"
        )
        .into();
        components["nonce"] = sensor("nonce", "Command nonce", "mdi:key-variant");
    }
    components["lock"] = lock;
    json!({
        "device": {
            "identifiers": [format!("doorward_{door}")], "name": door,
            "manufacturer": "doorward", "model": "doorward face-recognition door controller",
            "serial_number": door, "sw_version": env!("CARGO_PKG_VERSION"),
        },
        "origin": { "name": "doorward bridge", "sw_version": env!("CARGO_PKG_VERSION") },
        "availability": [{ "topic": topics.status() }],
        "availability_mode": "all",
        "components": components,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_entity_has_what_home_assistant_leaves_out_a_device_without() {
        for takes_commands in [false, true] {
            let topics = Topics::new("doorward", "homeassistant", "front");
            let payload = payload(&topics, takes_commands);
            assert!(
                payload["origin"]["name"].is_string()
                    && payload["device"]["identifiers"].is_array()
            );
            let components = payload["components"].as_object().unwrap();
            assert_eq!(components.len(), 7 + usize::from(takes_commands));
            let mut ids = BTreeSet::new();
            for (name, component) in components {
                assert!(component["platform"].is_string(), "{name}");
                assert!(component["state_topic"].is_string(), "{name}");
                assert!(
                    ids.insert(component["unique_id"].as_str().unwrap()),
                    "{name}"
                );
            }
            let lock = &components["lock"];
            assert_eq!(lock["command_topic"], "doorward/front/cmd");
            assert_eq!(lock.get("command_template").is_some(), takes_commands);
        }
    }
}
