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
use crate::files;
use crate::person::PersonId;
use crate::recognise::FaceReport;
use crate::record::{Event, Kind, Log, Query, RecordError};

/// Of a picture, in pixels.
const MAX_SIDE_PX: u32 = 320;
const JPEG_QUALITY: u8 = 85;
/// What of a face's width is added on each side.
const MARGIN: f32 = 0.3;
/// Pictures in the folder that are looked at.
const MAX_PICTURES: usize = 1_000_000;

/// The folder with the pictures, each called by its event's number.
#[derive(Debug)]
pub(crate) struct Pictures {
    folder: PathBuf,
}

impl Pictures {
    pub(crate) fn beside(database: &Path) -> Self {
        Self {
            folder: database.with_file_name("pictures"),
        }
    }

    /// Where an event's picture is, if there is one.
    pub(crate) fn of(&self, event: u64) -> PathBuf {
        self.folder.join(format!("{event}.jpg"))
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
        files::create(&self.of(event))?.write_all(picture)
    }

    /// Deletes the pictures of events that name a person, who is removed; gives how many.
    ///
    /// # Errors
    /// [`RecordError`] if the record cannot be read.
    pub(crate) fn forget(&self, person: PersonId, log: &Log) -> Result<usize, RecordError> {
        let Some(first) = self.all().iter().map(|one| one.event).min() else {
            return Ok(0);
        };
        let decisions = Query {
            after_id: first.checked_sub(1),
            kinds: vec![Kind::Granted, Kind::Denied],
            ..Query::default()
        };
        let records = log.records(&decisions)?;
        let named = records.iter().filter(|record| {
            let named = match record.event() {
                Some(Event::Granted(granted)) => Some(granted.recognition.person.id),
                Some(Event::Denied(denied)) => denied.person.as_ref().map(|person| person.id),
                _ => None,
            };
            named == Some(person)
        });
        let gone = named.filter(|record| std::fs::remove_file(self.of(record.id)).is_ok());
        Ok(gone.count())
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
            let name = entry.file_name().into_string().ok()?;
            let about = entry.metadata().ok()?;
            Some(Kept {
                event: name.strip_suffix(".jpg")?.parse().ok()?,
                taken: about.modified().ok()?,
                bytes: about.len(),
            })
        };
        entries.take(MAX_PICTURES).filter_map(kept).collect()
    }
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
        let pictures = Pictures::beside(&dir.path().join("doorward.db"));
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
