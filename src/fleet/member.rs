//! A door's end with its disk and its keys, and no network: requests that somebody carries to
//! the hub, and answers that somebody brings. Who that is may lie: what it brings counts as far
//! as signatures say so, and no further.

use std::path::Path;
use std::time::{Duration, Instant};

use super::answer::{Answer, Effect, Notice};
use super::door::Door;
use super::kept::Kept;
use super::keys::{KeysError, ListKeys};
use super::lease::Moment;
use super::put::Change;
use super::row::{Commit, Mark, Row, RowId};
use super::session::{now_s, random};
use super::signing::Signer;
use super::store::StoreError;
use super::wire::{self, Broken, Decoder, Frame};

/// The longest answer: a page of the longest rows, and what closes it.
const MAX_ANSWER_BYTES: usize = 9 << 20;

/// Where nobody changed anything for so long, a door signs that the list is still this one.
const MIN_PULSE_GAP_S: u64 = 3600;
/// Doors wait longer by up to this, each by its id, so that few of them sign at once.
const MAX_PULSE_JITTER_S: u64 = 1800;
/// From one look at the newest commit to the next, and so from one try to the next.
const PULSE_LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// Why a step came to nothing. What was kept stays.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("no random numbers: {0}")]
    Random(std::io::Error),
    #[error("errand {0} is over: this answer is to an older one")]
    Old(u64),
    #[error("what was brought is no answer of a hub: {0}")]
    Broken(#[from] Broken),
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
}

/// A request to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Of which the answer is taken.
    pub errand: u64,
    /// To have something stored, and not to ask what is new.
    pub is_put: bool,
    pub body: Vec<u8>,
}

/// What an answer led to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    pub notices: Vec<Notice>,
    /// Whether the list, or who is kept shut, may be another.
    pub is_news: bool,
}

/// The answer that is being brought.
#[derive(Debug, Default)]
struct Brought {
    is_put: bool,
    decoder: Decoder,
    rows: Vec<Row>,
    bytes: usize,
    /// A part of it was refused, and the rest does not count.
    is_refused: bool,
}

/// A door of the fleet.
pub struct Member {
    keys: ListKeys,
    kept: Kept,
    door: Door,
    /// The newest errand's number.
    errand: u64,
    brought: Option<Brought>,
    /// Whether the newest answer was about the list, to its end.
    has_listed: bool,
    /// When it is looked next whether a commit without rows is due.
    pulse_look_at: Instant,
}

impl Member {
    /// With what is kept at `path`.
    ///
    /// # Errors
    /// [`MemberError`], as for all of these.
    pub fn open(keys: &ListKeys, path: &Path) -> Result<Self, MemberError> {
        let kept = Kept::open(path)?;
        let door = kept.door(keys.root()?, Some(keys.signer()?))?;
        Ok(Self {
            keys: keys.clone(),
            kept,
            door,
            // Nobody knows what an earlier life asked for.
            errand: u64::from_be_bytes(random().map_err(MemberError::Random)?) >> 16,
            brought: None,
            has_listed: false,
            pulse_look_at: Instant::now(),
        })
    }

    pub fn door(&self) -> &Door {
        &self.door
    }

    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    pub fn keys(&self) -> &ListKeys {
        &self.keys
    }

    /// What cannot be kept is kept with the next step that can.
    fn keep(&mut self) -> Result<(), MemberError> {
        Ok(self.kept.keep(&self.door, &[])?)
    }

    /// Somebody here changes something; what disables acts at once. It goes up with a request.
    pub fn change(&mut self, changes: impl IntoIterator<Item = Change>) -> Result<(), MemberError> {
        let mut is_any = false;
        for change in changes {
            self.door.change(change);
            is_any = true;
        }
        match is_any {
            true => self.keep(),
            false => Ok(()),
        }
    }

    /// By which clocks what comes next is heard; nothing where they say nothing.
    pub fn is_now(&mut self, now: Option<Moment>) {
        self.kept.now = now;
    }

    /// A clock that is not believed would make the news older for everybody.
    fn is_pulse_due(&mut self) -> Result<bool, MemberError> {
        let now = Instant::now();
        let Some(now_s) = self.kept.now.and_then(|now| now.clock_s) else {
            return Ok(false);
        };
        if now < self.pulse_look_at {
            return Ok(false);
        }
        self.pulse_look_at = now + PULSE_LOOK_INTERVAL;
        let own = self.door.signer.as_ref().map(Signer::id);
        let newest = self.kept.commit()?;
        Ok(own
            .zip(newest)
            .is_some_and(|(own, newest)| is_quiet(&newest, own, now_s)))
    }

    /// What to ask the hub next; it may wait `wait_s` for something new. An older request's answer
    /// is not taken any more.
    pub fn request(&mut self, wait_s: u32) -> Result<(Request, Vec<Notice>), MemberError> {
        self.errand += 1;
        let may_put = std::mem::take(&mut self.has_listed) && !self.door.is_fetching();
        let mut notices = Vec::new();
        let mut put = None;
        if may_put {
            let mark = Mark(random().map_err(MemberError::Random)?);
            (put, notices) = self.door.put(mark, now_s());
            if !notices.is_empty() {
                self.keep()?;
            }
            if put.is_none() && self.is_pulse_due()? {
                put = self.door.pulse(mark, now_s());
            }
        }
        let is_put = put.is_some();
        let body = match put {
            Some(put) => put.message(),
            None => {
                let position = self.door.asks();
                let wait_s = match self.door.is_fetching() {
                    true => 0,
                    false => wait_s,
                };
                wire::message(&[Frame::Since { position, wait_s }])
            }
        };
        self.brought = Some(Brought {
            is_put,
            ..Brought::default()
        });
        let request = Request {
            errand: self.errand,
            is_put,
            body,
        };
        Ok((request, notices))
    }

    /// Takes a piece of the answer to an errand.
    pub fn take(&mut self, errand: u64, piece: &[u8], ends: bool) -> Result<Step, MemberError> {
        let old = || MemberError::Old(errand);
        if errand != self.errand {
            return Err(old());
        }
        let mut brought = self.brought.take().ok_or_else(old)?;
        let mut step = Step::default();
        brought.bytes += piece.len();
        if brought.bytes > MAX_ANSWER_BYTES {
            return Err(MemberError::TooLong);
        }
        if !brought.is_refused {
            brought.decoder.push(piece);
        }
        while !brought.is_refused
            && let Some(frame) = brought.decoder.next_frame()?
        {
            let Some(answer) = brought.answer(frame)? else {
                continue;
            };
            let effects = self.kept.take(&mut self.door, answer)?;
            for effect in effects {
                match effect {
                    Effect::Tell(notice) => {
                        brought.is_refused |= matches!(notice, Notice::Refused(_));
                        step.notices.push(notice);
                    }
                    Effect::Stage(rows) => step.is_news |= !rows.is_empty(),
                    Effect::Unstage | Effect::Settle { .. } => step.is_news = true,
                }
            }
        }
        match ends {
            false => self.brought = Some(brought),
            true if brought.is_refused => {}
            true => {
                brought.decoder.finish()?;
                // Nothing says up to where they are all.
                if let Some(row) = brought.rows.pop() {
                    return Err(Broken::Unexpected(Frame::Row(row).code()).into());
                }
                self.has_listed = !brought.is_put;
            }
        }
        Ok(step)
    }
}

/// Whether the newest commit is so old that this door is to sign one. Nobody's lease counts from
/// the own commits, so whoever signed the newest one lets another door go first.
fn is_quiet(newest: &Commit, own: RowId, now_s: i64) -> bool {
    let RowId([a, b, ..]) = own;
    let jitter_s = u64::from(u16::from_be_bytes([a, b])) % MAX_PULSE_JITTER_S;
    let own_s = match newest.signer == own {
        true => MIN_PULSE_GAP_S,
        false => 0,
    };
    now_s.abs_diff(newest.at_s) > MIN_PULSE_GAP_S + jitter_s + own_s
}

impl Brought {
    /// What a frame says, where it says something by itself.
    fn answer(&mut self, frame: Frame) -> Result<Option<Answer>, Broken> {
        Ok(match (frame, self.is_put) {
            (Frame::End, _) => None,
            (Frame::Row(row), false) => {
                self.rows.push(row);
                None
            }
            (Frame::Page(position), false) => {
                Some(Answer::Page(std::mem::take(&mut self.rows), position))
            }
            (Frame::Commit(commit), false) => Some(Answer::Commit(commit)),
            (Frame::Differs, false) => Some(Answer::Differs),
            (Frame::Stored(_), true) => Some(Answer::Stored),
            (Frame::Late, true) => Some(Answer::Late),
            (Frame::Refused, true) => Some(Answer::Refused),
            (frame, _) => return Err(Broken::Unexpected(frame.code())),
        })
    }
}
