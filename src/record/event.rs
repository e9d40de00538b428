//! What can happen: one variant a kind, its fields typed, its reasons as codes.
//!
//! This is what is stored. A golden test holds the bytes: a field may be added if it is left
//! out where it says nothing, and nothing that is here changes its name or its meaning.

use std::num::NonZeroU32;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::at_door::{AlarmEnded, HeldOpen, ModeSet, Passage, View};
use super::codes::{
    CameraLoss, ConfigFault, DenialReason, DoorMode, Factor, FaultReason, GrantReason, LockCause,
    LockoutCause, ModeEnd, NotOpened, Part, RelayCommand, StopReason, TemplateSource, Unusable,
    WhichCamera, WhitelistFault,
};
use super::control::{ControlAsked, ControlRefused};
use super::fleet::{FleetChanged, FleetNoticed};
use super::kind::{events, is_not};
use super::pad::PadTested;
use super::payload::{
    Actor, By, CardRef, Denied, FrameCounts, FrameRef, Granted, InfraredMapped, KeyChange,
    PersonRef, Recognition,
};
use super::privacy::{Disclosed, Erased, UnusedDisabled, UnusedSoon};
use super::signing::HeadKeyNamed;
use crate::embedding::ModelVersion;

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
    /// A camera is gone or silent; nobody is let in.
    CameraLost = "camera_lost" {
        #[serde(default = "WhichCamera::first", skip_serializing_if = "WhichCamera::is_first")]
        which: WhichCamera,
        reason: CameraLoss,
        message: String,
    };
    /// A camera gives frames again.
    CameraBack = "camera_back" {
        #[serde(default = "WhichCamera::first", skip_serializing_if = "WhichCamera::is_first")]
        which: WhichCamera,
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
    /// A person is forgotten with all that can be; the name is in no new event.
    Erased = "erased"(Erased);
    /// A person, or whoever asked for one, has a copy of all that is kept of that person.
    Disclosed = "disclosed"(Disclosed);
    /// A person was not let in for long, and is going to be disabled.
    UnusedSoon = "unused_soon"(UnusedSoon);
    /// A person was not let in for `whitelist.unused_days`, and is let in no more.
    UnusedDisabled = "unused_disabled"(UnusedDisabled);
    /// Heads of the record are signed with another key from now on.
    HeadKey = "head_key"(HeadKeyNamed);
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
    /// Somebody agreed to be recognised, on that day and for that purpose.
    ConsentGiven = "consent_given" {
        person: PersonRef,
        day: Date,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<String>,
        actor: Actor,
    };
    /// Somebody agrees no more, and is not let in any more.
    ConsentWithdrawn = "consent_withdrawn" {
        person: PersonRef,
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
    /// Where the infrared camera's picture lies against the other was learnt.
    InfraredMapped = "infrared_mapped"(InfraredMapped);
    /// Something was asked for at the control socket that has no event of its own.
    ControlAsked = "control_asked"(ControlAsked);
    /// Something was asked for at the control socket and not done.
    ControlRefused = "control_refused"(ControlRefused);
    /// The roles are wrong: only root and the service's user may use the control socket.
    RolesRejected = "roles_rejected" {
        reason: ConfigFault,
        file: String,
        message: String,
    };
    /// All that is sealed was sealed anew with another key.
    Rekeyed = "rekeyed"(KeyChange);
    /// The fleet's list changed somebody here.
    FleetChanged = "fleet_changed"(FleetChanged);
    /// Something about the fleet's list has to be looked after.
    FleetNoticed = "fleet_noticed"(FleetNoticed);
    /// The checks against presentation attacks were measured.
    PadTested = "pad_tested"(PadTested);
}
