//! Why a verb was not done.

use serde::{Deserialize, Serialize};

use crate::database::DatabaseError;
use crate::record::RecordError;
use crate::whitelist::{ImportError, PortableError, RekeyError, WhitelistError};

/// Nothing was changed. The message names the thing, the place and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct VerbError {
    pub code: Code,
    pub message: String,
}

/// What kind of reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Nobody is or was called that.
    Unknown,
    /// What was asked cannot be, such as a name that is taken.
    Refused,
    /// The verb is none, or lacks something.
    Malformed,
    /// The database failed.
    Database,
    /// The database is not the one that is guarded with; the daemon ends.
    Bent,
    /// Whoever may write the database does not answer.
    Silent,
    /// The daemon ends.
    Stopping,
    /// Something more urgent came in between, such as somebody at the door.
    Busy,
}

impl VerbError {
    pub(crate) fn new(code: Code, message: impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// Whether the next verb will not be done either.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self.code, Code::Database | Code::Bent | Code::Silent)
    }

    /// What answered is of another version.
    pub(crate) fn other_reply() -> Self {
        let why = "the daemon gives another answer than this doorward knows: restart it by `sudo systemctl restart doorward`";
        Self::new(Code::Malformed, why)
    }

    pub(super) fn malformed(message: impl ToString) -> Self {
        Self::new(Code::Malformed, message)
    }
}

impl From<DatabaseError> for VerbError {
    fn from(error: DatabaseError) -> Self {
        Self::new(Code::Database, error)
    }
}

impl From<RecordError> for VerbError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Bent(_) => Self::new(Code::Bent, error),
            error => Self::new(Code::Database, error),
        }
    }
}

impl From<WhitelistError> for VerbError {
    fn from(error: WhitelistError) -> Self {
        let code = match error {
            WhitelistError::Unknown { .. } => Code::Unknown,
            WhitelistError::Database(_) => Code::Database,
            _ => Code::Refused,
        };
        Self::new(code, error)
    }
}

impl From<RekeyError> for VerbError {
    fn from(error: RekeyError) -> Self {
        match error {
            RekeyError::GaveWay => Self::new(Code::Busy, error),
            RekeyError::Database(error) => error.into(),
            RekeyError::Key(_) | RekeyError::NoRandom(_) => Self::new(Code::Refused, error),
        }
    }
}

/// A text that cannot be handed over, as whoever reads it would say.
pub(crate) fn unreadable(error: std::io::Error) -> VerbError {
    ImportError::File(PortableError::of(error)).into()
}

impl From<ImportError> for VerbError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Whitelist(error) => error.into(),
            ImportError::Database(error) => error.into(),
            error => Self::new(Code::Refused, error),
        }
    }
}
