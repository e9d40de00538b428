//! People as they travel from one whitelist to another: lines of JSON, the first of them
//! with the version, one for each person, and a last one that counts them.
//!
//! ```json
//! {"format":"doorward people","version":1,"doorward":"0.1.0","exported_at":"…"}
//! {"person":{"name":"…","enabled":true,"enrolled_at":"…","groups":["staff"],"guest":false,"valid_from":"…","valid_until":"…","entries":3,"consent":{"day":"…","purpose":"…"},"templates":[{"model":"…","vector":"…","source":"…","made_at":"…","photo":"…"}]}}
//! {"end":{"people":1,"templates":1}}
//! ```
//!
//! `valid_from`, `valid_until` and `entries`, how many are left, are there where they limit the
//! person, `consent` where one is noted. PINs, cards and passages do not travel: they are of the door.
//!
//! A member may be added to a version if leaving it out lets nobody in who would not be let
//! in with it: a reader that does not know it leaves it out, and says so. Any other change
//! makes another version, which older readers refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read as _, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::embedding::ModelVersion;
use crate::record::Consent;

const FORMAT: &str = "doorward people";
/// What is written, and the newest that is read.
pub(super) const VERSION: u32 = 1;
/// A person with some thousand templates and their photos.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Members that a reader does not know.
type Others = BTreeMap<String, IgnoredAny>;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    format: String,
    version: u32,
    /// Which doorward wrote it.
    doorward: String,
    exported_at: jiff::Timestamp,
}

/// Enough of any version's first line to say which it is.
#[derive(Debug, Deserialize)]
struct AnyBegin {
    format: String,
    version: u32,
}

/// Any other line.
#[derive(Debug, Deserialize)]
struct Line {
    person: Option<PortablePerson>,
    end: Option<Count>,
    #[serde(flatten)]
    others: Others,
}

/// A person and the templates.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PortablePerson {
    pub name: String,
    pub enabled: bool,
    pub enrolled_at: jiff::Timestamp,
    pub groups: Vec<String>,
    pub guest: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<jiff::Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<jiff::Timestamp>,
    /// How many are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    pub templates: Vec<PortableTemplate>,
    #[serde(flatten, skip_serializing)]
    others: Others,
}

/// A template, its vector as it is stored and its photo, in base64.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PortableTemplate {
    pub model: ModelVersion,
    vector: String,
    pub source: String,
    pub made_at: jiff::Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    photo: Option<String>,
    #[serde(flatten, skip_serializing)]
    others: Others,
}

/// The last line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    pub people: u64,
    pub templates: u64,
}

/// Why a text is not read as people.
#[derive(Debug, thiserror::Error)]
pub enum PortableError {
    #[error("it is cut off, or was changed after it was written; copy it again")]
    Changed,
    #[error("it is cut off; copy it again")]
    Cut,
    #[error("it is no file that `doorward people export` wrote")]
    OtherFormat,
    #[error(
        "it has version {0}, and this doorward reads versions up to {VERSION}; install the newer doorward here too"
    )]
    Newer(u32),
    #[error("its line {line} is damaged: {why}")]
    Line { line: u64, why: String },
    #[error("its line {line} is longer than {} MiB, and a person's never is", MAX_LINE_BYTES >> 20)]
    TooLong { line: u64 },
    #[error(transparent)]
    Unreadable(io::Error),
}

impl PortablePerson {
    pub(super) fn new(name: String, enabled: bool, enrolled_at: jiff::Timestamp) -> Self {
        Self {
            name,
            enabled,
            enrolled_at,
            groups: Vec::new(),
            guest: false,
            valid_from: None,
            valid_until: None,
            entries: None,
            consent: None,
            templates: Vec::new(),
            others: Others::new(),
        }
    }
}

impl PortableTemplate {
    pub(super) fn new(
        model: ModelVersion,
        vector: &[u8],
        source: String,
        made_at: jiff::Timestamp,
        photo: Option<&[u8]>,
    ) -> Self {
        Self {
            model,
            vector: STANDARD.encode(vector),
            source,
            made_at,
            photo: photo.map(|bytes| STANDARD.encode(bytes)),
            others: Others::new(),
        }
    }

    /// As it is stored; nothing if it is no base64.
    pub(super) fn vector(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.vector).ok()
    }

    /// As it is stored, or why it is not.
    pub(super) fn photo(&self) -> Option<Option<Vec<u8>>> {
        match &self.photo {
            None => Some(None),
            Some(text) => STANDARD.decode(text).ok().map(Some),
        }
    }
}

/// Writes people.
pub(super) struct Writer<W> {
    to: W,
    count: Count,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(to: W, now: jiff::Timestamp) -> io::Result<Self> {
        let mut writer = Self {
            to,
            count: Count::default(),
        };
        writer.line(&Begin {
            format: FORMAT.into(),
            version: VERSION,
            doorward: env!("CARGO_PKG_VERSION").into(),
            exported_at: now,
        })?;
        Ok(writer)
    }

    pub(super) fn person(&mut self, person: &PortablePerson) -> io::Result<()> {
        self.count.people += 1;
        self.count.templates += person.templates.len() as u64;
        self.line(&BTreeMap::from([("person", person)]))
    }

    pub(super) fn end(mut self) -> io::Result<Count> {
        self.line(&BTreeMap::from([("end", self.count)]))?;
        Ok(self.count)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, value)?;
        self.to.write_all(b"\n")
    }
}

/// Reads people, one at a time.
pub(super) struct Reader<R> {
    from: R,
    /// Of the line that was read last, from 1 on.
    pub line: u64,
    count: Count,
    /// Names of members that are not known.
    pub unknown: BTreeSet<String>,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn begin(from: R) -> Result<Self, PortableError> {
        let mut reader = Self {
            from,
            line: 0,
            count: Count::default(),
            unknown: BTreeSet::new(),
        };
        let line = reader.next_line()?.ok_or(PortableError::Cut)?;
        let begin: AnyBegin =
            serde_json::from_slice(&line).map_err(|_| PortableError::OtherFormat)?;
        if begin.format != FORMAT || begin.version == 0 {
            return Err(PortableError::OtherFormat);
        }
        if begin.version > VERSION {
            return Err(PortableError::Newer(begin.version));
        }
        serde_json::from_slice::<Begin>(&line).map_err(|error| reader.misread(&error))?;
        Ok(reader)
    }

    /// Nothing after the last one, when the whole text was read.
    pub(super) fn next(&mut self) -> Result<Option<PortablePerson>, PortableError> {
        loop {
            let line = self.next_line()?.ok_or(PortableError::Cut)?;
            let line: Line = serde_json::from_slice(&line).map_err(|error| self.misread(&error))?;
            self.unknown.extend(line.others.into_keys());
            if let Some(person) = line.person {
                self.count.people += 1;
                self.count.templates += person.templates.len() as u64;
                let others = person.templates.iter().flat_map(|t| t.others.keys());
                self.unknown
                    .extend(person.others.keys().chain(others).cloned());
                return Ok(Some(person));
            }
            if let Some(count) = line.end {
                if count != self.count {
                    return Err(self.damaged("it counts other people than there are"));
                }
                return match self.next_line()? {
                    None => Ok(None),
                    Some(_) => Err(self.damaged("it comes after the end")),
                };
            }
        }
    }

    fn misread(&self, error: &serde_json::Error) -> PortableError {
        let column = error.column();
        self.damaged(format!(
            "from column {column} on it is not as it is written"
        ))
    }

    pub(super) fn damaged(&self, why: impl ToString) -> PortableError {
        PortableError::Line {
            line: self.line,
            why: why.to_string(),
        }
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, PortableError> {
        let mut bytes = Vec::new();
        self.line += 1;
        let mut limited = (&mut self.from).take(MAX_LINE_BYTES);
        let got = limited.read_until(b'\n', &mut bytes);
        match got.map_err(PortableError::of)? {
            0 => Ok(None),
            _ if bytes.pop_if(|last| *last == b'\n').is_some() => Ok(Some(bytes)),
            _ if bytes.len() as u64 >= MAX_LINE_BYTES => {
                Err(PortableError::TooLong { line: self.line })
            }
            _ => Err(PortableError::Cut),
        }
    }
}

impl PortableError {
    /// Of a text that cannot be read.
    pub(crate) fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            io::ErrorKind::InvalidData => Self::Changed,
            _ => Self::Unreadable(error),
        }
    }
}
