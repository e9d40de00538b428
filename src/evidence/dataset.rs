//! Photos of known people in folders, one a person; with LFW's `pairs.txt` also its pairs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

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
}

/// One photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Index of the person on it.
    pub person: usize,
    /// Below the root, for example `Ada_Example/Ada_Example_0001.jpg`.
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
    /// A folder cannot be read.
    #[error("cannot read {place}: {reason}")]
    Unreadable {
        /// The folder or file.
        place: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// There are no people in it.
    #[error(
        "{0} holds no folder with photos: make one folder a person, named after the person, with .jpg or .png files in it"
    )]
    NoPeople(PathBuf),
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
    /// Reads the names of the files in `dir`, or in its folder `images` if it has one,
    /// and `pairs.txt` if it is there. No photo is opened.
    ///
    /// # Errors
    /// [`DatasetError`]
    pub fn open(dir: &Path) -> Result<Self, DatasetError> {
        let images = dir.join("images");
        let root = if images.is_dir() {
            images
        } else {
            dir.to_path_buf()
        };
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for person in list(&root)? {
            let folder = root.join(&person);
            if !folder.is_dir() {
                continue;
            }
            let mut files: Vec<String> = list(&folder)?
                .into_iter()
                .filter(|file| is_picture(file))
                .map(|file| format!("{person}/{file}"))
                .collect();
            files.sort();
            if !files.is_empty() {
                found.insert(person, files);
            }
        }
        if found.is_empty() {
            return Err(DatasetError::NoPeople(root));
        }
        let mut dataset = Self {
            root,
            people: Vec::new(),
            photos: Vec::new(),
            pairs: Vec::new(),
        };
        for (name, files) in found {
            let person = dataset.people.len();
            dataset.people.push(name);
            dataset
                .photos
                .extend(files.into_iter().map(|file| Photo { person, file }));
        }
        let pairs = dir.join("pairs.txt");
        if pairs.exists() {
            let text =
                std::fs::read_to_string(&pairs).map_err(|reason| DatasetError::Unreadable {
                    place: pairs.clone(),
                    reason,
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

fn list(folder: &Path) -> Result<Vec<String>, DatasetError> {
    let unreadable = |reason| DatasetError::Unreadable {
        place: folder.to_path_buf(),
        reason,
    };
    std::fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| {
            Ok(entry
                .map_err(unreadable)?
                .file_name()
                .to_string_lossy()
                .into_owned())
        })
        .collect()
}

fn is_picture(file: &str) -> bool {
    let end = file
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    matches!(end.as_str(), "jpg" | "jpeg" | "png")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn folders_are_people_and_pairs_name_their_photos() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "A_B/A_B_0001.jpg",
            "A_B/A_B_0002.jpg",
            "C/C_0001.png",
            "C/notes.txt",
        ] {
            let path = dir.path().join("images").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
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
