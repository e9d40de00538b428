//! The relay guardian around the real program: whatever happens to whoever holds the door
//! open, the line is released.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::site::Site;

/// Longer than anything takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Far longer than the lease lives, so that the deadline cannot be what ended it.
const PULSE: [&str; 4] = ["relay", "pulse", "--ms", "10000"];

fn await_level(site: &Site, level: &str) {
    let until = Instant::now() + PATIENCE;
    while site.level().as_deref() != Some(level) {
        assert!(Instant::now() < until, "the line is never {level}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start_pulse(site: &Site) -> (Child, Instant) {
    let child = site
        .command(&PULSE)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A group of its own: in one that no shell looks after, SIGTSTP does nothing.
        .process_group(0)
        .spawn()
        .unwrap();
    await_level(site, "energised");
    (child, Instant::now())
}

/// The one child of a process.
fn guardian_of(parent: &Child) -> Pid {
    let id = parent.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let pid: i32 = children
        .trim()
        .parse()
        .unwrap_or_else(|_| panic!("children of {id}: {children:?}"));
    Pid::from_raw(pid).unwrap()
}

fn signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

fn site() -> Site {
    // The database that a pulse is recorded in.
    Site::new().enrolled("Eileen Collins", &["eileen-collins/01.jpg"])
}

#[test]
fn whoever_pulses_the_relay_may_be_killed_or_stopped() {
    let site = site();
    for what in [
        Signal::KILL,
        Signal::STOP,
        Signal::TSTP,
        Signal::ALARM,
        Signal::QUIT,
        Signal::TERM,
        Signal::HUP,
    ] {
        let (mut pulse, since) = start_pulse(&site);
        signal(&pulse, what);
        await_level(&site, "released");
        assert!(
            since.elapsed() < Duration::from_secs(9),
            "only the deadline ended it"
        );
        let _ = pulse.kill();
        pulse.wait().unwrap();
    }
}

#[test]
fn a_guardian_that_is_asked_to_end_releases_first() {
    let site = site();
    for what in [
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::TSTP,
        Signal::ALARM,
    ] {
        let (mut pulse, _) = start_pulse(&site);
        kill_process(guardian_of(&pulse), what).unwrap();
        await_level(&site, "released");
        let status = pulse.wait().unwrap();
        assert!(!status.success() && status.signal().is_none(), "{status}");
    }
}

#[test]
fn a_guardian_that_dies_or_hangs_is_replaced_by_hand() {
    let site = site();
    for what in [Signal::KILL, Signal::STOP] {
        let (mut pulse, since) = start_pulse(&site);
        kill_process(guardian_of(&pulse), what).unwrap();
        await_level(&site, "released");
        assert!(
            since.elapsed() < Duration::from_secs(9),
            "only the deadline ended it"
        );
        assert!(!pulse.wait().unwrap().success());
    }
}

/// Both die in the middle of a pulse, and the line keeps its level.
fn crash_while_open(site: &Site) {
    let (mut pulse, _) = start_pulse(site);
    let guardian = guardian_of(&pulse);
    // Stopped first: whoever pulses would release the line of a guardian that is gone.
    signal(&pulse, Signal::STOP);
    kill_process(guardian, Signal::KILL).unwrap();
    let until = Instant::now() + PATIENCE;
    while std::path::Path::new(&format!("/proc/{}/fd/0", guardian.as_raw_nonzero())).exists() {
        assert!(Instant::now() < until, "the guardian does not die");
        std::thread::sleep(Duration::from_millis(5));
    }
    pulse.kill().unwrap();
    pulse.wait().unwrap();
    assert_eq!(site.level().as_deref(), Some("energised"));
}

#[test]
fn after_a_crash_the_line_is_released_whatever_the_configuration_says_now() {
    let site = site();
    let good = std::fs::read_to_string(site.config()).unwrap();
    let other_line = good.replace(
        &site.at("relay").display().to_string(),
        &site.at("another").display().to_string(),
    );
    assert_ne!(other_line, good);
    for broken in [
        b"relay: {driver: gpiochip}\n".to_vec(),
        b"# caf\xe9\n".to_vec(),
        [good.as_bytes(), b"\n[relay]\n"].concat(),
        [good.as_bytes(), b"\nrelay.driver = \"simulated\"\n"].concat(),
        good.replace("\"simulated\"", "\"rppal\"").into_bytes(),
        other_line.into_bytes(),
    ] {
        crash_while_open(&site);
        std::fs::write(site.config(), &broken).unwrap();
        let output = site.run(&["relay", "lock"]);
        assert_eq!(
            site.level().as_deref(),
            Some("released"),
            "{}",
            support::site::said(&output)
        );
        std::fs::write(site.config(), &good).unwrap();
    }
    crash_while_open(&site);
    std::fs::remove_file(site.config()).unwrap();
    site.run(&["relay", "lock"]);
    assert_eq!(site.level().as_deref(), Some("released"));
}

/// The note goes when the line is known to be released: a line that is used for something
/// else by then is left alone.
#[test]
fn a_clean_end_leaves_no_note() {
    let site = site();
    assert!(site.run(&["relay", "pulse", "--ms", "50"]).status.success());
    std::fs::write(site.config(), "no configuration").unwrap();
    let said = site.fails(&["relay", "lock"]);
    assert!(said.contains("doorward.toml"), "{said}");
}
