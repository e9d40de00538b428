//! What a record says, in English; the second file to translate, beside `texts.rs`.

use serde_json::Value;

use super::happening::{Tone, shown};

fn text(event: &Value, key: &str) -> Option<String> {
    event.get(key).and_then(Value::as_str).map(shown)
}

fn reason(event: &Value) -> &str {
    event
        .get("reason")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// How a kind is to be taken, and a word for it.
pub(super) fn kind(kind: &str, event: &Value) -> (Tone, &'static str) {
    match kind {
        "granted" | "granted_by_card" => (Tone::In, "let in"),
        "denied" if reason(event) == "factor_needed" => (Tone::Quiet, "asked for more"),
        "denied" | "factor_refused" | "rex_refused" => (Tone::Out, "refused"),
        "cannot_judge" => (Tone::Unclear, "not judged"),
        "grant_withdrawn" | "not_opened" => (Tone::Unclear, "not opened"),
        "unlock_asked" => (Tone::Note, "opened once"),
        "mode_set" | "mode_ended" | "office_opened" => (Tone::Note, "mode"),
        "rex" => (Tone::Quiet, "exit"),
        "forced_open"
        | "tamper"
        | "duress"
        | "relay_fault"
        | "fault"
        | "camera_lost"
        | "whitelist_unreadable"
        | "records_lost"
        | "inputs_lost" => (Tone::Alarm, "alarm"),
        "held_open" => match text(event, "stage").as_deref() {
            Some("pre_alarm") => (Tone::Unclear, "open for long"),
            _ => (Tone::Alarm, "alarm"),
        },
        "config_rejected" | "rules_rejected" | "roles_rejected" => (Tone::Alarm, "rejected"),
        "lockout_began" => (Tone::Alarm, "pause"),
        "alarm_ended" | "camera_back" | "inputs_back" | "lockout_ended" => (Tone::Note, "over"),
        "enrolled" | "imported" => (Tone::Note, "listed"),
        "removed" => (Tone::Note, "removed"),
        "erased" => (Tone::Note, "forgotten"),
        "disabled" | "unused_disabled" => (Tone::Note, "kept out"),
        "unused_soon" => (Tone::Note, "kept out soon"),
        "consent_given" => (Tone::Quiet, "consent"),
        "consent_withdrawn" => (Tone::Note, "consent taken back"),
        "disclosed" => (Tone::Quiet, "copy given"),
        "rekeyed" => (Tone::Note, "another key"),
        "enabled" => (Tone::Note, "let in again"),
        "guest_until" => (Tone::Note, "guest"),
        "started" | "stopped" => (Tone::Note, "service"),
        "control_refused" => (Tone::Quiet, "refused"),
        "control_asked" => (Tone::Quiet, "asked for"),
        "renamed" => (Tone::Quiet, "renamed"),
        "group_joined" => (Tone::Quiet, "into a group"),
        "group_left" => (Tone::Quiet, "out of a group"),
        "validity_changed" => (Tone::Quiet, "validity"),
        "entries_changed" => (Tone::Quiet, "entries"),
        "template_forgotten" => (Tone::Quiet, "photo removed"),
        "factor_accepted" => (Tone::Quiet, "PIN or card"),
        "pin_set" => (Tone::Quiet, "PIN set"),
        "pin_removed" => (Tone::Quiet, "PIN removed"),
        "card_added" => (Tone::Quiet, "card added"),
        "card_removed" => (Tone::Quiet, "card removed"),
        "card_lost" => (Tone::Quiet, "card lost"),
        _ => (Tone::Quiet, "noted"),
    }
}

/// What to call something that is about nobody in particular.
pub(super) fn title(kind: &str, event: &Value) -> String {
    match kind {
        "denied" | "cannot_judge" => "Somebody unknown",
        "factor_refused" => "A PIN or card",
        "unlock_asked" => "Opened by order",
        "mode_set" => match text(event, "mode").as_deref() {
            Some("lockdown") => "Locked down",
            Some("hold") => "Held open by order",
            Some("office") => "Office hours",
            _ => "Back to normal",
        },
        "mode_ended" => "A mode ended",
        "office_opened" => "Office hours began",
        "rex" => "Exit button",
        "rex_refused" => "Exit button",
        "forced_open" => "Door forced open",
        "held_open" => "Door held open",
        "tamper" => "Cover open or cable cut",
        "alarm_ended" => "An alarm is over",
        "duress" => "Opened under duress",
        "camera_lost" => "Camera lost",
        "camera_back" => "Camera is back",
        "inputs_lost" => "Contact and buttons lost",
        "inputs_back" => "Contact and buttons are back",
        "relay_fault" => "The relay fails",
        "fault" => "A part failed",
        "whitelist_unreadable" => "The whitelist cannot be read",
        "records_lost" => "Events were lost",
        "config_rejected" => "The configuration is wrong",
        "rules_rejected" => "The access rules are wrong",
        "lockout_began" => "Too many refusals",
        "lockout_ended" => "The pause is over",
        "rekeyed" => "Sealed with another key",
        "started" => "Guarding began",
        "stopped" => "Guarding ended",
        "unlocked" => "Unlocked",
        "locked" => "Locked",
        "access_taken" => "Somebody passed",
        "access_not_taken" => "Nobody passed",
        "grant_withdrawn" | "not_opened" => "Not opened",
        "control_refused" => "More than the role allows",
        "control_asked" => match text(event, "act").as_deref() {
            Some("snapshot" | "live") => "The camera's picture",
            Some("enrol") => "Putting somebody on the list",
            Some("reload") => "Reading the configuration",
            _ => "A program of this machine",
        },
        "whitelist_loaded" => "The list was read",
        "config_reloaded" => "The configuration was read",
        "rules_loaded" => "The access rules were read",
        "roles_rejected" => "The file of roles is wrong",
        "relay_by_hand" => "The relay was moved by hand",
        "pruned" => "Old events were deleted",
        "backed_up" => "A backup was made",
        "restored" => "A backup was taken back",
        "exported" => "People were exported",
        "imported" => "People were imported",
        "photos_forgotten" => "Kept photos were deleted",
        _ => return shown(&kind.replace('_', " ")),
    }
    .to_owned()
}

/// The rest, in a line; empty if there is nothing more to say.
pub(super) fn detail(kind: &str, event: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(why) = why(kind, reason(event)) {
        parts.push(why.to_owned());
    }
    let number = |key: &str| event.get(key).and_then(Value::as_f64);
    match kind {
        "granted" | "denied" | "grant_withdrawn" => {
            if let (Some(score), Some(needed)) = (number("score"), number("threshold")) {
                parts.push(format!("score {score:.2}, threshold {needed:.2}"));
            }
        }
        "group_joined" | "group_left" => parts.extend(text(event, "group")),
        "renamed" => parts.extend(text(event, "before").map(|name| format!("before: {name}"))),
        _ => {}
    }
    if let Some(with) = event.get("with").and_then(|with| text(with, "name")) {
        parts.push(format!("with {with}"));
    }
    parts.extend(text(event, "purpose"));
    parts.extend(text(event, "message"));
    if let Some(by) = event.get("actor").map(actor) {
        parts.push(format!("by {by}"));
    }
    parts.join(" · ")
}

/// Whoever acted: the page's account, a user's name, or a number.
fn actor(actor: &Value) -> String {
    text(actor, "account")
        .or_else(|| text(actor, "claimed"))
        .unwrap_or_else(|| {
            let uid = actor.get("uid").and_then(Value::as_u64);
            uid.map_or_else(|| "somebody".into(), |uid| format!("user {uid}"))
        })
}

/// Why, by a reason's code.
pub(super) fn why(kind: &str, code: &str) -> Option<&'static str> {
    Some(match (kind, code) {
        (_, "recognised") => return None,
        ("granted_by_card", "card") => "by card, as the camera is lost",
        ("granted", "passed_back") => "let in although in already",
        ("denied", "passed_back") => "went the same way before",
        (_, "not_listed") => "resembles nobody on the list",
        (_, "empty_whitelist") => "nobody is listed yet",
        (_, "frozen_face") => "as still as a picture",
        (_, "coupled_face") => "moves as a picture does",
        ("access", "disabled") | (_, "disabled") => "disabled",
        (_, "removed") => "not listed any more",
        (_, "expired") => "too long ago",
        (_, "outside_hours") => "not at this time, by the rules",
        (_, "not_yet_valid") => "not from when on this person may pass",
        (_, "validity_over") => "the time this person may pass is over",
        (_, "no_entries_left") => "no entries left",
        (_, "clock_unknown") => "the clock may be wrong",
        (_, "factor_needed") => "a card or PIN is needed too",
        (_, "companion_missing") => "waits for the second person",
        (_, "escort_missing") => "waits for an escort",
        (_, "score_too_low") => "not sure enough for this person",
        (_, "locked_down") => "the door is locked down",
        (_, "wrong_pin") => "wrong PIN",
        (_, "locked_out") => "a pause after too many refusals",
        (_, "card_unknown") => "nobody's card",
        (_, "card_lost") => "that card is lost",
        (_, "card_alone") => "a card alone is not enough",
        (_, "lease_over") => "no news of the fleet's list for too long",
        (_, "factor_of_another") => "the card is somebody else's",
        (_, "too_small") => "too far away",
        (_, "blurred") => "blurred",
        (_, "dark") => "too dark",
        (_, "cut") => "not whole in the picture",
        (_, "upside_down") => "upside down",
        (_, "low_detector_score") => "half hidden or turned away",
        (_, "too_late") => "it took too long",
        (_, "door_busy") => "the door was busy",
        (_, "held_open") => "it is unlocked already",
        (_, "other_door_open") => "the other door is open",
        (_, "relay_fault") => "the relay failed",
        (_, "revoked") => "may not pass any more",
        (_, "releasing") => "the relay is not released yet",
        (_, "stopping") => "the service stops",
        _ => return None,
    })
}
