//! The real program at a camera that misbehaves: a driver made up by `fakecam/fakecam.c`,
//! which stands between the program and the kernel.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use doorward::record::{CameraLoss, Event, Kind};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use rustix::process::Signal;
use scenery::living::{self, Head, Held};
use support::site::{Daemon, Site, photo_path, said};
use support::{Need, lacks, project};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
/// Width and height.
const SIDE: u32 = 480;
/// How many ways the head is held in.
const PICTURES: u64 = 4;

/// The driver, built once; or why it cannot be.
fn driver() -> Result<&'static Path, &'static str> {
    static BUILT: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fakecam.so");
        let output = Command::new("cc")
            .args(["-Wall", "-shared", "-fPIC", "-o"])
            .args([&library, &project().join("tests/fakecam/fakecam.c")])
            .arg("-ldl")
            .output()
            .map_err(|error| format!("it does not start ({error})"))?;
        assert!(output.status.success(), "{}", said(&output));
        Ok(library)
    });
    BUILT.as_deref().map_err(|why| why.as_str())
}

/// A door whose camera shows a listed person in this format and has these tricks; none
/// where there is no C compiler.
fn door(format: &str, tricks: &str) -> Option<Site> {
    let driver = match driver() {
        Ok(driver) => driver,
        Err(why) => {
            lacks(Need::Cc, why);
            return None;
        }
    };
    let site = Site::new()
        .set("camera.source", "\"v4l2\"")
        .set("camera.stall_ms", 1000)
        .set("daemon.log", "\"debug\"")
        .enrolled("Barack Obama", &OBAMA);
    let (device, frame) = (site.at("video"), site.at("frame"));
    let (bytes, row) = pictures(format);
    std::fs::write(&frame, bytes).unwrap();
    Some(
        site.set(
            "camera.device",
            format!("{:?}", device.display().to_string()),
        )
        .with("LD_PRELOAD", driver)
        .with("FAKECAM_DEVICE", device)
        .with("FAKECAM_FRAME", frame)
        .with("FAKECAM_COUNT", PICTURES.to_string())
        .with("FAKECAM_BYTES", row.to_string())
        .with("FAKECAM_FORMAT", format)
        .with("FAKECAM_SIZE", format!("{SIDE}x{SIDE}"))
        .with("FAKECAM_TRICKS", tricks),
    )
}

/// The probe's head, held in some ways, in a format, and the bytes of a row of its first
/// plane; of JPEG all of the same length.
fn pictures(format: &str) -> (Vec<u8>, u32) {
    let path = photo_path(PROBE);
    let photo = image::open(&path).unwrap().to_rgb8();
    let head = Head::of(&path).unwrap();
    let images = (0..PICTURES).map(|n| {
        let picture = living::held(&photo, &head, &Held::waiting(n));
        image::imageops::resize(&picture, SIDE, SIDE, FilterType::Triangle)
    });
    if format == "MJPG" {
        return (jpegs(images), 0);
    }
    let mut row = 0;
    let mut all = Vec::new();
    for image in images {
        let (bytes, bytes_a_row) = picture(format, image);
        row = bytes_a_row;
        all.extend(bytes);
    }
    (all, row)
}

fn picture(format: &str, image: RgbImage) -> (Vec<u8>, u32) {
    let yuv: Vec<[u8; 3]> = image.pixels().map(|p| ycbcr(p.0)).collect();
    let luma = || yuv.iter().map(|p| p[0]);
    let pairs = || yuv.as_chunks::<2>().0.iter();
    // Chroma of every second pixel of every second row.
    let quarter = |channel: usize| {
        let yuv = &yuv;
        let at =
            move |n: u32| yuv[(n / (SIDE / 2) * 2 * SIDE + n % (SIDE / 2) * 2) as usize][channel];
        (0..SIDE * SIDE / 4).map(at)
    };
    match format {
        "YUYV" => (
            pairs()
                .flat_map(|[a, b]| [a[0], a[1], b[0], a[2]])
                .collect(),
            2 * SIDE,
        ),
        "UYVY" => (
            pairs()
                .flat_map(|[a, b]| [a[1], a[0], a[2], b[0]])
                .collect(),
            2 * SIDE,
        ),
        "YVYU" => (
            pairs()
                .flat_map(|[a, b]| [a[0], a[2], b[0], a[1]])
                .collect(),
            2 * SIDE,
        ),
        "NV12" | "NM12" => {
            let chroma = quarter(1).zip(quarter(2)).flat_map(|(u, v)| [u, v]);
            (luma().chain(chroma).collect(), SIDE)
        }
        "YU12" | "YM12" => (luma().chain(quarter(1)).chain(quarter(2)).collect(), SIDE),
        "RGB3" => (image.into_raw(), 3 * SIDE),
        "BGR3" => (
            image.pixels().flat_map(|p| [p[2], p[1], p[0]]).collect(),
            3 * SIDE,
        ),
        "GREY" => (luma().collect(), SIDE),
        // A sensor of ten bits.
        "Y16 " => (
            luma()
                .flat_map(|y| (u16::from(y) << 2).to_le_bytes())
                .collect(),
            2 * SIDE,
        ),
        other => panic!("{other}"),
    }
}

fn jpegs(images: impl Iterator<Item = RgbImage>) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut all = Vec::new();
    for mut noisy in images {
        for value in noisy.iter_mut() {
            *value = value.saturating_add(random.u8(0..4));
        }
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 95)
            .encode_image(&noisy)
            .unwrap();
        all.push(bytes);
    }
    let longest = all.iter().map(Vec::len).max().unwrap();
    all.iter_mut().for_each(|bytes| bytes.resize(longest, 0));
    all.concat()
}

/// BT.601, limited range.
fn ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(|v| f32::from(v) / 255.0);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [
        16.0 + 219.0 * y,
        128.0 + 224.0 * (b - y) / 1.772,
        128.0 + 224.0 * (r - y) / 1.402,
    ]
    .map(|v| v.round() as u8)
}

/// Ends it as an administrator does; gives its log, in which nothing panicked.
fn stopped(daemon: Daemon) -> String {
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    log
}

/// What `doorward check` says of the camera: whether it is fine, and its line.
fn checked(site: &Site) -> (bool, String) {
    let output = site.run(&["check"]);
    let all = said(&output);
    assert!(!all.contains("panicked"), "{all}");
    assert!(!all.contains('\u{1b}'), "{all}");
    let line = all.lines().find(|line| line[6..].starts_with("camera  "));
    let line = line.unwrap_or_else(|| panic!("no line in {all}"));
    (line.starts_with("ok"), line.to_owned())
}

fn lets_in(format: &str, tricks: &str) {
    let Some(site) = door(format, tricks) else {
        return;
    };
    let daemon = site.start();
    site.await_events(Kind::Granted, 1);
    let log = stopped(daemon);
    assert_eq!(site.count(Kind::CameraLost), 0, "{format} {tricks}: {log}");
}

#[test]
fn every_format_that_is_named_lets_a_listed_person_in() {
    for format in [
        "YUYV", "NV12", "MJPG", "GREY", "UYVY", "YVYU", "YU12", "RGB3", "BGR3", "Y16 ",
    ] {
        lets_in(format, if format == "MJPG" { "" } else { "padded" });
    }
}

#[test]
fn planes_in_buffers_of_their_own_are_put_together() {
    for format in ["YUYV", "NV12", "NM12", "YM12"] {
        lets_in(format, "mplane,padded");
    }
}

#[test]
fn a_driver_that_is_odd_and_gives_pictures_is_used() {
    for (format, tricks) in [
        ("UYVY", "insists"),
        ("YUYV", "endless-formats,endless-sizes"),
        ("YUYV", "again,interrupted"),
        ("YUYV", "one-buffer"),
        ("YUYV", "no-planes"),
    ] {
        lets_in(format, tricks);
    }
}

#[test]
fn times_that_cannot_be_of_taking_are_those_of_coming() {
    for (tricks, words) in [
        ("no-clock,no-time", "timed as they come"),
        ("ahead3", "ms ahead of the clock"),
    ] {
        lets_in("YUYV", tricks);
        let Some(site) = door("YUYV", tricks) else {
            return;
        };
        let (fine, line) = checked(&site);
        assert!(fine && line.contains(words), "{line}");
    }
}

/// Each is told once, by the record and by `check`, and nobody is let in.
#[test]
fn a_camera_that_cannot_be_used_is_told_with_the_way_out() {
    for (tricks, expected, words) in [
        (
            "old3",
            CameraLoss::TooOld,
            &["too old to count", "were 30", "max_frame_age_ms is 5000"][..],
        ),
        (
            "no-time",
            CameraLoss::TooOld,
            &["too old to count", "max_frame_age_ms is 5000"],
        ),
        (
            "no-bandwidth",
            CameraLoss::NoBandwidth,
            &[
                "USB bandwidth",
                "MJPG",
                "smaller picture",
                "another USB port",
            ],
        ),
        (
            "huge",
            CameraLoss::ImpossibleSize,
            &["65535x65535", "4096", "camera.width"],
        ),
        (
            "damaged",
            CameraLoss::BadFrames,
            &["is spoilt", "marked it as damaged", "cable"],
        ),
        (
            "no-such-buffer",
            CameraLoss::Failed,
            &["taking a frame", "kernel's log"],
        ),
    ] {
        let Some(site) = door("YUYV", tricks) else {
            return;
        };
        // For the frames that are three seconds old; the machine may be busy.
        let age = if tricks == "old3" { 2000 } else { 5000 };
        let site = site.set("access.max_frame_age_ms", age);
        let daemon = site.start();
        daemon.await_said("camera still lost");
        let log = stopped(daemon);
        assert_eq!(site.count(Kind::CameraLost), 1, "{tricks}: {log}");
        assert_eq!(site.count(Kind::CameraBack), 0, "{tricks}: {log}");
        assert_eq!(site.count(Kind::Granted), 0, "{tricks}: {log}");
        let (
            _,
            Event::CameraLost {
                reason, message, ..
            },
        ) = site.first(Kind::CameraLost)
        else {
            panic!("{log}")
        };
        assert_eq!(reason, expected, "{message}");
        let (fine, line) = checked(&site);
        assert!(!fine, "{line}");
        for word in words {
            let word = &word.replace("5000", &age.to_string());
            assert!(message.contains(word), "{word} is not in: {message}");
            assert!(line.contains(word), "{word} is not in: {line}");
        }
        assert!(line.contains("video"), "{line}");
    }
}

/// A driver may refuse whatever it is told while the camera is pulled out.
#[test]
fn a_camera_that_goes_in_the_middle_comes_back() {
    for tricks in [
        "gone",
        "gone,stops-with-eio",
        "gone,stops-with-einval,keeps-buffers",
    ] {
        let Some(site) = door("YUYV", tricks) else {
            return;
        };
        let daemon = site.start();
        site.await_events(Kind::CameraBack, 1);
        let log = stopped(daemon);
        assert_eq!(site.count(Kind::CameraLost), 1, "{tricks}: {log}");
        let (_, Event::CameraLost { reason, .. }) = site.first(Kind::CameraLost) else {
            panic!("{log}")
        };
        assert_eq!(reason, CameraLoss::Unplugged, "{tricks}");
    }
}
