//! `doorward snapshot`: one picture of the camera, with what the daemon would make of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::Format;
use super::hands::Hands;
use super::identify::tell_of_fonts;
use super::output::rfc3339;
use super::view::{View, measured};
use crate::config::{Config, Source};
use crate::drawing::{Mark, Pen, PictureFile};

/// A camera sets its exposure for so long.
const WARM_UP: Duration = Duration::from_millis(1500);

#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// File to write, .jpg or .png
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Wait so long for a face, and take the picture then
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=600))]
    wait: u64,

    #[command(flatten)]
    format: Format,
}

impl Snapshot {
    pub(super) fn hand_over(&self, hands: Hands) -> anyhow::Result<()> {
        hands.write(&self.file)
    }

    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let file = PictureFile::named(&self.file)?;
        let mut view = View::open(config)?;
        let start = Instant::now();
        while config.camera.source == Source::V4l2
            && start.elapsed() < WARM_UP
            && view.frame(|| false)?.is_some()
        {}
        let until = Instant::now() + Duration::from_secs(self.wait);
        let mut last = None;
        let looked = loop {
            match view.next(|| false)? {
                Some(looked) if looked.faces.is_empty() && Instant::now() < until => {
                    last = Some(looked);
                }
                Some(looked) => break looked,
                // A recording ended without a face.
                None => match last.take() {
                    Some(looked) => break looked,
                    None => bail!("the recording has no frame; nothing was written"),
                },
            }
        };
        let mut picture = looked.frame.to_rgb();
        let marks: Vec<Mark> = looked.faces.iter().map(|face| view.mark(face)).collect();
        let mut pen = Pen::default();
        pen.mark(&mut picture, &marks);
        file.write(&picture)?;
        tell_of_fonts(&pen);
        if self.format.json {
            let faces: Vec<_> = looked.faces.iter().map(|face| view.as_json(face)).collect();
            super::print_json(&json!({
                "picture": self.file.display().to_string(),
                "camera": view.describe(),
                "at": rfc3339(jiff::Timestamp::now().as_millisecond()),
                "width": picture.width(),
                "height": picture.height(),
                "threshold": view.threshold.score,
                "faces": faces,
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        println!("{}", view.describe());
        if looked.faces.is_empty() {
            println!("no face");
        } else {
            let rows = looked.faces.iter().map(|face| {
                let said = view.tell(face);
                let figures = face.quality.as_ref().map_or("-".into(), measured);
                vec![said.who, said.what, figures, said.remarks.join(", ")]
            });
            super::table(&["who", "decision", "picture of it", ""], rows);
        }
        println!("written to {}", self.file.display());
        Ok(ExitCode::SUCCESS)
    }
}
