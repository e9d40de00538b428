//! What the system's journal is told of an event beside its text, so that `journalctl
//! DOORWARD_EVENT=forced_open` finds it and `journalctl -x` explains it.

use super::event::{Event, Kind};

/// What has an entry in `systemd/doorward.catalog`, and its id there.
const MESSAGE_IDS: [(Kind, &str); 14] = [
    (Kind::ForcedOpen, "185134e00b26814c2863d85026f55ba7"),
    (Kind::HeldOpen, "11bc24244e6d0b6949768bb89aa0366d"),
    (Kind::Tamper, "db4ace522d2019a14304eae0353a9607"),
    (Kind::Duress, "8af7efb57767777896eac0de42a931f0"),
    (Kind::RelayFault, "68e264fb9912ee6c27a6b90a6c7d827a"),
    (Kind::Fault, "73cbf6e2916babc6ca2f5d99cedd22d7"),
    (Kind::CameraLost, "948555c4c3f08eb059b796fa14252a6e"),
    (
        Kind::WhitelistUnreadable,
        "863ce991a7e5734ec579a0efd9564eac",
    ),
    (Kind::RecordsLost, "e3af08a70926f9f182828ad841b71120"),
    (Kind::ConfigRejected, "34210c6b96552bde06e92e1a4fc5f4eb"),
    (Kind::RulesRejected, "2c84503e28175b6b87c06d635b020882"),
    (Kind::RolesRejected, "d7e7d46ffb75e2f926e8eceb02a2a46e"),
    (Kind::InputsLost, "4cf6dcaa8e344446786190f8dfff65b4"),
    (Kind::LockoutBegan, "b5d287fba03c2d80e9729acb8536d801"),
];

/// The fields of an event that is on record under this number: its kind, its reason's code, and
/// whose it is, by number.
pub fn journal_fields(number: u64, event: &Event) -> Vec<(&'static str, String)> {
    let kind = event.kind();
    let mut fields = vec![
        ("DOORWARD_EVENT", kind.as_str().to_owned()),
        ("DOORWARD_NUMBER", number.to_string()),
    ];
    let known = MESSAGE_IDS.iter().find(|(one, _)| *one == kind);
    fields.extend(known.map(|(_, id)| ("MESSAGE_ID", (*id).to_owned())));
    // What is stored has the codes; an event that cannot be stored has none.
    let stored = serde_json::to_value(event).unwrap_or_default();
    let reason = stored["reason"].as_str().map(str::to_owned);
    fields.extend(reason.map(|reason| ("DOORWARD_REASON", reason)));
    let person = stored["person"]["id"].as_i64();
    fields.extend(person.map(|person| ("DOORWARD_PERSON", person.to_string())));
    fields
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::record::HEAD_MESSAGE_ID;

    #[test]
    fn the_catalogue_explains_what_has_an_id_and_nothing_else() {
        let catalogue = include_str!("../../systemd/doorward.catalog");
        let entries = catalogue
            .lines()
            .filter_map(|line| line.strip_prefix("-- "));
        let explained: BTreeSet<&str> = entries.collect();
        let ids = MESSAGE_IDS
            .iter()
            .map(|(_, id)| *id)
            .chain([HEAD_MESSAGE_ID]);
        assert_eq!(explained, ids.collect());
        assert_eq!(explained.len(), MESSAGE_IDS.len() + 1);
        let is_id = |id: &&str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(explained.iter().all(is_id));
    }

    #[test]
    fn every_event_has_fields_that_name_nobody() {
        let bodies = include_str!("../../tests/golden/record/bodies.jsonl");
        let mut reasons = 0;
        for line in bodies.lines() {
            let body: serde_json::Value = serde_json::from_str(line).unwrap();
            let Ok(event) = serde_json::from_value::<Event>(body["event"].clone()) else {
                continue;
            };
            let fields = journal_fields(812, &event);
            assert_eq!(
                fields[0],
                ("DOORWARD_EVENT", event.kind().as_str().to_owned())
            );
            assert_eq!(fields[1], ("DOORWARD_NUMBER", "812".to_owned()));
            let code = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            assert!(fields.iter().all(|(_, value)| code(value)), "{fields:?}");
            reasons += fields
                .iter()
                .filter(|(name, _)| *name == "DOORWARD_REASON")
                .count();
        }
        assert!(reasons > 50, "{reasons}");
    }
}
