//! Second factors, challenges and lockouts in English, one line an event.

use std::fmt::{self, Write};

use super::codes::Factor;
use super::event::Event;
use super::payload::{CardRef, ChallengeFailed, ChallengePassed};
use crate::shown::counted;

/// `card w26 …4711`
impl fmt::Display for CardRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "card {} …{}", self.format, self.last4)
    }
}

/// `a challenge of 2 steps in 1830 ms`
impl fmt::Display for ChallengePassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = counted(self.steps, "step", "steps");
        write!(f, "a challenge of {steps} in {} ms", self.ms)
    }
}

/// `step 1 of 2, turn left, after 640 ms: moved 0.210, depth 0.021`
impl fmt::Display for ChallengeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            asked,
            step,
            steps,
            after_ms,
            shown,
            depth,
        } = self;
        write!(
            f,
            "step {step} of {steps}, {asked}, after {after_ms} ms: moved {shown:.3}"
        )?;
        match depth {
            Some(depth) => write!(f, ", depth {depth:.3}"),
            None => Ok(()),
        }
    }
}

/// `, with PIN and card`
pub(super) fn with(factors: &[Factor]) -> String {
    let names: Vec<String> = factors.iter().map(ToString::to_string).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(", with {}", names.join(" and ")),
    }
}

/// An event of second factors or lockouts, after its kind; nothing of another.
pub(super) fn write(f: &mut impl Write, event: &Event) -> fmt::Result {
    match event {
        Event::GrantedByCard {
            reason,
            person,
            card,
            factors,
        } => write!(f, " {person}, {card}: {reason}{}", with(factors)),
        Event::FactorAccepted {
            factor,
            person,
            card,
        } => match card {
            Some(card) => write!(f, ", {card} of {person}"),
            None => write!(f, ", {factor} of {person}"),
        },
        Event::FactorRefused {
            reason,
            person,
            card,
        } => {
            if let Some(person) = person {
                write!(f, ", {person}")?;
            }
            if let Some(card) = card {
                write!(f, ", {card}")?;
            }
            write!(f, ": {reason}")
        }
        Event::Duress { person } => {
            write!(f, ": {person} WAS FORCED, and gave the duress PIN")
        }
        Event::LockoutBegan {
            reason,
            person,
            pause_ms,
        } => {
            if let Some(person) = person {
                write!(f, " for {person}")?;
            }
            write!(f, ", for {} s: {reason}", pause_ms / 1000)
        }
        Event::LockoutEnded { reason, person } => {
            if let Some(person) = person {
                write!(f, " for {person}")?;
            }
            write!(f, ", after {reason}")
        }
        Event::PinSet {
            person,
            duress,
            actor,
        }
        | Event::PinRemoved {
            person,
            duress,
            actor,
        } => {
            let which = if *duress { ", the duress PIN" } else { "" };
            write!(f, " of {person}{which}, by {actor}")
        }
        Event::CardAdded {
            person,
            card,
            actor,
        }
        | Event::CardRemoved {
            person,
            card,
            actor,
        }
        | Event::CardLost {
            person,
            card,
            actor,
        } => write!(f, ", {card} of {person}, by {actor}"),
        _ => Ok(()),
    }
}
