//! `doorward pad-test`: presentations of people and of attack instruments before the door's own
//! eye and rules, from recorded clips or before the camera, and what share of each is told apart.
//! The relay is not touched.

mod folders;
mod guided;
mod page;
mod stand;
mod tell;
mod trial;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::guided::Plan;
use self::stand::{PlayError, Stand};
use super::output::{Usage, rfc3339};
use super::{Exit, Format, actor, become_owner, print_json, start_stderr_log};
use crate::camera::{self, CameraError, FrameSource};
use crate::config::{self, Config};
use crate::database::Database;
use crate::evidence::presentations::{Presentation, Shown, Summary, Tally};
use crate::files::{self, Kind};
use crate::record::{Event, Log, PadKind, PadTested, Stamp};
use crate::vision::manifest::Manifest;

const USAGE: &str = "doorward pad-test [OPTIONS] FOLDER
       doorward pad-test [OPTIONS] --camera --bona-fide N --attack KIND=N...";

/// What is presented, and where the report goes.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = "The largest face in view is the one presented. \
    Nobody needs to be enrolled: counted is what the checks in [liveness] say. The door does not move; \
    an event keeps the run on record. Kinds: photo_on_stand, photo_in_hand, photo_bent, \
    photo_moved_closer, photo_cut_out, screen_photo, screen_video, paper_mask, mask, other.")]
pub(crate) struct PadTest {
    /// Folder with clips in bona-fide/ and attack/KIND/: a folder of pictures, a .mjpeg or a
    /// .y4m for each presentation
    #[arg(
        value_name = "FOLDER",
        required_unless_present = "camera",
        conflicts_with = "camera"
    )]
    folder: Option<PathBuf>,
    /// Pictures a second of clips that do not say; by default camera.replay.fps
    #[arg(long, value_name = "N", conflicts_with = "camera",
          value_parser = clap::value_parser!(u32).range(1..=120))]
    fps: Option<u32>,
    /// Take kinds of instruments that have no name here
    #[arg(long)]
    own_kinds: bool,
    /// Ask for each presentation in the terminal, before the door's own camera
    #[arg(long)]
    camera: bool,
    /// With --camera: how often people show their own faces
    #[arg(long, value_name = "N", requires = "camera",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    bona_fide: Option<u32>,
    /// With --camera: a kind of instrument, and how often it is presented
    #[arg(long, value_name = "KIND=N", requires = "camera")]
    attack: Vec<String>,
    /// With --camera: how long each is looked at
    #[arg(long, value_name = "SECONDS", default_value_t = 8, requires = "camera",
          value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: u64,
    /// With --camera: from Enter until it is looked at
    #[arg(long, value_name = "SECONDS", default_value_t = 3, requires = "camera",
          value_parser = clap::value_parser!(u64).range(0..=30))]
    countdown: u64,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the report as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// A clip that gave nothing.
struct LeftOut {
    clip: String,
    why: String,
}

/// All there is to say of a run.
struct Report {
    at: Option<String>,
    source: String,
    door: String,
    checks: Vec<String>,
    /// There is an infrared camera, and it took no part.
    without_infrared: bool,
    /// The door also asks for a challenge, which took no part.
    without_challenge: bool,
    config_file: String,
    config_sha256: String,
    set: String,
    models_sha256: String,
    networks: Vec<String>,
    summary: Summary,
    presentations: Vec<Presentation>,
    left_out: Vec<LeftOut>,
}

impl PadTest {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        let mut config = Config::load(path)?;
        if let Some(fps) = self.fps {
            config.camera.replay.fps = fps;
        }
        // Whatever is wrong with what is asked for is told before the networks are loaded.
        let (plan, clips) = match &self.folder {
            Some(folder) => (None, folders::find(folder, self.own_kinds)?),
            None => (Some(self.plan()?), Vec::new()),
        };
        let mut source = match &plan {
            Some(_) => Some(open_camera(&config)?),
            None => None,
        };
        let at = rfc3339(jiff::Timestamp::now().as_millisecond());
        let config_bytes = files::read(path, Kind::Configuration)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let has_infrared = config.camera.infrared.is_some();
        if plan.is_none() {
            // A clip is of one camera.
            config.camera.infrared = None;
        }
        let mut stand = Stand::open(&config)?;
        let (presentations, left_out) = match (&plan, &mut source) {
            (Some(plan), Some(source)) => {
                let say = |line: &str| match self.format.json {
                    true => eprintln!("{line}"),
                    false => println!("{line}"),
                };
                say(&source.describe());
                let all = guided::run(&mut stand, &mut **source, plan, &say)?;
                (all, Vec::new())
            }
            _ => play(&mut stand, &clips, &config)?,
        };
        let manifest = Manifest::load(&config.models.dir)?;
        let vision = stand.vision();
        let report = Report {
            at,
            source: match (&self.folder, &source) {
                (Some(folder), _) => folder.display().to_string(),
                (None, Some(source)) => source.describe(),
                (None, None) => String::new(),
            },
            door: config.daemon.door.to_string(),
            checks: checks(&config),
            without_infrared: has_infrared && plan.is_none(),
            without_challenge: config.liveness.challenge != config::Challenge::Never,
            config_file: path.display().to_string(),
            config_sha256: hex(&config_bytes),
            set: vision.set().to_owned(),
            models_sha256: manifest.sha256().to_owned(),
            networks: vision.networks(),
            summary: Summary::of(&presentations),
            presentations,
            left_out,
        };
        let json = report.as_json();
        let text = format!("{}\n", serde_json::to_string_pretty(&json)?);
        if let Some(file) = &self.out {
            write(file, &text)?;
        }
        if let Some(file) = &self.html {
            write(file, &page::page(&report)?)?;
        }
        match self.format.json {
            true => print_json(&json)?,
            false => tell::print(&report),
        }
        become_owner(&config)?;
        keep(&config, report.event(&text))?;
        Ok(match report.left_out.is_empty() {
            true => Exit::Done,
            false => Exit::No,
        }
        .into())
    }

    /// # Errors
    /// [`Usage`], or a kind that has no name here.
    fn plan(&self) -> anyhow::Result<Plan> {
        let mut shown = Vec::new();
        if let Some(tries) = self.bona_fide {
            shown.push((Shown::BonaFide, tries));
        }
        for one in &self.attack {
            let (kind, tries) = one.split_once('=').unwrap_or((one, ""));
            let tries: u32 = tries
                .parse()
                .ok()
                .filter(|tries| (1..=1000).contains(tries))
                .ok_or_else(|| {
                    Usage(
                        "--attack takes a kind and how often, such as photo_in_hand=20 (1 to 1000)"
                            .into(),
                    )
                })?;
            let kind = folders::kind_named(kind, self.own_kinds)?;
            shown.push((Shown::Attack(kind), tries));
        }
        if shown.is_empty() {
            let usage = "what is to be presented? name it with --bona-fide and --attack";
            return Err(Usage(format!("{usage}\n\nUsage: {USAGE}")).into());
        }
        Ok(Plan {
            shown,
            longest: Duration::from_secs(self.seconds),
            countdown: self.countdown,
        })
    }
}

fn open_camera(config: &Config) -> anyhow::Result<Box<dyn FrameSource>> {
    // Asking takes this process's locks from the file: before it is opened.
    let guarded = Database::is_guarded(&config.whitelist.database);
    camera::open(&config.camera).map_err(|error| match error {
        CameraError::Busy { device } if guarded => anyhow!(
            "doorward guards the door with {}; for as long as you test, stop it: `sudo systemctl stop doorward`, and afterwards `sudo systemctl start doorward`",
            device.display()
        ),
        other => other.into(),
    })
}

/// Plays clip after clip; those that cannot be read are left out.
///
/// # Errors
/// A network fails.
fn play(
    stand: &mut Stand,
    clips: &[folders::Clip],
    config: &Config,
) -> anyhow::Result<(Vec<Presentation>, Vec<LeftOut>)> {
    // Drawn on a terminal only.
    let bar = ProgressBar::new(clips.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{pos} of {len} clips {wide_bar} {eta}") {
        bar.set_style(style);
    }
    let (mut all, mut left_out) = (Vec::new(), Vec::new());
    for clip in clips {
        match stand.play(clip, config) {
            Ok(one) => all.push(one),
            Err(PlayError::Unread(why)) => left_out.push(LeftOut {
                clip: clip.name.clone(),
                why,
            }),
            Err(PlayError::Failed(error)) => return Err(error.context(clip.name.clone())),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((all, left_out))
}

/// The keys of `[liveness]` that are on, and whether an infrared camera is asked.
fn checks(config: &Config) -> Vec<String> {
    let Value::Object(keys) = json!(config.liveness) else {
        return Vec::new();
    };
    // What only learns refuses nobody.
    let is_on =
        |(key, value): &(String, Value)| *value == Value::Bool(true) && key != "learn_coupling";
    let infrared = config.camera.infrared.iter().map(|_| "infrared".into());
    let keys = keys.into_iter().filter(is_on).map(|(key, _)| key);
    keys.chain(infrared).collect()
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    files::create(file)
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The run stays on record, whatever becomes of the report's files.
fn keep(config: &Config, event: Event) -> anyhow::Result<()> {
    Database::open(&config.whitelist.database)
        .map_err(anyhow::Error::from)
        .and_then(|db| Ok(Log::new(db, config.daemon.door.clone()).append(&Stamp::now(), &event)?))
        .context("the run cannot be put on record")?;
    Ok(())
}

impl Report {
    fn as_json(&self) -> Value {
        let presentations: Vec<Value> = self
            .presentations
            .iter()
            .map(|one| {
                let mut value = json!(one);
                if let Some(fields) = value.as_object_mut() {
                    let kind = match &one.shown {
                        Shown::BonaFide => "bona_fide",
                        Shown::Attack(kind) => kind,
                    };
                    fields.insert("kind".into(), kind.into());
                }
                value
            })
            .collect();
        let left_out = self.left_out.iter();
        let left_out: Vec<Value> = left_out
            .map(|one| json!({ "clip": one.clip, "why": one.why }))
            .collect();
        json!({
            "at": self.at,
            "doorward": env!("CARGO_PKG_VERSION"),
            "door": self.door,
            "source": self.source,
            "checks": self.checks,
            "configuration": { "file": self.config_file, "sha256": self.config_sha256 },
            "models": {
                "set": self.set,
                "manifest_sha256": self.models_sha256,
                "networks": self.networks,
            },
            "bona_fide": self.summary.bona_fide,
            "attacks": self.summary.attacks,
            "worst_kind": self.summary.worst_kind,
            "claims": self.summary.claims,
            "presentations": presentations,
            "left_out": left_out,
        })
    }

    /// `text` is the report as it is written.
    fn event(&self, text: &str) -> Event {
        let kind = |tally: &Tally| PadKind {
            kind: tally.kind.clone(),
            tries: tally.tries,
            accepted: tally.accepted,
            no_response: tally.no_response,
        };
        Event::PadTested(PadTested {
            presented: self
                .summary
                .bona_fide
                .iter()
                .chain(&self.summary.attacks)
                .map(kind)
                .collect(),
            checks: self.checks.clone(),
            models_sha256: self.models_sha256.clone(),
            config_sha256: self.config_sha256.clone(),
            report_sha256: hex(text.as_bytes()),
            actor: actor(),
        })
    }
}
