//! Photos of known people in folders, one a person; with LFW's `pairs.txt` also its pairs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{GROUPS_FILE, Part};
use crate::camera::album::{Album, LeftOut, NoAlbum};
use crate::files::{self, Kind};
use crate::shown::Quoted;

/// LFW's list of pairs.
const PAIRS_FILE: &str = "pairs.txt";

/// Photos and who is on them.
#[derive(Debug)]
pub struct Dataset {
    /// Folder the photos are below.
    pub root: PathBuf,
    /// Names, in order.
    pub people: Vec<String>,
    /// All photos, in the order of people and file names.
    pub photos: Vec<Photo>,
    /// Pairs to verify, if there is a list.
    pub pairs: Vec<Pair>,
    /// Entries that are no person and no photo, in order.
    pub left_out: Vec<LeftOut>,
}

/// One photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Index of the person on it.
    pub person: usize,
    /// Below the root, for example `Ada_Example/Ada_Example_0001.jpg`.
    pub path: PathBuf,
    /// The same as text; bytes that are no UTF-8 are replaced.
    pub file: String,
}

/// Two photos, by index, and whether they show one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Tenth of the list, or whatever its header says.
    pub fold: usize,
    pub photos: [usize; 2],
    /// Whether they show the same person.
    pub same: bool,
}

/// Photos that cannot be used for an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The folder cannot be listed.
    #[error(transparent)]
    NoAlbum(#[from] NoAlbum),
    /// The list of pairs cannot be read.
    #[error("cannot read {place}: {reason}; make it readable UTF-8, or remove it")]
    Unreadable {
        /// The file.
        place: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// There are no people in it.
    #[error(
        "{root} holds no folder with photos: make one folder a person, named after the person, with JPEG or PNG files in it{left_out}"
    )]
    NoPeople {
        /// The folder.
        root: PathBuf,
        /// How many entries were left out, and the first of them with its reason; or nothing.
        left_out: String,
    },
    /// The list of pairs is not in LFW's format.
    #[error("{path}, line {line}: {reason}")]
    Pairs {
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        reason: String,
    },
}

impl Dataset {
    /// Reads the names of the files in `dir`, or in its folder `images` if it has people in
    /// one, and `pairs.txt` if it is there. No photo is decoded.
    ///
    /// # Errors
    /// [`DatasetError`]
    pub fn open(dir: &Path) -> Result<Self, DatasetError> {
        let album = Album::read(dir, Some("images"), &[PAIRS_FILE, GROUPS_FILE])?;
        if album.people.is_empty() {
            return Err(DatasetError::NoPeople {
                root: album.root,
                left_out: first_of(&album.left_out),
            });
        }
        let mut dataset = Self {
            root: album.root,
            people: Vec::new(),
            photos: Vec::new(),
            pairs: Vec::new(),
            left_out: album.left_out,
        };
        for listed in album.people {
            let person = dataset.people.len();
            dataset.people.push(listed.name);
            dataset
                .photos
                .extend(listed.photos.into_iter().map(|path| Photo {
                    person,
                    file: path.to_string_lossy().into_owned(),
                    path,
                }));
        }
        let pairs = dir.join(PAIRS_FILE);
        if pairs.exists() {
            let text = files::read_text(&pairs, Kind::List).map_err(|reason| {
                DatasetError::Unreadable {
                    place: pairs.clone(),
                    reason,
                }
            })?;
            dataset.pairs =
                dataset
                    .read_pairs(&text)
                    .map_err(|(line, reason)| DatasetError::Pairs {
                        path: pairs,
                        line,
                        reason,
                    })?;
        }
        Ok(dataset)
    }

    /// Whether a person is of this part; everybody is of none.
    pub fn is_in(&self, person: usize, part: Option<Part>) -> bool {
        let name = self.people.get(person);
        part.is_none() || name.map(|n| Part::of(n)) == part
    }

    /// LFW's format: a header `FOLDS N` (or `N` for one fold), then for each fold N lines
    /// `NAME I J` of the same person and N lines `NAME I NAME J` of two (Huang et al. 2007).
    fn read_pairs(&self, text: &str) -> Result<Vec<Pair>, (usize, String)> {
        let index: BTreeMap<&str, usize> = self
            .photos
            .iter()
            .enumerate()
            .filter_map(|(i, photo)| Some((photo.file.rsplit_once('.')?.0, i)))
            .collect();
        let find = |name: &str, number: &str| {
            let number: u32 = number
                .parse()
                .map_err(|_| format!("\"{number}\" is not a photo's number"))?;
            index
                .get(format!("{name}/{name}_{number:04}").as_str())
                .copied()
                .ok_or_else(|| format!("there is no photo {number} of {name}"))
        };
        let mut lines = text.lines().enumerate();
        let header: Vec<usize> = lines
            .next()
            .map(|(_, line)| {
                line.split_whitespace()
                    .filter_map(|n| n.parse().ok())
                    .collect()
            })
            .unwrap_or_default();
        let each = match header[..] {
            [each] | [_, each] if each > 0 => each,
            _ => return Err((1, "it has to begin with a line FOLDS PAIRS".into())),
        };
        let mut pairs = Vec::new();
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let at = |reason| (number + 1, reason);
            let fold = pairs.len() / (2 * each);
            let (photos, same) = match line.split_whitespace().collect::<Vec<_>>()[..] {
                [name, a, b] => (find(name, a).and_then(|a| Ok([a, find(name, b)?])), true),
                [one, a, two, b] => (find(one, a).and_then(|a| Ok([a, find(two, b)?])), false),
                _ => return Err(at("a pair is NAME I J or NAME I NAME J".into())),
            };
            let photos = photos.map_err(at)?;
            pairs.push(Pair { fold, photos, same });
        }
        Ok(pairs)
    }
}

/// How many were left out, and the first of them that is not the system's.
fn first_of(left_out: &[LeftOut]) -> String {
    let own = || left_out.iter().filter(|l| !l.why.is_of_the_system());
    match own().next() {
        None => String::new(),
        Some(first) => format!(
            ". {} entries were left out, the first of them: {} {}",
            own().count(),
            Quoted(&first.path.to_string_lossy()),
            first.why
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn folders_are_people_and_pairs_name_their_photos() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["A_B/A_B_0001.jpg", "A_B/A_B_0002.jpg", "C/C_0001.png"] {
            let path = dir.path().join("images").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"\xff\xd8\xff").unwrap();
        }
        let write = |text| std::fs::write(dir.path().join("pairs.txt"), text).unwrap();
        write("1 1\nA_B 1 2\nA_B 1 C 1\n");
        let dataset = Dataset::open(dir.path()).unwrap();
        assert_eq!(dataset.people, ["A_B", "C"]);
        assert_eq!(dataset.photos.len(), 3);
        let same = Pair {
            fold: 0,
            photos: [0, 1],
            same: true,
        };
        let other = Pair {
            fold: 0,
            photos: [0, 2],
            same: false,
        };
        assert_eq!(dataset.pairs, [same, other]);
        for (text, expected) in [
            ("x\n", "line 1"),
            ("1 1\nA_B 1\n", "line 2: a pair is"),
            ("1 1\nA_B 1 9\n", "no photo 9 of A_B"),
            ("1 1\nA_B 1 x\n", "\"x\" is not"),
        ] {
            write(text);
            let said = Dataset::open(dir.path()).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        let empty = tempfile::tempdir().unwrap();
        let said = Dataset::open(empty.path()).unwrap_err().to_string();
        assert!(said.contains("one folder a person"), "{said}");
    }
}
