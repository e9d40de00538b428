//! What events are made of: people, who acted, frames, and what grants and denials say.
//!
//! This is stored, and held by the same rule as the events themselves.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::codes::{ChallengeStep, DenialReason, Factor, GrantReason, WhichCamera};
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

/// What was measured of how a face moves, as far as it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cues {
    /// Of its points, in eye distances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub movement: Option<f32>,
    /// The share of that which its surroundings had too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupling: Option<f32>,
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
    /// The challenge that the face passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengePassed>,
    /// The second of two people, or the escort, where a rule asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<PersonRef>,
    /// How the face moved until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cues: Option<Cues>,
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
    /// What was measured, where the reason is how the face moves (eye distances, or a share) or
    /// what the infrared camera shows: a ratio of brightness, a range as a share of the mean, sizes
    /// of the face, or milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f32>,
    /// Where a challenge failed, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengeFailed>,
    /// How the face moved until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cues: Option<Cues>,
    /// How many for the same reason were left out since the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<NonZeroU32>,
}

/// A challenge that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengePassed {
    pub steps: u32,
    /// From the first prompt on.
    pub ms: u64,
}

/// Where a challenge failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChallengeFailed {
    pub asked: ChallengeStep,
    /// Which of how many, from 1 on.
    pub step: u32,
    pub steps: u32,
    /// Since its prompt.
    pub after_ms: u64,
    /// The largest movement since then, with a wrong step the wrong one: of a turn in eye
    /// distances; coming closer, how many times as large.
    pub shown: f32,
    /// What tracked points showed of it, in eye distances; nothing if they were lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<f32>,
}

/// How the pictures of the two cameras lie against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InfraredMapped {
    pub file: String,
    /// Its SHA-256 in hexadecimal.
    pub hash: String,
    /// Pairs of faces that it was learnt from.
    pub pairs: u32,
    /// How far landmarks lay from where it puts them, the median, in sizes of the face.
    pub residual: f32,
    pub actor: Actor,
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

/// Another key for what is sealed in the database, by the ids of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// 16 hexadecimal digits.
    pub before: String,
    pub now: String,
    pub actor: Actor,
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

impl WhichCamera {
    pub(super) fn first() -> Self {
        Self::Colour
    }

    /// It is not named where it is the first: so it was when there was one only.
    pub(super) fn is_first(&self) -> bool {
        *self == Self::Colour
    }
}
