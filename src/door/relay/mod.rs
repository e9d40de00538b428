//! What moves the strike.
//!
//! A driver holds its line alone, keeps it released unless told otherwise, and
//! releases it when it is dropped. What it cannot do is act after its process was
//! killed: then the line may keep its level (Raspberry Pi kernels do, see
//! [`simulated`]), and it takes another [`open`], such as by `doorward relay lock`,
//! to release it.

mod gpiochip;
#[cfg(feature = "rppal")]
mod rppal;
pub mod simulated;

use std::path::PathBuf;

use crate::config::{self, Driver};

/// The name under which a line is held, as shown by `gpioinfo`.
pub const CONSUMER: &str = "doorward";

/// An output that moves the strike.
pub trait Relay: Send {
    /// Energises (unlocks) or releases (locks).
    ///
    /// # Errors
    /// [`RelayError::Io`]; the line may then be at either level.
    fn set(&mut self, energised: bool) -> Result<(), RelayError>;

    /// What it is, for a person: driver, chip, line, active level.
    fn describe(&self) -> String;
}

/// Takes hold of the configured line and leaves it released.
///
/// # Errors
/// [`RelayError`]; the line is then untouched, except that a
/// [`RelayError::Io`] can leave it at either level.
pub fn open(config: &config::Relay) -> Result<Box<dyn Relay>, RelayError> {
    Ok(match config.driver {
        Driver::Simulated => Box::new(simulated::Simulated::open(&config.state_file)?),
        Driver::Gpiochip => Box::new(gpiochip::Gpiochip::open(config)?),
        #[cfg(feature = "rppal")]
        Driver::Rppal => Box::new(rppal::Rppal::open(config)?),
        #[cfg(not(feature = "rppal"))]
        Driver::Rppal => return Err(RelayError::NotBuiltIn),
    })
}

/// Why a relay cannot be used. The door stays locked.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Somebody else has the line.
    #[error("{place} is held by {holder}; {fix}")]
    Busy {
        /// The line.
        place: String,
        /// Who has it.
        holder: String,
        /// What to do.
        fix: &'static str,
    },
    /// There is no such chip or line.
    #[error("{what} was not found: {there}; {fix}")]
    NotFound {
        /// What was looked for.
        what: String,
        /// What is there instead.
        there: String,
        /// What to do.
        fix: &'static str,
    },
    /// The name fits more than one chip or line.
    #[error("{what} is ambiguous: {there}; {fix}")]
    Ambiguous {
        /// What was looked for.
        what: String,
        /// What it fits.
        there: String,
        /// What to do.
        fix: &'static str,
    },
    /// The user may not touch it.
    #[error("no permission to use {place}; {fix}")]
    Permission {
        /// The device or file.
        place: String,
        /// What to do.
        fix: &'static str,
    },
    /// The driver was left out of this build.
    #[error(
        "relay.driver = \"rppal\" is not in this build; set relay.driver = \"gpiochip\", which \
         serves every Raspberry Pi, or build with `cargo build --release --features rppal`"
    )]
    NotBuiltIn,
    /// The file that was to stand for the line is something else.
    #[error(
        "{} is not the state of a simulated relay but {found}; set relay.state_file to a file of \
         its own",
        path.display()
    )]
    NotAState {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The system refused.
    #[error("{place} cannot be {action}: {reason}; {fix}")]
    Io {
        /// The line, chip or file.
        place: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        reason: String,
        /// What to do.
        fix: &'static str,
    },
}

/// "energised" or "released", as tried in vain.
fn action(energised: bool) -> &'static str {
    if energised { "energised" } else { "released" }
}

/// What to do about a line that another process has.
const FREE_THE_LINE: &str = "stop that first, or set relay.line to a free line";
/// What to do about a line that a doorward has.
const STOP_DOORWARD: &str =
    "stop it first (`systemctl stop doorward`); it locks the door as it stops";
/// What to do about a line that was good and no longer is.
const LOOK_AT_THE_BOARD: &str = "check that the board and its kernel driver are in order";
