//! What can happen: one variant a kind, its fields typed, its reasons as codes.
//!
//! This is what is stored. A golden test holds the bytes: a field may be added if it is left
//! out where it says nothing, and nothing that is here changes its name or its meaning.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::at_door::{AlarmEnded, HeldOpen, ModeSet, Passage, View};
use super::codes::{
    CameraLoss, ConfigFault, DenialReason, DoorMode, Factor, FaultReason, GrantReason, LockCause,
    LockoutCause, ModeEnd, NotOpened, Part, RelayCommand, StopReason, TemplateSource, Unusable,
    WhitelistFault,
};
use super::kind::is_not;
use crate::cohort::Score;
use crate::config::DoorName;
use crate::embedding::ModelVersion;
use crate::person::PersonId;

/// A person, by number and by name as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRef {
    /// Never given to anybody else.
    pub id: PersonId,
    /// The name at that moment.
    pub name: String,
}

impl PersonRef {
    /// Of somebody who is called that now.
    pub fn new(id: PersonId, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { id, name }
    }
}

/// Who acted at a command line. The numbers are the system's word, the name is the
/// environment's claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user the command ran as.
    pub uid: u32,
    /// The user who logged in, whatever the session became since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_uid: Option<u32>,
    /// What the environment says the user is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
}

/// Where an administrator's act comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The door that the machine guards.
    pub door: DoorName,
    pub actor: Actor,
}

/// The frame a decision was made at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRef {
    /// The camera's count, or the picture of a recording.
    pub name: String,
    /// From the frame to what is in it, in milliseconds.
    pub vision_ms: f32,
    /// From the camera to the decision, in milliseconds.
    pub age_ms: f32,
}

/// A person whom several frames of one face agreed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recognition {
    pub person: PersonRef,
    /// Of these frames together.
    pub score: Score,
    /// What it had to reach.
    pub threshold: Score,
    /// How many frames agreed.
    pub frames: u32,
    /// What made the embeddings.
    pub model: ModelVersion,
    /// The last of the frames.
    pub frame: FrameRef,
}

/// What opens the door once it is on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Granted {
    /// What speaks for it.
    pub reason: GrantReason,
    /// Who, and how surely.
    #[serde(flatten)]
    pub recognition: Recognition,
    /// What the person gave besides the face.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
    /// The second of two people, or the escort, where a rule asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<PersonRef>,
}

/// Somebody who was judged and may not pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Denied {
    pub reason: DenialReason,
    /// [`DenialReason::NotListed`]: the person most alike. [`DenialReason::EmptyWhitelist`]:
    /// nobody. Else the person who was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonRef>,
    /// That person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// What it had to reach; nothing if none could be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Score>,
    /// How many frames said so.
    pub frames: u32,
    /// What made the embeddings.
    pub model: ModelVersion,
    /// The last of the frames.
    pub frame: FrameRef,
    /// What was measured, where the reason is how the face moves: eye distances, or a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f32>,
    /// How many for the same reason were left out since the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<NonZeroU32>,
}

/// On whose account the door opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A grant, by the number of its record.
    Grant(u64),
    /// Somebody inside asked for it, by the number of that record.
    Rex(u64),
    /// An administrator's act, by the number of its record.
    Act(u64),
}

/// A card, as far as the record knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRef {
    /// How its bits are laid out.
    pub format: String,
    /// The last four digits of its number.
    pub last4: String,
}

/// What the daemon did with the frames of its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameCounts {
    /// Looked at.
    pub seen: u64,
    /// Told nothing new.
    pub left_out: u64,
    /// Replaced by a newer one before anybody took them.
    pub dropped: u64,
    /// Half of those looked at took no longer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f32>,
    /// 95 of 100 took no longer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f32>,
}

macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident = $name:literal $(($payload:ty))? $({ $($(#[$attr:meta])* $field:ident: $type:ty,)* })?;)*) => {
        /// What happened. `message` is what the failing part said, as shown then: for
        /// people, and not to be parsed; the reason is what counts.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $name)]
            $kind $(($payload))? $({ $($(#[$attr])* $field: $type,)* })?,)*
        }

        /// What an event is about, without its fields.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Its name in the database and in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }

        impl Event {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind { .. } => Kind::$kind,)*
                }
            }
        }
    };
}

events! {
    /// The daemon guards the door.
    Started = "started" {
        version: String,
        model: ModelVersion,
        models: String,
        relay: String,
    };
    /// The daemon ended as it should.
    Stopped = "stopped" {
        reason: StopReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frames: Option<FrameCounts>,
    };
    /// A changed configuration is in force; `restart_for` names sections and keys that wait for
    /// a restart.
    ConfigReloaded = "config_reloaded" {
        file: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        restart_for: Vec<String>,
    };
    /// A changed configuration was wrong; the old one stays in force.
    ConfigRejected = "config_rejected" {
        reason: ConfigFault,
        file: String,
        message: String,
    };
    /// The whitelist was read.
    WhitelistLoaded = "whitelist_loaded" {
        model: ModelVersion,
        people: u64,
        templates: u64,
        /// These match nobody.
        templates_of_other_models: u64,
    };
    /// The whitelist cannot be read; nobody is let in.
    WhitelistUnreadable = "whitelist_unreadable" {
        reason: WhitelistFault,
        message: String,
    };
    /// The camera is gone or silent; nobody is let in.
    CameraLost = "camera_lost" {
        reason: CameraLoss,
        message: String,
    };
    /// The camera gives frames again.
    CameraBack = "camera_back" {
        camera: String,
    };
    /// Somebody may pass; written before the relay moves.
    Granted = "granted"(Granted);
    /// A grant did not open the door: one that is on record, by its number, or one that was
    /// not written because the person may not pass any more.
    GrantWithdrawn = "grant_withdrawn" {
        reason: NotOpened,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grant: Option<u64>,
        #[serde(flatten)]
        recognition: Option<Recognition>,
    };
    /// Somebody was judged and may not pass.
    Denied = "denied"(Denied);
    /// Somebody was there and could not be judged.
    CannotJudge = "cannot_judge" {
        reason: Unusable,
        model: ModelVersion,
        frame: FrameRef,
        /// How often it was not said since it was last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_out: Option<NonZeroU32>,
    };
    /// The relay was energised.
    Unlocked = "unlocked" {
        by: By,
        pulse_ms: u64,
    };
    /// The relay was released.
    Locked = "locked" {
        reason: LockCause,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<By>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        energised_ms: Option<u64>,
    };
    /// The relay did not do as it was told.
    RelayFault = "relay_fault" {
        command: RelayCommand,
        relay: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<By>,
    };
    /// Somebody inside asks for the door; written before the relay moves.
    Rex = "rex"(View);
    /// Somebody inside asked for the door and it stays locked.
    RexRefused = "rex_refused" {
        reason: NotOpened,
    };
    /// A request of somebody inside or an act, which is on record, did not open the door.
    NotOpened = "not_opened" {
        by: By,
        reason: NotOpened,
    };
    /// The leaf opened, or the rotor turned, for whom the door was unlocked.
    AccessTaken = "access_taken"(Passage);
    /// The leaf closed and opened again in the time of one grant.
    TakenAgain = "taken_again"(Passage);
    /// The door was unlocked for somebody, and nobody opened it.
    AccessNotTaken = "access_not_taken"(Passage);
    /// The rotor turned against the way that it was unlocked for.
    OtherWay = "other_way"(Passage);
    /// The leaf was opened from inside by its handle, after REX.
    Exit = "exit"(View);
    /// The leaf opened, or the rotor turned, without grant, REX or act.
    ForcedOpen = "forced_open"(View);
    /// The leaf is open for too long.
    HeldOpen = "held_open"(HeldOpen);
    /// A cover was opened or a line cut.
    Tamper = "tamper";
    /// What an alarm was for is over.
    AlarmEnded = "alarm_ended"(AlarmEnded);
    /// Nothing is known of the door's inputs any more.
    InputsLost = "inputs_lost";
    /// The door's inputs tell again.
    InputsBack = "inputs_back";
    /// An administrator ordered a mode; written before anything moves.
    ModeSet = "mode_set"(ModeSet);
    /// The first grant of the office hours.
    OfficeOpened = "office_opened" {
        act: u64,
        by: By,
    };
    /// A mode ended by itself.
    ModeEnded = "mode_ended" {
        mode: DoorMode,
        act: u64,
        reason: ModeEnd,
    };
    /// An administrator has the door unlocked for one pulse; written before the relay moves.
    UnlockAsked = "unlock_asked" {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<String>,
        actor: Actor,
    };
    /// Another part failed.
    Fault = "fault" {
        reason: FaultReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    };
    /// So many events could not be written; the system's journal has them.
    RecordsLost = "records_lost" {
        records: u64,
    };
    /// The relay was moved by hand.
    RelayByHand = "relay_by_hand" {
        relay: String,
        pulse_ms: u64,
        actor: Actor,
    };
    /// Templates were added.
    Enrolled = "enrolled" {
        person: PersonRef,
        model: ModelVersion,
        templates: u64,
        source: TemplateSource,
        actor: Actor,
    };
    /// A person has another name.
    Renamed = "renamed" {
        person: PersonRef,
        before: String,
        actor: Actor,
    };
    /// A person is let in again.
    Enabled = "enabled" {
        person: PersonRef,
        actor: Actor,
    };
    /// A person is not let in any more.
    Disabled = "disabled" {
        person: PersonRef,
        actor: Actor,
    };
    /// A person and the templates are gone.
    Removed = "removed" {
        person: PersonRef,
        templates: u64,
        actor: Actor,
    };
    /// Records were deleted because their time was over: all up to `up_to`, whose hash was
    /// `hash` in hexadecimal.
    Pruned = "pruned" {
        records: u64,
        up_to: u64,
        hash: String,
    };
    /// All of the database was copied to a file; `up_to` and `hash` are the newest event in it.
    BackedUp = "backed_up" {
        file: String,
        up_to: u64,
        hash: String,
        actor: Actor,
    };
    /// The whitelist is that of a backup again, as it was after the event `up_to`.
    Restored = "restored" {
        file: String,
        up_to: u64,
        hash: String,
        people: u64,
        actor: Actor,
    };
    /// People were written to a sealed file: one person, or all of them.
    Exported = "exported" {
        file: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonRef>,
        people: u64,
        templates: u64,
        actor: Actor,
    };
    /// A person is as in a file that was exported; `replaced` is how many templates the entry
    /// had that this one took the place of.
    Imported = "imported" {
        person: PersonRef,
        file: String,
        enabled: bool,
        templates: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<u64>,
        actor: Actor,
    };
    /// The pictures that templates were made from are gone; the templates stay.
    PhotosForgotten = "photos_forgotten" {
        photos: u64,
        actor: Actor,
    };
    /// A person is in a group that access rules name.
    GroupJoined = "group_joined" {
        person: PersonRef,
        group: String,
        actor: Actor,
    };
    /// A person is in a group no more.
    GroupLeft = "group_left" {
        person: PersonRef,
        group: String,
        actor: Actor,
    };
    /// From when to when a person may pass, in milliseconds since 1970; nothing is no limit.
    ValidityChanged = "validity_changed" {
        person: PersonRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_ms: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<i64>,
        actor: Actor,
    };
    /// How often a person may enter from now on; nothing is no limit.
    EntriesChanged = "entries_changed" {
        person: PersonRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entries: Option<u32>,
        actor: Actor,
    };
    /// A person is a guest until then, in milliseconds since 1970.
    GuestUntil = "guest_until" {
        person: PersonRef,
        until_ms: i64,
        actor: Actor,
    };
    /// The access rules were read and are in force.
    RulesLoaded = "rules_loaded" {
        folder: String,
        files: u64,
        rules: u64,
    };
    /// Changed access rules were wrong; the old ones stay in force.
    RulesRejected = "rules_rejected" {
        reason: ConfigFault,
        folder: String,
        message: String,
    };
    /// One template of a person is gone; the others stay. `source` is the photo it was made
    /// from, or `camera`.
    TemplateForgotten = "template_forgotten" {
        person: PersonRef,
        model: ModelVersion,
        source: String,
        actor: Actor,
    };
    /// Somebody may pass by a card, without a face; written before the relay moves.
    GrantedByCard = "granted_by_card" {
        reason: GrantReason,
        person: PersonRef,
        card: CardRef,
        factors: Vec<Factor>,
    };
    /// Somebody gave a second factor, and it is that person's.
    FactorAccepted = "factor_accepted" {
        factor: Factor,
        person: PersonRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<CardRef>,
    };
    /// A second factor was refused; `person` is whose face or card it was, where somebody's is
    /// known.
    FactorRefused = "factor_refused" {
        reason: DenialReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonRef>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<CardRef>,
    };
    /// Somebody was forced: the duress PIN was given. Nothing at the door shows it.
    Duress = "duress" {
        person: PersonRef,
    };
    /// After too many refusals nobody is let in for a while, or nobody by a second factor, or
    /// not this person.
    LockoutBegan = "lockout_began" {
        reason: LockoutCause,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonRef>,
        pause_ms: u64,
    };
    /// That is over.
    LockoutEnded = "lockout_ended" {
        reason: LockoutCause,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonRef>,
    };
    /// A person has a PIN, or another one; with `duress`, one to be given when forced to.
    PinSet = "pin_set" {
        person: PersonRef,
        #[serde(default, skip_serializing_if = "is_not")]
        duress: bool,
        actor: Actor,
    };
    /// A person has no PIN any more; with `duress`, no duress PIN.
    PinRemoved = "pin_removed" {
        person: PersonRef,
        #[serde(default, skip_serializing_if = "is_not")]
        duress: bool,
        actor: Actor,
    };
    /// A person has a card.
    CardAdded = "card_added" {
        person: PersonRef,
        card: CardRef,
        actor: Actor,
    };
    /// A person has a card no more.
    CardRemoved = "card_removed" {
        person: PersonRef,
        card: CardRef,
        actor: Actor,
    };
    /// A person's card is lost and opens nothing.
    CardLost = "card_lost" {
        person: PersonRef,
        card: CardRef,
        actor: Actor,
    };
}
