//! The commands. Each is thin: parse, call, print. Help texts, man pages and
//! shell completions all come from the definitions here.

#[macro_use]
mod output;

mod access;
mod actor;
mod backup;
mod bench;
#[cfg(feature = "bridge")]
mod bridge;
mod calibrate_liveness;
mod check;
mod clerk;
mod colour;
mod compare;
mod consent;
mod control;
mod enroll;
mod enroll_many;
mod environment;
mod evaluate;
mod evaluate_chart;
mod evaluate_curves;
mod evaluate_page;
mod evaluate_text;
mod events;
mod events_summary;
#[cfg(feature = "fleet")]
mod fleet;
#[cfg(feature = "fleet")]
mod fleet_doors;
#[cfg(feature = "fleet")]
mod fleet_verify;
mod generate;
mod groups;
mod guardian;
mod hands;
mod identify;
mod infrared;
mod journal;
mod log_queue;
mod man;
mod migrate;
mod mode;
mod pad_import;
mod pad_test;
mod page;
mod panel;
mod passphrase;
mod people;
mod people_disclose;
mod people_erase;
mod people_factors;
mod people_file;
mod people_look;
mod people_rights;
mod rekey;
mod relay;
mod run;
mod second_camera;
mod snapshot;
mod status;
mod threshold;
mod train;
mod try_out;
mod view;
mod watch;
#[cfg(feature = "web")]
mod web;
mod when;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use self::actor::{actor, origin};
use self::colour::Colour;
use self::hands::Hands;
use self::output::{Exit, Usage, complain, print_json, safe, table};
use crate::config::{self, Config};
use crate::database::Database;
use crate::files;
use crate::shown::in_words;
use crate::trust::{self, Owner};
use crate::vision::Vision;
use crate::whitelist::Snapshot;

/// Opens a door for a listed face, and keeps it locked in every other case
#[derive(Debug, Parser)]
#[command(
    name = "doorward",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "DOORWARD_CONFIG",
        hide_env_values = true,
        default_value = config::DEFAULT_PATH
    )]
    config: PathBuf,

    /// Colours: always, never, or auto, which heeds NO_COLOR and CLICOLOR
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    color: Colour,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Guard the door (what the service runs)
    Run,
    /// Say whether the door is guarded, and how things are
    Status(status::Status),
    /// Put a person on the whitelist, from photos or from the camera
    Enroll(enroll::Enroll),
    /// List and change the people on the whitelist
    #[command(subcommand)]
    People(people::People),
    /// Ask the access rules about a person, and check them
    #[command(subcommand)]
    Access(access::Access),
    /// Find the faces in pictures and say who they are
    Identify(identify::Identify),
    /// Take one picture with the camera and draw what is recognised in it
    Snapshot(snapshot::Snapshot),
    /// Show live what the camera makes of a face, to aim it; the relay stays as it is
    Try(try_out::Try),
    /// Say whether two pictures show the same person
    Compare(compare::Compare),
    /// Show how the door is, and what happens there as it does
    Watch(watch::Watch),
    /// Show what happened at the door
    Events(events::Events),
    /// Copy whitelist and record to a file
    Backup(backup::Backup),
    /// Have the people of a backup on the whitelist again; the record goes on
    Restore(backup::Restore),
    /// Seal people, photos and PINs with a new key
    Rekey(rekey::Rekey),
    /// Check configuration, models, camera, relay and database
    Check(check::Check),
    /// Measure how fast this machine recognises, and how much of it the networks take
    Bench(bench::Bench),
    /// Explain the score a face has to reach at this door
    Threshold(threshold::Threshold),
    /// Measure recognition on photos of known people
    Evaluate(evaluate::Evaluate),
    /// Learn what a network's scores mean from photos of known people
    Calibrate(evaluate::Calibrate),
    /// Learn from real visits how far the coupling check may go at this door
    CalibrateLiveness(calibrate_liveness::CalibrateLiveness),
    /// Learn to tell your own people apart better, from photos of known people
    Train(train::Train),
    /// Learn how the infrared camera's picture lies against the other
    #[command(subcommand)]
    Infrared(infrared::Infrared),
    /// Bring your own network against presentation attacks into a model set
    PadImport(pad_import::PadImport),
    /// Measure how many attacks and people this door tells apart
    PadTest(pad_test::PadTest),
    /// Show or set the door's mode: locked down, held open, office hours
    Mode(mode::Mode),
    /// Have the daemon unlock the door once
    Unlock(mode::Unlock),
    /// Move the relay by hand, for the installer
    #[command(subcommand)]
    Relay(relay::Relay),
    /// Test contact, buttons, keypad, card readers, lights and siren
    Panel(panel::Panel),
    /// Serve the local page, and say who may log in to it
    #[cfg(feature = "web")]
    Web(web::Web),
    /// Tell other systems what happens at the door
    #[cfg(feature = "bridge")]
    Bridge(bridge::Bridge),
    /// Share one list of people among many doors
    #[cfg(feature = "fleet")]
    #[command(subcommand)]
    Fleet(fleet::Fleet),
    /// Own the relay's line for `run` and `relay`, which start it
    #[command(hide = true)]
    Guardian(guardian::Guardian),
    /// Write man pages or shell completions
    #[command(subcommand, hide = true)]
    Generate(generate::Generate),
}

/// Who is listed; nobody where there is no database yet, and still faces to find.
fn whitelist_or_none(config: &Config, vision: &Vision) -> anyhow::Result<Snapshot> {
    let asked = config.access.threshold_request();
    let (model, scoring) = (vision.version(), vision.scoring());
    // Who may not look there must not take everybody for a stranger.
    let path = &config.whitelist.database;
    let is_there = path
        .try_exists()
        .with_context(|| format!("cannot look at {}", path.display()))?;
    if !is_there {
        return Ok(Snapshot::empty(model, scoring, asked));
    }
    let database = Database::open_existing(&config.whitelist.database)?;
    Ok(Snapshot::load(&database, model, scoring, asked)?)
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Args)]
struct Format {
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Runs the command line this process was started with.
pub fn main() -> ExitCode {
    environment::settle();
    let cli = match groups::parse() {
        Ok(cli) => cli,
        Err(error) => return output::ended(misread(&error)),
    };
    colour::settle(cli.color);
    if !cli.command.serves() {
        end_quietly_with_the_reader();
    }
    let code = cli.dispatch().unwrap_or_else(|error| {
        complain(&sentence(&error));
        if let Some(owner) = OWNER.get().filter(|_| !output::json_is_asked()) {
            eprintln!(
                "doorward: this was done as {owner}, who owns the database's folder, not as root"
            );
        }
        match error.downcast_ref::<Usage>() {
            Some(_) => Exit::Usage.into(),
            None => Exit::Cannot.into(),
        }
    });
    log::logger().flush();
    output::ended(code)
}

/// Tells what clap has to say: help, the version, or what is wrong with the command line.
fn misread(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && output::json_is_asked() {
        complain(error.to_string().trim_end());
    } else if error.print().is_err() {
        return Exit::Cannot.into();
    }
    match error.use_stderr() {
        true => Exit::Usage.into(),
        false => Exit::Done.into(),
    }
}

impl Cli {
    fn dispatch(self) -> anyhow::Result<ExitCode> {
        let config = || Config::load(&self.config);
        let owned = || {
            let config = config()?;
            become_owner(&config)?;
            anyhow::Ok(config)
        };
        // What the command line names is opened by whoever named it.
        let named = |open: &mut dyn FnMut(Hands) -> anyhow::Result<()>| {
            let config = config()?;
            open(Hands::new(&config))?;
            clerk::meet(&self.config, &config);
            become_owner(&config)?;
            anyhow::Ok(config)
        };
        match self.command {
            Command::Run => run::run(&self.config),
            Command::Status(status) => status.run(&self.config, &logged(config()?)),
            Command::Enroll(mut enroll) => {
                let config = named(&mut |hands| enroll.hand_over(hands))?;
                enroll.run(&logged(config))
            }
            Command::People(mut people) => {
                let config = named(&mut |hands| people.hand_over(hands))?;
                people.run(&logged(config))
            }
            Command::Access(access) => access.run(&logged(owned()?)),
            Command::Identify(identify) => {
                let config = named(&mut |hands| identify.hand_over(hands))?;
                identify.run(&logged(config))
            }
            Command::Snapshot(snapshot) => {
                let config = named(&mut |hands| snapshot.hand_over(hands))?;
                snapshot.run(&logged(config))
            }
            Command::Try(live) => live.run(&logged(owned()?)),
            Command::Compare(compare) => compare.run(&logged(config()?)),
            Command::Bench(bench) => bench.run(&logged(config()?)),
            Command::Threshold(threshold) => threshold.run(&owned()?),
            Command::Watch(watch) => watch.run(&self.config, &logged(config()?)),
            Command::Events(events) => events.run(&logged(config()?)),
            Command::Backup(mut backup) => {
                let config = named(&mut |hands| backup.hand_over(hands))?;
                backup.run(&logged(config))
            }
            Command::Restore(restore) => {
                let config = named(&mut |hands| restore.hand_over(hands))?;
                restore.run(&logged(config))
            }
            Command::Rekey(rekey) => rekey.run(&logged(named(&mut |_| Ok(()))?)),
            Command::Check(check) => check.run(&self.config),
            Command::Evaluate(command) => command.run(&self.config),
            Command::Calibrate(command) => command.run(&self.config),
            Command::CalibrateLiveness(command) => {
                command.hand_over(&self.config);
                command.run(&self.config, &logged(owned()?))
            }
            Command::Train(command) => command.run(&self.config),
            Command::Infrared(infrared) => infrared.run(&logged(owned()?)),
            Command::PadImport(command) => command.run(&self.config),
            Command::PadTest(command) => command.run(&self.config),
            Command::Mode(mode) => mode.run(&self.config, &logged(config()?)),
            Command::Unlock(unlock) => unlock.run(&self.config, &logged(config()?)),
            Command::Relay(relay) => relay.run(&self.config),
            Command::Panel(panel) => panel.run(&self.config),
            #[cfg(feature = "web")]
            Command::Web(web) => web.run(&self.config),
            #[cfg(feature = "bridge")]
            Command::Bridge(bridge) => bridge.run(&self.config),
            #[cfg(feature = "fleet")]
            Command::Fleet(fleet) => fleet.run(&self.config),
            Command::Guardian(guardian) => guardian.run(&self.config),
            Command::Generate(generate) => generate.run(),
        }
    }
}

/// Who this process became.
static OWNER: OnceLock<Owner> = OnceLock::new();

/// A command of root's that works in the database's folder does so as its owner: what it
/// makes there is the service's then, and a link there leads to nothing of root's.
fn become_owner(config: &Config) -> anyhow::Result<()> {
    // Who works here is asked before that changes.
    actor();
    let folder = files::folder(&config.whitelist.database);
    let owner = trust::become_owner(folder)
        .with_context(|| format!("cannot become the owner of {}", folder.display()))?;
    if let Some(owner) = owner {
        let _ = OWNER.set(owner);
    }
    Ok(())
}

/// Commands other than `run` only speak up when something needs attention.
fn logged(config: Config) -> Config {
    start_stderr_log(log::LevelFilter::Warn);
    config
}

/// Logs to standard error. A second call changes only the level.
fn start_stderr_log(level: log::LevelFilter) {
    let _ = log::set_boxed_logger(Box::new(stderr_log()));
    log::set_max_level(level);
}

fn stderr_log() -> env_logger::Logger {
    use std::io::Write;
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Trace)
        .format(|out, record| {
            if output::json_is_asked() {
                let said = record.args().to_string();
                let said = &*in_words(&said);
                return writeln!(out, "{}", serde_json::json!({ "note": said }));
            }
            writeln!(
                out,
                "{} {:<5} {}",
                jiff::ZonedDateTime::now().strftime("%H:%M:%S%.3f"),
                record.level(),
                in_words(&record.args().to_string())
            )
        })
        .build()
}

/// An error and what caused it, each thing said once.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    with_sudo(text)
}

/// What was said of a right that is lacking, with how to have it.
fn with_sudo(said: String) -> String {
    let lacks_right = said.contains("ermission denied") || said.contains("no permission");
    let has_root = rustix::process::geteuid().is_root() || OWNER.get().is_some();
    if !lacks_right || has_root || said.contains("sudo") {
        return said;
    }
    format!("{said}; use sudo")
}

/// `doorward events | head` ends without a word, as other programs do. Not for
/// what holds the relay: that must live to lock it; nor for what serves others.
fn end_quietly_with_the_reader() {
    // SAFETY: no thread runs yet, and the default action has no handler to be unsafe.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
