//! Who was let in, who was not, and why; typed, versioned and tamper-evident.
//!
//! An audit record is `{ format, at_ms, boot, uptime_ms, door, event }`. Its reasons are
//! codes; English is made when a record is shown.

mod about;
mod at_door;
mod body;
mod chain;
mod codes;
mod continuity;
mod control;
mod display;
mod display_factors;
mod display_people;
mod event;
mod fleet;
mod head;
mod journal;
mod kind;
mod log;
mod names;
mod pad;
mod payload;
mod privacy;
mod query;
mod retention;
mod signed;
mod signing;
mod verify;

pub use about::{About, Subject, last_grants};
pub(crate) use about::{Known, count_names_of, erased_since, known_names, named_in};
pub use at_door::{AlarmEnded, HeldOpen, ModeSet, Passage, View};
pub(crate) use body::boot;
#[cfg(fuzzing)]
pub use body::fuzz;
pub use body::{Content, FORMAT, Record, Stamp, Unknown};
pub use codes::{
    Alarm, CameraLoss, ChallengeStep, ConfigFault, ControlAct, ControlRefusal, DenialReason,
    DoorMode, Factor, FaultReason, FleetAct, FleetFault, GrantReason, HeldStage, InView, LockCause,
    LockoutCause, ModeEnd, NotOpened, Part, RelayCommand, StopReason, TemplateSource, Unusable,
    WhichCamera, WhitelistFault,
};
pub use continuity::Bent;
pub(crate) use continuity::{Named, head_id, named_since};
pub use control::{ControlAsked, ControlRefused};
pub(crate) use display::NOBODY_LISTED;
pub use event::{Event, Kind};
pub use fleet::{FleetChanged, FleetNoticed};
pub use head::{HEAD_MESSAGE_ID, Head};
pub use journal::journal_fields;
pub use log::{Log, RecordError};
pub(crate) use log::{append_within, find, first_kept, has_head};
pub use names::forget_names;
pub(crate) use names::forget_names_within;
pub use pad::{PadKind, PadTested};
pub use payload::{
    Actor, By, CardRef, ChallengeFailed, ChallengePassed, Cues, Denied, FrameCounts, FrameRef,
    Granted, InfraredMapped, KeyChange, Origin, PersonRef, Recognition,
};
pub use privacy::{Consent, Disclosed, Erased, Nameless, NoPurpose, UnusedDisabled, UnusedSoon};
pub use query::Query;
pub(crate) use query::{newest, oldest};
pub(crate) use retention::believes_clock;
pub use retention::{Keep, MAX_BATCH_RECORDS};
pub use signed::Signed;
pub(crate) use signed::hand_over_heads;
pub use signing::{HeadKey, HeadKeyNamed, HeadSignature, NotedHead, PublicKey};
pub use verify::Verified;
