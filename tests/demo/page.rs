//! `make demo-web`: the demo's scenes in a loop, and the page that shows what happens, on
//! loopback, with an account whose random password is printed. Ends by Ctrl-C.

// Titles are for the other demo.
#[allow(dead_code)]
mod scene;
mod scenes;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

/// How often the scenes are shown until the daemon is started again.
const LOOPS: usize = 120;

fn main() -> anyhow::Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
    let program = std::env::current_exe()?
        .ancestors()
        .nth(2)
        .context("where the program was built")?
        .join("doorward");
    let folder = project.join("demo/page");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(folder.join("shown"))?;
    println!("Recording the scenes into demo/page ...");
    record(&project, &folder)?;
    let config = folder.join("doorward.toml");
    std::fs::write(&config, CONFIG)?;
    let doorward = Doorward { program, config };
    let photo = |name: &str| {
        project
            .join("tests/photos")
            .join(name)
            .display()
            .to_string()
    };
    let (barack, eileen) = ("barack-obama/01.jpg", "eileen-collins/01.jpg");
    doorward.run(&[
        "enroll",
        "Barack Obama",
        &photo(barack),
        &photo("barack-obama/02.jpg"),
    ])?;
    doorward.run(&["enroll", "Eileen Collins", &photo(eileen)])?;
    let add = [
        "web",
        "add-user",
        "demo",
        "--role",
        "administrator",
        "--generate",
        "--json",
    ];
    let output = doorward.command(&add).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let account: Value = serde_json::from_slice(&output.stdout)?;
    let password = account["password"].as_str().context("a password")?;

    let ends = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, ends.clone())?;
    }
    let mut page = doorward.command(&["web"]).spawn()?;
    println!(
        "\n  http://127.0.0.1:8443\n  account   demo\n  password  {password}\n\nCtrl-C ends it.\n"
    );
    let mut daemon = doorward.command(&["run"]).spawn()?;
    while !ends.load(Ordering::Relaxed) && page.try_wait()?.is_none() {
        // The recording is over: once more.
        if daemon.try_wait()?.is_some() {
            daemon = doorward.command(&["run"]).spawn()?;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    end(&mut daemon);
    end(&mut page);
    Ok(())
}

/// The daemon locks the door before it ends.
fn end(child: &mut Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}

const CONFIG: &str = r#"# What `make demo-web` runs; paths are taken from the folder this file is in.
camera.source = "replay"
camera.replay.path = "shown"
camera.replay.fps = 15
models.dir = "../../models"
models.runtime = "../../.runtime/libonnxruntime.so.1.28.0"
door.pulse_ms = 2500
relay.driver = "simulated"
relay.state_file = "relay"
whitelist.database = "doorward.db"
# The page shows faces where photos are kept.
whitelist.keep_photos = true
web.folder = "web"
# A working copy may be writable by its owner's group, or belong to somebody else.
daemon.strict_modes = false
"#;

/// Frames of all scenes, once as files and then as other names of them.
fn record(project: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut frames: Vec<PathBuf> = Vec::new();
    for scene in scenes::scenes() {
        scene.render(&project.join("tests/photos"), &folder.join("scenes"))?;
        let of_it = std::fs::read_dir(folder.join("scenes").join(scene.name))?;
        let mut of_it: Vec<PathBuf> = of_it
            .map(|file| Ok(file?.path()))
            .collect::<std::io::Result<_>>()?;
        of_it.sort();
        frames.extend(of_it);
    }
    for number in 0..LOOPS * frames.len() {
        let name = folder.join("shown").join(format!("{number:06}.jpg"));
        std::fs::hard_link(&frames[number % frames.len()], name)?;
    }
    Ok(())
}

struct Doorward {
    program: PathBuf,
    config: PathBuf,
}

impl Doorward {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let status = self.command(arguments).status()?;
        ensure!(
            status.success(),
            "doorward {} ended with {status}",
            arguments.join(" ")
        );
        Ok(())
    }
}
