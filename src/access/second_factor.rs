//! What is waited for besides a face: a PIN or a card, before it or after it. Pure: what
//! happens and when goes in, what is to be done comes out.
//!
//! One person is waited for at a time. A PIN is only ever checked for the person whose face was
//! recognised, or whose card was shown while there is no camera, and what was typed is dropped
//! when its time is over.

use std::time::{Duration, Instant};

use super::factor::{Effect, Factor, FactorKind, Input, Key};
use super::{Basis, CardClaim, Claim, DenialReason, Factors};
use crate::person::PersonId;
use crate::whitelist::{Card, Digits, PinOutcome};

/// Something, until it counts no more.
#[derive(Debug)]
struct Held<T> {
    what: T,
    until: Option<Instant>,
}

impl<T> Held<T> {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now > until)
    }
}

#[derive(Debug)]
struct Waiting {
    basis: Basis,
    kind: FactorKind,
    given: Factors,
}

/// A PIN that is being checked.
#[derive(Debug)]
struct Checking {
    ticket: u64,
    person: PersonId,
    /// The answer completes nothing; a wrong PIN still counts as one, and duress as duress.
    is_void: bool,
}

/// The machine of one door.
#[derive(Debug)]
pub(crate) struct SecondFactor {
    /// How long what comes first waits for what comes next.
    within: Duration,
    /// Whether a card alone counts while the camera is lost.
    card_alone: bool,
    camera_is_lost: bool,
    tickets: u64,
    typing: Option<Held<Digits>>,
    /// A PIN before its face.
    entered: Option<Held<Digits>>,
    /// A card before its face.
    shown: Option<Held<(Card, PersonId)>>,
    waiting: Option<Held<Waiting>>,
    looking: Option<Held<(u64, Card)>>,
    checking: Option<Checking>,
}

impl SecondFactor {
    pub(super) fn new(within: Duration, card_alone: bool) -> Self {
        Self {
            within,
            card_alone,
            camera_is_lost: false,
            tickets: 0,
            typing: None,
            entered: None,
            shown: None,
            waiting: None,
            looking: None,
            checking: None,
        }
    }

    /// What is waited for already keeps its time.
    pub(super) fn set(&mut self, within: Duration, card_alone: bool) {
        self.within = within;
        self.card_alone = card_alone;
    }

    /// Whom a factor is awaited of.
    pub(super) fn awaited(&self) -> Option<&Basis> {
        self.waiting.as_ref().map(|held| &held.what.basis)
    }

    #[cfg(test)]
    pub(super) fn digits(&self) -> usize {
        let held = [&self.typing, &self.entered].into_iter().flatten();
        held.map(|held| held.what.len()).sum()
    }

    /// Takes one input at the time `now` and gives what follows.
    pub(super) fn step(&mut self, now: Instant, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.expire(now, &mut effects);
        match input {
            Input::Key(key) => self.key(now, key, &mut effects),
            Input::Card(card) => {
                if self.looking.is_none() {
                    let ticket = self.ticket();
                    self.looking = Some(self.hold(now, (ticket, card)));
                    effects.push(Effect::LookUp { ticket, card });
                }
            }
            Input::Found { ticket, owner } => self.found(now, ticket, owner, &mut effects),
            Input::Checked { ticket, outcome } => {
                self.checked(now, ticket, outcome, &mut effects);
            }
            Input::Claimed(person) => {
                self.shown = None;
                // Somebody forced may have typed the duress PIN although none was needed.
                if let Some(entered) = self.entered.take() {
                    self.check(person, entered.what, true, &mut effects);
                }
            }
            Input::Needed {
                basis,
                kind,
                within,
            } => self.needed(now, basis, kind, within, &mut effects),
            Input::Tick => {}
            Input::CameraLost => {
                self.camera_is_lost = true;
                self.forget();
            }
            Input::CameraBack => {
                // What a card alone was worth it is worth no more.
                if std::mem::take(&mut self.camera_is_lost) {
                    self.forget();
                }
            }
            Input::Void => self.forget(),
        }
        effects
    }

    fn hold<T>(&self, now: Instant, what: T) -> Held<T> {
        let until = now.checked_add(self.within);
        Held { what, until }
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    fn forget(&mut self) {
        self.typing = None;
        self.entered = None;
        self.shown = None;
        self.waiting = None;
        self.looking = None;
        if let Some(checking) = &mut self.checking {
            checking.is_void = true;
        }
    }

    fn expire(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.typing.take_if(|held| held.is_over(now));
        self.entered.take_if(|held| held.is_over(now));
        self.looking.take_if(|held| held.is_over(now));
        if let Some(held) = self.shown.take_if(|held| held.is_over(now)) {
            let (card, person) = held.what;
            effects.push(refusal(
                DenialReason::CardAlone,
                Some(person),
                Some(card),
                None,
            ));
        }
        if let Some(held) = self.waiting.take_if(|held| held.is_over(now)) {
            self.typing = None;
            if let Some(checking) = &mut self.checking {
                checking.is_void = true;
            }
            let (basis, kind) = (held.what.basis, held.what.kind);
            let (person, face) = (Some(basis.person()), basis.face().copied());
            let reason = DenialReason::FactorNeeded(kind);
            effects.push(refusal(reason, person, None, face));
        }
    }

    fn key(&mut self, now: Instant, key: Key, effects: &mut Vec<Effect>) {
        match key {
            Key::Digit(digit) => {
                let new = self.hold(now, Digits::new());
                self.typing.get_or_insert(new).what.push(digit);
            }
            Key::Clear => {
                self.typing = None;
                self.entered = None;
            }
            Key::Enter => {
                let Some(typed) = self.typing.take() else {
                    return;
                };
                match &self.waiting {
                    Some(held) if held.what.kind.takes_pin() => {
                        let person = held.what.basis.person();
                        self.check(person, typed.what, false, effects);
                    }
                    Some(_) => {}
                    None => self.entered = Some(self.hold(now, typed.what)),
                }
            }
        }
    }

    /// One at a time: what is typed while one is checked is dropped.
    fn check(
        &mut self,
        person: PersonId,
        digits: Digits,
        is_void: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.checking.is_some() {
            return;
        }
        let ticket = self.ticket();
        self.checking = Some(Checking {
            ticket,
            person,
            is_void,
        });
        effects.push(Effect::CheckPin {
            ticket,
            person,
            digits,
        });
    }

    fn found(
        &mut self,
        now: Instant,
        ticket: u64,
        owner: Option<(PersonId, bool)>,
        effects: &mut Vec<Effect>,
    ) {
        let asked = self.looking.take_if(|held| held.what.0 == ticket);
        let Some((_, card)) = asked.map(|held| held.what) else {
            return;
        };
        let (person, reason) = match owner {
            None => (None, Some(DenialReason::CardUnknown)),
            Some((person, true)) => (Some(person), Some(DenialReason::CardLost)),
            Some((person, false)) => (Some(person), None),
        };
        if let Some(reason) = reason {
            return effects.push(refusal(reason, person, Some(card), None));
        }
        let Some(person) = person else { return };
        if self.waiting.is_some() {
            return self.meet(now, card, person, effects);
        }
        if !self.camera_is_lost {
            self.shown = Some(self.hold(now, (card, person)));
            return;
        }
        if !self.card_alone {
            let reason = DenialReason::CardAlone;
            return effects.push(refusal(reason, Some(person), Some(card), None));
        }
        effects.push(accepted(Factor::Card, person, Some(card)));
        effects.push(Effect::Complete {
            basis: Basis::Card(CardClaim {
                person,
                card,
                made_at: now,
            }),
            factors: Factors {
                card: true,
                ..Factors::default()
            },
        });
    }

    /// A card for whoever is waited for.
    fn meet(&mut self, now: Instant, card: Card, person: PersonId, effects: &mut Vec<Effect>) {
        let Some(held) = &mut self.waiting else {
            return;
        };
        let basis = held.what.basis;
        if basis.person() != person {
            self.forget();
            let face = basis.face().copied();
            let reason = DenialReason::FactorOfAnother;
            return effects.push(refusal(reason, Some(basis.person()), Some(card), face));
        }
        if std::mem::replace(&mut held.what.given.card, true) {
            return;
        }
        effects.push(accepted(Factor::Card, person, Some(card)));
        self.complete(now, effects);
    }

    fn needed(
        &mut self,
        now: Instant,
        basis: Basis,
        kind: FactorKind,
        within: Duration,
        effects: &mut Vec<Effect>,
    ) {
        match &mut self.waiting {
            // Seen again: the newest frames count, the time goes on.
            Some(held) if held.what.basis.person() == basis.person() => {
                if held.what.basis.face().is_some() == basis.face().is_some() {
                    held.what.basis = basis;
                }
                return;
            }
            Some(_) => return,
            None => {}
        }
        let given = Factors {
            card: basis.face().is_none(),
            ..Factors::default()
        };
        self.waiting = Some(Held {
            what: Waiting { basis, kind, given },
            until: now.checked_add(within),
        });
        if let Some(shown) = self.shown.take() {
            let (card, person) = shown.what;
            self.meet(now, card, person, effects);
        }
        let takes_pin = |held: &Held<Waiting>| held.what.kind.takes_pin();
        if self.waiting.as_ref().is_some_and(takes_pin)
            && let Some(entered) = self.entered.take()
        {
            self.check(basis.person(), entered.what, false, effects);
        }
    }

    fn checked(
        &mut self,
        now: Instant,
        ticket: u64,
        outcome: Option<PinOutcome>,
        effects: &mut Vec<Effect>,
    ) {
        let asked = self.checking.take_if(|checking| checking.ticket == ticket);
        let (Some(asked), Some(outcome)) = (asked, outcome) else {
            return;
        };
        let person = asked.person;
        if outcome == PinOutcome::Wrong {
            return effects.push(refusal(DenialReason::WrongPin, Some(person), None, None));
        }
        effects.push(accepted(Factor::Pin, person, None));
        if outcome == PinOutcome::Duress {
            effects.push(Effect::Duress { person });
        }
        if asked.is_void {
            return;
        }
        match &mut self.waiting {
            Some(held) if held.what.basis.person() == person => held.what.given.pin = true,
            _ => return,
        }
        self.complete(now, effects);
    }

    fn complete(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let met = |held: &mut Held<Waiting>| held.what.kind.is_met_by(held.what.given);
        if let Some(Held { what, .. }) = self.waiting.take_if(met) {
            self.forget();
            effects.push(Effect::Complete {
                basis: what.basis.renewed(now),
                factors: what.given,
            });
        }
    }
}

fn accepted(factor: Factor, person: PersonId, card: Option<Card>) -> Effect {
    Effect::Accepted {
        factor,
        person,
        card,
    }
}

fn refusal(
    reason: DenialReason,
    person: Option<PersonId>,
    card: Option<Card>,
    ended: Option<Claim>,
) -> Effect {
    Effect::Refuse {
        reason,
        person,
        card,
        ended,
    }
}
