//! The relay guardian around the real program: whatever happens to whoever holds the door
//! open, the line is released.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::site::Site;

/// Longer than anything takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Far longer than the lease lives, so that the deadline cannot be what ended it.
const PULSE: [&str; 4] = ["relay", "pulse", "--ms", "10000"];
/// No lease in these tests has so little time left when what ends it happens.
const BEFORE_ANY_DEADLINE: Duration = Duration::from_secs(8);

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

/// A guardian that is a service; killed with the test.
struct Service(Child);

impl Service {
    fn start(site: &Site) -> Self {
        let guardian = site
            .command(&["guardian", "--serve"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let service = Self(guardian);
        await_level(site, "released");
        until("a socket", || site.at("guardian/guardian.sock").exists());
        service
    }

    fn end(mut self) {
        signal(&self.0, Signal::TERM);
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "no {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A door whose guardian is a service, and where somebody listed stands.
fn with_service() -> (Site, Service) {
    let site = Site::new();
    let folder = site.at("guardian");
    std::fs::create_dir(&folder).unwrap();
    let site = site
        .set(
            "relay.guardian",
            format!("{:?}", folder.display().to_string()),
        )
        .set("camera.replay.repeat", true)
        .set("access.absence_ms", 0)
        .set("access.cooldown_ms", 0)
        .set("door.pulse_ms", 30_000)
        .enrolled(
            "Barack Obama",
            &["barack-obama/01.jpg", "barack-obama/02.jpg"],
        )
        .frames("barack-obama/03.jpg", 4);
    let service = Service::start(&site);
    (site, service)
}

#[test]
fn a_service_locks_when_the_daemon_dies_stops_or_ends_and_serves_the_next() {
    let (site, service) = with_service();
    for what in [Signal::KILL, Signal::STOP, Signal::TERM] {
        let daemon = site.start();
        await_level(&site, "energised");
        let since = Instant::now();
        daemon.signal(what);
        await_level(&site, "released");
        assert!(
            since.elapsed() < BEFORE_ANY_DEADLINE,
            "only the deadline ended it"
        );
        // One that was stopped goes on, and finds that its lease is over.
        daemon.signal(Signal::KILL);
    }
    service.end();
    assert!(!site.at("guardian/line.toml").exists());
}

#[test]
fn a_service_that_dies_is_found_again() {
    let (site, mut service) = with_service();
    let daemon = site.start();
    await_level(&site, "energised");
    service.0.kill().unwrap();
    service.0.wait().unwrap();
    let kept = site.level();
    assert_eq!(kept.as_deref(), Some("energised"), "it keeps its level");
    // What systemd runs after its end.
    assert!(site.run(&["relay", "lock"]).status.success());
    assert_eq!(site.level().as_deref(), Some("released"));
    let service = Service::start(&site);
    await_level(&site, "energised");
    // By hand, while the daemon holds it open.
    let output = site.run(&["relay", "lock"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("by its guardian"), "{said}");
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(site.level().as_deref(), Some("released"));
    service.end();
}

#[test]
fn a_service_that_stays_away_ends_the_daemon_locked() {
    let (site, service) = with_service();
    let daemon = site.start();
    await_level(&site, "energised");
    service.end();
    assert_eq!(site.level().as_deref(), Some("released"));
    let (code, log) = daemon.end();
    assert_ne!(code, Some(0), "{log}");
    assert!(log.contains("the relay guardian of"), "{log}");
    assert_eq!(site.level().as_deref(), Some("released"));
}

#[test]
fn a_pulse_by_hand_is_a_client_of_the_service() {
    let (site, service) = with_service();
    let mut pulse = site
        .command(&PULSE)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_level(&site, "energised");
    let children = format!("/proc/{0}/task/{0}/children", pulse.id());
    assert_eq!(std::fs::read_to_string(children).unwrap(), "");
    let since = Instant::now();
    pulse.kill().unwrap();
    pulse.wait().unwrap();
    await_level(&site, "released");
    assert!(
        since.elapsed() < BEFORE_ANY_DEADLINE,
        "only the deadline ended it"
    );
    service.end();
}

#[test]
fn a_crowd_at_the_socket_holds_up_no_release() {
    let (site, service) = with_service();
    let socket = site.at("guardian/guardian.sock");
    let mut pulse = site
        .command(&["relay", "pulse", "--ms", "1000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_level(&site, "energised");
    // Some say nothing, some say nonsense, some do not read.
    let crowd: Vec<_> = (0..200)
        .filter_map(|i: usize| {
            let mut stream = std::os::unix::net::UnixStream::connect(&socket).ok()?;
            stream.set_nonblocking(true).ok()?;
            let said: &[u8] = [&b""[..], b"open sesame\n", &[0xff; 4096], b"open 1"][i % 4];
            let _ = stream.write(said);
            Some(stream)
        })
        .collect();
    assert!(crowd.len() > 100, "only {} of a crowd", crowd.len());
    await_level(&site, "released");
    let _ = pulse.wait();
    drop(crowd);
    // Whoever comes after them is served.
    until("answer", || site.run(&["relay", "lock"]).status.success());
    let said = site.run(&["relay", "lock"]).stdout;
    assert!(String::from_utf8_lossy(&said).contains("by its guardian"));
    service.end();
}

#[test]
fn a_service_takes_no_line_that_would_open_by_itself() {
    for (key, value) in [
        ("relay.drive", "\"open-drain\""),
        ("door.max_open_ms", "1000"),
    ] {
        let site = Site::new().set("door.pulse_ms", 2000).set(key, value);
        let said = site.fails(&["guardian", "--serve"]);
        assert!(said.contains(key), "{said}");
        assert_eq!(site.level(), None, "the line was opened");
    }
}
