//! `doorward infrared`: how the infrared camera's picture lies against the other, learnt from
//! one person who walks about before both.

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use image::RgbImage;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::second_camera::{Given, SecondCamera};
use super::{Exit, Format, actor, print_json};
use crate::camera::{self, CameraError, Frame, LumaGrid, Next};
use crate::config::{Config, Infrared as Settings};
use crate::daemon::mapping_file;
use crate::database::Database;
use crate::files;
use crate::liveness::infrared::{apart, picked};
use crate::liveness::mapping::{MAX_PAIRS, MIN_ACROSS, MIN_NEARER, MIN_PAIRS, Spread};
use crate::liveness::{Mapping, Pair};
use crate::recognise::{MAX_KEPT_FRAMES, place};
use crate::record::{Event, InfraredMapped, Log, Stamp};
use crate::vision::{Face, Vision};

/// How long one wait for a frame may take, so that a stop is seen in time.
const MAX_WAIT: Duration = Duration::from_millis(200);
/// So many pairs end it, if they lie far enough apart.
const ENOUGH_PAIRS: usize = 3 * MIN_PAIRS;

#[derive(Debug, Subcommand)]
pub(crate) enum Infrared {
    /// Learn where the infrared picture lies against the other, from one person who walks about
    ///
    /// Both cameras look, and one person walks from one side of the picture to the other and up
    /// to the door. It ends by itself when enough was seen. The service has to be stopped, and
    /// is started again to use what was learnt.
    Map(Map),
}

#[derive(Debug, Args)]
pub(crate) struct Map {
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120,
          value_parser = clap::value_parser!(u64).range(5..=3600))]
    seconds: u64,

    #[command(flatten)]
    format: Format,
}

impl Infrared {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        match self {
            Self::Map(map) => map.run(config),
        }
    }
}

/// What was seen until now.
struct Walk {
    pairs: Vec<Pair>,
    colour: [u32; 2],
    infrared: [u32; 2],
    /// Of the colour camera, with one face.
    one_face: usize,
}

impl Map {
    fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let Some(settings) = &config.camera.infrared else {
            return Err(anyhow!(
                "the configuration has no [camera.infrared]: name the infrared camera's device there first"
            ));
        };
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop))
                .context("cannot listen to signals")?;
        }
        let walk = self.look(config, settings, &stop)?;
        let mapping = Mapping::learn(&walk.pairs, walk.colour, walk.infrared).map_err(|error| {
            let seen = walk.one_face;
            anyhow!("{error} (the first camera showed one face in {seen} pictures)")
        })?;
        let (text, hash) = mapping_file::text(&mapping)?;
        let path = mapping_file::path(config);
        // On record before it counts.
        let event = Event::InfraredMapped(InfraredMapped {
            file: path.display().to_string(),
            hash: hash.clone(),
            pairs: mapping.pairs,
            residual: mapping.residual,
            actor: actor(),
        });
        Database::open(&config.whitelist.database)
            .map_err(anyhow::Error::from)
            .and_then(|db| {
                Ok(Log::new(db, config.daemon.door.clone()).append(&Stamp::now(), &event)?)
            })
            .context("nothing was kept, because that cannot be put on record")?;
        files::replace(&path, text.as_bytes(), 0o600)
            .with_context(|| format!("cannot write {}", path.display()))?;
        if self.format.json {
            print_json(&json!({
                "file": path,
                "hash": hash,
                "pairs": mapping.pairs,
                "residual": mapping.residual,
            }))?;
        } else {
            println!(
                "learnt from {} pairs of faces: landmarks lie {:.3} sizes of the face off, and camera.infrared.max_offset is {}",
                mapping.pairs, mapping.residual, settings.max_offset
            );
            println!(
                "{} (SHA-256 {hash}); start the service again",
                path.display()
            );
        }
        Ok(Exit::Done.into())
    }

    /// Has both cameras look until enough was seen.
    fn look(
        &self,
        config: &Config,
        settings: &Settings,
        stop: &AtomicBool,
    ) -> anyhow::Result<Walk> {
        // Asking takes this process's locks from the file: before it is opened.
        let guarded = Database::is_guarded(&config.whitelist.database);
        let mut source = camera::open(&config.camera).map_err(|error| match error {
            CameraError::Busy { device } if guarded => anyhow!(
                "doorward guards the door with {}; stop it first: `sudo systemctl stop doorward`",
                device.display()
            ),
            other => other.into(),
        })?;
        let second = SecondCamera::open(&settings.camera)?;
        let mut vision = Vision::open(&config.models, &config.vision)?;
        if !self.format.json {
            println!("{}; infrared: {}", source.describe(), second.description);
            println!(
                "Let one person walk from side to side and up to the cameras; this ends by itself."
            );
        }
        let mut walk = Walk {
            pairs: Vec::new(),
            colour: [0; 2],
            infrared: [0; 2],
            one_face: 0,
        };
        let mut kept = VecDeque::with_capacity(MAX_KEPT_FRAMES);
        let mut grid = LumaGrid::default();
        let started = Instant::now();
        let until = started + Duration::from_secs(self.seconds);
        let stall = Duration::from_millis(config.camera.stall_ms);
        let mut good = started;
        let mut progress = Progress::new(self.format.json);
        while !stop.load(Ordering::Relaxed) && Instant::now() < until {
            let frame = match source.next_frame(MAX_WAIT) {
                Ok(Next::Frame(frame)) => frame,
                Ok(Next::Ended) => break,
                Err(error) if error.is_passing() && good.elapsed() < stall => continue,
                Err(error) => return Err(error.into()),
            };
            good = Instant::now();
            if !gather(&second, &mut kept, &mut grid, stall)? {
                break;
            }
            if let Some(pair) = paired(&mut vision, &frame, &kept, settings, &mut walk)? {
                walk.pairs.push(pair);
            }
            let spread = Spread::of(&walk.pairs, walk.colour[0]);
            progress.show(&spread)?;
            let is_enough = spread.pairs >= ENOUGH_PAIRS && spread.is_enough().is_ok();
            if is_enough || walk.pairs.len() >= MAX_PAIRS {
                break;
            }
        }
        progress.end()?;
        Ok(walk)
    }
}

/// A kept picture of the infrared camera, and its mean brightness.
type Kept = (Frame, f32);

/// Takes what the infrared camera gave; false if it will give no more.
fn gather(
    second: &SecondCamera,
    kept: &mut VecDeque<Kept>,
    grid: &mut LumaGrid,
    stall: Duration,
) -> anyhow::Result<bool> {
    let patience = if kept.is_empty() {
        stall
    } else {
        Duration::ZERO
    };
    let mut goes_on = true;
    second.hand_over(patience, |given| {
        let frame = match given {
            Given::Frame(frame) => frame,
            Given::Lost(None) => {
                goes_on = false;
                return Ok(());
            }
            Given::Lost(Some(error)) => return Err(error.into()),
        };
        frame.glance(grid);
        let sum: u32 = grid.cells().iter().map(|cell| u32::from(*cell)).sum();
        let mean = sum as f32 / grid.cells().len().max(1) as f32;
        if kept.len() >= MAX_KEPT_FRAMES {
            kept.pop_front();
        }
        kept.push_back((frame, mean));
        Ok(())
    })?;
    Ok(goes_on)
}

/// The face of both pictures of this moment, where each has one.
fn paired(
    vision: &mut Vision,
    frame: &Frame,
    kept: &VecDeque<Kept>,
    settings: &Settings,
    walk: &mut Walk,
) -> anyhow::Result<Option<Pair>> {
    let picture = frame.to_rgb();
    let Some(colour) = only_face(vision, &picture)? else {
        return Ok(None);
    };
    walk.one_face += 1;
    walk.colour = picture.dimensions().into();
    let times = kept.iter().map(|(frame, mean)| (frame.at, *mean));
    let nearest = picked(frame.at, settings.max_skew(), times).and_then(|at| kept.get(at));
    let Some((other, _)) = nearest else {
        return Ok(None);
    };
    if apart(frame.at, other.at) > settings.max_skew() {
        return Ok(None);
    }
    let picture = other.to_rgb();
    let Some(infrared) = only_face(vision, &picture)? else {
        return Ok(None);
    };
    walk.infrared = picture.dimensions().into();
    Ok(Some(Pair {
        colour: place(&colour),
        infrared: place(&infrared),
    }))
}

fn only_face(vision: &mut Vision, picture: &RgbImage) -> anyhow::Result<Option<Face>> {
    Ok(match vision.detect(picture)?[..] {
        [face] => Some(face),
        _ => None,
    })
}

/// How far it is, on one line of a terminal.
struct Progress {
    is_shown: bool,
    is_open: bool,
    /// Pairs when it was shown last.
    pairs: Option<usize>,
}

impl Progress {
    fn new(is_json: bool) -> Self {
        Self {
            is_shown: !is_json && std::io::stdout().is_terminal(),
            is_open: false,
            pairs: None,
        }
    }

    fn show(&mut self, spread: &Spread) -> std::io::Result<()> {
        if !self.is_shown || self.pairs == Some(spread.pairs) {
            return Ok(());
        }
        self.pairs = Some(spread.pairs);
        self.is_open = true;
        let mut out = std::io::stdout().lock();
        write!(
            out,
            "\r\x1b[K{} of {ENOUGH_PAIRS} pairs; {:.0} % of the picture across, {:.0} % are needed; nearest {:.2} times the furthest, {MIN_NEARER} are needed",
            spread.pairs,
            spread.across * 100.0,
            MIN_ACROSS * 100.0,
            spread.nearer,
        )?;
        out.flush()
    }

    fn end(&mut self) -> std::io::Result<()> {
        if std::mem::take(&mut self.is_open) {
            writeln!(std::io::stdout())?;
        }
        Ok(())
    }
}
