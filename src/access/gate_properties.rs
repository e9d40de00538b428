//! What holds of second factors and lockouts over any sequence of inputs, times and failures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;
use crate::config;
use crate::whitelist::{Card, CardFormat, PinOutcome};

const WITHIN_MS: u64 = 10_000;
const PEOPLE: i64 = 3;

fn pin(person: PersonId) -> String {
    ["4711", "8042", "5930"][person.0 as usize].into()
}

fn duress(person: PersonId) -> String {
    ["4712", "8043", "5931"][person.0 as usize].into()
}

/// Card n is person n's; more are nobody's.
fn card(number: u64) -> Card {
    Card::new(CardFormat::new("w26").unwrap(), Some(1), number).unwrap()
}

#[derive(Debug, Clone)]
enum Act {
    Wait(u64),
    Digit(u8),
    Enter,
    Clear,
    /// All digits and Enter: this person's PIN.
    Pin(i64, bool),
    Card(u64),
    Face(i64),
    /// The check that runs comes to its end.
    Check,
    /// It cannot.
    CheckFails,
    Strangers(u64),
    CameraLost,
    CameraBack,
    Void(bool),
    Restart,
    Reboot,
    Demand(Option<FactorKind>),
}

fn act() -> impl Strategy<Value = Act> {
    let kinds = [
        None,
        Some(FactorKind::Pin),
        Some(FactorKind::Card),
        Some(FactorKind::Any),
    ];
    prop_oneof![
        6 => prop_oneof![0..500u64, 0..12_000u64].prop_map(Act::Wait),
        2 => (0..10u8).prop_map(Act::Digit),
        1 => Just(Act::Enter),
        1 => Just(Act::Clear),
        5 => (0..PEOPLE, any::<bool>()).prop_map(|(p, duress)| Act::Pin(p, duress)),
        4 => (0..5u64).prop_map(Act::Card),
        6 => (0..PEOPLE).prop_map(Act::Face),
        5 => Just(Act::Check),
        1 => Just(Act::CheckFails),
        1 => (1..4u64).prop_map(Act::Strangers),
        1 => Just(Act::CameraLost),
        1 => Just(Act::CameraBack),
        1 => any::<bool>().prop_map(Act::Void),
        1 => Just(Act::Restart),
        1 => Just(Act::Reboot),
        1 => prop::sample::select(kinds.to_vec()).prop_map(Act::Demand),
    ]
}

fn settings() -> impl Strategy<Value = GateSettings> {
    (any::<bool>(), any::<bool>(), 0..4u32).prop_map(|(card_alone, factor_passes, faces)| {
        let lockout = config::Lockout {
            faces,
            factors: 4,
            person: 3,
            period_s: 60,
            pause_s: 5,
            max_pause_s: 20,
            factor_passes,
        };
        let settings = GateSettings::new(&config::Factors::default(), &lockout);
        GateSettings {
            within: Duration::from_millis(WITHIN_MS),
            demand: Some(FactorKind::Any),
            card_alone,
            ..settings
        }
    })
}

/// The world around the gate, which knows what is true.
struct World {
    gate: Gate,
    settings: GateSettings,
    start: Instant,
    at_ms: u64,
    uptime_ms: u64,
    boot: u32,
    kept: BTreeMap<Subject, String>,
    camera_is_lost: bool,
    camera_changed_ms: u64,
    voided_ms: u64,
    /// When a person's face was last claimed for a factor, and with which of them.
    claimed_ms: BTreeMap<PersonId, u64>,
    /// When a key was pressed last.
    key_ms: Option<u64>,
    /// Ticket, for whom, what is true, when it was asked.
    checking: Option<(u64, PersonId, PinOutcome, u64)>,
    /// When a right PIN that was asked for then was told.
    right: BTreeMap<PersonId, (u64, u64)>,
    shown_ms: BTreeMap<PersonId, u64>,
    /// Pauses: until which uptime, in this boot.
    pauses: BTreeMap<Subject, (u64, u64)>,
    checks_ms: Vec<u64>,
    completed: u32,
}

impl World {
    fn new(settings: GateSettings) -> Self {
        Self {
            gate: Gate::new(settings.clone(), Some("0".into()), 1000, []),
            settings,
            start: Instant::now(),
            at_ms: 0,
            uptime_ms: 1000,
            boot: 0,
            kept: BTreeMap::new(),
            camera_is_lost: false,
            camera_changed_ms: 0,
            voided_ms: 0,
            claimed_ms: BTreeMap::new(),
            key_ms: None,
            checking: None,
            right: BTreeMap::new(),
            shown_ms: BTreeMap::new(),
            pauses: BTreeMap::new(),
            checks_ms: Vec::new(),
            completed: 0,
        }
    }

    fn step(&mut self, input: GateInput) {
        let now = Clocks {
            at: self.start + Duration::from_millis(self.at_ms),
            uptime_ms: self.uptime_ms,
        };
        for effect in self.gate.step(now, input) {
            self.perform(effect);
        }
        assert!(self.gate.digits() <= 24, "digits are bounded");
        if self
            .key_ms
            .is_none_or(|key| self.at_ms > key + 2 * WITHIN_MS)
        {
            assert_eq!(self.gate.digits(), 0, "digits are forgotten");
        }
        let locked = |subject: &Subject| self.pauses.contains_key(subject);
        let either = locked(&Subject::Faces) || locked(&Subject::Factors);
        assert_eq!(self.gate.is_locked_out(), either);
    }

    fn perform(&mut self, effect: GateEffect) {
        match effect {
            GateEffect::CheckPin {
                ticket,
                person,
                digits,
            } => {
                assert!(self.checking.is_none(), "one at a time");
                let locked = self.pauses.contains_key(&Subject::Person(person));
                assert!(!locked, "no PIN is checked for somebody who is locked out");
                let outcome = match digits.text() {
                    text if text == pin(person) => PinOutcome::Right,
                    text if text == duress(person) => PinOutcome::Duress,
                    _ => PinOutcome::Wrong,
                };
                self.checking = Some((ticket, person, outcome, self.at_ms));
            }
            GateEffect::LookUp { ticket, card } => {
                let person = i64::try_from(card.number()).unwrap();
                let known = person < PEOPLE;
                if known {
                    self.shown_ms.insert(PersonId(person), self.at_ms);
                }
                let owner = known.then_some((PersonId(person), false));
                self.step(GateInput::Found { ticket, owner });
            }
            GateEffect::Complete { basis, factors } => self.complete(&basis, factors),
            GateEffect::Keep { subject, state } => {
                match state {
                    Some(state) => self.kept.insert(subject, state),
                    None => self.kept.remove(&subject),
                };
            }
            GateEffect::Began { subject, pause_ms } => {
                let until = self.uptime_ms + pause_ms;
                let before = self.pauses.insert(subject, (until, pause_ms));
                assert!(before.is_none(), "a pause in a pause");
            }
            GateEffect::Ended { subject } => {
                let (until, _) = self.pauses.remove(&subject).unwrap();
                assert!(self.uptime_ms >= until, "a pause was shortened");
            }
            GateEffect::Refuse { reason, .. } => {
                if reason == DenialReason::WrongPin {
                    self.checks_ms.push(self.at_ms);
                }
            }
            GateEffect::Accepted { .. } | GateEffect::Duress { .. } => {}
        }
    }

    fn complete(&mut self, basis: &Basis, factors: Factors) {
        self.completed += 1;
        let (person, now) = (basis.person(), self.at_ms);
        let since = now.saturating_sub(WITHIN_MS);
        assert!(!self.pauses.contains_key(&Subject::Person(person)));
        let passes = self.settings.factor_passes && basis.face().is_some();
        assert!(passes || !self.pauses.contains_key(&Subject::Factors));
        assert!(factors.pin || factors.card, "nothing was given");
        if factors.pin {
            let (asked, told) = self.right[&person];
            assert!(asked >= since && told == now, "no PIN of theirs in time");
            assert!(asked >= self.voided_ms, "what was given before counts");
        }
        if factors.card {
            let shown = self.shown_ms[&person];
            assert!(now - shown <= 2 * WITHIN_MS, "no card of theirs in time");
            assert!(shown >= self.voided_ms);
        }
        match basis {
            Basis::Face(claim) => {
                let claimed = self.claimed_ms[&person];
                assert!(claimed >= since, "no face of theirs in time");
                assert!(claimed >= self.camera_changed_ms && !self.camera_is_lost);
                assert_eq!(claim.made_at, self.start + Duration::from_millis(now));
            }
            Basis::Card(claim) => {
                assert!(self.camera_is_lost && self.settings.card_alone);
                assert_eq!(claim.card, card(person.0 as u64));
                if self.settings.demand == Some(FactorKind::Pin) {
                    assert!(factors.pin, "a card alone is not enough here");
                }
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Wait(ms) => {
                self.at_ms += ms;
                self.uptime_ms += ms;
                self.step(GateInput::Tick);
            }
            Act::Digit(digit) => self.key(Key::Digit(digit)),
            Act::Enter => self.key(Key::Enter),
            Act::Clear => self.key(Key::Clear),
            Act::Pin(person, is_duress) => {
                let person = PersonId(person);
                let text = if is_duress {
                    duress(person)
                } else {
                    pin(person)
                };
                for digit in text.bytes() {
                    self.key(Key::Digit(digit - b'0'));
                }
                self.key(Key::Enter);
            }
            Act::Card(number) => self.step(GateInput::Card(card(number))),
            Act::Face(person) => self.face(PersonId(person)),
            Act::Check | Act::CheckFails => {
                let Some((ticket, person, outcome, asked)) = self.checking.take() else {
                    return;
                };
                let fails = matches!(act, Act::CheckFails);
                if !fails && outcome != PinOutcome::Wrong {
                    self.right.insert(person, (asked, self.at_ms));
                }
                let outcome = (!fails).then_some(outcome);
                self.step(GateInput::Checked { ticket, outcome });
            }
            Act::Strangers(faces) => self.step(GateInput::FacesRefused(faces)),
            Act::CameraLost | Act::CameraBack => {
                let is_lost = matches!(act, Act::CameraLost);
                if self.camera_is_lost != is_lost {
                    (self.camera_is_lost, self.camera_changed_ms) = (is_lost, self.at_ms);
                }
                self.step(match is_lost {
                    true => GateInput::CameraLost,
                    false => GateInput::CameraBack,
                });
            }
            Act::Void(panel) => {
                self.voided_ms = self.at_ms;
                self.step(match panel {
                    true => GateInput::PanelLost,
                    false => GateInput::WhitelistChanged,
                });
                // So that what follows in the same moment is told from what was before.
                self.act(Act::Wait(1));
                self.voided_ms = self.at_ms;
            }
            Act::Restart | Act::Reboot => {
                if matches!(act, Act::Reboot) {
                    self.boot += 1;
                    self.uptime_ms = 1000;
                    for (until, length) in self.pauses.values_mut() {
                        *until = 1000 + *length;
                    }
                }
                let kept: Vec<_> = self.kept.clone().into_iter().collect();
                let boot = Some(self.boot.to_string());
                self.gate = Gate::new(self.settings.clone(), boot, self.uptime_ms, kept);
                for effect in self.gate.all_kept() {
                    self.perform(effect);
                }
                (self.checking, self.key_ms) = (None, None);
                (self.camera_is_lost, self.camera_changed_ms) = (false, self.at_ms);
                self.claimed_ms.clear();
                self.shown_ms.clear();
            }
            Act::Demand(demand) => {
                if std::mem::replace(&mut self.settings.demand, demand) != demand {
                    self.claimed_ms.clear();
                }
                self.step(GateInput::Settings(self.settings.clone()));
            }
        }
    }

    fn key(&mut self, key: Key) {
        self.key_ms = Some(self.at_ms);
        self.step(GateInput::Key(key));
    }

    /// As the rules of access would have it.
    fn face(&mut self, person: PersonId) {
        if self.camera_is_lost {
            return;
        }
        match self.gate.terms() {
            Terms::LockedOut => assert!(self.pauses.contains_key(&Subject::Faces)),
            Terms::Face => {
                assert!(!self.pauses.contains_key(&Subject::Faces));
                self.step(GateInput::Claimed(person));
            }
            Terms::Factor(kind) => {
                // Seen again, the time goes on as it was; the world takes the longest.
                self.claimed_ms.insert(person, self.at_ms);
                self.step(GateInput::Needed {
                    basis: Basis::Face(Claim {
                        person,
                        track: 7,
                        score: Score::new(0.9),
                        threshold: Score::new(0.7),
                        frames: 3,
                        made_at: self.start + Duration::from_millis(self.at_ms),
                    }),
                    kind,
                    within: self.settings.within,
                });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Nothing is complete without a factor verified for the same person in time, a PIN for one
    /// never completes another, pauses hold, digits and checks are bounded.
    #[test]
    fn nothing_completes_without_a_factor_of_the_same_person_in_time(
        settings in settings(),
        acts in prop::collection::vec(act(), 1..150),
    ) {
        let mut world = World::new(settings);
        for act in acts {
            world.act(act);
        }
        // Wrong PINs that were checked: any five in a row have a pause between them, or take
        // longer than the period. One more may be on its way when a pause begins.
        for run in world.checks_ms.windows(6) {
            prop_assert!(run[5] - run[0] >= 5_000, "six in {} ms", run[5] - run[0]);
        }
    }
}

/// The generator gets there at all.
#[test]
fn the_sequences_complete_now_and_then() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut faces, sequences) = (0, (settings(), prop::collection::vec(act(), 100..150)));
    for _ in 0..200 {
        let (settings, acts) = sequences.new_tree(&mut runner).unwrap().current();
        let mut world = World::new(settings);
        acts.into_iter().for_each(|act| world.act(act));
        faces += world.completed;
    }
    assert!(faces > 200, "{faces} in 200 sequences");
}
