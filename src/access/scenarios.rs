//! `tests/scenarios/factors.txt`: what an installer can read, played to the gate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::lockout::Limits;
use super::*;
use crate::config;
use crate::whitelist::{Card, CardFormat, PinOutcome};

const FILE: &str = include_str!("../../tests/scenarios/factors.txt");

/// Number, name, PIN, duress PIN.
const PEOPLE: [(i64, &str, &str, &str); 3] = [
    (1, "ada", "4711", "4712"),
    (2, "zoe", "8042", ""),
    (3, "bob", "", ""),
];
/// Number of the card, whose it is, whether it is lost.
const CARDS: [(u64, i64, bool); 4] = [(1, 1, false), (2, 2, false), (3, 3, false), (9, 1, true)];

fn name(person: PersonId) -> &'static str {
    PEOPLE.iter().find(|p| p.0 == person.0).unwrap().1
}

fn card(number: u64) -> Card {
    Card::new(CardFormat::new("w26").unwrap(), Some(1), number).unwrap()
}

struct Play {
    gate: Gate,
    settings: GateSettings,
    kept: BTreeMap<Subject, String>,
    start: Instant,
    /// Of the scenario, in milliseconds.
    at_ms: u64,
    /// What the uptime is ahead of that.
    ahead_ms: i64,
    boot: u32,
    camera_is_lost: bool,
    /// Whether PINs are checked at once.
    slow: Option<(u64, PinOutcome)>,
    is_slow: bool,
    awaited: Option<PersonId>,
    said: Vec<String>,
}

impl Play {
    fn new(settings: &str) -> Self {
        let settings = configured(
            GateSettings::new(&config::Factors::default(), &config::Lockout::default()),
            settings,
        );
        Self {
            gate: Gate::new(settings.clone(), Some("0".into()), 0, []),
            settings,
            kept: BTreeMap::new(),
            start: Instant::now(),
            at_ms: 0,
            ahead_ms: 0,
            boot: 0,
            camera_is_lost: false,
            slow: None,
            is_slow: false,
            awaited: None,
            said: Vec::new(),
        }
    }

    fn now(&self) -> Clocks {
        Clocks {
            at: self.start + Duration::from_millis(self.at_ms),
            uptime_ms: self.at_ms.checked_add_signed(self.ahead_ms).unwrap(),
        }
    }

    fn step(&mut self, input: GateInput) {
        let effects = self.gate.step(self.now(), input);
        for effect in effects {
            self.perform(effect);
        }
        let awaited = self.gate.awaited();
        if awaited != self.awaited
            && let Some(person) = awaited
        {
            self.said.push(format!("awaiting {}", name(person)));
        }
        self.awaited = awaited;
    }

    fn perform(&mut self, effect: GateEffect) {
        let of = |person: &Option<PersonId>| person.map_or("", name);
        let said = match &effect {
            GateEffect::CheckPin {
                ticket,
                person,
                digits,
            } => {
                let (.., pin, duress) = PEOPLE.iter().find(|p| p.0 == person.0).unwrap();
                let outcome = match digits.text() {
                    typed if typed == *pin => PinOutcome::Right,
                    typed if typed == *duress => PinOutcome::Duress,
                    _ => PinOutcome::Wrong,
                };
                let ticket = *ticket;
                if self.is_slow {
                    self.slow = Some((ticket, outcome));
                } else {
                    let outcome = Some(outcome);
                    self.step(GateInput::Checked { ticket, outcome });
                }
                return;
            }
            GateEffect::LookUp { ticket, card } => {
                let found = CARDS.iter().find(|(number, ..)| *number == card.number());
                let owner = found.map(|(_, person, lost)| (PersonId(*person), *lost));
                let ticket = *ticket;
                return self.step(GateInput::Found { ticket, owner });
            }
            GateEffect::Keep { subject, state } => {
                match state {
                    Some(state) => self.kept.insert(*subject, state.clone()),
                    None => self.kept.remove(subject),
                };
                return;
            }
            GateEffect::Accepted { factor, person, .. } => {
                let factor = match factor {
                    Factor::Pin => "pin",
                    Factor::Card => "card",
                };
                format!("accepted {factor} of {}", name(*person))
            }
            GateEffect::Complete { basis, factors } => {
                let given = [
                    (basis.face().is_some(), "face"),
                    (factors.card, "card"),
                    (factors.pin, "pin"),
                ];
                let given: Vec<&str> = given.iter().filter(|g| g.0).map(|g| g.1).collect();
                format!("granted {} by {}", name(basis.person()), given.join("+"))
            }
            GateEffect::Refuse { reason, person, .. } => {
                let reason = match reason {
                    DenialReason::FactorNeeded(_) => "factor_needed",
                    DenialReason::WrongPin => "wrong_pin",
                    DenialReason::LockedOut => "locked_out",
                    DenialReason::CardUnknown => "card_unknown",
                    DenialReason::CardLost => "card_lost",
                    DenialReason::CardAlone => "card_alone",
                    DenialReason::FactorOfAnother => "factor_of_another",
                    _ => "another reason",
                };
                format!("refused {reason} {}", of(person)).trim().to_owned()
            }
            GateEffect::Duress { person } => format!("duress {}", name(*person)),
            GateEffect::Began { subject, pause_ms } => {
                format!("lockout of {} for {}", told(*subject), pause_ms / 1000)
            }
            GateEffect::Ended { subject } => format!("lockout of {} over", told(*subject)),
        };
        self.said.push(said);
    }

    /// A second at a time, so that what is due comes when it is.
    fn until(&mut self, at_ms: u64) {
        assert!(at_ms >= self.at_ms, "time goes on");
        while self.at_ms < at_ms {
            self.at_ms = at_ms.min(self.at_ms + 1000);
            self.step(GateInput::Tick);
        }
    }

    fn face(&mut self, who: &str) {
        let person = PersonId(PEOPLE.iter().find(|p| p.1 == who).unwrap().0);
        let claim = Claim {
            person,
            track: person.0 as u64,
            score: Score::new(0.9),
            threshold: Score::new(0.7),
            frames: 3,
            made_at: self.now().at,
        };
        if self.camera_is_lost {
            return;
        }
        match self.gate.terms() {
            Terms::Face => {
                self.said.push(format!("granted {who} by face"));
                self.step(GateInput::Claimed(person));
            }
            Terms::Factor(kind) => self.step(GateInput::Needed {
                basis: Basis::Face(claim),
                kind,
                within: self.settings.within,
            }),
            Terms::LockedOut => self.said.push(format!("refused locked_out {who}")),
        }
    }

    fn keys(&mut self, keys: &str) {
        for digit in keys.bytes() {
            self.step(GateInput::Key(Key::Digit(digit - b'0')));
        }
    }

    fn resume(&mut self) {
        let kept: Vec<_> = self.kept.clone().into_iter().collect();
        let boot = Some(self.boot.to_string());
        let uptime_ms = self.now().uptime_ms;
        self.gate = Gate::new(self.settings.clone(), boot, uptime_ms, kept);
        for effect in self.gate.all_kept() {
            self.perform(effect);
        }
        self.awaited = None;
    }

    fn happens(&mut self, what: &str) {
        let mut words = what.split_whitespace();
        let verb = words.next().unwrap();
        let rest: Vec<&str> = words.collect();
        match (verb, &rest[..]) {
            ("face", [who]) => self.face(who),
            ("keys", [keys]) => self.keys(keys),
            ("pin", [keys]) => {
                self.keys(keys);
                self.step(GateInput::Key(Key::Enter));
            }
            ("clear", []) => self.step(GateInput::Key(Key::Clear)),
            ("enter", []) => self.step(GateInput::Key(Key::Enter)),
            ("card", [number]) => self.step(GateInput::Card(card(number.parse().unwrap()))),
            ("strangers", [many]) => {
                self.step(GateInput::FacesRefused(many.parse().unwrap()));
            }
            ("camera", ["lost"]) => {
                self.camera_is_lost = true;
                self.step(GateInput::CameraLost);
            }
            ("camera", ["back"]) => {
                self.camera_is_lost = false;
                self.step(GateInput::CameraBack);
            }
            ("panel", ["lost"]) => self.step(GateInput::PanelLost),
            ("whitelist", ["changed"]) => self.step(GateInput::WhitelistChanged),
            ("slow", ["checking"]) => self.is_slow = true,
            ("checked", []) => {
                let (ticket, outcome) = self.slow.take().unwrap();
                let outcome = Some(outcome);
                self.step(GateInput::Checked { ticket, outcome });
            }
            ("restart", []) => self.resume(),
            ("reboot", []) => {
                self.boot += 1;
                self.ahead_ms = -(self.at_ms as i64) + 5000;
                self.resume();
            }
            ("reload", settings) => {
                self.settings = configured(self.settings.clone(), &settings.join(" "));
                self.step(GateInput::Settings(self.settings.clone()));
            }
            ("wait", []) => {}
            _ => panic!("what is {what}?"),
        }
    }
}

fn told(subject: Subject) -> String {
    match subject {
        Subject::Faces => "faces".into(),
        Subject::Factors => "factors".into(),
        Subject::Person(person) => name(person).into(),
        Subject::Challenges(person) => format!("challenges of {}", name(person)),
    }
}

fn configured(mut settings: GateSettings, words: &str) -> GateSettings {
    let each = |settings: &mut GateSettings, change: &dyn Fn(&mut Limits)| {
        change(&mut settings.faces);
        change(&mut settings.factors);
        change(&mut settings.person);
    };
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap();
        let number = || value.parse::<u64>().unwrap();
        match key {
            "demand" => {
                settings.demand = match value {
                    "never" => None,
                    "pin" => Some(FactorKind::Pin),
                    "card" => Some(FactorKind::Card),
                    "any" => Some(FactorKind::Any),
                    other => panic!("demand={other}"),
                };
            }
            "within" => settings.within = Duration::from_secs(number()),
            "card_alone" => settings.card_alone = value == "camera_lost",
            "faces" => settings.faces.tries = number() as u32,
            "factors" => settings.factors.tries = number() as u32,
            "person" => settings.person.tries = number() as u32,
            "period" => each(&mut settings, &|l| l.period_ms = number() * 1000),
            "pause" => each(&mut settings, &|l| l.first_pause_ms = number() * 1000),
            "max_pause" => each(&mut settings, &|l| l.longest_pause_ms = number() * 1000),
            "factor_passes" => settings.factor_passes = value == "true",
            other => panic!("what is {other}?"),
        }
    }
    settings
}

#[test]
fn factors_and_lockouts_do_what_the_table_says() {
    let (mut scenarios, mut lines, mut wrong) = (0, 0, Vec::new());
    let mut play: Option<(String, Play)> = None;
    for (number, line) in (1..).zip(FILE.lines()) {
        let line = line.split('#').next().unwrap().trim_end();
        if line.is_empty() {
            continue;
        }
        if let Some(title) = line.strip_prefix("scenario: ") {
            scenarios += 1;
            play = Some((title.to_owned(), Play::new("")));
            continue;
        }
        let (title, play) = play.as_mut().unwrap();
        if let Some(settings) = line.trim().strip_prefix("with ") {
            *play = Play::new(settings);
            continue;
        }
        lines += 1;
        let (left, right) = line.split_once("->").unwrap();
        let (at, what) = left.trim().split_once(' ').unwrap();
        play.until((at.parse::<f64>().unwrap() * 1000.0).round() as u64);
        play.happens(what.trim());
        let said = std::mem::take(&mut play.said).join(", ");
        let expected = right.trim();
        if said != expected && !(said.is_empty() && expected == "nothing") {
            wrong.push(format!(
                "{number} ({title}): {left} -> {said}\n   not {expected}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        scenarios >= 25 && lines >= 100,
        "{scenarios} scenarios, {lines} lines"
    );
}
