//! Kinds of events as they are named, and how a flag that says nothing is left out.

use std::fmt;

use super::event::Kind;

pub(super) fn is_not(flag: &bool) -> bool {
    !flag
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
