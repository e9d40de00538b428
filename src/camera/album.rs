//! Whose photos a folder holds: one folder a person, named after the person. Every entry is
//! a person, a photo, or left out with a reason.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::picture::{PictureFault, load_picture};
use crate::files::{self, Kind};

/// Folders and files that systems leave among photos, in small letters. What is hidden, such
/// as `._1.jpg` and `.Trash-0`, is theirs too.
const SYSTEM_NAMES: [&str; 14] = [
    "@eadir",
    "@recycle",
    "@recently-snapshot",
    "@tmp",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "__macosx",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "system volume information",
    "thumbs.db",
];

/// People and their photos, in the order of their names.
#[derive(Debug)]
pub struct Album {
    /// Folder that the people's folders are in.
    pub root: PathBuf,
    /// People with a photo or more.
    pub people: Vec<Listed>,
    /// Everything else, in the order of its path.
    pub left_out: Vec<LeftOut>,
}

/// A person's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The folder's name; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// Files below the root that begin as a JPEG, PNG or WebP does, whatever they are called.
    pub photos: Vec<PathBuf>,
}

/// An entry that is no photo and no person.
#[derive(Debug)]
pub struct LeftOut {
    /// Below the folder that was asked for.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why an entry is left out; each but the first says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// What a system keeps for itself.
    #[error("belongs to the system")]
    System,
    /// A file that is in no person's folder.
    #[error("is in nobody's folder; move it into its person's")]
    Loose,
    /// Beside the folder that holds the people.
    #[error("is beside the folder {0}, in which the people are; move it there")]
    Beside(String),
    /// A folder within a person's.
    #[error("is a folder in a person's folder; move its photos up")]
    Nested,
    /// A person's folder without a photo.
    #[error("has no photo that can be used; put JPEG, PNG or WebP files in it")]
    NoPhotos,
    /// A pipe, socket or device.
    #[error("is no file; remove it")]
    Special,
    /// It may not be read, or leads nowhere.
    #[error("cannot be read: {0}; make it readable or remove it")]
    Unreadable(#[from] io::Error),
    /// A file that is no picture, or one of another format.
    #[error("{0}")]
    Picture(PictureFault),
}

/// A kind of reason, for programs and to count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Reason {
    System,
    Loose,
    Beside,
    Nested,
    NoPhotos,
    Special,
    Unreadable,
    OtherFormat,
    NotAPicture,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system files",
            Self::Loose => "files in nobody's folder",
            Self::Beside => "beside the folder in which the people are",
            Self::Nested => "folders in a person's folder",
            Self::NoPhotos => "people without a photo that can be used",
            Self::Special => "pipes, sockets and devices",
            Self::Unreadable => "that cannot be read",
            Self::OtherFormat => "pictures of another format than JPEG, PNG or WebP",
            Self::NotAPicture => "files that are no picture",
        })
    }
}

impl Why {
    /// Whether it is what a system keeps for itself.
    pub fn is_of_the_system(&self) -> bool {
        matches!(self, Self::System)
    }

    /// Its kind.
    pub fn reason(&self) -> Reason {
        match self {
            Self::System => Reason::System,
            Self::Loose => Reason::Loose,
            Self::Beside(_) => Reason::Beside,
            Self::Nested => Reason::Nested,
            Self::NoPhotos => Reason::NoPhotos,
            Self::Special => Reason::Special,
            Self::Unreadable(_) | Self::Picture(PictureFault::Unreadable(_)) => Reason::Unreadable,
            Self::Picture(PictureFault::OtherFormat(_)) => Reason::OtherFormat,
            Self::Picture(_) => Reason::NotAPicture,
        }
    }
}

/// A folder that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {folder}: {reason}; make the folder readable")]
pub struct NoAlbum {
    /// The folder.
    pub folder: PathBuf,
    /// What the system said.
    pub reason: io::Error,
}

impl Album {
    /// Lists the people in `dir`, or in its folder `inside` if that holds folders itself.
    /// `known` are files beside them that the caller reads. No photo is decoded.
    ///
    /// # Errors
    /// [`NoAlbum`]; a person's folder that cannot be listed is left out with that reason.
    pub fn read(dir: &Path, inside: Option<&str>, known: &[&str]) -> Result<Self, NoAlbum> {
        let inside = inside.filter(|name| holds_folders(&dir.join(name)));
        let mut album = Self {
            root: inside.map_or(dir.to_path_buf(), |name| dir.join(name)),
            people: Vec::new(),
            left_out: Vec::new(),
        };
        if let Some(inside) = inside {
            for name in names(dir)? {
                if name != inside && !known.iter().any(|k| name == *k) {
                    album.leave_out(name.into(), Why::Beside(inside.to_owned()));
                }
            }
        }
        let below = PathBuf::from(inside.unwrap_or_default());
        for name in names(&album.root)? {
            let at = album.root.join(&name);
            if is_system(&name) {
                album.leave_out(below.join(name), Why::System);
            } else if at.is_dir() {
                album.person(&below, &name);
            } else if !known.iter().any(|k| name == *k) {
                let why = match at.metadata() {
                    Ok(about) if about.is_file() => Why::Loose,
                    Ok(_) => Why::Special,
                    Err(error) => Why::Unreadable(error),
                };
                album.leave_out(below.join(name), why);
            }
        }
        album.left_out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(album)
    }

    fn person(&mut self, below: &Path, folder: &OsStr) {
        let files = match names(&self.root.join(folder)) {
            Ok(files) => files,
            Err(error) => {
                self.leave_out(below.join(folder), Why::Unreadable(error.reason));
                return;
            }
        };
        let mut photos = Vec::new();
        for file in files {
            let path = Path::new(folder).join(file);
            match photo(&self.root.join(&path)) {
                Ok(()) => photos.push(path),
                Err(why) => self.leave_out(below.join(path), why),
            }
        }
        if photos.is_empty() {
            self.leave_out(below.join(folder), Why::NoPhotos);
        } else {
            let name = folder.to_string_lossy().into_owned();
            self.people.push(Listed { name, photos });
        }
    }

    /// What is the system's is so wherever it lies.
    fn leave_out(&mut self, path: PathBuf, why: Why) {
        let why = match path.file_name() {
            Some(name) if is_system(name) => Why::System,
            _ => why,
        };
        self.left_out.push(LeftOut { path, why });
    }
}

/// Whether an entry is a photo of the person in whose folder it lies. By its content: an
/// ending says nothing.
fn photo(path: &Path) -> Result<(), Why> {
    if path.file_name().is_some_and(is_system) {
        return Err(Why::System);
    }
    let about = path.metadata()?;
    if about.is_dir() {
        return Err(Why::Nested);
    }
    if !about.is_file() {
        return Err(Why::Special);
    }
    let mut start = Vec::new();
    let file = files::open(path, Kind::Picture)?;
    file.take(12).read_to_end(&mut start)?;
    let is_webp = start.starts_with(b"RIFF") && start.ends_with(b"WEBP");
    if start.starts_with(b"\xff\xd8\xff") || start.starts_with(b"\x89PNG\r\n\x1a\n") || is_webp {
        return Ok(());
    }
    // The reader names what else it is.
    load_picture(path)
        .map(|_| ())
        .map_err(|error| Why::Picture(error.fault))
}

fn is_system(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    name.starts_with('.') || SYSTEM_NAMES.contains(&name.as_str())
}

fn holds_folders(folder: &Path) -> bool {
    names(folder).is_ok_and(|names| {
        names
            .iter()
            .any(|name| !is_system(name) && folder.join(name).is_dir())
    })
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Result<Vec<OsString>, NoAlbum> {
    let failed = |reason| NoAlbum {
        folder: folder.to_path_buf(),
        reason,
    };
    let mut names = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| Ok(entry.map_err(failed)?.file_name()))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0";

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, bytes) in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        dir
    }

    fn told(album: &Album) -> Vec<(String, Reason)> {
        let told = |l: &LeftOut| (l.path.display().to_string(), l.why.reason());
        album.left_out.iter().map(told).collect()
    }

    #[test]
    fn every_entry_is_a_photo_or_left_out_with_its_reason() {
        let dir = folder(&[
            ("ada/1.JPG", JPEG),
            ("ada/2.jpeg", JPEG),
            ("ada/3.heic", JPEG),
            ("ada/noending", b"\x89PNG\r\n\x1a\nrest"),
            ("ada/notes.txt", b"Dear Sir"),
            ("ada/empty.jpg", b""),
            ("ada/Thumbs.db", b"x"),
            ("ada/._1.JPG", JPEG),
            ("ada/@eaDir/1.jpg", JPEG),
            ("ada/older/1.jpg", JPEG),
            ("bob/notes.txt", b"Dear Sir"),
            (".Trash-1000/1.jpg", JPEG),
            ("#recycle/1.jpg", JPEG),
            ("LOST+FOUND/1.jpg", JPEG),
            ("desktop.ini", b"x"),
            ("groups.csv", b"ada,a"),
            ("loose.jpg", JPEG),
        ]);
        let broken = dir.path().join("ada/broken.jpg");
        std::os::unix::fs::symlink("/nowhere/at/all", broken).unwrap();
        let strange = OsStr::from_bytes(b"caf\xe9.jpg");
        std::fs::write(dir.path().join("ada").join(strange), JPEG).unwrap();
        let album = Album::read(dir.path(), Some("images"), &["groups.csv"]).unwrap();
        assert_eq!(album.people.len(), 1);
        assert_eq!(album.people[0].name, "ada");
        let photos = album.people[0].photos.iter();
        let photos: Vec<_> = photos.map(|p| p.file_name().unwrap()).collect();
        assert_eq!(
            photos,
            ["1.JPG", "2.jpeg", "3.heic"]
                .map(OsStr::new)
                .into_iter()
                .chain([strange, OsStr::new("noending")])
                .collect::<Vec<_>>()
        );
        let expected = [
            ("#recycle", Reason::System),
            (".Trash-1000", Reason::System),
            ("LOST+FOUND", Reason::System),
            ("ada/._1.JPG", Reason::System),
            ("ada/@eaDir", Reason::System),
            ("ada/Thumbs.db", Reason::System),
            ("ada/broken.jpg", Reason::Unreadable),
            ("ada/empty.jpg", Reason::NotAPicture),
            ("ada/notes.txt", Reason::NotAPicture),
            ("ada/older", Reason::Nested),
            ("bob", Reason::NoPhotos),
            ("bob/notes.txt", Reason::NotAPicture),
            ("desktop.ini", Reason::System),
            ("loose.jpg", Reason::Loose),
        ]
        .map(|(path, reason)| (path.to_owned(), reason));
        assert_eq!(told(&album), expected);
    }

    #[test]
    fn a_folder_of_people_within_leaves_the_others_out_by_name() {
        let dir = folder(&[
            ("images/ada/1.jpg", JPEG),
            ("images/.hidden", b""),
            ("bob/1.jpg", JPEG),
            ("pairs.txt", b""),
        ]);
        let album = Album::read(dir.path(), Some("images"), &["pairs.txt"]).unwrap();
        assert_eq!(album.root, dir.path().join("images"));
        let expected = [("bob", Reason::Beside), ("images/.hidden", Reason::System)];
        assert_eq!(
            told(&album),
            expected.map(|(path, reason)| (path.to_owned(), reason))
        );
        // A person may be called so.
        let dir = folder(&[("images/1.jpg", JPEG), ("bob/1.jpg", JPEG)]);
        let album = Album::read(dir.path(), Some("images"), &[]).unwrap();
        let names: Vec<_> = album.people.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["bob", "images"]);
        assert!(album.left_out.is_empty());
    }
}
