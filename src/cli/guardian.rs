//! `doorward guardian`: the process that owns the relay's line.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::start_stderr_log;
use crate::config::Config;
use crate::door::relay;
use crate::guardian::{self, Clients, HeldLine, ServiceFolder};
use crate::trust;

/// Owns the relay's line, for the process that started it over standard input or for whoever
/// may connect to its socket.
#[derive(Debug, Args)]
pub(crate) struct Guardian {
    /// Serve a socket in the folder relay.guardian, with the line in [relay] and the cap in
    /// [door] of the configuration
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    child: Option<Child>,
}

/// What a guardian is told that somebody needs for himself.
#[derive(Debug, Args)]
#[group(conflicts_with = "serve", required = false, multiple = true)]
struct Child {
    /// Where to keep the note of the line that is driven
    #[arg(long, value_name = "FILE", requires_all = ["line", "max_open_ms"])]
    held: PathBuf,
    /// The line, as a [relay] section
    #[arg(long, value_name = "TOML")]
    line: String,
    /// Longest opening in a row
    #[arg(long, value_name = "MS")]
    max_open_ms: u64,
}

impl Guardian {
    pub(super) fn run(self, config: &Path) -> anyhow::Result<ExitCode> {
        start_stderr_log(log::LevelFilter::Warn);
        match self.child {
            _ if self.serve => serve(config)?,
            Some(child) => child.run()?,
            None => bail!("a guardian needs --serve, or --held, --line and --max-open-ms"),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Child {
    fn run(self) -> anyhow::Result<()> {
        let held = HeldLine::parse(&self.line).map_err(anyhow::Error::msg)?;
        let parent = parent()?;
        let cap = Duration::from_millis(self.max_open_ms);
        own(&held, &self.held, || Ok(Clients::Parent(parent)), cap)
    }
}

fn serve(config: &Path) -> anyhow::Result<()> {
    start_stderr_log(log::LevelFilter::Info);
    // Whoever could write the file could have the door driven by another line.
    let runner = rustix::process::geteuid().as_raw();
    let exposed = trust::exposed(config, runner).unwrap_or_default();
    if let Some(exposed) = exposed.iter().find(|one| one.is_grave()) {
        bail!("{exposed}");
    }
    let (relay, door) = Config::load_strike(config)?;
    let folder = ServiceFolder::of(&relay);
    let listen = || {
        folder.listen().map(Clients::Listener).with_context(|| {
            format!(
                "the relay guardian cannot have its socket in {}; systemd makes that folder, \
                 elsewhere make it or set relay.guardian",
                folder.path().display()
            )
        })
    };
    let held = HeldLine { relay };
    own(
        &held,
        &folder.note(),
        listen,
        Duration::from_millis(door.max_open_ms),
    )?;
    folder.forget_socket();
    Ok(())
}

/// Opens the line, which releases it, and drives it for `clients`.
fn own(
    held: &HeldLine,
    note: &Path,
    clients: impl FnOnce() -> anyhow::Result<Clients>,
    cap: Duration,
) -> anyhow::Result<()> {
    let relay = relay::open(&held.relay)?;
    // On disk before the line can be energised for the first time.
    held.write(note)?;
    guardian::serve(relay, cap, clients()?)?;
    // Known to be released: nothing is left to recover.
    let _ = std::fs::remove_file(note);
    Ok(())
}

fn parent() -> anyhow::Result<UnixStream> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
    let stream = UnixStream::from(stdin);
    if stream.peer_addr().is_err() {
        bail!(
            "standard input is no socket: `doorward run` and `doorward relay` start the guardian"
        );
    }
    Ok(stream)
}
