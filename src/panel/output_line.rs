//! An output of the panel on a GPIO line.

use gpiocdev::Request;
use gpiocdev::line::{Drive, Value};

use super::lines::{KEYS, Retry};
use crate::config::{self, Level};
use crate::gpio::{self, FoundLine, LineError};

/// One line that is driven, or where it is to be.
pub(super) struct OutputLine {
    name: String,
    output: config::Output,
    held: Option<(Request, gpio::Place)>,
    lit: bool,
    retry: Retry,
}

impl OutputLine {
    /// Takes hold of the line, dark.
    ///
    /// # Errors
    /// [`LineError`]
    pub(super) fn open(name: &str, output: &config::Output) -> Result<Self, LineError> {
        let mut line = Self {
            name: name.to_owned(),
            output: output.clone(),
            held: None,
            lit: false,
            retry: Retry::default(),
        };
        line.hold()?;
        Ok(line)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.held.is_none()
    }

    /// In one call: it never shows the other level in between.
    fn hold(&mut self) -> Result<(), LineError> {
        let Some(line) = &self.output.line else {
            return Ok(());
        };
        let output = &self.output;
        let held = FoundLine::find(&output.chip, line, KEYS)?.request(|builder| {
            match output.active {
                Level::High => builder.as_active_high(),
                Level::Low => builder.as_active_low(),
            };
            builder.as_output(Value::Inactive);
            builder.with_drive(match output.drive {
                config::Drive::PushPull => Drive::PushPull,
                config::Drive::OpenDrain => Drive::OpenDrain,
                config::Drive::OpenSource => Drive::OpenSource,
            });
        })?;
        self.held = Some(held);
        self.retry = Retry::default();
        Ok(())
    }

    pub(super) fn light(&mut self, lit: bool) {
        self.lit = lit;
        let Some((request, place)) = &self.held else {
            return;
        };
        let value = if lit { Value::Active } else { Value::Inactive };
        if let Err(error) = request.set_lone_value(value) {
            let error = place.refused(if lit { "lit" } else { "made dark" }, &error);
            self.lose(&error);
        }
    }

    fn lose(&mut self, error: &LineError) {
        self.held = None;
        if self.retry.failed() {
            log::error!("[panel.output.{}]: {error}", self.name);
        }
    }

    pub(super) fn look(&mut self) {
        match &self.held {
            // A chip that is gone says so when it is asked.
            Some((request, place)) => {
                if let Err(error) = request.lone_value() {
                    let error = place.refused("read", &error);
                    self.lose(&error);
                }
            }
            None if self.retry.is_due() => match self.hold() {
                Ok(()) => {
                    log::info!("[panel.output.{}] is back", self.name);
                    self.light(self.lit);
                }
                Err(error) => self.lose(&error),
            },
            None => {}
        }
    }
}
