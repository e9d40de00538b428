//! What several test programs need: where the models are, and a configuration around them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "bridge")]
pub mod broker;
pub mod head;
pub mod onnx;
pub mod postgres;
pub mod pty;
pub mod seal;
pub mod site;

use std::path::{Path, PathBuf};

use doorward::config::Config;
use doorward::database::Database;
use doorward::embedding::ModelVersion;
use doorward::record::{Actor, Origin};
use doorward::whitelist::{Snapshot, WhitelistError};

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// ONNX Runtime's library, which `make` fetches.
pub fn runtime() -> PathBuf {
    let path = project().join(".runtime/libonnxruntime.so.1.28.0");
    assert!(
        path.exists(),
        "{} is missing: run the tests by `make test`, or `make runtime` once",
        path.display()
    );
    path
}

/// What a test may need that not every machine gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A mount namespace of its own, as `unshare --map-root-user --mount` makes one, or a network
    /// namespace.
    Namespace,
    /// Research data that the project does not carry.
    Data,
    /// A C compiler called `cc`.
    Cc,
    /// Root's rights.
    Root,
    /// PostgreSQL's programs.
    Postgres,
    /// The broker mosquitto with its clients.
    Mosquitto,
    /// Prometheus' promtool.
    Promtool,
    /// Home Assistant, which `make home-assistant` installs under target/.
    HomeAssistant,
}

/// Words of `DOORWARD_REQUIRE`; the last ones are for `tests/vm`, `tests/aarch64` and `tests/web`.
const REQUIREMENTS: [&str; 11] = [
    "namespace",
    "data",
    "cc",
    "root",
    "postgres",
    "mosquitto",
    "promtool",
    "home-assistant",
    "vm",
    "arm64",
    "browser",
];

impl Need {
    fn word(self) -> &'static str {
        match self {
            Self::Namespace => REQUIREMENTS[0],
            Self::Data => REQUIREMENTS[1],
            Self::Cc => REQUIREMENTS[2],
            Self::Root => REQUIREMENTS[3],
            Self::Postgres => REQUIREMENTS[4],
            Self::Mosquitto => REQUIREMENTS[5],
            Self::Promtool => REQUIREMENTS[6],
            Self::HomeAssistant => REQUIREMENTS[7],
        }
    }

    /// Whether a list such as `namespace,vm` names it. A word that is none fails, because it
    /// would require nothing.
    pub fn is_in(self, list: &str) -> bool {
        let words = || list.split([' ', ',']).filter(|word| !word.is_empty());
        for word in words() {
            assert!(
                REQUIREMENTS.contains(&word),
                "DOORWARD_REQUIRE names {word}; it takes {REQUIREMENTS:?}"
            );
        }
        words().any(|word| word == self.word())
    }
}

/// For a test that cannot run on this machine, before it returns: says so where everybody
/// sees it, and fails if `DOORWARD_REQUIRE` names what it lacks.
pub fn lacks(need: Need, why: &str) {
    let list = std::env::var("DOORWARD_REQUIRE").unwrap_or_default();
    let thread = std::thread::current();
    let line = format!(
        "test {} SKIPPED, nothing was tested: no {}: {}",
        thread.name().unwrap_or("?"),
        need.word(),
        why.trim()
    );
    assert!(
        !need.is_in(&list),
        "{line}\nDOORWARD_REQUIRE={list} wants it to run"
    );
    // Not by eprintln!, which the test program keeps to itself while a test passes.
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A folder of data that the project does not carry, where it is present.
pub fn research_data(name: &str) -> Option<PathBuf> {
    let path = project().join("../shared/data").join(name);
    if path.is_dir() {
        return Some(path);
    }
    lacks(Need::Data, &format!("{} is not here", path.display()));
    None
}

/// Whether these programs are here; says that the test is skipped where one is not.
pub fn has_programs(need: Need, programs: &[&str]) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_here = |program: &&&str| {
        let mut folders = std::env::split_paths(&folders).chain(["/usr/sbin".into()]);
        folders.any(|folder| folder.join(program).is_file())
    };
    match programs.iter().find(|program| !is_here(program)) {
        None => true,
        Some(program) => {
            lacks(need, &format!("{program} is not here"));
            false
        }
    }
}

/// A port of loopback for a server that is started later: none of those that the kernel gives to
/// whoever connects meanwhile.
pub fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_000));
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("no end")
}

/// The default configuration with this project's models and runtime.
pub fn config() -> Config {
    let mut config = Config::default();
    config.models.dir = project().join("models");
    config.models.runtime = runtime();
    config
}

/// An administrator's act in a test.
pub fn origin() -> Origin {
    Origin {
        door: Default::default(),
        actor: Actor {
            uid: 1000,
            login_uid: None,
            claimed: Some("eve".into()),
        },
    }
}

/// The whitelist as it is, scored by plain cosines.
pub fn snapshot(database: &Database, model: &ModelVersion) -> Result<Snapshot, WhitelistError> {
    Snapshot::load(database, model, &Default::default(), Default::default())
}
