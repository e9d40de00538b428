//! Enrolling many people: each whole or not at all, whatever becomes of the others.

use super::left_out::{BadPhotos, LeftOut, NoTemplate};
use super::roster::Applicant;
use super::session::{EnrolError, LookAlikes, Session, enrolled};
use crate::database::Database;
use crate::record::Consent;
use crate::risk::ThresholdRequest;
use crate::verbs::{Reply, Verb, VerbError};
use crate::vision::Vision;
use crate::whitelist::WhitelistError;

/// What became of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Is on the whitelist now.
    Enrolled,
    /// Was on it, and has more templates now.
    Added,
    /// Was on it with all these photos.
    Unchanged,
    /// Nothing was changed.
    LeftOut,
}

/// Somebody, what became of the person, and of each photo.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// Why the person is left out, or what to know otherwise.
    pub(crate) note: Option<String>,
    /// Files that templates were made of.
    pub(crate) taken: Vec<String>,
    pub(crate) left_out: Vec<LeftOut>,
}

impl Entered {
    fn left_out(name: &str, why: impl Into<String>, photos: Vec<LeftOut>) -> Self {
        Self {
            name: name.to_owned(),
            outcome: Outcome::LeftOut,
            note: Some(why.into()),
            taken: Vec::new(),
            left_out: photos,
        }
    }
}

/// What it takes to enrol people one after the other.
pub(crate) struct Bulk<'b> {
    pub(crate) vision: &'b mut Vision,
    /// To read.
    pub(crate) database: &'b Database,
    /// Does what changes it.
    pub(crate) does: &'b mut dyn FnMut(Verb) -> Result<Reply, VerbError>,
    pub(crate) keep_photos: bool,
    pub(crate) bad_photos: BadPhotos,
    pub(crate) look_alikes: LookAlikes,
    /// What everybody agreed to.
    pub(crate) consent: Option<Consent>,
    pub(crate) asked: ThresholdRequest,
    /// Why no more is tried, if the database failed.
    pub(crate) stopped: Option<String>,
}

impl Bulk<'_> {
    /// Enrols somebody, or adds the photos to the person of that name; `each` is called after
    /// each photo.
    pub(crate) fn enter(&mut self, person: &Applicant, mut each: impl FnMut()) -> Entered {
        let name = &person.name;
        let fault = match (&self.stopped, &person.fault) {
            (Some(why), _) => Some(format!("not reached, because {why}")),
            (None, Some(why)) => Some(why.clone()),
            (None, None) if person.photos.is_empty() => Some("there is no photo".into()),
            (None, None) => None,
        };
        if let Some(why) = fault {
            person.photos.iter().for_each(|_| each());
            return Entered::left_out(name, why, Vec::new());
        }
        let mut left_out = Vec::new();
        let mut entered = match self.try_to(person, each, &mut left_out) {
            Ok(entered) => entered,
            Err(EnrolError::Photos(refused)) => {
                let (bad, all) = (refused.photos.len(), person.photos.len());
                let photos = if all == 1 { "photo" } else { "photos" };
                let why = match refused.too_few {
                    Some((good, least)) => {
                        format!(
                            "{bad} of {all} {photos} cannot be used, and fewer than {least} are good ({good})"
                        )
                    }
                    None => format!("{bad} of {all} {photos} cannot be used"),
                };
                Entered::left_out(name, why, refused.photos)
            }
            Err(EnrolError::SeveralPeople(odd)) => {
                let photos = odd.into_iter().map(|(photo, cosine)| LeftOut {
                    photo,
                    why: NoTemplate::SomebodyElse(cosine),
                });
                let why = "the photos do not all show one person, or not the one enrolled before under this name";
                Entered::left_out(name, why, photos.collect())
            }
            Err(EnrolError::NothingNew(photos)) => Entered {
                name: name.clone(),
                outcome: Outcome::Unchanged,
                note: None,
                taken: Vec::new(),
                left_out: photos,
            },
            Err(error) => {
                let is_failed = match &error {
                    EnrolError::Whitelist(WhitelistError::Database(_)) => true,
                    EnrolError::Verb(error) => error.is_failure(),
                    _ => false,
                };
                if is_failed {
                    self.stopped = Some(error.to_string());
                }
                Entered::left_out(name, error.to_string(), Vec::new())
            }
        };
        entered.left_out.splice(0..0, left_out);
        entered
    }

    /// `left_out` gets what is left out before the photos are compared, also if that fails.
    fn try_to(
        &mut self,
        person: &Applicant,
        each: impl FnMut(),
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Entered, EnrolError> {
        let mut session = Session::new(self.vision, self.keep_photos, self.bad_photos);
        let added = session.add_files(&person.photos, each);
        left_out.extend(session.take_left_out());
        added?;
        let reviewed = session.review(&person.name, self.database, self.asked)?;
        let verb = reviewed.enrolment(self.look_alikes, None)?;
        enrolled((self.does)(verb.consented(self.consent.clone()))?)?;
        let taken: Vec<String> = reviewed.photos().map(|p| p.source.to_owned()).collect();
        let few = !reviewed.is_listed() && taken.len() < 3;
        Ok(Entered {
            name: reviewed.name().to_owned(),
            outcome: if reviewed.is_listed() {
                Outcome::Added
            } else {
                Outcome::Enrolled
            },
            note: match reviewed.look_alike() {
                Some(found) => Some(format!("{found}; enrolled all the same")),
                None => few.then(|| "fewer than three photos".to_owned()),
            },
            taken,
            left_out: reviewed.into_left_out(),
        })
    }
}
