//! Verification accuracy on Labeled Faces in the Wild, int8 next to fp32.
//!
//!     make models-fp32 && cargo bench --bench lfw
//!
//! Follows LFW's protocol for `pairs.txt` (Huang et al. 2007): per fold, the
//! threshold that is best on the other folds is applied. A picture in which no
//! face is found makes its pairs wrong. The pictures are for research use and are
//! not part of this project; without them the bench says so and does nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use doorward::config::Config;
use doorward::embedding::Embedding;
use doorward::vision::quality::Quality;
use doorward::vision::{Face, Vision};
use image::RgbImage;

struct Pair {
    fold: usize,
    a: String,
    b: String,
    same: bool,
}

fn main() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lfw = project.join("../shared/data/lfw");
    if !lfw.is_dir() {
        println!("skipped: no LFW pictures at {}", lfw.display());
        return;
    }
    let pairs = read_pairs(&lfw.join("pairs.txt"));
    let folds = pairs.iter().map(|p| p.fold).max().unwrap() + 1;
    println!("{} pairs in {folds} folds", pairs.len());
    let mut accuracies = Vec::new();
    for (name, dir) in [("int8", "models"), ("fp32", "models/.build/fp32")] {
        let dir = project.join(dir);
        if !dir.join("manifest.toml").exists() {
            println!("{name}: skipped, build it with `python3 models/build.py --fp32`");
            continue;
        }
        let embedded = embed_all(&config(project, dir), &lfw.join("images"));
        let missed = embedded.values().filter(|e| e.is_none()).count();
        let scored: Vec<(usize, bool, Option<f32>)> = pairs
            .iter()
            .map(|p| {
                let find = |n: &str| embedded.get(n).and_then(Option::as_ref).map(|(e, _)| e);
                let score = find(&p.a).zip(find(&p.b)).and_then(|(a, b)| a.cosine(b));
                (p.fold, p.same, score)
            })
            .collect();
        let per_fold: Vec<f64> = (0..folds).map(|fold| accuracy(&scored, fold)).collect();
        let mean = per_fold.iter().sum::<f64>() / folds as f64;
        println!(
            "{name}: accuracy {mean:.4} ({}), {} pictures, no face in {missed}",
            per_fold
                .iter()
                .map(|a| format!("{a:.4}"))
                .collect::<Vec<_>>()
                .join(" "),
            embedded.len(),
        );
        all_pairs(&embedded);
        qualities(&embedded);
        accuracies.push(mean);
    }
    if let [int8, fp32] = accuracies[..] {
        println!("int8 - fp32: {:+.4}", int8 - fp32);
    }
}

fn config(project: &Path, dir: PathBuf) -> Config {
    let mut config = Config::default();
    config.models.dir = dir;
    config.models.runtime = project.join(".runtime/libonnxruntime.so.1.28.0");
    config.models.threads = 1;
    config.vision.min_face_px = 40;
    config
}

fn read_pairs(path: &Path) -> Vec<Pair> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<usize> = lines
        .next()
        .unwrap()
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let per_fold = 2 * header[1];
    let file = |name: &str, n: &str| format!("{name}/{name}_{:04}.jpg", n.parse::<u32>().unwrap());
    lines
        .filter(|l| !l.trim().is_empty())
        .enumerate()
        .map(|(i, line)| {
            let fold = i / per_fold;
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                [name, a, b] => Pair {
                    fold,
                    a: file(name, a),
                    b: file(name, b),
                    same: true,
                },
                [one, a, two, b] => Pair {
                    fold,
                    a: file(one, a),
                    b: file(two, b),
                    same: false,
                },
                _ => panic!("pairs.txt: {line:?}"),
            }
        })
        .collect()
}

type Embedded = HashMap<String, Option<(Embedding, Quality)>>;

/// Embeds the middle face of every picture, on two threads.
fn embed_all(config: &Config, images: &Path) -> Embedded {
    let mut names = BTreeSet::new();
    for person in std::fs::read_dir(images).unwrap() {
        let person = person.unwrap();
        for file in std::fs::read_dir(person.path()).unwrap() {
            let file = file.unwrap().file_name();
            names.insert(format!(
                "{}/{}",
                person.file_name().to_string_lossy(),
                file.to_string_lossy()
            ));
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(HashMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut vision = Vision::open(&config.models, &config.vision).unwrap();
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let image = image::open(images.join(name)).unwrap().to_rgb8();
                    let faces = vision.detect(&image).unwrap();
                    let embedded = middle(&faces, &image).map(|face| {
                        let aligned = vision.align(&image, face).unwrap();
                        (vision.embed(&aligned).unwrap(), aligned.quality)
                    });
                    all.lock().unwrap().insert(name.clone(), embedded);
                }
            });
        }
    });
    all.into_inner().unwrap()
}

/// The face LFW means: large, and in the middle.
fn middle<'f>(faces: &'f [Face], image: &RgbImage) -> Option<&'f Face> {
    let (cx, cy) = (image.width() as f32 / 2.0, image.height() as f32 / 2.0);
    let value = |f: &Face| {
        let [x0, y0, x1, y1] = f.rect;
        let (dx, dy) = ((x0 + x1) / 2.0 - cx, (y0 + y1) / 2.0 - cy);
        f.area() - 2.0 * (dx * dx + dy * dy)
    };
    faces.iter().max_by(|a, b| value(a).total_cmp(&value(b)))
}

/// Accuracy on `fold` at the threshold that is best on the others.
fn accuracy(scored: &[(usize, bool, Option<f32>)], fold: usize) -> f64 {
    let right = |threshold: f32, own: bool| {
        let of: Vec<_> = scored.iter().filter(|s| (s.0 == fold) == own).collect();
        let hits = of
            .iter()
            .filter(|(_, same, score)| score.is_some_and(|s| (s >= threshold) == *same))
            .count();
        hits as f64 / of.len() as f64
    };
    let best = (-100..=100)
        .map(|t| t as f32 / 100.0)
        .max_by(|a, b| right(*a, false).total_cmp(&right(*b, false)))
        .unwrap();
    right(best, true)
}

/// True acceptance at fixed false match rates over all pairs of pictures: where a threshold can be read from.
fn all_pairs(embedded: &Embedded) {
    let all: Vec<(&str, &Embedding)> = embedded
        .iter()
        .filter_map(|(name, e)| Some((name.split('/').next()?, &e.as_ref()?.0)))
        .collect();
    let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
    for (i, (a, x)) in all.iter().enumerate() {
        for (b, y) in &all[i + 1..] {
            let score = x.cosine(y).unwrap();
            if a == b { &mut genuine } else { &mut impostor }.push(score);
        }
    }
    genuine.sort_by(f32::total_cmp);
    impostor.sort_by(|a, b| b.total_cmp(a));
    print!(
        "      {} genuine, {} impostor pairs;",
        genuine.len(),
        impostor.len()
    );
    for fmr in [1e-2, 1e-3, 1e-4, 1e-5] {
        let threshold = impostor[(impostor.len() as f64 * fmr) as usize];
        let passed = genuine.len() - genuine.partition_point(|s| *s <= threshold);
        print!(
            " FMR {fmr:.0e}: score > {threshold:.3}, TAR {:.4};",
            passed as f64 / genuine.len() as f64
        );
    }
    // What an installer gets who changes nothing.
    let threshold = Config::default().access.threshold;
    let over = |scores: &[f32]| scores.iter().filter(|s| **s >= threshold).count();
    println!(
        " default threshold {threshold}: FMR {:.1e}, TAR {:.4}",
        over(&impostor) as f64 / impostor.len() as f64,
        over(&genuine) as f64 / genuine.len() as f64
    );
}

/// How sharp and bright usable faces are: where the quality limits can be read from.
fn qualities(embedded: &Embedded) {
    let print = |name: &str, value: fn(&Quality) -> f32| {
        let mut all: Vec<f32> = embedded.values().flatten().map(|(_, q)| value(q)).collect();
        all.sort_by(f32::total_cmp);
        let at = |share: f64| all[(all.len() as f64 * share) as usize];
        println!(
            "      {name}: 0.1 % {:.1}, 1 % {:.1}, 10 % {:.1}, 50 % {:.1}",
            at(0.001),
            at(0.01),
            at(0.1),
            at(0.5)
        );
    };
    print("sharpness", |q| q.sharpness);
    print("luma", |q| q.luma);
    print("score x 1000", |q| q.score * 1000.0);
}
