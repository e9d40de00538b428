//! The thread that looks at somebody's pictures, with networks of its own: those that the vision
//! thread shows of the door's camera, or photos that were sent. The door goes on meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::enrolling::Told;
use super::photos::SentPhoto;
use crate::camera;
use crate::config::{self, Models};
use crate::daemon::viewfinder::{Sighting, Viewfinder};
use crate::database::{Database, DatabaseError};
use crate::enrol::{BadPhotos, EnrolError, PhotoError, RefusedPhotos, Reviewed, Session};
use crate::ipc::{Code, Enrol, Guidance, Step};
use crate::recognise::FaceReport;
use crate::risk::ThresholdRequest;
use crate::vision::{Vision, VisionError};
use crate::whitelist::{self, WhitelistError};

/// Frames in a row show the same: one in this time says more.
const MIN_PHOTO_INTERVAL: Duration = Duration::from_millis(500);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Of a photo that was sent, in all; decoded it takes three bytes of each.
const MAX_SENT_PIXELS: u64 = 25_000_000;

/// Why nobody is to be enrolled.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{taken} of {wanted} good pictures in {seconds} s; {last}")]
    TooSlow {
        taken: u8,
        wanted: u8,
        seconds: u64,
        last: String,
    },
    #[error(transparent)]
    Vision(#[from] VisionError),
    #[error(transparent)]
    Photos(#[from] RefusedPhotos),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Whitelist(#[from] WhitelistError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("ended before its time")]
    Stopped,
}

impl Failure {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Whitelist(WhitelistError::Unknown { .. } | WhitelistError::Gone { .. }) => {
                Code::Unknown
            }
            _ => Code::Refused,
        }
    }
}

/// Where the pictures come from.
pub(super) enum Pictures {
    Camera(Enrol),
    Sent {
        /// A name, or `#` and a number.
        name: String,
        photos: Vec<SentPhoto>,
    },
}

/// What the thread works with.
pub(super) struct Work {
    pub models: Models,
    pub settings: config::Vision,
    pub keep_photos: bool,
    /// Whether only somebody whose consent is noted may be enrolled.
    pub lacks_consent: bool,
    /// Whether the camera's picture is mirrored.
    pub is_mirrored: bool,
    pub threshold: ThresholdRequest,
    pub database: PathBuf,
    pub viewfinder: Arc<Viewfinder>,
    pub pictures: Pictures,
    pub tell: Sender<Told>,
    pub stop: Arc<AtomicBool>,
}

impl Work {
    /// Until there are pictures enough, or none that will do.
    ///
    /// # Errors
    /// [`Failure`]
    pub(super) fn run(&self) -> Result<Reviewed, Failure> {
        match &self.pictures {
            Pictures::Camera(asked) => {
                self.demand_consent(&asked.name)?;
                self.by_camera(asked)
            }
            Pictures::Sent { name, photos } => self.by_photos(name, photos),
        }
    }

    /// Before anybody poses.
    fn demand_consent(&self, name: &str) -> Result<(), Failure> {
        if self.lacks_consent {
            whitelist::demand_consent(&Database::open_existing(&self.database)?, name)?;
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn by_photos(&self, name: &str, photos: &[SentPhoto]) -> Result<Reviewed, Failure> {
        let database = Database::open_existing(&self.database)?;
        let name = match name.trim().starts_with('#') {
            true => whitelist::find(&database, name)?.name,
            false => name.to_owned(),
        };
        let mut vision = Vision::open(&self.models, &self.settings)?;
        let mut session = Session::new(&mut vision, self.keep_photos, BadPhotos::RefuseAll);
        for photo in photos {
            if self.is_stopped() {
                return Err(Failure::Stopped);
            }
            let picture = camera::read_picture(&photo.bytes, MAX_SENT_PIXELS);
            session.add_photo(&photo.name, picture);
        }
        session.weigh()?;
        Ok(session.review(&name, &database, self.threshold)?)
    }

    fn by_camera(&self, asked: &Enrol) -> Result<Reviewed, Failure> {
        let (wanted, seconds) = (asked.pictures, asked.timeout_s);
        let mut vision = Vision::open(&self.models, &self.settings)?;
        let bad_photos = BadPhotos::RefuseAll;
        let mut session = Session::new(&mut vision, self.keep_photos, bad_photos);
        let begun = Instant::now();
        let until = begun + Duration::from_secs(seconds);
        let (mut taken, mut seen, mut next_at) = (0, 0, Instant::now());
        let mut last = (Step::LookHere, "the camera gives no picture".to_owned());
        while taken < wanted {
            if self.is_stopped() {
                return Err(Failure::Stopped);
            }
            if Instant::now() >= until {
                return Err(Failure::TooSlow {
                    taken,
                    wanted,
                    seconds,
                    last: last.1,
                });
            }
            self.viewfinder.ask();
            let sighting = self.viewfinder.last().filter(|one| one.number > seen);
            let Some(sighting) = sighting.filter(|_| Instant::now() >= next_at) else {
                std::thread::sleep(LOOK_INTERVAL);
                continue;
            };
            seen = sighting.number;
            let since = begun.elapsed().as_secs();
            let moment = format!("picture {}, {since} s after it began", taken + 1);
            match session.add(&sighting.picture, moment) {
                Ok(()) => {
                    taken += 1;
                    next_at = Instant::now() + MIN_PHOTO_INTERVAL;
                    let text = format!("picture {taken} of {wanted}: turn your head a little");
                    last = (Step::Taken, text);
                }
                Err(why) => last = (self.step(&why, &sighting), why.to_string()),
            }
            let rect = sighting.faces.first().map(|face| face.rect);
            // Whoever does not listen misses a word, and hears the next one.
            let _ = self.tell.try_send(Told::Guidance(Guidance {
                step: last.0,
                text: last.1.clone(),
                taken,
                wanted,
                rect,
            }));
        }
        let database = Database::open_existing(&self.database)?;
        Ok(session.review(&asked.name, &database, self.threshold)?)
    }

    /// What to do about a picture that cannot be used.
    fn step(&self, why: &PhotoError, sighting: &Sighting) -> Step {
        match why {
            PhotoError::NoFace | PhotoError::NotKept(_) | PhotoError::Vision(_) => Step::LookHere,
            PhotoError::SeveralFaces { .. } | PhotoError::AnotherIsLarger { .. } => {
                Step::SomebodyElse
            }
            PhotoError::TooSmall { .. } => Step::ComeCloser,
            PhotoError::Unclear { .. } => Step::FaceTheCamera,
            PhotoError::Blurred { .. } | PhotoError::SamePicture => Step::HoldStill,
            PhotoError::Dark { .. } => Step::MoreLight,
            PhotoError::Cut { .. } | PhotoError::OutsidePicture => Step::IntoThePicture,
            PhotoError::UpsideDown | PhotoError::OnItsSide => Step::TurnTheCamera,
            PhotoError::TurnedAside { .. } => match sighting.faces.first() {
                Some(face) if looks_left(face) != self.is_mirrored => Step::TurnLeft,
                Some(_) => Step::TurnRight,
                None => Step::FaceTheCamera,
            },
        }
    }
}

/// Whether the head is turned to the viewer's left, which in a picture that is not mirrored is
/// the person's right.
fn looks_left(face: &FaceReport) -> bool {
    let [left, right, nose, ..] = face.landmarks;
    nose[0] < (left[0] + right[0]) / 2.0
}
