//! The files of the folder of access rules, as text. What they say is for `access`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::mistake::Mistake;
use super::syntax;
use crate::files::{self, Kind};

/// Rule files that are read.
const MAX_RULE_FILES: usize = 64;

/// One file of access rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    pub path: PathBuf,
    /// Or why it is none.
    pub text: Result<String, Mistake>,
}

/// Why access rules are not used: everything that is wrong with any of the files.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The folder, or a file in it, cannot be read.
    #[error("cannot read access rules {path}: {source}; access.rules_dir names their folder")]
    Read {
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More than anybody writes by hand.
    #[error("{path} has {found} rule files, and {MAX_RULE_FILES} are the most; put rules together")]
    TooMany { path: PathBuf, found: usize },
    /// At least one file is not valid.
    #[error("{}", lines(.0))]
    Invalid(
        /// In the order of the files, and from top to bottom; at least one.
        Vec<(PathBuf, Mistake)>,
    ),
}

/// One line a mistake, each with its file in front.
fn lines(mistakes: &[(PathBuf, Mistake)]) -> String {
    let mut text = String::new();
    for (n, (path, mistake)) in mistakes.iter().enumerate() {
        let end = if n == 0 { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{end}{}:{mistake}", path.display());
    }
    text
}

/// The rule files of a folder, in the order of their names; none where there is no folder.
///
/// # Errors
/// [`RulesError::Read`], [`RulesError::TooMany`].
pub(crate) fn read_rules(folder: &Path) -> Result<Vec<RuleFile>, RulesError> {
    let refused = |path: &Path, source| RulesError::Read {
        path: path.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refused(folder, error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| refused(folder, error))?.path();
        if is_rule_file(&path) {
            paths.push(path);
        }
    }
    if paths.len() > MAX_RULE_FILES {
        return Err(RulesError::TooMany {
            path: folder.to_owned(),
            found: paths.len(),
        });
    }
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = files::read(&path, Kind::Configuration).map_err(|e| refused(&path, e))?;
        let text = syntax::decode(bytes);
        Ok(RuleFile { path, text })
    };
    paths.into_iter().map(read).collect()
}

/// Whether a file of the folder is one of rules: `*.toml`, and not what an editor hides.
fn is_rule_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.ends_with(".toml") && !name.starts_with('.'))
}
