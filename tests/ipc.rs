//! The language of the control socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use doorward::ipc::{Answer, Ask, Code, Request, Role};
use serde_json::Value;

/// The examples of docs/ipc.md: who says it, and the line.
fn examples() -> Vec<(bool, String)> {
    let text = std::fs::read_to_string(support::project().join("docs/ipc.md")).unwrap();
    let blocks = text.split("```ipc\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).map(|line| {
        let (who, said) = line.split_once(' ').unwrap();
        assert!(who == ">" || who == "<", "{line}");
        (who == ">", said.to_owned())
    });
    lines.collect()
}

/// The fields of an object, at any depth, that have a value.
fn told(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), told(value)))
            .collect(),
        Value::Array(items) => items.iter().map(told).collect(),
        // `0.512` comes back as the nearest f32.
        Value::Number(number) if number.is_f64() => {
            Value::from(format!("{:.3}", number.as_f64().unwrap()))
        }
        value => value.clone(),
    }
}

#[test]
fn the_documentation_is_what_is_spoken() {
    let mut words = BTreeSet::new();
    for (is_request, line) in examples() {
        let written: Value = serde_json::from_str(&line).unwrap();
        let again = if is_request {
            match Request::parse(line.as_bytes()) {
                Ok(request) => request.line(),
                Err(nonsense) => {
                    assert!(line.contains("dance"), "{line}: {}", nonsense.what);
                    assert_eq!(nonsense.id, Some(3));
                    continue;
                }
            }
        } else {
            let answer = Answer::parse(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            answer.line()
        };
        let again: Value = serde_json::from_slice(&again).unwrap();
        let mut written = told(&written);
        if written["do"] == "live" {
            written["pictures"] = false.into();
        }
        assert_eq!(told(&again), written, "{line}");
        let fields = written.as_object().unwrap();
        words.extend(fields.keys().filter(|key| *key != "id").cloned());
        words.extend(written["do"].as_str().map(|what| format!("do {what}")));
    }
    for what in [
        "status", "watch", "unlock", "lock", "hold", "mode", "reload",
    ] {
        assert!(
            words.contains(&format!("do {what}")),
            "no example of {what}"
        );
    }
    for word in [
        "doorward", "ok", "error", "state", "event", "frame", "guidance",
    ] {
        assert!(words.contains(word), "no example of {word}");
    }
    let text = std::fs::read_to_string(support::project().join("docs/ipc.md")).unwrap();
    for code in Code::ALL {
        assert!(
            text.contains(&format!("| `{}` |", code.as_str())),
            "{}",
            code.as_str()
        );
    }
}

#[test]
fn a_bridge_unlocks_locks_carries_and_does_nothing_else_that_a_viewer_may_not() {
    let mut more = BTreeSet::new();
    for (is_request, line) in examples() {
        let Ok(Request { ask, .. }) = Request::parse(line.as_bytes()) else {
            continue;
        };
        let (viewer, bridge) = (
            ask.is_for(Some(Role::Viewer)),
            ask.is_for(Some(Role::Bridge)),
        );
        assert!(is_request && (bridge || !viewer), "{line}");
        assert!(
            !ask.is_for(None) && ask.is_for(Some(Role::Administrator)),
            "{line}"
        );
        if bridge && !viewer {
            let written: Value = serde_json::from_str(&line).unwrap();
            more.insert(written["do"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        more.into_iter().collect::<Vec<_>>(),
        ["fleet_ask", "fleet_missed", "fleet_take", "lock", "unlock"]
    );
}

#[test]
fn what_is_no_request_says_why_and_with_which_number() {
    for (line, id, what) in [
        (r#"{"id":3,"do":"unlock","force":true}"#, Some(3), "force"),
        (r#"{"id":3,"do":"hold"}"#, Some(3), "until_ms"),
        (r#"{"id":3}"#, Some(3), "do"),
        (r#"{"do":"status"}"#, None, "number"),
        (r#"{"id":-1,"do":"status"}"#, None, "number"),
        (r#"["status"]"#, None, "JSON object"),
        ("", None, "JSON object"),
    ] {
        let nonsense = Request::parse(line.as_bytes()).unwrap_err();
        assert_eq!(nonsense.id, id, "{line}");
        assert!(nonsense.what.contains(what), "{line}: {}", nonsense.what);
    }
    let deep = "[".repeat(100_000);
    assert!(Request::parse(deep.as_bytes()).is_err());
    let plain = Request::parse(br#"{"id":3,"do":"status"}"#).unwrap();
    assert_eq!(plain.ask, Ask::Status {});
}
