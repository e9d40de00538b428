//! What an event says.

use std::fmt;

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::embedding::ModelVersion;
use crate::person::PersonId;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Its name in the database and in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// The daemon guards the door.
    Started = "started",
    /// The daemon ended as it should.
    Stopped = "stopped",
    /// A changed configuration is in force.
    ConfigReloaded = "config_reloaded",
    /// A changed configuration was wrong; the old one stays in force.
    ConfigRejected = "config_rejected",
    /// The whitelist was read.
    WhitelistLoaded = "whitelist_loaded",
    /// The whitelist cannot be read; nobody is let in.
    WhitelistUnreadable = "whitelist_unreadable",
    /// The camera is gone or silent; nobody is let in.
    CameraLost = "camera_lost",
    /// The camera gives frames again.
    CameraBack = "camera_back",
    /// Somebody may pass; written before the relay moves.
    Granted = "granted",
    /// A grant did not open the door.
    GrantWithdrawn = "grant_withdrawn",
    /// Somebody was judged and may not pass.
    Refused = "refused",
    /// Somebody was there and could not be judged.
    CannotJudge = "cannot_judge",
    /// The relay was energised.
    Unlocked = "unlocked",
    /// The relay was released.
    Locked = "locked",
    /// The relay did not do as it was told.
    RelayFault = "relay_fault",
    /// Another part failed.
    Fault = "fault",
    /// The relay was moved by hand.
    RelayByHand = "relay_by_hand",
    /// Templates were added.
    Enrolled = "enrolled",
    /// A person has another name.
    Renamed = "renamed",
    /// A person is let in again.
    Enabled = "enabled",
    /// A person is not let in any more.
    Disabled = "disabled",
    /// A person and the templates are gone.
    Removed = "removed",
    /// Events were deleted because their time was over.
    Pruned = "pruned",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().copied();
        known.clone().find(|k| k.as_str() == name).ok_or_else(|| {
            let all: Vec<_> = known.map(Self::as_str).collect();
            format!("no kind of event; there are {}", all.join(", "))
        })
    }
}

/// An event to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub kind: Kind,
    /// Whom it is about, by number and by name as it was then. In a refusal of
    /// somebody unknown: the person most alike.
    pub person: Option<(PersonId, String)>,
    /// Score with the nearest template, see [`crate::cohort`].
    pub score: Option<f32>,
    /// What it had to reach.
    pub threshold: Option<f32>,
    /// What the embeddings were made with.
    pub model: Option<ModelVersion>,
    /// How many frames agreed.
    pub frames: Option<u32>,
    /// The reason, for a person.
    pub why: Option<String>,
    /// Whatever else there is to say.
    pub detail: Map<String, Value>,
    /// Who did it, if it was somebody at a command line.
    pub actor: Option<String>,
}

impl NewEvent {
    /// An event of which nothing but the kind is known yet.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            person: None,
            score: None,
            threshold: None,
            model: None,
            frames: None,
            why: None,
            detail: Map::new(),
            actor: None,
        }
    }

    /// About somebody.
    #[must_use]
    pub fn person(mut self, id: PersonId, name: impl Into<String>) -> Self {
        self.person = Some((id, name.into()));
        self
    }

    /// With a score.
    #[must_use]
    pub fn score(mut self, score: f32) -> Self {
        self.score = Some(score);
        self
    }

    /// With the threshold it was held against.
    #[must_use]
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// With the model version.
    #[must_use]
    pub fn model(mut self, model: &ModelVersion) -> Self {
        self.model = Some(model.clone());
        self
    }

    /// With the number of frames that agreed.
    #[must_use]
    pub fn frames(mut self, frames: usize) -> Self {
        self.frames = Some(u32::try_from(frames).unwrap_or(u32::MAX));
        self
    }

    /// For a reason.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// With something else.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(key.into(), value.into());
        self
    }

    /// Done by somebody.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }
}

/// One line for a person: `granted Ada Example, score 0.871 of 0.700 in 3 frames: recognised`.
impl fmt::Display for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some((id, name)) = &self.person {
            match self.kind {
                Kind::Refused => write!(f, ", nearest {name} ({id})")?,
                _ => write!(f, " {name} ({id})")?,
            }
        }
        match (self.score, self.threshold) {
            (Some(score), Some(threshold)) => write!(f, ", score {score:.3} of {threshold:.3}")?,
            (Some(score), None) => write!(f, ", score {score:.3}")?,
            _ => {}
        }
        if let Some(frames) = self.frames {
            write!(f, " in {frames} frames")?;
        }
        if let Some(why) = &self.why {
            write!(f, ": {why}")?;
        }
        if let Some(actor) = &self.actor {
            write!(f, ", by {actor}")?;
        }
        let mut details = self.detail.iter();
        if let Some((key, value)) = details.next() {
            write!(f, " [{key} {}", plain(value))?;
            for (key, value) in details {
                write!(f, ", {key} {}", plain(value))?;
            }
            write!(f, "]")?;
        }
        Ok(())
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An event as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Counts up from 1, without gaps.
    pub id: u64,
    /// Milliseconds since 1970, UTC, by the clock of the machine.
    pub at_ms: i64,
    /// What it says.
    pub says: NewEvent,
}

impl Event {
    /// One object; what does not apply is left out.
    pub fn to_json(&self) -> Value {
        let says = &self.says;
        let mut object = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(key.into(), value);
            }
        };
        put("id", Some(self.id.into()));
        put("at", Some(self.at(TimeZone::UTC).into()));
        put("kind", Some(says.kind.as_str().into()));
        put("person_id", says.person.as_ref().map(|(id, _)| id.0.into()));
        put("person", says.person.as_ref().map(|(_, name)| json!(name)));
        put("score", says.score.map(|v| json!(v)));
        put("threshold", says.threshold.map(|v| json!(v)));
        put("model", says.model.as_ref().map(|m| m.as_str().into()));
        put("frames", says.frames.map(Value::from));
        put("why", says.why.as_deref().map(Value::from));
        put("actor", says.actor.as_deref().map(Value::from));
        put(
            "detail",
            (!says.detail.is_empty()).then(|| Value::Object(says.detail.clone())),
        );
        Value::Object(object)
    }

    fn at(&self, zone: TimeZone) -> String {
        match jiff::Timestamp::from_millisecond(self.at_ms) {
            Ok(at) if zone == TimeZone::UTC => at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            Ok(at) => at
                .to_zoned_datetime(zone)
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string(),
            // Only a tampered row holds a time that does not exist.
            Err(_) => format!("{} ms", self.at_ms),
        }
    }
}

/// One line for a person, in local time.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at(TimeZone::system());
        write!(f, "{at} {:>6}  {}", self.id, self.says)
    }
}
