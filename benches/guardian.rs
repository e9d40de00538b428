//! What the relay guardian adds to an opening: the strike moved over its socket, beside the
//! same line moved by this process. Both lines are simulated ones on tmpfs, in turns.
//!
//!     cargo bench --bench guardian
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use doorward::config::Config;
use doorward::door::relay;
use doorward::guardian::{BootTime, Given, Hold};

const TURNS: usize = 1000;

fn main() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let text = |state: &str| {
        format!(
            "relay.driver = \"simulated\"\nrelay.state_file = \"{}\"\nrelay.guardian = \"{}\"\n\
             daemon.strict_modes = false\n",
            at(state),
            at("guardian")
        )
    };
    std::fs::create_dir(folder.path().join("guardian")).unwrap();
    let file = folder.path().join("doorward.toml");
    std::fs::write(&file, text("by-guardian")).unwrap();
    let mut service = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args([
            "--config",
            &file.display().to_string(),
            "guardian",
            "--serve",
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path().join("guardian/socket").exists()
        && !folder.path().join("by-guardian").exists()
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    let config = |state| Config::parse(&text(state), Path::new("bench.toml")).unwrap();
    let mut hold = Hold::take(Given {
        line: config("by-guardian").relay,
        cap: Duration::from_secs(30),
        note: folder.path().join("note"),
    })
    .unwrap();
    let mut own = relay::open(&config("own").relay).unwrap();

    let (mut over_guardian, mut by_itself) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let before = Instant::now();
        hold.open(BootTime::now().after(Duration::from_secs(3)))
            .unwrap();
        over_guardian.push(before.elapsed());
        hold.lock().unwrap();

        let before = Instant::now();
        own.set(true).unwrap();
        by_itself.push(before.elapsed());
        own.set(false).unwrap();
    }
    drop(hold);
    service.kill().unwrap();
    service.wait().unwrap();
    let at = |times: &mut Vec<Duration>, share: f64| {
        times.sort();
        times[(times.len() as f64 * share) as usize]
    };
    for share in [0.5, 0.95, 0.99] {
        let (with, without) = (at(&mut over_guardian, share), at(&mut by_itself, share));
        println!(
            "p{:<2}  over the guardian {:>7.3} ms, by itself {:>7.3} ms, added {:>7.3} ms",
            share * 100.0,
            with.as_secs_f64() * 1e3,
            without.as_secs_f64() * 1e3,
            with.as_secs_f64() * 1e3 - without.as_secs_f64() * 1e3
        );
    }
}
