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
use crate::gpio::{Keys, LineError};

/// The keys that name the relay's line.
const KEYS: Keys = Keys {
    chip: "relay.chip",
    line: "relay.line",
    without_gpio: "relay.driver = \"simulated\"",
    service: "doorward-relay",
};

/// An output that moves the strike.
pub trait Relay: Send {
    /// Energises (unlocks) or releases (locks).
    ///
    /// # Errors
    /// [`LineError::Io`]; the line may then be at either level.
    fn set(&mut self, energised: bool) -> Result<(), RelayError>;

    /// What it is, for a person: driver, chip, line, active level.
    fn describe(&self) -> String;
}

/// Takes hold of the configured line and leaves it released.
///
/// # Errors
/// [`RelayError`]; the line is then untouched, except that a
/// [`LineError::Io`] can leave it at either level.
pub fn open(config: &config::Relay) -> Result<Box<dyn Relay>, RelayError> {
    Ok(match config.driver {
        Driver::Simulated => Box::new(simulated::Simulated::open(&config.state_file)?),
        Driver::Gpiochip => Box::new(gpiochip::Gpiochip::open(config)?),
        Driver::Rppal if config.drive != config::Drive::PushPull => {
            return Err(RelayError::NotByRegisters {
                key: "drive",
                value: config.drive.name(),
            });
        }
        Driver::Rppal if config.bias != config::Bias::AsIs => {
            return Err(RelayError::NotByRegisters {
                key: "bias",
                value: config.bias.name(),
            });
        }
        #[cfg(feature = "rppal")]
        Driver::Rppal => Box::new(rppal::Rppal::open(config)?),
        #[cfg(not(feature = "rppal"))]
        Driver::Rppal => return Err(RelayError::NotBuiltIn),
    })
}

/// What is configured, for a person who is to see it before it is opened.
pub fn describe(config: &config::Relay) -> String {
    match config.driver {
        Driver::Simulated => format!("the simulated relay {}", config.state_file.display()),
        Driver::Gpiochip | Driver::Rppal => {
            format!("GPIO line {} of {}", config.line, config.chip)
        }
    }
}

/// Why a relay cannot be used. The door stays locked.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The line, or the file that stands for one, cannot be used.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The driver was left out of this build.
    #[error(
        "relay.driver = \"rppal\" is not in this build; set relay.driver = \"gpiochip\", which \
         serves every Raspberry Pi, or build with `cargo build --release --features rppal`"
    )]
    NotBuiltIn,
    /// The driver has no such setting.
    #[error(
        "relay.driver = \"rppal\" drives lines push-pull and sets no bias, and relay.{key} = \
         \"{value}\"; set relay.driver = \"gpiochip\", or remove relay.{key}"
    )]
    NotByRegisters {
        key: &'static str,
        value: &'static str,
    },
    /// The file that was to stand for the line is something else.
    #[error(
        "{} is not the state of a simulated relay but {found}; set relay.state_file to a file of \
         its own",
        path.display()
    )]
    NotAState { path: PathBuf, found: &'static str },
}

/// "energised" or "released", as tried in vain.
fn action(energised: bool) -> &'static str {
    if energised { "energised" } else { "released" }
}
