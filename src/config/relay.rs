//! `[relay]`: the output that moves the strike.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::de::DeValue;

use super::anchor;
use super::file::File;
use super::section::{Section, choice, defaults};

/// `[relay]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Relay {
    /// What switches the relay.
    pub driver: Driver,
    /// Level that energises it.
    pub active: Level,
    /// What drives the line: with `driver = "gpiochip"`.
    pub drive: Drive,
    /// The chip's own resistor at the line, with `driver = "gpiochip"`.
    pub bias: Bias,
    /// GPIO chip: its label or its device path, with `driver = "gpiochip"`.
    pub chip: String,
    /// GPIO line: its name, or its number on the chip.
    pub line: Line,
    /// File that stands for the line, with `driver = "simulated"`.
    pub state_file: PathBuf,
    /// Folder of the relay guardian that runs as a service.
    pub guardian: PathBuf,
}

choice! {
    /// What switches the relay.
    pub enum Driver {
        /// A file that keeps the level a line would have, for trials and tests.
        Simulated = "simulated",
        /// The kernel's GPIO character device: Raspberry Pi, Jetson and the rest.
        Gpiochip = "gpiochip",
        /// The Raspberry Pi's registers, in a build with the `rppal` feature.
        Rppal = "rppal",
    }
}

choice! {
    /// An electrical level.
    pub enum Level {
        /// The line is driven high.
        High = "high",
        /// The line is driven low.
        Low = "low",
    }
}

choice! {
    /// To which levels a line is driven; the other one is left to a resistor.
    pub enum Drive {
        /// To both.
        PushPull = "push-pull",
        /// To low only.
        OpenDrain = "open-drain",
        /// To high only.
        OpenSource = "open-source",
    }
}

choice! {
    /// The resistor in the chip that pulls a line where nothing drives it.
    pub enum Bias {
        /// As the board has set it.
        AsIs = "as-is",
        /// None.
        Disabled = "disabled",
        /// To high.
        PullUp = "pull-up",
        /// To low.
        PullDown = "pull-down",
    }
}

/// A GPIO line, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// Offset on its chip (on a Raspberry Pi the BCM number).
    Number(u32),
    /// The name the kernel gives it, such as `GPIO17`.
    Name(String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Relay {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            driver: section.choice("driver", Driver::Gpiochip),
            active: section.choice("active", Level::High),
            drive: section.choice("drive", Drive::PushPull),
            bias: section.choice("bias", Bias::AsIs),
            chip: section.text("chip", "pinctrl-bcm2711", "the chip's label or path"),
            line: section.read("line", Line::Number(17), line),
            state_file: section.path("state_file", "/run/doorward-relay/relay"),
            guardian: section.path("guardian", "/run/doorward-relay"),
        }
    }

    pub(super) fn cross_check(&self, file: &mut File<'_>) {
        let (level, drive) = match self.active {
            Level::High => ("low", Drive::OpenDrain),
            Level::Low => ("high", Drive::OpenSource),
        };
        file.cross_check(
            &[("relay", "active"), ("relay", "drive")],
            self.drive != drive,
            || {
                format!(
                    "relay.drive = \"{}\" drives the line {level} only, and with relay.active = \
                     \"{}\" the relay would be energised by a line that nothing drives; change \
                     one of them",
                    self.drive, self.active
                )
            },
        );
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        anchor(&mut self.state_file, folder);
        anchor(&mut self.guardian, folder);
    }
}

/// A line, as people write it.
pub(super) fn line(value: &DeValue<'_>) -> Result<Line, String> {
    let number = match value {
        // The kernel's names have letters; taken for one, it would be a line that is not there.
        DeValue::String(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(format!(
                "is text, and a line's number is none: write {name} without quotes"
            ));
        }
        DeValue::String(name) if !name.trim().is_empty() => {
            return Ok(Line::Name(name.to_string()));
        }
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    number.map(Line::Number).ok_or_else(|| {
        "is no GPIO line: write its number on the chip, such as 17, or its name in quotes, such \
         as \"GPIO17\""
            .into()
    })
}

impl Default for Relay {
    fn default() -> Self {
        defaults(Self::read)
    }
}
