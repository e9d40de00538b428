//! Whatever happens, what is counted is right, and nobody is named.
#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::super::outgoing::tests::outgoing;
use super::*;

fn state() -> State {
    serde_json::from_value(json!({
        "record": { "id": 1, "hash": "00" }, "pid": 1, "since_ms": 1000,
        "door": { "condition": "forced_open", "mode": "lockdown" }, "camera": null,
        "people": 41, "disabled": 1, "templates": 160, "templates_in_use": 150, "threshold": null,
        "last_grant": null, "faults": [{ "kind": "camera_lost", "at_ms": 1, "message": "Ada's cable" },
            { "kind": "a\"} new one", "at_ms": 1, "message": "?" }],
    }))
    .unwrap()
}

#[test]
fn what_happens_is_counted_and_nobody_is_named() {
    let mut numbers = Numbers::new("front");
    let frame = json!({ "name": "Ada", "vision_ms": 80.0, "age_ms": 400.0 });
    let granted = json!({ "kind": "granted", "reason": "recognised", "person": { "id": 7, "name": "Ada" },
        "score": 0.75, "threshold": 0.5, "frames": 3, "model": "m@00000000", "frame": frame });
    let denied = json!({ "kind": "denied", "reason": "outside_hours", "person": { "id": 7, "name": "Ada" },
        "frames": 3, "model": "m@00000000", "frame": frame, "left_out": 4 });
    let unlocked = json!({ "kind": "unlocked", "by": { "grant": 1 }, "pulse_ms": 3000 });
    for (number, event) in (1..).zip([
        &granted,
        &unlocked,
        &denied,
        &json!({ "kind": "of_tomorrow" }),
    ]) {
        numbers.count(&outgoing(number, 1, event));
    }
    numbers.show(Some(&state()));
    let text = numbers.text();
    for line in [
        "doorward_grants_total{door=\"front\",reason=\"recognised\"} 1",
        "doorward_refusals_total{door=\"front\",reason=\"outside_hours\"} 5",
        "doorward_events_total{door=\"front\",event=\"other\"} 1",
        "doorward_events_total{door=\"front\",event=\"forced_open\"} 0",
        "doorward_stage_duration_seconds_count{door=\"front\",stage=\"decision\"} 2",
        "doorward_stage_duration_seconds_count{door=\"front\",stage=\"unlock\"} 1",
        "doorward_door_locked{door=\"front\"} 0",
        "doorward_door_open{door=\"front\"} 1",
        "doorward_door_mode{door=\"front\",mode=\"lockdown\"} 1",
        "doorward_camera_up{door=\"front\",camera=\"colour\"} 0",
        "doorward_fault{door=\"front\",kind=\"camera_lost\"} 1",
        "doorward_fault{door=\"front\",kind=\"other\"} 1",
        "doorward_people{door=\"front\"} 41",
    ] {
        assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
    }
    assert!(!text.contains("Ada"), "{text}");
    numbers.show(None);
    let text = numbers.text();
    assert!(
        text.contains("doorward_daemon_up{door=\"front\"} 0"),
        "{text}"
    );
    assert!(!text.contains("mode=\"lockdown\""), "{text}");
}

#[test]
fn frames_go_on_counting_where_the_daemon_is_started_anew() {
    let mut numbers = Numbers::new("front");
    for judged in [10, 15, 4, 4] {
        let frames = FramesCounted {
            judged,
            ..FramesCounted::default()
        };
        numbers.frames(Counts { frames });
    }
    let text = numbers.text();
    let line = "doorward_frames_total{door=\"front\",outcome=\"judged\"} 19";
    assert!(text.lines().any(|one| one == line), "{text}");
}

#[test]
fn whatever_is_on_record_the_series_are_bounded() {
    let mut numbers = Numbers::new("front");
    let bodies = include_str!("../../tests/golden/record/bodies.jsonl");
    let lines = || numbers_lines(&Numbers::new("front"));
    let before = lines();
    for (number, line) in (1..).zip(bodies.lines()) {
        let body: Value = serde_json::from_str(line).unwrap();
        numbers.count(&outgoing(number, 1, &body["event"]));
    }
    for n in 0..1000 {
        let event = json!({ "kind": format!("k{n}"), "reason": format!("r{n}") });
        numbers.count(&outgoing(5000 + n, 1, &event));
    }
    assert!(numbers_lines(&numbers) <= before + 1);
}

fn numbers_lines(numbers: &Numbers) -> usize {
    let text = numbers.text();
    text.lines().filter(|line| !line.starts_with('#')).count()
}
