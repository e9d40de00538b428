//! What came of a verb.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoded::bytes;
use crate::person::PersonId;
use crate::record::DoorMode;
use crate::whitelist::{Card, FactorsOf, Gone, Imported, Person, Template};

/// One answer for each verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    People {
        people: Vec<Seen>,
        /// How many are listed in all.
        listed: usize,
        /// Since when the record goes, if it did not from the beginning; who was let in
        /// before cannot be told.
        record_since_ms: Option<i64>,
    },
    Person {
        person: Seen,
        templates: Vec<Template>,
        factors: FactorsOf,
    },
    /// The picture of a person that was kept last.
    Face {
        /// PNG, in base64; nothing where none is kept.
        #[serde(default, with = "bytes", skip_serializing_if = "Option::is_none")]
        png: Option<Vec<u8>>,
    },
    /// The face that was kept of an event.
    Picture {
        /// JPEG, in base64; nothing where none is kept.
        #[serde(default, with = "bytes", skip_serializing_if = "Option::is_none")]
        jpeg: Option<Vec<u8>>,
    },
    /// Oldest first, each as it is stored, with number, time and hash, and `picture` where the
    /// face is kept.
    Events {
        records: Vec<Value>,
    },

    Enrolled {
        person: PersonId,
        name: String,
    },
    /// People as they are now.
    Changed {
        people: Vec<Person>,
    },
    Renamed {
        person: Person,
        before: String,
    },
    /// People as they were.
    Removed {
        people: Vec<Person>,
    },
    /// Who is listed no more, and what the record still has of each.
    ErasedPeople {
        people: Vec<Gone>,
    },
    TemplateForgotten {
        person: Person,
        template: Template,
    },
    PhotosForgotten {
        photos: u64,
    },
    /// Whether nothing is left in the files.
    Erased {
        gone: bool,
    },
    /// Everything is sealed with key `now`, which lies in `file`.
    Rekeyed {
        before: String,
        now: String,
        file: PathBuf,
        /// Whether systemd handed the key of before over: it fits no more.
        was_credential: bool,
    },
    /// A person's PINs are otherwise now.
    Pin {
        person: Person,
    },
    /// A card is somebody's, or is no more.
    Card {
        person: Person,
        card: Card,
        /// It was lost before.
        was_lost: bool,
    },
    Imported(Imported),
    /// Rows of the fleet's list whose people cannot be listed here, and why.
    FleetTaken {
        left_out: Vec<([u8; 16], String)>,
        has_removed: bool,
    },
    /// It is on record.
    Noted {},
    /// A mode is ordered, by the event with this number.
    ModeSet {
        mode: DoorMode,
        until_ms: Option<i64>,
        event: u64,
    },
    /// An unlocking is ordered, by the event with this number.
    UnlockAsked {
        event: u64,
    },
}

impl Reply {
    /// Whether pictures may be left that are of nobody who is listed.
    pub(crate) fn leaves_pictures(&self) -> bool {
        matches!(
            self,
            Self::Removed { .. }
                | Self::ErasedPeople { .. }
                | Self::Erased { .. }
                | Self::FleetTaken {
                    has_removed: true,
                    ..
                }
        )
    }
}

/// Somebody on the whitelist, and when that person was let in last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(flatten)]
    pub person: Person,
    pub last_granted_ms: Option<i64>,
}
