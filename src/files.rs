//! Opening files. What is read is an ordinary file, not larger than its kind ever is: a FIFO
//! would hold the program up and a device would fill its memory. What is written is no link
//! to something else, and belongs to whoever owns the folder it is in.

pub(crate) mod handed;

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

const MIB: u64 = 1 << 20;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Configuration,
    Manifest,
    /// Network, cohort, projection, calibration.
    ModelFile,
    Runtime,
    /// What the program noted for itself.
    Note,
    /// Lines of names, groups or pairs.
    List,
    Picture,
    /// Read piece by piece.
    Clip,
    /// Read page by page.
    Database,
    /// People on their way to another whitelist, read piece by piece.
    People,
    Passphrase,
    /// What rows are sealed with.
    Key,
}

impl Kind {
    fn max_bytes(self) -> u64 {
        match self {
            Self::Configuration | Self::Manifest => MIB,
            Self::ModelFile | Self::Runtime => 512 * MIB,
            Self::Note | Self::Passphrase | Self::Key => MIB / 16,
            Self::List => 64 * MIB,
            Self::Picture => 256 * MIB,
            Self::People => 4096 * MIB,
            Self::Clip | Self::Database => u64::MAX,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "a configuration",
            Self::Manifest => "a manifest",
            Self::ModelFile => "a file of a model set",
            Self::Runtime => "the runtime library",
            Self::Note => "a note of doorward",
            Self::List => "a list",
            Self::Picture => "a picture",
            Self::Clip => "a clip",
            Self::Database => "a database",
            Self::People => "a file of exported people",
            Self::Passphrase => "a file with a passphrase",
            Self::Key => "a key",
        })
    }
}

/// Why a file is not opened although the system would.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it is {found}, and {kind} has to be an ordinary file; put the right one in its place")]
    NotAFile { found: &'static str, kind: Kind },
    #[error("it has more than {} KiB, and {kind} never has; put the right file in its place", .0.max_bytes() >> 10, kind = .0)]
    TooLarge(Kind),
    #[error(
        "it is a link, and what is written does not follow links; remove it, or name the file it leads to"
    )]
    Link,
    #[error("it is {0}, and is not written over; name an ordinary file")]
    NotWritten(&'static str),
    #[error(
        "it belongs to user {0}, who could read what is written there; remove it, or name another file"
    )]
    Foreign(u32),
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::other(refusal)
    }
}

/// Opens a file to read; links to ordinary files are followed.
///
/// # Errors
/// What the system says, or that it is no ordinary file or too large.
pub(crate) fn open(path: &Path, kind: Kind) -> io::Result<File> {
    if let Some(file) = handed::to_read(path)? {
        check(&file.metadata()?, kind)?;
        return Ok(file);
    }
    // Before opening: to open a device can already do something.
    check(&std::fs::metadata(path)?, kind)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    check(&file.metadata()?, kind)?;
    Ok(file)
}

/// What the system says of a file, also of one that was handed over.
///
/// # Errors
/// What the system says.
pub(crate) fn about(path: &Path) -> io::Result<Metadata> {
    match handed::about(path) {
        Some(about) => about,
        None => std::fs::metadata(path),
    }
}

/// Whether two paths lead to one file that is there.
pub(crate) fn is_same(a: &Path, b: &Path) -> bool {
    let itself = |path: &Path| {
        let about = about(path).ok()?;
        Some((about.dev(), about.ino()))
    };
    itself(a).is_some_and(|one| itself(b) == Some(one))
}

/// All of a file.
///
/// # Errors
/// As [`open`], and that it grows beyond its kind while it is read.
pub(crate) fn read(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    let file = open(path, kind)?;
    let mut bytes = Vec::new();
    let most = kind.max_bytes();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Refusal::TooLarge(kind).into());
    }
    Ok(bytes)
}

/// All of a text file.
///
/// # Errors
/// As [`read`], and that it is no UTF-8.
pub(crate) fn read_text(path: &Path, kind: Kind) -> io::Result<String> {
    String::from_utf8(read(path, kind)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn check(about: &Metadata, kind: Kind) -> io::Result<()> {
    if !about.is_file() {
        let found = found(about);
        return Err(Refusal::NotAFile { found, kind }.into());
    }
    if about.len() > kind.max_bytes() {
        return Err(Refusal::TooLarge(kind).into());
    }
    Ok(())
}

fn found(about: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = about.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_symlink() {
        "a link"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "an ordinary file"
    }
}

/// Makes a file that must not be there yet, for its owner alone, who is the folder's.
///
/// # Errors
/// What the system says.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    make(path, 0o600)
}

/// As [`create_new`], or the file that was handed over for it.
///
/// # Errors
/// What the system says.
pub(crate) fn create_new_or_handed(path: &Path) -> io::Result<File> {
    match handed::to_write(path)? {
        Some(file) => Ok(file),
        None => create_new(path),
    }
}

/// Opens a file to write it anew; one that is made is for its owner alone.
///
/// # Errors
/// What the system says, or that something lies there that is not written over: a link, a
/// FIFO, another user's file.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    if let Some(file) = handed::to_write(path)? {
        file.set_len(0)?;
        return Ok(file);
    }
    let file = create_or_keep(path)?;
    file.set_len(0)?;
    Ok(file)
}

/// As [`create`], with what is in the file still there.
pub(crate) fn create_or_keep(path: &Path) -> io::Result<File> {
    match create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let file = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| said_of_link(path, error))?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(Refusal::NotWritten(found(&about)).into());
    }
    let own = [rustix::process::geteuid().as_raw(), folder_owner(path)?.0];
    if !own.contains(&about.uid()) {
        return Err(Refusal::Foreign(about.uid()).into());
    }
    Ok(file)
}

/// Puts a file in the place of one that may be there, whole or not at all. `mode` is for a
/// new one.
///
/// # Errors
/// What the system says; the old one is still there.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    put(path, bytes, mode, |_| Ok(()))
}

/// As [`replace`], and the new one is on the disk before it takes the place of the old one.
///
/// # Errors
/// As [`replace`].
#[cfg(feature = "bridge")]
pub(crate) fn replace_kept(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    put(path, bytes, mode, File::sync_all)
}

fn put(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    keep: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    let next = PathBuf::from(next);
    // What an earlier try left, or a link that somebody laid there.
    let _ = std::fs::remove_file(&next);
    let mut file = make(&next, mode)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| keep(&file))
        .and_then(|()| std::fs::rename(&next, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&next);
    }
    written
}

fn make(path: &Path, mode: u32) -> io::Result<File> {
    // O_EXCL follows no link.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = folder_owner(path)?;
        std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
    }
    Ok(file)
}

/// User and group of the folder a file is in.
fn folder_owner(path: &Path) -> io::Result<(u32, u32)> {
    let about = std::fs::metadata(folder(path))?;
    Ok((about.uid(), about.gid()))
}

/// The folder a path is in; the working folder for a mere name.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The path with no link before its last name.
///
/// # Errors
/// What the system says, or that the last name is a link.
pub(crate) fn without_links(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(Refusal::NotWritten("a folder"))?;
    let whole = std::fs::canonicalize(folder(path))?.join(name);
    if std::fs::symlink_metadata(&whole).is_ok_and(|about| about.is_symlink()) {
        return Err(Refusal::Link.into());
    }
    Ok(whole)
}

/// Takes all rights from others than the owner; false if that is not allowed.
///
/// The file itself is not opened: to close it would take SQLite's locks from it.
///
/// # Errors
/// What the system says, or that it is no ordinary file.
pub(crate) fn make_private(path: &Path, kind: Kind) -> io::Result<bool> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    let about = file.metadata()?;
    check(&about, kind)?;
    if about.permissions().mode() & 0o077 == 0 {
        return Ok(true);
    }
    // The very file that was looked at, whatever lies under its name by now.
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(std::fs::set_permissions(itself, std::fs::Permissions::from_mode(0o600)).is_ok())
}

/// `ELOOP` is what `O_NOFOLLOW` gives for a link.
pub(crate) fn said_of_link(path: &Path, error: io::Error) -> io::Error {
    let is_link = || std::fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    if error.raw_os_error() == Some(libc::ELOOP) && is_link() {
        return Refusal::Link.into();
    }
    error
}
