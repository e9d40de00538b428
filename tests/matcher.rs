//! Whose face is it: what the matcher finds is what comparing with each person finds.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;

use doorward::cohort::Cohort;
use doorward::database::Database;
use doorward::embedding::{Embedding, ModelVersion};
use doorward::person::PersonId;
use doorward::risk::{FalseAccept, RiskError, ThresholdRequest};
use doorward::scoring::Scoring;
use doorward::whitelist::{self, Matcher, NewTemplate, NotComparable, Templates, WhitelistError};
use proptest::prelude::*;

fn model(name: &str) -> ModelVersion {
    ModelVersion::new(name)
}

fn face(values: &[f32]) -> Embedding {
    Embedding::new(&model("m"), values.to_vec()).unwrap()
}

/// Fifty rows of four values.
fn cohort() -> Cohort {
    let mut random = fastrand::Rng::with_seed(9);
    let rows: Vec<u8> = (0..200).map(|_| random.u8(..)).collect();
    Cohort::from_bytes(&rows, 4, 10, 0.3, 0.1).unwrap()
}

#[test]
fn a_template_of_another_model_matches_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = Database::open(&folder.path().join("doorward.db")).unwrap();
    let of = |name| Embedding::new(&model(name), vec![0.6, 0.8]).unwrap();
    let template = NewTemplate {
        embedding: of("old"),
        source: "photo.jpg".into(),
        photo: None,
    };
    let of_new = NewTemplate {
        embedding: of("new"),
        ..template.clone()
    };
    let mixed = whitelist::enroll(
        &mut db,
        "Ada",
        &[template.clone(), of_new],
        &support::origin(),
    );
    assert!(matches!(mixed, Err(WhitelistError::SeveralModels(_))));
    whitelist::enroll(&mut db, "Ada", &[template], &support::origin()).unwrap();
    let snapshot = support::snapshot(&db, &model("new")).unwrap();
    let matcher = &snapshot.matcher;
    assert_eq!((matcher.templates(), matcher.of_other_models()), (0, 1));
    assert_eq!(snapshot.directory.len(), 1);
    assert_eq!(matcher.identify(&of("new")), None);
    let matcher = support::snapshot(&db, &model("old")).unwrap().matcher;
    assert_eq!(matcher.identify(&of("new")), None);
    assert!(matcher.identify(&of("old")).unwrap().score.value() > 0.999);
    // Nor can one get in by another way, or be compared, or blended.
    let mut templates = Templates::none(&model("new"));
    assert_eq!(templates.add(PersonId(1), of("old")), Err(NotComparable));
    assert_eq!(of("old").cosine(&of("new")), None);
    assert_eq!(Embedding::mean(&[&of("old"), &of("new")]), None);
}

/// Many templates are looked through coarsely first; the answer is the exact one.
#[test]
fn the_nearest_of_many_is_the_nearest() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut like = |like: Option<&Embedding>| {
        let values: Vec<f32> = (0..64)
            .map(|i| like.map_or(0.0, |l| l.as_slice()[i] * 8.0) + random.f32() - 0.5)
            .collect();
        face(&values)
    };
    let people: Vec<Embedding> = (0..6000).map(|_| like(None)).collect();
    let mut templates = Templates::none(&model("m"));
    for (number, template) in (0..).zip(&people) {
        templates.add(PersonId(number), template.clone()).unwrap();
    }
    let matcher = Matcher::new(&templates, Arc::default(), ThresholdRequest::default());
    let probes: Vec<Embedding> = (0..60)
        .map(|i| like((i % 2 == 0).then(|| &people[i * 90])))
        .collect();
    for probe in probes {
        let found = matcher.identify(&probe).unwrap();
        let (best, cosine) = (0..)
            .zip(&people)
            .map(|(i, e)| (i, e.cosine(&probe).unwrap().value()))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        assert_eq!(found.person, PersonId(best));
        assert!((found.score.value() - cosine).abs() < 1e-5);
    }
}

#[test]
fn the_threshold_is_for_the_people_compared_with_and_missing_where_none_follows() {
    let mut templates = Templates::none(&model("m"));
    let matcher = |templates: &Templates| {
        let calibration = "model = 'm'\ndata = 'd'\npeople = 2\nimpostor_pairs = 1\n\
            genuine_pairs = 1\ncosine_1_in_100 = 0.3\ncosine_1_in_1000 = 0.4\n\
            points = [[0.3, 1e-2, 1.0, 1.0], [0.5, 1e-4, 0.9, 0.9]]";
        let calibration = doorward::risk::Calibration::from_toml(calibration).unwrap();
        let asked = ThresholdRequest {
            risk: FalseAccept::one_in(1000).unwrap(),
            ..ThresholdRequest::default()
        };
        Matcher::new(
            templates,
            Arc::new(Scoring::new(None, Some(calibration))),
            asked,
        )
    };
    let of = |m: &Matcher| m.threshold().map(|t| t.score);
    templates.add(PersonId(1), face(&[1.0, 0.0])).unwrap();
    let one = of(&matcher(&templates)).unwrap();
    // More photos of one person are no more chances; another person is one.
    templates.add(PersonId(1), face(&[1.0, 0.1])).unwrap();
    assert_eq!(of(&matcher(&templates)).unwrap(), one);
    templates.add(PersonId(2), face(&[0.0, 1.0])).unwrap();
    let two = matcher(&templates);
    assert!(of(&two).unwrap() > one);
    assert_eq!(two.threshold().unwrap(), two.threshold_with(2).unwrap());
    let told = two.threshold_with(1000);
    assert!(
        matches!(told, Err(RiskError::BeyondData { .. })),
        "{told:?}"
    );
    let unknown = Matcher::new(&templates, Arc::default(), ThresholdRequest::default());
    assert_eq!(unknown.threshold(), Err(RiskError::NoCalibration));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// The photos become one template, that template and the probe are put into the
    /// cohort, and of these scores the highest counts.
    #[test]
    fn what_is_found_is_what_comparing_with_each_finds(
        people in prop::collection::vec(prop::collection::vec(prop::array::uniform4(-1.0f32..1.0), 1..4), 1..8),
        probe in prop::array::uniform4(-1.0f32..1.0),
        normalised in any::<bool>(),
        own in 0i64..8,
    ) {
        let long = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>() > 1e-3;
        prop_assume!(long(&probe) && people.iter().flatten().all(|v| long(v)));
        let probe = face(&probe);
        let cohort = normalised.then(cohort);
        let mut templates = Templates::none(&model("m"));
        let mut expected: Vec<(PersonId, f32)> = Vec::new();
        for (person, photos) in (0..).map(PersonId).zip(&people) {
            let photos: Vec<Embedding> = photos.iter().map(|v| face(v)).collect();
            let mean = Embedding::mean(&photos.iter().collect::<Vec<_>>());
            prop_assume!(mean.is_some());
            let mean = mean.unwrap();
            let cosine = mean.cosine(&probe).unwrap();
            let score = match &cohort {
                None => cosine.value(),
                Some(cohort) => {
                    let statistics = |e: &Embedding| cohort.statistics(e.as_slice()).unwrap();
                    cohort.normalise(cosine, statistics(&mean), statistics(&probe)).value()
                }
            };
            expected.push((person, score));
            for photo in photos {
                templates.add(person, photo).unwrap();
            }
        }
        let matcher = Matcher::new(&templates, Arc::new(Scoring::new(cohort, None)), ThresholdRequest::default());
        prop_assert_eq!(matcher.comparisons(), people.len());
        prop_assert_eq!(matcher.templates(), people.iter().map(Vec::len).sum::<usize>());
        let best = |but: Option<PersonId>| expected.iter()
            .filter(|(p, _)| Some(*p) != but)
            .map(|(_, s)| *s)
            .max_by(f32::total_cmp);
        for but in [None, Some(PersonId(own))] {
            let found = matcher.identify_other(&probe, but);
            prop_assert_eq!(found.is_some(), best(but).is_some());
            if let (Some(found), Some(best)) = (found, best(but)) {
                prop_assert!((found.score.value() - best).abs() < 1e-4);
                // Of two that are equally near either may be named, and no third.
                let named = expected.iter().find(|(p, _)| *p == found.person).unwrap().1;
                prop_assert!(Some(found.person) != but && (named - best).abs() < 1e-4);
            }
        }
        prop_assert_eq!(matcher.identify(&probe), matcher.identify_other(&probe, None));
    }
}
