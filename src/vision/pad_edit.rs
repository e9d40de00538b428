//! An operator's network against presentation attacks goes into a model set.

use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, Item, Table, value};

use super::VisionError;
use super::entry::Entry;
use super::manifest::Manifest;
use super::manifest_edit::{
    begin_apart, read, replace, shortest, tables, text_of, unwritable, write,
};
use crate::files::{self, Kind};

/// Makes a set in `folder` that is the same as another: its files, those that are named and are
/// what they should be, and last its manifest.
///
/// # Errors
/// [`VisionError::ModelFile`] or [`VisionError::Manifest`] if one cannot be read or written.
pub(crate) fn copy_set(from: &Manifest, folder: &Path) -> Result<(), VisionError> {
    std::fs::create_dir_all(folder).map_err(|e| unwritable(folder, &e.to_string()))?;
    for path in from.files() {
        let unread = |reason: String| VisionError::ModelFile {
            path: path.clone(),
            reason,
        };
        let bytes = files::read(&path, Kind::ModelFile).map_err(|e| unread(e.to_string()))?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| unread("it has no name that can be written".into()))?;
        write(folder, name, &bytes)?;
    }
    let text = read(&from.path_of("manifest.toml"))?;
    replace(&folder.join("manifest.toml"), &text)
}

/// Writes an operator's network against presentation attacks into a set, and what is to be said
/// of it into the manifest, in the place of one of that name; it becomes the default of its role.
///
/// # Errors
/// [`VisionError::Manifest`] if it cannot be read or written, or another network has that name;
/// [`VisionError::ModelFile`] if the file cannot be written.
pub(crate) fn add_pad(
    folder: &Path,
    entry: &Entry,
    network: &[u8],
) -> Result<PathBuf, VisionError> {
    let path = folder.join("manifest.toml");
    let mut manifest = read(&path)?;
    let models = tables(&path, &mut manifest, "model")?;
    let is_pad = |model: &Table| text_of(model, "role") == Some("pad");
    let called = |model: &Table| text_of(model, "id") == Some(&entry.id);
    let named = |model: &Table| text_of(model, "file") == Some(&entry.file);
    if models.iter().any(|m| !is_pad(m) && (called(m) || named(m))) {
        let reason = format!(
            "\"{}\" is another network of it, or its file; choose another --id",
            entry.id
        );
        return Err(unwritable(&path, &reason));
    }
    models.retain(|model| !called(model));
    for other in models.iter_mut().filter(|model| is_pad(model)) {
        other.insert("default", value(false));
    }
    models.push(pad_section(entry, network.len()));
    write(folder, &entry.file, network)?;
    replace(&path, &manifest)?;
    Ok(path)
}

fn pad_section(entry: &Entry, bytes: usize) -> Table {
    let shape = |shape: &[i64]| value(shape.iter().copied().collect::<Array>());
    let number = |n: Option<f32>| shortest(n.unwrap_or_default());
    let mut section = Table::new();
    begin_apart(&mut section);
    section.insert("id", value(&entry.id));
    section.insert("role", value(entry.role.to_string()));
    section.insert("file", value(&entry.file));
    section.insert("sha256", value(&entry.sha256));
    section.insert("bytes", value(bytes as i64));
    section.insert("precision", value(&entry.precision));
    section.insert("default", value(entry.default));
    section.insert("crop_factor", number(entry.crop_factor));
    section.insert(
        "bona_fide_class",
        value(entry.bona_fide_class.unwrap_or_default() as i64),
    );
    section.insert("softmax", value(entry.softmax));
    section.insert("threshold", number(entry.threshold));
    section.insert(
        "calibration",
        value(entry.calibration.clone().unwrap_or_default()),
    );
    let mut input = Table::new();
    input.insert("name", value(&entry.input.name));
    input.insert("dtype", value("f32"));
    input.insert("layout", value(entry.input.layout.name()));
    input.insert("shape", shape(&entry.input.shape));
    input.insert("colour", value(entry.input.colour.name()));
    input.insert("normalisation", value(entry.input.normalisation.name()));
    if let (Some(mean), Some(std)) = (entry.input.mean, entry.input.std) {
        input.insert("mean", shortest(mean));
        input.insert("std", shortest(std));
    }
    section.insert("input", Item::Table(input));
    let mut outputs = ArrayOfTables::new();
    for output in &entry.outputs {
        let mut one = Table::new();
        one.insert("name", value(&output.name));
        one.insert("shape", shape(&output.shape));
        outputs.push(one);
    }
    section.insert("output", Item::ArrayOfTables(outputs));
    section
}
