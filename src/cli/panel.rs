//! `doorward panel`: the process that has contact, buttons, keypad, readers, lights and siren
//! in hand, and the installer's look at them.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::output::{self, Exit, Usage};
use super::start_stderr_log;
use crate::config::{self, Config, PanelDriver, Signal};
use crate::guardian::BootTime;
use crate::panel::{
    self, Card, Clients, Connection, Key, Misread, PanelError, PanelFolder, Reading, Request,
    Served, What, Word,
};
use crate::shown::Quoted;
use crate::trust;

/// How long a panel may take to answer.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(2);
/// How often it is said again which signals hold.
const SHOW_INTERVAL: Duration = Duration::from_millis(500);

/// What to do with what is at the door besides strike and camera.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Panel {
    /// Serve a socket in the folder panel.folder, with what [panel] of the configuration says
    #[arg(long, hide = true)]
    serve: bool,
    /// Serve the process that started this one, with this [panel] section
    #[arg(long, hide = true, value_name = "TOML", conflicts_with_all = ["serve", "dark"])]
    child: Option<String>,
    /// Make every output dark, for when whoever held them was killed
    #[arg(long, hide = true, conflicts_with = "serve")]
    dark: bool,
    #[command(subcommand)]
    command: Option<Look>,
}

/// What an installer looks at.
#[derive(Debug, Subcommand)]
enum Look {
    /// Show live what is read, to test the wiring; ends by Ctrl-C
    Watch {
        /// Show which digits are typed, and not only that one is
        #[arg(long)]
        show_keys: bool,
    },
    /// Have signals hold, to see the pattern of each output; ends by Ctrl-C
    Show {
        /// Which, such as granted or held_open
        #[arg(required = true, value_parser = signal)]
        signals: Vec<Signal>,
    },
    /// Light an output, or have it sound, for a second
    Test {
        /// Its name: what stands after `panel.output.` in the configuration
        output: String,
    },
}

impl Panel {
    pub(super) fn run(self, config: &Path) -> anyhow::Result<ExitCode> {
        match (self.command, self.child) {
            (Some(Look::Watch { show_keys }), _) => watch(&configured(config)?, show_keys),
            (Some(Look::Show { signals }), _) => show(&configured(config)?, &signals),
            (Some(Look::Test { output }), _) => test(&configured(config)?, &output),
            (None, Some(toml)) => child(&toml),
            (None, None) if self.serve => serve(config),
            (None, None) if self.dark => dark(config),
            (None, None) => Err(Usage(
                "say what to do with the panel: `doorward panel watch` or `doorward panel test OUTPUT`"
                    .into(),
            )
            .into()),
        }
    }
}

/// For whoever asks for a panel by hand.
fn configured(path: &Path) -> anyhow::Result<config::Panel> {
    start_stderr_log(log::LevelFilter::Warn);
    let panel = Config::load(path)?.panel;
    if panel.driver == PanelDriver::None {
        bail!(
            "{} has no panel: set panel.driver = \"gpiochip\", and a line for each input and output",
            path.display()
        );
    }
    Ok(panel)
}

fn serve(path: &Path) -> anyhow::Result<ExitCode> {
    start_stderr_log(log::LevelFilter::Info);
    // Whoever could write the file could have another line driven, or other keys read.
    let runner = rustix::process::geteuid().as_raw();
    let exposed = trust::exposed(path, runner).unwrap_or_default();
    if let Some(exposed) = exposed.iter().find(|one| one.is_grave()) {
        bail!("{exposed}");
    }
    let panel = Config::load(path)?.panel;
    let Some(board) = panel::open(&panel)? else {
        // The unit is started everywhere, and done where there is nothing to do.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        log::info!("panel.driver = \"none\": there is no panel here");
        return Ok(Exit::Done.into());
    };
    let folder = PanelFolder::of(&panel);
    let listener = folder.listen().with_context(|| {
        format!(
            "the panel cannot have its socket in {}; systemd makes that folder, elsewhere make it \
             or set panel.folder",
            folder.path().display()
        )
    })?;
    let configuration = panel::fingerprint(&panel)?;
    log::info!("the panel is read; its outputs are dark");
    let served = Served {
        panel: &panel,
        configuration,
        board,
    };
    panel::serve(served, Clients::Listener(listener))?;
    folder.forget_socket();
    Ok(Exit::Done.into())
}

fn child(toml: &str) -> anyhow::Result<ExitCode> {
    start_stderr_log(log::LevelFilter::Warn);
    let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
    let parent = UnixStream::from(stdin);
    if parent.peer_addr().is_err() {
        bail!(
            "standard input is no socket: `doorward run` and `doorward panel` start this process"
        );
    }
    let panel = panel::from_toml(toml).map_err(anyhow::Error::msg)?;
    match panel::open(&panel) {
        Ok(Some(board)) => {
            let configuration = panel::fingerprint(&panel)?;
            let served = Served {
                panel: &panel,
                configuration,
                board,
            };
            panel::serve(served, Clients::Parent(parent))?;
        }
        Ok(None) => panel::fail(&parent, "panel.driver is none"),
        // Whoever started this process tells it.
        Err(error) => panel::fail(&parent, &error.to_string()),
    }
    Ok(Exit::Done.into())
}

/// To open the outputs is to make them dark.
fn dark(path: &Path) -> anyhow::Result<ExitCode> {
    start_stderr_log(log::LevelFilter::Warn);
    drop(panel::open(&Config::load(path)?.panel)?);
    Ok(Exit::Done.into())
}

fn watch(panel: &config::Panel, show_keys: bool) -> anyhow::Result<ExitCode> {
    let mut connection = Connection::open(panel)?;
    connection.ask(&Request::Watch)?;
    let mut misread: BTreeMap<&'static str, u64> = BTreeMap::new();
    while output::flush() {
        let line = match connection.word(Duration::from_secs(1))? {
            Some(Word::Reading(Reading { at, what, .. })) => {
                let count = match what {
                    What::Misread(Misread { flaw, .. }) => {
                        let count = misread.entry(flaw.code()).or_default();
                        *count += 1;
                        Some(*count)
                    }
                    _ => None,
                };
                let number = count.map(|n| format!(" (number {n})")).unwrap_or_default();
                format!("{} {}{number}", describe(&what, show_keys), clock(at))
            }
            Some(Word::Bits(at, bits)) => {
                let shown: String = bits.iter().map(|b| if *b { '1' } else { '0' }).collect();
                // A keypad on the two lines sends its digits so.
                match bits.len() < 9 && !show_keys {
                    true => format!("wiegand {} bits {}", bits.len(), clock(at)),
                    false => format!("wiegand {} bits {shown} {}", bits.len(), clock(at)),
                }
            }
            Some(Word::Ready) => "-- that is how things are; what happens follows".to_owned(),
            Some(_) | None => continue,
        };
        println!("{line}");
    }
    Ok(Exit::Done.into())
}

/// An instant as the clock on the wall has it.
fn clock(at: BootTime) -> String {
    let age = BootTime::now().as_ms().saturating_sub(at.as_ms());
    let now = jiff::Timestamp::now().as_millisecond();
    let then = now.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX));
    output::local(then, "%H:%M:%S%.3f")
}

fn describe(what: &What, show_keys: bool) -> String {
    match what {
        What::Contact { open } => format!("contact {}", either(*open, "open", "closed")),
        What::Rex { pressed } => format!("rex {}", either(*pressed, "pressed", "released")),
        What::Tamper { open } => format!("tamper {}", either(*open, "open", "closed")),
        What::Rotor { turning } => format!("rotor {}", either(*turning, "turning", "resting")),
        What::OtherDoor { open } => format!("other door {}", either(*open, "open", "closed")),
        What::Key(Key::Digit(digit)) if show_keys => format!("key {}", digit.get()),
        What::Key(Key::Digit(_)) => "key (a digit)".into(),
        What::Key(Key::Enter) => "key enter".into(),
        What::Key(Key::Clear) => "key clear".into(),
        What::Card(card) => describe_card(card),
        What::Misread(Misread { length, flaw }) => format!("misread {length}: {flaw}"),
        What::Lost(part) => format!("{part} does not answer"),
        What::Back(part) => format!("{part} is back"),
    }
}

fn either(is: bool, yes: &'static str, no: &'static str) -> &'static str {
    if is { yes } else { no }
}

fn describe_card(card: &Card) -> String {
    let mut text = format!("card {card}, number {}", card.number);
    if let Some(facility) = card.facility {
        text += &format!(", facility {facility}");
    }
    text
}

/// A signal by its name.
fn signal(name: &str) -> Result<Signal, String> {
    let all = Signal::ALL.map(Signal::name);
    let found = Signal::ALL.into_iter().find(|signal| signal.name() == name);
    found.ok_or_else(|| format!("the signals are {}", all.join(", ")))
}

fn show(panel: &config::Panel, signals: &[Signal]) -> anyhow::Result<ExitCode> {
    let signals: crate::config::Signals = signals.iter().copied().collect();
    let names: Vec<&str> = signals.iter().map(Signal::name).collect();
    let mut connection = Connection::open(panel)?;
    connection.ask(&Request::Show(signals))?;
    println!("{}: until Ctrl-C", names.join(", "));
    output::flush();
    loop {
        // What is read is somebody else's matter.
        connection.word(SHOW_INTERVAL)?;
        connection.ask(&Request::Show(signals))?;
    }
}

fn test(panel: &config::Panel, output: &str) -> anyhow::Result<ExitCode> {
    if !panel.output.contains_key(output) {
        let names: Vec<&str> = panel.output.keys().map(String::as_str).collect();
        let there = match names[..] {
            [] => "the configuration has no output: write a section [panel.output.NAME]".to_owned(),
            _ => format!("there are {}", names.join(", ")),
        };
        bail!("there is no output {}: {there}", Quoted(output));
    }
    let mut connection = Connection::open(panel)?;
    connection.ask(&Request::Light(output.to_owned()))?;
    let until = Instant::now() + MAX_ANSWER_WAIT;
    loop {
        match connection.word(until.saturating_duration_since(Instant::now()))? {
            Some(Word::Lit) => break,
            Some(Word::Dark) => bail!("{output} stays dark: its max_on_ms has ended it"),
            Some(Word::NoSuchOutput) => return Err(PanelError::Another.into()),
            Some(_) => {}
            None => return Err(PanelError::Gone.into()),
        }
    }
    println!("{output} is lit for a second");
    output::flush();
    std::thread::sleep(panel::TRIAL);
    Ok(Exit::Done.into())
}
