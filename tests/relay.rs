//! The relay drivers as the daemon and the installer meet them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use doorward::config::{self, Driver};
use doorward::door::relay::{self, Relay, RelayError, simulated};
use doorward::gpio::LineError;
use doorward::guardian::HeldLine;

/// Tells the test named `holder` that it runs as a child, and on which line.
const HOLD: &str = "DOORWARD_TEST_HOLD";
/// The same, for a line that is switched without pause.
const TOGGLE: &str = "DOORWARD_TEST_TOGGLE";

fn simulated_at(path: &Path) -> config::Relay {
    config::Relay {
        driver: Driver::Simulated,
        state_file: path.to_owned(),
        ..config::Relay::default()
    }
}

fn open(path: &Path) -> Box<dyn Relay> {
    relay::open(&simulated_at(path)).unwrap()
}

fn refusal(config: &config::Relay) -> RelayError {
    match relay::open(config) {
        Ok(relay) => panic!("opened {}", relay.describe()),
        Err(error) => error,
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let line = folder.path().join("run/doorward/relay");
    (folder, line)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Another process that has the line, energised or switching.
fn other_process(how: &str, line: &Path) -> Child {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--ignored"])
        .env(how, line)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while !simulated::is_energised(line).unwrap_or(false) {
        assert!(Instant::now() < patience, "the child never energised");
        std::thread::yield_now();
    }
    child
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "the child of other tests"]
fn holder() {
    if let Some(line) = std::env::var_os(HOLD) {
        let mut relay = open(Path::new(&line));
        relay.set(true).unwrap();
        std::thread::sleep(Duration::from_secs(60));
    }
    if let Some(line) = std::env::var_os(TOGGLE) {
        let mut relay = open(Path::new(&line));
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            relay.set(true).unwrap();
            relay.set(false).unwrap();
        }
    }
}

#[test]
fn a_line_is_released_when_opened_and_when_dropped() {
    let (_folder, line) = place();
    let mut relay = open(&line);
    assert_eq!(text(&line).trim(), "released");
    relay.set(true).unwrap();
    assert_eq!(text(&line), "energised\n");
    relay.set(false).unwrap();
    assert_eq!(text(&line).trim(), "released");
    assert_eq!(text(&line).lines().count(), 1);
    relay.set(true).unwrap();
    drop(relay);
    assert!(!simulated::is_energised(&line).unwrap());
}

#[test]
fn a_killed_process_leaves_its_level_and_the_next_one_locks() {
    let (_folder, line) = place();
    kill(other_process(HOLD, &line));
    assert!(simulated::is_energised(&line).unwrap());
    drop(open(&line));
    assert!(!simulated::is_energised(&line).unwrap());
}

#[test]
fn a_kill_at_any_instant_leaves_one_of_the_two_levels() {
    let (_folder, line) = place();
    for _ in 0..8 {
        kill(other_process(TOGGLE, &line));
        assert!(
            matches!(text(&line).as_str(), "energised\n" | "released \n"),
            "{:?}",
            text(&line)
        );
    }
}

#[test]
fn a_line_that_another_process_has_is_busy_and_left_alone() {
    let (_folder, line) = place();
    let child = other_process(HOLD, &line);
    let error = refusal(&simulated_at(&line));
    let still = simulated::is_energised(&line).unwrap();
    kill(child);
    assert!(matches!(error, RelayError::Line(LineError::Busy { .. })));
    assert_eq!(
        error.to_string(),
        format!(
            "the simulated relay {} is held by a running doorward; end it first (`systemctl stop \
             doorward`, or Ctrl-C where it runs); it locks the door as it ends",
            line.display()
        )
    );
    assert!(still);
}

#[test]
fn a_line_held_in_this_process_is_busy_too() {
    let (_folder, line) = place();
    let held = open(&line);
    assert!(matches!(
        refusal(&simulated_at(&line)),
        RelayError::Line(LineError::Busy { .. })
    ));
    drop(held);
    open(&line);
}

#[test]
fn a_line_that_is_taken_away_is_an_error_and_not_silence() {
    let (_folder, line) = place();
    let mut relay = open(&line);
    fs::remove_file(&line).unwrap();
    let error = relay.set(true).unwrap_err().to_string();
    assert!(error.contains("cannot be energised") && error.contains(&line.display().to_string()));
    fs::write(&line, "released\n").unwrap();
    assert!(relay.set(true).is_err());
    assert_eq!(text(&line), "released\n");
}

#[test]
fn a_file_that_is_something_else_is_not_overwritten() {
    let (_folder, line) = place();
    fs::create_dir_all(line.parent().unwrap()).unwrap();
    for content in ["precious\n", "energised twice and more\n", "\0"] {
        fs::write(&line, content).unwrap();
        let error = refusal(&simulated_at(&line));
        assert!(matches!(error, RelayError::NotAState { .. }));
        assert!(error.to_string().contains("relay.state_file"), "{error}");
        assert_eq!(text(&line), content);
    }
    for harmless in ["", "released", "energised\r\n"] {
        fs::write(&line, harmless).unwrap();
        open(&line);
        assert!(!simulated::is_energised(&line).unwrap());
    }
    let folder = refusal(&simulated_at(line.parent().unwrap()));
    assert!(matches!(folder, RelayError::NotAState { .. }));
    let device = refusal(&simulated_at(Path::new("/dev/full")));
    assert!(matches!(device, RelayError::NotAState { .. }));
}

#[test]
fn a_place_that_cannot_hold_a_line_is_named_with_the_key_to_change() {
    let (folder, _) = place();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let below = file.join("relay");
    let error = refusal(&simulated_at(&below)).to_string();
    assert!(error.contains(&below.display().to_string()), "{error}");
    assert!(error.contains("relay.state_file"), "{error}");
}

#[test]
fn a_gpio_chip_that_is_not_there_is_named_with_the_key_to_change() {
    for chip in ["no-such-chip", "/dev/no-such-chip"] {
        let error = refusal(&config::Relay {
            chip: chip.into(),
            ..config::Relay::default()
        });
        // On a machine whose chips may not be looked into it could be one of those.
        if !matches!(error, RelayError::Line(LineError::Permission { .. })) {
            let text = error.to_string();
            assert!(
                matches!(error, RelayError::Line(LineError::NotFound { .. })),
                "{text}"
            );
            assert!(
                text.starts_with(&format!("GPIO chip `{chip}` was not found")),
                "{text}"
            );
            assert!(
                text.contains("relay.chip") || text.contains("relay.driver"),
                "{text}"
            );
        }
    }
    let error = refusal(&config::Relay {
        chip: "/dev/null".into(),
        ..config::Relay::default()
    });
    assert_eq!(
        error.to_string(),
        "/dev/null cannot be opened: \"/dev/null\" is not a GPIO character device; set relay.chip \
         to the label or path of a GPIO chip"
    );
}

#[test]
fn registers_are_not_asked_for_what_only_the_kernel_does() {
    let rppal = || config::Relay {
        driver: Driver::Rppal,
        active: config::Level::Low,
        ..config::Relay::default()
    };
    let drive = config::Drive::OpenDrain;
    let error = refusal(&config::Relay { drive, ..rppal() }).to_string();
    assert!(error.contains("relay.drive = \"open-drain\""), "{error}");
    let bias = config::Bias::PullUp;
    let error = refusal(&config::Relay { bias, ..rppal() }).to_string();
    assert!(error.contains("relay.bias = \"pull-up\""), "{error}");
    assert!(error.contains("relay.driver = \"gpiochip\""), "{error}");
}

/// What a guardian drove is released the same way, whatever the configuration says by then.
#[test]
fn a_note_of_a_line_has_how_it_is_driven() {
    let relay = config::Relay {
        active: config::Level::Low,
        drive: config::Drive::OpenDrain,
        bias: config::Bias::PullUp,
        ..config::Relay::default()
    };
    let held = HeldLine { relay };
    assert_eq!(HeldLine::parse(&held.text().unwrap()).unwrap(), held);
    // A note of before these keys.
    let old = HeldLine::parse("[relay]\nactive = \"low\"\nline = 4\n").unwrap();
    assert_eq!(old.relay.drive, config::Drive::PushPull);
}

#[cfg(not(feature = "rppal"))]
#[test]
fn a_driver_that_was_left_out_says_how_to_get_it() {
    let error = refusal(&config::Relay {
        driver: Driver::Rppal,
        ..config::Relay::default()
    })
    .to_string();
    assert!(error.contains("relay.driver = \"gpiochip\""), "{error}");
    assert!(error.contains("--features rppal"), "{error}");
}
