//! From photos to templates on the whitelist.

use std::fmt;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::photo::{self, PhotoError};
use super::review::{self, Alike, LookAlike};
use crate::camera::{self, PictureError};
use crate::cohort::Score;
use crate::database::Database;
use crate::embedding::{Cosine, Embedding};
use crate::person::PersonId;
use crate::recognise::Quality;
use crate::record::Origin;
use crate::risk::{RiskError, ThresholdRequest};
use crate::vision::Vision;
use crate::whitelist::{self, NewTemplate, Snapshot, WhitelistError};

/// Photos of one person, each good enough for a template.
#[derive(Debug)]
pub struct Session<'v> {
    vision: &'v mut Vision,
    keep_photos: bool,
    templates: Vec<NewTemplate>,
    qualities: Vec<Quality>,
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
        .0.iter().map(|(photo, cosine)| format!("\n  {photo}: cosine {cosine:.2} with the others")).collect::<String>()
    )]
    SeveralPeople(Vec<(String, Cosine)>),
    /// With one more person no threshold follows from the risk.
    #[error("then nobody could be let in any more: {0}")]
    NoThreshold(#[source] RiskError),
    /// Somebody who is listed looks the same, and nobody consented.
    #[error("{0}")]
    LookAlike(Box<LookAlike>),
    /// The whitelist cannot be read or changed.
    #[error(transparent)]
    Whitelist(#[from] WhitelistError),
}

/// Photos that cannot be used, and why.
#[derive(Debug)]
pub struct RefusedPhotos(pub Vec<Refused>);

impl std::error::Error for RefusedPhotos {}

impl fmt::Display for RefusedPhotos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these photos cannot be used:")?;
        self.0.iter().try_for_each(|one| write!(f, "\n  {one}"))
    }
}

/// One of them.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The file is no picture.
    #[error(transparent)]
    Unreadable(PictureError),
    /// No template can be made of it.
    #[error("{}: {why}", photo.display())]
    Unusable { photo: PathBuf, why: PhotoError },
}

/// Whether somebody may be enrolled who looks like somebody else on the whitelist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nobody.
    None,
    /// An administrator says that they are two people.
    TwoPeople,
}

impl<'v> Session<'v> {
    /// Without photos; with `keep_photos` what is enrolled keeps the picture of the face.
    pub fn new(vision: &'v mut Vision, keep_photos: bool) -> Self {
        Self {
            vision,
            keep_photos,
            templates: Vec::new(),
            qualities: Vec::new(),
        }
    }

    /// Adds a picture that shows one person; `source` says where it came from.
    ///
    /// # Errors
    /// [`PhotoError`]; it was not added.
    pub fn add(&mut self, image: &RgbImage, source: &str) -> Result<(), PhotoError> {
        let examined = photo::examine(image, self.vision)?;
        let photo = if self.keep_photos {
            Some(photo::kept(image, &examined.face)?)
        } else {
            None
        };
        self.templates.push(NewTemplate {
            embedding: examined.embedding,
            source: source.to_owned(),
            photo,
        });
        self.qualities.push(examined.quality);
        Ok(())
    }

    /// Adds picture files.
    ///
    /// # Errors
    /// [`RefusedPhotos`] names every photo that cannot be used; the others were added.
    pub(crate) fn add_files(&mut self, photos: &[PathBuf]) -> Result<(), RefusedPhotos> {
        let refused: Vec<Refused> = photos
            .iter()
            .filter_map(|photo| self.add_file(photo).err())
            .collect();
        if refused.is_empty() {
            Ok(())
        } else {
            Err(RefusedPhotos(refused))
        }
    }

    fn add_file(&mut self, photo: &Path) -> Result<(), Refused> {
        let image = camera::load_picture(photo).map_err(Refused::Unreadable)?;
        self.add(&image, &photo.display().to_string())
            .map_err(|why| Refused::Unusable {
                photo: photo.to_owned(),
                why,
            })
    }

    /// How many photos were added.
    pub fn len(&self) -> usize {
        self.templates.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// Compares the photos with each other and with everybody on the whitelist but the
    /// person called `name`, to whom they are added if there is one.
    ///
    /// # Errors
    /// [`EnrolError`]; a look-alike is no error yet.
    pub(crate) fn review(
        self,
        name: &str,
        database: &Database,
        asked: ThresholdRequest,
    ) -> Result<Reviewed, EnrolError> {
        let name = whitelist::check_name(name)?;
        let own = match whitelist::find_by_name(database, &name)? {
            Some(person) => Some(person.id),
            None => None,
        };
        let (model, scoring) = (self.vision.version(), self.vision.scoring());
        let calibration = scoring.calibration();
        if let Some(calibration) = calibration {
            let before = match own {
                Some(person) => whitelist::embeddings_of(database, model, person)?,
                None => Vec::new(),
            };
            let same = calibration.cosine_1_in_100;
            let others = review::outliers(&self.templates, &before, same);
            if !others.is_empty() {
                let named = others.into_iter().map(|(photo, c)| (photo.to_owned(), c));
                return Err(EnrolError::SeveralPeople(named.collect()));
            }
        }
        let listed = Snapshot::load(database, model, scoring, asked)?;
        let people = listed.matcher.comparisons() + usize::from(own.is_none());
        let threshold = listed
            .matcher
            .threshold_with(people)
            .map_err(EnrolError::NoThreshold)?;
        let photos: Vec<&Embedding> = self.templates.iter().map(|t| &t.embedding).collect();
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
            templates: self.templates,
            qualities: self.qualities,
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
    templates: Vec<NewTemplate>,
    qualities: Vec<Quality>,
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

    pub fn photos(&self) -> impl Iterator<Item = Taken<'_>> {
        let pairs = self.templates.iter().zip(&self.qualities).enumerate();
        pairs.map(|(place, (template, quality))| Taken {
            source: &template.source,
            quality: *quality,
            like_the_others: review::like_the_others(&self.templates, &[], place),
        })
    }

    /// Writes all of it, or nothing.
    ///
    /// # Errors
    /// [`EnrolError::LookAlike`] without consent; [`EnrolError::Whitelist`].
    pub fn commit(
        &self,
        database: &mut Database,
        consent: Consent,
        origin: &Origin,
    ) -> Result<PersonId, EnrolError> {
        match (&self.look_alike, consent) {
            (Some(found), Consent::None) => Err(EnrolError::LookAlike(Box::new(found.clone()))),
            _ => Ok(whitelist::enroll(
                database,
                &self.name,
                &self.templates,
                origin,
            )?),
        }
    }
}
