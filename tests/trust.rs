//! What somebody with an account on the board could lay in the program's way: links, FIFOs,
//! devices, files without end, and files that are not in the right hands.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use doorward::record::Event;
use sha2::{Digest, Sha256};
use support::site::{Site, photo_path, said};
use support::{Need, lacks};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
/// The user nobody, in the place of the service's.
const SERVICE: u32 = 65534;
const PRECIOUS: &str = "nothing of doorward's\n";

fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A file of somebody else's, that a link leads to.
fn precious(site: &Site) -> PathBuf {
    let path = site.at("precious");
    std::fs::write(&path, PRECIOUS).unwrap();
    mode(&path, 0o644);
    path
}

fn is_untouched(precious: &Path) {
    assert_eq!(std::fs::read_to_string(precious).unwrap(), PRECIOUS);
    assert_eq!(precious.metadata().unwrap().mode() & 0o7777, 0o644);
}

/// Runs a command that may neither go on for ever nor take more than 4 GB of addresses.
fn bounded(site: &Site, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -v 4000000; exec timeout -s KILL 60 \"$@\"",
            "sh",
        ])
        .arg(env!("CARGO_BIN_EXE_doorward"))
        .arg("--config")
        .arg(site.config())
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .envs(environment.iter().copied());
    command.output().unwrap()
}

/// That a command ends by itself, without success and with these words.
fn refuses(site: &Site, arguments: &[&str], words: &[&str]) {
    let output = bounded(site, &[], arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: no {word:?} in {said}");
    }
}

/// The model set and the runtime, copied, because the project may lie in anybody's folder.
fn with_own_files(site: Site) -> Site {
    let (models, runtime) = (site.at("models"), site.at("lib/libonnxruntime.so"));
    std::fs::create_dir(&models).unwrap();
    for file in std::fs::read_dir(support::project().join("models")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if [".onnx", ".toml", ".i8", ".f32"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            std::fs::write(models.join(name), std::fs::read(file.path()).unwrap()).unwrap();
        }
    }
    std::fs::create_dir(site.at("lib")).unwrap();
    std::fs::write(&runtime, std::fs::read(support::runtime()).unwrap()).unwrap();
    for folder in ["models", "lib"] {
        for file in std::fs::read_dir(site.at(folder)).unwrap() {
            mode(&file.unwrap().path(), 0o644);
        }
        mode(&site.at(folder), 0o755);
    }
    let site = site
        .set("models.dir", quoted(&models))
        .set("models.runtime", quoted(&runtime));
    mode(&site.config(), 0o644);
    site
}

#[test]
fn what_is_written_follows_no_link() {
    let site = Site::new();
    let target = precious(&site);
    let photo = photo_path(PROBE).display().to_string();
    let data = site.at("data");
    for person in ["a", "b"] {
        std::fs::create_dir_all(data.join(person)).unwrap();
        std::fs::copy(photo_path(OBAMA[0]), data.join(person).join("1.jpg")).unwrap();
    }
    let site = site
        .set("models.precision", "\"auto\"")
        .set("models.cache", quoted(&site_at(&data, "networks.toml")));
    let names = [
        "report.csv",
        "drawn.png",
        "page.html",
        "cache",
        "networks.toml",
    ];
    for name in names {
        symlink(&target, site_at(&data, name)).unwrap();
    }
    let at = |name: &str| site_at(&data, name).display().to_string();
    let folder = data.display().to_string();

    symlink(&target, site.at("doorward.db")).unwrap();
    refuses(
        &site,
        &["enroll", "Ada", &photo],
        &["doorward.db", "it is a link"],
    );
    refuses(&site, &["people", "list"], &["doorward.db", "it is a link"]);
    is_untouched(&target);
    // To nothing, which would be made.
    std::fs::remove_file(site.at("doorward.db")).unwrap();
    symlink(site.at("nothing"), site.at("doorward.db")).unwrap();
    refuses(
        &site,
        &["enroll", "Ada", &photo],
        &["doorward.db", "it is a link"],
    );
    assert!(!site.at("nothing").exists());
    std::fs::remove_file(site.at("doorward.db")).unwrap();

    let many = ["enroll", "--from", &folder, "--report", &at("report.csv")];
    refuses(&site, &many, &["report.csv", "it is a link"]);
    let draw = ["identify", &photo, "--annotate", &at("drawn.png")];
    refuses(&site, &draw, &["drawn.png", "it is a link"]);
    let measure = ["evaluate", &folder, "--all", "--cache", &at("cache")];
    refuses(&site, &measure, &["cache", "it is a link"]);
    let cache = site.at("embeddings").display().to_string();
    let page = [
        "evaluate",
        &folder,
        "--all",
        "--cache",
        &cache,
        "--html",
        &at("page.html"),
    ];
    refuses(&site, &page, &["page.html", "it is a link"]);
    is_untouched(&target);
    // The choice of networks was made, and put in the place of the link.
    let kept = site_at(&data, "networks.toml").symlink_metadata().unwrap();
    assert!(kept.is_file());
    assert_eq!(kept.mode() & 0o777, 0o600);

    symlink(&target, site.at("relay")).unwrap();
    refuses(&site, &["relay", "lock"], &["relay"]);
    is_untouched(&target);
}

fn site_at(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

#[test]
fn what_root_does_in_the_services_folder_is_the_services() {
    if !is_root() {
        lacks(Need::Root, "this test gives files to another user");
        return;
    }
    let site = Site::new();
    mode(site.config().parent().unwrap(), 0o755);
    let state = site.at("state");
    std::fs::create_dir(&state).unwrap();
    chown(&state, Some(SERVICE), Some(SERVICE)).unwrap();
    mode(&state, 0o700);
    let at = |name: &str| site_at(&state, name);
    let site = site
        .set("whitelist.database", quoted(&at("doorward.db")))
        .set("models.precision", "\"auto\"")
        .set("models.cache", quoted(&at("networks.toml")))
        .enrolled("Barack Obama", &OBAMA);
    let folder = site.at("many");
    std::fs::create_dir_all(folder.join("Ada")).unwrap();
    std::fs::copy(
        photo_path("eileen-collins/01.jpg"),
        folder.join("Ada/1.jpg"),
    )
    .unwrap();
    let (folder, photo) = (folder.display().to_string(), photo_path(PROBE));
    let text = |name: &str| at(name).display().to_string();
    for arguments in [
        &["enroll", "--from", &folder, "--report", &text("report.csv")][..],
        &[
            "identify",
            photo.to_str().unwrap(),
            "--annotate",
            &text("drawn.png"),
        ],
        &["people", "rename", "Ada", "Grace"],
        &["backup", &text("backup.db")],
        &["restore", &text("backup.db")],
        &["threshold"],
        &["events", "--json"],
    ] {
        let output = site.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    // These stay root, for the relay's device; what they make is the service's too.
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(at(&format!("doorward.db{ending}")));
    }
    let pulse = site.run(&["relay", "pulse", "--ms", "50"]);
    assert!(pulse.status.success(), "{}", said(&pulse));
    assert!(site.run(&["relay", "lock"]).status.success());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        names.push(entry.file_name().into_string().unwrap());
        assert_eq!(about.uid(), SERVICE, "{}", entry.path().display());
        assert_eq!(about.mode() & 0o777, 0o600, "{}", entry.path().display());
    }
    for name in [
        "doorward.db",
        "backup.db",
        "report.csv",
        "drawn.png",
        "networks.toml",
    ] {
        assert!(names.iter().any(|n| n == name), "no {name} in {names:?}");
    }
    // The record names who it was, not who the process became.
    let listed = doorward::database::Database::open_existing(&at("backup.db")).unwrap();
    let log = doorward::record::Log::new(listed, Default::default());
    let records = log.records(&Default::default()).unwrap();
    let enrolled = records.iter().find_map(|record| match record.event() {
        Some(Event::Enrolled { actor, .. }) => Some(actor.uid),
        _ => None,
    });
    assert_eq!(enrolled, Some(0));

    // What only root may read is not read by a link, and a mistake says who acted.
    let secret = site.at("secret.jpg");
    std::fs::copy(photo_path(PROBE), &secret).unwrap();
    mode(&secret, 0o600);
    symlink(&secret, at("photo.jpg")).unwrap();
    let said = site.fails(&["identify", &text("photo.jpg")]);
    assert!(
        said.contains("denied") && said.contains("not as root"),
        "{said}"
    );
}

#[test]
fn files_in_a_private_home_are_the_callers() {
    if !is_root() {
        lacks(Need::Root, "this test gives files to other users");
        return;
    }
    /// Neither root nor the service's.
    const ANN: u32 = 4242;
    let site = Site::new();
    mode(site.config().parent().unwrap(), 0o755);
    let (state, home) = (site.at("state"), site.at("home"));
    for (folder, user) in [(&state, SERVICE), (&home, ANN)] {
        std::fs::create_dir(folder).unwrap();
        chown(folder, Some(user), Some(user)).unwrap();
        mode(folder, 0o700);
    }
    let site = site.set(
        "whitelist.database",
        quoted(&site_at(&state, "doorward.db")),
    );
    let at = |name: &str| site_at(&home, name).display().to_string();
    std::fs::create_dir_all(site_at(&home, "people/Ada")).unwrap();
    for (from, to) in [
        (OBAMA[0], "1.jpg"),
        (OBAMA[1], "2.jpg"),
        (PROBE, "3.jpg"),
        ("eileen-collins/01.jpg", "people/Ada/1.jpg"),
        ("joe-biden/01.jpg", "joe.jpg"),
    ] {
        std::fs::copy(photo_path(from), site_at(&home, to)).unwrap();
        mode(&site_at(&home, to), 0o600);
    }
    std::fs::write(site_at(&home, "list.csv"), "person,photo\nJoe,joe.jpg\n").unwrap();
    std::fs::write(site_at(&home, "words"), "correct horse battery\n").unwrap();
    mode(&site_at(&home, "words"), 0o600);
    for path in [
        "words",
        "people",
        "people/Ada",
        "people/Ada/1.jpg",
        "1.jpg",
        "2.jpg",
        "3.jpg",
        "joe.jpg",
        "list.csv",
    ] {
        chown(site_at(&home, path), Some(ANN), Some(ANN)).unwrap();
    }
    let secret = site.at("secret.jpg");
    std::fs::copy(photo_path(PROBE), &secret).unwrap();
    mode(&secret, 0o600);
    symlink(&secret, site_at(&home, "link.jpg")).unwrap();
    symlink(&secret, site_at(&home, "out.jpg")).unwrap();
    let kept = std::fs::read(&secret).unwrap();
    // By sudo, and by root itself.
    let (sudo, shell) = (Some(("SUDO_UID", "SUDO_GID")), None);
    for (way, by) in [("sudo", sudo), ("shell", shell)] {
        let run = |arguments: &[&str]| {
            let mut command = site.command(arguments);
            command.env_remove("SUDO_UID").env_remove("SUDO_GID");
            if let Some((uid, gid)) = by {
                command.env(uid, ANN.to_string()).env(gid, ANN.to_string());
            }
            command.output().unwrap()
        };
        let [drawn, report, backup, people] =
            ["drawn.jpg", "report.csv", "backup.db", "people.age"]
                .map(|n| at(&format!("{way}-{n}")));
        let sealed = |verb: &str, words: &[&str]| {
            let passphrase = at("words");
            let all = [&["people", verb, "--passphrase-file", &passphrase], words].concat();
            all.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let [export, import] = [
            ("export", &[&people[..]][..]),
            ("import", &["--replace", &people]),
        ]
        .map(|(verb, words)| sealed(verb, words));
        for arguments in [
            &["enroll", way, &at("1.jpg"), &at("2.jpg"), "--look-alike"][..],
            &["identify", &at("3.jpg"), "--annotate", &drawn],
            &["enroll", "--from", &at("people"), "--report", &report],
            &["enroll", "--csv", &at("list.csv")],
            &["backup", &backup],
            &["restore", &backup],
            &export.iter().map(String::as_str).collect::<Vec<_>>(),
            &import.iter().map(String::as_str).collect::<Vec<_>>(),
        ] {
            let output = run(arguments);
            assert!(
                output.status.success(),
                "{way} {arguments:?}: {}",
                said(&output)
            );
        }
        // What comes to nothing leaves nothing, also where the service may not remove it.
        let nothing = at("nothing");
        let database = site_at(&state, "doorward.db");
        let aside = site_at(&state, "aside.db");
        std::fs::rename(&database, &aside).unwrap();
        assert!(!run(&["backup", &nothing]).status.success());
        std::fs::rename(&aside, &database).unwrap();
        assert!(!Path::new(&nothing).exists());
        let nobody = sealed("export", &["Nobody", &nothing]);
        let nobody: Vec<&str> = nobody.iter().map(String::as_str).collect();
        let output = run(&nobody);
        assert!(
            said(&output).contains("nobody is or was"),
            "{}",
            said(&output)
        );
        assert!(!Path::new(&nothing).exists());
        for path in [&drawn, &report, &backup, &people] {
            let about = Path::new(path).metadata().unwrap();
            assert_eq!((about.uid(), about.mode() & 0o777), (ANN, 0o600), "{path}");
            assert!(about.len() > 0, "{path}");
        }
        for entry in std::fs::read_dir(&state).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(
                entry.metadata().unwrap().uid(),
                SERVICE,
                "{}",
                entry.path().display()
            );
            let name = entry.file_name();
            assert!(!name.to_string_lossy().contains("-backup"), "{name:?}");
        }
        // What Ann could not read or write stays so, and what is there is kept.
        for (arguments, word) in [
            (&["identify", &at("link.jpg")][..], "denied"),
            (&["enroll", "Eve", &at("link.jpg")], "denied"),
            (
                &["identify", &at("3.jpg"), "--annotate", &at("out.jpg")],
                "it is a link",
            ),
            (
                &["identify", &at("3.jpg"), "--annotate", &at("3.jpg")],
                "itself",
            ),
            (
                &[
                    "enroll",
                    "--csv",
                    &at("list.csv"),
                    "--report",
                    &at("list.csv"),
                ],
                "list of people itself",
            ),
            (&["backup", &backup], "it is there already"),
            (&["identify", &at("none.jpg")], "there is no such file"),
        ] {
            let output = run(arguments);
            let said = said(&output);
            assert!(
                !output.status.success() && said.contains(word),
                "{way} {arguments:?}: {said}"
            );
        }
        assert_eq!(std::fs::read(&secret).unwrap(), kept);
        let list = std::fs::read_to_string(site_at(&home, "list.csv")).unwrap();
        assert!(list.starts_with("person,photo"), "{list}");
    }
}

#[test]
fn what_is_no_ordinary_file_or_too_large_is_refused() {
    let site = with_own_files(Site::new().enrolled("Barack Obama", &OBAMA)).frames(PROBE, 1);
    let models = site.at("models");
    let data = site.at("data");
    std::fs::create_dir_all(data.join("a")).unwrap();
    std::fs::copy(photo_path(OBAMA[0]), data.join("a/1.jpg")).unwrap();
    let folder = data.display().to_string();
    let [clip, cache, list, photo, backup] =
        ["clip.mjpeg", "cache", "list.csv", "photo.jpg", "backup.db"].map(|name| site.at(name));
    let text = |path: &Path| path.display().to_string();
    let site = site
        .set("camera.replay.path", quoted(&clip))
        .set("models.choose", "[\"facenet128-int8\"]");
    let cached = ["evaluate", &folder, "--all", "--cache", &text(&cache)];
    let grouped = ["evaluate", &folder, "--all", "--groups", &text(&list)];
    let (listed, photo_name) = (text(&list), text(&photo));
    let many = ["enroll", "--csv", &listed];
    let from = text(&backup);
    let pair = [text(&photo_path(PROBE)), photo_name.clone()];
    // File, what reads it, whether it may have any size.
    let cases: [(PathBuf, &[&str], bool); 11] = [
        (site.config(), &["people", "list"], false),
        (models.join("manifest.toml"), &["run"], false),
        (models.join("onet-fp32.onnx"), &["run"], true),
        (
            models.join("facenet128-int8-calibration.toml"),
            &["run"],
            true,
        ),
        (models.join("facenet128-int8-cohort.i8"), &["run"], true),
        (site.at("lib/libonnxruntime.so"), &["run"], false),
        (clip, &["run"], true),
        (cache, &cached, false),
        (list.clone(), &grouped, false),
        (list, &many, false),
        (photo, &["compare", &pair[0], &pair[1]], false),
    ];
    for (path, command, any_size) in cases {
        // A default network that is not used is not read.
        let command: Vec<&str> = command.to_vec();
        let path = match path.file_name().unwrap().to_str() {
            Some("onet-fp32.onnx") => models.join(onet(&models)),
            _ => path,
        };
        let kept = std::fs::read(&path).ok();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut strange: Vec<Box<dyn Fn()>> = vec![
            Box::new(|| {
                let made = Command::new("mkfifo").arg(&path).status().unwrap();
                assert!(made.success());
            }),
            Box::new(|| symlink("/dev/zero", &path).unwrap()),
        ];
        if !any_size {
            strange.push(Box::new(|| {
                let file = std::fs::File::create(&path).unwrap();
                file.set_len(3 << 30).unwrap();
            }));
        }
        for lay in strange {
            let _ = std::fs::remove_file(&path);
            lay();
            refuses(&site, &command, &[&name]);
        }
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = kept {
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert!(
        Command::new("mkfifo")
            .arg(&backup)
            .status()
            .unwrap()
            .success()
    );
    refuses(&site, &["restore", &from], &["backup.db", "a FIFO"]);
    // Without the choice of networks it is made anew.
    let choice = site.at("networks.toml");
    let site = site
        .set("models.precision", "\"auto\"")
        .set("models.cache", quoted(&choice));
    assert!(
        Command::new("mkfifo")
            .arg(&choice)
            .status()
            .unwrap()
            .success()
    );
    let output = bounded(&site, &[], &["identify", &pair[0]]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(choice.metadata().unwrap().is_file());
}

/// The file of the O-Net in use.
fn onet(models: &Path) -> String {
    let manifest = std::fs::read_to_string(models.join("manifest.toml")).unwrap();
    let used = manifest
        .split("[[model]]")
        .find(|entry| entry.contains("role = \"onet\"") && entry.contains("default = true"));
    let line = used.unwrap().lines().find(|l| l.starts_with("file = "));
    line.unwrap().split('"').nth(1).unwrap().to_owned()
}

#[test]
fn a_time_zone_without_end_holds_nothing_up() {
    let site = Site::new().enrolled("Barack Obama", &OBAMA);
    let fifo = site.at("zone");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    for zone in [
        "/dev/zero",
        ":/dev/zero",
        "../../../dev/zero",
        fifo.to_str().unwrap(),
    ] {
        for command in [&["people", "list"][..], &["events"]] {
            let output = bounded(&site, &[("TZ", zone)], command);
            let said = said(&output);
            assert!(output.status.success(), "{zone}: {said}");
            assert!(
                said.contains("TZ names no time zone file"),
                "{zone}: {said}"
            );
        }
    }
    for zone in ["UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin"] {
        let said = said(&bounded(&site, &[("TZ", zone)], &["events"]));
        assert!(!said.contains("TZ"), "{zone}: {said}");
    }
}

#[test]
fn a_kept_choice_of_networks_chooses_no_embedder() {
    let choice = |site: &Site| site.at("networks.toml");
    let site = Site::new();
    let path = choice(&site);
    let site = site
        .set("models.precision", "\"auto\"")
        .set("models.cache", quoted(&path));
    let models = |site: &Site| {
        let said = said(&site.run(&["check"]));
        let line = said
            .lines()
            .find(|line| line.contains("every file as its hash"));
        line.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    // `check` writes nothing; what works with the networks does.
    let works = |site: &Site| said(&site.run(&["threshold"]));
    let told = works(&site);
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{e}: {told}"));
    let (made_for, _) = kept.split_once("choose = ").unwrap();
    std::fs::write(&path, format!("{made_for}choose = [\"facenet128-int8\"]\n")).unwrap();
    let line = models(&site);
    assert!(line.contains("sface"), "{line}");
    works(&site);
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(!kept.contains("facenet"), "{kept}");
}

#[test]
fn what_others_can_write_is_refused() {
    let site = with_own_files(Site::new().enrolled("Barack Obama", &OBAMA))
        .frames(PROBE, 1)
        .set("daemon.strict_modes", "true");
    assert_eq!(site.start().end().0, Some(0));
    let soon = |site: &Site| said(&site.run(&["check"]));
    assert!(soon(&site).contains("ok    ownership"), "{}", soon(&site));

    let network = site.at("models").join(onet(&site.at("models")));
    for path in [
        site.config(),
        site.at("models"),
        site.at("models/manifest.toml"),
        site.at("models/sface-facenet-calibration.toml"),
        network,
        site.at("lib"),
        site.at("lib/libonnxruntime.so"),
    ] {
        let before = path.metadata().unwrap();
        let name = path.display().to_string();
        let asked = |site: &Site, fix: &str| {
            let said = site.fails(&["run"]);
            let fix = format!("{fix} {name}");
            assert!(said.contains(&fix), "no {fix:?} in {said}");
            assert!(said.contains("daemon.strict_modes"), "{said}");
            let said = soon(site);
            let line = said.lines().find(|line| line.contains(&fix));
            assert!(line.unwrap().starts_with("WRONG"), "{said}");
        };
        mode(&path, before.mode() | 0o002);
        asked(&site, "chmod go-w");
        mode(&path, before.mode() | 0o020);
        asked(&site, "chmod g-w");
        mode(&path, before.mode());
        if is_root() {
            chown(&path, Some(SERVICE), None).unwrap();
            asked(&site, "chown root");
            chown(&path, Some(before.uid()), None).unwrap();
        }
    }
    // The database is the daemon's own to write; check looks at it all the same.
    mode(&site.at("doorward.db"), 0o620);
    let before = soon(&site);
    assert!(
        before.contains("doorward.db can be written by group"),
        "{before}"
    );
    assert_eq!(site.start().end().0, Some(0));

    // By a link whose folder others can write, another set could be put there.
    std::fs::create_dir(site.at("open")).unwrap();
    let link = site.at("open/models");
    symlink(site.at("models"), &link).unwrap();
    mode(&site.at("open"), 0o777);
    let site = site.set("models.dir", quoted(&link));
    assert!(site.fails(&["run"]).contains("chmod go-w"));
    mode(&site.at("open"), 0o1777);
    assert_eq!(site.start().end().0, Some(0));

    // For trials; but everybody could have written that word too.
    mode(&site.at("open"), 0o777);
    let site = site.set("daemon.strict_modes", "false");
    assert_eq!(site.start().end().0, Some(0));
    mode(&site.config(), 0o666);
    let said = site.fails(&["run"]);
    assert!(
        said.contains("doorward.toml can be written by everybody"),
        "{said}"
    );
    assert_ne!(site.level(), Some("energised".into()));
}

#[test]
fn a_runtime_that_was_changed_is_refused() {
    let site = with_own_files(Site::new().enrolled("Barack Obama", &OBAMA)).frames(PROBE, 1);
    let library = site.at("lib/libonnxruntime.so");
    let checked = said(&site.run(&["check"]));
    assert!(checked.contains("ok    runtime"), "{checked}");
    // It still loads.
    let mut bytes = std::fs::read(&library).unwrap();
    bytes.push(0);
    std::fs::write(&library, &bytes).unwrap();
    let found: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let run = site.fails(&["run"]);
    for word in [
        "libonnxruntime.so",
        &found,
        "was replaced",
        "models.runtime_sha256",
    ] {
        assert!(run.contains(word), "no {word} in {run}");
    }
    let said_by = said(&site.run(&["check"]));
    assert!(said_by.contains("was replaced"), "{said_by}");
    let site = site.set("models.runtime_sha256", format!("{found:?}"));
    assert_eq!(site.start().end().0, Some(0));
    let site = site.set("models.runtime_sha256", format!("{:?}", "0".repeat(64)));
    assert!(site.fails(&["run"]).contains("models.runtime_sha256 says"));
}

#[test]
fn a_set_that_was_written_anew_is_told_from_the_one_that_came() {
    let site = with_own_files(Site::new().enrolled("Barack Obama", &OBAMA));
    let checked = said(&site.run(&["check"]));
    assert!(
        !checked.contains("not the one this doorward came with"),
        "{checked}"
    );
    // A weaker calibration, with its right hash.
    let path = site.at("models/sface-facenet-calibration.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let hash = |text: &str| -> String {
        let hash = Sha256::digest(text.as_bytes());
        hash.iter().map(|b| format!("{b:02x}")).collect()
    };
    let weaker = text.replace("impostor_pairs = 7255541", "impostor_pairs = 9255541");
    assert_ne!(weaker, text);
    std::fs::write(&path, &weaker).unwrap();
    let manifest = site.at("models/manifest.toml");
    let named = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, named.replace(&hash(&text), &hash(&weaker))).unwrap();
    let said = said(&site.run(&["check"]));
    let line = said.lines().find(|line| line.contains("model set"));
    assert!(line.is_some_and(|line| line.starts_with('?')), "{said}");
}

/// The service's user may write the note of the line that was driven last.
#[test]
fn a_note_of_a_line_makes_no_file() {
    let site = Site::new();
    let made = site.at("made");
    let hash = Sha256::digest(site.config().to_str().unwrap());
    let name: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let folder = site.at("runtime/doorward");
    std::fs::create_dir_all(&folder).unwrap();
    mode(&folder, 0o700);
    let note = format!(
        "[relay]\ndriver = \"simulated\"\nstate_file = {}\n",
        quoted(&made)
    );
    std::fs::write(folder.join(format!("line-{name}.toml")), note).unwrap();
    let site = site.with("XDG_RUNTIME_DIR", folder.parent().unwrap());
    let lock = || said(&site.run(&["relay", "lock"]));
    assert!(!lock().contains("driven last"));
    assert!(!made.exists());
    // Where it is there, it is released.
    std::fs::write(&made, "energised\n").unwrap();
    let said = lock();
    assert!(said.contains("driven last"), "{said}");
    assert_eq!(std::fs::read_to_string(&made).unwrap().trim(), "released");
}
