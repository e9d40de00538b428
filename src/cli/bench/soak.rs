//! Hours of camera time in minutes: does anything grow?

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::measure::Rig;
use crate::cli::table;
use crate::recognise::Recogniser;

/// Visits in an hour; the rest of it nobody is there.
const VISITS: u32 = 12;

pub fn run(rig: &Rig, mut recogniser: Recogniser, hours: u32) -> anyhow::Result<ExitCode> {
    let (approach, idle) = (rig.approach(), rig.idle_frames());
    let mut base = Instant::now();
    let mut rows = Vec::new();
    let (mut granted, mut memory) = (0, Vec::new());
    for hour in 1..=hours {
        let hour_ends = base + Duration::from_secs(3600);
        for visit in 0..VISITS {
            let seen = rig.visit(&mut recogniser, &approach, base)?;
            granted += u32::from(seen.decided_at.is_some());
            base += Rig::seconds(approach.len());
            // Until the next visit.
            let left = hour_ends.saturating_duration_since(base) / (VISITS - visit);
            let scene = Rig::seconds(idle.len());
            let scenes = (left.as_secs_f64() / scene.as_secs_f64()) as u32;
            rig.idle(&mut recogniser, &idle, scenes.saturating_sub(1), base)?;
            base += scene * scenes.max(1);
        }
        base = hour_ends;
        let [rss, _] = super::memory_mb()?;
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        memory.push(rss);
        rows.push(vec![
            hour.to_string(),
            format!("{rss:.2}"),
            files.to_string(),
            granted.to_string(),
        ]);
        eprint!("\rhour {hour} of {hours}   ");
    }
    eprintln!();
    table(
        &["hour", "resident MB", "open files", "let in"],
        rows.into_iter(),
    );
    let slope = slope(memory.get(1..).unwrap_or_default());
    println!(
        "resident memory grows by {:.4} MB an hour after the first",
        slope
    );
    Ok(ExitCode::SUCCESS)
}

/// Least squares, a step each.
fn slope(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let (mx, my) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
    let (mut up, mut down) = (0.0, 0.0);
    for (i, v) in values.iter().enumerate() {
        let dx = i as f64 - mx;
        up += dx * (v - my);
        down += dx * dx;
    }
    if down > 0.0 { up / down } else { 0.0 }
}
