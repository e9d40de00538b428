//! The Raspberry Pi's GPIO registers, by the crate `rppal`.
//!
//! For a Pi whose kernel has no usable GPIO character device; prefer
//! [`super::gpiochip`], where the kernel guards the line. Registers have no
//! holder, so one doorward keeps another away by a lock on the device node.
//! The pin keeps its level when the process dies.

use std::fs::File;
use std::io;

use rppal::gpio::{Error, Gpio, OutputPin};
use rustix::fs::{FlockOperation, flock};

use super::{Relay, RelayError};
use crate::config::{self, Level, Line};
use crate::gpio::LineError;

/// Register windows, of a Pi up to 4 and of a Pi 5.
const DEVICES: [&str; 2] = ["/dev/gpiomem", "/dev/gpiomem0"];
const GIVE_IT: &str = "use `sudo`, or give it to the service: `sudo systemctl edit doorward-relay` \
                       with [Service] SupplementaryGroups=gpio and DeviceAllow=/dev/gpiomem rw";
const USE_GPIOCHIP: &str = "set relay.driver = \"gpiochip\", which serves every board";

/// One pin, driven through the registers.
pub(super) struct Rppal {
    pin: OutputPin,
    active: Level,
    /// Locked for as long as it is open.
    _guard: File,
}

impl Rppal {
    pub(super) fn open(config: &config::Relay) -> Result<Self, RelayError> {
        let number = pin_number(&config.line)?;
        let guard = guard()?;
        let pin = Gpio::new()
            .and_then(|gpio| gpio.get(number))
            .map_err(|error| explain(number, error))?;
        // Each sets the level before it makes the pin an output.
        let mut pin = match config.active {
            Level::High => pin.into_output_low(),
            Level::Low => pin.into_output_high(),
        };
        // Otherwise dropping it would make the pin an input, whose level the wiring decides.
        pin.set_reset_on_drop(false);
        Ok(Self {
            pin,
            active: config.active,
            _guard: guard,
        })
    }
}

impl Relay for Rppal {
    fn set(&mut self, energised: bool) -> Result<(), RelayError> {
        if energised == (self.active == Level::High) {
            self.pin.set_high();
        } else {
            self.pin.set_low();
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let level = match self.active {
            Level::High => "high",
            Level::Low => "low",
        };
        format!("{}, active {level}", place(self.pin.pin()))
    }
}

impl Drop for Rppal {
    fn drop(&mut self) {
        // Writing a register cannot fail.
        let _ = self.set(false);
    }
}

fn place(number: u8) -> String {
    format!("Raspberry Pi pin GPIO{number} (BCM numbering)")
}

/// A BCM number, written as such or as the kernel's name for it.
fn pin_number(line: &Line) -> Result<u8, LineError> {
    let (number, text) = match line {
        Line::Number(number) => (u8::try_from(*number).ok(), number.to_string()),
        Line::Name(name) => (
            name.strip_prefix("GPIO").and_then(|n| n.parse().ok()),
            format!("`{name}`"),
        ),
    };
    number.ok_or_else(|| LineError::NotFound {
        what: format!("Raspberry Pi pin {text}"),
        there: "the driver rppal knows pins by their BCM numbers, 0 to 27 on the header".into(),
        fix: "set relay.line to such a number, for example 17".into(),
    })
}

/// The first register window there is, locked.
fn guard() -> Result<File, LineError> {
    let mut denied = None;
    for device in DEVICES {
        let file = match File::open(device) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                denied.get_or_insert((device, error));
                continue;
            }
        };
        return match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(LineError::held_by_doorward(device.to_owned()))
            }
            Err(errno) => Err(io_error(device.to_owned(), "locked", &errno.into())),
        };
    }
    Err(match denied {
        Some((device, error)) => io_error(device.to_owned(), "opened", &error),
        None => LineError::NotFound {
            what: "the Raspberry Pi's GPIO registers".into(),
            there: format!("this machine has neither {}", DEVICES.join(" nor ")),
            fix: USE_GPIOCHIP.into(),
        },
    })
}

fn io_error(place: String, action: &'static str, error: &io::Error) -> LineError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        LineError::Permission {
            place,
            fix: GIVE_IT.into(),
        }
    } else {
        LineError::of_the_board(place, action, error.to_string())
    }
}

/// What an error means for this pin, and what to do.
fn explain(number: u8, error: Error) -> LineError {
    match error {
        Error::PermissionDenied(place) => LineError::Permission {
            place,
            fix: GIVE_IT.into(),
        },
        Error::PinNotAvailable(_) => LineError::NotFound {
            what: place(number),
            there: "this board has no such pin".into(),
            fix: "set relay.line to a BCM number from 0 to 27".into(),
        },
        Error::UnknownModel => LineError::NotFound {
            what: "the Raspberry Pi's GPIO registers".into(),
            there: "rppal does not know this board".into(),
            fix: USE_GPIOCHIP.into(),
        },
        Error::Io(error) => io_error(place(number), "opened", &error),
        Error::PinUsed(_) | Error::ThreadPanic => LineError::Io {
            place: place(number),
            action: "opened",
            reason: error.to_string(),
            fix: USE_GPIOCHIP.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pins_are_bcm_numbers() {
        assert_eq!(pin_number(&Line::Number(17)).unwrap(), 17);
        assert_eq!(pin_number(&Line::Name("GPIO17".into())).unwrap(), 17);
        for wrong in [
            Line::Number(256),
            Line::Name("17".into()),
            Line::Name("GPIO".into()),
        ] {
            let error = pin_number(&wrong).unwrap_err().to_string();
            assert!(
                error.contains("BCM") && error.contains("relay.line"),
                "{error}"
            );
        }
    }

    #[test]
    fn each_error_names_the_fix() {
        let denied = explain(17, Error::PermissionDenied("/dev/gpiomem".into())).to_string();
        assert!(
            denied.contains("/dev/gpiomem") && denied.contains("`gpio`"),
            "{denied}"
        );
        let unknown = explain(17, Error::UnknownModel).to_string();
        assert!(unknown.contains("relay.driver = \"gpiochip\""), "{unknown}");
        let missing = explain(99, Error::PinNotAvailable(99)).to_string();
        assert!(
            missing.contains("GPIO99") && missing.contains("0 to 27"),
            "{missing}"
        );
    }
}
