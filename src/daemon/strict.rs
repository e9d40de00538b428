//! Whether the files that decide who is let in are in nobody else's hands
//! (`daemon.strict_modes`).

use std::path::{Path, PathBuf};

use crate::config::{Config, Models};
use crate::trust::{Exposed, exposed};
use crate::vision::manifest::Manifest;

/// Files that somebody else could change; at least one.
#[derive(Debug, thiserror::Error)]
#[error("{}; daemon.strict_modes", said(.0))]
pub struct Untrusted(Vec<Exposed>);

impl Untrusted {
    /// Each of them, and what to do.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn said(all: &[Exposed]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// Refuses a configuration that others can write. `strict_modes = false` in it is believed
/// only as far as not everybody could have written that too.
///
/// # Errors
/// [`Untrusted`]
pub(crate) fn configuration(path: &Path, config: &Config) -> Result<(), Untrusted> {
    let strict = config.daemon.strict_modes;
    refuse(found([path.to_owned()]).filter(|one| strict || one.is_grave()))
}

/// Refuses access rules that others can write, by the same measure.
///
/// # Errors
/// [`Untrusted`]
pub(crate) fn rules(
    paths: impl IntoIterator<Item = PathBuf>,
    is_strict: bool,
) -> Result<(), Untrusted> {
    refuse(found(paths).filter(|one| is_strict || one.is_grave()))
}

/// Refuses a runtime library, a manifest or a file it names that others can write.
///
/// # Errors
/// [`Untrusted`]
pub(crate) fn models(models: &Models) -> Result<(), Untrusted> {
    let mut files = vec![models.runtime.clone(), models.dir.join("manifest.toml")];
    // What is wrong with it is told where it is used.
    if let Ok(manifest) = Manifest::load(&models.dir) {
        files.extend(manifest.files());
    }
    refuse(found(files))
}

/// Refuses a mapping of the infrared camera that others can write.
///
/// # Errors
/// [`Untrusted`]
pub(crate) fn mapping(path: &Path) -> Result<(), Untrusted> {
    refuse(found([path.to_owned()]))
}

/// Refuses a database that others can write.
///
/// # Errors
/// [`Untrusted`]
pub(crate) fn database(path: &Path) -> Result<(), Untrusted> {
    refuse(found([path.to_owned()]))
}

/// A path that cannot be looked at cannot be opened either, and is told then.
fn found(paths: impl IntoIterator<Item = PathBuf>) -> impl Iterator<Item = Exposed> {
    let runner = rustix::process::geteuid().as_raw();
    let each = paths.into_iter();
    each.flat_map(move |path| exposed(&path, runner).unwrap_or_default())
}

fn refuse(found: impl Iterator<Item = Exposed>) -> Result<(), Untrusted> {
    let mut all = Vec::new();
    for one in found {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    Err(Untrusted(all))
}
