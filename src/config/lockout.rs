//! `[lockout]`: pauses after too many refusals.

use serde::Serialize;

use super::file::File;
use super::section::{Section, defaults};

/// `[lockout]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lockout {
    /// So many refused faces within the period begin a pause for faces; 0: none does.
    pub faces: u32,
    /// So many wrong PINs and cards within the period begin a pause for second factors.
    pub factors: u32,
    /// So many wrong PINs for one person within the period begin one for that person.
    pub person: u32,
    /// Within this time they count together.
    pub period_s: u64,
    /// How long the first pause is; each that follows soon is twice as long.
    pub pause_s: u64,
    /// No pause is longer.
    pub max_pause_s: u64,
    /// Whether somebody who is recognised may pass by a second factor in a pause.
    pub factor_passes: bool,
}

impl Lockout {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            faces: section.whole("faces", 0, 0..=100, "refused faces"),
            factors: section.whole("factors", 10, 3..=100, "wrong PINs and cards"),
            person: section.whole("person", 5, 3..=20, "wrong PINs"),
            period_s: section.whole("period_s", 600, 10..=86_400, "seconds"),
            pause_s: section.whole("pause_s", 60, 5..=3_600, "seconds"),
            max_pause_s: section.whole("max_pause_s", 3_600, 5..=86_400, "seconds"),
            factor_passes: section.flag("factor_passes", false),
        }
    }

    pub(super) fn cross_check(&self, file: &mut File<'_>) {
        file.cross_check(
            &[("lockout", "pause_s"), ("lockout", "max_pause_s")],
            self.pause_s <= self.max_pause_s,
            || {
                format!(
                    "lockout.pause_s = {} is longer than lockout.max_pause_s = {}: lower pause_s \
                     or raise max_pause_s",
                    self.pause_s, self.max_pause_s
                )
            },
        );
        file.cross_check(
            &[("lockout", "person"), ("lockout", "factors")],
            self.person <= self.factors,
            || {
                format!(
                    "lockout.person = {} is more than lockout.factors = {}, which would always \
                     come first: lower person or raise factors",
                    self.person, self.factors
                )
            },
        );
        // Otherwise nobody would ever make the pauses longer.
        file.cross_check(
            &[("lockout", "faces"), ("lockout", "period_s")],
            self.faces == 0 || u64::from(self.faces) <= self.period_s,
            || {
                format!(
                    "lockout.faces = {} refused faces do not come within lockout.period_s = {} \
                     seconds: lower faces or raise period_s",
                    self.faces, self.period_s
                )
            },
        );
    }
}

impl Default for Lockout {
    fn default() -> Self {
        defaults(Self::read)
    }
}
