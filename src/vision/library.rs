//! Whether ONNX Runtime's library is the one that was meant: it computes every decision.

use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::VisionError;
use super::manifest::{Manifest, hex};
use crate::config;
use crate::files::{self, Kind};

/// A `[[runtime]]` section: a library that the model set is known to run with.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RuntimeSpec {
    /// Of ONNX Runtime.
    pub version: String,
    /// The machine it is for, as `uname -m` calls it.
    pub arch: String,
    /// Of the library's file.
    pub sha256: String,
}

/// What is known of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is the one in the configuration.
    Pinned,
    /// It is the manifest's of this version.
    Listed(String),
    /// The manifest knows none for this machine; the library's SHA-256.
    Unknown(String),
}

/// Compares the library with `models.runtime_sha256`, or else with those the manifest lists
/// for this machine.
///
/// # Errors
/// [`VisionError::Runtime`] if it cannot be read or is another one.
pub(crate) fn known(manifest: &Manifest, models: &config::Models) -> Result<Known, VisionError> {
    let path = &models.runtime;
    let wrong = |reason: String| VisionError::Runtime {
        path: path.clone(),
        reason,
    };
    let found = sha256(path).map_err(|e| wrong(e.to_string()))?;
    if let Some(pinned) = &models.runtime_sha256 {
        if *pinned == found {
            return Ok(Known::Pinned);
        }
        return Err(wrong(format!(
            "its SHA-256 is {found}, models.runtime_sha256 says {pinned}: it is damaged or was replaced"
        )));
    }
    let arch = std::env::consts::ARCH;
    let mut listed = manifest.runtimes().iter().filter(|r| r.arch == arch);
    let Some(first) = listed.clone().next() else {
        return Ok(Known::Unknown(found));
    };
    match listed.find(|runtime| runtime.sha256 == found) {
        Some(runtime) => Ok(Known::Listed(runtime.version.clone())),
        None => Err(wrong(format!(
            "its SHA-256 is {found}, the manifest says {} for version {} on {arch}: it is damaged or was replaced; if it is one of your own, also set models.runtime_sha256 = \"{found}\"",
            first.sha256, first.version
        ))),
    }
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = files::open(path, Kind::Runtime)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}
