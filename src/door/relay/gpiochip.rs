//! A line of the kernel's GPIO character device: Raspberry Pi, Jetson and every other
//! board with Linux 5.10 or later.
//!
//! The line is requested as an output at its inactive level in one call, so that it
//! never shows the active one in between.

use std::fmt::Write as _;

use gpiocdev::Request;
use gpiocdev::line::{Drive, Value};

use super::{KEYS, Relay, RelayError, action};
use crate::config::{self, Level};
use crate::gpio::{self, FoundLine, Place};

/// One line of a GPIO chip, held as an output.
pub(super) struct Gpiochip {
    request: Request,
    place: Place,
    config: config::Relay,
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
            builder.with_drive(match config.drive {
                config::Drive::PushPull => Drive::PushPull,
                config::Drive::OpenDrain => Drive::OpenDrain,
                config::Drive::OpenSource => Drive::OpenSource,
            });
            builder.with_bias(gpio::bias(config.bias));
        })?;
        Ok(Self {
            request,
            place,
            config: config.clone(),
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
        let config = &self.config;
        let mut text = format!("{}, active {}", self.place, config.active);
        if config.drive != config::Drive::PushPull {
            let _ = write!(text, ", {}", config.drive);
        }
        if config.bias != config::Bias::AsIs {
            let _ = write!(text, ", bias {}", config.bias);
        }
        text
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
