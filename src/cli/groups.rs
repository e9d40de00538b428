//! What the commands are for: how `doorward --help` lists them.

use std::fmt::Write as _;

use clap::{Command, CommandFactory, FromArgMatches as _};

use super::Cli;

/// The groups and the commands in each, in the order they are shown in.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Guard the door",
        &[
            "run", "status", "watch", "events", "mode", "unlock", "relay",
        ],
    ),
    (
        "People",
        &["enroll", "people", "access", "backup", "restore", "rekey"],
    ),
    (
        "Set up",
        &[
            "check",
            "try",
            "panel",
            "snapshot",
            #[cfg(feature = "web")]
            "web",
            #[cfg(feature = "bridge")]
            "bridge",
            #[cfg(feature = "fleet")]
            "fleet",
        ],
    ),
    (
        "Measure",
        &[
            "bench",
            "threshold",
            "identify",
            "compare",
            "evaluate",
            "calibrate",
            "calibrate-liveness",
            "train",
            "infrared",
            "pad-import",
            "pad-test",
        ],
    ),
];

/// The group whose commands are listed by their names alone: it is long, and for experts.
const NAMES_ALONE: &str = "Measure";

/// Where to begin, before the groups.
const MORE: &str = "\
Begin with `sudo doorward check`; `man doorward.toml` explains the configuration.";

/// The command line, its commands in groups.
pub(super) fn command() -> Command {
    let command = Cli::command();
    let template = template(&command);
    command.help_template(template)
}

/// What this process was asked for.
///
/// # Errors
/// What clap has to say: help, the version, or what is wrong.
pub(super) fn parse() -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches()?)
}

impl super::Command {
    /// Whether it holds the relay or serves others, and has to outlive whoever reads its output.
    pub(super) fn serves(&self) -> bool {
        match self {
            Self::Run | Self::Relay(_) | Self::Panel(_) | Self::Guardian(_) => true,
            #[cfg(feature = "web")]
            Self::Web(_) => true,
            #[cfg(feature = "bridge")]
            Self::Bridge(_) => true,
            #[cfg(feature = "fleet")]
            Self::Fleet(fleet) => fleet.serves(),
            _ => false,
        }
    }
}

fn template(command: &Command) -> String {
    let header = command.get_styles().get_header();
    let name = command.get_styles().get_literal();
    let commands = || command.get_subcommands().filter(|c| !c.is_hide_set());
    let width = commands().map(|c| c.get_name().len()).max().unwrap_or(0);
    let listed = |named: &&str| GROUPS.iter().any(|(_, names)| names.contains(named));
    let others: Vec<&str> = commands()
        .map(Command::get_name)
        .filter(|name| !listed(name))
        .collect();
    let mut text = format!("{{about}}\n{MORE}\n\n{{usage-heading}} {{usage}}\n\n");
    for (group, names) in GROUPS.into_iter().chain([("Others", &others[..])]) {
        let mut lines = String::new();
        if group == NAMES_ALONE {
            let _ = writeln!(
                text,
                "{header}{group}:{header:#} (each explains itself with --help)"
            );
            let (first, rest) = names.split_at(names.len() / 2);
            let (first, rest) = (first.join(", "), rest.join(", "));
            let _ = writeln!(text, "  {name}{first},{name:#}\n  {name}{rest}{name:#}\n");
            continue;
        }
        for command in names
            .iter()
            .filter_map(|name| command.find_subcommand(name))
        {
            let about = command.get_about().map(ToString::to_string);
            let _ = writeln!(
                lines,
                "  {name}{:<width$}{name:#}  {}",
                command.get_name(),
                about.unwrap_or_default()
            );
        }
        if !lines.is_empty() {
            let _ = writeln!(text, "{header}{group}:{header:#}\n{lines}");
        }
    }
    let _ = write!(text, "{header}Options:{header:#}\n{{options}}");
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What `--help` shows.
    fn help(command: &mut Command) -> String {
        let is_long = command.get_long_about().is_some()
            || command.get_after_long_help().is_some()
            || command.get_arguments().any(|a| a.get_long_help().is_some());
        match is_long {
            true => command.render_long_help().to_string(),
            false => command.render_help().to_string(),
        }
    }

    fn each(command: &Command, path: &str, look: &mut impl FnMut(&str, Command)) {
        look(path, command.clone());
        for inner in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            if inner.get_name() != "help" {
                each(inner, &format!("{path} {}", inner.get_name()), look);
            }
        }
    }

    #[test]
    fn every_command_is_in_one_group() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let command = Cli::command();
        let mut visible: Vec<&str> = command
            .get_subcommands()
            .filter(|c| !c.is_hide_set())
            .map(Command::get_name)
            .collect();
        let mut once = grouped.clone();
        once.sort_unstable();
        visible.sort_unstable();
        assert_eq!(once, visible, "src/cli/groups.rs has each command once");
        let shown = help(&mut super::command());
        assert!(!shown.contains("Others:"), "{shown}");
        for (group, _) in GROUPS {
            assert!(shown.contains(&format!("\n{group}:")), "{shown}");
        }
    }

    /// A screen of 40 lines; what it is for comes first, in a sentence.
    #[test]
    fn every_help_fits_a_screen_and_begins_with_what_it_is_for() {
        let mut command = super::command().term_width(100);
        command.build();
        let mut seen = 0;
        each(&command, "doorward", &mut |path, command| {
            let text = help(&mut command.clone());
            let lines = text.trim_end().lines().count();
            assert!(lines <= 40, "{path}: {lines} lines\n{text}");
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(100), "{path}: {widest:?} columns\n{text}");
            let about = command.get_about().unwrap().to_string();
            assert!(text.starts_with(&about), "{path}:\n{text}");
            assert!(
                about.starts_with(|c: char| c.is_uppercase()),
                "{path}: {about}"
            );
            seen += 1;
        });
        assert!(seen > 20, "{seen}");
    }
}
