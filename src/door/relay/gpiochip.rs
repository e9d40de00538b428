//! A line of the kernel's GPIO character device: Raspberry Pi, Jetson and every other
//! board with Linux 5.10 or later.
//!
//! The line is requested as an output at its inactive level in one call, so that it
//! never shows the active one in between.

use gpiocdev::Request;
use gpiocdev::line::Value;

use super::{KEYS, Relay, RelayError, action};
use crate::config::{self, Level};
use crate::gpio::{FoundLine, Place};

/// One line of a GPIO chip, held as an output.
pub(super) struct Gpiochip {
    request: Request,
    place: Place,
    active: Level,
}

impl Gpiochip {
    pub(super) fn open(config: &config::Relay) -> Result<Self, RelayError> {
        let line = FoundLine::find(&config.chip, &config.line, KEYS)?;
        let (request, place) = line.request(|builder| {
            match config.active {
                Level::High => builder.as_active_high(),
                Level::Low => builder.as_active_low(),
            };
            builder.as_output(Value::Inactive);
        })?;
        Ok(Self {
            request,
            place,
            active: config.active,
        })
    }
}

impl Relay for Gpiochip {
    fn set(&mut self, energised: bool) -> Result<(), RelayError> {
        let value = if energised {
            Value::Active
        } else {
            Value::Inactive
        };
        self.request
            .set_lone_value(value)
            .map_err(|error| self.place.refused(action(energised), &error).into())
    }

    fn describe(&self) -> String {
        let level = match self.active {
            Level::High => "high",
            Level::Low => "low",
        };
        format!("{}, active {level}", self.place)
    }
}

impl Drop for Gpiochip {
    fn drop(&mut self) {
        // The kernel may keep the level of a line that is given back.
        if let Err(error) = self.set(false) {
            log::error!("{error}");
        }
    }
}
