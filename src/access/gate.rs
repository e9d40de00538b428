//! Second factors under lockout: what reaches the second-factor machine of one door, what its
//! refusals lead to, and what is kept of that. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::factor::{Effect, Factor, FactorKind, Input, Key};
use super::gate_words::{Clocks, GateEffect, GateInput, GateSettings, Subject};
use super::lockout::{Change, Lockout};
use super::second_factor::SecondFactor;
use super::{Basis, DenialReason, Factors, Terms};
use crate::person::PersonId;
use crate::whitelist::Card;

/// A lockout, and whether something of it is kept.
#[derive(Debug)]
struct Watched {
    lockout: Lockout,
    is_kept: bool,
}

/// The machine of one door.
#[derive(Debug)]
pub(crate) struct Gate {
    settings: GateSettings,
    boot: Option<String>,
    machine: SecondFactor,
    lockouts: BTreeMap<Subject, Watched>,
    /// It was said in this pause that nothing is taken.
    has_said: bool,
}

impl Gate {
    /// With what was kept of an earlier life.
    pub(crate) fn new(
        settings: GateSettings,
        boot: Option<String>,
        uptime_ms: u64,
        kept: impl IntoIterator<Item = (Subject, String)>,
    ) -> Self {
        let resumed = kept.into_iter().map(|(subject, state)| {
            let limits = settings.limits(subject);
            let lockout = Lockout::resumed(&state, boot.as_deref(), uptime_ms, limits);
            let is_kept = true;
            (subject, Watched { lockout, is_kept })
        });
        Self {
            lockouts: resumed.collect(),
            machine: SecondFactor::new(settings.within, settings.card_alone),
            settings,
            boot,
            has_said: false,
        }
    }

    /// All of it, to be kept before anything happens: another boot may have made it another.
    pub(crate) fn all_kept(&self) -> Vec<GateEffect> {
        let keep = |(subject, watched): (&Subject, &Watched)| GateEffect::Keep {
            subject: *subject,
            state: watched.lockout.kept(),
        };
        self.lockouts.iter().map(keep).collect()
    }

    /// What a listed person's face is worth by itself.
    pub(crate) fn terms(&self) -> Terms {
        let demand = self.settings.demand;
        if !self.is_locked(Subject::Faces) {
            return demand.map_or(Terms::Face, Terms::Factor);
        }
        match self.settings.factor_passes {
            true => Terms::Factor(demand.unwrap_or(FactorKind::Any)),
            false => Terms::LockedOut,
        }
    }

    /// Whom a second factor is awaited of.
    pub(crate) fn awaited(&self) -> Option<PersonId> {
        self.machine.awaited().map(Basis::person)
    }

    /// Whether the door refuses faces or factors for a while.
    pub(crate) fn is_locked_out(&self) -> bool {
        self.is_locked(Subject::Faces) || self.is_locked(Subject::Factors)
    }

    /// Whether a person's face is asked for no challenge for a while.
    pub(crate) fn refuses_challenge(&self, person: PersonId) -> bool {
        self.is_locked(Subject::Challenges(person))
    }

    fn is_locked(&self, subject: Subject) -> bool {
        let watched = self.lockouts.get(&subject);
        watched.is_some_and(|watched| watched.lockout.is_locked())
    }

    #[cfg(test)]
    pub(super) fn digits(&self) -> usize {
        self.machine.digits()
    }

    /// Takes one input and gives what follows.
    pub(crate) fn step(&mut self, now: Clocks, input: GateInput) -> Vec<GateEffect> {
        let mut out = Vec::new();
        self.tick(now, &mut out);
        match input {
            GateInput::Key(key) => {
                if self.takes_factors() {
                    self.pass(now, Input::Key(key), &mut out);
                } else {
                    self.pass(now, Input::Key(Key::Clear), &mut out);
                    if key == Key::Enter {
                        self.say_locked_out(None, &mut out);
                    }
                }
            }
            GateInput::Card(card) => match self.takes_factors() {
                true => self.pass(now, Input::Card(card), &mut out),
                false => self.say_locked_out(Some(card), &mut out),
            },
            GateInput::Found { ticket, owner } => {
                self.pass(now, Input::Found { ticket, owner }, &mut out);
            }
            GateInput::Checked { ticket, outcome } => {
                self.pass(now, Input::Checked { ticket, outcome }, &mut out);
            }
            GateInput::FacesRefused(faces) => {
                for _ in 0..faces.min(u64::from(self.settings.faces.tries)) {
                    self.fail(now, Subject::Faces, &mut out);
                }
                self.pass(now, Input::Tick, &mut out);
            }
            GateInput::Claimed(person) => {
                if self.is_locked(Subject::Person(person)) {
                    self.pass(now, Input::Key(Key::Clear), &mut out);
                }
                self.pass(now, Input::Claimed(person), &mut out);
            }
            GateInput::Challenged(claim) => {
                self.pass(now, Input::Tick, &mut out);
                if self.is_locked(Subject::Challenges(claim.person)) {
                    out.push(locked_out(&Basis::Face(claim)));
                }
            }
            GateInput::ChallengePassed(person) => {
                self.pass(now, Input::Tick, &mut out);
                self.succeed(Subject::Challenges(person), &mut out);
            }
            GateInput::ChallengeFailed(person) => {
                self.pass(now, Input::Tick, &mut out);
                self.fail(now, Subject::Challenges(person), &mut out);
                self.fail(now, Subject::Faces, &mut out);
            }
            GateInput::Needed {
                basis,
                kind,
                within,
            } => self.needed(now, basis, kind, within, &mut out),
            GateInput::Tick => self.pass(now, Input::Tick, &mut out),
            GateInput::CameraLost => self.pass(now, Input::CameraLost, &mut out),
            GateInput::CameraBack => self.pass(now, Input::CameraBack, &mut out),
            GateInput::WhitelistChanged | GateInput::PanelLost => {
                self.pass(now, Input::Void, &mut out);
            }
            GateInput::Settings(settings) => {
                self.machine.set(settings.within, settings.card_alone);
                // What is waited for was asked for by the old ones.
                let void = self.settings != settings;
                self.settings = settings;
                let input = if void { Input::Void } else { Input::Tick };
                self.pass(now, input, &mut out);
            }
        }
        out
    }

    fn needed(
        &mut self,
        now: Clocks,
        basis: Basis,
        kind: FactorKind,
        within: Duration,
        out: &mut Vec<GateEffect>,
    ) {
        let may_try = !self.is_locked(Subject::Factors)
            || self.settings.factor_passes && basis.face().is_some();
        if may_try && !self.is_locked(Subject::Person(basis.person())) {
            let input = Input::Needed {
                basis,
                kind,
                within,
            };
            return self.pass(now, input, out);
        }
        self.pass(now, Input::Tick, out);
        out.push(locked_out(&basis));
    }

    /// In a pause only of somebody who was recognised, and where that is wanted.
    fn takes_factors(&self) -> bool {
        let is_face = |basis: &Basis| basis.face().is_some();
        !self.is_locked(Subject::Factors)
            || self.settings.factor_passes && self.machine.awaited().is_some_and(is_face)
    }

    fn say_locked_out(&mut self, card: Option<Card>, out: &mut Vec<GateEffect>) {
        if !std::mem::replace(&mut self.has_said, true) {
            out.push(GateEffect::Refuse {
                reason: DenialReason::LockedOut,
                person: None,
                card,
                ended: None,
            });
        }
    }

    fn pass(&mut self, now: Clocks, input: Input, out: &mut Vec<GateEffect>) {
        for effect in self.machine.step(now.at, input) {
            match effect {
                Effect::CheckPin {
                    ticket,
                    person,
                    digits,
                } => out.push(GateEffect::CheckPin {
                    ticket,
                    person,
                    digits,
                }),
                Effect::LookUp { ticket, card } => out.push(GateEffect::LookUp { ticket, card }),
                Effect::Accepted {
                    factor,
                    person,
                    card,
                } => {
                    out.push(GateEffect::Accepted {
                        factor,
                        person,
                        card,
                    });
                    if factor == Factor::Pin {
                        self.succeed(Subject::Person(person), out);
                    }
                }
                Effect::Complete { basis, factors } => self.complete(now, basis, factors, out),
                Effect::Refuse {
                    reason,
                    person,
                    card,
                    ended,
                } => {
                    out.push(GateEffect::Refuse {
                        reason,
                        person,
                        card,
                        ended,
                    });
                    self.count(now, reason, person, out);
                }
                Effect::Duress { person } => out.push(GateEffect::Duress { person }),
            }
        }
    }

    /// A card alone is not all where everybody has to give a PIN.
    fn complete(&mut self, now: Clocks, basis: Basis, factors: Factors, out: &mut Vec<GateEffect>) {
        // A card alone is not waited for, and did not meet the pause before.
        if self.is_locked(Subject::Person(basis.person())) {
            return out.push(locked_out(&basis));
        }
        let needs_pin = self.settings.demand == Some(FactorKind::Pin) && !factors.pin;
        if needs_pin && basis.face().is_none() {
            let within = self.settings.within;
            return self.needed(now, basis, FactorKind::Pin, within, out);
        }
        out.push(GateEffect::Complete { basis, factors });
    }

    fn count(
        &mut self,
        now: Clocks,
        reason: DenialReason,
        person: Option<PersonId>,
        out: &mut Vec<GateEffect>,
    ) {
        match reason {
            DenialReason::WrongPin => {
                if let Some(person) = person {
                    self.fail(now, Subject::Person(person), out);
                }
                self.fail(now, Subject::Factors, out);
            }
            DenialReason::CardUnknown | DenialReason::CardLost | DenialReason::FactorOfAnother => {
                self.fail(now, Subject::Factors, out)
            }
            _ => {}
        }
    }

    fn fail(&mut self, now: Clocks, subject: Subject, out: &mut Vec<GateEffect>) {
        let limits = *self.settings.limits(subject);
        if limits.tries == 0 || self.is_locked(subject) {
            return;
        }
        let boot = self.boot.as_deref();
        let watched = self.lockouts.entry(subject).or_insert_with(|| Watched {
            lockout: Lockout::new(boot),
            is_kept: false,
        });
        let change = watched.lockout.fail(now.uptime_ms, &limits);
        let state = watched.lockout.kept();
        watched.is_kept = state.is_some();
        out.push(GateEffect::Keep { subject, state });
        if let Some(Change::Began { pause_ms }) = change {
            out.push(GateEffect::Began { subject, pause_ms });
            self.began(now, subject, out);
        }
    }

    /// Whoever is waited for may not go on trying.
    fn began(&mut self, now: Clocks, subject: Subject, out: &mut Vec<GateEffect>) {
        let ends = match subject {
            Subject::Faces | Subject::Challenges(_) => false,
            Subject::Factors => {
                self.has_said = false;
                !self.takes_factors()
            }
            Subject::Person(person) => {
                let awaited = self.machine.awaited();
                awaited.is_some_and(|basis| basis.person() == person)
            }
        };
        if ends {
            let awaited = self.machine.awaited().copied();
            self.pass(now, Input::Void, out);
            out.extend(awaited.as_ref().map(locked_out));
        }
    }

    fn succeed(&mut self, subject: Subject, out: &mut Vec<GateEffect>) {
        if let Some(watched) = self.lockouts.get_mut(&subject) {
            watched.lockout.succeed();
            forget_if_blank(subject, watched, out);
        }
    }

    fn tick(&mut self, now: Clocks, out: &mut Vec<GateEffect>) {
        let settings = &self.settings;
        self.lockouts.retain(|subject, watched| {
            let change = watched
                .lockout
                .tick(now.uptime_ms, settings.limits(*subject));
            if change == Some(Change::Ended) {
                let subject = *subject;
                let state = watched.lockout.kept();
                out.push(GateEffect::Keep { subject, state });
                out.push(GateEffect::Ended { subject });
            }
            forget_if_blank(*subject, watched, out);
            watched.is_kept
        });
    }
}

fn forget_if_blank(subject: Subject, watched: &mut Watched, out: &mut Vec<GateEffect>) {
    if watched.is_kept && watched.lockout.is_blank() {
        watched.is_kept = false;
        let state = None;
        out.push(GateEffect::Keep { subject, state });
    }
}

fn locked_out(basis: &Basis) -> GateEffect {
    GateEffect::Refuse {
        reason: DenialReason::LockedOut,
        person: Some(basis.person()),
        card: None,
        ended: basis.face().copied(),
    }
}
