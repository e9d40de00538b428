//! `bridge.toml`: what `doorward bridge` tells whom. A file of its own beside the other, because
//! another user reads it and the door needs none of it. Each part is off until it says where to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::bridge_address::{Broker, is_url, is_web_loopback};
use super::file::File;
use super::section::{Section, defaults};
use super::syntax::Syntax;
use super::{ConfigError, anchor, folder_of, refuse_any, text};

/// More receivers than this the daemon has no connections for.
pub const MAX_WEBHOOKS_COUNT: usize = 8;
/// Programs that are run for an event, one after the other.
pub const MAX_HOOKS_COUNT: usize = 8;
/// Of a topic's beginning.
const MAX_PREFIX_CHARS: usize = 64;

/// Everything in `bridge.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bridge {
    /// The process itself.
    pub process: BridgeProcess,
    /// Numbers for Prometheus.
    pub metrics: Metrics,
    /// A broker, for Home Assistant and others.
    pub mqtt: Mqtt,
    /// Receivers of events by HTTP, by name.
    pub webhooks: BTreeMap<String, Webhook>,
    /// Programs that are run for events.
    pub hooks: Hooks,
    /// The fleet that the door belongs to.
    pub fleet: BridgeFleet,
}

/// `[bridge]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeProcess {
    /// Folder for what was told already.
    pub folder: PathBuf,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// A text file for node_exporter's textfile collector; none by default.
    pub file: Option<PathBuf>,
    /// Where it can be fetched, on this machine alone; nowhere by default.
    pub listen: Option<String>,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// Where the broker is; none by default.
    pub broker: Option<Broker>,
    pub user: Option<String>,
    /// Its first line is the password.
    pub password_file: Option<PathBuf>,
    /// Certificates in PEM that the broker's is checked against, in place of the system's.
    pub ca: Option<PathBuf>,
    /// In PEM, for a broker that asks for one.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// What topics begin with.
    pub topic: String,
    /// What topics of Home Assistant's discovery begin with.
    pub discovery: String,
    /// Whether events name people.
    pub names: bool,
    /// Whether commands from there are heard.
    pub commands: bool,
    /// Whether a broker elsewhere may be talked to without TLS or without log-in.
    pub insecure: bool,
}

/// `[webhooks.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: Option<String>,
    /// Its first line is the key that each delivery is signed with.
    pub secret_file: Option<PathBuf>,
    /// Certificates in PEM that the receiver's is checked against, in place of the usual ones.
    pub ca: Option<PathBuf>,
    pub names: bool,
    /// Whether a receiver elsewhere may be talked to without TLS.
    pub insecure: bool,
}

/// `[hooks]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    pub programs: Vec<PathBuf>,
    /// How long one may take.
    pub timeout_s: u32,
    pub names: bool,
}

/// `[fleet]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeFleet {
    /// The bridge's keys, as `doorward fleet join` makes them; none by default.
    pub link: Option<PathBuf>,
}

impl BridgeFleet {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            link: section.some_path("link"),
        }
    }
}

impl BridgeProcess {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            folder: section.path("folder", "/var/lib/doorward-bridge"),
        }
    }
}

impl Metrics {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            file: section.some_path("file"),
            listen: section.some_text("listen", "an address and a port"),
        }
    }

    /// Where it listens; nothing in a configuration that would be refused.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.as_deref()?.parse().ok()
    }

    fn cross_check(&self, file: &mut File<'_>) {
        let is_near = self.address().is_some_and(|at| at.ip().is_loopback());
        file.cross_check(
            &[("metrics", "listen")],
            self.listen.is_none() || is_near,
            || {
                "metrics.listen is no address of this machine alone with a port: write it as \
                 \"127.0.0.1:9632\" or \"[::1]:9632\"; for others there is metrics.file"
                    .into()
            },
        );
    }
}

impl Mqtt {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            broker: section.some("broker", Broker::parse),
            user: section.some_text("user", "a user's name"),
            password_file: section.some_path("password_file"),
            ca: section.some_path("ca"),
            certificate: section.some_path("certificate"),
            key: section.some_path("key"),
            topic: section.text("topic", "doorward", "the beginning of a topic"),
            discovery: section.text("discovery", "homeassistant", "the beginning of a topic"),
            names: section.flag("names", false),
            commands: section.flag("commands", false),
            insecure: section.flag("insecure", false),
        }
    }

    fn cross_check(&self, file: &mut File<'_>) {
        for (key, prefix) in [("topic", &self.topic), ("discovery", &self.discovery)] {
            file.cross_check(&[("mqtt", key)], is_prefix(prefix), || {
                format!(
                    "mqtt.{key} is no beginning of a topic: write 1 to {MAX_PREFIX_CHARS} of a to \
                     z, A to Z, 0 to 9, _, - and /, with none of / at its ends"
                )
            });
        }
        let pair = self.certificate.is_some() == self.key.is_some();
        file.cross_check(&[("mqtt", "certificate"), ("mqtt", "key")], pair, || {
            "mqtt.certificate and mqtt.key go together: write both, or neither".into()
        });
        let has_ca = self.ca.is_some() || self.certificate.is_none();
        file.cross_check(&[("mqtt", "certificate")], has_ca, || {
            "mqtt.certificate takes mqtt.ca too: name the certificate that the broker's is \
             checked against"
                .into()
        });
        let has_user = self.user.is_some() || self.password_file.is_none();
        file.cross_check(&[("mqtt", "password_file")], has_user, || {
            "mqtt.password_file is for a user: write mqtt.user too".into()
        });
        let Some(broker) = &self.broker else { return };
        let is_fine = broker.is_loopback() || self.insecure;
        file.cross_check(&[("mqtt", "broker")], broker.tls || is_fine, || {
            format!(
                "mqtt.broker is on another machine and would be talked to without TLS, so that \
                 everybody on the way reads and writes along: write \"mqtts://{}\", or, where you \
                 want just that, mqtt.insecure = true",
                broker.host
            )
        });
        let logs_in = self.user.is_some() || self.certificate.is_some();
        file.cross_check(&[("mqtt", "broker")], logs_in || is_fine, || {
            "mqtt.broker is on another machine and would be used without log-in: write mqtt.user \
             and mqtt.password_file, or mqtt.certificate and mqtt.key, or, where you want just \
             that, mqtt.insecure = true"
                .into()
        });
    }

    fn anchor(&mut self, folder: &Path) {
        let paths = [
            &mut self.password_file,
            &mut self.ca,
            &mut self.certificate,
            &mut self.key,
        ];
        for path in paths.into_iter().flatten() {
            anchor(path, folder);
        }
    }
}

impl Webhook {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let url = section.some("url", |written| match is_url(written) {
            true => Ok(written.to_owned()),
            false => {
                Err("is no address of a receiver: write \"https://host/path\", without a user's name in it".into())
            }
        });
        Self {
            url,
            secret_file: section.some_path("secret_file"),
            ca: section.some_path("ca"),
            names: section.flag("names", false),
            insecure: section.flag("insecure", false),
        }
    }

    fn mistake(&self, name: &str) -> Option<String> {
        let place = format!("[webhooks.{name}]");
        let Some(url) = &self.url else {
            return Some(format!(
                "{place} says not where to: write url = \"https://…\""
            ));
        };
        if self.secret_file.is_none() {
            return Some(format!(
                "{place} has no key, so that its receiver could not tell whose events come: \
                 write secret_file = \"/etc/doorward/bridge/{name}.key\""
            ));
        }
        let is_fine = url.starts_with("https://") || is_web_loopback(url) || self.insecure;
        (!is_fine).then(|| {
            format!(
                "{place} is on another machine and would be told without TLS: write \
                 \"https://…\", or, where you want just that, insecure = true"
            )
        })
    }
}

impl Hooks {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let programs = section.texts("programs", "a program's path");
        Self {
            programs: programs.into_iter().map(PathBuf::from).collect(),
            timeout_s: section.whole("timeout_s", 10, 1..=300, "seconds"),
            names: section.flag("names", false),
        }
    }

    fn cross_check(&self, file: &mut File<'_>) {
        let whole = self.programs.iter().all(|path| path.is_absolute());
        file.cross_check(&[("hooks", "programs")], whole, || {
            "hooks.programs has a path that does not begin with /: write whole paths; no shell \
             looks for them, and none takes arguments"
                .into()
        });
        let few = self.programs.len() <= MAX_HOOKS_COUNT;
        file.cross_check(&[("hooks", "programs")], few, || {
            format!("hooks.programs has more than {MAX_HOOKS_COUNT}: have one of them run others")
        });
    }
}

impl Bridge {
    /// Reads and checks the file beside this configuration.
    ///
    /// Relative paths in it are taken from the folder the file is in.
    ///
    /// # Errors
    /// [`ConfigError`], as of the other file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut bridge = Self::parse(&text(path)?, path)?;
        let folder = &folder_of(path);
        anchor(&mut bridge.process.folder, folder);
        if let Some(file) = &mut bridge.metrics.file {
            anchor(file, folder);
        }
        if let Some(file) = &mut bridge.fleet.link {
            anchor(file, folder);
        }
        bridge.mqtt.anchor(folder);
        for webhook in bridge.webhooks.values_mut() {
            for path in [&mut webhook.secret_file, &mut webhook.ca] {
                path.iter_mut().for_each(|path| anchor(path, folder));
            }
        }
        Ok(bridge)
    }

    /// Checks a text; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`Self::load`], without the reading.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let syntax = Syntax::new(text);
        let root = syntax.root();
        let mut file = File::new(&syntax.text, root.get_ref());
        let bridge = Self::read(&mut file);
        bridge.metrics.cross_check(&mut file);
        bridge.mqtt.cross_check(&mut file);
        bridge.hooks.cross_check(&mut file);
        for (name, webhook) in &bridge.webhooks {
            let key = [("webhooks", name.as_str())];
            file.cross_check(&key, is_name(name), || {
                "a receiver's name under [webhooks] has 1 to 32 of a to z, 0 to 9, _ and -".into()
            });
            let mistake = webhook.mistake(name);
            file.cross_check(&key, mistake.is_none(), || mistake.unwrap_or_default());
        }
        let first = bridge.webhooks.keys().next().map_or("", String::as_str);
        let few = bridge.webhooks.len() <= MAX_WEBHOOKS_COUNT;
        file.cross_check(&[("webhooks", first)], few, || {
            format!("there are more than {MAX_WEBHOOKS_COUNT} sections [webhooks.…]: remove some")
        });
        refuse_any(path, syntax.with(file.mistakes()))?;
        Ok(bridge)
    }

    /// Every key there is, as `section.key`; a receiver is called `NAME`.
    pub fn keys() -> Vec<String> {
        let nothing = toml::de::DeTable::new();
        let mut file = File::new("", &nothing);
        Self::read(&mut file);
        file.keys().collect()
    }

    /// Where it is: beside the configuration of the daemon.
    pub fn path(config: &Path) -> PathBuf {
        config.with_file_name("bridge.toml")
    }

    fn read(file: &mut File<'_>) -> Self {
        Self {
            process: file.section("bridge", BridgeProcess::read),
            metrics: file.section("metrics", Metrics::read),
            mqtt: file.section("mqtt", Mqtt::read),
            webhooks: file.section("webhooks", |all| {
                all.each("webhooks", "webhooks.NAME", Webhook::read)
            }),
            hooks: file.section("hooks", Hooks::read),
            fleet: file.section("fleet", BridgeFleet::read),
        }
    }
}

fn is_prefix(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    (1..=MAX_PREFIX_CHARS).contains(&text.len())
        && text.chars().all(fits)
        && !text.starts_with('/')
        && !text.ends_with('/')
}

/// It becomes a file's name.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    (1..=32).contains(&text.len()) && text.chars().all(fits)
}

macro_rules! by_default {
    ($($name:ident),*) => {$(
        impl Default for $name {
            fn default() -> Self {
                defaults(Self::read)
            }
        }
    )*};
}
by_default!(BridgeProcess, BridgeFleet, Metrics, Mqtt, Webhook, Hooks);
