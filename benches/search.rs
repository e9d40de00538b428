//! How long a face is compared with a whitelist of 100,000 people, and what the
//! machine's memory would allow: every template has to be read once. And what a start with
//! 10,000 people takes longer because their rows are sealed.
//!
//!     cargo bench --bench search
#![allow(clippy::unwrap_used)]

#[path = "../tests/support/seal.rs"]
mod seal;

use std::hint::black_box;
use std::path::Path;
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
/// As the joint embedding of both networks has.
const START_SIZE: usize = 256;
const START_PEOPLE: i64 = 10_000;
const TURNS: usize = 15;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    let model = ModelVersion::new("bench");
    let mut random = fastrand::Rng::with_seed(2);
    let rows: Vec<u8> = (0..3000 * SIZE).map(|_| random.u8(..)).collect();
    let cohort = Cohort::from_bytes(&rows, SIZE, 200, 0.3, 0.05).unwrap();
    fill(&path, &model, PEOPLE, SIZE);
    let mut random = fastrand::Rng::with_seed(1);
    let mut face = || {
        let values = (0..SIZE).map(|_| random.f32() - 0.5).collect();
        Embedding::new(&model, values).unwrap()
    };
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
    start(folder.path(), &model);
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

/// Straight into the tables: enrolling writes an event each.
fn fill(path: &Path, model: &ModelVersion, people: i64, size: usize) {
    drop(Database::open(path).unwrap());
    let mut random = fastrand::Rng::with_seed(1);
    let mut raw = seal::opened(path);
    let all = raw.transaction().unwrap();
    for id in 1..=people {
        let name = format!("person {id}");
        all.execute(
            "INSERT INTO people (id, name, name_hash, created_at_ms) \
             VALUES (?1, seal('people.name', ?2, ?1), hex(look_up('people.name', ?2)), 0)",
            (id, name),
        )
        .unwrap();
        let values = (0..size).map(|_| random.f32() - 0.5).collect();
        let face = Embedding::new(model, values).unwrap();
        let face = face.as_slice().iter();
        let vector: Vec<u8> = face.flat_map(|v| v.to_le_bytes()).collect();
        all.execute(
            "INSERT INTO templates (id, person, model, vector, source, created_at_ms) \
             VALUES (?1, ?1, ?2, seal('templates.vector', ?3, ?1, ?1, ?2), \
                 seal('templates.source', 'bench', ?1, ?1), 0)",
            (id, model.as_str(), vector),
        )
        .unwrap();
    }
    all.commit().unwrap();
}

/// The rows of a start, sealed as they are, and the same in clear.
fn start(folder: &Path, model: &ModelVersion) {
    let path = folder.join("start.db");
    fill(&path, model, START_PEOPLE, START_SIZE);
    seal::opened(&path)
        .execute_batch(
            "CREATE TABLE clear_people AS SELECT id, CAST(opened('people.name', name, id) AS TEXT) AS name FROM people;
             CREATE TABLE clear_templates AS SELECT id, person,
                 opened('templates.vector', vector, id, person, model) AS vector FROM templates;",
        )
        .unwrap();
    let database = Database::open(&path).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    let scoring = Arc::new(Scoring::new(None, None));
    let asked = ThresholdRequest::default;
    let clear = || {
        let sql = "SELECT p.name, t.vector FROM clear_people p \
                   JOIN clear_templates t ON t.id = p.id ORDER BY p.id";
        let mut rows = raw.prepare(sql).unwrap();
        let rows = rows.query_map([], |row| {
            let vector: Vec<u8> = row.get(1)?;
            let values = vector.as_chunks::<4>().0.iter();
            let values = values.map(|b| f32::from_le_bytes(*b)).collect();
            Ok((
                row.get::<_, String>(0)?,
                Embedding::new(model, values).unwrap(),
            ))
        });
        let people: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
        Snapshot::of(model, &scoring, asked(), people).unwrap()
    };
    let sealed = || Snapshot::load(&database, model, &scoring, asked()).unwrap();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        without.push(time(clear));
        with.push(time(sealed));
    }
    let (with, without) = (median(with), median(without));
    println!(
        "{START_PEOPLE} people of {START_SIZE} values at a start: sealed {with:.2?}, in clear {without:.2?}, {:.2} times",
        with.as_secs_f64() / without.as_secs_f64()
    );
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
