//! The face that an event is about, kept for some days where the configuration wants it. A
//! picture that cannot be kept changes nothing about the event, and nothing about the door.

use std::fs::DirBuilder;
use std::io::{self, Cursor, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};

use crate::access::Decision;
use crate::config;
use crate::database::{Database, DatabaseError};
use crate::files;
use crate::recognise::FaceReport;
use crate::seal::PictureKey;
use crate::verbs::{Code, VerbError};
use crate::whitelist;

/// Of a picture, in pixels.
const MAX_SIDE_PX: u32 = 320;
const JPEG_QUALITY: u8 = 85;
/// What of a face's width is added on each side.
const MARGIN: f32 = 0.3;
/// What the files end with, and what they did before they were sealed.
const SEALED: &str = ".sealed";
const IN_CLEAR: &str = ".jpg";
/// Pictures in the folder that are looked at.
const MAX_PICTURES: usize = 1_000_000;

/// Why a picture of somebody who is gone is still there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PicturesError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(
        "the picture {path} of somebody who is not listed any more cannot be deleted: {source}; delete it, or repeat this when that is mended"
    )]
    Left { path: PathBuf, source: io::Error },
}

impl From<PicturesError> for VerbError {
    fn from(error: PicturesError) -> Self {
        match error {
            PicturesError::Database(error) => error.into(),
            error => Self::new(Code::Database, error),
        }
    }
}

/// The folder with the pictures, each called by its event's number and sealed.
#[derive(Debug)]
pub(crate) struct Pictures {
    folder: PathBuf,
    /// Nothing where pictures are only forgotten.
    key: Option<PictureKey>,
}

impl Pictures {
    /// To forget some.
    pub(crate) fn beside(database: &Path) -> Self {
        Self {
            folder: database.with_file_name("pictures"),
            key: None,
        }
    }

    /// To keep and to read them.
    ///
    /// # Errors
    /// [`DatabaseError`]: there is no key.
    pub(crate) fn open(database: &Database) -> Result<Self, DatabaseError> {
        Ok(Self {
            key: Some(database.picture_key()?),
            ..Self::beside(database.path())
        })
    }

    /// Seals pictures from before they were.
    pub(super) fn seal_those_from_before(&self) {
        for event in self.named(IN_CLEAR) {
            let clear = self.file(event, IN_CLEAR);
            let sealed = files::read(&clear, files::Kind::Picture)
                .and_then(|picture| self.write(event, &picture))
                .and_then(|()| std::fs::remove_file(&clear));
            if let Err(error) = sealed {
                let clear = clear.display();
                log::warn!("{clear} is not sealed and lies in clear: {error}");
            }
        }
    }

    fn file(&self, event: u64, ending: &str) -> PathBuf {
        self.folder.join(format!("{event}{ending}"))
    }

    /// Where an event's picture is, if there is one.
    fn of(&self, event: u64) -> PathBuf {
        self.file(event, SEALED)
    }

    /// Whether there is one of an event.
    pub(super) fn has(&self, event: u64) -> bool {
        self.of(event).exists()
    }

    /// An event's picture, as JPEG, if there is one.
    ///
    /// # Errors
    /// What the system says, or that the file is not the picture that was kept.
    pub(crate) fn read(&self, event: u64) -> io::Result<Option<Vec<u8>>> {
        let sealed = match files::read(&self.of(event), files::Kind::Picture) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            sealed => sealed?,
        };
        let opened = self.key()?.open(event, &sealed);
        opened.map(Some).ok_or_else(|| {
            io::Error::other(
                "it was changed by somebody else, or is the picture of another event or database; keep a copy as evidence, and remove it",
            )
        })
    }

    fn key(&self) -> io::Result<&PictureKey> {
        let key = self.key.as_ref();
        key.ok_or_else(|| io::Error::other("its key is not here"))
    }

    /// Writes a picture, as JPEG.
    pub(super) fn keep(&self, event: u64, face: &RgbImage) {
        if let Err(error) = jpeg(face).and_then(|bytes| self.write(event, &bytes)) {
            let folder = self.folder.display();
            log::warn!("the picture of event {event} is not kept in {folder}: {error}");
        }
    }

    fn write(&self, event: u64, picture: &[u8]) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let sealed = self.key()?.seal(event, picture).map_err(io::Error::other)?;
        files::create(&self.of(event))?.write_all(&sealed)
    }

    /// Deletes the pictures of events that name somebody who is not listed any more, or that
    /// are gone themselves; gives how many. Asked again it goes on where it was interrupted.
    ///
    /// # Errors
    /// [`PicturesError`] with the first that is left.
    pub(crate) fn forget_the_gone(&self, database: &Database) -> Result<usize, PicturesError> {
        let mut events = self.named(SEALED);
        events.extend(self.named(IN_CLEAR));
        self.forget_those(&events, database)
    }

    /// The same for the picture of one event.
    ///
    /// # Errors
    /// [`PicturesError`]
    pub(super) fn forget_if_gone(
        &self,
        event: u64,
        database: &Database,
    ) -> Result<usize, PicturesError> {
        self.forget_those(&[event], database)
    }

    fn forget_those(&self, events: &[u64], database: &Database) -> Result<usize, PicturesError> {
        let mut deleted = 0;
        let mut left = Ok(());
        for event in whitelist::about_nobody_listed(database, events)? {
            for ending in [SEALED, IN_CLEAR] {
                let path = self.file(event, ending);
                match std::fs::remove_file(&path) {
                    Ok(()) => deleted += 1,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(source) => left = Err(PicturesError::Left { path, source }),
                }
            }
        }
        left.map(|()| deleted)
    }

    /// Deletes what is too old, and of the rest the oldest until it is no more than may be.
    pub(super) fn expire(&self, limits: &config::Audit) {
        let age = Duration::from_secs(u64::from(limits.picture_days) * 24 * 3600);
        let now = SystemTime::now();
        let is_old = |taken: SystemTime| now.duration_since(taken).is_ok_and(|old| old > age);
        let mut left = u64::from(limits.max_pictures_mb) * 1_000_000;
        let mut all = self.all();
        // The newest first, until there is no room left.
        all.sort_by_key(|one| std::cmp::Reverse(one.event));
        for Kept {
            event,
            taken,
            bytes,
        } in all
        {
            let fits = bytes <= left;
            left = if fits { left - bytes } else { 0 };
            if (!fits || is_old(taken))
                && let Err(error) = std::fs::remove_file(self.of(event))
            {
                log::warn!("the picture of event {event} cannot be deleted: {error}");
            }
        }
    }

    fn all(&self) -> Vec<Kept> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let kept = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry.ok()?;
            let about = entry.metadata().ok()?;
            Some(Kept {
                event: number(&entry, SEALED)?,
                taken: about.modified().ok()?,
                bytes: about.len(),
            })
        };
        entries.take(MAX_PICTURES).filter_map(kept).collect()
    }

    /// The events of files with this ending.
    fn named(&self, ending: &str) -> Vec<u64> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let event = |entry: io::Result<std::fs::DirEntry>| number(&entry.ok()?, ending);
        entries.take(MAX_PICTURES).filter_map(event).collect()
    }
}

/// The event whose picture a file is, by its name.
fn number(entry: &std::fs::DirEntry, ending: &str) -> Option<u64> {
    let name = entry.file_name().into_string().ok()?;
    name.strip_suffix(ending)?.parse().ok()
}

struct Kept {
    event: u64,
    taken: SystemTime,
    bytes: u64,
}

/// The face that a decision is about, if it is to be kept: the one that was judged, or the
/// largest.
pub(super) fn face_of<'f>(
    decision: &Decision,
    faces: &'f [FaceReport],
    wanted: config::Pictures,
) -> Option<&'f FaceReport> {
    let track = match (decision, wanted) {
        (Decision::Grant(grant), config::Pictures::All) => {
            grant.basis().face().map(|claim| claim.track)
        }
        (Decision::Deny(denial), config::Pictures::All | config::Pictures::Refused) => {
            denial.nearest.map(|nearest| nearest.track)
        }
        (
            Decision::Grant(_)
            | Decision::Need { .. }
            | Decision::Challenge(_)
            | Decision::Deny(_)
            | Decision::CannotJudge { .. },
            _,
        ) => return None,
    };
    let judged = faces.iter().find(|face| Some(face.track.0) == track);
    judged.or_else(|| faces.first())
}

/// The face with a little around it.
pub(super) fn crop(picture: &RgbImage, rect: [f32; 4]) -> Option<RgbImage> {
    let [x0, y0, x1, y1] = rect;
    let margin = (x1 - x0).max(y1 - y0) * MARGIN;
    // Casts saturate, and take NaN for 0.
    let at = |value: f32, most: u32| (value.max(0.0) as u32).min(most);
    let (width, height) = picture.dimensions();
    let (left, top) = (at(x0 - margin, width), at(y0 - margin, height));
    let (right, bottom) = (at(x1 + margin, width), at(y1 + margin, height));
    let (wide, tall) = (right.saturating_sub(left), bottom.saturating_sub(top));
    if wide == 0 || tall == 0 {
        return None;
    }
    Some(imageops::crop_imm(picture, left, top, wide, tall).to_image())
}

/// Not larger than it has to be.
fn jpeg(face: &RgbImage) -> io::Result<Vec<u8>> {
    let longest = face.width().max(face.height());
    let side = |length: u32| (length * MAX_SIDE_PX / longest).max(1);
    let small = (longest > MAX_SIDE_PX).then(|| {
        let (width, height) = (side(face.width()), side(face.height()));
        imageops::resize(face, width, height, FilterType::Triangle)
    });
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode_image(small.as_ref().unwrap_or(face))
        .map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn events(pictures: &Pictures) -> Vec<u64> {
        let mut events: Vec<u64> = pictures.all().iter().map(|one| one.event).collect();
        events.sort_unstable();
        events
    }

    #[test]
    fn what_is_too_old_or_too_much_goes() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("doorward.db")).unwrap();
        let pictures = Pictures::open(&database).unwrap();
        let limits = config::Audit {
            max_pictures_mb: 1,
            ..config::Audit::default()
        };
        for event in 1..=4 {
            pictures.write(event, &vec![0; 300_000]).unwrap();
        }
        pictures.expire(&limits);
        assert_eq!(events(&pictures), [2, 3, 4]);
        let long_ago = SystemTime::now() - Duration::from_secs(8 * 24 * 3600);
        let file = std::fs::File::options()
            .write(true)
            .open(pictures.of(3))
            .unwrap();
        file.set_modified(long_ago).unwrap();
        std::fs::write(dir.path().join("pictures/notes.txt"), "mine").unwrap();
        pictures.expire(&limits);
        assert_eq!(events(&pictures), [2, 4]);
        assert!(dir.path().join("pictures/notes.txt").exists());
    }

    #[test]
    fn a_picture_is_that_of_its_event_and_what_lay_in_clear_is_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("doorward.db")).unwrap();
        let at = |name: &str| dir.path().join("pictures").join(name);
        std::fs::create_dir(dir.path().join("pictures")).unwrap();
        std::fs::write(at("4.jpg"), "a face").unwrap();
        let pictures = Pictures::open(&database).unwrap();
        pictures.seal_those_from_before();
        pictures.write(5, b"another face").unwrap();
        let read = |event| pictures.read(event).unwrap();
        assert_eq!(read(4).unwrap(), b"a face");
        assert_eq!(read(5).unwrap(), b"another face");
        assert_eq!(read(6), None);
        assert!(!at("4.jpg").exists());
        for event in [4, 5] {
            let sealed = std::fs::read(at(&format!("{event}.sealed"))).unwrap();
            assert!(!sealed.windows(4).any(|bytes| bytes == b"face"));
        }
        // Exchanged for each other.
        std::fs::rename(at("4.sealed"), at("6.sealed")).unwrap();
        let refused = pictures.read(6).unwrap_err().to_string();
        assert!(
            refused.contains("was changed by somebody else"),
            "{refused}"
        );
        assert!(Pictures::beside(database.path()).read(5).is_err());
    }

    #[test]
    fn a_face_at_the_border_or_outside_is_cropped_to_what_there_is() {
        let picture = RgbImage::new(640, 480);
        let size = |rect| {
            let jpeg = jpeg(&crop(&picture, rect)?).unwrap();
            let face = image::load_from_memory(&jpeg).unwrap();
            Some((face.width(), face.height()))
        };
        assert_eq!(size([100.0, 100.0, 200.0, 200.0]), Some((160, 160)));
        assert_eq!(size([-50.0, -50.0, 50.0, 50.0]), Some((80, 80)));
        assert_eq!(size([0.0, 0.0, 640.0, 480.0]), Some((320, 240)));
        assert_eq!(size([700.0, 100.0, 720.0, 120.0]), None);
        assert_eq!(size([f32::NAN; 4]), None);
    }
}
