//! `[models]`: which networks run, and on what.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::anchor;
use super::section::{Section, choice, defaults};

/// `[models]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Models {
    /// Folder with `manifest.toml` and the files it names.
    pub dir: PathBuf,
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// SHA-256 that library must have; otherwise one of those in the manifest.
    pub runtime_sha256: Option<String>,
    /// Threads a network may use.
    pub threads: usize,
    /// Manifest ids to use instead of each role's default.
    pub choose: Vec<String>,
    /// What computes the networks.
    pub accelerator: Accelerator,
    /// Who chooses among equally good networks.
    pub precision: Precision,
    /// Where that choice is kept.
    pub cache: PathBuf,
}

choice! {
    /// Who chooses among equally good networks.
    pub enum Precision {
        /// The manifest's defaults.
        Manifest = "manifest",
        /// The time they take on this machine, measured once.
        Auto = "auto",
    }
}

choice! {
    /// What computes the networks; but for `cpu`, each name is also that of the cargo
    /// feature it takes.
    pub enum Accelerator {
        /// The CPU, as ONNX Runtime does it.
        Cpu = "cpu",
        /// An NVIDIA GPU, such as a Jetson's.
        Cuda = "cuda",
        /// The same by TensorRT, which compiles each network when it is first loaded.
        Tensorrt = "tensorrt",
        /// The CPU, by XNNPACK.
        Xnnpack = "xnnpack",
        /// An Arm CPU, by the Arm Compute Library.
        Acl = "acl",
    }
}

impl Models {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            dir: section.path("dir", "/usr/share/doorward/models"),
            runtime: section.path("runtime", "/usr/lib/doorward/libonnxruntime.so"),
            runtime_sha256: section.some_sha256("runtime_sha256"),
            threads: section.whole("threads", 2, 1..=16, "threads"),
            choose: section.texts("choose", "a manifest id"),
            accelerator: section.choice("accelerator", Accelerator::Cpu),
            precision: section.choice("precision", Precision::Manifest),
            cache: section.path("cache", "/var/lib/doorward/networks.toml"),
        }
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        for path in [&mut self.dir, &mut self.runtime, &mut self.cache] {
            anchor(path, folder);
        }
    }
}

impl Default for Models {
    fn default() -> Self {
        defaults(Self::read)
    }
}
