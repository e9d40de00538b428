//! What goes over the socket. Fields and words may be added; what is here keeps its meaning
//! for as long as [`PROTOCOL`] stays.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::roles::Role;
use super::state::{Guidance, LiveFrame, State};
use crate::record::{Consent, DoorMode};

/// What a server says first, and a client compares with its own.
pub const PROTOCOL: u32 = 1;
/// The longest request, its end included.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// The longest answer, its end included: a picture of 4 MiB as text, and what is said of it.
pub const MAX_ANSWER_BYTES: usize = 6 << 20;
/// The longest reason an administrator may give for an act.
pub const MAX_REASON_CHARS: usize = 200;

/// Photos that one connection may send before it says whose they are.
pub const MAX_PHOTOS_COUNT: usize = 8;
/// The largest of them, before Base64 makes a third more of it.
pub const MAX_PHOTO_BYTES: usize = 700 << 10;
/// The longest name of one.
pub const MAX_PHOTO_NAME_CHARS: usize = 100;
/// The longest name of an account.
const MAX_ACCOUNT_CHARS: usize = 32;

/// Whether a text may be the name of somebody's account.
fn is_account(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
    (1..=MAX_ACCOUNT_CHARS).contains(&name.len()) && name.chars().all(fits)
}

/// What a client asks for, and the number that the answers will have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Request {
    pub id: u64,
    /// For whom a program asks that has accounts of its own, as the page does: goes on record
    /// beside the program's user, as what it claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(flatten)]
    pub ask: Ask,
}

/// What can be asked for. A field that is not known is refused: it may be what makes an
/// order a smaller one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// How things are: [`State`].
    Status {},
    /// How things are, and then each event of the record; from the one after `since` on, or
    /// from now on. Until [`Ask::Stop`].
    Watch {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<u64>,
    },
    /// What was counted since the daemon started: [`super::Counts`].
    Counts {},
    /// Unlock the door for one pulse: [`super::Unlocked`].
    Unlock {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Hold the door open no more: [`super::ModeOrdered`]. A lockdown stays.
    Lock {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Hold the door unlocked until then, in milliseconds since 1970: [`super::ModeOrdered`].
    Hold {
        until_ms: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Any mode: [`super::ModeOrdered`]. `hold` and `office` need an end.
    Mode {
        mode: DoorMode,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Read the configuration, the access rules and the roles again: [`super::Reloaded`].
    Reload {},
    /// One picture of the camera: [`LiveFrame`].
    Snapshot {},
    /// What the camera sees, at most five times a second. Until [`Ask::Stop`].
    Live {
        /// With the pictures themselves.
        #[serde(default)]
        pictures: bool,
    },
    /// End what a request of this connection began: `watch`, `live`, `enrol` or
    /// `enrol_photos`.
    Stop {
        /// Its number.
        of: u64,
    },
    /// Take a person's photos with the door's camera, with guidance for each frame:
    /// [`super::Enrolled`].
    Enrol(Enrol),
    /// A photo for the `enrol_photos` that follows on this connection; at most
    /// [`MAX_PHOTOS_COUNT`].
    Photo {
        /// What it is called, for whoever is told what is wrong with it.
        name: String,
        /// JPEG, PNG or WebP of at most [`MAX_PHOTO_BYTES`], in Base64.
        picture: String,
    },
    /// Put a person on the whitelist by the photos sent before, or add them to whoever has that
    /// name or number: [`super::Enrolled`]. All of them have to be good, or nobody is enrolled.
    EnrolPhotos(EnrolPhotos),
    /// Whether a person may pass by the rules, now or at a moment in milliseconds since 1970:
    /// [`super::Explained`].
    Explain {
        person: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_ms: Option<i64>,
    },
    /// What to ask the fleet's hub for: [`super::FleetErrand`]. For whoever carries it there.
    FleetAsk {},
    /// A piece of what the hub answered, in Base64: [`super::FleetTaken`].
    FleetTake {
        /// The errand's number.
        errand: u64,
        piece: String,
        /// Whether it is the last one.
        ends: bool,
    },
    /// That an errand came to nothing, and why: [`super::FleetTaken`].
    FleetMissed { errand: u64, why: String },
    /// How the door stands in its fleet: [`super::FleetNow`].
    FleetStatus {},
    /// A look at people, templates, factors, groups and rights, or a change of them.
    People {
        /// A `verbs::Verb`.
        verb: Value,
    },
}

/// Whom to enrol, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Photos are added to a person of that name.
    pub name: String,
    /// How many pictures; 1 to 20.
    #[serde(default = "five")]
    pub pictures: u8,
    /// How long there is for them; 1 to 600.
    #[serde(default = "a_minute")]
    pub timeout_s: u64,
    /// Also somebody who looks like somebody else on the whitelist.
    #[serde(default, skip_serializing_if = "is_not")]
    pub look_alike: bool,
    /// A guest, until this moment, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// Whom to enrol by the photos that were sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolPhotos {
    /// A name, or the number of somebody who is listed, such as `#42`.
    pub name: String,
    /// Also somebody who looks like somebody else on the whitelist.
    #[serde(default, skip_serializing_if = "is_not")]
    pub look_alike: bool,
    /// A guest, until this moment, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

fn five() -> u8 {
    5
}

fn a_minute() -> u64 {
    60
}

fn is_not(flag: &bool) -> bool {
    !flag
}

/// A line that is no request.
#[derive(Debug, Clone, PartialEq)]
pub struct Nonsense {
    /// The number it would have had.
    pub id: Option<u64>,
    /// What is wrong with it.
    pub what: String,
}

impl Request {
    /// From a line without its end.
    ///
    /// # Errors
    /// [`Nonsense`]
    pub fn parse(line: &[u8]) -> Result<Self, Nonsense> {
        let mut fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| Nonsense {
                id: None,
                what: format!("it is no JSON object ({error})"),
            })?;
        let id = fields.remove("id").and_then(|id| id.as_u64());
        let nonsense = |what: String| Nonsense { id, what };
        let Some(id) = id else {
            return Err(nonsense("it has no number as \"id\"".into()));
        };
        let account = match fields.remove("account") {
            None => None,
            Some(Value::String(name)) if is_account(&name) => Some(name),
            Some(_) => return Err(nonsense("its \"account\" is no account's name".into())),
        };
        let ask = Ask::deserialize(Value::Object(fields));
        let ask = ask.map_err(|error| nonsense(error.to_string()))?;
        Ok(Self { id, account, ask })
    }

    /// As a line with its end.
    pub fn line(&self) -> Vec<u8> {
        line(self)
    }
}

impl Ask {
    /// The least role that may ask for it. For people it depends on the verb; this is for a
    /// look.
    pub fn needs(&self) -> Role {
        match self {
            Self::Status {}
            | Self::Counts {}
            | Self::Watch { .. }
            | Self::Live { pictures: false }
            | Self::Explain { .. }
            | Self::FleetStatus {}
            | Self::Stop { .. } => Role::Viewer,
            Self::FleetAsk {} | Self::FleetTake { .. } | Self::FleetMissed { .. } => Role::Bridge,
            Self::Unlock { .. }
            | Self::Lock { .. }
            | Self::Hold { .. }
            | Self::Mode { .. }
            | Self::Snapshot {}
            | Self::Live { pictures: true }
            | Self::People { .. } => Role::Operator,
            Self::Reload {} | Self::Enrol(_) | Self::Photo { .. } | Self::EnrolPhotos(_) => {
                Role::Administrator
            }
        }
    }
}

impl Ask {
    /// Whether somebody with this role may ask for it; of people, a look.
    pub fn is_for(&self, role: Option<Role>) -> bool {
        let is_bridges = matches!(self, Self::Unlock { .. } | Self::Lock { .. });
        // An operator carries nothing.
        let is_fit = role != Some(Role::Operator) || self.needs() != Role::Bridge;
        role >= Some(self.needs()) && is_fit || role == Some(Role::Bridge) && is_bridges
    }
}

/// What the daemon says: to the request of that number, or of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    #[serde(flatten)]
    pub word: Word,
}

/// What is said. [`Word::Ok`] and [`Word::Error`] end a request, the others come before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Who speaks; the first line.
    Doorward(Hello),
    /// It is done; what it gave.
    Ok(Value),
    /// It was not done.
    Error(Problem),
    /// [`Ask::Watch`]: how things are now.
    State(Box<State>),
    /// [`Ask::Watch`]: a record, with its number and hash.
    Event(Value),
    /// [`Ask::Live`]: what the camera sees.
    Frame(Box<LiveFrame>),
    /// [`Ask::Enrol`]: what to tell the person before the camera.
    Guidance(Guidance),
}

/// Who speaks, and what the client may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    /// doorward's.
    pub version: String,
    /// What the door is called in records.
    pub door: String,
    /// Nothing for somebody who may ask for nothing.
    pub role: Option<Role>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub code: Code,
    /// For people: thing, place and fix.
    pub message: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// Why something was not done, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As it is sent.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

codes! {
    /// The role of whoever asks is not enough. That is on record.
    NotAllowed = "not_allowed";
    /// The line is no request that this daemon knows.
    NotUnderstood = "not_understood";
    /// More clients or acts than may be.
    TooMany = "too_many";
    /// The daemon did not come to it in time; whether it will still be done is not known.
    NoAnswer = "no_answer";
    /// Somebody else does that now.
    Busy = "busy";
    /// Nobody is or was called that.
    Unknown = "unknown";
    /// The database is not the one that is guarded with; the daemon ends.
    AnotherDatabase = "another_database";
    /// The record does not reach to that number.
    NoSuchRecord = "no_such_record";
    /// The camera gives no picture now.
    NoPicture = "no_picture";
    /// It was tried, and is not to be had: what is wrong is in the message.
    Refused = "refused";
    /// It cannot be put on record, so it is not done.
    NotOnRecord = "not_on_record";
    /// It was ended by whoever asked for it.
    Stopped = "stopped";
    /// The daemon ends.
    Stopping = "stopping";
}

impl Answer {
    /// To a request.
    pub fn to(id: u64, word: Word) -> Self {
        Self { id: Some(id), word }
    }

    /// From a line without its end; nothing if it is none that this program knows.
    pub fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// As a line with its end.
    pub fn line(&self) -> Vec<u8> {
        line(self)
    }
}

impl Word {
    /// What was not done, and why.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Error(Problem { code, message })
    }

    /// What a request gave.
    pub fn ok(gave: &impl Serialize) -> Self {
        match serde_json::to_value(gave) {
            Ok(value) => Self::Ok(value),
            // Maps with other keys than text; there are none.
            Err(error) => Self::error(Code::Refused, error.to_string()),
        }
    }
}

fn line(what: &impl Serialize) -> Vec<u8> {
    // Fails for maps with other keys than text alone; there are none.
    let mut line = serde_json::to_vec(what).unwrap_or_default();
    line.push(b'\n');
    line
}
