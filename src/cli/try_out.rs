//! `doorward try`: what the camera makes of whoever stands before it, line by line, to aim
//! and to focus it. The relay is not touched.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::Format;
use super::output::rfc3339;
use super::view::{Looked, Said, View, measured};
use crate::access::Decision;
use crate::config::Config;
use crate::liveness::Liveness;
use crate::recognise::{FaceReport, FrameUse};
use crate::shown::counted;

/// Without a face for so long, that is said.
const NOBODY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// End after so many seconds; otherwise Ctrl-C ends it
    #[arg(long, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,

    #[command(flatten)]
    format: Format,
}

/// What came of it.
#[derive(Debug, Default)]
struct Sum {
    frames: u32,
    with_a_face: u32,
    judged: u32,
    let_in: u32,
}

impl Try {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop))
                .context("cannot listen to signals")?;
        }
        let mut view = View::open(config)?;
        let until = self
            .seconds
            .map(|s| Instant::now() + Duration::from_secs(s));
        let ended =
            || stop.load(Ordering::Relaxed) || until.is_some_and(|until| Instant::now() >= until);
        if !self.format.json {
            println!("{}", view.describe());
            println!(
                "A face is let in from a score of {:.2} in {} frames on (the threshold). The relay stays as it is; {}.",
                view.threshold.score,
                config.access.frames.max(1),
                match self.seconds {
                    Some(seconds) => format!("this ends after {seconds} s"),
                    None => "Ctrl-C ends this".into(),
                }
            );
        }
        let mut sum = Sum::default();
        let mut screen = Screen::new();
        let mut face_at = Instant::now();
        while let Some(looked) = view.next(ended)? {
            sum.add(&looked);
            if self.format.json {
                let faces: Vec<_> = looked.faces.iter().map(|f| view.as_json(f)).collect();
                super::print_json(&json!({
                    "at": rfc3339(jiff::Timestamp::now().as_millisecond()),
                    "frame": looked.frame.sequence,
                    "threshold": view.threshold.score,
                    "granted": would_open(&looked),
                    "faces": faces,
                }))?;
                continue;
            }
            if looked.faces.is_empty() {
                if face_at.elapsed() >= NOBODY_AFTER {
                    screen.show("nobody", "no face in view")?;
                }
                continue;
            }
            face_at = Instant::now();
            let opens = would_open(&looked);
            for face in &looked.faces {
                let said = view.tell(face);
                let topic = format!("{} {opens}", said.who);
                screen.show(&topic, &line(face, &said, opens))?;
            }
        }
        if !self.format.json {
            screen.end()?;
            println!("{sum}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether the daemon would have let somebody in.
fn would_open(looked: &Looked) -> bool {
    looked
        .decisions
        .iter()
        .any(|decision| matches!(decision, Decision::Grant(_)))
}

fn line(face: &FaceReport, said: &Said, opens: bool) -> String {
    let mut parts = vec![format!("{}: {}", said.who, said.what)];
    parts.extend(said.remarks.iter().cloned());
    parts.extend(face.quality.as_ref().map(measured));
    if let Liveness::Attack(_) = face.liveness {
        let moved = face.cues.movement.map(|m| format!(", it moves by {m:.4}"));
        parts.push(format!("A PICTURE{}", moved.unwrap_or_default()));
    }
    if opens && face.identity.is_some() {
        parts.push("WOULD BE LET IN".into());
    }
    parts.join("; ")
}

impl Sum {
    fn add(&mut self, looked: &Looked) {
        let judged = |face: &FaceReport| face.frame_use == FrameUse::Compared;
        self.frames += 1;
        self.with_a_face += u32::from(!looked.faces.is_empty());
        self.judged += u32::from(looked.faces.iter().any(judged));
        self.let_in += u32::from(would_open(looked));
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {} with a face, {} good enough to judge it; the door would have opened {}",
            counted(self.frames, "frame", "frames"),
            self.with_a_face,
            self.judged,
            match self.let_in {
                0 => "not at all".into(),
                1 => "once".into(),
                n => format!("{n} times"),
            }
        )
    }
}

/// A line for each frame; on a terminal one takes the place of the one before while it says
/// the same of the same person.
struct Screen {
    terminal: bool,
    topic: String,
    open: bool,
}

impl Screen {
    fn new() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            topic: String::new(),
            open: false,
        }
    }

    fn show(&mut self, topic: &str, text: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let time = jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string();
        if !self.terminal {
            // Nobody in view is said once.
            if topic != "nobody" || self.topic != topic {
                writeln!(out, "{time} {text}")?;
            }
        } else {
            if self.open {
                out.write_all(if self.topic == topic {
                    b"\r\x1b[K"
                } else {
                    b"\n"
                })?;
            }
            // Without a line break of the terminal's own, which could not be taken back.
            write!(out, "\x1b[?7l{time} {text}\x1b[?7h")?;
            self.open = true;
        }
        topic.clone_into(&mut self.topic);
        out.flush()
    }

    fn end(&mut self) -> std::io::Result<()> {
        if std::mem::take(&mut self.open) {
            writeln!(std::io::stdout())?;
        }
        Ok(())
    }
}
