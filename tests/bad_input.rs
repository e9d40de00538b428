//! Whatever is wrong with what is put in: one sentence that names the thing, the
//! place and the fix, nothing lost, and the relay locked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::database::Database;
use doorward::record::{Event, Kind, Log, Query, Record};
use image::{ImageEncoder, Rgb, RgbImage};
use sha2::{Digest, Sha256};
use support::Need;
use support::site::{Site, photo_path, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";

/// Runs the daemon and expects it to end with these words, and the door untouched.
fn run_says(site: &Site, words: &[&str]) {
    let said = site.fails(&["run"]);
    let last = said.lines().last().unwrap_or_default();
    for word in words {
        assert!(last.contains(word), "{word:?} is not in: {said}");
    }
    // Where the database itself is not what is wrong, the record has no grant.
    if let Ok(database) = Database::open_existing(&site.at("doorward.db")) {
        let log = Log::new(database, Default::default());
        let records = log.records(&Query::default()).unwrap();
        let opened =
            |r: &Record| matches!(r.event(), Some(Event::Granted(_) | Event::Unlocked { .. }));
        assert!(!records.iter().any(opened), "{records:#?}");
    }
}

/// The model folder, with links that a test can replace.
fn models(site: &Site) -> PathBuf {
    let folder = site.at("models");
    std::fs::create_dir(&folder).unwrap();
    for file in std::fs::read_dir(support::project().join("models")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name();
        if [".onnx", ".toml", ".i8", ".f32"]
            .iter()
            .any(|end| name.to_string_lossy().ends_with(end))
        {
            std::os::unix::fs::symlink(file.path(), folder.join(name)).unwrap();
        }
    }
    folder
}

fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn with_models() -> (Site, PathBuf) {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 4);
    let folder = models(&site);
    let site = site.set("models.dir", format!("{:?}", folder.display().to_string()));
    (site, folder)
}

#[test]
fn a_model_that_is_missing_cut_off_or_changed() {
    let (site, folder) = with_models();
    let model = folder.join("rnet-int8.onnx");
    let whole = std::fs::read(&model).unwrap();
    std::fs::remove_file(&model).unwrap();
    run_says(
        &site,
        &[
            "rnet-int8.onnx",
            "install the model set again",
            "stays locked",
        ],
    );
    for bytes in [
        &whole[..whole.len() / 2],
        &[whole.as_slice(), b"x"].concat(),
        b"",
        &vec![0; whole.len()],
    ] {
        std::fs::write(&model, bytes).unwrap();
        run_says(&site, &["rnet-int8.onnx", "install the model set again"]);
        std::fs::remove_file(&model).unwrap();
    }
    // An auditor finds out why the door did not open.
    assert!(site.count(Kind::Fault) >= 5);
    std::fs::write(&model, whole).unwrap();
    assert_eq!(site.start().end().0, Some(0));
}

#[test]
fn a_model_of_another_shape_even_with_a_right_hash() {
    let (site, folder) = with_models();
    let onet = std::fs::read(folder.join("onet-fp32.onnx")).unwrap();
    let manifest = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
    let (before, entry) = manifest.split_once("id = \"rnet-int8\"").unwrap();
    let hash: String = Sha256::digest(&onet)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let entry: Vec<String> = entry
        .lines()
        .scan(false, |done, line| {
            let changed = match line.split_once(" = ") {
                _ if *done => line.to_owned(),
                Some(("file", _)) => "file = \"onet-fp32.onnx\"".into(),
                Some(("sha256", _)) => format!("sha256 = \"{hash}\""),
                Some(("bytes", _)) => format!("bytes = {}", onet.len()),
                _ => line.to_owned(),
            };
            *done |= line.starts_with("[[model]]");
            Some(changed)
        })
        .collect();
    let changed = format!("{before}id = \"rnet-int8\"{}", entry.join("\n"));
    replace(&folder.join("manifest.toml"), changed.as_bytes());
    run_says(&site, &["rnet-int8", "shape", "manifest"]);
}

#[test]
fn a_manifest_that_is_missing_or_nonsense() {
    let (site, folder) = with_models();
    replace(&folder.join("manifest.toml"), b"schema = [");
    run_says(&site, &["manifest.toml"]);
    std::fs::remove_file(folder.join("manifest.toml")).unwrap();
    run_says(&site, &["manifest.toml"]);
    let site = site.set("models.dir", "\"nowhere\"");
    run_says(&site, &["nowhere/manifest.toml"]);
}

#[test]
fn a_runtime_library_that_is_missing_or_none() {
    let site = Site::new()
        .set("models.runtime", "\"/nowhere/libonnxruntime.so\"")
        .frames(PROBE, 1);
    run_says(&site, &["/nowhere/libonnxruntime.so", "models.runtime"]);
    std::fs::write(site.at("lib.so"), b"not a library").unwrap();
    let library = format!("{:?}", site.at("lib.so").display().to_string());
    let site = site.set("models.runtime", library);
    run_says(&site, &["lib.so", "models.runtime"]);
}

#[test]
fn a_database_that_is_something_else() {
    let site = Site::new().frames(PROBE, 1);
    let path = site.at("doorward.db");
    std::fs::write(&path, "a shopping list ".repeat(100)).unwrap();
    run_says(&site, &["doorward.db", "not a SQLite database"]);
    let said = site.fails(&["enroll", "Ada", photo_path(PROBE).to_str().unwrap()]);
    assert!(said.contains("not a SQLite database"), "{said}");
    assert_eq!(
        std::fs::read(&path).unwrap(),
        "a shopping list ".repeat(100).as_bytes()
    );

    std::fs::remove_file(&path).unwrap();
    let site = site.enrolled("Barack Obama", &OBAMA);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    run_says(&site, &["version 99", "install the newer doorward"]);

    let site = site.set("whitelist.database", "\"/nowhere/at/all.db\"");
    run_says(&site, &["/nowhere/at/all.db", "folder"]);
}

#[test]
fn a_whitelist_with_a_damaged_template() {
    let site = Site::new()
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 4);
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    raw.execute("UPDATE templates SET vector = x'00' WHERE id = 2", [])
        .unwrap();
    run_says(
        &site,
        &[
            "row 2 of templates",
            "was changed by somebody else",
            "restore FILE",
        ],
    );
    assert_eq!(site.count(Kind::Fault), 1);
}

#[test]
fn what_is_required_is_known_by_its_word() {
    assert!(Need::Namespace.is_in("vm namespace"));
    assert!(Need::Namespace.is_in("vm,namespace"));
    assert!(!Need::Data.is_in("vm namespace"));
    assert!(!Need::Data.is_in(""));
    assert!(std::panic::catch_unwind(|| Need::Data.is_in("namespaces")).is_err());
}

/// In a mount namespace of its own, with a small file system for the database.
fn in_a_small_file_system(site: &Site, script: &str) -> Option<String> {
    let mount = site.at("small");
    std::fs::create_dir_all(&mount).unwrap();
    let prelude = "set -e\nmount -t tmpfs -o size=512k tmpfs \"$SMALL\"\n";
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg(format!("{prelude}{script}"))
        .env("SMALL", &mount)
        .env("FRAMES", site.at("frames"))
        .env("LOG", site.at("log"))
        .env("PROBES", site.at("probes"))
        .env("PHOTO", photo_path(OBAMA[0]))
        .env("DOORWARD", env!("CARGO_BIN_EXE_doorward"))
        .env("DOORWARD_CONFIG", site.config());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            support::lacks(Need::Namespace, &format!("unshare: {error}"));
            return None;
        }
    };
    let said = said(&output);
    if said.contains("unshare") || said.contains("mount:") {
        support::lacks(Need::Namespace, &said);
        return None;
    }
    assert!(!said.contains("panicked"), "{said}");
    Some(said)
}

fn on_a_small_file_system() -> Site {
    let site = Site::new();
    let database = format!("{:?}", site.at("small/doorward.db").display().to_string());
    site.set("whitelist.database", database)
}

#[test]
fn a_full_disk_at_enrolment() {
    let site = on_a_small_file_system();
    let script = r#"
        $DOORWARD enroll Ada "$PHOTO"
        dd if=/dev/zero of="$SMALL/filler" bs=1k 2>/dev/null || true
        for n in 1 2 3 4 5 6 7 8 9; do $DOORWARD enroll --look-alike "Bob $n" "$PHOTO" && continue || break; done
        rm "$SMALL/filler"
        $DOORWARD check || true
        $DOORWARD people list
    "#;
    let Some(said) = in_a_small_file_system(&site, script) else {
        return;
    };
    assert!(said.contains("the disk is full; free some space"), "{said}");
    assert!(
        said.contains("none changed or missing") && said.contains("Ada"),
        "{said}"
    );
}

#[test]
fn a_read_only_disk_at_enrolment() {
    let site = on_a_small_file_system();
    let script = r#"
        $DOORWARD enroll Ada "$PHOTO"
        mount -o remount,ro "$SMALL"
        $DOORWARD enroll --look-alike Bob "$PHOTO" || true
        $DOORWARD run || true
    "#;
    let Some(said) = in_a_small_file_system(&site, script) else {
        return;
    };
    assert!(said.matches("read-only").count() >= 2, "{said}");
    assert!(said.contains("the door stays locked"), "{said}");
}

#[test]
fn a_disk_that_fills_before_a_grant() {
    let site = on_a_small_file_system()
        .set("camera.replay.repeat", true)
        .frames("scenes-free/brick.jpg", 6);
    std::fs::create_dir(site.at("probes")).unwrap();
    for n in 0..6 {
        let probe = site.at("probes").join(format!("{n:04}.jpg"));
        std::fs::write(probe, support::site::living(PROBE, n)).unwrap();
    }
    // The person comes once the disk is full, however long that takes.
    let script = r#"
        $DOORWARD enroll Ada "$PHOTO"
        $DOORWARD run 2>"$LOG" & daemon=$!
        until_said() { for n in $(seq 300); do grep -q "$1" "$LOG" && return; sleep 0.1; done; }
        until_said "locked: the daemon started"
        dd if=/dev/zero of="$SMALL/filler" bs=1k 2>/dev/null || true
        # What SQLite's journal still has room for is used up.
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do $DOORWARD people disable Ada && $DOORWARD people enable Ada || break; done
        for frame in "$FRAMES"/*; do mv "$PROBES/${frame##*/}" "$frame"; done
        until_said "cannot be put on record"
        kill $daemon
        wait $daemon || true
        cat "$LOG"
        rm "$SMALL/filler"
        $DOORWARD events
    "#;
    let Some(said) = in_a_small_file_system(&site, script) else {
        return;
    };
    assert!(
        said.contains("the door stays locked, the grant cannot be put on record"),
        "{said}"
    );
    assert!(said.contains("the disk is full"), "{said}");
    assert!(
        !said.contains(": unlocked") && !said.contains("  unlocked"),
        "{said}"
    );
    assert_eq!(site.level().as_deref(), Some("released"));
}

#[test]
fn a_configuration_that_is_wrong() {
    for (text, words) in [
        ("[camera", &["1:", "doorward.toml"][..]),
        ("[access]\nthreshhold = 0.7\n", &["2:1", "threshhold"]),
        ("[access]\nthreshold = 1.7\n", &["2:13", "threshold"]),
        ("[camera]\nwidth = \"wide\"\n", &["2:9", "wide"]),
        ("[relay]\nline = -4\n", &["doorward.toml:2"]),
        ("[camera]\nformat = \"BGR3\"\n", &["2:10", "YUYV"]),
        (
            "[camera]\ndevice = \"rtsp://eve:secret@10.0.0.9/1\"\n",
            &["2:10", "network address", "v4l2loopback", "ffmpeg -i"],
        ),
        (
            "[access]\nframes = 20\nwindow_ms = 200\n",
            &["nobody could ever be let in"],
        ),
    ] {
        let site = Site::new();
        std::fs::write(site.config(), text).unwrap();
        let said = site.fails(&["run"]);
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(!said.contains("secret"), "{said}");
        assert!(site.fails(&["people", "list"]).contains("doorward.toml"));
    }
    let site = Site::new();
    std::fs::write(site.config(), [0xff, 0xfe, 0x00]).unwrap();
    assert!(site.fails(&["run"]).contains("UTF-8"));
    std::fs::remove_file(site.config()).unwrap();
    assert!(site.fails(&["run"]).contains("--config FILE"));
}

#[test]
fn a_relay_that_is_taken_or_not_there() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .frames("scenes-free/brick.jpg", 2);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    for command in [&["run"][..], &["relay", "pulse"], &["relay", "lock"]] {
        let said = site.fails(command);
        assert!(said.contains("held by a running doorward"), "{said}");
    }
    drop(daemon);
    let site = site
        .set("relay.driver", "\"gpiochip\"")
        .set("relay.chip", "\"no-such-chip\"");
    let said = site.fails(&["run"]);
    assert!(said.contains("no-such-chip"), "{said}");
}

fn png(image: &image::DynamicImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A PNG that claims to be huge, in a few bytes.
fn huge_png(side: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], body: &[u8]| {
        let whole = [kind, body].concat();
        bytes.extend((body.len() as u32).to_be_bytes());
        bytes.extend(&whole);
        bytes.extend(crc32(&whole).to_be_bytes());
    };
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &[0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]);
    chunk(b"IEND", &[]);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

#[test]
fn pictures_that_cannot_be_used_enroll_nobody() {
    let site = Site::new();
    let photo = std::fs::read(photo_path(PROBE)).unwrap();
    let plain = RgbImage::from_pixel(300, 300, Rgb([90, 90, 90]));
    let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec();
    let two = {
        let one = image::open(photo_path(PROBE)).unwrap().to_rgb8();
        let mut both = RgbImage::new(one.width() * 2, one.height());
        image::imageops::replace(&mut both, &one, 0, 0);
        image::imageops::replace(&mut both, &one, i64::from(one.width()), 0);
        image::imageops::resize(&both, 1000, 500, image::imageops::FilterType::Triangle)
    };
    let small = {
        let one = image::open(photo_path(PROBE)).unwrap().to_rgb8();
        image::imageops::resize(&one, 330, 330, image::imageops::FilterType::Triangle)
    };
    let blurred = image::imageops::blur(&image::open(photo_path(PROBE)).unwrap().to_rgb8(), 9.0);
    let dark = {
        let mut one = image::open(photo_path(PROBE)).unwrap().to_rgb8();
        one.iter_mut().for_each(|v| *v /= 8);
        one
    };
    let rgb = |image: RgbImage| png(&image.into());
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.jpg", vec![], "is empty"),
        (
            "text.jpg",
            b"Dear Sir or Madam, please find enclosed".to_vec(),
            "is not a picture",
        ),
        ("cut.jpg", photo[..photo.len() / 3].to_vec(), "cut.jpg: is"),
        (
            "cut.png",
            png(&plain.clone().into())[..200].to_vec(),
            "cut.png: is",
        ),
        ("huge.png", huge_png(20_000), "more than 16383"),
        ("wide.png", huge_png(12_000), "110 million"),
        ("tiny.png", rgb(RgbImage::new(8, 8)), "only 8x8"),
        ("animated.gif", gif, "is GIF, not JPEG, PNG or WebP"),
        ("wall.png", rgb(plain), "shows no face"),
        ("two.png", rgb(two), "shows 2 faces"),
        ("small.png", rgb(small), "too small"),
        ("blurred.png", rgb(blurred), "too blurred"),
        ("dark.png", rgb(dark), "too dark"),
    ];
    for (name, bytes, words) in cases {
        let path = site.at(name);
        std::fs::write(&path, bytes).unwrap();
        // A good photo beside it does not help: all or nobody.
        let good = photo_path(PROBE);
        let said = site.fails(&[
            "enroll",
            "Ada",
            good.to_str().unwrap(),
            path.to_str().unwrap(),
        ]);
        assert!(
            said.contains(name) && said.contains(words),
            "{name}: {said}"
        );
    }
    let said = site.fails(&["enroll", "Ada", "/nowhere/photo.jpg"]);
    assert!(said.contains("/nowhere/photo.jpg"), "{said}");
    let said = site.fails(&["enroll", "Ada", site.at("frames").to_str().unwrap()]);
    assert!(said.contains("is not a file"), "{said}");
    assert!(said_of(&site, &["people", "list"]).contains("Nobody is enrolled"));
}

fn said_of(site: &Site, arguments: &[&str]) -> String {
    said(&site.run(arguments))
}

#[test]
fn unusual_pictures_that_can_be_used_are() {
    let site = Site::new();
    let photo = image::open(photo_path(PROBE)).unwrap();
    let plain = identify(&site, &photo_path(PROBE));
    // 16 bits a channel, with alpha, by a name that says something else.
    let path = site.at("sixteen.jpg");
    std::fs::write(&path, png(&photo.to_rgba16().into())).unwrap();
    close(&identify(&site, &path), &plain);
    // An animated PNG: its first picture.
    let path = site.at("animated.png");
    std::fs::write(&path, animated(&png(&photo.to_rgb8().into()))).unwrap();
    close(&identify(&site, &path), &plain);
    // CMYK, as print shops have it.
    let said = said_of(
        &site,
        &[
            "compare",
            photo_path("formats/cmyk.jpg").to_str().unwrap(),
            photo_path(PROBE).to_str().unwrap(),
        ],
    );
    assert!(said.starts_with("the same person"), "{said}");
    // On its side, with an EXIF note that says so.
    let path = site.at("turned.jpg");
    std::fs::write(&path, turned(&photo.to_rgb8())).unwrap();
    close(&identify(&site, &path), &plain);
}

fn identify(site: &Site, path: &Path) -> Vec<f64> {
    let output = site.run(&["identify", "--json", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rect = all["faces"][0]["rect"].as_array().unwrap();
    rect.iter().map(|v| v.as_f64().unwrap()).collect()
}

fn close(a: &[f64], b: &[f64]) {
    let worst = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(worst < 8.0, "{a:?} {b:?}");
}

/// Adds the chunks that make a PNG an animation of one picture.
fn animated(png: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        let whole = [kind, body].concat();
        [
            &(body.len() as u32).to_be_bytes()[..],
            &whole,
            &crc32(&whole).to_be_bytes(),
        ]
        .concat()
    };
    let size = &png[16..24];
    let control = [&0u32.to_be_bytes()[..], size, &[0; 8], &[0, 1, 0, 10, 0, 0]].concat();
    let (header, rest) = png.split_at(33);
    let animation = chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    [header, &animation, &chunk(b"fcTL", &control), rest].concat()
}

/// Turned left, with orientation 6: to be shown turned right.
fn turned(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".to_vec();
    exif.extend([0; 4]);
    encoder.set_exif_metadata(exif).unwrap();
    let left = image::imageops::rotate270(image);
    encoder
        .write_image(
            &left,
            left.width(),
            left.height(),
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

#[test]
fn photos_of_faces_that_are_upside_down_or_cut() {
    let site = Site::new();
    let save = |name: &str, picture: image::RgbImage| {
        picture.save(site.at(name)).unwrap();
        site.at(name).to_str().unwrap().to_owned()
    };
    let open = |photo: &str| image::open(photo_path(photo)).unwrap().to_rgb8();
    // Found as it lies: the detector invents upright landmarks on it.
    let hopper = open("grace-hopper/01.jpg");
    let turned = save("turned.png", image::imageops::rotate180(&hopper));
    let said = site.fails(&["enroll", "Grace Hopper", &turned]);
    assert!(
        said.contains("turned.png") && said.contains("upside down: turn the picture"),
        "{said}"
    );
    // Nor does it name anybody.
    let listed = Site::new().enrolled("Barack Obama", &OBAMA);
    let said = support::site::said(&listed.run(&["identify", &turned]));
    assert!(
        said.contains("cannot judge") && said.contains("upside down"),
        "{said}"
    );
    // The forehead and the eyes' upper half are above the picture.
    let whole = open("joe-biden/01.jpg");
    let (width, height) = whole.dimensions();
    let cut = image::imageops::crop_imm(&whole, 0, 215, width, height - 215).to_image();
    let said = site.fails(&["enroll", "Joe Biden", &save("cut.png", cut)]);
    assert!(
        said.contains("cut.png") && said.contains("cut by the picture's edge"),
        "{said}"
    );
    // The same photos as they are can be used.
    for (name, photo) in [
        ("Grace Hopper", "grace-hopper/01.jpg"),
        ("Joe Biden", "joe-biden/01.jpg"),
    ] {
        let output = site.run(&["enroll", name, photo_path(photo).to_str().unwrap()]);
        assert!(output.status.success(), "{}", support::site::said(&output));
    }
}

#[test]
fn somebody_else_is_not_added_to_a_listed_person() {
    let site = Site::new().enrolled("Barack Obama", &OBAMA);
    let other = photo_path("joe-biden/01.jpg").to_str().unwrap().to_owned();
    let said = site.fails(&["enroll", "Barack Obama", &other]);
    assert!(
        said.contains("joe-biden/01.jpg") && said.contains("enrolled before under this name"),
        "{said}"
    );
    // Two photos of somebody else do not speak for each other.
    let site = Site::new().enrolled("Joe Biden", &["joe-biden/01.jpg"]);
    let others = OBAMA.map(|name| photo_path(name).to_str().unwrap().to_owned());
    let said = site.fails(&["enroll", "Joe Biden", &others[0], &others[1]]);
    for other in &others {
        assert!(said.contains(other), "{said}");
    }
}

#[test]
fn an_enrolment_that_is_a_mistake() {
    let site = Site::new();
    let photo = |name: &str| photo_path(name).to_str().unwrap().to_owned();
    let (obama, other) = (OBAMA.map(photo), photo("eileen-collins/01.jpg"));
    // One photo of somebody else among three is named, and only that.
    let said = site.fails(&["enroll", "Ada", &obama[0], &obama[1], &other]);
    assert!(said.contains(&other) && !said.contains(&obama[0]), "{said}");
    // A person who is listed already, under another name.
    let site = site.enrolled("Barack Obama", &OBAMA);
    let again = ["enroll", "Mallory", &obama[0], &obama[1]];
    let said = site.fails(&again);
    assert!(
        said.contains("Barack Obama (#1)") && said.contains("--look-alike"),
        "{said}"
    );
    let listed = |site: &Site| String::from_utf8(site.run(&["people", "list"]).stdout).unwrap();
    assert!(!listed(&site).contains("Mallory"));
    // Somebody insists: possible, and the audit names the pair.
    let output = site.run(&["enroll", "--look-alike", "Mallory", &obama[0], &obama[1]]);
    assert!(output.status.success());
    assert!(listed(&site).contains("Mallory"));
    let audit = String::from_utf8(site.run(&["people", "audit"]).stdout).unwrap();
    assert!(
        audit.contains("Mallory") && audit.contains("Barack Obama"),
        "{audit}"
    );
    // Two people who resemble each other at this door's threshold, real ones at a low one.
    // By one network alone: both together keep all of these far apart.
    let twins = Site::new()
        .set("models.choose", "[\"sface-int8\"]")
        .set("access.threshold", 0.2)
        .enrolled("Joe Biden", &["joe-biden/01.jpg"]);
    let said = twins.fails(&["enroll", "Eileen Collins", &other]);
    assert!(
        said.contains("Joe Biden (#1) looks so similar") && said.contains("second factor"),
        "{said}"
    );
    // More people than the calibration can answer for: refused before it is written.
    let site = site.set("access.false_accept", "\"1 in 10000000 strangers\"");
    let said = site.fails(&["enroll", "Eve", &other]);
    assert!(
        said.contains("backed by data") && !listed(&site).contains("Eve"),
        "{said}"
    );
}

#[test]
fn an_accelerator_that_is_not_there() {
    let site = Site::new().enrolled("Barack Obama", &OBAMA);
    let site = site.set("models.accelerator", "\"cuda\"");
    run_says(
        &site,
        &["models.accelerator = \"cuda\"", "set it to \"cpu\""],
    );
    let site = site.set("models.accelerator", "\"quantum\"");
    run_says(
        &site,
        &[
            "models.accelerator = \"quantum\" is not known",
            "doorward.toml:",
        ],
    );
    let site = site
        .set("models.accelerator", "\"cpu\"")
        .set("vision.region", "[0.5, 0.0, 0.5, 1.0]");
    run_says(
        &site,
        &["vision.region has no inside", "left less than right"],
    );
}
