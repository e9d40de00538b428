//! The daemon with a panel: contact, exit button, keypad, card reader, lights and siren around
//! the real program, on simulated wires.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use doorward::record::{By, DenialReason, Event, Factor, InView, Kind};
use rustix::process::Signal;
use support::site::{Daemon, Site, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const PIN: &str = "471148";
/// Longer than anything takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn site() -> Site {
    let site = Site::new();
    let folder = |name: &str| format!("{:?}", site.at(name).display().to_string());
    let (folder, state) = (folder("service"), folder("door"));
    site.set("panel.driver", "\"simulated\"")
        .set("panel.folder", folder)
        .set("panel.state_dir", state)
        .set("panel.contact.line", 5)
        .set("panel.contact.debounce_ms", 0)
        .set("panel.rex.line", 6)
        .set("panel.rex.debounce_ms", 0)
        .set("panel.other_door.line", 7)
        .set("panel.other_door.debounce_ms", 0)
        .set("panel.keypad.device", "\"/dev/input/by-path/keypad\"")
        .set("panel.keypad.vendor", 1)
        .set("panel.keypad.product", 2)
        .set("panel.wiegand.d0", 23)
        .set("panel.wiegand.d1", 24)
        .set("panel.output.green.line", 22)
        .set("panel.output.green.signals", "[\"granted\"]")
        .set("panel.output.yellow.line", 25)
        .set("panel.output.yellow.signals", "[\"enter_factor\"]")
        .set("panel.output.siren.line", 27)
        .set("panel.output.siren.signals", "[\"forced_open\"]")
        .set("camera.replay.repeat", true)
        .set("camera.replay.pace", "\"real-time\"")
        .set("camera.replay.fps", 5)
        .set("door.pulse_ms", 1500)
        .set("access.absence_ms", 0)
        .enrolled("Barack Obama", &OBAMA)
}

/// With nobody in view.
fn nobody(site: Site) -> Site {
    for n in 0..8 {
        let picture = image::RgbImage::from_fn(320, 240, |x, y| {
            image::Rgb([(x / 2) as u8, (y / 2) as u8 + n, 90])
        });
        picture
            .save(site.at(&format!("frames/{n:04}.png")))
            .unwrap();
    }
    site
}

fn started(site: &Site) -> Daemon {
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    let until = Instant::now() + PATIENCE;
    while !site.at("door/wires").exists() {
        assert!(Instant::now() < until, "there are no wires");
        std::thread::sleep(Duration::from_millis(10));
    }
    daemon
}

fn wire(site: &Site, line: &str) {
    let fifo = site.at("door/wires");
    let mut wires = std::fs::OpenOptions::new().append(true).open(fifo).unwrap();
    wires.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn await_output(site: &Site, name: &str, state: &str) {
    let until = Instant::now() + PATIENCE;
    let file = site.at("door/outputs").join(name);
    let is = || std::fs::read_to_string(&file).unwrap_or_default();
    while is().trim() != state {
        assert!(Instant::now() < until, "{name} is never {state}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn await_level(site: &Site, level: &str) {
    let until = Instant::now() + PATIENCE;
    while site.level().as_deref() != Some(level) {
        assert!(Instant::now() < until, "the line is never {level}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn end(daemon: Daemon) {
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn the_exit_button_opens_by_a_record_and_a_forced_door_sounds() {
    let site = nobody(site());
    let daemon = started(&site);
    wire(&site, "rex pressed");
    await_level(&site, "energised");
    await_output(&site, "green", "on");
    wire(&site, "contact open");
    site.await_events(Kind::AccessTaken, 1);
    wire(&site, "contact closed");
    wire(&site, "rex released");
    site.await_events(Kind::Locked, 2);
    assert_eq!(site.level().as_deref(), Some("released"));
    await_output(&site, "green", "off");

    std::thread::sleep(Duration::from_millis(700));
    wire(&site, "contact open");
    site.await_events(Kind::ForcedOpen, 1);
    await_output(&site, "siren", "on");
    assert_eq!(site.level().as_deref(), Some("released"));
    wire(&site, "contact closed");
    site.await_events(Kind::AlarmEnded, 1);
    await_output(&site, "siren", "off");
    end(daemon);

    let (rex, _) = site.first(Kind::Rex);
    let (unlocked, Event::Unlocked { by, .. }) = site.first(Kind::Unlocked) else {
        panic!()
    };
    assert_eq!(by, By::Rex(rex));
    assert!(rex < unlocked);
    let (_, Event::ForcedOpen(view)) = site.first(Kind::ForcedOpen) else {
        panic!()
    };
    assert_eq!(view.in_view, InView::Nobody);
    assert_eq!(site.count(Kind::Unlocked), 1);
    site.log().verify(&[]).unwrap();
}

#[test]
fn a_button_that_hangs_before_the_daemon_starts_opens_nothing() {
    let site = nobody(site());
    let daemon = started(&site);
    wire(&site, "rex pressed");
    site.await_events(Kind::Unlocked, 1);
    end(daemon);
    // The wires are another process's now, and the button is still held.
    let daemon = site.start();
    site.await_events(Kind::Started, 2);
    std::thread::sleep(Duration::from_secs(1));
    end(daemon);
    assert_eq!(site.count(Kind::Unlocked), 1);
}

fn give_pin(site: &Site) {
    let mut child = site
        .command(&["people", "pin", "Barack Obama"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{PIN}\n").as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_face_needs_its_pin_where_that_is_demanded() {
    let site = site().set("factors.demand", "\"pin\"").frames(PROBE, 8);
    give_pin(&site);
    let daemon = started(&site);
    await_output(&site, "yellow", "on");
    wire(&site, "keys 999999#");
    site.await_events(Kind::FactorRefused, 1);
    assert_eq!(site.count(Kind::Granted), 0);
    wire(&site, &format!("keys {PIN}#"));
    await_level(&site, "energised");
    end(daemon);
    let (_, Event::FactorRefused { reason, .. }) = site.first(Kind::FactorRefused) else {
        panic!()
    };
    assert_eq!(reason, DenialReason::WrongPin);
    let (granted, Event::Granted(grant)) = site.first(Kind::Granted) else {
        panic!()
    };
    assert_eq!(grant.factors, [Factor::Pin]);
    let (unlocked, Event::Unlocked { by, .. }) = site.first(Kind::Unlocked) else {
        panic!()
    };
    assert!(by == By::Grant(granted) && granted < unlocked);
    let record = std::fs::read(site.at("doorward.db")).unwrap();
    let typed = |digits: &str| record.windows(digits.len()).any(|w| w == digits.as_bytes());
    assert!(!typed(PIN) && !typed("999999"));
}

/// Facility 12, number 34567 in 26 bits: even parity of the first half before it, odd parity of
/// the second after it.
fn wiegand(facility: u32, number: u32) -> String {
    let bits: Vec<u32> = (0..24)
        .rev()
        .map(|n| ((facility << 16 | number) >> n) & 1)
        .collect();
    let ones = |half: &[u32]| half.iter().sum::<u32>();
    let (first, second) = bits.split_at(12);
    let all = [&[ones(first) % 2][..], &bits, &[1 - ones(second) % 2]].concat();
    all.iter().map(u32::to_string).collect()
}

#[test]
fn a_rule_asks_for_a_card_and_a_wrong_one_is_refused() {
    let site = site().frames(PROBE, 8);
    let rules = site.at("access.d");
    std::fs::create_dir(&rules).unwrap();
    let rule =
        "[[rule]]\nname = \"with a card\"\ngroups = [\"everybody\"]\nsecond_factor = \"card\"\n";
    std::fs::write(rules.join("all.toml"), rule).unwrap();
    let folder = format!("{:?}", rules.display().to_string());
    let site = site.set("access.rules_dir", folder);
    let card = [
        "people",
        "card",
        "Barack Obama",
        "34567",
        "--facility",
        "12",
    ];
    let given = site.run(&card);
    assert!(given.status.success(), "{}", said(&given));

    let daemon = started(&site);
    await_output(&site, "yellow", "on");
    wire(&site, &format!("wiegand {}", wiegand(12, 34568)));
    site.await_events(Kind::FactorRefused, 1);
    assert_eq!(site.count(Kind::Granted), 0);
    wire(&site, &format!("wiegand {}", wiegand(12, 34567)));
    await_level(&site, "energised");
    end(daemon);
    let (_, Event::Granted(grant)) = site.first(Kind::Granted) else {
        panic!()
    };
    assert_eq!(grant.factors, [Factor::Card]);
}

#[test]
fn the_other_door_of_a_pair_keeps_this_one_locked() {
    let site = site().set("door.interlock", true).frames(PROBE, 8);
    let daemon = started(&site);
    wire(&site, "other-door open");
    site.await_events(Kind::GrantWithdrawn, 1);
    assert_eq!(site.count(Kind::Unlocked), 0);
    wire(&site, "other-door closed");
    site.await_events(Kind::Unlocked, 1);
    end(daemon);
    site.log().verify(&[]).unwrap();
}
