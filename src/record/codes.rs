//! Reasons as they are persisted: a code for programs, and English for people.
//!
//! A code never changes its meaning and is never given to another reason. The types are the
//! record's own, and not those of the rooms where the reasons arise: a room may rename
//! what it likes without touching a byte that was written.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal, $text:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $text] #[serde(rename = $code)] $variant,)*
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As stored and as printed for programs, snake_case.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $text,)*
                })
            }
        }
    )*};
}

codes! {
    /// Why somebody may pass.
    GrantReason {
        Recognised = "recognised", "recognised";
        PassedBack = "passed_back", "recognised, and let in although in already (soft anti-passback)";
        Card = "card", "by card alone, as the camera is lost";
    }
    /// Why somebody who was judged may not pass.
    DenialReason {
        NotListed = "not_listed", "resembles nobody on the whitelist enough";
        FrozenFace = "frozen_face", "as still as a picture on a support";
        CoupledFace = "coupled_face", "moves as one with what is around it, as a picture that is carried";
        InfraredDark = "infrared_dark", "its place is dark in the infrared picture, as a screen";
        InfraredFlat = "infrared_flat", "without features in the infrared picture, as many inks on paper";
        InfraredMissingFace = "infrared_missing_face", "there is no face in the infrared picture";
        InfraredElsewhere = "infrared_elsewhere", "the face in the infrared picture is at another place";
        InfraredCameraLost = "infrared_camera_lost", "the infrared camera gave no picture of that moment";
        PadNetwork = "pad_network", "an artefact, as the network against presentation attacks says";
        Disabled = "disabled", "on the whitelist, but disabled";
        Removed = "removed", "not on the whitelist any more";
        Expired = "expired", "recognised too long ago";
        EmptyWhitelist = "empty_whitelist", "nobody is listed yet";
        OutsideHours = "outside_hours", "no rule lets this person in at this time";
        NotYetValid = "not_yet_valid", "the person's validity has not begun";
        ValidityOver = "validity_over", "the person's validity is over";
        NoEntriesLeft = "no_entries_left", "the person has no entries left";
        ClockUnknown = "clock_unknown", "the rule depends on the time, and the clock may be wrong";
        FactorNeeded = "factor_needed", "a card or PIN is needed besides the face";
        CompanionMissing = "companion_missing", "waits for the second of two people";
        EscortMissing = "escort_missing", "waits for an escort";
        PassedBack = "passed_back", "went the same way before (anti-passback)";
        ScoreTooLow = "score_too_low", "recognised, but not as surely as is asked of this person";
        LockedDown = "locked_down", "the door is locked down";
        WrongPin = "wrong_pin", "a wrong PIN";
        LockedOut = "locked_out", "locked out after too many refusals";
        CardUnknown = "card_unknown", "nobody has that card";
        CardLost = "card_lost", "that card is lost";
        CardAlone = "card_alone", "a card alone opens nothing here";
        FactorOfAnother = "factor_of_another", "the card is another person's than the face";
        ChallengeNeeded = "challenge_needed", "a challenge has to be passed, which takes a face";
        ChallengeWrongStep = "challenge_wrong_step", "moved otherwise than the challenge asked for";
        ChallengeTooEarly = "challenge_too_early", "moved before the prompt can have been seen, as a recording does";
        ChallengeTooLate = "challenge_too_late", "did not do in time what the challenge asked for";
        ChallengeIdentityLost = "challenge_identity_lost", "another face, or none, in the middle of a challenge";
        ChallengeFlat = "challenge_flat", "turned without depth, as a picture does";
        LeaseOver = "lease_over", "this door has had no news of the fleet's list for too long";
    }
    /// Why a face could not be judged.
    Unusable {
        TooSmall = "too_small", "the face is too small: come closer";
        Blurred = "blurred", "the face is blurred: stand still, or clean the lens";
        Dark = "dark", "the face is too dark: more light is needed";
        Cut = "cut", "the face is cut by the picture's edge: stand in front of the camera, or turn it";
        UpsideDown = "upside_down", "the face is upside down: turn the camera, or set camera.rotate";
        LowDetectorScore = "low_detector_score", "the face is half hidden or turned away";
    }
    /// Why a grant did not open the door.
    NotOpened {
        Disabled = "disabled", "the person was disabled in the meantime";
        Removed = "removed", "the person was removed from the whitelist in the meantime";
        Expired = "expired", "the person was recognised too long ago";
        TooLate = "too_late", "writing it down took so long that the person may be gone";
        DoorBusy = "door_busy", "the door did not take it";
        Releasing = "releasing", "the relay has not confirmed yet that it is released";
        RelayFault = "relay_fault", "the relay did not do as it was told";
        ClockWentBack = "clock_went_back", "the clock went back";
        NoEnd = "no_end", "the pulse is too long for the clock; set door.pulse_ms to less";
        Stopping = "stopping", "the daemon stops";
        LockedDown = "locked_down", "the door is locked down";
        OtherDoorOpen = "other_door_open", "the other door is open, or nobody knows";
        HeldOpen = "held_open", "the door is unlocked already, by a mode";
        QueueFull = "queue_full", "as many people as may wait for the turnstile do";
        QueueExpired = "queue_expired", "the turnstile was not free in time";
        Revoked = "revoked", "the person may not pass any more";
        NoCard = "no_card", "the card is not the person's any more, or lost";
    }
    /// What locked the door.
    LockCause {
        Started = "started", "the daemon started";
        PulseEnded = "pulse_ended", "the pulse is over";
        RelayFault = "relay_fault", "the relay did not do as it was told";
        ClockWentBack = "clock_went_back", "the clock went back";
        Revoked = "revoked", "the person may not pass any more";
        Stopping = "stopping", "the daemon stops";
        LeafOpened = "leaf_opened", "the door was opened";
        LeafClosed = "leaf_closed", "the door was closed behind somebody";
        Passed = "passed", "the rotor turned";
        LockedDown = "locked_down", "the door is locked down";
        OtherDoorOpen = "other_door_open", "the other door is open, or nobody knows";
        ModeEnded = "mode_ended", "the mode is over";
    }
    /// What the relay did not do.
    RelayCommand {
        Energise = "energise", "the relay could not be energised; the door stays locked";
        Release = "release", "the relay could not be released: THE DOOR MAY BE UNLOCKED; tried again ten times a second for 3 seconds, then by a new start";
    }
    /// Who was in view.
    InView {
        NotLooking = "not_looking", "nothing looks";
        Nobody = "nobody", "nobody in view";
        UnknownFace = "unknown_face", "an unknown face in view";
        Listed = "listed", "a listed person in view";
    }
    /// How far a door is that is held open.
    HeldStage {
        PreAlarm = "pre_alarm", "an alarm soon";
        Alarm = "alarm", "HELD OPEN TOO LONG";
    }
    /// What stays until it is ended.
    Alarm {
        ForcedOpen = "forced_open", "the door that was forced open is closed";
        HeldOpen = "held_open", "the door that was held open is closed";
        Tamper = "tamper", "what was opened or cut is as before";
    }
    /// What an administrator orders of the door.
    DoorMode {
        Normal = "normal", "normal";
        Lockdown = "lockdown", "locked down";
        Hold = "hold", "held open";
        Office = "office", "office hours";
    }
    /// What ended a mode without an act.
    ModeEnd {
        Expired = "expired", "its time is over";
        ClockUnknown = "clock_unknown", "the machine was started anew, and its clock is not believed";
    }
    /// Which of a door's cameras.
    WhichCamera {
        Colour = "colour", "the first camera";
        Infrared = "infrared", "the infrared camera";
    }
    /// Why there are no frames.
    CameraLoss {
        NotFound = "not_found", "there is no such camera";
        Busy = "busy", "another program uses it";
        NoPermission = "no_permission", "no permission to use it";
        NotACamera = "not_a_camera", "it is no camera";
        NoUsableFormat = "no_usable_format", "none of its formats can be used";
        Unplugged = "unplugged", "it was unplugged";
        Stalled = "stalled", "it gives no frames";
        Frozen = "frozen", "it gives the same picture again and again";
        BadFrames = "bad_frames", "its frames are spoilt";
        TooOld = "too_old", "its frames are too old to count";
        NoBandwidth = "no_bandwidth", "the USB bandwidth is not enough for it";
        ImpossibleSize = "impossible_size", "its pictures have an impossible size";
        Recording = "recording", "the recording cannot be played";
        Failed = "failed", "it failed";
    }
    /// Which part failed, or in which way.
    FaultReason {
        Relay = "relay", "the relay cannot be used";
        Database = "database", "the database cannot be used";
        DatabaseReplaced = "database_replaced", "the database was replaced under the daemon";
        Record = "record", "nothing can be put on record";
        Models = "models", "the networks cannot be used";
        Camera = "camera", "the recording cannot be played";
        Infrared = "infrared", "the infrared camera's mapping cannot be used";
        Whitelist = "whitelist", "the whitelist cannot be read";
        TooSlow = "too_slow", "faces are seen too seldom to be followed; nobody is let in";
        NoThreshold = "no_threshold", "no threshold follows from the risk; nobody is let in";
        Panel = "panel", "contact, buttons, keypad or lights cannot be used";
        System = "system", "the system refused what the daemon needs";
        PartEnded = "part_ended", "a part of the daemon ended";
        PartHung = "part_hung", "a part of the daemon made no progress";
        AccessRules = "access_rules", "the access rules cannot be used";
        Fleet = "fleet", "the keys of the fleet cannot be used";
    }
    /// A part of the daemon.
    Part {
        Door = "door", "the door thread";
        Audit = "audit", "the audit thread";
        Vision = "vision", "the vision thread";
        Camera = "camera", "the camera thread";
        Infrared = "infrared", "the infrared camera's thread";
        Control = "control", "the thread of the control socket";
    }
    /// Why the daemon ended as it should.
    StopReason {
        Asked = "asked", "asked to";
        RecordingOver = "recording_over", "the recording is over";
        Fault = "fault", "a part failed";
    }
    /// Why a configuration is not used.
    ConfigFault {
        Unreadable = "unreadable", "it cannot be read";
        Invalid = "invalid", "it is wrong";
    }
    /// Why the whitelist cannot be used.
    WhitelistFault {
        Database = "database", "the database failed";
        DamagedTemplate = "damaged_template", "a template is damaged";
        Changed = "changed", "a row was changed past doorward";
        NoKey = "no_key", "its key is not here";
        Other = "other", "it cannot be used";
    }
    /// What new templates were made from.
    TemplateSource {
        Pictures = "pictures", "new pictures";
        KeptPhotos = "kept_photos", "kept photos, made anew";
    }
    /// What somebody gave besides the face.
    Factor {
        Pin = "pin", "PIN";
        Card = "card", "card";
    }
    /// What a challenge asks for.
    ChallengeStep {
        TurnLeft = "turn_left", "turn left";
        TurnRight = "turn_right", "turn right";
        ComeCloser = "come_closer", "come closer";
        LookUp = "look_up", "look at the light";
    }
    /// What there was too much of.
    LockoutCause {
        Faces = "faces", "too many faces were refused";
        Factors = "factors", "too many wrong PINs and cards";
        Person = "person", "too many wrong PINs for one person";
        Challenges = "challenges", "too many challenges of one person's face were not passed";
    }
    /// What is asked for at the control socket.
    ControlAct {
        Status = "status", "how things are";
        Watch = "watch", "to watch what happens";
        Unlock = "unlock", "to unlock the door once";
        Lock = "lock", "to hold the door open no more";
        Hold = "hold", "to hold the door open";
        Mode = "mode", "to set a mode";
        Reload = "reload", "to read the configuration again";
        Snapshot = "snapshot", "a picture of the camera";
        Live = "live", "what the camera sees, live";
        Stop = "stop", "to end a request";
        Enrol = "enrol", "to enrol somebody with the camera";
        People = "people", "people or a change of them";
        Fleet = "fleet", "the list of the fleet";
    }
    /// Why something was not done that was asked for at the control socket.
    ControlRefusal {
        Role = "role", "not allowed by the roles";
        TooMany = "too_many", "too many in a short time";
    }
    /// What the fleet's list changed about a person here.
    FleetAct {
        Listed = "listed", "is listed";
        Changed = "changed", "is listed with other data";
        Enabled = "enabled", "is let in again";
        Disabled = "disabled", "is let in no more";
        Removed = "removed", "is listed no more";
    }
    /// What about the fleet's list somebody has to look after.
    FleetFault {
        Restored = "restored", "the hub has another history";
        Refused = "refused", "the list that came was refused";
        NotUnderstood = "not_understood", "what came is no answer of a hub";
        Lost = "lost", "the hub has lost people";
        Overruled = "overruled", "a change was overruled";
        NotAllowed = "not_allowed", "this door may not make the change";
        PutRefused = "put_refused", "the hub refused a change";
        NotOpened = "not_opened", "a row cannot be opened";
        NotTaken = "not_taken", "somebody of the list cannot be listed here";
    }
}
