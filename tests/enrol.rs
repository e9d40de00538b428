//! Enrolling: which photos count, what is said of those that do not, and many people at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};

use doorward::record::Kind;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba};
use support::Need;
use support::site::{Site, photo_path, said};

const OBAMA: [&str; 3] = [
    "barack-obama/01.jpg",
    "barack-obama/02.jpg",
    "barack-obama/03.jpg",
];

fn open(photo: &str) -> RgbImage {
    image::open(photo_path(photo)).unwrap().to_rgb8()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Enrols and expects it to work.
fn enrols(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(&[&["enroll"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn save(site: &Site, name: &str, picture: &RgbImage) -> PathBuf {
    let path = site.at(name);
    picture.save_with_format(&path, ImageFormat::Png).unwrap();
    path
}

#[test]
fn a_photo_counts_once() {
    let site = Site::new();
    let first = photo_path(OBAMA[0]);
    let copy = site.at("copy.jpg");
    std::fs::copy(&first, &copy).unwrap();
    let again = save(&site, "again.png", &open(OBAMA[0]));
    let said = enrols(&site, &["Ada", text(&first), text(&copy), text(&again)]);
    for file in ["copy.jpg", "again.png"] {
        let line = said.lines().find(|line| line.contains(file)).unwrap();
        assert!(
            line.contains("the same photo as") && line.contains(OBAMA[0]),
            "{said}"
        );
    }
    assert!(said.contains("with 1 new template\n"), "{said}");
    // Photos of the same person are not the same photo; one that is enrolled is known again.
    let second = photo_path(OBAMA[1]);
    let said = enrols(&site, &["Ada", text(&copy), text(&second)]);
    assert!(
        said.contains("copy.jpg: it is enrolled already") && said.contains("with 1 new template"),
        "{said}"
    );
    let said = site.fails(&["enroll", "Ada", text(&first), text(&second)]);
    assert!(
        said.contains("all these photos are enrolled already"),
        "{said}"
    );
}

/// A photo beside another that is so many pixels high.
fn beside(left: &RgbImage, right: &RgbImage, height: u32) -> RgbImage {
    let width = right.width() * height / right.height();
    let right = imageops::resize(right, width, height, FilterType::Triangle);
    let most = left.height().max(height);
    let mut both = RgbImage::from_pixel(left.width() + width, most, Rgb([128; 3]));
    imageops::replace(&mut both, left, 0, 0);
    let at = (i64::from(left.width()), i64::from(most - height));
    imageops::replace(&mut both, &right, at.0, at.1);
    both
}

#[test]
fn only_faces_that_a_door_would_judge_count() {
    let site = Site::new();
    let (person, other) = (open("joe-biden/01.jpg"), open("barack-obama/03.jpg"));
    // Too small for any door.
    let small = save(&site, "small.png", &beside(&person, &other, 220));
    enrols(&site, &["Joe Biden", text(&small)]);
    // Large enough, but out of focus.
    let blurred = beside(&person, &imageops::blur(&other, 9.0), 600);
    let blurred = save(&site, "blurred.png", &blurred);
    enrols(&site, &["Joe Biden", text(&blurred), "--look-alike"]);
    let two = save(&site, "two.png", &beside(&person, &other, 600));
    let said = site.fails(&["enroll", "Eve", text(&two)]);
    assert!(
        said.contains("two.png: it shows 2 faces")
            && said.contains("a second face at the right, ")
            && said.contains(" pixels; cut it out of the picture"),
        "{said}"
    );
    // The one in front is out of focus: the photo is not of the one behind.
    let front = imageops::blur(&person, 12.0);
    let behind = save(&site, "behind.png", &beside(&front, &other, 600));
    let said = site.fails(&["enroll", "Eve", text(&behind)]);
    assert!(
        said.contains("its largest face, at the left") && said.contains("too blurred"),
        "{said}"
    );
}

#[test]
fn a_photo_in_the_place_of_the_name_is_asked_about() {
    let site = Site::new();
    let (one, two) = (photo_path(OBAMA[0]), photo_path(OBAMA[1]));
    for arguments in [
        &[text(&one), text(&two)][..],
        &[text(&one)],
        &["not-there.JPG", text(&two)],
    ] {
        let said = site.fails(&[&["enroll"], arguments].concat());
        assert!(
            said.contains("whose photos are these?")
                && said.contains(&format!("doorward enroll \"NAME\" {} ...", arguments[0])),
            "{said}"
        );
    }
    // A folder of the person's name beside the photos is no mistake.
    std::fs::create_dir(site.at("Ada")).unwrap();
    let mut command = site.command(&["enroll", "Ada", text(&one)]);
    let output = command.current_dir(site.at(".")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    enrols(
        &site,
        &["--look-alike", "--is-a-name", "ada.png", text(&one)],
    );
    // Nothing but a name.
    let output = site.run(&["enroll", "Ada"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("no photos are given"),
        "{}",
        said(&output)
    );
}

#[test]
fn bad_photos_are_left_out_where_enough_good_ones_remain() {
    let site = Site::new();
    let photos = OBAMA.map(photo_path);
    let wall = photo_path("scenes-free/brick.jpg");
    let other = photo_path("joe-biden/01.jpg");
    let good: Vec<&str> = photos.iter().map(|p| text(p)).collect();
    let few = ["enroll", "Ada", "--use-good", good[0], good[1], text(&wall)];
    let said = site.fails(&few);
    assert!(
        said.contains("only 2 good photos remain of 3")
            && said.contains("brick.jpg: it shows no face"),
        "{said}"
    );
    let said = enrols(
        &site,
        &[&["Ada", "--use-good", text(&wall), text(&other)], &good[..]].concat(),
    );
    assert!(
        said.contains("brick.jpg: it shows no face")
            && said.contains("joe-biden/01.jpg: it shows somebody else")
            && said.contains("with 3 new templates"),
        "{said}"
    );
}

#[test]
fn pictures_of_somebody_else_are_named_by_their_moment() {
    let site = Site::new()
        .stills(OBAMA[0], 3)
        .set("camera.replay.repeat", true)
        .enrolled("Ada", &["joe-biden/01.jpg"]);
    let said = site.fails(&["enroll", "Ada", "--camera", "--pictures", "1"]);
    let line = said
        .lines()
        .find(|line| line.starts_with("  picture 1, frame frames/000"));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    assert!(
        line.contains(" s into it: cosine ") && line.ends_with(" with the others"),
        "{line}"
    );
    // And what to do about it, which is not what helps with files.
    assert!(
        said.contains("only that person may be in view") && !said.contains("leave them out"),
        "{said}"
    );
}

/// Boxes of an ISO base media file with this brand.
fn with_brand(brand: &[u8; 4]) -> Vec<u8> {
    [
        &[0, 0, 0, 20],
        &b"ftyp"[..],
        brand,
        &[0; 4],
        brand,
        &[0; 40],
    ]
    .concat()
}

#[test]
fn no_picture_of_a_recording_is_taken_twice() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .frames("barack-obama/01.jpg", 1);
    let enroll = ["enroll", "Barack", "--camera", "--pictures"];
    let output = site.run(&[&enroll[..], &["1"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        !said(&output).contains("turn your head"),
        "{}",
        said(&output)
    );
    let told = site.fails(&[&enroll[..], &["1"]].concat());
    assert!(told.contains("enrolled already"), "{told}");
    let told = site.fails(&[&enroll[..], &["2", "--timeout", "3"]].concat());
    assert!(told.contains("the very picture"), "{told}");
    assert_eq!(site.count(Kind::Enrolled), 1);
}

#[test]
fn other_formats_are_named_with_what_converts_them() {
    let site = Site::new();
    let photo = std::fs::read(photo_path(OBAMA[0])).unwrap();
    let mut deep = photo.clone();
    let frame = deep.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    deep[frame + 4] = 12;
    let mut apple = b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI".to_vec();
    apple.extend([0; 64]);
    let cases: [(&str, Vec<u8>, &str, &str); 11] = [
        ("a.jpg", with_brand(b"heic"), "is HEIC", "heif-convert"),
        ("b.jpg", with_brand(b"avif"), "is AVIF", "ffmpeg"),
        ("c.jpg", with_brand(b"isom"), "is a video", "ffmpeg"),
        (
            "d.jpg",
            b"\xff\x0a1234567890".to_vec(),
            "is JPEG XL",
            "djxl",
        ),
        (
            "e.jpg",
            b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(),
            "is GIF",
            "magick",
        ),
        (
            "f.jpg",
            [&b"BM\x46\0\0\0\0\0\0\0"[..], &[0; 60]].concat(),
            "is BMP",
            "magick",
        ),
        (
            "g.jpg",
            b"II*\0\x08\0\0\0\0\0".to_vec(),
            "is TIFF",
            "magick",
        ),
        ("h.jpg", b"%PDF-1.4".to_vec(), "is PDF", "pdftoppm"),
        ("i.jpg", deep, "a JPEG of 12 bits a colour", "djpeg"),
        ("j.png", apple, "a PNG changed for iOS", "pngcrush"),
        (
            "k.jpg",
            b"\0\0\0\x0cJXL \r\n\x87\n1234".to_vec(),
            "is JPEG XL",
            "djxl",
        ),
    ];
    let mut arguments = vec!["enroll".to_owned(), "Ada".to_owned()];
    for (name, bytes, _, _) in &cases {
        std::fs::write(site.at(name), bytes).unwrap();
        arguments.push(text(&site.at(name)).to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = site.fails(&arguments);
    for (name, _, words, command) in &cases {
        let line = said.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.contains(words) && line.contains(command), "{line}");
    }
}

#[test]
fn real_files_of_other_formats() {
    let Some(folder) = cases("formats") else {
        return;
    };
    let site = Site::new();
    for (file, words) in [
        ("IMG_0001.HEIC", "is HEIC"),
        ("x.avif", "is AVIF"),
        ("x.jxl", "is JPEG XL"),
        ("jpeg12bit.jpg", "a JPEG of 12 bits"),
        ("p-cgbi.png", "a PNG changed for iOS"),
        ("a-alltransparent.png", "is wholly transparent"),
    ] {
        let said = site.fails(&["enroll", "Ada", text(&folder.join(file))]);
        assert!(said.contains(file) && said.contains(words), "{said}");
    }
    // Of two people one is erased.
    for file in ["x.webp", "alpha-erased-person.png"] {
        enrols(&site, &["Ada", text(&folder.join(file))]);
    }
}

#[test]
fn what_is_transparent_is_not_seen() {
    let site = Site::new();
    let photo = DynamicImage::from(open(OBAMA[2])).to_rgba8();
    let clear = |alpha: &dyn Fn(u32) -> u8| {
        let mut picture = photo.clone();
        for (x, _, pixel) in picture.enumerate_pixels_mut() {
            let Rgba([r, g, b, _]) = *pixel;
            *pixel = Rgba([r, g, b, alpha(x)]);
        }
        picture
    };
    let at = site.at("erased.png");
    clear(&|_| 0).save(&at).unwrap();
    let said = site.fails(&["enroll", "Ada", text(&at)]);
    assert!(said.contains("is wholly transparent"), "{said}");
    clear(&|x| if x == 0 { 255 } else { 0 }).save(&at).unwrap();
    let said = site.fails(&["enroll", "Ada", text(&at)]);
    assert!(said.contains("shows no face"), "{said}");
    // The same photo as WebP, which has no loss as it is written here.
    let webp = site.at("photo.webp");
    clear(&|_| 255).save(&webp).unwrap();
    let whole = std::fs::read(&webp).unwrap();
    let cut = site.at("cut.webp");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let told = site.fails(&["enroll", "Ada", text(&cut)]);
    assert!(told.contains("cut.webp: is cut off"), "{told}");
    let same = enrols(&site, &["Ada", text(&webp), text(&photo_path(OBAMA[2]))]);
    assert!(same.contains("it is the same photo as"), "{same}");
}

#[test]
fn a_picture_of_more_than_fifty_megapixels_is_halved() {
    let site = Site::new();
    let photo = open(OBAMA[2]);
    let large = imageops::resize(&photo, 7400, 7400, FilterType::Nearest);
    let path = site.at("large.jpg");
    large.save_with_format(&path, ImageFormat::Jpeg).unwrap();
    let output = site.run(&["identify", "--json", text(&path)]);
    assert!(output.status.success(), "{}", said(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // At half its size, in which the places are told.
    assert_eq!(found["width"], 3700);
    let rect = found["faces"][0]["rect"].as_array().unwrap();
    assert!(rect.iter().all(|v| v.as_f64().unwrap() < 3700.0));
    assert!(rect[2].as_f64().unwrap() - rect[0].as_f64().unwrap() > 500.0);
}

/// A file in a folder of people, with the bytes of a photo or others.
fn put(root: &Path, file: &str, bytes: &[u8]) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn bytes(photo: &str) -> Vec<u8> {
    std::fs::read(photo_path(photo)).unwrap()
}

/// The line of a person in the table, with single blanks.
fn row(said: &str, name: &str) -> String {
    let mut lines = said.lines();
    let found = lines.find(|line| line.starts_with(&format!("{name}  ")));
    let words = found.unwrap_or_else(|| panic!("no {name} in {said}"));
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_folder_of_people_is_enrolled_each_whole_or_not_at_all() {
    let site = Site::new();
    let root = site.at("people");
    for (file, bytes) in [
        ("ada/1.jpg", bytes(OBAMA[0])),
        ("ada/2.JPG", bytes(OBAMA[1])),
        ("ada/3.jfif", bytes(OBAMA[2])),
        ("ada/.DS_Store", b"x".to_vec()),
        ("ada/._1.jpg", bytes(OBAMA[0])),
        ("ada/@eaDir/1.jpg", bytes(OBAMA[0])),
        ("ada/notes.txt", b"Dear Sir or Madam".to_vec()),
        ("ada/1.MOV", with_brand(b"qt  ")),
        ("bob/1.jpg", bytes("joe-biden/01.jpg")),
        ("bob/IMG_0001.HEIC", with_brand(b"heic")),
        ("carol/1.jpg", bytes("eileen-collins/01.jpg")),
        ("carol/older/2.jpg", bytes("eileen-collins/01.jpg")),
        ("Thumbs.db", b"x".to_vec()),
        ("loose.jpg", bytes(OBAMA[0])),
        (".Trash-0/x.jpg", bytes(OBAMA[0])),
        ("#recycle/x.jpg", bytes(OBAMA[0])),
        ("lost+found/x.jpg", bytes(OBAMA[0])),
    ] {
        put(&root, file, &bytes);
    }
    std::fs::create_dir(root.join("dora")).unwrap();
    let report = site.at("report.json");
    let first = ["enroll", "--from", text(&root), "--report", text(&report)];
    let output = site.run(&first);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    // A bar is drawn on terminals only.
    assert!(!told.contains('\u{1b}'), "{told}");
    assert!(row(&told, "ada").contains("enrolled 3 0"), "{told}");
    assert!(
        row(&told, "bob").contains("1 of 2 photos cannot be used"),
        "{told}"
    );
    assert!(row(&told, "carol").contains("enrolled 1"), "{told}");
    assert!(row(&told, "dora").contains("there is no photo"), "{told}");
    for (file, why) in [
        ("IMG_0001.HEIC", "is HEIC"),
        ("loose.jpg", "in nobody's folder"),
        ("older", "is a folder in a person's folder"),
        ("notes.txt", "is not a picture"),
        ("1.MOV", "is a video"),
    ] {
        let mut lines = told.lines();
        let line = lines.find(|line| line.contains(file));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{file}: {told}"
        );
    }
    for none in [
        ".DS_Store",
        "._1",
        "eaDir",
        "Thumbs",
        "Trash",
        "recycle",
        "lost+found",
    ] {
        assert!(!told.contains(none), "{none}: {told}");
    }
    assert!(told.contains("4 people: 2 enrolled, 0 with photos added, 0 unchanged, 2 left out"));
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["people"][0]["name"], "ada");
    assert_eq!(report["people"][0]["result"], "enrolled");
    assert_eq!(report["people"][0]["photos"][2]["result"], "taken");
    assert_eq!(report["people"][1]["result"], "left_out");
    assert_eq!(report["left_out"].as_array().unwrap().len(), 4);
    let listed = said(&site.run(&["people", "list"]));
    assert!(
        listed.contains("ada") && !listed.contains("bob"),
        "{listed}"
    );

    // Again, with what is good of bob: who is listed with these photos stays as they are.
    std::fs::remove_dir(root.join("dora")).unwrap();
    let output = site.run(&[
        "enroll",
        "--from",
        text(&root),
        "--use-good",
        "--at-least",
        "1",
    ]);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(row(&told, "ada").contains("unchanged"), "{told}");
    assert!(row(&told, "bob").contains("enrolled 1"), "{told}");
    assert!(row(&told, "carol").contains("unchanged"), "{told}");
}

#[test]
fn a_list_of_people_is_enrolled_and_held_against_who_is_listed() {
    let site = Site::new().enrolled("Ada", &OBAMA[..2]);
    let root = site.at("list");
    for (file, photo) in [
        ("photos/a.jpg", OBAMA[2]),
        ("photos/b.jpg", "joe-biden/01.jpg"),
        ("photos/c.jpg", "eileen-collins/01.jpg"),
    ] {
        put(&root, file, &bytes(photo));
    }
    let list = root.join("people.csv");
    let report = root.join("report.csv");
    let enroll = ["enroll", "--csv", text(&list), "--report", text(&report)];
    let lines = "\u{feff}person;photo\r\n\"Collins; Eileen\";photos/c.jpg\r\nada;photos/a.jpg\r\nEve;photos/none.jpg\r\n";
    std::fs::write(&list, lines).unwrap();
    let output = site.run(&enroll);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(row(&told, "Collins; Eileen").contains("enrolled"), "{told}");
    assert!(row(&told, "ada").contains("added 1 0"), "{told}");
    assert!(row(&told, "Eve").contains("left out"), "{told}");
    assert!(told.contains("none.jpg: cannot be read"), "{told}");
    let text_of = std::fs::read_to_string(&report).unwrap();
    assert!(text_of.contains("\r\nada,,added,1,\r\n"), "{text_of}");
    assert!(
        text_of.starts_with("person,photo,result,templates,reason\r\nCollins; Eileen,,enrolled,1,")
    );
    // Somebody else is not added to who is listed.
    std::fs::write(&list, "photo,person\nphotos/b.jpg,Ada\n").unwrap();
    let told = site.fails(&enroll);
    assert!(
        row(&told, "Ada").contains("enrolled before under this name"),
        "{told}"
    );
    // A list that is none, and a report that would be lost.
    std::fs::write(&list, "photos/b.jpg,Ada\n").unwrap();
    let told = site.fails(&enroll);
    assert!(
        told.contains("people.csv, line 1: the first line has to name"),
        "{told}"
    );
    std::fs::write(&list, "person,photo\nAda,photos/b.jpg\n").unwrap();
    let told = site.fails(&["enroll", "--csv", text(&list), "--report", text(&list)]);
    assert!(told.contains("is the list of people itself"), "{told}");
    let told = site.fails(&["enroll", "--csv", text(&list), "--report", "photos.txt"]);
    assert!(told.contains(".csv or .json"), "{told}");
    let told = site.fails(&["enroll", "--from", text(&root.join("photos"))]);
    assert!(told.contains("one folder a person"), "{told}");
}

const EVERYBODY: [&str; 6] = [
    OBAMA[0],
    OBAMA[1],
    OBAMA[2],
    "eileen-collins/01.jpg",
    "grace-hopper/01.jpg",
    "joe-biden/01.jpg",
];

/// Enrols these photos and expects each to be refused with the words.
fn all_refused(site: &Site, photos: &[PathBuf], words: &str) {
    let photos: Vec<&str> = photos.iter().map(|photo| text(photo)).collect();
    let told = site.fails(&[&["enroll", "Ada"], &photos[..]].concat());
    for photo in photos {
        let line = told.lines().find(|line| line.contains(photo));
        assert!(
            line.is_some_and(|line| line.contains(words)),
            "{photo}: {told}"
        );
    }
}

#[test]
fn photos_that_lie_wrong_are_to_be_turned() {
    let site = Site::new();
    let turned = |by: fn(&RgbImage) -> RgbImage, name: &str| {
        let save =
            |(n, photo): (usize, &&str)| save(&site, &format!("{name}{n}.png"), &by(&open(photo)));
        EVERYBODY.iter().enumerate().map(save).collect::<Vec<_>>()
    };
    let upside_down = turned(imageops::rotate180, "down");
    all_refused(
        &site,
        &upside_down,
        "the face is upside down: turn the picture",
    );
    let aside = turned(imageops::rotate90, "aside");
    all_refused(
        &site,
        &aside[..3],
        "the face lies on its side: turn the picture",
    );
}

/// A folder of the cases that were collected beside the project, if it is here.
fn cases(name: &str) -> Option<PathBuf> {
    let folder = support::project().join("../shared/cases").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    support::lacks(Need::Data, &format!("{} is not here", folder.display()));
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn collected_photos_of_faces_that_are_cut_upside_down_or_of_somebody_else() {
    let site = Site::new().enrolled("Barack Obama", &OBAMA);
    let (Some(cut), Some(down), Some(other)) = (
        cases("cut-by-border"),
        cases("upside-down"),
        cases("wrong-person-added"),
    ) else {
        return;
    };
    all_refused(&site, &files(&cut), "cut by the picture's edge");
    all_refused(
        &site,
        &files(&down),
        "the face is upside down: turn the picture",
    );
    let told = site.fails(&["enroll", "Barack Obama", text(&other.join("biden.jpg"))]);
    assert!(
        told.contains("biden.jpg") && told.contains("enrolled before under this name"),
        "{told}"
    );
}

#[test]
fn a_collected_folder_of_people() {
    let Some(folder) = cases("folder") else {
        return;
    };
    let site = Site::new();
    let output = site.run(&[
        "enroll",
        "--from",
        text(&folder),
        "--use-good",
        "--at-least",
        "2",
    ]);
    let told = said(&output);
    // Of bob's photos one is HEIC and the others are of two people.
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(row(&told, "bob").contains("left out 0 3"), "{told}");
    assert!(row(&told, "ada").contains("enrolled 2 0"), "{told}");
    // Of carol's two photos one is the other's copy, by a name that is no UTF-8.
    assert!(row(&told, "carol").contains("enrolled 1 1"), "{told}");
    for named in ["IMG_0001.HEIC", "ada/sub", "loose.jpg"] {
        assert!(told.contains(named), "{named}: {told}");
    }
}
