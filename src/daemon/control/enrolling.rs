//! Enrolling somebody with the door's own camera, or by photos that were sent: one person at a
//! time, by a thread of its own (`enrol_work`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, bounded};

use super::Given;
use super::connection::Connection;
use super::enrol_work::{Pictures, Work};
use super::limits::MAX_VERB_WAIT;
use super::photos::SentPhoto;
use super::requests::Refused;
use super::server::Server;
use super::waiting::Then;
use crate::daemon::asks::Act;
use crate::enrol::{Consent, EnrolError, Reviewed};
use crate::ipc::{Answer, Code, Enrol, EnrolPhotos, Enrolled, Guidance, Word};
use crate::person::PersonId;
use crate::record::Actor;
use crate::whitelist::check_name;

/// Words that wait to be told: frames are more than anybody can follow.
const MAX_WAITING_WORDS: usize = 8;
/// The most pictures, and the longest time for them.
const MAX_PICTURES: u8 = 20;
const MAX_SECONDS: u64 = 600;

/// What the thread tells.
pub(super) enum Told {
    Guidance(Guidance),
    /// The pictures are taken and may be one person's templates.
    Taken(Box<Reviewed>),
    Failed(Code, String),
}

/// Whom to enrol, and from what.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    ByCamera(Enrol),
    /// By the photos that the client sent before.
    ByPhotos(EnrolPhotos),
}

impl Wanted {
    fn consent(&self) -> Consent {
        let (Self::ByCamera(Enrol { look_alike, .. })
        | Self::ByPhotos(EnrolPhotos { look_alike, .. })) = self;
        match look_alike {
            true => Consent::TwoPeople,
            false => Consent::None,
        }
    }

    fn guest_until_ms(&self) -> Option<i64> {
        let (Self::ByCamera(Enrol { guest_until_ms, .. })
        | Self::ByPhotos(EnrolPhotos { guest_until_ms, .. })) = self;
        *guest_until_ms
    }
}

/// An enrolment that goes on. Dropping it ends it.
pub(super) struct Enrolling {
    pub client: u64,
    /// Of the request.
    pub id: u64,
    /// For whom the client asked.
    actor: Actor,
    wanted: Wanted,
    told: Receiver<Told>,
    stop: Arc<AtomicBool>,
}

impl Drop for Enrolling {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Enrolling {
    /// Begins.
    ///
    /// # Errors
    /// There is no thread to be had.
    fn begin(
        given: &Given,
        (client, actor): (u64, Actor),
        id: u64,
        (wanted, photos): (Wanted, Vec<SentPhoto>),
    ) -> io::Result<Self> {
        let (tell, told) = bounded(MAX_WAITING_WORDS);
        let stop = Arc::<AtomicBool>::default();
        let enrol = &given.enrol;
        let pictures = match &wanted {
            Wanted::ByCamera(asked) => Pictures::Camera(asked.clone()),
            Wanted::ByPhotos(asked) => Pictures::Sent {
                name: asked.name.clone(),
                photos,
            },
        };
        let work = Work {
            models: enrol.models.clone(),
            settings: enrol.vision.clone(),
            keep_photos: enrol.keep_photos,
            is_mirrored: enrol.is_mirrored,
            threshold: enrol.rules.load().threshold_request(),
            database: given.database.clone(),
            viewfinder: Arc::clone(&given.viewfinder),
            pictures,
            tell,
            stop: Arc::clone(&stop),
        };
        let bell = given.bell.clone();
        let thread = std::thread::Builder::new().name("enrol".into());
        thread.spawn(move || {
            let told = match work.run() {
                Ok(reviewed) => Told::Taken(Box::new(reviewed)),
                Err(failure) => Told::Failed(failure.code(), failure.to_string()),
            };
            let _ = work.tell.send_timeout(told, Duration::from_secs(5));
            bell.ring();
        })?;
        Ok(Self {
            client,
            id,
            actor,
            wanted,
            told,
            stop,
        })
    }
}

impl Server<'_> {
    /// Whether somebody can be enrolled now, by so many photos that were sent.
    ///
    /// # Errors
    /// [`Refused`]
    pub(super) fn may_enrol(&self, wanted: &Wanted, photos: usize) -> Result<(), Refused> {
        if self.enrolling.is_some() {
            let message = "somebody else is being enrolled just now; try again when that is done";
            return Err(Refused(Code::Busy, message.into()));
        }
        let refused = |what: String| Err(Refused(Code::Refused, what));
        let name = match wanted {
            Wanted::ByCamera(asked) if !(1..=MAX_PICTURES).contains(&asked.pictures) => {
                return refused(format!("pictures is 1 to {MAX_PICTURES}"));
            }
            Wanted::ByCamera(asked) if !(1..=MAX_SECONDS).contains(&asked.timeout_s) => {
                return refused(format!("timeout_s is 1 to {MAX_SECONDS}"));
            }
            Wanted::ByPhotos(_) if photos == 0 => {
                return refused("no photo was sent on this connection before; send each by `photo`, and then ask again".into());
            }
            Wanted::ByPhotos(asked) if asked.name.trim().starts_with('#') => return Ok(()),
            Wanted::ByCamera(Enrol { name, .. }) | Wanted::ByPhotos(EnrolPhotos { name, .. }) => {
                name
            }
        };
        match check_name(name) {
            Ok(_) => Ok(()),
            Err(error) => refused(error.to_string()),
        }
    }

    /// Begins to enrol somebody, once that is on record.
    ///
    /// # Errors
    /// [`Refused`]
    pub(super) fn enrol(
        &mut self,
        (client, actor): (u64, Actor),
        id: u64,
        wanted: Wanted,
    ) -> Result<(), Refused> {
        let asking = self.clients.iter().find(|one| one.number == client);
        let sent = asking.map_or(0, |asking| asking.photos.len());
        self.may_enrol(&wanted, sent)?;
        let mut photos = Vec::new();
        let asking = self.clients.iter_mut().find(|one| one.number == client);
        if let (Wanted::ByPhotos(_), Some(asking)) = (&wanted, asking) {
            photos = std::mem::take(&mut asking.photos);
        }
        let begun = Enrolling::begin(self.given, (client, actor), id, (wanted, photos));
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
                Err(TryRecvError::Disconnected) => {
                    Told::Failed(Code::Refused, "its thread ended".into())
                }
            };
            match told {
                Told::Guidance(guidance) => self.with(client, |_, client| {
                    client.say(&Answer::to(id, Word::Guidance(guidance)))
                }),
                Told::Taken(reviewed) => {
                    if let Some(enrolling) = self.enrolling.take()
                        && let Err(Refused(code, why)) = self.commit(&enrolling, &reviewed, now)
                    {
                        self.answer(client, id, Word::error(code, why));
                    }
                }
                Told::Failed(code, why) => {
                    self.enrolling = None;
                    let word = Word::error(code, format!("nobody was enrolled: {why}"));
                    self.answer(client, id, word);
                }
            }
        }
    }

    /// Has the recorder write what was taken.
    fn commit(
        &mut self,
        enrolling: &Enrolling,
        reviewed: &Reviewed,
        now: Instant,
    ) -> Result<(), Refused> {
        let wanted = &enrolling.wanted;
        let verb = reviewed.enrolment(wanted.consent(), wanted.guest_until_ms());
        let verb = verb.map_err(|error| {
            let fix = match error {
                EnrolError::LookAlike(_) => {
                    "; add the pictures to that person, or if they are two people, ask again with \"look_alike\" (`doorward enroll --look-alike`) and use more pictures or a second factor for both"
                }
                _ => "",
            };
            Refused(Code::Refused, format!("nobody was enrolled: {error}{fix}"))
        })?;
        let then = Then::Enrolled(Enrolled {
            person_id: PersonId(0),
            name: reviewed.name().to_owned(),
            added: reviewed.is_listed(),
            templates: reviewed.photos().count(),
            look_alike: reviewed.look_alike().map(ToString::to_string),
        });
        let act = Act::Enrol(Box::new(verb));
        let (client, actor) = (enrolling.client, enrolling.actor.clone());
        self.hand(
            client,
            actor,
            enrolling.id,
            (act, then),
            now + MAX_VERB_WAIT,
        )
    }
}
