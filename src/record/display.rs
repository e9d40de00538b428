//! The record in English, one line an event. Nothing of this is stored.

use std::fmt::{self, Write};
use std::num::NonZeroU32;

use super::at_door;
use super::body::{Content, Unknown};
use super::codes::WhichCamera;
use super::control;
use super::display_factors::{self, with};
use super::display_people;
use super::event::Event;
use super::payload::{Actor, By, Denied, FrameCounts, FrameRef, PersonRef, Recognition};
use super::signing::HeadKeyNamed;
use crate::shown::{Escaping, counted, in_words};
use serde_json::Value;

/// What helps where the whitelist is empty.
pub(crate) const NOBODY_LISTED: &str = "nobody is listed, so nobody is let in; enroll somebody: `doorward enroll \"NAME\" PHOTO...`, or with `--camera`";

/// `Ada Example (#3)`
impl fmt::Display for PersonRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}

/// `uid 0 (login uid 1000, by the name ada)`
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.uid)?;
        match (self.login_uid, &self.claimed) {
            (Some(login), Some(name)) => {
                write!(f, " (login uid {login}, by the name {})", name)
            }
            (Some(login), None) => write!(f, " (login uid {login})"),
            (None, Some(name)) => write!(f, " (by the name {})", name),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant(id) => write!(f, "grant {id}"),
            Self::Rex(id) => write!(f, "exit {id}"),
            Self::Act(id) => write!(f, "act {id}"),
        }
    }
}

impl fmt::Display for FrameRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[frame {}, {:.1} ms old, {:.1} ms of vision]",
            self.name, self.age_ms, self.vision_ms
        )
    }
}

impl fmt::Display for Recognition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            person,
            score,
            threshold,
            frames,
            ..
        } = self;
        write!(
            f,
            "{person}, score {score:.3}, threshold {threshold:.3}, {}",
            counted(*frames, "frame", "frames")
        )
    }
}

impl fmt::Display for FrameCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seen,
            left_out,
            dropped,
            p50_ms,
            p95_ms,
        } = self;
        write!(f, "{} looked at", counted(*seen, "frame", "frames"))?;
        if let (Some(p50), Some(p95)) = (p50_ms, p95_ms) {
            write!(
                f,
                ", half of them within {p50:.1} ms, 95 of 100 within {p95:.1} ms"
            )?;
        }
        write!(
            f,
            "; {left_out} more showed nothing new and were passed over, {dropped} were replaced by a newer one before their turn"
        )
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reason,
            person,
            score,
            threshold,
            frames,
            frame,
            measured,
            challenge,
            left_out,
            ..
        } = self;
        if let Some(person) = person {
            write!(f, ", nearest {person}")?;
        }
        if let Some(score) = score {
            write!(f, ", score {score:.3}")?;
        }
        if let Some(threshold) = threshold {
            write!(f, ", threshold {threshold:.3}")?;
        }
        write!(f, ", {}: {reason}", counted(*frames, "frame", "frames"))?;
        if let Some(measured) = measured {
            write!(f, " ({measured:.4})")?;
        }
        if let Some(challenge) = challenge {
            write!(f, " ({challenge})")?;
        }
        write!(f, " {frame}")?;
        tell_left_out(f, *left_out)
    }
}

fn tell_left_out(f: &mut impl Write, left_out: Option<NonZeroU32>) -> fmt::Result {
    match left_out {
        Some(many) => write!(f, ", {many} more like it since the last one"),
        None => Ok(()),
    }
}

/// One line, whatever names and messages hold.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = String::new();
        self.tell(&mut said)?;
        write!(Escaping(f), "{}", in_words(&said))
    }
}

impl Event {
    fn tell(&self, f: &mut impl Write) -> fmt::Result {
        write!(f, "{}", self.kind())?;
        match self {
            Self::Started {
                version,
                models,
                relay,
                ..
            } => write!(f, ", doorward {version}, models {models}, relay {relay}"),
            Self::Stopped { reason, frames } => {
                write!(f, ": {reason}")?;
                match frames {
                    Some(frames) => write!(f, " [{frames}]"),
                    None => Ok(()),
                }
            }
            Self::ConfigReloaded { file, restart_for } if restart_for.is_empty() => {
                write!(f, " from {file}")
            }
            Self::ConfigReloaded { file, restart_for } => write!(
                f,
                " from {file}; what changed in {} takes effect after a restart",
                restart_for.join(", ")
            ),
            Self::ConfigRejected { message, .. } => {
                write!(f, ": {message}; the old configuration stays in force")
            }
            Self::WhitelistLoaded {
                people,
                templates,
                templates_of_other_models,
                ..
            } => {
                write!(
                    f,
                    ", {}, {}",
                    counted(*people, "person", "people"),
                    counted(*templates, "template", "templates")
                )?;
                match templates_of_other_models {
                    0 if *people == 0 => write!(f, ": {NOBODY_LISTED}"),
                    0 => Ok(()),
                    others => write!(
                        f,
                        "; {others} more were made by another model and match nobody: `doorward people migrate` makes them anew from kept photos, without those enroll again"
                    ),
                }
            }
            Self::WhitelistUnreadable { message, .. } => write!(f, ": {message}"),
            Self::CameraLost { which, message, .. }
            | Self::CameraBack {
                which,
                camera: message,
            } => match which {
                WhichCamera::Colour => write!(f, ": {message}"),
                WhichCamera::Infrared => write!(f, ", {which}: {message}"),
            },
            Self::InfraredMapped(mapped) => write!(
                f,
                " from {}, landmarks {:.3} sizes of the face off, in {} (SHA-256 {}), by {}",
                counted(mapped.pairs, "pair of faces", "pairs of faces"),
                mapped.residual,
                mapped.file,
                mapped.hash,
                mapped.actor
            ),
            Self::Granted(granted) => {
                let recognition = &granted.recognition;
                write!(f, " {recognition}")?;
                if let Some(with) = &granted.with {
                    write!(f, ", with {with}")?;
                }
                write!(f, ": {}{}", granted.reason, with(&granted.factors))?;
                if let Some(passed) = &granted.challenge {
                    write!(f, ", after {passed}")?;
                }
                write!(f, " {}", recognition.frame)
            }
            Self::GrantWithdrawn {
                reason,
                grant,
                recognition,
            } => {
                if let Some(grant) = grant {
                    write!(f, ", grant {grant}")?;
                }
                if let Some(recognition) = recognition {
                    write!(f, " {recognition}")?;
                }
                write!(f, ": {reason}")
            }
            Self::Denied(denied) => write!(f, "{denied}"),
            Self::CannotJudge {
                reason,
                frame,
                left_out,
                ..
            } => {
                write!(f, ": {reason} {frame}")?;
                tell_left_out(f, *left_out)
            }
            Self::Unlocked { by, pulse_ms } => write!(f, ", {by}, for {pulse_ms} ms"),
            Self::Locked {
                reason,
                by,
                energised_ms,
            } => {
                if let Some(by) = by {
                    write!(f, ", {by}")?;
                }
                if let Some(ms) = energised_ms {
                    write!(f, ", energised for {ms} ms")?;
                }
                write!(f, ": {reason}")
            }
            Self::RelayFault { command, relay, by } => {
                if let Some(by) = by {
                    write!(f, ", {by}")?;
                }
                write!(f, ": {command} [{relay}]")
            }
            Self::Rex(_)
            | Self::RexRefused { .. }
            | Self::NotOpened { .. }
            | Self::AccessTaken(_)
            | Self::TakenAgain(_)
            | Self::AccessNotTaken(_)
            | Self::OtherWay(_)
            | Self::Exit(_)
            | Self::ForcedOpen(_)
            | Self::HeldOpen(_)
            | Self::Tamper
            | Self::AlarmEnded(_)
            | Self::InputsLost
            | Self::InputsBack
            | Self::ModeSet(_)
            | Self::OfficeOpened { .. }
            | Self::ModeEnded { .. }
            | Self::UnlockAsked { .. } => at_door::tell(self, f),
            Self::ControlAsked(_) | Self::ControlRefused(_) | Self::RolesRejected { .. } => {
                control::tell(self, f)
            }
            Self::Fault {
                reason,
                part,
                message,
            } => match (message, part) {
                (Some(message), _) => write!(f, ": {message}"),
                (None, Some(part)) => write!(f, ", {part}: {reason}"),
                (None, None) => write!(f, ": {reason}"),
            },
            Self::RecordsLost { records } => write!(
                f,
                ": {} could not be written down; the system's journal has what happened",
                counted(*records, "event", "events")
            ),
            Self::RelayByHand {
                relay,
                pulse_ms,
                actor,
            } => write!(f, " for {pulse_ms} ms, {relay}, by {actor}"),
            Self::Enrolled { .. }
            | Self::Renamed { .. }
            | Self::Enabled { .. }
            | Self::Disabled { .. }
            | Self::Removed { .. }
            | Self::Exported { .. }
            | Self::Imported { .. }
            | Self::PhotosForgotten { .. }
            | Self::GroupJoined { .. }
            | Self::GroupLeft { .. }
            | Self::ValidityChanged { .. }
            | Self::EntriesChanged { .. }
            | Self::GuestUntil { .. }
            | Self::Erased(_)
            | Self::UnusedSoon(_)
            | Self::UnusedDisabled(_)
            | Self::Disclosed(_)
            | Self::ConsentGiven { .. }
            | Self::ConsentWithdrawn { .. }
            | Self::TemplateForgotten { .. } => display_people::write(f, self),
            Self::HeadKey(HeadKeyNamed { key, before }) => {
                write!(f, ": heads are signed with {key} from now on")?;
                match before {
                    Some(before) => write!(f, ", which {before} was handed over to"),
                    None => Ok(()),
                }
            }
            Self::Pruned { records, up_to, .. } => {
                write!(
                    f,
                    ", {} up to {up_to}: past their time",
                    counted(*records, "event", "events")
                )
            }
            Self::BackedUp {
                file, up_to, actor, ..
            } => write!(f, " to {file}, up to event {up_to}, by {actor}"),
            Self::Restored {
                file,
                up_to,
                people,
                actor,
                ..
            } => write!(
                f,
                " {} from {file}, as of event {up_to}, by {actor}",
                counted(*people, "person", "people")
            ),
            Self::RulesLoaded {
                folder,
                files,
                rules,
            } => write!(
                f,
                " from {folder}, {} in {}",
                counted(*rules, "rule", "rules"),
                counted(*files, "file", "files")
            ),
            Self::RulesRejected { message, .. } => {
                write!(f, ": {message}; the old rules stay in force")
            }
            Self::FleetChanged(_) | Self::FleetNoticed(_) => super::fleet::tell(self, f),
            Self::PadTested(run) => super::pad::tell(f, run),
            Self::Rekeyed(change) => write!(
                f,
                " from key {} to {}, by {}",
                change.before, change.now, change.actor
            ),
            Self::GrantedByCard { .. }
            | Self::FactorAccepted { .. }
            | Self::FactorRefused { .. }
            | Self::Duress { .. }
            | Self::LockoutBegan { .. }
            | Self::LockoutEnded { .. }
            | Self::PinSet { .. }
            | Self::PinRemoved { .. }
            | Self::CardAdded { .. }
            | Self::CardRemoved { .. }
            | Self::CardLost { .. } => display_factors::write(f, self),
        }
    }
}

/// As far as it goes without knowing what it means.
impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = Escaping(f);
        f.write_str(&self.kind)?;
        let mut fields = self
            .fields
            .iter()
            .filter(|(key, value)| *key != "kind" && !value.is_null());
        if let Some((key, value)) = fields.next() {
            write!(f, " [{}", pair(key, value))?;
            for (key, value) in fields {
                write!(f, ", {}", pair(key, value))?;
            }
            write!(f, "]")?;
        }
        Ok(())
    }
}

fn pair(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{} {}", key, text),
        other => format!("{} {other}", key),
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(event) => write!(f, "{event}"),
            Self::Unknown(unknown) => write!(f, "{unknown}"),
        }
    }
}
