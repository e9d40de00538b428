//! What is said of a fleet: errands to its hub, and how the door stands.

use serde::{Deserialize, Serialize};

/// A request that whoever has a network is to bring to the hub, as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetErrand {
    /// Its number. An older errand's answer is not taken any more.
    pub errand: u64,
    pub what: FleetWhat,
    /// The request's body, in Base64.
    pub body: String,
    /// How long the hub may wait with the answer for something new.
    pub wait_s: u32,
}

/// Which request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetWhat {
    /// What is new.
    List,
    /// To have something stored.
    Put,
}

/// A piece was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetTaken {
    /// The newest revision that was verified.
    pub revision: u64,
}

/// How the door stands in its fleet, by what it verified itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetNow {
    /// What the fleet calls the door.
    pub door: String,
    /// Of the list that counts here.
    pub revision: u64,
    /// When the list's newest commit was signed, by its signer's clock, in seconds since 1970.
    pub signed_s: Option<i64>,
    pub rows: usize,
    /// Rows that are enabled, and of which nothing else was heard.
    pub enabled: usize,
    /// Changes made here that the hub does not have.
    pub waiting: usize,
    /// Whether a part of a newer list is here.
    pub is_fetching: bool,
    /// When an answer of the hub was taken last, in milliseconds since 1970.
    pub heard_ms: Option<i64>,
    /// Why none is taken since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// Since another door signed something that is here; nothing where that cannot be told.
    #[serde(default)]
    pub news_age_s: Option<u64>,
    /// Who is let in for how long without news, where that has an end.
    #[serde(default)]
    pub leases: Vec<FleetLeaseNow>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetLeaseNow {
    /// `guests`, `residents` or a group.
    pub who: String,
    pub limit_s: u64,
    pub is_over: bool,
}
