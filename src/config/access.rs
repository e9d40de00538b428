//! `[access]`: when a judged face opens the door.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use toml::de::DeValue;

use super::file::File;
use super::section::{Section, choice, defaults};
use super::{Camera, anchor};
use crate::cohort::Score;
use crate::risk::{FalseAccept, ThresholdRequest};

/// `[access]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Access {
    /// How many strangers it may take until one is let in; the threshold follows from it.
    pub false_accept: FalseAccept,
    /// The derived threshold is never lower than this score.
    pub min_threshold: f32,
    /// The score a face needs, whatever the risk; higher is stricter. Nothing: by the risk.
    pub threshold: Option<f32>,
    /// Frames that must agree on one person.
    pub frames: usize,
    /// Time within which they must.
    pub window_ms: u64,
    /// After a grant or a refusal, nothing more is said about that person or stranger for this long.
    pub cooldown_ms: u64,
    /// After a grant or a refusal, whoever it was about has to be out of sight for so long
    /// before the next.
    pub absence_ms: u64,
    /// A frame older than this when it has been judged decides nothing.
    pub max_frame_age_ms: u64,
    /// Folder of the access rules, `*.toml`; none where it is not there.
    pub rules_dir: PathBuf,
    /// When rules that depend on the time believe the clock.
    pub clock: ClockTrust,
}

choice! {
    /// When the wall's clock is believed.
    pub enum ClockTrust {
        /// While it is synchronised, or has gone on for a day as the uptime says.
        Checked = "checked",
        /// Always: the board's own clock has a battery and is right.
        Trusted = "trusted",
    }
}

impl Access {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let score = "a score (higher is stricter)";
        Self {
            false_accept: section.read("false_accept", FalseAccept::default(), false_accept),
            min_threshold: section.number("min_threshold", 0.35, 0.2..=1.5, score),
            threshold: section.some_number("threshold", 0.2..=1.5, score),
            frames: section.whole("frames", 3, 1..=30, "frames"),
            window_ms: section.whole("window_ms", 1500, 100..=30_000, "milliseconds"),
            cooldown_ms: section.whole("cooldown_ms", 5000, 0..=600_000, "milliseconds"),
            absence_ms: section.whole("absence_ms", 2000, 0..=600_000, "milliseconds"),
            max_frame_age_ms: section.whole("max_frame_age_ms", 1000, 100..=5_000, "milliseconds"),
            rules_dir: section.path("rules_dir", "/etc/doorward/access.d"),
            clock: section.choice("clock", ClockTrust::Checked),
        }
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        anchor(&mut self.rules_dir, folder);
    }

    pub(super) fn cross_check(&self, camera: &Camera, file: &mut File<'_>) {
        let needed_ms =
            (self.frames as u64).saturating_sub(1) * 1000 / u64::from(camera.fps.max(1));
        file.cross_check(
            &[
                ("access", "frames"),
                ("access", "window_ms"),
                ("camera", "fps"),
            ],
            needed_ms <= self.window_ms,
            || {
                format!(
                    "access.frames = {} frames at camera.fps = {} take {needed_ms} ms, longer \
                     than access.window_ms = {}: nobody could ever be let in; raise window_ms or \
                     lower frames",
                    self.frames, camera.fps, self.window_ms
                )
            },
        );
        self.check_threshold(file);
    }

    /// A number of one's own stands alone: what else is asked of the score would be silently
    /// left aside.
    fn check_threshold(&self, file: &mut File<'_>) {
        let Some(threshold) = self.threshold else {
            return;
        };
        let key = ("access", "threshold");
        let risk = ("access", "false_accept");
        let both = file.gives(risk.0, risk.1);
        file.cross_check(&[key, risk], !both, || {
            "access.threshold and access.false_accept are both given, and a score of your own \
             does not follow from a risk: remove one of the two lines"
                .into()
        });
        let lowest = ("access", "min_threshold");
        let below = file.gives(lowest.0, lowest.1) && threshold < self.min_threshold;
        file.cross_check(&[key, lowest], !below, || {
            format!(
                "access.threshold = {threshold} is lower than access.min_threshold = {}: raise \
                 threshold, or lower min_threshold",
                self.min_threshold
            )
        });
    }

    /// What it asks of the threshold.
    pub fn threshold_request(&self) -> ThresholdRequest {
        ThresholdRequest {
            risk: self.false_accept,
            min_threshold: Score::new(self.min_threshold),
            fixed: self.threshold.map(Score::new),
        }
    }

    /// The window as a duration.
    pub fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }
}

/// A risk, or how what was written would be written as one.
fn false_accept(value: &DeValue<'_>) -> Result<FalseAccept, String> {
    let rate: Option<f64> = match value {
        DeValue::String(text) => {
            if let Ok(risk) = text.parse() {
                return Ok(risk);
            }
            let percent = text.trim().strip_suffix('%');
            percent.and_then(|number| Some(number.trim().parse::<f64>().ok()? / 100.0))
        }
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    let meant = rate
        .filter(|rate| *rate > 0.0)
        .and_then(|rate| FalseAccept::one_in((1.0 / rate).round() as u32));
    Err(match meant {
        Some(risk) => format!("is not how a risk is written: write \"{risk}\""),
        None => "is no risk: write it like \"1 in 1000 strangers\", from 1 in 10 to 1 in 10000000"
            .into(),
    })
}

impl Default for Access {
    fn default() -> Self {
        defaults(Self::read)
    }
}
