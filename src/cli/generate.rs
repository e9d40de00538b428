//! `doorward generate`: man pages and shell completions, for packagers.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use clap_complete::Shell;

use super::{groups, man};

#[derive(Debug, Subcommand)]
pub(crate) enum Generate {
    /// Write a man page a command, and one of the configuration, into a folder
    Man {
        /// Folder to write to; made if it is missing
        folder: PathBuf,
    },
    /// Print a completion script
    Completions {
        /// The shell it is for
        shell: Shell,
    },
}

impl Generate {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Man { folder } => {
                man::write(&folder)
                    .with_context(|| format!("cannot write man pages to {}", folder.display()))?;
            }
            Self::Completions { shell } => {
                // Into memory first: it panics where it cannot write.
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut groups::command(), "doorward", &mut script);
                print!("{}", String::from_utf8_lossy(&script));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
