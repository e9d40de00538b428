//! What a door is called in records.

use std::fmt;

use serde::Serialize;

/// Longest name of a door.
const MAX_DOOR_NAME_CHARS: usize = 63;

/// A door's name: `[a-z0-9_-]`, 1 to 63 characters; `door` where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct DoorName(String);

impl DoorName {
    /// `None` if it is no name of a door.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let is_name = (1..=MAX_DOOR_NAME_CHARS).contains(&name.len()) && name.chars().all(fits);
        is_name.then_some(Self(name))
    }
}

impl Default for DoorName {
    fn default() -> Self {
        Self("door".into())
    }
}

impl fmt::Display for DoorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
