//! What a person sees of what was recognised: annotated pictures, snapshots, and the live
//! lines that a camera is aimed by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use doorward::drawing::{Pen, Tile, Tone, sheet};
use image::RgbImage;
use serde_json::Value;
use support::site::{Site, photo_path, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const STRANGER: &str = "grace-hopper/01.jpg";
const NOBODY: &str = "scenes-free/brick.jpg";

/// What a command prints, which must succeed.
fn printed(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn values(text: &str) -> Vec<Value> {
    let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
    values.collect()
}

fn differing(a: &RgbImage, b: &RgbImage) -> usize {
    assert_eq!(a.dimensions(), b.dimensions());
    let far = |a: &u8, b: &u8| a.abs_diff(*b) > 40;
    let pixels = a.pixels().zip(b.pixels());
    pixels
        .filter(|(a, b)| a.0.iter().zip(&b.0).any(|(a, b)| far(a, b)))
        .count()
}

fn starts(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()[..3].to_vec()
}

#[test]
fn an_annotated_picture_is_what_its_name_says_and_never_its_input() {
    // A name in another script, so that a font of the machine is asked for it.
    let site = Site::new().enrolled("Барак Обама", &OBAMA);
    let own = site.at("own.jpg");
    std::fs::copy(photo_path(PROBE), &own).unwrap();
    let before = std::fs::read(&own).unwrap();
    let input = own.display().to_string();
    let at = |name: &str| site.at(name).display().to_string();

    for (name, magic) in [("a.jpg", b"\xff\xd8\xff"), ("b.JPEG", b"\xff\xd8\xff")] {
        printed(&site, &["identify", &input, "--annotate", &at(name)]);
        assert_eq!(starts(&site.at(name)), magic, "{name}");
    }
    printed(&site, &["identify", &input, "--annotate", &at("c.png")]);
    assert_eq!(starts(&site.at("c.png")), b"\x89PN");
    let drawn = image::open(site.at("c.png")).unwrap().to_rgb8();
    let plain = image::open(&own).unwrap().to_rgb8();
    // The box is thin: what is drawn is a small part of the picture.
    let share = differing(&drawn, &plain) as f64 / f64::from(plain.width() * plain.height());
    assert!((0.002..0.15).contains(&share), "{share}");

    for name in ["d.gif", "e", "f.jpg.txt"] {
        let said = site.fails(&["identify", &input, "--annotate", &at(name)]);
        assert!(said.contains(".jpg, .jpeg or .png"), "{said}");
        assert!(!site.at(name).exists());
    }
    std::fs::hard_link(&own, site.at("hard.png")).unwrap();
    std::os::unix::fs::symlink(&own, site.at("soft.png")).unwrap();
    std::os::unix::fs::symlink(site.at(""), site.at("folder")).unwrap();
    for name in ["own.jpg", "hard.png", "soft.png", "folder/own.jpg"] {
        let said = site.fails(&["identify", &input, "--annotate", &at(name)]);
        assert!(said.contains("itself; name another file"), "{name}: {said}");
    }
    assert_eq!(std::fs::read(&own).unwrap(), before);
}

#[test]
fn a_snapshot_has_what_the_daemon_would_make_of_the_picture() {
    let site = Site::new()
        .enrolled("Ada Example", &OBAMA)
        .frames(NOBODY, 3)
        .frames(PROBE, 2);
    let file = site.at("shot.jpg").display().to_string();
    // At once there is nobody, and waiting for a face finds one.
    let one = values(&printed(&site, &["snapshot", &file, "--json"])).remove(0);
    assert_eq!(one["faces"].as_array().unwrap().len(), 0);
    assert_eq!(starts(&site.at("shot.jpg")), b"\xff\xd8\xff");
    let arguments = ["snapshot", &file, "--wait", "20", "--json"];
    let one = values(&printed(&site, &arguments)).remove(0);
    let face = &one["faces"][0];
    assert_eq!(face["name"], "Ada Example", "{one}");
    assert!(face["score"].as_f64() >= one["threshold"].as_f64(), "{one}");
    assert!(face["quality"]["size_px"].as_f64().unwrap() > 80.0);
    assert_eq!(face["flaw"], Value::Null);
    let text = printed(&site, &["snapshot", &file, "--wait", "20"]);
    assert!(
        text.contains("Ada Example") && text.contains("needs 0."),
        "{text}"
    );

    let said = site.fails(&["snapshot", &site.at("x.bmp").display().to_string()]);
    assert!(said.contains(".jpg, .jpeg or .png"), "{said}");
    assert_eq!(site.level(), None, "the relay was touched");
    assert!(
        site.records()
            .iter()
            .all(|r| !r.to_string().contains("granted"))
    );
}

#[test]
fn trying_tells_of_each_frame_with_a_face_and_moves_nothing() {
    let site = Site::new()
        .set("vision.min_face_px", 80)
        .enrolled("Ada Example", &OBAMA)
        .frames(NOBODY, 2)
        .frames(PROBE, 5)
        .frames(STRANGER, 3);
    let before = site.records().len();
    let text = printed(&site, &["try"]);
    let of = |word: &str| text.lines().filter(|line| line.contains(word)).count();
    assert_eq!(of("Ada Example: score"), 5, "{text}");
    assert_eq!(of("WOULD BE LET IN"), 1, "{text}");
    assert_eq!(of("not listed: score"), 3, "{text}");
    assert!(text.contains("10 frames, 8 with a face"), "{text}");
    assert!(text.contains("the door would have opened once"), "{text}");

    let frames = values(&printed(&site, &["try", "--json"]));
    assert_eq!(frames.len(), 10);
    let granted = frames.iter().filter(|f| f["granted"] == true).count();
    assert_eq!(granted, 1);
    assert_eq!(site.level(), None, "the relay was touched");
    assert_eq!(site.records().len(), before);

    // Too far for the door, with what would do.
    let site = site.set("vision.min_face_px", 400);
    let text = printed(&site, &["try"]);
    assert!(text.contains("cannot judge: too far: "), "{text}");
    assert!(text.contains("needs 400"), "{text}");
    assert!(
        text.contains("the door would have opened not at all"),
        "{text}"
    );

    // A recording that never ends is ended by the time.
    let site = site.set("camera.replay.repeat", true);
    printed(&site, &["try", "--seconds", "1"]);
}

#[test]
fn faces_of_decisions_are_kept_where_that_is_wanted() {
    for (wanted, expected) in [
        ("none", &[][..]),
        ("refused", &["denied"]),
        ("all", &["denied", "granted"]),
    ] {
        let site = Site::new()
            .set("audit.pictures", format!("{wanted:?}"))
            .enrolled("Ada Example", &OBAMA)
            .frames(STRANGER, 5)
            .frames(NOBODY, 2)
            .frames(PROBE, 5);
        let (code, log) = site.start().end();
        assert_eq!(code, Some(0), "{log}");
        let folder = site.at("out").display().to_string();
        printed(&site, &["events", "--pictures", &folder]);
        let mut found = Vec::new();
        for record in site.records() {
            let kept = site.at(&format!("pictures/{}.sealed", record.id));
            let Ok(about) = kept.metadata() else {
                continue;
            };
            assert_eq!(about.mode() & 0o777, 0o600, "{}", kept.display());
            // Nobody sees a face in it without the key.
            assert!(image::load_from_memory(&std::fs::read(&kept).unwrap()).is_err());
            let face = image::open(site.at(&format!("out/{}.jpg", record.id))).unwrap();
            assert!(face.width() > 80 && face.height() <= 320);
            found.push(record.event().unwrap().kind().to_string());
        }
        found.sort();
        found.dedup();
        assert_eq!(found, expected, "{wanted}: {log}");
        if wanted == "none" {
            assert!(!site.at("pictures").exists());
        } else {
            let about = site.at("pictures").metadata().unwrap();
            assert_eq!(about.mode() & 0o777, 0o700);
            // They go with the person whom their events name.
            printed(&site, &["people", "remove", "--yes", "Ada Example"]);
            assert_eq!(std::fs::read_dir(site.at("pictures")).unwrap().count(), 0);
        }
    }
}

#[test]
fn a_sheet_has_a_tile_for_each_scene() {
    let tile = Tile {
        picture: RgbImage::from_pixel(1280, 720, image::Rgb([200; 3])),
        title: "Nobody".into(),
        said: "nothing to decide".into(),
        tone: Tone::Unclear,
    };
    let mut pen = Pen::default();
    let sizes = [1, 2, 4, 5].map(|n| sheet(&mut pen, &vec![tile.clone(); n]).dimensions());
    let [one, two, four, five] = sizes;
    assert!(two.0 > one.0 && two.1 == one.1);
    assert!(four.0 == two.0 && four.1 > two.1);
    assert!(five.0 > four.0 && five.1 == four.1);
}
