//! The kernel's GPIO character device (`/dev/gpiochip*`): Raspberry Pi, Jetson and
//! every other board with Linux 5.10 or later.
//!
//! The kernel gives a line to one holder. It is requested as an output at its
//! inactive level in one call, so that it never shows the active one in between.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use gpiocdev::line::Value;
use gpiocdev::{Chip, Request};

use super::{CONSUMER, FREE_THE_LINE, LOOK_AT_THE_BOARD, Relay, RelayError, STOP_DOORWARD, action};
use crate::config::{self, Level, Line};

/// Line names shown in an error, at most.
const MOST_NAMES: usize = 64;
const JOIN_THE_GROUP: &str = "run as root, or as a user of the group that owns the device \
                              (usually `gpio`): `sudo usermod -aG gpio USER`, then log in again";

/// One line of a GPIO chip, held as an output.
pub(super) struct Gpiochip {
    request: Request,
    place: String,
    active: Level,
}

impl Gpiochip {
    pub(super) fn open(config: &config::Relay) -> Result<Self, RelayError> {
        let chip = find_chip(&config.chip)?;
        let trouble = |error| explain(&chip.seen.to_string(), "read", &error, None);
        let names = chip
            .device
            .line_info_iter()
            .and_then(|lines| {
                lines
                    .map(|line| Ok(line?.name))
                    .collect::<Result<Vec<_>, _>>()
            })
            .map_err(trouble)?;
        let offset = choose_line(&config.line, &chip.seen, &names)?;
        let place = format!("GPIO line {offset} of {}", chip.seen);

        let mut builder = Request::builder();
        builder
            .on_chip(chip.device.path())
            .with_consumer(CONSUMER)
            .with_line(offset);
        match config.active {
            Level::High => builder.as_active_high(),
            Level::Low => builder.as_active_low(),
        };
        let request = builder
            .as_output(Value::Inactive)
            .request()
            .map_err(|error| {
                let holder = chip
                    .device
                    .line_info(offset)
                    .ok()
                    .filter(|line| line.used)
                    .map(|line| line.consumer);
                explain(&place, "requested", &error, holder.as_deref())
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
            .map_err(|error| explain(&self.place, action(energised), &error, None))
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
fn find_chip(wanted: &str) -> Result<FoundChip, RelayError> {
    let look = |path: &Path| -> Result<FoundChip, gpiocdev::Error> {
        let device = Chip::from_path(path)?;
        let seen = SeenChip {
            path: device.path().to_owned(),
            label: device.info()?.label,
        };
        Ok(FoundChip { device, seen })
    };
    if wanted.starts_with('/') && Path::new(wanted).exists() {
        return look(Path::new(wanted)).map_err(|error| explain(wanted, "opened", &error, None));
    }
    let mut found = Vec::new();
    let mut closed = Vec::new();
    for path in gpiocdev::chip::chips().map_err(|error| explain("/dev", "listed", &error, None))? {
        match look(&path) {
            Ok(chip) => found.push(chip),
            Err(error) => closed.push((path, error)),
        }
    }
    let seen: Vec<SeenChip> = found.iter().map(|chip| chip.seen.clone()).collect();
    match choose_chip(wanted, &seen) {
        Ok(index) => Ok(found.swap_remove(index)),
        // It may be among those that could not be looked into.
        Err(not_found) => Err(match closed.first() {
            Some((path, error)) if matches!(not_found, RelayError::NotFound { .. }) => {
                explain(&path.display().to_string(), "opened", error, None)
            }
            _ => not_found,
        }),
    }
}

/// The index of the one chip with this label.
fn choose_chip(wanted: &str, seen: &[SeenChip]) -> Result<usize, RelayError> {
    let mut fitting = (0..seen.len()).filter(|&i| seen.get(i).is_some_and(|c| c.label == wanted));
    let what = format!("GPIO chip `{wanted}`");
    match (fitting.next(), fitting.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(RelayError::Ambiguous {
            what,
            there: format!("this machine has {}", list(seen, usize::MAX)),
            fix: "set relay.chip to the path of one of them",
        }),
        (None, _) if seen.is_empty() => Err(RelayError::NotFound {
            what,
            there: "this machine has no GPIO chip".into(),
            fix: "run on a board with GPIO lines, or set relay.driver = \"simulated\" for a trial",
        }),
        (None, _) => Err(RelayError::NotFound {
            what,
            there: format!("this machine has {}", list(seen, usize::MAX)),
            fix: "set relay.chip to one of these labels or paths",
        }),
    }
}

/// The offset of the one line meant; `names` has one entry a line, empty for a line without a name.
fn choose_line(wanted: &Line, chip: &SeenChip, names: &[String]) -> Result<u32, RelayError> {
    let offsets = || (0u32..).zip(names);
    let name = match wanted {
        Line::Number(number) => {
            return offsets()
                .any(|(offset, _)| offset == *number)
                .then_some(*number)
                .ok_or_else(|| RelayError::NotFound {
                    what: format!("GPIO line {number}"),
                    there: match names.len().checked_sub(1) {
                        Some(last) => format!("{chip} has lines 0 to {last}"),
                        None => format!("{chip} has no lines"),
                    },
                    fix: "set relay.line to one of these",
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
        [] if name.parse::<u32>().is_ok() => Err(RelayError::NotFound {
            what,
            there: format!("no line of {chip} has a number for its name"),
            fix: "write relay.line without quotes to mean the line of that number",
        }),
        [] => Err(RelayError::NotFound {
            what,
            there: {
                let named: Vec<&String> = names.iter().filter(|n| !n.is_empty()).collect();
                if named.is_empty() {
                    format!("no line of {chip} has a name")
                } else {
                    format!("{chip} has {}", list(&named, MOST_NAMES))
                }
            },
            fix: "set relay.line to one of its names or to a line number",
        }),
        _ => Err(RelayError::Ambiguous {
            what,
            there: format!(
                "{chip} has lines {} of that name",
                list(&fitting, MOST_NAMES)
            ),
            fix: "set relay.line to one of these numbers",
        }),
    }
}

fn list(items: &[impl ToString], most: usize) -> String {
    let mut text = items
        .iter()
        .take(most)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = items.len().checked_sub(most).filter(|&more| more > 0) {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {more} more");
    }
    text
}

/// What an error means, and what to do; `holder` is the consumer if the line is in use.
fn explain(
    place: &str,
    action: &'static str,
    error: &gpiocdev::Error,
    holder: Option<&str>,
) -> RelayError {
    if let Some(holder) = holder {
        let place = place.to_owned();
        return match holder {
            CONSUMER => RelayError::Busy {
                place,
                holder: "a running doorward".into(),
                fix: STOP_DOORWARD,
            },
            "" => RelayError::Busy {
                place,
                holder: "the kernel or a process without a name".into(),
                fix: FREE_THE_LINE,
            },
            _ => RelayError::Busy {
                place,
                holder: format!("`{holder}`"),
                fix: FREE_THE_LINE,
            },
        };
    }
    let code = match error {
        gpiocdev::Error::Os(errno) => errno.0,
        _ => 0,
    };
    if code == libc::EACCES || code == libc::EPERM {
        return RelayError::Permission {
            place: place.to_owned(),
            fix: JOIN_THE_GROUP,
        };
    }
    RelayError::Io {
        place: place.to_owned(),
        action,
        reason: error.to_string().trim_end_matches('.').to_owned(),
        fix: match error {
            gpiocdev::Error::GpioChip(..) => "set relay.chip to the label or path of a GPIO chip",
            _ => LOOK_AT_THE_BOARD,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

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
        choose_line(&wanted, &pi()[0], &names).map_err(|e| e.to_string())
    }

    #[test]
    fn a_chip_is_found_by_its_label_or_the_error_lists_what_is_there() {
        assert_eq!(choose_chip("raspberrypi-exp-gpio", &pi()).unwrap(), 1);
        assert_eq!(
            choose_chip("pinctrl-rp1", &pi()).unwrap_err().to_string(),
            "GPIO chip `pinctrl-rp1` was not found: this machine has pinctrl-bcm2711 \
             (/dev/gpiochip0), raspberrypi-exp-gpio (/dev/gpiochip1); set relay.chip to one of \
             these labels or paths"
        );
        assert_eq!(
            choose_chip("pinctrl-rp1", &[]).unwrap_err().to_string(),
            "GPIO chip `pinctrl-rp1` was not found: this machine has no GPIO chip; run on a board \
             with GPIO lines, or set relay.driver = \"simulated\" for a trial"
        );
        let twins = [chip("/dev/gpiochip0", "io"), chip("/dev/gpiochip1", "io")];
        assert_eq!(
            choose_chip("io", &twins).unwrap_err().to_string(),
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
        let said = |code, holder| explain("GPIO line 17 of chip", "requested", &os(code), holder);
        assert_eq!(
            said(libc::EBUSY, Some("w1")).to_string(),
            "GPIO line 17 of chip is held by `w1`; stop that first, or set relay.line to a free \
             line"
        );
        assert_eq!(
            said(libc::EBUSY, Some(CONSUMER)).to_string(),
            "GPIO line 17 of chip is held by a running doorward; stop it first (`systemctl stop \
             doorward`); it locks the door as it stops"
        );
        assert!(
            said(libc::EBUSY, Some(""))
                .to_string()
                .contains("held by the kernel or a process without a name;")
        );
        for code in [libc::EACCES, libc::EPERM] {
            let error = said(code, None);
            assert!(matches!(error, RelayError::Permission { .. }));
            assert!(error.to_string().contains("`gpio`"), "{error}");
        }
        assert_eq!(
            said(libc::ENODEV, None).to_string(),
            "GPIO line 17 of chip cannot be requested: No such device (os error 19); check that \
             the board and its kernel driver are in order"
        );
        let file =
            gpiocdev::Error::GpioChip("/dev/null".into(), gpiocdev::chip::ErrorKind::NotGpioDevice);
        assert_eq!(
            explain("/dev/null", "opened", &file, None).to_string(),
            "/dev/null cannot be opened: \"/dev/null\" is not a GPIO character device; set \
             relay.chip to the label or path of a GPIO chip"
        );
    }
}
