//! A model set: a folder with `manifest.toml` and the files it names.
//!
//! A file is hashed after it was read and the network is built from the very
//! bytes that were hashed, so what was checked is what runs.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::VisionError;
pub use super::entry::{
    Alignment, CohortSpec, Colour, EnsembleSpec, Entry, InputSpec, Layout, Normalisation,
    OutputSpec, ProjectionSpec, Role, ScoringSpec,
};
use super::library::RuntimeSpec;
use super::projection::Projection;
use crate::cohort::Cohort;
use crate::embedding::ModelVersion;
use crate::files::{self, Kind};
use crate::risk::Calibration;
use crate::scoring::Scoring;

/// The manifest layout this program reads.
const SCHEMA: u32 = 1;

#[derive(Deserialize)]
struct File {
    schema: u32,
    set: String,
    #[serde(default, rename = "scoring")]
    scorings: Vec<ScoringSpec>,
    #[serde(default, rename = "ensemble")]
    ensembles: Vec<EnsembleSpec>,
    #[serde(rename = "model", default)]
    models: Vec<Entry>,
    #[serde(default, rename = "runtime")]
    runtimes: Vec<RuntimeSpec>,
}

/// The manifest that this program came with.
const SHIPPED: &str = include_str!("../../models/manifest.toml");

/// A manifest that was read and understood; no model file has been opened yet.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    set: String,
    entries: Vec<Entry>,
    ensembles: Vec<EnsembleSpec>,
    scorings: Vec<ScoringSpec>,
    runtimes: Vec<RuntimeSpec>,
    sha256: String,
    is_shipped: bool,
}

impl Manifest {
    /// Reads `manifest.toml` in `dir`.
    ///
    /// # Errors
    /// [`VisionError::Manifest`] if it cannot be read or understood.
    pub fn load(dir: &Path) -> Result<Self, VisionError> {
        let path = dir.join("manifest.toml");
        let wrong = |reason: String| VisionError::Manifest {
            path: path.clone(),
            reason,
        };
        let text = files::read_text(&path, Kind::Manifest).map_err(|e| {
            wrong(format!(
                "{e}; set models.dir to the folder that holds doorward's models"
            ))
        })?;
        let file: File = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(1, |s| {
                text.get(..s.start).unwrap_or("").matches('\n').count() + 1
            });
            wrong(format!("line {line}: {}", e.message()))
        })?;
        if file.schema != SCHEMA {
            return Err(wrong(format!(
                "its schema is {}, this program reads {SCHEMA}; install the model set that came with it",
                file.schema
            )));
        }
        let names = file.models.iter().flat_map(|e| {
            let projection = e.projection.iter().map(|h| &h.file);
            std::iter::once(&e.file)
                .chain(projection)
                .map(|name| (e.id.as_str(), name))
        });
        let others = file.scorings.iter().flat_map(|s| {
            let cohort = s.cohort.iter().map(|c| ("cohort", &c.file));
            cohort.chain([("calibration", &s.calibration)])
        });
        let centres = file.ensembles.iter().map(|e| (e.id.as_str(), &e.centres));
        if let Some((id, name)) = names
            .chain(others)
            .chain(centres)
            .find(|(_, name)| name.contains('/') || name.starts_with('.'))
        {
            return Err(wrong(format!(
                "{id}: file \"{name}\" must be a plain name in the manifest's own folder"
            )));
        }
        let faulty = file
            .ensembles
            .iter()
            .find_map(|e| Some((&e.id, e.fault()?)));
        if let Some((id, fault)) = faulty {
            return Err(wrong(format!("{id}: {fault}")));
        }
        Ok(Self {
            path,
            set: file.set,
            entries: file.models,
            ensembles: file.ensembles,
            scorings: file.scorings,
            runtimes: file.runtimes,
            sha256: hex(&Sha256::digest(&text)),
            is_shipped: text == SHIPPED,
        })
    }

    /// The set's name.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// Its SHA-256.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether it is the one that this program came with, and so is every file it names.
    pub(crate) fn is_shipped(&self) -> bool {
        self.is_shipped
    }

    /// Libraries the set is known to run with.
    pub(crate) fn runtimes(&self) -> &[RuntimeSpec] {
        &self.runtimes
    }

    /// Every file of the set.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry to use for a role: one of `chosen` ids if it has that role, else the default.
    ///
    /// # Errors
    /// [`VisionError::Manifest`] if there is none, or a chosen id does not exist.
    pub(crate) fn pick(&self, role: Role, chosen: &[String]) -> Result<&Entry, VisionError> {
        let known = || {
            let ensembles = self.ensembles.iter().map(|e| e.id.as_str());
            self.entries.iter().map(|e| e.id.as_str()).chain(ensembles)
        };
        if let Some(unknown) = chosen.iter().find(|id| !known().any(|k| k == **id)) {
            let known: Vec<_> = known().collect();
            return Err(self.wrong(format!(
                "models.choose names \"{unknown}\", which is not in it; it has {}",
                known.join(", ")
            )));
        }
        let of_role = || self.entries.iter().filter(|e| e.role == role);
        of_role()
            .find(|e| chosen.contains(&e.id))
            .or_else(|| of_role().find(|e| e.default))
            .ok_or_else(|| {
                self.wrong(format!(
                    "no default model for the role {role}; choose one by its id in models.choose"
                ))
            })
    }

    /// The network against presentation attacks.
    ///
    /// # Errors
    /// [`VisionError::Manifest`] if there is none, or none is the default.
    pub(crate) fn pad(&self, chosen: &[String]) -> Result<&Entry, VisionError> {
        if !self.entries.iter().any(|e| e.role == Role::Pad) {
            return Err(self.wrong("liveness.network = true, and it has no network of the role pad; bring yours in with `doorward pad-import`, or set liveness.network = false".into()));
        }
        self.pick(Role::Pad, chosen)
    }

    /// Reads an entry's file and checks its hash.
    ///
    /// # Errors
    /// [`VisionError::ModelFile`] if it is missing, unreadable, too large or not the file that was promised.
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, VisionError> {
        self.read_file(&entry.file, &entry.sha256)
    }

    /// Reads an entry's projection, if it has one, and checks its hash.
    ///
    /// # Errors
    /// [`VisionError::ModelFile`]
    pub fn projection(
        &self,
        entry: &Entry,
        size: usize,
    ) -> Result<Option<Projection>, VisionError> {
        let Some(spec) = &entry.projection else {
            return Ok(None);
        };
        let bytes = self.read_file(&spec.file, &spec.sha256)?;
        let projection =
            Projection::from_bytes(&bytes, size).ok_or_else(|| VisionError::ModelFile {
                path: self.path.with_file_name(&spec.file),
                reason: format!("it is no matrix of {size}x{size} finite numbers"),
            })?;
        Ok(Some(projection))
    }

    /// Reads a file of the set and checks its hash.
    ///
    /// # Errors
    /// [`VisionError::ModelFile`]
    pub(super) fn read_file(&self, name: &str, sha256: &str) -> Result<Vec<u8>, VisionError> {
        let path = self.path.with_file_name(name);
        let wrong = |reason: String| VisionError::ModelFile {
            path: path.clone(),
            reason,
        };
        let bytes = files::read(&path, Kind::ModelFile).map_err(|e| wrong(e.to_string()))?;
        let found = hex(&Sha256::digest(&bytes));
        if found != sha256 {
            return Err(wrong(format!(
                "its SHA-256 is {found}, the manifest says {sha256}: it is damaged or was replaced"
            )));
        }
        Ok(bytes)
    }

    /// What the set knows about the scores of a model version whose embeddings have so many
    /// coordinates; nothing if it has no section for it.
    ///
    /// # Errors
    /// [`VisionError::ModelFile`] if a file is not the one that was promised, or is of
    /// another model version or size.
    pub fn scoring(&self, model: &ModelVersion, size: usize) -> Result<Scoring, VisionError> {
        let Some(scoring) = self.scorings.iter().find(|s| s.model == *model) else {
            return Ok(Scoring::default());
        };
        let wrong = |name: &str, reason: String| VisionError::ModelFile {
            path: self.path.with_file_name(name),
            reason,
        };
        let cohort = scoring.cohort.as_ref().map(|c| {
            if c.size != size {
                return Err(wrong(
                    &c.file,
                    format!(
                        "its rows have {} values, embeddings of {model} {size}",
                        c.size
                    ),
                ));
            }
            let rows = self.read_file(&c.file, &c.sha256)?;
            Cohort::from_bytes(&rows, c.size, c.nearest_rows, c.mean, c.std_dev)
                .map_err(|e| wrong(&c.file, e.to_string()))
        });
        let cohort = cohort.transpose()?;
        let name = &scoring.calibration;
        let text = self.read_file(name, &scoring.calibration_sha256)?;
        let text = String::from_utf8(text).map_err(|e| wrong(name, e.to_string()))?;
        let calibration = Calibration::from_toml(&text).map_err(|e| wrong(name, e.to_string()))?;
        if calibration.model != *model {
            return Err(wrong(
                name,
                format!("it is for {}, not for {model}", calibration.model),
            ));
        }
        Ok(Scoring::new(cohort, Some(calibration)))
    }

    /// The entry with this id and role.
    ///
    /// # Errors
    /// [`VisionError::Manifest`] if there is none.
    pub fn entry(&self, role: Role, id: &str) -> Result<&Entry, VisionError> {
        let found = self.entries.iter().find(|e| e.id == id && e.role == role);
        found.ok_or_else(|| self.wrong(format!("it has no {role} \"{id}\"")))
    }

    /// The embedders that decide together: the chosen ensemble, or the default one unless an
    /// embedder is chosen to decide alone; `None` if one embedder does.
    ///
    /// # Errors
    /// [`VisionError::Manifest`] if both an ensemble and an embedder are chosen.
    pub(crate) fn ensemble(&self, chosen: &[String]) -> Result<Option<&EnsembleSpec>, VisionError> {
        let alone = self
            .entries
            .iter()
            .find(|e| e.role == Role::Embedder && chosen.contains(&e.id));
        match (self.ensembles.iter().find(|e| chosen.contains(&e.id)), alone) {
            (Some(ensemble), Some(alone)) => Err(self.wrong(format!(
                "models.choose names both the ensemble \"{}\" and the embedder \"{}\"; name one of them",
                ensemble.id, alone.id
            ))),
            (Some(ensemble), None) => Ok(Some(ensemble)),
            (None, Some(_)) => Ok(None),
            (None, None) => Ok(self.ensembles.iter().find(|e| e.default)),
        }
    }

    /// Every file it names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = self.entries.iter().flat_map(|e| {
            let projection = e.projection.iter().map(|p| &p.file);
            std::iter::once(&e.file).chain(projection)
        });
        let scorings = self.scorings.iter().flat_map(|s| {
            let cohort = s.cohort.iter().map(|c| &c.file);
            std::iter::once(&s.calibration).chain(cohort)
        });
        let centres = self.ensembles.iter().map(|e| &e.centres);
        let all = entries.chain(scorings).chain(centres);
        all.map(|name| self.path_of(name)).collect()
    }

    /// Where a file of the set is.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    /// An error about this manifest.
    pub(super) fn wrong(&self, reason: String) -> VisionError {
        VisionError::Manifest {
            path: self.path.clone(),
            reason,
        }
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
