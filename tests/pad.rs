//! Presentation attack detection by a network of the operator's own, and the measurement of a
//! door's checks: `doorward pad-import`, `liveness.network`, `doorward pad-test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use doorward::record::{DenialReason, Event, Kind};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::onnx::Made;
use support::pty::Pty;
use support::site::{Daemon, Site, photo_path, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";

fn brightness(picture: &RgbImage) -> f32 {
    let raw = picture.as_raw();
    raw.iter().map(|v| f32::from(*v)).sum::<f32>() / raw.len() as f32
}

/// The photo, so much as bright, and no larger than a busy machine looks at in time.
fn lit(share: f32) -> RgbImage {
    let whole = image::open(photo_path(PROBE)).unwrap().to_rgb8();
    let mut picture = image::imageops::thumbnail(&whole, 400, 400);
    for Rgb(pixel) in picture.pixels_mut() {
        *pixel = pixel.map(|v| (f32::from(v) * share) as u8);
    }
    picture
}

/// A frame of it as a camera gives it, moved aside by so many pixels.
fn frame(picture: &RgbImage, aside: u32, seed: u64) -> Vec<u8> {
    let mut moved = picture.clone();
    image::imageops::replace(&mut moved, picture, i64::from(aside), 0);
    let mut random = fastrand::Rng::with_seed(seed);
    for value in moved.iter_mut() {
        *value = value.saturating_add(random.u8(0..4));
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95)
        .encode_image(&moved)
        .unwrap();
    bytes
}

/// A clip of somebody who sways, or of a photo that stands.
fn frames(picture: &RgbImage, sways: bool, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| {
            let aside = if sways { [0, 2, 4, 5, 4, 2][n % 6] } else { 0 };
            frame(picture, aside, n as u64)
        })
        .collect()
}

fn folder(at: &Path, frames: &[Vec<u8>]) {
    std::fs::create_dir_all(at).unwrap();
    for (n, frame) in frames.iter().enumerate() {
        std::fs::write(at.join(format!("{n:04}.jpg")), frame).unwrap();
    }
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(output)))
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Between the brightness of the photo and of one that is darker.
const DARK: f32 = 0.6;

fn boundary() -> f32 {
    (brightness(&lit(1.0)) + brightness(&lit(DARK))) / 2.0
}

/// The words that bring a network into the set of a site.
fn import<'a>(file: &'a str, into: &'a str) -> Vec<&'a str> {
    let mut words = vec!["pad-import", file, "--into", into, "--crop-factor", "2.7"];
    words.extend(["--colour", "BGR", "--bona-fide-class", "1", "--softmax"]);
    words.extend(["--threshold", "0.5", "--calibration", "made up for a test"]);
    words
}

/// A site with a network of its own in its set; asked for, unless that is left.
fn with_network(site: Site, made: &Made) -> Site {
    let (file, into) = (site.at("made.onnx"), site.at("set"));
    std::fs::write(&file, made.file()).unwrap();
    let (file, into) = (file.to_str().unwrap(), into.to_str().unwrap());
    let output = site.run(&import(file, into));
    assert!(output.status.success(), "{}", said(&output));
    site.set("models.dir", format!("{into:?}"))
        .set("liveness.frozen_face", false)
        .set("liveness.network", true)
}

#[test]
fn a_network_of_ones_own_refuses_and_grants_nothing_by_itself() {
    let shown = |share: f32| {
        let site = with_network(Site::new(), &Made::new(boundary()))
            .set("camera.replay.pace", "\"real-time\"")
            .set("camera.replay.fps", 5)
            .set("camera.replay.repeat", true)
            .enrolled("Barack", &OBAMA);
        folder(&site.at("frames"), &frames(&lit(share), true, 12));
        site
    };
    let end = |daemon: Daemon| {
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end().0, Some(0));
    };
    let site = shown(DARK);
    let daemon = site.start();
    site.await_events(Kind::Denied, 1);
    end(daemon);
    let (_, Event::Denied(denied)) = site.first(Kind::Denied) else {
        panic!()
    };
    assert_eq!(denied.reason, DenialReason::PadNetwork);
    assert_eq!(denied.person.unwrap().name, "Barack");
    assert!(denied.measured.is_some_and(|score| score < 0.5));
    assert_eq!(site.count(Kind::Granted), 0);

    let site = shown(1.0);
    let daemon = site.start();
    site.await_events(Kind::Granted, 1);
    end(daemon);
    // Who is not listed stays out, whatever the network says.
    let site = with_network(Site::new(), &Made::new(0.0)).enrolled("Joe", &["joe-biden/01.jpg"]);
    folder(&site.at("frames"), &frames(&lit(1.0), true, 14));
    assert_eq!(site.start().end().0, Some(0));
    assert_eq!(site.count(Kind::Granted), 0);
}

#[test]
fn without_the_network_that_is_asked_for_nobody_is_let_in() {
    let wanted = || {
        let site = Site::new().set("liveness.network", true);
        folder(&site.at("frames"), &frames(&lit(1.0), true, 8));
        site
    };
    // The set that ships has none.
    let site = wanted().enrolled("Barack", &OBAMA);
    let (code, log) = site.start().end();
    assert_eq!(code, Some(3), "{log}");
    let no_network = "it has no network of the role pad";
    assert!(
        log.contains(no_network) && log.contains("pad-import"),
        "{log}"
    );
    let checked = site.run(&["check"]);
    assert!(said(&checked).contains(no_network), "{}", said(&checked));
    assert_eq!(site.count(Kind::Granted), 0);
    // It was changed.
    let site = with_network(wanted(), &Made::new(0.0)).enrolled("Barack", &OBAMA);
    let mut bytes = std::fs::read(site.at("set/pad.onnx")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(site.at("set/pad.onnx"), bytes).unwrap();
    let (code, log) = site.start().end();
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("pad.onnx") && log.contains("SHA-256"), "{log}");
    // It says no number of what is before the door.
    let dark = 75.0 / brightness(&lit(1.0));
    let blind = Made {
        blind: Some([30.0, 120.0]),
        ..Made::new(0.0)
    };
    let site = with_network(Site::new(), &blind).enrolled("Barack", &OBAMA);
    folder(&site.at("frames"), &frames(&lit(dark), true, 8));
    let (code, log) = site.start().end();
    assert_eq!(code, Some(3), "{log}");
    assert!(
        log.contains("model pad failed") && log.contains("not finite"),
        "{log}"
    );
    assert_eq!(site.count(Kind::Granted), 0);
    assert_eq!(site.level().as_deref(), Some("released"));
}

#[test]
fn a_file_that_is_no_such_network_is_refused_with_what_is_wrong() {
    let site = Site::new();
    let shaped = |input: &[i64]| Made {
        input: input.to_vec(),
        ..Made::new(100.0)
    };
    let with = |change: &dyn Fn(&mut Made)| {
        let mut made = Made::new(100.0);
        change(&mut made);
        made.file()
    };
    let cases: &[(&str, Vec<u8>, &[&str], &str)] = &[
        (
            "no ONNX",
            b"hello".to_vec(),
            &[],
            "no network that ONNX Runtime takes",
        ),
        (
            "one channel",
            shaped(&[-1, 1, 80, 80]).file(),
            &[],
            "[-1, 1, 80, 80]",
        ),
        (
            "any size",
            shaped(&[-1, 3, -1, -1]).file(),
            &[],
            "fixed sides",
        ),
        (
            "a batch of eight",
            shaped(&[8, 3, 80, 80]).file(),
            &[],
            "[8, 3, 80, 80]",
        ),
        (
            "one class",
            with(&|m| m.classes = 1),
            &[],
            "two classes or more",
        ),
        (
            "too few classes",
            with(&|m| m.classes = 2),
            &["--bona-fide-class", "2"],
            "no class 2",
        ),
        (
            "no numbers",
            with(&|m| m.blind = Some([-9.0, 300.0])),
            &[],
            "not finite",
        ),
        (
            "a softmax twice",
            with(&|m| m.softmax = true),
            &[],
            "leave --softmax out",
        ),
        (
            "another hash",
            with(&|_| ()),
            &["--sha256", HASH],
            "was expected",
        ),
        (
            "no threshold",
            with(&|_| ()),
            &["--threshold", "1.5"],
            "from 0 to 1",
        ),
        (
            "another's name",
            with(&|_| ()),
            &["--id", "sface-int8"],
            "choose another --id",
        ),
    ];
    let (file, into) = (site.at("made.onnx"), site.at("set"));
    for (name, bytes, words, expected) in cases {
        std::fs::write(&file, bytes).unwrap();
        let mut all = import(file.to_str().unwrap(), into.to_str().unwrap());
        // What is given twice would be a mistake of its own.
        for pair in words.chunks(2) {
            if let Some(at) = all.iter().position(|word| *word == pair[0]) {
                all.drain(at..at + 2);
            }
        }
        all.extend(*words);
        let told = site.fails(&all);
        assert!(told.contains(expected), "{name}: {told}");
        let has_it = std::fs::read_to_string(into.join("manifest.toml"));
        assert!(!has_it.is_ok_and(|text| text.contains("\"pad\"")), "{name}");
    }
    // Probabilities as they are, and what was not softened.
    std::fs::write(&file, Made::new(100.0).file()).unwrap();
    let mut words = import(file.to_str().unwrap(), into.to_str().unwrap());
    words.retain(|word| *word != "--softmax");
    let told = site.fails(&words);
    assert!(told.contains("softmax"), "{told}");
    std::fs::write(&file, with(&|m| m.softmax = true)).unwrap();
    words.push("--json");
    let imported = json(&site.run(&words));
    assert_eq!(imported["sha256"].as_str(), Some(&*sha256(&file)));
    assert_eq!(imported["input"], serde_json::json!([80, 80]));
    assert_eq!(
        (imported["classes"].as_u64(), imported["id"].as_str()),
        (Some(3), Some("pad"))
    );
    // Again, under another name: then that one is asked.
    words.extend(["--id", "pad-2"]);
    let again = json(&site.run(&words));
    assert_eq!(again["is_new_set"], false);
    let text = std::fs::read_to_string(into.join("manifest.toml")).unwrap();
    assert_eq!(text.matches("role = \"pad\"").count(), 2, "{text}");
    assert_eq!(text.matches("made up for a test").count(), 2, "{text}");
}

/// Of no file.
const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// People who sway and photos on a stand, 24 frames of five a second each.
fn clips(site: &Site) {
    let picture = lit(1.0);
    let still = frames(&picture, false, 24);
    let clips = site.at("clips");
    folder(&clips.join("bona-fide/ada"), &frames(&picture, true, 24));
    folder(&clips.join("bona-fide/zoe"), &frames(&lit(0.9), true, 24));
    folder(&clips.join("attack/photo-on-stand/print"), &still);
    std::fs::write(clips.join("attack/photo-on-stand/tv.mjpeg"), still.concat()).unwrap();
    folder(&clips.join("attack/other/wall"), &vec![wall(); 3]);
}

fn wall() -> Vec<u8> {
    std::fs::read(photo_path("scenes-free/brick.jpg")).unwrap()
}

#[test]
fn a_door_is_measured_on_clips_by_the_rules_it_decides_by() {
    let site = Site::new()
        .set("liveness.frozen_face", true)
        .set("camera.replay.fps", 5)
        .enrolled("Barack", &OBAMA);
    clips(&site);
    let (out, html, clips) = (site.at("run.json"), site.at("run.html"), site.at("clips"));
    let mut words = vec!["pad-test", clips.to_str().unwrap(), "--json"];
    words.extend(["--out", out.to_str().unwrap()]);
    words.extend(["--html", html.to_str().unwrap()]);
    let output = site.run(&words);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = json(&output);

    let people = &report["bona_fide"];
    assert_eq!(
        (people["tries"].as_u64(), people["accepted"].as_u64()),
        (Some(2), Some(2))
    );
    assert_eq!(people["granted"], 2, "{report:#}");
    let seen = |tally: &Value, key: &str| tally["error_rate"][key].as_f64().unwrap();
    assert_eq!(seen(people, "rate"), 0.0);
    // 1 - 0.025^(1/2), and z^2 / (2 + z^2).
    assert!((seen(people, "exact_high") - 0.8419).abs() < 1e-4);
    assert!((seen(people, "high") - 0.6576).abs() < 1e-4);
    let [wall, stand] = &report["attacks"].as_array().unwrap()[..] else {
        panic!("{report:#}")
    };
    assert_eq!(
        (wall["kind"].as_str(), wall["no_response"].as_u64()),
        (Some("other"), Some(1))
    );
    assert_eq!(wall["no_response_because"]["no_face"], 1);
    assert!(wall["error_rate"].is_null());
    assert_eq!(stand["kind"], "photo_on_stand");
    assert_eq!(
        (stand["tries"].as_u64(), stand["refused"].as_u64()),
        (Some(2), Some(2))
    );
    assert_eq!(stand["refused_by"]["frozen_face"], 2);
    assert!(
        stand["median_ms"]
            .as_u64()
            .is_some_and(|ms| (1000..6000).contains(&ms))
    );
    assert_eq!(report["worst_kind"], "photo_on_stand");
    assert_eq!(
        report["claims"][1],
        serde_json::json!({ "at_most": 0.05, "tries": 72 })
    );
    assert_eq!(report["checks"], serde_json::json!(["frozen_face"]));
    let hash = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(
        hash(&report["configuration"]["sha256"]),
        sha256(&site.config())
    );
    let manifest = support::project().join("models/manifest.toml");
    assert_eq!(
        hash(&report["models"]["manifest_sha256"]),
        sha256(&manifest)
    );
    for one in report["presentations"].as_array().unwrap() {
        for key in ["kind", "clip", "response", "frames", "judged", "granted"] {
            assert!(!one[key].is_null(), "{key} of {one}");
        }
    }

    // The same in the file, on the page and on record; and the door has not moved.
    let written: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(written, report);
    let page = std::fs::read_to_string(&html).unwrap();
    for part in [
        "BPCER",
        "APCER",
        "photo_on_stand",
        "84.2 %",
        &hash(&report["models"]["manifest_sha256"]),
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let (_, Event::PadTested(run)) = site.first(Kind::PadTested) else {
        panic!()
    };
    assert_eq!(run.report_sha256, sha256(&out));
    assert_eq!(run.config_sha256, sha256(&site.config()));
    let accepted: Vec<_> = run
        .presented
        .iter()
        .map(|k| (&*k.kind, k.accepted))
        .collect();
    assert_eq!(
        accepted,
        [("bona_fide", 2), ("other", 0), ("photo_on_stand", 0)]
    );
    assert_eq!(site.level(), None);
    let told = said(&site.run(&["events"]));
    assert!(told.contains("bona_fide accepted 2 of 2 tries"), "{told}");

    // Without a check whatever has a face is a person; nobody needs to be listed for that.
    let site = site
        .set("liveness.frozen_face", false)
        .set("whitelist.database", "\"nobody.db\"");
    let told = said(&site.run(&["pad-test", clips.to_str().unwrap()]));
    for part in [
        "No check of [liveness] is on",
        "APCER 100.0 % (2 of 2",
        "36, 72 or 368 tries",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn the_network_of_ones_own_is_measured_with_its_scores() {
    let site = with_network(Site::new(), &Made::new(boundary())).set("camera.replay.fps", 5);
    folder(
        &site.at("clips/bona-fide/ada"),
        &frames(&lit(1.0), true, 12),
    );
    folder(
        &site.at("clips/attack/screen_photo/phone"),
        &frames(&lit(DARK), true, 12),
    );
    let clips = site.at("clips");
    let report = json(&site.run(&["pad-test", clips.to_str().unwrap(), "--json"]));
    assert_eq!(
        report["attacks"][0]["refused_by"]["pad_network"], 1,
        "{report:#}"
    );
    assert_eq!(report["bona_fide"]["accepted"], 1, "{report:#}");
    assert_eq!(report["bona_fide"]["granted"], 0);
    let mean = |kind: &str| {
        let all = report["presentations"].as_array().unwrap();
        let one = all.iter().find(|one| one["kind"] == kind).unwrap();
        one["network_mean"].as_f64().unwrap()
    };
    assert!(
        mean("bona_fide") > 0.5 && mean("screen_photo") < 0.5,
        "{report:#}"
    );
    let networks = report["models"]["networks"].to_string();
    assert!(networks.contains("\"pad\""), "{networks}");
}

#[test]
fn clips_that_are_not_as_they_should_be_are_named() {
    let site = Site::new();
    let clips = site.at("clips");
    let told = |site: &Site| site.fails(&["pad-test", clips.to_str().unwrap()]);
    assert!(told(&site).contains("cannot read the folder"));
    std::fs::create_dir(&clips).unwrap();
    assert!(told(&site).contains("neither bona-fide/ nor attack/KIND/"));
    std::fs::create_dir(clips.join("attacks")).unwrap();
    assert!(told(&site).contains("\"attacks\", which is neither"));
    std::fs::remove_dir(clips.join("attacks")).unwrap();
    std::fs::create_dir_all(clips.join("attack/hologram/a")).unwrap();
    let of_kind = told(&site);
    assert!(
        of_kind.contains("hologram") && of_kind.contains("photo_on_stand"),
        "{of_kind}"
    );
    std::fs::remove_dir_all(clips.join("attack")).unwrap();
    std::fs::create_dir_all(clips.join("bona-fide")).unwrap();
    assert!(told(&site).contains("is empty"));
    std::fs::write(clips.join("bona-fide/1.jpg"), wall()).unwrap();
    assert!(told(&site).contains("a folder of its own"));
    std::fs::remove_file(clips.join("bona-fide/1.jpg")).unwrap();

    // What cannot be read is left out, and said; the rest is measured.
    folder(&clips.join("bona-fide/ada"), &frames(&lit(1.0), true, 6));
    folder(&clips.join("bona-fide/none"), &[]);
    folder(&clips.join("bona-fide/torn"), &[b"no picture".to_vec()]);
    std::fs::write(clips.join("bona-fide/film.y4m"), b"no clip").unwrap();
    std::fs::write(clips.join("bona-fide/film.mp4"), b"no clip").unwrap();
    let output = site.run(&["pad-test", clips.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report = json(&output);
    assert_eq!(report["bona_fide"]["tries"], 1);
    let left_out: Vec<&str> = report["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["clip"].as_str().unwrap())
        .collect();
    let expected = ["film.mp4", "film.y4m", "none", "torn"].map(|n| format!("bona-fide/{n}"));
    assert_eq!(left_out, expected);
}

#[test]
fn the_doors_own_camera_is_measured_by_asking() {
    let site = Site::new()
        .set("liveness.frozen_face", true)
        .set("camera.replay.pace", "\"real-time\"")
        .set("camera.replay.fps", 5)
        .set("camera.replay.repeat", true);
    folder(&site.at("frames"), &frames(&lit(1.0), false, 12));
    assert!(
        site.fails(&["pad-test", "--camera"])
            .contains("what is to be presented")
    );
    let out = site.at("run.json");
    let mut words = vec![
        "pad-test",
        "--camera",
        "--seconds",
        "10",
        "--countdown",
        "1",
    ];
    words.extend(["--attack", "photo_on_stand=3", "--bona-fide", "1"]);
    words.extend(["--out", out.to_str().unwrap()]);
    let mut terminal = Pty::start(site.command(&words));
    terminal.await_shown("bona fide, try 1 of 1");
    terminal.type_line("s");
    terminal.await_shown("photo_on_stand, try 1 of 3");
    terminal.type_line("");
    terminal.await_shown("photo_on_stand, try 2 of 3");
    terminal.type_line("q");
    let (shown, status) = terminal.end();
    assert!(status.success(), "{shown}");
    assert!(shown.contains("refused by frozen_face"), "{shown}");
    assert!(shown.contains("APCER 0.0 % (0 of 1"), "{shown}");
    let report: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(report["attacks"][0]["tries"], 1);
    assert!(report["bona_fide"].is_null());
    assert_eq!(site.kinds(), [Kind::PadTested]);
}
