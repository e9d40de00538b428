//! What people do at the demo's door: the simulated panel's wires.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::ensure;

/// So long after the grant, the line that is written to the wires.
const ACTS: [(u64, &str); 8] = [
    (300, "contact open"),
    (1000, "contact closed"),
    // The scene after that shows nobody.
    (3400, "rex pressed"),
    (3600, "rex released"),
    (3700, "contact open"),
    (4400, "contact closed"),
    // And so does the last one.
    (8300, "contact open"),
    (8900, "contact closed"),
];
/// The networks are loaded first.
const MAX_START_TIME: Duration = Duration::from_secs(120);

/// Acts beside the daemon, from the moment the relay is energised for the first time.
pub fn at(folder: &Path) -> JoinHandle<anyhow::Result<()>> {
    let folder = folder.to_owned();
    std::thread::spawn(move || act(&folder.join("relay"), &folder.join("door/wires")))
}

fn act(relay: &PathBuf, wires: &PathBuf) -> anyhow::Result<()> {
    let start = Instant::now();
    let is_open = || std::fs::read_to_string(relay).is_ok_and(|level| level.trim() == "energised");
    while !is_open() {
        ensure!(start.elapsed() < MAX_START_TIME, "nobody was let in");
        std::thread::sleep(Duration::from_millis(10));
    }
    let granted = Instant::now();
    for (after, line) in ACTS {
        let at = granted + Duration::from_millis(after);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let mut wires = std::fs::OpenOptions::new().append(true).open(wires)?;
        writeln!(wires, "{line}")?;
    }
    Ok(())
}
