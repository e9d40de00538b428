//! The bridge beside a whole door: with a receiver that fails, a program that hangs, promtool and
//! a real broker.
#![cfg(feature = "bridge")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use doorward::record::Kind;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::Need;
use support::broker::{Broker, bridge, command, configure, secret, unlock, until};
use support::site::{Daemon, Site, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const NOBODY: &str = "grace-hopper/01.jpg";
/// A door that guards, with somebody unknown before it.
fn guarded() -> (Site, Daemon) {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.frames", 1)
        // Nobody sets the clock of a machine that only tests.
        .set("access.clock", "\"trusted\"")
        .set("daemon.door", "\"front\"")
        .enrolled("Barack Obama", &OBAMA)
        .frames(NOBODY, 3);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    (site, daemon)
}

/// One request that a receiver got.
#[derive(Debug, Clone)]
struct Got {
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let mut all = self.headers.iter();
        let found = all.find(|(one, _)| one.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver of webhooks that answers what it is told to.
struct Hub {
    address: String,
    got: Arc<Mutex<Vec<Got>>>,
    answer: Arc<Mutex<String>>,
}

impl Hub {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = Self {
            address: listener.local_addr().unwrap().to_string(),
            got: Arc::default(),
            answer: Arc::new(Mutex::new("200 OK\r\n".into())),
        };
        let (got, answer) = (Arc::clone(&hub.got), Arc::clone(&hub.answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = answer.lock().unwrap().clone();
                got.lock().unwrap().extend(serve(stream, &answer));
            }
        });
        hub
    }

    fn answers(&self, status: &str) {
        *self.answer.lock().unwrap() = format!("{status}\r\n");
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The numbers of the events that came, as they came.
    fn numbers(&self) -> Vec<u64> {
        let numbers = self
            .got()
            .into_iter()
            .filter_map(|got| got.json()["number"].as_u64());
        numbers.collect()
    }
}

fn serve(mut stream: TcpStream, answer: &str) -> Option<Got> {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length?.1.parse().ok()?];
    lines.read_exact(&mut body).ok()?;
    let _ = write!(
        stream,
        "HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let body = String::from_utf8(body).ok()?;
    Some(Got { headers, body })
}

#[test]
fn a_receiver_that_fails_loses_nothing_and_what_it_gets_is_signed() {
    let (site, daemon) = guarded();
    let (hub, elsewhere) = (Hub::open(), Hub::open());
    let key = secret(&site, "hub.key", "s3cret");
    configure(
        &site,
        &format!(
            "[webhooks.hub]\nurl = \"http://{}/door\"\nsecret_file = \"{}\"\n",
            hub.address,
            key.display()
        ),
    );
    let telling = bridge(&site);
    // From now on, and not from the record's beginning.
    until("the cursor", || {
        std::fs::read_to_string(site.at("told/webhooks.hub.cursor")).ok()
    });
    let first = unlock(&site);
    until("the first event", || {
        hub.numbers().contains(&first).then_some(())
    });
    assert!(
        hub.numbers()[0] <= first && hub.numbers()[0] > 1,
        "{:?}",
        hub.numbers()
    );

    // Neither an error nor a redirect takes an event, and no other host is told.
    hub.answers(&format!(
        "302 Found\r\nLocation: http://{}/",
        elsewhere.address
    ));
    let second = unlock(&site);
    telling.await_said("redirects are not followed");
    hub.answers("500 Oh");
    // Killed with that still to be told.
    telling.signal(Signal::KILL);
    telling.end();
    let third = unlock(&site);
    hub.answers("200 OK");
    let telling = bridge(&site);
    until("what was missed", || {
        hub.numbers().contains(&third).then_some(())
    });
    assert_eq!(elsewhere.got().len(), 0);

    let got = hub.got();
    let told = hub.numbers();
    let mut next = told[0];
    for number in &told {
        assert!(*number <= next, "{number} before {next} in {told:?}");
        next = next.max(number + 1);
    }
    assert!(told.contains(&second));
    for got in &got {
        let signed = format!("{}.{}", got.header("Doorward-Time"), got.body);
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"s3cret").unwrap();
        mac.update(signed.as_bytes());
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(got.header("Doorward-Signature"), format!("v1={hex}"));
        assert_eq!(got.header("Doorward-Event"), got.json()["id"]);
        assert!(!got.body.contains("Obama"), "{}", got.body);
    }
    let asked = got
        .iter()
        .map(Got::json)
        .find(|json| json["number"] == third)
        .unwrap();
    assert_eq!(
        (&asked["id"], &asked["event"]),
        (&json!(format!("front:{third}")), &json!("unlock_asked"))
    );

    // The daemon dies while the bridge lives.
    daemon.signal(Signal::KILL);
    daemon.end();
    let event = |name: &'static str| move |got: &Got| got.json()["event"] == name;
    until("that it is gone", || {
        hub.got().iter().any(event("daemon_gone")).then_some(())
    });
    let daemon = site.start();
    until("that it is back", || {
        hub.got().iter().any(event("daemon_back")).then_some(())
    });
    telling.signal(Signal::TERM);
    let (code, log) = telling.end();
    assert_eq!(code, Some(0), "{log}");
    drop(daemon);
}

#[test]
fn a_program_gets_each_event_and_one_that_hangs_holds_up_nobody_for_long() {
    let (site, daemon) = guarded();
    let (writes, hangs) = (site.at("writes"), site.at("hangs"));
    let seen = site.at("seen");
    let program = |path: &PathBuf, text: String| {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    program(&hangs, "#!/bin/sh\nsleep 600\n".into());
    program(
        &writes,
        format!(
            "#!/bin/sh\n{{ cat; echo \" $DOORWARD_EVENT $DOORWARD_ID $HOME$#\"; }} >>{}\n",
            seen.display()
        ),
    );
    configure(
        &site,
        &format!(
            "[hooks]\nprograms = [\"{}\", \"{}\"]\ntimeout_s = 1\n",
            hangs.display(),
            writes.display()
        ),
    );
    let telling = bridge(&site);
    until("the cursor", || {
        std::fs::read_to_string(site.at("told/hooks.cursor")).ok()
    });
    let asked = unlock(&site);
    let line = until("the event", || {
        let text = std::fs::read_to_string(&seen).ok()?;
        text.lines()
            .find(|line| line.contains("unlock_asked"))
            .map(str::to_owned)
    });
    let (body, rest) = line.rsplit_once("} ").unwrap();
    assert_eq!(rest, format!("unlock_asked front:{asked} 0"));
    let body: Value = serde_json::from_str(&format!("{body}}}")).unwrap();
    assert_eq!(body["number"], asked);
    telling.await_said("was killed after 1 s");
    telling.signal(Signal::TERM);
    telling.end();
    drop(daemon);
}

#[test]
fn numbers_are_written_whole_and_promtool_has_nothing_to_say() {
    let (site, daemon) = guarded();
    let file = site.at("doorward.prom");
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    configure(
        &site,
        &format!(
            "[metrics]\nfile = \"{}\"\nlisten = \"127.0.0.1:{port}\"\n",
            file.display()
        ),
    );
    let telling = bridge(&site);
    let has = |line: &str| {
        let text = std::fs::read_to_string(&file).ok()?;
        text.lines().any(|one| one == line).then_some(text)
    };
    until("that the daemon answers", || {
        has("doorward_daemon_up{door=\"front\"} 1")
    });
    unlock(&site);
    let text = until("the event", || {
        has("doorward_events_total{door=\"front\",event=\"unlock_asked\"} 1")
    });
    assert!(text.contains("doorward_people{door=\"front\"} 1"), "{text}");
    assert!(!text.contains("Obama"), "{text}");
    // Frames are counted by the daemon, which plays them again and again.
    until("frames", || {
        let text = std::fs::read_to_string(&file).ok()?;
        let mut lines = text
            .lines()
            .filter(|line| line.starts_with("doorward_frames_total"));
        lines.any(|line| !line.ends_with(" 0")).then_some(())
    });
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut served = String::new();
    stream.read_to_string(&mut served).unwrap();
    assert!(
        served.starts_with("HTTP/1.1 200") && served.contains("doorward_daemon_up"),
        "{served}"
    );
    daemon.signal(Signal::KILL);
    daemon.end();
    until("that the daemon is gone", || {
        has("doorward_daemon_up{door=\"front\"} 0")
    });
    telling.signal(Signal::TERM);
    telling.end();
    if support::has_programs(Need::Promtool, &["promtool"]) {
        promtool(&["check", "metrics"], &text);
    }
}

/// Runs promtool, which has to be content.
fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    if arguments.contains(&"metrics") {
        assert_eq!(said(&output), "");
    }
}

#[test]
fn the_alert_rules_do_what_their_tests_say() {
    if !support::has_programs(Need::Promtool, &["promtool"]) {
        return;
    }
    let folder = support::project().join("packaging/prometheus");
    let rules = folder.join("doorward.rules.yml");
    promtool(&["check", "rules", rules.to_str().unwrap()], "");
    let tests = folder.join("doorward.rules.test.yml");
    promtool(&["test", "rules", tests.to_str().unwrap()], "");
}

#[test]
fn a_bridge_that_cannot_do_what_it_is_told_says_what_to_do() {
    let site = Site::new();
    let said = site.fails(&["bridge"]);
    assert!(said.contains("bridge.toml"), "{said}");
    configure(&site, "");
    let said = site.fails(&["bridge"]);
    assert!(said.contains("switches nothing on"), "{said}");
    let key = secret(&site, "hub.key", "s3cret");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    configure(
        &site,
        &format!(
            "[webhooks.hub]\nurl = \"https://hub.lan/\"\nsecret_file = \"{}\"\n",
            key.display()
        ),
    );
    let said = site.fails(&["bridge"]);
    assert!(
        said.contains("everybody can read") && said.contains("hub.key"),
        "{said}"
    );
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(site.at("told/webhooks.hub.cursor"), "{\"number\":8").unwrap();
    let said = site.fails(&["bridge"]);
    assert!(
        said.contains("webhooks.hub.cursor") && said.contains("remove it"),
        "{said}"
    );
    configure(&site, "[mqtt]\n");
    let said = site.fails(&["bridge", "remove"]);
    assert!(said.contains("names no broker"), "{said}");
}

#[test]
fn a_broker_whose_certificate_is_another_is_told_nothing() {
    if !support::has_programs(
        Need::Mosquitto,
        &["mosquitto", "mosquitto_sub", "mosquitto_passwd"],
    ) {
        return;
    }
    let (site, daemon) = guarded();
    let mut broker = Broker::open(&site);
    broker.stop();
    for name in ["broker", "other"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(site.at(&format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(
            site.at(&format!("{name}.key")),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
    }
    let conf = broker.folder.join("mosquitto.conf");
    let (certificate, key) = (site.at("broker.pem"), site.at("broker.key"));
    let text = std::fs::read_to_string(&conf).unwrap();
    let tls = format!(
        "certfile {}\nkeyfile {}\n",
        certificate.display(),
        key.display()
    );
    std::fs::write(&conf, text.replacen('\n', &format!("\n{tls}"), 1)).unwrap();
    broker.start();
    let password = secret(&site, "password", "front-pw");
    let with = |ca: &str| {
        let text = format!(
            "[mqtt]\nbroker = \"mqtts://localhost:{}\"\nuser = \"front\"\npassword_file = \"{}\"\nca = \"{}\"\n",
            broker.port,
            password.display(),
            site.at(ca).display()
        );
        configure(&site, &text);
        bridge(&site)
    };
    let telling = with("other.pem");
    telling.await_said("no connection to mqtts://localhost");
    assert_eq!(telling.count_said("mqtt: connected"), 0);
    telling.signal(Signal::TERM);
    telling.end();
    let telling = with("broker.pem");
    telling.await_said("mqtt: connected to mqtts://localhost");
    telling.signal(Signal::TERM);
    telling.end();
    drop(daemon);
}

#[test]
fn a_broker_is_told_how_things_are_and_nothing_from_there_moves_the_door_but_a_fresh_command() {
    if !support::has_programs(
        Need::Mosquitto,
        &["mosquitto", "mosquitto_sub", "mosquitto_passwd"],
    ) {
        return;
    }
    let (site, daemon) = guarded();
    let mut broker = Broker::open(&site);
    let password = secret(&site, "password", "front-pw");
    let text = |more: &str| {
        format!(
            "[mqtt]\nbroker = \"mqtt://127.0.0.1:{}\"\nuser = \"front\"\npassword_file = \"{}\"\n{more}",
            broker.port,
            password.display()
        )
    };
    configure(&site, &text(""));
    let told = site.at("events");
    let mut listening = broker
        .client(
            "mosquitto_sub",
            "ha",
            &["-t", "doorward/front/event", "-F", "%r %p"],
        )
        .stdout(std::fs::File::create(&told).unwrap())
        .spawn()
        .unwrap();

    // Told, and deaf.
    let telling = bridge(&site);
    for (of, value) in [
        ("lock", "LOCKED"),
        ("contact", "OFF"),
        ("tamper", "OFF"),
        ("camera", "OFF"),
        ("people", "1"),
    ] {
        broker.await_kept(&format!("doorward/front/state/{of}"), value);
    }
    broker.await_kept("doorward/front/status", "online");
    let config = broker
        .kept("homeassistant/device/doorward/front/config")
        .unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(
        config["components"]["lock"]["state_topic"],
        "doorward/front/state/lock"
    );
    broker.publish("ha", "doorward/front/cmd", &command("UNLOCK", 0.0, ""), &[]);
    let first = unlock(&site);
    let line = until("the event", || {
        let text = std::fs::read_to_string(&told).unwrap();
        let found = text
            .lines()
            .find(|line| line.contains(&format!("front:{first}")));
        found.map(str::to_owned)
    });
    let event: Value =
        serde_json::from_str(line.strip_prefix("0 ").expect("not retained")).unwrap();
    assert_eq!(
        (&event["event_type"], &event["door"]),
        (&json!("unlock_asked"), &json!("front"))
    );
    assert_eq!(site.count(Kind::UnlockAsked), 1, "commands are off");
    telling.signal(Signal::KILL);
    telling.end();
    // Its last will.
    broker.await_kept("doorward/front/status", "offline");

    // With commands on. One that is kept is there before it starts.
    broker.publish(
        "ha",
        "doorward/front/cmd",
        &command("UNLOCK", 0.0, "x"),
        &["-r"],
    );
    configure(&site, &text("commands = true\n"));
    let telling = bridge(&site);
    broker.await_kept("doorward/front/status", "online");
    let nonce = |broker: &Broker| until("a nonce", || broker.kept("doorward/front/state/nonce"));
    let used = nonce(&broker);
    let send = |broker: &Broker, payload: &str, more: &[&str]| {
        broker.publish("ha", "doorward/front/cmd", payload, more);
    };
    send(&broker, &command("UNLOCK", 0.0, &used), &[]);
    until("the act", || {
        (site.count(Kind::UnlockAsked) == 2).then_some(())
    });
    let record = site
        .records()
        .into_iter()
        .rfind(|record| record.kind() == "unlock_asked")
        .unwrap();
    assert_eq!(
        record.to_json()["event"]["actor"]["claimed"],
        "mqtt:home-assistant"
    );

    // Repeated, late, kept, forged, and by somebody without the right.
    until("another nonce", || (nonce(&broker) != used).then_some(()));
    send(&broker, &command("UNLOCK", 0.0, &used), &[]);
    telling.await_said("its nonce is not the one of now");
    send(&broker, &command("UNLOCK", 15.0, &nonce(&broker)), &[]);
    telling.await_said("more than 5 seconds");
    until("another nonce", || {
        broker.kept("doorward/front/state/nonce")
    });
    send(&broker, &command("UNLOCK", 0.0, "forged"), &["-r"]);
    telling.await_said("it is retained");
    let forged = command("UNLOCK", 0.0, &nonce(&broker));
    let _ = broker
        .client(
            "mosquitto_pub",
            "eve",
            &["-t", "doorward/front/cmd", "-m", &forged, "-q", "1"],
        )
        .output();
    // The broker starts anew, with what it keeps.
    broker.stop();
    telling.await_said("no connection to");
    let while_away = unlock(&site);
    broker.start();
    until("what was missed", || {
        let known = broker.kept("doorward/front/status")? == "online";
        known.then_some(())
    });
    assert_eq!(site.count(Kind::UnlockAsked), 3, "none of them counted");
    until("that it was told", || {
        let cursor = std::fs::read_to_string(site.at("told/mqtt.cursor")).ok()?;
        let cursor: Value = serde_json::from_str(&cursor).ok()?;
        (cursor["number"].as_u64()? >= while_away).then_some(())
    });
    // To lock is always heard.
    send(&broker, &command("LOCK", 3600.0, ""), &[]);
    until("the act", || (site.count(Kind::ModeSet) == 1).then_some(()));

    // Without a daemon nothing is said to be as it was.
    daemon.signal(Signal::KILL);
    daemon.end();
    broker.await_kept("doorward/front/status", "offline");
    telling.signal(Signal::TERM);
    let (code, log) = telling.end();
    assert_eq!(code, Some(0), "{log}");

    let removed = site.run(&["bridge", "remove", "--json"]);
    assert!(removed.status.success(), "{}", said(&removed));
    for topic in [
        "doorward/front/status",
        "doorward/front/state/lock",
        "homeassistant/device/doorward/front/config",
    ] {
        assert_eq!(broker.kept(topic), None, "{topic}");
    }
    let _ = listening.kill();
    let _ = listening.wait();
}
