//! What is learnt on a machine goes into its model set: projections, cohorts and calibrations.
//!
//! Only what is learnt is changed in the manifest; whatever people wrote there stays as it
//! is, comments and all.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::VisionError;
use super::manifest::hex;
use crate::embedding::ModelVersion;
use crate::files::{self, Kind};
use crate::risk::Calibration;

/// Of files that are made: the daemon is another user, and reads them.
const MODE: u32 = 0o644;

/// A cohort as [`crate::cohort::Cohort::from_bytes`] reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CohortRows<'a> {
    /// Rows of signed bytes.
    pub bytes: &'a [u8],
    /// Values of a row.
    pub size: usize,
    /// Rows nearest to a face that count.
    pub nearest_rows: usize,
    /// Mean of an average face.
    pub mean: f32,
    /// Spread of an average face.
    pub std_dev: f32,
}

/// Where a scoring went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// Into this manifest.
    Manifest(PathBuf),
    /// Into files only, since the folder has no manifest; this section names them.
    Section(String),
}

/// Writes a model version's calibration, and its cohort if it has one, into a folder, and
/// names them in the manifest there, if there is one, in the place of those of the same
/// embedder.
///
/// # Errors
/// [`VisionError::Manifest`] or [`VisionError::ModelFile`] if one cannot be read or written.
pub(crate) fn add_scoring(
    folder: &Path,
    calibration: &Calibration,
    cohort: Option<CohortRows<'_>>,
) -> Result<Written, VisionError> {
    let model = &calibration.model;
    std::fs::create_dir_all(folder).map_err(|e| unwritable(folder, &e.to_string()))?;
    let name = format!("{}-calibration.toml", model.id());
    let text = toml::to_string(calibration)
        .map_err(|e| unwritable(&folder.join(&name), &e.to_string()))?;
    let mut section = Table::new();
    section.insert("model", value(model.as_str()));
    section.insert("calibration", value(&name));
    let sha256 = write(folder, &name, text.as_bytes())?;
    section.insert("calibration_sha256", value(sha256));
    if let Some(cohort) = cohort {
        let name = format!("{}-cohort.i8", model.id());
        let mut rows = Table::new();
        rows.insert("file", value(&name));
        rows.insert("sha256", value(write(folder, &name, cohort.bytes)?));
        rows.insert("size", value(cohort.size as i64));
        rows.insert("nearest_rows", value(cohort.nearest_rows as i64));
        rows.insert("mean", shortest(cohort.mean));
        rows.insert("std_dev", shortest(cohort.std_dev));
        section.insert("cohort", Item::Table(rows));
    }
    let path = folder.join("manifest.toml");
    if !path.exists() {
        let mut alone = DocumentMut::new();
        tables(&path, &mut alone, "scoring")?.push(section);
        return Ok(Written::Section(alone.to_string()));
    }
    let mut manifest = read(&path)?;
    let scorings = tables(&path, &mut manifest, "scoring")?;
    scorings
        .retain(|s| text_of(s, "model").is_none_or(|m| ModelVersion::new(m).id() != model.id()));
    begin_apart(&mut section);
    scorings.push(section);
    replace(&path, &manifest)?;
    Ok(Written::Manifest(path))
}

/// Writes a projection's file into a model set, and puts a copy of the model `base` with that projection
/// into its manifest, called `id`, in the place of one of that name.
///
/// # Errors
/// [`VisionError::Manifest`] if it cannot be read or written, has no such `base`, or `id`
/// is a model without a projection; [`VisionError::ModelFile`] if the file cannot be written.
pub fn add_projection(
    folder: &Path,
    base: &str,
    id: &str,
    projection: &[u8],
) -> Result<PathBuf, VisionError> {
    let path = folder.join("manifest.toml");
    let wrong = |reason: String| VisionError::Manifest {
        path: path.clone(),
        reason,
    };
    let mut manifest = read(&path)?;
    let models = tables(&path, &mut manifest, "model")?;
    let called = |model: &Table, id: &str| text_of(model, "id") == Some(id);
    let mut projected = models
        .iter()
        .find(|model| called(model, base))
        .cloned()
        .ok_or_else(|| wrong(format!("it has no model \"{base}\" to put a projection on")))?;
    if let Some(taken) = models.iter().find(|model| called(model, id))
        && !taken.contains_key("projection")
    {
        return Err(wrong(format!(
            "\"{id}\" is a network of its own in it; choose another --id"
        )));
    }
    let name = format!("{id}-projection.f32");
    let mut spec = InlineTable::new();
    spec.insert("file", Value::from(&name));
    spec.insert("sha256", Value::from(write(folder, &name, projection)?));
    projected.insert("id", value(id));
    projected.insert("projection", value(spec));
    if projected.contains_key("default") {
        projected.insert("default", value(false));
    }
    forget_places(&mut projected);
    begin_apart(&mut projected);
    models.retain(|model| !called(model, id));
    models.push(projected);
    replace(&path, &manifest)?;
    Ok(path)
}

/// A number as short as it can be written without being another `f32`.
pub(super) fn shortest(number: f32) -> Item {
    value(number.to_string().parse().unwrap_or(f64::from(number)))
}

pub(super) fn text_of<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key)?.as_str()
}

/// The tables of a kind; none yet if the manifest has none.
pub(super) fn tables<'d>(
    path: &Path,
    manifest: &'d mut DocumentMut,
    kind: &str,
) -> Result<&'d mut ArrayOfTables, VisionError> {
    manifest
        .entry(kind)
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or_else(|| {
            unwritable(
                path,
                &format!("\"{kind}\" is no list of [[{kind}]] sections"),
            )
        })
}

/// A copy stands where it is put, not where the original stands.
fn forget_places(table: &mut Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        if let Some(inner) = item.as_table_mut() {
            forget_places(inner);
        } else if let Some(inner) = item.as_array_of_tables_mut() {
            inner.iter_mut().for_each(forget_places);
        }
    }
}

/// An empty line before a section, without the comments of the one it was copied from.
pub(super) fn begin_apart(table: &mut Table) {
    table.decor_mut().set_prefix("\n");
}

pub(super) fn read(path: &Path) -> Result<DocumentMut, VisionError> {
    let text =
        files::read_text(path, Kind::Manifest).map_err(|e| unwritable(path, &e.to_string()))?;
    text.parse()
        .map_err(|e: toml_edit::TomlError| unwritable(path, e.message()))
}

/// Renamed into place: a manifest is whole or the old one.
pub(super) fn replace(path: &Path, manifest: &DocumentMut) -> Result<(), VisionError> {
    files::replace(path, manifest.to_string().as_bytes(), MODE)
        .map_err(|e| unwritable(path, &e.to_string()))
}

/// Writes a file of a set and gives its SHA-256.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<String, VisionError> {
    let path = folder.join(name);
    match files::replace(&path, bytes, MODE) {
        Ok(()) => Ok(hex(&Sha256::digest(bytes))),
        Err(error) => Err(VisionError::ModelFile {
            path,
            reason: format!("cannot be written: {error}"),
        }),
    }
}

pub(super) fn unwritable(path: &Path, reason: &str) -> VisionError {
    VisionError::Manifest {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::vision::manifest::Manifest;

    const MANIFEST: &str = "\
# Written by hand.
schema = 1
set = \"own\"

# The one we bought.
[[model]]
id = \"net\"
role = \"embedder\"
file = \"net.onnx\" # do not rename
sha256 = \"00ff\"
precision = \"int8\"
default = true
[model.input]
name = \"x\"
shape = [-1]
normalisation = \"none\"
[[model.output]]
name = \"y\"
shape = [-1, 2]

[[scoring]]
model = \"net@11111111\"
calibration = \"old.toml\"
calibration_sha256 = \"11ee\"

[[scoring]]
model = \"net-2@22222222\"
calibration = \"other.toml\"
calibration_sha256 = \"22dd\"
";

    fn calibration() -> Calibration {
        Calibration::from_toml(
            "model = 'net@12345678'\ndata = 'd'\npeople = 2\nimpostor_pairs = 1\n\
             genuine_pairs = 1\ncosine_1_in_100 = 0.3\ncosine_1_in_1000 = 0.4\n\
             points = [[0.3, 1e-2, 1.0, 1.0], [0.5, 1e-4, 0.9, 0.9]]",
        )
        .unwrap()
    }

    fn rows(bytes: &[u8]) -> CohortRows<'_> {
        CohortRows {
            bytes,
            size: 2,
            nearest_rows: 2,
            mean: 0.31248355,
            std_dev: 0.051548902,
        }
    }

    #[test]
    fn what_people_wrote_stays_and_what_is_learnt_takes_the_place_of_the_old() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("manifest.toml");
        std::fs::write(&path, MANIFEST).unwrap();
        let added = add_scoring(dir.path(), &calibration(), Some(rows(&[1, 2, 3, 4]))).unwrap();
        assert_eq!(added, Written::Manifest(path.clone()));
        add_projection(dir.path(), "net", "own", b"projection").unwrap();
        let once = std::fs::read_to_string(&path).unwrap();
        // Doing it again changes nothing.
        add_scoring(dir.path(), &calibration(), Some(rows(&[1, 2, 3, 4]))).unwrap();
        add_projection(dir.path(), "net", "own", b"projection").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), once);

        let (kept, _) = MANIFEST.split_once("[[scoring]]").unwrap();
        assert!(once.starts_with(kept), "{once}");
        assert!(once.contains("net-2@22222222") && !once.contains("net@11111111"));
        assert!(
            once.contains("mean = 0.31248355\nstd_dev = 0.051548902\n"),
            "{once}"
        );
        let manifest = Manifest::load(dir.path()).unwrap();
        let [net, own] = manifest.entries() else {
            unreachable!("{once}")
        };
        assert!(net.default && net.projection.is_none() && !own.default);
        assert_eq!(own.id, "own");
        assert_eq!(own.projection.as_ref().unwrap().file, "own-projection.f32");
        assert_eq!((own.input.shape.len(), own.outputs.len()), (1, 1));
        assert_eq!(net.outputs.len(), 1);
        // What was written can be read.
        let model = ModelVersion::new("net@12345678");
        let scoring = manifest.scoring(&model, 2).unwrap();
        assert!(scoring.is_normalised());
        assert_eq!(scoring.calibration(), Some(&calibration()));
        // Rows for embeddings of another size are refused.
        let said = manifest.scoring(&model, 3).unwrap_err().to_string();
        assert!(
            said.contains("net-cohort.i8") && said.contains("2 values"),
            "{said}"
        );
    }

    #[test]
    fn without_a_manifest_the_section_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let Written::Section(text) = add_scoring(dir.path(), &calibration(), None).unwrap() else {
            unreachable!()
        };
        assert!(
            text.starts_with("[[scoring]]\nmodel = \"net@12345678\"\n"),
            "{text}"
        );
        std::fs::write(
            dir.path().join("manifest.toml"),
            format!("schema = 1\nset = 's'\n{text}"),
        )
        .unwrap();
        let scoring = Manifest::load(dir.path())
            .unwrap()
            .scoring(&calibration().model, 2);
        assert!(scoring.unwrap().calibration().is_some());
    }

    #[test]
    fn a_head_needs_a_network_to_sit_on_and_a_name_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("manifest.toml");
        std::fs::write(&path, MANIFEST).unwrap();
        assert!(add_projection(dir.path(), "nobody", "own", b"projection").is_err());
        assert!(add_projection(dir.path(), "net", "net", b"projection").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), MANIFEST);
    }
}
