//! A broker of MQTT that is real, and what a bridge beside it needs.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::site::{Daemon, Site, said};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes the bridge's file, with its folder put before.
pub fn configure(site: &Site, text: &str) {
    let folder = site.at("told");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!("[bridge]\nfolder = \"{}\"\n{text}", folder.display());
    std::fs::write(site.at("bridge.toml"), text).unwrap();
}

pub fn bridge(site: &Site) -> Daemon {
    let bridge = site.spawn(&["bridge"]);
    bridge.await_said("telling: ");
    bridge
}

pub fn secret(site: &Site, name: &str, text: &str) -> PathBuf {
    let path = site.at(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// Waits until there is what is waited for.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn unlock(site: &Site) -> u64 {
    let output = site.run(&["unlock", "--json"]);
    let told: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    told["event"].as_u64().unwrap()
}

/// A real broker on loopback, with log-in and the list of rights of docs/home-assistant.md.
pub struct Broker {
    pub folder: PathBuf,
    pub port: u16,
    child: Option<Child>,
}

impl Broker {
    pub fn open(site: &Site) -> Self {
        let folder = site.at("broker");
        std::fs::create_dir(&folder).unwrap();
        let text =
            std::fs::read_to_string(super::project().join("docs/home-assistant.md")).unwrap();
        let rights = text
            .split("```acl\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        std::fs::write(
            folder.join("acl"),
            format!("user admin\ntopic readwrite #\n{rights}"),
        )
        .unwrap();
        let mut first = vec!["-c"];
        for user in ["front", "ha", "admin", "eve"] {
            let made = Command::new("mosquitto_passwd")
                .args(first.drain(..))
                .arg("-b")
                .arg(folder.join("passwords"))
                .args([user, &format!("{user}-pw")])
                .output()
                .unwrap();
            assert!(made.status.success(), "{}", said(&made));
        }
        let port = super::free_port();
        for file in ["acl", "passwords"] {
            std::fs::set_permissions(folder.join(file), PermissionsExt::from_mode(0o600)).unwrap();
        }
        let place = folder.display();
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {place}/passwords\nacl_file {place}/acl\npersistence true\npersistence_location {place}/\nuser root\n"
        );
        std::fs::write(folder.join("mosquitto.conf"), text).unwrap();
        let mut broker = Self {
            folder,
            port,
            child: None,
        };
        broker.start();
        broker
    }

    pub fn start(&mut self) {
        let child = Command::new("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(self.folder.join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("the broker", || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }

    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, Signal::TERM);
            let _ = child.wait();
        }
    }

    pub fn client(&self, program: &str, user: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-V", "5", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command
            .args(["-u", user, "-P", &format!("{user}-pw")])
            .args(arguments);
        command.stdin(Stdio::null());
        command
    }

    pub fn publish(&self, user: &str, topic: &str, payload: &str, more: &[&str]) {
        let mut command = self.client(
            "mosquitto_pub",
            user,
            &["-t", topic, "-m", payload, "-q", "1"],
        );
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    /// What is kept under a topic, if something is.
    pub fn kept(&self, topic: &str) -> Option<String> {
        let arguments = ["-t", topic, "-C", "1", "-W", "1", "--retained-only"];
        let output = self
            .client("mosquitto_sub", "admin", &arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim_end().to_owned())
    }

    pub fn await_kept(&self, topic: &str, wanted: &str) {
        until(&format!("{topic} = {wanted}"), || {
            self.kept(topic).filter(|kept| kept == wanted)
        });
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A command as Home Assistant's template makes it.
pub fn command(action: &str, age_s: f64, nonce: &str) -> String {
    let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
    json!({ "action": action, "ts": now - age_s, "nonce": nonce, "client": "home-assistant" })
        .to_string()
}
