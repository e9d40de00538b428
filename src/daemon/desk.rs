//! Where keypad and card reader are heard: hands what they say to the pure gate of
//! [`crate::access`], has PINs checked and cards looked up, and puts on record what follows. It
//! belongs to the vision thread and never waits.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender};

use super::access_rules::SharedLaw;
use super::events::{self, DecidedAt};
use super::lockout_rows::KeptLockout;
use super::pin_checker::PinChecker;
use super::record_queue::RecordQueue;
use crate::access::{
    Basis, Claim, Clocks, Decision, FactorKind, Factors, Gate, GateEffect, GateInput, GateSettings,
    Input, Key,
};
use crate::config::{self, Signal};
use crate::liveness::Passed;
use crate::person::PersonId;
use crate::record::{Event, Stamp};
use crate::whitelist::{Card, Credentials, Directory};

/// Readings taken in one turn: more wait for the next.
const MAX_READINGS: usize = 32;

/// What keypad and card reader say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Key(Key),
    Card(Card),
    /// The panel is gone, or was: what it said before counts no more.
    Lost,
}

/// `[factors]` and `[lockout]`, which may change together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct DeskSettings {
    pub factors: config::Factors,
    pub lockout: config::Lockout,
}

impl DeskSettings {
    pub(crate) fn of(config: &config::Config) -> Self {
        Self {
            factors: config.factors.clone(),
            lockout: config.lockout.clone(),
        }
    }

    pub(crate) fn gate(&self) -> GateSettings {
        GateSettings::new(&self.factors, &self.lockout)
    }
}

/// The rules of access, which the desk tells what it finds out.
pub(crate) type Rules<'r> = &'r mut dyn FnMut(Instant, Input<'_>) -> Vec<Decision>;

/// See the module.
pub(crate) struct Desk {
    pub gate: Gate,
    pub readings: Receiver<Reading>,
    /// What lights up or goes out; somebody may listen.
    pub signals: Sender<(Signal, bool)>,
    pub checker: PinChecker,
    pub credentials: Arc<ArcSwap<Credentials>>,
    pub settings: Arc<ArcSwap<DeskSettings>>,
    /// What the rules have to know of the time.
    pub law: SharedLaw,
    pub queue: RecordQueue,
    /// What of these holds.
    pub state: DeskState,
}

/// What the desk remembers between turns.
#[derive(Debug, Default)]
pub(crate) struct DeskState {
    in_force: Option<Arc<DeskSettings>>,
    refused: u64,
    camera_is_lost: bool,
    /// The frame of whoever is waited for.
    frame: Option<(PersonId, DecidedAt)>,
    /// What that person gave already, where more is needed.
    given: Option<(PersonId, Factors)>,
    lit: [bool; 2],
    unsent: Vec<(Option<Event>, Vec<KeptLockout>)>,
}

impl Desk {
    /// Puts on record what was kept of an earlier life and is another by now.
    pub(crate) fn begin(&mut self, now: Clocks, rules: Rules<'_>) {
        let kept = self.gate.all_kept();
        self.perform(now, kept, rules, &Directory::default());
        let terms = Input::Terms(self.gate.terms());
        rules(now.at, terms);
    }

    /// Takes what was said since the last turn. `refused`: how many faces were ever judged and
    /// refused.
    pub(crate) fn turn(&mut self, refused: u64, rules: Rules<'_>, directory: &Directory) {
        let now = clocks();
        let settings = self.settings.load_full();
        let in_force = self.state.in_force.as_ref();
        if !in_force.is_some_and(|in_force| Arc::ptr_eq(in_force, &settings)) {
            let input = GateInput::Settings(settings.gate());
            self.state.in_force = Some(settings);
            self.step(now, input, rules, directory);
        }
        let new = refused.saturating_sub(self.state.refused);
        self.state.refused = refused;
        if new > 0 {
            self.step(now, GateInput::FacesRefused(new), rules, directory);
        }
        while let Some((ticket, outcome)) = self.checker.answer() {
            let input = GateInput::Checked { ticket, outcome };
            self.step(now, input, rules, directory);
        }
        for _ in 0..MAX_READINGS {
            let Ok(reading) = self.readings.try_recv() else {
                break;
            };
            let input = match reading {
                Reading::Key(key) => GateInput::Key(key),
                Reading::Card(card) => GateInput::Card(card),
                Reading::Lost => GateInput::PanelLost,
            };
            self.step(now, input, rules, directory);
        }
        self.step(now, GateInput::Tick, rules, directory);
    }

    /// Somebody was recognised, and a second factor is needed besides what was given.
    pub(crate) fn needed(
        &mut self,
        basis: Basis,
        kind: FactorKind,
        (given, at): (Factors, DecidedAt),
        rules: Rules<'_>,
        directory: &Directory,
    ) {
        let awaited = self.gate.awaited();
        let person = basis.person();
        if awaited.is_none_or(|awaited| awaited == person) {
            self.state.frame = Some((person, at));
            self.state.given = Some((person, given));
        }
        let input = self.need(basis, kind);
        self.step(clocks(), input, rules, directory);
    }

    fn need(&self, basis: Basis, kind: FactorKind) -> GateInput {
        GateInput::Needed {
            basis,
            kind,
            within: self.settings.load().gate().within,
        }
    }

    /// Somebody was let in by the face alone.
    pub(crate) fn claimed(&mut self, person: PersonId, rules: Rules<'_>, directory: &Directory) {
        self.step(clocks(), GateInput::Claimed(person), rules, directory);
    }

    /// Whether a face may be asked for a challenge now; that it may not for a while is on record.
    pub(crate) fn may_challenge(
        &mut self,
        claim: &Claim,
        rules: Rules<'_>,
        directory: &Directory,
    ) -> bool {
        // One thing is asked of one person at a time.
        if self.gate.awaited().is_some() {
            return false;
        }
        self.step(clocks(), GateInput::Challenged(*claim), rules, directory);
        !self.gate.refuses_challenge(claim.person)
    }

    /// A face passed a challenge: its claim, made anew, goes the way of any other.
    pub(crate) fn challenge_passed(
        &mut self,
        claim: &Claim,
        passed: Passed,
        at: DecidedAt,
        rules: Rules<'_>,
        directory: &Directory,
    ) {
        let person = claim.person;
        let input = GateInput::ChallengePassed(person);
        self.step(clocks(), input, rules, directory);
        let now = clocks().at;
        let basis = Basis::Face(Claim {
            made_at: now,
            ..*claim
        });
        let factors = Factors {
            challenge: Some(passed),
            ..Factors::default()
        };
        let input = Input::Given {
            basis,
            factors,
            directory,
            wall: self.law.moment().wall,
        };
        for decision in rules(now, input) {
            if let Decision::Need { basis, kind } = decision {
                let given = (factors, at.clone());
                self.needed(basis, kind, given, rules, directory);
                continue;
            }
            match decision {
                Decision::Grant(_) => self.claimed(person, rules, directory),
                _ => self.refused(),
            }
            self.record(decision, &basis, Some(at.clone()), directory);
        }
    }

    /// A face did not pass one, as `event` says.
    pub(crate) fn challenge_failed(
        &mut self,
        claim: &Claim,
        event: Event,
        rules: Rules<'_>,
        directory: &Directory,
    ) {
        self.refused();
        self.state.unsent.push((Some(event), Vec::new()));
        let input = GateInput::ChallengeFailed(claim.person);
        self.step(clocks(), input, rules, directory);
        self.send();
        rules(clocks().at, Input::Unmet(*claim));
    }

    fn refused(&self) {
        let _ = self.signals.try_send((Signal::Refused, true));
    }

    /// Frames come, or they do not.
    pub(crate) fn camera(&mut self, is_lost: bool, rules: Rules<'_>, directory: &Directory) {
        if std::mem::replace(&mut self.state.camera_is_lost, is_lost) == is_lost {
            return;
        }
        let input = match is_lost {
            true => GateInput::CameraLost,
            false => GateInput::CameraBack,
        };
        self.step(clocks(), input, rules, directory);
    }

    pub(crate) fn whitelist_changed(&mut self, rules: Rules<'_>, directory: &Directory) {
        self.step(clocks(), GateInput::WhitelistChanged, rules, directory);
    }

    fn step(&mut self, now: Clocks, input: GateInput, rules: Rules<'_>, directory: &Directory) {
        let effects = self.gate.step(now, input);
        if effects.is_empty() {
            return self.show();
        }
        self.perform(now, effects, rules, directory);
        rules(now.at, Input::Terms(self.gate.terms()));
        self.show();
    }

    fn perform(
        &mut self,
        now: Clocks,
        effects: Vec<GateEffect>,
        rules: Rules<'_>,
        directory: &Directory,
    ) {
        for effect in effects {
            if let Some(event) = events::of_gate(&effect, directory) {
                self.state.unsent.push((Some(event), Vec::new()));
            }
            let more = match effect {
                GateEffect::CheckPin {
                    ticket,
                    person,
                    digits,
                } => {
                    let record = self.credentials.load().pin_of(person).cloned();
                    let outcome = None;
                    let input = GateInput::Checked { ticket, outcome };
                    let taken = self.checker.check(ticket, record, digits);
                    (!taken).then(|| self.gate.step(now, input))
                }
                GateEffect::LookUp { ticket, card } => {
                    let owner = self.credentials.load().owner_of(&card);
                    Some(self.gate.step(now, GateInput::Found { ticket, owner }))
                }
                GateEffect::Complete { basis, factors } => {
                    self.send();
                    let before = self.state.given.take();
                    let before = before.filter(|(person, _)| *person == basis.person());
                    let factors = before.map_or(factors, |(_, before)| before.and(factors));
                    let input = Input::Given {
                        basis,
                        factors,
                        directory,
                        wall: self.law.moment().wall,
                    };
                    let mut more = Vec::new();
                    for decision in rules(now.at, input) {
                        if let Decision::Need { basis, kind } = decision {
                            self.state.given = Some((basis.person(), factors));
                            more.extend(self.gate.step(now, self.need(basis, kind)));
                        } else {
                            self.decided(decision, &basis, directory);
                        }
                    }
                    Some(more)
                }
                GateEffect::Refuse { ended, .. } => {
                    self.refused();
                    self.state.given = None;
                    if let Some(claim) = ended {
                        rules(now.at, Input::Unmet(claim));
                    }
                    None
                }
                GateEffect::Keep { subject, state } => {
                    let kept = KeptLockout { subject, state };
                    match self.state.unsent.last_mut() {
                        Some((_, all)) => all.push(kept),
                        None => self.state.unsent.push((None, vec![kept])),
                    }
                    None
                }
                GateEffect::Accepted { .. }
                | GateEffect::Duress { .. }
                | GateEffect::Began { .. }
                | GateEffect::Ended { .. } => None,
            };
            if let Some(more) = more {
                self.perform(now, more, rules, directory);
            }
        }
        self.send();
    }

    /// A refusal goes with what it counts for, in one transaction.
    fn send(&mut self) {
        for (event, kept) in self.state.unsent.drain(..) {
            match event {
                Some(event) if kept.is_empty() => self.queue.happened(event),
                event => self.queue.counted(event, kept),
            }
        }
    }

    fn decided(&mut self, decision: Decision, basis: &Basis, directory: &Directory) {
        let frame = self.state.frame.take();
        let frame = frame.filter(|(person, ..)| *person == basis.person());
        let at = frame.map(|(_, at)| at);
        self.record(decision, basis, at, directory);
    }

    fn record(
        &self,
        decision: Decision,
        basis: &Basis,
        at: Option<DecidedAt>,
        directory: &Directory,
    ) {
        match (decision, basis, at) {
            (Decision::Grant(grant), Basis::Face(claim), Some(at)) => {
                let granted = events::of_grant(&grant, claim, directory, at);
                self.queue.grant(Event::Granted(granted), grant, None);
            }
            (Decision::Grant(grant), Basis::Card(claim), _) => {
                let event = events::of_card_grant(&grant, claim, directory);
                self.queue.grant(event, grant, None);
            }
            (Decision::Deny(denial), Basis::Face(_), Some(at)) => {
                let denied = events::of_denial(&denial, directory, at);
                self.queue.happened(Event::Denied(denied));
            }
            (Decision::Deny(denial), Basis::Card(claim), _) => {
                let event = events::of_card_denial(&denial, claim, directory);
                self.queue.happened(event);
            }
            _ => {}
        }
    }

    fn show(&mut self) {
        let holds = [
            (Signal::EnterFactor, self.gate.awaited().is_some()),
            (Signal::LockedOut, self.gate.is_locked_out()),
        ];
        for ((signal, is_lit), was_lit) in holds.into_iter().zip(&mut self.state.lit) {
            if std::mem::replace(was_lit, is_lit) != is_lit {
                let _ = self.signals.try_send((signal, is_lit));
            }
        }
    }
}

pub(crate) fn clocks() -> Clocks {
    Clocks {
        at: Instant::now(),
        uptime_ms: Stamp::uptime_ms_now(),
    }
}
