//! The protocol: one request or reply a line, in ASCII, over a local stream socket.
//!
//! ```text
//! > open 81234567        energise until this instant of CLOCK_BOOTTIME, in milliseconds
//! < opened 81234567
//! > renew                at least once a second while it is open
//! < renewed 81234567
//! > lock
//! < locked
//! < refused late         or resting, line-fault, stopping, crowded, no-lease
//! ```
//!
//! A line that is none of these, or longer than [`MAX_LINE_BYTES`], ends the connection,
//! and with it the client's lease.

use super::boottime::BootTime;
use super::core::Refusal;

/// The longest line, its end included.
pub(crate) const MAX_LINE_BYTES: usize = 64;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Energise until then.
    Open(BootTime),
    /// Go on.
    Renew,
    /// Release.
    Lock,
}

/// What the guardian answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Energised until then.
    Opened(BootTime),
    /// The lease ends then.
    Renewed(BootTime),
    /// Released.
    Locked,
    /// Not energised.
    Refused(Refusal),
}

impl Request {
    /// From a line without its end; `None` if it is no request.
    pub fn parse(line: &[u8]) -> Option<Self> {
        match words(line)? {
            ("open", Some(until)) => Some(Self::Open(instant(until)?)),
            ("renew", None) => Some(Self::Renew),
            ("lock", None) => Some(Self::Lock),
            _ => None,
        }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        match self {
            Self::Open(until) => format!("open {}\n", until.as_ms()),
            Self::Renew => "renew\n".into(),
            Self::Lock => "lock\n".into(),
        }
    }
}

impl Reply {
    /// From a line without its end; `None` if it is no reply.
    pub fn parse(line: &[u8]) -> Option<Self> {
        match words(line)? {
            ("opened", Some(until)) => Some(Self::Opened(instant(until)?)),
            ("renewed", Some(until)) => Some(Self::Renewed(instant(until)?)),
            ("locked", None) => Some(Self::Locked),
            ("refused", Some(code)) => Some(Self::Refused(Refusal::from_code(code)?)),
            _ => None,
        }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        match self {
            Self::Opened(until) => format!("opened {}\n", until.as_ms()),
            Self::Renewed(until) => format!("renewed {}\n", until.as_ms()),
            Self::Locked => "locked\n".into(),
            Self::Refused(refusal) => format!("refused {}\n", refusal.code()),
        }
    }
}

impl Refusal {
    const ALL: [Self; 6] = [
        Self::Late,
        Self::Resting,
        Self::LineFault,
        Self::Stopping,
        Self::Crowded,
        Self::NoLease,
    ];

    /// Its name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Resting => "resting",
            Self::LineFault => "line-fault",
            Self::Stopping => "stopping",
            Self::Crowded => "crowded",
            Self::NoLease => "no-lease",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Late => "the order came after its own deadline",
            Self::Resting => "it was open for door.max_open_ms and rests",
            Self::LineFault => "the relay does not do as it is told",
            Self::Stopping => "the relay guardian stops",
            Self::Crowded => "too many programs hold the door open at once",
            Self::NoLease => "the opening is over",
        })
    }
}

/// One or two words with one space between them.
fn words(line: &[u8]) -> Option<(&str, Option<&str>)> {
    let line = std::str::from_utf8(line).ok()?;
    Some(match line.split_once(' ') {
        Some((word, rest)) => (word, Some(rest)),
        None => (line, None),
    })
}

/// Decimal digits only: no sign, no space.
fn instant(text: &str) -> Option<BootTime> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok().map(BootTime::from_ms))?
}
