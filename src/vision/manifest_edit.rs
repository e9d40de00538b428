//! What is learnt on a machine goes into its model set's manifest: scorings and heads.
//!
//! The text is cut and put together again, so that what people wrote there stays as it is.

use std::path::Path;

use super::VisionError;

/// A manifest's text, cut before each model and each scoring.
fn sections(path: &Path) -> Result<Vec<String>, VisionError> {
    let text = std::fs::read_to_string(path).map_err(|e| unwritable(path, &e))?;
    let mut sections: Vec<String> = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.starts_with("[[scoring]]") || line.starts_with("[[model]]") {
            sections.push(String::new());
        }
        if let Some(last) = sections.last_mut() {
            last.push_str(line);
        }
    }
    Ok(sections)
}

/// Renamed into place: a manifest is whole or the old one.
fn rewrite(path: &Path, sections: &[String], added: &str) -> Result<(), VisionError> {
    let text = format!("{}\n\n{added}", sections.concat().trim_end());
    let fresh = path.with_extension("toml.new");
    std::fs::write(&fresh, text)
        .and_then(|()| std::fs::rename(&fresh, path))
        .map_err(|e| unwritable(path, &e))
}

fn unwritable(path: &Path, error: &std::io::Error) -> VisionError {
    VisionError::Manifest {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// Puts a `[[scoring]]` section into a manifest, in the place of one for the model with
/// this id.
///
/// # Errors
/// [`VisionError::Manifest`] if it cannot be read or written.
pub fn add_scoring(path: &Path, id: &str, section: &str) -> Result<(), VisionError> {
    let mut sections = sections(path)?;
    // A scoring's model is its first key.
    let own = format!("[[scoring]]\nmodel = \"{id}@");
    sections.retain(|s| !s.starts_with(&own));
    rewrite(path, &sections, section)
}

/// Puts a copy of the model `base` into a manifest that is called `id` and has a head, in
/// the place of one of that name.
///
/// # Errors
/// [`VisionError::Manifest`] if it cannot be read or written, has no such `base`, or `id`
/// is a model without a head.
pub fn add_head(
    path: &Path,
    base: &str,
    id: &str,
    file: &str,
    sha256: &str,
) -> Result<(), VisionError> {
    let wrong = |reason: String| VisionError::Manifest {
        path: path.to_owned(),
        reason,
    };
    let mut sections = sections(path)?;
    let called = |s: &String, id: &str| s.starts_with(&format!("[[model]]\nid = \"{id}\"\n"));
    let of = sections
        .iter()
        .find(|s| called(s, base))
        .ok_or_else(|| wrong(format!("it has no model {base:?} to put a head on")))?;
    let headless = of
        .lines()
        .filter(|line| !line.starts_with("head = "))
        .map(|line| match line {
            "default = true" => "default = false",
            other => other,
        })
        .collect::<Vec<_>>()
        .join("\n");
    let section = headless
        .replacen(&format!("id = \"{base}\""), &format!("id = \"{id}\""), 1)
        .replacen(
            "\n[model.input]",
            &format!("\nhead = {{ file = \"{file}\", sha256 = \"{sha256}\" }}\n[model.input]"),
            1,
        );
    if let Some(taken) = sections.iter().find(|s| called(s, id))
        && !taken.contains("\nhead = ")
    {
        return Err(wrong(format!(
            "{id:?} is a network of its own in it; choose another --id"
        )));
    }
    sections.retain(|s| !called(s, id));
    rewrite(path, &sections, &(section.trim_end().to_owned() + "\n"))
}
