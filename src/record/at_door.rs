//! What events of the door's leaf, its inputs and its modes say.

use std::fmt::{self, Write};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::codes::{Alarm, DoorMode, HeldStage, InView};
use super::event::Event;
use super::payload::{Actor, By, PersonRef};

/// Whom recognition saw at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    pub in_view: InView,
    /// [`InView::Listed`]: who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonRef>,
}

/// Somebody for whom the door was unlocked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    pub by: By,
    #[serde(flatten)]
    pub view: View,
}

/// An open door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOpen {
    pub stage: HeldStage,
    /// For how long it is open.
    pub open_ms: u64,
    #[serde(flatten)]
    pub view: View,
}

/// An alarm that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmEnded {
    pub alarm: Alarm,
    pub lasted_ms: u64,
}

/// A mode that an administrator ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeSet {
    pub mode: DoorMode,
    /// When it ends, in milliseconds since 1970, by the clock as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// How long that was then, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
    /// What the administrator gave as the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    pub actor: Actor,
}

/// `nobody in view`
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.person {
            Some(person) => write!(f, "{person} in view"),
            None => write!(f, "{}", self.in_view),
        }
    }
}

/// What follows the kind, of the events that this file is about.
pub(super) fn tell(event: &Event, f: &mut dyn Write) -> fmt::Result {
    match event {
        Event::Rex(view) => write!(f, ", somebody inside asks for the door, {view}"),
        Event::RexRefused { reason } => write!(f, ": {reason}"),
        Event::NotOpened { by, reason } => write!(f, ", {by}: {reason}"),
        Event::AccessTaken(passage) => write!(f, ", {passage}"),
        Event::TakenAgain(passage) => write!(f, ", the door opened once more, {passage}"),
        Event::AccessNotTaken(passage) => write!(f, ", the door was not opened, {passage}"),
        Event::OtherWay(passage) => write!(f, ", the rotor turned the other way, {passage}"),
        Event::Exit(view) => write!(f, ", opened from inside by the handle, {view}"),
        Event::ForcedOpen(view) => {
            write!(
                f,
                ": THE DOOR WAS OPENED without grant, exit or act, {view}"
            )
        }
        Event::HeldOpen(held) => {
            let HeldOpen {
                stage,
                open_ms,
                view,
            } = held;
            write!(f, ": {stage}, open for {}, {view}", span(*open_ms))
        }
        Event::Tamper => write!(f, ": a cover was opened or a line cut"),
        Event::AlarmEnded(AlarmEnded { alarm, lasted_ms }) => {
            write!(f, ": {alarm}, after {}", span(*lasted_ms))
        }
        Event::InputsLost => write!(
            f,
            ": nothing is known of contact, exit button, tamper and the like; they open nothing"
        ),
        Event::InputsBack => write!(f, ": contact, exit button and the like tell again"),
        Event::ModeSet(set) => write!(f, " to {set}"),
        Event::OfficeOpened { act, by } => {
            write!(
                f,
                ", act {act}: {by} was the first, the door is unlocked from now on"
            )
        }
        Event::ModeEnded { mode, act, reason } => write!(f, ", {mode}, act {act}: {reason}"),
        Event::UnlockAsked { purpose, actor } => told(f, purpose.as_ref(), actor),
        _ => Ok(()),
    }
}

fn told(f: &mut dyn Write, purpose: Option<&String>, actor: &Actor) -> fmt::Result {
    if let Some(purpose) = purpose {
        write!(f, ", reason given: {purpose}")?;
    }
    write!(f, ", by {actor}")
}

impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.by, self.view)
    }
}

impl fmt::Display for ModeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode)?;
        if let Some(until) = self.until_ms {
            write!(f, " until {}", moment(until))?;
        }
        told(f, self.purpose.as_ref(), &self.actor)
    }
}

/// A local time of the wall's clock.
fn moment(at_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(at) => at
            .to_zoned_datetime(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => format!("{at_ms} ms"),
    }
}

/// `12.5 s`
fn span(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}
