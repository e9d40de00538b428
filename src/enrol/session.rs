//! From photos to templates on the whitelist.

use std::mem;
use std::path::PathBuf;

use image::RgbImage;

use super::left_out::{BadPhotos, LeftOut, NoTemplate, RefusedPhotos};
use super::photo::{self, PhotoError};
use super::review::{self, Alike, LookAlike, Sample};
use crate::camera::{self, PictureFault};
use crate::cohort::Score;
use crate::database::Database;
use crate::embedding::{Cosine, Embedding};
use crate::person::PersonId;
use crate::recognise::Quality;
use crate::risk::{RiskError, ThresholdRequest};
use crate::verbs::{Enrolment, Reply, Verb, VerbError};
use crate::vision::Vision;
use crate::whitelist::{self, NewTemplate, Snapshot, WhitelistError};

/// Where the templates of pictures come from that no file holds.
const CAMERA: &str = "camera";

/// Photos of one person, each good enough for a template.
#[derive(Debug)]
pub struct Session<'v> {
    vision: &'v mut Vision,
    keep_photos: bool,
    bad_photos: BadPhotos,
    samples: Vec<Sample>,
    left_out: Vec<LeftOut>,
}

/// A photo that a template was made of.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'s> {
    /// The file it came from, or `camera`.
    pub source: &'s str,
    /// What was measured about it.
    pub quality: Quality,
    /// How alike it is to the mean of the others; nothing if there is no other.
    pub like_the_others: Option<Cosine>,
}

/// Why nobody was enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Photos cannot be used.
    #[error(transparent)]
    Photos(#[from] RefusedPhotos),
    /// Photos are not of one person.
    #[error(
        "these photos do not show the same person as the others, or as those enrolled before under this name; leave them out:{}",
        listed(.0)
    )]
    SeveralPeople(Vec<(String, Cosine)>),
    /// Pictures that were taken with the camera are not of one person.
    #[error(
        "these pictures do not show the same person as the others, or as those enrolled before under this name:{}\nonly that person may be in view: repeat it; of a recording take the part that shows that person alone, which `ffmpeg -ss FROM -to TO -i CLIP` cuts out, or give good photos as files",
        listed(.0)
    )]
    SeveralInView(Vec<(String, Cosine)>),
    /// There is a template of each photo already.
    #[error("all these photos are enrolled already under this name; give others")]
    NothingNew(Vec<LeftOut>),
    /// With one more person no threshold follows from the risk.
    #[error("then nobody could be let in any more: {0}")]
    NoThreshold(#[source] RiskError),
    /// Somebody who is listed looks the same, and nobody said that they are two.
    #[error("{0}")]
    LookAlike(Box<LookAlike>),
    /// The whitelist cannot be read.
    #[error(transparent)]
    Whitelist(#[from] WhitelistError),
    /// The whitelist was not changed.
    #[error(transparent)]
    Verb(#[from] VerbError),
}

/// A line for each.
fn listed(odd: &[(String, Cosine)]) -> String {
    let lines = odd.iter();
    lines
        .map(|(photo, cosine)| format!("\n  {photo}: cosine {cosine:.2} with the others"))
        .collect()
}

/// Who was enrolled by a verb.
///
/// # Errors
/// [`EnrolError::Verb`] for what is another verb's answer.
pub(crate) fn enrolled(reply: Reply) -> Result<PersonId, EnrolError> {
    match reply {
        Reply::Enrolled { person, .. } => Ok(person),
        _ => Err(VerbError::other_reply().into()),
    }
}

/// Whether somebody may be enrolled who looks like somebody else on the whitelist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookAlikes {
    /// Nobody.
    Refused,
    /// An administrator says that they are two people.
    TwoPeople,
}

impl<'v> Session<'v> {
    /// Without photos; with `keep_photos` what is enrolled keeps the picture of the face.
    pub fn new(vision: &'v mut Vision, keep_photos: bool, bad_photos: BadPhotos) -> Self {
        Self {
            vision,
            keep_photos,
            bad_photos,
            samples: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Adds a picture that the camera took and that shows one person; `moment` names it, should
    /// the others turn out to be of somebody else.
    ///
    /// # Errors
    /// [`PhotoError`]; it was not added.
    pub fn add(&mut self, image: &RgbImage, moment: String) -> Result<(), PhotoError> {
        let sample = self.sample(image, CAMERA, Some(moment))?;
        let is_same = |one: &Sample| sample.is_same_picture(&one.template.embedding);
        if self.samples.iter().any(is_same) {
            return Err(PhotoError::SamePicture);
        }
        self.samples.push(sample);
        Ok(())
    }

    fn sample(
        &mut self,
        image: &RgbImage,
        source: &str,
        moment: Option<String>,
    ) -> Result<Sample, PhotoError> {
        let examined = photo::examine(image, self.vision)?;
        let photo = if self.keep_photos {
            Some(photo::kept(image, &examined.face)?)
        } else {
            None
        };
        let (width, height) = (image.width() as f32, image.height() as f32);
        Ok(Sample {
            template: NewTemplate {
                embedding: examined.embedding,
                source: source.to_owned(),
                photo,
            },
            quality: examined.quality,
            landmarks: examined
                .face
                .landmarks
                .map(|[x, y]| [x / width, y / height]),
            moment,
        })
    }

    /// Adds picture files, each photo once however often it is given; `each` is called after
    /// each file.
    ///
    /// # Errors
    /// [`RefusedPhotos`] names every photo that cannot be used, unless it may be left out; the
    /// others were added.
    pub(crate) fn add_files(
        &mut self,
        photos: &[PathBuf],
        mut each: impl FnMut(),
    ) -> Result<(), RefusedPhotos> {
        for photo in photos {
            let picture = camera::load_picture(photo).map_err(|error| error.fault);
            self.add_photo(&photo.display().to_string(), picture);
            each();
        }
        self.weigh()
    }

    /// Adds a photo that may have been given before, or notes why it cannot be used.
    pub(crate) fn add_photo(&mut self, source: &str, picture: Result<RgbImage, PictureFault>) {
        if let Err(why) = self.once(source, picture) {
            self.left_out.push(LeftOut {
                photo: source.to_owned(),
                why,
            });
        }
    }

    /// Whether the photos that cannot be used may be left out.
    ///
    /// # Errors
    /// [`RefusedPhotos`] names each of them.
    pub(crate) fn weigh(&mut self) -> Result<(), RefusedPhotos> {
        let least = match self.bad_photos {
            BadPhotos::RefuseAll => None,
            BadPhotos::LeaveOut { least } => Some(least),
        };
        let is_fault = |one: &LeftOut| one.why.is_fault();
        if !self.left_out.iter().any(is_fault) || least.is_some_and(|n| self.len() >= n) {
            return Ok(());
        }
        let (photos, rest) = mem::take(&mut self.left_out)
            .into_iter()
            .partition(is_fault);
        self.left_out = rest;
        let too_few = least.map(|least| (self.len(), least));
        Err(RefusedPhotos { photos, too_few })
    }

    fn once(
        &mut self,
        source: &str,
        picture: Result<RgbImage, PictureFault>,
    ) -> Result<(), NoTemplate> {
        let image = picture.map_err(NoTemplate::Unreadable)?;
        let sample = match self.sample(&image, source, None) {
            Ok(sample) => sample,
            Err(why @ (PhotoError::NoFace | PhotoError::Unclear { .. })) => {
                let turned = photo::lies_wrong(&image, self.vision);
                let turned = turned.unwrap_or_else(|error| Some(error.into()));
                return Err(NoTemplate::Unusable(turned.unwrap_or(why)));
            }
            Err(why) => return Err(NoTemplate::Unusable(why)),
        };
        let before = self.samples.iter().find(|one| one.is_same_photo(&sample));
        if let Some(before) = before {
            return Err(NoTemplate::SamePhoto(before.template.source.clone()));
        }
        self.samples.push(sample);
        Ok(())
    }

    /// The files that were not added so far.
    pub(crate) fn take_left_out(&mut self) -> Vec<LeftOut> {
        mem::take(&mut self.left_out)
    }

    /// How many photos were added.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Compares the photos with each other and with everybody on the whitelist but the
    /// person called `name`, to whom they are added if there is one.
    ///
    /// # Errors
    /// [`EnrolError`]; a look-alike is no error yet.
    pub(crate) fn review(
        mut self,
        name: &str,
        database: &Database,
        asked: ThresholdRequest,
    ) -> Result<Reviewed, EnrolError> {
        let name = whitelist::check_name(name)?;
        let own = match whitelist::find_by_name(database, &name)? {
            Some(person) => Some(person.id),
            None => None,
        };
        let before = match own {
            Some(person) => whitelist::embeddings_of(database, self.vision.version(), person)?,
            None => Vec::new(),
        };
        self.leave_out_enrolled(&before)?;
        if let Some(calibration) = self.vision.scoring().calibration() {
            let same = calibration.cosine_1_in_100;
            self.leave_out_others(&before, same)?;
        }
        let (model, scoring) = (self.vision.version(), self.vision.scoring());
        let calibration = scoring.calibration();
        let listed = Snapshot::load(database, model, scoring, asked)?;
        let people = listed.matcher.comparisons() + usize::from(own.is_none());
        let threshold = listed
            .matcher
            .threshold_with(people)
            .map_err(EnrolError::NoThreshold)?;
        let photos: Vec<&Embedding> = self.samples.iter().map(|s| &s.template.embedding).collect();
        let look_alike = Embedding::mean(&photos)
            .and_then(|mean| listed.matcher.identify_other(&mean, own))
            .filter(|found| threshold.is_reached_by(found.score))
            .map(|found| {
                let highest = calibration.map(|c| c.highest_score());
                let same = highest.is_some_and(|highest: Score| found.score >= highest);
                LookAlike {
                    person: found.person,
                    name: listed.directory.name_of(found.person),
                    alike: if same { Alike::Same } else { Alike::LookAlike },
                    score: found.score,
                    threshold: threshold.score,
                    false_match_rate: calibration
                        .and_then(|c| c.rates_at(found.score))
                        .map(|rates| rates.fmr),
                }
            });
        Ok(Reviewed {
            compared: calibration.is_some(),
            name,
            own,
            look_alike,
            samples: self.samples,
            left_out: self.left_out,
        })
    }

    /// Leaves out what the person has a template of.
    fn leave_out_enrolled(&mut self, before: &[Embedding]) -> Result<(), EnrolError> {
        // The camera's own are left out only where they are those of a recording that was
        // taken from before.
        let enrolled = |one: &Sample| match one.moment {
            None => before.iter().any(|b| one.is_as_good_as(b)),
            Some(_) => before.iter().any(|b| one.is_same_picture(b)),
        };
        let (again, new): (Vec<Sample>, _) =
            mem::take(&mut self.samples).into_iter().partition(enrolled);
        self.samples = new;
        self.left_out.extend(again.into_iter().map(|one| LeftOut {
            photo: one.moment.unwrap_or(one.template.source),
            why: NoTemplate::Enrolled,
        }));
        let is_enrolled = |one: &LeftOut| matches!(one.why, NoTemplate::Enrolled);
        if self.samples.is_empty() && self.left_out.iter().any(is_enrolled) {
            return Err(EnrolError::NothingNew(mem::take(&mut self.left_out)));
        }
        Ok(())
    }

    /// Leaves out the photos of somebody else, if that is allowed and no doubt remains.
    fn leave_out_others(&mut self, before: &[Embedding], same: Cosine) -> Result<(), EnrolError> {
        let others = review::outliers(&self.samples, before, same);
        if others.is_empty() {
            return Ok(());
        }
        let name = |sample: &Sample| {
            let moment = sample.moment.as_ref();
            moment.unwrap_or(&sample.template.source).clone()
        };
        let cosine_of = |place: usize| others.iter().find(|(p, _)| *p == place).map(|(_, c)| *c);
        if let BadPhotos::LeaveOut { least } = self.bad_photos {
            let remain = self.samples.len() - others.len();
            let mut kept = Vec::new();
            let mut odd = Vec::new();
            for (place, sample) in mem::take(&mut self.samples).into_iter().enumerate() {
                match cosine_of(place) {
                    Some(cosine) => odd.push((sample, cosine)),
                    None => kept.push(sample),
                }
            }
            // Most of them have to be one person.
            let clear = remain > odd.len() && review::outliers(&kept, before, same).is_empty();
            if clear && remain >= least {
                self.samples = kept;
                self.left_out
                    .extend(odd.iter().map(|(sample, cosine)| LeftOut {
                        photo: name(sample),
                        why: NoTemplate::SomebodyElse(*cosine),
                    }));
                return Ok(());
            }
            let named = odd.iter().map(|(sample, c)| (name(sample), *c));
            return Err(EnrolError::SeveralPeople(named.collect()));
        }
        let named = others
            .iter()
            .filter_map(|(place, c)| Some((name(self.samples.get(*place)?), *c)));
        let named = named.collect();
        Err(match self.samples.iter().any(|one| one.moment.is_some()) {
            true => EnrolError::SeveralInView(named),
            false => EnrolError::SeveralPeople(named),
        })
    }
}

/// Photos that may be one person's templates.
#[derive(Debug)]
pub struct Reviewed {
    name: String,
    own: Option<PersonId>,
    compared: bool,
    look_alike: Option<LookAlike>,
    samples: Vec<Sample>,
    left_out: Vec<LeftOut>,
}

impl Reviewed {
    /// The person's name, as it is kept.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the photos are added to a person who is listed already.
    pub(crate) fn is_listed(&self) -> bool {
        self.own.is_some()
    }

    /// Whether the photos were compared with each other, which takes a calibration.
    pub(crate) fn were_compared(&self) -> bool {
        self.compared
    }

    /// Another person on the whitelist, whom the photos would pass for.
    pub(crate) fn look_alike(&self) -> Option<&LookAlike> {
        self.look_alike.as_ref()
    }

    /// Photos that templates are made of.
    pub fn photos(&self) -> impl Iterator<Item = Taken<'_>> {
        let samples = self.samples.iter().enumerate();
        samples.map(|(place, sample)| Taken {
            source: &sample.template.source,
            quality: sample.quality,
            like_the_others: review::like_the_others(&self.samples, &[], place),
        })
    }

    /// Photos that were given beside them.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    pub(crate) fn into_left_out(self) -> Vec<LeftOut> {
        self.left_out
    }

    /// All of it as a verb, for whoever may write; as a guest until a moment, in milliseconds
    /// since 1970, if one is given.
    ///
    /// # Errors
    /// [`EnrolError::LookAlike`] if that is refused.
    pub(crate) fn enrolment(
        &self,
        look_alikes: LookAlikes,
        guest_until_ms: Option<i64>,
    ) -> Result<Verb, EnrolError> {
        if let (Some(found), LookAlikes::Refused) = (&self.look_alike, look_alikes) {
            return Err(EnrolError::LookAlike(Box::new(found.clone())));
        }
        let templates: Vec<NewTemplate> = self.samples.iter().map(|s| s.template.clone()).collect();
        let enrolment = Enrolment::of(&self.name, &templates, guest_until_ms);
        let none = || WhitelistError::NoTemplates(self.name.clone());
        Ok(Verb::Enroll(enrolment.ok_or_else(none)?))
    }
}
