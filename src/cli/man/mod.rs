//! Man pages: one a command, from its own definition, with examples, files and exit status;
//! and one of the configuration.

mod access_rules;
mod configuration;
mod examples;
#[cfg(feature = "fleet")]
mod examples_fleet;
mod examples_people;

use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Exit, groups};
use crate::config;

/// What doorward is, for who reads no further.
const DESCRIPTION: &str = "\
doorward watches a camera, recognises the people on its whitelist and switches the relay of a \
door for them. The door stays locked in every other case: a fault, a doubt, a crash. A way out \
that works without it is the door hardware's job.";

const FILES: [(&str, &str); 9] = [
    (
        config::DEFAULT_PATH,
        "the configuration, see doorward.toml(5)",
    ),
    (
        "/etc/doorward/access.d",
        "the access rules, see doorward-access.d(5)",
    ),
    (
        "/etc/doorward/roles.toml",
        "who may ask for what at the control socket, explained in it",
    ),
    (
        "/etc/doorward/bridge.toml",
        "whom the bridge tells what, explained in it",
    ),
    (
        "/run/doorward/control.sock",
        "the control socket, see /usr/share/doc/doorward/ipc.md",
    ),
    (
        "/var/lib/doorward/doorward.db",
        "whitelist and record, readable by the user doorward only",
    ),
    (
        "/var/lib/doorward/doorward.db-key",
        "what they are sealed with, unless systemd hands it over",
    ),
    (
        "/usr/share/doorward/models",
        "the networks, and the manifest with the hash of each file",
    ),
    ("/usr/lib/doorward/libonnxruntime.so", "what computes them"),
];

/// Writes all pages into a folder.
///
/// # Errors
/// What the system says.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut command = groups::command()
        .long_about(DESCRIPTION)
        .disable_help_subcommand(true);
    command.build();
    for (name, page) in pages(&command, "doorward")? {
        std::fs::write(folder.join(name), page)?;
    }
    let page = configuration::page()?;
    std::fs::write(folder.join("doorward.toml.5"), page)?;
    let page = access_rules::page()?;
    std::fs::write(folder.join("doorward-access.d.5"), page)
}

/// The page of a command and of those below it, each with its file name.
fn pages(command: &Command, path: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let below: Vec<&Command> = command
        .get_subcommands()
        .filter(|c| !c.is_hide_set())
        .collect();
    let mut all = vec![(format!("{}.1", dashed(path)), page(command, path, &below)?)];
    for inner in below {
        all.extend(pages(inner, &format!("{path} {}", inner.get_name()))?);
    }
    Ok(all)
}

fn page(command: &Command, path: &str, below: &[&Command]) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone())
        .title(dashed(path))
        .source(format!("doorward {}", env!("CARGO_PKG_VERSION")))
        .manual("doorward");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if !below.is_empty() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut more = Roff::new();
    if let Some(notes) = command.get_after_help() {
        more.control("SH", ["NOTES"]);
        more.text([roman(notes.to_string())]);
    }
    let examples = examples::of(path);
    if !examples.is_empty() {
        more.control("SH", ["EXAMPLES"]);
    }
    for (written, what) in examples {
        more.control("PP", []);
        more.text([roman(*what)]);
        more.control("PP", [])
            .control("RS", ["4"])
            .control("nf", []);
        more.text([bold(*written)]);
        more.control("fi", []).control("RE", []);
    }
    list(&mut more, "FILES", &FILES);
    let codes = Exit::ALL.map(|exit| ((exit as u8).to_string(), exit.meaning()));
    list(
        &mut more,
        "EXIT STATUS",
        &codes
            .each_ref()
            .map(|(code, meaning)| (code.as_str(), *meaning)),
    );
    more.control("SH", ["SEE ALSO"]);
    more.text([roman(see_also(path, below))]);
    more.to_writer(&mut page)?;
    page.flush()?;
    Ok(page)
}

fn list(page: &mut Roff, heading: &str, lines: &[(&str, &str)]) {
    page.control("SH", [heading]);
    for (name, what) in lines {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*what)]);
    }
}

/// The pages above, below and of the configuration.
fn see_also(path: &str, below: &[&Command]) -> String {
    let mut pages = Vec::new();
    if let Some((above, _)) = path.rsplit_once(' ') {
        if above != "doorward" {
            pages.push("doorward(1)".to_owned());
        }
        pages.push(format!("{}(1)", dashed(above)));
    }
    let inner = |command: &&Command| format!("{}-{}(1)", dashed(path), command.get_name());
    pages.extend(below.iter().map(inner));
    pages.push("doorward.toml(5)".into());
    pages.join(", ")
}

fn dashed(path: &str) -> String {
    path.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn all() -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let mut all = Vec::new();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            all.push((name, std::fs::read_to_string(path).unwrap()));
        }
        all
    }

    #[test]
    fn every_page_has_examples_files_exit_status_and_where_to_go_on() {
        let pages = all();
        assert!(pages.len() > 20, "{}", pages.len());
        for (name, page) in &pages {
            let needed: &[&str] = match name.ends_with(".1") {
                true => &["EXAMPLES", "FILES", "EXIT STATUS", "SEE ALSO", "SYNOPSIS"],
                false => &["SECTIONS", "FILES", "SEE ALSO"],
            };
            for heading in needed {
                let lines = [format!(".SH {heading}"), format!(".SH \"{heading}\"")];
                assert!(
                    page.lines().any(|line| lines.iter().any(|l| l == line)),
                    "{name} has no {heading}; src/cli/man/examples.rs has those of each command"
                );
            }
            // Every page that is named is there.
            let (_, named) = page.rsplit_once("SEE ALSO").unwrap();
            for other in named.split([',', ' ', '\n']).filter(|w| w.contains('(')) {
                let other = other.replace('\\', "").replace('(', ".").replace(')', "");
                let is_there =
                    other.starts_with("systemctl") || pages.iter().any(|(n, _)| *n == other);
                assert!(is_there, "{name} leads to {other}");
            }
        }
    }

    #[test]
    fn every_example_is_a_command_line_that_is_understood() {
        for (path, examples) in examples::every() {
            for (written, _) in *examples {
                let (_, rest) = written.split_once("doorward ").unwrap_or(("", ""));
                let rest = rest.strip_prefix("doorward ").unwrap_or(rest);
                let mut words = vec!["doorward"];
                for (n, part) in rest.split('"').enumerate() {
                    match n % 2 {
                        0 => words.extend(part.split_whitespace()),
                        _ => words.push(part),
                    }
                }
                if *path != "doorward" {
                    assert!(words.join(" ").starts_with(path), "{written} under {path}");
                }
                if let Err(error) = Cli::try_parse_from(&words) {
                    let is_help = !error.use_stderr();
                    assert!(is_help, "{written}: {error}");
                }
            }
        }
    }
}
