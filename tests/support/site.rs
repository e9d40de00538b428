//! A door of its own for a test: folder, configuration, recording, database, relay.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorward::database::Database;
use doorward::record::{Event, HEAD_MESSAGE_ID, Kind, Log, Query, Record};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use scenery::living::{self, Head, Held};
use tempfile::TempDir;

/// Longer than anything takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Site {
    folder: TempDir,
    /// TOML put over the plain configuration: `section.key` and value.
    settings: Vec<(String, String)>,
    /// What the programs find in their environment.
    environment: Vec<(String, String)>,
}

impl Site {
    /// With a simulated relay and an every-frame recording of nothing yet.
    pub fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: Vec::new(),
            environment: Vec::new(),
        };
        std::fs::create_dir(site.at("frames")).unwrap();
        site.write_config();
        site
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.at("doorward.toml")
    }

    /// Sets a key, such as `access.frames`, to a TOML value.
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.into(), value.to_string()));
        self.write_config();
        self
    }

    /// Leaves a key as it is by default.
    pub fn unset(mut self, key: &str) -> Self {
        self.settings.retain(|(k, _)| k != key);
        self.write_config();
        self
    }

    /// Gives programs that are started from now on a variable of the environment.
    pub fn with(mut self, name: &str, value: impl AsRef<std::path::Path>) -> Self {
        let value = value.as_ref().display().to_string();
        self.environment.retain(|(n, _)| n != name);
        self.environment.push((name.into(), value));
        self
    }

    fn write_config(&self) {
        let project = super::project();
        let quoted = |path: PathBuf| format!("{:?}", path.display().to_string());
        let mut all: Vec<(String, String)> = [
            ("camera.source", "\"replay\"".into()),
            ("camera.replay.path", quoted(self.at("frames"))),
            ("camera.replay.pace", "\"every-frame\"".into()),
            ("models.dir", quoted(project.join("models"))),
            ("models.runtime", quoted(super::runtime())),
            ("models.threads", "1".into()),
            // A busy machine must not change what is decided.
            ("access.window_ms", "30000".into()),
            ("access.max_frame_age_ms", "5000".into()),
            ("daemon.hang_ms", "30000".into()),
            // The project may lie in anybody's folder.
            ("daemon.strict_modes", "false".into()),
            ("door.pulse_ms", "300".into()),
            ("relay.driver", "\"simulated\"".into()),
            ("relay.state_file", quoted(self.at("relay"))),
            ("whitelist.database", quoted(self.at("doorward.db"))),
            ("web.folder", quoted(self.at("web"))),
        ]
        .map(|(key, value): (&str, String)| (key.to_owned(), value))
        .into();
        for (key, value) in &self.settings {
            all.retain(|(k, _)| k != key);
            all.push((key.clone(), value.clone()));
        }
        let mut text = String::new();
        for (key, value) in all {
            writeln!(text, "{key} = {value}").unwrap();
        }
        std::fs::write(self.config(), text).unwrap();
    }

    /// Adds frames: the photo so many times, with a camera's noise; if it is of a person, as of
    /// a living one.
    pub fn frames(self, photo: &str, count: usize) -> Self {
        self.recorded(count, |n| living(photo, n))
    }

    /// Adds frames: the photo on a stand before a camera with noise.
    pub fn on_a_stand(self, photo: &str, count: usize) -> Self {
        self.recorded(count, |n| noisy(photo, n))
    }

    fn recorded(self, count: usize, frame: impl Fn(u64) -> Vec<u8>) -> Self {
        let have = std::fs::read_dir(self.at("frames")).unwrap().count();
        for n in have..have + count {
            let file = self.at("frames").join(format!("{n:04}.jpg"));
            std::fs::write(file, frame(n as u64)).unwrap();
        }
        self
    }

    /// Adds frames: the photo's own bytes so many times.
    pub fn stills(self, photo: &str, count: usize) -> Self {
        let have = std::fs::read_dir(self.at("frames")).unwrap().count();
        for n in have..have + count {
            let to = self.at("frames").join(format!("{n:04}.jpg"));
            std::fs::copy(photo_path(photo), to).unwrap();
        }
        self
    }

    pub fn enrolled(self, name: &str, photos: &[&str]) -> Self {
        let mut command = self.command(&["enroll", name]);
        command.args(photos.iter().map(|p| photo_path(p)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("--config").arg(self.config()).args(arguments);
        command.stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(n, v)| (n, v)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must fail, and gives what it said.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", said(&output));
        let said = said(&output);
        assert!(!said.contains("panicked"), "{said}");
        assert_ne!(self.level(), Some("energised".into()), "{said}");
        said
    }

    /// Starts the daemon.
    pub fn start(&self) -> Daemon {
        self.spawn(&["run"])
    }

    /// Starts what runs until it is ended.
    pub fn spawn(&self, arguments: &[&str]) -> Daemon {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let to = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                *to.lock().unwrap() += &(line + "\n");
            }
        });
        Daemon {
            child,
            reader: Some(reader),
            log,
        }
    }

    /// Puts a photo in the place of every frame, also while a daemon plays them again and
    /// again.
    pub fn show(&self, photo: &str) {
        for (n, frame) in (0..).zip(std::fs::read_dir(self.at("frames")).unwrap()) {
            let next = self.at("next");
            std::fs::write(&next, living(photo, n)).unwrap();
            std::fs::rename(next, frame.unwrap().path()).unwrap();
        }
    }

    /// What the relay's file says.
    pub fn level(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.at("relay")).ok()?;
        Some(text.trim().to_owned())
    }

    pub fn log(&self) -> Log {
        let database = Database::open_existing(&self.at("doorward.db")).unwrap();
        Log::new(database, Default::default())
    }

    pub fn records(&self) -> Vec<Record> {
        self.log().records(&Query::default()).unwrap()
    }

    /// Nobody but this program has written the log, so it knows them all.
    pub fn events(&self) -> Vec<(u64, Event)> {
        let known = |r: Record| (r.id, r.event().unwrap_or_else(|| panic!("{r}")).clone());
        self.records().into_iter().map(known).collect()
    }

    pub fn kinds(&self) -> Vec<Kind> {
        self.events().iter().map(|(_, e)| e.kind()).collect()
    }

    /// The first event of a kind.
    pub fn first(&self, kind: Kind) -> (u64, Event) {
        let events = self.events();
        let first = events.iter().find(|(_, e)| e.kind() == kind);
        first
            .unwrap_or_else(|| panic!("no {kind} in {events:#?}"))
            .clone()
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.kinds().into_iter().filter(|k| *k == kind).count()
    }

    /// Has the journal have these lines as messages, of this user.
    pub fn journal(&self, lines: &[String]) {
        let uid = rustix::process::getuid().as_raw().to_string();
        let entries: String = lines
            .iter()
            .map(|line| serde_json::json!({ "MESSAGE": line, "_UID": uid }).to_string() + "\n")
            .collect();
        std::fs::write(self.at("entries"), entries).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *MESSAGE_ID={HEAD_MESSAGE_ID}*) cat {} ;; *) exit 1 ;; esac\n",
            self.at("entries").display()
        );
        std::fs::create_dir_all(self.at("bin")).unwrap();
        let program = self.at("bin/journalctl");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Verifies the record by that journal.
    pub fn by_journal(&self, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.at("bin").display());
        let mut command = self.command(&["events", "--verify", "--journal"]);
        command.args(arguments).env("PATH", path).output().unwrap()
    }

    /// Waits until there are so many events of a kind.
    pub fn await_events(&self, kind: Kind, count: usize) {
        let until = Instant::now() + PATIENCE;
        while !self.at("doorward.db").exists() || self.count(kind) < count {
            assert!(
                Instant::now() < until,
                "no {count} x {kind} in {:#?}",
                self.events()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub struct Daemon {
    child: Child,
    reader: Option<std::thread::JoinHandle<()>>,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// How often its log has these words.
    pub fn count_said(&self, words: &str) -> usize {
        self.log.lock().unwrap().matches(words).count()
    }

    /// Waits until its log has these words.
    pub fn await_said(&self, words: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.log.lock().unwrap().clone();
            if log.contains(words) {
                return;
            }
            assert!(Instant::now() < until, "no {words:?} in {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end and gives its exit code (none if a signal ended it) and its log.
    pub fn end(mut self) -> (Option<i32>, String) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "the daemon does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        self.reader.take().unwrap().join().unwrap();
        let log = self.log.lock().unwrap().clone();
        assert!(!log.contains("panicked"), "{log}");
        (status.code(), log)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn photo_path(photo: &str) -> PathBuf {
    if Path::new(photo).is_absolute() {
        return photo.into();
    }
    super::project().join("tests/photos").join(photo)
}

/// All a command printed.
pub fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// The photo as JPEG with a little noise, as no two frames of a camera are equal.
pub fn noisy(photo: &str, seed: u64) -> Vec<u8> {
    with_noise(image::open(photo_path(photo)).unwrap().to_rgb8(), seed)
}

/// The same of a person who stands there and lives, where the photo is of a person.
pub fn living(photo: &str, frame: u64) -> Vec<u8> {
    let path = photo_path(photo);
    let picture = image::open(&path).unwrap().to_rgb8();
    let picture = match Head::of(&path) {
        Some(head) => living::held(&picture, &head, &Held::waiting(frame)),
        None => picture,
    };
    with_noise(picture, frame)
}

fn with_noise(mut picture: RgbImage, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    for value in picture.iter_mut() {
        *value = value.saturating_add(random.u8(0..4));
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95)
        .encode_image(&picture)
        .unwrap();
    bytes
}
