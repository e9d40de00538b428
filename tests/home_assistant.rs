//! Home Assistant itself, with a real broker between it and a whole door: what it shows of the
//! door, and what it may order.
#![cfg(feature = "bridge")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::record::Kind;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::Need;
use support::broker::{Broker, bridge, command, configure, secret, unlock, until};
use support::site::{Daemon, Site, said};

const NOBODY: &str = "grace-hopper/01.jpg";
const CLIENT: &str = "http://127.0.0.1/";
const LOCK: &str = "lock.doorward_front";
const ONLINE: &str = "binary_sensor.doorward_front_online";
/// How long a broker is away, so that what waited there is old.
const OUTAGE: Duration = Duration::from_secs(20);

/// A Home Assistant with a house of its own.
struct Home {
    folder: PathBuf,
    program: PathBuf,
    port: u16,
    token: String,
    tokens: Value,
    child: Option<Child>,
    agent: ureq::Agent,
    /// Each entity with each state that it had.
    seen: Arc<Mutex<BTreeSet<(String, String)>>>,
}

/// Where `make home-assistant` puts it.
fn installed() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| support::project().join("target"));
    target.join("home-assistant/venv/bin")
}

impl Home {
    fn new(folder: &Path, program: PathBuf) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let port = support::free_port();
        let text = format!(
            "homeassistant:\n  name: Home\n  time_zone: UTC\nhttp:\n  server_host: 127.0.0.1\n  server_port: {port}\nlogger:\n  default: warning\n"
        );
        std::fs::write(folder.join("configuration.yaml"), text).unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        let mut home = Self {
            folder: folder.into(),
            program,
            port,
            token: String::new(),
            tokens: Value::Null,
            child: None,
            agent,
            seen: Arc::default(),
        };
        home.launch();
        until("Home Assistant", || home.asked("/api/onboarding"));
        home.onboard();
        home.running();
        home
    }

    fn launch(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("out"))
            .unwrap();
        let child = Command::new(&self.program)
            .args(["--skip-pip", "-c"])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Waits until all of it is there, and writes down what states there are from then on.
    fn running(&self) {
        until("that Home Assistant runs", || {
            self.asked("/api/config")
                .filter(|config| config["state"] == "RUNNING")
        });
        let answer = self
            .agent
            .get(self.url("/api/stream?restrict=state_changed"));
        let answer = answer
            .header("Authorization", self.bearer())
            .call()
            .unwrap();
        let lines = BufReader::new(answer.into_body().into_reader());
        let seen = self.seen.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let event = line.strip_prefix("data: ").unwrap_or_default();
                let Ok(event) = serde_json::from_str::<Value>(event) else {
                    continue;
                };
                let new = &event["data"]["new_state"];
                let text = |key: &str| new[key].as_str().unwrap_or_default().to_owned();
                seen.lock()
                    .unwrap()
                    .insert((text("entity_id"), text("state")));
            }
        });
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let _ = child.wait();
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn asked(&self, path: &str) -> Option<Value> {
        let request = self.agent.get(self.url(path));
        let mut answer = request.header("Authorization", self.bearer()).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(self.url(path));
        let request = request.header("Authorization", self.bearer());
        let request = request.header("Content-Type", "application/json");
        let mut answer = request.send(body.to_string()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (answer.status().as_u16(), json)
    }

    fn onboard(&mut self) {
        let user = json!({ "client_id": CLIENT, "name": "Owner", "username": "owner", "password": "owner-pw", "language": "en" });
        let (status, made) = self.post("/api/onboarding/users", &user);
        assert_eq!(status, 200, "{made}");
        let code = made["auth_code"].as_str().unwrap();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", CLIENT),
        ];
        let mut answer = self
            .agent
            .post(self.url("/auth/token"))
            .send_form(form)
            .unwrap();
        self.tokens = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        self.token = self.tokens["access_token"].as_str().unwrap().to_owned();
        for (step, body) in [
            ("core_config", json!({})),
            ("analytics", json!({})),
            (
                "integration",
                json!({ "client_id": CLIENT, "redirect_uri": CLIENT }),
            ),
        ] {
            self.post(&format!("/api/onboarding/{step}"), &body);
        }
    }

    /// Sets up MQTT with a broker, as its owner would in the form.
    fn connect(&self, broker: &Broker) {
        let flow = "/api/config/config_entries/flow";
        let (_, form) = self.post(flow, &json!({ "handler": "mqtt" }));
        let flow = format!("{flow}/{}", form["flow_id"].as_str().unwrap());
        let broker = json!({ "broker": "127.0.0.1", "port": broker.port, "username": "ha", "password": "ha-pw" });
        let (_, made) = self.post(&flow, &broker);
        assert_eq!(made["type"], "create_entry", "{made}");
    }

    fn state(&self, entity: &str) -> Option<Value> {
        self.asked(&format!("/api/states/{entity}"))
    }

    fn shows(&self, entity: &str, wanted: &str) {
        until(&format!("{entity} = {wanted}"), || {
            self.state(entity).filter(|state| state["state"] == wanted)
        });
    }

    fn has_seen(&self, entity: &str, state: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.contains(&(entity.to_owned(), state.to_owned()))
    }

    /// Calls a service for the lock. What comes of it is seen at the door.
    fn order(&self, service: &str) -> u16 {
        self.post(
            &format!("/api/services/lock/{service}"),
            &json!({ "entity_id": LOCK }),
        )
        .0
    }

    /// What it says of MQTT in its log that is no praise.
    fn complaints(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.join("home-assistant.log"));
        let lines = log.unwrap_or_default();
        let complains = |line: &&str| {
            line.contains("components.mqtt")
                && line.contains("doorward")
                && (line.contains(" WARNING ") || line.contains(" ERROR "))
        };
        lines.lines().filter(complains).map(str::to_owned).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wire(site: &Site, line: &str) {
    let fifo = site.at("door/wires");
    let mut wires = std::fs::OpenOptions::new().append(true).open(fifo).unwrap();
    wires.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// A door with a contact, before which nobody stands whom it knows.
fn guarded() -> (Site, Daemon) {
    let site = Site::new();
    let path = |name: &str| format!("{:?}", site.at(name).display().to_string());
    let (folder, state) = (path("service"), path("door"));
    let site = site
        .set("panel.driver", "\"simulated\"")
        .set("panel.folder", folder)
        .set("panel.state_dir", state)
        .set("panel.contact.line", 5)
        .set("panel.tamper.line", 6)
        .set("door.pulse_ms", 2_000)
        .set("camera.replay.repeat", true)
        // Nobody sets the clock of a machine that only tests.
        .set("access.clock", "\"trusted\"")
        .set("daemon.door", "\"front\"")
        .enrolled(
            "Barack Obama",
            &["barack-obama/01.jpg", "barack-obama/02.jpg"],
        )
        .frames(NOBODY, 3);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    until("the wires", || site.at("door/wires").exists().then_some(()));
    (site, daemon)
}

/// As long as this stands, nothing moved the door since it was made.
struct Unmoved<'s> {
    site: &'s Site,
    unlocked: usize,
}

impl<'s> Unmoved<'s> {
    fn since_now(site: &'s Site) -> Self {
        let unlocked = site.count(Kind::UnlockAsked);
        Self { site, unlocked }
    }

    fn stands(&self, after: &str) {
        assert_eq!(self.site.count(Kind::UnlockAsked), self.unlocked, "{after}");
        assert_eq!(self.site.count(Kind::Granted), 0, "{after}");
        assert_ne!(self.site.level().as_deref(), Some("energised"), "{after}");
    }
}

fn end(one: Daemon) {
    one.signal(Signal::TERM);
    let (code, log) = one.end();
    assert_eq!(code, Some(0), "{log}");
}

/// Each entity in each state, what a service call does, and what moves no door.
#[test]
fn home_assistant_shows_the_door_and_orders_what_it_may() {
    let program = installed().join("hass");
    if !program.exists() {
        let why = format!("there is no {}; `make home-assistant`", program.display());
        return support::lacks(Need::HomeAssistant, &why);
    }
    if !support::has_programs(
        Need::Mosquitto,
        &["mosquitto", "mosquitto_sub", "mosquitto_passwd"],
    ) {
        return;
    }
    let (site, daemon) = guarded();
    let mut broker = Broker::open(&site);
    let mut home = Home::new(&site.at("home"), program);
    home.connect(&broker);
    let password = secret(&site, "password", "front-pw");
    let text = |port: u16, more: &str| {
        format!(
            "[mqtt]\nbroker = \"mqtt://127.0.0.1:{port}\"\nuser = \"front\"\npassword_file = \"{}\"\n{more}",
            password.display()
        )
    };

    // Only told. The lock has no way to be ordered by.
    configure(&site, &text(broker.port, ""));
    let telling = bridge(&site);
    for (entity, state) in [
        (LOCK, "locked"),
        ("binary_sensor.doorward_front_contact", "off"),
        ("binary_sensor.doorward_front_tamper", "off"),
        ("binary_sensor.doorward_front_camera", "off"),
        ("sensor.doorward_front_people", "1"),
        (ONLINE, "on"),
    ] {
        home.shows(entity, state);
    }
    let unmoved = Unmoved::since_now(&site);
    home.order("unlock");
    std::thread::sleep(Duration::from_secs(2));
    unmoved.stands("commands are off");

    // Strike, leaf, tamper, camera and events, as they are and not as they were ordered.
    unlock(&site);
    home.shows(LOCK, "unlocked");
    home.shows(LOCK, "locked");
    until("the event", || {
        let event = home.state("event.doorward_front_event")?;
        event["attributes"]["event_type"].is_string().then_some(())
    });
    // So soon after it was unlocked it would be somebody who passes.
    std::thread::sleep(Duration::from_secs(1));
    wire(&site, "contact open");
    home.shows("binary_sensor.doorward_front_contact", "on");
    home.shows(LOCK, "jammed");
    wire(&site, "contact closed");
    home.shows(LOCK, "locked");
    wire(&site, "tamper open");
    home.shows("binary_sensor.doorward_front_tamper", "on");
    wire(&site, "tamper closed");

    // Its last will, and its farewell.
    telling.signal(Signal::KILL);
    telling.end();
    home.shows(LOCK, "unavailable");
    home.shows(ONLINE, "off");
    configure(&site, &text(broker.port, "commands = true\n"));
    let telling = bridge(&site);
    home.shows(LOCK, "locked");
    home.shows(ONLINE, "on");

    // What the owner orders is an act of the door, and on record.
    until("the nonce", || {
        let nonce = home.state("sensor.doorward_front_nonce")?;
        (nonce["state"].as_str()?.len() == 32).then_some(())
    });
    let before = site.count(Kind::UnlockAsked);
    let taps = site.at("taps");
    let mut tap = broker
        .client(
            "mosquitto_sub",
            "admin",
            &["-t", "doorward/front/cmd", "-F", "%p"],
        )
        .stdout(std::fs::File::create(&taps).unwrap())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(home.order("unlock"), 200);
    home.shows(LOCK, "unlocked");
    assert_eq!(site.count(Kind::UnlockAsked), before + 1);
    let mut asked = site.records().into_iter();
    let asked = asked
        .rfind(|record| record.kind() == "unlock_asked")
        .unwrap();
    assert_eq!(
        asked.to_json()["event"]["actor"]["claimed"],
        "mqtt:home-assistant"
    );
    home.shows(LOCK, "locked");
    assert_eq!(home.order("lock"), 200);
    until("the act", || (site.count(Kind::ModeSet) == 1).then_some(()));
    let _ = tap.kill();
    let _ = tap.wait();
    assert!(home.order("open") >= 400, "it has no such way");

    // Repeated, kept and forged, and both ends started anew.
    let unmoved = Unmoved::since_now(&site);
    let taps = std::fs::read_to_string(taps).unwrap();
    let used = taps.lines().find(|line| line.contains("UNLOCK")).unwrap();
    let topic = "doorward/front/cmd";
    broker.publish("admin", topic, used, &[]);
    broker.publish("admin", topic, used, &["-r"]);
    broker.publish("admin", topic, &command("UNLOCK", 0.0, "forged"), &[]);
    telling.await_said("a command does not count");
    unmoved.stands("repeated, kept and forged");
    broker.stop();
    home.shows(LOCK, "unavailable");
    broker.start();
    home.shows(LOCK, "locked");
    unmoved.stands("the broker started anew");
    home.stop();
    home.launch();
    home.running();
    home.shows(LOCK, "locked");
    unmoved.stands("Home Assistant started anew");
    end(telling);
    home.shows(LOCK, "unavailable");
    let telling = bridge(&site);
    home.shows(LOCK, "locked");
    unmoved.stands("the bridge started anew");

    // A broker that hangs while somebody orders, and delivers late.
    broker.signal(Signal::STOP);
    std::thread::scope(|scope| {
        scope.spawn(|| home.order("unlock"));
        std::thread::sleep(OUTAGE);
        broker.signal(Signal::CONT);
    });
    home.shows(LOCK, "locked");
    std::thread::sleep(Duration::from_secs(3));
    unmoved.stands("it came late");

    // The daemon gone is nothing that could be taken for locked.
    daemon.signal(Signal::KILL);
    daemon.end();
    home.shows(LOCK, "unavailable");
    let daemon = site.start();
    home.shows(LOCK, "locked");
    for state in ["locked", "unlocking", "unlocked", "jammed", "unavailable"] {
        assert!(home.has_seen(LOCK, state), "never {state}");
    }
    assert_eq!(home.complaints(), Vec::<String>::new());
    picture(&home);
    end(telling);
    let removed = site.run(&["bridge", "remove"]);
    assert!(removed.status.success(), "{}", said(&removed));
    until("that it is gone", || {
        let all = home.asked("/api/states")?;
        let mut all = all.as_array()?.iter();
        let is_ours = |state: &Value| {
            state["entity_id"]
                .as_str()
                .is_some_and(|id| id.contains("doorward_front"))
        };
        (!all.any(is_ours)).then_some(())
    });
    home.stop();
    end(daemon);
}

/// Its page of the door as a browser shows it, for docs/home-assistant.md; in `DOORWARD_PICTURE`.
fn picture(home: &Home) {
    let Some(file) = std::env::var_os("DOORWARD_PICTURE") else {
        return;
    };
    let tokens = json!({
        "access_token": home.token, "token_type": "Bearer", "expires_in": 1800,
        "refresh_token": home.tokens["refresh_token"], "hassUrl": home.url(""), "clientId": CLIENT,
        "expires": (jiff::Timestamp::now().as_second() + 1800) * 1000,
    });
    let script = support::project().join("tests/home-assistant/picture.py");
    let drawn = Command::new(installed().join("python"))
        .arg(script)
        .args(["chromium", &home.url(""), &tokens.to_string()])
        .arg(file)
        .output()
        .unwrap();
    assert!(drawn.status.success(), "{}", said(&drawn));
}
