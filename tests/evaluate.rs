//! `evaluate` and `calibrate` through the real program: what is counted, what is left out and
//! said to be, and what is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::site::{Site, photo_path, said};

const OBAMA: [&str; 3] = [
    "barack-obama/01.jpg",
    "barack-obama/02.jpg",
    "barack-obama/03.jpg",
];

/// Puts photos and other files into a folder of the site.
fn fill(folder: &Path, photos: &[(&str, &str)], others: &[(&str, &[u8])]) {
    let place = |file: &str| {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    for (file, photo) in photos {
        std::fs::copy(photo_path(photo), place(file)).unwrap();
    }
    for (file, bytes) in others {
        std::fs::write(place(file), bytes).unwrap();
    }
}

/// What a run says on standard output; `arguments` come after the folder.
fn evaluate(site: &Site, folder: &Path, arguments: &[&str]) -> String {
    let mut all = vec!["evaluate", folder.to_str().unwrap(), "--all"];
    let cache = site.at("cache.jsonl");
    let cache = ["--cache", cache.to_str().unwrap()];
    all.extend(cache);
    all.extend(arguments);
    let output = site.run(&all);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn report(site: &Site, folder: &Path, arguments: &[&str]) -> Value {
    let arguments = [&["--json"], arguments].concat();
    serde_json::from_str(&evaluate(site, folder, &arguments)).unwrap()
}

/// `(path, reason)` of what was left out.
fn left_out(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entries = report["left_out"].as_array().unwrap().iter();
    entries
        .map(|entry| (text(&entry["path"]), text(&entry["reason"])))
        .collect()
}

/// People's folders as they come from cameras, phones and network drives.
fn messy(site: &Site) -> PathBuf {
    let folder = site.at("people");
    fill(
        &folder,
        &[
            (".Trash-0/x.jpg", "eileen-collins/01.jpg"),
            ("@eaDir/thumb.jpg", "eileen-collins/01.jpg"),
            ("ada/1.jpg", OBAMA[0]),
            ("ada/2.JPG", OBAMA[1]),
            ("ada/sub/3.jpg", OBAMA[2]),
            ("bob/1.jfif", "joe-biden/01.jpg"),
            ("bob/2.jpeg", "joe-biden/01.jpg"),
            ("carol/1.jpg", "grace-hopper/01.jpg"),
            ("carol/wall.jpg", "scenes-free/brick.jpg"),
            ("loose.jpg", OBAMA[0]),
        ],
        &[
            ("ada/._1.jpg", b"\0\x05\x16\x07Mac OS X"),
            ("ada/.DS_Store", b"x"),
            ("bob/2.avif", b"\0\0\0\x18ftypavif\0\0\0\0"),
            ("bob/IMG_0001.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0"),
            ("bob/notes.txt", b"Dear Sir or Madam"),
            ("bob/Thumbs.db", b"x"),
            ("carol/cut.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
            ("dave/1.gif", b"GIF89a\x01\0\x01\0\0\0\0;"),
        ],
    );
    let strange = std::ffi::OsStr::from_bytes(b"caf\xe9.jpg");
    std::fs::copy(
        photo_path("grace-hopper/01.jpg"),
        folder.join("carol").join(strange),
    )
    .unwrap();
    folder
}

#[test]
fn whatever_is_left_out_is_named_with_its_reason() {
    let site = Site::new();
    let folder = messy(&site);
    let report = report(&site, &folder, &[]);
    let expected = [
        (".Trash-0", "system"),
        ("@eaDir", "system"),
        ("ada/.DS_Store", "system"),
        ("ada/._1.jpg", "system"),
        ("ada/sub", "nested"),
        ("bob/2.avif", "other_format"),
        ("bob/IMG_0001.HEIC", "other_format"),
        ("bob/Thumbs.db", "system"),
        ("bob/notes.txt", "not_a_picture"),
        ("dave", "no_photos"),
        ("dave/1.gif", "other_format"),
        ("loose.jpg", "loose"),
        ("carol/cut.jpg", "unusable_picture"),
        ("carol/wall.jpg", "no_face"),
    ];
    let told = left_out(&report);
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for ((path, reason), (expected_path, expected_reason)) in told.iter().zip(expected) {
        assert_eq!((&**path, &**reason), (expected_path, expected_reason));
    }
    // All that are photos are counted, whatever they are called.
    assert_eq!(
        (&report["people"], &report["photos"]),
        (&3.into(), &8.into())
    );
    assert_eq!(report["failed_to_enrol"], 2);
    // On a terminal many are counted by reason, few are told one by one.
    let text = evaluate(&site, &folder, &[]);
    for words in [
        "5 system files",
        "\"bob/notes.txt\" is not a picture",
        "\"dave\" has no photo",
    ] {
        assert!(text.contains(words), "{text}");
    }
    for n in 0..8 {
        std::fs::write(folder.join(format!("bob/{n}.txt")), "Dear Sir").unwrap();
    }
    let text = evaluate(&site, &folder, &[]);
    assert!(
        text.contains("files that are no picture, such as \"bob/"),
        "{text}"
    );
    assert!(text.contains("--json"), "{text}");
    // The others say it too, before they fail for want of people.
    let cache = site.at("cache.jsonl");
    let out = site.at("out");
    let said = site.fails(&[
        "calibrate",
        folder.to_str().unwrap(),
        "--no-cohort",
        "--cache",
        cache.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(said.contains("5 system files"), "{said}");
}

#[test]
fn a_folder_without_people_says_what_it_holds() {
    let site = Site::new();
    let folder = site.at("people");
    fill(&folder, &[("1.jpg", OBAMA[0])], &[(".DS_Store", b"x")]);
    let said = site.fails(&["evaluate", folder.to_str().unwrap()]);
    for words in ["one folder a person", "1 entries were left out", "1.jpg"] {
        assert!(said.contains(words), "{said}");
    }
    let said = site.fails(&["evaluate", site.at("nowhere").to_str().unwrap()]);
    assert!(said.contains("nowhere"), "{said}");
}

/// The folder of the case that was found, where it is present.
#[test]
fn the_folder_that_lost_people_loses_none() {
    let case = support::project().join("../shared/cases/folder");
    if !case.is_dir() {
        support::lacks(
            support::Need::Data,
            &format!("{} is not here", case.display()),
        );
        return;
    }
    let site = Site::new();
    let report = report(&site, &case, &[]);
    assert_eq!(
        (&report["people"], &report["photos"]),
        (&3.into(), &6.into())
    );
    let told = left_out(&report);
    let system = told.iter().filter(|(_, reason)| reason == "system").count();
    assert_eq!((system, told.len()), (4, 7), "{told:?}");
}

#[test]
fn a_photo_that_changed_under_its_name_is_embedded_anew() {
    let site = Site::new();
    let folder = site.at("people");
    fill(
        &folder,
        &[
            ("ada/1.jpg", OBAMA[0]),
            ("ada/2.jpg", "joe-biden/01.jpg"),
            ("bob/1.jpg", "grace-hopper/01.jpg"),
        ],
        &[],
    );
    let missed = |report: &Value| report["door"]["missed"].as_array().unwrap().len();
    // Two people in one folder: each of the photos is missed by the other.
    let before = report(&site, &folder, &[]);
    assert_eq!(missed(&before), 2, "{before}");
    let changed = folder.join("ada/2.jpg");
    let old = changed.metadata().unwrap();
    let mut bytes = std::fs::read(photo_path(OBAMA[1])).unwrap();
    // As long as before, and no younger: what follows the picture's end is not looked at.
    bytes.resize(old.len() as usize, 0);
    std::fs::write(&changed, bytes).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&changed)
        .unwrap()
        .set_modified(old.modified().unwrap())
        .unwrap();
    let after = report(&site, &folder, &[]);
    assert_eq!(missed(&after), 0, "{after}");
    // What did not change is not: a cache without a line for it would be longer now.
    let cache = site.at("cache.jsonl");
    let lines = || std::fs::read_to_string(&cache).unwrap().lines().count();
    assert_eq!(lines(), 1 + 4);
    assert_eq!(report(&site, &folder, &[]), after);
    assert_eq!(lines(), 1 + 4);
    let mode = cache.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_cache_is_not_written_over_another_file() {
    let site = Site::new();
    let folder = site.at("people");
    fill(&folder, &[("ada/1.jpg", OBAMA[0])], &[]);
    let photo = folder.join("ada/1.jpg");
    let before = std::fs::read(&photo).unwrap();
    let arguments = |cache: &Path| {
        let cache = cache.to_str().unwrap().to_owned();
        let folder = folder.to_str().unwrap().to_owned();
        ["evaluate".to_owned(), folder, "--cache".to_owned(), cache]
    };
    let fails = |cache: &Path| {
        let arguments = arguments(cache);
        site.fails(&arguments.each_ref().map(String::as_str))
    };
    let of_a_photo = fails(&photo);
    for words in ["1.jpg", "no cache of embeddings", "--cache"] {
        assert!(of_a_photo.contains(words), "{of_a_photo}");
    }
    assert!(std::fs::read(&photo).unwrap() == before);
    let of_a_folder = fails(&folder);
    assert!(of_a_folder.contains("--cache"), "{of_a_folder}");
    // Without the option it is the user's own, in a folder made for it.
    let output = site
        .command(&["evaluate", folder.to_str().unwrap(), "--all"])
        .env("XDG_CACHE_HOME", site.at("cache"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(site.at("cache/doorward/embeddings.jsonl").is_file());
}

#[test]
fn groups_are_told_apart_and_a_mistake_in_their_file_is_named() {
    let site = Site::new();
    let folder = site.at("people");
    fill(
        &folder,
        &[
            ("ada/1.jpg", OBAMA[0]),
            ("bea/1.jpg", OBAMA[1]),
            ("bea/2.jpg", OBAMA[2]),
            ("cem/1.jpg", "joe-biden/01.jpg"),
            ("dan/1.jpg", "grace-hopper/01.jpg"),
        ],
        &[("groups.csv", b"person,group\nada,\"twins, <b>both</b>\"\n\"bea\",\"twins, <b>both</b>\"\ncem,\"others\"\nzoe,others\n")],
    );
    let page = site.at("page.html");
    let report = report(&site, &folder, &["--html", page.to_str().unwrap()]);
    let groups = &report["groups"];
    assert_eq!(groups["without"], serde_json::json!(["dan"]));
    assert_eq!(groups["unknown"], serde_json::json!(["zoe"]));
    let [others, twins] = groups["groups"].as_array().unwrap().as_slice() else {
        panic!("{groups}");
    };
    // One person makes no pair; the door would take one twin for the other each time.
    assert_eq!(
        (&others["people"], &others["pairs"]),
        (&1.into(), &0.into())
    );
    assert_eq!(others["at"][0]["fmr"], Value::Null);
    assert_eq!((&twins["people"], &twins["pairs"]), (&2.into(), &2.into()));
    assert_eq!(groups["thresholds"][0]["name"], "the door's threshold");
    assert_eq!(
        groups["thresholds"][0]["threshold"],
        report["door"]["threshold"]
    );
    let at = &twins["at"][0];
    assert_eq!((&at["matches"], &at["fmr"]), (&2.into(), &1.0.into()));
    assert_eq!(at["warning"], "few_pairs");
    let mistaken = report["door"]["mistaken"].as_array().unwrap();
    assert_eq!(mistaken.len(), 3, "{mistaken:?}");
    let text = evaluate(&site, &folder, &[]);
    for words in [
        "(2 of 2 pairs)  WARNING: too few pairs to say",
        "1 person has no group",
        "such as \"zoe\"",
        "\"ada\" for \"bea\"",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("twins, &lt;b&gt;both&lt;/b&gt;"));
    assert!(page.contains("too few pairs to say"));
    // Another file than the folder's, with a mistake.
    let file = site.at("other.csv");
    std::fs::write(&file, "ada,a\nbea\n").unwrap();
    let said = site.fails(&[
        "evaluate",
        folder.to_str().unwrap(),
        "--groups",
        file.to_str().unwrap(),
    ]);
    for words in ["other.csv, line 2", "person,group"] {
        assert!(said.contains(words), "{said}");
    }
    let said = site.fails(&["evaluate", folder.to_str().unwrap(), "--groups", "/nowhere"]);
    assert!(said.contains("/nowhere"), "{said}");
}

#[test]
fn the_page_marks_the_door_names_who_is_missed_and_needs_nothing_else() {
    let site = Site::new().set("access.threshold", "0.61");
    let folder = site.at("people");
    fill(
        &folder,
        &[
            ("<img src=x> & \"Ada\"/<1>.jpg", OBAMA[0]),
            ("<img src=x> & \"Ada\"/2.jpg", "joe-biden/01.jpg"),
            ("bob/1.jpg", "grace-hopper/01.jpg"),
        ],
        &[],
    );
    let file = site.at("page.html");
    evaluate(&site, &folder, &["--html", file.to_str().unwrap()]);
    let page = std::fs::read_to_string(file).unwrap();
    for words in [
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
        "prefers-color-scheme:dark",
        "the door: 0.610",
        "as access.threshold says",
        "<h2>Who is missed</h2>",
        "&lt;img src=x&gt; &amp; &quot;Ada&quot;",
        "&lt;1&gt;.jpg (0.",
        "few photos",
        "<h2>For specialists</h2>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for words in [
        "<img", "http:", "https:", "<script", "<link", "@import", "url(", "NaN",
    ] {
        assert!(!page.contains(words), "{words}");
    }
    // A risk beyond the calibration gives no threshold; that is said.
    let site = Site::new().set("access.false_accept", "\"1 in 10000000 strangers\"");
    let folder = site.at("people");
    fill(&folder, &[("ada/1.jpg", OBAMA[0])], &[]);
    let file = site.at("page.html");
    let text = evaluate(&site, &folder, &["--html", file.to_str().unwrap()]);
    assert!(text.contains("no threshold of the door"), "{text}");
    let page = std::fs::read_to_string(file).unwrap();
    assert!(page.contains("lets nobody in"), "{page}");
}

#[test]
fn the_threshold_is_that_of_the_people_on_the_list() {
    let site = Site::new().enrolled("Ada", &["barack-obama/01.jpg"]);
    let folder = site.at("people");
    fill(
        &folder,
        &[("ada/1.jpg", OBAMA[0]), ("bob/1.jpg", "joe-biden/01.jpg")],
        &[],
    );
    let door = |report: Value| {
        let door = &report["door"];
        (door["listed"].clone(), door["comparisons"].clone())
    };
    let told = door(report(&site, &folder, &[]));
    assert_eq!(told, (true.into(), 1.into()));
    std::fs::remove_file(site.at("doorward.db")).unwrap();
    let told = door(report(&site, &folder, &[]));
    assert_eq!(told, (false.into(), 2.into()));
}
