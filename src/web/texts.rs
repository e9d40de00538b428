//! Everything the page says, in English. A translation is this file with other words: the
//! compiler finds what it lacks.

/// The language, for browsers and screen readers.
pub(super) const LANGUAGE: &str = "en";

// Everywhere.
pub(super) const SKIP: &str = "Skip to the content";
pub(super) const NAVIGATION: &str = "Main";
pub(super) const TODAY: &str = "Today";
pub(super) const PEOPLE: &str = "People";
pub(super) const CAMERA: &str = "Camera";
pub(super) const RULES: &str = "Who may pass";
pub(super) const REPORTS: &str = "Reports";
pub(super) const FAULTS: &str = "Faults";
pub(super) const ACCOUNT: &str = "Your account";
pub(super) const MORE: &str = "More";
pub(super) const SHOW: &str = "Show";

// Logging in.
pub(super) const LOG_IN: &str = "Log in";
pub(super) const LOG_OUT: &str = "Log out";
pub(super) const ACCOUNT_NAME: &str = "Account";
pub(super) const PASSWORD: &str = "Password";
pub(super) const CODE: &str = "Code of your authenticator app";
pub(super) const CODE_HINT: &str = "Leave it empty if your account has none.";
pub(super) const LOG_IN_WRONG: &str = "Account, password or code is wrong.";
pub(super) const LOG_IN_STALE: &str = "This form was open for too long. Try again.";
pub(super) const NO_ACCOUNTS: &str = "There is no account yet.";
pub(super) const NO_ACCOUNTS_FIX: &str =
    "On the board: sudo doorward web add-user NAME --role administrator";
pub(super) const ACCOUNTS_WRONG: &str = "The accounts cannot be read, so nobody can log in.";
pub(super) const ROLE: &str = "Role";
pub(super) const ROLE_MEANS: [&str; 3] = [
    "You see what happens at the door, who is listed and what fails.",
    "You see what happens, open the door and use its camera.",
    "You see everything, open the door, and change who is listed.",
];
pub(super) const ACCOUNT_HINT: &str =
    "Passwords and roles are changed on the board: sudo doorward web add-user NAME.";

pub(super) fn wait(seconds: u64) -> String {
    match seconds {
        0..=90 => format!("Too many wrong tries. Wait {seconds} seconds, then try again."),
        _ => format!(
            "Too many wrong tries. Wait {} minutes, then try again.",
            seconds.div_ceil(60)
        ),
    }
}

// Today.
pub(super) const OPEN_ONCE: &str = "Open once";
pub(super) const REASON: &str = "Reason";
pub(super) const REASON_HINT: &str = "Goes on record with your account, such as: a parcel.";
pub(super) const REASON_NEEDED: &str = "Say why the door is to open.";
pub(super) const LOCK_NOW: &str = "End it and lock";
pub(super) const HAPPENED: &str = "Entries and refusals";
pub(super) const NOTHING_TODAY: &str = "Nobody has come yet today.";
pub(super) const ENTRIES: &str = "Entries";
pub(super) const REFUSALS: &str = "Refusals";
pub(super) const ALL_EVENTS: &str = "Everything of today";
pub(super) const FAULTS_SEE: &str = "See what to do";
pub(super) const OPENED: &str = "The door is unlocked for a moment.";
pub(super) const LOCKED_AGAIN: &str = "The door is held open no more.";
pub(super) const DOOR_GONE: &str = "No word from the door";
pub(super) const DOOR_GONE_DETAIL: &str = "Is the service running? sudo systemctl status doorward";
pub(super) const LOCKED: &str = "Locked";
pub(super) const UNLOCKED: &str = "Unlocked";
pub(super) const OPEN: &str = "Open";
pub(super) const PRE_ALARM: &str = "Open for long";
pub(super) const HELD_OPEN: &str = "Held open too long";
pub(super) const FORCED_OPEN: &str = "Forced open";
pub(super) const MODE_LOCKDOWN: &str = "Locked down: nobody is let in";
pub(super) const MODE_HOLD: &str = "Held open by order";
pub(super) const MODE_OFFICE: &str = "Office hours";
pub(super) const CAMERA_LOST: &str = "No camera";
pub(super) const NOBODY_CAN: &str = "Nobody can be let in";

pub(super) fn listed(people: usize) -> String {
    counted(people, "person", "people") + " listed"
}
pub(super) fn until(clock: &str) -> String {
    format!("until {clock}")
}
pub(super) fn faults_now(faults: usize) -> String {
    counted(faults, "fault", "faults") + " at the door."
}
pub(super) fn not_opened(why: &str) -> String {
    format!("The door was not unlocked: {why}.")
}

// People.
pub(super) const ADD_PERSON: &str = "Add a person";
pub(super) const ADD_GUEST: &str = "Add a guest";
pub(super) const SEARCH: &str = "Name";
pub(super) const GROUP: &str = "Group";
pub(super) const EVERY_GROUP: &str = "Everybody";
pub(super) const GUESTS: &str = "Guests";
pub(super) const DISABLED: &str = "Disabled";
pub(super) const NOBODY_LISTED: &str = "Nobody is listed yet.";
pub(super) const NOBODY_FOUND: &str = "Nobody is called that here.";
pub(super) const NEVER: &str = "not let in yet";
pub(super) const LAST_SEEN: &str = "Let in last";
pub(super) const SINCE: &str = "Listed since";
pub(super) const PHOTOS: &str = "Photos";
pub(super) const VALID: &str = "May pass";
pub(super) const ALWAYS: &str = "without limit";
pub(super) const OVER: &str = "Over";
pub(super) const NAME: &str = "Name";
pub(super) const GROUPS: &str = "Groups";
pub(super) const GROUPS_HINT: &str = "As the access rules call them, with commas between.";
pub(super) const GUEST_UNTIL: &str = "Guest until";
pub(super) const GUEST_HINT: &str = "Leave it empty for somebody who stays.";
pub(super) const PHOTOS_HINT: &str =
    "JPEG or PNG; three or more in different light are best. One face each, whole, sharp and lit.";
pub(super) const BY_PHOTOS: &str = "With photos";
pub(super) const BY_CAMERA: &str = "With the door's camera";
pub(super) const BY_CAMERA_HINT: &str =
    "The person stands before the door; the page says what to do.";
pub(super) const START_CAMERA: &str = "Start the camera";
pub(super) const ADD_PHOTOS: &str = "Add photos";
pub(super) const SAVE: &str = "Save";
pub(super) const FROM: &str = "From";
pub(super) const TO: &str = "Until";
pub(super) const VALIDITY: &str = "When this person may pass";
pub(super) const VALIDITY_HINT: &str = "Leave a field empty for no limit.";
pub(super) const MAY_PASS: &str = "Let in";
pub(super) const DISABLE: &str = "Keep out for now";
pub(super) const ENABLE: &str = "Let in again";
pub(super) const DISABLE_HINT: &str = "Photos and groups stay; it counts at once.";
pub(super) const CONSENT: &str = "Consent";
pub(super) const NO_CONSENT: &str = "none noted";
pub(super) const CONSENT_DAY: &str = "Given on";
pub(super) const CONSENT_PURPOSE: &str = "For what";
pub(super) const CONSENT_HINT: &str =
    "When this person agreed to be recognised, and to what, such as: entry by face.";
pub(super) const CONSENT_WITHDRAW: &str = "Taken back: let in no more";
pub(super) const ERASE_NAME: &str = "Also the name in what happened, as far as that can be";
pub(super) const REMOVE: &str = "Remove and erase";
pub(super) const REMOVE_HINT: &str = "Name, face, PIN and cards go for good, also from the database's files. What happened at the door stays on record.";
pub(super) const REMOVE_CONFIRM: &str = "Yes, forget this person";
pub(super) const REMOVE_UNCONFIRMED: &str =
    "Nothing was removed: tick the box to say that you are sure.";
pub(super) const RECENT: &str = "Lately";
pub(super) const NO_RECENT: &str = "Nothing on record in the last thirty days.";
pub(super) const SAVED: &str = "Saved. It counts at once.";
pub(super) const ADDED: &str = "The person is listed now.";
pub(super) const PHOTOS_ADDED: &str = "The photos were added.";
pub(super) const REMOVED: &str = "The person is gone, also from the files.";
pub(super) const REMOVED_NOT_GONE: &str = "The person is not listed any more. The files still have something left: on the board, sudo doorward people erase.";
pub(super) const NAME_NEEDED: &str = "A name is needed.";
pub(super) const PHOTO_NEEDED: &str = "At least one photo is needed.";
pub(super) const TIME_WRONG: &str = "One of the times is none.";
pub(super) const DAY_WRONG: &str =
    "Nothing was noted: say on which day consent was given, such as 2026-09-01.";
pub(super) const NOTHING_CHOSEN: &str = "Nothing was noted: the form does not say what to do.";
pub(super) const TIME_PAST: &str = "The end is past already.";
pub(super) const PERSON_GONE: &str = "Nobody has that number.";

pub(super) fn remove_sure(name: &str) -> String {
    format!("Forget {name} for good?")
}
pub(super) fn guest_until(clock: &str) -> String {
    format!("guest until {clock}")
}
pub(super) fn valid_until(clock: &str) -> String {
    format!("until {clock}")
}
pub(super) fn valid_from(clock: &str) -> String {
    format!("from {clock}")
}

// With the camera.
pub(super) const GUIDED: &str = "Taking photos";
pub(super) const GUIDED_HINT: &str = "The person stands an arm's length before the door's camera.";
pub(super) const CANCEL: &str = "Stop";
pub(super) const GUIDED_WAIT: &str = "The camera is being asked …";
pub(super) const GUIDED_DONE: &str = "Done: the person is listed.";
pub(super) const GUIDED_OVER: &str = "This was stopped, or is over.";
pub(super) const GUIDED_BUSY: &str = "Somebody else takes photos with the camera now.";
pub(super) const AGAIN: &str = "Try again";
pub(super) const TO_PERSON: &str = "To this person";
pub(super) const PICTURE_ALT: &str = "What the door's camera sees";

pub(super) fn taken(taken: u8, wanted: u8) -> String {
    format!("{taken} of {wanted} photos")
}

/// What to do next, by the step's code.
pub(super) fn step(code: &str) -> Option<&'static str> {
    Some(match code {
        "taken" => "Good. Turn your head a little",
        "look_here" => "Look into the camera",
        "come_closer" => "Come closer",
        "into_the_picture" => "Come into the middle of the picture",
        "turn_right" => "Turn a little to your right",
        "turn_left" => "Turn a little to your left",
        "face_the_camera" => "Look straight into the camera",
        "more_light" => "It is too dark: more light is needed",
        "hold_still" => "Hold still",
        "turn_the_camera" => "The picture is upside down: turn the camera",
        "somebody_else" => "Somebody else is in view: one at a time",
        _ => return None,
    })
}

// The camera.
pub(super) const CAMERA_HINT: &str =
    "To aim and focus the camera: stand where people will stand. Nobody is let in by looking here.";
pub(super) const CAMERA_STILL: &str = "Take another picture";
pub(super) const NO_PICTURE: &str = "The camera gives no picture now.";
pub(super) const WHO: &str = "Most alike";
pub(super) const SCORE: &str = "Score";
pub(super) const NEEDED: &str = "Needed";
pub(super) const NOBODY: &str = "nobody";
pub(super) const NONE: &str = "none";
pub(super) const LOOK_NOBODY: &str = "Nobody in view.";
pub(super) const LOOK_MATCH: &str = "That face is good enough.";
pub(super) const LOOK_LOW: &str = "A face, and nobody's on the list.";
pub(super) const LOOK_PLAIN: &str = "A face.";
pub(super) const LOOK_ATTACK: &str = "That looks like a picture of a face.";

/// Why a face cannot be judged, by its code.
pub(super) fn flaw(code: &str) -> Option<&'static str> {
    Some(match code {
        "too_small" => "Too far away: come closer, or zoom in.",
        "blurred" => "Blurred: hold still, or clean and focus the lens.",
        "dark" => "Too dark: more light is needed.",
        "cut" => "Cut by the picture's edge: turn the camera.",
        "upside_down" => "Upside down: turn the camera, or set camera.rotate.",
        "low_detector_score" => "Half hidden or turned away.",
        _ => return None,
    })
}

// Who may pass.
pub(super) const RULES_HINT: &str =
    "Asks the door's own rules. Face, cards and who else has to come are left aside.";
pub(super) const PERSON: &str = "Person";
pub(super) const DAY_AND_TIME: &str = "Day and time";
pub(super) const ASK: &str = "Ask";
pub(super) const RULES_OF: &str = "Rules for this person";
pub(super) const LETS_IN: &str = "lets in";
pub(super) const NOT_NOW: &str = "not at this time";
pub(super) const NO_RULES: &str =
    "There are no rules: everybody who is enabled may pass at any time.";

pub(super) fn may(name: &str, clock: &str) -> String {
    format!("{clock}: yes, {name} may pass.")
}
pub(super) fn may_not(name: &str, clock: &str) -> String {
    format!("{clock}: no, {name} may not pass.")
}
pub(super) fn next_change(clock: &str) -> String {
    format!("Next change: {clock}.")
}

// Faults.
pub(super) const NO_FAULTS: &str = "Nothing fails.";
pub(super) const WHAT_TO_DO: &str = "What to do";
pub(super) const FAULTS_LATELY: &str = "In the last seven days";
pub(super) const NO_FAULTS_LATELY: &str = "No fault in the last seven days.";

pub(super) fn since(clock: &str) -> String {
    format!("since {clock}")
}

/// What to do about a fault, by the kind of event that began it.
pub(super) fn remedy(kind: &str) -> &'static str {
    match kind {
        "camera_lost" => {
            "Look at the camera's cable and power. doorward check lists the cameras there are. The door stays locked meanwhile."
        }
        "relay_fault" => {
            "Look at the door itself first: it may be unlocked. Then check the relay board's wires and power."
        }
        "whitelist_unreadable" => {
            "Nobody is let in. doorward check says what is wrong with the database; a backup brings people back with doorward restore."
        }
        "config_rejected" | "rules_rejected" => {
            "The old settings stay in force. Mend what the message names, then: sudo systemctl reload doorward."
        }
        "records_lost" => "Look whether the disk is full or slow: df -h /var/lib/doorward.",
        "inputs_lost" => {
            "Look at the cables of contact, button and reader, and whether doorward-panel runs."
        }
        "tamper" => "Look at the box: its cover is open, or a cable is cut.",
        "forced_open" => "Look at the door: it was opened without being unlocked.",
        "held_open" => "Close the door.",
        _ => "Look what doorward check says, and at the journal: journalctl -u doorward.",
    }
}

// Reports.
pub(super) const DAY: &str = "Day";
pub(super) const EVERYBODY: &str = "Everybody";
pub(super) const WHAT: &str = "What";
pub(super) const ONLY_ENTRIES: &str = "Entries and refusals";
pub(super) const EVERYTHING: &str = "Everything";
pub(super) const TIME: &str = "Time";
pub(super) const DETAIL: &str = "Detail";
pub(super) const NUMBER: &str = "No.";
pub(super) const CSV: &str = "As CSV";
pub(super) const NOTHING_THEN: &str = "Nothing on record for this.";
pub(super) const DAYS: &str = "Days";
pub(super) const CSV_COLUMNS: [&str; 7] =
    ["id", "at", "kind", "reason", "person_id", "name", "what"];

pub(super) fn so_many_days(days: u16) -> String {
    match days {
        1 => "this day".into(),
        _ => format!("{days} days from then on"),
    }
}
pub(super) fn only_first(many: usize) -> String {
    format!("Only the first {many} are shown.")
}

// When something cannot be done.
pub(super) const ANOTHER_VERSION: &str = "Door and page are of different versions: restart both, sudo systemctl restart doorward doorward-web";
pub(super) const NOT_FOUND: &str = "There is no such page.";
pub(super) const NOT_ALLOWED: &str = "Your account's role does not allow that.";
pub(super) const FORGED: &str = "This form was not made here, or your session is over. Nothing was done; go back and try again.";
pub(super) const TOO_LARGE: &str =
    "That is more than the page takes: at most eight photos, 8 MB each.";
pub(super) const BAD_FORM: &str = "The form cannot be read. Nothing was done.";
pub(super) const TOO_LONG: &str = "It took too long. Whether it was done shows the list of today.";
pub(super) const TOO_MANY: &str = "Too many pages are open at once. Close some and try again.";
pub(super) const NOT_A_PHOTO: &str = "is neither a JPEG nor a PNG";
pub(super) const FAILED: &str = "That did not work.";

/// A number of things in words.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    crate::shown::counted(number as u64, one, many)
}
