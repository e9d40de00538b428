//! `doorward generate`: man pages and shell completions, for packagers.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use super::Cli;

#[derive(Debug, Subcommand)]
pub(crate) enum Generate {
    /// Write a man page a command into a folder
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
                std::fs::create_dir_all(&folder)
                    .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
                    .with_context(|| format!("cannot write man pages to {}", folder.display()))?;
            }
            Self::Completions { shell } => {
                clap_complete::generate(
                    shell,
                    &mut Cli::command(),
                    "doorward",
                    &mut std::io::stdout(),
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
