//! Frames: a length, a kind, an id, a revision and bytes. A message is one or more of them and
//! ends by a frame that says so; without it the message was cut, however the bytes ended.
//!
//! ```text
//! length u32 | kind u8 | id 16 bytes | revision u64 | bytes      (numbers big-endian)
//! ```
//! `length` counts what follows it.

use super::outbox::{Life, Pushed};
use super::row::{
    Commit, Hash, Kind, MAX_BODY_BYTES, Mark, Position, Revision, Row, RowId, Standing,
};

/// What a frame has before its bytes, without the length.
const HEAD_BYTES: usize = 1 + 16 + 8;
/// The longest frame, its length left out: a row with its signature.
pub const MAX_FRAME_BYTES: usize = HEAD_BYTES + 2 + 16 + 64 + MAX_BODY_BYTES;
/// The longest body of an event.
pub const MAX_EVENT_BYTES: usize = 4 * 1024;

/// One frame that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The door's list goes so far. Waits up to so many seconds for more.
    Since {
        position: Position,
        wait_s: u32,
    },
    Row(Row),
    /// The rows so far are all up to here; a safe place to stop and to go on from.
    Page(Position),
    Commit(Commit),
    /// The hub does not know the position: it has another history.
    Differs,
    /// A commit was stored.
    Stored(Position),
    /// A commit was not stored, because another one came first.
    Late,
    /// A commit was not stored, because doors would refuse it.
    Refused,
    /// Events of a life follow, from this number on.
    Events {
        life: Life,
        first: u64,
    },
    Event {
        number: u64,
        body: Vec<u8>,
    },
    Pushed(Pushed),
    /// The message is whole.
    End,
}

/// Why bytes are no frames. The connection is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("a frame of {0} bytes; {MAX_FRAME_BYTES} are the most and {HEAD_BYTES} the least")]
    Length(usize),
    #[error("a frame of kind {0}, which is none")]
    Kind(u8),
    #[error("a frame of kind {0} that does not have what its kind has")]
    Body(u8),
    #[error("the message was cut before its end")]
    Cut,
    #[error("a frame of kind {0} that has no place there")]
    Unexpected(u8),
}

impl Frame {
    /// What says its kind on the wire.
    pub fn code(&self) -> u8 {
        match self {
            Self::Since { .. } => 1,
            Self::Row(_) => 2,
            Self::Page(_) => 3,
            Self::Commit(_) => 4,
            Self::Differs => 5,
            Self::Stored(_) => 6,
            Self::Late => 7,
            Self::Refused => 8,
            Self::Events { .. } => 9,
            Self::Event { .. } => 10,
            Self::Pushed(_) => 11,
            Self::End => 12,
        }
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.push(self.code());
        let (id, number) = match self {
            Self::Row(row) => (row.id.0, row.revision.0),
            Self::Since { position, .. } | Self::Page(position) | Self::Stored(position) => {
                (position.mark.0, position.revision.0)
            }
            Self::Commit(commit) => (commit.position.mark.0, commit.position.revision.0),
            Self::Events { first, .. } => ([0; 16], *first),
            Self::Event { number, .. } => ([0; 16], *number),
            _ => ([0; 16], 0),
        };
        out.extend_from_slice(&id);
        out.extend_from_slice(&number.to_be_bytes());
        match self {
            Self::Since { wait_s, .. } => out.extend_from_slice(&wait_s.to_be_bytes()),
            Self::Row(row) => {
                out.extend_from_slice(&[row.kind.code(), row.standing.code()]);
                out.extend_from_slice(&row.signer.0);
                out.extend_from_slice(&row.signature);
                out.extend_from_slice(&row.body);
            }
            Self::Commit(commit) => encode_commit(commit, out),
            Self::Events { life, .. } => out.extend_from_slice(&life.0.to_be_bytes()),
            Self::Event { body, .. } => out.extend_from_slice(body),
            Self::Pushed(said) => encode_pushed(*said, out),
            _ => {}
        }
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let mut from = Reader(bytes);
        let length = || Broken::Length(bytes.len());
        let [code] = from.take().ok_or_else(length)?;
        let id: [u8; 16] = from.take().ok_or_else(length)?;
        let number = from.u64().ok_or_else(length)?;
        let position = Position {
            revision: Revision(number),
            mark: Mark(id),
        };
        let frame = match code {
            1 => from.u32().map(|wait_s| Self::Since { position, wait_s }),
            2 => from.row(id, number).map(Self::Row),
            3 => Some(Self::Page(position)),
            4 => from.commit(position).map(Self::Commit),
            5 => Some(Self::Differs),
            6 => Some(Self::Stored(position)),
            7 => Some(Self::Late),
            8 => Some(Self::Refused),
            9 => from.u32().map(|life| Self::Events {
                life: Life(life),
                first: number,
            }),
            10 => {
                let body = from.rest();
                (body.len() <= MAX_EVENT_BYTES).then_some(Self::Event { number, body })
            }
            11 => from.pushed().map(Self::Pushed),
            12 => Some(Self::End),
            code => return Err(Broken::Kind(code)),
        };
        let frame = frame.filter(|_| from.0.is_empty());
        // A revision is what a database can count, and nothing is said that is not meant.
        let frame = frame.filter(|frame| {
            let mut again = Vec::new();
            frame.encode(&mut again);
            number <= i64::MAX as u64 && again[4..] == *bytes
        });
        frame.ok_or(Broken::Body(code))
    }
}

fn encode_commit(commit: &Commit, out: &mut Vec<u8>) {
    out.extend_from_slice(&commit.base.revision.0.to_be_bytes());
    out.extend_from_slice(&commit.base.mark.0);
    out.extend_from_slice(&commit.digest);
    out.extend_from_slice(&commit.at_s.to_be_bytes());
    out.extend_from_slice(&commit.signer.0);
    out.extend_from_slice(&commit.signature);
}

fn encode_pushed(said: Pushed, out: &mut Vec<u8>) {
    let mut put = |code: u8, numbers: &[u64]| {
        out.push(code);
        for number in numbers {
            out.extend_from_slice(&number.to_be_bytes());
        }
    };
    match said {
        Pushed::Taken {
            life,
            last,
            backed_up,
        } => put(1, &[life.0.into(), last, backed_up]),
        Pushed::Expected { number } => put(2, &[number]),
        Pushed::OtherBody { number } => put(3, &[number]),
        Pushed::OtherLife { life } => put(4, &[life.0.into()]),
        Pushed::Enough => put(5, &[]),
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn life(&mut self) -> Option<Life> {
        u32::try_from(self.u64()?).ok().map(Life)
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).to_vec()
    }

    fn row(&mut self, id: [u8; 16], revision: u64) -> Option<Row> {
        let [kind, standing] = self.take()?;
        let row = Row {
            id: RowId(id),
            revision: Revision(revision),
            kind: Kind::of(kind)?,
            standing: Standing::of(standing)?,
            signer: RowId(self.take()?),
            signature: self.take()?,
            body: self.rest(),
        };
        (row.body.len() <= MAX_BODY_BYTES).then_some(row)
    }

    fn commit(&mut self, position: Position) -> Option<Commit> {
        let base = Position {
            revision: Revision(self.u64()?),
            mark: Mark(self.take()?),
        };
        let digest: Hash = self.take()?;
        let at_s = i64::from_be_bytes(self.take()?);
        let commit = Commit {
            base,
            position,
            digest,
            at_s,
            signer: RowId(self.take()?),
            signature: self.take()?,
        };
        (base.revision.0 <= i64::MAX as u64).then_some(commit)
    }

    fn pushed(&mut self) -> Option<Pushed> {
        let [code] = self.take()?;
        Some(match code {
            1 => Pushed::Taken {
                life: self.life()?,
                last: self.u64()?,
                backed_up: self.u64()?,
            },
            2 => Pushed::Expected {
                number: self.u64()?,
            },
            3 => Pushed::OtherBody {
                number: self.u64()?,
            },
            4 => Pushed::OtherLife { life: self.life()? },
            5 => Pushed::Enough,
            _ => return None,
        })
    }
}

/// Bytes as they come, in any pieces, to frames. Holds no more than one frame that has begun and
/// the piece that was given.
#[derive(Debug, Default)]
pub struct Decoder {
    begun: Vec<u8>,
    read: usize,
    has_ended: bool,
}

impl Decoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.begun.drain(..self.read);
        self.read = 0;
        self.begun.extend_from_slice(bytes);
    }

    /// The next frame that is whole.
    ///
    /// # Errors
    /// [`Broken`]
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Broken> {
        let rest = &self.begun[self.read..];
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if !(HEAD_BYTES..=MAX_FRAME_BYTES).contains(&length) {
            return Err(Broken::Length(length));
        }
        let Some(bytes) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = Frame::decode(bytes)?;
        if self.has_ended {
            return Err(Broken::Unexpected(frame.code()));
        }
        self.has_ended = frame == Frame::End;
        self.read += 4 + length;
        Ok(Some(frame))
    }

    /// Where no more bytes come.
    ///
    /// # Errors
    /// [`Broken::Cut`] without an end frame.
    pub fn finish(&self) -> Result<(), Broken> {
        match self.has_ended && self.read == self.begun.len() {
            true => Ok(()),
            false => Err(Broken::Cut),
        }
    }
}

/// Frames as a message.
pub fn message(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    Frame::End.encode(&mut bytes);
    bytes
}

/// The frames of a whole message, its end left out.
///
/// # Errors
/// [`Broken`]
pub fn frames(bytes: &[u8]) -> Result<Vec<Frame>, Broken> {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame()? {
        frames.push(frame);
    }
    decoder.finish()?;
    frames.pop();
    Ok(frames)
}
