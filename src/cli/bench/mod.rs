//! `doorward bench`: how fast this is on the machine at hand, and how far from the time
//! the networks take by themselves.

mod compare;
mod infrared;
mod measure;
mod scene;
mod soak;
mod worker;

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use self::infrared::SecondLook;
use self::measure::{Recomputed, Rig, Visit};
use super::{Format, print_json, table};
use crate::access::Policy;
use crate::camera::Frame;
use crate::cohort::Score;
use crate::config::Config;
use crate::recognise::Recogniser;
use crate::shown::counted;
use crate::vision::variants::{self, Variant};
use crate::vision::{Vision, runtime};
use crate::whitelist::Snapshot;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Times are of this machine while it ran; compare ratios, and runs with `bench compare`."
)]
pub(crate) struct Bench {
    #[command(subcommand)]
    compare: Option<Sub>,
    /// Frames for the times of each stage
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(10..=10_000))]
    frames: u32,
    /// People on the whitelist, made up but for one
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    people: u32,
    /// Measure with the configured camera's frames instead of the built-in scene
    #[arg(long)]
    live: bool,
    /// Show scenes for so many hours of camera time, as fast as possible, and watch memory
    #[arg(long, value_name = "HOURS", conflicts_with = "live",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    soak: Option<u32>,
    /// Look at one frame and say how much memory that took (what the bench itself starts)
    #[arg(long, hide = true)]
    first_frame: bool,
    /// Answer for frames of a folder (what benches/peers starts)
    #[arg(long, hide = true, value_name = "FOLDER")]
    worker: Option<PathBuf>,
    /// Write such frames (what benches/peers starts)
    #[arg(long, hide = true, value_names = ["FOLDER", "PHOTO"], num_args = 2..)]
    write_frames: Option<Vec<PathBuf>>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Show two results of `bench --json` side by side
    Compare {
        /// Before
        a: PathBuf,
        /// After
        b: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

/// Everything, in the order it is printed.
#[derive(Debug, Serialize)]
struct Results {
    ratio_to_floor: f64,
    ratio_to_floor_mjpg: f64,
    recomputed: [Recomputed; 2],
    frames_a_second: f64,
    visit: Visit,
    visit_recomputed: Visit,
    visit_share: f64,
    idle_core_percent: f64,
    infrared: SecondLook,
    people: u32,
    start: Start,
    machine: Machine,
    models: Vec<String>,
    variants: Vec<Variant>,
}

/// A process of its own from its start to its first frame.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Start {
    /// From starting it to its first decision-ready frame, in milliseconds: the least of some.
    #[serde(default)]
    to_first_frame_ms: f64,
    /// Resident memory in steady state, in MB.
    rss_mb: f64,
    /// The most it had, in MB.
    rss_peak_mb: f64,
}

#[derive(Debug, Serialize)]
struct Machine {
    cpu: String,
    cores: usize,
    features: Vec<&'static str>,
    threads: usize,
}

impl Bench {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        if let Some(Sub::Compare { a, b, format }) = &self.compare {
            return compare::run(a, b, *format);
        }
        if self.first_frame {
            return first_frame(config);
        }
        if let Some(folder) = &self.worker {
            return worker::run(folder, config);
        }
        if let Some([folder, photos @ ..]) = self.write_frames.as_deref() {
            return worker::write_frames(folder, photos, config);
        }
        let (rig, vision) = Rig::new(config, self.people as usize)?;
        if let Some(hours) = self.soak {
            return soak::run(&rig, rig.recogniser(vision, true), hours);
        }
        let mut whole = rig.recogniser(vision, false);
        if self.live {
            let live = rig.live(&mut whole, self.frames)?;
            if self.format.json {
                print_json(&json!({ "ratio_to_floor": live.ratio_to_floor, "live": live }))?;
            } else {
                print_stages(&[live]);
            }
            return Ok(ExitCode::SUCCESS);
        }
        let recomputed = rig.recomputed(&mut whole, self.frames)?;
        let (_, vision) = Rig::new(config, 1)?;
        let mut economical = rig.recogniser(vision, true);
        let approach = rig.approach();
        let (mut visits, mut all) = (Vec::new(), Vec::new());
        let mut base = Instant::now() + Rig::recomputed_takes(self.frames);
        // Interleaved; the first of each warms up.
        for turn in 0..6 {
            let (a, b) = (
                rig.visit(&mut economical, &approach, base)?,
                rig.visit(&mut whole, &approach, base)?,
            );
            if turn > 0 {
                visits.push(a);
                all.push(b);
            }
            base += Duration::from_secs(60);
        }
        let median = |mut of: Vec<Visit>| {
            of.sort_by(|a, b| a.cpu_ms.total_cmp(&b.cpu_ms));
            of.into_iter().nth(2).context("no visit was measured")
        };
        let (visit, visit_recomputed) = (median(visits)?, median(all)?);
        let idle = rig.idle_frames();
        let idle_core_percent = rig.idle(&mut economical, &idle, 10, base)?;
        let (_, vision) = Rig::new(config, 1)?;
        let infrared = infrared::measure(&rig, vision, config, self.frames)?;
        let first = recomputed.first().context("nothing was measured")?;
        let whole_ms = first
            .stages
            .iter()
            .find(|(name, _)| *name == "whole")
            .map_or(f64::NAN, |(_, q)| q.p50);
        let results = Results {
            ratio_to_floor: first.ratio_to_floor,
            ratio_to_floor_mjpg: recomputed.get(1).map_or(f64::NAN, |r| r.ratio_to_floor),
            frames_a_second: 1000.0 / whole_ms,
            visit_share: visit.cpu_ms / visit_recomputed.cpu_ms,
            recomputed,
            visit,
            visit_recomputed,
            idle_core_percent,
            infrared,
            people: self.people,
            start: start(config)?,
            machine: Machine {
                cpu: runtime::cpu_name(),
                cores: std::thread::available_parallelism().map_or(0, usize::from),
                features: runtime::cpu_features(),
                threads: config.models.threads,
            },
            models: economical.vision().networks(),
            variants: variants::time(&config.models)?,
        };
        if self.format.json {
            print_json(&json!(results))?;
        } else {
            print(&results);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// In the process that [`start`] starts: one frame, then some more, then memory.
fn first_frame(config: &Config) -> anyhow::Result<ExitCode> {
    let vision = Vision::open(&config.models, &config.vision)?.with_pad(config)?;
    let stage = scene::Stage::new()?;
    let picture = stage.frame(Some((110.0, [320.0, 200.0])), 1.0, 1);
    let asked = config.access.threshold_request();
    let whitelist = Snapshot::empty(vision.version(), vision.scoring(), asked);
    let mut settings = config.vision.clone();
    settings.economy = false;
    let policy = Policy::new(
        &config.access,
        crate::liveness::Checks::new(&config.liveness, &config.camera),
        Score::new(f32::INFINITY),
    );
    let mut recogniser = Recogniser::new(vision, &settings, policy);
    let mut look = || {
        let mut frame = Frame::rgb(picture.clone(), Instant::now(), 0, None);
        recogniser.look(&mut frame, &whitelist, false, Instant::now)
    };
    look()?;
    println!("ready");
    for _ in 0..30 {
        look()?;
    }
    let [rss_mb, rss_peak_mb] = memory_mb()?;
    print_json(&json!({ "rss_mb": rss_mb, "rss_peak_mb": rss_peak_mb }))?;
    Ok(ExitCode::SUCCESS)
}

/// Starts this program anew and waits for its first frame.
fn start(config: &Config) -> anyhow::Result<Start> {
    use std::io::Write;
    use std::io::{BufRead, BufReader, Read};
    let name = format!("doorward-bench-{}.toml", std::process::id());
    let file = std::env::temp_dir().join(name);
    let text = config.to_toml()?;
    // A new file: nobody else's link is followed.
    std::fs::File::create_new(&file)
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let mut best: Option<Start> = None;
    for _ in 0..5 {
        let begun = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--config")
            .arg(&file)
            .args(["bench", "--first-frame"])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start this program anew")?;
        let mut out = BufReader::new(child.stdout.take().context("no output")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        let mut rest = String::new();
        out.read_to_string(&mut rest)?;
        child.wait()?;
        let mut start: Start = serde_json::from_str(&rest).context("the new process failed")?;
        start.to_first_frame_ms = took;
        if best.as_ref().is_none_or(|b| took < b.to_first_frame_ms) {
            best = Some(start);
        }
    }
    let _ = std::fs::remove_file(&file);
    best.context("nothing was started")
}

/// Resident memory now and at its most, in MB.
fn memory_mb() -> anyhow::Result<[f64; 2]> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let value = |key: &str| {
        let line = status.lines().find(|l| l.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    let both = value("VmRSS:").zip(value("VmHWM:"));
    let (now, most) = both.context("/proc/self/status does not tell memory")?;
    Ok([now, most].map(|kb| kb / 1024.0))
}

fn print_stages(all: &[Recomputed]) {
    for r in all {
        println!(
            "\n{}, everything recomputed: {}, {}; {:.2} times the networks' own time",
            r.format,
            counted(r.frames, "frame", "frames"),
            counted(r.faces, "face", "faces"),
            r.ratio_to_floor
        );
        let rows = r.stages.iter().map(|(name, q)| {
            vec![
                (*name).to_owned(),
                format!("{:.2}", q.p50),
                format!("{:.2}", q.p95),
                format!("{:.2}", q.p99),
            ]
        });
        table(&["stage (ms)", "p50", "p95", "p99"], rows);
    }
}

fn print(r: &Results) {
    println!(
        "{}, {}, {} a network; {}",
        r.machine.cpu,
        counted(r.machine.cores, "core", "cores"),
        counted(r.machine.threads, "thread", "threads"),
        r.machine.features.join(" ")
    );
    println!("Networks of the set, * in use; models.choose takes others:");
    let rows = r.variants.iter().map(|v| {
        vec![
            v.role.clone(),
            format!("{}{}", v.id, if v.used { " *" } else { "" }),
            format!("{:.2}", v.ms),
        ]
    });
    table(&["for", "network", "ms"], rows);
    print_stages(&r.recomputed);
    println!(
        "\n{:.1} frames a second, everything recomputed",
        r.frames_a_second
    );
    let frame = |n: Option<u32>| n.map_or("never".into(), |n| n.to_string());
    println!(
        "A visit of 3 s: {:.0} ms of CPU, {} embeddings; first usable frame {}, let in at frame {}, score {:.3}",
        r.visit.cpu_ms,
        r.visit.embedded,
        frame(r.visit.usable_at),
        frame(r.visit.decided_at),
        r.visit.score.unwrap_or(f32::NAN)
    );
    println!(
        "  {:.0} % of recomputing every frame ({:.0} ms, let in at frame {}, score {:.3})",
        r.visit_share * 100.0,
        r.visit_recomputed.cpu_ms,
        frame(r.visit_recomputed.decided_at),
        r.visit_recomputed.score.unwrap_or(f32::NAN)
    );
    println!(
        "Nobody there: {:.2} % of one core at 15 frames a second",
        r.idle_core_percent
    );
    println!("{}", r.infrared);
    println!(
        "A new process is ready after {:.0} ms; {:.0} MB resident, {:.0} MB at most",
        r.start.to_first_frame_ms, r.start.rss_mb, r.start.rss_peak_mb
    );
}
