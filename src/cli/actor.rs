//! Who works at this command line.

use std::sync::OnceLock;

use crate::config::Config;
use crate::record::{Actor, Origin};

/// Which door this machine guards, and who works at this command line.
pub(super) fn origin(config: &Config) -> Origin {
    Origin {
        door: config.daemon.door.clone(),
        actor: actor(),
    }
}

/// The numbers are the system's word; the name is only the environment's.
pub(super) fn actor() -> Actor {
    static ACTOR: OnceLock<Actor> = OnceLock::new();
    ACTOR.get_or_init(asked_actor).clone()
}

fn asked_actor() -> Actor {
    /// What the kernel shows where nobody logged in.
    const NOBODY: u32 = u32::MAX;
    let user = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let login_uid = std::fs::read_to_string("/proc/self/loginuid")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    Actor {
        uid: rustix::process::getuid().as_raw(),
        login_uid: login_uid.filter(|uid| *uid != NOBODY),
        claimed: user("SUDO_USER")
            .or_else(|| user("USER"))
            .or_else(|| user("LOGNAME")),
    }
}
