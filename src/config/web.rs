//! `[web]`: the local page.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::anchor;
use super::file::File;
use super::section::{Section, defaults};

/// More names no certificate is made for.
const MAX_NAMES_COUNT: usize = 16;
/// Of a host's name.
const MAX_NAME_CHARS: usize = 253;

/// `[web]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Web {
    /// Where it listens, as address and port.
    pub listen: String,
    /// What a browser may call this machine, besides its addresses.
    pub names: Vec<String>,
    /// Folder with `accounts.toml`, `certificate.pem` and `key.pem`.
    pub folder: PathBuf,
}

impl Web {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            listen: section.text("listen", "127.0.0.1:8443", "an address and a port"),
            names: section.texts("names", "a host's name"),
            folder: section.path("folder", "/etc/doorward/web"),
        }
    }

    /// Where it listens; `None` in a configuration that would be refused.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    pub(super) fn cross_check(&self, file: &mut File<'_>) {
        file.cross_check(&[("web", "listen")], self.address().is_some(), || {
            "web.listen is no address with a port: write it as \"127.0.0.1:8443\", \"[::1]:8443\" \
             or \"0.0.0.0:8443\""
                .into()
        });
        file.cross_check(
            &[("web", "names")],
            self.names.len() <= MAX_NAMES_COUNT,
            || format!("web.names has more than {MAX_NAMES_COUNT} names: remove some"),
        );
        let wrong = self.names.iter().find(|name| !is_host(name));
        file.cross_check(&[("web", "names")], wrong.is_none(), || {
            "web.names has what is no host's name: write names such as \"door.lan\", without \
             https:// and without a port"
                .into()
        });
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        anchor(&mut self.folder, folder);
    }
}

fn is_host(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    name.len() <= MAX_NAME_CHARS && name.chars().all(fits) && !name.starts_with(['.', '-'])
}

impl Default for Web {
    fn default() -> Self {
        defaults(Self::read)
    }
}
