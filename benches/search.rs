//! How long a face is compared with a whitelist of 100,000 people, and what the
//! machine's memory would allow: every template has to be read once.
//!
//!     cargo bench --bench search
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::cohort::Cohort;
use doorward::database::Database;
use doorward::embedding::{Embedding, ModelVersion};
use doorward::risk::ThresholdRequest;
use doorward::scoring::Scoring;
use doorward::whitelist::Snapshot;

const PEOPLE: i64 = 100_000;
const SIZE: usize = 128;
const TURNS: usize = 15;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    let model = ModelVersion::new("bench");
    let mut random = fastrand::Rng::with_seed(2);
    let rows: Vec<u8> = (0..3000 * SIZE).map(|_| random.u8(..)).collect();
    let cohort = Cohort::from_bytes(&rows, SIZE, 200, 0.3, 0.05).unwrap();
    drop(Database::open(&path).unwrap());
    let mut random = fastrand::Rng::with_seed(1);
    let mut face = || {
        let values = (0..SIZE).map(|_| random.f32() - 0.5).collect();
        Embedding::new(&model, values).unwrap()
    };
    // Straight into the tables: enrolling writes an event each.
    let mut raw = rusqlite::Connection::open(&path).unwrap();
    let all = raw.transaction().unwrap();
    for id in 1..=PEOPLE {
        let name = format!("person {id}");
        all.execute(
            "INSERT INTO people (id, name, folded, created_at_ms) VALUES (?1, ?2, ?2, 0)",
            (id, name),
        )
        .unwrap();
        let face = face();
        let vector: Vec<u8> = face
            .as_slice()
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        all.execute(
            "INSERT INTO templates (person, model, vector, source, created_at_ms) \
             VALUES (?1, ?2, ?3, 'bench', 0)",
            (id, model.as_str(), vector),
        )
        .unwrap();
    }
    all.commit().unwrap();
    let database = Database::open(&path).unwrap();
    let load = |cohort| {
        let scoring = Arc::new(Scoring::new(cohort, None));
        let snapshot = Snapshot::load(&database, &model, &scoring, ThresholdRequest::default());
        snapshot.unwrap().matcher
    };
    let (plain, normalised) = (load(None), load(Some(cohort)));
    assert_eq!(plain.comparisons(), PEOPLE as usize);
    let bytes = PEOPLE as usize * SIZE * 4;
    let block = vec![1u64; bytes / 8];

    // Interleaved, so that whatever else the machine does falls on all alike.
    let probe = face();
    let (mut read, mut cosine, mut norm) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        read.push(time(|| {
            black_box(&block)
                .iter()
                .fold(0u64, |a, b| a.wrapping_add(*b))
        }));
        cosine.push(time(|| plain.identify(&probe)));
        norm.push(time(|| normalised.identify(&probe)));
    }
    let floor = median(read);
    println!(
        "{PEOPLE} people, {} MB of templates; reading them once takes {floor:.2?}",
        bytes / 1_000_000
    );
    for (name, took) in [("cosine", median(cosine)), ("as-norm", median(norm))] {
        println!(
            "{name}: {took:.2?} a face, {:.2} times the reading",
            took.as_secs_f64() / floor.as_secs_f64()
        );
    }
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}
