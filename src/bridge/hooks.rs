//! Programs that are run for events: no shell, no arguments, JSON on standard input, one at a
//! time and each for a bounded time. One that fails is told of and not run again for that event.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::feed::{NotTaken, Receiver};
use super::notice::DaemonNotice;
use super::outgoing::Outgoing;
use crate::config;
use crate::ipc::State;

/// What programs find in their environment beside the event.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How often it is looked whether a program ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// All programs.
pub(super) struct Hooks {
    programs: Vec<PathBuf>,
    timeout: Duration,
    names: bool,
    notice: DaemonNotice,
}

impl Hooks {
    pub(super) fn new(hooks: &config::Hooks, door: &str) -> Self {
        Self {
            programs: hooks.programs.clone(),
            timeout: Duration::from_secs(hooks.timeout_s.into()),
            names: hooks.names,
            notice: DaemonNotice::new(door),
        }
    }

    /// Runs each; only one that cannot be started is tried again.
    fn run_all(&self, event: &str, id: &str, body: &str) -> Result<(), NotTaken> {
        for program in &self.programs {
            let ended = run(program, event, id, body, self.timeout);
            let place = program.display();
            match ended {
                Ok(Ended::Well) => {}
                Ok(Ended::Badly(how)) => log::warn!("hooks: {place} for {id}: {how}"),
                Ok(Ended::Killed) => log::warn!(
                    "hooks: {place} for {id} was killed after {} s: raise hooks.timeout_s, or have it hand on its work",
                    self.timeout.as_secs()
                ),
                Err(error) => {
                    return Err(NotTaken(format!("{place} cannot be run: {error}")));
                }
            }
        }
        Ok(())
    }
}

enum Ended {
    Well,
    Badly(String),
    Killed,
}

/// Runs a program to its end, or to the end of its time.
fn run(program: &Path, event: &str, id: &str, body: &str, timeout: Duration) -> io::Result<Ended> {
    let mut child = Command::new(program)
        .env_clear()
        .env("PATH", PATH)
        .env("DOORWARD_EVENT", event)
        .env("DOORWARD_ID", id)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // So that what it starts ends with it.
        .process_group(0)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // Shorter than a pipe holds; a program that does not read it has its reasons.
        let _ = input.write_all(body.as_bytes());
    }
    let until = Instant::now() + timeout;
    let ended = loop {
        match child.try_wait()? {
            Some(status) if status.success() => break Ended::Well,
            Some(status) => break Ended::Badly(status.to_string()),
            None if Instant::now() >= until => break Ended::Killed,
            None => std::thread::sleep(LOOK_INTERVAL),
        }
    };
    end(&mut child);
    Ok(ended)
}

/// What the program started ends too.
fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

impl Receiver for Hooks {
    fn deliver(&mut self, event: &Outgoing) -> Result<(), NotTaken> {
        let body = serde_json::Value::Object(event.body(self.names)).to_string();
        self.run_all(event.record.kind(), &event.id(), &body)
    }

    fn now(&mut self, state: Option<&State>) {
        self.notice.now(state.is_some());
        self.turn();
    }

    fn turn(&mut self) {
        if let Some((id, body)) = self.notice.due() {
            let event = id.split(':').nth(1).unwrap_or_default().to_owned();
            let taken = self.run_all(&event, &id, &body).is_ok();
            self.notice.was(taken);
        }
    }
}
