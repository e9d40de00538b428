//! GPIO lines by the kernel's character device (`/dev/gpiochip*`): which chip and line
//! the configuration means, and how to take hold of it.
//!
//! Whoever asks says by which `Keys` of the configuration the line is named, and an
//! error names these. The kernel gives a line to one holder.

mod error;
mod hold;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use gpiocdev::Chip;

pub use error::{Holder, LineError};
pub(crate) use hold::{HeldInput, Reading, bias};

use crate::config::Line;

/// The name under which a line is held, as shown by `gpioinfo`.
pub(crate) const CONSUMER: &str = "doorward";

/// Line names shown in an error, at most.
const MAX_NAMES: usize = 64;

/// The configuration keys that name a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    /// Names the chip, such as `relay.chip`.
    pub(crate) chip: &'static str,
    /// Names the line on it, such as `relay.line`.
    pub(crate) line: &'static str,
    /// What to set on a machine without GPIO lines, such as `relay.driver = "simulated"`.
    pub(crate) without_gpio: &'static str,
    /// The service that owns the line.
    pub(crate) service: &'static str,
}

/// The place of one line, for error messages.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    text: String,
    keys: Keys,
}

impl Place {
    /// What the kernel's refusal of `action` means for this line, and what to do.
    pub(crate) fn refused(&self, action: &'static str, error: &gpiocdev::Error) -> LineError {
        error::refused(&self.text, action, error, self.keys)
    }
}

/// `GPIO line 17 of pinctrl-bcm2711 (/dev/gpiochip0)`.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A line that exists; nobody holds it yet on our account.
#[derive(Debug)]
pub(crate) struct FoundLine {
    device: Chip,
    offset: u32,
    place: Place,
}

impl FoundLine {
    /// The one line that `chip` (a label, or a path that begins with a slash) and `line`
    /// mean. Nothing is changed.
    ///
    /// # Errors
    /// [`LineError`], naming `keys`.
    pub(crate) fn find(chip: &str, line: &Line, keys: Keys) -> Result<Self, LineError> {
        let chip = find_chip(chip, keys)?;
        let names = chip
            .device
            .line_info_iter()
            .and_then(|lines| {
                lines
                    .map(|line| Ok(line?.name))
                    .collect::<Result<Vec<_>, _>>()
            })
            .map_err(|e| error::refused(&chip.seen.to_string(), "read", &e, keys))?;
        let offset = choose_line(line, &chip.seen, &names, keys)?;
        let text = format!("GPIO line {offset} of {}", chip.seen);
        Ok(Self {
            device: chip.device,
            offset,
            place: Place { text, keys },
        })
    }
}

/// A chip as far as it can be seen without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SeenChip {
    path: PathBuf,
    label: String,
}

impl std::fmt::Display for SeenChip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.label, self.path.display())
    }
}

struct FoundChip {
    device: Chip,
    seen: SeenChip,
}

/// `wanted` is a path if it begins with a slash, and a label if not.
fn find_chip(wanted: &str, keys: Keys) -> Result<FoundChip, LineError> {
    let look = |path: &Path| -> Result<FoundChip, gpiocdev::Error> {
        let device = Chip::from_path(path)?;
        let seen = SeenChip {
            path: device.path().to_owned(),
            label: device.info()?.label,
        };
        Ok(FoundChip { device, seen })
    };
    if wanted.starts_with('/') && Path::new(wanted).exists() {
        return look(Path::new(wanted))
            .map_err(|error| error::refused(wanted, "opened", &error, keys));
    }
    let mut found = Vec::new();
    let mut closed = Vec::new();
    for path in
        gpiocdev::chip::chips().map_err(|error| error::refused("/dev", "listed", &error, keys))?
    {
        match look(&path) {
            Ok(chip) => found.push(chip),
            Err(error) => closed.push((path, error)),
        }
    }
    let seen: Vec<SeenChip> = found.iter().map(|chip| chip.seen.clone()).collect();
    match choose_chip(wanted, &seen, keys) {
        Ok(index) => Ok(found.swap_remove(index)),
        // It may be among those that could not be looked into.
        Err(not_found) => Err(match closed.first() {
            Some((path, error)) if matches!(not_found, LineError::NotFound { .. }) => {
                error::refused(&path.display().to_string(), "opened", error, keys)
            }
            _ => not_found,
        }),
    }
}

/// The index of the one chip with this label.
fn choose_chip(wanted: &str, seen: &[SeenChip], keys: Keys) -> Result<usize, LineError> {
    let mut fitting = (0..seen.len()).filter(|&i| seen.get(i).is_some_and(|c| c.label == wanted));
    let what = format!("GPIO chip `{wanted}`");
    match (fitting.next(), fitting.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(LineError::Ambiguous {
            what,
            there: format!("this machine has {}", list(seen, usize::MAX)),
            fix: format!("set {} to the path of one of them", keys.chip),
        }),
        (None, _) if seen.is_empty() => Err(LineError::NotFound {
            what,
            there: "this machine has no GPIO chip".into(),
            fix: format!(
                "run on a board with GPIO lines, or set {} for a trial",
                keys.without_gpio
            ),
        }),
        (None, _) => Err(LineError::NotFound {
            what,
            there: format!("this machine has {}", list(seen, usize::MAX)),
            fix: format!("set {} to one of these labels or paths", keys.chip),
        }),
    }
}

/// The offset of the one line meant; `names` has one entry a line, empty for a line without a name.
fn choose_line(
    wanted: &Line,
    chip: &SeenChip,
    names: &[String],
    keys: Keys,
) -> Result<u32, LineError> {
    let offsets = || (0u32..).zip(names);
    let name = match wanted {
        Line::Number(number) => {
            return offsets()
                .any(|(offset, _)| offset == *number)
                .then_some(*number)
                .ok_or_else(|| LineError::NotFound {
                    what: format!("GPIO line {number}"),
                    there: match names.len().checked_sub(1) {
                        Some(last) => format!("{chip} has lines 0 to {last}"),
                        None => format!("{chip} has no lines"),
                    },
                    fix: format!("set {} to one of these", keys.line),
                });
        }
        Line::Name(name) => name,
    };
    let what = format!("GPIO line `{name}`");
    // Lines without a name all have the empty one.
    let fitting: Vec<u32> = offsets()
        .filter(|(_, other)| !name.is_empty() && *other == name)
        .map(|(offset, _)| offset)
        .collect();
    match fitting[..] {
        [offset] => Ok(offset),
        [] if name.parse::<u32>().is_ok() => Err(LineError::NotFound {
            what,
            there: format!("no line of {chip} has a number for its name"),
            fix: format!(
                "write {} without quotes to mean the line of that number",
                keys.line
            ),
        }),
        [] => Err(LineError::NotFound {
            what,
            there: {
                let named: Vec<&String> = names.iter().filter(|n| !n.is_empty()).collect();
                if named.is_empty() {
                    format!("no line of {chip} has a name")
                } else {
                    format!("{chip} has {}", list(&named, MAX_NAMES))
                }
            },
            fix: format!("set {} to one of its names or to a line number", keys.line),
        }),
        _ => Err(LineError::Ambiguous {
            what,
            there: format!(
                "{chip} has lines {} of that name",
                list(&fitting, MAX_NAMES)
            ),
            fix: format!("set {} to one of these numbers", keys.line),
        }),
    }
}

fn list(items: &[impl ToString], max: usize) -> String {
    let mut text = items
        .iter()
        .take(max)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = items.len().checked_sub(max).filter(|&more| more > 0) {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const RELAY: Keys = Keys {
        chip: "relay.chip",
        line: "relay.line",
        without_gpio: "relay.driver = \"simulated\"",
        service: "doorward-relay",
    };

    fn chip(path: &str, label: &str) -> SeenChip {
        SeenChip {
            path: path.into(),
            label: label.into(),
        }
    }

    fn pi() -> Vec<SeenChip> {
        vec![
            chip("/dev/gpiochip0", "pinctrl-bcm2711"),
            chip("/dev/gpiochip1", "raspberrypi-exp-gpio"),
        ]
    }

    fn line(wanted: Line, names: &[&str]) -> Result<u32, String> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        choose_line(&wanted, &pi()[0], &names, RELAY).map_err(|e| e.to_string())
    }

    #[test]
    fn a_chip_is_found_by_its_label_or_the_error_lists_what_is_there() {
        assert_eq!(
            choose_chip("raspberrypi-exp-gpio", &pi(), RELAY).unwrap(),
            1
        );
        assert_eq!(
            choose_chip("pinctrl-rp1", &pi(), RELAY)
                .unwrap_err()
                .to_string(),
            "GPIO chip `pinctrl-rp1` was not found: this machine has pinctrl-bcm2711 \
             (/dev/gpiochip0), raspberrypi-exp-gpio (/dev/gpiochip1); set relay.chip to one of \
             these labels or paths"
        );
        assert_eq!(
            choose_chip("pinctrl-rp1", &[], RELAY)
                .unwrap_err()
                .to_string(),
            "GPIO chip `pinctrl-rp1` was not found: this machine has no GPIO chip; run on a board \
             with GPIO lines, or set relay.driver = \"simulated\" for a trial"
        );
        let twins = [chip("/dev/gpiochip0", "io"), chip("/dev/gpiochip1", "io")];
        assert_eq!(
            choose_chip("io", &twins, RELAY).unwrap_err().to_string(),
            "GPIO chip `io` is ambiguous: this machine has io (/dev/gpiochip0), io \
             (/dev/gpiochip1); set relay.chip to the path of one of them"
        );
    }

    #[test]
    fn a_line_is_found_by_number_or_name_or_the_error_lists_what_is_there() {
        let names = ["ID_SDA", "", "", "GPIO3"];
        assert_eq!(line(Line::Number(2), &names), Ok(2));
        assert_eq!(line(Line::Name("GPIO3".into()), &names), Ok(3));
        assert_eq!(
            line(Line::Number(4), &names).unwrap_err(),
            "GPIO line 4 was not found: pinctrl-bcm2711 (/dev/gpiochip0) has lines 0 to 3; set \
             relay.line to one of these"
        );
        assert_eq!(
            line(Line::Name("GPIO17".into()), &names).unwrap_err(),
            "GPIO line `GPIO17` was not found: pinctrl-bcm2711 (/dev/gpiochip0) has ID_SDA, GPIO3; \
             set relay.line to one of its names or to a line number"
        );
        assert_eq!(
            line(Line::Name("3".into()), &names).unwrap_err(),
            "GPIO line `3` was not found: no line of pinctrl-bcm2711 (/dev/gpiochip0) has a number \
             for its name; write relay.line without quotes to mean the line of that number"
        );
        assert_eq!(
            line(Line::Name("A".into()), &["A", "", "A"]).unwrap_err(),
            "GPIO line `A` is ambiguous: pinctrl-bcm2711 (/dev/gpiochip0) has lines 0, 2 of that \
             name; set relay.line to one of these numbers"
        );
        // A nameless line is not the line named "".
        assert!(line(Line::Name(String::new()), &["A", ""]).is_err());
        let many: Vec<String> = (0..70).map(|i| format!("L{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = line(Line::Name("X".into()), &many).unwrap_err();
        assert!(error.contains("L63 and 6 more;"), "{error}");
    }

    #[test]
    fn each_refusal_of_the_kernel_names_the_fix() {
        let os = |code| gpiocdev::Error::from(std::io::Error::from_raw_os_error(code));
        let place = "GPIO line 17 of chip";
        let held = |consumer| error::busy(place, consumer, RELAY);
        let said = |code| error::refused(place, "requested", &os(code), RELAY);
        assert_eq!(
            held("w1").to_string(),
            "GPIO line 17 of chip is held by `w1`; stop that first, or set relay.line to a free \
             line"
        );
        assert_eq!(
            held(CONSUMER).to_string(),
            "GPIO line 17 of chip is held by a running doorward; end it first (`systemctl stop \
             doorward`, or Ctrl-C where it runs); it locks the door as it ends"
        );
        assert!(
            held("")
                .to_string()
                .contains("held by the kernel or a process without a name;")
        );
        for code in [libc::EACCES, libc::EPERM] {
            let error = said(code);
            assert!(matches!(error, LineError::Permission { .. }));
            assert!(error.to_string().contains("doorward-relay"), "{error}");
        }
        assert_eq!(
            said(libc::ENODEV).to_string(),
            "GPIO line 17 of chip cannot be requested: No such device (os error 19); check that \
             the board and its kernel driver are in order"
        );
        let file =
            gpiocdev::Error::GpioChip("/dev/null".into(), gpiocdev::chip::ErrorKind::NotGpioDevice);
        assert_eq!(
            error::refused("/dev/null", "opened", &file, RELAY).to_string(),
            "/dev/null cannot be opened: \"/dev/null\" is not a GPIO character device; set \
             relay.chip to the label or path of a GPIO chip"
        );
    }

    #[test]
    fn an_error_names_the_keys_that_it_was_given() {
        let keys = Keys {
            chip: "exit_button.chip",
            line: "exit_button.line",
            without_gpio: "exit_button.enabled = false",
            service: "doorward-exit",
        };
        let names = ["A".to_owned(), "A".to_owned()];
        let line = |wanted| choose_line(&wanted, &pi()[0], &names, keys).unwrap_err();
        let twins = [chip("/dev/gpiochip0", "io"), chip("/dev/gpiochip1", "io")];
        let no_chip =
            gpiocdev::Error::GpioChip("/dev/null".into(), gpiocdev::chip::ErrorKind::NotGpioDevice);
        for (error, key) in [
            (choose_chip("x", &pi(), keys).unwrap_err(), keys.chip),
            (choose_chip("io", &twins, keys).unwrap_err(), keys.chip),
            (choose_chip("x", &[], keys).unwrap_err(), keys.without_gpio),
            (line(Line::Number(9)), keys.line),
            (line(Line::Name("B".into())), keys.line),
            (line(Line::Name("9".into())), keys.line),
            (line(Line::Name("A".into())), keys.line),
            (error::busy("line 1", "w1", keys), keys.line),
            (error::refused("x", "opened", &no_chip, keys), keys.chip),
        ] {
            let error = error.to_string();
            assert!(error.contains(key) && !error.contains("relay"), "{error}");
        }
    }
}
