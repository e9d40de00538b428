//! Heads of the record that the daemon told the system's journal, and the key that they are
//! signed with.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use super::hands::Hands;
use crate::files;
use crate::record::{HEAD_MESSAGE_ID, NotedHead, PublicKey};
use crate::shown::Quoted;

/// All heads of this database's record that `journalctl` still has, oldest first.
///
/// # Errors
/// If `journalctl` cannot be run or fails, or has none.
pub(crate) fn heads(database: &Path, since_ms: Option<i64>) -> anyhow::Result<Vec<NotedHead>> {
    let mut command = Command::new("journalctl");
    command.args(["-o", "json", "--no-pager", "--quiet"]);
    if let Some(since) = since_ms {
        command.arg(format!("--since=@{}", since.div_euclid(1000)));
    }
    let output = command
        .arg(format!("MESSAGE_ID={HEAD_MESSAGE_ID}"))
        .stdin(Stdio::null())
        .output()
        .context("journalctl cannot be run; note heads by hand and give them with --head")?;
    if !output.status.success() {
        bail!(
            "journalctl failed: {}; run this as root or as a member of systemd-journal",
            Quoted(String::from_utf8_lossy(&output.stderr).trim())
        );
    }
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(database)?);
    let place = place(database);
    let heads: Vec<NotedHead> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|entry| is_ours(entry, owner))
        .filter_map(|entry| NotedHead::from_message(entry["MESSAGE"].as_str()?, &place))
        .collect();
    if heads.is_empty() {
        bail!(
            "the journal has no head of the record in {place}; run this as root or as a member \
             of systemd-journal, and see that the journal is kept (Storage=persistent)"
        );
    }
    Ok(heads)
}

/// Everybody may write to the journal; the user is the journal's own word.
fn is_ours(entry: &Value, owner: u32) -> bool {
    let uid = entry["_UID"].as_str().and_then(|uid| uid.parse().ok());
    uid.is_some_and(|uid: u32| uid == 0 || uid == owner)
}

/// The database as an exported head names it.
fn place(database: &Path) -> String {
    let whole = std::fs::canonicalize(database);
    whole
        .unwrap_or_else(|_| database.into())
        .display()
        .to_string()
}

/// A key, or a file that has it on its first line.
pub(super) fn public_key(text: &str, hands: Hands) -> anyhow::Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let path = Path::new(text);
    let read = || files::read_text(path, files::Kind::Note);
    let read = match hands.look(path, read)? {
        Some(read) => read,
        None => read(),
    };
    let read = read.with_context(|| {
        format!("--key {text}: is no public key of heads, and no file that can be read")
    })?;
    let line = read.lines().next().unwrap_or_default();
    line.parse()
        .map_err(|error: &str| anyhow::anyhow!("--key: {text} has {error}"))
}
