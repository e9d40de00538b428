//! The file of how the infrared camera's picture lies against the other: beside the database,
//! written by `doorward infrared map`, read by whoever looks with both.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::{Config, Infrared};
use crate::files::{self, Kind};
use crate::liveness::{Limits, Mapping, SecondEye};

const NAME: &str = "infrared.toml";
/// For whoever opens it.
const HEAD: &str = "\
# How the infrared camera's picture lies against the other, as `doorward infrared map` learnt it.
# Coordinates are shares of the picture's width. Each row is for x, y, 1 and the size of the face.
";

/// Why there is no mapping.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error(
        "nobody has learnt yet how the infrared camera's picture lies against the other: stop the service and run `doorward infrared map` (it makes {path}), or remove [camera.infrared]"
    )]
    Missing { path: PathBuf },
    #[error("the infrared camera's mapping {path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the infrared camera's mapping {path} is damaged: {reason}; run `doorward infrared map` again"
    )]
    Damaged { path: PathBuf, reason: String },
}

/// Where it is.
pub(crate) fn path(config: &Config) -> PathBuf {
    files::folder(&config.whitelist.database).join(NAME)
}

/// A mapping as it is kept, with its SHA-256 in hexadecimal.
///
/// # Errors
/// What TOML cannot say.
pub(crate) fn text(mapping: &Mapping) -> Result<(String, String), toml::ser::Error> {
    let text = format!("{HEAD}{}", toml::to_string(mapping)?);
    let hash = hash(&text);
    Ok((text, hash))
}

/// The mapping that is kept, with the file's SHA-256 in hexadecimal.
///
/// # Errors
/// [`MappingError`]
pub(crate) fn read(path: &Path) -> Result<(Mapping, String), MappingError> {
    let text = files::read_text(path, Kind::Note).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => MappingError::Missing { path: path.into() },
        _ => MappingError::Unreadable {
            path: path.into(),
            source,
        },
    })?;
    let damaged = |reason: String| MappingError::Damaged {
        path: path.into(),
        reason,
    };
    let mapping: Mapping =
        toml::from_str(&text).map_err(|error| damaged(error.message().to_owned()))?;
    if !mapping.is_sound() {
        return Err(damaged("its numbers are no mapping".into()));
    }
    Ok((mapping, hash(&text)))
}

/// What the second eye goes by with this configuration; nothing without a second camera.
///
/// # Errors
/// [`MappingError`]
pub(crate) fn second_eye(config: &Config) -> Result<Option<SecondEye>, MappingError> {
    let Some(infrared) = &config.camera.infrared else {
        return Ok(None);
    };
    let (mapping, _) = read(&path(config))?;
    Ok(Some(settings(infrared, mapping)))
}

pub(crate) fn settings(infrared: &Infrared, mapping: Mapping) -> SecondEye {
    SecondEye {
        limits: Limits::new(infrared),
        mapping,
    }
}

fn hash(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
