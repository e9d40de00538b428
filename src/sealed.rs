//! A file that a passphrase opens and nothing else: the age format (age-encryption.org/v1),
//! so that `age --decrypt` opens it too.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read, Write};
use std::rc::Rc;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Encryptor, scrypt};

/// Whoever has the file can try as many as they like.
const MIN_PASSPHRASE_CHARS: usize = 10;
const MAX_PASSPHRASE_BYTES: usize = 1024;
/// Of scrypt, as a power of two: 128 MiB and about half a second.
const WORK_FACTOR: u8 = 17;
/// 256 MiB; `age` takes up to this much.
const MAX_WORK_FACTOR: u8 = 18;
/// One recipient takes some 150 bytes.
const MAX_HEADER_BYTES: u64 = 16 * 1024;

/// What a file is sealed with.
pub(crate) struct Passphrase(SecretString);

/// A passphrase that is none, or is not safe enough to seal with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPassphrase {
    #[error("the passphrase is empty")]
    Empty,
    #[error(
        "the passphrase has fewer than {MIN_PASSPHRASE_CHARS} characters; take several words, because whoever has the file can try as many as they like"
    )]
    TooShort,
    #[error("the passphrase has more than {MAX_PASSPHRASE_BYTES} bytes")]
    TooLong,
}

impl Passphrase {
    /// One to open with.
    ///
    /// # Errors
    /// [`BadPassphrase::Empty`] and [`BadPassphrase::TooLong`].
    pub(crate) fn new(text: String) -> Result<Self, BadPassphrase> {
        match text.len() {
            0 => Err(BadPassphrase::Empty),
            length if length > MAX_PASSPHRASE_BYTES => Err(BadPassphrase::TooLong),
            _ => Ok(Self(SecretString::from(text))),
        }
    }

    /// Whether it is safe to seal with.
    ///
    /// # Errors
    /// [`BadPassphrase::TooShort`]
    pub(crate) fn is_safe(&self) -> Result<(), BadPassphrase> {
        match self.0.expose_secret().chars().count() {
            0..MIN_PASSPHRASE_CHARS => Err(BadPassphrase::TooShort),
            _ => Ok(()),
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// Nothing of it.
impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// Seals what is written to it; it is whole only after `finish`.
///
/// # Errors
/// What `to` says.
pub(crate) fn seal<W: Write>(passphrase: Passphrase, to: W) -> io::Result<StreamWriter<W>> {
    let mut recipient = scrypt::Recipient::new(passphrase.0);
    recipient.set_work_factor(WORK_FACTOR);
    Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(io::Error::other)?
        .wrap_output(to)
}

/// Why a file is not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("it is no sealed file (age format), or its beginning is damaged")]
    NotSealed,
    #[error("it is cut off near its beginning; copy it again")]
    Cut,
    #[error("it is sealed with a key and not with a passphrase; `age --decrypt` opens it")]
    NotByPassphrase,
    #[error("the passphrase is not the one it was sealed with")]
    WrongPassphrase,
    #[error(
        "it asks for more work than is done here: 2^{0}, and at most 2^{MAX_WORK_FACTOR} is; seal it again with less"
    )]
    TooMuchWork(u8),
    #[error(transparent)]
    Unreadable(io::Error),
}

/// Opens what [`seal`] or `age --passphrase` made. What is read from it is as it was
/// written; that nothing is cut off its end is known when the end is read (`InvalidData` or,
/// between two of its pieces, `UnexpectedEof` where something is).
///
/// # Errors
/// [`SealError`]
pub(crate) fn open<R: Read>(
    passphrase: Passphrase,
    from: R,
) -> Result<StreamReader<impl Read>, SealError> {
    let left = Rc::new(Cell::new(MAX_HEADER_BYTES));
    let from = Limited {
        from,
        left: Rc::clone(&left),
    };
    let decryptor = Decryptor::new(from).map_err(said)?;
    left.set(u64::MAX);
    if !decryptor.is_scrypt() {
        return Err(SealError::NotByPassphrase);
    }
    let mut identity = scrypt::Identity::new(passphrase.0);
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .map_err(said)
}

fn said(error: DecryptError) -> SealError {
    match error {
        DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => SealError::Cut,
        DecryptError::Io(error) => match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => SealError::NotSealed,
            _ => SealError::Unreadable(error),
        },
        DecryptError::DecryptionFailed
        | DecryptError::KeyDecryptionFailed
        | DecryptError::NoMatchingKeys => SealError::WrongPassphrase,
        DecryptError::ExcessiveWork { required, .. } => SealError::TooMuchWork(required),
        _ => SealError::NotSealed,
    }
}

/// A header has no length of its own, and is held in memory.
struct Limited<R> {
    from: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left.get()).unwrap_or(usize::MAX);
        if most == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let most = most.min(into.len());
        let got = self.from.read(into.get_mut(..most).unwrap_or_default())?;
        self.left.set(self.left.get().saturating_sub(got as u64));
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.into()).unwrap()
    }

    fn opened(text: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut plain = Vec::new();
        let mut from = open(passphrase(text), bytes).map_err(|error| error.to_string())?;
        match from.read_to_end(&mut plain) {
            Ok(_) => Ok(plain),
            Err(error) => Err(format!("{}", error.kind())),
        }
    }

    #[test]
    fn only_the_passphrase_opens_and_only_what_is_whole() {
        let text = b"everybody\n".repeat(20_000);
        let mut sealing = seal(passphrase("correct horse"), Vec::new()).unwrap();
        sealing.write_all(&text).unwrap();
        let sealed = sealing.finish().unwrap();
        assert!(sealed.starts_with(b"age-encryption.org/v1\n-> scrypt "));
        assert_eq!(opened("correct horse", &sealed), Ok(text));
        let wrong = opened("battery staple", &sealed).unwrap_err();
        assert!(wrong.contains("not the one"), "{wrong}");
        for (length, said) in [
            (0, "cut off"),
            (30, "cut off"),
            (70_000, "invalid data"),
            (sealed.len() - 1, "invalid data"),
        ] {
            let cut = opened("correct horse", sealed.get(..length).unwrap()).unwrap_err();
            assert!(cut.contains(said), "{length}: {cut}");
        }
        let mut changed = sealed.clone();
        *changed.get_mut(100_000).unwrap() ^= 1;
        assert_eq!(
            opened("correct horse", &changed).unwrap_err(),
            "invalid data"
        );
        let endless = b"age-encryption.org/v1\n-> x "
            .iter()
            .chain(&[b'a'; 100_000]);
        for other in [
            b"SQLite format 3\0".repeat(4),
            b"{}".repeat(50),
            endless.copied().collect(),
        ] {
            let refused = opened("correct horse", &other).unwrap_err();
            assert!(refused.contains("no sealed file"), "{refused}");
        }
        let hard = String::from_utf8_lossy(&sealed).replacen(" 17\n", " 30\n", 1);
        let refused = opened("correct horse", hard.as_bytes()).unwrap_err();
        assert!(refused.contains("2^30"), "{refused}");
    }
}
