//! Recordings in place of a camera.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use doorward::camera::{self, CameraError, FrameSource, Next};
use doorward::config::{self, Pace, Source};
use image::{Rgb, RgbImage};

fn config(path: &Path) -> config::Camera {
    config::Camera {
        source: Source::Replay,
        replay: config::Replay {
            path: path.to_owned(),
            pace: Pace::EveryFrame,
            ..Default::default()
        },
        ..Default::default()
    }
}

fn open(path: &Path) -> Box<dyn FrameSource> {
    camera::open(&config(path)).unwrap()
}

fn refused(path: &Path) -> String {
    match camera::open(&config(path)) {
        Err(error @ CameraError::Replay { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(source) => panic!("{}", source.describe()),
    }
}

/// All frames: origin and the red of the first pixel, or why there is none.
fn play(source: &mut dyn FrameSource, most: usize) -> Vec<Result<(String, u8), String>> {
    let mut frames = Vec::new();
    while frames.len() < most {
        match source.next_frame(Duration::from_secs(5)) {
            Ok(Next::Frame(frame)) => {
                let red = frame.to_rgb().get_pixel(0, 0).0[0];
                frames.push(Ok((frame.origin.clone().unwrap().to_string(), red)));
            }
            Ok(Next::Ended) => break,
            Err(error) if error.is_passing() => frames.push(Err(error.to_string())),
            Err(error) => panic!("{error}"),
        }
    }
    frames
}

fn picture(red: u8) -> RgbImage {
    RgbImage::from_pixel(32, 24, Rgb([red, 0, 0]))
}

fn jpeg(red: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture(red)
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn a_folder_is_played_in_the_order_people_count() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for scene in ["2-b", "10-c", "1-a"] {
        std::fs::create_dir(at(scene)).unwrap();
    }
    for (name, red) in [
        ("1-a/9.png", 1),
        ("1-a/10.PNG", 2),
        ("2-b/x.png", 3),
        ("10-c/x.png", 4),
    ] {
        picture(red)
            .save_with_format(at(name), image::ImageFormat::Png)
            .unwrap();
    }
    std::fs::write(at("2-b/notes.txt"), "not a picture").unwrap();
    std::fs::write(at("2-b/y.jpg"), "not one either").unwrap();
    let frames = play(&mut *open(folder.path()), 100);
    let names: Vec<_> = frames
        .iter()
        .flatten()
        .map(|(name, red)| (name.as_str(), *red))
        .collect();
    assert_eq!(
        names,
        [
            ("1-a/9.png", 1),
            ("1-a/10.PNG", 2),
            ("2-b/x.png", 3),
            ("10-c/x.png", 4)
        ]
    );
    let spoilt: Vec<_> = frames.iter().filter_map(|f| f.as_ref().err()).collect();
    assert!(
        spoilt.len() == 1 && spoilt[0].contains("2-b/y.jpg"),
        "{spoilt:?}"
    );
}

#[test]
fn a_recording_can_start_again() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..3u8 {
        let path = folder.path().join(format!("{n}.png"));
        picture(n)
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }
    let mut config = config(folder.path());
    config.replay.repeat = true;
    let frames = play(&mut *camera::open(&config).unwrap(), 7);
    let reds: Vec<_> = frames.into_iter().map(|f| f.unwrap().1).collect();
    assert_eq!(reds, [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn in_real_time_a_slow_watcher_misses_frames_and_never_sees_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..100u8 {
        let path = folder.path().join(format!("{n}.png"));
        picture(n)
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }
    let mut config = config(folder.path());
    config.replay.pace = Pace::RealTime;
    config.replay.fps = 100;
    let mut source = camera::open(&config).unwrap();
    let mut numbers = Vec::new();
    while let Next::Frame(frame) = source.next_frame(Duration::from_millis(500)).unwrap() {
        assert_eq!(
            u64::from(frame.to_rgb().get_pixel(0, 0).0[0]),
            frame.sequence
        );
        numbers.push(frame.sequence);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(numbers.is_sorted_by(|a, b| a < b));
    assert!(numbers.len() < 50, "{numbers:?}");
}

#[test]
fn a_motion_jpeg_clip_is_played_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mjpeg");
    std::fs::write(&path, [jpeg(10), jpeg(200)].concat()).unwrap();
    let frames = play(&mut *open(&path), 10);
    let reds: Vec<_> = frames.iter().map(|f| f.as_ref().unwrap().1).collect();
    assert!(
        reds.len() == 2 && reds[0].abs_diff(10) < 6 && reds[1].abs_diff(200) < 6,
        "{reds:?}"
    );

    // Cut off in its last frame: that one is spoilt, the first is not.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 40]).unwrap();
    let frames = play(&mut *open(&path), 10);
    assert!(
        frames.len() == 2 && frames[0].is_ok() && frames[1].is_err(),
        "{frames:?}"
    );
}

#[test]
fn a_y4m_clip_is_played_in_its_chroma() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.y4m");
    // Red in BT.601: Y 81, Cb 90, Cr 240.
    for (chroma, bytes) in [("420jpeg", 72), ("422", 144), ("444", 288), ("mono", 0)] {
        let mut clip = format!("YUV4MPEG2 W18 H16 F25:1 Ip C{chroma}\n").into_bytes();
        for _ in 0..2 {
            clip.extend(b"FRAME\n");
            clip.extend([81; 18 * 16]);
            clip.extend(vec![90; bytes]);
            clip.extend(vec![240; bytes]);
        }
        std::fs::write(&path, &clip).unwrap();
        let frames = play(&mut *open(&path), 10);
        let reds: Vec<_> = frames.iter().map(|f| f.as_ref().unwrap().1).collect();
        let expected = if bytes > 0 { 254 } else { 81 };
        assert!(
            reds.len() == 2 && reds.iter().all(|r: &u8| r.abs_diff(expected) < 3),
            "{chroma}: {reds:?}"
        );
        std::fs::write(&path, &clip[..clip.len() - 5]).unwrap();
        let frames = play(&mut *open(&path), 10);
        assert!(
            frames.len() == 2 && frames[1].is_err(),
            "{chroma}: {frames:?}"
        );
    }
}

#[test]
fn what_is_no_recording_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(refused(&at("nowhere")).contains("No such file"));
    assert!(refused(folder.path()).contains("there is no .jpg"));
    for (name, bytes, words) in [
        ("clip.avi", &b"RIFF"[..], "neither a folder"),
        ("clip.mjpeg", b"\0\0\0\0", "does not start with a JPEG"),
        ("empty.mjpeg", b"", "cannot be played"),
        ("text.y4m", b"hello\n", "YUV4MPEG2"),
        ("huge.y4m", b"YUV4MPEG2 W99999 H16\n", "size between"),
        ("deep.y4m", b"YUV4MPEG2 W64 H64 C420p10\n", "420p10"),
    ] {
        std::fs::write(at(name), bytes).unwrap();
        let said = refused(&at(name));
        assert!(
            said.contains(words) && said.contains("camera.replay.path"),
            "{said}"
        );
    }
}

#[test]
fn what_is_no_camera_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let said = |device: &Path| {
        let config = config::Camera {
            device: device.to_owned(),
            ..Default::default()
        };
        match camera::open(&config) {
            Err(error) => error.to_string(),
            Ok(source) => panic!("{}", source.describe()),
        }
    };
    assert!(said(Path::new("/dev/no-such-camera")).contains("there is no camera"));
    assert!(said(&file).contains("is not a camera"), "{}", said(&file));
    assert!(said(Path::new("/dev/null")).contains("is not a camera"));
    assert!(said(folder.path()).contains("is not a camera"));
}

#[test]
fn pictures_of_a_camera_that_hangs_on_its_side_are_turned_upright() {
    let dir = tempfile::tempdir().unwrap();
    let mut sideways = RgbImage::new(32, 24);
    sideways.put_pixel(0, 0, Rgb([255, 0, 0]));
    let path = dir.path().join("1.png");
    sideways.save(&path).unwrap();
    let config = config::Camera {
        rotate: config::Rotation::Right,
        mirror: true,
        ..config(dir.path())
    };
    let mut source = camera::open(&config).unwrap();
    let said = source.describe();
    assert!(said.ends_with(", turned by 90 degrees, mirrored"), "{said}");
    let Ok(Next::Frame(mut frame)) = source.next_frame(Duration::from_secs(5)) else {
        panic!("no frame");
    };
    let copied = frame.to_rgb();
    let mut taken = RgbImage::new(0, 0);
    frame.take_rgb(&mut taken);
    for upright in [copied, taken] {
        assert_eq!(upright.dimensions(), (24, 32));
        assert_eq!(upright.get_pixel(0, 0).0, [255, 0, 0]);
    }
}
