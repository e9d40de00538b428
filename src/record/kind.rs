//! Kinds of events as they are named, how events are declared, and how a flag that says
//! nothing is left out.

use std::fmt;

use super::event::Kind;

/// Makes [`Event`](super::Event) and [`Kind`] of one list.
macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident = $name:literal $(($payload:ty))? $({ $($(#[$attr:meta])* $field:ident: $type:ty,)* })?;)*) => {
        /// What happened. `message` is what the failing part said, as shown then: for
        /// people, and not to be parsed; the reason is what counts.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $name)]
            $kind $(($payload))? $({ $($(#[$attr])* $field: $type,)* })?,)*
        }

        /// What an event is about, without its fields.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Its name in the database and in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }

        impl Event {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind { .. } => Kind::$kind,)*
                }
            }
        }
    };
}
pub(super) use events;

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
