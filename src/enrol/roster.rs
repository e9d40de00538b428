//! Whom to enrol and from which photos, for many people at once: one folder a person, or a
//! CSV file with a line for each photo.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::camera::album::{Album, LeftOut as Entry, NoAlbum, Why};
use crate::camera::{Foreign, PictureFault};
use crate::files::{self, Kind};
use crate::whitelist;

/// Of a CSV file.
const MAX_CSV_BYTES: u64 = 50_000_000;
/// How the names of pictures end, in small letters.
const PHOTO_ENDINGS: [&str; 14] = [
    "avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "jxl", "png", "tif",
    "tiff", "webp",
];

/// Whether a file is called as pictures are.
pub(crate) fn is_called_like_a_photo(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| PHOTO_ENDINGS.iter().any(|e| end.eq_ignore_ascii_case(e)))
}

/// People with their photos, in order.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    pub(crate) people: Vec<Applicant>,
    /// Files and folders that are neither, without what systems keep for themselves, and why.
    pub(crate) left_out: Vec<(PathBuf, String)>,
}

/// Somebody to be enrolled.
#[derive(Debug)]
pub(crate) struct Applicant {
    pub(crate) name: String,
    /// What was given for the person, whether it can be used or not.
    pub(crate) photos: Vec<PathBuf>,
    /// Why the person cannot be enrolled, whatever the photos are.
    pub(crate) fault: Option<String>,
}

/// A roster that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RosterError {
    #[error(transparent)]
    Folder(#[from] NoAlbum),
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: PathBuf, reason: io::Error },
    #[error("{0} has more than {most} MB; split it", most = MAX_CSV_BYTES / 1_000_000)]
    TooLarge(PathBuf),
    #[error("{0} is not UTF-8; save it as \"CSV UTF-8\"")]
    NotUtf8(PathBuf),
    #[error("{path}, line {line}: {mistake}")]
    Line {
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        mistake: Mistake,
    },
    #[error(
        "{0} names nobody: make one folder a person, named after the person, with the person's photos in it"
    )]
    NoFolders(PathBuf),
    #[error("{0} names nobody; write a line person,photo for each photo")]
    NoLines(PathBuf),
}

impl RosterError {
    /// Whether somebody with other rights may be able to read it.
    pub(crate) fn is_denied(&self) -> bool {
        let reason = match self {
            Self::Folder(NoAlbum { reason, .. }) | Self::Unreadable { reason, .. } => reason,
            _ => return false,
        };
        reason.kind() == io::ErrorKind::PermissionDenied
    }
}

/// What is wrong in a line of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mistake {
    #[error("the first line has to name the columns person and photo")]
    NoHeader,
    #[error("it has no person")]
    NoPerson,
    #[error("it has no photo")]
    NoPhoto,
    #[error(
        "its quotes do not enclose a column; write \"Doe, Jane\",photo.jpg, and \"\" for a quote"
    )]
    Quotes,
}

impl Roster {
    /// One folder a person, named after the person.
    pub(crate) fn of_folder(dir: &Path) -> Result<Self, RosterError> {
        let album = Album::read(dir, None, &[])?;
        let mut roster = Self::default();
        let mut of_folder: BTreeMap<PathBuf, Applicant> = BTreeMap::new();
        let person = |name: &Path| Applicant {
            fault: name
                .to_str()
                .is_none()
                .then(|| "the folder's name is not UTF-8; give it another".into()),
            name: name.to_string_lossy().into_owned(),
            photos: Vec::new(),
        };
        for listed in &album.people {
            let Some(folder) = listed.photos.first().and_then(|photo| photo.parent()) else {
                continue;
            };
            let one = of_folder
                .entry(folder.into())
                .or_insert_with(|| person(folder));
            one.photos.extend(listed.photos.iter().map(|p| dir.join(p)));
        }
        for Entry { path, why } in album.left_out {
            let folder = path.parent().unwrap_or(Path::new(""));
            if why.is_of_the_system() {
            } else if folder != Path::new("") && is_meant_as_photo(&path, &why) {
                let one = of_folder
                    .entry(folder.into())
                    .or_insert_with(|| person(folder));
                one.photos.push(dir.join(&path));
            } else if folder == Path::new("") && dir.join(&path).is_dir() {
                let one = of_folder
                    .entry(path.clone())
                    .or_insert_with(|| person(&path));
                if !matches!(why, Why::NoPhotos) {
                    one.fault = Some(format!("the folder {why}"));
                }
            } else {
                roster.left_out.push((dir.join(path), why.to_string()));
            }
        }
        roster.people = of_folder.into_values().collect();
        for one in &mut roster.people {
            one.photos.sort();
        }
        if roster.people.is_empty() {
            return Err(RosterError::NoFolders(dir.into()));
        }
        Ok(roster)
    }

    /// A line for each photo, of a column `person` and a column `photo`; photos are named as
    /// seen from the file's folder. Columns are parted by commas, semicolons or tabs.
    pub(crate) fn of_csv(path: &Path) -> Result<Self, RosterError> {
        let unreadable = |reason| RosterError::Unreadable {
            path: path.into(),
            reason,
        };
        let mut bytes = Vec::new();
        files::open(path, Kind::List)
            .and_then(|file| file.take(MAX_CSV_BYTES + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        if bytes.len() as u64 > MAX_CSV_BYTES {
            return Err(RosterError::TooLarge(path.into()));
        }
        let text = String::from_utf8(bytes).map_err(|_| RosterError::NotUtf8(path.into()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let people =
            people(text.trim_start_matches('\u{feff}'), folder).map_err(|(line, mistake)| {
                RosterError::Line {
                    path: path.into(),
                    line,
                    mistake,
                }
            })?;
        if people.is_empty() {
            return Err(RosterError::NoLines(path.into()));
        }
        Ok(Self {
            people,
            left_out: Vec::new(),
        })
    }
}

/// Whether a file in a person's folder was put there as a photo of the person. Notes and the
/// films that phones take beside photos were not.
fn is_meant_as_photo(path: &Path, why: &Why) -> bool {
    match why {
        Why::Picture(
            PictureFault::NotAPicture
            | PictureFault::Empty
            | PictureFault::OtherFormat(Foreign::Video | Foreign::Pdf | Foreign::Icon),
        )
        | Why::Unreadable(_) => is_called_like_a_photo(path),
        Why::Picture(_) => true,
        _ => false,
    }
}

fn people(text: &str, folder: &Path) -> Result<Vec<Applicant>, (usize, Mistake)> {
    let first = text.lines().next().unwrap_or_default();
    let separator = [';', '\t']
        .into_iter()
        .find(|by| !first.contains(',') && first.contains(*by))
        .unwrap_or(',');
    let mut rows = rows(text, separator)?.into_iter();
    let header = rows.next().map(|(_, columns)| columns).unwrap_or_default();
    let column = |names: &[&str]| {
        header
            .iter()
            .position(|column| names.contains(&column.trim().to_lowercase().as_str()))
            .ok_or((1, Mistake::NoHeader))
    };
    let (who, what) = (
        column(&["person", "name"])?,
        column(&["photo", "file", "picture"])?,
    );
    let mut people: Vec<Applicant> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (line, columns) in rows {
        let cell = |place: usize| {
            columns
                .get(place)
                .map(|c| c.trim())
                .filter(|c| !c.is_empty())
        };
        let name = cell(who).ok_or((line, Mistake::NoPerson))?;
        let photo = cell(what).ok_or((line, Mistake::NoPhoto))?;
        // As the whitelist compares names.
        let same = whitelist::check_name(name).unwrap_or_else(|_| name.into());
        let place = *places.entry(same.to_lowercase()).or_insert(people.len());
        if place == people.len() {
            people.push(Applicant {
                name: name.into(),
                photos: Vec::new(),
                fault: None,
            });
        }
        if let Some(one) = people.get_mut(place) {
            one.photos.push(folder.join(photo));
        }
    }
    Ok(people)
}

/// The line it begins in, counted from 1, and its cells.
type Row = (usize, Vec<String>);

/// Rows that are not empty (RFC 4180).
fn rows(text: &str, separator: char) -> Result<Vec<Row>, (usize, Mistake)> {
    let mut rows = Vec::new();
    let (mut row, mut cell) = (Vec::new(), String::new());
    let (mut line, mut began) = (1, 1);
    // Whether the cell is in quotes, and whether they were closed.
    let (mut quoted, mut closed) = (false, false);
    let mut letters = text.chars().chain(['\n']).peekable();
    while let Some(c) = letters.next() {
        let ends_line = c == '\n' || (c == '\r' && letters.peek() != Some(&'\n'));
        if quoted && !closed {
            match c {
                '"' if letters.peek() == Some(&'"') => {
                    letters.next();
                    cell.push('"');
                }
                '"' => closed = true,
                _ => cell.push(c),
            }
        } else if c == separator || ends_line {
            row.push(std::mem::take(&mut cell));
            (quoted, closed) = (false, false);
            if ends_line {
                let row = std::mem::take(&mut row);
                if row.iter().any(|cell: &String| !cell.trim().is_empty()) {
                    rows.push((began, row));
                }
                began = line + 1;
            }
        } else if c == '"' && cell.trim().is_empty() && !closed {
            cell.clear();
            quoted = true;
        } else if closed && !c.is_whitespace() {
            return Err((began, Mistake::Quotes));
        } else if c != '\r' && !closed {
            cell.push(c);
        }
        line += usize::from(ends_line);
    }
    if quoted {
        return Err((began, Mistake::Quotes));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn listed(text: &str) -> Vec<(String, usize)> {
        let people = people(text, Path::new("at")).unwrap();
        people
            .into_iter()
            .map(|p| (p.name, p.photos.len()))
            .collect()
    }

    #[test]
    fn lines_are_photos_of_people() {
        let ada = |n: usize| vec![("Ada".to_owned(), n)];
        assert_eq!(listed("person,photo\nAda,1.jpg\n\nada ,2.jpg\n"), ada(2));
        assert_eq!(listed("Photo;x;Name\r\n1.jpg;;Ada\r\n"), ada(1));
        assert_eq!(listed("person\tphoto\rAda\t1.jpg\r"), ada(1));
        let comma = listed("person,photo\n\"Doe, \"\"J\"\"\" ,\"a\nb.jpg\"\n");
        assert_eq!(comma, [("Doe, \"J\"".to_owned(), 1)]);
        for (text, line, mistake) in [
            ("Ada,1.jpg\n", 1, Mistake::NoHeader),
            ("person,photo\n\n,1.jpg", 3, Mistake::NoPerson),
            ("person,photo\nAda\n", 2, Mistake::NoPhoto),
            ("person,photo\n\"a\nb\",1\n\"Ada\"x,1", 4, Mistake::Quotes),
            ("person,photo\n\"Ada,1.jpg\n", 2, Mistake::Quotes),
        ] {
            assert_eq!(people(text, Path::new("")).unwrap_err(), (line, mistake));
        }
    }

    proptest! {
        /// Whatever is in quotes comes back.
        #[test]
        fn quoted_cells_come_back(cells in proptest::collection::vec("[a-c,;\"\n\r\t]{1,5}x", 1..4)) {
            let text: Vec<String> = cells.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
            let rows = rows(&text.join(","), ',').unwrap();
            prop_assert_eq!(&rows[0].1, &cells);
        }
    }
}
