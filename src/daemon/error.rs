//! Why the daemon does not run, or ends.

use super::access_rules::RulesFault;
use super::fleet::FleetKeysError;
use super::mapping_file::MappingError;
use super::strict::Untrusted;
use crate::acts::ActsError;
use crate::camera::CameraError;
use crate::database::DatabaseError;
use crate::guardian::{HoldError, PlaceError};
use crate::panel::PanelError;
use crate::record::{Bent, Part, RecordError};
use crate::risk::RiskError;
use crate::vision::VisionError;
use crate::whitelist::WhitelistError;

/// Why the daemon does not run. The door is locked.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The relay cannot be used.
    #[error(transparent)]
    Relay(#[from] HoldError),
    /// The relay guardian has no place for its note.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Nothing can be put on record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The networks cannot be used.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The recording cannot be played.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// Nobody knows where the infrared camera looks.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The whitelist cannot be read.
    #[error(transparent)]
    Whitelist(#[from] WhitelistError),
    /// What was ordered of the door cannot be read.
    #[error(transparent)]
    Acts(#[from] ActsError),
    /// Nothing can be read or shown at the door.
    #[error("the panel: {0}")]
    Panel(#[from] PanelError),
    /// No threshold follows from the risk.
    #[error(transparent)]
    Risk(#[from] RiskError),
    /// Others could change what decides who is let in.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The access rules are wrong, and nobody knows who may pass.
    #[error("{0}; `doorward access check` looks at the rules alone")]
    AccessRules(#[from] RulesFault),
    /// The keys of the fleet cannot be used.
    #[error(transparent)]
    Fleet(#[from] FleetKeysError),
    /// The system gave no thread or no signals.
    #[error("cannot start {what}: {source}; look at the limits of the service")]
    System {
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A part failed while the door was guarded.
    #[error("{0}; the door is locked, and systemd starts the daemon again")]
    Fault(Fault),
    /// A part failed and the relay did not confirm that it is released.
    #[error("{0}; THE DOOR MAY BE UNLOCKED: run `doorward relay lock`")]
    NotLocked(String),
}

/// What failed while the door was guarded.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A part is gone although nobody asked it to stop.
    #[error("{0} ended")]
    Ended(Part),
    /// A part does not mark its progress.
    #[error("{part} made no progress for {age_ms} ms")]
    Hung {
        part: Part,
        /// Since its last mark.
        age_ms: u64,
    },
    /// The database is not what the daemon wrote.
    #[error(transparent)]
    Bent(#[from] Bent),
}

/// The system gave no thread.
pub(super) fn of_a_thread(source: std::io::Error) -> DaemonError {
    DaemonError::System {
        what: "a thread",
        source,
    }
}
