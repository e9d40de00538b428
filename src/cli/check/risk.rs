//! Whether the door could open for nobody, or for anybody: who is listed, the threshold in
//! force, and what it means at this whitelist.

use crate::cohort::Score;
use crate::config::Config;
use crate::database::Database;
use crate::embedding::Embedding;
use crate::risk::{Threshold, ThresholdSource, strangers_until_one};
use crate::shown::counted;
use crate::vision::Vision;
use crate::whitelist::{Directory, Matcher, Snapshot, embeddings_of_each};

use super::{Report, Verdict};

/// A door that takes more strangers than one in so many for somebody is open to anybody; it
/// is also the largest risk that can be stated.
const MIN_STRANGERS: f64 = 10.0;
/// People whose photos are compared with each other.
const MAX_PEOPLE_TRIED: usize = 100;
/// Of those photos that many have to reach the threshold, or people wait in vain.
const MIN_SHARE_REACHED: f64 = 0.5;

/// Who is listed, and what lets them in; gives what faces are compared with, if anybody is.
pub(super) fn check_whitelist(
    database: &Database,
    vision: &Vision,
    config: &Config,
    report: &mut Report,
) -> Option<Matcher> {
    let part = "whitelist";
    let asked = config.access.threshold_request();
    let loaded = Snapshot::load(database, vision.version(), vision.scoring(), asked);
    let Snapshot { directory, matcher } = match loaded {
        Ok(snapshot) => snapshot,
        Err(error) => {
            report.add(part, Verdict::Wrong, error.to_string());
            return None;
        }
    };
    if let Some(text) = nobody(&directory, &matcher) {
        report.add(part, Verdict::Wrong, text);
        return None;
    }
    let (people, templates) = (directory.len(), matcher.templates());
    let mut text = format!(
        "{} and {}",
        counted(people, "person", "people"),
        counted(templates, "template", "templates")
    );
    let disabled = people - directory.enabled().count();
    if disabled > 0 {
        text += &format!(", {disabled} disabled");
    }
    let without: Vec<&str> = directory
        .enabled()
        .filter(|person| matcher.own_score_of(person.id).is_none())
        .map(|person| person.name.as_str())
        .collect();
    if without.is_empty() {
        report.add(part, Verdict::Ok, text);
    } else {
        let who = without.join(", ");
        text += &format!(
            "; without a template of these networks and never let in: {who}; \
             `sudo doorward people migrate` makes them from kept photos, enroll the others again"
        );
        report.add(part, Verdict::Wrong, text);
    }
    let (verdict, text) = threshold(&matcher);
    report.add("threshold", verdict, text);
    if let Ok(threshold) = matcher.threshold()
        && let Some(text) = unreached(threshold, &directory, &matcher, database)
    {
        report.add("reach", Verdict::Wrong, text);
    }
    Some(matcher)
}

/// Why nobody can be let in, whatever the threshold.
fn nobody(directory: &Directory, matcher: &Matcher) -> Option<String> {
    if directory.is_empty() {
        return Some("nobody can be let in yet: sudo doorward enroll NAME PHOTO...".into());
    }
    let people = counted(directory.len(), "person is", "people are");
    if directory.enabled().next().is_none() {
        return Some(format!(
            "{people} listed, all disabled, so that nobody is let in: sudo doorward people enable NAME"
        ));
    }
    matcher.is_empty().then(|| {
        format!(
            "{people} listed, and nobody has a template of these networks ({}), so that nobody is let in: `sudo doorward people migrate` makes them from kept photos; without photos, enroll again",
            matcher.model()
        )
    })
}

/// The threshold in force, and how many strangers it keeps out.
fn threshold(matcher: &Matcher) -> (Verdict, String) {
    let threshold = match matcher.threshold() {
        Ok(threshold) => threshold,
        Err(error) => return (Verdict::Wrong, error.to_string()),
    };
    let score = threshold.score;
    let begin = format!("a score of {score:.3}, {}", threshold.from);
    let people = matcher.comparisons();
    let listed = counted(people, "person", "people");
    let Some(calibration) = matcher.scoring().calibration() else {
        let text = format!(
            "{begin}; what it means cannot be told: the networks came without a calibration, `doorward calibrate` makes one"
        );
        return (Verdict::Unknown, text);
    };
    if score > calibration.highest_score() {
        let strangers = strangers_until_one(calibration.backed_to(), people);
        let text = format!(
            "{begin}: of more than {strangers:.0} strangers one is taken for one of {listed}; scores above {:.3} were not measured",
            calibration.highest_score()
        );
        return (Verdict::Ok, text);
    }
    let rates = calibration.rates_at(score);
    let fmr = rates.map_or(1.0, |rates| rates.fmr);
    let strangers = strangers_until_one(fmr, people);
    if score < calibration.lowest_score() || strangers < MIN_STRANGERS {
        let text = format!(
            "{begin}: ANYBODY could be let in, of {strangers:.0} strangers one is taken for one of {listed}; {}",
            remedy(threshold)
        );
        return (Verdict::Wrong, text);
    }
    let missed = rates.map_or(0.0, |rates| 100.0 * (1.0 - rates.tar_three_photos));
    let text = format!(
        "{begin}: of {strangers:.0} strangers one is taken for one of {listed}, and somebody listed is missed in {missed:.1} % of frames"
    );
    (Verdict::Ok, text)
}

fn remedy(threshold: Threshold) -> &'static str {
    match threshold.from {
        ThresholdSource::Configured => {
            "raise access.threshold, or take it out to have it follow from access.false_accept"
        }
        ThresholdSource::MinThreshold => "raise access.min_threshold",
        ThresholdSource::Risk => "state a smaller risk as access.false_accept",
    }
}

/// That the listed people do not reach the threshold themselves, by their own photos.
fn unreached(
    threshold: Threshold,
    directory: &Directory,
    matcher: &Matcher,
    database: &Database,
) -> Option<String> {
    let score = threshold.score;
    let people = || directory.enabled().take(MAX_PEOPLE_TRIED);
    let most = people()
        .filter_map(|person| matcher.own_score_of(person.id))
        .map(Score::value)
        .fold(f32::NEG_INFINITY, f32::max);
    if most < score.value() {
        return Some(format!(
            "NOBODY could be let in: a listed person's own template reaches {most:.3}, less than {score:.3}; lower access.threshold, or take it out"
        ));
    }
    let mut scores: Vec<f32> = Vec::new();
    let ids = people().map(|person| person.id);
    for photos in embeddings_of_each(database, matcher.model(), ids).ok()? {
        scores.extend(each_with_the_others(&photos, matcher));
    }
    let reached = scores.iter().filter(|s| **s >= score.value()).count();
    let photos = scores.len();
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let begin = match reached {
        _ if photos == 0 => return None,
        0 => "NOBODY could be let in",
        _ if (reached as f64) < MIN_SHARE_REACHED * photos as f64 => {
            "most listed people could not be let in"
        }
        _ => return None,
    };
    let advice = match threshold.from {
        ThresholdSource::Configured => "lower access.threshold, or take it out",
        ThresholdSource::MinThreshold => "lower access.min_threshold",
        ThresholdSource::Risk => {
            "state a larger risk as access.false_accept, or enroll better photos"
        }
    };
    Some(format!(
        "{begin}: of {} on the list {reached} reach {score:.3} beside the others of the same person, the best {best:.3}; {advice}",
        counted(photos, "photo", "photos")
    ))
}

/// The score of each of a person's photos with all others of them.
fn each_with_the_others(photos: &[Embedding], matcher: &Matcher) -> Vec<f32> {
    let scoring = matcher.scoring();
    let score = |left_out: usize| {
        let others: Vec<&Embedding> = photos
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != left_out)
            .map(|(_, photo)| photo)
            .collect();
        let template = scoring.prepare(&Embedding::mean(&others)?)?;
        let probe = scoring.prepare(photos.get(left_out)?)?;
        Some(scoring.score(&probe, &template).value())
    };
    match photos.len() {
        0 | 1 => Vec::new(),
        count => (0..count).filter_map(score).collect(),
    }
}
