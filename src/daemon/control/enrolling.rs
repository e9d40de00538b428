//! Enrolling somebody with the door's own camera: a thread of its own, with networks of its own,
//! that looks at what the vision thread shows. The door goes on meanwhile.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::Given;
use super::connection::Connection;
use super::limits::MAX_VERB_WAIT;
use super::requests::Refused;
use super::server::Server;
use super::waiting::Then;
use crate::config::{self, Models};
use crate::daemon::asks::Act;
use crate::daemon::viewfinder::{Sighting, Viewfinder};
use crate::database::{Database, DatabaseError};
use crate::enrol::{BadPhotos, Consent, EnrolError, PhotoError, Reviewed, Session};
use crate::ipc::{Answer, Code, Enrol, Enrolled, Guidance, Step, Word};
use crate::person::PersonId;
use crate::recognise::FaceReport;
use crate::risk::ThresholdRequest;
use crate::vision::{Vision, VisionError};
use crate::whitelist::check_name;

/// Words that wait to be told: frames are more than anybody can follow.
const MAX_WAITING_WORDS: usize = 8;
/// Frames in a row show the same: one in this time says more.
const MIN_PHOTO_INTERVAL: Duration = Duration::from_millis(500);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// The most pictures, and the longest time for them.
const MAX_PICTURES: u8 = 20;
const MAX_SECONDS: u64 = 600;

/// What the thread tells.
pub(super) enum Told {
    Guidance(Guidance),
    /// The pictures are taken and may be one person's templates.
    Taken(Box<Reviewed>),
    Failed(String),
}

/// An enrolment that goes on. Dropping it ends it.
pub(super) struct Enrolling {
    pub client: u64,
    /// Of the request.
    pub id: u64,
    pub asked: Enrol,
    pub told: Receiver<Told>,
    stop: Arc<AtomicBool>,
}

impl Drop for Enrolling {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Why there are not enough pictures.
#[derive(Debug, thiserror::Error)]
enum Failure {
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
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("ended before its time")]
    Stopped,
}

/// What the thread works with.
struct Work {
    models: Models,
    settings: config::Vision,
    keep_photos: bool,
    /// Whether the picture is mirrored.
    is_mirrored: bool,
    threshold: ThresholdRequest,
    database: PathBuf,
    viewfinder: Arc<Viewfinder>,
    asked: Enrol,
    tell: Sender<Told>,
    stop: Arc<AtomicBool>,
}

impl Enrolling {
    /// Begins.
    ///
    /// # Errors
    /// There is no thread to be had.
    fn begin(given: &Given, client: u64, id: u64, asked: Enrol) -> io::Result<Self> {
        let (tell, told) = bounded(MAX_WAITING_WORDS);
        let stop = Arc::<AtomicBool>::default();
        let enrol = &given.enrol;
        let work = Work {
            models: enrol.models.clone(),
            settings: enrol.vision.clone(),
            keep_photos: enrol.keep_photos,
            is_mirrored: enrol.is_mirrored,
            threshold: enrol.rules.load().threshold_request(),
            database: given.database.clone(),
            viewfinder: Arc::clone(&given.viewfinder),
            asked: asked.clone(),
            tell,
            stop: Arc::clone(&stop),
        };
        let bell = given.bell.clone();
        let thread = std::thread::Builder::new().name("enrol".into());
        thread.spawn(move || {
            let told = match work.run() {
                Ok(reviewed) => Told::Taken(Box::new(reviewed)),
                Err(failure) => Told::Failed(failure.to_string()),
            };
            let _ = work.tell.send_timeout(told, Duration::from_secs(5));
            bell.ring();
        })?;
        Ok(Self {
            client,
            id,
            asked,
            told,
            stop,
        })
    }
}

impl Server<'_> {
    /// Whether somebody can be enrolled now.
    ///
    /// # Errors
    /// [`Refused`]
    pub(super) fn may_enrol(&self, asked: &Enrol) -> Result<(), Refused> {
        if self.enrolling.is_some() {
            let message = "somebody is being enrolled with this camera already; try again then";
            return Err(Refused(Code::Busy, message.into()));
        }
        let refused = |what: String| Refused(Code::Refused, what);
        if !(1..=MAX_PICTURES).contains(&asked.pictures) {
            return Err(refused(format!("pictures is 1 to {MAX_PICTURES}")));
        }
        if !(1..=MAX_SECONDS).contains(&asked.timeout_s) {
            return Err(refused(format!("timeout_s is 1 to {MAX_SECONDS}")));
        }
        let named = check_name(&asked.name);
        named
            .map(|_| ())
            .map_err(|error| refused(error.to_string()))
    }

    /// Begins to enrol somebody, once that is on record.
    ///
    /// # Errors
    /// [`Refused`]
    pub(super) fn enrol(&mut self, client: u64, id: u64, asked: Enrol) -> Result<(), Refused> {
        self.may_enrol(&asked)?;
        let begun = Enrolling::begin(self.given, client, id, asked);
        let begun = begun.map_err(|error| {
            let message = format!("there is no thread for it: {error}");
            Refused(Code::Refused, message)
        })?;
        self.enrolling = Some(begun);
        Ok(())
    }

    /// Ends it; false if that request did not begin one.
    pub(super) fn end_enrolment(&mut self, client: &mut Connection, id: u64) -> bool {
        let is_it = |one: &mut Enrolling| (one.client, one.id) == (client.number, id);
        let ended = self.enrolling.take_if(is_it).is_some();
        client.waiting -= usize::from(ended && client.waiting > 0);
        ended
    }

    /// Tells whoever enrols somebody what the camera makes of the face.
    pub(super) fn guide(&mut self, now: Instant) {
        loop {
            let Some(enrolling) = &self.enrolling else {
                return;
            };
            let (client, id) = (enrolling.client, enrolling.id);
            let told = match enrolling.told.try_recv() {
                Ok(told) => told,
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => Told::Failed("its thread ended".into()),
            };
            match told {
                Told::Guidance(guidance) => self.with(client, |_, client| {
                    client.say(&Answer::to(id, Word::Guidance(guidance)))
                }),
                Told::Taken(reviewed) => {
                    let asked = self.enrolling.take().map(|one| one.asked.clone());
                    if let Some(asked) = asked
                        && let Err(Refused(code, why)) =
                            self.commit(client, id, &asked, &reviewed, now)
                    {
                        self.answer(client, id, Word::error(code, why));
                    }
                }
                Told::Failed(why) => {
                    self.enrolling = None;
                    let word = Word::error(Code::Refused, format!("nobody was enrolled: {why}"));
                    self.answer(client, id, word);
                }
            }
        }
    }

    /// Has the recorder write what was taken.
    fn commit(
        &mut self,
        client: u64,
        id: u64,
        asked: &Enrol,
        reviewed: &Reviewed,
        now: Instant,
    ) -> Result<(), Refused> {
        let consent = match asked.look_alike {
            true => Consent::TwoPeople,
            false => Consent::None,
        };
        let verb = reviewed.enrolment(consent, asked.guest_until_ms);
        let verb =
            verb.map_err(|error| Refused(Code::Refused, format!("nobody was enrolled: {error}")))?;
        let client = self.clients.iter().find(|one| one.number == client);
        let Some((number, actor)) = client.map(|client| (client.number, client.who.actor())) else {
            return Ok(());
        };
        let then = Then::Enrolled(Enrolled {
            person_id: PersonId(0),
            name: reviewed.name().to_owned(),
            added: reviewed.is_listed(),
            templates: reviewed.photos().count(),
            look_alike: reviewed.look_alike().map(ToString::to_string),
        });
        let act = Act::Enrol(Box::new(verb));
        self.hand(number, actor, id, (act, then), now + MAX_VERB_WAIT)
    }
}

impl Work {
    fn run(&self) -> Result<Reviewed, Failure> {
        let (wanted, seconds) = (self.asked.pictures, self.asked.timeout_s);
        let mut vision = Vision::open(&self.models, &self.settings)?;
        let bad_photos = BadPhotos::RefuseAll;
        let mut session = Session::new(&mut vision, self.keep_photos, bad_photos);
        let begun = Instant::now();
        let until = begun + Duration::from_secs(seconds);
        let (mut taken, mut seen, mut next_at) = (0, 0, Instant::now());
        let mut last = (Step::LookHere, "the camera gives no picture".to_owned());
        while taken < wanted {
            if self.stop.load(Ordering::Acquire) {
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
        Ok(session.review(&self.asked.name, &database, self.threshold)?)
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
            PhotoError::Blurred { .. } => Step::HoldStill,
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
