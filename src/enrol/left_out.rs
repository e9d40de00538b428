//! Photos that give no template, and why.

use std::fmt;

use super::photo::PhotoError;
use crate::camera::PictureFault;
use crate::embedding::Cosine;

/// What a photo that cannot be used means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPhotos {
    /// All are used, or none.
    RefuseAll,
    /// It is left out, if so many good ones remain.
    LeaveOut {
        /// 1 or more.
        least: usize,
    },
}

/// A photo that gives no template.
#[derive(Debug, thiserror::Error)]
#[error("{photo}: {why}")]
pub struct LeftOut {
    /// Its file.
    pub photo: String,
    /// Why.
    pub why: NoTemplate,
}

/// Why a photo gives no template.
#[derive(Debug, thiserror::Error)]
pub enum NoTemplate {
    /// The file is no picture.
    #[error(transparent)]
    Unreadable(PictureFault),
    /// No template can be made of it.
    #[error(transparent)]
    Unusable(PhotoError),
    /// It is not of the person that the others are of.
    #[error("it shows somebody else than the others, cosine {0:.2} with them")]
    SomebodyElse(Cosine),
    /// The same photo came before.
    #[error("it is the same photo as {0}, and counts once")]
    SamePhoto(String),
    /// The person has a template of it.
    #[error("it is enrolled already, and counts once")]
    Enrolled,
}

impl NoTemplate {
    /// Whether something is wrong with it; a photo that only counts once is good.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::SamePhoto(_) | Self::Enrolled)
    }
}

/// Photos that cannot be used, and why.
#[derive(Debug)]
pub struct RefusedPhotos {
    /// Each of them.
    pub photos: Vec<LeftOut>,
    /// With [`BadPhotos::LeaveOut`]: how many good ones there are, and how many it takes.
    pub too_few: Option<(usize, usize)>,
}

impl std::error::Error for RefusedPhotos {}

impl fmt::Display for RefusedPhotos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((good, least)) = self.too_few {
            write!(
                f,
                "only {good} good photos remain of {least} that it takes; "
            )?;
        }
        f.write_str("these photos cannot be used:")?;
        self.photos
            .iter()
            .try_for_each(|one| write!(f, "\n  {one}"))
    }
}
