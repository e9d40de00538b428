//! What several test programs need: where the models are, and a configuration around them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod site;

use std::path::{Path, PathBuf};

use doorward::config::Config;
use doorward::database::Database;
use doorward::embedding::ModelVersion;
use doorward::whitelist::{Snapshot, WhitelistError};

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// ONNX Runtime's library, which `make` fetches.
pub fn runtime() -> PathBuf {
    let path = project().join(".runtime/libonnxruntime.so.1.28.0");
    assert!(
        path.exists(),
        "{} is missing: run the tests by `make test`, or `make runtime` once",
        path.display()
    );
    path
}

/// Data for evaluations that the project does not carry; `None`, with a line that says so, where it is absent.
pub fn research_data(name: &str) -> Option<PathBuf> {
    let path = project().join("../shared/data").join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not here", path.display());
    None
}

/// The default configuration with this project's models and runtime.
pub fn config() -> Config {
    let mut config = Config::default();
    config.models.dir = project().join("models");
    config.models.runtime = runtime();
    config
}

/// The whitelist as it is, scored by plain cosines.
pub fn snapshot(database: &Database, model: &ModelVersion) -> Result<Snapshot, WhitelistError> {
    Snapshot::load(database, model, &Default::default(), Default::default())
}
