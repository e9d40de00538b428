//! `[panel]`: what is at the door besides strike and camera. Each input and output is there
//! when its line is given; by default there is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::anchor;
use super::file::File;
use super::panel_wiring::{Input, Output, Typist, Wiegand, WiegandFormat};
use super::relay::{Driver, Level, Line, Relay};
use super::section::{Section, choice, defaults};

/// Outputs, at most.
const MAX_OUTPUTS_COUNT: usize = 16;
/// Formats of one's own, at most.
const MAX_FORMATS_COUNT: usize = 8;
/// Of an output's or a format's name.
const MAX_NAME_CHARS: usize = 24;

/// `[panel]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    /// What reads the inputs and drives the outputs.
    pub driver: PanelDriver,
    /// Folder of the panel that runs as a service.
    pub folder: PathBuf,
    /// Folder that stands for the wires, with `driver = "simulated"`.
    pub state_dir: PathBuf,
    /// Active while the door is open.
    pub contact: Input,
    /// Active while the exit button is pressed.
    pub rex: Input,
    /// Active while a cover is open or its loop is cut.
    pub tamper: Input,
    /// Active while a turnstile turns.
    pub rotor: Input,
    /// Active while the other door of a pair is open.
    pub other_door: Input,
    /// A keypad that types.
    pub keypad: Typist,
    /// A card reader that types.
    pub reader: Typist,
    /// A card reader on two lines.
    pub wiegand: Wiegand,
    /// What its cards hold, besides the formats that are known.
    pub wiegand_format: BTreeMap<String, WiegandFormat>,
    /// Lights, buzzer, siren and further relays, by name.
    pub output: BTreeMap<String, Output>,
}

choice! {
    /// What reads the inputs and drives the outputs.
    pub enum PanelDriver {
        /// There is no panel.
        None = "none",
        /// The kernel's GPIO character device and input devices.
        Gpiochip = "gpiochip",
        /// A folder that stands for the wires, for trials and tests.
        Simulated = "simulated",
    }
}

/// A line that is given: the section, the key, and the chip and line it means.
type Taken<'c> = (String, &'static str, &'c str, &'c Line);

impl Panel {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let open = (Level::High, 50);
        let pressed = (Level::Low, 30);
        Self {
            driver: section.choice("driver", PanelDriver::None),
            folder: section.path("folder", "/run/doorward-panel"),
            state_dir: section.path("state_dir", "/run/doorward-panel/simulated"),
            contact: section.section("contact", "panel.contact", |s| Input::read(s, open)),
            rex: section.section("rex", "panel.rex", |s| Input::read(s, pressed)),
            tamper: section.section("tamper", "panel.tamper", |s| Input::read(s, open)),
            rotor: section.section("rotor", "panel.rotor", |s| Input::read(s, pressed)),
            other_door: section.section("other_door", "panel.other_door", |s| Input::read(s, open)),
            keypad: section.section("keypad", "panel.keypad", Typist::read),
            reader: section.section("reader", "panel.reader", Typist::read),
            wiegand: section.section("wiegand", "panel.wiegand", Wiegand::read),
            wiegand_format: section.tables(
                "wiegand_format",
                "panel.wiegand_format",
                "panel.wiegand_format.NAME",
                WiegandFormat::read,
            ),
            output: section.tables("output", "panel.output", "panel.output.NAME", Output::read),
        }
    }

    /// The inputs that are levels, by their sections, in a fixed order.
    pub(crate) fn inputs(&self) -> [(&'static str, &Input); 5] {
        [
            ("panel.contact", &self.contact),
            ("panel.rex", &self.rex),
            ("panel.tamper", &self.tamper),
            ("panel.rotor", &self.rotor),
            ("panel.other_door", &self.other_door),
        ]
    }

    pub(super) fn cross_check(&self, relay: &Relay, file: &mut File<'_>) {
        self.refuse_shared_lines(relay, file);
        for (section, typist) in [
            ("panel.keypad", &self.keypad),
            ("panel.reader", &self.reader),
        ] {
            typist.cross_check(section, file);
        }
        file.cross_check(
            &[("panel.reader", "device")],
            self.keypad.device.is_none() || self.keypad.device != self.reader.device,
            || {
                "panel.keypad.device and panel.reader.device are one device, which has one \
                 holder; remove one of them"
                    .into()
            },
        );
        self.wiegand.cross_check(&self.wiegand_format, file);
        for (name, format) in &self.wiegand_format {
            check_name("wiegand_format", name, file);
            format.cross_check(&format!("panel.wiegand_format.{name}"), file);
        }
        for (name, output) in &self.output {
            check_name("output", name, file);
            output.cross_check(&format!("panel.output.{name}"), file);
        }
        for (key, count, most) in [
            ("output", self.output.len(), MAX_OUTPUTS_COUNT),
            (
                "wiegand_format",
                self.wiegand_format.len(),
                MAX_FORMATS_COUNT,
            ),
        ] {
            file.cross_check(&[("panel", key)], count <= most, || {
                format!("[panel.{key}] has {count} sections, and {most} are the most")
            });
        }
    }

    /// Every line that is given, the relay's first.
    fn lines<'c>(&'c self, relay: &'c Relay) -> Vec<Taken<'c>> {
        let mut taken = Vec::new();
        if relay.driver != Driver::Simulated {
            taken.push(("relay".to_owned(), "line", &*relay.chip, &relay.line));
        }
        for (section, input) in self.inputs() {
            let line = input.line.as_ref();
            taken.extend(line.map(|line| (section.to_owned(), "line", &*input.chip, line)));
        }
        for (key, line) in [("d0", &self.wiegand.d0), ("d1", &self.wiegand.d1)] {
            let line = line.as_ref();
            let section = "panel.wiegand".to_owned();
            taken.extend(line.map(|line| (section, key, &*self.wiegand.chip, line)));
        }
        for (name, output) in &self.output {
            let section = format!("panel.output.{name}");
            let line = output.line.as_ref();
            taken.extend(line.map(|line| (section, "line", &*output.chip, line)));
        }
        taken
    }

    /// The kernel gives a line to one holder, and one that the strike hangs on is no light.
    fn refuse_shared_lines(&self, relay: &Relay, file: &mut File<'_>) {
        if self.driver == PanelDriver::None {
            return;
        }
        let lines = self.lines(relay);
        for (at, (section, key, chip, line)) in lines.iter().enumerate() {
            let before = lines.iter().take(at);
            let mut same = before.filter(|(_, _, c, l)| c == chip && l == line);
            let Some((other, other_key, ..)) = same.next() else {
                continue;
            };
            file.cross_check(&[(section, key)], false, || {
                format!(
                    "{section}.{key} and {other}.{other_key} are both line {line} of {chip}; give \
                     each a line of its own"
                )
            });
        }
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        anchor(&mut self.folder, folder);
        anchor(&mut self.state_dir, folder);
    }
}

/// It is spoken of on the command line and names a file of the simulated panel.
fn check_name(key: &'static str, name: &str, file: &mut File<'_>) {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    let fits = (1..=MAX_NAME_CHARS).contains(&name.len()) && name.bytes().all(good);
    let section = format!("panel.{key}");
    file.cross_check(&[(&section, name)], fits, || {
        let shown: String = name.chars().take(MAX_NAME_CHARS).collect();
        format!(
            "[panel.{key}.\"{}\"] is called by no name that it can have: write 1 to \
             {MAX_NAME_CHARS} of a to z, 0 to 9, _ and -",
            shown.escape_default()
        )
    });
}

impl Default for Panel {
    fn default() -> Self {
        defaults(Self::read)
    }
}
