//! The clips of a folder: `bona-fide/` and `attack/KIND/`, each presentation a folder of
//! pictures, a Motion JPEG or a YUV4MPEG2 clip.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::evidence::presentations::{KINDS, Shown};
use crate::shown::Quoted;

const BONA_FIDE: &str = "bona-fide";
const ATTACK: &str = "attack";
/// Presentations a folder may hold.
const MAX_CLIPS: usize = 100_000;

/// A presentation that was recorded.
#[derive(Debug)]
pub(super) struct Clip {
    pub(super) shown: Shown,
    /// As seen from the folder.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// All clips of a folder, in the order of their names.
///
/// # Errors
/// What about the folder is not as it should be.
pub(super) fn find(folder: &Path, own_kinds: bool) -> anyhow::Result<Vec<Clip>> {
    let mut clips = Vec::new();
    for place in entries(folder)?.iter().filter(|path| path.is_dir()) {
        match &*name_of(place) {
            BONA_FIDE => add(&mut clips, folder, place, &Shown::BonaFide)?,
            ATTACK => {
                let kinds = entries(place)?;
                ensure!(
                    !kinds.is_empty(),
                    "{} is empty: it holds a folder for each kind of instrument",
                    place.display()
                );
                for kind in &kinds {
                    let shown = Shown::Attack(kind_of(kind, own_kinds)?);
                    add(&mut clips, folder, kind, &shown)?;
                }
            }
            other => bail!(
                "{} holds {}, which is neither {BONA_FIDE} nor {ATTACK}: put clips into {BONA_FIDE}/ and {ATTACK}/KIND/, or move it away",
                folder.display(),
                Quoted(other)
            ),
        }
    }
    ensure!(
        !clips.is_empty(),
        "{} has neither {BONA_FIDE}/ nor {ATTACK}/KIND/ with clips in it",
        folder.display()
    );
    Ok(clips)
}

/// The kind that a folder, or somebody at the command line, names.
///
/// # Errors
/// It is no kind that has a name here.
pub(super) fn kind_named(name: &str, own_kinds: bool) -> anyhow::Result<String> {
    let code = name.replace('-', "_");
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if KINDS.iter().any(|(kind, _)| *kind == code) {
        return Ok(code);
    }
    ensure!(
        own_kinds,
        "{} is no kind of instrument that has a name here; there are {}; for kinds of your own add --own-kinds",
        Quoted(name),
        KINDS.map(|(kind, _)| kind).join(", ")
    );
    ensure!(
        (1..=40).contains(&code.len()) && code.chars().all(is_plain) && code != "bona_fide",
        "{} cannot be a kind: use small letters, digits and _, up to 40",
        Quoted(name)
    );
    Ok(code)
}

fn kind_of(folder: &Path, own_kinds: bool) -> anyhow::Result<String> {
    ensure!(
        folder.is_dir(),
        "{} has no kind: put it into {ATTACK}/KIND/",
        folder.display()
    );
    kind_named(&name_of(folder), own_kinds).with_context(|| folder.display().to_string())
}

fn add(clips: &mut Vec<Clip>, root: &Path, place: &Path, shown: &Shown) -> anyhow::Result<()> {
    let found = entries(place)?;
    ensure!(
        !found.is_empty(),
        "{} is empty: it holds a folder of pictures, a .mjpeg or a .y4m clip for each presentation",
        place.display()
    );
    for path in found {
        let kind = path.extension().unwrap_or_default().to_string_lossy();
        ensure!(
            path.is_dir() || !["jpg", "jpeg", "png"].contains(&&*kind.to_lowercase()),
            "{} is a picture, and a presentation is many: put the pictures of each into a folder of its own",
            path.display()
        );
        let name = path.strip_prefix(root).unwrap_or(&path);
        clips.push(Clip {
            shown: shown.clone(),
            name: name.display().to_string(),
            path,
        });
        ensure!(
            clips.len() <= MAX_CLIPS,
            "{} has more than {MAX_CLIPS} clips; give fewer at a time",
            root.display()
        );
    }
    Ok(())
}

/// What is in a folder, without what is hidden, in the order of names.
fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let mut all = std::fs::read_dir(folder)?
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<Vec<_>, _>>()?;
        all.retain(|path| !name_of(path).starts_with('.'));
        all.sort();
        Ok(all)
    };
    read().with_context(|| format!("cannot read the folder {}", folder.display()))
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
