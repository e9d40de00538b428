//! Why a line cannot be used, and what to do about it.

use std::fmt;

use super::{CONSUMER, Keys};

/// Why a line cannot be used. Each message names what was looked for, what is there and
/// the configuration key to change.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Another process has the line.
    #[error("{place} is held by {holder}; {fix}")]
    Busy {
        place: String,
        /// The process that has it.
        holder: Holder,
        fix: String,
    },
    /// There is no such chip or line.
    #[error("{what} was not found: {there}; {fix}")]
    NotFound {
        /// The chip or line that was looked for.
        what: String,
        /// What is there instead.
        there: String,
        fix: String,
    },
    /// The name fits more than one chip or line.
    #[error("{what} is ambiguous: {there}; {fix}")]
    Ambiguous {
        /// The chip or line that was looked for.
        what: String,
        /// Those that it fits.
        there: String,
        fix: String,
    },
    /// The user may not touch it.
    #[error("no permission to use {place}; {fix}")]
    Permission {
        /// The device or file.
        place: String,
        fix: String,
    },
    /// The system refused.
    #[error("{place} cannot be {action}: {reason}; {fix}")]
    Io {
        /// The line, chip or file.
        place: String,
        action: &'static str,
        /// What the system said.
        reason: String,
        fix: String,
    },
}

/// The process that has a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Another process of this program.
    Doorward,
    /// A process by the name that it gave to the kernel.
    Named(String),
    /// The kernel, or a process that gave no name.
    Nameless,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doorward => f.write_str("a running doorward"),
            Self::Named(name) => write!(f, "`{name}`"),
            Self::Nameless => f.write_str("the kernel or a process without a name"),
        }
    }
}

/// What to do about a line that a doorward has.
const STOP_DOORWARD: &str = "end it first (`systemctl stop doorward`, or Ctrl-C where it runs); it locks the door as it ends";
/// What to do about a line that was good and no longer is.
const LOOK_AT_THE_BOARD: &str = "check that the board and its kernel driver are in order";

impl LineError {
    /// Of a line that a doorward has.
    pub(crate) fn held_by_doorward(place: String) -> Self {
        Self::Busy {
            place,
            holder: Holder::Doorward,
            fix: STOP_DOORWARD.into(),
        }
    }

    /// Of a line that was good and no longer is.
    pub(crate) fn of_the_board(place: String, action: &'static str, reason: String) -> Self {
        Self::Io {
            place,
            action,
            reason,
            fix: LOOK_AT_THE_BOARD.into(),
        }
    }
}

/// From the consumer of a line that is in use.
pub(super) fn busy(place: &str, consumer: &str, keys: Keys) -> LineError {
    let place = place.to_owned();
    let holder = match consumer {
        CONSUMER => return LineError::held_by_doorward(place),
        "" => Holder::Nameless,
        _ => Holder::Named(consumer.to_owned()),
    };
    LineError::Busy {
        place,
        holder,
        fix: format!("stop that first, or set {} to a free line", keys.line),
    }
}

/// From what the kernel said as `action` was tried on `place`.
pub(super) fn refused(
    place: &str,
    action: &'static str,
    error: &gpiocdev::Error,
    keys: Keys,
) -> LineError {
    let code = match error {
        gpiocdev::Error::Os(errno) => errno.0,
        _ => 0,
    };
    if code == libc::EACCES || code == libc::EPERM {
        return LineError::Permission {
            place: place.to_owned(),
            fix: format!(
                "use `sudo`, or start the service that owns the line: `sudo systemctl start {}`",
                keys.service
            ),
        };
    }
    let reason = error.to_string().trim_end_matches('.').to_owned();
    match error {
        gpiocdev::Error::GpioChip(..) => LineError::Io {
            place: place.to_owned(),
            action,
            reason,
            fix: format!("set {} to the label or path of a GPIO chip", keys.chip),
        },
        _ => LineError::of_the_board(place.to_owned(), action, reason),
    }
}
