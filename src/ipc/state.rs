//! How the door is, what the camera sees, and what became of what was asked.

use serde::{Deserialize, Serialize};

use crate::acts::Outcome;
use crate::person::PersonId;
use crate::record::{
    ChallengeStep, DenialReason, DoorMode, NotOpened, Record, RelayCommand, Unusable,
};

/// How things are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The newest record that it takes account of.
    pub record: RecordHead,
    /// The daemon's process.
    pub pid: u32,
    /// Since when it guards, in milliseconds since 1970.
    pub since_ms: i64,
    pub door: DoorNow,
    /// The camera, as it calls itself; nothing while it is lost.
    pub camera: Option<String>,
    /// The infrared camera, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrared: Option<SecondCamera>,
    pub people: usize,
    /// How many of them are disabled.
    pub disabled: usize,
    /// Of all networks.
    pub templates: usize,
    /// Of the networks in use.
    pub templates_in_use: usize,
    /// Nothing if nobody can be let in.
    pub threshold: Option<Threshold>,
    pub last_grant: Option<LastGrant>,
    /// What fails now.
    pub faults: Vec<Fault>,
}

/// A record's number and hash; 0 and zeroes before the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordHead {
    pub id: u64,
    /// SHA-256, hexadecimal.
    pub hash: String,
}

/// The door itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorNow {
    pub condition: Condition,
    /// The mode in force.
    pub mode: DoorMode,
    /// When it ends, in milliseconds since 1970; nothing where an act has to end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// The record that ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<u64>,
}

/// Where the door stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The strike is released, and the leaf is not known to be open.
    Locked,
    /// The strike is energised, and the leaf is not known to be open.
    Unlocked,
    /// The leaf is open for somebody, or was when that was known first.
    Open,
    /// It will be called held open soon.
    PreAlarm,
    HeldOpen,
    ForcedOpen,
}

impl Condition {
    pub const ALL: [Self; 6] = [
        Self::Locked,
        Self::Unlocked,
        Self::Open,
        Self::PreAlarm,
        Self::HeldOpen,
        Self::ForcedOpen,
    ];

    /// As it is sent.
    pub fn code(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Open => "open",
            Self::PreAlarm => "pre_alarm",
            Self::HeldOpen => "held_open",
            Self::ForcedOpen => "forced_open",
        }
    }

    /// Whether the leaf is known to be open.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Locked | Self::Unlocked)
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Open => "open",
            Self::PreAlarm => "open for long, an alarm soon",
            Self::HeldOpen => "HELD OPEN TOO LONG",
            Self::ForcedOpen => "FORCED OPEN",
        })
    }
}

/// The score a face has to reach, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    pub score: f32,
    pub from: String,
}

/// Who was let in last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastGrant {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_id: Option<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Nothing of a card alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl LastGrant {
    /// What the record of a grant says.
    pub fn of(record: &Record) -> Self {
        let subject = record.subject();
        let (person_id, name) = subject.person.unzip();
        Self {
            at_ms: record.at_ms,
            person_id,
            name,
            score: subject.score,
        }
    }
}

/// What there is to say of an infrared camera.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondCamera {
    /// As it calls itself; nothing while it is lost.
    pub camera: Option<String>,
}

/// What fails now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The event that began it; `infrared_camera_lost` where it is the infrared camera's.
    pub kind: String,
    /// In milliseconds since 1970.
    pub at_ms: i64,
    pub message: String,
}

/// What became of `unlock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocked {
    /// The record that asked for it.
    pub event: u64,
    pub unlocked: bool,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulse_ms: Option<u64>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<NotOpened>,
    /// What the relay did not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_fault: Option<RelayCommand>,
}

impl Unlocked {
    /// Of an act that nothing became of yet.
    pub fn nothing(act: u64) -> Self {
        Self {
            event: act,
            unlocked: false,
            pulse_ms: None,
            reason: None,
            relay_fault: None,
        }
    }

    /// Of an act that this became of.
    pub fn of(act: u64, outcome: Outcome) -> Self {
        let nothing = Self::nothing(act);
        match outcome {
            Outcome::Unlocked { pulse_ms } => Self {
                unlocked: true,
                pulse_ms: Some(pulse_ms),
                ..nothing
            },
            Outcome::NotOpened(reason) => Self {
                reason: Some(reason),
                ..nothing
            },
            Outcome::RelayFault(command) => Self {
                relay_fault: Some(command),
                ..nothing
            },
        }
    }
}

/// A mode that is on record, and with the door in a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeOrdered {
    /// The record that ordered it.
    pub event: u64,
    pub mode: DoorMode,
    /// When it ends, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

/// What became of `reload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The record that asked for it.
    pub event: u64,
    pub reloaded: bool,
    /// Sections and keys whose change waits for a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_for: Vec<String>,
    /// What is wrong with the configuration; the old one stays in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What was counted since the daemon started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub frames: FramesCounted,
}

/// What became of frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FramesCounted {
    /// Faces in them were looked at.
    pub judged: u64,
    /// They told nothing new.
    pub left_out: u64,
    /// They were replaced by newer ones before anybody took them.
    pub dropped: u64,
}

/// What the camera sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveFrame {
    /// When it was looked at, in milliseconds since 1970.
    pub at_ms: i64,
    /// Of the picture that places are in, in pixels.
    pub width: u32,
    pub height: u32,
    /// The score a face has to reach; nothing if none can be reached.
    pub threshold: Option<f32>,
    /// The largest first.
    pub faces: Vec<LiveFace>,
    /// What a challenge asks for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengeStep>,
    /// JPEG, in Base64; with the right to it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jpeg: Option<String>,
}

/// A face in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveFace {
    /// The face's number while it is in view.
    pub track: u64,
    /// `[x0, y0, x1, y1]`, in pixels.
    pub rect: [f32; 4],
    /// Why it could not be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Unusable>,
    /// The person most alike, whatever the score; nothing of a frame that was not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_id: Option<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    pub liveness: Verdict,
    /// [`Verdict::Attack`]: what gave it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cue: Option<DenialReason>,
}

/// Whether a face is one of flesh and blood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No check that is on has anything against it.
    Live,
    Attack,
    /// Not looked at, or not for long enough yet.
    Unknown,
}

/// What to tell the person before the camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guidance {
    pub step: Step,
    /// In words.
    pub text: String,
    /// Pictures that were taken, of so many.
    pub taken: u8,
    pub wanted: u8,
    /// Where the face is that it is about, `[x0, y0, x1, y1]` in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rect: Option<[f32; 4]>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A picture was taken; move the head a little.
    Taken,
    /// Nobody is in view.
    LookHere,
    ComeCloser,
    /// The face is cut by the picture's border.
    IntoThePicture,
    /// The head is turned to the person's own left.
    TurnRight,
    /// The head is turned to the person's own right.
    TurnLeft,
    /// Half hidden, or turned away.
    FaceTheCamera,
    MoreLight,
    HoldStill,
    /// The camera hangs upside down, or the person does.
    TurnTheCamera,
    /// Somebody else is in view.
    SomebodyElse,
}

/// Somebody is on the whitelist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enrolled {
    pub person_id: PersonId,
    pub name: String,
    /// Whether the person was listed before.
    pub added: bool,
    /// New ones.
    pub templates: usize,
    /// Somebody else who looks the same, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_alike: Option<String>,
}

/// Whether a person may pass, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    pub person_id: PersonId,
    pub name: String,
    /// The moment that was asked about, in milliseconds since 1970.
    pub at_ms: i64,
    pub may_pass: bool,
    /// The code of why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When that changes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// All that are for this person.
    pub rules: Vec<ExplainedRule>,
}

/// A rule that is for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedRule {
    pub name: String,
    /// Whether it lets in at that moment.
    pub open: bool,
    /// What else it asks for.
    pub conditions: Vec<String>,
}
