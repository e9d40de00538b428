//! A passphrase, asked for at the terminal or read from where the command line says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::Usage;
use super::hands::Hands;
use crate::files::{self, Kind};
use crate::sealed::Passphrase;

/// More is no passphrase.
const MAX_LINE_BYTES: u64 = 4096;

/// Where it comes from.
#[derive(Debug, Args)]
pub(crate) struct PassphraseFrom {
    /// Read the passphrase from the first line of FILE, or of standard input for -, and do
    /// not ask for it
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseFrom {
    pub(super) fn hand_over(&self, hands: Hands) -> anyhow::Result<()> {
        match self.file() {
            Some(file) => hands.read(std::slice::from_ref(&file.to_owned()), Kind::Passphrase),
            None => Ok(()),
        }
    }

    fn file(&self) -> Option<&Path> {
        self.passphrase_file
            .as_deref()
            .filter(|file| *file != Path::new("-"))
    }

    /// One to open with.
    pub(super) fn given(&self) -> anyhow::Result<Passphrase> {
        match &self.passphrase_file {
            Some(_) => self.read(),
            None => Ok(Passphrase::new(Terminal::open()?.ask("Passphrase: ")?)?),
        }
    }

    /// One to seal with, asked for twice: nobody can open a file that was sealed with a slip.
    pub(super) fn chosen(&self) -> anyhow::Result<Passphrase> {
        if self.passphrase_file.is_some() {
            let passphrase = self.read()?;
            passphrase.is_safe()?;
            return Ok(passphrase);
        }
        let mut terminal = Terminal::open()?;
        let passphrase = Passphrase::new(terminal.ask("Passphrase to seal the file with: ")?)?;
        passphrase.is_safe()?;
        let again = Passphrase::new(terminal.ask("The same again: ")?)?;
        if !passphrase.is_same(&again) {
            bail!("the two passphrases are not the same; nothing was written");
        }
        Ok(passphrase)
    }

    fn read(&self) -> anyhow::Result<Passphrase> {
        let line = match self.file() {
            Some(file) => files::open(file, Kind::Passphrase)
                .and_then(first_line)
                .with_context(|| format!("cannot read {}", file.display()))?,
            None => first_line(io::stdin().lock()).context("cannot read standard input")?,
        };
        Ok(Passphrase::new(line)?)
    }
}

pub(super) fn first_line(from: impl io::Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(from.take(MAX_LINE_BYTES)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// Whoever sits there, whatever standard input is.
pub(super) struct Terminal {
    terminal: File,
    before: Termios,
}

impl Terminal {
    pub(super) fn open() -> anyhow::Result<Self> {
        let nobody = |_| {
            Usage("there is no terminal to ask for the passphrase at: add --passphrase-file FILE, or - for standard input".into())
        };
        let terminal = File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .map_err(nobody)?;
        let before = tcgetattr(&terminal).context("the terminal does not tell how it is set")?;
        Ok(Self { terminal, before })
    }

    pub(super) fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        let mut quiet = self.before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&self.terminal, OptionalActions::Now, &quiet)
            .context("the terminal goes on showing what is typed")?;
        write!(self.terminal, "{question}")?;
        let line = first_line(&self.terminal);
        self.settle();
        line.context("cannot read from the terminal")
    }

    fn settle(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.settle();
    }
}
