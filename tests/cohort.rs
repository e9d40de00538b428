//! What is blended from people resembles none of them: shown on the data it was made from.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use doorward::evidence::dataset::Dataset;
use doorward::evidence::embedded::embed;
use doorward::evidence::fit;

/// The seed is fixed, so the same draws come out: rows are made again and have to be those
/// that ship, each under the score of a false match rate of 1e-3 with everybody in it.
#[test]
#[ignore = "embeds 3,811 photos that are not in the repository: make test-data"]
fn no_row_of_the_cohort_reaches_the_score_of_a_stranger_in_a_thousand() {
    let Some(data) = support::research_data("lfw") else {
        return;
    };
    let mut config = support::config();
    config.models.choose = vec!["facenet128-int8".into()];
    config.models.threads = 1;
    config.vision.min_face_px = 40;
    let dataset = Dataset::open(&data).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache.jsonl");
    let embedded = embed(
        &dataset,
        &config.models,
        &config.vision,
        2,
        &cache,
        |_, _| {},
    )
    .unwrap();
    let made = fit::cohort(&dataset, &embedded).unwrap();
    assert!(made.blended >= 8);
    assert!(
        made.nearest < made.too_like,
        "{} {}",
        made.nearest,
        made.too_like
    );
    println!(
        "{} rows of {} people: nearest {:.3}, a stranger in a thousand reaches {:.3}",
        fit::COHORT_ROWS,
        made.blended,
        made.nearest,
        made.too_like
    );
    let shipped = support::project().join("models/facenet128-int8-cohort.i8");
    assert!(
        made.bytes == std::fs::read(shipped).unwrap(),
        "these are not the rows that ship"
    );
}
