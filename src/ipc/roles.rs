//! Who may ask for what: roles by user and group, as `roles.toml` gives them.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::roles_file;
use crate::config::{Mistake, lines};
use crate::files::{self, Kind};

/// What somebody may ask for; each may what the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees how things are and what happens.
    Viewer,
    /// Unlocks and locks too, and sees no picture and no list of people: for a bridge to other
    /// systems, whose commands come over a network.
    Bridge,
    /// Unlocks, sets modes, and sees the camera's pictures.
    Operator,
    /// Changes people and the configuration in force.
    Administrator,
}

impl Role {
    pub const ALL: [Self; 4] = [
        Self::Viewer,
        Self::Bridge,
        Self::Operator,
        Self::Administrator,
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Bridge => "bridge",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        })
    }
}

/// Who is at the other end of a connection, by the kernel's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub uid: u32,
    /// All groups.
    pub gids: Vec<u32>,
}

/// Why a file of roles gives nobody a role.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// It is there and cannot be read.
    #[error("cannot read {}: {source}; {NOBODY_ELSE}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// It is wrong.
    #[error("{}; {NOBODY_ELSE}", lines(path, mistakes))]
    Invalid {
        path: PathBuf,
        /// Everything that is wrong with it, from top to bottom; at least one.
        mistakes: Vec<Mistake>,
    },
}

/// What holds meanwhile.
const NOBODY_ELSE: &str = "until that is mended and `systemctl reload doorward` done, only root and the service's user may use the control socket";

/// The roles that a file gives; by default nobody has one but root and the service's user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles {
    members: Vec<(Role, Members)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Members {
    uids: BTreeSet<u32>,
    gids: BTreeSet<u32>,
}

impl Roles {
    /// Reads a file of roles; where there is none, nobody else than root and the service's
    /// user has one. `gid_of` gives the number of a group.
    ///
    /// # Errors
    /// [`RolesError`]
    pub fn read(path: &Path, gid_of: impl Fn(&str) -> Option<u32>) -> Result<Self, RolesError> {
        match files::read_text(path, Kind::Configuration) {
            Ok(text) => Self::parse(&text, path, gid_of),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(RolesError::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// [`RolesError::Invalid`]: nobody has a role by any of it.
    pub fn parse(
        text: &str,
        path: &Path,
        gid_of: impl Fn(&str) -> Option<u32>,
    ) -> Result<Self, RolesError> {
        let written = roles_file::read(text, gid_of).map_err(|mistakes| RolesError::Invalid {
            path: path.to_owned(),
            mistakes,
        })?;
        let members = Role::ALL.into_iter().zip(written).map(|(role, written)| {
            let members = Members {
                uids: written.uids.into_iter().collect(),
                gids: written.gids.into_iter().collect(),
            };
            (role, members)
        });
        let members = members.collect();
        Ok(Self { members })
    }

    /// What a peer may; nothing for somebody who has no role. Root and the service's own user
    /// are administrators whatever the file says.
    pub fn role_of(&self, peer: &Peer, service: u32) -> Option<Role> {
        if peer.uid == 0 || peer.uid == service {
            return Some(Role::Administrator);
        }
        let has = |members: &Members| {
            members.uids.contains(&peer.uid)
                || peer.gids.iter().any(|gid| members.gids.contains(gid))
        };
        let roles = self.members.iter().filter(|(_, members)| has(members));
        roles.map(|(role, _)| *role).max()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Roles, RolesError> {
        let gid_of = |name: &str| match name {
            "reception" => Some(50),
            "facility" => Some(60),
            _ => None,
        };
        Roles::parse(text, Path::new("roles.toml"), gid_of)
    }

    #[test]
    fn the_highest_role_by_user_or_group_counts_and_nobody_else_has_one() {
        let roles = parse(
            "[viewer]\nuids = [7, 8]\n[operator]\ngroups = [\"reception\"]\n\
             [administrator]\nuids = [8]\ngroups = [\"facility\"]",
        )
        .unwrap();
        for (uid, gids, role) in [
            (7, vec![7], Some(Role::Viewer)),
            (7, vec![7, 50], Some(Role::Operator)),
            (8, vec![8], Some(Role::Administrator)),
            (9, vec![50, 60], Some(Role::Administrator)),
            (9, vec![9], None),
            // A user is no group.
            (50, vec![7], None),
            (0, vec![], Some(Role::Administrator)),
            (99, vec![], Some(Role::Administrator)),
        ] {
            let peer = Peer { uid, gids };
            assert_eq!(roles.role_of(&peer, 99), role, "{peer:?}");
            let nobody = Roles::default().role_of(&peer, 99);
            assert_eq!(nobody.is_some(), uid == 0 || uid == 99, "{peer:?}");
        }
    }

    #[test]
    fn a_wrong_file_says_where_and_gives_nobody_a_role() {
        for (text, said) in [
            (
                "[viewer]\nuids = [7, \"ada\"]",
                &["roles.toml:2:12: ", "`id -u ada`"][..],
            ),
            (
                "[viewer]\nuids = [\"7\"]",
                &["2:9: ", "write 7 without quotes"],
            ),
            ("[viewer]\nuids = [-1]", &["2:9: ", "out of range"]),
            ("[viewer]\nuids = [4294967295]", &["2:9: ", "out of range"]),
            ("[viewer]\nuids = 7", &["2:8: ", "is no list"]),
            (
                "[viewer]\nusers = [1]",
                &["2:1: ", "users: it takes uids or groups"],
            ),
            ("[operator]\ngroups = [50]", &["2:11: ", "getent group 50"]),
            (
                "[operator]\ngroups = [\"staff\\u001b\"]",
                &["2:11: ", "is no group of this machine"],
            ),
            (
                "[viewers]\nuids = [1]",
                &["1:2: ", "did you mean [viewer]?"],
            ),
            ("uids = [1]", &["1:1: ", "stands in no section"]),
            ("viewer = 3", &["1:1: ", "[viewer] is a section"]),
            ("[viewer", &["1:8: ", "a section is written in brackets"]),
            // All of them in one run, from top to bottom.
            (
                "[viewer]\nuids = [\"ada\"]\n[boss]\nuids = [2]",
                &[
                    "roles.toml:2:9: ",
                    "\nroles.toml:3:2: ",
                    "viewer, bridge, operator or administrator",
                ],
            ),
        ] {
            let told = parse(text).unwrap_err().to_string();
            assert!(said.iter().all(|part| told.contains(part)), "{told}");
            assert!(told.contains("only root"), "{told}");
            assert!(!told.contains('\u{1b}'), "{told}");
        }
    }
}
