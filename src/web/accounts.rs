//! Who may log in: the accounts file, which `doorward web add-user` writes and the page reads.
//!
//! The page's own user can read it and not write it: whoever takes the page over makes no
//! account that stays.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::password::Kept;
use super::totp::TotpKey;
use crate::files::{self, Kind};
use crate::ipc::Role;

const FILE: &str = "accounts.toml";
/// Accounts a file may have.
const MAX_ACCOUNTS_COUNT: usize = 256;
/// Of an account's name.
pub(super) const MAX_NAME_CHARS: usize = 32;
const HEAD: &str = "\
# Who may log in to doorward's page. `doorward web add-user` and `remove-user` write this file;
# a change counts at once, also for whoever is logged in.

";

/// One account, as it stands in the file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub role: Role,
    /// Argon2id, in the PHC string format.
    pub password: String,
    /// Base32, where a code is asked for as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<String>,
}

/// Not the secrets.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account of role {}", self.role)
    }
}

impl Account {
    /// What is another as soon as role, password or key is.
    pub(super) fn stamp(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let role = self.role.to_string();
        let totp = self.totp.as_deref().unwrap_or_default();
        for part in [role.as_str(), &self.password, totp] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.finalize().into()
    }

    pub(super) fn kept(&self) -> Option<Kept> {
        Kept::parse(&self.password)
    }

    pub(super) fn totp_key(&self) -> Option<TotpKey> {
        TotpKey::of_base32(self.totp.as_deref()?)
    }
}

/// What is wrong with the accounts file.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is no accounts file: {message}; mend it, or remove it and add the users again")]
    Wrong { path: PathBuf, message: String },
    #[error(
        "an account's name is 1 to {MAX_NAME_CHARS} of a to z, 0 to 9, '.', '_' and '-', and begins with a letter"
    )]
    Name,
    #[error("there are {MAX_ACCOUNTS_COUNT} accounts, and no more fit; remove one")]
    Full,
}

/// All accounts, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    #[serde(default)]
    account: BTreeMap<String, Account>,
}

impl Accounts {
    /// Where they are in the page's folder.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Those of a folder; none where there is no file yet.
    ///
    /// # Errors
    /// [`AccountsError`]
    pub fn load(folder: &Path) -> Result<Self, AccountsError> {
        let path = Self::path(folder);
        let text = match files::read_text(&path, Kind::Configuration) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(AccountsError::Read { path, source }),
        };
        Self::parse(&text).map_err(|message| AccountsError::Wrong { path, message })
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The parser's message repeats the line, which may hold a hash.
        let accounts: Self =
            toml::from_str(text).map_err(|error| error.message().trim().to_owned())?;
        if accounts.account.len() > MAX_ACCOUNTS_COUNT {
            return Err(format!("it has more than {MAX_ACCOUNTS_COUNT} accounts"));
        }
        for (name, account) in &accounts.account {
            if !is_name(name) {
                return Err("a name in it is none".into());
            }
            if account.kept().is_none() {
                return Err(format!("the password of {name} is no hash of add-user's"));
            }
            if account.totp.is_some() && account.totp_key().is_none() {
                return Err(format!("the totp of {name} is no key of add-user's"));
            }
        }
        Ok(accounts)
    }

    /// Writes the file anew, readable by the folder's group and written by its owner alone.
    ///
    /// # Errors
    /// [`AccountsError::Write`]
    pub fn save(&self, folder: &Path) -> Result<(), AccountsError> {
        let path = Self::path(folder);
        let write = || {
            let text = toml::to_string(self).map_err(io::Error::other)?;
            replace(&path, format!("{HEAD}{text}").as_bytes())
        };
        write().map_err(|source| AccountsError::Write { path, source })
    }

    pub fn get(&self, name: &str) -> Option<&Account> {
        self.account.get(name)
    }

    pub fn is_empty(&self) -> bool {
        self.account.is_empty()
    }

    /// Each with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Account)> {
        self.account.iter().map(|(name, one)| (name.as_str(), one))
    }

    /// Puts one there, in the place of one of this name.
    ///
    /// # Errors
    /// [`AccountsError::Name`] and [`AccountsError::Full`]
    pub fn put(&mut self, name: &str, account: Account) -> Result<(), AccountsError> {
        if !is_name(name) {
            return Err(AccountsError::Name);
        }
        if self.account.len() >= MAX_ACCOUNTS_COUNT && !self.account.contains_key(name) {
            return Err(AccountsError::Full);
        }
        self.account.insert(name.to_owned(), account);
        Ok(())
    }

    /// Whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.account.remove(name).is_some()
    }
}

/// Whether a text may be an account's name.
pub(super) fn is_name(name: &str) -> bool {
    let fits =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    (1..=MAX_NAME_CHARS).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fits)
}

/// A whole file or the one before, for its owner and its folder's group.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = files::create_new(&new)?;
    let group = std::fs::metadata(files::folder(path))?.gid();
    std::os::unix::fs::fchown(&file, None, Some(group))?;
    file.set_permissions(std::fs::Permissions::from_mode(0o640))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::password;
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_others_cannot_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mut accounts = Accounts::default();
        let account = Account {
            role: Role::Operator,
            password: password::keep("correct horse battery").unwrap(),
            totp: None,
        };
        accounts.put("ada", account.clone()).unwrap();
        for wrong in ["", "Ada", "../x", "a b", "1a", &"a".repeat(33)] {
            assert!(accounts.put(wrong, account.clone()).is_err(), "{wrong}");
        }
        accounts.save(folder.path()).unwrap();
        accounts.save(folder.path()).unwrap();
        assert_eq!(Accounts::load(folder.path()).unwrap(), accounts);
        let about = std::fs::metadata(Accounts::path(folder.path())).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_wrong_file_is_refused_and_tells_no_secret() {
        for text in [
            "[account.ada]\nrole = \"operator\"\npassword = \"plain-secret\"\n",
            "[account.ada]\nrole = \"root\"\npassword = \"plain-secret\"\n",
            "[account.ada]\nrole = \"viewer\"\npassword = \"plain-secret\n",
            "account = 3",
        ] {
            let said = Accounts::parse(text).unwrap_err();
            assert!(!said.contains("plain-secret"), "{said}");
        }
    }
}
