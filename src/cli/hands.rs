//! What a command line names is opened before root becomes the owner of the database's
//! folder: photos lie in homes that only their owners may look into.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::files::{Kind, folder, handed};
use crate::trust::{Guest, Remover};

/// Files that are open beside those of the command line, at most.
const MAX_OTHER_FILES: u64 = 256;

/// The hands that open what is named. They do nothing where the process stays who it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hands {
    /// The owner of the database's folder, who is not root.
    owner: Option<u32>,
}

impl Hands {
    pub(super) fn new(config: &Config) -> Self {
        let owner = std::fs::metadata(folder(&config.whitelist.database))
            .ok()
            .map(|about| about.uid())
            .filter(|uid| *uid != 0 && rustix::process::geteuid().is_root());
        Self { owner }
    }

    /// Does something with the rights of whoever has a word in the folder, if these are
    /// others than those the process will have.
    fn act<T>(self, folder: &Path, what: impl FnOnce() -> T) -> anyhow::Result<Option<T>> {
        let Some(owner) = self.owner else {
            return Ok(None);
        };
        let Some(guest) = Guest::of(folder).filter(|guest| !guest.is(owner)) else {
            return Ok(None);
        };
        let done = guest
            .act(what)
            .context("cannot open what is named with the rights of whoever named it")?;
        Ok(Some(done))
    }

    /// Opens files to be read later.
    pub(super) fn read(self, paths: &[PathBuf], kind: Kind) -> anyhow::Result<()> {
        if self.owner.is_some() {
            allow_open(paths.len())?;
        }
        for path in paths {
            self.act(folder(path), || handed::hand_in(path, kind))?;
        }
        Ok(())
    }

    /// Reads what is named, and what it names.
    pub(super) fn look<T>(
        self,
        path: &Path,
        what: impl FnOnce() -> T,
    ) -> anyhow::Result<Option<T>> {
        let place = if path.is_dir() { path } else { folder(path) };
        self.act(place, what)
    }

    /// Opens a file to be written later.
    pub(super) fn write(self, path: &Path) -> anyhow::Result<()> {
        self.act(folder(path), || handed::hand_out(path))?;
        Ok(())
    }

    /// Makes a file to be written later; gives who removes it if nothing comes of it.
    pub(super) fn write_new(self, path: &Path) -> anyhow::Result<Option<Remover>> {
        let made = self.act(folder(path), || {
            handed::hand_out_new(path).then(|| Remover::of(path))
        })?;
        Ok(made.flatten().transpose()?)
    }
}

/// Has so many files more be open at once.
fn allow_open(files: usize) -> anyhow::Result<()> {
    let wanted = files as u64 + MAX_OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|most| most >= wanted) {
        return Ok(());
    }
    let most = limit.maximum.map(|most| most.max(wanted));
    let raised = Rlimit {
        current: Some(wanted),
        maximum: most,
    };
    ensure!(
        setrlimit(Resource::Nofile, raised).is_ok(),
        "{files} files are more than can be open at once here; give fewer at a time"
    );
    Ok(())
}
