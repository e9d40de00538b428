//! What the page is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config;

/// Where it listens, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// What the door is called.
    pub title: String,
    /// Names by which a browser may call this machine, besides its addresses.
    pub names: Vec<String>,
    /// With `accounts.toml`, `certificate.pem` and `key.pem`.
    pub folder: PathBuf,
    /// Whether it is served by TLS.
    pub is_tls: bool,
}

impl Settings {
    /// By a configuration. On another address than the machine's own only TLS is served, and
    /// there as well where a certificate is in the folder.
    ///
    /// `None` in a configuration that would be refused.
    pub fn of(web: &config::Web, title: String) -> Option<Self> {
        let listen = web.address()?;
        let has_certificate = super::certificate::path(&web.folder).exists();
        Some(Self {
            listen,
            title,
            names: own_names(web),
            folder: web.folder.clone(),
            is_tls: !listen.ip().is_loopback() || has_certificate,
        })
    }
}

/// By which a browser may call this machine: what the configuration says, and its own name.
pub fn own_names(web: &config::Web) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = host.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if !host.is_empty() && host.chars().all(is_plain) {
        names.extend([format!("{host}.local"), host.to_owned()]);
    }
    names.extend(web.names.iter().cloned());
    names.dedup();
    names
}
