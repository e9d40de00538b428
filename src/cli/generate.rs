//! `doorward generate`: man pages and shell completions, for packagers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use super::{Cli, Exit};

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
                    .and_then(|()| add_exit_status(&folder))
                    .with_context(|| format!("cannot write man pages to {}", folder.display()))?;
            }
            Self::Completions { shell } => {
                // Into memory first: it panics where it cannot write.
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "doorward", &mut script);
                print!("{}", String::from_utf8_lossy(&script));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Ends each man page in a folder with what the commands exit with.
fn add_exit_status(folder: &Path) -> std::io::Result<()> {
    let mut section = String::from(".SH \"EXIT STATUS\"\n");
    for exit in Exit::ALL {
        section += &format!(".TP\n.B {}\n{}\n", exit as u8, exit.meaning());
    }
    for entry in std::fs::read_dir(folder)? {
        let page = entry?.path();
        if page.extension().is_some_and(|ending| ending == "1") {
            let text = std::fs::read_to_string(&page)? + &section;
            std::fs::write(&page, text)?;
        }
    }
    Ok(())
}
