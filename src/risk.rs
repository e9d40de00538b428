//! From a risk somebody can state to the score a face has to reach.
//!
//! A calibration says how often two different people's faces reach a score, measured
//! on people who are on no whitelist. With it, "1 in 1000 strangers may be taken for
//! somebody" becomes a threshold for the whitelist at hand. Beyond what the
//! calibration's data can show, nothing is promised: that is an error, not a guess.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cohort::Score;
use crate::embedding::{Cosine, ModelVersion};

/// How many strangers who come to the door it takes until one is taken for somebody
/// on the whitelist: the open-set false positive identification rate (FPIR,
/// ISO/IEC 19795-1), as one in so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FalseAccept {
    strangers: u32,
}

impl Default for FalseAccept {
    fn default() -> Self {
        Self { strangers: 1000 }
    }
}

impl FalseAccept {
    /// One in so many strangers; at least 10.
    pub fn one_in(strangers: u32) -> Option<Self> {
        (10..=10_000_000)
            .contains(&strangers)
            .then_some(Self { strangers })
    }

    /// The rate itself, 0..=0.1.
    pub fn rate(self) -> f64 {
        1.0 / f64::from(self.strangers)
    }
}

impl fmt::Display for FalseAccept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 in {} strangers", self.strangers)
    }
}

impl From<FalseAccept> for String {
    fn from(risk: FalseAccept) -> Self {
        risk.to_string()
    }
}

impl TryFrom<String> for FalseAccept {
    type Error = RiskError;

    fn try_from(text: String) -> Result<Self, RiskError> {
        text.parse()
    }
}

impl FromStr for FalseAccept {
    type Err = RiskError;

    fn from_str(text: &str) -> Result<Self, RiskError> {
        let number = match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["1", "in", number, "strangers"] | ["1", "in", number] => {
                number.replace(['_', ','], "")
            }
            _ => return Err(RiskError::Unclear(text.to_owned())),
        };
        number
            .parse()
            .ok()
            .and_then(Self::one_in)
            .ok_or_else(|| RiskError::Unclear(text.to_owned()))
    }
}

/// Why there is no threshold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RiskError {
    /// The risk cannot be understood.
    #[error(
        "\"{0}\" is not a risk: write it like \"1 in 1000 strangers\", from 1 in 10 to 1 in 10000000"
    )]
    Unclear(String),
    /// The calibration is not in order.
    #[error("the calibration cannot be used: {0}")]
    NotACalibration(String),
    /// The networks came without one.
    #[error(
        "these networks came without a calibration, so no threshold follows from access.false_accept: run `doorward calibrate` with photos of known people, or set access.threshold yourself"
    )]
    NoCalibration,
    /// There is no data for a risk that small.
    #[error(
        "{risk} with {templates} templates needs a false match rate of {needed:.1e}, and the calibration is backed by data down to {backed:.1e} only: state a larger risk, list fewer people, or set access.threshold yourself"
    )]
    BeyondData {
        /// What was asked for.
        risk: FalseAccept,
        /// The whitelist's templates.
        templates: usize,
        /// False match rate it takes.
        needed: f64,
        /// The lowest the data can show.
        backed: f64,
    },
}

/// How often strangers and listed people reach a score, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The embeddings it holds for.
    pub model: ModelVersion,
    /// On what it was measured, in words.
    pub data: String,
    /// People it was measured on.
    pub people: usize,
    /// Pairs of different people.
    pub impostor_pairs: u64,
    /// Pairs of the same person.
    pub genuine_pairs: u64,
    /// The plain cosine, not normalised, that 1 in 100 pairs of different people reach;
    /// photos of one person that do not are hardly of one person.
    pub cosine_1_in_100: Cosine,
    /// The plain cosine that 1 in 1000 pairs of different people reach.
    pub cosine_1_in_1000: Cosine,
    /// `[score, false match rate, true match rate of one photo against one, and of three
    /// photos against one]`, the score rising. Where too few people had four photos, the
    /// last is that of one.
    pub points: Vec<[f64; 4]>,
}

/// What a score means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    /// False match rate: of strangers, for one template.
    pub fmr: f64,
    /// True match rate of a template of one photo against one frame.
    pub tar: f64,
    /// The same for a template of three photos.
    pub tar_three_photos: f64,
}

impl Calibration {
    /// Reads a calibration.
    ///
    /// # Errors
    /// [`RiskError::NotACalibration`] with the place.
    pub fn from_toml(text: &str) -> Result<Self, RiskError> {
        let wrong = |what: String| RiskError::NotACalibration(what);
        let read: Self = toml::from_str(text).map_err(|e| wrong(e.message().to_owned()))?;
        if ![read.cosine_1_in_100, read.cosine_1_in_1000]
            .iter()
            .all(|c| (-1.0..=1.0).contains(&c.value()))
        {
            return Err(wrong("its cosines have to be from -1 to 1".into()));
        }
        if read.points.len() < 2 {
            return Err(wrong("it needs two points or more".into()));
        }
        let rates = |p: &[f64; 4]| p.iter().skip(1).all(|rate| (0.0..=1.0).contains(rate));
        let rising = |p: &[[f64; 4]]| match p {
            [a, b] => a[0] < b[0] && a[1] > b[1] && a[2] >= b[2],
            _ => true,
        };
        if !read
            .points
            .iter()
            .all(|p| rates(p) && p[1] > 0.0 && p[0].is_finite())
            || !read.points.windows(2).all(rising)
        {
            return Err(wrong(
                "its scores have to rise, and its rates to fall from 1 towards 0".into(),
            ));
        }
        Ok(read)
    }

    /// The highest score it knows the rate of: higher ones come of the same person, as far
    /// as the data can tell.
    pub(crate) fn highest_score(&self) -> Score {
        Score::new(self.points.last().map_or(f32::INFINITY, |p| p[0] as f32))
    }

    /// The lowest score it knows the rate of.
    pub(crate) fn lowest_score(&self) -> Score {
        Score::new(
            self.points
                .first()
                .map_or(f32::NEG_INFINITY, |p| p[0] as f32),
        )
    }

    /// The lowest false match rate the data can show.
    pub(crate) fn backed_to(&self) -> f64 {
        self.points.last().map_or(1.0, |p| p[1])
    }

    /// The score at which strangers match one template at this rate; `None` beyond the data.
    /// A rate above the highest that was measured gives the lowest score that was.
    pub(crate) fn score_at(&self, fmr: f64) -> Option<f64> {
        let first = self.points.first()?;
        if fmr >= first[1] {
            return Some(first[0]);
        }
        self.points.windows(2).find_map(|p| {
            let [[s0, f0, ..], [s1, f1, ..]] = *p else {
                return None;
            };
            (fmr <= f0 && fmr >= f1).then(|| {
                let part = (f0.ln() - fmr.ln()) / (f0.ln() - f1.ln());
                s0 + (s1 - s0) * part
            })
        })
    }

    /// The rates at a score; `None` beyond the data.
    pub(crate) fn rates_at(&self, score: Score) -> Option<Rates> {
        let score = f64::from(score.value());
        self.points.windows(2).find_map(|p| {
            let [[s0, f0, t0, u0], [s1, f1, t1, u1]] = *p else {
                return None;
            };
            (score >= s0 && score <= s1).then(|| {
                let part = (score - s0) / (s1 - s0);
                let fmr = (f0.ln() + (f1.ln() - f0.ln()) * part).exp();
                Rates {
                    fmr,
                    tar: t0 + (t1 - t0) * part,
                    tar_three_photos: u0 + (u1 - u0) * part,
                }
            })
        })
    }

    /// The threshold for a whitelist of so many templates. Each template is counted as a
    /// chance of its own, and agreement of frames as none: frames of one approach
    /// resemble each other. Both err on the strict side.
    ///
    /// # Errors
    /// [`RiskError::BeyondData`]
    pub fn threshold(&self, risk: FalseAccept, templates: usize) -> Result<f64, RiskError> {
        let needed = false_match_rate(risk, templates);
        self.score_at(needed).ok_or(RiskError::BeyondData {
            risk,
            templates,
            needed,
            backed: self.backed_to(),
        })
    }
}

/// The score a face has to reach at a door.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    pub score: Score,
    /// Where it comes from.
    pub from: ThresholdSource,
}

impl Threshold {
    /// Whether a face with this score passes for the person it is compared with.
    pub(crate) fn is_reached_by(&self, score: Score) -> bool {
        score >= self.score
    }
}

/// Where a threshold comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdSource {
    /// `access.threshold`: somebody's own number.
    Configured,
    /// `access.min_threshold`: the risk would allow less.
    MinThreshold,
    /// `access.false_accept`, by the calibration.
    Risk,
}

impl fmt::Display for ThresholdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "as access.threshold says",
            Self::MinThreshold => "as access.min_threshold says",
            Self::Risk => "as access.false_accept asks for",
        })
    }
}

/// What somebody asks of a door's threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdRequest {
    /// The risk it may have.
    pub risk: FalseAccept,
    /// The score it is never lower than.
    pub min_threshold: Score,
    /// Somebody's own score, whatever the risk.
    pub fixed: Option<Score>,
}

impl Default for ThresholdRequest {
    /// The risk the configuration has by default, and nothing else.
    fn default() -> Self {
        Self {
            risk: FalseAccept::default(),
            min_threshold: Score::new(-1.0),
            fixed: None,
        }
    }
}

/// The threshold for a whitelist that takes so many comparisons.
///
/// # Errors
/// [`RiskError::NoCalibration`] if it is to follow from the risk and the networks came
/// without a calibration; [`RiskError::BeyondData`].
pub(crate) fn threshold(
    asked: ThresholdRequest,
    calibration: Option<&Calibration>,
    comparisons: usize,
) -> Result<Threshold, RiskError> {
    if let Some(score) = asked.fixed {
        return Ok(Threshold {
            score,
            from: ThresholdSource::Configured,
        });
    }
    let calibration = calibration.ok_or(RiskError::NoCalibration)?;
    let score = Score::new(calibration.threshold(asked.risk, comparisons)? as f32);
    Ok(if score < asked.min_threshold {
        Threshold {
            score: asked.min_threshold,
            from: ThresholdSource::MinThreshold,
        }
    } else {
        Threshold {
            score,
            from: ThresholdSource::Risk,
        }
    })
}

/// How many strangers it takes until one is taken for some of so many people, at a false
/// match rate of `fmr` with each. The templates count as independent.
pub(crate) fn strangers_until_one(fmr: f64, comparisons: usize) -> f64 {
    let rate = 1.0 - (1.0 - fmr).powf(comparisons as f64);
    1.0 / rate.max(f64::MIN_POSITIVE)
}

/// The rate each of so many templates may have for the risk of all together.
pub(crate) fn false_match_rate(risk: FalseAccept, templates: usize) -> f64 {
    // ln_1p and exp_m1 keep the digits of tiny rates.
    -((-risk.rate()).ln_1p() / templates.max(1) as f64).exp_m1()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn calibration() -> Calibration {
        Calibration::from_toml(
            &(HEAD.to_owned()
                + "[[0.3, 1e-1, 1.0, 1.0], [0.5, 1e-3, 0.9, 0.9], [0.7, 1e-5, 0.8, 0.9]]"),
        )
        .unwrap()
    }

    const HEAD: &str = "model = 'm'\ndata = 'd'\npeople = 2\nimpostor_pairs = 1\ngenuine_pairs = 1\n\
         cosine_1_in_100 = 0.3\ncosine_1_in_1000 = 0.4\npoints = ";

    #[test]
    fn risks_are_read_as_people_say_them() {
        for text in ["1 in 1000 strangers", "1 in 1,000 strangers", "1 in 1000"] {
            assert_eq!(text.parse(), Ok(FalseAccept { strangers: 1000 }));
        }
        for text in [
            "",
            "1000",
            "2 in 1000",
            "1 in 5",
            "1 in -3",
            "1 in 1e9",
            "one in ten",
        ] {
            assert!(text.parse::<FalseAccept>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_is_promised_beyond_the_data() {
        let c = calibration();
        let risk = FalseAccept::one_in(1000).unwrap();
        assert!(c.threshold(risk, 50).is_ok());
        let said = c.threshold(risk, 500).unwrap_err().to_string();
        assert!(
            said.contains("1.0e-5") && said.contains("access.threshold"),
            "{said}"
        );
    }

    #[test]
    fn a_calibration_that_is_not_monotone_is_refused() {
        for points in [
            "[[0.3, 1e-1, 1.0, 1.0]]",
            "[[0.3, 1e-1, 1.0, 1.0], [0.3, 1e-2, 0.9, 0.9]]",
            "[[0.3, 1e-2, 1.0, 1.0], [0.4, 1e-1, 0.9, 0.9]]",
            "[[0.3, 1e-1, 0.9, 1.0], [0.4, 1e-2, 1.0, 1.0]]",
            "[[0.3, 1e-1, 1.0, 1.0], [0.4, 0.0, 0.9, 0.9]]",
            "[[0.3, 1e-1, 1.0, 1.0], [0.4, 1e-2, 0.9, 1.1]]",
        ] {
            let said = Calibration::from_toml(&(HEAD.to_owned() + points)).unwrap_err();
            assert!(
                matches!(&said, RiskError::NotACalibration(why) if !why.contains("field")),
                "{points}: {said}"
            );
        }
    }

    proptest! {
        #[test]
        fn more_templates_and_smaller_risks_never_lower_the_threshold(
            a in 10u32..100_000, b in 10u32..100_000, m in 1usize..1000, n in 1usize..1000,
        ) {
            let c = calibration();
            let at = |strangers, templates| {
                c.threshold(FalseAccept::one_in(strangers).unwrap(), templates).unwrap_or(f64::INFINITY)
            };
            prop_assert!(at(a.min(b), m) <= at(a.max(b), m));
            prop_assert!(at(a, m.min(n)) <= at(a, m.max(n)));
            // What is promised for one template times the templates is the risk, and no more.
            let rate = false_match_rate(FalseAccept::one_in(a).unwrap(), m);
            prop_assert!(1.0 - (1.0 - rate).powi(m as i32) <= 1.0 / f64::from(a) * 1.001);
        }
    }
}
