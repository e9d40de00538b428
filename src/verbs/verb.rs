//! What can be asked for.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::encoded::{bytes, piece, values};
use crate::embedding::{Embedding, ModelVersion};
use crate::person::PersonId;
use crate::record::{Consent, DoorMode};
use crate::whitelist::{Existing, FleetBatch, NewTemplate};

/// As many events as one answer has.
pub const MAX_EVENTS_ASKED: u32 = 1000;

/// What to do with whom. A person is named as everywhere: by name, by one from before, or by
/// number, such as `#3`. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verb {
    /// Who is listed; with a moment only those who were enrolled before it and not let in
    /// since.
    People {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unused_since_ms: Option<i64>,
        /// Of these only who has not consented.
        #[serde(default, skip_serializing_if = "is_not")]
        without_consent: bool,
    },
    /// A person, the templates, PIN and cards.
    Person {
        person: String,
    },
    /// The picture of a person that was kept last.
    Face {
        person: String,
    },
    /// The face that was kept of an event.
    Picture {
        event: u64,
    },
    /// What happened.
    Events(EventsAsked),

    /// Templates for a person, who is put on the whitelist if nobody has that name yet.
    Enroll(Enrolment),
    /// Templates by another network, of photos that were kept.
    Migrate(Migration),
    Rename {
        person: String,
        name: String,
    },
    Enable {
        people: Vec<String>,
    },
    Disable {
        people: Vec<String>,
    },
    /// Forgets people, listed or removed before, and the names that the record has of them
    /// as far as it can; what is left in the files goes by [`Verb::Erase`].
    ErasePeople {
        people: Vec<String>,
    },
    /// Forgets people; the record keeps the names. What is left in the files goes by
    /// [`Verb::Erase`].
    Remove {
        people: Vec<String>,
    },
    JoinGroup {
        people: Vec<String>,
        group: String,
    },
    LeaveGroup {
        people: Vec<String>,
        group: String,
    },
    /// What is not given has no limit.
    Valid {
        person: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_ms: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<i64>,
    },
    /// Makes somebody on the whitelist a guest.
    Guest {
        person: String,
        until_ms: i64,
    },
    /// How often from now on; nothing: as often as the person likes.
    Entries {
        person: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entries: Option<u32>,
    },
    /// Notes that people consented, in the place of what was noted before.
    NoteConsent {
        people: Vec<String>,
        consent: Consent,
    },
    /// Notes that people consent no more; they are disabled.
    WithdrawConsent {
        people: Vec<String>,
    },
    /// The template with this number, from 1 on.
    ForgetTemplate {
        person: String,
        number: usize,
    },
    /// All kept photos.
    ForgetPhotos {},
    /// Has what was removed be gone from the files too.
    Erase {},
    /// Seals everything with a new key.
    Rekey {},
    SetPin {
        person: String,
        pin: PinWord,
        #[serde(default)]
        duress: bool,
    },
    RemovePin {
        person: String,
        #[serde(default)]
        duress: bool,
    },
    AddCard {
        person: String,
        card: CardWords,
    },
    RemoveCard {
        person: String,
        card: CardWords,
    },
    LoseCard {
        card: CardWords,
    },
    /// Takes over the people of a text that was handed over before, which an export wrote.
    Import {
        existing: Existing,
        /// Where from, for the record.
        file: String,
    },
    /// Puts on record that people were written to a file.
    NoteExport(NotedExport),
    /// Puts on record that all that is kept of somebody was written to a file.
    NoteDisclosure(NotedDisclosure),
    /// Puts on record that a backup was made; its head is on record here.
    NoteBackup {
        file: String,
        head: String,
    },
    /// Puts on record that the relay is about to be moved by hand.
    NoteRelayByHand {
        relay: String,
        pulse_ms: u64,
    },

    /// Hands over a piece of a text, or of a verb that is too long for one line.
    HandOver {
        part: Part,
    },
    /// The verb is what was handed over.
    HandedOver {},

    /// Takes what the fleet's list changes. No client can say so.
    #[serde(skip)]
    TakeFleet(Box<FleetBatch>),

    /// Orders a mode of the door.
    SetMode {
        mode: DoorMode,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Orders an unlocking for one pulse.
    Unlock {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl Verb {
    /// An enrolment of somebody who consented; other verbs as they are.
    pub(crate) fn consented(mut self, consent: Option<Consent>) -> Self {
        if let Self::Enroll(enrolment) = &mut self {
            enrolment.consent = consent;
        }
        self
    }

    /// Whether it changes nothing.
    pub fn is_look(&self) -> bool {
        matches!(
            self,
            Self::People { .. }
                | Self::Person { .. }
                | Self::Face { .. }
                | Self::Picture { .. }
                | Self::Events(_)
        )
    }

    /// Whether it is about the door, and not about who is listed.
    pub fn is_act(&self) -> bool {
        matches!(self, Self::SetMode { .. } | Self::Unlock { .. })
    }
}

fn is_not(flag: &bool) -> bool {
    !flag
}

/// A piece of something, in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Part(#[serde(with = "piece")] pub Vec<u8>);

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsAsked {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// The oldest ones after this; without it the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_id: Option<u64>,
    /// Of these kinds; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// With a person: refusals of strangers too whom that person was nearest to.
    #[serde(default)]
    pub nearest: bool,
    /// At most so many, and never more than [`MAX_EVENTS_ASKED`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Templates that were made and reviewed already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    pub name: String,
    /// All of one model version.
    pub model: ModelVersion,
    pub faces: Vec<FaceOf>,
    /// A guest, until this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

impl Enrolment {
    /// Of templates that all have the first one's model version; nothing if there is none.
    pub fn of(name: &str, templates: &[NewTemplate], guest_until_ms: Option<i64>) -> Option<Self> {
        let face = |template: &NewTemplate| FaceOf {
            values: template.embedding.as_slice().into(),
            source: template.source.clone(),
            photo: template.photo.clone(),
        };
        Some(Self {
            name: name.to_owned(),
            model: templates.first()?.embedding.model().clone(),
            faces: templates.iter().map(face).collect(),
            guest_until_ms,
            consent: None,
        })
    }

    /// Nothing if a vector could not be any face's.
    pub(super) fn templates(self) -> Option<Vec<NewTemplate>> {
        let model = self.model;
        let template = |face: FaceOf| {
            Some(NewTemplate {
                embedding: Embedding::new(&model, face.values).ok()?,
                source: face.source,
                photo: face.photo,
            })
        };
        self.faces.into_iter().map(template).collect()
    }
}

/// A template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceOf {
    /// Little-endian f32, in base64.
    #[serde(with = "values")]
    pub values: Vec<f32>,
    /// The photo it was made from, or `camera`.
    pub source: String,
    /// The picture as PNG, in base64, if it is to be kept.
    #[serde(default, with = "bytes", skip_serializing_if = "Option::is_none")]
    pub photo: Option<Vec<u8>>,
}

/// What was made anew of a person's kept photos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    pub person: PersonId,
    pub model: ModelVersion,
    pub made: Vec<Remade>,
}

/// A template of another network's, and what the one in use makes of its photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remade {
    pub template: i64,
    #[serde(with = "values")]
    pub values: Vec<f32>,
}

/// A card, as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardWords {
    pub number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<u32>,
    /// `w26` for a new card if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Who was written to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotedExport {
    pub file: String,
    /// Everybody, and not these in particular.
    pub everybody: bool,
    /// Each with the number of templates.
    pub people: Vec<(PersonId, String, usize)>,
}

/// Who got a copy, and of how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotedDisclosure {
    pub file: String,
    pub person: PersonId,
    pub name: String,
    pub templates: u64,
    pub events: u64,
    pub pictures: u64,
}

/// A PIN on its way, which is shown nowhere and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct PinWord(Zeroizing<String>);

impl PinWord {
    pub fn new(digits: &str) -> Self {
        Self(Zeroizing::new(digits.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PinWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a PIN")
    }
}

impl Serialize for PinWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PinWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self(Zeroizing::new(word)))
    }
}
