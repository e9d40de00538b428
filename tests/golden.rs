//! Our pipeline against the references: facenet-pytorch's MTCNN, its windows padded with
//! black at the border, on the pictures in `tests/golden` (`make.py` there says why), and
//! Python's ONNX Runtime for embeddings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use doorward::embedding::Embedding;
use doorward::vision::{AlignedFace, Face, Vision};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    parameters: Parameters,
    pictures: Vec<Picture>,
}

#[derive(Deserialize)]
struct Parameters {
    min_face_size: u32,
    thresholds: [f32; 3],
    factor: f32,
}

#[derive(Deserialize)]
struct Picture {
    file: String,
    faces: Vec<ReferenceFace>,
}

#[derive(Deserialize)]
struct ReferenceFace {
    rect: [f32; 4],
    score: f32,
    landmarks: [[f32; 2]; 5],
}

#[derive(Deserialize)]
struct Crops {
    model_sha256: String,
    crops: Vec<Crop>,
}

#[derive(Deserialize)]
struct Crop {
    file: String,
    picture: String,
    face: usize,
    embedding: Vec<f32>,
}

fn golden(name: &str) -> std::path::PathBuf {
    support::project().join("tests/golden").join(name)
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

/// The detector with the reference's parameters and the given networks.
fn vision(reference: &Parameters, choose: &[&str]) -> Vision {
    let mut config = support::config();
    config.models.choose = choose.iter().map(|s| s.to_string()).collect();
    config.vision.min_face_px = reference.min_face_size;
    config.vision.thresholds = reference.thresholds;
    config.vision.scale_factor = reference.factor;
    Vision::open(&config.models, &config.vision).unwrap()
}

fn iou(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |r: &[f32; 4]| (r[2] - r[0]) * (r[3] - r[1]);
    w * h / (area(a) + area(b) - w * h)
}

/// How far two detectors are from each other.
#[derive(Debug, Default)]
struct Agreement {
    pictures: usize,
    faces: usize,
    missed: Vec<String>,
    extra: Vec<String>,
    ious: Vec<f32>,
    landmark_px: Vec<f32>,
    score: f32,
}

impl Agreement {
    fn measure(reference: &Reference, vision: &mut Vision) -> Self {
        let mut this = Self::default();
        for picture in &reference.pictures {
            let image = image::open(golden(&picture.file)).unwrap().to_rgb8();
            let mut found: Vec<Face> = vision.detect(&image).unwrap();
            this.pictures += 1;
            for face in &picture.faces {
                if face.rect[2] - face.rect[0] < 40.0 {
                    continue;
                }
                this.faces += 1;
                let best = found
                    .iter()
                    .enumerate()
                    .map(|(i, f)| (i, iou(&f.rect, &face.rect)))
                    .max_by(|a, b| a.1.total_cmp(&b.1))
                    .filter(|(_, v)| *v > 0.5);
                let Some((i, overlap)) = best else {
                    this.missed.push(picture.file.clone());
                    continue;
                };
                let ours = found.remove(i);
                this.ious.push(overlap);
                this.score = this.score.max((ours.detector_score - face.score).abs());
                for (a, b) in ours.landmarks.iter().zip(&face.landmarks) {
                    this.landmark_px.push((a[0] - b[0]).hypot(a[1] - b[1]));
                }
            }
            this.extra.extend(
                found
                    .iter()
                    .map(|f| format!("{} {:?}", picture.file, f.rect)),
            );
        }
        this
    }

    fn mean_iou(&self) -> f32 {
        self.ious.iter().sum::<f32>() / self.ious.len() as f32
    }

    fn mean_landmark_px(&self) -> f32 {
        self.landmark_px.iter().sum::<f32>() / self.landmark_px.len() as f32
    }

    /// What holds for fp32, where only the last digits of the arithmetic differ, and JPEG
    /// decoders by a level or two: that can swap two boxes of nearly the same score.
    fn assert_equal(&self) {
        assert!(self.missed.is_empty(), "{:?}", self.missed);
        assert!(self.extra.is_empty(), "{:?}", self.extra);
        assert!(self.mean_iou() >= 0.99);
        assert!(self.mean_landmark_px() <= 0.2);
        assert!(self.score <= 0.01);
    }

    fn print(&self, name: &str) {
        println!(
            "{name}: {} pictures, {} of {} faces found, {} more; IoU mean {:.4} least {:.4}; \
             landmarks mean {:.3} px most {:.3} px; score differs by {:.5} at most",
            self.pictures,
            self.ious.len(),
            self.faces,
            self.extra.len(),
            self.mean_iou(),
            self.ious.iter().copied().fold(1.0, f32::min),
            self.mean_landmark_px(),
            self.landmark_px.iter().copied().fold(0.0, f32::max),
            self.score,
        );
    }
}

#[test]
fn the_fp32_detector_equals_facenet_pytorch_with_padded_windows() {
    let reference: Reference = read("mtcnn.json");
    let mut vision = vision(
        &reference.parameters,
        &["pnet-fp32", "rnet-fp32", "onet-fp32"],
    );
    let agreement = Agreement::measure(&reference, &mut vision);
    agreement.print("fp32");
    assert!(agreement.pictures >= 50 && agreement.faces >= 60);
    agreement.assert_equal();
}

/// On their own, so that few bad ones cannot hide in the mean over all: the faces that fill
/// the picture, and those that it cuts at the forehead, chin, left and right.
#[test]
fn the_fp32_detector_equals_the_reference_where_the_picture_cuts_the_face() {
    let mut reference: Reference = read("mtcnn.json");
    let mut vision = vision(
        &reference.parameters,
        &["pnet-fp32", "rnet-fp32", "onet-fp32"],
    );
    let cut = |p: &Picture| p.file.contains("/tight-") || p.file.contains("/border-");
    reference.pictures.retain(cut);
    let agreement = Agreement::measure(&reference, &mut vision);
    agreement.print("fp32, tight");
    assert_eq!((agreement.pictures, agreement.faces), (16, 16));
    agreement.assert_equal();
}

/// What models/README.md says of the int8 networks, each beside fp32 ones and all three.
#[test]
fn the_int8_detector_finds_the_same_faces_less_exactly() {
    let reference: Reference = read("mtcnn.json");
    for (networks, least_iou, most_px) in [
        (["pnet-int8", "rnet-fp32", "onet-fp32"], 0.93, 2.0),
        (["pnet-fp32", "rnet-int8", "onet-fp32"], 0.95, 1.2),
        (["pnet-fp32", "rnet-fp32", "onet-int8"], 0.98, 0.6),
        (["pnet-int8", "rnet-int8", "onet-int8"], 0.92, 2.0),
    ] {
        let mut vision = vision(&reference.parameters, &networks);
        let agreement = Agreement::measure(&reference, &mut vision);
        agreement.print(&networks.join(" + "));
        assert!(agreement.missed.is_empty(), "{:?}", agreement.missed);
        assert!(agreement.mean_iou() >= least_iou);
        assert!(agreement.mean_landmark_px() <= most_px);
    }
}

/// Least cosine with the reference's embeddings from the very pixels it saw, and from our
/// own cut of the same face.
fn least_cosines(crops: &Crops, vision: &mut Vision) -> (f32, f32) {
    let reference: Reference = read("mtcnn.json");
    let (mut least_same, mut least_own) = (1f32, 1f32);
    for crop in &crops.crops {
        let expected = Embedding::new(vision.version(), crop.embedding.clone()).unwrap();
        let picture = reference
            .pictures
            .iter()
            .find(|p| p.file == crop.picture)
            .unwrap();
        let reference_face = &picture.faces[crop.face];
        let face = Face {
            rect: reference_face.rect,
            landmarks: reference_face.landmarks,
            detector_score: reference_face.score,
        };

        // The same pixels: everything behind the crop.
        let pixels = image::open(golden(&crop.file)).unwrap().to_rgb8();
        let same = vision.embed(&AlignedFace::new(pixels)).unwrap();
        least_same = least_same.min(same.cosine(&expected).unwrap().value());

        // The same face box: our crop and scaling too.
        let image = image::open(golden(&crop.picture)).unwrap().to_rgb8();
        let aligned = vision.align(&image, &face).unwrap();
        let own = vision.embed(&aligned).unwrap();
        least_own = least_own.min(own.cosine(&expected).unwrap().value());
    }
    println!(
        "{} crops: least cosine {least_same:.6} from the same pixels, {least_own:.4} from our own crop",
        crops.crops.len()
    );
    (least_same, least_own)
}

#[test]
fn facenet_embeddings_equal_python_onnxruntime() {
    let reference: Reference = read("mtcnn.json");
    let crops: Crops = read("embeddings.json");
    let manifest =
        doorward::vision::manifest::Manifest::load(&support::project().join("models")).unwrap();
    assert!(
        manifest
            .entries()
            .iter()
            .any(|e| e.sha256 == crops.model_sha256),
        "the goldens were made with another network: run tests/golden/make.py"
    );
    let mut vision = vision(&reference.parameters, &["facenet128-int8"]);
    let (same, own) = least_cosines(&crops, &mut vision);
    assert!(same >= 1.0 - 1e-3);
    assert!(own >= 0.97);
}

/// Ours is quantised anew, activations too, and cut by our own code.
#[test]
fn sface_embeddings_are_those_of_opencv_up_to_quantisation() {
    let reference: Reference = read("mtcnn.json");
    let crops: Crops = read("sface.json");
    let manifest =
        doorward::vision::manifest::Manifest::load(&support::project().join("models")).unwrap();
    let entry = manifest.entries().iter().find(|e| e.id == "sface-int8");
    assert_eq!(
        entry.unwrap().source_sha256.as_ref(),
        Some(&crops.model_sha256)
    );
    let mut vision = vision(&reference.parameters, &["sface-int8"]);
    let (same, own) = least_cosines(&crops, &mut vision);
    assert!(same >= 0.98, "{same}");
    assert!(own >= 0.98, "{own}");
}

/// A projection on top is a model of its own: it turns embeddings, and nothing made without it
/// is compared with what it makes.
#[test]
fn a_head_turns_embeddings_and_changes_the_version() {
    use doorward::vision::{manifest_edit, projection::Projection};
    let set = tempfile::tempdir().unwrap();
    let models = support::project().join("models");
    for file in std::fs::read_dir(&models).unwrap() {
        let file = file.unwrap();
        let name = file.file_name();
        if name != "manifest.toml" && file.file_type().unwrap().is_file() {
            std::os::unix::fs::symlink(file.path(), set.path().join(&name)).unwrap();
        }
    }
    let path = set.path().join("manifest.toml");
    std::fs::copy(models.join("manifest.toml"), &path).unwrap();
    // Swaps the first two coordinates.
    let mut rows = vec![0f64; 128 * 128];
    for i in 0..128usize {
        rows[i * 128 + [1, 0].get(i).copied().unwrap_or(i)] = 1.0;
    }
    let bytes = Projection::to_bytes(&rows);
    manifest_edit::add_projection(set.path(), "sface-int8", "own", &bytes).unwrap();

    let mut config = support::config();
    config.models.dir = set.path().to_owned();
    config.models.choose = vec!["sface-int8".into()];
    let mut plain = Vision::open(&config.models, &config.vision).unwrap();
    config.models.choose = vec!["own".into()];
    let mut projected = Vision::open(&config.models, &config.vision).unwrap();
    assert_ne!(plain.version(), projected.version());
    assert!(plain.scoring().calibration().is_some());
    assert!(projected.scoring().calibration().is_none());
    let image = image::open(golden("pictures/photo-obama.jpg"))
        .unwrap()
        .to_rgb8();
    let face = plain.detect(&image).unwrap()[0];
    let aligned = plain.align(&image, &face).unwrap();
    let (one, other) = (
        plain.embed(&aligned).unwrap(),
        projected.embed(&aligned).unwrap(),
    );
    let (a, b) = (one.as_slice(), other.as_slice());
    assert!((a[0] - b[1]).abs() + (a[1] - b[0]).abs() + (a[2] - b[2]).abs() < 1e-5);

    std::fs::write(set.path().join("own-projection.f32"), &bytes[4..]).unwrap();
    let said = Vision::open(&config.models, &config.vision)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("own-projection.f32") && said.contains("SHA-256"),
        "{said}"
    );
}

/// The quickest of equally good networks is chosen once, kept, and measured again only on
/// another machine or for another set; what the configuration names counts all the same.
#[test]
fn the_quickest_network_is_chosen_once_and_can_be_overridden() {
    use doorward::config::Precision;
    let folder = tempfile::tempdir().unwrap();
    let mut config = support::config();
    config.models.precision = Precision::Auto;
    config.models.cache = folder.path().join("networks.toml");
    let networks = |config: &doorward::config::Config| {
        Vision::open(&config.models, &config.vision)
            .unwrap()
            .networks()
    };
    let first = networks(&config);
    let kept = std::fs::read_to_string(&config.models.cache).unwrap();
    let (chosen, other) = if kept.contains("onet-int8") {
        ("onet-int8", "onet-fp32")
    } else {
        ("onet-fp32", "onet-int8")
    };
    assert!(first.iter().any(|n| n == chosen), "{first:?} {kept}");
    let rnets: Vec<_> = first.iter().filter(|n| n.starts_with("rnet")).collect();
    assert!(
        first.iter().any(|n| n == "pnet-fp32")
            && rnets.len() == 1
            && kept.contains(rnets[0].as_str()),
        "{first:?} {kept}"
    );
    // Kept: another choice in the file is followed without a measurement.
    std::fs::write(&config.models.cache, kept.replace(chosen, other)).unwrap();
    assert!(networks(&config).iter().any(|n| n == other));
    // Of another machine, or damaged: measured again.
    std::fs::write(
        &config.models.cache,
        kept.replace("made_for = ", "made_for = \"x\" #"),
    )
    .unwrap();
    networks(&config);
    assert_eq!(
        std::fs::read_to_string(&config.models.cache)
            .unwrap()
            .lines()
            .next(),
        kept.lines().next()
    );
    std::fs::write(&config.models.cache, "not = [toml").unwrap();
    networks(&config);
    // The configuration's own word counts, whichever was quicker.
    for id in [chosen, other] {
        config.models.choose = vec![id.into()];
        assert!(networks(&config).iter().any(|n| n == id));
    }
}
