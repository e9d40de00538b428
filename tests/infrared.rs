//! The real program with two recordings: a first camera's and an infrared one's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use doorward::record::{CameraLoss, DenialReason, Denied, Event, Kind, WhichCamera};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use rustix::process::Signal;
use support::site::{Site, photo_path, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const COLOUR: (u32, u32) = (640, 480);
const INFRARED: (u32, u32) = (640, 360);
/// So much smaller is everything in the infrared picture, and so far aside, in pixels.
const SCALE: f32 = 0.8;
const ASIDE: (f32, f32) = (40.0, -20.0);

/// How far the head is below the portrait's middle, and how wide and high half of it is, in shares
/// of the portrait's width.
const HEAD: (f32, f32, f32) = (-0.18, 0.26, 0.34);

/// A portrait in a room, so wide and with its middle there; its face is 0.4 of it wide.
fn scene(size: (u32, u32), wide: f32, (x, y): (f32, f32), room: Rgb<u8>) -> RgbImage {
    let portrait = image::open(photo_path(PROBE)).unwrap();
    let portrait = portrait.crop_imm(232, 60, 400, 500);
    let side = |of: u32| ((of as f32 * wide / portrait.width() as f32) as u32).max(1);
    let (w, h) = (side(portrait.width()), side(portrait.height()));
    // By a function that is compiled in its own crate, and so with optimisation.
    let small = portrait.resize_exact(w, h, FilterType::Triangle).to_rgb8();
    let mut picture = RgbImage::from_pixel(size.0, size.1, room);
    let at = |middle: f32, of: u32| (middle - of as f32 / 2.0) as i64;
    imageops::overlay(&mut picture, &small, at(x, w), at(y, h));
    picture
}

/// As an infrared camera with its own light sees somebody: the room is dark, and what is near
/// is lit. The portrait's own background counts as far away.
fn under_infrared(wide: f32, middle: (f32, f32)) -> RgbImage {
    let mut picture = scene(INFRARED, wide, middle, Rgb([18; 3]));
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let luma = (u16::from(pixel.0[0]) + 2 * u16::from(pixel.0[1]) + u16::from(pixel.0[2])) / 4;
        let (across, down) = (x as f32 - middle.0, y as f32 - middle.1);
        let (below, half_wide, half_high) = HEAD;
        let (across, down) = (across / wide / half_wide, (down / wide - below) / half_high);
        let is_near = across.hypot(down) <= 1.0;
        let luma = if is_near { luma as u8 } else { 18 };
        *pixel = Rgb([luma; 3]);
    }
    picture
}

fn there((x, y): (f32, f32)) -> (f32, f32) {
    (x * SCALE + ASIDE.0, y * SCALE + ASIDE.1)
}

/// Writes pictures with a camera's noise.
fn write(folder: &Path, pictures: &[RgbImage]) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir(folder).unwrap();
    for (n, picture) in pictures.iter().enumerate() {
        let mut random = fastrand::Rng::with_seed(n as u64);
        let mut picture = picture.clone();
        for value in picture.iter_mut() {
            *value = value.saturating_add(random.u8(0..4));
        }
        picture.save(folder.join(format!("{n:04}.png"))).unwrap();
    }
}

/// A door with two cameras that somebody has walked about before.
fn site() -> Site {
    let site = Site::new();
    let folder = site.at("infrared");
    let site = site
        .set("camera.replay.repeat", true)
        .set("camera.infrared.source", "\"replay\"")
        .set("camera.infrared.replay.path", format!("{folder:?}"))
        .set("camera.infrared.replay.pace", "\"every-frame\"")
        .set("camera.infrared.replay.repeat", true)
        // A busy machine must not change what counts as one moment.
        .set("camera.infrared.max_skew_ms", 5000)
        .enrolled("Barack Obama", &OBAMA);
    let walk: Vec<(f32, (f32, f32))> = (0..36)
        .map(|n| {
            let way = n as f32 / 35.0;
            let x = 320.0 + 150.0 * (way * 9.0).sin();
            (280.0 + 180.0 * way, (x, 250.0 + 20.0 * way))
        })
        .collect();
    let first: Vec<RgbImage> = walk
        .iter()
        .map(|(wide, middle)| scene(COLOUR, *wide, *middle, Rgb([120; 3])))
        .collect();
    let second: Vec<RgbImage> = walk
        .iter()
        .map(|(wide, middle)| under_infrared(wide * SCALE, there(*middle)))
        .collect();
    write(&site.at("frames"), &first);
    write(&site.at("infrared"), &second);
    // Each picture once, so that those of one moment stay together.
    let site = site
        .set("camera.replay.repeat", false)
        .set("camera.infrared.replay.repeat", false);
    let learnt = site.run(&["infrared", "map"]);
    assert!(learnt.status.success(), "{}", said(&learnt));
    assert!(site.at("infrared.toml").exists());
    let (_, Event::InfraredMapped(mapped)) = site.first(Kind::InfraredMapped) else {
        panic!("not on record")
    };
    assert!(mapped.pairs >= 20 && mapped.residual < 0.1, "{mapped:?}");
    let site = site
        .set("camera.replay.repeat", true)
        .set("camera.infrared.replay.repeat", true);
    stand(&site);
    site
}

const WIDE: f32 = 400.0;
const MIDDLE: (f32, f32) = (300.0, 260.0);

/// The listed person stands before the first camera, as still as people are.
fn stand(site: &Site) {
    let swaying = (0..8u8).map(|n| {
        let (sin, cos) = (f32::from(n) * std::f32::consts::FRAC_PI_4).sin_cos();
        let middle = (MIDDLE.0 + 5.0 * cos, MIDDLE.1 + 5.0 * sin);
        scene(COLOUR, WIDE, middle, Rgb([120; 3]))
    });
    write(&site.at("frames"), &swaying.collect::<Vec<_>>());
}

/// Has the infrared camera show that again and again.
fn infrared(site: &Site, picture: &RgbImage) {
    write(&site.at("infrared"), &vec![picture.clone(); 8]);
}

fn bona_fide() -> RgbImage {
    under_infrared(WIDE * SCALE, there(MIDDLE))
}

fn stop(daemon: support::site::Daemon) {
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

/// The newest denial, where nobody was ever let in.
fn denied(site: &Site) -> Denied {
    assert_eq!(site.count(Kind::Granted), 0);
    let denials = site.events().into_iter().rev();
    let denial = denials.filter_map(|(_, event)| match event {
        Event::Denied(denied) => Some(denied),
        _ => None,
    });
    let denied = denial.into_iter().next().unwrap();
    assert_eq!(denied.person.as_ref().unwrap().name, "Barack Obama");
    denied
}

#[test]
fn a_person_before_both_cameras_is_let_in_and_a_screen_or_another_place_is_not() {
    let site = site();
    let screen = {
        let mut picture = bona_fide();
        let (x, y) = there(MIDDLE);
        let y = y + HEAD.0 * WIDE * SCALE;
        let phone = RgbImage::from_pixel(170, 220, Rgb([4; 3]));
        imageops::replace(&mut picture, &phone, x as i64 - 85, y as i64 - 110);
        picture
    };
    let empty = RgbImage::from_pixel(INFRARED.0, INFRARED.1, Rgb([60; 3]));
    let (x, y) = there(MIDDLE);
    let aside = under_infrared(WIDE * SCALE, (x + 70.0, y));
    for (picture, reason) in [
        (&screen, DenialReason::InfraredDark),
        (&empty, DenialReason::InfraredMissingFace),
        (&aside, DenialReason::InfraredElsewhere),
    ] {
        let before = site.count(Kind::Denied);
        infrared(&site, picture);
        let daemon = site.start();
        site.await_events(Kind::Denied, before + 1);
        stop(daemon);
        let denied = denied(&site);
        assert_eq!(denied.reason, reason);
        assert!(denied.measured.is_some(), "{denied:?}");
    }
    let before = site.count(Kind::Denied);
    infrared(&site, &bona_fide());
    let daemon = site.start();
    site.await_events(Kind::Granted, 1);
    stop(daemon);
    assert_eq!(site.count(Kind::Denied), before);

    // The same, looked at: with the values, and a mapping that is not the one on record.
    let tried = site.run(&["try", "--seconds", "2"]);
    let text = said(&tried);
    assert!(
        text.contains("contrast") && text.contains("WOULD BE LET IN"),
        "{text}"
    );
    let checked = said(&site.run(&["check"]));
    assert!(
        checked.contains("infrared map") && checked.contains("pairs of faces"),
        "{checked}"
    );
    assert!(!checked.contains("not the one on record"), "{checked}");
    let file = site.at("infrared.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n# changed\n")).unwrap();
    let checked = said(&site.run(&["check"]));
    assert!(checked.contains("not the one on record"), "{checked}");
    std::fs::write(&file, "colour = 3").unwrap();
    assert!(site.fails(&["run"]).contains("is damaged"));
    std::fs::remove_file(&file).unwrap();
    assert!(site.fails(&["run"]).contains("doorward infrared map"));
}

#[test]
fn without_the_infrared_camera_nobody_is_let_in_and_it_is_told() {
    let site = site().set("camera.infrared.replay.repeat", false);
    // It ends before anybody comes.
    let empty = RgbImage::from_pixel(INFRARED.0, INFRARED.1, Rgb([60; 3]));
    write(&site.at("infrared"), &[empty]);
    let daemon = site.start();
    site.await_events(Kind::CameraLost, 1);
    site.await_events(Kind::Denied, 1);
    let until = Instant::now() + Duration::from_secs(30);
    // It is written down every two seconds.
    loop {
        let status = said(&site.run(&["status"]));
        if status.contains("infrared_camera_lost") {
            break;
        }
        assert!(Instant::now() < until, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
    stop(daemon);
    let (which, reason, _) = lost(&site);
    assert_eq!(
        (which, reason),
        (WhichCamera::Infrared, CameraLoss::Recording)
    );
    assert_eq!(denied(&site).reason, DenialReason::InfraredCameraLost);

    // A camera that is not there is waited for.
    let nowhere = Path::new("/dev/doorward-no-such-camera");
    let site = site
        .set("camera.infrared.source", "\"v4l2\"")
        .set("camera.infrared.device", format!("{nowhere:?}"));
    let daemon = site.start();
    site.await_events(Kind::Denied, 2);
    stop(daemon);
    let (which, reason, message) = lost(&site);
    assert_eq!(
        (which, reason),
        (WhichCamera::Infrared, CameraLoss::NotFound)
    );
    assert!(message.contains("camera.infrared.device"), "{message}");
    assert_eq!(denied(&site).reason, DenialReason::InfraredCameraLost);

    // One that stands still shows whoever was there before: nobody, or somebody else.
    let site = site
        .set("camera.infrared.source", "\"replay\"")
        .set("camera.infrared.replay.repeat", true)
        .set("camera.infrared.max_identical_frames", 5);
    infrared(&site, &RgbImage::from_fn(INFRARED.0, INFRARED.1, stripes));
    let folder = site.at("infrared");
    for n in 1..8 {
        let to = folder.join(format!("{n:04}.png"));
        std::fs::copy(folder.join("0000.png"), to).unwrap();
    }
    let daemon = site.start();
    site.await_events(Kind::CameraLost, 3);
    stop(daemon);
    let (which, reason, _) = lost(&site);
    assert_eq!((which, reason), (WhichCamera::Infrared, CameraLoss::Frozen));
    assert_eq!(site.count(Kind::Granted), 0);
}

fn stripes(x: u32, _: u32) -> Rgb<u8> {
    Rgb([(x % 64) as u8; 3])
}

/// The newest loss of a camera.
fn lost(site: &Site) -> (WhichCamera, CameraLoss, String) {
    let events = site.events().into_iter().rev();
    let mut losses = events.filter_map(|(_, event)| match event {
        Event::CameraLost {
            which,
            reason,
            message,
        } => Some((which, reason, message)),
        _ => None,
    });
    losses.next().unwrap()
}

#[test]
fn what_no_mapping_follows_from_is_told() {
    let site = Site::new();
    assert!(
        site.fails(&["infrared", "map"])
            .contains("[camera.infrared]")
    );
    let folder = site.at("infrared");
    let site = site
        .set("camera.infrared.source", "\"replay\"")
        .set("camera.infrared.replay.path", format!("{folder:?}"))
        .set("camera.infrared.replay.pace", "\"every-frame\"")
        .set("camera.infrared.max_skew_ms", 5000);
    let picture = scene(COLOUR, WIDE, MIDDLE, Rgb([120; 3]));
    write(&site.at("frames"), &vec![picture; 6]);
    infrared(&site, &bona_fide());
    let said = site.fails(&["infrared", "map"]);
    assert!(said.contains("one person walks about"), "{said}");
    assert!(!site.at("infrared.toml").exists());
}
