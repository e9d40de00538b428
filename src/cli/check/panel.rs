//! Whether what is at the door besides strike and camera answers.

use std::time::{Duration, Instant};

use super::{Report, Verdict};
use crate::config::{Config, PanelDriver};
use crate::panel::{Panel, PanelError, What};

/// How things are is told at once; parts that do not answer are told a moment later.
const MAX_FIRST_READING_TIME: Duration = Duration::from_millis(800);

/// A line, and one for each part that does not answer; none without a panel.
pub(super) fn check(config: &Config, report: &mut Report) {
    let part = "panel";
    match config.panel.driver {
        PanelDriver::None => {}
        // Opening it would make its files.
        PanelDriver::Simulated => {
            let text = format!(
                "the simulated panel {}, not opened",
                config.panel.state_dir.display()
            );
            report.add(part, Verdict::Ok, text);
        }
        PanelDriver::Gpiochip => match look(config) {
            Ok((there, lost)) => {
                let there = if there.is_empty() {
                    "no inputs that have a level".into()
                } else {
                    there.join(", ")
                };
                report.add(part, Verdict::Ok, there);
                for lost in lost {
                    report.add(part, Verdict::Wrong, lost);
                }
            }
            Err(error) => report.add(part, Verdict::Wrong, error.to_string()),
        },
    }
}

fn look(config: &Config) -> Result<(Vec<String>, Vec<String>), PanelError> {
    let (mut there, mut lost) = (Vec::new(), Vec::new());
    let Some(panel) = Panel::take(&config.panel)? else {
        return Ok((there, lost));
    };
    let until = Instant::now() + MAX_FIRST_READING_TIME;
    while let Ok(reading) = panel.readings().recv_deadline(until) {
        let level = |name, active, words: [&str; 2]| {
            let [is, is_not] = words;
            format!("{name} {}", if active { is } else { is_not })
        };
        const LEAF: [&str; 2] = ["open", "closed"];
        match reading.what {
            What::Contact { open } => there.push(level("contact", open, LEAF)),
            What::OtherDoor { open } => there.push(level("other door", open, LEAF)),
            What::Tamper { open } => there.push(level("tamper contact", open, LEAF)),
            What::Rex { pressed } => {
                there.push(level("exit button", pressed, ["pressed", "released"]));
            }
            What::Rotor { turning } => there.push(level("rotor", turning, ["turning", "at rest"])),
            What::Lost(part) => lost.push(format!(
                "{part} does not answer; `doorward panel watch` shows what does, and docs/wiring.md how it is wired"
            )),
            What::Key(_) | What::Card(_) | What::Misread(_) | What::Back(_) => {}
        }
    }
    Ok((there, lost))
}
